"""What a runner is, and the one that runs everything in this process."""

import itertools
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

from ..errors import AfterproofError

Job = TypeVar("Job")
Value = TypeVar("Value")

ATTEMPTS: Final = 3
"""How often jobs are begun whose workers die, before they are given up."""


class RunStopped(AfterproofError):
    """The runner was told to stop: what was not done yet is left undone."""

    def __init__(self) -> None:
        super().__init__("it was told to stop")


class WorkersLost(AfterproofError):
    """The processes that jobs are done in end before their time, again and again."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job failed by an exception: its type and text, and where it was raised. Done again it would fail again."""

    why: str
    trace: str


class Runner(ABC):
    """Runs jobs on so many ``workers``; to be closed. Usable from any thread. Once ``stop`` is set it begins none."""

    workers = 1

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def here(self) -> "Runner":
        """One that runs jobs in this process, until the same stop."""
        return Inline(self._stop)

    @abstractmethod
    def map(
        self, work: Callable[[Job], Value], jobs: Iterable[Job], chunk: int = 1
    ) -> Iterator[tuple[Job, Value | Failed]]:
        """``work`` on each of ``jobs``, in their order, each with its job; ``chunk`` of them are sent at a time.

        Raises:
            RunStopped: it was told to stop.
            WorkersLost: the workers end again and again.
        """

    @abstractmethod
    def close(self) -> None:
        """End the workers, if there are any; what they are at is left undone."""

    def stop(self) -> None:
        """Begin no more jobs, for whoever asks."""
        self._stop.set()

    def check(self) -> None:
        """
        Raises:
            RunStopped: it was told to stop.
        """
        if self._stop.is_set():
            raise RunStopped

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Inline(Runner):
    """Runs jobs one after the other in the thread that asks for what comes of them."""

    def map(
        self, work: Callable[[Job], Value], jobs: Iterable[Job], chunk: int = 1
    ) -> Iterator[tuple[Job, Value | Failed]]:
        """Implements :meth:`Runner.map`."""
        for job in jobs:
            self.check()
            yield job, attempt(work, job)

    def close(self) -> None:
        """Implements :meth:`Runner.close`: there is nothing to end."""


def attempt(work: Callable[[Job], Value], job: Job) -> Value | Failed:
    """What comes of a job."""
    try:
        return work(job)
    except Exception as error:
        return Failed(f"{type(error).__name__}: {error}", traceback.format_exc())


def attempt_all(work: Callable[[Job], Value], jobs: list[Job]) -> list[Value | Failed]:
    """What comes of some jobs: what a worker is sent."""
    return [attempt(work, job) for job in jobs]


def chunked(jobs: Iterable[Job], size: int) -> Iterator[list[Job]]:
    """The jobs, ``size`` at a time."""
    rest = iter(jobs)
    while some := list(itertools.islice(rest, size)):
        yield some
