"""What is measured of a relayer's lane: how much is on its way, and what became of each batch."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from ..protocol.batching import TILE
from ..protocol.state import FaultKind
from .database import Database
from .faults import WHOLE

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

    def __init__(self, database: Database) -> None:
        self._database = database

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
        row = self._database.row(
            "SELECT received_at FROM receipts WHERE lane = ? AND seq >= ? ORDER BY seq LIMIT 1",
            (lane, first_seq),
        )
        return int(row[0]) if row else None

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
        rows = self._database.rows(
            "SELECT issued_at FROM receipts WHERE lane = ? AND seq >= ? AND seq < ? AND emptied = 0"
            " AND NOT EXISTS (SELECT 1 FROM faults WHERE faults.lane = receipts.lane AND faults.first_seq = ?"
            " AND faults.place = receipts.seq - ? AND faults.kind <> ?)"
            " AND NOT EXISTS (SELECT 1 FROM strikes WHERE strikes.lane = receipts.lane AND strikes.first_seq = ?"
            " AND (strikes.tile = (receipts.seq - ?) / ? OR (strikes.tile = ? AND strikes.timestamp < ?)))",
            (lane, batch.first_seq, batch.end, batch.first_seq, batch.first_seq, FaultKind.MISDECLARED_RANGE,
             batch.first_seq, batch.first_seq, TILE, WHOLE, NEVER if batch.final_at is None else batch.final_at),
        )  # fmt: skip
        return Counter(row[0] for row in rows)

    def _until(self, query: str, lane: int) -> int:
        row = self._database.row(f"{query} ORDER BY first_seq DESC LIMIT 1", (lane,))
        return int(row[0]) if row else 0
