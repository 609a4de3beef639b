"""What goes on meanwhile: who was killed is started again, what was broken is mended, each at its time."""

import signal
import time
from collections import Counter
from collections.abc import Callable

from tests.chaos.plan import VERIFIERS
from tests.chaos.stage import Stage


class Meanwhile:
    """How often who was killed, or ended by itself, and what is still to be done."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._down: set[str] = set()
        self.kills: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        """Lives that ended by themselves, for their node did not answer at their start. As a service manager would, we
        start them again."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is still to be done."""
        return not self._due

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Something is to be done after a while."""
        self._due.append((time.monotonic() + seconds, call))

    def kill(self, who: str, down: float, then: str) -> None:
        """A process is killed, and started again after a while: to die ``then``, at a boundary, if it is named."""
        self._stage.people[who].kill()
        self.kills[who] += 1
        self._down.add(who)
        self.later(down, lambda: self._start(who, then))

    def tick(self) -> None:
        """Do what is due by now."""
        now = time.monotonic()
        ready = [call for at, call in self._due if at <= now]
        self._due = [(at, call) for at, call in self._due if at > now]
        for call in ready:
            call()
        for who, mortal in self._stage.people.items():
            if who not in self._down and not mortal.is_alive:
                killed_itself = mortal.life.poll() == -signal.SIGKILL
                (self.kills if killed_itself else self.ended)[who] += 1
                self._down.add(who)
                self.later(0.5, lambda who=who: self._start(who))  # type: ignore[misc]
        time.sleep(0.02)

    def end(self) -> None:
        """Everybody is asked to end, and does so in peace, unless it dies at its boundary on the way."""
        for who, mortal in self._stage.people.items():
            mortal.life.send(signal.SIGTERM)
            status = mortal.life.wait()
            assert status == 0 or (who in VERIFIERS and status == -signal.SIGKILL), (who, status)
            assert "internal error" not in mortal.said and "Traceback" not in mortal.said, who

    def _start(self, who: str, doom: str = "") -> None:
        if not self._stage.people[who].is_alive:
            self._down.discard(who)
            self._stage.people[who].start({"DOOM": doom})
