"""Requests on their way to intake: gathered while the last commit is on its way to disk, then one commit for all.

One thread reads whatever waits, has it judged and stored together, and answers when that is on disk. Reading and
writing JSON are its work too: two busy threads would mostly hand the interpreter to and fro. It never waits for
company: a request that comes alone is a commit of its own. What comes while others are judged, though, joins their
commit, which costs each of them less. What waits is bounded; beyond that a request is refused at
once, before it costs anything.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Self, TypeVar

from ..errors import AfterproofError, StoreUnavailable
from ..steps import Context
from ..steps.intake import Answers, Request, intake_together

log = logging.getLogger(__name__)

T = TypeVar("T")

TOGETHER: Final = 2000
"""Receipts of one commit at most, unless a single request has more: so that none waits long for its neighbours."""

IDLE: Final = 1.0
"""Seconds without a request after which the thread ends; the next request starts another."""

RETRY_AFTER: Final = 1
"""Seconds after which there may be room again: a full queue is stored in less."""


class QueueFull(Exception):
    """As much waits as may; the same request may be welcome in a moment."""


class QueueClosed(AfterproofError):
    """The relayer is ending; nothing of the request was accepted."""


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """A request on its way: ``read`` says what is handed in, ``form`` makes a response of the answers.

    Both are called in the queue's thread, and what either raises is the outcome of this request alone; of ``form`` once
    everything is on disk. ``size``: how many receipts it counts as while it waits.
    """

    read: Callable[[], Request]
    form: Callable[[Answers], T]
    size: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A request, and where its response is awaited."""

    work: Work[Any]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


class IntakeQueue:
    """Hands requests to intake, many at a time. Usable from any event loop; ``with`` closes it at the end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._most = context.config.relayer.queue_limit
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._size = 0
        self._thread: threading.Thread | None = None
        self._closed = False
        context.metrics.intake.queue.set_function(lambda: self._size)

    async def take(self, work: Work[T]) -> T:
        """The response to a request, once all that it was given is on disk.

        Raises:
            QueueFull: too much waits.
            QueueClosed, StoreUnavailable: nothing of it was accepted.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(work, loop.create_future(), loop)
        self._put(waiting)
        response: T = await waiting.future
        return response

    def close(self) -> None:
        """Take no more; whatever waits is still stored and answered. Returns when that is done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, waiting: _Waiting) -> None:
        size = waiting.work.size
        with self._changed:
            if self._closed:
                raise QueueClosed("the relayer is ending: it takes no more receipts")
            if self._size and self._size + size > self._most:
                raise QueueFull(f"{self._size} receipts wait to be stored, and {self._most} may")
            self._size += size
            self._waiting.append(waiting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="intake")
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        group: list[_Waiting] = []
        try:
            while group := self._next():
                outcomes = self._outcomes(group)  # what comes meanwhile joins the group
                self._done(group)
                _answer(group, outcomes)
        except BaseException as error:  # the thread is gone: nobody may wait for it
            with self._changed:
                group += self._waiting
                self._waiting.clear()
                self._size, self._thread = 0, None
            _answer(
                group, [error if isinstance(error, Exception) else RuntimeError("intake ended")] * len(group)
            )
            raise

    def _next(self) -> list[_Waiting]:
        """What is to be stored next; nothing: the thread is to end."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait_for(lambda: self._waiting or self._closed, IDLE)
            group: list[_Waiting] = []
            self._fill(group)
            if not group:
                self._thread = None
            return group

    def _fill(self, group: list[_Waiting]) -> None:
        """Have what waits join a group, as far as it has room."""
        size = _size(group)
        while self._waiting and (not group or size + self._waiting[0].work.size <= TOGETHER):
            group.append(self._waiting.popleft())
            size += group[-1].work.size

    def _done(self, group: Sequence[_Waiting]) -> None:
        with self._changed:
            self._size -= _size(group)

    def _outcomes(self, group: list[_Waiting]) -> list[object]:
        """The response to each request, or the exception that it ends in. What comes meanwhile joins the group."""
        requests: list[Any] = []
        read: list[Request] = []

        def more() -> list[Request]:
            with self._changed:
                self._fill(group)
            new = [_tried(waiting.work.read) for waiting in group[len(requests) :]]
            requests.extend(new)
            found = [request for request in new if isinstance(request, Request)]
            read.extend(found)
            return found

        answers = iter(self._taken(read, more))
        found = [next(answers) if isinstance(request, Request) else request for request in requests]
        return [
            one if isinstance(one, Exception) else _tried(partial(waiting.work.form, one))
            for waiting, one in zip(group, found, strict=True)
        ]

    def _taken(
        self, requests: Sequence[Request], more: Callable[[], Sequence[Request]]
    ) -> list[Answers | Exception]:
        """The answers to all ``requests`` that ``more`` adds to these.

        One that meets a mistake of ours does not take its neighbours with it.
        """
        first = more()
        if not first:
            return []
        try:
            return list(intake_together(self._context, first, more))
        except StoreUnavailable as error:
            return [error] * len(requests)
        except Exception as error:
            if len(requests) == 1:
                return [error]
            log.warning("%d requests are taken one by one: %s", len(requests), type(error).__name__)
            # What was stored after all is found again: intake gives the first answer.
            return [_tried(partial(self._alone, request)) for request in requests]

    def _alone(self, request: Request) -> Answers:
        return intake_together(self._context, [request])[0]


def _size(group: Sequence[_Waiting]) -> int:
    """How many receipts a group counts as."""
    return sum(waiting.work.size for waiting in group)


def _tried(call: Callable[[], object]) -> Any:
    """What a call gives, or the exception that it raises."""
    try:
        return call()
    except Exception as error:
        return error


def _answer(group: Sequence[_Waiting], outcomes: Sequence[object]) -> None:
    """Hand outcomes to whoever waits, each event loop woken once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, object]]] = {}
    for waiting, outcome in zip(group, outcomes, strict=True):
        by_loop.setdefault(waiting.loop, []).append((waiting, outcome))
    for loop, pairs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, pairs)
        except RuntimeError:  # the loop has ended, and with it whoever waited
            log.warning("%d requests were answered when nobody waited any more", len(pairs))


def _settle(pairs: Sequence[tuple[_Waiting, object]]) -> None:
    for waiting, outcome in pairs:
        if waiting.future.done():  # whoever waited has gone
            continue
        if isinstance(outcome, Exception):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(outcome)
