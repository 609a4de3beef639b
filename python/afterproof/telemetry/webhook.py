"""Delivering alerts: one JSON object a POST, from a thread of its own, so that no receiver delays anything else.

    {"from": "afterproof", "role": "verifier", "alert": "fault_found", "subject": "lane 1", "severity": "warning",
     "status": "firing", "summary": "2 faults in 1 batch of lane 1 are to be proven", "since": 1763715600,
     "fields": {"lane": 1, "count": 2}}

Its form is nobody's product's: a few lines of a proxy turn it into any. The address may hold a secret: it is in no
message.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from ..errors import AfterproofError
from .alerts import Alert, Board, Raised, Severity, Status
from .pressing import Pressing

log = logging.getLogger(__name__)

LONGEST: Final = 60.0
"""Seconds between two attempts to deliver, at most."""

LOOK: Final = 0.25
"""Seconds between two looks at the board."""


class DeliveryFailed(AfterproofError):
    """The webhook did not take an alert: no answer, or not one of success."""


class Webhook:
    """Whoever takes alerts at ``url``; ``timeout`` in seconds for each attempt."""

    def __init__(self, url: str, timeout: float, role: str) -> None:
        self._url, self._timeout, self._role = url, timeout, role
        self.host = urlsplit(url).hostname or "the webhook"

    def deliver(self, raised: Raised) -> None:
        """Hand an alert over.

        Raises:
            DeliveryFailed: it was not taken; the message names the host alone.
        """
        try:
            answer = httpx.post(self._url, json=message(raised, self._role), timeout=self._timeout)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            # What these say may hold the address.
            raise DeliveryFailed(f"{self.host} cannot be reached: {type(error).__name__}") from None
        if not answer.is_success:
            raise DeliveryFailed(f"{self.host} answered {answer.status_code}")


def message(raised: Raised, role: str) -> dict[str, Any]:
    """An alert as it is sent."""
    alert = raised.alert
    return {
        "from": "afterproof", "role": role, "alert": alert.name, "subject": alert.subject,
        "severity": alert.severity.value, "status": raised.status.value, "summary": alert.summary,
        "since": raised.since, "fields": dict(alert.fields),
    }  # fmt: skip


def tried(now: int) -> tuple[Raised, Raised]:
    """An alert that says that it is none, and that it is over."""
    alert = Alert("test", "", Severity.INFO, "This is a test: nothing is wrong.")
    return Raised(alert, now), Raised(alert, now, Status.RESOLVED, now)


class Courier:
    """Takes what is due from a board to a webhook, one at a time, until ``stop``.

    What is not taken is tried again after growing waits; meanwhile what is over and was never told is forgotten, so
    that nothing piles up. ``told`` is told of what was delivered, and notes it on the board.
    """

    def __init__(
        self,
        board: Board,
        webhook: Webhook,
        pressing: Pressing,
        told: Callable[[Raised], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._board, self._webhook, self._pressing = board, webhook, pressing
        self._told, self._clock = told, clock
        self._failures = 0

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop; no failure ends it."""
        while not stop.wait(self._pause()):
            try:
                while not stop.is_set() and self._take():
                    pass
            except Exception as error:
                self._failures += 1
                log.error("alerts: internal error, %s", type(error).__name__, exc_info=error)

    def _pause(self) -> float:
        return min(LOOK * 2.0 ** min(self._failures, 10), LONGEST)

    def _take(self) -> bool:
        """Deliver the next one; False: there is none, or it was not taken."""
        raised = self._board.next(int(self._clock()))
        if raised is None:
            return False
        try:
            self._webhook.deliver(raised)
        except DeliveryFailed as error:
            self._board.failed(raised)
            self._pressing.send(delivered=False)
            self._failures += 1
            if self._failures == 1:
                log.error("an alert could not be delivered, trying again: %s", error)
            return False
        if self._failures:
            log.info("alerts: %s takes them again", self._webhook.host)
        self._failures = 0
        self._pressing.send(delivered=True)
        self._told(raised)
        return True
