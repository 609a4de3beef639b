"""Claim: look at the promises that are watched, and claim the broken ones for their beneficiaries.

What is found of a promise stands in the store, with when to look again; what the chain says of its number wakes it.
Whether a claim counted is learnt from its event. The contract has the last word on each: every claim is simulated.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from ..chain.base import Block, DemandState, Landed
from ..data.tiles import obtain, sound_of
from ..errors import CallReverted, SendFailed
from ..protocol.claims import Opening
from ..protocol.header import BatchId, first_seq_of
from ..protocol.merkle import TILE
from ..protocol.reading import TileProofs
from ..protocol.receipt import hex0x
from ..protocol.state import PromiseFault
from ..protocol.watching import FOREVER, BreachClaim, Fate, Finding, Paid, Spot, Watched, claims_on, find
from ..store.batches import PostedBatch
from ..store.broken import BrokenPromise
from ..store.watched import Number, WatchedPromise
from ..units import ether, wei_of
from .context import Context
from .rehearse import AGAIN, act, is_overtaken
from .shelf import kept_tile, wanted_of
from .unstored import backoff

log = logging.getLogger(__name__)

LOOKS: Final = 256
"""Numbers that are looked at before the chain is followed again."""

MOST: Final = 16
"""Claims sent before that."""

RESEND: Final = 2
"""Seconds until a claim that landed, but whose event did not come, is tried again: it may have been undone."""

RETRY: Final = 5
"""Seconds until trouble of our own is looked at again."""

UNKNOWN_TERMS: Final = "the terms at its deadline are not known"

KEPT: Final = 86_400
"""Seconds that a promise can still be asked about after the last claim on it."""

DAY: Final = 86_400

_NAMES: Final = {
    PromiseFault.MISSED_DEADLINE: "was missed",
    PromiseFault.OMITTED_RECEIPT: "was given to another leaf",
    PromiseFault.DOUBLE_PROMISE: "was given twice",
}


@dataclass(frozen=True, slots=True)
class _Standing:
    """What stands at a number: a leaf hash with its path, empty where it was not asked for; or why it is not known."""

    leaf: bytes | None = None
    path: tuple[bytes, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A promise with all that a claim on it needs; ``slash`` in wei."""

    promise: WatchedPromise
    due: int
    posted: PostedBatch | None
    there: _Standing
    slash: int
    claim: BreachClaim | None = None

    @property
    def first_seq(self) -> int:
        """What a claim names the batch by; 0 where there is none."""
        return 0 if self.posted is None else first_seq_of(self.posted.id)

    @property
    def rank(self) -> tuple[int, int]:
        """The soonest to end first, then the dearest."""
        return self.last, -self.slash

    @property
    def last(self) -> int:
        """The last second in which the claim can be made."""
        return FOREVER if self.claim is None else self.claim.last

    def backoff(self, now: int) -> int:
        """Seconds until it is tried again."""
        return backoff(self.promise.attempts + 1, left=self.last - now)


def claim(context: Context) -> bool:
    """Look at the watched promises that are due, and claim what is broken: the soonest to end first, then the dearest.

    True where more wait.

    Raises:
        ChainUnavailable: the node does not answer.
    """
    watched, cursor = context.store.watched, context.store.chain.cursor()
    if cursor is None:
        return False
    watched.forget(cursor.timestamp - KEPT)
    now = max(context.now, cursor.timestamp)
    numbers = watched.due(now, LOOKS)
    looks = _Looks(context, cursor)
    pending = [one for number in sorted(numbers) for one in _look(context, number, looks, cursor, now)]
    pending.sort(key=lambda one: one.rank)
    for one in pending[:MOST]:
        _claim(context, one, now)
    return len(numbers) == LOOKS or len(pending) > MOST


def _look(context: Context, number: Number, looks: "_Looks", cursor: Block, now: int) -> list[_Pending]:
    """Find out what became of the promises of one number; the claims that follow."""
    store = context.store
    promises = store.watched.of(number)
    posted, breaches = store.batches.posted_with(*number), store.broken.of(*number)
    paid = Paid.of((breach.fault, breach.beneficiary) for breach in breaches)
    epochs = [store.registry.epoch_at(promise.opening.signed.promise.include_by) for promise in promises]
    dues = [looks.due(promise.opening.signed.promise.include_by) for promise in promises]
    spot, there = (None, _Standing()) if posted is None else looks.spot(posted, promises, max(dues))
    seen: dict[Opening, _Pending] = {}
    found: list[Watched] = []
    for promise, epoch, due in zip(promises, epochs, dues, strict=True):
        if epoch is None:
            again = now + RETRY if cursor.timestamp <= promise.last else None
            store.watched.postpone(promise, again, UNKNOWN_TERMS)
            log.error(
                "the promise of number %d of lane %d cannot be judged yet, by no fault of the lane's: %s",
                number[1], number[0], UNKNOWN_TERMS, extra=_fields(promise) | {"error": UNKNOWN_TERMS},
            )  # fmt: skip
            continue
        finding = find(promise.opening.leaf_hash, due, spot, epoch.terms.claim_window, cursor.timestamp)
        found.append(Watched(promise.opening, finding))
        seen[promise.opening] = _Pending(promise, due, posted, there, epoch.terms.promise_slash)
    claims = claims_on(found, paid, cursor.timestamp)
    to_claim = {claim.opening for claim in claims}
    with store.transaction():
        for one in found:
            promise, is_unknown = seen[one.opening].promise, one.finding.fate is Fate.UNKNOWN
            is_to_claim = one.opening in to_claim
            at = now if is_to_claim else _again(promise, one.finding, cursor.timestamp, now)
            why = promise.why if is_to_claim else there.why * is_unknown
            store.watched.found(promise, one.finding, seen[one.opening].due, why, at, cursor.number)
            if is_unknown and at is not None:
                store.watched.postpone(promise, at, why)
            if there.path and one.finding.fate is Fate.OMITTED:
                store.watched.keep_proof(promise, there.leaf or b"", there.path)
            _tell(context, promise, one.finding, breaches, why, cursor)
    return [replace(seen[claim.opening], claim=claim) for claim in claims]


def _again(promise: WatchedPromise, finding: Finding, chain_now: int, now: int) -> int | None:
    """When to look at a promise again of which nothing is to be claimed now."""
    if finding.is_over(chain_now):
        return None
    if finding.fate is Fate.UNKNOWN:
        attempts = promise.attempts if promise.fate is Fate.UNKNOWN else 0
        return now + backoff(attempts + 1, left=finding.until - now)
    # The clock may be ahead of the chain, whose time counts.
    return None if finding.again is None else max(finding.again, now + 1)


def _claim(context: Context, pending: _Pending, now: int) -> None:
    """Send one claim. Whether it counted is learnt from its event."""
    store, promise = context.store, pending.promise
    fields, what = _fields(promise), _name(pending)
    try:
        if context.rehearsal.has("claim", _about(pending)):
            store.watched.postpone(promise, now + AGAIN)
            return
        cost = _act(context, pending, True).fee
        budget = wei_of(context.config.verifier.claim_budget)
        spent = sum(one.fee for one in store.spending.since(now - DAY) if one.what == "claim")
        if spent + cost > budget:
            why = (
                f"claims have cost {ether(spent)} within a day, and this one would cost {ether(cost)}: "
                f"verifier.claim_budget is {ether(budget)}"
            )
            _postpone(context, pending, now, f"{what} is not claimed now: {why}", why)
            return
        landed = act(
            context, "claim", _about(pending), f"claimed {what}", partial(_act, context, pending), fields
        )
    except CallReverted as error:
        if is_overtaken(error):
            log.info("%s was claimed before", what, extra=fields)  # by whom, the event will say
            store.watched.postpone(promise, now + pending.backoff(now))
        else:
            _postpone(context, pending, now, f"{what} could not be claimed: {error}", str(error))
    except SendFailed as error:
        _postpone(context, pending, now, f"{what} could not be claimed: {error}", str(error))
    else:
        if landed is None:
            store.watched.postpone(promise, now + AGAIN)
            return
        store.watched.postpone(promise, now + RESEND)
        context.metrics.chain.land("claim", landed.gas_used, landed.fee)
        log.info(
            "claimed %s, in block %d for %d gas",
            what,
            landed.block,
            landed.gas_used,
            extra=fields | landed.fields,
        )


def _act(context: Context, pending: _Pending, dry_run: bool) -> Landed:
    one, chain, there = pending.claim, context.chain, pending.there
    assert one is not None
    if one.fault is PromiseFault.MISSED_DEADLINE:
        return chain.claim_missed(one.opening, pending.first_seq, dry_run)
    if one.second is not None:
        return chain.claim_double(one.opening, one.second, pending.first_seq, dry_run)
    return chain.claim_omitted(one.opening, pending.first_seq, there.leaf or b"", there.path, dry_run)


def _postpone(context: Context, pending: _Pending, now: int, sentence: str, why: str) -> None:
    promise, wait = pending.promise, pending.backoff(now)
    context.store.watched.postpone(promise, now + wait, why)
    fields = _fields(promise) | {"attempt": promise.attempts + 1, "retry_seconds": wait, "error": why}
    log.error("%s; again in %d s", sentence, wait, extra=fields)


def _tell(
    context: Context,
    promise: WatchedPromise,
    finding: Finding,
    breaches: Sequence[BrokenPromise],
    why: str,
    cursor: Block,
) -> None:
    """Say what is new of a promise."""
    number, fields = promise.opening.place, _fields(promise)
    for breach in breaches:
        if breach.block > promise.block:
            by = (
                "this verifier"
                if breach.caller == context.chain.account
                else f"{hex0x(breach.caller)}, who was first,"
            )
            log.info(
                "that the promise of number %d of lane %d %s was claimed by %s for %s: the lane lost %s",
                number[1], number[0], _NAMES[PromiseFault(breach.fault)], by, hex0x(breach.beneficiary),
                ether(breach.slashed), extra=fields | {"tx_hash": breach.tx_hash},
            )  # fmt: skip
    if finding.is_broken and finding.is_over(cursor.timestamp) and not breaches:
        log.error(
            "the promise of number %d of lane %d was broken (%s), and not claimed in time",
            number[1], number[0], finding.fate, extra=fields,
        )  # fmt: skip
    elif finding.fate is not promise.fate and finding.fate is Fate.UNKNOWN:
        log.warning(
            "whether the promise of number %d of lane %d was kept cannot be seen (%s): a demand of its tile would show",
            number[1], number[0], why, extra=fields | {"error": why},
        )  # fmt: skip
    elif finding.fate is not promise.fate:
        log.info(
            "the promise of number %d of lane %d is %s", number[1], number[0], finding.fate, extra=fields
        )


class _Looks:
    """What the chain and published data say, each asked once: for one taking of the step."""

    def __init__(self, context: Context, cursor: Block) -> None:
        self._context, self._cursor = context, cursor
        self._due: dict[int, int] = {}
        self._demands: dict[tuple[BatchId, int], DemandState | None] = {}
        self._tile: tuple[tuple[BatchId, int], TileProofs | str] | None = None

    def due(self, include_by: int) -> int:
        """The last second in which a promise is in time, pauses regarded."""
        if include_by not in self._due:
            self._due[include_by] = self._context.chain.due_of(include_by)
        return self._due[include_by]

    def spot(
        self, posted: PostedBatch, promises: Sequence[WatchedPromise], latest_due: int
    ) -> tuple[Spot, _Standing]:
        """Where the number of ``promises`` stands in its batch, and which leaf does; that only if it matters."""
        batch, header, seq = posted.id, posted.header, promises[0].opening.seq
        end: int | None = header.window_end
        demand = self._demand(batch, (seq - first_seq_of(batch)) // TILE)
        times, answer_by = [], None
        if demand is not None and demand.answered_at:
            epoch = self._context.store.registry.epoch(header.epoch)
            # Without its terms the tile is as good as still open: a claim on it is not too late.
            end = max(header.window_end, demand.answered_at + epoch.terms.window) if epoch else None
        elif demand is not None:
            end, answer_by = None, demand.deadline
            times += [demand.deadline] * (self._cursor.timestamp > demand.deadline)
        blown = self._context.store.faults.fuse_blown_at(batch)
        if blown is not None and (end is None or blown <= end):
            times.append(blown)
        is_missed = bool(times) or header.anchor > latest_due
        there = _Standing() if is_missed else self._standing(posted, promises)
        return Spot(header.anchor, end, min(times, default=None), there.leaf, answer_by), there

    def _standing(self, posted: PostedBatch, promises: Sequence[WatchedPromise]) -> _Standing:
        """Which leaf stands at a number: as it was seen before, else as it is published."""
        for promise in promises:
            if promise.path:
                return _Standing(promise.other, promise.path)
        promised = {promise.opening.leaf_hash for promise in promises}
        if promised == {promise.opening.leaf_hash for promise in promises if promise.fate is Fate.KEPT}:
            return _Standing(promises[0].opening.leaf_hash)
        index = promises[0].opening.seq - first_seq_of(posted.id)
        tile = self._published(posted, index // TILE)
        if isinstance(tile, str):
            return _Standing(why=tile)
        return _Standing(tile.hashes[index % TILE], tile.of(index))

    def _demand(self, batch: BatchId, tile: int) -> DemandState | None:
        key = batch, tile
        if key not in self._demands:
            self._demands[key] = self._context.chain.demand_of(batch, tile)
        return self._demands[key]

    def _published(self, posted: PostedBatch, tile: int) -> TileProofs | str:
        """A tile of a batch by its published data; or why it cannot be had. One tile is kept at a time."""
        if self._tile is None or self._tile[0] != (posted.id, tile):
            self._tile = (posted.id, tile), self._found(posted, tile)
        return self._tile[1]

    def _found(self, posted: PostedBatch, tile: int) -> TileProofs | str:
        """From the archive if it is there: what the chain shows is, too. Else what is published is fetched into it, as
        far as it is what was posted: another tile may be withheld."""
        context, why = self._context, ""
        found = kept_tile(context, posted, tile)
        if found is None:
            wanted = wanted_of(context, posted, set(range(posted.header.tiles)))
            why = obtain(context.data, wanted, {}, sound_of(posted.tile_roots)).why
            found = kept_tile(context, posted, tile)
        return TileProofs(found.leaves(), tile, posted.tile_roots) if found is not None else why


def _about(pending: _Pending) -> tuple[int, int, int, bytes]:
    assert pending.claim is not None
    return *pending.claim.opening.place, int(pending.claim.fault), pending.promise.id


def _name(pending: _Pending) -> str:
    assert pending.claim is not None
    lane, seq = pending.claim.opening.place
    return f"that the promise of number {seq} of lane {lane} {_NAMES[pending.claim.fault]}"


def _fields(promise: WatchedPromise) -> dict[str, object]:
    """What a message about a promise is about."""
    lane, seq = promise.opening.place
    return {"lane": lane, "seq": seq, "promise": hex0x(promise.id)}
