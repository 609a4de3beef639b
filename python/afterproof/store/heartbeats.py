"""What nodes signed to say that they were alive, kept until nobody can ask for it any more."""

from collections.abc import Iterable
from dataclasses import dataclass

from .database import Database, Row

_COLUMNS = "round, node, timestamp, signature, received_at, tx_hash"


@dataclass(frozen=True, slots=True)
class StoredHeartbeat:
    """A node's heartbeat: the first that came of its round. ``tx_hash``: where it was reported; None: not yet.

    Times in unix seconds.
    """

    round: int
    node: bytes
    timestamp: int
    signature: bytes
    received_at: int
    tx_hash: bytes | None = None


class Heartbeats:
    """The table ``heartbeats``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, heartbeat: StoredHeartbeat) -> None:
        """Keep a heartbeat, unless one of that node and round is there."""
        self._database.execute(
            f"INSERT INTO heartbeats ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                heartbeat.round,
                heartbeat.node,
                heartbeat.timestamp,
                heartbeat.signature,
                heartbeat.received_at,
                heartbeat.tx_hash,
            ),
        )

    def find(self, round_number: int, node: bytes) -> StoredHeartbeat | None:
        """The heartbeat of a node in a round, or None."""
        row = self._database.row(
            f"SELECT {_COLUMNS} FROM heartbeats WHERE round = ? AND node = ?", (round_number, node)
        )
        return _stored(row) if row else None

    def of_round(self, round_number: int) -> list[StoredHeartbeat]:
        """All heartbeats of a round."""
        return [
            _stored(row)
            for row in self._database.rows(
                f"SELECT {_COLUMNS} FROM heartbeats WHERE round = ? ORDER BY node", (round_number,)
            )
        ]

    def after(self, round_number: int, node: bytes, most: int) -> list[StoredHeartbeat]:
        """Up to ``most`` heartbeats in the order of (round, node), after this one."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM heartbeats WHERE round > ? OR (round = ? AND node > ?)"
            " ORDER BY round, node LIMIT ?",
            (round_number, round_number, node, most),
        )
        return [_stored(row) for row in rows]

    def set_reported(self, heartbeats: Iterable[StoredHeartbeat], tx_hash: bytes) -> None:
        """The transaction that reported these."""
        self._database.execute_many(
            "UPDATE heartbeats SET tx_hash = ? WHERE round = ? AND node = ?",
            [(tx_hash, one.round, one.node) for one in heartbeats],
        )

    def forget_before(self, round_number: int) -> None:
        """Let go of the rounds before this one."""
        self._database.execute("DELETE FROM heartbeats WHERE round < ?", (round_number,))


def _stored(row: Row) -> StoredHeartbeat:
    return StoredHeartbeat(*row)
