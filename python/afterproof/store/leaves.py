"""Where a leaf stands: by table for closed batches, by a look at the last few numbers for what is still open."""

import threading
from dataclasses import dataclass

from .database import Database


class Leaves:
    """The table ``leaves``, and in memory the leaves of receipts that no batch holds yet.

    A leaf hash is random, and an index of such grows slow to write with what it holds. So intake writes none: batches
    do as they close. Before that a leaf is among a lane's last numbers; each is read once, by the first question that
    comes after it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._open: dict[int, _Open] = {}

    def add(self, lane: int, first_seq: int, count: int) -> None:
        """The receipts at ``count`` numbers are in a batch now. Belongs in the transaction that closes it."""
        # Nothing here may keep a promised batch from closing: not even a leaf that stands there already.
        self._database.execute(
            "INSERT INTO leaves (leaf_hash, lane, seq) SELECT leaf_hash, lane, seq FROM receipts"
            " WHERE lane = ? AND seq >= ? AND seq < ? ORDER BY leaf_hash ON CONFLICT DO NOTHING",
            (lane, first_seq, first_seq + count),
        )

    def forget(self, lane: int, below: int) -> None:
        """Remove the leaves of receipts at numbers below ``below``, which must still be stored."""
        self._database.execute(
            "DELETE FROM leaves WHERE leaf_hash IN (SELECT leaf_hash FROM receipts WHERE lane = ? AND seq < ?)",
            (lane, below),
        )

    def place(self, leaf_hash: bytes) -> tuple[int, int] | None:
        """The lane and number at which a leaf (32 bytes) was stored, or None."""
        # First those that are open: one whose batch closes meanwhile is found all the same.
        for (lane,) in self._database.rows("SELECT lane FROM sequences"):
            seq = self._open_at(lane, leaf_hash)
            if seq is not None:
                return lane, seq
        row = self._database.row("SELECT lane, seq FROM leaves WHERE leaf_hash = ?", (leaf_hash,))
        return (int(row[0]), int(row[1])) if row else None

    def _open_at(self, lane: int, leaf_hash: bytes) -> int | None:
        row = self._database.row(
            "SELECT first_seq + count FROM closed WHERE lane = ? ORDER BY first_seq DESC LIMIT 1", (lane,)
        )
        closed = int(row[0]) if row else 0
        with self._lock:
            known = self._open.get(lane)
            if known is None or known.first_seq != closed:
                kept = known.seqs.items() if known is not None else ()
                seqs = {leaf: seq for leaf, seq in kept if seq >= closed}
                known = self._open[lane] = _Open(
                    closed, max(closed, known.end if known is not None else 0), seqs
                )
            for leaf, seq in self._database.rows(
                "SELECT leaf_hash, seq FROM receipts WHERE lane = ? AND seq >= ? ORDER BY seq",
                (lane, known.end),
            ):
                known.seqs[leaf] = seq
                known.end = seq + 1
            return known.seqs.get(leaf_hash)


@dataclass(slots=True)
class _Open:
    """A lane's leaves at numbers from ``first_seq`` on, as far as they were read: below ``end``."""

    first_seq: int
    end: int
    seqs: dict[bytes, int]
