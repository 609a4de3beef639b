"""Measure: look at what waits, what is due and what is left, for whoever watches the figures.

In a thread of its own, beside the loop: a node that does not answer delays no figure of the store, and neither delays
a step. What became of the lane's batches is read off the store once ``watch`` and ``finalise`` have put it there, so
that a post counts that landed while nobody waited for it.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import Gauge

from ..protocol.terms import ETHER
from ..store.deadlines import Action
from ..store.ledger import Kind
from ..store.measures import Milestones
from ..telemetry.declaring import NAN
from .context import Context, seconds_left

MONEY_EVERY: Final = 15.0
"""Seconds between two looks at the whole ledger."""

CHAIN_EVERY: Final = 15.0
"""Seconds between two looks at what the chain alone can say."""


class Meter:
    """Reads the levels of a process, and what became of its batches since it last looked.

    Made before the loop starts: what was posted before that, the process before this one has counted.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lane = context.lane if context.store.role == "relayer" else None
        self._posted = self._final = 0
        ledger = context.store.ledger
        self._booked: dict[tuple[Kind, str], float] = (
            ledger.totals(context.chain.account) if self._lane is None else {}
        )
        self._skip()
        self._chain_at: float | None = None
        self._money_at: float | None = None

    def read_store(self) -> None:
        """The levels that the store and the disks know, and batches that were posted or became final.

        Raises:
            StoreUnavailable: the database cannot.
        """
        context, metrics = self._context, self._context.metrics
        cursor = context.store.chain.cursor()
        if cursor is not None:
            metrics.chain.cursor(cursor.number, cursor.timestamp)
        metrics.pressing.deadlines(seconds_left(context))
        funds = context.funds_watch.found
        if funds is not None:
            _set(metrics.chain.lasts, funds.account.lasts)
            metrics.chain.reserve.set(funds.reserve.total / ETHER)
        if self._lane is None:
            self._read_checking()
            self._count_money()
        else:
            self._read_room(self._lane)
            self._count_batches(self._lane)
        _set(metrics.process.free_disk, free_disk(context))
        metrics.process.measured.labels("store").set_to_current_time()

    def read_chain(self) -> None:
        """The levels that the chain knows: asked for now and then.

        Raises:
            ChainUnavailable: the node cannot say.
        """
        now = time.monotonic()
        if self._chain_at is not None and now - self._chain_at < CHAIN_EVERY:
            return
        self._chain_at = now
        chain, metrics = self._context.chain, self._context.metrics
        metrics.chain.balance.set(chain.balance(chain.account) / ETHER)
        state = chain.lane(self._lane) if self._lane is not None else None
        if state is not None and self._lane is not None:
            cover = chain.required_stake(self._lane, 0)
            metrics.room.stake.set(state.stake / ETHER)
            metrics.room.cover.set(cover / ETHER)
            metrics.room.free_stake.set((state.stake - cover) / ETHER)
        metrics.process.measured.labels("chain").set_to_current_time()

    def _read_room(self, lane: int) -> None:
        context, room, measures = self._context, self._context.metrics.room, self._context.store.measures
        posted = measures.posted_until(lane)
        next_seq = context.store.receipts.next_seq(lane)
        room.waiting.set(max(next_seq - max(measures.closed_until(lane), posted), 0))
        room.unposted.set(max(next_seq - posted, 0))
        room.unposted_batches.set(measures.closed_from(lane, posted))
        _set(room.oldest_unposted, measures.received_from(lane, posted))
        _set(room.deadline, context.store.promises.earliest_due(lane, posted))
        authority = context.authority
        limit = min(authority.limit, authority.signed_until)
        _set(room.promisable, max(limit - next_seq, 0) if authority.ahead else None)

    def _read_checking(self) -> None:
        checking, deadlines = self._context.metrics.checking, self._context.store.deadlines
        checking.checks_waiting.set(deadlines.count(Action.CHECK))
        checking.disputes_waiting.set(deadlines.count(Action.DISPUTE))
        _set(checking.deadline, next((one.time for one in deadlines.all(Action.DISPUTE, 1)), None))
        unjudged, since = self._context.store.pending.unjudged()
        checking.unjudged.set(unjudged)
        _set(checking.oldest_unjudged, None if since is None else max(self._context.chain_now - since, 0))

    def _count_money(self) -> None:
        """Count what has come to the account's ledger since the last look, if this process acts for it."""
        context, now = self._context, time.monotonic()
        if self._money_at is not None and now - self._money_at < MONEY_EVERY:
            return
        self._money_at = now
        totals = context.store.ledger.totals(context.chain.account)
        for key, total in totals.items():
            before = self._booked.get(key, 0.0)
            if (
                total > before and context.metrics.process.leads
            ):  # what a reorganisation took is not counted anew once it is back
                context.metrics.checking.book(key[0].value, key[1], total - before)
            self._booked[key] = max(total, before)

    def _count_batches(self, lane: int) -> None:
        """Count what was posted and what became final since the last look, if this process is the lane's poster."""
        process, measures = self._context.metrics.process, self._context.store.measures
        if process.leads is None:
            return  # who posts on the lane is not settled yet
        if not process.leads:
            self._skip()
            return
        # What a reorganisation took is counted anew when it is back: it may be late then.
        self._posted = min(self._posted, measures.posted_until(lane))
        self._final = min(self._final, measures.final_until(lane))
        for batch in measures.milestones(lane, self._posted):
            self._count_posted(lane, batch)
            self._posted = batch.end
        for batch in measures.milestones(lane, self._final):
            if batch.final_at is None:
                break
            self._context.metrics.line.final.inc()
            self._count_gap(lane, batch, batch.final_at, "final")
            self._final = batch.end

    def _count_posted(self, lane: int, batch: Milestones) -> None:
        line = self._context.metrics.line
        line.posted.inc()
        line.leaves.inc(batch.count)
        if batch.closed_at is not None:
            line.closed_to_posted.observe({batch.posted_at - batch.closed_at: 1})
        due = self._context.store.measures.least_due(lane, batch.first_seq, batch.end)
        if due is not None:
            line.margin.observe({due - batch.posted_at: 1})
            line.late.inc(due < batch.posted_at)
        self._count_gap(lane, batch, batch.posted_at, "posted")

    def _count_gap(self, lane: int, batch: Milestones, at: int, until: str) -> None:
        issued = self._context.store.measures.issued(lane, batch)
        self._context.metrics.line.gap.observe({at - time: count for time, count in issued.items()}, until)

    def _skip(self) -> None:
        if self._lane is not None:
            measures = self._context.store.measures
            self._posted, self._final = measures.posted_until(self._lane), measures.final_until(self._lane)


def free_disk(context: Context) -> int | None:
    """The bytes that are free on the fullest of the disks that this process writes to; None: it writes to none."""
    return min((shutil.disk_usage(folder).free for folder in _folders(context)), default=None)


def _folders(context: Context) -> Iterator[Path]:
    """The folders that are written to, or where one is yet to be made, what it will be made in."""
    relayer, verifier = context.config.relayer, context.config.verifier
    is_relayer = context.store.role == "relayer"
    store = relayer.store if is_relayer else verifier.store
    written = [store.parent] if isinstance(store, Path) else []
    if is_relayer and relayer.data is None:
        written.append(relayer.data_dir)
    for folder in written:
        yield next(one for one in (folder, *folder.absolute().parents) if one.exists())


def _set(gauge: Gauge, value: float | None) -> None:
    gauge.set(NAN if value is None else value)
