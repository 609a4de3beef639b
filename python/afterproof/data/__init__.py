"""Where batch data lives: in a folder that the relayer serves, or elsewhere; fetched over HTTP from strangers.

The bytes are those of :mod:`afterproof.protocol.publication`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from ..errors import DataUnavailable
from ..protocol.header import BatchId
from .archive import Archive as Archive
from .archive import NoArchive as NoArchive
from .directory import Directory as Directory
from .fetch import Fetcher as Fetcher


class Publisher(Protocol):
    """Where a relayer's batches are published."""

    def publish(self, batch: BatchId, data: bytes) -> str:
        """Publish a batch's data durably, in place of what was published of it before; its address (URI).

        Raises:
            DataUnavailable: it cannot be published.
        """
        ...

    def read_back(self, batch: BatchId, uri: str, at_most: int) -> bytes:
        """What a reader gets of a batch that was published at ``uri``.

        Raises:
            DataUnavailable: nothing, or more than ``at_most`` bytes, or it cannot be read.
        """
        ...

    def remove(self, batch: BatchId, uri: str) -> bool:
        """Take back what was published of a batch at ``uri``; False where there is nothing, or it cannot be done.

        Raises:
            DataUnavailable: who keeps it does not answer, or refuses.
        """
        ...

    def open(self, batch: BatchId) -> tuple[BinaryIO, int]:
        """What is published of a batch, to be read and closed by the caller, and its size in bytes.

        Raises:
            DataUnavailable: nothing is, it is published elsewhere, or it cannot be read.
        """
        ...


class Source(Protocol):
    """Where batches of others are fetched from."""

    def fetch(self, uri: str, at_most: int) -> bytes:
        """The bytes at ``uri``.

        Raises:
            DataUnavailable: they cannot be had, or are more than ``at_most``.
        """
        ...

    def fetch_into(self, uri: str, at_most: int, write: Callable[[bytes], object]) -> None:
        """Hand the bytes at ``uri`` to ``write``, as they come; what it raises ends it.

        Raises:
            DataUnavailable: they cannot be had, or are more than ``at_most``; some may have been written then.
        """
        write(self.fetch(uri, at_most))


class _Nothing(Source):
    """Publishes nothing and fetches nothing."""

    def publish(self, batch: BatchId, data: bytes) -> str:
        raise DataUnavailable("this role publishes no data")

    def read_back(self, batch: BatchId, uri: str, at_most: int) -> bytes:
        raise DataUnavailable("this role publishes no data")

    def remove(self, batch: BatchId, uri: str) -> bool:
        raise DataUnavailable("this role publishes no data")

    def open(self, batch: BatchId) -> tuple[BinaryIO, int]:
        raise DataUnavailable("this role publishes no data")

    def fetch(self, uri: str, at_most: int) -> bytes:
        raise DataUnavailable("this role fetches no data")


@dataclass(frozen=True)
class Data:
    """What a role may do with data: publish its own batches, fetch those of others, keep what was fetched."""

    own: Publisher = field(default_factory=_Nothing)
    others: Source = field(default_factory=_Nothing)
    archive: Archive | NoArchive = field(default_factory=NoArchive)
