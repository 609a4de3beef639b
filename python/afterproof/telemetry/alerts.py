"""Alerts: what somebody should know of now, raised once, over once, said again while it lasts.

A board knows what is raised and what was delivered; it asks nobody and sends nothing. Times are unix seconds.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

MOST: Final = 200
"""Alerts that are raised at once at most: whoever gets more than that reads none."""


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    """To know."""

    WARNING = "warning"
    """Look at it today."""

    CRITICAL = "critical"
    """Money or a window is at stake now."""


class Status(StrEnum):
    """Whether it lasts."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that holds now: of kind ``name``, about ``subject`` (empty: the process). One of each at a time.

    ``summary`` is a sentence, ``fields`` what it is about, for programs.
    """

    name: str
    subject: str
    severity: Severity
    summary: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What tells alerts apart."""
        return self.name, self.subject


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that was raised at ``since``. ``told_at``: when it was last delivered that it lasts; None: it was not.

    One that is over stays until that was delivered.
    """

    alert: Alert
    since: int
    status: Status = Status.FIRING
    told_at: int | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be written down: alerts that are new or other than before, and the keys of those that are gone."""

    kept: list[Raised]
    gone: list[tuple[str, str]]


class Board:
    """The alerts of one process. Safe for several threads. ``repeat``: seconds until one that lasts is said again."""

    def __init__(self, repeat: float) -> None:
        self._repeat = repeat
        self._lock = threading.Lock()
        self._raised: dict[tuple[str, str], Raised] = {}
        self._under_way: tuple[str, str] | None = None

    def load(self, raised: Iterable[Raised]) -> None:
        """Begin with what was written down."""
        with self._lock:
            self._raised = {one.alert.key: one for one in raised}

    def update(self, active: Iterable[Alert], now: int) -> Changes:
        """What holds now. One that is gone before anybody was told is forgotten; one that comes back before it was
        told that it is over lasts."""
        with self._lock:
            before, found = self._raised, {one.key: one for one in active}
            after: dict[tuple[str, str], Raised] = {}
            for key, raised in before.items():
                if key in found:
                    after[key] = replace(raised, alert=found[key], status=Status.FIRING)
                elif raised.told_at is not None or key == self._under_way:
                    after[key] = replace(raised, status=Status.RESOLVED)
            for key, alert in found.items():
                if key not in after and len(after) < MOST:
                    after[key] = Raised(alert, now)
            self._raised = after
            kept = [one for key, one in after.items() if key not in before or _differs(before[key], one)]
            return Changes(kept, [key for key in before if key not in after])

    def next(self, now: int) -> Raised | None:
        """What is to be delivered next: what is over and what is new, the gravest first; then what lasts."""
        with self._lock:
            found = min(
                (one for one in self._raised.values() if self._is_due(one, now)), key=_rank, default=None
            )
            self._under_way = None if found is None else found.alert.key
            return found

    def failed(self, raised: Raised) -> None:
        """It was not delivered. What is over meanwhile, and was never told, is forgotten."""
        with self._lock:
            self._under_way = None
            held = self._raised.get(raised.alert.key)
            if held is not None and held.status is Status.RESOLVED and held.told_at is None:
                del self._raised[raised.alert.key]

    def told(self, raised: Raised, now: int) -> Changes:
        """It was delivered."""
        with self._lock:
            key, self._under_way = raised.alert.key, None
            held = self._raised.get(key)
            if held is None:
                return Changes([], [])
            if raised.status is Status.RESOLVED:
                if held.status is Status.RESOLVED:
                    del self._raised[key]
                    return Changes([], [key])
                held = replace(held, since=now, told_at=None)  # it came back meanwhile: that is news
            else:
                held = replace(held, told_at=now)
            self._raised[key] = held
            return Changes([held], [])

    def counts(self) -> Counter[str]:
        """How many last, by name."""
        with self._lock:
            return Counter(one.alert.name for one in self._raised.values() if one.status is Status.FIRING)

    def _is_due(self, one: Raised, now: int) -> bool:
        return one.status is Status.RESOLVED or one.told_at is None or now - one.told_at >= self._repeat


def _differs(before: Raised, after: Raised) -> bool:
    """Whether more than the words of its summary has changed: those may with every second."""
    return (before.status, before.alert.severity) != (after.status, after.alert.severity)


def _rank(one: Raised) -> tuple[bool, int, int]:
    is_repeated = one.status is Status.FIRING and one.told_at is not None
    return is_repeated, -list(Severity).index(one.alert.severity), one.since


class Troubles:
    """What a process cannot get over: by what it concerns, since when, and why. Safe for several threads."""

    FORGOTTEN: Final = 900.0
    """Seconds after which what was not met again is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._met: dict[str, tuple[float, float, str]] = {}

    def meet(self, what: str, why: str, now: float) -> None:
        """It is there, or still is."""
        with self._lock:
            since = self._met[what][0] if what in self._met else now
            self._met[what] = since, now, why

    def over(self, what: str) -> None:
        """It is not any more."""
        with self._lock:
            self._met.pop(what, None)

    def lasting(self, now: float, patience: float) -> dict[str, tuple[float, str]]:
        """What has lasted for ``patience`` seconds: since when, and why."""
        with self._lock:
            self._met = {what: one for what, one in self._met.items() if now - one[1] <= self.FORGOTTEN}
            return {
                what: (since, why) for what, (since, _, why) in self._met.items() if now - since >= patience
            }
