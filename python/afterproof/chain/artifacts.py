"""The compiled contracts that ship in the package: ``make compile`` writes them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

from afterproof.protocol.receipt import keccak

_ZERO: Final = b"\x7f" + bytes(32)  # PUSH32 0
_GUARD: Final = (
    "73" + 40 * "0" + "3014"
)  # a library compares its address with the one at which it was deployed


@dataclass(frozen=True)
class Artifact:
    """A compiled contract: its ABI as the compiler prints it, and the code that creates it (empty for an interface).

    ``links`` are the places in the code, in bytes, where the address of each library belongs, by its name.
    ``deployed`` is the code that is at its address then, in hex, and ``libraries`` what the compiler wrote there in
    place of a library's address.
    """

    name: str
    abi: tuple[dict[str, Any], ...]
    code: str
    links: dict[str, tuple[int, ...]]
    deployed: str = ""
    libraries: dict[str, str] = field(default_factory=dict)

    def linked_in(self, code: bytes) -> dict[str, bytes] | None:
        """The addresses of its libraries in the code at a contract's address; None: that is another contract's code.

        Immutable values, which the compiler leaves zero, may be anything, and so may a library's own address.
        """
        expected, found = self.deployed, code.hex()
        if len(expected) != len(found):
            return None
        addresses = {}
        for library, mark in self.libraries.items():
            places = [match.start() for match in re.finditer(re.escape(mark), expected)]
            linked = {found[at : at + 40] for at in places}
            if len(linked) > 1:
                return None
            for at in places:
                expected = expected[:at] + found[at : at + 40] + expected[at + 40 :]
            for address in linked:
                addresses[library] = bytes.fromhex(address)
        for at in _immutables(bytes.fromhex(expected)):
            expected = expected[: 2 * at] + found[2 * at : 2 * at + 64] + expected[2 * at + 64 :]
        if expected.startswith(_GUARD):
            expected = expected[:2] + found[2:42] + expected[42:]
        return addresses if expected == found else None

    def creation_code(self, libraries: Mapping[str, bytes]) -> bytes:
        """The code that creates the contract, linked with the addresses of its ``libraries``.

        Raises:
            KeyError: a library's address is missing.
        """
        code = self.code
        for library, places in self.links.items():
            for at in places:
                code = code[: 2 * at] + libraries[library].hex() + code[2 * at + 40 :]
        return bytes.fromhex(code)


@cache
def names() -> tuple[str, ...]:
    """The names of all packaged contracts and interfaces, sorted."""
    folder = resources.files(__package__) / "artifacts"
    return tuple(sorted(path.name[:-5] for path in folder.iterdir() if path.name.endswith(".json")))


@cache
def artifact(name: str) -> Artifact:
    """A packaged contract by its name.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in names():
        raise KeyError(f"no packaged contract is named {name}")
    content = json.loads((resources.files(__package__) / "artifacts" / f"{name}.json").read_text())
    marks = {
        library: f"__${keccak(f'{source}:{library}'.encode()).hex()[:34]}$__"
        for source, libraries in content["linkReferences"].items()
        for library in libraries
    }
    links = {
        library: tuple(place["start"] for place in places)
        for libraries in content["linkReferences"].values()
        for library, places in libraries.items()
    }
    return Artifact(
        name,
        tuple(content["abi"]),
        content["bytecode"][2:],
        links,
        content["deployedBytecode"][2:],
        marks,
    )


def _immutables(code: bytes) -> Iterator[int]:
    """Where code pushes a word that the compiler left zero."""
    at = code.find(_ZERO)
    while at >= 0:
        yield at + 1
        at = code.find(_ZERO, at + len(_ZERO))
