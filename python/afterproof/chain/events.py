"""The contracts' logs as the events of :mod:`afterproof.chain.base`.

Every byte from a node is untrusted: a log that is not what it says raises ChainUnavailable. Strings in logs are a
stranger's: see :mod:`afterproof.chain.abi`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from afterproof.errors import ChainUnavailable

from . import blooms
from .abi import MalformedAbi, interface
from .base import ChainEvent, Deployment, Logged, Place
from .endpoint import Endpoint
from .errors import TooManyResults
from .event_table import EVENTS
from .rpc import Rpc, block_of, data, quantity

Log = Mapping[str, Any]


class Decoder:
    """Decodes the logs of one deployment's two contracts."""

    def __init__(self, deployment: Deployment) -> None:
        self.contracts = {deployment.settlement: "Settlement", deployment.registry: "AttestationRegistry"}

    def event(self, log: Log) -> ChainEvent | None:
        """The event in a log; None for one that concerns no step.

        Raises:
            ChainUnavailable: the log is malformed, or another contract's.
        """
        contract = self.contracts.get(data(log.get("address"), "a log's address", 20))
        topics = [data(topic, "a log's topic", 32) for topic in _list(log.get("topics"), "a log's topics")]
        if contract is None:
            raise ChainUnavailable("the node answered with a log of another contract")
        kind = interface(contract).events.get(topics[0]) if topics else None
        if kind is None or kind.name not in EVENTS[contract]:
            return None
        try:
            return EVENTS[contract][kind.name](kind.decode(topics, data(log.get("data"), "a log's data")))
        except MalformedAbi as error:
            raise ChainUnavailable(f"the node answered with a malformed log of {kind.name}") from error

    def events(self, logs: Any) -> tuple[ChainEvent, ...]:
        """The events in the logs of a transaction's receipt, those of other contracts left out."""
        found = (_object(log) for log in _list(logs, "a receipt's logs"))
        ours = (log for log in found if data(log.get("address"), "a log's address", 20) in self.contracts)
        events = (self.event(log) for log in ours)
        return tuple(event for event in events if event is not None)


def fetch(
    rpc: Rpc, decoder: Decoder, deployment: Deployment, first: int, last: int, chunk: int
) -> list[Logged]:
    """All events of a deployment in blocks ``first`` to ``last``, inclusive, in chain order.

    Asks for at most ``chunk`` blocks at a time, and for half as many whenever the node finds that too much. Of a few
    blocks (:data:`blooms.NEAR`) it is looked at whether the node left events out.

    Raises:
        ChainUnavailable: the node does not answer, answers nonsense, or the chain is being reorganised.
    """
    logs, by = [], None
    for part, by in _fetch_logs(rpc, deployment, first, last, chunk):  # noqa: B007 - the last one's word
        logs += [_object(log) for log in part]
    headers = []
    if last - first < blooms.NEAR:
        headers = [_header(rpc, number) for number in range(first, last + 1)]
        blooms.check(rpc, decoder.contracts, logs, headers, by)
    blocks = _Blocks(rpc, first, last, headers)
    logged = []
    seen = set()
    for log in logs:
        place = blocks.place(log)
        key = (place.block, place.log_index)
        if key in seen:
            raise ChainUnavailable("the node answered with the same log twice")
        seen.add(key)
        event = decoder.event(log)
        if event is not None:
            logged.append(Logged(place, event))
    return sorted(logged, key=lambda one: (one.place.block, one.place.log_index))


def _header(rpc: Rpc, number: int) -> Log:
    header = rpc.header(number)
    if header is None:
        raise ChainUnavailable(f"the node has no block {number}, though it named the events up to there")
    return header


def _fetch_logs(
    rpc: Rpc, deployment: Deployment, first: int, last: int, chunk: int
) -> Iterator[tuple[Iterable[Any], Endpoint | None]]:
    """The logs of a range, part by part, each with the node whose word it is."""
    addresses = ["0x" + address.hex() for address in (deployment.settlement, deployment.registry)]
    while first <= last:
        end = min(first + chunk - 1, last)
        wanted = {"address": addresses, "fromBlock": hex(first), "toBlock": hex(end)}
        try:
            found, by = rpc.request_from("eth_getLogs", wanted)
            yield _list(found, "eth_getLogs"), by
        except TooManyResults:
            if first == end:
                raise
            chunk = (end - first + 1) // 2
            continue
        first = end + 1


class _Blocks:
    """The blocks in which logs stand: one hash and one timestamp each, or the chain is being reorganised."""

    def __init__(self, rpc: Rpc, first: int, last: int, headers: Iterable[Log]) -> None:
        self._rpc, self._first, self._last = rpc, first, last
        self._known: dict[int, tuple[bytes, int]] = {}
        self._headers = {block.number: block for block in (block_of(dict(header)) for header in headers)}

    def place(self, log: Log) -> Place:
        """A log's place in the chain."""
        if log.get("removed"):
            raise ChainUnavailable("the chain is being reorganised: try again later")
        number = quantity(log.get("blockNumber"), "a log's block number")
        block_hash = data(log.get("blockHash"), "a log's block hash", 32)
        if not self._first <= number <= self._last:
            raise ChainUnavailable(f"the node answered with a log of block {number}, which was not asked for")
        if number not in self._known:
            self._known[number] = (block_hash, self._timestamp(log, number, block_hash))
        known_hash, timestamp = self._known[number]
        if known_hash != block_hash:
            raise ChainUnavailable("the chain is being reorganised: try again later")
        tx_hash = data(log.get("transactionHash"), "a log's transaction", 32)
        return Place(number, block_hash, timestamp, tx_hash, quantity(log.get("logIndex"), "a log's index"))

    def _timestamp(self, log: Log, number: int, block_hash: bytes) -> int:
        # Newer nodes put it into the log, which saves a request a block.
        if log.get("blockTimestamp") is not None:
            return quantity(log["blockTimestamp"], "a log's timestamp")
        block = self._headers.get(number) or self._rpc.block(number)
        if block is None or block.hash != block_hash:
            raise ChainUnavailable("the chain is being reorganised: try again later")
        return block.timestamp


def _list(value: Any, what: str) -> Iterable[Any]:
    if not isinstance(value, list):
        raise ChainUnavailable(f"the node answered {what} with something that is not a list")
    return value


def _object(value: Any) -> Log:
    if not isinstance(value, dict):
        raise ChainUnavailable("the node answered with a log that is not an object")
    return value
