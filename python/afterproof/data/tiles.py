"""Having the tiles of a posted batch, from wherever they can be had; each is believed by its root alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import DataUnavailable
from ..protocol.header import BatchId, Header
from ..protocol.publication import Leaves, most_bytes
from ..protocol.reading import sound_tiles
from . import Data


@dataclass
class Had:
    """The tiles that were had, which of them were there on the web; and why not the others.

    ``whole``: the batch's data as it was published, where all of it came.
    """

    tiles: dict[int, Leaves] = field(default_factory=dict)
    fetched: set[int] = field(default_factory=set)
    whole: bytes | None = None
    why: str = ""


@dataclass(frozen=True)
class Wanted:
    """Tiles of a batch that is posted with ``header`` and ``tile_roots``, to be had at one of ``addresses``."""

    batch: BatchId
    header: Header
    tile_roots: tuple[bytes, ...]
    tiles: frozenset[int]
    addresses: Sequence[str]

    def are_in(self, tiles: Mapping[int, Leaves]) -> bool:
        """Whether none is missing."""
        return self.tiles <= tiles.keys()


def obtain(data: Data, wanted: Wanted, shown: Mapping[int, Leaves]) -> Had:
    """The wanted tiles, as far as they can be had; what is new among them is in the archive then.

    ``shown``: tiles that the chain itself shows. The web is asked for what neither it nor the archive has.

    Raises:
        ArchiveBroken: the archive cannot be read or written.
    """
    had = Had()
    if not wanted.tiles:
        return had
    kept = data.archive.tiles(wanted.batch, wanted.header, wanted.tile_roots)
    had.tiles = {tile: leaves for tile, leaves in {**shown, **kept}.items() if tile in wanted.tiles}
    for uri in wanted.addresses:
        if not wanted.are_in(had.tiles):
            _fetch(data, wanted, uri, had)
    new = {tile: leaves for tile, leaves in had.tiles.items() if tile not in kept}
    if new:
        data.archive.keep(wanted.batch, wanted.header, wanted.tile_roots, new, had.whole)
    return had


def _fetch(data: Data, wanted: Wanted, uri: str, had: Had) -> None:
    """Add what can be had at an address."""
    try:
        found = data.others.fetch(uri, most_bytes(wanted.header.count))
    except DataUnavailable as error:
        had.why = had.why or str(error)
        return
    sound, why = sound_tiles(found, wanted.header, wanted.tile_roots)
    if len(sound) < wanted.header.tiles:
        had.why = had.why or f"the data at {uri[:200]!r} is not what was posted: {why}"
    elif not why:
        had.whole = found
    had.fetched |= set(sound)
    had.tiles |= {tile: leaves for tile, leaves in sound.items() if tile in wanted.tiles}
