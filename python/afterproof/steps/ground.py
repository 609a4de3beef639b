"""The ground that intake stands on at one moment: what it judges receipts by, and what it may promise of them.

No step itself: it only reads, the chain as the store knows it and the lane as it was seen last.
"""

from dataclasses import dataclass
from math import ceil

from ..protocol.admission import Admission
from ..protocol.terms import Terms
from .context import Context
from .rolls import Roll
from .unstored import STALE, Authority


@dataclass(frozen=True, slots=True)
class Unready:
    """This relayer cannot judge now; the same receipt may be welcome later."""

    why: str


@dataclass(frozen=True, slots=True)
class Full:
    """The lane may promise no more numbers until its next batch is posted."""

    why: str


@dataclass(frozen=True, slots=True)
class Ground:
    """The terms that hold ``now``, and what the lane may promise.

    ``margin``: seconds that are kept to post what is promised now; 0 where nothing is.
    """

    terms: Terms
    authority: Authority
    now: int
    margin: float = 0.0

    def oldest(self, kept: float) -> int:
        """The least issuedAt of what can still be posted in time, ``kept`` seconds from now."""
        return self.now - self.terms.max_posting_delay + self.terms.margin + ceil(kept)

    def too_slow(self) -> Unready:
        """The answer to a receipt that is in order, and would be too old once posted: as slow as posting is now."""
        return Unready(
            f"posting needs {self.margin:.0f} seconds now, in which this receipt would become too old"
        )


def ground_of(context: Context, roll: Roll, chain_now: int) -> Ground | Unready:
    """The ground now, if this relayer knows chain and lane well enough to judge, and to promise, by them."""
    if not context.pulse.is_fresh(context.clock()):
        return Unready(f"the relayer has not been able to follow the chain for the last {STALE:g} seconds")
    epoch = roll.epoch_at(context.store.registry, chain_now)
    if epoch is None:
        return Unready("no epoch is known yet")
    settings, now = context.config.relayer, context.now
    authority = context.authority
    if authority.obstacle:
        return Unready(authority.obstacle)
    if not authority.ahead:
        if settings.require_promises:
            return Unready(f"lane {context.lane} promises nothing now: its ahead is 0")
        return Ground(epoch.terms, authority, now)
    pace, longest = context.pace_lately(), epoch.terms.max_promise_delay
    if settings.promise_margin >= longest:
        return Unready(
            f"relayer.promise_margin, {settings.promise_margin:g} seconds, leaves nothing of the "
            f"{longest} seconds that a promise may last"
        )
    if pace.margin >= longest:
        return Unready(
            f"a promise may last {longest} seconds, and posting needs {pace.margin:.0f} now ({pace}): "
            "nothing is promised until that is less"
        )
    if authority.last_due is not None and chain_now + pace.margin > authority.last_due:
        return Unready(f"lane {context.lane} is leaving: it takes no more receipts")
    return Ground(epoch.terms, authority, now, pace.margin)


def admission_on(context: Context, ground: Ground, roll: Roll, chain_now: int) -> Admission:
    """What receipts are asked there."""
    registry = context.store.registry
    kept = context.config.relayer.promise_margin if ground.authority.ahead else 0
    return Admission(
        ground.terms,
        ground.now,
        chain_now,
        ground.oldest(kept),
        lambda name: roll.node(registry, name, chain_now),
        context.domain,
    )


def beyond(context: Context, authority: Authority) -> Unready | Full:
    """Why the next number cannot be promised."""
    if authority.signed_until < authority.limit:
        return Unready(
            f"promises of lane {context.lane} from number {authority.signed_until} on are another key's: "
            "start the relayer with that one"
        )
    return Full(
        f"has promised all numbers below {authority.limit} that it may before it has posted more receipts"
    )
