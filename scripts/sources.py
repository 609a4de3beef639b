"""Write what explorers need to show the sources of a deployment.

    python -m scripts.sources deployment.json                     into the folder deployment.sources beside it
    python -m scripts.sources deployment.json --rpc http://...    compile it too, and compare it with the chain

The folder has, for each contract of the address file:

    NAME/standard.json      standard JSON input: every source, the settings, the addresses of linked libraries
    NAME/metadata.json      the compiler's metadata of that input
    NAME/arguments.txt      the constructor's arguments, encoded, as hex without 0x

and index.json: the compiler's version and, of each contract, its address, its file and name, and what it links. Needs a
checkout of the version that was deployed: other sources are refused, since their artifacts differ.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from afterproof.chain.address_file import load_deployment, read_json, write_json
from afterproof.chain.artifacts import artifact
from afterproof.chain.parameter_values import parse_address
from afterproof.chain.rpc import Rpc
from afterproof.errors import AfterproofError, ConfigError
from afterproof.protocol.receipt import hex0x
from afterproof.units import checksummed
from scripts.compile import PACKAGED, ROOT, CompileError, compiler, file_of, settings
from scripts.runtime import Difference, Runtime, expected_at

OUTPUTS = ("abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode")


def read_contracts(file: Path) -> dict[str, dict[str, Any]]:
    """Every contract of an address file, in the order of deployment. Raises ConfigError."""
    load_deployment(file)
    contracts: dict[str, dict[str, Any]] = read_json(file, "address file")["contracts"]
    if not contracts:
        raise ConfigError(f"{file}: contracts is empty: nothing was deployed")
    for name, entry in contracts.items():
        field = f"{file}: contracts.{name}"
        if not (PACKAGED / f"{name}.json").exists():
            raise ConfigError(
                f"{field}: this version has no contract of that name: take the one that was deployed"
            )
        if not isinstance(entry, dict):
            raise ConfigError(f"{field} must be an object")
        parse_address(entry.get("address"), f"{field}.address")
        arguments = entry.get("arguments")
        if arguments is None:
            raise ConfigError(
                f"{field}.arguments is missing: an earlier version deployed; run the deployment again beside its "
                "progress file, which sends nothing and writes them"
            )
        if not isinstance(arguments, str) or not _is_hex(arguments):
            raise ConfigError(f"{field}.arguments must be 0x-hex")
    return contracts


def _is_hex(text: str) -> bool:
    try:
        return text.startswith("0x") and bytes.fromhex(text[2:]) is not None
    except ValueError:
        return False


def identifier(name: str) -> tuple[str, str]:
    """The source file of a contract, as the compiler names it, and the contract's name."""
    return file_of(name).relative_to(ROOT).as_posix(), name


def libraries_of(name: str, contracts: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """The libraries that a contract calls: address by name by file. Raises ConfigError where one is not deployed."""
    links: dict[str, dict[str, str]] = {}
    for library in artifact(name).links:
        if library not in contracts:
            raise ConfigError(f"contracts.{library} is missing: {name} links it")
        links.setdefault(identifier(library)[0], {})[library] = contracts[library]["address"]
    return links


def read_metadata(names: list[str]) -> dict[str, dict[str, Any]]:
    """The compiler's metadata of each contract before it is linked; no code is made. Raises CompileError."""
    placed = {name: identifier(name)[0] for name in names}
    roots = {file: {"content": (ROOT / file).read_text()} for file in placed.values()}
    selection: dict[str, dict[str, list[str]]] = {file: {} for file in roots}
    for name, file in placed.items():
        selection[file][name] = ["metadata"]
    chosen = {**settings(), "outputSelection": selection}
    output = solc({"language": "Solidity", "sources": roots, "settings": chosen})
    return {name: json.loads(output["contracts"][file][name]["metadata"]) for name, file in placed.items()}


def standard_input(name: str, files: Iterable[str], libraries: dict[str, dict[str, str]]) -> dict[str, Any]:
    """The standard JSON input of a contract that was deployed: nothing has to be read beside it."""
    file, _ = identifier(name)
    return {
        "language": "Solidity",
        "sources": {one: {"content": (ROOT / one).read_text()} for one in sorted(files)},
        "settings": {
            **settings(),
            "libraries": libraries,
            "outputSelection": {file: {name: list(OUTPUTS)}},
        },
    }


def solc(standard: dict[str, Any]) -> dict[str, Any]:
    """What the compiler answers. Raises CompileError."""
    command = [compiler(), "--standard-json", "--base-path", ROOT]
    ran = subprocess.run(command, input=json.dumps(standard), capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise CompileError(f"the compiler itself failed:\n{ran.stderr}")
    output: dict[str, Any] = json.loads(ran.stdout)
    errors = [one["formattedMessage"] for one in output.get("errors", []) if one["severity"] == "error"]
    if errors:
        raise CompileError(*errors)
    return output


def metadata_of(name: str, standard: dict[str, Any]) -> dict[str, Any]:
    """The compiler's metadata of a contract as it is linked, from its own input. Raises CompileError."""
    file, _ = identifier(name)
    only = {**standard["settings"], "outputSelection": {file: {name: ["metadata"]}}}
    output = solc({**standard, "settings": only})
    metadata: dict[str, Any] = json.loads(output["contracts"][file][name]["metadata"])
    if set(metadata["sources"]) != set(standard["sources"]):
        raise CompileError(f"{name}: its input does not hold just the sources that it is made of")
    return metadata


def write_sources(file: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Write the folder; the standard JSON inputs by contract. Raises ConfigError, CompileError."""
    contracts = read_contracts(file)
    links = {name: libraries_of(name, contracts) for name in contracts}
    metadata = read_metadata(list(contracts))
    inputs = {name: standard_input(name, metadata[name]["sources"], links[name]) for name in contracts}
    linking = [name for name in contracts if links[name]]
    with ThreadPoolExecutor(2) as pool:
        known = pool.map(lambda name: metadata_of(name, inputs[name]), linking)
        metadata |= dict(zip(linking, known, strict=True))
    for name, standard in inputs.items():
        write_json(folder / name / "standard.json", standard)
        write_json(folder / name / "metadata.json", metadata[name])
        (folder / name / "arguments.txt").write_text(contracts[name]["arguments"][2:] + "\n")
    version = {one["compiler"]["version"] for one in metadata.values()}
    write_json(
        folder / "index.json",
        {
            "chainId": load_deployment(file).chain_id,
            "compiler": f"v{version.pop()}",
            "contracts": {
                name: {
                    "address": entry["address"],
                    "contract": ":".join(identifier(name)),
                    "transaction": entry.get("transaction"),
                    "libraries": links[name],
                }
                for name, entry in contracts.items()
            },
        },
    )
    return inputs


def compare(name: str, standard: dict[str, Any], entry: dict[str, Any], rpc: Rpc) -> None:
    """Raise Difference unless the input makes both what was sent to create the contract and what stands there now."""
    file, _ = identifier(name)
    evm = solc(standard)["contracts"][file][name]["evm"]
    address = parse_address(entry["address"], "address")
    code = rpc.data("eth_getCode", hex0x(address), "latest")
    if not code:
        raise Difference(f"{name}: there is no contract at {checksummed(address)}")
    if expected_at(Runtime.of(evm["deployedBytecode"]), address, code) != code:
        raise Difference(f"{name}: the code at {checksummed(address)} is not made of these sources")
    sent = rpc.request("eth_getTransactionByHash", entry.get("transaction"))
    if (
        not isinstance(sent, dict)
        or sent.get("input") != f"0x{evm['bytecode']['object']}{entry['arguments'][2:]}"
    ):
        raise Difference(f"{name}: these sources and arguments are not what its transaction created it from")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Write what explorers need to show the sources of a deployment."
    )
    parser.add_argument("file", type=Path, help="the address file that the deployment wrote")
    parser.add_argument(
        "--out", type=Path, help="the folder to write [default: FILE with the ending .sources]"
    )
    parser.add_argument(
        "--rpc", help="a node of the chain: compile what was written, and compare it with the code there"
    )
    parser.add_argument(
        "--only", action="append", help="with --rpc: compare this contract; may be given again"
    )
    given = parser.parse_args(arguments)
    folder = given.out or given.file.with_suffix(".sources")
    try:
        rpc = _node(given.rpc, given.file) if given.rpc else None
        inputs = write_sources(given.file, folder)
        print(f"the sources of {len(inputs)} contracts are in {folder}")
        if rpc is not None:
            _check(given.file, inputs, rpc, given.only or list(inputs))
    except (AfterproofError, CompileError, Difference) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _node(url: str, file: Path) -> Rpc:
    rpc, known = Rpc(url, 30.0), load_deployment(file).chain_id
    if (chain := rpc.quantity("eth_chainId")) != known:
        raise ConfigError(f"chainId: the node is of chain {chain}, the address file of {known}")
    return rpc


def _check(file: Path, inputs: dict[str, dict[str, Any]], rpc: Rpc, names: list[str]) -> None:
    contracts = read_contracts(file)
    for name in names:
        if name not in contracts:
            raise ConfigError(f"--only {name}: the address file has no contract of that name")
    with ThreadPoolExecutor(2) as pool:
        compared = pool.map(lambda name: compare(name, inputs[name], contracts[name], rpc), names)
        for name, _ in zip(names, compared, strict=True):
            print(f"{name} at {contracts[name]['address']} is made of these sources", flush=True)


if __name__ == "__main__":
    sys.exit(main())
