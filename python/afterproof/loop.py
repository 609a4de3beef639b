"""The loop that a role lives in: its steps in turn, until it is told to stop.

A restart at any point continues where it was: everything that matters is in the store, and each step looks before
it acts.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from .errors import AfterproofError
from .protocol.errors import ProtocolError
from .roles import IN_PLACE_OF, SHARED
from .steps import Context, Step
from .steps.alarm import Alarm
from .steps.measure import Meter
from .telemetry.alerts import Board
from .telemetry.webhook import Courier, Webhook

log = logging.getLogger(__name__)
Result = TypeVar("Result")

REPEAT_AFTER: Final = 60.0
"""Seconds after which a step's lasting trouble is logged again."""

MEASURE: Final = 2.0
"""Seconds between two looks at the levels that metrics show."""


def run(steps: Sequence[Step], context: Context, stop: threading.Event, poll: float) -> None:
    """Take ``steps`` in turn until ``stop``; after a round in which none has more to do, rest ``poll`` seconds.

    A step that fails is logged and taken again in the next round; it stops no other. Where several processes share the
    store, those of its steps that only one may take are taken by the one that leads, and by another when that ends.
    """
    seat = _Seat(context)
    context.chain.guard(seat.check)
    troubles = {step: _Trouble(step.__name__) for step in steps}
    while not stop.is_set():
        context.metrics.process.round_at.set_to_current_time()
        more = False
        for step in steps:
            if stop.is_set():
                return
            more |= _take(step, context, seat, troubles[step])
        if not more:
            context.liveness.rest(poll)
            stop.wait(poll)


@contextlib.contextmanager
def looping(
    steps: Sequence[Step], context: Context, stop: threading.Event, poll: float, hello: str
) -> Iterator[None]:
    """Run ``steps`` in a thread, measure and watch for what is an alert in another, and have alerts delivered in a
    third; on leaving, stop them and wait for the step under way."""
    meter, settings = Meter(context), context.config.alerts
    board = Board(settings.repeat)
    alarm = Alarm(context, board)

    def deliver() -> None:
        if settings.webhook is not None:
            webhook = Webhook(settings.webhook, settings.timeout, context.store.role)
            Courier(board, webhook, context.metrics.pressing, alarm.told, context.clock).run(stop)

    def greet() -> None:
        while not stop.wait(0.05):
            if context.pulse.is_fresh(context.clock()):
                print(hello, flush=True)
                return

    def loop() -> None:
        try:
            run(steps, context, stop, poll)
        finally:
            context.liveness.end("its loop has ended")
            stop.set()  # a process whose loop has ended must not go on as if it had not

    def measure() -> None:
        reads = meter.read_store, meter.read_chain, alarm.look
        troubles = _Trouble("measure"), _Trouble("measure"), _Trouble("alarm")
        while not stop.wait(min(MEASURE, poll)):
            for read, trouble in zip(reads, troubles, strict=True):
                _watched(read, trouble)

    threads = [
        threading.Thread(target=target, name=target.__name__) for target in (loop, greet, measure, deliver)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _take(step: Step, context: Context, seat: "_Seat", trouble: "_Trouble") -> bool:
    name, process = step.__name__, context.metrics.process
    context.liveness.take(name)
    with process.steps.labels(name).time():
        more = _watched(lambda: seat.take(step, context), trouble)
    if more is None:
        process.step_failures.labels(name).inc()
        context.troubles.meet(name, trouble.sentence, context.clock())
    else:
        context.troubles.over(name)
    return bool(more)


def _watched(what: Callable[[], Result], trouble: "_Trouble") -> Result | None:
    """What it answers; None: it failed, and that was said."""
    try:
        answer = what()
    except (AfterproofError, ProtocolError) as error:
        trouble.meet(str(error))
        return None
    except Exception as error:
        trouble.meet(f"internal error, {type(error).__name__}", error)
        return None
    trouble.over()
    return answer


class _Seat:
    """Whether this process leads, and says so when that begins or ends. Asked anew before every step.

    What a step of the one that leads writes or sends is written and sent only while it still does.
    """

    def __init__(self, context: Context) -> None:
        self._store, self._process = context.store, context.metrics.process
        self._lane = context.config.relayer.lane if context.store.role == "relayer" else None
        self._what = context.store.role + (f" of lane {self._lane}" if self._lane is not None else "")
        self._leads = True

    def check(self) -> None:
        """That it still leads: to be asked just before it sends.

        Raises:
            NotLeading: it does not.
        """
        self._store.check_lead(self._lane)

    def take(self, step: Step, context: Context) -> bool:
        if step in SHARED[self._store.role]:
            return step(context)
        if self._leads_now():
            with self._store.leading(self._lane):
                return step(context)
        return step in IN_PLACE_OF and IN_PLACE_OF[step](context)

    def _leads_now(self) -> bool:
        leads = self._store.leads(self._lane)
        if leads != self._leads:
            log.info(
                "this process acts as the %s"
                if leads
                else "another process acts as the %s: waiting for its end",
                self._what,
            )
            self._leads = leads
        self._process.lead(leads)
        return leads


class _Trouble:
    """What a step cannot get over: said when it begins, changes or lasts, and when it is over."""

    def __init__(self, step: str) -> None:
        self._step = step
        self._said: str | None = None
        self._said_at = 0.0

    @property
    def sentence(self) -> str:
        """What it is; empty: nothing."""
        return self._said or ""

    def meet(self, sentence: str, error: Exception | None = None) -> None:
        now = time.monotonic()
        if sentence != self._said or now - self._said_at >= REPEAT_AFTER:
            fields = {"step": self._step, "error": sentence}
            log.error("%s: %s", self._step, sentence, exc_info=error, extra=fields)
            self._said, self._said_at = sentence, now

    def over(self) -> None:
        if self._said is not None:
            log.info("%s: works again", self._step, extra={"step": self._step})
            self._said = None
