"""Packed leaves: the bytes of a batch's data, and of an on-chain answer to a demand.

One leaf after the other, nothing between, nothing after: the receipt's six raw words (192 bytes), the length
of the signature (uint16, big-endian, at most 256), the signature. The length 0xffff alone, with nothing
before it, would be ambiguous with a receipt's first bytes; so each leaf starts with its length:

    uint16 length | 192 bytes of receipt | signature          a leaf
    0xffff                                                     the empty leaf
"""

from collections.abc import Iterable

from .columns import EMPTY_MARK, HEAD, columns_of
from .errors import InvalidData
from .receipt import EMPTY_LEAF_HASH, MAX_SIGNATURE, Leaf

EMPTY = None
"""The empty leaf, where a :class:`Leaf` may stand."""

MAX_PACKED_LEAF = HEAD + MAX_SIGNATURE


def hash_of(leaf: Leaf | None) -> bytes:
    """The leaf hash of a leaf or of the empty leaf."""
    return EMPTY_LEAF_HASH if leaf is None else leaf.hash


def pack(leaves: Iterable[Leaf | None]) -> bytes:
    """The packed bytes of ``leaves``, at most ``MAX_PACKED_LEAF`` each.

    Raises:
        InvalidData: a signature is longer than 256 bytes and cannot be packed.
    """
    parts: list[bytes] = []
    for leaf in leaves:
        if leaf is None:
            parts.append(EMPTY_MARK)
            continue
        if len(leaf.signature) > MAX_SIGNATURE:
            raise InvalidData(f"a signature of {len(leaf.signature)} bytes is longer than {MAX_SIGNATURE}")
        parts += (len(leaf.signature).to_bytes(2), leaf.receipt.words, leaf.signature)
    return b"".join(parts)


def unpack(data: bytes, count: int) -> list[Leaf | None]:
    """The ``count`` leaves packed in ``data``.

    Raises:
        InvalidData: too few or too many bytes, or a signature's length above 256.
    """
    return columns_of(data, count).leaves()
