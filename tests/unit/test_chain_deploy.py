"""The plan of a deployment, and its execution with interruptions, on a chain that is a dictionary.

plan
├── every contract after those it names; the fault contracts of every kind
├── owned by the deployer, by an address, or by a timelock that one of them commands
└── libraries first
deploy
├── interrupted after any step: a second run creates the rest, and writes the same address file
├── run again when complete: nothing is created
├── other parameters, owner, chain, bytecode; a contract that is gone; a progress file that is none: refused
└── a development chain that was started anew: everything anew
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain import deploy as deployment
from afterproof.chain.address_file import load_deployment
from afterproof.chain.artifacts import Artifact
from afterproof.chain.deploy import FAULT_CONTRACTS, Deployed, Ref, creation_code, deploy, plan, progress_file
from afterproof.chain.parameters import Kind, Parameters
from afterproof.errors import ConfigError, SendFailed
from afterproof.protocol.receipt import keccak
from afterproof.protocol.state import FaultKind
from afterproof.protocol.terms import DEMO, PRODUCTION

ACCOUNT, PERSON = b"\x0a" * 20, b"\x0b" * 20
DEVELOPMENT = Parameters(Kind.DEVELOPMENT, None, 0, DEMO)
LIVE = Parameters(Kind.PRODUCTION, PERSON, 172_800, PRODUCTION)


class Ledger:
    """A deployer whose chain is a dictionary; after ``patience`` contracts it fails."""

    def __init__(self, patience: int = 99, chain_id: int = 5) -> None:
        self.chain_id, self.account = chain_id, ACCOUNT
        self.code: dict[bytes, bytes] = {}
        self.made: list[str] = []
        self.patience = patience

    def deploy(self, name: str, creation_code: bytes) -> Deployed:
        if len(self.made) == self.patience:
            raise SendFailed("interrupted")
        self.made.append(name)
        address = keccak(creation_code + bytes([len(self.made)]))[12:]
        self.code[address] = b"runtime of " + creation_code
        return Deployed(address, keccak(address), 10 + len(self.made))

    def code_at(self, address: bytes) -> bytes:
        return self.code.get(address, b"")


def quietly(_: str) -> None:
    """Nobody listens."""


def refs(value: Any) -> list[str]:
    if isinstance(value, Ref):
        return [value.step]
    return [step for item in value for step in refs(item)] if isinstance(value, tuple) else []


@pytest.mark.parametrize("parameters", [DEVELOPMENT, LIVE])
def test_plan_names_only_earlier_contracts(parameters: Parameters) -> None:
    names: list[str] = []
    for step in plan(parameters, ACCOUNT):
        assert set(refs(step.arguments)) <= set(names)
        names.append(step.name)
    assert names[-1] == "Settlement" and len(set(names)) == len(names)


def test_plan_binds_every_kind_of_fault() -> None:
    assert set(FAULT_CONTRACTS) == set(FaultKind)
    *_, faults = plan(DEVELOPMENT, ACCOUNT)[-1].arguments
    assert faults == tuple((kind.value, Ref(name)) for kind, name in FAULT_CONTRACTS.items())


def test_plan_gives_the_contracts_their_owner() -> None:
    def owners(parameters: Parameters) -> set[Any]:
        steps = {step.name: step.arguments for step in plan(parameters, ACCOUNT)}
        return {steps["Settlement"][0], steps["AttestationRegistry"][0]}

    assert owners(DEVELOPMENT) == {ACCOUNT}
    assert owners(replace(DEVELOPMENT, owner=PERSON)) == {PERSON}
    assert owners(LIVE) == {Ref("Timelock")}
    assert plan(LIVE, ACCOUNT)[0].arguments == (172_800, (PERSON,), (PERSON,), bytes(20))
    assert plan(replace(LIVE, owner=None), ACCOUNT)[0].arguments[1] == (ACCOUNT,)


def test_plan_deploys_libraries_first_and_links_them(monkeypatch: pytest.MonkeyPatch) -> None:
    real = deployment.artifact

    def linked(name: str) -> Artifact:
        if name == "Epochs":
            return Artifact(name, (), "00", {})
        return replace(real(name), links={"Epochs": (3, 40)}) if name == "Settlement" else real(name)

    monkeypatch.setattr(deployment, "artifact", linked)
    steps = plan(DEVELOPMENT, ACCOUNT)
    assert steps[0].name == "Epochs" and [step.name for step in steps].count("Epochs") == 1
    addresses = {step.name: bytes([index + 1]) * 20 for index, step in enumerate(steps)}
    plain = real("Settlement").creation_code({})
    code = creation_code(steps[-1], addresses)
    assert code[3:23] == code[40:60] == addresses["Epochs"]
    assert code[:3] + plain[3:23] + code[23:40] + plain[40:60] + code[60 : len(plain)] == plain
    with pytest.raises(KeyError, match="Epochs"):
        linked("Settlement").creation_code({})


@pytest.mark.parametrize("parameters", [DEVELOPMENT, LIVE])
def test_interrupted_after_any_step_it_goes_on(tmp_path: Path, parameters: Parameters) -> None:
    whole = [step.name for step in plan(parameters, ACCOUNT)]
    for patience in range(len(whole)):
        out, ledger = tmp_path / f"{patience}.json", Ledger(patience)
        with pytest.raises(SendFailed):
            deploy(parameters, ledger, out, quietly)
        assert not out.exists()
        ledger.patience = 99
        said: list[str] = []
        done = deploy(parameters, ledger, out, said.append)
        assert ledger.made == whole
        assert sum("already" in line for line in said) == patience
        assert load_deployment(out) == done and done.block == 11
        content = json.loads(out.read_text())
        assert list(content["contracts"]) == whole
        assert content["parameters"] == parameters.to_json()


def test_run_again_it_creates_nothing(tmp_path: Path) -> None:
    out, ledger = tmp_path / "a.json", Ledger()
    first = deploy(LIVE, ledger, out, quietly)
    before = out.read_text()
    assert deploy(LIVE, ledger, out, quietly) == first
    assert out.read_text() == before and len(ledger.made) == 6


def other_chain(ledger: Ledger) -> None:
    ledger.chain_id = 6


def other_account(ledger: Ledger) -> None:
    ledger.account = PERSON


def one_gone(ledger: Ledger) -> None:
    del ledger.code[next(iter(ledger.code))]


def one_changed(ledger: Ledger) -> None:
    ledger.code[next(iter(ledger.code))] = b"something else"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_chain, "chainId of the deployment that was begun is 5, now it is 6"),
        (other_account, "owner of the deployment that was begun is 0x0A0A"),
        (one_gone, "the chain does not have AttestationRegistry at 0x"),
        (one_changed, "the chain does not have AttestationRegistry at 0x"),
    ],
)
def test_on_another_chain_or_account_it_is_refused(
    tmp_path: Path, change: Callable[[Ledger], None], said: str
) -> None:
    out, ledger = tmp_path / "a.json", Ledger()
    deploy(DEVELOPMENT, ledger, out, quietly)
    change(ledger)
    with pytest.raises(ConfigError, match=said) as caught:
        deploy(DEVELOPMENT, ledger, out, quietly)
    assert str(caught.value).startswith(str(progress_file(out)))
    assert "delete the progress file" in str(caught.value)


def test_with_other_parameters_or_bytecode_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, ledger = tmp_path / "a.json", Ledger()
    deploy(DEVELOPMENT, ledger, out, quietly)
    with pytest.raises(ConfigError, match="parameters of the deployment that was begun"):
        deploy(replace(DEVELOPMENT, terms=replace(DEMO, window=13)), ledger, out, quietly)
    real = deployment.artifact
    monkeypatch.setattr(deployment, "artifact", lambda name: replace(real(name), code=real(name).code + "00"))
    with pytest.raises(ConfigError, match="AttestationRegistry was deployed from other bytecode"):
        deploy(DEVELOPMENT, ledger, out, quietly)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: [],
        lambda content: content | {"contracts": 5},
        lambda content: content | {"contracts": {"AttestationRegistry": 5}},
        lambda content: content | {"contracts": {"AttestationRegistry": {}}},
        lambda content: (content["contracts"]["Settlement"].pop("block"), content)[1],
        lambda content: (content["contracts"]["Settlement"].update(address="0x12"), content)[1],
    ],
)
def test_a_progress_file_that_is_none_is_refused(tmp_path: Path, spoil: Callable[[Any], Any]) -> None:
    out, ledger = tmp_path / "a.json", Ledger()
    deploy(DEVELOPMENT, ledger, out, quietly)
    progress = progress_file(out)
    progress.write_text(json.dumps(spoil(json.loads(progress.read_text()))))
    with pytest.raises(ConfigError, match=str(progress)):
        deploy(DEVELOPMENT, ledger, out, quietly)


def test_a_development_chain_that_was_started_anew_gets_everything_anew(tmp_path: Path) -> None:
    out, said = tmp_path / "a.json", list[str]()
    deploy(DEVELOPMENT, Ledger(), out, quietly)
    anew = Ledger()
    deploy(DEVELOPMENT, anew, out, said.append)
    assert len(anew.made) == 5 and "started anew" in said[0]
    deploy(LIVE, Ledger(), tmp_path / "live.json", quietly)
    with pytest.raises(ConfigError, match="the chain does not have Timelock"):
        deploy(LIVE, Ledger(), tmp_path / "live.json", quietly)
