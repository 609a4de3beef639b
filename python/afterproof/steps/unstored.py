"""What a process remembers between steps and does not store: a restart begins anew with each of these."""

from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Final

from ..chain.base import Block
from ..protocol.closing import Fees
from ..protocol.funds import Funds, Short
from ..protocol.header import BatchId
from ..protocol.heartbeat_terms import HeartbeatTerms
from ..protocol.pace import Pace

STALE: Final = 180.0
"""Seconds after which what is known of the chain is too old to judge newcomers by; longer than a post takes."""

LONGEST_BACKOFF: Final = 60
"""Seconds between two attempts, at most."""


TRIES: Final = 32
"""Attempts for which there is time, at the least, in what is left of it."""


def backoff(failures: int, left: int | None = None) -> int:
    """Seconds until the next attempt after that many have failed, from 1 on: each twice the last, up to a minute.

    ``left``: seconds in which it must succeed. The fewer they are the sooner it is tried again: once a second at last.
    """
    wait = min(1 << min(failures - 1, 16), LONGEST_BACKOFF)
    return wait if left is None else min(wait, max(1, left // TRIES))


class Pulse:
    """When the chain was last followed to its head. Not stored: a restarted process knows nothing until it looks."""

    def __init__(self) -> None:
        self._at: float | None = None
        self.knows_contracts = False
        """Whether the contracts were found to be those that this version of the program knows."""
        self._wanted: int | None = None

    def beat(self, now: float) -> None:
        """The store knows the chain up to its head."""
        self._at = now

    def seen(self, head: int, cursor: int | None, now: float) -> None:
        """The chain was at block ``head`` and the store at ``cursor``, to which another process brings it.

        It is a pulse where the store has come to where the chain was at the last look.
        """
        if cursor is not None and self._wanted is not None and cursor >= min(self._wanted, head):
            self.beat(now)
        self._wanted = head

    def is_fresh(self, now: float) -> bool:
        """Whether that was a moment ago."""
        return self._at is not None and now - self._at <= STALE


class Drift:
    """How far the newest block's time is from this machine's clock. Not stored."""

    def __init__(self) -> None:
        self.ahead: float = 0.0
        """By how many seconds the newest block's time is ahead of the clock."""
        self._said_at: float | None = None

    def note(self, block_time: int, clock: float) -> None:
        """The newest block had that time just now."""
        self.ahead = block_time - clock

    def trouble(self, most: float) -> str:
        """What is wrong where that is more than ``most`` seconds, as a sentence; empty: nothing."""
        if abs(self.ahead) <= most:
            return ""
        if self.ahead > 0:
            return "this machine's clock is far behind the newest block's time"
        return "the newest block is old by this machine's clock: the node is behind, or the clock ahead"

    def is_to_be_said(self, now: float, every: float) -> bool:
        """Whether that was not said lately; it is said now, then."""
        if self._said_at is not None and 0 <= now - self._said_at < every:
            return False
        self._said_at = now
        return True

    def is_over(self) -> bool:
        """Whether there is no more trouble of which something was said."""
        was_said, self._said_at = self._said_at is not None, None
        return was_said


class Looks:
    """When this very process last looked for a batch, whatever it found. Not stored.

    Where several share a store, another's network may be at fault for what it could not have.
    """

    MOST: Final = 4096
    """Batches that are remembered: one that is forgotten is looked for once more."""

    def __init__(self) -> None:
        self._at: dict[BatchId, int] = {}

    def add(self, batch: BatchId, now: int) -> None:
        """It was looked for."""
        self._at.pop(batch, None)
        self._at[batch] = now
        if len(self._at) > self.MOST:
            self._at.pop(next(iter(self._at)))

    def at(self, batch: BatchId) -> int | None:
        """When it was; None: it was not."""
        return self._at.get(batch)


class Patience:
    """Since when a batch that is due is found to be another process's to judge. Not stored.

    A process that has died lets go of what it had claimed; one that hangs does not. Two that judge one batch do no
    harm: the second finds it judged.
    """

    MOST: Final = 900.0
    """Seconds until it is judged here all the same."""

    def __init__(self) -> None:
        self._since: dict[BatchId, float] = {}

    def is_over(self, batch: BatchId, now: float) -> bool:
        """Whether a batch has been another's for too long."""
        return now - self._since.setdefault(batch, now) > self.MOST

    def keep(self, batches: Collection[BatchId]) -> None:
        """No other batches are waited for."""
        self._since = {batch: since for batch, since in self._since.items() if batch in batches}


class Reach:
    """When a verifier last had from the web what it can tell to be right: its own network worked then. Not stored."""

    def __init__(self) -> None:
        self._at: int | None = None

    def found(self, now: int) -> None:
        """It has just had it."""
        self._at = now if self._at is None else max(now, self._at)

    def has_worked_since(self, time: int) -> bool:
        """Whether that was at a time or later."""
        return self._at is not None and self._at >= time


class Rehearsal:
    """What a dry run has said it would have done. Not stored: a restarted process says it once more."""

    def __init__(self) -> None:
        self._said: set[tuple[str, Hashable]] = set()

    def has(self, action: str, about: Hashable) -> bool:
        """Whether it was said."""
        return (action, about) in self._said

    def add(self, action: str, about: Hashable) -> None:
        """It is said now."""
        self._said.add((action, about))

    def count(self, action: str) -> int:
        """How many such things were said."""
        return sum(kind == action for kind, _ in self._said)


class Interval:
    """Has something done now and then. Not stored: a restarted process does it at once."""

    def __init__(self) -> None:
        self._next_at = 0

    def is_due(self, now: int, every: int) -> bool:
        """Whether it is to be done at ``now``; then not before ``every`` seconds have passed."""
        if now < self._next_at:
            return False
        self._next_at = now + every
        return True


@dataclass(frozen=True, slots=True)
class Authority:
    """What a lane may promise: numbers below ``limit``, those below ``signed_until`` under this relayer's key.

    Neither limit ever falls, so what was read a while ago promises too little at worst. ``last_due``: a promise due
    later does not bind the lane, because it leaves. ``obstacle``: why nothing can be posted on the lane from here any
    more, as a sentence; empty: nothing is in the way.
    """

    ahead: int = 0
    limit: int = 0
    signed_until: int = 0
    last_due: int | None = None
    obstacle: str = ""


class LaneWatch:
    """What the chain said of this relayer's lane when it was last followed to its head, ``at`` a block. Not stored."""

    def __init__(self) -> None:
        self.authority: Authority | None = None
        self.at: Block | None = None


class PaceWatch:
    """What a relayer found of how fast it posts, and since when it tries to close the batch that starts at a number.

    Not stored: it follows from the store, but for what keeps failing at this moment.
    """

    def __init__(self) -> None:
        self.fees = Fees()
        self.closing: tuple[int, int] | None = None
        self.said = ""
        self._found: tuple[float, Pace] | None = None

    def keep(self, now: float, pace: Pace) -> Pace:
        """It was that at a time."""
        self._found = now, pace
        return pace

    def lately(self, now: float) -> Pace | None:
        """What was found less than a second ago, if anything was."""
        found = self._found
        return found[1] if found is not None and 0 <= now - found[0] < 1 else None


class FundsWatch:
    """What there was of funds and cover when they were last looked at, what to warn of, and what was said when."""

    def __init__(self) -> None:
        self.found: Funds | None = None
        self.warnings: dict[Short, str] = {}
        self.said: dict[Short, float] = {}
        self._at: float | None = None

    def is_wanted(self, now: float, every: float) -> bool:
        """Whether it is time to look again."""
        return self._at is None or not 0 <= now - self._at < every

    def keep(self, now: float, found: Funds, warnings: dict[Short, str]) -> None:
        """It was that at a time."""
        self._at, self.found, self.warnings = now, found, warnings

    def to_say(self, now: float, every: float) -> list[tuple[Short, str]]:
        """The warnings that are new, or were said long ago."""
        return [
            (what, sentence)
            for what, sentence in self.warnings.items()
            if what not in self.said or now - self.said[what] >= every
        ]


class HeartbeatWatch:
    """What a reporter knows of ``Heartbeats``: its terms, which never change, and how far it looked for challenges."""

    def __init__(self) -> None:
        self.terms: HeartbeatTerms | None = None
        self.looked_until: tuple[int, bytes] = (-1, b"")


class ReadBack:
    """Which batch's data was read back as it should be, and how often the next one's was not. Not stored."""

    def __init__(self) -> None:
        self.confirmed: tuple[BatchId, bytes] | None = None
        self.why = ""
        self._failing: BatchId | None = None
        self.failures = 0
        self._again_at = 0

    def is_waiting(self, batch: BatchId, now: int) -> bool:
        """Whether it failed a moment ago, ``why``, and is to be left alone for a while."""
        return batch == self._failing and now < self._again_at

    def fail(self, batch: BatchId, now: int, why: str, most: int = LONGEST_BACKOFF) -> int:
        """It failed; the seconds until it is tried again, at most ``most``."""
        self.failures = self.failures + 1 if batch == self._failing else 1
        self._failing, self.why = batch, why
        wait = min(backoff(self.failures), most)
        self._again_at = now + wait
        return wait
