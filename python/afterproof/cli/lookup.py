"""Finding a receipt on chain by itself: in batches posted when it could have been, from their published data."""

from dataclasses import dataclass

from ..chain.base import ChainReader, Logged, Posted
from ..data import Source
from ..errors import DataUnavailable
from ..protocol.batching import rebuild_batch
from ..protocol.errors import InvalidData
from ..protocol.header import BatchId, Header, first_seq_of
from ..protocol.merkle import root_of
from ..protocol.packing import MAX_PACKED_LEAF, hash_of
from ..protocol.receipt import Leaf


@dataclass(frozen=True)
class Place:
    """Where a leaf stands: its batch with the header on chain, its index, and the proof that leads to the root."""

    batch: BatchId
    header: Header
    index: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class Search:
    """What a search found; ``unread`` are batches whose data could not be had, each with why."""

    place: Place | None
    unread: tuple[str, ...] = ()


def find(reader: ChainReader, data: Source, leaf: Leaf) -> Search:
    """Look for ``leaf`` in every batch in which it would be timely."""
    unread: list[str] = []
    for logged in _candidates(reader, leaf.receipt.issued_at):
        event = logged.event
        if not isinstance(event, Posted):
            continue
        count, first_seq = event.header.count, first_seq_of(event.batch)
        try:
            packed = data.fetch(event.data_uri, count * MAX_PACKED_LEAF)
            batch = rebuild_batch(event.lane, first_seq, count, event.root, packed)
        except (DataUnavailable, InvalidData) as error:
            unread.append(f"batch {event.lane}/{first_seq}: {error}")
            continue
        hashes = [hash_of(each) for each in batch.leaves]
        if leaf.hash in hashes:
            index = hashes.index(leaf.hash)
            place = _confirmed(reader, event.batch, index, leaf, tuple(batch.tree.proof(index)))
            return Search(place, tuple(unread))
    return Search(None, tuple(unread))


def _confirmed(
    reader: ChainReader, batch: BatchId, index: int, leaf: Leaf, proof: tuple[bytes, ...]
) -> Place | None:
    """The place, once the proof leads to the root that the contract itself has."""
    posted = reader.batch(batch)
    if posted is None:
        return None
    root, header = posted
    return (
        Place(batch, header, index, proof) if root_of(leaf.hash, index, header.count, proof) == root else None
    )


def _candidates(reader: ChainReader, issued_at: int) -> list[Logged]:
    """What happened in the blocks in which a receipt issued then could be posted in time."""
    terms = reader.terms(reader.current_epoch())
    head = reader.head().number
    first = _first_block(reader, issued_at - terms.max_clock_skew, reader.deployment.block, head)
    last = _first_block(reader, issued_at + terms.max_posting_delay + 1, first, head)
    return reader.events(first, last)


def _first_block(reader: ChainReader, time: int, low: int, high: int) -> int:
    """The first block from ``low`` on whose timestamp is at least ``time``; ``high`` where none is."""
    while low < high:
        middle = (low + high) // 2
        block = reader.block(middle)
        if block is not None and block.timestamp < time:
            low = middle + 1
        else:
            high = middle
    return low
