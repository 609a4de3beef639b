"""What a person types and reads: amounts, addresses, hashes, times."""

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

import click

from ..protocol.receipt import hex0x, keccak
from ..protocol.terms import ETHER, GWEI

_UNITS: Final = {"": 1, "wei": 1, "gwei": GWEI, "ether": ETHER, "eth": ETHER}
_AMOUNT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(wei|gwei|ether|eth|)", re.IGNORECASE)


class Amount(click.ParamType):
    """Wei, from `0.5ether`, `100gwei` or a plain number of wei. Exact: no floats, no part of a wei."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Implements :meth:`click.ParamType.convert`."""
        if isinstance(value, int):
            return value
        match = _AMOUNT.fullmatch(value.strip().replace("_", ""))
        if match is None:
            self.fail(f"{value!r} is not an amount: write 0.5ether, 100gwei or wei", param, ctx)
        wei = Fraction(match[1]) * _UNITS[match[2].lower()]
        if wei.denominator != 1:
            self.fail(f"{value!r} holds a part of a wei", param, ctx)
        if wei >= 2**256:
            self.fail(f"{value!r} is more than there can be", param, ctx)
        return int(wei)


class Address(click.ParamType):
    """20 bytes, from 0x and 40 hex digits. Mixed case must be the checksum of EIP-55."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Implements :meth:`click.ParamType.convert`."""
        if isinstance(value, bytes):
            return value
        if not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
            self.fail(f"{value!r} is not an address: 0x and 40 hex digits", param, ctx)
        address = bytes.fromhex(value[2:])
        mixed = value[2:] not in (value[2:].lower(), value[2:].upper())
        if mixed and value != checksummed(address):
            self.fail(f"{value!r} has a wrong checksum (EIP-55): a digit may be mistyped", param, ctx)
        return address


class Hash(click.ParamType):
    """32 bytes, from 0x and 64 hex digits."""

    name = "hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Implements :meth:`click.ParamType.convert`."""
        if isinstance(value, bytes):
            return value
        if not re.fullmatch(r"0x[0-9a-fA-F]{64}", value):
            self.fail(f"{value!r} is not 32 bytes: 0x and 64 hex digits", param, ctx)
        return bytes.fromhex(value[2:])


AMOUNT: Final = Amount()
ADDRESS: Final = Address()
HASH: Final = Hash()


def checksummed(address: bytes) -> str:
    """An address with the checksum of EIP-55 in the case of its letters."""
    digits = address.hex()
    nibbles = keccak(digits.encode()).hex()
    cased = (d.upper() if int(n, 16) >= 8 else d for d, n in zip(digits, nibbles, strict=False))
    return "0x" + "".join(cased)


def ether(wei: int) -> str:
    """An amount for a person: in ether, without an exponent and without zeros at the end."""
    whole, part = divmod(abs(wei), ETHER)
    digits = f"{part:018d}".rstrip("0")
    return f"{'-' if wei < 0 else ''}{whole}{'.' if digits else ''}{digits} ether"


def short(data: bytes) -> str:
    """The two ends of a hash, for a table."""
    text = hex0x(data)
    return f"{text[:10]}…{text[-4:]}"


def moment(seconds: int) -> str:
    """A time in unix seconds for a person; one beyond the calendar as the number that it is."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"
    except (OverflowError, ValueError, OSError):
        return f"unix second {seconds}"
