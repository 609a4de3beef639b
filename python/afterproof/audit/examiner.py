"""Examining one posted batch: have its data, ask the judge, say how each leaf stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..chain.base import Block
from ..data import NoArchive
from ..data.tiles import Had, Take, Wanted, is_had, obtain
from ..errors import AfterproofError, DataUnavailable
from ..protocol.columns import Columns
from ..protocol.examining import ChainWord, Examination, Examined, Standing, TileWord
from ..protocol.header import lane_of
from ..protocol.judging import Posting
from ..running.tiles import TileJudge
from ..steps import Context
from ..store.batches import PostedBatch

PROBED: Final = 2**20
"""Bytes that may be read of the address that tells whether the network works."""

PROBED_BATCHES: Final = 5
"""Batches that are fetched again for such a sign, at most."""


_ROWS: Final = 4096
"""Receipts that are written to the store at a time."""


class Passing(NoArchive):
    """Keeps nothing of what passes through."""

    def adopt(self, *_: object) -> None:
        """Implements :meth:`Archive.adopt`."""

    def add(self, *_: object) -> None:
        """Implements :meth:`Archive.add`."""


@dataclass(frozen=True)
class Result:
    """What is found of a batch; its receipts that may stand elsewhere too are in the store, issued at ``times``.

    ``settled_at``: the last second in which the chain can have said anything about it; None: it may still.
    """

    posted: PostedBatch
    found: Examined
    times: tuple[int, int] | None
    settled_at: int | None


def examine_batch(context: Context, posted: PostedBatch, cursor: Block) -> Result:
    """Examine a batch by what the chain said up to ``cursor``, tile by tile.

    Data that cannot be had is part of what is found; whether this machine's own network is why, others have to tell.

    Raises:
        NotJudged: the judge stumbled, by no fault of the batch's.
        AfterproofError: trouble of our own.
    """
    store, header = context.store, posted.header
    epoch = store.registry.epoch(header.epoch)
    if epoch is None:
        raise AfterproofError(f"the terms of epoch {header.epoch} are not known")
    examination = Examination(posted.id, header, _word(context, posted, cursor.timestamp))
    judge = TileJudge(
        context.runner,
        Posting(posted.id, header, posted.tile_roots, epoch.terms),
        examination.end_of,
        lambda node: store.registry.node(node, cursor.timestamp, header.anchor),
        context.domain,
    )
    times = list[int]()

    def take(tiles: Iterator[tuple[int, Columns]]) -> set[int]:
        taken, rows = set[int](), list[Standing]()
        for judged in judge.sound(tiles):
            taken.add(judged.tile)
            rows += examination.add(judged)
            if found := [*times, *judged.timely.issued_at]:
                times[:] = min(found), max(found)
            if len(rows) >= _ROWS:
                _index(context, posted, rows)
        _index(context, posted, rows)
        return taken

    had = _have(context, posted, take)
    for tile in sorted(set(range(header.tiles)) - had.tiles):
        examination.lack(tile, had.why)
    last = store.tiles.settled_after(posted)
    return Result(
        posted,
        examination.result(),
        (times[0], times[1]) if times else None,
        last if cursor.timestamp > last else None,
    )


def _index(context: Context, posted: PostedBatch, rows: list[Standing]) -> None:
    """Write where receipts stand."""
    if rows:
        with context.store.transaction():
            context.store.audits.add_receipts(lane_of(posted.id), rows)
    rows.clear()


def network_works(context: Context) -> bool:
    """Whether something that can be told to be right can be had from the web now: the probe, or a batch had before."""
    others, probe = context.data.others, context.config.verifier.probe
    if probe is not None:
        try:
            others.fetch(probe, PROBED)
        except DataUnavailable:
            pass
        else:
            return True
    for batch in context.store.audits.newest_complete(PROBED_BATCHES):
        posted = context.store.batches.posted(batch)
        if posted is None:
            continue
        wanted = Wanted(batch, posted.header, posted.tile_roots, frozenset(), (posted.data_uri,))
        if is_had(context.data, wanted):
            return True
    return False


def _have(context: Context, posted: PostedBatch, take: Take) -> Had:
    """Have the tiles judged that can be had: shown on chain, archived, at the posted address, at a mirror."""
    mirrors = [url.rstrip("/") for url in context.config.verifier.mirrors]
    addresses = (posted.data_uri, *(f"{url}/v1/batches/{posted.id}/data" for url in mirrors))
    every = frozenset(range(posted.header.tiles))
    wanted = Wanted(posted.id, posted.header, posted.tile_roots, every, addresses)
    answered = {tile: context.store.tiles.shown(posted, tile) for tile in context.store.demands.of(posted.id)}
    shown = {tile: Columns.of(leaves) for tile, leaves in answered.items() if leaves is not None}
    return obtain(context.data, wanted, shown, take)


def _word(context: Context, posted: PostedBatch, now: int) -> ChainWord:
    store = context.store
    struck, demanded = store.tiles.struck(posted, now), store.demands.of(posted.id)
    tiles = {
        tile: TileWord(
            store.tiles.end(posted, tile) if tile in demanded else posted.header.window_end, tile in struck
        )
        for tile in struck | demanded.keys()
    }
    return ChainWord(now, frozenset(store.faults.voids(posted.id)), tiles, posted.header.window_end)
