"""What an action on a contract is given and what comes of it, in the executable specifications."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Env:
    """Who acts, when (``block.timestamp``), and with how many wei, and at what base fee."""

    sender: bytes
    now: int
    value: int = 0
    base_fee: int = 0


class Revert(Exception):
    """The contract refuses: the custom error's name and arguments. Nothing has changed."""

    def __init__(self, error: str, *arguments: Any) -> None:
        super().__init__(f"{error}{arguments}")
        self.error = error
        self.arguments = arguments


@dataclass(frozen=True, slots=True)
class Event:
    """An emitted event: its name and its arguments in the order of the interface."""

    name: str
    arguments: tuple[Any, ...]


def checked_width(value: int, bits: int) -> int:
    """The value; raises OpenZeppelin's ``SafeCastOverflowedUintDowncast`` where a field of ``bits`` cannot hold it."""
    if value >> bits:
        raise Revert("SafeCastOverflowedUintDowncast", bits, value)
    return value


def checked_owner(env: Env, owner: bytes) -> None:
    """Raises OpenZeppelin's ``OwnableUnauthorizedAccount`` unless the owner acts."""
    if env.sender != owner:
        raise Revert("OwnableUnauthorizedAccount", env.sender)
