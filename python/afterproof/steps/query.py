"""Query: what is known of a receipt or a batch, with everything needed to check it on chain."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ..protocol.batching import Batch, build_batch
from ..protocol.header import BatchId, first_seq_of, lane_of
from ..protocol.judge import Void, judge_posted
from ..protocol.merkle import TILE
from ..protocol.promise import HeldPromise
from ..protocol.receipt import Leaf, Scheme
from ..protocol.state import Standing, VoidReason
from ..store import Store
from ..store.batches import ClosedBatch, PostedBatch
from ..store.receipts import StoredReceipt
from .context import Context


@dataclass(frozen=True, slots=True)
class Timeline:
    """When what happened, in unix seconds; None: not yet. ``final_at``: the first second in which it is final."""

    issued_at: int
    received_at: int
    posted_at: int | None = None
    window_end: int | None = None
    final_at: int | None = None


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where a leaf stands in a posted batch, and the proof of it."""

    batch: BatchId
    index: int
    count: int
    root: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """All that is known of a receipt. ``inclusion`` is there once its batch is seen on chain."""

    leaf: Leaf
    scheme: Scheme
    lane: int
    seq: int
    standing: Standing
    void_reason: VoidReason
    timeline: Timeline
    inclusion: Inclusion | None
    promise: HeldPromise | None


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch that this relayer closed or saw on chain. ``voided`` are the indices that a fault was proven of."""

    closed: ClosedBatch | None
    posted: PostedBatch | None
    voided: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """The times of one receipt whose batch is final, in unix seconds: its trust gap and the parts of it."""

    issued_at: int
    received_at: int
    posted_at: int
    final_at: int


def find_receipt(context: Context, leaf_hash: bytes) -> ReceiptView | None:
    """What is known of the receipt with a leaf hash (32 bytes); None where this relayer never accepted it."""
    stored = context.store.receipts.by_leaf(leaf_hash)
    if stored is None:
        return None
    posted = context.store.batches.posted_with(stored.lane, stored.seq)
    promise = context.store.promises.held(stored.lane, stored.seq)
    issued_at = stored.leaf.receipt.issued_at
    if stored.emptied:
        timeline = Timeline(issued_at, stored.received_at)
        return _view(stored, Standing.VOIDED, VoidReason.FAULTY, timeline, None, promise)
    if posted is None:
        timeline = Timeline(issued_at, stored.received_at)
        standing = Standing.SIGNED if promise is None else Standing.PROMISED
        return _view(stored, standing, VoidReason.NONE, timeline, None, promise)
    index = stored.seq - first_seq_of(posted.id)
    standing, reason, end = _standing(context, stored.leaf, posted, index)
    final_at = end + 1 if standing is Standing.FINAL and end is not None else None
    timeline = Timeline(
        issued_at, stored.received_at, posted.posted_at, end or posted.header.window_end, final_at
    )
    return _view(stored, standing, reason, timeline, _inclusion(context.store, posted, index), promise)


def list_batches(context: Context, lane: int | None = None, most: int = 100) -> list[BatchView]:
    """The newest batches, newest first: closed ones that were not seen on chain yet, then posted ones."""
    store = context.store
    waiting = [] if lane is None else store.batches.unposted(lane)[::-1][:most]
    views = [BatchView(closed, None, ()) for closed in waiting]
    for posted in store.batches.newest_posted(most - len(views), lane):
        views.append(_batch_view(store, posted))
    return views


def find_batch(context: Context, batch: BatchId) -> BatchView | None:
    """A batch, or None where none of that id was closed here or seen on chain."""
    posted = context.store.batches.posted(batch)
    if posted is not None:
        return _batch_view(context.store, posted)
    closed = context.store.batches.closed(batch)
    return BatchView(closed, None, ()) if closed is not None else None


def trust_gaps(context: Context, lane: int) -> Iterator[Gap]:
    """The times of every receipt of a lane in final batches, proven faults left out."""
    for times in context.store.measures.gaps(lane):
        yield Gap(*times)


def _batch_view(store: Store, posted: PostedBatch) -> BatchView:
    return BatchView(store.batches.closed(posted.id), posted, tuple(store.faults.voids(posted.id)))


def _view(
    stored: StoredReceipt,
    standing: Standing,
    reason: VoidReason,
    timeline: Timeline,
    inclusion: Inclusion | None,
    promise: HeldPromise | None,
) -> ReceiptView:
    return ReceiptView(
        stored.leaf, stored.scheme, stored.lane, stored.seq, standing, reason, timeline, inclusion, promise
    )


def _standing(
    context: Context, leaf: Leaf, posted: PostedBatch, index: int
) -> tuple[Standing, VoidReason, int | None]:
    """A posted leaf's standing, as the contract would answer at the block up to which the chain was followed, and when
    its tile ends; None: a demand of it is open, or has run out."""
    store, tile = context.store, index // TILE
    cursor = store.chain.cursor()
    as_of = cursor.timestamp if cursor is not None else posted.posted_at
    end = store.tiles.end(posted, tile)
    if store.tiles.struck_at(posted, tile, as_of) is not None:
        return Standing.VOIDED, VoidReason.STRUCK, end
    if index in store.faults.voids(posted.id):
        return Standing.VOIDED, VoidReason.FAULTY, end
    epoch = store.registry.epoch(posted.header.epoch)
    node = store.registry.node(leaf.receipt.node, as_of, since=posted.header.anchor)
    if epoch is not None:
        known_by = max(posted.header.window_end, as_of) if end is None else end
        verdict = judge_posted(leaf, posted.header, known_by, epoch.terms, node, context.domain)
        if isinstance(verdict, Void):
            return Standing.VOIDED, verdict.rule, end
    is_final = end is not None and as_of > end
    return (Standing.FINAL if is_final else Standing.POSTED), VoidReason.NONE, end


def _inclusion(store: Store, posted: PostedBatch, index: int) -> Inclusion | None:
    """The place and proof of a leaf, if the batch on chain is made of the leaves in the store."""
    batch = _own_batch(store, posted.id, posted.header.count)
    if batch is None or batch.tree.root != posted.root:
        return None
    return Inclusion(posted.id, index, posted.header.count, posted.root, tuple(batch.tree.proof(index)))


@lru_cache(maxsize=8)
def _own_batch(store: Store, batch: BatchId, count: int) -> Batch | None:
    stored = list(store.receipts.each(lane_of(batch), first_seq_of(batch), count))
    if len(stored) != count:
        return None
    return build_batch(
        lane_of(batch), first_seq_of(batch), [None if one.emptied else one.leaf for one in stored]
    )
