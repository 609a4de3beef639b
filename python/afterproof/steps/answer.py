"""Answer: show demanded tiles on chain, so that no lane is struck for data that could be had.

The lane itself has the first half of the time; what is shown then earns the lane the deposit, whoever shows it: its
relayer shows what is demanded of it at once, from its own receipts. Later the deposit goes to whoever answers: a
verifier shows what its archive has. Our own demands are answered too, once the data has come: a demand was made because
it could not be had.
"""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..chain.base import Block, ChainSender, Landed
from ..errors import AfterproofError, CallReverted, SendFailed, StoreUnavailable
from ..protocol.answers import Answer, answers, tile_path
from ..protocol.header import first_seq_of, lane_of, name_of
from ..protocol.merkle import TILE
from ..protocol.publication import Leaves
from ..protocol.reading import is_tile, leaves_of
from ..settings import Answering
from ..store.batches import PostedBatch
from ..store.deadlines import Action, Deadline
from ..store.demands import StoredDemand
from ..store.verdicts import State, Verdict, What
from ..units import ether
from .context import Context
from .rehearse import act, is_overtaken
from .shelf import bring, kept_tile
from .unstored import backoff

log = logging.getLogger(__name__)

MOST: Final = 8
"""Tiles shown before the chain is looked at again."""

RESEND: Final = 2
"""Seconds until what landed, but whose event did not come, is tried again: a reorganisation may have taken it."""


@dataclass(frozen=True)
class Due:
    """A demand that is open, the row of its deadline, and the batch."""

    deadline: Deadline
    demand: StoredDemand
    posted: PostedBatch


def answer(context: Context) -> bool:
    """Show the tiles whose turn it is, the soonest deadline first; True where more wait to be shown.

    Raises:
        ChainUnavailable: the node does not answer.
        ArchiveBroken: the archive cannot be read.
    """
    cursor = context.store.chain.cursor()
    if cursor is None:
        return False
    shown = 0
    for deadline in context.store.deadlines.all(Action.ANSWER):
        due = _due(context, deadline, cursor)
        if due is None or not _is_our_turn(context, due, cursor):
            continue
        verdict = context.store.verdicts.find(deadline.batch, deadline.place, What.ANSWER)
        if verdict is not None and verdict.next_at > context.chain_now:
            continue
        if context.rehearsal.has("answer", (deadline.batch, deadline.place)):
            continue
        if deadline.place in context.store.demands.missing(deadline.batch) or not _pays(context, due):
            continue
        leaves = _kept(context, due)
        if leaves is None and not _is_of_our_lane(context, due):
            continue
        if shown == MOST:
            return True
        shown += 1
        _answer(context, due, leaves)
    return False


def _is_of_our_lane(context: Context, due: Due) -> bool:
    return context.store.role == "relayer" and lane_of(due.posted.id) == context.lane


def _is_our_turn(context: Context, due: Due, cursor: Block) -> bool:
    if context.store.role == "relayer":
        return _is_of_our_lane(context, due)
    return cursor.timestamp >= due.demand.middle


def _due(context: Context, deadline: Deadline, cursor: Block) -> Due | None:
    """The demand, while it can be answered; what came of one that we answered is noted."""
    store = context.store
    found, posted = store.demands.get(deadline.batch, deadline.place), store.batches.posted(deadline.batch)
    if found is not None and posted is not None and found.is_open and cursor.timestamp <= found.deadline:
        return Due(deadline, found, posted)
    verdict = store.verdicts.find(deadline.batch, deadline.place, What.ANSWER)
    with store.transaction():
        if found is not None and verdict is not None and verdict.state is State.PENDING:
            _note(context, found, verdict, cursor)
        store.deadlines.remove(deadline)
    return None


def _note(context: Context, found: StoredDemand, verdict: Verdict, cursor: Block) -> None:
    """What came of a tile that we showed, or meant to: the halves that are ours, and what they are paid."""
    halves = context.store.demands.answers(found.batch, found.tile)
    if found.answered_at is None:
        context.store.verdicts.settle(verdict, State.TOO_LATE, cursor.number, None, verdict.why)
        why = verdict.why or "not all of it"
        log.error("%s was not shown in time: %s", _name(found), why, extra=_fields(found) | {"error": why})
        return
    parts = [found.deposit // 2, found.deposit - found.deposit // 2] if len(halves) == 2 else [found.deposit]
    by_time = sorted(halves, key=lambda half: half.timestamp)
    ours = [
        part
        for part, half in zip(parts, by_time, strict=True)
        if half.answerer == context.chain.account and half.timestamp > found.middle
    ]
    state = (
        State.ANSWERED if any(half.answerer == context.chain.account for half in halves) else State.LOST_RACE
    )
    context.store.verdicts.settle(verdict, state, cursor.number, sum(ours), verdict.why)
    log.info(
        "%s was shown; %s of the deposit are ours", _name(found), ether(sum(ours)),
        extra=_fields(found) | {"deposit": found.deposit, "reward": sum(ours)},
    )  # fmt: skip


def _kept(context: Context, due: Due) -> Leaves | None:
    """The tile's leaves, if they are to be had here."""
    posted, tile = due.posted, due.deadline.place
    if not _is_of_our_lane(context, due):
        columns = kept_tile(context, posted, tile)
        if columns is None and bring(context, posted, tile):
            columns = kept_tile(context, posted, tile)
        return columns.leaves() if columns is not None else None
    first_seq = first_seq_of(posted.id) + TILE * tile
    receipts = context.store.receipts.each(context.lane, first_seq, leaves_of(posted.header, tile))
    leaves: Leaves = [None if receipt.emptied else receipt.leaf for receipt in receipts]
    return leaves if is_tile(leaves, posted.header, tile, posted.tile_roots) else None


def _pays(context: Context, due: Due) -> bool:
    """Whether the tile is shown: our lane's in any case, others' by the settings, our own demands' for the deposit."""
    if _is_of_our_lane(context, due):
        return True
    wanted = context.config.verifier.answer_others
    if due.demand.challenger == context.chain.account or wanted is Answering.ALWAYS:
        return True
    if wanted is Answering.NEVER:
        return False
    # The least deposit for a new demand is at least half more than what showing the tile costs now.
    least = context.chain.deposit_for(due.posted.id, due.deadline.place)
    return 3 * due.demand.deposit >= 2 * least


def _answer(context: Context, due: Due, leaves: Leaves | None) -> None:
    """Show what was not shown yet of one tile, half by half."""
    store, chain, found = context.store, context.chain, due.demand
    verdict = Verdict(found.batch, found.tile, What.ANSWER)
    if not context.dry_run:
        store.verdicts.add(verdict)
    verdict = store.verdicts.find(found.batch, found.tile, What.ANSWER) or verdict
    if leaves is None:
        _postpone(
            context, due, verdict, StoreUnavailable("its receipts are not in this store as they were posted")
        )
        return
    seen = {half.half for half in store.demands.answers(found.batch, found.tile)}
    path = tile_path(due.posted.tile_roots, found.tile)
    fee = verdict.fee or 0
    for each in answers(leaves):
        if each.half in seen:
            continue
        try:
            landed = act(
                context, "answer", (found.batch, found.tile, each.half), f"shown half {each.half} of {_name(found)}",
                partial(_show, chain, found, each, path),
            )  # fmt: skip
        except CallReverted as error:
            if not is_overtaken(error):
                _postpone(context, due, verdict, error)
                return
        except SendFailed as error:
            _postpone(context, due, verdict, error)
            return
        else:
            if landed is None:
                continue
            fee += landed.fee
            store.verdicts.sent(verdict, landed.tx_hash, fee, context.chain_now + RESEND)
            context.metrics.chain.land("answer", landed.gas_used, landed.fee)
            log.warning(
                "showed half %d of %s in block %d", each.half, _name(found), landed.block,
                extra=_fields(found) | landed.fields,
            )  # fmt: skip
    if context.dry_run:
        context.rehearsal.add("answer", (found.batch, found.tile))
        return
    store.verdicts.postpone(verdict, context.chain_now + RESEND, verdict.why)


def _show(
    chain: ChainSender, found: StoredDemand, each: Answer, path: tuple[bytes, ...], dry_run: bool
) -> Landed:
    return chain.answer_tile(found.batch, found.tile, each.half, each.data, each.other, path, dry_run)


def _postpone(context: Context, due: Due, verdict: Verdict, error: AfterproofError) -> None:
    wait = backoff(verdict.attempts + 1, left=due.demand.deadline - context.chain_now)
    context.store.verdicts.postpone(verdict, context.chain_now + wait, str(error))
    log.error(
        "%s was not shown, again in %d s: %s", _name(due.demand), wait, error,
        extra=_fields(due.demand)
        | {"attempt": verdict.attempts + 1, "retry_seconds": wait, "error": str(error)},
    )  # fmt: skip


def _fields(found: StoredDemand) -> dict[str, object]:
    """What a message about a demanded tile is about."""
    batch, tile = found.batch, found.tile
    return {
        "lane": lane_of(batch),
        "batch": name_of(batch),
        "seq": first_seq_of(batch) + TILE * tile,
        "tile": tile,
    }


def _name(found: StoredDemand) -> str:
    return f"tile {found.tile} of batch {name_of(found.batch)}, which was demanded,"
