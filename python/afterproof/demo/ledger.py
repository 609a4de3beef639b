"""What the demo sees of the chain: batches, faults, and the standing of every leaf once its window has ended.

An onlooker like any other: it reads events, fetches the published data, rebuilds the batch, and asks the contract.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..chain.base import AttestationPosted, Block, ChainReader, FaultProven, Logged, NodeEndorsed, Posted
from ..data import Fetcher
from ..errors import DataUnavailable
from ..protocol.batching import Batch, rebuild_batch
from ..protocol.errors import InvalidData
from ..protocol.header import BatchId, first_seq_of, name_of
from ..protocol.packing import hash_of
from ..protocol.publication import most_bytes
from ..protocol.receipt import Scheme
from ..protocol.signing import scheme_of
from ..protocol.state import Standing, VoidReason
from .report import PostedBatch, Proven, ReadLeaf

Gas = Callable[[bytes], int]
"""The gas that the transaction with a hash used."""


@dataclass
class Watched:
    """A posted batch on its way to its end; ``leaves`` are None until its data was fetched."""

    posted: PostedBatch
    event: Posted
    contents: Batch | None = None
    trouble: str = ""
    readings: list[ReadLeaf] = field(default_factory=list)


@dataclass(frozen=True)
class News:
    """What happened since the last look."""

    posted: list[Watched]
    proven: list[Proven]
    ended: list[Watched]


class Ledger:
    """Follows the chain of ``reader`` from the deployment's block on. ``gas`` looks up what a transaction used."""

    def __init__(self, reader: ChainReader, gas: Gas) -> None:
        self._reader, self._gas = reader, gas
        self._data = Fetcher(allow_private=True)
        self._next = reader.deployment.block
        self.head: Block = reader.head()
        self.batches: dict[BatchId, Watched] = {}
        self.faults: list[Proven] = []
        self._schemes: dict[bytes, Scheme | None] = {}

    @property
    def leaves(self) -> list[ReadLeaf]:
        """Every leaf read so far, in the order of lanes and sequence numbers."""
        return [leaf for batch in sorted(self.batches) for leaf in self.batches[batch].readings]

    @property
    def trouble(self) -> list[str]:
        """Batches that could not be read, and why."""
        return [watched.trouble for watched in self.batches.values() if watched.contents is None]

    def follow(self) -> News:
        """Look at every block since the last look."""
        self.head = self._reader.head()
        events = self._reader.events(self._next, self.head.number)
        self._next = self.head.number + 1
        for logged in events:
            if isinstance(logged.event, NodeEndorsed | AttestationPosted):
                self._schemes[logged.event.node] = scheme_of(logged.event.public_key)
        posted = [self._posted(each, each.event) for each in events if isinstance(each.event, Posted)]
        for watched in self.batches.values():
            if watched.contents is None:
                self._fetch(watched)
        proven = [self._proven(each, each.event) for each in events if isinstance(each.event, FaultProven)]
        return News(posted, proven, self._read_ended())

    def _posted(self, logged: Logged, event: Posted) -> Watched:
        batch = PostedBatch(event.batch, event.header, self._gas(logged.place.tx_hash))
        watched = Watched(batch, event)
        self.batches[event.batch] = watched
        return watched

    def _proven(self, logged: Logged, event: FaultProven) -> Proven:
        contents = self.batches[event.batch].contents
        leaf = contents.leaves[event.index] if contents is not None else None
        scheme = self._schemes.get(leaf.receipt.node) if leaf is not None else None
        gas = self._gas(logged.place.tx_hash)
        fault = Proven(event.batch, event.index, scheme, event.slashed, event.prover, gas)
        self.faults.append(fault)
        return fault

    def _fetch(self, watched: Watched) -> None:
        """Fetch a batch's data and rebuild it; what went wrong is kept, and tried again at the next look."""
        event, count = watched.event, watched.posted.header.count
        try:
            data = self._data.fetch(event.data_uri, most_bytes(count))
            watched.contents = rebuild_batch(event.lane, first_seq_of(event.batch), count, event.root, data)
        except (DataUnavailable, InvalidData) as error:
            watched.trouble = f"the data of {named(event.batch)} could not be had: {error}"

    def _read_ended(self) -> list[Watched]:
        """Read the leaves of each batch whose window ended: what they read now they read for ever."""
        ended = [
            watched
            for watched in self.batches.values()
            if not watched.readings
            and watched.contents
            and self.head.timestamp > watched.posted.header.latest_end
        ]
        for watched in ended:
            assert watched.contents is not None
            watched.readings = [
                self._read(watched, watched.contents, i) for i in range(watched.contents.count)
            ]
        return ended

    def _read(self, watched: Watched, contents: Batch, index: int) -> ReadLeaf:
        leaf, header = contents.leaves[index], watched.posted.header
        standing, reason, issued_at = Standing.VOIDED, VoidReason.NONE, header.anchor
        if leaf is not None:
            proof, issued_at = contents.tree.proof(index), leaf.receipt.issued_at
            standing = self._reader.standing(contents.id, index, leaf.words, proof)
            if standing is Standing.VOIDED:
                reason = self._reader.why_void(contents.id, index, leaf.words, proof)
        leaf_hash = hash_of(leaf)
        final_at = header.latest_end + 1
        return ReadLeaf(contents.id, index, leaf_hash, issued_at, header.anchor, final_at, standing, reason)


def named(batch: BatchId) -> str:
    """A batch as a person reads it: its lane and first sequence number."""
    return f"batch {name_of(batch)}"
