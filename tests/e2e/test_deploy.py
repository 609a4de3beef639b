"""`ape run deploy`, as an operator types it, on real anvil nodes.

deploy
├── on ape's own local network: address file written, test account used
├── on a node given by its address
│   ├── interrupted half-way: the second run goes on and the contracts work
│   └── with other parameters: refused
├── with production's parameters: the timelock comes first
└── nonsense parameters, production from a test account, no account: refused in one sentence, nothing sent
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from afterproof.chain.address_file import load_deployment, read_json
from afterproof.chain.deploy import progress_file
from afterproof.chain.parameters import load_parameters
from afterproof.chain.plan import FAULT_CONTRACTS, plan
from afterproof.chain.sender import EvmSender
from afterproof.demo.processes import free_port
from afterproof.protocol.terms import DEMO
from tests.support.anvil import anvil
from tests.support.chains import OWNER_KEY, rpc
from tests.support.scene import secp_signer

ROOT = Path(__file__).resolve().parents[2]
APE = Path(sys.prefix) / "bin" / "ape"
PARAMETERS = ROOT / "scripts" / "parameters"
DEVELOPMENT = load_parameters(PARAMETERS / "development.toml")
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def command(network: str, out: Path, *more: str) -> list[str]:
    return [str(APE), "run", "deploy", "--network", network, "--out", str(out), *more]


def environment(tmp_path: Path) -> dict[str, str]:
    """Ape's own data goes where nobody else's is, and so does the node that it starts."""
    own = {"APE_DATA_FOLDER": str(tmp_path / "ape"), "APE_FOUNDRY_HOST": f"http://127.0.0.1:{free_port()}"}
    return {**os.environ, **own}


def run(tmp_path: Path, network: str, out: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(network, out, *more),
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_on_apes_local_network_a_test_account_deploys(tmp_path: Path) -> None:
    out = tmp_path / "deployment.json"
    ran = run(tmp_path, "ethereum:local:foundry", out)
    assert ran.returncode == 0, ran.stderr
    assert "Settlement deployed at 0x" in ran.stdout
    assert load_deployment(out).chain_id == 31337
    written = read_json(out, "address file")
    assert list(written["contracts"]) == [step.name for step in plan(DEVELOPMENT, bytes(20))]
    assert {"Settlement", "AttestationRegistry", *FAULT_CONTRACTS.values()} <= set(written["contracts"])
    assert written["parameters"]["guardian"] == "deployer"


def test_interrupted_it_goes_on_and_the_contracts_work(tmp_path: Path) -> None:
    out = tmp_path / "deployment.json"
    with anvil(block_time=0.5) as node:
        _interrupt(command(node.url, out, "--account", "TEST::0"), progress_file(out), environment(tmp_path))
        assert not out.exists()
        begun = read_json(progress_file(out), "progress file")["contracts"]
        assert 1 <= len(begun) < len(plan(DEVELOPMENT, bytes(20)))

        ran = run(tmp_path, node.url, out, "--account", "TEST::0")
        assert ran.returncode == 0, ran.stderr
        for name, entry in begun.items():
            assert f"{name} is at {entry['address']} already" in ran.stdout
        deployment = load_deployment(out)
        owner = EvmSender(node.url, deployment, OWNER_KEY)
        assert owner.terms(1) == DEMO
        assert set(owner.fault_contracts(1)) == set(FAULT_CONTRACTS)
        assert owner.pause_state().guardian == owner.account
        signer = secp_signer(0)
        owner.endorse(signer.public_key, owner.account)
        assert owner.nodes() == [signer.node]

        sent = rpc(node.url, "eth_getTransactionCount", OWNER, "latest")
        changed = tmp_path / "changed.toml"
        changed.write_text(
            (PARAMETERS / "development.toml").read_text().replace("window = 12", "window = 13", 1)
        )
        other = run(tmp_path, node.url, out, "--account", "TEST::0", "--parameters", str(changed))
        assert other.returncode == 1 and "Traceback" not in other.stderr
        assert "parameters of the deployment that was begun" in other.stderr
        assert rpc(node.url, "eth_getTransactionCount", OWNER, "latest") == sent


def test_with_a_timelock_the_timelock_owns_the_contracts(tmp_path: Path) -> None:
    out = tmp_path / "deployment.json"
    ran = run(tmp_path, "ethereum:local:foundry", out, "--parameters", str(PARAMETERS / "production.toml"))
    assert ran.returncode == 0, ran.stderr
    written = read_json(out, "address file")
    assert next(iter(written["contracts"])) == "Timelock"
    assert written["parameters"]["timelock_delay"] == 172_800


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            ("--account", "TEST::0", "--parameters", "nonsense.toml"),
            "max_outage breaks a rule: max_outage is at least",
        ),
        (
            ("--account", "TEST::0", "--parameters", str(PARAMETERS / "production.toml")),
            "everybody has the keys",
        ),
        ((), "--account ALIAS names the account"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_sent(tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    nonsense = tmp_path / "nonsense.toml"
    nonsense.write_text(
        (PARAMETERS / "development.toml").read_text().replace("max_outage = 4", "max_outage = 0")
    )
    more = tuple(str(nonsense) if word == "nonsense.toml" else word for word in more)
    with anvil() as node:
        ran = run(tmp_path, node.url, tmp_path / "a.json", *more)
        assert ran.returncode != 0
        assert said in ran.stderr and "Traceback" not in ran.stderr
        assert rpc(node.url, "eth_blockNumber") == "0x0"
    assert not list(tmp_path.glob("a.json*"))


def _interrupt(arguments: list[str], progress: Path, environ: dict[str, str]) -> None:
    """Kills a run as soon as its first contract is recorded."""
    process = subprocess.Popen(
        arguments, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not progress.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
