"""Heartbeats: what a node signs to say that it is alive, and how a reporter says on-chain whom it saw.

The message is that of OpenGradient's gateways: RSA-PSS-SHA256 over the 32 bytes keccak256(node . uint256(timestamp)).
``contracts/Heartbeats.sol`` goes by the same rules: rounds of a fixed length, counted from unix second 0; one bit for
each node, by its place in the registry, 256 to a word.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .errors import InvalidField
from .receipt import keccak
from .signing import node_of, scheme_of, verify_hash

WORD: Final = 256
"""Nodes of one word of a report."""

KEPT_ROUNDS: Final = 216
"""Rounds that the contract keeps of what a reporter said of a word."""

_MAX_TIMESTAMP: Final = 2**256 - 1


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A node's word that it was alive at ``timestamp`` (unix seconds). ``node``: 32 bytes; the rest as it travels."""

    node: bytes
    timestamp: int
    public_key: bytes
    signature: bytes


def heartbeat_digest(node: bytes, timestamp: int) -> bytes:
    """The 32 bytes that a node signs: keccak256(node . uint256(timestamp)).

    Raises:
        InvalidField: ``node`` is not 32 bytes, or ``timestamp`` no uint256.
    """
    if len(node) != 32:
        raise InvalidField("node", f"must be 32 bytes, not {len(node)}")
    if not 0 <= timestamp <= _MAX_TIMESTAMP:
        raise InvalidField("timestamp", "must be a uint256")
    return keccak(node + timestamp.to_bytes(32))


def verify_heartbeat(heartbeat: Heartbeat) -> bool:
    """Whether the signature is the node's, as the contract would decide when it is challenged.

    Raises:
        InvalidField: the key is of no known form or another node's, so that nothing is known of the signature; or as
            :func:`heartbeat_digest`.
    """
    digest = heartbeat_digest(heartbeat.node, heartbeat.timestamp)
    if scheme_of(heartbeat.public_key) is None:
        raise InvalidField("publicKey", "is of no known signature scheme")
    if node_of(heartbeat.public_key) != heartbeat.node:
        raise InvalidField("publicKey", "does not hash to the node")
    return verify_hash(heartbeat.public_key, digest, heartbeat.signature)


def round_of(timestamp: int, round_length: int) -> int:
    """The round of a unix second: round r is [r * round_length, (r + 1) * round_length)."""
    return timestamp // round_length


def round_span(number: int, round_length: int) -> tuple[int, int]:
    """The first and the last unix second of a round."""
    return number * round_length, (number + 1) * round_length - 1


def reportable_rounds(now: int, round_length: int) -> tuple[int, ...]:
    """The rounds that can be reported at ``now``, the older first: the present one and the one before."""
    present = round_of(now, round_length)
    return (present - 1, present) if present else (present,)


def challengeable_until(number: int, round_length: int, challenge_window: int) -> int:
    """The last unix second in which a bit can be challenged: keep its signature until an answer period after that."""
    return (number + 2) * round_length - 1 + challenge_window


def bitmaps(indices: Iterable[int]) -> dict[int, int]:
    """The words of a report, by their number: bit i of word w is the node at place 256 w + i of the registry.

    Raises:
        InvalidField: a place is negative.
    """
    words: dict[int, int] = {}
    for index in indices:
        if index < 0:
            raise InvalidField("index", f"must be 0 or more, not {index}")
        word, bit = divmod(index, WORD)
        words[word] = words.get(word, 0) | 1 << bit
    return words


def indices_of(word: int, bitmap: int) -> tuple[int, ...]:
    """The places in the registry that a reported word says were seen, ascending."""
    return tuple(WORD * word + bit for bit in range(WORD) if bitmap >> bit & 1)
