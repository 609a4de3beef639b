"""The compiled contracts that ship in the package: ``make compile`` writes them."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """A compiled contract: its ABI as the compiler prints it, and the code that creates it.

    ``creation_code`` is empty for an interface.
    """

    name: str
    abi: tuple[dict[str, Any], ...]
    creation_code: bytes


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
        ValueError: its code needs a library's address, which nothing here supplies.
    """
    if name not in names():
        raise KeyError(f"no packaged contract is named {name}")
    content = json.loads((resources.files(__package__) / "artifacts" / f"{name}.json").read_text())
    if content["linkReferences"]:
        raise ValueError(f"{name} must be linked with {', '.join(content['linkReferences'])}")
    return Artifact(name, tuple(content["abi"]), bytes.fromhex(content["bytecode"][2:]))
