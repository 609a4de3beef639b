"""The compiled contracts that ship in the package: ``make compile`` writes them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """A compiled contract: its ABI as the compiler prints it, and the code that creates it (empty for an interface).

    ``links`` are the places in the code, in bytes, where the address of each library belongs, by its name.
    """

    name: str
    abi: tuple[dict[str, Any], ...]
    code: str
    links: dict[str, tuple[int, ...]]

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
    links = {
        library: tuple(place["start"] for place in places)
        for libraries in content["linkReferences"].values()
        for library, places in libraries.items()
    }
    return Artifact(name, tuple(content["abi"]), content["bytecode"][2:], links)
