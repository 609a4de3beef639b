"""Two verifiers on one PostgreSQL and one account, as processes on a real node, and a lane that cheats in every batch.

both judge, each fetching into an archive of its own; the first one acts
└── when it is killed while each of them judges a batch
    ├── the other should judge what the first had begun, and act from then on: prove, demand, collect
    └── every fault should be proven once, and no transaction of theirs be reverted or sent twice
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import DemandExpired, FaultProven, TileDemanded
from afterproof.chain.deploy import deploy
from afterproof.chain.evm_deployer import EvmDeployer
from afterproof.chain.sender import EvmSender
from afterproof.protocol.batching import Batch
from afterproof.protocol.state import FaultKind
from afterproof.protocol.terms import ETHER
from afterproof.settings import PostgresUrl
from tests.e2e.test_verifier_faults import NODE, PARAMETERS, PATIENCE, TERMS, Host, Stage
from tests.support.anvil import anvil
from tests.support.chains import IMPATIENT, KEYS, OWNER_KEY, rpc
from tests.support.databases import place

SETTINGS = """
[chain]
rpc = "{url}"
deployment = "{folder}/deployment.json"

[verifier]
store = "{store}"
archive = "{folder}/{name}"
poll = 0.1
allow_private_data = true
data_timeout = 60.0
"""

pytestmark = pytest.mark.usefixtures("postgres")


class Gate(dict[str, bytes]):
    """A host's files; who asks for one of those that are shut waits until they are opened."""

    def __init__(self) -> None:
        super().__init__()
        self.shut: set[str] = set()
        self.waiting: list[str] = []
        self.opened = threading.Event()

    def get(self, path: str, default: Any = None) -> Any:
        """A file, once it is to be had."""
        if path in self.shut:
            self.waiting.append(path)
            self.opened.wait(PATIENCE)
        return super().get(path, default)


class Duo:
    """What a verifier's process is seen by."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def log(self, name: str) -> str:
        """What one of them has said."""
        return (self.folder / f"{name}.log").read_text()

    def judged(self, name: str) -> int:
        """How many batches one of them has checked."""
        return len(set(re.findall(r"checked batch (\d+/\d+)", self.log(name))))

    @contextmanager
    def verifying(self, stage: Stage, name: str, store: PostgresUrl) -> Iterator["subprocess.Popen[bytes]"]:
        """A verifier in a process of its own, once it is ready."""
        settings = self.folder / f"{name}.toml"
        settings.write_text(SETTINGS.format(url=stage.url, folder=self.folder, name=name, store=store.secret))
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "afterproof.cli", "--config", str(settings), "verifier"],
                stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, "AFTERPROOF_PRIVATE_KEY": "0x" + KEYS["prover"].hex()},
            )  # fmt: skip
        try:
            self.until(stage, lambda: "verifier ready" in self.log(name))
            yield process
        finally:
            process.kill()
            process.wait()

    def until(self, stage: Stage, condition: Callable[[], bool]) -> None:
        """Waits for what must come; a block now and then, as on any chain."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "\n\n".join(map(self.log, ("first", "second")))
            time.sleep(0.1)
            stage.jump(1)


def test_another_verifier_acts_when_the_one_that_leads_is_killed(tmp_path: Path) -> None:
    store, duo = place(tmp_path / "shared"), Duo(tmp_path)
    assert isinstance(store, PostgresUrl)
    with ExitStack() as stack:
        node = stack.enter_context(anvil())
        deployer = EvmDeployer(node.url, OWNER_KEY, options=IMPATIENT)
        deployment = deploy(PARAMETERS, deployer, tmp_path / "deployment.json", lambda _: None)
        for key in ("owner", "relayer", "prover"):
            address = "0x" + EvmSender(node.url, deployment, KEYS[key]).account.hex()
            rpc(node.url, "anvil_setBalance", address, hex(1_000 * ETHER))
        gate = Gate()
        host = Host(gate)
        stack.callback(host.shutdown)
        stage = Stage(node.url, deployment, host, tmp_path / "first.log")
        stage.sender("owner").endorse(NODE.public_key, stage.relayer.account)
        stage.jump(5)
        lane = stage.lane()
        (tmp_path / "second.log").touch()
        first = stack.enter_context(duo.verifying(stage, "first", store))
        second = stack.enter_context(duo.verifying(stage, "second", store))
        faults: list[tuple[int, int, FaultKind]] = []

        def cheat(*, data: bytes | None = None) -> Batch:
            batch = stage.post(lane, stage.good(), stage.forged(), data=data)
            faults.append((batch.id, 1, FaultKind.BAD_SIGNATURE))
            return batch

        def proven() -> list[tuple[int, int, FaultKind]]:
            found = stage.relayer.events(deployment.block, stage.relayer.head().number)
            return [
                (one.event.batch, one.event.index, FaultKind(one.event.kind))
                for one in found if isinstance(one.event, FaultProven)
            ]  # fmt: skip

        def share() -> bool:
            if min(map(duo.judged, ("first", "second"))) >= 2:
                return True
            cheat()
            return False

        duo.until(stage, share)
        twice = stage.good()
        stage.post(lane, twice)
        later = stage.post(lane, twice)
        faults.append((later.id, 0, FaultKind.DUPLICATE_RECEIPT))
        duo.until(stage, lambda: sorted(proven()) == sorted(faults))
        assert "another process acts as the verifier" in duo.log("second")
        assert "proved" in duo.log("first") and "proved" not in duo.log("second")

        withheld = stage.post(lane, stage.good(), data=b"")
        for _ in range(2):
            state = stage.relayer.lane(lane)
            assert state is not None
            gate.shut.add(f"/{lane}/{state.next_seq}")
            cheat()
        duo.until(stage, lambda: len(set(gate.waiting)) == 2)
        first.send_signal(signal.SIGKILL)
        first.wait()
        gate.opened.set()
        duo.until(stage, lambda: sorted(proven()) == sorted(faults))
        assert "this process acts as the verifier" in duo.log("second")
        assert f"batch {lane}/{withheld.first_seq} cannot be checked" in duo.log("first") + duo.log("second")

        stage.jump(TERMS.window // 2)
        duo.until(stage, lambda: bool(stage.events(TileDemanded, withheld.id)))
        stage.jump(TERMS.answer_period)
        duo.until(stage, lambda: bool(stage.events(DemandExpired, withheld.id)))
        second.send_signal(signal.SIGTERM)
        assert second.wait(PATIENCE) == 0, duo.log("second")
        assert sorted(proven()) == sorted(faults)
        assert "internal error" not in duo.log("first") + duo.log("second")

        account = stage.sender("prover").account
        sent = transactions(stage, account)
        assert [int(one["status"], 16) for one in sent] == [1] * len(sent)
        assert len(sent) == len(faults) + len(stage.events(TileDemanded, withheld.id)) + 1
        assert len(stage.events(DemandExpired, withheld.id)) == 1


def transactions(stage: Stage, account: bytes) -> list[dict[str, str]]:
    """The receipts of all that an account has sent."""
    found = []
    for number in range(stage.relayer.head().number + 1):
        block = rpc(stage.url, "eth_getBlockByNumber", hex(number), True)
        for one in block["transactions"]:
            if one["from"] == "0x" + account.hex():
                found.append(rpc(stage.url, "eth_getTransactionReceipt", one["hash"]))
    return found
