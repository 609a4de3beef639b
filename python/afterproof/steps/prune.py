"""Prune: remove the data, receipts and promises of old batches that no claim, demand or dispute can need any more.

What is kept for good is small: which batches there were, their roots, and what the chain said of them.
"""

import logging
from dataclasses import dataclass

from ..protocol.header import first_seq_of
from ..protocol.last_claim import last_claim as last_claim
from ..store.batches import PostedBatch
from ..store.chainlog import KEPT_BLOCKS
from .context import Context

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was, or would be, removed: how many batches and receipts, and why no more."""

    batches: int
    receipts: int
    because: str


def prune(context: Context, dry_run: bool = False) -> Pruned:
    """Remove the lane's oldest batches, one after the other, up to the first that may still be needed.

    Raises:
        DataUnavailable: a batch's data cannot be removed. Nothing of that batch was.
        ChainUnavailable: the node does not answer.
    """
    store, lane = context.store, context.lane
    batches = 0
    first = seq = store.receipts.first(lane)
    while seq is not None:
        posted = store.batches.posted_with(lane, seq)
        if posted is None:
            because = f"number {seq} is in no posted batch"
            break
        needed = _needed(context, posted)
        if needed is not None:
            because = f"batch {lane}/{first_seq_of(posted.id)} {needed}"
            break
        if not dry_run:
            _remove(context, posted)
        batches, seq = batches + 1, posted.end
        if seq >= store.receipts.next_seq(lane):
            seq = None
    else:
        because = "no older receipts are left"
    end = seq if seq is not None else store.receipts.next_seq(lane)
    return Pruned(batches, end - first if first is not None and batches else 0, because)


def _needed(context: Context, posted: PostedBatch) -> str | None:
    """Why a batch may still be needed, as what follows its name; None: it is not."""
    store, cursor = context.store, context.store.chain.cursor()
    if cursor is None or posted.block + KEPT_BLOCKS > cursor.number:
        return f"was posted less than {KEPT_BLOCKS} blocks ago: the chain may still be reorganised"
    found = context.chain.batch(posted.id)
    if found is None or found[0] != posted.root:
        return "is not on chain as it is in the store"
    header = found[1]
    if header.open_demands:
        return "has open demands"
    first_seq = first_seq_of(posted.id)
    end = max(
        header.latest_end,
        store.faults.last_strike(posted.id),
        store.promises.last_due(context.lane, first_seq, posted.end),
    )
    epochs = range(header.epoch, context.chain.current_epoch() + 1)
    last = last_claim(end, [context.chain.terms(epoch) for epoch in epochs])
    until = last + int(context.config.relayer.keep_data)
    # By the chain's time, and the clock's: whichever is behind.
    return f"is kept until {until} (unix seconds)" if min(cursor.timestamp, context.now) <= until else None


def _remove(context: Context, posted: PostedBatch) -> None:
    """The data first: a crash in between leaves rows, which the next run finds."""
    store = context.store
    closed = store.batches.closed(posted.id)
    context.data.own.remove(posted.id, closed.data_uri if closed is not None else posted.data_uri)
    with store.transaction():
        promises = store.promises.forget(context.lane, posted.end)
        receipts = store.receipts.forget(context.lane, posted.end)
        store.urgent.forget(context.lane, posted.end)
    log.info("pruned batch %d: %d receipts, %d promises", posted.id, receipts, promises)
