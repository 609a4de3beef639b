"""keccak-256 of many messages at once: in plain Python each by itself, by compiled code side by side.

Where numba is installed :func:`compile_hashes` makes it several times faster; until it was called, and where there is
none, everything is plain.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sha3 import keccak_256

COMPILED_FROM: Final = 32
"""Messages from which on compiled code is faster, once there is any."""

_compiled: Callable[[Sequence[bytes]], list[bytes]] | None = None


def keccak_each(messages: Sequence[bytes]) -> list[bytes]:
    """The 32 bytes of keccak-256 of each message."""
    compiled = _compiled
    if compiled is not None and len(messages) >= COMPILED_FROM and len(set(map(len, messages))) == 1:
        return compiled(messages)
    hasher = keccak_256
    return [hasher(message).digest() for message in messages]


def compile_hashes() -> bool:
    """Have ``COMPILED_FROM`` messages of one length, and more, hashed by compiled code from now on; False: no numba.

    Takes some seconds of CPU time the first time; see :func:`.merkle.compile_trees`.

    Raises:
        ValueError: compiled code gives other hashes than plain Python on this machine; it is not used.
    """
    global _compiled
    try:
        from .hashing_compiled import hash_each
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        return False
    for size in (0, 1, 65, 96, 135, 136, 137, 224, 225, 256, 272, 1000):
        sample = [bytes([number, size % 251]) * size for number in range(COMPILED_FROM + 3)]
        sample = [message[:size] for message in sample]
        if hash_each(sample) != [keccak_256(message).digest() for message in sample]:
            raise ValueError(f"compiled code hashes {size} bytes wrongly on this machine")
    _compiled = hash_each
    return True


@contextmanager
def plain() -> Iterator[None]:
    """Messages within are hashed in plain Python, in every thread: to compare the two."""
    global _compiled
    before, _compiled = _compiled, None
    try:
        yield
    finally:
        _compiled = before
