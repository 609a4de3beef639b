"""What a person types and reads: amounts, addresses, hashes, times."""

import re
from datetime import UTC, datetime
from typing import Any, Final

import click

from ..protocol.receipt import hex0x
from ..units import address_of, wei_of


class Amount(click.ParamType):
    """Wei, from `0.5ether`, `100gwei` or a plain number of wei. Exact: no floats, no part of a wei."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Implements :meth:`click.ParamType.convert`."""
        if isinstance(value, int):
            return value
        try:
            return wei_of(value)
        except ValueError as rule:
            self.fail(f"{value!r} {rule}", param, ctx)


class Address(click.ParamType):
    """20 bytes, from 0x and 40 hex digits. Mixed case must be the checksum of EIP-55."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Implements :meth:`click.ParamType.convert`."""
        if isinstance(value, bytes):
            return value
        try:
            return address_of(value)
        except ValueError as rule:
            self.fail(f"{value!r} {rule}", param, ctx)


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
