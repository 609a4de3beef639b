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
from .rpc import Rpc, data, quantity

log = logging.getLogger(__name__)

NEAR: Final = 64
"""Blocks of a range, at most, whose blooms are looked at: a chain that is followed to its head has fewer."""

_BYTES: Final = 256
_CROWDED: Final = 8 * _BYTES // 2
"""Bits of a bloom that are set, from which on it says nothing."""

Log = Mapping[str, Any]


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
        there = [one for one in logs if _number(one, "blockNumber") == _number(header)]
        block_hash = data(header.get("hash"), "a block's hash", 32)
        if any(data(one.get("blockHash"), "a log's block hash", 32) != block_hash for one in there):
            raise ChainUnavailable("the chain is being reorganised: try again later")
        named = set()
        for items in map(_items, there):
            if not all(may_hold(bloom, item) for item in items):
                raise ChainUnavailable(f"the node named an event that block {_number(header)} has not")
            named.add((items[0], *items[1:2]))
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
    if found is not None and not isinstance(found, list):
        raise ChainUnavailable("the node answered eth_getLogs with something that is not a list")
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
    if not isinstance(receipts, list) or not all(isinstance(receipt, dict) for receipt in receipts):
        return found
    several = [receipt.get("logs") for receipt in receipts]
    logs = [one for some in several if isinstance(some, list) for one in some if isinstance(one, dict)]
    return [one for one in logs if str(one.get("address")).lower() in addresses]


def _affirmed(bloom: bytes, contracts: Mapping[bytes, str]) -> Iterator[tuple[bytes, bytes]]:
    """The kinds of our events that may be in a block: contract and first topic."""
    for contract, name in contracts.items():
        if may_hold(bloom, contract):
            for topic in _topics(name):
                if may_hold(bloom, topic):
                    yield contract, topic


@cache
def _topics(name: str) -> tuple[bytes, ...]:
    return tuple(interface(name).events)


def _bloom(header: Log) -> bytes | None:
    """A block's bloom; None where it says nothing."""
    value = header.get("logsBloom")
    if value is None:
        return None  # some chains have none
    bloom = data(value, "a block's bloom", _BYTES)
    return bloom if any(bloom) or not header.get("transactions") else None


def _items(one: Log) -> list[bytes]:
    """What a log puts into its block's bloom: its address and its topics."""
    topics = one.get("topics")
    if not isinstance(topics, list):
        raise ChainUnavailable("the node answered a log's topics with something that is not a list")
    address = data(one.get("address"), "a log's address", 20)
    return [address, *(data(topic, "a log's topic", 32) for topic in topics)]


def _key(one: Log) -> tuple[bytes, int]:
    """Which log of a block it is, whatever the form that a node tells it in."""
    return data(one.get("transactionHash"), "a log's transaction", 32), _number(one, "logIndex")


def _number(one: Log, name: str = "number") -> int:
    return quantity(one.get(name), f"a {name}")
