"""The figures of a verifier: what it looked at, what it found, and what came of it."""

from typing import Final

from ..protocol.state import FaultKind
from ..protocol.terms import ETHER
from .declaring import Declare

RESULTS: Final = ("checked", "unavailable", "missed", "wait")
VERDICTS: Final = ("accepted", "void", "disputed")
REHEARSED: Final = ("dispute", "demand", "expire", "answer", "claim", "challenge", "prove", "withdraw")
PAID: Final = ("dispute", "demand", "answer", "claim", "attest", "withdraw")
"""What the ledger tells apart."""

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
        self._money = {
            "cost": declare.counter(
                "costs_ether",
                "Fees of transactions in blocks that were followed, reverted ones too.",
                action=PAID,
            ),
            "reward": declare.counter("rewards_ether", "What actions earned.", action=PAID),
            "loss": declare.counter("losses_ether", "Deposits and bonds that others got.", action=PAID),
        }
        self.checks_waiting = declare.gauge(
            "batches_to_check", "Posted batches that are yet to be checked, or checked again."
        )
        self.disputes_waiting = declare.gauge("faults_to_prove", "Faults that are yet to be proven.")
        self.deadline = declare.level(
            "dispute_deadline_timestamp_seconds",
            "The last second in which the next of them can be proven; NaN: there is none.",
        )
        self.unjudged = declare.gauge(
            "batches_unjudged", "Posted batches that have not been judged, or not all of them."
        )
        self.oldest_unjudged = declare.level(
            "oldest_unjudged_seconds", "How long ago the oldest of them was posted; NaN: there is none."
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

    def prove(self, kind: int) -> None:
        """A proof was the first of its fault."""
        self._faults.labels(_label(FaultKind(kind))).inc()

    def book(self, kind: str, action: str, wei: float) -> None:
        """So much more is in the ledger: cost, reward or loss."""
        self._money[kind].labels(action).inc(wei / ETHER)


def _label(kind: FaultKind) -> str:
    return kind.name.lower()
