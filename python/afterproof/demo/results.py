"""The demo's end: its figures as tables for people."""

from typing import Final

from rich.console import Console
from rich.table import Table

from ..protocol.header import lane_of
from ..protocol.receipt import Scheme, hex0x
from ..protocol.state import Standing
from ..protocol.terms import ETHER
from .expectations import problems
from .report import Gap, Report
from .view import WHY


def show(report: Report, console: Console, seconds: float) -> None:
    """Print what came of it all."""
    console.print()
    for table in (_standings(report), _gaps(report), _gas(report)):
        console.print(table)
        console.print()
    console.print(_slashes(report))
    console.print(f"{report.accuracy:.1%} of {len(report.answers)} digits were read rightly.")
    wrong = problems(report)
    for sentence in wrong:
        console.print(f"[red]went wrong:[/] {sentence}")
    if not wrong:
        console.print(f"[green]Everything happened as it should, in {seconds:.0f} seconds.[/]")


def _standings(report: Report) -> Table:
    table = _table("What the contract says of every posted receipt", "receipts", "standing", "why")
    for (standing, reason), count in report.standings.most_common():
        why = "its window has ended and nobody proved a fault" if standing is Standing.FINAL else ""
        why = WHY[reason] if standing is Standing.VOIDED else why
        table.add_row(str(count), standing.name.capitalize(), why)
    return table


def _gaps(report: Report) -> Table:
    table = _table("The trust gap of the honest receipts", "from and to", "p50", "p95", "max", "unit")
    rows: tuple[tuple[str, Gap, int, str], ...] = (
        ("from the question to its answer", report.answer_ms, 1, "ms"),
        ("from the answer to its receipt posted", report.posted_gap, 0, "s"),
        ("from the answer to its receipt final", report.final_gap, 0, "s"),
    )
    for name, gap, digits, unit in rows:
        table.add_row(name, f"{gap.p50:.{digits}f}", f"{gap.p95:.{digits}f}", f"{gap.most:.{digits}f}", unit)
    return table


def _gas(report: Report) -> Table:
    table = _table("Gas", "of", "how many", "each, on average")
    table.add_row("a batch posted", f"{len(report.batches)}", f"{report.gas_per_batch:,.0f}")
    table.add_row("of it, per receipt", f"{len(report.leaves)}", f"{report.gas_per_receipt:,.0f}")
    for fault in report.faults:
        table.add_row(f"a forged {_SCHEMES.get(fault.scheme, '')}signature proven", "1", f"{fault.gas:,}")
    return table


_SCHEMES: Final[dict[Scheme | None, str]] = {
    Scheme.SECP256K1: "secp256k1 ",
    Scheme.OPENGRADIENT_RSA_PSS: "RSA-PSS ",
    Scheme.P256: "P-256 ",
}


def _slashes(report: Report) -> str:
    if not report.faults:
        return "Nobody was slashed."
    lanes = ", ".join(sorted({str(lane_of(fault.batch)) for fault in report.faults}))
    return (
        f"Lane {lanes} lost {report.slashed / ETHER:.4f} ether: {report.burned / ETHER:.4f} to burn, "
        f"{report.credit / ETHER:.4f} to the verifier {hex0x(report.verifier)}."
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 2))
    numbers = ("receipts", "p50", "p95", "max", "how many", "each, on average")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", header_style="dim")
    return table
