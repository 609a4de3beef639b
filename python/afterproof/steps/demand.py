"""Demand: have tiles shown on chain whose data cannot be had, and settle our demands that nobody answered.

A demand stakes a deposit, and says that a relayer withholds: never because of trouble of our own. So it is made after
data has been looked for a while, and only with a sign that our own network works.
"""

import logging
from dataclasses import dataclass
from typing import Final

from ..chain.base import Block
from ..errors import AfterproofError, CallReverted, SendFailed
from ..protocol.answers import tile_path
from ..protocol.header import name_of
from ..protocol.receipt import keccak
from ..protocol.terms import GWEI
from ..store.batches import PostedBatch
from ..store.deadlines import Action, Deadline
from ..store.demands import MissingTile, StoredDemand
from ..store.verdicts import State, Verdict, What
from ..units import ether, wei_of
from .context import NO_SIGN, Context, backoff, has_sign_of_network

log = logging.getLogger(__name__)

MOST: Final = 16
"""Demands sent before the chain is looked at again."""

RESEND: Final = 2
"""Seconds until what landed, but whose event did not come, is tried again: a reorganisation may have taken it."""

QUIET: Final = 5
"""Seconds until a sign that the network works is looked for again."""


@dataclass(frozen=True)
class Due:
    """A tile to be demanded: the row of its deadline, and what is known; ``missing`` None: its data has come."""

    deadline: Deadline
    verdict: Verdict
    posted: PostedBatch
    missing: MissingTile | None


def demand(context: Context) -> bool:
    """Settle our demands that have run out, and open those that are due; True where more wait to be sent.

    Raises:
        ChainUnavailable: the node does not answer.
    """
    cursor = context.store.chain.cursor()
    if cursor is None:
        return False
    for deadline in context.store.deadlines.due(Action.SETTLE, before=cursor.timestamp):
        _settle_run_out(context, deadline, cursor)
    return _open_due(context, cursor)


# --- settling ---------------------------------------------------------------------------------------


def _settle_run_out(context: Context, deadline: Deadline, cursor: Block) -> None:
    """Have the deposit of a demand of ours back, once nobody answered in time; note what came of any other."""
    store, chain = context.store, context.chain
    found = store.demands.get(deadline.batch, deadline.place)
    if found is None or found.challenger != chain.account or not found.is_open:
        # Settling another's demand pays nobody but its challenger; the tile reads struck without it.
        if found is not None and found.challenger == chain.account:
            _note(context, found, cursor)
        store.deadlines.remove(deadline)
        return
    verdict = _verdict_of(context, found)
    if verdict.next_at > context.chain_now:
        return
    try:
        landed = chain.expire_demand(deadline.batch, deadline.place)
    except (CallReverted, SendFailed) as error:
        wait = backoff(verdict.attempts + 1)
        store.verdicts.postpone(verdict, context.chain_now + wait, str(error))
        log.error("%s could not be settled, again in %d s: %s", _name(found), wait, error)
    else:
        fee = landed.fee + (verdict.fee or 0)
        store.verdicts.sent(verdict, landed.tx_hash, fee, context.chain_now + RESEND)
        context.metrics.chain.land("expire", landed.gas_used, landed.fee)
        log.warning("%s ran out: settled it in block %d", _name(found), landed.block, extra=landed.fields)


def _verdict_of(context: Context, found: StoredDemand) -> Verdict:
    """The row that keeps what a demand of ours cost; one that this store did not make gets one."""
    store = context.store
    verdict = store.verdicts.find(found.batch, found.tile, What.DEMAND)
    if verdict is None:
        verdict = Verdict(found.batch, found.tile, What.DEMAND, state=State.DEMANDED)
        store.verdicts.add(verdict)
    return verdict


def _note(context: Context, found: StoredDemand, cursor: Block) -> None:
    """What came of a demand of ours."""
    verdict = _verdict_of(context, found)
    if found.slashed is not None:
        # The prover's share, as the contract divides it: half, in whole gwei.
        reward = found.slashed // GWEI // 2 * GWEI
        context.store.verdicts.settle(verdict, State.EXPIRED, cursor.number, reward, verdict.why)
        log.info(
            "%s is settled: the deposit of %s is back, and %s of what the lane lost are ours",
            _name(found), ether(found.deposit), ether(reward),
        )  # fmt: skip
    else:
        context.store.verdicts.settle(verdict, State.ANSWERED, cursor.number, None, verdict.why)
        log.info("%s was answered: its deposit of %s is spent", _name(found), ether(found.deposit))


# --- opening ----------------------------------------------------------------------------------------


def _open_due(context: Context, cursor: Block) -> bool:
    sent = 0
    now = context.chain_now
    for due in sorted(_due(context), key=lambda each: _rank(context, each)):
        if _settled(context, due, cursor) or not context.config.verifier.demand:
            continue
        if due.missing is None:  # its data came, after a demand that a reorganisation took away
            context.store.verdicts.drop(due.verdict)
            continue
        if due.verdict.next_at > now or _is_to_be_checked(context, due, now):
            continue
        if sent == MOST:
            return True
        if not has_sign_of_network(context, due.missing.since, due.posted.id):
            _postpone(context, due, QUIET, NO_SIGN)
        elif _open(context, due, due.missing.why):
            sent += 1
    return False


def _due(context: Context) -> list[Due]:
    store, found = context.store, []
    for deadline in store.deadlines.all(Action.DEMAND):
        verdict = store.verdicts.find(deadline.batch, deadline.place, What.DEMAND)
        posted = store.batches.posted(deadline.batch)
        if posted is None or verdict is None or verdict.state is not State.PENDING:
            store.deadlines.remove(deadline)
            continue
        missing = store.demands.missing(deadline.batch).get(deadline.place)
        found.append(Due(deadline, verdict, posted, missing))
    return found


def _rank(context: Context, due: Due) -> tuple[int, bytes]:
    """The soonest first; of one batch's tiles in an order that no relayer can foresee, for the budget may not do."""
    place = due.verdict.place.to_bytes(8)
    return due.deadline.time, keccak(context.chain.account + due.posted.root + place)


def _is_to_be_checked(context: Context, due: Due, now: int) -> bool:
    """Whether the batch is looked at once more before anything is demanded of it."""
    return any(one.time <= now for one in context.store.deadlines.of(due.posted.id, Action.CHECK))


def _settled(context: Context, due: Due, cursor: Block) -> bool:
    """Whether a tile is not to be demanded any more; why, is written down."""
    store, verdict = context.store, due.verdict
    found = store.demands.get(verdict.batch, verdict.place)
    if found is not None:
        is_ours = found.challenger == context.chain.account
        state = State.DEMANDED if is_ours else State.LOST_RACE
        if not is_ours:
            log.info("%s was demanded by 0x%s", _what(verdict), found.challenger.hex())
    elif store.tiles.struck_at(due.posted, verdict.place, cursor.timestamp) is not None:
        state = State.STRUCK
    elif cursor.timestamp > due.posted.header.window_end:
        state = State.TOO_LATE
        why = verdict.why if context.config.verifier.demand else "verifier.demand is off"
        log.error("%s was not demanded before its window ended: %s", _what(verdict), why)
    else:
        return False
    with store.transaction():
        store.verdicts.settle(verdict, state, cursor.number, None, verdict.why)
        store.deadlines.remove(due.deadline)
        if found is not None and state is State.DEMANDED:
            # It is there already, unless what came of the demand was undone and is to be noted again.
            store.deadlines.add(Deadline(found.deadline, Action.SETTLE, verdict.batch, verdict.place))
    return True


def _open(context: Context, due: Due, lacking: str) -> bool:
    """Demand one tile, ``lacking`` its data; False where it is left for later."""
    store, chain, verdict = context.store, context.chain, due.verdict
    budget = wei_of(context.config.verifier.demand_budget)
    try:
        least = chain.deposit_for(verdict.batch, verdict.place)
        # What was sent and not seen yet counts as if it had cost as much.
        room = (
            budget - store.demands.deposited(chain.account) - least * store.verdicts.sent_unseen(What.DEMAND)
        )
        # The least deposit follows the base fee, which rises by an eighth a block at most.
        deposit = min(least * 9 // 8, room)
        if deposit < least:
            why = f"it takes {ether(least)}, and verifier.demand_budget leaves {ether(max(room, 0))}"
            _postpone(context, due, backoff(verdict.attempts + 1), why)
            return False
        roots = due.posted.tile_roots
        path = tile_path(roots, verdict.place)
        landed = chain.demand_tile(verdict.batch, verdict.place, roots[verdict.place], path, deposit)
    except (CallReverted, SendFailed) as error:
        _postpone(context, due, backoff(verdict.attempts + 1), str(error), error)
        return False
    store.verdicts.sent(verdict, landed.tx_hash, landed.fee, context.chain_now + RESEND)
    context.metrics.chain.land("demand", landed.gas_used, landed.fee)
    log.warning(
        "demanded %s in block %d for %s: %s", _what(verdict), landed.block, ether(deposit), lacking,
        extra=landed.fields,
    )  # fmt: skip
    return True


def _postpone(context: Context, due: Due, wait: int, why: str, error: AfterproofError | None = None) -> None:
    if isinstance(error, CallReverted) and error.error == "AlreadyDemanded":
        wait = 1  # by whom, the event will say
    context.store.verdicts.postpone(due.verdict, context.chain_now + wait, due.verdict.why)
    log.error("%s is not demanded yet, again in %d s: %s", _what(due.verdict), wait, why)


def _what(verdict: Verdict) -> str:
    return f"tile {verdict.place} of batch {name_of(verdict.batch)}"


def _name(found: StoredDemand) -> str:
    return f"our demand of tile {found.tile} of batch {name_of(found.batch)}"
