"""Answers to demands: half a tile's packed leaves, and what leads from them to the batch's root."""

from collections.abc import Sequence
from dataclasses import dataclass

from .disputes import HALF
from .errors import InvalidData
from .merkle import BatchTree
from .packing import hash_of, pack, unpack
from .receipt import Leaf


@dataclass(frozen=True)
class Answer:
    """The leaves of half ``half`` of a tile, packed; ``other`` is the root of the other half, zeros where none is."""

    half: int
    data: bytes
    other: bytes


def halves_of(count: int) -> int:
    """How many answers show a tile of ``count`` leaves."""
    return 2 if count > HALF else 1


def answers(leaves: Sequence[Leaf | None]) -> list[Answer]:
    """The answers that show a tile of 1 to 256 ``leaves``: two where it has more than 128, else one."""
    halves = [leaves[:HALF], leaves[HALF:]] if len(leaves) > HALF else [leaves]
    roots = [BatchTree([hash_of(leaf) for leaf in half]).root for half in halves]
    others = [*reversed(roots)] if len(halves) == 2 else [bytes(32)]
    return [Answer(i, pack(half), other) for i, (half, other) in enumerate(zip(halves, others, strict=True))]


def shown(halves: Sequence[bytes], count: int) -> list[Leaf | None]:
    """The ``count`` leaves of a tile from the data of its answers, in order.

    Raises:
        InvalidData: a half is missing, or does not pack its leaves.
    """
    counts = [HALF, count - HALF] if count > HALF else [count]
    if len(halves) != len(counts):
        raise InvalidData(f"{len(halves)} of {len(counts)} halves were shown")
    return [leaf for data, most in zip(halves, counts, strict=True) for leaf in unpack(data, most)]


def tile_path(tile_roots: Sequence[bytes], tile: int) -> tuple[bytes, ...]:
    """The inclusion proof of a tile's root among the tile roots of its batch."""
    return tuple(BatchTree(tile_roots).proof(tile))
