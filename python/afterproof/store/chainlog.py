"""The chain as far as it has been followed: the cursor, what each event means, and how to go back."""

from collections.abc import Iterator, Sequence

from ..chain.base import (
    Block,
    EpochAnnounced,
    FaultProven,
    Logged,
    NodeRegistered,
    NodeRevoked,
    Posted,
)
from ..protocol.state import FaultKind
from .batches import Batches
from .database import Database
from .deadlines import Action, Deadline, Deadlines
from .registry import Registry
from .verdicts import Verdicts, What

KEPT_BLOCKS = 4096
"""Blocks whose hash is remembered. A reorganisation deeper than that is followed from the very beginning."""


class ChainLog:
    """The tables ``cursor`` and ``blocks``, and the one place where chain events become rows."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        batches: Batches,
        verdicts: Verdicts,
        deadlines: Deadlines,
        role: str,
    ) -> None:
        self._database = database
        self._registry = registry
        self._batches = batches
        self._verdicts = verdicts
        self._deadlines = deadlines
        self._checks = role == "verifier"

    def cursor(self) -> Block | None:
        """The last block whose events are in the store; None before the first."""
        row = self._database.row("SELECT number, hash, timestamp FROM cursor")
        return Block(*row) if row else None

    def blocks_back(self) -> Iterator[Block]:
        """Blocks that were the cursor once, newest first."""
        number: int = 2**62
        while True:
            rows = self._database.rows(
                "SELECT number, hash, timestamp FROM blocks WHERE number < ? ORDER BY number DESC LIMIT 64",
                (number,),
            )
            if not rows:
                return
            yield from (Block(*row) for row in rows)
            number = rows[-1][0]

    def apply(self, events: Sequence[Logged], last: Block) -> None:
        """Store what ``events`` say and move the cursor to ``last``, in one commit."""
        with self._database.transaction():
            for logged in events:
                self._apply(logged)
            self._move(last)

    def undo_beyond(self, ancestor: Block | None, before_all: int) -> None:
        """Forget all that blocks beyond ``ancestor`` said, in one commit. None: whatever the chain said at all.

        ``before_all`` is the number of the block before the contracts' first.
        """
        number = ancestor.number if ancestor is not None else before_all
        with self._database.transaction():
            for batch in self._batches.posted_beyond(number):
                self._verdicts.remove_check(batch)
                self._verdicts.remove(batch)
                self._deadlines.remove_all(batch)
            for posted in self._batches.undo_beyond(number):
                self._deadlines.add(Deadline(posted.header.window_end, Action.FINALISE, posted.id))
            self._undo_verdicts(number)
            self._registry.undo_beyond(number)
            self._database.execute("DELETE FROM blocks WHERE number > ?", (number,))
            if ancestor is None:
                self._database.execute("DELETE FROM cursor")
            else:
                self._move(ancestor)

    def _undo_verdicts(self, number: int) -> None:
        for verdict in self._verdicts.undo_beyond(number):
            posted = self._batches.posted(verdict.batch)
            if posted is not None and verdict.what is What.DISPUTE:
                end = posted.header.window_end
                self._deadlines.add(Deadline(end, Action.DISPUTE, verdict.batch, verdict.place))
        # What was judged by records that are gone is judged again.
        for batch in self._verdicts.checks_beyond(number):
            posted = self._batches.posted(batch)
            self._verdicts.remove_check(batch)
            self._verdicts.remove(batch, pending_only=True)
            self._deadlines.remove_all(batch, Action.DISPUTE)
            self._deadlines.remove_all(batch, Action.CHECK)
            if posted is not None:
                self._deadlines.add(Deadline(posted.posted_at, Action.CHECK, batch))

    def _apply(self, logged: Logged) -> None:
        event, place = logged.event, logged.place
        if isinstance(event, Posted):
            self._batches.add_posted(event, place)
            self._deadlines.add(Deadline(event.header.window_end, Action.FINALISE, event.batch))
            if self._checks:
                self._deadlines.add(Deadline(place.timestamp, Action.CHECK, event.batch))
        elif isinstance(event, FaultProven) and event.kind != FaultKind.MISDECLARED_RANGE:
            self._batches.add_void(event, place)
        elif isinstance(event, NodeRegistered):
            self._registry.add_node(event, place)
        elif isinstance(event, NodeRevoked):
            self._registry.add_end(event, place)
        elif isinstance(event, EpochAnnounced):
            self._registry.add_epoch(event, place)

    def _move(self, block: Block) -> None:
        values = (block.number, block.hash, block.timestamp)
        self._database.execute(
            "INSERT INTO blocks (number, hash, timestamp) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values
        )
        self._database.execute("DELETE FROM blocks WHERE number < ?", (block.number - KEPT_BLOCKS,))
        self._database.execute(
            "INSERT INTO cursor (id, number, hash, timestamp) VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET number = excluded.number, hash = excluded.hash, timestamp = excluded.timestamp",
            values,
        )
