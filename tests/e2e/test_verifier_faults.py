"""A verifier as it ships, in a process of its own on a real node, and relayers that commit each fault of a batch.

a relayer that
├── forges a signature → the leaf should be void, and the lane slashed
├── posts a receipt twice: in a batch, across batches → the later ones should be void
│   └── what another lane posts of the same receipts should stand
├── misdeclares its range → the lane should be slashed, the leaf stand
├── withholds a batch's data, or serves another's → the tile should be demanded, struck, and the expiry collected
├── shows at last what it withheld, with a forgery in it → the forgery should be void
└── is honest, and whose data is demanded by somebody → the tile should be shown from the archive
"""

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import (
    ChainSender,
    DemandExpired,
    Deployment,
    FaultProven,
    TileAnswered,
    TileDemanded,
)
from afterproof.chain.deploy import deploy
from afterproof.chain.evm_deployer import EvmDeployer
from afterproof.chain.parameters import Kind, Parameters
from afterproof.chain.parameters_heartbeats import DEMO_HEARTBEATS
from afterproof.chain.sender import EvmSender
from afterproof.protocol.answers import answers, tile_path
from afterproof.protocol.batching import Batch, build_batch, declared_range
from afterproof.protocol.header import BatchId
from afterproof.protocol.receipt import Domain, Leaf
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.anvil import anvil
from tests.support.chains import IMPATIENT, KEYS, OWNER_KEY, rpc
from tests.support.scene import forged_leaf, leaf_of, secp_signer

TERMS = replace(
    DEMO, window=3600, answer_period=900, claim_window=3600, max_posting_delay=900, max_promise_delay=300
)
"""Long enough that time passes by jumps alone, however slow the machine."""

PARAMETERS = Parameters(Kind.DEVELOPMENT, None, None, 0, TERMS, DEMO_REGISTRY.beside(TERMS), DEMO_HEARTBEATS)
NODE = secp_signer(0)
PATIENCE = 60.0
SETTINGS = """
[chain]
rpc = "{url}"
deployment = "{folder}/deployment.json"

[verifier]
poll = 0.1
allow_private_data = true
data_timeout = 5.0
withdraw_above = "0"
"""


class Host(http.server.ThreadingHTTPServer):
    """Where the relayers serve their data: what is in ``files``, and nothing else."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        files = self.files = {} if files is None else files

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = files.get(self.path)
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class Stage:
    """The chain, its relayers' host, and the verifier's log."""

    def __init__(self, url: str, deployment: Deployment, host: Host, log: Path) -> None:
        self.url, self.deployment, self.host, self.log = url, deployment, host, log
        self.domain = Domain(deployment.chain_id, deployment.registry)
        self.relayer = self.sender("relayer")
        self.number = 0

    def sender(self, role: str) -> ChainSender:
        return EvmSender(self.url, self.deployment, KEYS[role], options=IMPATIENT)

    @property
    def now(self) -> int:
        return self.relayer.head().timestamp

    def jump(self, seconds: int) -> None:
        """Time passes, in one block."""
        rpc(self.url, "evm_increaseTime", seconds)
        rpc(self.url, "evm_mine")

    def lane(self) -> int:
        """A fresh lane of the relayer's."""
        return self.relayer.open_lane(self.relayer.account, self.relayer.account, 0, 5 * ETHER)[0]

    def good(self) -> Leaf:
        self.number += 1
        return leaf_of(NODE, self.domain, self.now, self.number)

    def forged(self) -> Leaf:
        self.number += 1
        return forged_leaf(NODE, self.domain, self.now, self.number)

    def post(
        self, lane: int, *leaves: Leaf, data: bytes | None = None, declared: tuple[int, int] | None = None
    ) -> Batch:
        """Post leaves, their data served, or other ``data`` in its place; b"": none."""
        state = self.relayer.lane(lane)
        assert state is not None
        batch = build_batch(lane, state.next_seq, leaves)
        path = f"/{lane}/{batch.first_seq}"
        if data != b"":
            self.host.files[path] = batch.data if data is None else data
        oldest, newest = declared or declared_range(leaves, self.now, TERMS)
        uri = f"http://127.0.0.1:{self.host.server_port}{path}"
        roots = batch.tree.tile_roots
        self.relayer.post(lane, batch.first_seq, batch.count, oldest, newest, roots, uri)
        return batch

    def events(self, kind: type, batch: BatchId) -> list[Any]:
        found = self.relayer.events(self.deployment.block, self.relayer.head().number)
        return [
            one.event
            for one in found
            if isinstance(one.event, kind) and getattr(one.event, "batch", 0) == batch
        ]

    def faults(self, batch: Batch, count: int) -> list[tuple[int, FaultKind]]:
        """The faults proven of a batch, once there are so many."""
        self.until(lambda: len(self.events(FaultProven, batch.id)) >= count)
        return sorted((one.index, FaultKind(one.kind)) for one in self.events(FaultProven, batch.id))

    def event(self, kind: type, batch: Batch) -> Any:
        """Such an event of a batch, once it comes."""
        self.until(lambda: bool(self.events(kind, batch.id)))
        return self.events(kind, batch.id)[0]

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for what must come; a block now and then, as on any chain."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
            self.jump(1)

    def standing(self, batch: Batch, index: int) -> Standing:
        leaf = batch.leaves[index]
        assert leaf is not None
        return self.relayer.standing(batch.id, index, leaf.words, batch.tree.proof(index))

    def answer(self, by: ChainSender, batch: Batch) -> None:
        """Show the batch's only tile."""
        for each in answers(batch.leaves):
            path = tile_path(batch.tree.tile_roots, 0)
            by.answer_tile(batch.id, 0, each.half, each.data, each.other, path)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A node with a verifier on it, which nobody talks to."""
    folder = tmp_path_factory.mktemp("verifier")
    with ExitStack() as stack:
        node = stack.enter_context(anvil())
        deployer = EvmDeployer(node.url, OWNER_KEY, options=IMPATIENT)
        deployment = deploy(PARAMETERS, deployer, folder / "deployment.json", lambda _: None)
        for key in ("owner", "relayer", "poster", "prover"):
            address = "0x" + EvmSender(node.url, deployment, KEYS[key]).account.hex()
            rpc(node.url, "anvil_setBalance", address, hex(1_000 * ETHER))
        host = Host()
        stack.callback(host.shutdown)
        log = folder / "verifier.log"
        stage = Stage(node.url, deployment, host, log)
        stage.sender("owner").endorse(NODE.public_key, stage.relayer.account)
        stage.jump(5)
        settings = folder / "verifier.toml"
        settings.write_text(SETTINGS.format(url=node.url, folder=folder))
        process = subprocess.Popen(
            [sys.executable, "-m", "afterproof.cli", "--config", str(settings), "verifier"],
            stdout=log.open("wb"), stderr=subprocess.STDOUT,
            env={**os.environ, "AFTERPROOF_PRIVATE_KEY": "0x" + KEYS["prover"].hex()},
        )  # fmt: skip
        try:
            stage.until(lambda: "verifier ready" in log.read_text())
            yield stage
            assert process.poll() is None, log.read_text()
        finally:
            process.terminate()
            process.wait(20)
        assert "internal error" not in log.read_text()


@pytest.fixture
def lane(stage: Stage) -> int:
    return stage.lane()


def lost(stage: Stage, lane: int) -> int:
    """What a lane was slashed, in leaf slashes."""
    state = stage.relayer.lane(lane)
    assert state is not None
    return (5 * ETHER - state.stake) // TERMS.leaf_slash


def test_forged_signature(stage: Stage, lane: int) -> None:
    batch = stage.post(lane, stage.good(), stage.forged(), stage.good())
    assert stage.faults(batch, 1) == [(1, FaultKind.BAD_SIGNATURE)]
    assert [stage.standing(batch, index) for index in range(3)] == [
        Standing.POSTED,
        Standing.VOIDED,
        Standing.POSTED,
    ]
    assert lost(stage, lane) == 1


def test_duplicates(stage: Stage, lane: int) -> None:
    some = [stage.good() for _ in range(3)]
    other = stage.lane()
    elsewhere = stage.post(other, *some)
    first = stage.post(lane, *some, some[1])
    later = stage.post(lane, stage.good(), some[2])
    assert stage.faults(first, 1) == [(3, FaultKind.DUPLICATE_RECEIPT)]
    assert stage.faults(later, 1) == [(1, FaultKind.DUPLICATE_RECEIPT)]
    assert [stage.standing(first, index) for index in range(3)] == [Standing.POSTED] * 3
    assert [stage.standing(elsewhere, index) for index in range(3)] == [Standing.POSTED] * 3
    assert (lost(stage, lane), lost(stage, other)) == (2, 0)


def test_misdeclared_range(stage: Stage, lane: int) -> None:
    early = stage.good()
    stage.jump(30)
    late = stage.good()
    at = late.receipt.issued_at
    batch = stage.post(lane, early, late, declared=(at, at))
    assert stage.faults(batch, 1) == [(0, FaultKind.MISDECLARED_RANGE)]
    assert stage.standing(batch, 0) is Standing.POSTED
    assert lost(stage, lane) == 1


@pytest.mark.parametrize("served", [b"", b"something else"], ids=["withheld", "another's"])
def test_withheld_data(stage: Stage, lane: int, served: bytes) -> None:
    stage.post(lane, stage.good())  # served, as every batch of a lane that nobody suspects
    batch = stage.post(lane, stage.good(), stage.good(), data=served)
    stage.until(lambda: f"batch {lane}/1 cannot be checked" in stage.log.read_text())
    stage.jump(TERMS.window // 2)
    demanded = stage.event(TileDemanded, batch)
    assert demanded.challenger == stage.sender("prover").account
    before = stage.relayer.credits(demanded.challenger)
    stage.jump(TERMS.answer_period)
    expired = stage.event(DemandExpired, batch)
    assert expired.slashed == 2 * TERMS.leaf_slash and lost(stage, lane) == 2
    earned = stage.relayer.credits(demanded.challenger) - before
    assert earned == demanded.deposit + expired.slashed // 2
    assert stage.standing(batch, 0) is Standing.VOIDED


def test_late_answer_that_reveals_a_forgery(stage: Stage, lane: int) -> None:
    stage.post(lane, stage.good())
    batch = stage.post(lane, *[stage.good() for _ in range(130)], stage.forged(), data=b"")
    stage.jump(TERMS.window // 2)
    stage.event(TileDemanded, batch)
    stage.jump(TERMS.answer_period * 2 // 3)
    stage.answer(stage.relayer, batch)
    assert stage.faults(batch, 1) == [(130, FaultKind.BAD_SIGNATURE)]
    assert stage.standing(batch, 130) is Standing.VOIDED
    assert stage.standing(batch, 0) is Standing.POSTED
    assert lost(stage, lane) == 1


def test_honest_lane_whose_data_is_demanded(stage: Stage, lane: int) -> None:
    batch = stage.post(lane, *[stage.good() for _ in range(3)])
    stage.until(lambda: f"checked batch {lane}/0: 3 accepted" in stage.log.read_text())
    stage.host.files.clear()  # its host burns down
    rival = stage.sender("poster")
    rival.demand_tile(batch.id, 0, batch.tree.root, (), TERMS.demand_deposit * 2)
    stage.jump(TERMS.answer_period // 2)
    shown = stage.event(TileAnswered, batch)
    assert shown.answerer == stage.sender("prover").account
    stage.jump(TERMS.answer_period)
    assert [stage.standing(batch, index) for index in range(3)] == [Standing.POSTED] * 3
    assert lost(stage, lane) == 0
