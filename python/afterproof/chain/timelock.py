"""The timelock that owns a deployment: OpenZeppelin's TimelockController, version 5.

A proposer schedules a call; after a delay that everybody can watch, an executor has it made. An operation is named by
the hash of its call, of the operation that must be done before it, and of a salt that tells repetitions apart.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from afterproof.errors import CallReverted, ConfigError
from afterproof.protocol.receipt import keccak
from afterproof.units import checksummed

from .abi import encode, interface
from .base import Call, Landed
from .evm import EvmReader
from .evm_calls import member
from .sender import EvmSender


class Stage(IntEnum):
    """What became of an operation, as the contract numbers it."""

    UNSET = 0
    WAITING = 1
    READY = 2
    DONE = 3


@dataclass(frozen=True, slots=True)
class Operation:
    """A call as a timelock knows it. ``predecessor`` and ``salt`` are 32 bytes; zeros: none."""

    call: Call
    predecessor: bytes = bytes(32)
    salt: bytes = bytes(32)

    @property
    def id(self) -> bytes:
        """Its name: keccak256 of its parts."""
        types = ("address", "uint256", "bytes", "bytes32", "bytes32")
        return keccak(encode(types, (*self._called, self.predecessor, self.salt)))

    @property
    def _called(self) -> tuple[bytes, int, bytes]:
        return self.call.to, self.call.value, self.call.data

    def arguments(self) -> tuple[Any, ...]:
        """As ``schedule`` and ``execute`` take them."""
        return (*self._called, self.predecessor, self.salt)


def delay_of(reader: EvmReader, account: bytes) -> int | None:
    """The least delay of the timelock at an address, in seconds; None where there is no timelock."""
    asked = interface("Timelock").functions["getMinDelay"].encode()
    try:
        answer = reader.ask(Call(account, 0, asked))
    except CallReverted:
        return None
    return int.from_bytes(answer) if len(answer) == 32 else None


def owner_of(reader: EvmReader, contract: bytes) -> bytes:
    """Who owns one of the two contracts: 20 bytes."""
    asked = interface("Settlement").functions["owner"].encode()
    return reader.ask(Call(contract, 0, asked))[-20:]


class Timelock:
    """The timelock that owns ``contract``.

    Raises:
        ConfigError: its owner is none.
    """

    def __init__(self, reader: EvmReader, contract: bytes) -> None:
        self._reader = reader
        self.address = owner_of(reader, contract)
        delay = delay_of(reader, self.address)
        if delay is None:
            raise ConfigError(
                f"{checksummed(contract)} is owned by {checksummed(self.address)}, which is no timelock: "
                "that account makes the call itself"
            )
        self.delay = delay

    def stage(self, operation: Operation) -> tuple[Stage, int]:
        """What became of an operation, and when it can be executed: unix seconds, 0 where that is past or unset."""
        (stage,) = self._view("getOperationState", operation.id)
        (at,) = self._view("getTimestamp", operation.id)
        return member(Stage, stage), at if at > 1 else 0

    def schedule(self, operation: Operation, delay: int) -> Call:
        """The call that schedules an operation."""
        return self._call("schedule", *operation.arguments(), delay)

    def execute(self, operation: Operation) -> Call:
        """The call that executes it."""
        return self._call("execute", *operation.arguments(), value=operation.call.value)

    def cancel(self, operation: Operation) -> Call:
        """The call that takes it back."""
        return self._call("cancel", operation.id)

    def make(self, sender: EvmSender, call: Call, dry_run: bool = False) -> Landed:
        """Makes one of these calls."""
        kinds = {kind.selector: kind for kind in interface("Timelock").functions.values()}
        return sender.perform(kinds[call.data[:4]], call, dry_run)[1]

    def _call(self, function: str, *arguments: Any, value: int = 0) -> Call:
        return Call(self.address, value, interface("Timelock").functions[function].encode(*arguments))

    def _view(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        kind = interface("Timelock").functions[function]
        return kind.decode(self._reader.ask(Call(self.address, 0, kind.encode(*arguments))))
