"""Entrust: a promise is handed to a verifier, which watches it from then on, if it binds its lane."""

import logging
from dataclasses import dataclass
from typing import Final

from ..chain.base import LaneState
from ..protocol.claims import Opening
from ..protocol.promise import HeldPromise
from ..protocol.receipt import hex0x
from ..protocol.watching import watch_id
from ..store.broken import BrokenPromise
from ..store.watched import WatchedPromise
from .context import Context

log = logging.getLogger(__name__)

MOST_SEQ: Final = 2**63
"""Numbers from here on do not fit a database."""


@dataclass(frozen=True, slots=True)
class Unwatched:
    """Why a promise is not watched: the field at fault and the rule that it breaks."""

    field: str
    rule: str


@dataclass(frozen=True, slots=True)
class Crowded:
    """No more promises are taken now: of this client, or of anybody."""

    why: str


@dataclass(frozen=True, slots=True)
class Unable:
    """The verifier cannot say now whether a promise binds its lane."""

    why: str


@dataclass(frozen=True, slots=True)
class WatchView:
    """A watched promise and what was claimed of its number; ``is_new``: it was not watched before."""

    watched: WatchedPromise
    breaches: list[BrokenPromise]
    is_new: bool = False


def entrust(
    context: Context, held: HeldPromise, leaf: bytes, client: str
) -> WatchView | Unwatched | Crowded | Unable:
    """Watch the promise that ``leaf`` stands at its number, for ``client``. Handing it in twice changes nothing.

    Raises:
        ChainUnavailable: the node does not answer.
        StoreUnavailable: the database.
    """
    promise, seq = held.signed.promise, held.seq
    if seq >= MOST_SEQ:
        return Unwatched("promise.promise.firstSeq", "lies beyond any number that a lane has")
    if not held.holds(leaf):
        return Unwatched("promise.proof", "must lead from leafHash to promise.root")
    known = context.store.watched.get(watch_id(promise, seq))
    if known is not None:
        return WatchView(known, context.store.broken.of(promise.lane, seq))
    signer = held.signed.signer(context.promise_domain)
    if signer is None:
        return Unwatched("promise.signature", "must be a signature of 65 bytes, its s in the lower half")
    cursor = context.store.chain.cursor()
    if cursor is None or not context.pulse.is_fresh(context.clock()):
        return Unable("the chain has not been followed to its head yet")
    lane = context.chain.lane(promise.lane)
    if lane is None:
        return Unwatched("promise.promise.lane", "must be a lane of this chain")
    key = context.chain.promise_key_of(promise.lane, seq)
    if signer != key:
        rule = f"must be by the lane's promise key for number {seq}, {hex0x(key)}, and is by {hex0x(signer)}"
        return Unwatched("promise.signature", rule)
    unbound = _why_unbound(context, held, lane, cursor.timestamp)
    if unbound is not None:
        return unbound
    return _keep(context, held, leaf, client)


def find_watch(context: Context, identity: bytes) -> WatchView | None:
    """A watched promise by its id, or None."""
    watched = context.store.watched.get(identity)
    return None if watched is None else WatchView(watched, context.store.broken.of(*watched.opening.place))


def _why_unbound(context: Context, held: HeldPromise, lane: LaneState, now: int) -> Unwatched | None:
    """Why nothing could be claimed of a promise that was signed by the right key."""
    promise, registry = held.signed.promise, context.store.registry
    if held.seq >= lane.reach:
        return Unwatched(
            "promise.promise.firstSeq", f"lies beyond what the lane may promise, numbers below {lane.reach}"
        )
    field = "promise.promise.includeBy"
    if lane.exit_at and promise.include_by > lane.last_due:
        return Unwatched(field, f"must be at most {lane.last_due}: the lane leaves")
    newest = context.chain.current_epoch()
    terms = [epoch.terms for number in range(newest + 1) if (epoch := registry.epoch(number)) is not None]
    latest = now + max((one.max_promise_delay + one.max_clock_skew for one in terms), default=0)
    if promise.include_by > latest:
        return Unwatched(field, f"must be at most {latest}: no lane may promise further ahead")
    if registry.epoch_at(promise.include_by) is None:
        return Unwatched(field, "lies before the first terms of this chain")
    last = _last(context, held, context.chain.due_of(promise.include_by))
    if last is not None and now > last:
        return Unwatched(field, f"lies too far back: nothing can be claimed since {last}")
    return None


def _last(context: Context, held: HeldPromise, due: int) -> int | None:
    """The last second in which a breach could be claimed, at the latest; None: not known yet."""
    lane, include_by = held.signed.promise.lane, held.signed.promise.include_by
    epoch = context.store.registry.epoch_at(include_by)
    posted = context.store.batches.posted_with(lane, held.seq)
    if posted is not None:
        found = context.chain.batch(posted.id)
        if found is None or found[1].open_demands:
            return None
        due = max(due, found[1].latest_end)
    return None if epoch is None else due + epoch.terms.claim_window


def _keep(context: Context, held: HeldPromise, leaf: bytes, client: str) -> WatchView | Crowded:
    settings, watched = context.config.verifier, context.store.watched
    place = held.signed.promise.lane, held.seq
    due = context.chain.due_of(held.signed.promise.include_by)
    epoch = context.store.registry.epoch_at(held.signed.promise.include_by)
    last = due + (epoch.terms.claim_window if epoch is not None else 0)
    new = _new(context, held, leaf, client, due, last)
    with context.store.transaction():
        if watched.get(new.id) is None:
            if watched.count() >= settings.watch_limit:
                return Crowded(f"watches as many promises as it may, {settings.watch_limit}")
            if watched.count(client) >= settings.watch_client_limit:
                return Crowded(
                    f"watches as many promises of one client as it may, {settings.watch_client_limit}"
                )
        is_new = watched.add(new)
    kept = watched.get(new.id)
    assert kept is not None
    if is_new:
        log.info(
            "watching the promise of number %d of lane %d, due %d", place[1], place[0], due,
            extra={"lane": place[0], "seq": place[1], "promise": hex0x(new.id)},
        )  # fmt: skip
    return WatchView(kept, context.store.broken.of(*place), is_new)


def _new(
    context: Context, held: HeldPromise, leaf: bytes, client: str, due: int, last: int
) -> WatchedPromise:
    opening = Opening(held.signed, held.seq, leaf, held.proof)
    return WatchedPromise(opening, client, context.now, due, last)
