"""Published data in an open file: its tiles in order, or one by one, a tile in memory at a time."""

import os
from collections.abc import Iterator, Sequence
from io import FileIO
from types import TracebackType
from typing import BinaryIO, Final, Self

from ..errors import ArchiveBroken
from ..protocol.columns import Columns
from ..protocol.errors import InvalidData
from ..protocol.header import Header
from ..protocol.merkle import fold
from ..protocol.publication import CHUNK, TileReader, tiles_of

_KEPT: Final = 4
"""Tiles of a batch that are kept in memory for whoever asks for them again."""


class TileFile:
    """The data of a batch of ``count`` leaves in ``file``, whose position it leaves alone."""

    def __init__(self, file: BinaryIO | FileIO, count: int) -> None:
        self._file, self._count = file, count
        self._starts = [0]  # of the tiles as far as they were read, and of the next
        self._compressed: bool | None = None

    def read(self, first: int = 0) -> Iterator[Columns]:
        """The tiles from ``first`` on, which must have been reached before, in order.

        Raises:
            InvalidData: from there on it is no data of its count, or bytes follow the last tile.
            ArchiveBroken: the disk cannot say.
        """
        start = self._starts[first]
        reader = TileReader(chunks_of(self._file, start), self._count, first, self._compressed)
        self._compressed = reader.compressed
        for tile, columns in enumerate(reader, first):
            if tile + 1 == len(self._starts):
                self._starts.append(start + reader.at)
            yield columns

    def tile(self, number: int) -> Columns:
        """One tile.

        Raises:
            InvalidData: it is none, or what stands before it is none.
            ArchiveBroken: the disk cannot say.
        """
        nearest = min(number, len(self._starts) - 1)
        for tile, columns in enumerate(self.read(nearest), nearest):
            if tile == number:
                return columns
        raise InvalidData(f"there is no tile {number} among {tiles_of(self._count)}")

    def chunks(self) -> Iterator[bytes]:
        """All of its bytes."""
        return chunks_of(self._file)


class Kept:
    """What is kept of a posted batch in ``file`` (None: nothing), believed by the tile roots. To be closed."""

    def __init__(self, file: BinaryIO | None, header: Header, tile_roots: Sequence[bytes]) -> None:
        self._file, self._header, self._roots = file, header, tile_roots
        self._tiles = TileFile(file, header.count) if file is not None else None
        self._last: dict[int, Columns | None] = {}

    def candidates(self) -> Iterator[tuple[int, Columns]]:
        """The tiles as they are there, with their numbers; whether they are what was posted is not looked at.

        Raises:
            ArchiveBroken: the disk cannot say.
        """
        try:
            yield from enumerate(self._tiles.read() if self._tiles is not None else ())
        except InvalidData:
            return  # a file of a batch that a reorganisation replaced, say

    def tile(self, number: int) -> Columns | None:
        """A tile, if it is kept as it was posted.

        Raises:
            ArchiveBroken: the disk cannot say.
        """
        if number not in self._last:
            while len(self._last) >= _KEPT:
                del self._last[next(iter(self._last))]
            self._last[number] = self._sound(number)
        return self._last[number]

    def _sound(self, number: int) -> Columns | None:
        try:
            columns = self._tiles.tile(number) if self._tiles is not None else None
        except InvalidData:
            return None
        return columns if columns is not None and fold(columns.hashes()) == self._roots[number] else None

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def chunks_of(file: BinaryIO | FileIO, at: int = 0) -> Iterator[bytes]:
    """The bytes of an open file from a place on; its position is left alone.

    Raises:
        ArchiveBroken: the disk cannot say.
    """
    while True:
        try:
            chunk = os.pread(file.fileno(), CHUNK, at)
        except OSError as error:
            raise ArchiveBroken(f"data cannot be read from the disk: {error.strerror}") from None
        if not chunk:
            return
        yield chunk
        at += len(chunk)
