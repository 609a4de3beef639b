"""What to do about a promise that is watched: given what the chain says of its number, whether it was kept, is to be
waited for, or is broken, and which claims follow.

A verifier watches promises for their holders. It claims what is broken for the beneficiary, and nothing else: the
contract pays one broken promise and one double promise for each number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .claims import Opening
from .promise import NOBODY, Promise
from .receipt import keccak
from .state import PromiseFault

FOREVER: Final = 2**62
"""In place of a time: it is not known yet, for a demand is open."""


def watch_id(promise: Promise, seq: int) -> bytes:
    """32 bytes: a promise at one of its numbers. Another signature under the same promise makes no other."""
    return keccak(promise.hash + seq.to_bytes(32))


class Fate(StrEnum):
    """What became of a promise."""

    OPEN = "open"
    KEPT = "kept"
    MISSED = "missed"
    OMITTED = "omitted"
    UNKNOWN = "unknown"
    """Something was posted in time, and what stands at the number cannot be had."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a number stands on chain: in a batch posted at ``anchor``, in a tile that ends at ``end``.

    ``end`` is None while a demand of the tile can be answered, until ``answer_by``. ``struck_at``: when the tile was
    struck, if it was. ``leaf``: the hash that stands there; None where it cannot be had.
    """

    anchor: int
    end: int | None
    struck_at: int | None = None
    leaf: bytes | None = None
    answer_by: int | None = None

    @property
    def over(self) -> int | None:
        """When the tile ended or was struck; None: not known yet."""
        return self.end if self.struck_at is None else self.struck_at


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise's fate by what is known at a time.

    ``again``: from when on to look again, whether or not the chain says something new of the number; None: only then.
    ``last``: the last second in which a breach can be claimed; None: not known yet.
    """

    fate: Fate
    again: int | None
    last: int | None

    @property
    def is_broken(self) -> bool:
        """Whether a claim would prove it."""
        return self.fate in (Fate.MISSED, Fate.OMITTED)

    def is_over(self, now: int) -> bool:
        """Whether nothing can be claimed of the promise any more, whatever comes."""
        return now > self.until

    @property
    def until(self) -> int:
        """``last``, or ``FOREVER`` where it is not known yet."""
        return FOREVER if self.last is None else self.last


def find(leaf: bytes, due: int, spot: Spot | None, claim_window: int, now: int) -> Finding:
    """What became, by ``now``, of the promise that ``leaf`` stands at a number by ``due``, pauses regarded.

    ``spot`` is where the number stands; None: it is not posted. ``now`` is the time of the block up to which that is
    known: a batch in a later block is posted later.
    """
    if spot is None:
        last = due + claim_window
        return Finding(Fate.OPEN, due + 1, last) if now <= due else Finding(Fate.MISSED, None, last)
    over = spot.over
    last_known = None if over is None else max(due, over) + claim_window
    if spot.anchor > due or spot.struck_at is not None:
        return Finding(Fate.MISSED, None, last_known)
    again = _settled_after(spot, now)
    if spot.leaf is None:
        return Finding(Fate.UNKNOWN, again, last_known)
    return Finding(Fate.KEPT if spot.leaf == leaf else Fate.OMITTED, again, last_known)


def _settled_after(spot: Spot, now: int) -> int | None:
    """When to look again at a tile that may still be struck."""
    if spot.end is None:
        return None if spot.answer_by is None else spot.answer_by + 1
    return spot.end + 1 if now <= spot.end else None


@dataclass(frozen=True, slots=True)
class Watched:
    """A promise opened at its number, and what was found of it."""

    opening: Opening
    finding: Finding


@dataclass(frozen=True, slots=True)
class Paid:
    """Which claims on a number the contract has paid, and to whom."""

    faults: frozenset[PromiseFault] = frozenset()
    beneficiaries: frozenset[bytes] = frozenset()

    @property
    def is_broken_paid(self) -> bool:
        """Whether a missed deadline or an omission was."""
        return bool(self.faults & {PromiseFault.MISSED_DEADLINE, PromiseFault.OMITTED_RECEIPT})

    @property
    def is_double_paid(self) -> bool:
        """Whether that the number was given twice was."""
        return PromiseFault.DOUBLE_PROMISE in self.faults

    @classmethod
    def of(cls, claims: Iterable[tuple[int, bytes]]) -> "Paid":
        """From each claim's fault and beneficiary."""
        all_of = list(claims)
        faults = frozenset(PromiseFault(fault) for fault, _ in all_of)
        return cls(faults, frozenset(beneficiary for _, beneficiary in all_of))


@dataclass(frozen=True, slots=True)
class BreachClaim:
    """A claim to send: ``second`` is the other promise where the number was given twice."""

    fault: PromiseFault
    opening: Opening
    last: int
    second: Opening | None = field(default=None)


def claims_on(number: Sequence[Watched], paid: Paid, now: int) -> list[BreachClaim]:
    """The claims that the promises of one number give, in the order in which they were handed in.

    Whoever was paid nothing of this number yet comes first, those without a beneficiary last: their share burns.
    """
    claims: list[BreachClaim] = []
    got = set(paid.beneficiaries)
    alive = [one for one in number if not one.finding.is_over(now)]
    if not paid.is_double_paid:
        claims += _double(_ranked(alive, got), number)
        got |= {claim.opening.signed.promise.beneficiary for claim in claims}
    broken = _ranked([one for one in alive if one.finding.is_broken], got)
    if broken and not paid.is_broken_paid:
        first = broken[0]
        is_missed = first.finding.fate is Fate.MISSED
        fault = PromiseFault.MISSED_DEADLINE if is_missed else PromiseFault.OMITTED_RECEIPT
        claims.append(BreachClaim(fault, first.opening, first.finding.until))
    return claims


def _double(ranked: Sequence[Watched], number: Sequence[Watched]) -> list[BreachClaim]:
    for first in ranked[:1]:
        for second in number:  # whose time may be over: that of the one who is paid counts
            if second.opening.leaf_hash != first.opening.leaf_hash:
                fault = PromiseFault.DOUBLE_PROMISE
                return [BreachClaim(fault, first.opening, first.finding.until, second.opening)]
    return []


def _ranked(watched: Sequence[Watched], got: set[bytes]) -> list[Watched]:
    def rank(one: Watched) -> tuple[bool, bool]:
        beneficiary = one.opening.signed.promise.beneficiary
        return beneficiary == NOBODY, beneficiary in got

    return sorted(watched, key=rank)
