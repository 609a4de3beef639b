"""Promises that a verifier watches for their holders, and what was claimed of promises on chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..protocol.claims import Opening
from ..protocol.promise import Promise, SignedPromise
from ..protocol.watching import Fate, Finding, watch_id
from .database import Database, Row

_WATCHED: Final = (
    "lane, seq, leaf_hash, first_seq, count, root, include_by, beneficiary, signature, proof, client, received_at,"
    " fate, why, due, last, next_at, attempts, block, other, path"
)
Number = tuple[int, int]
"""A lane and a sequence number on it."""


@dataclass(frozen=True, slots=True)
class WatchedPromise:
    """A promise opened at one number, handed in by ``client``, and what was found of it by ``block``.

    ``due``: the last second in which it is in time, pauses regarded; ``last``: the last in which a breach can be
    claimed, as far as is known; ``FOREVER`` while a demand is open. ``next_at``: when to look again; None: when the
    chain says something of the number. ``attempts`` that failed since something last changed, ``why`` the last one did.
    ``other``: the hash of another leaf that stands at the number, ``path`` its proof; kept, for what was published may
    be withheld later.
    """

    opening: Opening
    client: str
    received_at: int
    due: int
    last: int
    fate: Fate = Fate.OPEN
    why: str = ""
    next_at: int | None = 0
    attempts: int = 0
    block: int = 0
    other: bytes = b""
    path: tuple[bytes, ...] = ()

    @property
    def id(self) -> bytes:
        """What it is asked for by."""
        return watch_id(self.opening.signed.promise, self.opening.seq)


class WatchedPromises:
    """The table ``watched``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- promises ------------------------------------------------------------------------------

    def add(self, promise: WatchedPromise) -> bool:
        """Watch a promise; False: it is watched already, and stays as it is.

        The others of its number are looked at again: it may have been given twice. Belongs in a transaction.
        """
        marks = ", ".join("?" * 22)
        changed = self._database.execute(
            f"INSERT INTO watched (id, {_WATCHED}) VALUES ({marks}) ON CONFLICT DO NOTHING",
            (promise.id, *_columns(promise)),
        )
        if changed:
            self.wake(promise.opening.place[0], promise.opening.seq, promise.opening.seq + 1)
        return changed > 0

    def get(self, identity: bytes) -> WatchedPromise | None:
        """The watched promise with that id, or None."""
        row = self._database.row(f"SELECT {_WATCHED} FROM watched WHERE id = ?", (identity,))
        return _watched(row) if row else None

    def of(self, number: Number) -> list[WatchedPromise]:
        """All watched promises of a number, in the order in which they were handed in."""
        rows = self._database.rows(
            f"SELECT {_WATCHED} FROM watched WHERE lane = ? AND seq = ? ORDER BY received_at, id", number
        )
        return [_watched(row) for row in rows]

    def count(self, client: str | None = None) -> int:
        """How many promises are watched, for one client or for all."""
        row = self._database.row(
            "SELECT COUNT(*) FROM watched WHERE (CAST(? AS TEXT) IS NULL OR client = ?)", (client, client)
        )
        return int(row[0]) if row else 0

    def due(self, now: int, most: int) -> list[Number]:
        """The numbers to look at by ``now``, that whose claims end soonest first."""
        rows = self._database.rows(
            "SELECT lane, seq FROM watched WHERE next_at <= ? GROUP BY lane, seq ORDER BY MIN(last), lane, seq LIMIT ?",
            (now, most),
        )
        return [(lane, seq) for lane, seq in rows]

    def found(
        self, promise: WatchedPromise, finding: Finding, due: int, why: str, next_at: int | None, block: int
    ) -> None:
        """Keep what was found of a promise by ``block``; ``why``: what is in the way, where anything is."""
        attempts = promise.attempts if finding.fate is promise.fate else 0
        self._database.execute(
            "UPDATE watched SET fate = ?, due = ?, last = ?, why = ?, next_at = ?, attempts = ?, block = ?"
            " WHERE id = ?",
            (finding.fate.value, due, finding.until, why, next_at, attempts, block, promise.id),
        )

    def keep_proof(self, promise: WatchedPromise, other: bytes, path: Sequence[bytes]) -> None:
        """Another leaf stands at its number."""
        self._database.execute(
            "UPDATE watched SET other = ?, path = ? WHERE id = ?", (other, b"".join(path), promise.id)
        )

    def postpone(self, promise: WatchedPromise, next_at: int | None, why: str = "") -> None:
        """An attempt at its number was made; the next look is at ``next_at``."""
        self._database.execute(
            "UPDATE watched SET attempts = attempts + 1, next_at = ?, why = ? WHERE id = ?",
            (next_at, why, promise.id),
        )

    def wake(self, lane: int, first: int, end: int) -> None:
        """The chain says something of the numbers from ``first`` up to ``end``: look at them at once."""
        self._database.execute(
            "UPDATE watched SET next_at = 0, attempts = 0 WHERE lane = ? AND seq >= ? AND seq < ?",
            (lane, first, end),
        )

    def forget(self, before: int) -> int:
        """Remove promises of which nothing can be claimed since ``before``, none to be looked at; how many."""
        return self._database.execute("DELETE FROM watched WHERE last < ? AND next_at IS NULL", (before,))

    def undo_beyond(self, block: int) -> None:
        """Forget what blocks beyond ``block`` said, and look again at what was found by them."""
        self._database.execute(
            "UPDATE watched SET fate = ?, other = ?, path = ?, next_at = 0, attempts = 0, block = 0 WHERE block > ?",
            (Fate.OPEN.value, b"", b"", block),
        )


def _columns(watched: WatchedPromise) -> Row:
    opening, signed = watched.opening, watched.opening.signed
    p = signed.promise
    return (
        p.lane, opening.seq, opening.leaf_hash, p.first_seq, p.count, p.root, p.include_by, p.beneficiary,
        signed.signature, b"".join(opening.proof), watched.client, watched.received_at, watched.fate.value,
        watched.why, watched.due, watched.last, watched.next_at, watched.attempts, watched.block, watched.other,
        b"".join(watched.path),
    )  # fmt: skip


def _watched(row: Row) -> WatchedPromise:
    lane, seq, leaf, first_seq, count, root, include_by, beneficiary, signature, proof, *rest = row
    promise = Promise(lane, first_seq, count, root, include_by, beneficiary)
    opening = Opening(SignedPromise(promise, signature), seq, leaf, _hashes(proof))
    client, received_at, fate, why, due, last, next_at, attempts, block, other, path = rest
    return WatchedPromise(
        opening,
        client,
        received_at,
        due,
        last,
        Fate(fate),
        why,
        next_at,
        attempts,
        block,
        other,
        _hashes(path),
    )


def _hashes(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[i : i + 32] for i in range(0, len(data), 32))
