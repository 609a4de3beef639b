"""What the contracts' refusals mean, for people: the name of a custom error is kept in brackets."""

from collections.abc import Callable
from typing import Any, Final

from ..errors import CallReverted
from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .values import moment

_SENTENCES: Final[dict[str, Callable[..., str]]] = {
    "UnknownLane": lambda lane: f"there is no lane {lane}",
    "NotWholeGwei": lambda amount: f"{ether(amount)} is not a whole number of gwei",
    "StakeTooLarge": lambda amount, limit: (
        f"{ether(amount)} is more than the {ether(limit)} that still fit the lane"
    ),
    "InsufficientStake": lambda stake, needed: (
        f"the lane would hold {ether(stake)} and must hold {ether(needed)}"
    ),
    "ZeroAddress": lambda: "the poster must not be the zero address",
    "AlreadyRegistered": lambda node: (
        f"node {hex0x(node)} was registered before: a revoked node takes a new key"
    ),
    "UnknownNode": lambda node: f"node {hex0x(node)} was never registered",
    "TooFarBack": lambda since, earliest: (
        f"a revocation may reach back to {moment(earliest)} ({earliest}) at most"
    ),
    "AlreadyRevoked": lambda node, end: (
        f"node {hex0x(node)} has ended, at {moment(end)}: only an earlier end counts"
    ),
    "UnknownKeyForm": lambda length: (
        f"a key of {length} bytes is of no signature scheme that the registry knows"
    ),
    "NoOperator": lambda: "the operator must not be the zero address",
    "NoCredit": lambda account: f"{checksummed(_address(account))} has nothing to withdraw",
    "PaymentRefused": lambda to: (
        f"{checksummed(_address(to))} refuses to be paid: withdraw to another account"
    ),
    "OwnableUnauthorizedAccount": lambda account: (
        f"only the registry's owner may do this, not {checksummed(_address(account))}"
    ),
}


def explained(error: CallReverted) -> str:
    """A refusal as a sentence."""
    sentence = _SENTENCES.get(error.error)
    try:
        return f"{sentence(*error.arguments)} ({error.error})" if sentence is not None else str(error)
    except (TypeError, ValueError):  # another contract's error of the same name
        return str(error)


def _address(value: Any) -> bytes:
    return value if isinstance(value, bytes) else bytes.fromhex(str(value).removeprefix("0x"))
