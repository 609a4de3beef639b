"""Finalise: mark the batches final all of whose tiles have ended. No transaction: finality is a matter of time."""

import logging

from ..chain.base import Block
from ..protocol.header import first_seq_of, lane_of
from ..store.batches import PostedBatch
from ..store.deadlines import Action, Deadline
from .context import Context

log = logging.getLogger(__name__)


def finalise(context: Context) -> bool:
    """Mark every batch final whose tiles had ended, or were struck, before the block up to which the chain is followed.

    A demand puts the end of its tile off: such a batch is looked at again when it is answered at the latest, and then
    when the tile has ended.
    """
    finished: list[PostedBatch] = []
    if _due(context):
        with context.store.transaction():
            # Again, within: another process may have gone back with the chain meanwhile.
            for deadline, posted, cursor in _due(context):
                if _finalise(context, deadline, posted, cursor):
                    finished.append(posted)
        for posted in finished:
            _report(context, posted)
    return False


def _finalise(context: Context, deadline: Deadline, posted: PostedBatch, cursor: Block) -> bool:
    store = context.store
    last = store.tiles.settled_after(posted)
    store.deadlines.remove(deadline)
    if cursor.timestamp <= last:
        # A demand that is open runs out at ``last`` at the latest, unless an answer puts the end off once more.
        store.deadlines.add(Deadline(last, Action.FINALISE, posted.id))
        return False
    # The first second in which the contract says Final; the block that showed it comes a little later.
    store.batches.mark_final(posted.id, last + 1, cursor.number)
    return True


def _due(context: Context) -> list[tuple[Deadline, PostedBatch, Block]]:
    """What is due by the block up to which the chain has been followed, and that block."""
    cursor = context.store.chain.cursor()
    if cursor is None:
        return []
    found = []
    for deadline in context.store.deadlines.due(Action.FINALISE, before=cursor.timestamp):
        posted = context.store.batches.posted(deadline.batch)
        if posted is not None:
            found.append((deadline, posted, cursor))
    return found


def _report(context: Context, posted: PostedBatch) -> None:
    store = context.store
    cursor = store.chain.cursor()
    tiles = len(store.tiles.struck(posted, cursor.timestamp)) if cursor is not None else 0
    lane, first_seq, voided = lane_of(posted.id), first_seq_of(posted.id), len(store.faults.voids(posted.id))
    log.info(
        "batch %d/%d is final: %d receipts, %d of them voided by proof%s",
        lane, first_seq, posted.header.count, voided,
        f", {tiles} of {posted.header.tiles} tiles struck" if tiles else "",
        extra={"lane": lane, "batch": f"{lane}/{first_seq}", "seq": first_seq, "count": posted.header.count,
               "voided": voided, "struck": tiles},
    )  # fmt: skip
