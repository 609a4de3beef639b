"""The demo's processes: started with a log each, watched, and gone when the demo is, however it ends."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..errors import AfterproofError

GRACE: Final = 6.0
"""Seconds that a process has to end by itself before it is killed."""

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


class ProcessDied(AfterproofError):
    """A process of the demo ended by itself, or did not come up; its last lines of log are in the message."""


@dataclass
class Running:
    """A process by its name, how it was started, and where it logs."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    process: "subprocess.Popen[bytes]"

    def last_words(self, lines: int = 5) -> str:
        """The end of its log."""
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


class Processes:
    """A context: what is started in it does not outlive it. Start from the main thread, which lives longest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Running] = {}
        self._killed: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(self, name: str, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Running:
        """Start ``argv`` as ``name``; what it writes is appended to ``name.log``."""
        log = self._folder / f"{name}.log"
        given = dict(environment or {})
        with log.open("ab") as output:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **given},
                # Of a session of its own: Ctrl-C at the terminal reaches the demo, which then ends each in order.
                start_new_session=True,
                preexec_fn=_end_with_parent if _LIBC else None,
            )
        running = Running(name, tuple(argv), given, log, process)
        self._running[name] = running
        return running

    def restart(self, name: str) -> None:
        """Start a process again, as it was started before."""
        old = self._running[name]
        self._killed.discard(name)
        self.start(name, old.argv, old.environment)

    def kill(self, name: str) -> None:
        """End a process as a power cut would: SIGKILL."""
        self._killed.add(name)
        process = self._running[name].process
        process.kill()
        process.wait()

    def check(self) -> None:
        """Raises :class:`ProcessDied` when one has ended by itself."""
        for name, running in self._running.items():
            status = running.process.poll()
            if status is not None and name not in self._killed:
                raise ProcessDied(
                    f"the process {running.name} ended by itself with status {status}. Its log ends:\n"
                    + running.last_words()
                )

    def stop_all(self) -> None:
        """End all: asked politely, then killed. The first started, the chain, outlives those that work on it."""
        with _undisturbed():
            started = list(self._running.values())
            _stop(started[1:])
            _stop(started[:1])
            self._running.clear()


def _stop(group: Sequence[Running]) -> None:
    for running in group:
        running.process.terminate()
    for running in group:
        try:
            running.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave half of the processes behind."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _end_with_parent() -> None:
    """In the child: the kernel ends it when the demo is gone, even by SIGKILL (Linux: prctl(2))."""
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
