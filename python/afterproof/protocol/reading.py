"""What a posted batch's data says, tile by tile: each is believed by its own root, whatever became of the others."""

from collections.abc import Iterator, Sequence
from typing import Final

from .errors import InvalidData, ProtocolError
from .header import Header
from .merkle import TILE, BatchTree, fold
from .packing import MAX_PACKED_LEAF, hash_of, unpack_some
from .publication import Leaves, is_compressed, publication, read_tiles

_CHUNK: Final = 64 * 1024


def leaves_of(header: Header, tile: int) -> int:
    """How many leaves a tile of a batch has."""
    return min(TILE, header.count - TILE * tile)


def is_tile(leaves: Sequence[object], header: Header, tile: int, tile_roots: Sequence[bytes]) -> bool:
    """Whether these are the leaves (each a leaf or None) that the batch was posted with as ``tile``."""
    if len(leaves) != leaves_of(header, tile):
        return False
    return fold([hash_of(leaf) for leaf in leaves]) == tile_roots[tile]  # type: ignore[arg-type]


def sound_tiles(data: bytes, header: Header, tile_roots: Sequence[bytes]) -> tuple[dict[int, Leaves], str]:
    """The tiles that ``data`` gives as they were posted, and what is wrong with the others; empty: nothing.

    A tile whose bytes are no leaves hides those behind it.
    """
    sound: dict[int, Leaves] = {}
    why = ""
    try:
        for tile, leaves in enumerate(_tiles(data, header.count)):
            if is_tile(leaves, header, tile, tile_roots):
                sound[tile] = leaves
            elif not why:
                why = f"tile {tile} of {header.tiles}: its leaves do not hash to its root"
    except ProtocolError as error:
        why = why or str(error)
    return sound, why


def tiles_publication(tiles: dict[int, Leaves], header: Header) -> bytes:
    """Data of the batch with ``tiles`` in place; a tile that is not there is filled with empty leaves, whose root is
    another: whoever reads it by the roots finds it missing."""
    empty: Leaves = [None] * TILE
    leaves: Leaves = []
    for tile in range(header.tiles):
        leaves += tiles.get(tile, empty)[: leaves_of(header, tile)]
    return publication(leaves)


class TileProofs:
    """The inclusion proofs of one tile's leaves, from the tile and the batch's tile roots alone."""

    def __init__(self, leaves: Leaves, tile: int, tile_roots: Sequence[bytes]) -> None:
        self._tree = BatchTree([hash_of(leaf) for leaf in leaves])
        self._path = tuple(BatchTree(tile_roots).proof(tile))

    def of(self, index: int) -> tuple[bytes, ...]:
        """The proof of the leaf at ``index`` of the batch."""
        return (*self._tree.proof(index % TILE), *self._path)


def _tiles(data: bytes, count: int) -> Iterator[Leaves]:
    """The tiles of published data, in order.

    Raises:
        InvalidData: from there on it is no data of ``count`` leaves.
    """
    if is_compressed(data[:2]):
        yield from read_tiles((data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)), count)
        return
    at = 0
    for first in range(0, count, TILE):
        leaves, length = unpack_some(data[at : at + TILE * MAX_PACKED_LEAF], min(TILE, count - first))
        at += length
        yield leaves
    if at != len(data):
        raise InvalidData(f"{len(data) - at} bytes follow the last of {count} leaves")
