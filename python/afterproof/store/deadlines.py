"""Deadlines as rows: what is to be done to which subject, and when."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ..protocol.header import BatchId, batch_id, first_seq_of, lane_of
from .database import Database


class Action(StrEnum):
    """What is to be done."""

    CHECK = "check"
    """Check a posted batch, from ``time`` on."""

    COMPARE = "compare"
    """Look where else the receipt of a leaf stands on its lane, from ``time`` on."""

    DISPUTE = "dispute"
    """Prove a fault of a leaf, no later than ``time``, or its tile's end where that is later."""

    DEMAND = "demand"
    """Demand a tile, no later than ``time``."""

    ANSWER = "answer"
    """Show a tile that was demanded, no later than ``time``."""

    SETTLE = "settle"
    """Settle a demand that was not answered, after ``time``."""

    FINALISE = "finalise"
    """Mark a batch final, after ``time``, unless a demand puts it off."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A batch, or the leaf at ``place`` of it; ``time`` in unix seconds."""

    time: int
    action: Action
    batch: BatchId
    place: int = 0


class Deadlines:
    """The table ``deadlines``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, deadline: Deadline) -> None:
        """Keep a deadline; keeping it twice changes nothing."""
        self._database.execute(
            "INSERT INTO deadlines (time, action, lane, first_seq, place) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            _columns(deadline),
        )

    def remove(self, deadline: Deadline) -> None:
        """It has been dealt with."""
        self._database.execute(
            "DELETE FROM deadlines WHERE time = ? AND action = ? AND lane = ? AND first_seq = ? AND place = ?",
            _columns(deadline),
        )

    def remove_each(self, deadlines: Iterable[Deadline]) -> None:
        """They have been dealt with."""
        for one in deadlines:
            self.remove(one)

    def remove_all(self, batch: BatchId, action: Action | None = None) -> None:
        """Forget every deadline of a batch, or those of one action."""
        self._database.execute(
            "DELETE FROM deadlines WHERE lane = ? AND first_seq = ? AND (CAST(? AS TEXT) IS NULL OR action = ?)",
            (lane_of(batch), first_seq_of(batch), action, action),
        )

    def remove_at(self, batch: BatchId, action: Action, place: int) -> None:
        """Forget the deadlines of one action for one leaf or tile."""
        self._database.execute(
            "DELETE FROM deadlines WHERE lane = ? AND first_seq = ? AND action = ? AND place = ?",
            (lane_of(batch), first_seq_of(batch), action.value, place),
        )

    def of(self, batch: BatchId, action: Action) -> list[Deadline]:
        """The deadlines of one action of a batch, by place."""
        rows = self._database.rows(
            "SELECT time, place FROM deadlines WHERE lane = ? AND first_seq = ? AND action = ? ORDER BY place",
            (lane_of(batch), first_seq_of(batch), action.value),
        )
        return [Deadline(time, action, batch, place) for time, place in rows]

    def due(self, action: Action, before: int, most: int = 1000) -> list[Deadline]:
        """Deadlines of an action with a time below ``before``, the soonest first."""
        rows = self._database.rows(
            "SELECT time, lane, first_seq, place FROM deadlines WHERE action = ? AND time < ?"
            " ORDER BY time, lane, first_seq, place LIMIT ?",
            (action, before, most),
        )
        return [Deadline(time, action, batch_id(lane, seq), place) for time, lane, seq, place in rows]

    def due_first_checks(self, before: int, most: int = 1000) -> list[Deadline]:
        """As :meth:`due`: checks of batches of which nothing is known to be missing."""
        rows = self._database.rows(
            "SELECT time, lane, first_seq, place FROM deadlines WHERE action = 'check' AND time < ? AND NOT EXISTS"
            " (SELECT 1 FROM missing WHERE missing.lane = deadlines.lane"
            " AND missing.first_seq = deadlines.first_seq)"
            " ORDER BY time, lane, first_seq, place LIMIT ?",
            (before, most),
        )
        return [Deadline(time, Action.CHECK, batch_id(lane, seq), place) for time, lane, seq, place in rows]

    def all(self, action: Action, most: int = 1000) -> list[Deadline]:
        """The soonest deadlines of an action."""
        return self.due(action, 2**62, most)

    def count(self, action: Action) -> int:
        """How many deadlines of an action there are."""
        row = self._database.row("SELECT COUNT(*) FROM deadlines WHERE action = ?", (action,))
        return int(row[0]) if row else 0


def _columns(deadline: Deadline) -> tuple[int, str, int, int, int]:
    batch = deadline.batch
    return deadline.time, deadline.action, lane_of(batch), first_seq_of(batch), deadline.place
