"""Amounts and addresses as people write them: read exactly, shown plainly. Pure; errors are ValueError sentences."""

import re
from fractions import Fraction
from typing import Final

from .protocol.receipt import keccak
from .protocol.terms import ETHER, GWEI

_UNITS: Final = {"": 1, "wei": 1, "gwei": GWEI, "ether": ETHER, "eth": ETHER}
_AMOUNT: Final = re.compile(r"([0-9]{1,80}(?:\.[0-9]{1,80})?)\s*(wei|gwei|ether|eth|)", re.IGNORECASE)


def wei_of(text: str) -> int:
    """The wei in `0.5ether`, `100 gwei` or a plain number of wei. Exact: no floats, no part of a wei.

    Raises:
        ValueError: the rule, as the end of a sentence that begins with what the amount is for.
    """
    match = _AMOUNT.fullmatch(text.strip().replace("_", ""))
    if match is None:
        raise ValueError("is not an amount: write 0.5ether, 100gwei or wei")
    wei = Fraction(match[1]) * _UNITS[match[2].lower()]
    if wei.denominator != 1:
        raise ValueError("holds a part of a wei")
    if wei >= 2**256:
        raise ValueError("is more than there can be")
    return int(wei)


def ether(wei: int) -> str:
    """An amount in ether, without an exponent and without zeros at the end, as :func:`wei_of` reads it."""
    whole, part = divmod(abs(wei), ETHER)
    digits = f"{part:018d}".rstrip("0")
    return f"{'-' if wei < 0 else ''}{whole}{'.' if digits else ''}{digits} ether"


def address_of(text: str) -> bytes:
    """The 20 bytes of 0x and 40 hex digits. In mixed case the checksum must be right (EIP-55).

    Raises:
        ValueError: the rule, as the end of a sentence that begins with what the address is for.
    """
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise ValueError("is not an address: 0x and 40 hex digits")
    address = bytes.fromhex(text[2:])
    mixed = text[2:] not in (text[2:].lower(), text[2:].upper())
    if mixed and text != checksummed(address):
        raise ValueError("has a wrong checksum (EIP-55): a digit may be mistyped")
    return address


def checksummed(address: bytes) -> str:
    """An address with the checksum of EIP-55 in the case of its letters."""
    digits = address.hex()
    nibbles = keccak(digits.encode()).hex()
    cased = (d.upper() if int(n, 16) >= 8 else d for d, n in zip(digits, nibbles, strict=False))
    return "0x" + "".join(cased)
