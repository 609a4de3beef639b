"""Compile the contracts with the settings of ape-config.yaml.

    python scripts/compile.py           write the artifacts that the Python package ships
    python scripts/compile.py --check   fail when those are out of date, or when the compiler warns

Each source file is compiled by itself, with what it imports: its artifacts depend on nothing else, and a change costs
only the files that it touches. Results are kept in build/compiled beside the hashes of all sources that went into them.
Test harnesses (contracts/test) are compiled too, but never written into the package.

An artifact is {abi, bytecode, deployedBytecode, linkReferences}, as the compiler prints them, hex with 0x.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = ROOT / "contracts"
HARNESSES = CONTRACTS / "test"
PACKAGED = ROOT / "python" / "afterproof" / "chain" / "artifacts"
CACHE = ROOT / "build" / "compiled"

#: A contract, an interface, or a library with functions of its own to call.
DEPLOYABLE = re.compile(
    r"^(?:contract|interface) |^library (?:.*\n)*?.*\) (?:external|public)\b", re.MULTILINE
)

Artifact = dict[str, Any]


class CompileError(Exception):
    """The compiler refused a source; its own messages, in its words."""

    def __init__(self, *messages: str):
        super().__init__("\n".join(message.rstrip() + "\n" for message in messages))
        self.messages = messages


@dataclass(frozen=True)
class Compiled:
    """Artifacts by contract name, and the compiler's warnings."""

    artifacts: dict[str, Artifact]
    warnings: list[str]


def settings() -> dict[str, Any]:
    """Standard JSON settings from ape-config.yaml.

    No metadata in the bytecode: comments and paths must not change it.
    """
    solidity = _configured()
    return {
        "evmVersion": solidity["evm_version"],
        "optimizer": {"enabled": solidity["optimize"], "runs": solidity["optimization_runs"]},
        "viaIR": solidity["via_ir"],
        "metadata": {"bytecodeHash": "none", "appendCBOR": False},
        "remappings": solidity["import_remapping"],
    }


def compiler() -> Path:
    executable = Path(sys.prefix) / "solcx" / f"solc-v{_configured()['version']}"
    if not executable.exists():
        raise CompileError(f"the compiler {executable.name} is not set up: run `make setup`")
    return executable


def _configured() -> dict[str, Any]:
    solidity: dict[str, Any] = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]
    return solidity


def sources(harness: bool = False) -> list[Path]:
    """The files of the product, or those of the test harnesses, that define something to deploy or to call.

    The others are compiled where they are imported.
    """
    return sorted(
        path
        for path in CONTRACTS.rglob("*.sol")
        if path.is_relative_to(HARNESSES) == harness and DEPLOYABLE.search(path.read_text())
    )


def file_of(name: str) -> Path:
    """The source that defines a contract, library or interface. Raises KeyError."""
    definition = re.compile(
        rf"^(?:abstract +)?(?:contract|library|interface) +{re.escape(name)}\b", re.MULTILINE
    )
    for path in CONTRACTS.rglob("*.sol"):
        if definition.search(path.read_text()):
            return path
    raise KeyError(f"no contract named {name} under contracts/")


def compile_all(paths: Iterable[Path]) -> Compiled:
    """Many files side by side. Raises CompileError with everything that is wrong in any of them."""
    # The largest is likely the slowest: start with it.
    largest_first = sorted(paths, key=lambda path: path.stat().st_size, reverse=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(_result, largest_first))
    errors = [
        message for result in results if isinstance(result, CompileError) for message in result.messages
    ]
    if errors:
        raise CompileError(*dict.fromkeys(errors))
    compiled = [result for result in results if isinstance(result, Compiled)]
    artifacts: dict[str, Artifact] = {}
    for one in compiled:
        for name in one.artifacts.keys() & artifacts.keys():
            raise CompileError(f"two contracts are named {name}")
        artifacts |= one.artifacts
    warnings = dict.fromkeys(warning for one in compiled for warning in one.warnings)
    return Compiled(dict(sorted(artifacts.items())), list(warnings))


def _result(path: Path) -> Compiled | CompileError:
    try:
        return compile_file(path)
    except CompileError as error:
        return error


def compile_file(path: Path) -> Compiled:
    """What one source file defines. Raises CompileError."""
    kept = CACHE / (path.relative_to(CONTRACTS).as_posix().replace("/", ".") + ".json")
    how = [compiler().name, settings()]
    if kept.exists():
        entry = json.loads(kept.read_text())
        if entry["how"] == how and all(_hash(source) == known for source, known in entry["sources"].items()):
            return Compiled(**entry["compiled"])
    started = time.time()
    compiled, used = _compile(path.relative_to(ROOT).as_posix())
    # What was edited meanwhile may have been read before or after: do not keep that.
    if all((ROOT / source).stat().st_mtime < started for source in used):
        _store(kept, {"how": how, "sources": {s: _hash(s) for s in used}, "compiled": asdict(compiled)})
    return compiled


def _hash(source: str) -> str | None:
    path = ROOT / source
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _compile(source: str) -> tuple[Compiled, list[str]]:
    """The artifacts of one source, and the names of all sources that the compiler read for it."""
    outputs = ["abi", "evm.bytecode.object", "evm.bytecode.linkReferences", "evm.deployedBytecode.object"]
    selection = {source: {"": ["ast"], "*": [*outputs, "evm.methodIdentifiers"]}}
    standard = {
        "language": "Solidity",
        "sources": {source: {"content": (ROOT / source).read_text()}},
        "settings": {**settings(), "outputSelection": selection},
    }
    command = [compiler(), "--standard-json", "--base-path", ROOT]
    ran = subprocess.run(command, input=json.dumps(standard), capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise CompileError(f"the compiler itself failed on {source}:\n{ran.stderr}")
    output = json.loads(ran.stdout)
    said: dict[str, list[str]] = {"error": [], "warning": [], "info": []}
    for problem in output.get("errors", []):
        theirs = problem.get("sourceLocation", {}).get("file", "").startswith("node_modules/")
        if not theirs or problem["severity"] == "error":
            said[problem["severity"]].append(problem["formattedMessage"])
    if said["error"]:
        raise CompileError(*said["error"])
    return Compiled(_artifacts(output, source), said["warning"]), list(output["sources"])


def _artifacts(output: dict[str, Any], source: str) -> dict[str, Artifact]:
    """What can be deployed or called: contracts with code, libraries with external functions, interfaces."""
    kinds = {
        node["name"]: node["contractKind"]
        for node in output["sources"][source]["ast"]["nodes"]
        if node["nodeType"] == "ContractDefinition"
    }
    artifacts = {}
    for name, compiled in output.get("contracts", {}).get(source, {}).items():
        evm = compiled["evm"]
        internal = kinds[name] == "library" and not evm["methodIdentifiers"]
        abstract = kinds[name] == "contract" and not evm["bytecode"]["object"]
        if not internal and not abstract:
            artifacts[name] = {
                "abi": compiled["abi"],
                "bytecode": "0x" + evm["bytecode"]["object"],
                "deployedBytecode": "0x" + evm["deployedBytecode"]["object"],
                "linkReferences": evm["bytecode"].get("linkReferences", {}),
            }
    return artifacts


def _store(path: Path, content: dict[str, Any]) -> None:
    """Write at once or not at all: another process may be compiling the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump(content, file)
    Path(file.name).replace(path)


def packaged_files(compiled: Compiled) -> dict[str, str]:
    """File name to content, as it stands in the package: compact, sorted, one line."""
    return {
        f"{name}.json": json.dumps(artifact, sort_keys=True, separators=(",", ":")) + "\n"
        for name, artifact in compiled.artifacts.items()
    }


def out_of_date(compiled: Compiled) -> list[str]:
    """What differs between the compiled contracts and the package, one line each."""
    fresh = packaged_files(compiled)
    present = {path.name: path.read_text() for path in PACKAGED.glob("*.json")}
    differences = {
        "missing": fresh.keys() - present.keys(),
        "left over": present.keys() - fresh.keys(),
        "out of date": {name for name in fresh.keys() & present.keys() if fresh[name] != present[name]},
    }
    return [f"{what}: {name}" for what, names in differences.items() for name in sorted(names)]


def write(compiled: Compiled) -> None:
    """Bring the package up to date."""
    PACKAGED.mkdir(parents=True, exist_ok=True)
    fresh = packaged_files(compiled)
    for path in PACKAGED.glob("*.json"):
        if path.name not in fresh:
            path.unlink()
    for name, content in fresh.items():
        (PACKAGED / name).write_text(content)


def main() -> int:
    parser = argparse.ArgumentParser(description="Compile the contracts into the Python package.")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail when out of date, or warned"
    )
    check = parser.parse_args().check
    try:
        everything = compile_all(sources() + sources(harness=True))
        product = compile_all(sources())
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    for warning in everything.warnings:
        print(warning, file=sys.stderr)
    stale = out_of_date(product)
    if check:
        if stale:
            print(*stale, "run `make compile` and commit the artifacts", sep="\n", file=sys.stderr)
        return 1 if stale or everything.warnings else 0
    write(product)
    for line in stale:
        print(f"was {line}")
    print(f"{len(product.artifacts)} artifacts, {len(stale)} changed; deployed sizes in bytes:")
    for name, artifact in product.artifacts.items():
        if size := len(artifact["deployedBytecode"]) // 2 - 1:
            print(f"  {size:6,}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
