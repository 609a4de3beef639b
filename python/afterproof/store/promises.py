"""Promises that were given, each stored with its signature in the commit of the receipts that it is about."""

from collections.abc import Sequence

from ..protocol.promise import HeldPromise, Promise, SignedPromise, held_promises
from .database import Database, Row
from .runs import Runs

_COLUMNS = "lane, first_seq, count, root, include_by, beneficiary, signature"


class Promises:
    """The table ``promises``; ``runs`` are the receipts that they are about."""

    def __init__(self, database: Database, runs: Runs) -> None:
        self._database = database
        self._runs = runs

    def add_all(self, promises: Sequence[SignedPromise]) -> None:
        """Keep promises. Belongs in the transaction that stores their receipts."""
        self._database.execute_many(
            f"INSERT INTO promises ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", map(_row, promises)
        )

    def last_due(self, lane: int, first_seq: int, end: int) -> int:
        """The greatest ``include_by`` of the promises of numbers from ``first_seq`` up to ``end``; 0: there is none."""
        row = self._database.row(
            "SELECT MAX(include_by) FROM promises WHERE lane = ? AND first_seq < ? AND first_seq + count > ?",
            (lane, end, first_seq),
        )
        return int(row[0]) if row is not None and row[0] is not None else 0

    def forget(self, lane: int, below: int) -> int:
        """Remove the promises all of whose numbers are below ``below``; how many there were."""
        return self._database.execute(
            "DELETE FROM promises WHERE lane = ? AND first_seq + count <= ?", (lane, below)
        )

    def holding(self, lane: int, seq: int) -> SignedPromise | None:
        """The promise of number ``seq`` of a lane, or None."""
        row = self._database.row(
            f"SELECT {_COLUMNS} FROM promises WHERE lane = ? AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
            (lane, seq),
        )
        found = _signed(row) if row else None
        return found if found is not None and seq < found.promise.first_seq + found.promise.count else None

    def opened(self, signed: SignedPromise) -> list[HeldPromise]:
        """A promise opened at each of its numbers, by the receipts stored there."""
        p = signed.promise
        runs = self._runs.within(p.lane, p.first_seq, p.first_seq + p.count)
        return held_promises(signed, [leaf_hash for run in runs for leaf_hash in run.each_leaf_hash])

    def held(self, lane: int, seq: int) -> HeldPromise | None:
        """The promise of number ``seq`` of a lane, opened there, or None."""
        signed = self.holding(lane, seq)
        return self.opened(signed)[seq - signed.promise.first_seq] if signed is not None else None

    def earliest_due(self, lane: int, first_seq: int) -> int | None:
        """The least ``include_by`` of all promises of numbers from ``first_seq`` on, or None."""
        holding = self.holding(lane, first_seq)
        row = self._database.row(
            "SELECT MIN(include_by) FROM promises WHERE lane = ? AND first_seq >= ?", (lane, first_seq)
        )
        times = [holding.promise.include_by] if holding is not None else []
        if row is not None and row[0] is not None:
            times.append(int(row[0]))
        return min(times, default=None)


def _row(signed: SignedPromise) -> Row:
    p = signed.promise
    return (p.lane, p.first_seq, p.count, p.root, p.include_by, p.beneficiary, signed.signature)


def _signed(row: Row) -> SignedPromise:
    *promise, signature = row
    return SignedPromise(Promise(*promise), signature)
