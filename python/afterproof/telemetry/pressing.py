"""How far behind a process is, how much time is left for what it has yet to do, and which alerts it has raised."""

from collections.abc import Mapping
from typing import Final

from .declaring import NAN, Declare

ACTIONS: Final = ("post", "answer", "check", "dispute", "demand", "claim", "challenge")
"""What has deadlines."""

ALERTS: Final = (
    "funds_low", "behind", "deadline_near", "trouble", "fault_found", "fault_proven", "fault_lost", "data_withheld",
)  # fmt: skip
"""What alerts are about."""

RESULTS: Final = ("delivered", "failed")


class Pressing:
    """What there is too little of: time."""

    def __init__(self, declare: Declare) -> None:
        self._deadline = declare.gauge(
            "nearest_deadline_seconds",
            "Seconds until the nearest deadline of what is still to be done, by what that is; NaN: nothing is.",
            action=ACTIONS,
        )
        self.deadlines({})
        self._firing = declare.gauge(
            "alerts_firing", "Alerts that are raised and not over, by what they are about.", alert=ALERTS
        )
        self._sent = declare.counter(
            "alerts_sent", "Attempts to deliver an alert to the webhook.", result=RESULTS
        )

    def deadlines(self, left: Mapping[str, int]) -> None:
        """Seconds that are left for each kind of action that waits."""
        for action in ACTIONS:
            self._deadline.labels(action).set(left.get(action, NAN))

    def firing(self, counts: Mapping[str, int]) -> None:
        """How many alerts are raised, by name."""
        for name in ALERTS:
            self._firing.labels(name).set(counts.get(name, 0))

    def send(self, delivered: bool) -> None:
        """An alert was handed to the webhook, or could not be."""
        self._sent.labels("delivered" if delivered else "failed").inc()
