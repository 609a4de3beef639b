"""A migration: receipts that were a row each become runs, and their hashes names.

What a migration says must never change: this depends on nothing that does.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

_COLUMNS = "lane, seq, issued_at, receipt_hash, leaf_hash, words, signature, scheme, received_at, emptied"
_AT_ONCE = 2048
_LONGEST = 256


class Writable(Protocol):
    """What of a database this needs."""

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int: ...

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...


def carry_receipts(database: Writable) -> None:
    """Copy the table ``receipts`` into ``runs``, ``names`` and ``emptied``."""
    lane, seq = -1, -1
    while rows := database.rows(
        f"SELECT {_COLUMNS} FROM receipts WHERE (lane, seq) > (?, ?) ORDER BY lane, seq LIMIT {_AT_ONCE}",
        (lane, seq),
    ):
        lane, seq = rows[-1][:2]
        database.execute_many(
            "INSERT INTO runs (lane, first_seq, count, received_at, scheme, words, signatures, leaf_hashes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [_run(list(group)) for _, group in groupby(enumerate(rows), _kind)],
        )
        database.execute_many(
            "INSERT INTO names (issued_at, name, twin, lane, seq) VALUES (?, ?, ?, ?, ?)",
            [(row[2], int.from_bytes(row[3][:8], signed=True), 0, row[0], row[1]) for row in rows],
        )
        database.execute_many(
            "INSERT INTO emptied (lane, seq) VALUES (?, ?)", [row[:2] for row in rows if row[9]]
        )


def _kind(numbered: tuple[int, tuple[Any, ...]]) -> tuple[Any, ...]:
    """What is alike in the rows of a run."""
    place, row = numbered
    return row[0], row[1] - place, row[8], row[7], len(row[6]), place // _LONGEST


def _run(numbered: Sequence[tuple[int, tuple[Any, ...]]]) -> tuple[Any, ...]:
    rows = [row for _, row in numbered]
    words, signatures, leaf_hashes = (b"".join([row[column] for row in rows]) for column in (5, 6, 4))
    return rows[0][0], rows[0][1], len(rows), rows[0][8], rows[0][7], words, signatures, leaf_hashes
