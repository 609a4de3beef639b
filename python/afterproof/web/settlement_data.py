"""What OpenGradient's gateways send of an answer: the headers x-settlement-type and x-settlement-data.

The data is base64 of a JSON object: ``tee_id``, ``input_hash``, ``output_hash``, ``tee_signature`` (base64) and
``tee_timestamp`` (decimal digits), and optionally ``eth_address``. Names in camelCase, or with blanks or hyphens, are
the same names; hashes may do without 0x. Other fields (``input``, ``output``) are let pass: hashes stand for them.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ..protocol.errors import InvalidField
from ..protocol.promise import NOBODY
from ..protocol.receipt import MAX_ISSUED_AT, ZERO, Receipt, Scheme, SignedReceipt
from ..units import address_of
from .body import decoded

MAX_HEADER: Final = 2**20
"""Bytes of x-settlement-data at most."""

DATA: Final = "x-settlement-data"
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "tee_id": ("teeid",),
    "input_hash": ("inputhash",),
    "output_hash": ("outputhash",),
    "tee_signature": ("teesignature",),
    # The first is what the signature is over; the others stand for it where it is not there.
    "tee_timestamp": ("teetimestamp", "timestamp"),
    "eth_address": ("ethaddress", "address"),
}
_OURS: Final = {
    "receipt.node": "tee_id",
    "receipt.request": "input_hash",
    "receipt.response": "output_hash",
    "receipt.issuedAt": "tee_timestamp",
    "signature": "tee_signature",
}
_HASH: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})")


class SettlementType(StrEnum):
    """How an answer is to be settled."""

    PRIVATE = "private"
    BATCH = "batch"
    INDIVIDUAL = "individual"


@dataclass(frozen=True, slots=True)
class SettlementData:
    """An answer to settle. Three hashes of 32 bytes, unix seconds, and whom a broken promise pays (zeros: nobody)."""

    node: bytes
    request: bytes
    response: bytes
    signature: bytes
    issued_at: int
    beneficiary: bytes

    def signed(self, public_key: bytes) -> SignedReceipt:
        """The receipt, under the node's key."""
        receipt = Receipt(self.node, ZERO, self.request, self.response, ZERO, self.issued_at)
        return SignedReceipt(receipt, Scheme.OPENGRADIENT_RSA_PSS, self.signature, public_key)


def settlement_type(header: str | None) -> SettlementType:
    """The type that a header names, in any case.

    Raises:
        InvalidField: there is none, or no such type.
    """
    text = (header or "").strip().lower()
    if not text:
        raise InvalidField("x-settlement-type", "is missing")
    try:
        return SettlementType(text)
    except ValueError:
        raise InvalidField("x-settlement-type", f"must be one of {', '.join(SettlementType)}") from None


def settlement_data(header: str | None) -> SettlementData:
    """What x-settlement-data says.

    Raises:
        InvalidField: it is missing or not of the form; named as the gateways name it.
    """
    if not header or not header.strip():
        raise InvalidField(DATA, "is missing")
    if len(header) > MAX_HEADER:
        raise InvalidField(DATA, f"must be at most {MAX_HEADER} bytes")
    value = decoded(base64_of(header.strip(), DATA), DATA)
    if not isinstance(value, dict):
        raise InvalidField(DATA, "must be base64 of a JSON object")
    fields = named(value)
    return SettlementData(
        node=hash_of(_field(fields, "tee_id"), "tee_id"),
        request=hash_of(_field(fields, "input_hash"), "input_hash"),
        response=hash_of(_field(fields, "output_hash"), "output_hash"),
        signature=base64_of(_field(fields, "tee_signature"), "tee_signature"),
        issued_at=number_of(_field(fields, "tee_timestamp"), "tee_timestamp", MAX_ISSUED_AT),
        beneficiary=_beneficiary(fields),
    )


def their_name(field: str) -> str:
    """A field of a receipt as the gateways name it."""
    return _OURS.get(field, field)


def named(value: dict[str, Any]) -> dict[str, Any]:
    """An object's fields without case, hyphens, blanks and underscores in their names; empty ones are left out.

    Raises:
        InvalidField: one stands there twice, in two spellings with two values.
    """
    fields: dict[str, Any] = {}
    for spelling, content in value.items():
        name = re.sub("[-_ ]", "", spelling).lower()
        if content is None or content == "":
            continue
        if name in fields and fields[name] != content:
            raise InvalidField(spelling[:64], "stands there twice, with two values")
        fields[name] = content
    return fields


def hash_of(value: object, field: str) -> bytes:
    """The 32 bytes in 64 hex digits, after 0x or not.

    Raises:
        InvalidField: they are not.
    """
    match = _HASH.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidField(field, "must be 32 bytes of hex, after 0x or not")
    return bytes.fromhex(match[1])


def number_of(value: object, field: str, most: int) -> int:
    """The number in decimal digits, or the number itself.

    Raises:
        InvalidField: it is none, or above ``most``.
    """
    if isinstance(value, str) and re.fullmatch("[0-9]{1,78}", value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise InvalidField(field, f"must be unix seconds in decimal digits, at most {most}")
    return value


def base64_of(value: object, field: str) -> bytes:
    """The bytes in base64, padded.

    Raises:
        InvalidField: it is no base64.
    """
    try:
        return base64.b64decode(value if isinstance(value, str) else "*", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField(field, "must be base64") from None


def _field(fields: dict[str, Any], name: str) -> Any:
    for spelling in _NAMES[name]:
        if spelling in fields:
            return fields[spelling]
    raise InvalidField(name, "is missing")


def _beneficiary(fields: dict[str, Any]) -> bytes:
    found = next((fields[name] for name in _NAMES["eth_address"] if name in fields), None)
    if found is None:
        return NOBODY
    try:
        return address_of(found if isinstance(found, str) else "")
    except ValueError as rule:
        raise InvalidField("eth_address", str(rule)) from None
