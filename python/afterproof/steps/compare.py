"""Compare: where a receipt stands at several numbers of one lane, prove all but the first sound one to be duplicates.

The same receipt on two lanes is no fault: each lane answers for its own numbers.
"""

import contextlib
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from ..data.tilefile import Kept
from ..errors import ArchiveBroken
from ..protocol.columns import Columns
from ..protocol.evidence import duplicate_evidence
from ..protocol.header import BatchId, first_seq_of, lane_of, name_of
from ..protocol.judge import Void, Wait, judge_posted
from ..protocol.judging import MOST_FAULTS
from ..protocol.merkle import TILE
from ..protocol.reading import TileProofs
from ..protocol.receipt import Leaf, keccak
from ..protocol.state import FaultKind
from ..store.batches import PostedBatch
from ..store.deadlines import Action, Deadline
from ..store.verdicts import State, Verdict, What
from .context import Context
from .shelf import bring

log = logging.getLogger(__name__)

OPEN: Final = 8
"""Batches of the archive that are open at a time: a receipt is on few."""

RETRY: Final = 5
"""Seconds until trouble of our own is looked at again."""


@dataclass(frozen=True)
class Place:
    """A leaf of a posted batch."""

    posted: PostedBatch
    index: int
    leaf: Leaf

    @property
    def tile(self) -> int:
        """The tile that it stands in."""
        return self.index // TILE


class Shelf:
    """The archive's batches, of which the last few that were asked for are open. To be closed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: dict[BatchId, Kept] = {}
        self._lacking: set[tuple[BatchId, int]] = set()
        self._last: PostedBatch | None = None

    def posted(self, lane: int, seq: int) -> PostedBatch | None:
        """The batch that holds a number of a lane; neighbours are asked for one after the other."""
        last = self._last
        if last is None or lane_of(last.id) != lane or not first_seq_of(last.id) <= seq < last.end:
            self._last = self._context.store.batches.posted_with(lane, seq)
        return self._last

    def tile(self, posted: PostedBatch, tile: int) -> Columns | None:
        """A tile of a batch; None: it cannot be had any more."""
        found = self._kept(posted).tile(tile)
        if found is None and (posted.id, tile) not in self._lacking:
            self._lacking.add((posted.id, tile))
            if bring(self._context, posted, tile):
                self._open.pop(posted.id).close()
                found = self._kept(posted).tile(tile)
        return found

    def place(self, lane: int, seq: int) -> Place | None:
        """The leaf at a number of a lane; None: it is not there, or not kept."""
        posted = self.posted(lane, seq)
        if posted is None:
            return None
        index = seq - first_seq_of(posted.id)
        tile = self.tile(posted, index // TILE)
        leaf = tile.leaf(index % TILE) if tile is not None else None
        return Place(posted, index, leaf) if leaf is not None else None

    def proof(self, place: Place) -> tuple[bytes, ...]:
        """The inclusion proof of a leaf."""
        tile = self._kept(place.posted).tile(place.tile)
        if tile is None:
            raise ArchiveBroken(
                f"batch {name_of(place.posted.id)} went from the archive while it was compared"
            )
        return TileProofs(tile.leaves(), place.tile, place.posted.tile_roots).of(place.index)

    def close(self) -> None:
        """Let go of the files."""
        while self._open:
            self._open.popitem()[1].close()

    def _kept(self, posted: PostedBatch) -> Kept:
        if posted.id not in self._open:
            if len(self._open) >= OPEN:
                self._open.pop(next(iter(self._open))).close()
            self._open[posted.id] = self._context.data.archive.kept(
                posted.id, posted.header, posted.tile_roots
            )
        return self._open[posted.id]


def compare(context: Context) -> bool:
    """Look at the receipts of the next batch that stand elsewhere too; True where more are due.

    What is in the way by no fault of the batch's is waited out.
    """
    cursor = context.store.chain.cursor()
    if cursor is None:
        return False
    now = max(context.now, cursor.timestamp)
    due = context.store.deadlines.due(Action.COMPARE, before=now + 1, most=1)
    if not due:
        return False
    batch, waits = due[0].batch, dict[int, Wait]()
    with contextlib.closing(Shelf(context)) as shelf:
        search = Search(context, shelf, now)
        for deadline in context.store.deadlines.of(batch, Action.COMPARE):
            wait = search.look(deadline)
            if wait is not None:
                waits[deadline.place] = wait
    with context.store.transaction():
        added = [verdict for verdict in search.found.values() if _keep(context, verdict)]
        context.store.deadlines.remove_all(batch, Action.COMPARE)
        for place, wait in waits.items():
            context.store.deadlines.add(Deadline(wait.until, Action.COMPARE, batch, place))
    for why in sorted({wait.why for wait in waits.values()}):
        log.error(
            "batch %s cannot be compared yet, by no fault of its own: %s", name_of(batch), why,
            extra=_fields(batch) | {"error": why},
        )  # fmt: skip
    for each, count in sorted(Counter(verdict.batch for verdict in added).items()):
        log.warning(
            "batch %s: %d receipts stand earlier on its lane, to dispute", name_of(each), count,
            extra=_fields(each) | {"disputed": count},
        )  # fmt: skip
    return not waits


def _fields(batch: BatchId) -> dict[str, object]:
    """What a message about a batch is about."""
    return {"lane": lane_of(batch), "batch": name_of(batch), "seq": first_seq_of(batch)}


@dataclass
class Search:
    """One search for duplicates of a batch's receipts, at ``now``; ``found`` by batch and index."""

    context: Context
    shelf: Shelf
    now: int
    found: dict[tuple[BatchId, int], Verdict] = field(default_factory=dict)
    done: set[bytes] = field(default_factory=set)
    counts: Counter[BatchId] = field(default_factory=Counter)

    def look(self, deadline: Deadline) -> Wait | None:
        """Find what is to be proven of the receipt of one leaf."""
        lane, seq = lane_of(deadline.batch), first_seq_of(deadline.batch) + deadline.place
        posted = self.context.store.batches.posted(deadline.batch)
        if posted is None or posted.final_at is not None:
            return None  # it is gone, or nothing can be proven any more
        ours = self.shelf.place(lane, seq)
        if ours is None:
            return Wait(self.now + RETRY, f"leaf {deadline.place} of it is not in the archive")
        if ours.leaf.receipt.key in self.done:
            return None
        self.done.add(ours.leaf.receipt.key)
        first: Place | None = None
        for number in self.context.store.seen.places(lane, ours.leaf.receipt):
            place = self.shelf.place(lane, number)
            if place is None or place.leaf.receipt != ours.leaf.receipt:
                continue  # half a key is the same, or it is not kept any more
            if first is not None:
                self._add(place, first)
            elif _is_sound(self.context, place):
                first = place
        return None

    def _add(self, place: Place, first: Place) -> None:
        batch = place.posted.id
        if self.counts[batch] < MOST_FAULTS and _is_disputable(self.context, place):
            self.counts[batch] += 1
            self.found[batch, place.index] = _duplicate(self.context, self.shelf, place, first)


def _is_disputable(context: Context, place: Place) -> bool:
    """Whether a leaf can still be voided, and is not void by a read rule anyway."""
    store, cursor = context.store, context.store.chain.cursor()
    assert cursor is not None
    end = store.tiles.end(place.posted, place.tile)
    is_over = end is not None and cursor.timestamp > end
    return not is_over and _is_standing(context, place, cursor.timestamp)


def _is_sound(context: Context, place: Place) -> bool:
    """Whether a leaf stands and will: nothing is being proven of it either."""
    store, cursor = context.store, context.store.chain.cursor()
    assert cursor is not None
    if not _is_standing(context, place, cursor.timestamp):
        return False
    verdicts = store.verdicts.at(place.posted.id, place.index, What.DISPUTE)
    return not any(
        one.kind == FaultKind.BAD_SIGNATURE and one.state in (State.PENDING, State.PROVEN) for one in verdicts
    )


def _is_standing(context: Context, place: Place, now: int) -> bool:
    """Whether a leaf reads neither struck nor void, as far as the chain was followed."""
    store, posted, receipt = context.store, place.posted, place.leaf.receipt
    if store.tiles.struck_at(posted, place.tile, now) is not None or place.index in store.faults.voids(
        posted.id
    ):
        return False
    epoch = store.registry.epoch(posted.header.epoch)
    end = store.tiles.end(posted, place.tile)
    node = store.registry.node(receipt.node, now, posted.header.anchor)
    known_by = max(posted.header.window_end, now) if end is None else end
    return epoch is not None and not isinstance(
        judge_posted(place.leaf, posted.header, known_by, epoch.terms, node, context.domain), Void
    )


def _duplicate(context: Context, shelf: Shelf, place: Place, first: Place) -> Verdict:
    evidence = duplicate_evidence(
        first.posted.id, first.index, keccak(first.leaf.signature), shelf.proof(first)
    )
    epoch = context.store.registry.epoch(place.posted.header.epoch)
    is_known = epoch is not None and FaultKind.DUPLICATE_RECEIPT in epoch.faults
    return Verdict(
        place.posted.id, place.index, What.DISPUTE, FaultKind.DUPLICATE_RECEIPT, evidence, place.leaf.receipt.words,
        place.leaf.signature, shelf.proof(place), State.PENDING if is_known else State.UNPROVABLE,
    )  # fmt: skip


def _keep(context: Context, verdict: Verdict) -> bool:
    """Whether a verdict is new; no more are kept of a batch than twice what blows its fuse."""
    store = context.store
    posted = store.batches.posted(verdict.batch)
    if posted is None or store.verdicts.count(verdict.batch, What.DISPUTE) > MOST_FAULTS:
        return False
    if not store.verdicts.add(verdict):
        return False
    if verdict.state is State.PENDING:
        end = store.tiles.end(posted, verdict.place // TILE) or posted.header.window_end
        store.deadlines.add(Deadline(end, Action.DISPUTE, verdict.batch, verdict.place))
    return True
