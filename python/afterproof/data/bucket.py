"""Batches published as objects of a bucket, through fsspec."""

import asyncio
import importlib
from typing import Any, Final

import fsspec

from ..errors import ConfigError, DataUnavailable
from ..protocol.header import BatchId
from .fetch import Fetcher
from .remote import Remote, name_of

EXTRAS: Final = {"s3": ("s3fs", "s3")}
"""The module and the extra of this package that each kind of bucket needs."""


class Bucket(Remote):
    """Objects ``{where}/{lane}-{first seq}-{hash}.batch``, read by others at ``{address}/`` and that name.

    Credentials, region and endpoint are the surroundings' (environment, AWS's files, the machine's role), never ours.
    """

    def __init__(self, where: str, address: str, timeout: float, reader: Fetcher) -> None:
        """
        Raises:
            ConfigError: the package that this kind of bucket needs is not installed.
        """
        super().__init__(reader)
        kind, self._path = where.rstrip("/").split("://", 1)
        self._where, self._address = where.rstrip("/"), address.rstrip("/")
        self._files = _file_system(kind, timeout)

    def publish(self, batch: BatchId, data: bytes) -> str:
        """Implements :meth:`Publisher.publish`."""
        name = name_of(batch, data)
        try:
            self._files.pipe_file(f"{self._path}/{name}", data)
        except Exception as error:  # each library behind fsspec has a tree of exceptions of its own
            raise DataUnavailable(f"{self._where}/{name} cannot be written: {_said(error)}") from error
        return f"{self._address}/{name}"

    def remove(self, batch: BatchId, uri: str) -> bool:
        """Implements :meth:`Publisher.remove`."""
        name = uri.removeprefix(f"{self._address}/")
        if name == uri or "/" in name:
            return False
        try:
            self._files.rm_file(f"{self._path}/{name}")
        except FileNotFoundError:
            return False
        except Exception as error:
            raise DataUnavailable(f"{self._where}/{name} cannot be removed: {_said(error)}") from error
        return True


def _file_system(kind: str, timeout: float) -> Any:
    module, extra = EXTRAS[kind]
    try:
        importlib.import_module(module)
    except ImportError:
        raise ConfigError(
            f"relayer.data: {kind}:// needs the package {module}: pip install 'afterproof[{extra}]'"
        ) from None
    waits = {"connect_timeout": timeout, "read_timeout": timeout, "retries": {"max_attempts": 2}}
    return fsspec.filesystem(kind, skip_instance_cache=True, use_listings_cache=False, config_kwargs=waits)


def _said(error: Exception) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "it took too long"
    return str(error) or type(error).__name__
