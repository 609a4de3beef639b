"""Where each receipt stands on its lane: a verifier's index of receipts that may be there twice.

Rows stand in the order of (lane, issuedAt), so that a batch's are written side by side and duplicates, which have the
same issuedAt, are found by one walk over them. A receipt is kept by half its key: whoever looks compares the leaves.
"""

from collections.abc import Iterable
from typing import Final

from ..protocol.receipt import Receipt
from .database import Database

KEY: Final = 16
"""Bytes of a receipt's key that are kept."""


class Seen:
    """The table ``seen``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, lane: int, receipts: Iterable[tuple[int, int, bytes]]) -> None:
        """Keep receipts: of each its number, issuedAt and key. Every issuedAt must fit 63 bits: a timely one's
        does."""
        rows = sorted((lane, issued_at, receipt[:KEY], seq) for seq, issued_at, receipt in receipts)
        self._database.execute_many(
            "INSERT INTO seen (lane, issued_at, receipt, seq) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            rows,
        )

    def shared(self, lane: int, numbers: range, times: tuple[int, int], most: int) -> list[int]:
        """Of each receipt at one of ``numbers`` that stands elsewhere on the lane too, the first of those numbers: in
        order, ``most`` at most. ``times``: the least and the greatest issuedAt at them."""
        inside = "seq >= ? AND seq < ?"
        rows = self._database.rows(
            f"SELECT MIN(CASE WHEN {inside} THEN seq END) AS number FROM seen"
            " WHERE lane = ? AND issued_at >= ? AND issued_at <= ? GROUP BY issued_at, receipt"
            f" HAVING COUNT(*) > 1 AND MIN(CASE WHEN {inside} THEN seq END) IS NOT NULL ORDER BY number LIMIT ?",
            (numbers.start, numbers.stop, lane, *times, numbers.start, numbers.stop, most),
        )
        return [number for (number,) in rows]

    def places(self, lane: int, receipt: Receipt) -> list[int]:
        """The numbers at which a receipt stands on a lane, in order."""
        rows = self._database.rows(
            "SELECT seq FROM seen WHERE lane = ? AND issued_at = ? AND receipt = ? ORDER BY seq",
            (lane, receipt.issued_at, receipt.key[:KEY]),
        )
        return [seq for (seq,) in rows]

    def forget(self, lane: int, first_seq: int, end: int) -> None:
        """Forget the receipts at numbers from ``first_seq`` up to ``end``: their batch is not on chain any more."""
        self._database.execute(
            "DELETE FROM seen WHERE lane = ? AND seq >= ? AND seq < ?", (lane, first_seq, end)
        )

    def forget_before(self, lane: int, issued_at: int) -> int:
        """Forget the receipts of a lane issued before a time; how many there were."""
        return self._database.execute("DELETE FROM seen WHERE lane = ? AND issued_at < ?", (lane, issued_at))

    def lanes(self) -> list[int]:
        """The lanes of which receipts are kept."""
        return [lane for (lane,) in self._database.rows("SELECT DISTINCT lane FROM seen ORDER BY lane")]

    def count(self) -> int:
        """How many receipts are kept."""
        row = self._database.row("SELECT COUNT(*) FROM seen")
        return int(row[0]) if row else 0
