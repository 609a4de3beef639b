"""Having the tiles of a posted batch, from wherever they can be had; each is believed by its root alone.

No more is in memory at a time than whoever judges the tiles holds of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import DataUnavailable
from ..protocol.columns import Columns
from ..protocol.errors import ProtocolError
from ..protocol.header import BatchId, Header
from ..protocol.merkle import fold
from ..protocol.publication import most_bytes
from ..protocol.reading import sound_tiles
from . import Data
from .tilefile import TileFile

Take = Callable[[Iterator[tuple[int, Columns]]], set[int]]
"""Judges tiles as they come, with their numbers; answers which of them are what was posted."""


@dataclass
class Had:
    """The tiles that were had; whether something of the batch was there on the web; and why not the other tiles."""

    tiles: set[int] = field(default_factory=set)
    fetched: bool = False
    why: str = ""


@dataclass(frozen=True)
class Wanted:
    """Tiles of a batch that is posted with ``header`` and ``tile_roots``, to be had at one of ``addresses``."""

    batch: BatchId
    header: Header
    tile_roots: tuple[bytes, ...]
    tiles: frozenset[int]
    addresses: Sequence[str]


def obtain(data: Data, wanted: Wanted, shown: Mapping[int, Columns], take: Take) -> Had:
    """Have ``take`` judge the wanted tiles, as far as they can be had; what is new among them is in the archive then.

    ``shown``: tiles that the chain itself shows. The web is asked for what neither it nor the archive has.

    Raises:
        ArchiveBroken: the archive cannot be read or written.
    """
    had = Had()
    if not wanted.tiles:
        return had
    archive = data.archive
    with archive.kept(wanted.batch, wanted.header, wanted.tile_roots) as kept:
        had.tiles |= take((n, columns) for n, columns in kept.candidates() if n in wanted.tiles)
    new = take((n, columns) for n, columns in sorted(shown.items()) if n in wanted.tiles - had.tiles)
    if new:
        archive.add(wanted.batch, wanted.header, new, shown.__getitem__)
        had.tiles |= new
    for uri in wanted.addresses:
        if not wanted.tiles <= had.tiles:
            _fetch(data, wanted, uri, had, take)
    return had


def sound_of(tile_roots: Sequence[bytes]) -> Take:
    """Takes each tile that hashes to its root, and judges none."""
    return lambda tiles: {n for n, columns in tiles if fold(columns.hashes()) == tile_roots[n]}


def is_had(data: Data, wanted: Wanted) -> bool:
    """Whether something of a batch can be had from the first of the addresses now: a tile as it was posted.

    Raises:
        ArchiveBroken: the disk cannot take what is fetched.
    """
    with data.archive.draft() as draft:
        try:
            data.others.fetch_into(wanted.addresses[0], most_bytes(wanted.header.count), draft.write)
        except DataUnavailable:
            return False
        tiles = draft.tiles(wanted.header.count)
        return any(True for _ in sound_tiles(tiles.chunks(), wanted.header, wanted.tile_roots))


def _fetch(data: Data, wanted: Wanted, uri: str, had: Had, take: Take) -> None:
    """Have judged what is still wanted and can be had at an address; it is in the archive then."""
    archive, header, lacking = data.archive, wanted.header, wanted.tiles - had.tiles
    with archive.draft() as draft:
        try:
            data.others.fetch_into(uri, most_bytes(header.count), draft.write)
        except DataUnavailable as error:
            had.why = had.why or str(error)
            return
        reading = _Reading(draft.tiles(header.count), lacking)
        taken = take(reading.candidates())
        if len(taken) == header.tiles and not reading.why:
            archive.adopt(wanted.batch, draft)
        elif taken:
            archive.add(wanted.batch, header, taken, reading.file.tile)
        if taken != lacking:
            hashless = f"tile {min(lacking - taken)} of {header.tiles}: its leaves do not hash to its root"
            why = hashless if min(lacking - taken) < reading.reached else reading.why
            had.why = had.why or f"the data at {uri[:200]!r} is not what was posted: {why}"
        # A tile that is not wanted any more is as good a sign that the network works.
        had.fetched = (
            had.fetched
            or bool(taken)
            or any(True for _ in sound_tiles(reading.file.chunks(), header, wanted.tile_roots))
        )
        had.tiles |= taken


class _Reading:
    """The tiles in a file that are ``wanted``; ``reached``: the first that it was not read as far as; and ``why``."""

    def __init__(self, file: TileFile, wanted: frozenset[int]) -> None:
        self.file, self._wanted = file, wanted
        self.reached, self.why = 0, ""

    def candidates(self) -> Iterator[tuple[int, Columns]]:
        """The wanted tiles, as they are there."""
        try:
            for tile, columns in enumerate(self.file.read()):
                self.reached = tile + 1
                if tile in self._wanted:
                    yield tile, columns
        except ProtocolError as error:
            self.why = str(error)
