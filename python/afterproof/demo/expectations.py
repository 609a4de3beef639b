"""What must have come of the demo, and what of it did not. Pure."""

from collections import Counter
from typing import Final

from ..protocol.header import lane_of
from ..protocol.state import Standing, VoidReason
from .report import Report

FORGED: Final = 2
"""Receipts that the cheat slips in with a forged signature."""

UNREGISTERED: Final = 1
"""Receipts that the cheat slips in from a node that no registry knows."""

MOST_ANSWER_MS: Final = 50.0
"""What half of the answers may take at most."""


def problems(report: Report) -> list[str]:
    """What went wrong or did not happen, each as a sentence; empty when everything is as it should be."""
    expected = [*_honest(report), *_cheat(report)]
    return [*report.trouble, *(sentence for holds, sentence in expected if not holds)]


def _honest(report: Report) -> list[tuple[bool, str]]:
    """Everybody was answered fast, and each receipt was posted once and became final on time."""
    asked, answered, honest = report.asked, len(report.answers), report.honest
    times = set(Counter(leaf.leaf_hash for leaf in honest).values())
    final = sum(leaf.standing is Standing.FINAL for leaf in honest)
    others = report.count(Standing.FINAL) - final
    window = report.terms.window
    late = [batch for batch in report.batches if batch.header.latest_end != batch.header.anchor + window]
    p50 = report.answer_ms.p50
    return [
        (answered == asked, f"{answered} of {asked} questions were answered."),
        (
            p50 <= MOST_ANSWER_MS,
            f"half of the answers took {p50:.1f} ms or more, not at most {MOST_ANSWER_MS:g}.",
        ),
        (
            len(honest) == asked and times == {1},
            f"{asked} receipts were to be posted once each: {len(honest)} were.",
        ),
        (final == asked, f"{final} of {asked} honest receipts are final."),
        (not others, f"{others} receipts are final that nobody got with an answer."),
        (not late, f"{len(late)} batches were held up beyond their window."),
    ]


def _cheat(report: Report) -> list[tuple[bool, str]]:
    """The cheat alone paid, for each forgery, and every receipt that it slipped in is void."""
    faulty = report.standings[Standing.VOIDED, VoidReason.FAULTY]
    by_rule = report.standings[Standing.VOIDED, VoidReason.NOT_ENTITLED]
    voided, proven, slashed = report.count(Standing.VOIDED), len(report.faults), report.slashed
    price = FORGED * report.terms.leaf_slash
    lanes = {lane_of(fault.batch) for fault in report.faults}
    shared = report.credit == report.burned == slashed // 2
    return [
        (proven == FORGED, f"{proven} faults were proven, not {FORGED}."),
        (faulty == FORGED, f"{faulty} receipts are void for a proven fault, not {FORGED}."),
        (by_rule == UNREGISTERED, f"{by_rule} receipts are void for their node, not {UNREGISTERED}."),
        (voided == faulty + by_rule, f"{voided - faulty - by_rule} receipts are void for another reason."),
        (slashed == price, f"{slashed} wei were slashed, not {price}."),
        (lanes <= {report.cheat_lane}, f"lanes {sorted(lanes)} were slashed, not the cheat's alone."),
        (shared, f"of {slashed} wei, {report.burned} are to burn and {report.credit} went to the verifier."),
    ]
