"""What a verifier has of a batch: a tile from its archive, and where it is looked for elsewhere. No step itself."""

from collections.abc import Set as AbstractSet

from ..data.tiles import Wanted, obtain, sound_of
from ..protocol.columns import Columns
from ..store.batches import PostedBatch
from .context import Context
from .unstored import LONGEST_BACKOFF


def wanted_of(context: Context, posted: PostedBatch, tiles: AbstractSet[int]) -> Wanted:
    """Tiles of a batch, at the address that was posted and at the archives of other verifiers."""
    mirrors = [url.rstrip("/") for url in context.config.verifier.mirrors]
    addresses = (posted.data_uri, *(f"{url}/v1/batches/{posted.id}/data" for url in mirrors))
    return Wanted(posted.id, posted.header, posted.tile_roots, frozenset(tiles), addresses)


def shown_of(context: Context, posted: PostedBatch, tiles: AbstractSet[int]) -> dict[int, Columns]:
    """Those of ``tiles`` that the chain itself shows, because a demand of them was answered."""
    demanded = tiles & context.store.demands.of(posted.id).keys()
    answered = {tile: context.store.tiles.shown(posted, tile) for tile in demanded}
    return {tile: Columns.of(leaves) for tile, leaves in answered.items() if leaves is not None}


def kept_tile(context: Context, posted: PostedBatch, tile: int) -> Columns | None:
    """A tile that is in the archive.

    Raises:
        ArchiveBroken: the archive cannot be read.
    """
    with context.data.archive.kept(posted.id, posted.header, posted.tile_roots) as kept:
        return kept.tile(tile)


def bring(context: Context, posted: PostedBatch, tile: int) -> bool:
    """Have a tile in the archive that another process had, if it can be had; whether that was tried.

    It is tried now and then: whoever serves the data may be slow on purpose.

    Raises:
        ArchiveBroken: the archive cannot be read or written.
    """
    looked_at, now = context.looks.at(posted.id), context.now
    if looked_at is not None and now - looked_at < LONGEST_BACKOFF:
        return False
    context.looks.add(posted.id, now)
    wanted = wanted_of(context, posted, {tile})
    obtain(context.data, wanted, shown_of(context, posted, {tile}), sound_of(posted.tile_roots))
    return True
