"""The body of POST /v1/receipts: a receipt or an array of them, read at once where all is as it should be.

Most bodies are of the form, and are read straight into structs. What is not is read again item by item, by
:meth:`SignedReceipt.from_json`, which names the field and the rule: it alone says what a receipt is. Whatever the quick
way takes the careful one would have taken, as the same receipt.
"""

from functools import lru_cache
from typing import Final

import msgspec

from ..protocol.errors import InvalidField
from ..protocol.promise import NOBODY
from ..protocol.receipt import MAX_ISSUED_AT, MAX_SIGNATURE, ZERO, Receipt, Scheme, SignedReceipt, hex0x
from ..units import address_of
from .body import decoded
from .errors import Refusal

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
_ZERO: Final = hex0x(ZERO)
_LONGEST: Final = 2 + 2 * MAX_SIGNATURE


def read_receipts(text: bytes) -> list[Item]:
    """The items in a body; one, where it is no array.

    Raises:
        Refusal: it is no JSON, or an array of none or of too many.
    """
    items = _quick(text)
    if items is None:
        try:
            value = decoded(text, "body")
        except InvalidField as error:
            raise Refusal(400, error.field, error.rule) from None
        if not isinstance(value, list):
            return [_careful(value)]
        items = [_careful(item) for item in value[: MAX_ITEMS + 1]]
    if not 0 < len(items) <= MAX_ITEMS:
        raise Refusal(400, "body", f"must be a receipt, or an array of 1 to {MAX_ITEMS}")
    return items


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


def _quick(text: bytes) -> list[Item] | None:
    """The items of a body that is of the form, or None."""
    # What the decoder is told to expect bounds its depth: nothing needs counting before.
    try:
        found = _MANY.decode(text) if is_array_of(text) else [_ONE.decode(text)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return [_item(one) or _careful(msgspec.to_builtins(one)) for one in found]


def _item(item: _Item) -> Item | None:
    """An item that is of the form to the last digit, or None."""
    r = item.receipt
    request, response, signature = r.request, r.response, item.signature
    if not (
        len(request) == len(response) == 66
        and request[:2] == response[:2] == signature[:2] == "0x"
        and len(signature) <= _LONGEST
        and r.issuedAt <= MAX_ISSUED_AT
    ):
        return None
    try:
        # bytes.fromhex skips white space, which is no hex to anyone else: the lengths tell.
        hashes = bytes.fromhex(request[2:] + response[2:])
        signed = bytes.fromhex(signature[2:])
        if len(hashes) != 64 or 2 * len(signed) + 2 != len(signature):
            return None
        model = ZERO if r.model == _ZERO else _word(r.model)
        evidence = ZERO if r.evidence == _ZERO else _word(r.evidence)
        receipt = Receipt(_known(r.node), model, hashes[:32], hashes[32:], evidence, r.issuedAt)
        public_key = _known(item.publicKey)
        beneficiary = NOBODY if item.beneficiary is None else _beneficiary(item.beneficiary)
    except (ValueError, InvalidField):
        return None
    return SignedReceipt(receipt, item.scheme, signed, public_key), beneficiary


def _bytes(text: str) -> bytes:
    data = bytes.fromhex(text[2:])
    # bytes.fromhex skips white space, which is no hex to anyone else.
    if text[:2] != "0x" or len(data) * 2 + 2 != len(text):
        raise ValueError
    return data


def _word(text: str) -> bytes:
    data = bytes.fromhex(text[2:])
    if text[:2] != "0x" or len(text) != 66 or len(data) != 32:
        raise ValueError
    return data


@lru_cache(maxsize=4096)
def _known(text: str) -> bytes:
    """The bytes in 0x-hex that comes again and again: nodes and their keys."""
    if len(text) > 2050:  # 1,024 bytes
        raise ValueError
    return _bytes(text)


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
