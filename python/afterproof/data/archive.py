"""What a verifier keeps of the batches that it fetched: for its proofs, and for whoever cannot have them elsewhere.

One file a batch, in the form that batches are published in. A tile that was not had is filled with empty leaves there;
whoever reads by the tile roots that were posted finds it missing. A file of a batch that a reorganisation replaced is
found to be none of the new one's in the same way. No batch is ever in memory as a whole.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from ..errors import ArchiveBroken, DataUnavailable
from ..protocol.columns import Columns
from ..protocol.errors import InvalidData
from ..protocol.header import BatchId, Header, batch_id
from ..protocol.publication import publication
from ..protocol.reading import leaves_of
from .directory import Directory
from .tilefile import Kept, TileFile, chunks_of


class Draft:
    """A file, written and read without a buffer, for what is being fetched."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        """More of it.

        Raises:
            ArchiveBroken: the disk cannot; that is not the fault of who serves the data.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise ArchiveBroken(f"what is fetched cannot be written to the disk: {error.strerror}") from None

    def tiles(self, count: int) -> TileFile:
        """What was written, as the data of a batch of ``count`` leaves."""
        return TileFile(self._file, count)

    def chunks(self) -> Iterator[bytes]:
        """What was written, as it came."""
        return chunks_of(self._file)


class Archive:
    """Batches in ``folder``, a file each, written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = Directory(folder, "")

    def kept(self, batch: BatchId, header: Header, tile_roots: Sequence[bytes]) -> Kept:
        """What is kept of a batch, to be closed by the caller.

        Raises:
            ArchiveBroken: the disk cannot say.
        """
        return Kept(self._opened(batch), header, tile_roots)

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """A file for what is fetched, beside what is kept; it has no name, and goes with whoever has it open.

        Raises:
            ArchiveBroken: the disk cannot have one.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchiveBroken(f"{self._folder} cannot be written: {error.strerror}") from None
        with _temporary(self._folder) as draft:
            yield draft

    def adopt(self, batch: BatchId, draft: Draft) -> None:
        """Keep what was fetched of a batch as it came, in place of what was kept.

        Raises:
            ArchiveBroken: the disk cannot.
        """
        try:
            self._files.write(batch, draft.chunks())
        except DataUnavailable as error:
            raise ArchiveBroken(str(error)) from None

    def add(
        self, batch: BatchId, header: Header, tiles: AbstractSet[int], tile: Callable[[int], Columns]
    ) -> None:
        """Keep ``tiles``, each as ``tile`` gives it, beside those that are kept already.

        Raises:
            ArchiveBroken: the disk cannot.
        """
        before = self._opened(batch)
        try:
            old = TileFile(before, header.count) if before is not None else None
            self._files.write(
                batch, (_member(header, n, tile if n in tiles else old) for n in range(header.tiles))
            )
        except DataUnavailable as error:
            raise ArchiveBroken(str(error)) from None
        finally:
            if before is not None:
                before.close()

    def open(self, batch: BatchId) -> tuple[BinaryIO, int]:
        """What is kept of a batch, to be read and closed by the caller, and its size in bytes.

        Raises:
            DataUnavailable: nothing is, or it cannot be read.
        """
        return self._files.open(batch)

    def remove(self, batch: BatchId) -> bool:
        """Remove what is kept of a batch; False where nothing is.

        Raises:
            ArchiveBroken: the disk cannot.
        """
        try:
            return self._files.remove(batch, "")
        except DataUnavailable as error:
            raise ArchiveBroken(str(error)) from None

    def batches(self) -> list[BatchId]:
        """The batches of which something is kept, by lane and number."""
        found = []
        for path in self._folder.glob("*/*.batch"):
            if path.parent.name.isdecimal() and path.stem.isdecimal():
                found.append(batch_id(int(path.parent.name), int(path.stem)))
        return sorted(found)

    def _opened(self, batch: BatchId) -> BinaryIO | None:
        try:
            return self._files.path(batch).open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ArchiveBroken(f"the archive of batch {batch} cannot be read: {error.strerror}") from None


class NoArchive:
    """Keeps nothing: for roles that judge no batches."""

    def kept(self, batch: BatchId, header: Header, tile_roots: Sequence[bytes]) -> Kept:
        """Implements :meth:`Archive.kept`."""
        return Kept(None, header, tile_roots)

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """Implements :meth:`Archive.draft`: among the system's temporary files."""
        with _temporary(None) as draft:
            yield draft

    def adopt(self, batch: BatchId, draft: Draft) -> None:
        """Implements :meth:`Archive.adopt`: refuses."""
        raise ArchiveBroken("this role keeps no data")

    def add(
        self, batch: BatchId, header: Header, tiles: AbstractSet[int], tile: Callable[[int], Columns]
    ) -> None:
        """Implements :meth:`Archive.add`: refuses."""
        raise ArchiveBroken("this role keeps no data")

    def open(self, batch: BatchId) -> tuple[BinaryIO, int]:
        """Implements :meth:`Archive.open`."""
        raise DataUnavailable("this role keeps no data")

    def remove(self, batch: BatchId) -> bool:
        """Implements :meth:`Archive.remove`."""
        return False

    def batches(self) -> Iterable[BatchId]:
        """Implements :meth:`Archive.batches`."""
        return []


@contextmanager
def _temporary(folder: Path | None) -> Iterator[Draft]:
    try:
        file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115
    except OSError as error:
        raise ArchiveBroken(f"there is no place for temporary files: {error.strerror}") from None
    with file:
        yield Draft(file)


def _member(header: Header, number: int, source: Callable[[int], Columns] | TileFile | None) -> bytes:
    """A tile as it is published; filled with empty leaves where its source has none, so that its root is another."""
    if source is not None:
        try:
            columns = source.tile(number) if isinstance(source, TileFile) else source(number)
            return publication(columns.leaves())
        except InvalidData:
            pass
    return publication([None] * leaves_of(header, number))
