"""The body of POST /v1/receipts: a receipt or an array of them, read at once where all is as it should be.

Most bodies are of the form, and are read field by field, each of all items at once. What is not is read again item by
item, by :meth:`SignedReceipt.from_json`, which names the field and the rule: it alone says what a receipt is. Whatever
the quick way takes the careful one would have taken, as the same receipt.
"""

from binascii import unhexlify
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, TypeVar

import msgspec
from msgspec.structs import astuple

from ..protocol.arrays import Handed
from ..protocol.errors import InvalidField
from ..protocol.promise import NOBODY
from ..protocol.receipt import MAX_ISSUED_AT, MAX_SIGNATURE, Scheme, SignedReceipt
from ..steps.intake import Request
from ..units import address_of
from .body import decoded
from .errors import Refusal

T = TypeVar("T")
MAX_ITEMS: Final = 1000

Item = tuple[SignedReceipt | InvalidField, bytes]
"""The receipt in an item, or why there is none, and the beneficiary of its promise."""


class _Receipt(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    node: str
    model: str
    request: str
    response: str
    evidence: str
    issuedAt: int


class _Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    receipt: _Receipt
    scheme: Scheme
    signature: str
    publicKey: str
    beneficiary: str | None = None


_ONE: Final = msgspec.json.Decoder(_Item)
_MANY: Final = msgspec.json.Decoder(list[_Item])
_LONGEST: Final = 2 + 2 * MAX_SIGNATURE


def read_receipts(text: bytes) -> Request:
    """What a body hands in; one item, where it is no array.

    Raises:
        Refusal: it is no JSON, or an array of none or of too many.
    """
    found = _found(text)
    if found is not None and (read := _read(found)) is not None:
        return read
    items = _careful_items(text) if found is None else [_item(one) for one in found]
    return Request.of([item for item, _ in items], [beneficiary for _, beneficiary in items])


def is_array_of(text: bytes) -> bool:
    """Whether JSON is an array, seen by its beginning."""
    return text.lstrip(b" \t\r\n")[:1] == b"["


def count_of(text: bytes) -> int:
    """How many receipts a body seems to hold: one for two objects, whatever is in them.

    At least one, and at most one more than may be taken: a body of more is refused.
    """
    # Six times faster than bytes.count: this looks for the next brace, that at every byte.
    braces = len(text) - len(text.replace(b"{", b"", 2 * MAX_ITEMS + 2))
    return max(1, braces // 2)


def size_of(text: bytes, count: int) -> int:
    """How many receipts a body counts as while it waits: the ``count`` that it seems to hold, or one for 2 KiB."""
    return max(count, len(text) // 2048)


def _found(text: bytes) -> list[_Item] | None:
    """The items of a body that has the form's names and types; None: something else is in it."""
    # What the decoder is told to expect bounds its depth: nothing needs counting before.
    try:
        found = _MANY.decode(text) if is_array_of(text) else [_ONE.decode(text)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    _check_number(found)
    return found


def _check_number(items: Sequence[object]) -> None:
    if not 0 < len(items) <= MAX_ITEMS:
        raise Refusal(400, "body", f"must be a receipt, or an array of 1 to {MAX_ITEMS}")


def _read(found: Sequence[_Item]) -> Request | None:
    """Items (at least one) that are of the form to the last digit, or None."""
    receipts, schemes, signatures, keys, holders = zip(*map(astuple, found), strict=True)
    nodes, models, requests, responses, evidences, times = zip(*map(astuple, receipts), strict=True)
    if not 0 <= min(times) <= max(times) <= MAX_ISSUED_AT:
        return None
    try:
        hashes = _words((*requests, *responses))
        stamps = {time: time.to_bytes(32) for time in set(times)}
        columns = zip(
            _repeated(nodes, _word), _repeated(models, _word), hashes, hashes[len(found) :],
            _repeated(evidences, _word), [stamps[time] for time in times], strict=False,
        )  # fmt: skip
        signed = _signatures(signatures)
        public_keys = _repeated(keys, _key)
        paid = () if holders.count(None) == len(holders) else _repeated(holders, _holder)
    except (ValueError, InvalidField):
        return None
    return Request(Handed(list(map(b"".join, columns)), times, signed, schemes, public_keys), paid)


def _repeated(texts: Sequence[T], read: Callable[[T], bytes]) -> list[bytes]:
    """What each of some texts reads: that of the first, where all are the same."""
    first = texts[0]
    return [read(first)] * len(texts) if texts.count(first) == len(texts) else [read(text) for text in texts]


def _words(texts: Sequence[str]) -> list[bytes]:
    if len(texts[0]) != 66:
        raise ValueError
    return _bytes(texts)


def _signatures(texts: Sequence[str]) -> list[bytes]:
    if max(map(len, texts)) > _LONGEST:
        raise ValueError
    # Those of one scheme have one length.
    return _bytes(texts) if len(set(map(len, texts))) == 1 else [_bytes([text])[0] for text in texts]


def _bytes(texts: Sequence[str]) -> list[bytes]:
    """The bytes in texts of 0x-hex, all of one length.

    Raises:
        ValueError: they are none, or of several.
    """
    size, joined = len(texts[0]), "".join(texts)
    if (
        set(map(len, texts)) != {size}
        or joined[::size] != "0" * len(texts)
        or joined[1::size] != "x" * len(texts)
    ):
        raise ValueError
    # With the x of each a zero, all of it is hex, of two digits more each; one x too many is left, and is none.
    data, size = unhexlify(joined.replace("x", "0", len(texts))), size // 2
    return [data[at : at + size - 1] for at in range(1, len(data) + 1, size)]


@lru_cache(maxsize=4096)
def _word(text: str) -> bytes:
    """The 32 bytes in 0x-hex that comes again and again: of nodes, and of zero."""
    return _words([text])[0]


@lru_cache(maxsize=4096)
def _key(text: str) -> bytes:
    """A public key."""
    if len(text) > 2050:  # 1,024 bytes
        raise ValueError
    return _bytes([text])[0]


def _holder(text: str | None) -> bytes:
    return NOBODY if text is None else _beneficiary(text)


def _item(item: _Item) -> Item:
    """One of items not all of which are of the form."""
    read = _read([item])
    if read is None:
        return _careful(msgspec.to_builtins(item))
    return read.handed.receipt(0), read.beneficiaries[0] if read.beneficiaries else NOBODY


def _careful_items(text: bytes) -> list[Item]:
    """What the careful way makes of a body."""
    try:
        value = decoded(text, "body")
    except InvalidField as error:
        raise Refusal(400, error.field, error.rule) from None
    items = value if isinstance(value, list) else [value]
    _check_number(items)
    return [_careful(item) for item in items]


def _careful(item: object) -> Item:
    if not isinstance(item, dict):
        return InvalidField("receipt", "must be a JSON object"), NOBODY
    rest = dict(item)
    beneficiary = rest.pop("beneficiary", None)
    try:
        return SignedReceipt.from_json(rest), NOBODY if beneficiary is None else _beneficiary(beneficiary)
    except InvalidField as error:
        return error, NOBODY


def _beneficiary(value: object) -> bytes:
    try:
        return address_of(value if isinstance(value, str) else "")
    except ValueError as rule:
        raise InvalidField("beneficiary", str(rule)) from None
