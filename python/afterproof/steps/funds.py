"""Funds: look once a minute at what the account and the lane hold, and warn before it runs out."""

import logging
from typing import Final

from ..protocol.funds import HOUR, Account, Authority, Cover, Funds, Limits, a_day, capacity, warnings
from ..protocol.terms import DAY
from .context import Context

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 60.0
"""Seconds between two looks."""

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
    found = _look(context)
    if found is not None:
        settings = context.config.relayer
        limits = Limits(settings.funds_warning * DAY, settings.cover_warning)
        watch.keep(clock, found, dict(warnings(found, limits)))
        for what, sentence in watch.to_say(clock, REPEAT_AFTER):
            log.warning("lane %d, account 0x%s: %s", context.lane, context.chain.account.hex(), sentence)
            watch.said[what] = clock
        for what in [one for one in watch.said if one not in watch.warnings]:
            log.info("lane %d: no more to warn of as to %s", context.lane, what)
            del watch.said[what]
    return False


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
