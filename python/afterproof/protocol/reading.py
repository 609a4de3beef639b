"""What a posted batch's data says, tile by tile: each is believed by its own root, whatever became of the others."""

from collections.abc import Iterable, Iterator, Sequence

from .columns import Columns
from .errors import ProtocolError
from .header import Header
from .merkle import TILE, BatchTree, fold
from .packing import hash_of
from .publication import Leaves, TileReader


def leaves_of(header: Header, tile: int) -> int:
    """How many leaves a tile of a batch has."""
    return min(TILE, header.count - TILE * tile)


def is_tile(leaves: Sequence[object], header: Header, tile: int, tile_roots: Sequence[bytes]) -> bool:
    """Whether these are the leaves (each a leaf or None) that the batch was posted with as ``tile``."""
    if len(leaves) != leaves_of(header, tile):
        return False
    return fold([hash_of(leaf) for leaf in leaves]) == tile_roots[tile]  # type: ignore[arg-type]


def sound_tiles(
    chunks: Iterable[bytes], header: Header, tile_roots: Sequence[bytes]
) -> Iterator[tuple[int, Columns]]:
    """The tiles that published data, coming in ``chunks``, gives as they were posted, with their numbers.

    A tile whose bytes are no leaves hides those behind it.
    """
    reader = TileReader(chunks, header.count)
    for tile in range(header.tiles):
        try:
            columns = next(reader)
        except ProtocolError:
            return
        if fold(columns.hashes()) == tile_roots[tile]:
            yield tile, columns


class TileProofs:
    """The inclusion proofs of one tile's leaves, from the tile and the batch's tile roots alone."""

    def __init__(self, leaves: Leaves, tile: int, tile_roots: Sequence[bytes]) -> None:
        self.hashes = [hash_of(leaf) for leaf in leaves]
        self._tree = BatchTree(self.hashes)
        self._path = tuple(BatchTree(tile_roots).proof(tile))

    def of(self, index: int) -> tuple[bytes, ...]:
        """The proof of the leaf at ``index`` of the batch."""
        return (*self._tree.proof(index % TILE), *self._path)
