"""Where a leaf stands: by table for closed batches, by a look at the last few numbers for what is still open."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from .database import Database
from .runs import LAST, Run, Runs


class LeafPlaces:
    """The table ``leaves``, and in memory the leaves of receipts that no batch holds yet.

    A leaf hash is random, and an index of such grows slow to write with what it holds. So intake writes none: batches
    do as they close. Before that a leaf is among a lane's last numbers; each is read once, by the first question that
    comes after it.
    """

    def __init__(self, database: Database, runs: Runs) -> None:
        self._database = database
        self._runs = runs
        self._lock = threading.Lock()
        self._open: dict[int, _Open] = {}

    def add(self, lane: int, first_seq: int, count: int) -> None:
        """The receipts at ``count`` numbers are in a batch now. Belongs in the transaction that closes it."""
        leaves = sorted(
            leaf for run in self._runs.within(lane, first_seq, first_seq + count) for leaf in _leaves(run)
        )
        # Nothing here may keep a promised batch from closing: not even a leaf that stands there already.
        self._database.execute_many(
            "INSERT INTO leaves (leaf_hash, lane, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            # SQLite's driver asks of every object but a few kinds what it wants to be stored as: not of a bytearray.
            ((bytearray(leaf_hash), lane, seq) for leaf_hash, seq in leaves),
        )

    def forget(self, run: Run) -> None:
        """Remove a run's leaves."""
        self._database.execute_many(
            "DELETE FROM leaves WHERE leaf_hash = ? AND lane = ? AND seq = ?",
            ((leaf_hash, run.lane, seq) for leaf_hash, seq in _leaves(run)),
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
            for run in self._runs.within(lane, known.end, LAST):
                known.seqs.update(_leaves(run))
                known.end = run.end
            return known.seqs.get(leaf_hash)


def _leaves(run: Run) -> Iterable[tuple[bytes, int]]:
    """The leaf hashes of a run, each with its number."""
    return zip(run.each_leaf_hash, range(run.first_seq, run.end), strict=True)


@dataclass(slots=True)
class _Open:
    """A lane's leaves at numbers from ``first_seq`` on, as far as they were read: below ``end``."""

    first_seq: int
    end: int
    seqs: dict[bytes, int]
