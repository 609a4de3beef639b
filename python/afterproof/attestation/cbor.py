"""CBOR of the form that enclaves write, decoded by cbor2 after every byte was seen to be of that form.

Taken: unsigned and negative integers, byte and text strings, arrays, maps, null; nested no deeper than
:data:`MAX_DEPTH`. Lengths are definite and as short as can be, but a map may be indefinite (Nitro's are, since 2026).
No tags, floats, booleans; map keys are integers or text, each once; nothing follows the item. So a document has one
reading, in any decoder, and hostile bytes cost no more than a walk over them. Source: RFC 8949 sections 3 and 4.1.
"""

from typing import Final

import cbor2

from .errors import InvalidDocument

MAX_DEPTH: Final = 4
"""Containers within containers. A Nitro document needs two."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = range(6)
_NULL: Final = 0xF6
_INDEFINITE_MAP: Final = 0xBF
_BREAK: Final = 0xFF
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}


def decode(data: bytes, field: str) -> object:
    """The one item that ``data`` holds: int, bytes, str, list, dict or None.

    Raises:
        InvalidDocument: it is not of the form above. ``field`` is what the bytes are called in the message.
    """
    end = _Walk(data, field).item(0, 0)
    if end != len(data):
        raise InvalidDocument(field, f"must end with its CBOR item: {len(data) - end} bytes follow it")
    try:
        return cbor2.loads(data, max_depth=MAX_DEPTH + 1, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, UnicodeDecodeError):
        # All else was seen above: what is left to go wrong is a text string's inside.
        raise InvalidDocument(field, "must hold text as UTF-8") from None


class _Walk:
    """Passes over items without making any. Positions are byte offsets; each method returns where it ended."""

    def __init__(self, data: bytes, field: str) -> None:
        self._data = data
        self._field = field

    def item(self, at: int, depth: int) -> int:
        """Past the item at ``at``, ``depth`` containers deep."""
        if at < len(self._data) and self._data[at] == _NULL:
            return at + 1
        if at < len(self._data) and self._data[at] == _INDEFINITE_MAP:
            return self._map(at + 1, None, self._deeper(at, depth))
        major, value, after = self._head(at)
        if major in (_UNSIGNED, _NEGATIVE):
            return after
        if major in (_BYTES, _TEXT):
            if value > len(self._data) - after:
                raise self._refusal(
                    at, f"must not claim {value} bytes where {len(self._data) - after} are left"
                )
            return after + value
        if major == _MAP:
            return self._map(after, value, self._deeper(at, depth))
        inside = self._deeper(at, depth)
        for _ in range(value):  # ends with the bytes, whatever the head claims
            after = self.item(after, inside)
        return after

    def _map(self, at: int, count: int | None, depth: int) -> int:
        keys: set[bytes] = set()
        while len(keys) != count:
            if count is None and at < len(self._data) and self._data[at] == _BREAK:
                return at + 1
            major, _, _ = self._head(at)
            if major not in (_UNSIGNED, _NEGATIVE, _TEXT):
                raise self._refusal(at, "must have integers or text as a map's keys")
            after = self.item(at, depth)
            # Heads are as short as can be, so equal keys are equal bytes.
            if self._data[at:after] in keys:
                raise self._refusal(at, "must not hold the same key twice in a map")
            keys.add(self._data[at:after])
            at = self.item(after, depth)
        return at

    def _head(self, at: int) -> tuple[int, int, int]:
        """Major type and argument of the head at ``at``, and where it ends."""
        if at >= len(self._data):
            raise self._refusal(at, "must not end in the middle of an item")
        major, info = self._data[at] >> 5, self._data[at] & 0x1F
        if major > _MAP:
            what = "tags" if major == 6 else "floats, booleans or other simple values"
            raise self._refusal(at, f"must not hold {what}")
        if info < 24:
            return major, info, at + 1
        width = _WIDTHS.get(info)
        if width is None:
            rule = (
                "must not be of indefinite length, unless it is a map"
                if info == 31
                else "must be a known head"
            )
            raise self._refusal(at, rule)
        argument = self._data[at + 1 : at + 1 + width]
        if len(argument) < width:
            raise self._refusal(at, "must not end in the middle of an item")
        value = int.from_bytes(argument)
        if value < (24 if width == 1 else 1 << 4 * width):
            raise self._refusal(at, "must be encoded as short as can be")
        return major, value, at + 1 + width

    def _deeper(self, at: int, depth: int) -> int:
        if depth == MAX_DEPTH:
            raise self._refusal(at, f"must not be nested deeper than {MAX_DEPTH} levels")
        return depth + 1

    def _refusal(self, at: int, rule: str) -> InvalidDocument:
        return InvalidDocument(f"{self._field}, byte {at},", rule)
