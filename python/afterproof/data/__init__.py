"""Where batch data lives: published to a folder that the relayer serves, fetched over HTTP from strangers.

The bytes are those of :mod:`afterproof.protocol.packing`.
"""

from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from ..errors import DataUnavailable
from ..protocol.header import BatchId
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

    def read(self, batch: BatchId) -> bytes:
        """What is published of a batch.

        Raises:
            DataUnavailable: nothing is, or it cannot be read.
        """
        ...

    def open(self, batch: BatchId) -> tuple[BinaryIO, int]:
        """What is published of a batch, to be read and closed by the caller, and its size in bytes.

        Raises:
            DataUnavailable: as :meth:`read`.
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


class _Nothing:
    """Publishes nothing and fetches nothing."""

    def publish(self, batch: BatchId, data: bytes) -> str:
        raise DataUnavailable("this role publishes no data")

    def read(self, batch: BatchId) -> bytes:
        raise DataUnavailable("this role publishes no data")

    def open(self, batch: BatchId) -> tuple[BinaryIO, int]:
        raise DataUnavailable("this role publishes no data")

    def fetch(self, uri: str, at_most: int) -> bytes:
        raise DataUnavailable("this role fetches no data")


@dataclass(frozen=True)
class Data:
    """What a role may do with data: publish its own batches, fetch those of others."""

    own: Publisher = field(default_factory=_Nothing)
    others: Source = field(default_factory=_Nothing)
