"""`afterproof audit` as it ships, in a process of its own, on a real node and a real host of data.

a history with an honest lane and one that forged, posted twice and withheld, which nobody disputed
├── the honest lane's audit should end with 0
├── the whole one's with 1, and its JSON should name every fault and what is withheld
├── killed in the midst → the next run should go on, to the same report
└── without a node, a network or such a lane → it should end with 2, and accuse nobody
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.deploy import deploy
from afterproof.chain.evm_deployer import EvmDeployer
from afterproof.chain.parameters import Kind, Parameters
from afterproof.chain.parameters_heartbeats import DEMO_HEARTBEATS
from afterproof.chain.sender import EvmSender
from afterproof.protocol.batching import Batch, build_batch, declared_range
from afterproof.protocol.receipt import Domain, Leaf
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.anvil import anvil
from tests.support.chains import IMPATIENT, KEYS, OWNER_KEY, rpc
from tests.support.hosts import Host
from tests.support.scene import forged_leaf, leaf_of, secp_signer

TERMS = replace(
    DEMO, window=3600, answer_period=900, claim_window=3600, max_posting_delay=900, max_promise_delay=300
)
PARAMETERS = Parameters(Kind.DEVELOPMENT, None, None, 0, TERMS, DEMO_REGISTRY.beside(TERMS), DEMO_HEARTBEATS)
NODE = secp_signer(0)
SETTINGS = """
[chain]
rpc = "{url}"
deployment = "{folder}/deployment.json"
timeout = 5.0

[verifier]
allow_private_data = true
data_timeout = 5.0
"""


class Stage:
    """The chain with its lanes 1 (honest) and 2, their host, and the auditor's settings."""

    def __init__(self, url: str, folder: Path, host: Host) -> None:
        self.url, self.folder, self.host = url, folder, host
        self.deployment = deploy(
            PARAMETERS,
            EvmDeployer(url, OWNER_KEY, options=IMPATIENT),
            folder / "deployment.json",
            lambda _: None,
        )
        self.domain = Domain(self.deployment.chain_id, self.deployment.registry)
        self.relayer = EvmSender(url, self.deployment, KEYS["relayer"], options=IMPATIENT)
        owner = EvmSender(url, self.deployment, KEYS["owner"], options=IMPATIENT)
        for one in (self.relayer, owner):
            rpc(url, "anvil_setBalance", "0x" + one.account.hex(), hex(1_000 * ETHER))
        owner.endorse(NODE.public_key, self.relayer.account)
        self.jump(5)
        for _ in range(2):
            self.relayer.open_lane(self.relayer.account, self.relayer.account, 0, 5 * ETHER)
        self.number = 0
        (folder / "auditor.toml").write_text(SETTINGS.format(url=url, folder=folder))

    def jump(self, seconds: int) -> None:
        rpc(self.url, "evm_increaseTime", seconds)
        rpc(self.url, "evm_mine")

    def good(self) -> Leaf:
        self.number += 1
        return leaf_of(NODE, self.domain, self.relayer.head().timestamp, self.number)

    def forged(self) -> Leaf:
        self.number += 1
        return forged_leaf(NODE, self.domain, self.relayer.head().timestamp, self.number)

    def post(self, lane: int, *leaves: Leaf, withheld: bool = False) -> Batch:
        state = self.relayer.lane(lane)
        assert state is not None
        batch = build_batch(lane, state.next_seq, leaves)
        path = f"/{lane}/{batch.first_seq}"
        if not withheld:
            self.host.files[path] = batch.data
        oldest, newest = declared_range(leaves, self.relayer.head().timestamp, TERMS)
        uri = f"http://127.0.0.1:{self.host.server_port}{path}"
        roots = batch.tree.tile_roots
        self.relayer.post(lane, batch.first_seq, batch.count, oldest, newest, roots, uri)
        return batch

    def command(self, *arguments: str) -> list[str]:
        settings = str(self.folder / "auditor.toml")
        return [sys.executable, "-m", "afterproof.cli", "audit", "--config", settings, *arguments]

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        env = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"), **environment}
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=env, timeout=120, check=False
        )


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as stack:
        node = stack.enter_context(anvil())
        host = Host()
        stack.callback(host.server_close)
        stack.callback(host.shutdown)
        stage = Stage(node.url, tmp_path_factory.mktemp("audit"), host)
        for _ in range(3):
            stage.post(1, stage.good(), stage.good())
        one = stage.good()
        stage.post(2, one, stage.forged())
        stage.post(2, stage.good(), one)
        stage.post(2, stage.good(), withheld=True)
        stage.jump(2 * TERMS.window)
        yield stage


def without_time(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in ("block", "scope")}


def test_honest_lane(stage: Stage) -> None:
    ran = stage.run("--lane", "1")
    assert ran.returncode == 0, ran.stderr
    assert "history   clean" in ran.stdout and "6 final, 0 posted" in ran.stdout
    assert (stage.folder / "cache" / "afterproof" / "audit").is_dir()


def test_whole_history(stage: Stage) -> None:
    ran = stage.run("--json")
    assert ran.returncode == 1, ran.stderr
    said = json.loads(ran.stdout)
    assert said["complete"] is True and said["clean"] is False
    found = [(one["lane"], one["seq"], one["kind"], one["state"]) for one in said["faults"]]
    assert found == [(2, 1, "BAD_SIGNATURE", "missed"), (2, 3, "DUPLICATE_RECEIPT", "missed")]
    assert [(one["lane"], one["first_seq"], one["tile"]) for one in said["unavailable"]] == [(2, 4, 0)]
    assert "404" in said["unavailable"][0]["why"]
    assert said["receipts"]["checked"] == 10 and said["receipts"]["unavailable"] == 1


def test_killed_and_run_again(stage: Stage, tmp_path: Path) -> None:
    whole = stage.run("--json", "--state", str(tmp_path / "whole"))
    arguments = ("--json", "--workers", "1", "--state", str(tmp_path / "killed"))
    stage.host.delay = 0.5
    process = subprocess.Popen(stage.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seen, deadline = stage.host.served, time.monotonic() + 60
    while stage.host.served < seen + 2 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    stage.host.delay = 0.0
    assert process.returncode == -signal.SIGKILL
    again = stage.run(*arguments)
    assert again.returncode == 1, again.stderr
    assert without_time(json.loads(again.stdout)) == without_time(json.loads(whole.stdout))


def test_own_trouble(stage: Stage, tmp_path: Path) -> None:
    fresh = ("--json", "--state", str(tmp_path / "state"))
    down = stage.run(*fresh, AFTERPROOF_CHAIN_RPC="http://127.0.0.1:9", AFTERPROOF_CHAIN_TIMEOUT="1")
    assert down.returncode == 2 and down.stdout == "" and "error:" in down.stderr
    absent = stage.run("--lane", "9", *fresh)
    assert absent.returncode == 2 and "there is no lane 9 on this chain: it has 2" in absent.stderr
    cut = stage.run("--lane", "1", *fresh, AFTERPROOF_VERIFIER_ALLOW_PRIVATE_DATA="false")
    assert cut.returncode == 2, cut.stderr
    said = json.loads(cut.stdout)
    assert said["clean"] is None and said["unavailable"] == [] and len(said["not_looked_for"]) == 3
    assert "gives no sign that it works" in cut.stderr
    well = stage.run("--lane", "1", *fresh)
    assert well.returncode == 0, well.stderr
