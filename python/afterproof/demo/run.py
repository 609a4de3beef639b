"""The demo: the whole line on a real chain, with a cheat in it, from the first question to the last final receipt."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from types import FrameType
from typing import Final, NoReturn

from ..errors import ChainUnavailable, ConfigError
from .accounts import VERIFIER
from .expectations import FORGED, UNREGISTERED
from .layout import ONE_CHEAT, Pair
from .ledger import Ledger
from .processes import Processes
from .report import Report
from .stack import Stack
from .traffic import Traffic
from .view import View

PATIENCE: Final = 75.0
"""Seconds from the first question until everything must have happened."""

LOOK: Final = 0.25
"""Seconds between two looks at the chain."""


class Terminated(SystemExit):
    """The demo was asked to end by a signal; everything is tidied up on the way out."""


def run_demo(view: View, keep: Path | None = None, crash: bool = False) -> Report:
    """Run it in ``keep``, or in a folder that is gone afterwards; ``crash``: kill verifier and relayer halfway."""
    with workplace(keep) as folder, Processes(folder) as processes:
        stack = Stack(folder, ONE_CHEAT, processes, view.say)
        stack.start()
        ledger = Ledger(stack.reader, stack.anvil.gas_used)
        traffic = Traffic(stack.gateways, stack.domain, view.answered)
        view.expect(traffic.total, _runners(stack))
        view.say(f"asking {traffic.total} questions; every answer comes at once, with a signed receipt")
        incident = Incident(stack, view) if crash else None
        traffic.start()
        try:
            _follow(processes, traffic, ledger, view, incident)
        finally:
            traffic.stop()
        return _report(stack, traffic, ledger)


def _follow(
    processes: Processes, traffic: Traffic, ledger: Ledger, view: View, incident: "Incident | None"
) -> None:
    """Until every posted leaf has been read at its end, or patience has."""
    expected = traffic.total + FORGED + UNREGISTERED
    deadline = monotonic() + PATIENCE
    while len(ledger.leaves) < expected and monotonic() < deadline:
        processes.check()
        traffic.check()
        if incident is not None:
            incident.maybe(len(traffic.answers))
        view.happened(ledger.follow(), ledger.head.timestamp)
        sleep(LOOK)


class Incident:
    """A power cut for the verifier and an honest relayer, halfway; both start again and go on where they were."""

    KILL_AT: Final = 120
    RESTART_AT: Final = 180

    def __init__(self, stack: Stack, view: View) -> None:
        honest: Pair = next(pair for pair in stack.pairs if not pair.cheats)
        self._victims = ("verifier", honest.relayer)
        self._stack, self._view = stack, view
        self._killed = self._restarted = False

    def maybe(self, answers: int) -> None:
        """Act when its time has come, by the number of answers given."""
        if not self._killed and answers >= self.KILL_AT:
            for name in self._victims:
                self._stack.processes.kill(name)
            self._killed = True
            self._view.say(f"killed {' and '.join(self._victims)}, without a warning", "trouble")
        if not self._restarted and answers >= self.RESTART_AT:
            for name in self._victims:
                self._stack.processes.restart(name)
            self._restarted = True
            self._view.say(f"started {' and '.join(self._victims)} again", "trouble")


def _runners(stack: Stack) -> dict[int, str]:
    return {
        stack.lanes[pair.number]: f"{pair.relayer}{', a cheat' if pair.cheats else ''}"
        for pair in stack.pairs
    }


def _report(stack: Stack, traffic: Traffic, ledger: Ledger) -> Report:
    cheat = next(stack.lanes[pair.number] for pair in stack.pairs if pair.cheats)
    lane = stack.reader.lane(cheat)
    if lane is None:
        raise ChainUnavailable(f"lane {cheat} has gone from the chain")
    return Report(
        asked=traffic.total,
        answers=traffic.answers,
        batches=[watched.posted for watched in ledger.batches.values()],
        leaves=ledger.leaves,
        faults=ledger.faults,
        terms=stack.reader.terms(stack.reader.current_epoch()),
        cheat_lane=cheat,
        verifier=VERIFIER.address,
        credit=stack.reader.credits(VERIFIER.address),
        burned=lane.burned,
        trouble=[*traffic.failures, *ledger.trouble],
    )


@contextmanager
def workplace(keep: Path | None) -> Iterator[Path]:
    """The folder ``keep``, made if need be, or one that is removed at the end."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="afterproof-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the folder {keep} cannot be made: {error.strerror}") from None
    yield keep.resolve()


@contextmanager
def tidy_end() -> Iterator[None]:
    """SIGTERM and SIGHUP end this process as Ctrl-C does: through every ``finally``."""
    before = {number: signal.signal(number, _terminate) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated(128 + number)
