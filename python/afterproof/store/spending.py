"""What the account's transactions cost, for a few days: how long its funds will last follows from that."""

from dataclasses import dataclass
from typing import Final

from .database import Database

KEPT: Final = 3 * 86_400
"""Seconds that a cost is kept."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a transaction of kind ``what`` cost: gas, and its whole fee in wei. ``at``: when that was known."""

    tx_hash: bytes
    what: str
    gas: int
    fee: int
    at: int


class Spending:
    """The table ``spending``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, spent: Spent) -> None:
        """Keep a cost, once for each transaction, and forget the oldest ones."""
        values = (spent.tx_hash, spent.what, spent.gas, str(spent.fee), spent.at)
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO spending (tx_hash, what, gas, fee, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                values,
            )
            self._database.execute("DELETE FROM spending WHERE at < ?", (spent.at - KEPT,))

    def since(self, at: int) -> list[Spent]:
        """The costs known from ``at`` on, the oldest first."""
        rows = self._database.rows(
            "SELECT tx_hash, what, gas, fee, at FROM spending WHERE at >= ? ORDER BY at, tx_hash", (at,)
        )
        return [Spent(tx_hash, what, gas, int(fee), known) for tx_hash, what, gas, fee, known in rows]
