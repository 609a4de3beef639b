"""keccak-256 over arrays of messages, by compiled code through numba. The optional extra ``afterproof[numba]``.

Nothing imports this module but :func:`.hashing.compile_hashes`. The permutation, and why it looks as it does, is in
:mod:`.merkle_compiled`.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numba import njit

from .merkle_compiled import ROUND_CONSTANTS, WIDTH, Words, permutation_round

_RATE: Final = 136
"""Bytes of a block: 17 words of the state."""


def _hash_blocks(words: Words) -> Words:
    """The hash of each row of ``words``, padded blocks of 17 words."""
    count, length = words.shape
    hashes = np.empty((count, 4), np.uint64)
    s = np.empty(25 * WIDTH, np.uint64)
    for first in range(0, count, WIDTH):
        rows = min(WIDTH, count - first)
        s[:] = 0
        for block in range(0, length, 17):
            for j in range(rows):
                for i in range(17):
                    s[i * WIDTH + j] ^= words[first + j, block + i]
            for constant in ROUND_CONSTANTS:
                permutation_round(s, constant)
        for j in range(rows):
            for i in range(4):
                hashes[first + j, i] = s[i * WIDTH + j]
    return hashes


_hashed: Final[Callable[[Words], Words]] = njit(nogil=True)(_hash_blocks)


def hash_each(messages: Sequence[bytes]) -> list[bytes]:
    """keccak-256 of messages (at least one) that all have one length; the first call compiles."""
    count, size = len(messages), len(messages[0])
    padded = np.zeros((count, (size // _RATE + 1) * _RATE), np.uint8)
    padded[:, :size] = np.frombuffer(b"".join(messages), np.uint8).reshape(count, size)
    padded[:, size] = 0x01
    padded[:, -1] |= 0x80
    data = _hashed(padded.view("<u8")).tobytes()
    return [data[at : at + 32] for at in range(0, len(data), 32)]
