"""Two relayers on one PostgreSQL and one lane, as processes on a real node.

both take receipts in, the first one posts
└── when it is killed
    ├── the other should post what either had promised, and go on
    └── no sequence number should be used twice, none left out, and nothing that was acknowledged be lost
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.address_file import load_deployment
from afterproof.chain.base import Posted
from afterproof.chain.parameters import load_parameters
from afterproof.chain.sender import EvmSender
from afterproof.demo.processes import free_port
from afterproof.protocol.header import first_seq_of
from afterproof.protocol.receipt import Domain
from afterproof.settings import PostgresUrl
from tests.support.anvil import anvil
from tests.support.chains import KEYS
from tests.support.databases import place
from tests.support.operator import Operators, hex_of, operators
from tests.support.scene import receipt_of, secp_signer

AFTERPROOF = Path(sys.prefix) / "bin" / "afterproof"
PARAMETERS = load_parameters(Path(__file__).resolve().parents[2] / "scripts" / "parameters" / "test.toml")
NODE = secp_signer(0)
SETTINGS = """
[relayer]
lane = 1
port = {port}
store = "{store}"
data_dir = "{folder}/batches"
max_age = 0.2
poll = 0.1
"""

pytestmark = pytest.mark.usefixtures("postgres")


@contextmanager
def relaying(
    act: Operators, name: str, store: PostgresUrl
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A relayer in a process of its own, once it takes receipts: its address, and the process."""
    port = free_port()
    settings = SETTINGS.format(port=port, store=store.secret, folder=act.folder)
    file = act.file(f"{name}.toml", (act.folder / "settings.toml").read_text() + settings)
    environment = {**os.environ, "AFTERPROOF_PRIVATE_KEY": "0x" + KEYS["relayer"].hex()}
    with (act.folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [AFTERPROOF, "--config", file, "relayer"], stdout=log, stderr=subprocess.STDOUT, env=environment
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: asked(f"{url}/ready") is not None, act.folder / f"{name}.log")
        yield url, process
    finally:
        process.kill()
        process.wait()


def asked(url: str, body: Any = None) -> Any:
    """What the relayer answers; None: it does not, or not now."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return json.loads(response.read())
    except (urllib.error.URLError, OSError):
        return None


def until(condition: Any, log: Path) -> None:
    """Waits for what must come."""
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


class Client(threading.Thread):
    """Hands receipts in at one relayer, one after the other; what it acknowledged, by number."""

    def __init__(self, url: str, domain: Domain, first: int) -> None:
        super().__init__()
        self.url, self.domain, self.next = url, domain, first
        self.stop = threading.Event()
        self.acknowledged: list[tuple[int, str]] = []

    def run(self) -> None:
        while not self.stop.is_set():
            signed = NODE.sign(receipt_of(NODE, int(time.time()), self.next), self.domain)
            answer = asked(f"{self.url}/v1/receipts", signed.to_json())
            if answer is not None:
                self.acknowledged.append((answer["seq"], answer["leafHash"]))
            self.next += 1
            time.sleep(0.02)

    def end(self) -> None:
        """No more of them."""
        self.stop.set()
        self.join()


def test_another_relayer_posts_when_the_poster_is_killed(tmp_path: Path) -> None:
    store = place(tmp_path / "shared")
    assert isinstance(store, PostgresUrl)
    with ExitStack() as stack:
        node = stack.enter_context(anvil())
        act = operators(node.url, tmp_path, PARAMETERS)
        act.did("owner", "node", "endorse", "0x" + NODE.public_key.hex(), "--operator", hex_of("relayer"))
        act.did("relayer", "lane", "open", "--stake", "1ether", "--ahead", "64")
        deployment = load_deployment(tmp_path / "deployment.json")
        chain = EvmSender(node.url, deployment, KEYS["prover"])
        domain = Domain(deployment.chain_id, deployment.registry)

        def batches() -> list[Posted]:
            found = chain.events(deployment.block, chain.head().number)
            return [one.event for one in found if isinstance(one.event, Posted)]

        first, poster = stack.enter_context(relaying(act, "first", store))
        second, other = stack.enter_context(relaying(act, "second", store))
        log = tmp_path / "second.log"
        clients = [Client(first, domain, 0), Client(second, domain, 10**6)]
        for client in clients:
            client.start()
        until(lambda: len(batches()) >= 3 and all(len(one.acknowledged) >= 20 for one in clients), log)
        assert "another process acts as the relayer of lane 1" in log.read_text()
        assert "posted batch" not in log.read_text()

        poster.send_signal(signal.SIGKILL)
        posted = len(batches())
        until(lambda: len(batches()) >= posted + 3, log)
        for client in clients:
            client.end()
        assert "this process acts as the relayer of lane 1" in log.read_text()

        acknowledged = dict(one for client in clients for one in client.acknowledged)
        assert len(acknowledged) == sum(len(client.acknowledged) for client in clients)  # no number twice
        assert clients[1].acknowledged[-1][0] > clients[0].acknowledged[-1][0]
        until(lambda: batches()[-1].header.count + first_seq_of(batches()[-1].batch) > max(acknowledged), log)
        unseen = set(acknowledged.items())

        def all_posted() -> bool:  # the store knows what is on chain a moment later
            for seq, leaf in list(unseen):
                view = asked(f"{second}/v1/receipts/{leaf}")
                if view is not None and view["standing"] in ("Posted", "Final"):
                    assert view["seq"] == seq
                    unseen.remove((seq, leaf))
            return not unseen

        until(all_posted, log)
        expected = 0
        for one in batches():
            assert first_seq_of(one.batch) == expected
            expected += one.header.count
        other.send_signal(signal.SIGTERM)
        assert other.wait(20) == 0, log.read_text()
