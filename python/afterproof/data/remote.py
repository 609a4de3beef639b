"""Publishing elsewhere: to an IPFS node, or to any service that takes a PUT and answers with where it is.

Either way what is posted on chain is an http or https address, which every reader can fetch, and what is read back is
read from there, under the rules by which readers read.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import httpx

from ..errors import DataUnavailable
from ..protocol.header import BatchId, first_seq_of, lane_of
from .fetch import MAX_URI, Fetcher

URLS: Final = ("url", "uri")
"""The names under which a service's answer may say the address itself."""

IDS: Final = ("blobId", "blob_id", "cid", "id")
"""The names under which it may say the blob's name, the most telling first; Walrus says ``blobId``."""

_MAX_ANSWER: Final = 64 * 1024
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~=")


class Remote:
    """What every publisher elsewhere does alike: it reads as others read, and serves nothing itself."""

    def __init__(self, reader: Fetcher) -> None:
        self._reader = reader

    def read_back(self, batch: BatchId, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Publisher.read_back`: by a fetch, as a stranger."""
        return self._reader.fetch(uri, at_most)

    def open(self, batch: BatchId) -> tuple[BinaryIO, int]:
        """Implements :meth:`Publisher.open`: not here."""
        raise DataUnavailable(f"the data of batch {batch} is published elsewhere")

    def remove(self, batch: BatchId, uri: str) -> bool:
        """Implements :meth:`Publisher.remove`: who keeps it elsewhere says for how long."""
        return False


class Kubo(Remote):
    """Adds to an IPFS node by the RPC of Kubo at ``api``, pinned; read through the gateway ``gateway``."""

    def __init__(self, api: str, gateway: str, timeout: float, reader: Fetcher) -> None:
        super().__init__(reader)
        self._api, self._gateway, self._timeout = api.rstrip("/"), gateway.rstrip("/"), timeout

    def publish(self, batch: BatchId, data: bytes) -> str:
        """Implements :meth:`Publisher.publish`."""
        found = answer(
            "POST", f"{self._api}/api/v0/add", self._timeout,
            params={"cid-version": "1", "pin": "true", "quieter": "true"},
            files={"file": (name_of(batch, data), data)},
        )  # fmt: skip
        cid = found.get("Hash")
        if not isinstance(cid, str) or not _is_plain(cid):
            raise DataUnavailable(f"{shown(self._api)} answered without a CID (Hash)")
        return f"{self._gateway}/ipfs/{cid}"

    def remove(self, batch: BatchId, uri: str) -> bool:
        """Implements :meth:`Publisher.remove`: unpinned, so that the node's next collection takes it."""
        cid = uri.removeprefix(f"{self._gateway}/ipfs/")
        if cid == uri or not _is_plain(cid):
            return False
        try:
            answer("POST", f"{self._api}/api/v0/pin/rm", self._timeout, params={"arg": cid})
        except DataUnavailable as error:
            if "not pinned" in str(error):
                return False
            raise
        return True


class Put(Remote):
    """PUTs each batch to ``target``, whose answer in JSON says its address, or a name that ``address`` has a place for.

    ``address`` holds ``{id}``; None: the answer itself must say the address.
    """

    def __init__(self, target: str, address: str | None, timeout: float, reader: Fetcher) -> None:
        super().__init__(reader)
        self._target, self._address, self._timeout = target, address, timeout

    def publish(self, batch: BatchId, data: bytes) -> str:
        """Implements :meth:`Publisher.publish`."""
        headers = {"Content-Type": "application/octet-stream"}
        said = answer("PUT", self._target, self._timeout, content=data, headers=headers)
        if self._address is not None:
            name = _first(said, IDS)
            if name is None or not _is_plain(name):
                raise DataUnavailable(f"{shown(self._target)} answered without a name ({', '.join(IDS)})")
            return self._address.replace("{id}", name)
        uri = _first(said, URLS)
        if uri is None or len(uri) > MAX_URI or urlsplit(uri).scheme not in ("http", "https"):
            raise DataUnavailable(
                f"{shown(self._target)} answered without an http address ({', '.join(URLS)}): "
                "where it answers with names, relayer.data_url says where they are read"
            )
        return uri


def name_of(batch: BatchId, data: bytes) -> str:
    """A file's name for a batch's data. Other data has another name, so that no cache on the way gives the old."""
    return f"{lane_of(batch)}-{first_seq_of(batch)}-{hashlib.sha256(data).hexdigest()[:16]}.batch"


def shown(url: str) -> str:
    """An address without what may be secret in it: its path, its query, its password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def answer(method: str, url: str, timeout: float, **options: Any) -> dict[str, Any]:
    """The JSON object that a service of the operator's own choice answers with.

    Raises:
        DataUnavailable: it does not answer, refuses, or answers something else.
    """
    try:
        with httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client:
            response = client.request(method, url, **options)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise DataUnavailable(f"{shown(url)}: {str(error) or type(error).__name__}") from None
    if not response.is_success:
        why = f": {response.text[:200]!r}" if response.content else ""
        raise DataUnavailable(f"{shown(url)} answered {response.status_code} to {method}{why}")
    try:
        # Kubo answers with a line for each thing that it added; there is one.
        found = json.loads(response.content[:_MAX_ANSWER])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataUnavailable(f"{shown(url)} answered {method} without a JSON object")
    return found


def _first(said: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The text under the first of ``names`` that stands anywhere in an answer, the outermost first."""
    for name in names:
        level: list[Mapping[str, Any]] = [said]
        while level:
            for one in level:
                if isinstance(value := one.get(name), str) and value:
                    return value
            level = [value for one in level for value in one.values() if isinstance(value, dict)]
    return None


def _is_plain(name: str) -> bool:
    """Whether a name can stand in an address as it is."""
    return 0 < len(name) <= 256 and _PLAIN.issuperset(name)
