"""Batch trees by compiled code: keccak-256 over arrays, through numba. The optional extra ``afterproof[numba]``.

Nothing imports this module but :func:`.merkle.compile_trees`. What it gives is what plain Python gives, to the byte.

Sources: FIPS 202 section 3.2 and 3.3 for the permutation and its constants; keccak-256 pads with 0x01, as Ethereum has
it. ``WIDTH`` states are permuted side by side, so that the compiler turns the loop over them into vector instructions:
word ``i`` of state ``j`` is ``s[i * WIDTH + j]``, and lane (x, y) of the standard is word ``x + 5 * y``. The distance
between two words must be a constant, or the compiler does not see that they do not overlap.

No parallel loops: a relayer has other work for the other cores, and numba's threads cannot be shared by threads of
ours. The code lets go of Python's lock while it hashes. It is not cached on disk, where others may write.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

Words = NDArray[np.uint64]

WIDTH: Final = 8
ROUND_CONSTANTS: Final = np.array(
    [
        0x0000000000000001,
        0x0000000000008082,
        0x800000000000808A,
        0x8000000080008000,
        0x000000000000808B,
        0x0000000080000001,
        0x8000000080008081,
        0x8000000000008009,
        0x000000000000008A,
        0x0000000000000088,
        0x0000000080008009,
        0x000000008000000A,
        0x000000008000808B,
        0x800000000000008B,
        0x8000000000008089,
        0x8000000000008003,
        0x8000000000008002,
        0x8000000000000080,
        0x000000000000800A,
        0x800000008000000A,
        0x8000000080008081,
        0x8000000000008080,
        0x0000000080000001,
        0x8000000080008008,
    ],
    np.uint64,
)


def _rotate(word: Any, places: int) -> Any:
    return (word << uint64(places)) | (word >> uint64(64 - places))


_rotated: Final = njit(_rotate)


def _one_round(s: Words, constant: Any) -> None:
    """One round of Keccak-f[1600] on ``WIDTH`` states: theta, rho and pi, chi, iota, written out."""
    for j in range(WIDTH):
        a0, a1, a2, a3, a4 = s[j], s[WIDTH + j], s[2 * WIDTH + j], s[3 * WIDTH + j], s[4 * WIDTH + j]
        a5, a6, a7, a8, a9 = (
            s[5 * WIDTH + j],
            s[6 * WIDTH + j],
            s[7 * WIDTH + j],
            s[8 * WIDTH + j],
            s[9 * WIDTH + j],
        )
        a10, a11, a12, a13, a14 = (
            s[10 * WIDTH + j],
            s[11 * WIDTH + j],
            s[12 * WIDTH + j],
            s[13 * WIDTH + j],
            s[14 * WIDTH + j],
        )
        a15, a16, a17, a18, a19 = (
            s[15 * WIDTH + j],
            s[16 * WIDTH + j],
            s[17 * WIDTH + j],
            s[18 * WIDTH + j],
            s[19 * WIDTH + j],
        )
        a20, a21, a22, a23, a24 = (
            s[20 * WIDTH + j],
            s[21 * WIDTH + j],
            s[22 * WIDTH + j],
            s[23 * WIDTH + j],
            s[24 * WIDTH + j],
        )
        c0 = a0 ^ a5 ^ a10 ^ a15 ^ a20
        c1 = a1 ^ a6 ^ a11 ^ a16 ^ a21
        c2 = a2 ^ a7 ^ a12 ^ a17 ^ a22
        c3 = a3 ^ a8 ^ a13 ^ a18 ^ a23
        c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24
        d0 = c4 ^ _rotated(c1, 1)
        d1 = c0 ^ _rotated(c2, 1)
        d2 = c1 ^ _rotated(c3, 1)
        d3 = c2 ^ _rotated(c4, 1)
        d4 = c3 ^ _rotated(c0, 1)
        b0 = a0 ^ d0
        b1 = _rotated(a6 ^ d1, 44)
        b2 = _rotated(a12 ^ d2, 43)
        b3 = _rotated(a18 ^ d3, 21)
        b4 = _rotated(a24 ^ d4, 14)
        b5 = _rotated(a3 ^ d3, 28)
        b6 = _rotated(a9 ^ d4, 20)
        b7 = _rotated(a10 ^ d0, 3)
        b8 = _rotated(a16 ^ d1, 45)
        b9 = _rotated(a22 ^ d2, 61)
        b10 = _rotated(a1 ^ d1, 1)
        b11 = _rotated(a7 ^ d2, 6)
        b12 = _rotated(a13 ^ d3, 25)
        b13 = _rotated(a19 ^ d4, 8)
        b14 = _rotated(a20 ^ d0, 18)
        b15 = _rotated(a4 ^ d4, 27)
        b16 = _rotated(a5 ^ d0, 36)
        b17 = _rotated(a11 ^ d1, 10)
        b18 = _rotated(a17 ^ d2, 15)
        b19 = _rotated(a23 ^ d3, 56)
        b20 = _rotated(a2 ^ d2, 62)
        b21 = _rotated(a8 ^ d3, 55)
        b22 = _rotated(a14 ^ d4, 39)
        b23 = _rotated(a15 ^ d0, 41)
        b24 = _rotated(a21 ^ d1, 2)
        s[j] = b0 ^ (~b1 & b2) ^ constant
        s[WIDTH + j] = b1 ^ (~b2 & b3)
        s[2 * WIDTH + j] = b2 ^ (~b3 & b4)
        s[3 * WIDTH + j] = b3 ^ (~b4 & b0)
        s[4 * WIDTH + j] = b4 ^ (~b0 & b1)
        s[5 * WIDTH + j] = b5 ^ (~b6 & b7)
        s[6 * WIDTH + j] = b6 ^ (~b7 & b8)
        s[7 * WIDTH + j] = b7 ^ (~b8 & b9)
        s[8 * WIDTH + j] = b8 ^ (~b9 & b5)
        s[9 * WIDTH + j] = b9 ^ (~b5 & b6)
        s[10 * WIDTH + j] = b10 ^ (~b11 & b12)
        s[11 * WIDTH + j] = b11 ^ (~b12 & b13)
        s[12 * WIDTH + j] = b12 ^ (~b13 & b14)
        s[13 * WIDTH + j] = b13 ^ (~b14 & b10)
        s[14 * WIDTH + j] = b14 ^ (~b10 & b11)
        s[15 * WIDTH + j] = b15 ^ (~b16 & b17)
        s[16 * WIDTH + j] = b16 ^ (~b17 & b18)
        s[17 * WIDTH + j] = b17 ^ (~b18 & b19)
        s[18 * WIDTH + j] = b18 ^ (~b19 & b15)
        s[19 * WIDTH + j] = b19 ^ (~b15 & b16)
        s[20 * WIDTH + j] = b20 ^ (~b21 & b22)
        s[21 * WIDTH + j] = b21 ^ (~b22 & b23)
        s[22 * WIDTH + j] = b22 ^ (~b23 & b24)
        s[23 * WIDTH + j] = b23 ^ (~b24 & b20)
        s[24 * WIDTH + j] = b24 ^ (~b20 & b21)


permutation_round: Final = njit(nogil=True)(_one_round)


def _hash_pairs(words: Words) -> Words:
    """keccak256(0x01 . left . right) of each pair of rows of ``words``, whose number is even; a row is four words."""
    count = words.shape[0] // 2
    parents = np.empty((count, 4), np.uint64)
    s = np.empty(25 * WIDTH, np.uint64)
    for first in range(0, count, WIDTH):
        pairs = min(WIDTH, count - first)
        s[:] = 0
        for j in range(pairs):
            carried = uint64(0x01)  # every byte stands one place further up than in the hashes
            for i in range(8):
                word = words[2 * (first + j) + i // 4, i % 4]
                s[i * WIDTH + j] = carried | (word << uint64(8))
                carried = word >> uint64(56)
            s[8 * WIDTH + j] = carried | uint64(0x0100)  # the padding of 65 bytes in a block of 136
            s[16 * WIDTH + j] = uint64(0x80) << uint64(56)
        for constant in ROUND_CONSTANTS:
            permutation_round(s, constant)
        for j in range(pairs):
            for i in range(4):
                parents[first + j, i] = s[i * WIDTH + j]
    return parents


_parents: Final[Callable[[Words], Words]] = njit(nogil=True)(_hash_pairs)


def levels_of(leaf_hashes: list[bytes]) -> list[list[bytes]]:
    """Every level of the tree over ``leaf_hashes``, at least one and each 32 bytes; the first call compiles."""
    levels = [leaf_hashes]
    level: Words = np.frombuffer(b"".join(leaf_hashes), "<u8").reshape(-1, 4)
    while len(level) > 1:
        promoted = level[len(level) & ~1 :]
        level = np.concatenate((_parents(level[: len(level) & ~1]), promoted))
        data = level.tobytes()
        levels.append([data[at : at + 32] for at in range(0, len(data), 32)])
    return levels
