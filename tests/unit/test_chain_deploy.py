"""The plan of a deployment, and its execution with interruptions, on a chain that is a dictionary.

plan
├── every contract after those it names; the fault contracts of every kind
├── owned by the deployer, by an address, or by a timelock that one of them commands
├── guarded by the deployer, by an address, or by nobody
└── each contract after the libraries that it links, and those after theirs
deploy
├── interrupted after any step: a second run creates the rest, and writes the same address file
├── run again when complete: nothing is created
├── other parameters, owner, chain, bytecode; a contract that is gone; a progress file that is none: refused
└── a development chain that was started anew: everything anew
"""

import json
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.attestation.checks import AWS_ROOT
from afterproof.chain import plan as planning
from afterproof.chain.address_file import load_deployment
from afterproof.chain.artifacts import Artifact
from afterproof.chain.deploy import Deployed, deploy, progress_file
from afterproof.chain.parameters import NOBODY, Kind, Parameters
from afterproof.chain.parameters_heartbeats import DEMO_HEARTBEATS, PRODUCTION_HEARTBEATS
from afterproof.chain.plan import FAULT_CONTRACTS, Ref, Step, creation_code, plan
from afterproof.errors import ConfigError, SendFailed
from afterproof.protocol.receipt import keccak
from afterproof.protocol.registry_terms import DEMO_REGISTRY, PRODUCTION_REGISTRY
from afterproof.protocol.state import FaultKind
from afterproof.protocol.terms import DEMO, PRODUCTION

ACCOUNT, PERSON = b"\x0a" * 20, b"\x0b" * 20
DEVELOPMENT = Parameters(Kind.DEVELOPMENT, None, None, 0, DEMO, DEMO_REGISTRY, DEMO_HEARTBEATS)
LIVE = Parameters(
    Kind.PRODUCTION, PERSON, PERSON, 172_800, PRODUCTION, PRODUCTION_REGISTRY, PRODUCTION_HEARTBEATS
)


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


def settlement_of(steps: tuple[Step, ...]) -> Step:
    return next(step for step in steps if step.name == "Settlement")


@pytest.mark.parametrize("parameters", [DEVELOPMENT, LIVE])
def test_plan_names_only_earlier_contracts(parameters: Parameters) -> None:
    names: list[str] = []
    for step in plan(parameters, ACCOUNT):
        assert set(refs(step.arguments)) <= set(names)
        names.append(step.name)
    assert names[-1] == "OpenGradientView" and len(set(names)) == len(names)


def test_plan_binds_every_kind_of_fault() -> None:
    assert set(FAULT_CONTRACTS) == set(FaultKind) - {FaultKind.WRONG_RESULT}  # its judge is yet to come
    *_, faults = settlement_of(plan(DEVELOPMENT, ACCOUNT)).arguments
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


def test_plan_gives_the_registry_its_terms() -> None:
    for parameters in (DEVELOPMENT, LIVE):
        steps = {step.name: step.arguments for step in plan(parameters, ACCOUNT)}
        assert steps["AttestationRegistry"][1] == astuple(parameters.registry)


def test_plan_gives_the_registry_its_evidence() -> None:
    for parameters in (DEVELOPMENT, replace(LIVE, nitro_root=b"\7" * 32)):
        steps = {step.name: step.arguments for step in plan(parameters, ACCOUNT)}
        assert steps["AttestationRegistry"][2] == ((1, Ref("NitroEvidence")),)
        owner = steps["AttestationRegistry"][0]
        assert steps["NitroEvidence"] == (owner, parameters.nitro_root, Ref("P384"))
    assert plan(DEVELOPMENT, ACCOUNT) and DEVELOPMENT.nitro_root == AWS_ROOT


def test_plan_gives_heartbeats_their_terms_and_the_view_its_age() -> None:
    for parameters in (DEVELOPMENT, LIVE):
        steps = {step.name: step.arguments for step in plan(parameters, ACCOUNT)}
        assert steps["Heartbeats"] == (Ref("AttestationRegistry"), astuple(parameters.heartbeats.terms))
        view = (Ref("Directory"), Ref("Heartbeats"), parameters.heartbeats.max_age)
        assert steps["OpenGradientView"] == view


def test_plan_gives_the_settlement_its_guardian() -> None:
    def guardian(parameters: Parameters) -> Any:
        return settlement_of(plan(parameters, ACCOUNT)).arguments[1]

    assert guardian(DEVELOPMENT) == ACCOUNT
    assert guardian(replace(DEVELOPMENT, guardian=PERSON)) == PERSON
    assert guardian(replace(DEVELOPMENT, guardian=NOBODY)) == NOBODY
    assert guardian(replace(LIVE, guardian=None)) == ACCOUNT  # the timelock could not pause in time


def test_plan_deploys_libraries_first_and_links_them(monkeypatch: pytest.MonkeyPatch) -> None:
    real = planning.artifact
    plain = "00" * 80

    def linked(name: str) -> Artifact:
        links = {"Settlement": {"Outer": (3, 40), "Inner": (60,)}, "Outer": {"Inner": (1,)}, "Inner": {}}
        return Artifact(name, (), plain, links[name]) if name in links else real(name)

    monkeypatch.setattr(planning, "artifact", linked)
    steps = plan(DEVELOPMENT, ACCOUNT)
    names = [step.name for step in steps]
    at = names.index("Settlement")
    assert names[at - 2 : at] == ["Inner", "Outer"]
    addresses = {step.name: bytes([index + 1]) * 20 for index, step in enumerate(steps)}
    code = creation_code(steps[at], addresses)
    assert code[3:23] == code[40:60] == addresses["Outer"] and code[60:80] == addresses["Inner"]
    assert not any(code[:3] + code[23:40])
    with pytest.raises(KeyError, match="Outer"):
        linked("Settlement").creation_code({})


def test_plan_links_every_library_there_is() -> None:
    """Whatever the settlement contract links, and what that links in turn, stands before it."""
    names = [step.name for step in plan(DEVELOPMENT, ACCOUNT)]
    for index, name in enumerate(names):
        assert set(planning.artifact(name).links) <= set(names[:index])
    assert planning.artifact("Settlement").links


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
    assert out.read_text() == before and len(ledger.made) == len(plan(LIVE, ACCOUNT))


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
        (one_gone, "the chain does not have P384TableLow at 0x"),
        (one_changed, "the chain does not have P384TableLow at 0x"),
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
    with pytest.raises(ConfigError, match="parameters of the deployment that was begun"):
        deploy(replace(DEVELOPMENT, registry=replace(DEMO_REGISTRY, bond=1)), ledger, out, quietly)
    real = planning.artifact
    monkeypatch.setattr(planning, "artifact", lambda name: replace(real(name), code=real(name).code + "00"))
    with pytest.raises(ConfigError, match="P384TableLow was deployed from other bytecode"):
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
    assert len(anew.made) == len(plan(DEVELOPMENT, ACCOUNT)) and "started anew" in said[0]
    deploy(LIVE, Ledger(), tmp_path / "live.json", quietly)
    with pytest.raises(ConfigError, match="the chain does not have Timelock"):
        deploy(LIVE, Ledger(), tmp_path / "live.json", quietly)
