"""What the demo shows while it runs: a line for everything that happens, and on a terminal a summary below them."""

import threading
import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..protocol.header import first_seq_of, lane_of
from ..protocol.state import Standing, VoidReason
from ..protocol.terms import ETHER
from .ledger import News, Watched
from .report import Proven
from .traffic import Answered

_MARKS: Final = {"answer": "cyan", "posted": "blue", "fault": "red", "final": "green", "trouble": "yellow"}


@dataclass
class Tally:
    """What is counted of one lane; ``window_end`` is that of its newest batch."""

    batches: int = 0
    posted: int = 0
    standings: Counter[Standing] = field(default_factory=Counter)
    slashed: int = 0
    window_end: int = 0


class View:
    """Prints to ``stream``. Its methods may be called from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self.console = Console(file=stream, highlight=False, soft_wrap=True)
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._names: dict[int, str] = {}
        self._asked = self._answered = self._right = self._now = 0
        self._lanes: dict[int, Tally] = {}
        self._live: AbstractContextManager[Any] = nullcontext()
        if self.console.is_terminal:
            self._live = Live(
                console=self.console, get_renderable=self._summary, refresh_per_second=8, transient=True
            )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def say(self, text: str, mark: str = "") -> None:
        """A line: when, what kind, and what."""
        line = Text.assemble((f"{self.elapsed:5.1f} s  ", "dim"), (f"{mark:<8}", _MARKS.get(mark, "")), text)
        with self._lock:
            self.console.print(line)

    def expect(self, asked: int, lanes: dict[int, str]) -> None:
        """So many requests are about to be sent, and these are the lanes with who runs them."""
        self._asked, self._names = asked, lanes

    def answered(self, answer: Answered) -> None:
        """A gateway answered."""
        self._answered += 1
        self._right += answer.correct
        wrong = "" if answer.correct else f", and it is a {answer.expected}"
        self.say(
            f"{answer.number:3}/{self._asked}  {answer.gateway} reads a {answer.digit}{wrong}  "
            f"{answer.elapsed_ms:5.1f} ms  receipt 0x{answer.leaf_hash.hex()[:16]}",
            "answer",
        )

    def happened(self, news: News, now: int) -> None:
        """Something happened on the chain, whose time is now ``now``."""
        self._now = now
        for watched in news.posted:
            self._posted(watched)
        for fault in news.proven:
            self._proven(fault)
        for watched in news.ended:
            self._ended(watched)

    def _posted(self, watched: Watched) -> None:
        header = watched.posted.header
        tally = self._tally(lane_of(watched.posted.batch))
        tally.batches += 1
        tally.posted += header.count
        tally.window_end = header.window_end
        self.say(
            f"{_receipts(watched)} by one transaction of {watched.posted.gas:,} gas; "
            f"open to dispute for {header.window_end - header.anchor} seconds",
            "posted",
        )

    def _proven(self, fault: Proven) -> None:
        lane = lane_of(fault.batch)
        self._tally(lane).slashed += fault.slashed
        self.say(
            f"receipt {first_seq_of(fault.batch) + fault.index} of lane {lane} is proven forged: it is void, and the "
            f"lane loses {fault.slashed / ETHER:.4f} ether",
            "fault",
        )

    def _ended(self, watched: Watched) -> None:
        tally = self._tally(lane_of(watched.posted.batch))
        standings = Counter(leaf.standing for leaf in watched.readings)
        tally.standings += standings
        reasons = Counter(leaf.reason for leaf in watched.readings if leaf.reason is not VoidReason.NONE)
        voids = "".join(f", {count} void: {WHY[reason]}" for reason, count in sorted(reasons.items()))
        self.say(f"{_receipts(watched)}: {standings[Standing.FINAL]} are final{voids}", "final")

    def _tally(self, lane: int) -> Tally:
        return self._lanes.setdefault(lane, Tally())

    def _summary(self) -> RenderableType:
        """What stands below the lines."""
        bar = Table.grid(padding=(0, 1))
        right = f"{self._right / self._answered:.1%} right" if self._answered else ""
        bar.add_row(
            "answers",
            ProgressBar(max(self._asked, 1), self._answered, width=40),
            f"{self._answered}/{self._asked}",
            right,
        )
        lanes = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for column in ("lane", "run by", "batches", "posted", "final", "void", "slashed", "all final in"):
            lanes.add_column(column, justify="left" if column in ("lane", "run by") else "right")
        for lane, tally in sorted(self._lanes.items()):
            left = max(tally.window_end + 1 - self._now, 0)
            lanes.add_row(
                str(lane), self._names.get(lane, ""), str(tally.batches), str(tally.posted),
                str(tally.standings[Standing.FINAL]), str(tally.standings[Standing.VOIDED]),
                f"{tally.slashed / ETHER:.4f}", f"{left} s" if left else "",
            )  # fmt: skip
        return Group("", bar, *([lanes] if self._lanes else []))


WHY: Final = {
    VoidReason.FAULTY: "a fault was proven",
    VoidReason.NOT_ENTITLED: "its node is not registered",
    VoidReason.UNTIMELY: "it was too old",
    VoidReason.STRUCK: "its tile was struck",
    VoidReason.NONE: "the empty leaf",
}
"""Why a leaf is void, for people."""


def _receipts(watched: Watched) -> str:
    first, count = first_seq_of(watched.posted.batch), watched.posted.header.count
    return f"lane {lane_of(watched.posted.batch)}, receipts {first} to {first + count - 1}"
