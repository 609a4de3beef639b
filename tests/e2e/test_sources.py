"""What is written for explorers, of a deployment on a real node, and what is refused.

sources
├── each contract's input should hold every source, and compile to the code and the creation on the chain
│   └── libraries linked, immutables set, libraries' own addresses at their head
├── the index should name each contract as explorers do; metadata and arguments stand beside its input
├── when a byte on the chain differs, or a source, or an argument → a sentence, status 1
└── when the address file has no arguments, names an unknown contract, or is of another chain → a sentence, status 1
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode

from afterproof.chain.address_file import load_deployment
from afterproof.chain.deploy import deploy
from afterproof.chain.evm_deployer import EvmDeployer
from afterproof.chain.parameters import load_parameters
from afterproof.chain.rpc import Rpc
from scripts import sources
from scripts.runtime import Difference, Runtime, expected_at
from tests.support.anvil import Anvil, anvil
from tests.support.chains import IMPATIENT, OWNER_KEY, rpc

PARAMETERS = Path(__file__).resolve().parents[2] / "scripts" / "parameters" / "production.toml"
# Libraries and immutables; a library that links; OpenZeppelin's alone; arguments without immutables.
COMPARED = ("Settlement", "LaneActions", "Timelock", "Heartbeats")


@dataclass(frozen=True)
class Deployment:
    node: Anvil
    file: Path
    folder: Path
    inputs: dict[str, dict[str, Any]]

    @property
    def contracts(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.file.read_text())["contracts"]
        return content


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    place = tmp_path_factory.mktemp("deployed")
    with anvil() as node:
        file, folder = place / "deployment.json", place / "deployment.sources"
        deployer = EvmDeployer(node.url, OWNER_KEY, options=IMPATIENT)
        deploy(load_parameters(PARAMETERS), deployer, file, lambda said: None)
        yield Deployment(node, file, folder, sources.write_sources(file, folder))


@pytest.fixture(scope="module")
def told(deployed: Deployment) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((deployed.folder / "index.json").read_text())
    return content


@pytest.mark.parametrize("name", COMPARED)
def test_input_compiles_to_what_is_on_the_chain(deployed: Deployment, name: str) -> None:
    written = json.loads((deployed.folder / name / "standard.json").read_text())
    sources.compare(name, written, deployed.contracts[name], Rpc(deployed.node.url))


def test_index_names_each_contract_as_explorers_do(deployed: Deployment, told: dict[str, Any]) -> None:
    assert (told["chainId"], told["compiler"]) == (31337, "v0.8.30+commit.73712a01")
    assert list(told["contracts"]) == list(deployed.contracts)
    settlement = told["contracts"]["Settlement"]
    assert settlement["contract"] == "contracts/Settlement.sol:Settlement"
    assert settlement["address"] == deployed.contracts["Settlement"]["address"]
    linked = {name: at for names in settlement["libraries"].values() for name, at in names.items()}
    assert linked["Demands"] == deployed.contracts["Demands"]["address"] and len(linked) == 3


def test_beside_each_input_stand_its_metadata_and_arguments(deployed: Deployment) -> None:
    for name in deployed.contracts:
        folder = deployed.folder / name
        metadata = json.loads((folder / "metadata.json").read_text())
        standard = json.loads((folder / "standard.json").read_text())
        assert set(metadata["sources"]) == set(standard["sources"])
        assert all(one["content"] for one in standard["sources"].values())
        assert list(metadata["settings"]["compilationTarget"].values()) == [name]
    arguments = bytes.fromhex((deployed.folder / "Timelock" / "arguments.txt").read_text())
    delay, proposers, _, admin = decode(["uint256", "address[]", "address[]", "address"], arguments)
    assert (delay, len(proposers), int(admin, 16)) == (172_800, 1, 0)


def test_what_differs_is_found(deployed: Deployment) -> None:
    name = "DuplicateReceipt"
    entry, standard = deployed.contracts[name], deployed.inputs[name]
    there = Rpc(deployed.node.url)
    sources.compare(name, standard, entry, there)
    with pytest.raises(Difference, match="not what its transaction created"):
        sources.compare(name, standard, {**entry, "arguments": "0x00"}, there)
    edited = json.loads(json.dumps(standard))
    file, _ = sources.identifier(name)
    content = edited["sources"][file]["content"]
    edited["sources"][file]["content"] = content.replace("==", "!=")
    assert edited != standard
    with pytest.raises(Difference, match="not made of these sources"):
        sources.compare(name, edited, entry, there)
    with pytest.raises(Difference, match="no contract at"):
        sources.compare(name, standard, {**entry, "address": "0x" + "11" * 20}, there)
    code = rpc(deployed.node.url, "eth_getCode", entry["address"], "latest")
    flipped = code[:-2] + f"{int(code[-2:], 16) ^ 1:02x}"
    rpc(deployed.node.url, "anvil_setCode", entry["address"], flipped)
    try:
        with pytest.raises(Difference, match="not made of these sources"):
            sources.compare(name, standard, entry, there)
    finally:
        rpc(deployed.node.url, "anvil_setCode", entry["address"], code)


def test_an_immutable_is_one_value_and_a_library_begins_with_its_address() -> None:
    runtime = Runtime(bytes(6), (((0, 2), (4, 2)),))
    assert expected_at(runtime, bytes(20), b"ab\0\0ab") == b"ab\0\0ab"
    assert expected_at(runtime, bytes(20), b"ab\0\0ax") != b"ab\0\0ax"
    library = Runtime(b"\x73" + bytes(20) + b"\x30", ())
    assert expected_at(library, b"\x11" * 20, b"") == b"\x73" + b"\x11" * 20 + b"\x30"
    with pytest.raises(Difference, match="where a library is"):
        Runtime.of({"object": "73__$abc$__"})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda all_: all_["Settlement"].pop("arguments"), "contracts.Settlement.arguments is missing"),
        (lambda all_: all_["Settlement"].update(arguments="12"), "arguments must be 0x-hex"),
        (lambda all_: all_["Settlement"].update(address="0x12"), "contracts.Settlement.address"),
        (lambda all_: all_.update(Nonsense=all_["Settlement"]), "no contract of that name"),
        (lambda all_: all_.pop("Demands"), "contracts.Demands is missing"),
        (lambda all_: all_.clear(), "nothing was deployed"),
    ],
)
def test_an_address_file_that_does_not_say_enough_is_refused(
    deployed: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Any, said: str
) -> None:
    content = json.loads(deployed.file.read_text())
    spoil(content["contracts"])
    file = tmp_path / "spoilt.json"
    file.write_text(json.dumps(content))
    assert sources.main([str(file)]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "spoilt.sources").exists()


def test_another_chain_is_refused(
    deployed: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "elsewhere.json"
    shutil.copy(deployed.file, file)
    file.write_text(file.read_text().replace('"chainId": 31337', '"chainId": 5', 1))
    assert load_deployment(file).chain_id == 5
    assert sources.main([str(file), "--rpc", deployed.node.url]) == 1
    assert not (tmp_path / "elsewhere.sources").exists()
    assert "the node is of chain 31337, the address file of 5" in capsys.readouterr().err
