"""Examining one posted batch: have its data, ask the judge, say how each leaf stands."""

from dataclasses import dataclass
from typing import Final

from ..chain.base import Block
from ..data import NoArchive
from ..data.tiles import Wanted, obtain
from ..errors import AfterproofError, DataUnavailable
from ..protocol.examining import ChainWord, Examined, Standing, TileWord, examine
from ..protocol.header import name_of
from ..protocol.judging import Posting
from ..protocol.publication import Leaves, most_bytes
from ..protocol.reading import sound_tiles
from ..steps import Context
from ..store.batches import PostedBatch

PROBED: Final = 2**20
"""Bytes that may be read of the address that tells whether the network works."""

PROBED_BATCHES: Final = 5
"""Batches that are fetched again for such a sign, at most."""


class Passing(NoArchive):
    """Keeps nothing of what passes through."""

    def keep(self, *_: object, **__: object) -> None:
        """Implements :meth:`Archive.keep`."""


class NotJudged(AfterproofError):
    """The judge stumbled over a batch: nothing can be said of it."""


@dataclass(frozen=True)
class Result:
    """What is found of a batch, and its receipts that may stand elsewhere too.

    ``settled_at``: the last second in which the chain can have said anything about it; None: it may still.
    """

    posted: PostedBatch
    found: Examined
    standings: list[Standing]
    settled_at: int | None


def examine_batch(context: Context, posted: PostedBatch, cursor: Block) -> Result:
    """Examine a batch by what the chain said up to ``cursor``.

    Data that cannot be had is part of what is found; whether this machine's own network is why, others have to tell.

    Raises:
        NotJudged: the judge stumbled, by no fault of the batch's.
        AfterproofError: trouble of our own.
    """
    store, header = context.store, posted.header
    epoch = store.registry.epoch(header.epoch)
    if epoch is None:
        raise AfterproofError(f"the terms of epoch {header.epoch} are not known")
    tiles, why = _have(context, posted)
    try:
        found, standings = examine(
            Posting(posted.id, header, posted.tile_roots, epoch.terms),
            tiles,
            why,
            _word(context, posted, cursor.timestamp),
            lambda node: store.registry.node(node, cursor.timestamp, header.anchor),
            context.domain,
        )
    except AfterproofError:
        raise
    except Exception as error:
        raise NotJudged(f"batch {named(posted)} cannot be judged: {type(error).__name__}: {error}") from error
    last = store.tiles.settled_after(posted)
    return Result(posted, found, standings, last if cursor.timestamp > last else None)


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
        try:
            data = others.fetch(posted.data_uri, most_bytes(posted.header.count))
        except DataUnavailable:
            continue
        if sound_tiles(data, posted.header, posted.tile_roots)[0]:
            return True
    return False


def named(posted: PostedBatch) -> str:
    """A batch for a person."""
    return name_of(posted.id)


def _have(context: Context, posted: PostedBatch) -> tuple[dict[int, Leaves], str]:
    """The tiles that can be had: shown on chain, archived, at the posted address, at a mirror; and why not the rest."""
    mirrors = [url.rstrip("/") for url in context.config.verifier.mirrors]
    addresses = (posted.data_uri, *(f"{url}/v1/batches/{posted.id}/data" for url in mirrors))
    every = frozenset(range(posted.header.tiles))
    wanted = Wanted(posted.id, posted.header, posted.tile_roots, every, addresses)
    answered = {tile: context.store.tiles.shown(posted, tile) for tile in context.store.demands.of(posted.id)}
    shown = {tile: leaves for tile, leaves in answered.items() if leaves is not None}
    had = obtain(context.data, wanted, shown)
    return had.tiles, had.why


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
