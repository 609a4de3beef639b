"""Whether the loop of a process still turns: it says by when it will be heard of again."""

import threading
import time
from collections.abc import Callable
from typing import Final

STUCK: Final = 900.0
"""Seconds after which a step that is still under way counts as stuck; longer than any post, proof or download takes."""


class Liveness:
    """The loop's sign of life. Safe for several threads; ``clock`` gives monotonic seconds.

    A process that has only just begun is alive: its loop has yet to start.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._heard, self._until = clock(), clock() + STUCK
        self._doing = "its loop has not started"
        self._ended = ""

    def take(self, step: str) -> None:
        """A step begins."""
        self._say(f"step {step} has not come back", STUCK)

    def rest(self, seconds: float) -> None:
        """The loop rests that long, a round being done."""
        self._say("its loop has not gone on after a rest", seconds + STUCK)

    def end(self, why: str) -> None:
        """The loop is over, for good."""
        with self._lock:
            self._ended = self._ended or why

    def trouble(self) -> str:
        """What is wrong with the loop, as a sentence; empty: it is alive."""
        with self._lock:
            if self._ended:
                return self._ended
            now = self._clock()
            if now <= self._until:
                return ""
            return f"{self._doing} for {now - self._heard:.0f} seconds"

    def _say(self, doing: str, limit: float) -> None:
        with self._lock:
            self._heard = self._clock()
            self._doing, self._until = doing, self._heard + limit
