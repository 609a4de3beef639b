"""The figures of a verifier: what it looked at, what it found, and what came of it."""

from typing import Final

from ..protocol.state import FaultKind
from ..protocol.terms import ETHER
from .declaring import Declare

RESULTS: Final = ("checked", "unavailable", "missed", "wait")
VERDICTS: Final = ("accepted", "void", "disputed")
REHEARSED: Final = ("dispute", "demand", "expire", "answer", "claim", "challenge", "prove")
OUTCOMES: Final = ("proven", "lost_race", "struck", "too_late", "unprovable")


class Checking:
    """Batches that were checked, and the faults in them."""

    def __init__(self, declare: Declare) -> None:
        self._checks = declare.counter(
            "batch_checks",
            "Looks at posted batches. unavailable: the data is not what was posted; wait: trouble of our own.",
            result=RESULTS,
        )
        self._leaves = declare.counter("leaves_judged", "Leaves of checked batches.", verdict=VERDICTS)
        self._disputes = declare.counter(
            "disputes_settled", "Faults that were found, by what became of them.", outcome=OUTCOMES
        )
        self._faults = declare.counter(
            "faults_proven",
            "Faults that this verifier proved first.",
            fault=[_label(one) for one in FaultKind],
        )
        self._rehearsed = declare.counter(
            "actions_rehearsed", "What a dry run would have sent, each thing once.", action=REHEARSED
        )
        self._rewards = declare.counter("rewards_ether", "What these proofs earned.")
        self.checks_waiting = declare.gauge(
            "batches_to_check", "Posted batches that are yet to be checked, or checked again."
        )
        self.disputes_waiting = declare.gauge("faults_to_prove", "Faults that are yet to be proven.")
        self.deadline = declare.level(
            "dispute_deadline_timestamp_seconds",
            "The last second in which the next of them can be proven; NaN: there is none.",
        )

    def look(self, result: str) -> None:
        """A batch was looked at, with one of :data:`RESULTS`."""
        self._checks.labels(result).inc()

    def judge(self, accepted: int, void: int, disputed: int) -> None:
        """A batch was checked: how many leaves got which verdict."""
        self.look("checked")
        for verdict, count in zip(VERDICTS, (accepted, void, disputed), strict=True):
            self._leaves.labels(verdict).inc(count)

    def settle(self, outcome: str) -> None:
        """Nothing is left to do about a fault; ``outcome`` is one of :data:`OUTCOMES`."""
        self._disputes.labels(outcome if outcome in OUTCOMES else "unprovable").inc()

    def rehearse(self, action: str) -> None:
        """A dry run would have sent something; ``action`` is one of :data:`REHEARSED`."""
        self._rehearsed.labels(action).inc()

    def prove(self, kind: int, reward: int) -> None:
        """A proof was the first of its fault, and earned ``reward`` wei."""
        self._faults.labels(_label(FaultKind(kind))).inc()
        self._rewards.inc(reward / ETHER)


def _label(kind: FaultKind) -> str:
    return kind.name.lower()
