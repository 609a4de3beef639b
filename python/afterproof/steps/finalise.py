"""Finalise: mark the batches final whose windows have ended. No transaction: finality is a matter of time."""

import logging

from ..protocol.header import first_seq_of, lane_of
from ..store.deadlines import Action, Deadline
from .context import Context

log = logging.getLogger(__name__)


def finalise(context: Context) -> bool:
    """Mark every batch final whose window ended before the block up to which the chain has been followed."""
    cursor = context.store.chain.cursor()
    if cursor is None:
        return False
    due = context.store.deadlines.due(Action.FINALISE, before=cursor.timestamp)
    for deadline in due:
        _finalise(context, deadline, cursor.number)
    return False


def _finalise(context: Context, deadline: Deadline, block: int) -> None:
    store, batch = context.store, deadline.batch
    with store.transaction():
        # The first second in which the contract says Final; the block that showed it comes a little later.
        store.batches.mark_final(batch, deadline.time + 1, block)
        store.deadlines.remove(deadline)
    posted = store.batches.posted(batch)
    if posted is not None:
        log.info(
            "batch %d/%d is final: %d receipts, %d of them voided by proof",
            lane_of(batch), first_seq_of(batch), posted.header.count, len(store.batches.voids(batch)),
        )  # fmt: skip
