"""Alarm: look for what somebody should know of now. Beside the loop, so that one that is stuck is told of, too."""

import logging
import threading
from collections.abc import Iterator
from typing import Final

from ..errors import StoreUnavailable
from ..protocol.funds import Short
from ..store.verdicts import State
from ..telemetry.alerts import Alert, Board, Changes, Raised, Severity, Status
from .context import Context, seconds_left
from .unstored import STALE

log = logging.getLogger(__name__)

KEPT: Final = 86_400
"""Seconds for which it is said that a fault was not proven, from the batch's finality on."""

_DONE: Final = {
    "post": "post of promised receipts", "answer": "answer to a demand", "check": "check of a batch",
    "dispute": "proof of a fault", "demand": "demand of a tile", "claim": "claim of a broken promise",
    "challenge": "challenge of a false attestation",
}  # fmt: skip


class Alarm:
    """Keeps the board of a process that leads up to date. What is raised is in the store: a restart goes on with it."""

    def __init__(self, context: Context, board: Board) -> None:
        self._context, self._board = context, board
        self._began = context.clock()
        self._is_loaded = False
        self._lock = threading.Lock()
        lane = f" of lane {context.lane}" if context.store.role == "relayer" else ""
        self._owner = context.store.role + lane

    def look(self) -> None:
        """Raise what holds now, and end what does not any more; only where this process leads.

        Raises:
            StoreUnavailable: the database does not answer. What is known without it is raised.
        """
        context, board = self._context, self._board
        if not context.metrics.process.leads:
            self._is_loaded = False
            board.load([])  # whoever leads tells
            return
        try:
            if not self._is_loaded:
                board.load(context.store.alerts.of(self._owner))
                self._is_loaded = True
            found = [*self._of_process(), *self._of_store()]
        except StoreUnavailable as error:
            context.troubles.meet("store", str(error), context.clock())
            board.update(self._of_process(), context.now)
            raise
        context.troubles.over("store")
        with self._lock:
            changes = board.update(found, context.now)
            self._keep(changes)
        _say(changes)
        context.metrics.pressing.firing(board.counts())

    def told(self, raised: Raised) -> None:
        """An alert was delivered."""
        with self._lock:
            self._keep(self._board.told(raised, self._context.now))

    def _keep(self, changes: Changes) -> None:
        """Write down what has changed, in the order in which it did; where that fails, a restart may raise it again."""
        try:
            self._context.store.alerts.keep(self._owner, changes)
        except StoreUnavailable as error:
            log.error("which alerts were raised is not kept: %s", error)

    # --- what holds ------------------------------------------------------------------------------

    def _of_process(self) -> Iterator[Alert]:
        """What is known without the store."""
        context, now = self._context, self._context.clock()
        watch = context.funds_watch
        for short, sentence in dict(watch.warnings).items():
            is_broke = watch.found is not None and watch.found.account.balance == 0
            severity = Severity.CRITICAL if is_broke or short is Short.RESERVE else Severity.WARNING
            of = {"account": "0x" + context.chain.account.hex(), "what": short.value}
            yield Alert("funds_low", short.value, severity, sentence, of)
        if not context.pulse.is_fresh(now) and now - self._began > STALE:
            summary = f"the chain has not been followed to its head for the last {STALE:.0f} seconds"
            yield Alert("behind", "", Severity.CRITICAL, summary)
        for what, (since, why) in context.troubles.lasting(now, context.config.alerts.patience).items():
            about = {"step": what, "error": why, "seconds": int(now - since)}
            yield Alert("trouble", what, Severity.WARNING, f"{what}: {why}", about)
        stuck = context.liveness.trouble()
        if stuck:
            yield Alert("trouble", "loop", Severity.CRITICAL, stuck, {"step": "loop", "error": stuck})

    def _of_store(self) -> Iterator[Alert]:
        context = self._context
        for action, left in seconds_left(context).items():
            near = context.config.alerts.deadline_near
            if action == "post":  # promises last for minutes: half of what is set aside for trouble
                near = min(near, context.config.relayer.promise_margin / 2)
            if left < near:
                summary = f"the {_DONE[action]} is yet to be done, and its deadline " + (
                    f"is in {left} seconds" if left >= 0 else f"was {-left} seconds ago"
                )
                yield Alert(
                    "deadline_near", action, Severity.CRITICAL, summary, {"action": action, "seconds": left}
                )
        if context.store.role == "verifier":
            yield from self._of_lanes()

    def _of_lanes(self) -> Iterator[Alert]:
        context, pending, now = self._context, self._context.store.pending, self._context.chain_now
        groups = (
            ("fault_found", Severity.WARNING, pending.faults(State.PENDING), "are to be proven"),
            (
                "fault_proven",
                Severity.INFO,
                pending.faults(State.PROVEN),
                "are proven: its stake was slashed",
            ),
            (
                "fault_lost",
                Severity.CRITICAL,
                pending.faults_lost(now - KEPT),
                "were not proven in time, or at all",
            ),
        )
        for name, severity, found, what in groups:
            for lane, faults, batches in found:
                summary = f"{_count(faults, 'fault')} in {_count(batches, 'batch')} of lane {lane} {what}"
                yield Alert(
                    name,
                    f"lane {lane}",
                    severity,
                    summary,
                    {"lane": lane, "count": faults, "batches": batches},
                )
        for lane, tiles, batches in pending.withheld(now - int(context.config.alerts.patience)):
            summary = (
                f"the data of {_count(tiles, 'tile')} in {_count(batches, 'batch')} of lane {lane} cannot be had, "
                "or is not what was posted"
            )
            about = {"lane": lane, "count": tiles, "batches": batches}
            yield Alert("data_withheld", f"lane {lane}", Severity.WARNING, summary, about)


def _say(changes: Changes) -> None:
    for one in changes.kept:
        alert, lasts = one.alert, one.status is Status.FIRING
        level = logging.WARNING if lasts and alert.severity is not Severity.INFO else logging.INFO
        about = f" of {alert.subject}" if alert.subject else ""
        log.log(level, "alert %s%s%s: %s", alert.name, about, "" if lasts else " is over", alert.summary)
    for name, subject in changes.gone:
        log.info("alert %s%s is over", name, f" of {subject}" if subject else "")


def _count(number: int, what: str) -> str:
    plural = what + ("es" if what.endswith("h") else "s")
    return f"{number} {what if number == 1 else plural}"
