"""Published data: the bytes of a batch as they are put where others fetch them. See docs/data-format.md.

A gzip file (RFC 1952) of one member a tile, in order: 256 packed leaves each, the last tile those that are left. So
any gzip program unpacks it into the packed leaves, and a reader needs no more than a tile at a time. A batch may also
be published as its packed leaves alone: no packed leaf starts with the two bytes that a gzip file starts with.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from .columns import Columns, columns_of, first_columns
from .errors import InvalidData
from .merkle import TILE
from .packing import MAX_PACKED_LEAF, pack, unpack
from .receipt import Leaf

Leaves = list[Leaf | None]

MAX_FRAMING: Final = 128
"""Bytes that a tile may take beyond its packed leaves: a gzip member's head and end, and what deflate adds at worst."""

CHUNK: Final = 64 * 1024
"""Bytes that published data is read by."""

_GZIP: Final = b"\x1f\x8b"
_WINDOW: Final = 31  # zlib's name for: the largest window, in a gzip member
_LEVEL: Final = 6


def most_bytes(count: int) -> int:
    """The bytes that the published data of ``count`` leaves may have at most."""
    return count * MAX_PACKED_LEAF + tiles_of(count) * MAX_FRAMING


def tiles_of(count: int) -> int:
    """How many tiles ``count`` leaves have."""
    return -(-count // TILE)


def publication(leaves: Sequence[Leaf | None]) -> bytes:
    """The data of a batch of these leaves, compressed. The same leaves give the same bytes under the same zlib.

    Raises:
        InvalidData: a signature is longer than 256 bytes.
    """
    return b"".join(_member(pack(leaves[at : at + TILE])) for at in range(0, len(leaves), TILE))


def read_publication(data: bytes, count: int) -> Leaves:
    """The ``count`` leaves published as ``data``.

    Raises:
        InvalidData: they are not; nothing beyond ``MAX_PACKED_LEAF`` bytes a leaf was decompressed.
    """
    chunks = (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
    return [leaf for tile in read_tiles(chunks, count) for leaf in tile]


def read_tiles(chunks: Iterable[bytes], count: int) -> Iterator[Leaves]:
    """The tiles of a batch of ``count`` leaves, one after the other, as its published bytes come in ``chunks``.

    Raises:
        InvalidData: a tile is not its packed leaves, or no gzip member of them, or bytes follow the last.
    """
    return (tile.leaves() for tile in TileReader(chunks, count))


class TileReader:
    """Reads the tiles of a batch of ``count`` leaves in columns, from tile ``first`` on, as their published bytes come.

    Never more than a chunk and a tile is held. ``compressed``: whether they are; None: their first bytes tell.
    """

    def __init__(
        self, chunks: Iterable[bytes], count: int, first: int = 0, compressed: bool | None = None
    ) -> None:
        self._source = _Source(chunks)
        self._count, self._tile = count, first
        self.compressed = is_compressed(self._source.start(2)) if compressed is None else compressed

    @property
    def at(self) -> int:
        """How many bytes the tiles took that were read."""
        return self._source.used

    def __iter__(self) -> Iterator[Columns]:
        return self

    def __next__(self) -> Columns:
        """The next tile.

        Raises:
            InvalidData: it is not its packed leaves, or no gzip member of them; or bytes follow the last.
        """
        tile, tiles = self._tile, tiles_of(self._count)
        if tile >= tiles:
            if self._source.has_more():
                raise InvalidData(f"bytes follow the last of {self._count} leaves, in {tiles} tiles")
            raise StopIteration
        size = min(TILE, self._count - tile * TILE)
        try:
            columns = self._read(size)
        except InvalidData as error:
            raise InvalidData(f"tile {tile} of {tiles}: {error}") from None
        self._tile += 1
        return columns

    def _read(self, size: int) -> Columns:
        most = size * MAX_PACKED_LEAF
        if self.compressed:
            return columns_of(self._source.member(most), size)
        columns, length = first_columns(self._source.start(most), size)
        self._source.skip(length)
        return columns


def count_packed(data: bytes) -> int:
    """How many leaves are packed in ``data``, which nobody has said.

    Raises:
        InvalidData: it ends within a leaf, or a signature is too long.
    """
    count = at = 0
    while at < len(data):
        head = data[at : at + 2]
        at += 2 if head == b"\xff\xff" else 194 + int.from_bytes(head)
        count += 1
    unpack(data, count)
    return count


def read_unknown(chunks: Iterable[bytes], most: int) -> Iterator[Leaves]:
    """The tiles of a compressed batch of which nobody has said how many leaves it has, ``most`` of them at most.

    Raises:
        InvalidData: as :func:`read_tiles`; or a tile before the last is not full; or there are more leaves.
    """
    source = _Source(chunks)
    tile = total = 0
    is_full = True
    while source.has_more():
        if not is_full:
            raise InvalidData(f"tile {tile - 1}: has fewer than {TILE} leaves, and is not the last")
        try:
            packed = source.member(TILE * MAX_PACKED_LEAF)
            leaves = unpack(packed, count_packed(packed))
        except InvalidData as error:
            raise InvalidData(f"tile {tile}: {error}") from None
        total += len(leaves)
        if not 0 < len(leaves) <= TILE or total > most:
            raise InvalidData(f"tile {tile}: must have 1 to {TILE} leaves, and all tiles {most} at most")
        is_full = len(leaves) == TILE
        tile += 1
        yield leaves


def is_compressed(start: bytes) -> bool:
    """Whether published data that starts so is compressed."""
    return start[:2] == _GZIP


class _Source:
    """Bytes and gzip members from chunks; never more than a chunk is held beside what is asked for. ``used``: how many
    bytes are behind."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""
        self.used = 0

    def has_more(self) -> bool:
        """Whether a byte is left."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._rest = chunk
        return True

    def start(self, most: int) -> bytes:
        """The next bytes, ``most`` at most; they are still to be read."""
        while len(self._rest) < most:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        return self._rest[:most]

    def skip(self, length: int) -> None:
        """That many bytes of the start are read."""
        self._rest = self._rest[length:]
        self.used += length

    def member(self, most: int) -> bytes:
        """The next member's bytes, decompressed: ``most`` at most."""
        stream = zlib.decompressobj(_WINDOW)
        found = bytearray()
        while not stream.eof:
            if not self.has_more():
                raise InvalidData("the data ends before it, or within it")
            try:
                # One byte more than allowed tells too much from just enough; 0 would mean without a limit.
                found += stream.decompress(self._rest, most + 1 - len(found))
            except zlib.error as error:
                raise InvalidData(f"is no gzip member: {error}") from None
            if len(found) > most:
                raise InvalidData(f"unpacks to more than the {most} bytes that its leaves can have")
            left = stream.unconsumed_tail or stream.unused_data
            self.used += len(self._rest) - len(left)
            self._rest = left
        return bytes(found)


def _member(packed: bytes) -> bytes:
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW)
    return stream.compress(packed) + stream.flush()
