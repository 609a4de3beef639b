"""Prague's rules, run with less of Python between two opcodes; what an opcode does is py-evm's, or as plain as a push.

Most of the time that a test of contracts takes is spent there.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from eth.exceptions import FullStack, InsufficientStack, OutOfGas
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.opcode import _FastOpcode
from eth.vm.stack import Stack, to_int

STACK_LIMIT = 1024
PUSH0, PUSH32, DUP1, DUP16 = 0x5F, 0x7F, 0x80, 0x8F


@lru_cache(maxsize=1024)
def _positions(code: bytes) -> tuple[set[int], set[int]]:
    """Where a jump may land and where not, as far as it is known: the same whenever that code runs."""
    return set(), set()


class QuickStack(Stack):
    """A stack whose items are mostly integers."""

    def pop_ints(self, num_items: int) -> tuple[int, ...]:
        values = self.values
        if num_items > len(values):
            raise InsufficientStack(f"wanted {num_items} stack items, only had {len(values)}")
        popped = values[: -num_items - 1 : -1]
        del values[-num_items:]
        return tuple([item if type(item) is int else to_int(item) for item in popped])


def _push(size: int) -> Callable[[Any], None]:
    def logic(computation: Any) -> None:
        code, values = computation.code, computation._stack.values
        if len(values) >= STACK_LIMIT:
            raise FullStack("Stack limit reached")
        at = code.program_counter
        code.program_counter = at + size
        values.append(int.from_bytes(code._raw_code_bytes[at : at + size].ljust(size, b"\0")))

    return logic


def _dup(position: int) -> Callable[[Any], None]:
    def logic(computation: Any) -> None:
        values = computation._stack.values
        if len(values) >= STACK_LIMIT:
            raise FullStack("Stack limit reached")
        if position > len(values):
            raise InsufficientStack(f"Insufficient stack items for DUP{position}")
        values.append(values[-position])

    return logic


def _quick(value: int, opcode: Any) -> Any:
    """The opcode with its gas taken in place, and nothing between it and the stack where it only pushes."""
    if not isinstance(opcode, _FastOpcode):
        return opcode
    cost, logic = opcode.gas_cost, opcode.logic_fn
    if PUSH0 <= value <= PUSH32:
        logic = _push(value - PUSH0)
    elif DUP1 <= value <= DUP16:
        logic = _dup(value - DUP1 + 1)

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        if meter.gas_remaining < cost:
            raise OutOfGas(f"{opcode.mnemonic} needs {cost} gas, {meter.gas_remaining} are left")
        meter.gas_remaining -= cost
        logic(computation)

    run.mnemonic = opcode.mnemonic  # type: ignore[attr-defined]
    return run


class QuickComputation(PragueComputation):
    """A message's execution."""

    opcodes: dict[int, Callable[..., Any]] = {
        value: _quick(value, opcode) for value, opcode in PragueComputation.opcodes.items()
    }

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._stack = QuickStack()
        self.code.valid_positions, self.code.invalid_positions = _positions(self.code._raw_code_bytes)
