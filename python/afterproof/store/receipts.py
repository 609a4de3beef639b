"""Receipts that were accepted, each at its sequence number on the lane."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ..protocol.receipt import Leaf, Receipt, Scheme
from .database import Database, Row
from .leaves import Leaves

_COLUMNS = "words, signature, scheme, lane, seq, received_at, emptied"
_AT_ONCE: Final = 256
"""Receipts that one query looks for at most."""


class StoredReceipt(NamedTuple):
    """A receipt with its place; ``received_at`` in unix seconds.

    ``emptied``: its number was filled with the empty leaf, because the relayer's judge would have disputed it.
    """

    leaf: Leaf
    scheme: Scheme
    lane: int
    seq: int
    received_at: int
    emptied: bool = False


class Receipts:
    """The tables ``receipts`` and ``sequences``; ``leaves`` tells where a leaf stands."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.leaves = Leaves(database)

    def find(self, receipt: Receipt) -> StoredReceipt | None:
        """The stored receipt with this receipt's hash, or None."""
        return self.find_all([receipt]).get(receipt.hash)

    def find_all(self, receipts: Iterable[Receipt]) -> dict[bytes, StoredReceipt]:
        """Those of ``receipts`` that are stored, by receipt hash."""
        by_second: dict[int, list[bytes]] = {}
        for receipt in receipts:
            if receipt.issued_at < 2**63:
                by_second.setdefault(receipt.issued_at, []).append(receipt.hash)
        found = {}
        for second, hashes in by_second.items():
            for start in range(0, len(hashes), _AT_ONCE):
                for row in self._rows_of(second, hashes[start : start + _AT_ONCE]):
                    stored = _stored(row)
                    found[stored.leaf.receipt.hash] = stored
        return found

    def _rows_of(self, issued_at: int, hashes: Sequence[bytes]) -> list[Row]:
        # A few lengths only, so that each is prepared once: the last hash fills up.
        length = 1 << (len(hashes) - 1).bit_length()
        padded = [*hashes, *[hashes[-1]] * (length - len(hashes))]
        marks = "?" + ", ?" * (length - 1)
        return self._database.rows(
            f"SELECT {_COLUMNS} FROM receipts WHERE issued_at = ? AND receipt_hash IN ({marks})",
            (issued_at, *padded),
        )

    def by_leaf(self, leaf_hash: bytes) -> StoredReceipt | None:
        """The stored receipt with a leaf hash (32 bytes), or None."""
        place = self.leaves.place(leaf_hash)
        if place is None:
            return None
        found = self.in_order(*place, 1)
        return found[0] if found and found[0].leaf.hash == leaf_hash else None

    def first(self, lane: int) -> int | None:
        """The least number of a lane at which a receipt is kept, or None."""
        row = self._database.row("SELECT MIN(seq) FROM receipts WHERE lane = ?", (lane,))
        return int(row[0]) if row is not None and row[0] is not None else None

    def forget(self, lane: int, below: int) -> int:
        """Remove the receipts at numbers below ``below``; how many there were. Their numbers are not given again.

        Belongs in a transaction.
        """
        self.leaves.forget(lane, below)
        return self._database.execute("DELETE FROM receipts WHERE lane = ? AND seq < ?", (lane, below))

    def add(self, lane: int, items: Iterable[tuple[Leaf, Scheme]], received_at: int) -> list[StoredReceipt]:
        """Give each leaf the lane's next number and keep it. Belongs in a transaction; none may be stored yet."""
        seq = self.next_seq(lane)
        stored = [
            StoredReceipt(leaf, scheme, lane, at, received_at) for at, (leaf, scheme) in enumerate(items, seq)
        ]
        self._database.execute_many(
            "INSERT INTO receipts (lane, seq, issued_at, receipt_hash, leaf_hash, words, signature, scheme,"
            " received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            map(_values, stored),
        )
        self._database.execute(
            "INSERT INTO sequences (lane, next_seq) VALUES (?, ?)"
            " ON CONFLICT (lane) DO UPDATE SET next_seq = excluded.next_seq",
            (lane, seq + len(stored)),
        )
        return stored

    def given(self) -> dict[int, int]:
        """The next number to give away on each lane: while these stay the same, no receipt was added."""
        return dict(self._database.rows("SELECT lane, next_seq FROM sequences"))

    def next_seq(self, lane: int) -> int:
        """The next number to give away: behind all that were given away here, and all that are on chain."""
        given = self._database.row("SELECT next_seq FROM sequences WHERE lane = ?", (lane,))
        posted = self._database.row(
            "SELECT first_seq + count FROM posted WHERE lane = ? ORDER BY first_seq DESC LIMIT 1", (lane,)
        )
        return max(int(row[0]) if row else 0 for row in (given, posted))

    def in_order(self, lane: int, first_seq: int, most: int) -> list[StoredReceipt]:
        """Up to ``most`` receipts of a lane from ``first_seq`` on, by number; numbers may be missing."""
        return [
            _stored(row)
            for row in self._database.rows(
                f"SELECT {_COLUMNS} FROM receipts WHERE lane = ? AND seq >= ? ORDER BY seq LIMIT ?",
                (lane, first_seq, most),
            )
        ]

    def oldest_from(self, lane: int, first_seq: int) -> tuple[int, int, int] | None:
        """Of a lane's receipts from ``first_seq`` on: how many, the least number, and when that one came.

        How many by their numbers: where those of receipts that are on chain are missing, they count.
        """
        row = self._database.row(
            "SELECT seq, received_at FROM receipts WHERE lane = ? AND seq >= ? ORDER BY seq LIMIT 1",
            (lane, first_seq),
        )
        last = self._database.row("SELECT MAX(seq) FROM receipts WHERE lane = ?", (lane,))
        if row is None or last is None:
            return None
        return int(last[0]) - int(row[0]) + 1, int(row[0]), int(row[1])

    def empty(self, lane: int, seqs: Iterable[int]) -> None:
        """The empty leaf takes these receipts' numbers."""
        self._database.execute_many(
            "UPDATE receipts SET emptied = 1 WHERE lane = ? AND seq = ?", ((lane, seq) for seq in seqs)
        )

    def count(self, lane: int) -> int:
        """How many receipts of a lane are stored."""
        row = self._database.row("SELECT COUNT(*) FROM receipts WHERE lane = ?", (lane,))
        return int(row[0]) if row else 0

    def each(self, lane: int, first_seq: int, count: int, chunk: int = 1000) -> Iterator[StoredReceipt]:
        """The receipts at ``count`` numbers from ``first_seq`` on, read in chunks."""
        end = first_seq + count
        while first_seq < end:
            found = self.in_order(lane, first_seq, min(chunk, end - first_seq))
            found = [receipt for receipt in found if receipt.seq < end]
            if not found:
                return
            yield from found
            first_seq = found[-1].seq + 1


def _values(stored: StoredReceipt) -> Row:
    leaf, scheme, lane, seq, received_at, _ = stored
    receipt = leaf.receipt
    # SQLite's driver asks of every object but a few kinds what it wants to be stored as, and bytes are not among them.
    return (lane, seq, receipt.issued_at, bytearray(receipt.hash), bytearray(leaf.hash), bytearray(receipt.words),
            bytearray(leaf.signature), str(scheme), received_at)  # fmt: skip


def _stored(row: Row) -> StoredReceipt:
    words, signature, scheme, lane, seq, received_at, emptied = row
    leaf = Leaf(Receipt.from_words(words), signature)
    return StoredReceipt(leaf, Scheme(scheme), lane, seq, received_at, bool(emptied))
