"""What a process takes of its machine, measured along the way: memory, threads, open files."""

import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Vitals:
    """At ``at`` seconds: KiB of resident memory, threads, and open files."""

    at: float
    memory: int
    threads: int
    files: int


def vitals_of(pid: int, at: float) -> Vitals:
    """A process's vitals now."""
    process = Path(f"/proc/{pid}")
    lines = (line.split(":", 1) for line in (process / "status").read_text().splitlines())
    said = {name: value.split()[0] for name, value in lines if value.split()}
    return Vitals(at, int(said["VmRSS"]), int(said["Threads"]), len(list((process / "fd").iterdir())))


class Monitor(threading.Thread):
    """Takes a process's vitals twice a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(name="monitor")
        self._pid, self._over = pid, threading.Event()
        self.taken: list[Vitals] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Until it is over."""
        started = time.monotonic()
        while not self._over.wait(0.5):
            self.taken.append(vitals_of(self._pid, time.monotonic() - started))


def growth(taken: Sequence[Vitals]) -> float:
    """By which share of itself memory grew over this time, along the straight line that fits best."""
    line = statistics.linear_regression([one.at for one in taken], [one.memory for one in taken])
    first = line.intercept + line.slope * taken[0].at
    return line.slope * (taken[-1].at - taken[0].at) / first
