"""Whether a node left events out of an answer: its blocks' own blooms say what may be in them (Yellow Paper, 4.3.1).

A bloom never denies what is in its block, and now and then affirms what is not. So where it speaks of an event of ours
that the node did not name, the block is looked at once more by its hash, which nodes answer from the block itself and
not from an index: by another node where there is one, else that and the block's receipts. What is found there was left
out, and nothing is taken in. What is not, is not there.

It costs a header a block, so it is done near the head alone. A bloom that is half full affirms nearly anything: the
second look is what there is then. Some chains leave their blooms empty: those say nothing at all.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from afterproof.errors import ChainUnavailable
from afterproof.protocol.receipt import keccak

from .abi import interface
from .endpoint import Endpoint
from .errors import NodeError, Unreachable
from .rpc import Rpc, data

log = logging.getLogger(__name__)

NEAR: Final = 64
"""Blocks of a range, at most, whose blooms are looked at: a chain that is followed to its head has fewer."""

_BYTES: Final = 256
_CROWDED: Final = 8 * _BYTES // 2
"""Bits of a bloom that are set, from which on it says nothing."""

Log = Mapping[str, Any]
Key = tuple[str, ...]


def may_hold(bloom: bytes, item: bytes) -> bool:
    """Whether an address or topic may be in a block with this bloom."""
    digest = keccak(item)
    places = [int.from_bytes(digest[at : at + 2]) % (8 * _BYTES) for at in (0, 2, 4)]
    return all(bloom[_BYTES - 1 - place // 8] >> place % 8 & 1 for place in places)


def check(
    rpc: Rpc, contracts: Mapping[bytes, str], logs: Sequence[Log], headers: Sequence[Log], by: Endpoint | None
) -> None:
    """Compare what a node named of the events of ``contracts`` in some blocks with those blocks' ``headers``.

    ``by`` is who named them, where one node's word was enough.

    Raises:
        ChainUnavailable: it left some out, or named some that are not there; or nobody can say now.
    """
    for header in headers:
        bloom = _bloom(header)
        if bloom is None:
            continue
        there = [one for one in logs if one.get("blockNumber") == header.get("number")]
        if any(one.get("blockHash") != header.get("hash") for one in there):
            raise ChainUnavailable("the chain is being reorganised: try again later")
        for one in there:
            if not all(may_hold(bloom, item) for item in _items(one)):
                raise ChainUnavailable(f"the node named an event that block {_number(header)} has not")
        named = {(one.get("address", "").lower(), (one.get("topics") or [""])[0].lower()) for one in there}
        if any(kind not in named for kind in _affirmed(bloom, contracts)):
            _look_again(rpc, contracts, there, header, bloom, by)


def _look_again(
    rpc: Rpc,
    contracts: Mapping[bytes, str],
    there: Sequence[Log],
    header: Log,
    bloom: bytes,
    by: Endpoint | None,
) -> None:
    """Have a block's events told once more, from the block itself."""
    addresses = ["0x" + contract.hex() for contract in contracts]
    known = {_key(one) for one in there}
    wanted = {"address": addresses, "blockHash": header.get("hash")}
    other = by
    try:
        if by is None:
            found = rpc.request("eth_getLogs", wanted)
        else:
            found, other = rpc.ask_besides(by, "eth_getLogs", (wanted,))
    except NodeError:
        found = None  # it does not know how
    if found is None or (other is by and by is not None and sum(map(int.bit_count, bloom)) <= _CROWDED):
        found = _receipted(rpc, header, addresses, found)
    missing = {_key(one) for one in found or () if isinstance(one, Mapping)} - known
    if missing:
        error = Unreachable(
            f"the node left {len(missing)} of our events out of block {_number(header)}: reading them again"
        )
        if by is not None:
            rpc.blame(by, error)
        raise error


def _receipted(rpc: Rpc, header: Log, addresses: Sequence[str], found: Any) -> Any:
    """Our events by a block's receipts; ``found`` where the node does not offer those."""
    try:
        receipts = rpc.request("eth_getBlockReceipts", header.get("number"))
    except NodeError:
        if found is None:
            log.warning("no node can say whether block %d has events of ours", _number(header))
        return found
    if not isinstance(receipts, list):
        return found
    logs = [one for receipt in receipts if isinstance(receipt, dict) for one in receipt.get("logs") or ()]
    return [one for one in logs if isinstance(one, dict) and str(one.get("address")).lower() in addresses]


def _affirmed(bloom: bytes, contracts: Mapping[bytes, str]) -> Iterator[tuple[str, str]]:
    """The kinds of our events that may be in a block: contract and first topic."""
    for contract, name in contracts.items():
        if may_hold(bloom, contract):
            for topic in _topics(name):
                if may_hold(bloom, topic):
                    yield "0x" + contract.hex(), "0x" + topic.hex()


@cache
def _topics(name: str) -> tuple[bytes, ...]:
    return tuple(interface(name).events)


def _bloom(header: Log) -> bytes | None:
    """A block's bloom; None where it says nothing."""
    value = header.get("logsBloom")
    if value is None:
        return None
    bloom = data(value, "a block's bloom", _BYTES)
    return bloom if any(bloom) or not header.get("transactions") else None


def _items(one: Log) -> Iterator[bytes]:
    yield data(one.get("address"), "a log's address", 20)
    for topic in one.get("topics") or ():
        yield data(topic, "a log's topic", 32)


def _key(one: Log) -> Key:
    return str(one.get("transactionHash")), str(one.get("logIndex"))


def _number(header: Log) -> int:
    return int(str(header.get("number")), 16)
