"""Finding things on chain by themselves: a receipt's batch, the batch at a number, and what stands in a batch."""

from dataclasses import dataclass

from ..chain.base import ChainReader, Logged, Posted, TileAnswered
from ..data import Source
from ..errors import ConfigError, DataUnavailable
from ..protocol.answers import shown, tile_path
from ..protocol.batching import TILE, Batch, rebuild_batch
from ..protocol.errors import InvalidData
from ..protocol.header import BatchId, Header, first_seq_of, name_of
from ..protocol.merkle import BatchTree, root_of
from ..protocol.packing import hash_of
from ..protocol.publication import most_bytes
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
        try:
            batch = published(data, event)
        except (DataUnavailable, InvalidData) as error:
            unread.append(f"{named(event.batch)}: {error}")
            continue
        hashes = [hash_of(each) for each in batch.leaves]
        if leaf.hash in hashes:
            index = hashes.index(leaf.hash)
            place = _confirmed(reader, event.batch, index, leaf, tuple(batch.tree.proof(index)))
            return Search(place, tuple(unread))
    return Search(None, tuple(unread))


def named(batch: BatchId) -> str:
    """A batch for a person: its lane and first number."""
    return f"batch {name_of(batch)}"


def published(data: Source, event: Posted) -> Batch:
    """A posted batch from its published data.

    Raises:
        DataUnavailable: the data cannot be had.
        InvalidData: it is not the batch's.
    """
    count = event.header.count
    packed = data.fetch(event.data_uri, most_bytes(count))
    return rebuild_batch(event.lane, first_seq_of(event.batch), count, event.root, packed)


def posted_at_number(reader: ChainReader, lane: int, seq: int, since: int) -> Posted | None:
    """The batch that holds a number, looked for in blocks from the time ``since`` on first; None where none is."""
    head, start = reader.head().number, reader.deployment.block
    middle = first_block(reader, since, start, head)
    for first, last in ((middle, head), (start, middle - 1)):
        for logged in reader.events(first, last) if first <= last else ():
            event = logged.event
            if not isinstance(event, Posted) or event.lane != lane:
                continue
            if first_seq_of(event.batch) <= seq < first_seq_of(event.batch) + event.header.count:
                return event
    return None


def posted_batch(reader: ChainReader, batch: BatchId) -> Posted:
    """The event of a posted batch, which has its tile roots and the address of its data.

    Raises:
        ConfigError: there is no such batch.
    """
    found = reader.batch(batch)
    if found is not None:
        anchor, head = found[1].anchor, reader.head().number
        first = first_block(reader, anchor, reader.deployment.block, head)
        last = first_block(reader, anchor + 1, first, head)
        for logged in reader.events(first, last):
            if isinstance(logged.event, Posted) and logged.event.batch == batch:
                return logged.event
    raise ConfigError(f"{named(batch)} was never posted: name it by lane and first number, as in 1/0")


def standing_at(
    reader: ChainReader, data: Source, event: Posted, index: int
) -> tuple[bytes, tuple[bytes, ...]]:
    """The hash of the leaf at ``index`` of a batch, and its path: from published data, else from an answer on chain.

    Raises:
        DataUnavailable: neither has it.
    """
    tile = index // TILE
    try:
        tree = published(data, event).tree
        return tree.levels[0][index], tuple(tree.proof(index))
    except (DataUnavailable, InvalidData) as error:
        leaves = _answered(reader, event, tile)
        if leaves is None:
            raise DataUnavailable(str(error)) from None
    tree = BatchTree([hash_of(leaf) for leaf in leaves])
    place = index - TILE * tile
    return tree.levels[0][place], (*tree.proof(place), *tile_path(event.tile_roots, tile))


def _answered(reader: ChainReader, event: Posted, tile: int) -> list[Leaf | None] | None:
    """The leaves of a tile as an answer to a demand showed them on chain, or None."""
    demand = reader.demand_of(event.batch, tile)
    if demand is None or not demand.answered_at:
        return None
    head = reader.head().number
    first = first_block(reader, demand.opened_at, reader.deployment.block, head)
    last = first_block(reader, demand.answered_at + 1, first, head)
    halves = {
        each.half: each.data
        for each in (logged.event for logged in reader.events(first, last))
        if isinstance(each, TileAnswered) and (each.batch, each.tile) == (event.batch, tile)
    }
    count = min(TILE, event.header.count - TILE * tile)
    return shown([halves[half] for half in sorted(halves)], count)


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
    first = first_block(reader, issued_at - terms.max_clock_skew, reader.deployment.block, head)
    last = first_block(reader, issued_at + terms.max_posting_delay + 1, first, head)
    return reader.events(first, last)


def first_block(reader: ChainReader, time: int, low: int, high: int) -> int:
    """The first block from ``low`` on whose timestamp is at least ``time``; ``high`` where none is."""
    while low < high:
        middle = (low + high) // 2
        block = reader.block(middle)
        if block is not None and block.timestamp < time:
            low = middle + 1
        else:
            high = middle
    return low
