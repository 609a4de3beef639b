"""Compile the contracts with the settings of ape-config.yaml.

    python scripts/compile.py           write the artifacts that the Python package ships
    python scripts/compile.py --check   fail when those are out of date, or when the compiler warns

Two groups are compiled apart, so that a test harness never touches what ships:

- *product*: everything under contracts/ but contracts/test; its artifacts are committed;
- *harness*: contracts/test; compiled for the tests, never written into the package.

Each result is kept in build/compiled under the hash of all that went into it, so the same sources are compiled once.
An artifact is {abi, bytecode, deployedBytecode, linkReferences}, as the compiler prints them, hex with 0x.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = ROOT / "contracts"
HARNESSES = CONTRACTS / "test"
PACKAGED = ROOT / "python" / "afterproof" / "chain" / "artifacts"
CACHE = ROOT / "build" / "compiled"
CACHED = 12  # results kept
FORMAT = 1  # of the cached results

Artifact = dict[str, Any]


class CompileError(Exception):
    """The compiler refused the sources; the message is its own."""


class Compiled:
    """One group's artifacts by contract name, and the compiler's warnings."""

    def __init__(self, artifacts: dict[str, Artifact], warnings: list[str]):
        self.artifacts = artifacts
        self.warnings = warnings


def settings() -> dict[str, Any]:
    """Standard JSON settings from ape-config.yaml.

    No metadata in the bytecode: comments and paths must not change it.
    """
    solidity = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]
    return {
        "evmVersion": solidity["evm_version"],
        "optimizer": {"enabled": solidity["optimize"], "runs": solidity["optimization_runs"]},
        "viaIR": solidity["via_ir"],
        "metadata": {"bytecodeHash": "none", "appendCBOR": False},
        "remappings": [f"{path}/" for path in solidity["import_remapping"]],
    }


def compiler() -> Path:
    version = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]["version"]
    executable = Path(sys.prefix) / "solcx" / f"solc-v{version}"
    if not executable.exists():
        raise CompileError(f"the compiler {executable.name} is not set up: run `make setup`")
    return executable


def sources(harness: bool) -> list[Path]:
    return sorted(path for path in CONTRACTS.rglob("*.sol") if path.is_relative_to(HARNESSES) == harness)


def compile_group(harness: bool = False) -> Compiled:
    """The artifacts of the product, or of the test harnesses. Raises CompileError."""
    wanted = sources(harness)
    # A harness imports from the product, so its result depends on both.
    inputs = wanted + (sources(False) if harness else [])
    key = _key(inputs, harness)
    cached = CACHE / f"{key}.json"
    if not cached.exists():
        _store(cached, _compile(wanted))
    return Compiled(**json.loads(cached.read_text()))


def _key(inputs: list[Path], harness: bool) -> str:
    digest = hashlib.sha256(f"{FORMAT} {compiler().name} {harness}".encode())
    digest.update(json.dumps(settings(), sort_keys=True).encode())
    # OpenZeppelin is pinned there.
    digest.update((ROOT / "package-lock.json").read_bytes())
    for path in inputs:
        body = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()} {len(body)}\n".encode() + body)
    return digest.hexdigest()


def _compile(wanted: list[Path]) -> dict[str, Any]:
    names = [path.relative_to(ROOT).as_posix() for path in wanted]
    outputs = ["abi", "evm.bytecode.object", "evm.bytecode.linkReferences", "evm.deployedBytecode.object"]
    selection = {name: {"": ["ast"], "*": [*outputs, "evm.methodIdentifiers"]} for name in names}
    standard = {
        "language": "Solidity",
        "sources": {name: {"content": path.read_text()} for name, path in zip(names, wanted, strict=True)},
        "settings": {**settings(), "outputSelection": selection},
    }
    ran = subprocess.run(
        [compiler(), "--standard-json", "--base-path", ROOT],
        input=json.dumps(standard),
        capture_output=True,
        text=True,
    )
    if ran.returncode != 0:
        raise CompileError(f"the compiler itself failed:\n{ran.stderr.strip()}")
    output = json.loads(ran.stdout)
    problems = output.get("errors", [])
    errors = [problem["formattedMessage"] for problem in problems if problem["severity"] == "error"]
    if errors:
        raise CompileError("\n".join(errors))
    warnings = [problem["formattedMessage"] for problem in problems if problem["severity"] == "warning"]
    return {"artifacts": _artifacts(output, names), "warnings": warnings}


def _artifacts(output: dict[str, Any], names: list[str]) -> dict[str, Artifact]:
    """What can be deployed or called: contracts with code, libraries with external functions, interfaces."""
    artifacts: dict[str, Artifact] = {}
    for name in names:
        kinds = {
            node["name"]: node["contractKind"]
            for node in output["sources"][name]["ast"]["nodes"]
            if node["nodeType"] == "ContractDefinition"
        }
        for contract, compiled in output["contracts"].get(name, {}).items():
            evm = compiled["evm"]
            internal = kinds[contract] == "library" and not evm["methodIdentifiers"]
            abstract = kinds[contract] == "contract" and not evm["bytecode"]["object"]
            if internal or abstract:
                continue
            if contract in artifacts:
                raise CompileError(f"two contracts are named {contract}; the second is in {name}")
            artifacts[contract] = {
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
    newest_first = sorted(path.parent.glob("*.json"), key=lambda kept: kept.stat().st_mtime, reverse=True)
    for stale in newest_first[CACHED:]:
        stale.unlink(missing_ok=True)


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


def write(compiled: Compiled) -> list[str]:
    """Bring the package up to date; what was changed."""
    changed = out_of_date(compiled)
    PACKAGED.mkdir(parents=True, exist_ok=True)
    fresh = packaged_files(compiled)
    for path in PACKAGED.glob("*.json"):
        if path.name not in fresh:
            path.unlink()
    for name, content in fresh.items():
        (PACKAGED / name).write_text(content)
    return changed


def main() -> int:
    parser = argparse.ArgumentParser(description="Compile the contracts into the Python package.")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail when out of date or warned"
    )
    check = parser.parse_args().check
    try:
        compiled = compile_group()
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    for warning in compiled.warnings:
        print(warning, file=sys.stderr)
    if check:
        stale = out_of_date(compiled)
        for line in stale:
            print(line, file=sys.stderr)
        if stale:
            print("run `make compile` and commit the artifacts", file=sys.stderr)
        return 1 if stale or compiled.warnings else 0
    changed = write(compiled)
    for line in changed:
        print(
            line.replace("missing", "added").replace("left over", "removed").replace("out of date", "changed")
        )
    print(f"{len(compiled.artifacts)} artifacts, {len(changed)} changed")
    for name, artifact in sorted(compiled.artifacts.items()):
        size = len(artifact["deployedBytecode"]) // 2 - 1
        if size:
            print(f"  {size:6,} bytes  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
