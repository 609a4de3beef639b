"""The web as several verifiers see it: an address may answer all of them or some, the truth or something else.

web = Web(Shelf(directory))
web.publish(uri, data, readers={"first"})     # nobody else has it
web.seen_by("second").fetch(uri, 1000)        # DataUnavailable, and ("second", uri) is in web.refused
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from afterproof.data import Archive, Source
from afterproof.errors import DataUnavailable
from afterproof.protocol.header import BatchId
from tests.support.nitro_world import PROBE

EVERYBODY = None
"""The readers of a page that is open to all."""

MIRROR = "https://mirror.test"
"""Where a verifier's archive is served, once :attr:`Web.mirrored` is set."""


@dataclass
class Page:
    """What an address answers: ``data`` to its readers, ``instead`` to others, or nothing."""

    data: bytes
    readers: Collection[str] | None
    instead: bytes | None


class Web:
    """Pages by address, documents on a ``shelf`` for everybody, and what ``behind`` has.

    ``cut_off``: whose own network is down. ``refused``: who asked for which address and did not get what it should be.
    """

    def __init__(self, behind: Source) -> None:
        self._behind = behind
        self.pages: dict[str, Page] = {}
        self.shelf: dict[str, bytes] = {}
        self.hidden: set[str] = set()
        self.cut_off: set[str] = set()
        self.refused: set[tuple[str, str]] = set()
        self.mirrored: Path | None = None

    def publish(
        self,
        uri: str,
        data: bytes,
        readers: Collection[str] | None = EVERYBODY,
        instead: bytes | None = None,
    ) -> None:
        """Answer ``data`` there to these readers, and ``instead`` to all others."""
        self.pages[uri] = Page(data, readers, instead)

    def seen_by(self, name: str) -> "View":
        """The web as a verifier of that name sees it."""
        return View(self, name)

    def fetch(self, name: str, uri: str, at_most: int) -> bytes:
        """What an address answers to a verifier.

        Raises:
            DataUnavailable: nothing, or more than ``at_most`` bytes.
        """
        if name in self.cut_off:
            raise DataUnavailable("this machine has no network")
        data = self._data(name, uri, at_most)
        if len(data) > at_most:
            raise DataUnavailable(f"more than {at_most} bytes")
        return data

    def _data(self, name: str, uri: str, at_most: int) -> bytes:
        if uri == PROBE:
            return b"here"
        page = self.pages.get(uri)
        if page is not None and (page.readers is EVERYBODY or name in page.readers):
            return page.data
        if page is not None:
            self.refused.add((name, uri))
            if page.instead is not None:
                return page.instead
            raise DataUnavailable("nobody answers")
        if uri in self.shelf and uri not in self.hidden:
            return self.shelf[uri]
        if uri in self.hidden:
            self.refused.add((name, uri))
            raise DataUnavailable("nobody answers")
        return self._mirror(uri) if uri.startswith(MIRROR) else self._behind.fetch(uri, at_most)

    def _mirror(self, uri: str) -> bytes:
        if self.mirrored is None:
            raise DataUnavailable("nobody answers")
        batch = BatchId(int(uri.removeprefix(f"{MIRROR}/v1/batches/").split("/")[0]))
        file, _ = Archive(self.mirrored).open(batch)
        with file:
            return file.read()


class View(Source):
    """What one verifier sees of the web."""

    def __init__(self, web: Web, name: str) -> None:
        self._web, self._name = web, name

    def fetch(self, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Source.fetch`."""
        return self._web.fetch(self._name, uri, at_most)
