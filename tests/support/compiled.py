"""The contracts, compiled from the sources as they are now."""

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from scripts import compile as compiler


@functools.cache
def artifact(name: str) -> dict[str, Any]:
    """{abi, bytecode, deployedBytecode, linkReferences} of a contract, library, interface or test harness."""
    for group in _groups():
        artifacts = group.result().artifacts
        if name in artifacts:
            return artifacts[name]
    raise KeyError(f"no contract named {name} under contracts/")


def linked(compiled: Mapping[str, Any], address_of: Callable[[str], bytes]) -> bytes:
    """Deployment bytecode with the address of every library that it calls, by the library's name."""
    code = compiled["bytecode"][2:]
    for libraries in compiled.get("linkReferences", {}).values():
        for name, places in libraries.items():
            address = address_of(name).hex()
            for place in places:
                start, end = 2 * place["start"], 2 * (place["start"] + place["length"])
                code = code[:start] + address + code[end:]
    return bytes.fromhex(code)


@functools.cache
def _groups() -> list[Future[compiler.Compiled]]:
    """Product and harnesses, compiled side by side; one that fails does so for those alone who ask for it."""
    pool = ThreadPoolExecutor(2)
    return [pool.submit(compiler.compile_group, harness) for harness in (False, True)]
