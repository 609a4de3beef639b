"""`data`: what a batch's published data holds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from ..errors import ConfigError
from ..protocol.errors import InvalidData
from ..protocol.merkle import TILE, BatchTree
from ..protocol.packing import hash_of, pack, unpack
from ..protocol.publication import count_packed, is_compressed, most_bytes, read_unknown
from ..protocol.receipt import Leaf, hex0x
from .options import examples, reads
from .output import emit, facts
from .session import Session, pass_session

MOST_LEAVES: Final = 4000 * TILE
"""The leaves of the largest batch that fits into a transaction."""

_CHUNK: Final = 64 * 1024


@click.group()
def data() -> None:
    """Look at the published data of batches."""


@data.command(
    epilog=examples(
        "afterproof data inspect batches/1/0.batch",
        "afterproof data inspect https://relayer.example.org/v1/batches/18446744073709551616/data --json",
    )
)
@click.argument("source", metavar="FILE|URL")
@reads
@pass_session
def inspect(session: Session, source: str, as_json: bool) -> None:
    """Show what the data of a batch holds, and the root that it hashes to.

    Checks the form of every byte; asks no chain, and judges no signature. A URL is fetched under the rules by which a
    verifier fetches (verifier.allow_private_data and verifier.data_timeout of the settings).
    """
    found = Found()
    for tile in _tiles(_chunks(session, source), found):
        found.add(tile)
    if not found.hashes:
        raise InvalidData(f"{source} is empty: a batch has at least one leaf")
    emit(as_json, found.to_json(), found.described())


@dataclass
class Found:
    """What was read so far. Sizes in bytes."""

    compressed: bool = False
    size: int = 0
    packed: int = 0
    empty: int = 0
    oldest: int | None = None
    newest: int | None = None
    nodes: set[bytes] = field(default_factory=set)
    hashes: list[bytes] = field(default_factory=list)

    def add(self, tile: list[Leaf | None]) -> None:
        """One more tile."""
        leaves = [leaf for leaf in tile if leaf is not None]
        times = [leaf.receipt.issued_at for leaf in leaves]
        self.packed += len(pack(tile))
        self.empty += len(tile) - len(leaves)
        self.nodes |= {leaf.receipt.node for leaf in leaves}
        self.hashes += map(hash_of, tile)
        if times:
            self.oldest = min(times) if self.oldest is None else min(*times, self.oldest)
            self.newest = max(times) if self.newest is None else max(*times, self.newest)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        tree = BatchTree(self.hashes)
        return {
            "root": hex0x(tree.root),
            "tileRoots": [hex0x(root) for root in tree.tile_roots],
            "count": len(self.hashes),
            "emptyLeaves": self.empty,
            "nodes": [hex0x(node) for node in sorted(self.nodes)],
            "oldestIssuedAt": self.oldest,
            "newestIssuedAt": self.newest,
            "compressed": self.compressed,
            "bytes": self.size,
            "packedBytes": self.packed,
        }

    def described(self) -> str:
        """For a person."""
        found = self.to_json()
        times = "none" if self.oldest is None else f"{self.oldest} to {self.newest}"
        form = f"gzip, {self.packed} bytes of packed leaves" if self.compressed else "packed leaves"
        return facts(
            [
                ("root", found["root"]),
                ("leaves", f"{len(self.hashes)} in {len(found['tileRoots'])} tiles, {self.empty} empty"),
                ("issued at", times),
                ("nodes", len(self.nodes)),
                *(("", node) for node in found["nodes"][:10]),
                ("form", f"{self.size} bytes: {form}"),
            ]
        )


def _tiles(chunks: Iterator[bytes], found: Found) -> Iterator[list[Leaf | None]]:
    """The tiles in ``chunks``, whichever form they have."""
    first = next(chunks, b"")
    found.compressed = is_compressed(first)
    counted = _counted(first, chunks, found)
    if found.compressed:
        yield from read_unknown(counted, MOST_LEAVES)
        return
    whole = b"".join(counted)
    leaves = unpack(whole, count_packed(whole))
    yield from (leaves[at : at + TILE] for at in range(0, len(leaves), TILE))


def _counted(first: bytes, rest: Iterable[bytes], found: Found) -> Iterator[bytes]:
    most = most_bytes(MOST_LEAVES)
    found.size = len(first)
    yield first
    for chunk in rest:
        found.size += len(chunk)
        if found.size > most:
            raise InvalidData(f"has more than the {most} bytes that a batch can have")
        yield chunk


def _chunks(session: Session, source: str) -> Iterator[bytes]:
    if "://" in source:
        from ..data import Fetcher

        settings = session.config.verifier
        fetcher = Fetcher(settings.allow_private_data, settings.data_timeout)
        whole = fetcher.fetch(source, most_bytes(MOST_LEAVES))
        yield from (whole[at : at + _CHUNK] for at in range(0, len(whole), _CHUNK))
        return
    try:
        with Path(source).open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise ConfigError(f"{source} cannot be read: {error.strerror}") from None
