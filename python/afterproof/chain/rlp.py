"""RLP, the encoding of transactions: byte strings and lists of them. Strict both ways (Yellow Paper, appendix B)."""

from collections.abc import Sequence
from typing import Final, TypeAlias

Item: TypeAlias = "bytes | Sequence[Item]"

DEEPEST: Final = 16
"""Lists within lists that are read; transactions have four."""


def encode(item: Item) -> bytes:
    """The one encoding of a byte string, or of a list of items."""
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < 0x80 else _headed(0x80, item)
    return _headed(0xC0, b"".join(map(encode, item)))


def number(value: int) -> bytes:
    """A number as transactions hold it: without leading zeros."""
    return value.to_bytes((value.bit_length() + 7) // 8)


def decode(data: bytes) -> Item:
    """The item that ``data`` encodes.

    Raises:
        ValueError: it is not the encoding of exactly one item.
    """
    try:
        item, end = _read(data, 0, DEEPEST)
    except IndexError:
        raise ValueError("cut off") from None
    if end != len(data) or encode(item) != data:
        raise ValueError("not the one encoding of an item")
    return item


def _headed(base: int, body: bytes) -> bytes:
    if len(body) < 56:
        return bytes([base + len(body)]) + body
    size = number(len(body))
    return bytes([base + 55 + len(size)]) + size + body


def _read(data: bytes, at: int, depth: int) -> tuple[Item, int]:
    head = data[at]
    if head < 0x80:
        return data[at : at + 1], at + 1
    base = 0x80 if head < 0xC0 else 0xC0
    start, size = at + 1, head - base
    if size > 55:
        start, size = start + size - 55, int.from_bytes(data[start : start + size - 55])
    end = start + size
    if end > len(data):
        raise ValueError("cut off")
    if base == 0x80:
        return data[start:end], end
    if not depth:
        raise ValueError("nested too deep")
    items: list[Item] = []
    while start < end:
        item, start = _read(data, start, depth - 1)
        items.append(item)
    if start != end:
        raise ValueError("an item runs over the end of its list")
    return items, end
