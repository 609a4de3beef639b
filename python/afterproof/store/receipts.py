"""Receipts that were accepted, each at its sequence number on the lane."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..protocol.receipt import Leaf, Receipt, Scheme
from .database import Database, Row

_COLUMNS = "words, signature, scheme, lane, seq, received_at, emptied"


@dataclass(frozen=True, slots=True)
class StoredReceipt:
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
    """The tables ``receipts`` and ``sequences``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, receipt: Receipt) -> StoredReceipt | None:
        """The stored receipt with this receipt's hash, or None."""
        if receipt.issued_at >= 2**63:
            return None
        row = self._database.row(
            f"SELECT {_COLUMNS} FROM receipts WHERE issued_at = ? AND receipt_hash = ?",
            (receipt.issued_at, receipt.hash),
        )
        return _stored(row) if row else None

    def by_leaf(self, leaf_hash: bytes) -> StoredReceipt | None:
        """The stored receipt with a leaf hash (32 bytes), or None."""
        row = self._database.row(f"SELECT {_COLUMNS} FROM receipts WHERE leaf_hash = ?", (leaf_hash,))
        return _stored(row) if row else None

    def add(self, lane: int, items: Iterable[tuple[Leaf, Scheme]], received_at: int) -> list[StoredReceipt]:
        """Give each leaf the lane's next number and keep it. Belongs in a transaction; none may be stored yet."""
        seq = self.next_seq(lane)
        stored = [
            StoredReceipt(leaf, scheme, lane, seq + i, received_at) for i, (leaf, scheme) in enumerate(items)
        ]
        self._database.execute_many(
            "INSERT INTO receipts (issued_at, receipt_hash, lane, seq, leaf_hash, words, signature, scheme,"
            " received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            map(_values, stored),
        )
        self._database.execute(
            "INSERT INTO sequences (lane, next_seq) VALUES (?, ?)"
            " ON CONFLICT (lane) DO UPDATE SET next_seq = excluded.next_seq",
            (lane, seq + len(stored)),
        )
        return stored

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
        """Of a lane's receipts from ``first_seq`` on: how many, the least number, and when that one came."""
        row = self._database.row(
            "SELECT seq, received_at FROM receipts WHERE lane = ? AND seq >= ? ORDER BY seq LIMIT 1",
            (lane, first_seq),
        )
        if row is None:
            return None
        count = self._database.row(
            "SELECT COUNT(*) FROM receipts WHERE lane = ? AND seq >= ?", (lane, first_seq)
        )
        return (int(count[0]) if count else 0), int(row[0]), int(row[1])

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
    leaf, receipt = stored.leaf, stored.leaf.receipt
    return (receipt.issued_at, receipt.hash, stored.lane, stored.seq, leaf.hash, receipt.words, leaf.signature,
            stored.scheme.value, stored.received_at)  # fmt: skip


def _stored(row: Row) -> StoredReceipt:
    words, signature, scheme, lane, seq, received_at, emptied = row
    leaf = Leaf(Receipt.from_words(words), signature)
    return StoredReceipt(leaf, Scheme(scheme), lane, seq, received_at, bool(emptied))
