"""A verifier whose nodes lie to it, on a real chain behind proxies: no dispute comes of it, and no fault is missed.

a relayer posts a forgery, and one node leaves its events out, invents some, tells other blocks or another state
├── two nodes that must agree → nothing is taken in or sent, that is said once, counted, and told by /ready; once they
│   agree the fault is proven
├── three nodes of which two must → the fault is proven all the while, and the liar named
└── one node, which leaves events out → nothing is taken in; once it names them the fault is proven
another verifier was first, a moment ago → the simulation tells, and nothing is sent
a verifier as a process, dry, without a key → it says what it would prove, and sends nothing; one for real proves it
"""

import asyncio
import http.server
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from afterproof.chain.base import Deployment, FaultProven
from afterproof.chain.deploy import deploy
from afterproof.chain.evm_deployer import EvmDeployer
from afterproof.chain.parameters import Kind, Parameters
from afterproof.chain.parameters_heartbeats import DEMO_HEARTBEATS
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import address_of
from afterproof.config import Config
from afterproof.data import Archive, Data, Source
from afterproof.errors import DataUnavailable
from afterproof.loop import run
from afterproof.protocol.batching import Batch, build_batch, declared_range
from afterproof.protocol.receipt import Domain
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.terms import DEMO, ETHER
from afterproof.roles import ROLES
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.dispute import dispute
from afterproof.steps.unstored import STALE
from afterproof.steps.watch import watch
from afterproof.store import Store
from afterproof.telemetry.metrics import Metrics
from afterproof.web.operations import create_operations_app
from tests.support.anvil import anvil
from tests.support.chains import FUNDED, IMPATIENT, KEYS, OWNER_KEY, rpc
from tests.support.false_node import false_node, tampering
from tests.support.scene import forged_leaf, leaf_of, secp_signer

TERMS = replace(
    DEMO, window=3600, answer_period=900, claim_window=3600, max_posting_delay=900, max_promise_delay=300
)
PARAMETERS = Parameters(Kind.DEVELOPMENT, None, None, 0, TERMS, DEMO_REGISTRY.beside(TERMS), DEMO_HEARTBEATS)
NODE = secp_signer(0)
PROVER = address_of(KEYS["prover"])
PATIENCE = 60.0

Lie = Callable[[str, list[Any], dict[str, Any]], Any]


def leaves_out(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
    return {"result": []} if method == "eth_getLogs" else answer


def invents(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
    """Another batch beside each that is posted."""
    for log in list(answer.get("result") or ()) if method == "eth_getLogs" else ():
        topics = [log["topics"][0], "0x" + 31 * "00" + "07", *log["topics"][2:]]
        answer["result"].append(log | {"topics": topics, "logIndex": hex(int(log["logIndex"], 16) + 9)})
    return answer


def other_blocks(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
    if method == "eth_getBlockByNumber" and answer.get("result"):
        answer["result"]["hash"] = "0x" + "66" * 32
    return answer


def far_ahead(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
    """A head that nobody has, a year from now."""
    if method == "eth_getBlockByNumber" and answer.get("result"):
        answer["result"] |= {"number": hex(10**8), "timestamp": hex(2**33)}
    return answer


LIES = pytest.mark.parametrize("lie", [leaves_out, invents, other_blocks, far_ahead])


class Kept(Source):
    """Where data is had: what is in ``files``."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def fetch(self, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Source.fetch`."""
        if uri not in self.files:
            raise DataUnavailable("nobody answers")
        return self.files[uri]


@dataclass
class Node:
    """A way to the chain that lies when told to."""

    url: str = ""
    lie: Lie | None = None

    def edit(self, method: str, params: list[Any], answer: dict[str, Any]) -> Any:
        return answer if self.lie is None else self.lie(method, params, answer)


@dataclass
class Verifier:
    """A verifier behind some nodes, its clock moved by hand."""

    context: Context
    nodes: list[Node]
    metrics: Metrics
    late: float = 0.0

    def turn(self) -> None:
        """A round of its steps, as its process takes them."""
        stop = threading.Event()

        def last(_: Context) -> bool:
            stop.set()
            return False

        run((*ROLES["verifier"], last), self.context, stop, poll=0)

    @property
    def block(self) -> int:
        """The block up to which it knows the chain."""
        cursor = self.context.store.chain.cursor()
        return 0 if cursor is None else cursor.number

    @property
    def disagreements(self) -> float:
        return self.metrics.registry.get_sample_value("afterproof_chain_disagreements_total") or 0.0

    def unready(self) -> set[str]:
        """The parts that /ready says are not."""

        async def ask() -> Any:
            transport = httpx.ASGITransport(create_operations_app(self.context))
            async with httpx.AsyncClient(transport=transport, base_url="http://verifier.test") as client:
                return (await client.get("/ready")).json()["checks"]

        return {name for name, one in asyncio.run(ask()).items() if not one["ok"]}


@dataclass
class Stage:
    """A chain, and a relayer on a lane of its own that cheats."""

    url: str
    folder: Path
    deployment: Deployment
    relayer: EvmSender
    kept: Kept = field(default_factory=Kept)
    stack: ExitStack = field(default_factory=ExitStack)
    number: int = 0

    def verifier(self, count: int, quorum: int, store: Path | None = None) -> Verifier:
        """A verifier that has followed the chain to its head, behind so many nodes; fresh, or with a store."""
        self.number += 1
        nodes, metrics = [Node() for _ in range(count)], Metrics("verifier")
        for node in nodes:
            node.url = self.stack.enter_context(false_node(tampering(self.url, node.edit)))
        chain = EvmSender(
            [node.url for node in nodes], self.deployment, KEYS["prover"], options=IMPATIENT,
            observer=metrics.chain.on_request, quorum=quorum,
        )  # fmt: skip
        path = store or self.folder / f"{self.number}.sqlite3"
        opened = Store.open(path, self.deployment, "verifier")
        self.stack.callback(opened.close)
        data = Data(others=self.kept, archive=Archive(self.folder / f"archive{self.number}"))
        made = Verifier(Context(chain, opened, Config(), data, metrics=metrics), nodes, metrics)
        made.context = replace(made.context, clock=lambda: time.time() + made.late)
        while made.block < self.relayer.head().number:
            made.turn()
        return made

    def cheat(self, forged: bool = True) -> Batch:
        """A batch on a fresh lane, its only receipt forged."""
        self.number += 1
        lane, _ = self.relayer.open_lane(self.relayer.account, self.relayer.account, 0, ETHER)
        now, domain = (
            self.relayer.head().timestamp,
            Domain(self.deployment.chain_id, self.deployment.registry),
        )
        leaf = (forged_leaf if forged else leaf_of)(NODE, domain, now, self.number)
        batch = build_batch(lane, 0, [leaf])
        oldest, newest = declared_range([leaf], now, TERMS)
        uri = f"http://relayer.test/{batch.id}"
        self.kept.files[uri] = batch.data
        self.relayer.post(lane, 0, 1, oldest, newest, [batch.tree.root], uri)
        return batch

    def proven(self, batch: Batch) -> bool:
        logs = self.relayer.events(self.deployment.block, self.relayer.head().number)
        return any(isinstance(one.event, FaultProven) and one.event.batch == batch.id for one in logs)

    def sent(self) -> int:
        """How many transactions the prover ever sent."""
        return int(rpc(self.url, "eth_getTransactionCount", "0x" + PROVER.hex(), "latest"), 16)

    def until_proven(self, verifier: Verifier, batch: Batch) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.proven(batch):
            assert time.monotonic() < deadline, "it was not proven"
            verifier.turn()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("nodes")
    with anvil() as node, ExitStack() as stack:
        deployer = EvmDeployer(node.url, OWNER_KEY, options=IMPATIENT)
        deployment = deploy(PARAMETERS, deployer, folder / "deployment.json", lambda _: None)
        for role in FUNDED:
            rpc(node.url, "anvil_setBalance", "0x" + address_of(KEYS[role]).hex(), hex(1_000 * ETHER))
        relayer = EvmSender(node.url, deployment, KEYS["relayer"], options=IMPATIENT)
        EvmSender(node.url, deployment, OWNER_KEY, options=IMPATIENT).endorse(NODE.public_key, PROVER)
        rpc(node.url, "evm_increaseTime", 5)
        rpc(node.url, "evm_mine")
        yield Stage(node.url, folder, deployment, relayer, stack=stack)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


@LIES
def test_two_nodes_that_must_agree_and_do_not(
    stage: Stage, caplog: pytest.LogCaptureFixture, lie: Lie
) -> None:
    verifier = stage.verifier(2, quorum=2)
    known, before = verifier.block, stage.sent()
    verifier.nodes[0].lie = lie
    good, bad = stage.cheat(forged=False), stage.cheat()
    caplog.clear()
    for _ in range(3):
        verifier.turn()
    assert (verifier.block, stage.sent()) == (known, before)
    said = [one for one in errors(caplog) if one.startswith("watch: chain.quorum: no 2 of the 2 nodes agree")]
    assert len(said) >= 1 and verifier.disagreements == 3
    assert verifier.unready() <= {"disk"}
    verifier.late = STALE + 1
    assert "chain" in verifier.unready()
    verifier.nodes[0].lie = None
    stage.until_proven(verifier, bad)
    verifier.turn()
    assert verifier.unready() <= {"disk"}
    found = verifier.context.store.verdicts.check(good.id)
    assert found is not None and (found.accepted, found.disputed) == (1, 0)
    assert stage.sent() == before + 1 and not verifier.context.store.verdicts.of(good.id)


@LIES
def test_three_nodes_of_which_one_lies(stage: Stage, caplog: pytest.LogCaptureFixture, lie: Lie) -> None:
    verifier = stage.verifier(3, quorum=2)
    before = stage.sent()
    verifier.nodes[0].lie = lie
    good, bad = stage.cheat(forged=False), stage.cheat()
    caplog.clear()
    stage.until_proven(verifier, bad)
    said = errors(caplog)
    assert [one for one in said if "it is not believed" in one] == [
        one for one in said if verifier.nodes[0].url in one
    ]
    if lie is not far_ahead:  # which the others outvote without a word about a block that is
        assert any("it is not believed" in one for one in said)
    verifier.turn()
    assert stage.sent() == before + 1 and not verifier.context.store.verdicts.of(good.id)
    assert verifier.disagreements == 0


def test_one_node_that_leaves_events_out(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    verifier = stage.verifier(1, quorum=1)
    known, before = verifier.block, stage.sent()
    verifier.nodes[0].lie = leaves_out
    bad = stage.cheat()
    for _ in range(3):
        verifier.turn()
    assert (verifier.block, stage.sent()) == (known, before)
    assert any("of our events out of block" in one for one in errors(caplog))
    verifier.nodes[0].lie = None
    stage.until_proven(verifier, bad)


def test_what_another_has_proven_a_moment_ago_is_not_sent(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    verifier, rival = stage.verifier(1, quorum=1), stage.verifier(1, quorum=1)
    bad = stage.cheat()
    for one in (verifier, rival):
        while watch(one.context) or check(one.context):
            pass
    dispute(rival.context)
    assert stage.proven(bad)
    before, block = stage.sent(), rpc(stage.url, "eth_blockNumber")
    caplog.clear()
    dispute(verifier.context)
    assert (stage.sent(), rpc(stage.url, "eth_blockNumber")) == (before, block) and errors(caplog) == []


# --- a process ------------------------------------------------------------------------------------------

SETTINGS = """
[chain]
rpc = ["{url}", "{other}"]
quorum = 2
deployment = "{file}"
[verifier]
store = "{folder}/verifier.sqlite3"
archive = "{folder}/archive"
poll = 0.1
allow_private_data = true
data_timeout = 5.0
"""


def test_process_that_runs_dry_needs_no_key_and_sends_nothing(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "data"))
    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    stage.stack.callback(host.shutdown)
    lane, _ = stage.relayer.open_lane(stage.relayer.account, stage.relayer.account, 0, ETHER)
    now, domain = stage.relayer.head().timestamp, Domain(stage.deployment.chain_id, stage.deployment.registry)
    leaf = forged_leaf(NODE, domain, now, 10_000)
    batch = build_batch(lane, 0, [leaf])
    (tmp_path / "data" / "batch").write_bytes(batch.data)
    uri = f"http://127.0.0.1:{host.server_port}/batch"
    stage.relayer.post(lane, 0, 1, *declared_range([leaf], now, TERMS), [batch.tree.root], uri)
    other = stage.stack.enter_context(false_node(tampering(stage.url, Node().edit)))
    settings, log = tmp_path / "verifier.toml", tmp_path / "verifier.log"
    settings.write_text(
        SETTINGS.format(url=stage.url, other=other, file=stage.folder / "deployment.json", folder=tmp_path)
    )
    before, block = stage.sent(), rpc(stage.url, "eth_blockNumber")
    expected = f"dry run: would have proved BAD_SIGNATURE of leaf 0 in batch {lane}/0"
    env = {name: value for name, value in os.environ.items() if name != "AFTERPROOF_PRIVATE_KEY"}
    process = subprocess.Popen(
        [sys.executable, "-m", "afterproof.cli", "--config", str(settings), "verifier", "--dry-run"],
        stdout=log.open("wb"), stderr=subprocess.STDOUT, env=env,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE
        while expected not in log.read_text() or "a dry run, nothing is sent" not in log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
    finally:
        process.terminate()
        process.wait(20)
    assert (stage.sent(), rpc(stage.url, "eth_blockNumber")) == (before, block)
    assert log.read_text().count(expected) == 1
    real = stage.verifier(1, quorum=1, store=tmp_path / "verifier.sqlite3")
    stage.until_proven(real, batch)
