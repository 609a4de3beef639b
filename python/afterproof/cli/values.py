"""What a person types and reads: amounts, addresses, hashes, registers, times."""

import re
from datetime import UTC, datetime
from typing import Any, Final

import click

from ..protocol.header import BatchId, batch_id
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


class Batch(click.ParamType):
    """A batch's id, from `lane/firstSeq`, decimal digits, or 0x-hex."""

    name = "batch"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> BatchId:
        """Implements :meth:`click.ParamType.convert`."""
        if isinstance(value, int):
            return BatchId(value)
        if match := re.fullmatch(r"([0-9]{1,10})/([0-9]{1,20})", value):
            lane, first_seq = int(match[1]), int(match[2])
            if lane < 2**32 and first_seq < 2**64:
                return batch_id(lane, first_seq)
        elif re.fullmatch(r"[0-9]{1,29}|0x[0-9a-fA-F]{1,64}", value):
            number = int(value, 16 if value.startswith("0x") else 10)
            if number < 2**96:
                return BatchId(number)
        rule = "is not a batch: write its lane and first number, as in 1/0, or its id"
        return self.fail(f"{value!r} {rule}", param, ctx)


class Register(click.ParamType):
    """A platform configuration register and its value, from `0=` and 96 hex digits (0x before them or not)."""

    name = "register"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, bytes]:
        """Implements :meth:`click.ParamType.convert`."""
        match = re.fullmatch(r"([0-9]{1,2})=(?:0x)?([0-9a-fA-F]{96})", value)
        if match is None or int(match[1]) > 31:
            rule = "is not a register: write its index (0 to 31), = and the 96 hex digits of its value"
            self.fail(f"{value!r} {rule}", param, ctx)
        return int(match[1]), bytes.fromhex(match[2])


class Time(click.ParamType):
    """Unix seconds, from their number or from a date and time in UTC, as 2026-02-12T18:00:00Z."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Implements :meth:`click.ParamType.convert`."""
        if isinstance(value, int):
            return value
        if re.fullmatch(r"[0-9]{1,15}", value):
            return int(value)
        # Without a zone it would be anybody's time: Z says whose.
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}Z", value):
            try:
                return int(datetime.fromisoformat(value).timestamp())
            except ValueError:
                pass
        rule = "is not a time: write unix seconds, or as 2026-02-12T18:00:00Z"
        return self.fail(f"{value!r} {rule}", param, ctx)


AMOUNT: Final = Amount()
ADDRESS: Final = Address()
HASH: Final = Hash()
BATCH: Final = Batch()


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
