"""The batch tree: RFC 9162's Merkle tree over keccak-256, its tiles and its inclusion proofs.

Same shape and positions as RFC 9162 section 2.1: leaf = keccak256(0x00 . data), node = keccak256(0x01 . left .
right), the left subtree the largest power of two smaller than the size. Built bottom-up with the odd node
promoted, which gives that shape. ``contracts/libraries/BatchTree.sol`` gives the same bytes.

The root does not commit to the number of leaves: always use the count of the batch's header.

Plain Python hashes a million leaves a second. Where numba is installed :func:`compile_trees` makes large trees several
times faster; until it was called, and where it was not, everything is plain.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sha3 import keccak_256

TILE: Final = 256
"""Leaves of a tile: one word of the void map."""

COMPILED_FROM: Final = 512
"""Leaves from which on a tree is built by compiled code, once there is any."""

Levels = list[list[bytes]]
_compiled_levels: Callable[[list[bytes]], Levels] | None = None


def node_hash(left: bytes, right: bytes) -> bytes:
    """keccak256(0x01 . left . right)."""
    digest: bytes = keccak_256(b"\x01" + left + right).digest()
    return digest


class BatchTree:
    """The tree over ``leaf_hashes`` (at least one, each 32 bytes), every level of it kept.

    ``levels[0]`` are the leaf hashes, ``levels[-1]`` is the root alone. Memory: about twice the leaves.
    """

    def __init__(self, leaf_hashes: Sequence[bytes]) -> None:
        if not leaf_hashes:
            raise ValueError("a batch tree has at least one leaf")
        self.levels = _levels(list(leaf_hashes))

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self.levels[0])

    @property
    def root(self) -> bytes:
        """The batch root, 32 bytes."""
        return self.levels[-1][0]

    @property
    def tile_roots(self) -> list[bytes]:
        """The root of each tile of 256 leaves, the last one perhaps of fewer: what a post carries."""
        # A tree of at most one tile has no level 8: its root is its only tile root.
        return list(self.levels[min(8, len(self.levels) - 1)])

    def proof(self, index: int) -> list[bytes]:
        """The inclusion proof of leaf ``index``, bottom-up (RFC 9162 section 2.1.3)."""
        if not 0 <= index < self.size:
            raise IndexError(f"leaf {index} of a tree of {self.size}")
        path = []
        for level in self.levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return path

    def proofs(self) -> list[tuple[bytes, ...]]:
        """The inclusion proof of every leaf, in order: each is its sibling before its parent's proof."""
        above: list[tuple[bytes, ...]] = [()]
        for level in reversed(self.levels[:-1]):
            last = len(level) - 1
            proofs = [
                proof
                for i in range(0, last, 2)
                for proof in ((level[i + 1], *above[i >> 1]), (level[i], *above[i >> 1]))
            ]
            if not last & 1:
                proofs.append(above[last >> 1])
            above = proofs
        return above


def _levels(leaf_hashes: list[bytes]) -> Levels:
    compiled = _compiled_levels
    # What is no hash has no place in an array of hashes: plain Python takes it as it is.
    if compiled is not None and len(leaf_hashes) >= COMPILED_FROM and set(map(len, leaf_hashes)) == {32}:
        return compiled(leaf_hashes)
    return _plain_levels(leaf_hashes)


def _plain_levels(leaf_hashes: list[bytes]) -> Levels:
    levels = [leaf_hashes]
    while len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))
    return levels


def _parents(level: list[bytes]) -> list[bytes]:
    hasher, prefix = keccak_256, b"\x01"
    pairs = zip(level[::2], level[1::2], strict=False)  # an odd one is left over
    parents = [hasher(prefix + left + right).digest() for left, right in pairs]
    if len(level) & 1:
        parents.append(level[-1])
    return parents


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over ``hashes``: of leaf hashes, or of the tile roots of a batch."""
    return BatchTree(hashes).root


def root_of(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that ``proof`` leads to from leaf ``index`` of ``size``, or None where its shape does not fit.

    RFC 9162 section 2.1.3.2; all of the proof must be used.
    """
    if not 0 <= index < size:
        return None
    node, last, used = leaf_hash, size - 1, 0
    while last:
        if index & 1 or index < last:
            if used == len(proof):
                return None
            sibling = proof[used]
            node = node_hash(sibling, node) if index & 1 else node_hash(node, sibling)
            used += 1
        index >>= 1
        last >>= 1
    return node if used == len(proof) else None


def compile_trees() -> bool:
    """Have trees of ``COMPILED_FROM`` leaves and more built by compiled code from now on; False: there is no numba.

    Takes some seconds of CPU time the first time, and 160 MB of memory for good: call it where nobody waits. Trees
    that other threads build meanwhile are plain.

    Raises:
        ValueError: compiled code gives other trees than plain Python on this machine; it is not used.
    """
    global _compiled_levels
    try:
        from .merkle_compiled import levels_of
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        return False
    for size in (1, 2, 3, 16, 17, 255, COMPILED_FROM, COMPILED_FROM + 321):
        sample = [keccak_256(size.to_bytes(2) + place.to_bytes(2)).digest() for place in range(size)]
        if levels_of(sample) != _plain_levels(sample):
            raise ValueError(f"compiled code builds a wrong tree of {size} leaves on this machine")
    _compiled_levels = levels_of
    return True


@contextmanager
def plain() -> Iterator[None]:
    """Trees within are built in plain Python, in every thread: to compare the two."""
    global _compiled_levels
    before, _compiled_levels = _compiled_levels, None
    try:
        yield
    finally:
        _compiled_levels = before
