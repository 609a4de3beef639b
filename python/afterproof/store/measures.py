"""What is measured of a relayer's lane: how much is on its way, and what became of each batch."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ..protocol.batching import TILE
from ..protocol.state import FaultKind
from .database import Database
from .faults import WHOLE
from .receipts import Receipts

MOST: Final = 64
"""Batches that are looked at in one go."""

NEVER: Final = 2**62


@dataclass(frozen=True, slots=True)
class Milestones:
    """When a batch reached what, in unix seconds; ``closed_at`` None: it is not this relayer's own."""

    first_seq: int
    count: int
    posted_at: int
    final_at: int | None
    closed_at: int | None

    @property
    def end(self) -> int:
        """The sequence number behind its last leaf."""
        return self.first_seq + self.count


class Measures:
    """Reads over several tables. Each costs what lies ahead of the lane's newest batch, not what lies behind."""

    def __init__(self, database: Database, receipts: Receipts) -> None:
        self._database = database
        self._receipts = receipts

    def posted_until(self, lane: int) -> int:
        """The number behind the last that was seen on chain; 0: none was."""
        return self._until("SELECT first_seq + count FROM posted WHERE lane = ?", lane)

    def closed_until(self, lane: int) -> int:
        """The number behind the last that is in a closed batch."""
        return self._until("SELECT first_seq + count FROM closed WHERE lane = ?", lane)

    def final_until(self, lane: int) -> int:
        """The number behind the last that was seen to be final; windows end in the order of posts."""
        return self._until(
            "SELECT first_seq + count FROM posted WHERE lane = ? AND final_at IS NOT NULL", lane
        )

    def closed_from(self, lane: int, first_seq: int) -> int:
        """How many closed batches of a lane start at ``first_seq`` or behind."""
        row = self._database.row(
            "SELECT COUNT(*) FROM closed WHERE lane = ? AND first_seq >= ?", (lane, first_seq)
        )
        return int(row[0]) if row else 0

    def received_from(self, lane: int, first_seq: int) -> int | None:
        """When the first receipt came in that stands at ``first_seq`` or behind; None: there is none."""
        found = self._receipts.runs.first(lane, first_seq)
        return found[1] if found is not None else None

    def milestones(self, lane: int, first_seq: int) -> list[Milestones]:
        """The posted batches of a lane from ``first_seq`` on, in order; some, where they are many."""
        rows = self._database.rows(
            "SELECT posted.first_seq, posted.count, posted.timestamp, posted.final_at, closed.closed_at"
            " FROM posted LEFT JOIN closed ON closed.lane = posted.lane AND closed.first_seq = posted.first_seq"
            " WHERE posted.lane = ? AND posted.first_seq >= ? ORDER BY posted.first_seq LIMIT ?",
            (lane, first_seq, MOST),
        )
        return [Milestones(*row) for row in rows]

    def least_due(self, lane: int, first_seq: int, end: int) -> int | None:
        """The least ``include_by`` of the promises of numbers from ``first_seq`` up to ``end``; None: none has one."""
        holding = self._database.row(
            "SELECT first_seq + count, include_by FROM promises WHERE lane = ? AND first_seq <= ?"
            " ORDER BY first_seq DESC LIMIT 1",
            (lane, first_seq),
        )
        within = self._database.row(
            "SELECT MIN(include_by) FROM promises WHERE lane = ? AND first_seq > ? AND first_seq < ?",
            (lane, first_seq, end),
        )
        dues = [int(holding[1])] if holding is not None and holding[0] > first_seq else []
        if within is not None and within[0] is not None:
            dues.append(int(within[0]))
        return min(dues, default=None)

    def issued(self, lane: int, batch: Milestones) -> Counter[int]:
        """How many receipts of a batch were issued when; those that are void or struck so far are left out."""
        is_left_out = self._left_out(lane, batch.first_seq, batch.final_at)
        return Counter(
            issued_at
            for seq, issued_at, _ in self._receipts.issued(lane, batch.first_seq, batch.end)
            if not is_left_out(seq)
        )

    def gaps(self, lane: int) -> Iterator[tuple[int, int, int, int]]:
        """(issued, received, posted, final) of each stored receipt in a final batch, neither void nor struck."""
        for first_seq, count, posted_at, final_at in self._database.rows(
            "SELECT first_seq, count, timestamp, final_at FROM posted WHERE lane = ? AND final_at IS NOT NULL"
            " ORDER BY first_seq",
            (lane,),
        ):
            is_left_out = self._left_out(lane, first_seq, final_at)
            open_tiles = self._column(
                "SELECT tile FROM demands WHERE lane = ? AND first_seq = ? AND answered_at IS NULL",
                lane,
                first_seq,
            )
            for seq, issued_at, received_at in self._receipts.issued(lane, first_seq, first_seq + count):
                if not is_left_out(seq) and (seq - first_seq) // TILE not in open_tiles:
                    yield issued_at, received_at, posted_at, final_at

    def _left_out(self, lane: int, first_seq: int, final_at: int | None) -> Callable[[int], bool]:
        """What says of a number of a batch whether its leaf is void, or struck: with all others before the end."""
        voids = self._column(
            "SELECT place FROM faults WHERE lane = ? AND first_seq = ? AND kind <> ?",
            lane, first_seq, FaultKind.MISDECLARED_RANGE,
        )  # fmt: skip
        tiles = self._column(
            "SELECT tile FROM strikes WHERE lane = ? AND first_seq = ? AND (tile <> ? OR timestamp < ?)",
            lane, first_seq, WHOLE, NEVER if final_at is None else final_at,
        )  # fmt: skip
        return lambda seq: WHOLE in tiles or seq - first_seq in voids or (seq - first_seq) // TILE in tiles

    def _column(self, query: str, *parameters: int) -> set[int]:
        return {row[0] for row in self._database.rows(query, parameters)}

    def _until(self, query: str, lane: int) -> int:
        row = self._database.row(f"{query} ORDER BY first_seq DESC LIMIT 1", (lane,))
        return int(row[0]) if row else 0
