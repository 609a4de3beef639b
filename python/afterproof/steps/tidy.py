"""Tidy: let go of what a verifier kept for proofs and for others, once nobody can claim anything by it any more."""

import logging
from typing import Final

from ..chain.base import Block
from ..protocol.header import BatchId, first_seq_of, lane_of
from ..protocol.last_claim import last_claim
from ..store.chainlog import KEPT_BLOCKS
from .context import Context

log = logging.getLogger(__name__)

EVERY: Final = 600
"""Seconds between two looks at what is kept."""


def tidy(context: Context) -> bool:
    """Prune the archive, the index of receipts and the answers' data, now and then.

    Raises:
        ArchiveBroken: a batch's data cannot be removed.
    """
    cursor = context.store.chain.cursor()
    if cursor is None or not context.tidying.is_due(context.now, EVERY):
        return False
    terms = [epoch.terms for epoch in context.store.registry.epochs()]
    if not terms:
        return False
    remembered = context.store.chain.remembers_since()
    longest_delay = max(each.max_posting_delay for each in terms)
    for lane in context.store.seen.lanes():
        # A timely receipt of a batch that is open still, or may be so again, is no older than that.
        oldest = min(remembered, context.store.batches.oldest_open(lane) or cursor.timestamp)
        count = context.store.seen.forget_before(lane, oldest - longest_delay)
        if count:
            log.info("lane %d: %d receipts can stand nowhere else any more", lane, count)
    kept = int(context.config.verifier.keep_data)
    for batch in context.data.archive.batches():
        if _is_past(context, batch, cursor, kept):
            context.data.archive.remove(batch)
            log.info("removed batch %d/%d from the archive", lane_of(batch), first_seq_of(batch))
    context.store.demands.forget_data(cursor.timestamp - last_claim(kept, terms))
    return False


def _is_past(context: Context, batch: BatchId, cursor: Block, kept: int) -> bool:
    """Whether nobody can need a batch's data any more; by the chain's time and the clock's, whichever is behind."""
    store = context.store
    posted = store.batches.posted(batch)
    if posted is None:  # a reorganisation took it: another may hold its number
        posted = store.batches.posted_with(lane_of(batch), first_seq_of(batch))
    if posted is None or posted.final_at is None or posted.block + KEPT_BLOCKS > cursor.number:
        return False
    terms = [epoch.terms for epoch in store.registry.epochs() if epoch.number >= posted.header.epoch]
    end = max(posted.final_at, store.faults.last_strike(batch))
    return min(cursor.timestamp, context.now) > last_claim(end, terms) + kept
