"""The contracts, compiled from the sources as they are now."""

import functools
from typing import Any

from scripts import compile as compiler


@functools.cache
def artifact(name: str) -> dict[str, Any]:
    """{abi, bytecode, deployedBytecode, linkReferences} of a contract, library, interface or test harness."""
    for harness in (False, True):
        artifacts = _group(harness)
        if name in artifacts:
            return artifacts[name]
    raise KeyError(f"no contract named {name} under contracts/")


@functools.cache
def _group(harness: bool) -> dict[str, dict[str, Any]]:
    return compiler.compile_group(harness).artifacts
