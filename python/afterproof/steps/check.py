"""Check: fetch a posted batch's data, rebuild the batch, judge every leaf, and write the verdicts in one commit."""

import logging
from dataclasses import dataclass, replace
from typing import Final

from ..chain.base import Block
from ..errors import AfterproofError, DataUnavailable
from ..protocol.batching import Batch, rebuild_batch
from ..protocol.errors import ProtocolError
from ..protocol.header import BatchId, first_seq_of, lane_of
from ..protocol.judge import Demand, Dispute, Void, Wait, judge_posted
from ..protocol.packing import MAX_PACKED_LEAF
from ..protocol.receipt import ZERO
from ..protocol.registry import NodeRecord
from ..store.batches import PostedBatch
from ..store.deadlines import Action, Deadline
from ..store.registry import EpochRecord
from ..store.verdicts import Check, State, Verdict, What
from .context import Context

log = logging.getLogger(__name__)

RETRY: Final = 5
"""Seconds until trouble of our own is looked at again."""

LONGEST_BACKOFF: Final = 60


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch whose leaves were all judged: those to dispute, and how many others are accepted or void by rule."""

    disputes: list[Verdict]
    accepted: int
    void: int


def check(context: Context) -> bool:
    """Check the next posted batch that is due; True where more are due.

    Data that cannot be had, or is not what was posted, is a :class:`Demand`: recorded, and looked at again until the
    batch's window ends. Trouble of our own is a :class:`Wait`: nothing is said of the batch, and it is looked at again.
    """
    cursor = context.store.chain.cursor()
    if cursor is None:
        return False
    now = max(context.now, cursor.timestamp)
    due = context.store.deadlines.due(Action.CHECK, before=now + 1, most=2)
    if not due:
        return False
    posted = context.store.batches.posted(due[0].batch)
    found = _judged(context, posted, now) if posted is not None else Wait(now + 1, "it is not in the store")
    if posted is not None and isinstance(found, Judged):
        _record(context, posted, due[0], found, cursor.number)
    elif posted is not None and isinstance(found, Demand):
        _demand(context, posted, due[0], found, cursor)
    elif isinstance(found, Wait):
        log.error("batch %s cannot be judged yet, by no fault of its own: %s", _name(due[0].batch), found.why)
        with context.store.transaction():
            context.store.deadlines.remove(due[0])
            context.store.deadlines.add(Deadline(found.until, Action.CHECK, due[0].batch))
    return len(due) > 1


def _judged(context: Context, posted: PostedBatch, now: int) -> Judged | Demand | Wait:
    epoch = context.store.registry.epoch(posted.header.epoch)
    if epoch is None:
        return Wait(now + RETRY, f"the terms of epoch {posted.header.epoch} are not known")
    count = posted.header.count
    try:
        data = context.data.others.fetch(posted.data_uri, count * MAX_PACKED_LEAF)
        batch = rebuild_batch(lane_of(posted.id), first_seq_of(posted.id), count, posted.root, data)
    except DataUnavailable as error:
        return Demand(0, str(error))
    except ProtocolError as error:
        return Demand(0, f"the data at {posted.data_uri[:200]!r} is not what was posted: {error}")
    try:
        return _judge_leaves(context, posted, epoch, batch)
    except AfterproofError:
        raise
    except Exception as error:
        # Whoever finds a leaf that our judge stumbles over must not keep us from other batches with it.
        log.error("the judge failed on a leaf of batch %s", _name(posted.id), exc_info=error)
        return Wait(now + RETRY, f"a leaf of it cannot be judged: {error}")


def _judge_leaves(context: Context, posted: PostedBatch, epoch: EpochRecord, batch: Batch) -> Judged:
    nodes: dict[bytes, NodeRecord | None] = {}
    judged = Judged([], 0, 0)
    for index, leaf in enumerate(batch.leaves):
        name = leaf.receipt.node if leaf is not None else ZERO
        if name not in nodes:
            nodes[name] = context.store.registry.node(name)
        verdict = judge_posted(leaf, posted.header, epoch.terms, nodes[name], context.domain)
        if isinstance(verdict, Dispute) and leaf is not None:
            state = State.PENDING if verdict.fault in epoch.faults else State.UNPROVABLE
            proof = tuple(batch.tree.proof(index))
            judged.disputes.append(
                Verdict(
                    posted.id, index, What.DISPUTE, verdict.fault, verdict.evidence, leaf.receipt.words,
                    leaf.signature, proof, state,
                )
            )  # fmt: skip
        elif isinstance(verdict, Void):
            judged = replace(judged, void=judged.void + 1)
        else:
            judged = replace(judged, accepted=judged.accepted + 1)
    return judged


def _record(context: Context, posted: PostedBatch, deadline: Deadline, found: Judged, block: int) -> None:
    """Write what was found, in one commit."""
    store, end = context.store, posted.header.window_end
    with store.transaction():
        store.verdicts.remove(posted.id, What.DEMAND)
        for verdict in found.disputes:
            store.verdicts.add(verdict)
            if verdict.state is State.PENDING:
                store.deadlines.add(Deadline(end, Action.DISPUTE, posted.id, verdict.place))
        counts = (found.accepted, found.void, len(found.disputes))
        store.verdicts.put_check(Check(posted.id, "checked", "", 0, *counts, context.now, block))
        store.deadlines.remove(deadline)
    level = logging.WARNING if found.disputes else logging.INFO
    log.log(level, "checked batch %s: %d accepted, %d void by rule, %d to dispute", _name(posted.id), *counts)
    for verdict in found.disputes:
        if verdict.state is State.UNPROVABLE:
            log.error(
                "leaf %d is at fault, but epoch %d knows no such fault", verdict.place, posted.header.epoch
            )


def _demand(context: Context, posted: PostedBatch, deadline: Deadline, demand: Demand, cursor: Block) -> None:
    """Record that data is missing; look again after a while, unless the window has ended."""
    store = context.store
    before = store.verdicts.check(posted.id)
    attempts = before.attempts + 1 if before is not None else 1
    is_over = cursor.timestamp > posted.header.window_end
    state = "missed" if is_over else "unavailable"
    wait = min(2 ** min(attempts - 1, 16), LONGEST_BACKOFF)
    with store.transaction():
        store.verdicts.add(Verdict(posted.id, demand.tile, What.DEMAND, why=demand.why))
        store.verdicts.put_check(
            Check(posted.id, state, demand.why, attempts, at=context.now, block=cursor.number)
        )
        store.deadlines.remove(deadline)
        if not is_over:
            again = max(context.now, cursor.timestamp) + wait
            store.deadlines.add(Deadline(again, Action.CHECK, posted.id))
    if is_over:
        log.error("batch %s could not be checked before its window ended: %s", _name(posted.id), demand.why)
    else:
        log.error(
            "batch %s cannot be checked (attempt %d, again in %d s): %s",
            _name(posted.id), attempts, wait, demand.why,
        )  # fmt: skip


def _name(batch: BatchId) -> str:
    return f"{lane_of(batch)}/{first_seq_of(batch)}"
