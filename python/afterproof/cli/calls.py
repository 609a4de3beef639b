"""Calls in files: what a command with ``--calldata --json`` prints, and ``timelock`` reads."""

from typing import TYPE_CHECKING, Final

from ..protocol.errors import InvalidField
from ..protocol.fields import hex_of
from .files import read_json

if TYPE_CHECKING:
    from ..chain.base import Call

MOST: Final = 131_072
"""Bytes of calldata: nodes take no transaction above that."""


def read_call(file: str) -> "Call":
    """The call in a file that a command with ``--calldata --json`` printed.

    Raises:
        ConfigError: the file cannot be read.
        InvalidField: it holds none; the message names field and rule.
    """
    from ..chain.base import Call

    value = read_json(file, "the call file")
    call = value.get("call") if isinstance(value, dict) else None
    if not isinstance(call, dict):
        raise InvalidField("call", "must be an object: what a command with --calldata --json prints")
    wei = call.get("value")
    if not isinstance(wei, str) or not wei.isdecimal() or not wei.isascii() or len(wei) > 30:
        raise InvalidField("call.value", "must be wei in decimal digits, as text")
    return Call(
        hex_of(call.get("to"), "call.to", exactly=20),
        int(wei),
        hex_of(call.get("data"), "call.data", at_most=MOST),
    )


def called(call: "Call", contract: str) -> str:
    """The name of the function that a call calls.

    Raises:
        InvalidField: it is none of the contract's.
    """
    from ..chain.abi import interface

    for name, kind in interface(contract).functions.items():
        if kind.selector == call.data[:4]:
            return str(name)
    raise InvalidField("call.data", f"must be a call of one of the functions of {contract}")
