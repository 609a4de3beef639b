"""Pace: how long posting takes here, and so how long before a promise is due its batch must be closed.

All of it follows from when batches were closed and when they landed, and from what is on its way now: a process that
was started again knows as much as the one before. Times are unix seconds.

    margin = max(the least margin set, SAFETY x posting + poll) + batches before it x posting

``posting`` is what one batch takes from closing to its block: a high percentile of the last ones, or, where that is
longer, for how long the batch under way has been on its way by now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SAFETY: Final = 2.0
"""How many times as long as the measure the posting of a batch may take."""

RECENT: Final = 100
"""Batches that are measured."""

PERCENT: Final = 95
"""How many in a hundred of them took no longer than the measure says."""


@dataclass(frozen=True, slots=True)
class Landing:
    """A batch that landed. ``ready_at``: when it was closed and the one before it had landed; ``landed_at``: its
    block's time."""

    ready_at: int
    landed_at: int

    @property
    def seconds(self) -> int:
        """How long posting it took."""
        return max(0, self.landed_at - self.ready_at)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long posting takes, in seconds, and what comes before a receipt that is handed in now.

    ``least`` is the margin that is kept in any case, ``poll`` the time between two looks at what waits. ``measured`` is
    None before the first batch has landed; ``under_way``: for how long the next one has been on its way. ``unposted``
    batches are closed and not on chain, ``full`` ones could be closed of what waits.
    """

    least: float
    poll: float = 0.0
    measured: float | None = None
    under_way: float = 0.0
    unposted: int = 0
    full: int = 0

    @property
    def posting(self) -> float:
        """Seconds that a batch takes from closing to its block; before anything was measured, as the settings say."""
        default = self.least / SAFETY
        return max(default if self.measured is None else self.measured, self.under_way)

    @property
    def margin(self) -> float:
        """Seconds before a promise is due that its batch is closed at the latest."""
        known = max(self.measured or 0.0, self.under_way)
        own = max(self.least, SAFETY * known + self.poll)
        return own + (self.unposted + self.full) * self.posting

    def __str__(self) -> str:
        says = (
            f"{self.measured:.0f} seconds measured" if self.measured is not None else "nothing measured yet"
        )
        if self.under_way > (self.measured or 0.0):
            says += f", one on its way for {self.under_way:.0f}"
        before = self.unposted + self.full
        return says + (f", {before} batch{'es' * (before > 1)} before it" if before else "")


def measure(landings: Sequence[Landing], now: float, longest: int) -> float | None:
    """The time of posting that all but a few of the last batches kept to; None: nothing can be said.

    ``longest``: seconds that a promise may last. A batch that took so long that nothing could be promised by it is left
    out once it is as long ago as it lasted, or as a promise lasts: else a node that was away for an hour would keep a
    relayer from promising anything, and so from ever posting something that is measured, again.
    """
    times = sorted(
        one.seconds
        for one in landings
        if SAFETY * one.seconds < longest / 2 or now - one.landed_at < min(one.seconds, longest)
    )
    return float(times[-(-PERCENT * len(times) // 100) - 1]) if times else None
