"""The chain as far as it has been followed: the cursor, what each event means, and how to go back."""

from collections.abc import Iterator, Sequence
from types import EllipsisType

from ..chain.base import (
    AttestationChallenged,
    AttestationPosted,
    AttestationProven,
    AttestationRejected,
    Block,
    BondReleased,
    ChainEvent,
    DemandExpired,
    EpochAnnounced,
    FaultProven,
    FuseBlown,
    Logged,
    Place,
    Posted,
    PromiseBroken,
    RegistryEvent,
    TileAnswered,
    TileDemanded,
)
from ..protocol.answers import halves_of
from ..protocol.header import BatchId, first_seq_of, lane_of
from ..protocol.reading import leaves_of
from .attestation_checks import AttestationChecks
from .audits import Audits
from .batches import Batches
from .broken import Broken
from .database import Database
from .deadlines import Action, Deadline, Deadlines
from .demands import Demands
from .faults import Faults
from .ledger import Ledger
from .registry import Registry
from .seen import Seen
from .spending import Spending
from .verdicts import Verdicts, What
from .watched import WatchedPromises

KEPT_BLOCKS = 4096
"""Blocks whose hash is remembered. A reorganisation deeper than that is followed from the very beginning."""


class ChainLog:
    """The tables ``cursor`` and ``blocks``, and the one place where chain events become rows."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        batches: Batches,
        faults: Faults,
        demands: Demands,
        seen: Seen,
        verdicts: Verdicts,
        deadlines: Deadlines,
        attestation_checks: AttestationChecks,
        watched: WatchedPromises,
        broken: Broken,
        audits: Audits,
        spending: Spending,
        ledger: Ledger,
        role: str,
    ) -> None:
        self._database = database
        self._registry = registry
        self._batches = batches
        self._faults = faults
        self._demands = demands
        self._seen = seen
        self._verdicts = verdicts
        self._deadlines = deadlines
        self._attestation_checks = attestation_checks
        self._watched = watched
        self._broken = broken
        self._audits = audits
        self._spending = spending
        self._ledger = ledger
        self._checks = role == "verifier"
        self._audited = role == "auditor"

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

    def remembers(self, block: Block) -> bool:
        """Whether a block that was the cursor once has not been undone since."""
        row = self._database.row("SELECT hash, timestamp FROM blocks WHERE number = ?", (block.number,))
        return row == (block.hash, block.timestamp)

    def remembers_since(self) -> int:
        """The time of the oldest block whose hash is remembered, in unix seconds; 0: none is."""
        row = self._database.row("SELECT MIN(timestamp) FROM blocks")
        return int(row[0]) if row is not None and row[0] is not None else 0

    def apply(self, events: Sequence[Logged], last: Block, cursor: Block | EllipsisType | None = ...) -> bool:
        """Store what ``events`` say and move the cursor to ``last``, in one commit.

        ``cursor``: where it stood when the events were asked for; ``...``: it does not matter. Where another process
        has moved it since, nothing is stored; False.
        """
        with self._database.transaction():
            if self._has_moved(cursor):
                return False
            for logged in events:
                self._apply(logged)
                if self._checks:
                    self._ledger.add(logged)
            self._move(last)
        return True

    def undo_beyond(
        self, ancestor: Block | None, before_all: int, cursor: Block | EllipsisType | None = ...
    ) -> bool:
        """Forget all that blocks beyond ``ancestor`` said, in one commit. None: whatever the chain said at all.

        ``before_all`` is the number of the block before the contracts' first; ``cursor`` and the result are as
        :meth:`apply` has them.
        """
        with self._database.transaction():
            if self._has_moved(cursor):
                return False
            self._undo(ancestor.number if ancestor is not None else before_all)
            if ancestor is None:
                self._registry.forget_terms()
                self._database.execute("DELETE FROM cursor")
            else:
                self._move(ancestor)
        return True

    def _has_moved(self, cursor: Block | EllipsisType | None) -> bool:
        return cursor is not ... and self.cursor() != cursor

    def _undo(self, number: int) -> None:
        for batch in self._batches.posted_beyond(number):
            posted = self._batches.posted(batch)
            if posted is not None and self._checks:
                self._seen.forget(lane_of(batch), first_seq_of(batch), posted.end)
            self._verdicts.remove_check(batch)
            self._verdicts.remove(batch)
            self._demands.forget_missing(batch)
            self._deadlines.remove_all(batch)
        for posted in self._batches.undo_beyond(number):
            self._deadlines.add(Deadline(posted.header.window_end, Action.FINALISE, posted.id))
        self._faults.undo_beyond(number)
        self._broken.undo_beyond(number)
        self._audits.undo_beyond(number)
        self._spending.undo_beyond(number)
        self._ledger.undo_beyond(number)
        self._undo_demands(number)
        self._undo_verdicts(number)
        self._attestation_checks.undo_beyond(number)
        self._watched.undo_beyond(number)
        self._registry.undo_beyond(number)
        self._database.execute("DELETE FROM blocks WHERE number > ?", (number,))

    def _undo_demands(self, number: int) -> None:
        for batch, tile in self._demands.opened_beyond(number):
            for action in (Action.ANSWER, Action.SETTLE):
                self._deadlines.remove_at(batch, action, tile)
            if self._verdicts.check(batch) is not None and not self._demands.missing(batch):
                self._deadlines.remove_all(batch, Action.CHECK)  # it was to be looked at for the demand alone
            self._verdicts.remove_at(batch, tile, What.ANSWER)
        for demand in self._demands.undo_beyond(number):
            self._watch_demand(demand.batch, demand.tile, demand.deadline)

    def _undo_verdicts(self, number: int) -> None:
        again = {What.DISPUTE: Action.DISPUTE, What.DEMAND: Action.DEMAND}
        for verdict in self._verdicts.undo_beyond(number):
            posted = self._batches.posted(verdict.batch)
            if posted is not None and verdict.what in again:
                end = posted.header.window_end
                self._deadlines.add(Deadline(end, again[verdict.what], verdict.batch, verdict.place))
                if verdict.what is What.DEMAND:  # its data is looked for once more before
                    self._deadlines.add(Deadline(posted.posted_at, Action.CHECK, verdict.batch))
        # What was judged by records that are gone is judged again.
        for batch in self._verdicts.checks_beyond(number):
            posted = self._batches.posted(batch)
            self._verdicts.remove_check(batch)
            self._verdicts.remove(batch, pending_only=True)
            self._demands.forget_missing(batch)
            for action in (Action.COMPARE, Action.DISPUTE, Action.DEMAND, Action.CHECK):
                self._deadlines.remove_all(batch, action)
            if posted is not None:
                self._deadlines.add(Deadline(posted.posted_at, Action.CHECK, batch))

    def _apply(self, logged: Logged) -> None:
        event, place = logged.event, logged.place
        if self._checks:
            self._wake_watched(event)
        if isinstance(event, Posted):
            self._batches.add_posted(event, place)
            if not self._audited:
                self._deadlines.add(Deadline(event.header.window_end, Action.FINALISE, event.batch))
            if self._checks:
                self._deadlines.add(Deadline(place.timestamp, Action.CHECK, event.batch))
        elif isinstance(event, FaultProven):
            self._faults.add(event, place)
        elif isinstance(event, TileDemanded):
            self._demands.add(event, place)
            self._watch_demand(event.batch, event.tile, event.deadline)
            if self._checks:  # whoever lacks its data looks again in time to show it
                middle = (place.timestamp + event.deadline) // 2
                self._deadlines.add(Deadline(middle, Action.CHECK, event.batch))
        elif isinstance(event, TileAnswered):
            self._apply_answer(event, place)
        elif isinstance(event, DemandExpired | FuseBlown):
            self._faults.add_strike(event, place)
            if isinstance(event, DemandExpired):
                self._demands.expire(event, place)
        elif isinstance(event, PromiseBroken):
            self._broken.add(event, place)
        elif isinstance(event, EpochAnnounced):
            self._registry.add_epoch(event, place)
        elif isinstance(event, RegistryEvent):
            self._registry.add(event, place)
            if self._checks:
                self._check_attestation(event, place)

    def _apply_answer(self, event: TileAnswered, place: Place) -> None:
        posted = self._batches.posted(event.batch)
        if posted is None:
            return  # its post would be in an earlier block, and is in every store that followed the chain
        halves = halves_of(leaves_of(posted.header, event.tile))
        if self._demands.add_answer(event, place, halves, self._checks or self._audited) and self._checks:
            # Whoever lacked its data has it now.
            self._deadlines.add(Deadline(place.timestamp, Action.CHECK, event.batch))

    def _watch_demand(self, batch: BatchId, tile: int, deadline: int) -> None:
        """The tile may be shown until the deadline; a verifier settles its own demand after it."""
        if not self._audited:
            self._deadlines.add(Deadline(deadline, Action.ANSWER, batch, tile))
        if self._checks:
            self._deadlines.add(Deadline(deadline, Action.SETTLE, batch, tile))

    def _wake_watched(self, event: ChainEvent) -> None:
        """Look again at the promises of numbers of which an event says something. A store that has not followed the
        chain to their batch wakes them by its post."""
        if isinstance(event, PromiseBroken):
            self._watched.wake(event.lane, event.seq, event.seq + 1)
        elif isinstance(event, Posted):
            first = first_seq_of(event.batch)
            self._watched.wake(event.lane, first, first + event.header.count)
        elif isinstance(event, FuseBlown | TileDemanded | TileAnswered | DemandExpired):
            posted = self._batches.posted(event.batch)
            if posted is not None:
                self._watched.wake(lane_of(event.batch), first_seq_of(event.batch), posted.end)

    def _check_attestation(self, event: RegistryEvent, place: Place) -> None:
        if isinstance(event, AttestationPosted):
            self._attestation_checks.open(event.id, place)
        elif isinstance(
            event, AttestationChallenged | AttestationProven | AttestationRejected | BondReleased
        ):
            self._attestation_checks.wake(event.id, place.timestamp)

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
