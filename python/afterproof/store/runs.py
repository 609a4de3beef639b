"""Runs of receipts: consecutive numbers of a lane, given away in one commit and kept in one row, field by field.

What one commit stores is read by the hundred as well: a row for each receipt would cost more than all else about it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..protocol.arrays import Leaves, receipt_hashes
from ..protocol.receipt import Leaf, Receipt, Scheme
from .database import Database, Row

LAST: Final = 2**63 - 1
"""No number is greater."""

_COLUMNS: Final = "lane, first_seq, count, received_at, scheme, words, signatures, leaf_hashes"
_LONGEST: Final = 256
"""Receipts of a run at most: whoever asks for one of them reads them all."""

_REACH: Final = 1024
"""Numbers among which runs are read at once."""


@dataclass(frozen=True, slots=True)
class Run:
    """A row: ``count`` receipts of one scheme, whose signatures are of one length. Packed: 192 bytes of words each."""

    lane: int
    first_seq: int
    count: int
    received_at: int
    scheme: Scheme
    words: bytes
    signatures: bytes
    leaf_hashes: bytes

    @property
    def end(self) -> int:
        """The number behind its last."""
        return self.first_seq + self.count

    def leaf(self, place: int) -> Leaf:
        """Its leaf at a place."""
        size = len(self.signatures) // self.count
        words = self.words[192 * place : 192 * place + 192]
        return Leaf(Receipt.from_words(words), self.signatures[size * place : size * place + size])

    @property
    def issued_at(self) -> list[int]:
        """When each was issued."""
        return [int.from_bytes(self.words[at : at + 32]) for at in range(160, len(self.words), 192)]

    @property
    def each_leaf_hash(self) -> list[bytes]:
        """The leaf hash of each."""
        return _cut(self.leaf_hashes, 32)

    @property
    def leaves(self) -> Leaves:
        """All that is kept of each."""
        words, signatures = _cut(self.words, 192), _cut(self.signatures, len(self.signatures) // self.count)
        schemes = [self.scheme] * self.count
        return Leaves(words, self.issued_at, signatures, schemes, receipt_hashes(words), self.each_leaf_hash)

    def part(self, first_seq: int, end: int) -> "Run":
        """What of it stands at numbers from ``first_seq`` up to ``end``; some does."""
        start, stop = max(0, first_seq - self.first_seq), min(self.count, end - self.first_seq)
        if (start, stop) == (0, self.count):
            return self
        size = len(self.signatures) // self.count
        return replace(
            self,
            first_seq=self.first_seq + start,
            count=stop - start,
            words=self.words[192 * start : 192 * stop],
            signatures=self.signatures[size * start : size * stop],
            leaf_hashes=self.leaf_hashes[32 * start : 32 * stop],
        )


class Runs:
    """The table ``runs``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, lane: int, first_seq: int, leaves: Leaves, received_at: int) -> None:
        """Keep leaves at consecutive numbers. Belongs in a transaction."""
        self._put(_runs_of(lane, first_seq, leaves, received_at))

    def within(self, lane: int, first_seq: int, end: int) -> Iterator[Run]:
        """What is kept at numbers from ``first_seq`` up to ``end``, in order; read as it is asked for."""
        held = self.holding(lane, first_seq) if first_seq < end else None
        if held is not None:
            yield held.part(first_seq, end)
            first_seq = held.end
        while (start := self._next(lane, first_seq, end)) is not None:
            first_seq = min(start + _REACH, end)
            for row in self._database.rows(
                f"SELECT {_COLUMNS} FROM runs WHERE lane = ? AND first_seq >= ? AND first_seq < ? ORDER BY first_seq",
                (lane, start, first_seq),
            ):
                yield _run(row).part(start, end)

    def first(self, lane: int, first_seq: int) -> tuple[int, int] | None:
        """The least number from ``first_seq`` on at which a receipt is kept, and when that one came; or None."""
        columns = "SELECT first_seq, count, received_at FROM runs WHERE lane = ?"
        row = self._database.row(
            f"{columns} AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1", (lane, first_seq)
        )
        if row is not None and row[0] + row[1] > first_seq:
            return first_seq, int(row[2])
        row = self._database.row(f"{columns} AND first_seq > ? ORDER BY first_seq LIMIT 1", (lane, first_seq))
        return (int(row[0]), int(row[2])) if row is not None else None

    def end(self, lane: int) -> int:
        """The number behind the last receipt that is kept; 0: none is."""
        row = self._database.row(
            "SELECT first_seq + count FROM runs WHERE lane = ? ORDER BY first_seq DESC LIMIT 1", (lane,)
        )
        return int(row[0]) if row is not None else 0

    def count(self, lane: int) -> int:
        """How many receipts of a lane are kept."""
        row = self._database.row("SELECT COALESCE(SUM(count), 0) FROM runs WHERE lane = ?", (lane,))
        return int(row[0]) if row is not None else 0

    def forget(self, lane: int, below: int) -> None:
        """Remove what is kept at numbers below ``below``. Belongs in a transaction."""
        held = self.holding(lane, below)
        self._database.execute("DELETE FROM runs WHERE lane = ? AND first_seq < ?", (lane, below))
        if held is not None and held.first_seq < below:
            self._put([held.part(below, held.end)])

    def holding(self, lane: int, seq: int) -> Run | None:
        """The run that holds a number, or None."""
        row = self._database.row(
            f"SELECT {_COLUMNS} FROM runs WHERE lane = ? AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
            (lane, seq),
        )
        found = _run(row) if row is not None else None
        return found if found is not None and seq < found.end else None

    def _next(self, lane: int, first_seq: int, end: int) -> int | None:
        """The least number at which a run starts, from ``first_seq`` up to ``end``; or None."""
        row = self._database.row(
            "SELECT MIN(first_seq) FROM runs WHERE lane = ? AND first_seq >= ? AND first_seq < ?",
            (lane, first_seq, end),
        )
        return int(row[0]) if row is not None and row[0] is not None else None

    def _put(self, runs: Iterable[Run]) -> None:
        self._database.execute_many(
            f"INSERT INTO runs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (run.lane, run.first_seq, run.count, run.received_at, str(run.scheme), run.words, run.signatures,
                 run.leaf_hashes)
                for run in runs
            ],
        )  # fmt: skip


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _runs_of(lane: int, first_seq: int, leaves: Leaves, received_at: int) -> Iterator[Run]:
    """Leaves in rows, a new one wherever scheme or length of the signature changes."""
    end = 0
    for scheme, stop in _kinds(leaves):
        for start in range(end, stop, _LONGEST):
            part = slice(start, min(start + _LONGEST, stop))
            words, signatures, leaf_hashes = (
                b"".join(column[part]) for column in (leaves.words, leaves.signatures, leaves.leaf_hashes)
            )
            count = part.stop - start
            yield Run(lane, first_seq + start, count, received_at, scheme, words, signatures, leaf_hashes)
        end = stop


def _kinds(leaves: Leaves) -> list[tuple[Scheme, int]]:
    """The scheme of leaves of one kind that stand together, and the place behind them."""
    schemes, sizes = leaves.schemes, list(map(len, leaves.signatures))
    count = len(sizes)
    if count and schemes.count(schemes[0]) == count and sizes.count(sizes[0]) == count:
        return [(schemes[0], count)]
    kinds = list(zip(schemes, sizes, strict=True))
    last = [place for place in range(count) if place + 1 == count or kinds[place] != kinds[place + 1]]
    return [(schemes[place], place + 1) for place in last]


def _run(row: Row) -> Run:
    lane, first_seq, count, received_at, scheme, words, signatures, leaf_hashes = row
    return Run(lane, first_seq, count, received_at, Scheme(scheme), words, signatures, leaf_hashes)
