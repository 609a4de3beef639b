"""Receipts whose batch is to be closed at once, whoever waits with them."""

from .database import Database


class Urgent:
    """The table ``urgent``. A row stays when its batch is closed: it also says how the receipt was handed in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, lane: int, seq: int) -> None:
        """The receipt at a number of a lane is urgent; saying it twice changes nothing."""
        self._database.execute(
            "INSERT INTO urgent (lane, seq) VALUES (?, ?) ON CONFLICT DO NOTHING", (lane, seq)
        )

    def holds(self, lane: int, seq: int) -> bool:
        """Whether the receipt at a number of a lane is, or was, urgent."""
        return (
            self._database.row("SELECT seq FROM urgent WHERE lane = ? AND seq = ?", (lane, seq)) is not None
        )

    def forget(self, lane: int, below: int) -> int:
        """Remove what is said of numbers below ``below``; of how many."""
        return self._database.execute("DELETE FROM urgent WHERE lane = ? AND seq < ?", (lane, below))

    def waits(self, lane: int, first_seq: int) -> bool:
        """Whether any receipt of a lane from ``first_seq`` on is urgent."""
        found = self._database.row("SELECT seq FROM urgent WHERE lane = ? AND seq >= ?", (lane, first_seq))
        return found is not None
