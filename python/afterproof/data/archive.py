"""What a verifier keeps of the batches that it fetched: for its proofs, and for whoever cannot have them elsewhere.

One file a batch, in the form that batches are published in. A tile that was not had is filled with empty leaves there;
whoever reads by the tile roots that were posted finds it missing. A file of a batch that a reorganisation replaced is
found to be none of the new one's in the same way.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import ArchiveBroken, DataUnavailable
from ..protocol.header import BatchId, Header, batch_id
from ..protocol.publication import Leaves
from ..protocol.reading import sound_tiles, tiles_publication
from .directory import Directory


class Archive:
    """Batches in ``folder``, a file each, written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = Directory(folder, "")

    def tiles(self, batch: BatchId, header: Header, tile_roots: Sequence[bytes]) -> dict[int, Leaves]:
        """The tiles of a batch that are kept and are what was posted.

        Raises:
            ArchiveBroken: the disk cannot say.
        """
        try:
            data = self._files.path(batch).read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ArchiveBroken(f"the archive of batch {batch} cannot be read: {error.strerror}") from None
        return sound_tiles(data, header, tile_roots)[0]

    def keep(
        self,
        batch: BatchId,
        header: Header,
        tile_roots: Sequence[bytes],
        tiles: Mapping[int, Leaves],
        data: bytes | None = None,
    ) -> None:
        """Keep ``tiles`` beside those that are kept already; ``data``: the whole batch as it was published.

        Raises:
            ArchiveBroken: the disk cannot.
        """
        if data is None:
            kept = {**self.tiles(batch, header, tile_roots), **tiles}
            data = tiles_publication(kept, header)
        try:
            self._files.publish(batch, data)
        except DataUnavailable as error:
            raise ArchiveBroken(str(error)) from None

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


class NoArchive:
    """Keeps nothing: for roles that judge no batches."""

    def tiles(self, batch: BatchId, header: Header, tile_roots: Sequence[bytes]) -> dict[int, Leaves]:
        """Implements :meth:`Archive.tiles`."""
        return {}

    def keep(
        self,
        batch: BatchId,
        header: Header,
        tile_roots: Sequence[bytes],
        tiles: Mapping[int, Leaves],
        data: bytes | None = None,
    ) -> None:
        """Implements :meth:`Archive.keep`: refuses."""
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
