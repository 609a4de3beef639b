"""The contracts, compiled from the sources as they are now."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from scripts import compile as compiler


@functools.cache
def artifact(name: str) -> dict[str, Any]:
    """{abi, bytecode, deployedBytecode, linkReferences} of a contract, library, interface or test harness.

    Compiles its source file, unless that was done before. Raises KeyError, and CompileError with the compiler's words.
    """
    return compiler.compile_file(compiler.file_of(name)).artifacts[name]


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
