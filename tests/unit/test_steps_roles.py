"""The two roles as processes: on the in-memory chain, over real HTTP.

a relayer
├── it should print one line when ready, serve, post, and end in peace when told to
├── when no lane is set, or it is not this account's, or nobody could fetch from it → it should raise ConfigError
├── when its lane promises, and its key is not the lane's or its margin leaves no time → it should raise ConfigError
└── when another process runs on its store → it should refuse to start
a verifier
└── it should fetch a relayer's data over HTTP and prove what is wrong with it
"""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from afterproof.chain.memory import MemoryChain
from afterproof.config import Config, RelayerConfig, VerifierConfig
from afterproof.errors import ConfigError, StoreUnavailable
from afterproof.node import run_relayer, run_verifier
from afterproof.protocol.terms import DEMO, ETHER
from afterproof.roles import ROLES
from afterproof.steps import Context
from afterproof.store import Store
from tests.support.scene import forged_leaf, receipt_of, secp_signer
from tests.support.world import OPERATOR, OWNER, RELAYER, RIVAL, VERIFIER, World
from tests.unit.test_steps_line import cheat

# --- the loop ---------------------------------------------------------------------------------------

# --- the roles --------------------------------------------------------------------------------------

TERMS = replace(DEMO, window=6, max_outage=2, answer_period=3, claim_window=6)


class Live:
    """A chain whose blocks come every tenth of a second in real time, and roles in threads."""

    def __init__(self, folder: Path) -> None:
        self.chain = MemoryChain(
            OWNER, TERMS, balances={RELAYER: 100 * ETHER, RIVAL: 100 * ETHER}, now=int(time.time())
        )
        self.signer = secp_signer(0)
        self.chain.account_view(OWNER).endorse(self.signer.public_key, OPERATOR)
        self.lane, _ = self.chain.account_view(RELAYER).open_lane(RELAYER, RELAYER, 0, 10 * ETHER)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        self.config = Config(
            relayer=RelayerConfig(
                lane=self.lane, port=port, store=folder / "r.db", data_dir=folder / "batches", max_batch=3,
                max_age=1.0, poll=0.05,
            ),
            verifier=VerifierConfig(
                store=folder / "v.db", archive=folder / "archive", poll=0.05, allow_private_data=True
            ),
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{port}"
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []
        self.start(self._tick)

    def start(self, target: Callable[[], None]) -> None:
        """Run something in the background until the end."""
        thread = threading.Thread(target=target)
        thread.start()
        self.threads.append(thread)

    def end(self) -> None:
        """Stop everything, in peace."""
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=20)
            assert not thread.is_alive()

    def _tick(self) -> None:
        while not self.stop.wait(0.05):
            behind = int(time.time()) - self.chain.view().now
            if behind >= 1:
                self.chain.mine(behind)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path)
    yield found
    found.end()


def until(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if what():
                return
        except (httpx.HTTPError, KeyError):
            pass
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def test_relayer_and_verifier_as_processes(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    relayer, verifier = live.chain.account_view(RELAYER), live.chain.account_view(VERIFIER)
    watch, _, post, _, _, finalise, _ = ROLES["relayer"]

    def slipping(context: Context) -> bool:
        """Once three are there, one more that is forged."""
        store = context.store
        if store.receipts.count(live.lane) == 3:
            leaf = forged_leaf(live.signer, live.chain.domain, int(time.time()), 9)
            with store.transaction():
                store.receipts.add(live.lane, [(leaf, live.signer.scheme)], int(time.time()))
        return store.receipts.count(live.lane) == 4 and cheat(context)

    steps = (watch, slipping, post, finalise)
    live.start(lambda: run_relayer(live.config, relayer, live.stop, steps))
    live.start(lambda: run_verifier(live.config, verifier, live.stop))
    until(lambda: httpx.get(f"{live.url}/ready").status_code == 200)
    signed = [
        live.signer.sign(receipt_of(live.signer, int(time.time()), n), live.chain.domain) for n in range(3)
    ]
    answers = httpx.post(f"{live.url}/v1/receipts", json=[one.to_json() for one in signed]).json()
    assert [answer["seq"] for answer in answers] == [0, 1, 2]
    hashes = [answer["leafHash"] for answer in answers]
    until(lambda: verifier.credits(VERIFIER) == TERMS.leaf_slash // 2)

    def standings() -> list[str]:
        return [httpx.get(f"{live.url}/v1/receipts/{one}").json()["standing"] for one in hashes]

    until(lambda: standings() == ["Final"] * 3)
    live.end()
    lines = capsys.readouterr().out.splitlines()
    ready = [line for line in lines if "ready" in line]
    assert sorted(line.split(":")[0] for line in ready) == ["relayer ready", "verifier ready"]
    assert live.url in next(line for line in ready if line.startswith("relayer"))


def test_relayer_restarted_goes_on_at_once(live: Live) -> None:
    chain = live.chain.account_view(RELAYER)
    stop = threading.Event()
    first = threading.Thread(target=lambda: run_relayer(live.config, chain, stop))
    first.start()
    until(lambda: httpx.get(f"{live.url}/ready").status_code == 200)
    signed = live.signer.sign(receipt_of(live.signer, int(time.time()), 1), live.chain.domain)
    before = httpx.post(f"{live.url}/v1/receipts", json=signed.to_json()).json()
    with pytest.raises(StoreUnavailable, match="another process runs on it"):
        run_relayer(
            replace(live.config, relayer=replace(live.config.relayer, port=0)), chain, threading.Event()
        )
    stop.set()
    first.join(timeout=20)
    assert not first.is_alive()
    live.start(lambda: run_relayer(live.config, chain, live.stop))
    until(lambda: httpx.get(f"{live.url}/ready").status_code == 200)
    assert httpx.post(f"{live.url}/v1/receipts", json=signed.to_json()).json() == before
    path = f"{live.url}/v1/receipts/{before['leafHash']}"
    until(lambda: httpx.get(path).json()["standing"] == "Posted")


@pytest.mark.parametrize(
    ("changes", "account", "sentence"),
    [
        ({"lane": None}, RELAYER, "relayer.lane is missing"),
        ({"lane": 9}, RELAYER, "there is no lane 9"),
        ({}, RIVAL, "is posted on by 0x0101"),
        ({"host": "0.0.0.0"}, RELAYER, "relayer.public_url must be set"),
    ],
)
def test_relayer_that_could_not_work_does_not_start(
    tmp_path: Path, changes: dict[str, object], account: bytes, sentence: str
) -> None:
    world = World(tmp_path)
    config = world.with_settings(world.relayer(), store=tmp_path / "r.db", **changes).config
    with pytest.raises(ConfigError, match=sentence):
        run_relayer(config, world.chain.account_view(account), threading.Event())


@pytest.mark.parametrize(
    ("changes", "key", "sentence"),
    [
        ({}, 51, "promises of lane 1 are signed by 0x"),
        ({"promise_margin": 15.0}, 50, "relayer.promise_margin must be below the 15 seconds"),
        ({"poll": 7.5}, 50, "relayer.poll must be below half of the 15 seconds"),
    ],
)
def test_relayer_that_could_not_promise_does_not_start(
    tmp_path: Path, changes: dict[str, object], key: int, sentence: str
) -> None:
    world = World(tmp_path, ahead=5)
    config = world.with_settings(world.relayer(), store=tmp_path / "r.db", **changes).config
    chain = world.chain.account_view(RELAYER)
    with pytest.raises(ConfigError, match=sentence):
        run_relayer(config, chain, threading.Event(), promiser=secp_signer(key))


def test_relayer_whose_port_is_taken_does_not_start(tmp_path: Path) -> None:
    world = World(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        config = world.with_settings(world.relayer(), store=tmp_path / "r.db", port=port).config
        with pytest.raises(OSError):
            run_relayer(config, world.chain.account_view(RELAYER), threading.Event())


PROCESS = """
import threading, time
from pathlib import Path
from afterproof.config import Config, RelayerConfig, VerifierConfig
from afterproof.node import run_relayer, run_verifier
from tests.support.world import RELAYER, VERIFIER, World
world = World(Path("."))
relayer = RelayerConfig(lane=1, port=0, store=Path("r.db"), data_dir=Path("batches"))
config = Config(relayer=relayer, verifier=VerifierConfig(store=Path("v.db")))
if {role!r} == "relayer":
    run_relayer(config, world.chain.account_view(RELAYER), threading.Event())
else:
    run_verifier(config, world.chain.account_view(VERIFIER), threading.Event())
print("the end")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("role", ["relayer", "verifier"])
def test_role_ends_in_peace_when_it_is_told_to(tmp_path: Path, role: str, number: int) -> None:
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS.format(role=role)],
        cwd=tmp_path, env={"PYTHONPATH": str(root)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"{role} ready")
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "the end\n", "")


def test_store_of_a_role_is_let_go_of_at_the_end(tmp_path: Path) -> None:
    world, stop = World(tmp_path), threading.Event()
    stop.set()
    config = replace(
        world.config, verifier=VerifierConfig(store=tmp_path / "v.db", archive=tmp_path / "archive")
    )
    run_verifier(config, world.chain.account_view(VERIFIER), stop)
    Store.open(tmp_path / "v.db", world.chain.deployment, "verifier", exclusive=True).close()
