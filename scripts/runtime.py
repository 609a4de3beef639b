"""Runtime code as the compiler makes it, and as a chain has it: what differs between them, and nothing more.

A constructor writes immutables into the code; a library's code begins with its own address, so that nobody can call
it otherwise than from a contract.
"""

from dataclasses import dataclass
from typing import Any, Self

PUSH20 = 0x73


class Difference(Exception):
    """The chain's code is not that of the sources."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Code with zeros at ``immutables``: places, in bytes, grouped by the immutable that is written there."""

    code: bytes
    immutables: tuple[tuple[tuple[int, int], ...], ...]

    @classmethod
    def of(cls, deployed: dict[str, Any]) -> Self:
        """From the compiler's ``evm.deployedBytecode``, linked. Raises Difference where a library is missing."""
        try:
            code = bytes.fromhex(deployed["object"])
        except ValueError:
            raise Difference("the input does not say where a library is that it links") from None
        references = deployed.get("immutableReferences", {}).values()
        return cls(code, tuple(tuple((at["start"], at["length"]) for at in places) for places in references))


def expected_at(runtime: Runtime, address: bytes, found: bytes) -> bytes:
    """The code that must stand at ``address``, its immutables as they are ``found`` there.

    An immutable that is found with two values makes the result differ from what was found.
    """
    code = bytearray(runtime.code)
    for places in runtime.immutables:
        start, length = places[0]
        value = found[start : start + length]
        for at, size in places:
            code[at : at + size] = value.ljust(size, b"\0")[:size]
    if code[:21] == bytes([PUSH20]) + bytes(20):
        code[1:21] = address
    return bytes(code)
