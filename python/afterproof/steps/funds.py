"""Funds: look once a minute at what the account and the lane hold, and warn before it runs out.

A verifier has no lane: its account must last, and suffice at any time for the dearest of what it may have to do.
"""

import logging
from typing import Final

from ..protocol.disputes import ANSWER_GAS, LEAF_GAS
from ..protocol.funds import (
    HOUR,
    Account,
    Authority,
    Cover,
    Funds,
    Limits,
    Reserve,
    a_day,
    capacity,
    warnings,
)
from ..protocol.merkle import TILE
from ..protocol.terms import DAY, Terms
from ..settings import Answering
from ..units import wei_of
from .context import Context

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 60.0
"""Seconds between two looks."""

PROOF_GAS: Final = 480_000
"""What the dearest proof of a fault takes."""

TILE_GAS: Final = 4_400_000
"""What showing a whole tile takes."""

ATTESTATION_GAS: Final = 7_100_000
"""What proving an attestation takes."""

REPEAT_AFTER: Final = 3600.0
"""Seconds after which a warning that lasts is said again."""


def funds(context: Context) -> bool:
    """Measure, warn, and say when a warning is over. What was found stays in ``context.funds_watch``.

    Raises:
        ChainUnavailable: the node does not answer. It is looked again in the next round.
    """
    watch, clock = context.funds_watch, context.clock()
    if not watch.is_wanted(clock, LOOK_EVERY):
        return False
    is_relayer, relayer = context.store.role == "relayer", context.config.relayer
    found = _look(context) if is_relayer else _look_at_verifier(context)
    if found is not None:
        days = relayer.funds_warning if is_relayer else context.config.verifier.funds_warning
        watch.keep(clock, found, dict(warnings(found, Limits(days * DAY, relayer.cover_warning))))
        account = f"account 0x{context.chain.account.hex()}"
        whose = f"lane {context.lane}" if is_relayer else account
        for what, sentence in watch.to_say(clock, REPEAT_AFTER):
            log.warning("%s: %s", f"{whose}, {account}" if is_relayer else whose, sentence)
            watch.said[what] = clock
        for what in [one for one in watch.said if one not in watch.warnings]:
            log.info("%s: no more to warn of as to %s", whose, what)
            del watch.said[what]
    return False


def _look_at_verifier(context: Context) -> Funds | None:
    """What there is, and what there must be; None: too little is known yet."""
    chain, now = context.chain, context.chain_now
    epoch = context.store.registry.epoch_at(now)
    if epoch is None:
        return None
    since = context.now - DAY
    spent = context.store.spending.since(since)
    rate = a_day([], 0, sum(one.fee for one in spent), context.now - spent[0].at) if spent else None
    return Funds(Account(chain.balance(chain.account), rate), reserve=_reserve(context, epoch.terms))


def _reserve(context: Context, terms: Terms) -> Reserve:
    """What the dearest actions that the settings allow would take; fees rise by an eighth a block, so twice over."""
    settings, chain = context.config.verifier, context.chain
    base_fee = chain.base_fee() or 0
    least = max(terms.demand_deposit, base_fee * (ANSWER_GAS + LEAF_GAS * TILE))
    demand = min(least * 9 // 8, wei_of(settings.demand_budget)) if settings.demand else 0
    challenge = 0
    if settings.challenge_false or settings.challenge_withheld:
        challenge = min(chain.challenge_deposit() * 9 // 8, wei_of(settings.challenge_deposit))
    gas = PROOF_GAS
    if settings.answer_others is not Answering.NEVER:
        gas = max(gas, TILE_GAS)
    if settings.prove_others:
        gas = max(gas, ATTESTATION_GAS)
    return Reserve(demand, challenge, 2 * base_fee * gas)


def _look(context: Context) -> Funds | None:
    """What there is; None: too little is known yet."""
    chain, now = context.chain, context.chain_now
    epoch, lane = context.store.registry.epoch_at(now), chain.lane(context.lane)
    if epoch is None or lane is None:
        return None
    account = Account(chain.balance(chain.account), _a_day(context))
    batches, window = context.store.batches, epoch.terms.window
    _, last_hour = batches.since(context.lane, now - HOUR)
    last_window = batches.since(context.lane, now - window)[1]
    cover = Cover(
        capacity=capacity(lane.stake, epoch.terms.min_stake, epoch.terms.cover, lane.ahead),
        open=last_window,
        waiting=max(0, context.store.receipts.next_seq(context.lane) - lane.next_seq),
        a_window=max(last_window, last_hour * window / HOUR),
        window=window,
    )
    return Funds(account, cover, _authority(context), _bond(context))


def _a_day(context: Context) -> float | None:
    """What the account pays a day, by what it paid in the last."""
    since = context.now - DAY
    spent = context.store.spending.since(since)
    if not spent:
        return None
    fees = [one.fee for one in spent if one.what == "post"]
    posts, _ = context.store.batches.since(context.lane, max(since, spent[0].at))
    others = sum(one.fee for one in spent if one.what != "post")
    return a_day(fees, posts, others, context.now - spent[0].at)


def _authority(context: Context) -> Authority:
    known = context.authority
    next_seq = context.store.receipts.next_seq(context.lane)
    end = min(known.limit, known.signed_until)
    return Authority(
        ahead=known.ahead,
        left=max(0, end - next_seq),
        foreign=known.limit - end,
        last_due=known.last_due,
    )


def _bond(context: Context) -> tuple[int, int] | None:
    """The bond that is up and the bond needed, where this account reports heartbeats; one never put up is beat's."""
    if not context.config.relayer.heartbeats or context.deployment.heartbeats is None:
        return None
    state = context.chain.reporter(context.chain.account)
    watch = context.heartbeat_watch
    if watch.terms is None:
        watch.terms = context.chain.heartbeat_terms()
    joined = state.bond > 0 or state.left_at > 0
    return (state.bond, watch.terms.bond) if joined else None
