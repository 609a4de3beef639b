"""A pool of processes on this machine: the default."""

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final, Generic

from .base import ATTEMPTS, Failed, Job, Runner, Value, WorkersLost, attempt_all, chunked

log = logging.getLogger(__name__)

_LOOK: Final = 0.2
"""Seconds after which whoever waits for a job looks whether it was told to stop."""


@dataclass(frozen=True)
class _Started:
    """Processes that were started. They live as long as ``life`` is open."""

    pool: ProcessPoolExecutor
    life: Connection


@dataclass
class _Sent(Generic[Job]):
    """Jobs that were sent together, where to, how often."""

    jobs: list[Job]
    future: Future[list[Any]]
    to: _Started
    times: int = 1


class Pool(Runner):
    """``workers`` processes, started when the first job comes. One that dies is replaced, its jobs are done again."""

    def __init__(self, workers: int, stop: threading.Event | None = None) -> None:
        super().__init__(stop)
        self.workers = workers
        self._lock = threading.Lock()
        self._started: _Started | None = None

    def map(
        self, work: Callable[[Job], Value], jobs: Iterable[Job], chunk: int = 1
    ) -> Iterator[tuple[Job, Value | Failed]]:
        """Implements :meth:`Runner.map`."""
        waiting: deque[_Sent[Job]] = deque()
        try:
            for some in chunked(jobs, chunk):
                waiting.append(self._send(work, some))
                if len(waiting) > 2 * self.workers:
                    yield from self._done(work, waiting)
            while waiting:
                yield from self._done(work, waiting)
        finally:
            for sent in waiting:
                sent.future.cancel()

    def close(self) -> None:
        """Implements :meth:`Runner.close`."""
        with self._lock:
            started, self._started = self._started, None
        if started is not None:
            started.life.close()
            started.pool.shutdown(wait=True, cancel_futures=True)

    def _send(self, work: Callable[[Job], Value], jobs: list[Job]) -> _Sent[Job]:
        """Send jobs to the pool that there is, or to a new one."""
        while True:
            self.check()
            started = self._current()
            try:
                return _Sent(jobs, started.pool.submit(attempt_all, work, jobs), started)
            except BrokenProcessPool:
                self._discard(started)

    def _done(self, work: Callable[[Job], Value], waiting: deque[_Sent[Job]]) -> Iterator[tuple[Job, Any]]:
        """What came of the jobs that were sent first."""
        while True:
            sent = waiting[0]
            while not wait([sent.future], _LOOK).done:
                self.check()
            try:
                found = sent.future.result()
            except BrokenProcessPool:
                self._discard(sent.to)
                if sent.times == ATTEMPTS:
                    raise WorkersLost(
                        f"worker processes ended before their time, {ATTEMPTS} times over the same jobs: "
                        "the system may be out of memory"
                    ) from None
                waiting[0] = self._send(work, sent.jobs)
                waiting[0].times = sent.times + 1
                continue
            waiting.popleft()
            yield from zip(sent.jobs, found, strict=True)
            return

    def _current(self) -> _Started:
        with self._lock:
            if self._started is None:
                # Not by forking this process, which has threads: what they hold would be held in the child for good.
                how = multiprocessing.get_context("forkserver")
                how.set_forkserver_preload(["afterproof.running.work"])
                theirs, ours = how.Pipe(duplex=False)
                self._started = _Started(ProcessPoolExecutor(self.workers, how, _begin, (theirs,)), ours)
            return self._started

    def _discard(self, started: _Started) -> None:
        """Have no more to do with processes one of which has died: what the others are at is lost too."""
        with self._lock:
            if self._started is not started:
                return
            self._started = None
        log.warning(
            "a worker process ended before its time: others take its place, and its jobs are done again"
        )
        started.life.close()
        started.pool.shutdown(wait=False, cancel_futures=True)


def _begin(life: Connection) -> None:
    """Have a worker leave Ctrl-C to its parent, and end when the other end of ``life`` is closed: by the parent, or by
    its end, whatever that was."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        life.poll(None)
        os._exit(0)

    threading.Thread(target=follow, daemon=True).start()
