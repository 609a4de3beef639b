"""Batches published as files in a folder, one a batch, served by the relayer's own HTTP server."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import DataUnavailable
from ..protocol.header import BatchId, first_seq_of, lane_of


class Directory:
    """Files ``<lane>/<first seq>.batch`` in ``folder``, reached at ``{public_url}/v1/batches/{id}/data``."""

    def __init__(self, folder: Path, public_url: str) -> None:
        self._folder = folder
        self._base = public_url.rstrip("/")

    def publish(self, batch: BatchId, data: bytes) -> str:
        """Implements :meth:`Publisher.publish`: on disk, whole or not at all, when it returns."""
        self.write(batch, [data])
        return f"{self._base}/v1/batches/{batch}/data"

    def write(self, batch: BatchId, parts: Iterable[bytes]) -> None:
        """Write a batch's file, of ``parts`` as they come: on disk, whole or not at all, when it returns.

        Raises:
            DataUnavailable: it cannot be written.
        """
        path = self.path(batch)
        temporary = path.with_suffix(".new")
        with self._writing(batch):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            for folder in (path.parent, self._folder):
                _sync(folder)

    @contextlib.contextmanager
    def _writing(self, batch: BatchId) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataUnavailable(
                f"the data of batch {batch} cannot be written to {self.path(batch)}: {error.strerror}"
            ) from None

    def read_back(self, batch: BatchId, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Publisher.read_back`: the file itself, which is what is served."""
        data = self.read(batch)
        if len(data) > at_most:
            raise DataUnavailable(f"the data of batch {batch} has {len(data)} bytes, and may have {at_most}")
        return data

    def remove(self, batch: BatchId, uri: str) -> bool:
        """Implements :meth:`Publisher.remove`."""
        try:
            self.path(batch).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise DataUnavailable(f"the data of batch {batch} cannot be removed: {error.strerror}") from None
        return True

    def read(self, batch: BatchId) -> bytes:
        """The bytes of a batch's file.

        Raises:
            DataUnavailable: there is none, or it cannot be read.
        """
        try:
            return self.path(batch).read_bytes()
        except OSError as error:
            raise DataUnavailable(f"the data of batch {batch} cannot be read: {error.strerror}") from None

    def open(self, batch: BatchId) -> tuple[BinaryIO, int]:
        """Implements :meth:`Publisher.open`."""
        try:
            file = self.path(batch).open("rb")
        except OSError as error:
            raise DataUnavailable(f"the data of batch {batch} cannot be read: {error.strerror}") from None
        return file, os.fstat(file.fileno()).st_size

    def path(self, batch: BatchId) -> Path:
        """The file of a batch."""
        return self._folder / str(lane_of(batch)) / f"{first_seq_of(batch)}.batch"


def _sync(folder: Path) -> None:
    """Bring a folder's entries onto the disk: a renamed file is only then there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
