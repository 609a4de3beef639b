"""What came of the demo: its figures, from what was observed. Pure."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..protocol.header import BatchId, Header
from ..protocol.receipt import Scheme
from ..protocol.state import Standing, VoidReason
from ..protocol.terms import Terms
from .traffic import Answered


@dataclass(frozen=True)
class PostedBatch:
    """A batch as the chain has it, and the gas that posting it used."""

    batch: BatchId
    header: Header
    gas: int


@dataclass(frozen=True)
class ReadLeaf:
    """A posted leaf, and what the contract said of it once its window had ended."""

    batch: BatchId
    index: int
    leaf_hash: bytes
    issued_at: int
    anchor: int
    final_at: int
    standing: Standing
    reason: VoidReason


@dataclass(frozen=True)
class Proven:
    """A fault that was proven: of which leaf, signed how, what its lane lost, who proved it, and at what gas."""

    batch: BatchId
    index: int
    scheme: Scheme | None
    slashed: int
    prover: bytes
    gas: int


@dataclass(frozen=True)
class Gap:
    """One part of the trust gap, in seconds (or the answer's, in milliseconds)."""

    p50: float
    p95: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Gap":
        """Percentiles by nearest rank."""
        return cls(percentile(values, 50), percentile(values, 95), max(values, default=math.nan))


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that is at least as large as ``percent`` per cent of all; nan of none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1] if ordered else math.nan


@dataclass(frozen=True)
class Report:
    """Everything observed. ``verifier`` is whose shares of the slashes are looked for."""

    asked: int
    answers: Sequence[Answered]
    batches: Sequence[PostedBatch]
    leaves: Sequence[ReadLeaf]
    faults: Sequence[Proven]
    terms: Terms
    cheat_lane: int
    verifier: bytes
    credit: int
    burned: int
    trouble: Sequence[str] = field(default=())
    """Anything that went wrong on the way: failed requests, batches whose data could not be had."""

    @cached_property
    def honest(self) -> list[ReadLeaf]:
        """The posted leaves whose receipts came with an answer."""
        given = {answer.leaf_hash for answer in self.answers}
        return [leaf for leaf in self.leaves if leaf.leaf_hash in given]

    @cached_property
    def standings(self) -> Counter[tuple[Standing, VoidReason]]:
        """How many leaves read what, and why."""
        return Counter((leaf.standing, leaf.reason) for leaf in self.leaves)

    def count(self, standing: Standing) -> int:
        """How many leaves have a standing."""
        return sum(leaf.standing is standing for leaf in self.leaves)

    @cached_property
    def answer_ms(self) -> Gap:
        """From sending a request to the last byte of its answer."""
        return Gap.of([answer.elapsed_ms for answer in self.answers])

    @cached_property
    def posted_gap(self) -> Gap:
        """From issuing a receipt to the block in which its batch was posted."""
        return Gap.of([leaf.anchor - leaf.issued_at for leaf in self.honest])

    @cached_property
    def final_gap(self) -> Gap:
        """From issuing a receipt to the first second at which it reads Final."""
        finals = [leaf for leaf in self.honest if leaf.standing is Standing.FINAL]
        return Gap.of([leaf.final_at - leaf.issued_at for leaf in finals])

    @property
    def accuracy(self) -> float:
        """The share of digits read rightly."""
        return sum(answer.correct for answer in self.answers) / max(len(self.answers), 1)

    @property
    def slashed(self) -> int:
        """What lanes lost, in wei."""
        return sum(fault.slashed for fault in self.faults)

    @property
    def gas_per_batch(self) -> float:
        """The mean gas of posting a batch."""
        return sum(batch.gas for batch in self.batches) / max(len(self.batches), 1)

    @property
    def gas_per_receipt(self) -> float:
        """The mean over all receipts of their share of the gas of posting."""
        return sum(batch.gas for batch in self.batches) / max(len(self.leaves), 1)

    def to_json(self) -> dict[str, Any]:
        """The figures, under the names that are promised to programs."""
        posted, final = self.posted_gap, self.final_gap
        return {
            "receipts": len(self.leaves),
            "final": self.count(Standing.FINAL),
            "voided": self.count(Standing.VOIDED),
            "faults": len(self.faults),
            "slashed_wei": self.slashed,
            "accuracy": round(self.accuracy, 4),
            "gas_per_batch": round(self.gas_per_batch),
            "gas_per_receipt": round(self.gas_per_receipt, 1),
            "answer_ms_p50": _finite(round(self.answer_ms.p50, 2)),
            "gap_seconds": {
                "posted_p50": _finite(posted.p50),
                "posted_p95": _finite(posted.p95),
                "final_p50": _finite(final.p50),
                "final_p95": _finite(final.p95),
            },
        }


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value
