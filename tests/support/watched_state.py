"""The state of the bare EVM, with an eye on what messages read and write."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth.vm.forks.prague.state import PragueState

from tests.support.computation import QuickComputation

Slot = tuple[bytes, int | str]
"""An account's storage slot, or the word for something else of it."""


@dataclass
class Record:
    """What was read: slots, and whether the block's time or number."""

    slots: set[Slot] = field(default_factory=set)
    block: bool = False


class WatchedState(PragueState):
    """Prague's state. ``written`` has the number of the message that last wrote a slot, undone or not."""

    computation_class = QuickComputation

    def __init__(self, *arguments: Any) -> None:
        self.messages = 0
        self.written: dict[Slot, int] = {}
        self._record: Record | None = None
        super().__init__(*arguments)

    @contextmanager
    def recorded(self) -> Iterator[Record]:
        """What is read meanwhile."""
        self._record = record = Record()
        try:
            yield record
        finally:
            self._record = None

    def changed(self, slots: Iterable[Slot], since: int) -> bool:
        """Whether a later message than number ``since`` wrote one of the slots."""
        written = self.written
        return self.messages > since and any(written.get(slot, 0) > since for slot in slots)

    @property
    def timestamp(self) -> int:
        if self._record:
            self._record.block = True
        return super().timestamp

    @property
    def block_number(self) -> Any:
        if self._record:
            self._record.block = True
        return super().block_number

    def get_storage(self, address: Any, slot: int, from_journal: bool = True) -> int:
        if self._record:
            self._record.slots.add((address, slot))
        return super().get_storage(address, slot, from_journal)

    def set_storage(self, address: Any, slot: int, value: int) -> None:
        self.written[address, slot] = self.messages
        super().set_storage(address, slot, value)

    def get_balance(self, address: Any) -> int:
        if self._record:
            self._record.slots.add((address, "balance"))
        return super().get_balance(address)

    def set_balance(self, address: Any, balance: int) -> None:
        self.written[address, "balance"] = self.messages
        super().set_balance(address, balance)

    def get_code(self, address: Any) -> bytes:
        if self._record:
            self._record.slots.add((address, "code"))
        return super().get_code(address)

    def set_code(self, address: Any, code: bytes) -> None:
        self.written[address, "code"] = self.messages
        super().set_code(address, code)

    def delete_code(self, address: Any) -> None:
        self.written[address, "code"] = self.messages
        super().delete_code(address)
