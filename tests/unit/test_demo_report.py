"""The demo's figures and expectations, from made-up observations.

a report
├── its figures should be those of the leaves and batches, by nearest rank and mean
└── when there is nothing to report → its JSON should still be JSON
expectations
├── when everything is as it should be → there should be no problem
└── when one thing is not → it should be named
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from afterproof.demo.expectations import problems
from afterproof.demo.report import Gap, PostedBatch, Proven, ReadLeaf, Report, percentile
from afterproof.demo.traffic import Answered
from afterproof.protocol.header import Header, batch_id
from afterproof.protocol.receipt import Scheme, keccak
from afterproof.protocol.state import Standing, VoidReason
from afterproof.protocol.terms import DEMO

VERIFIER = b"\x02" * 20
ANCHOR = 1_800_000_010
BATCH, CHEATED = batch_id(1, 0), batch_id(2, 0)
HEADER = Header(3, ANCHOR, ANCHOR + DEMO.window, ANCHOR - 4, 4, 1)


def answered(number: int, correct: bool = True, elapsed_ms: float = 5.0) -> Answered:
    """The answer to one question."""
    expected = number % 10
    digit = expected if correct else (expected + 1) % 10
    return Answered(number, "gateway-1", digit, expected, elapsed_ms, keccak(b"%d" % number), ANCHOR - number)


def leaf(number: int, standing: Standing = Standing.FINAL, reason: VoidReason = VoidReason.NONE) -> ReadLeaf:
    """The posted leaf of the answer with that number, or of none."""
    batch = BATCH if standing is Standing.FINAL else CHEATED
    end = HEADER.latest_end + 1
    return ReadLeaf(batch, number, keccak(b"%d" % number), ANCHOR - number, ANCHOR, end, standing, reason)


GOOD = Report(
    asked=4,
    answers=[answered(n, correct=n != 4, elapsed_ms=float(n)) for n in (1, 2, 3, 4)],
    batches=[PostedBatch(BATCH, HEADER, 100_000), PostedBatch(CHEATED, HEADER, 80_000)],
    leaves=[
        *(leaf(n) for n in (1, 2, 3, 4)),
        leaf(101, Standing.VOIDED, VoidReason.FAULTY),
        leaf(102, Standing.VOIDED, VoidReason.FAULTY),
        leaf(103, Standing.VOIDED, VoidReason.NOT_ENTITLED),
    ],
    faults=[Proven(CHEATED, n, Scheme.SECP256K1, DEMO.leaf_slash, VERIFIER, 90_000) for n in (101, 102)],
    terms=DEMO,
    cheat_lane=2,
    verifier=VERIFIER,
    credit=DEMO.leaf_slash,
    burned=DEMO.leaf_slash,
)


def test_report_has_the_figures_of_what_was_seen() -> None:
    assert GOOD.to_json() == {
        "receipts": 7,
        "final": 4,
        "voided": 3,
        "faults": 2,
        "slashed_wei": 2 * DEMO.leaf_slash,
        "accuracy": 0.75,
        "gas_per_batch": 90_000,
        "gas_per_receipt": round(180_000 / 7, 1),
        "answer_ms_p50": 2.0,
        "gap_seconds": {"posted_p50": 2, "posted_p95": 4, "final_p50": 15, "final_p95": 17},
    }


def test_report_of_nothing_is_still_json() -> None:
    nothing = replace(GOOD, answers=[], batches=[], leaves=[], faults=[])
    found = json.loads(json.dumps(nothing.to_json(), allow_nan=False))
    assert found["answer_ms_p50"] is None
    assert found["gap_seconds"]["final_p95"] is None
    assert problems(nothing)


def test_percentile_is_the_nearest_rank() -> None:
    values = [15, 20, 35, 40, 50]
    assert [percentile(values, p) for p in (5, 30, 40, 50, 100)] == [15, 20, 20, 35, 50]
    assert Gap.of([3.0]) == Gap(3.0, 3.0, 3.0)


def test_expectations_that_are_met_leave_no_problem() -> None:
    assert problems(GOOD) == []


LATE = replace(HEADER, window_end=HEADER.window_end + 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (lambda r: {"trouble": ["request 3 failed"]}, "request 3 failed"),
        (lambda r: {"asked": 5}, "4 of 5 questions were answered"),
        (lambda r: {"answers": [replace(a, elapsed_ms=51) for a in r.answers]}, "half of the answers took 51.0 ms"),
        (lambda r: {"leaves": r.leaves[1:]}, "3 were."),
        (lambda r: {"leaves": [*r.leaves, leaf(1)]}, "5 were."),
        (lambda r: {"leaves": [replace(r.leaves[0], standing=Standing.POSTED), *r.leaves[1:]]}, "3 of 4 honest"),
        (lambda r: {"leaves": [*r.leaves, leaf(104)]}, "1 receipts are final that nobody got"),
        (lambda r: {"batches": [replace(r.batches[0], header=LATE)]}, "1 batches were held up"),
        (lambda r: {"faults": r.faults[:1]}, "1 faults were proven, not 2"),
        (lambda r: {"leaves": r.leaves[:-1]}, "0 receipts are void for their node"),
        (lambda r: {"cheat_lane": 1}, "lanes [2] were slashed"),
        (lambda r: {"credit": 0}, "0 went to the verifier"),
        (lambda r: {"leaves": [*r.leaves, leaf(9, Standing.VOIDED, VoidReason.UNTIMELY)]}, "1 receipts are void for"),
    ],
)  # fmt: skip
def test_expectation_that_is_not_met_is_named(changes: Callable[[Report], dict[str, Any]], said: str) -> None:
    found = problems(replace(GOOD, **changes(GOOD)))
    assert any(said in sentence for sentence in found), found
