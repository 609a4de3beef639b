"""Check: have a posted batch's data, judge every leaf of it tile by tile, and write the verdicts in one commit.

No batch is ever in memory as a whole, and its tiles are judged by as many workers as there are. A tile's leaves are
believed by the tile's root, wherever they come from: the chain, where a demand was answered; the archive; the address
that was posted; other verifiers' archives.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..chain.base import Block
from ..data.tiles import Had, obtain
from ..errors import ArchiveBroken
from ..protocol.columns import Columns
from ..protocol.header import BatchId, first_seq_of, lane_of, name_of
from ..protocol.judge import Wait
from ..protocol.judging import MOST_FAULTS, Findings, Posting, Roots
from ..protocol.merkle import TILE
from ..running import RunStopped, WorkersLost
from ..running.tiles import NotJudged, TileJudge
from ..store import Store
from ..store.batches import PostedBatch
from ..store.deadlines import Action, Deadline
from ..store.demands import MissingTile
from ..store.registry import EpochRecord
from ..store.verdicts import Check, State, Verdict, What
from .context import Context
from .shelf import shown_of, wanted_of
from .turns import turn
from .unstored import backoff

log = logging.getLogger(__name__)

RETRY: Final = 5
"""Seconds until trouble of our own is looked at again."""

_ROWS: Final = 4096
"""Receipts from which on they are written to the store before all of a batch is judged."""

Row = tuple[int, int, bytes]
"""Where a receipt stands: its number, issuedAt and key."""


@dataclass(frozen=True)
class Look:
    """One look at a batch at ``now``, by the later of clock and chain: what was known of it, which tiles are wanted.

    ``due``: what it was to be looked at for.
    """

    posted: PostedBatch
    due: list[Deadline]
    epoch: EpochRecord
    cursor: Block
    now: int
    before: Check | None
    known_missing: dict[int, MissingTile]
    wanted: set[int]

    def missing(self, had: Had) -> list[MissingTile]:
        """The tiles that were not had."""
        lacking = sorted(self.wanted - had.tiles)
        return [self.known_missing.get(tile, MissingTile(tile, self.now, had.why)) for tile in lacking]

    def is_true_still(self, store: Store) -> bool:
        """Whether the chain was not undone since, and nobody else has looked."""
        return (
            store.chain.remembers(self.cursor)
            and store.batches.posted(self.posted.id) == self.posted
            and store.verdicts.check(self.posted.id) == self.before
            and store.demands.missing(self.posted.id) == self.known_missing
        )


def check(context: Context) -> bool:
    """Check the next posted batch that is due and that no other process checks; True where more are due.

    Data that cannot be had, or is not what was posted, is to be demanded: recorded tile by tile, and looked for again
    until the tile ends. Trouble of our own is a :class:`Wait`: nothing is said of the batch, and it is looked at again.
    """
    cursor = context.store.chain.cursor()
    if cursor is None:
        return False
    now = max(context.now, cursor.timestamp)
    with turn(context, now) as (batch, more):
        if batch is not None:
            _take(context, batch, now)
    return more


def _take(context: Context, batch: BatchId, now: int) -> None:
    """Check a batch that is this process's to check."""
    store = context.store
    cursor, due = store.chain.cursor(), store.deadlines.of(batch, Action.CHECK)
    posted = store.batches.posted(batch)
    if cursor is None or not any(one.time <= now for one in due):
        return  # another has just done it, or gone back with the chain
    if posted is None:
        with store.transaction():
            if store.batches.posted(batch) is None:
                store.deadlines.remove_all(batch, Action.CHECK)
        return
    try:
        wait = _check(context, posted, due, cursor, now)
    except RunStopped:
        return  # nothing was written down: it is still due
    trouble = f"batch {name_of(batch)}"
    if wait is None:
        context.troubles.over(trouble)
        context.looks.add(batch, context.now)
        return
    context.troubles.meet(trouble, wait.why, context.clock())
    context.metrics.checking.look("wait")
    log.error(
        "batch %s cannot be judged yet, by no fault of its own: %s", name_of(batch), wait.why,
        extra=_fields(batch) | {"error": wait.why},
    )  # fmt: skip
    with store.transaction():
        if store.batches.posted(batch) == posted:
            store.deadlines.remove_each(due)
            store.deadlines.add(Deadline(wait.until, Action.CHECK, batch))


def _check(
    context: Context, posted: PostedBatch, due: list[Deadline], cursor: Block, now: int
) -> Wait | None:
    """Look at what was not judged of a batch yet; what is in the way by no fault of its own."""
    store = context.store
    epoch = store.registry.epoch(posted.header.epoch)
    if epoch is None:
        return Wait(now + RETRY, f"the terms of epoch {posted.header.epoch} are not known")
    before, missing = store.verdicts.check(posted.id), store.demands.missing(posted.id)
    wanted = set(range(posted.header.tiles)) if before is None else set(missing)
    wanted -= store.tiles.struck(posted, cursor.timestamp)
    look = Look(posted, due, epoch, cursor, now, before, missing, wanted)
    found, rows = Findings(), list[Row]()
    try:
        had = _judge(context, look, found, rows)
    except (ArchiveBroken, WorkersLost) as error:
        return Wait(now + RETRY, str(error))
    except NotJudged as error:
        # Whoever finds a leaf that our judge stumbles over must not keep us from other batches with it.
        log.error("the judge failed: %s", error.trace, extra=_fields(posted.id))
        return Wait(now + RETRY, str(error))
    _record(context, look, had, found, rows)
    return None


# --- judging, and writing down what was found -------------------------------------------------------


def _judge(context: Context, look: Look, found: Findings, rows: list[Row]) -> Had:
    """Have the wanted tiles, as far as they can be had, and judge them; ``found`` is what is found of them then."""
    posted, store, as_of = look.posted, context.store, look.cursor.timestamp

    def end_of(tile: int) -> int:
        end = store.tiles.end(posted, tile)
        return max(posted.header.window_end, as_of) if end is None else end  # as far as is known yet

    judge = TileJudge(
        context.runner,
        Posting(posted.id, posted.header, posted.tile_roots, look.epoch.terms),
        end_of,
        lambda node: store.registry.node(node, as_of, posted.header.anchor),
        context.domain,
    )
    had = _have(context, look, judge, found, rows)
    if had.fetched:
        context.reach.found(look.now)
    return had


def _have(context: Context, look: Look, judge: TileJudge, found: Findings, rows: list[Row]) -> Had:
    posted = look.posted
    wanted, shown = wanted_of(context, posted, look.wanted), shown_of(context, posted, look.wanted)

    def take(tiles: Iterator[tuple[int, Columns]]) -> set[int]:
        taken = set[int]()
        for one in judge.sound(tiles):
            taken.add(one.tile)
            found.add(one)
            rows.extend((first_seq_of(posted.id) + index, at, receipt) for index, at, receipt in one.timely)
            if len(rows) >= _ROWS:
                _index(context, look, rows)
        return taken

    return obtain(context.data, wanted, shown, take)


def _index(context: Context, look: Look, rows: list[Row]) -> None:
    """Write where receipts stand: what is written of a batch that is not done with yet says nothing about it."""
    with context.store.transaction():
        context.store.seen.add(lane_of(look.posted.id), rows)
    rows.clear()


def _record(context: Context, look: Look, had: Had, found: Findings, rows: list[Row]) -> None:
    """Write what was found of the tiles that were had, and which are missing, in one commit."""
    store, batch, before = context.store, look.posted.id, look.before or Check(look.posted.id, "")
    if look.before is not None and not look.wanted and not look.known_missing:
        store.deadlines.remove_each(look.due)  # woken by what was known
        return
    missing, attempts = look.missing(had), before.attempts + 1
    is_over = bool(missing) and not any(_may_come(context, look, one.tile) for one in missing)
    is_some = len(missing) < look.posted.header.tiles
    again = min([look.now + backoff(attempts), *_last_looks(context, look, missing)])
    state = "missed" if is_over else "checked" if not missing else "partial" if is_some else "unavailable"
    with store.transaction():
        if not look.is_true_still(store):
            log.info(
                "batch %s is looked at again: something new is known", name_of(batch), extra=_fields(batch)
            )
            return
        store.seen.add(lane_of(batch), rows)
        _add_disputes(context, look, found)
        for tile in had.tiles:
            store.verdicts.withdraw(batch, tile, What.DEMAND)
        for lacking in missing:
            opens_at = _demanded_from(context, look, lacking)
            if store.verdicts.add(
                Verdict(batch, lacking.tile, What.DEMAND, why=lacking.why, next_at=opens_at)
            ):
                end = look.posted.header.window_end
                store.deadlines.add(Deadline(end, Action.DEMAND, batch, lacking.tile))
        store.demands.put_missing(batch, [] if is_over else missing)
        counts = (before.accepted + found.accepted, before.void + found.void, before.disputed + found.faulty)
        why = had.why if missing else ""
        store.verdicts.put_check(Check(batch, state, why, attempts, *counts, context.now, _last_known(store)))
        # Not what it is to be looked at for since then.
        store.deadlines.remove_each(look.due)
        if missing and not is_over:
            store.deadlines.add(Deadline(again, Action.CHECK, batch))
    if had.tiles:
        context.metrics.checking.judge(found.accepted, found.void, found.faulty)
    if missing:
        context.metrics.checking.look(state)
    _report(look, found, missing, (attempts, again - look.now), state, why, len(had.tiles))


def _last_known(store: Store) -> int:
    """The block by which all was known that went into a look: the chain was not undone since."""
    cursor = store.chain.cursor()
    assert cursor is not None
    return cursor.number


def _add_disputes(context: Context, look: Look, found: Findings) -> None:
    store, posted = context.store, look.posted
    room = MOST_FAULTS + 1 - store.verdicts.count(posted.id, What.DISPUTE)
    roots = Roots(posted.tile_roots)
    for fault in map(roots.whole, found.disputable[: max(room, 0)]):
        is_known = fault.kind in look.epoch.faults
        added = store.verdicts.add(
            Verdict(
                posted.id, fault.index, What.DISPUTE, fault.kind, fault.evidence, fault.leaf.receipt.words,
                fault.leaf.signature, fault.proof, State.PENDING if is_known else State.UNPROVABLE,
            )
        )  # fmt: skip
        if added and is_known:
            end = store.tiles.end(posted, fault.index // TILE) or posted.header.window_end
            store.deadlines.add(Deadline(end, Action.DISPUTE, posted.id, fault.index))
        elif added:
            log.error(
                "leaf %d is at fault, but epoch %d knows no such fault", fault.index, look.epoch.number,
                extra=_fields(posted.id) | {"place": fault.index},
            )  # fmt: skip
    if found.times is None:
        return
    first_seq = first_seq_of(posted.id)
    for seq in store.seen.shared(lane_of(posted.id), range(first_seq, posted.end), found.times, MOST_FAULTS):
        store.deadlines.add(Deadline(look.cursor.timestamp, Action.COMPARE, posted.id, seq - first_seq))


def _last_looks(context: Context, look: Look, missing: list[MissingTile]) -> list[int]:
    """When data is looked for however long ago it was tried: just before it is demanded, and in time to show it."""
    store, batch = context.store, look.posted.id
    times = {_demanded_from(context, look, one) for one in missing}
    for verdict in (store.verdicts.find(batch, one.tile, What.DEMAND) for one in missing):
        if verdict is not None and verdict.state is State.PENDING:
            times.add(verdict.next_at)  # the demand was put off
    demands = store.demands.of(batch)
    for demand in (demands[one.tile] for one in missing if one.tile in demands):
        times |= {demand.middle, (demand.middle + demand.deadline) // 2}
    return [time for time in times if time > look.now]


def _demanded_from(context: Context, look: Look, lacking: MissingTile) -> int:
    """From when a tile is demanded: data is looked for a while, but not for more than half of the window."""
    header = look.posted.header
    half = header.window_end - (header.window_end - header.anchor) // 2
    return min(lacking.since + int(context.config.verifier.demand_after), half)


def _may_come(context: Context, look: Look, tile: int) -> bool:
    """Whether a tile that is missing may yet be disputed: its window is open, or a demand of it."""
    demand = context.store.demands.get(look.posted.id, tile)
    return look.cursor.timestamp <= look.posted.header.window_end or (demand is not None and demand.is_open)


def _report(
    look: Look,
    found: Findings,
    missing: list[MissingTile],
    tries: tuple[int, int],
    state: str,
    why: str,
    had: int,
) -> None:
    name, tiles, fields = name_of(look.posted.id), look.posted.header.tiles, _fields(look.posted.id)
    if not had and not missing:
        log.info("batch %s: what was missing of it is struck", name, extra=fields)
    elif had:
        counts = {"accepted": found.accepted, "voided": found.void, "disputed": found.faulty}
        log.log(
            logging.WARNING if found.disputable else logging.INFO,
            "checked batch %s: %d accepted, %d void by rule, %d to dispute%s",
            name, *counts.values(), f", in {had} of {tiles} tiles" if missing else "", extra=fields | counts,
        )  # fmt: skip
    what = f"batch {name}" if len(missing) == tiles else f"{len(missing)} of {tiles} tiles of batch {name}"
    tried = fields | {"attempt": tries[0], "error": why}
    if state == "missed":
        log.error("%s could not be checked before its window ended: %s", what, why, extra=tried)
    elif missing:
        log.error(
            "%s cannot be checked (attempt %d, again in %d s): %s", what, *tries, why,
            extra=tried | {"retry_seconds": tries[1]},
        )  # fmt: skip


def _fields(batch: BatchId) -> dict[str, object]:
    """What a message about a batch is about."""
    return {"lane": lane_of(batch), "batch": name_of(batch), "seq": first_seq_of(batch)}
