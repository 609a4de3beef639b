"""An audit's report for a person."""

from collections.abc import Iterable
from typing import Any, Final

from ..protocol.header import lane_of, name_of
from ..protocol.report import GAPS, Report, Sums, kind_name
from ..protocol.state import PromiseFault
from ..units import ether
from .output import facts, table
from .values import moment, short

SHOWN: Final = 20
"""Lines of each list that are shown; --json has all of them."""

_GAP_NAMES: Final = dict(zip(GAPS, ("issued to posted", "posted to final", "trust gap"), strict=True))


def described(report: Report, until: str) -> str:
    """The whole report."""
    parts = [_summary(report, until), _lanes(report)]
    parts += [_faults(report), _unavailable(report), _demands(report), _promises(report), _gaps(report)]
    return "\n\n".join(part for part in parts if part)


def _summary(report: Report, until: str) -> str:
    tally = report.all.tally
    verdict = "clean" if report.is_clean else "NOT CLEAN"
    if not report.is_complete:
        verdict = "not told: see standard error" if report.is_clean else "NOT CLEAN, as far as could be told"
    rows: list[tuple[str, object]] = [
        ("history", f"{verdict}, {until}"),
        (
            "batches",
            f"{report.all.batches} examined" + (f", {report.unexamined} not" if report.unexamined else ""),
        ),
        ("receipts", f"{report.all.checked} checked, {tally.empty} empty leaves beside them"),
        ("", f"{tally.final} final, {tally.posted} posted"),
        (
            "",
            f"{tally.void_by_rule} void by rule, {tally.void_by_proof} void by proof, {tally.struck} struck",
        ),
        ("", f"{tally.unavailable} unavailable"),
        (
            "faults",
            f"{len(report.faults)}, {sum(one.state == 'proven' for one in report.faults)} of them proven",
        ),
        ("slashed", ether(report.all.slashed.total())),
    ]
    return facts(rows)


def _lanes(report: Report) -> str:
    if not report.lanes:
        return ""
    faults, lacking = _counted(report.faults), _counted(report.lacking)
    rows = [
        (lane, sums.batches, sums.checked, sums.tally.final, faults.get(lane, 0), lacking.get(lane, 0),
         ether(sums.slashed.total()))
        for lane, sums in sorted(report.lanes.items())
    ]  # fmt: skip
    return table(("lane", "batches", "checked", "final", "faults", "tiles not had", "slashed"), rows)


def _counted(ones: Iterable[Any]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for one in ones:
        counts[lane_of(one.batch)] = counts.get(lane_of(one.batch), 0) + 1
    return counts


def _faults(report: Report) -> str:
    rows = [
        (
            name_of(one.batch), one.index, kind_name(one.kind), one.state if one.found else "proven, not judged here",
            "" if one.proof is None else f"0x{one.proof.prover.hex()} at {moment(one.proof.at)}",
        )
        for one in report.faults[:SHOWN]
    ]  # fmt: skip
    return _listed(("batch", "leaf", "fault", "state", "proven by"), rows, len(report.faults))


def _unavailable(report: Report) -> str:
    head = (
        "batch",
        "tile",
        "leaves",
        "not had, by no fault of the lane's" if report.is_cut_off else "unavailable",
    )
    rows = [(name_of(one.batch), one.tile, one.leaves, one.why) for one in report.lacking[:SHOWN]]
    return _listed(head, rows, len(report.lacking))


def _demands(report: Report) -> str:
    rows = [
        (name_of(one.batch), one.tile, one.outcome, f"0x{one.challenger.hex()}", moment(one.opened_at),
         ether(one.slashed or 0))
        for one in report.demands[:SHOWN]
    ]  # fmt: skip
    head = ("batch", "tile", "demand", "demanded by", "at", "slashed")
    return _listed(head, rows, len(report.demands))


def _promises(report: Report) -> str:
    rows = [
        (one.lane, one.seq, PromiseFault(one.fault).name, short(one.beneficiary), moment(one.at),
         ether(one.slashed))
        for one in report.promises[:SHOWN]
    ]  # fmt: skip
    return _listed(
        ("lane", "number", "broken promise", "beneficiary", "at", "slashed"), rows, len(report.promises)
    )


def _gaps(report: Report) -> str:
    sums = [("all", report.all), *((f"lane {lane}", one) for lane, one in sorted(report.lanes.items()))]
    rows = [row for name, one in sums for row in _gap_rows(name, one)]
    return table(("seconds", "", "50 %", "90 %", "99 %", "receipts"), rows) if rows else ""


def _gap_rows(name: str, sums: Sums) -> list[tuple[object, ...]]:
    gaps = sums.to_json()["trust_gap"]
    rows: list[tuple[object, ...]] = [
        _gap_row(name, part, gaps[part]) for part in GAPS if gaps[part]["receipts"]
    ]
    for hour in gaps["hours"] if name == "all" else ():
        rows += [_gap_row(moment(hour["hour"]), part, hour[part]) for part in GAPS if hour[part]["receipts"]]
    return rows


def _gap_row(name: str, part: str, said: dict[str, int]) -> tuple[object, ...]:
    return (name, _GAP_NAMES[part], said["p50"], said["p90"], said["p99"], said["receipts"])


def _listed(head: tuple[str, ...], rows: list[tuple[Any, ...]], count: int) -> str:
    if not rows:
        return ""
    more = f"\nand {count - len(rows)} more: --json lists them all" if count > len(rows) else ""
    return table(head, rows) + more
