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
from ..protocol.header import BatchId, first_seq_of, lane_of, name_of
from ..protocol.merkle import TILE
from ..protocol.receipt import keccak
from ..protocol.shares import PROVER_PERCENT, share_of
from ..store.batches import PostedBatch
from ..store.deadlines import Action, Deadline
from ..store.demands import MissingTile, StoredDemand
from ..store.verdicts import State, Verdict, What
from ..units import ether, wei_of
from .context import Context
from .network import NO_SIGN, has_sign_of_network
from .rehearse import act, is_overtaken
from .unstored import backoff

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
    """Open the demands that are due, and settle those of ours that have run out; True where more wait to be sent.

    What has run out can be settled later too, so it comes last.

    Raises:
        ChainUnavailable: the node does not answer.
    """
    cursor = context.store.chain.cursor()
    if cursor is None:
        return False
    more = _open_due(context, cursor)
    for deadline in context.store.deadlines.due(Action.SETTLE, before=cursor.timestamp):
        _settle_run_out(context, deadline, cursor)
    return more


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
        landed = act(
            context, "expire", (found.batch, found.tile), f"settled {_name(found)}, which ran out",
            lambda dry: chain.expire_demand(found.batch, found.tile, dry),
        )  # fmt: skip
    except (CallReverted, SendFailed) as error:
        wait = 1 if is_overtaken(error) else backoff(verdict.attempts + 1)
        store.verdicts.postpone(verdict, context.chain_now + wait, str(error))
        log.log(
            logging.INFO if is_overtaken(error) else logging.ERROR,
            "%s could not be settled, again in %d s: %s", _name(found), wait, error,
            extra=_fields(found.batch, found.tile)
            | {"attempt": verdict.attempts + 1, "retry_seconds": wait, "error": str(error)},
        )  # fmt: skip
    else:
        if landed is None:
            return
        fee = landed.fee + (verdict.fee or 0)
        store.verdicts.sent(verdict, landed.tx_hash, fee, context.chain_now + RESEND)
        context.metrics.chain.land("expire", landed.gas_used, landed.fee)
        log.warning(
            "%s ran out: settled it in block %d", _name(found), landed.block,
            extra=_fields(found.batch, found.tile) | landed.fields,
        )  # fmt: skip


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
    verdict, fields = _verdict_of(context, found), _fields(found.batch, found.tile)
    if found.slashed is not None:
        reward = share_of(found.slashed, PROVER_PERCENT)
        context.store.verdicts.settle(verdict, State.EXPIRED, cursor.number, reward, verdict.why)
        log.info(
            "%s is settled: the deposit of %s is back, and %s of what the lane lost are ours",
            _name(found), ether(found.deposit), ether(reward),
            extra=fields | {"deposit": found.deposit, "reward": reward},
        )  # fmt: skip
    else:
        context.store.verdicts.settle(verdict, State.ANSWERED, cursor.number, None, verdict.why)
        log.info(
            "%s was answered: its deposit of %s is spent", _name(found), ether(found.deposit),
            extra=fields | {"deposit": found.deposit},
        )  # fmt: skip


# --- opening ----------------------------------------------------------------------------------------


def _open_due(context: Context, cursor: Block) -> bool:
    sent, more = 0, False
    now = context.chain_now
    for due in sorted(_due(context), key=lambda each: _rank(context, each)):
        if _settled(context, due, cursor) or not context.config.verifier.demand:
            continue
        if context.rehearsal.has("demand", _about(due.verdict)):
            continue
        if due.missing is None:  # its data came, after a demand that a reorganisation took away
            context.store.verdicts.drop(due.verdict)
            continue
        if due.verdict.next_at > now or _is_to_be_checked(context, due, now):
            continue
        if (
            context.looks.at(due.posted.id) is None
        ):  # another process could not have it: its network may be at fault
            more |= _have_checked(context, due, now)
            continue
        if sent == MOST:
            return True
        if context.adrift:
            _postpone(context, due, QUIET, context.adrift)
        elif not has_sign_of_network(context, due.missing.since, due.posted.id):
            _postpone(context, due, QUIET, NO_SIGN)
        elif _open(context, due, due.missing.why):
            sent += 1
    return more


def _have_checked(context: Context, due: Due, now: int) -> bool:
    """Have the batch looked for here as well, unless it will be in a moment."""
    deadlines = context.store.deadlines
    if any(one.time <= now + QUIET for one in deadlines.of(due.posted.id, Action.CHECK)):
        return False
    deadlines.add(Deadline(now, Action.CHECK, due.posted.id))
    return True


def _due(context: Context) -> list[Due]:
    store, found = context.store, []
    for deadline in store.deadlines.all(Action.DEMAND):
        verdict = store.verdicts.find(deadline.batch, deadline.place, What.DEMAND)
        posted = store.batches.posted(deadline.batch)
        if posted is None or verdict is None or verdict.state is not State.PENDING:
            _forget(context, deadline)
            continue
        missing = store.demands.missing(deadline.batch).get(deadline.place)
        found.append(Due(deadline, verdict, posted, missing))
    return found


def _forget(context: Context, deadline: Deadline) -> None:
    """Nothing is to be demanded there, unless another process has just found that it is."""
    store = context.store
    with store.transaction():
        verdict = store.verdicts.find(deadline.batch, deadline.place, What.DEMAND)
        is_pending = verdict is not None and verdict.state is State.PENDING
        if not is_pending or store.batches.posted(deadline.batch) is None:
            store.deadlines.remove(deadline)


def _rank(context: Context, due: Due) -> tuple[int, int, bytes]:
    """The soonest first, then what the lane would lose most by; of one batch's tiles in an order that no relayer can
    foresee, for the budget may not do: so all are taken to be worth what its fullest is."""
    epoch, place = context.store.registry.epoch(due.posted.header.epoch), due.verdict.place.to_bytes(8)
    worth = min(due.posted.header.count, TILE) * (epoch.terms.leaf_slash if epoch is not None else 0)
    return due.deadline.time, -worth, keccak(context.chain.account + due.posted.root + place)


def _is_to_be_checked(context: Context, due: Due, now: int) -> bool:
    """Whether the batch is looked at once more before anything is demanded of it."""
    return any(one.time <= now for one in context.store.deadlines.of(due.posted.id, Action.CHECK))


def _settled(context: Context, due: Due, cursor: Block) -> bool:
    """Whether a tile is not to be demanded any more; why, is written down."""
    store, verdict = context.store, due.verdict
    fields = _fields(verdict.batch, verdict.place)
    found = store.demands.get(verdict.batch, verdict.place)
    if found is not None:
        is_ours = found.challenger == context.chain.account
        state = State.DEMANDED if is_ours else State.LOST_RACE
        if not is_ours:
            log.info("%s was demanded by 0x%s", _what(verdict), found.challenger.hex(), extra=fields)
    elif store.tiles.struck_at(due.posted, verdict.place, cursor.timestamp) is not None:
        state = State.STRUCK
    elif cursor.timestamp > due.posted.header.window_end:
        state = State.TOO_LATE
        why = verdict.why if context.config.verifier.demand else "verifier.demand is off"
        log.error(
            "%s was not demanded before its window ended: %s", _what(verdict), why,
            extra=fields | {"error": why},
        )  # fmt: skip
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
        # What was sent and not seen yet, or would have been sent, counts as if it had cost as much.
        unseen = store.verdicts.sent_unseen(What.DEMAND) + context.rehearsal.count("demand")
        room = budget - store.demands.deposited(chain.account) - least * unseen
        # The least deposit follows the base fee, which rises by an eighth a block at most.
        deposit = min(least * 9 // 8, room)
        if deposit < least:
            why = f"it takes {ether(least)}, and verifier.demand_budget leaves {ether(max(room, 0))}"
            _postpone(context, due, _backoff(context, due), why)
            return False
        roots = due.posted.tile_roots
        path = tile_path(roots, verdict.place)
        landed = act(
            context, "demand", _about(verdict), f"demanded {_what(verdict)} for {ether(deposit)}: {verdict.why}",
            lambda dry: chain.demand_tile(
                verdict.batch, verdict.place, roots[verdict.place], path, deposit, dry
            ),
        )  # fmt: skip
    except (CallReverted, SendFailed) as error:
        _postpone(context, due, _backoff(context, due), str(error), error)
        return False
    if landed is None:
        return False
    store.verdicts.sent(verdict, landed.tx_hash, landed.fee, context.chain_now + RESEND)
    context.metrics.chain.land("demand", landed.gas_used, landed.fee)
    log.warning(
        "demanded %s in block %d for %s: %s", _what(verdict), landed.block, ether(deposit), lacking,
        extra=_fields(verdict.batch, verdict.place) | {"deposit": deposit, "error": lacking} | landed.fields,
    )  # fmt: skip
    return True


def _backoff(context: Context, due: Due) -> int:
    return backoff(due.verdict.attempts + 1, left=due.posted.header.window_end - context.chain_now)


def _postpone(context: Context, due: Due, wait: int, why: str, error: AfterproofError | None = None) -> None:
    verdict = due.verdict
    is_first = error is None or not is_overtaken(error)
    wait = wait if is_first else 1
    store, again = context.store, context.chain_now + wait
    with store.transaction():
        store.verdicts.postpone(verdict, again, verdict.why)
        # The data may come meanwhile, or our network: it is looked for once more before.
        store.deadlines.add(Deadline(again, Action.CHECK, verdict.batch))
    log.log(
        logging.ERROR if is_first else logging.INFO,
        "%s is not demanded yet, again in %d s: %s", _what(verdict), wait, why,
        extra=_fields(verdict.batch, verdict.place)
        | {"attempt": verdict.attempts + 1, "retry_seconds": wait, "error": why},
    )  # fmt: skip


def _about(verdict: Verdict) -> tuple[int, int]:
    return verdict.batch, verdict.place


def _fields(batch: BatchId, tile: int) -> dict[str, object]:
    """What a message about a tile is about."""
    return {
        "lane": lane_of(batch),
        "batch": name_of(batch),
        "seq": first_seq_of(batch) + TILE * tile,
        "tile": tile,
    }


def _what(verdict: Verdict) -> str:
    return f"tile {verdict.place} of batch {name_of(verdict.batch)}"


def _name(found: StoredDemand) -> str:
    return f"our demand of tile {found.tile} of batch {name_of(found.batch)}"
