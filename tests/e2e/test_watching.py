"""Promises handed to a verifier that runs by itself, on a real node; a relayer breaks them in each way.

a lane that promised four numbers, two leaves for one of them
├── when another leaf stands at a number → the verifier should claim that, for its beneficiary
├── when one number was given twice → it should claim that as soon as it has both promises, of two people
├── when a number is never posted → it should claim that once its time is over, and not before
├── when a promise is kept → it should never claim it, killed and started again in between or not
└── when asked → it should tell each holder what came of it
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.address_file import load_deployment
from afterproof.chain.base import PromiseBroken
from afterproof.chain.parameters import load_parameters
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import address_of
from afterproof.demo.processes import free_port
from afterproof.protocol.batching import build_batch
from afterproof.protocol.promise import SignedPromise, held_promises, promise_of
from afterproof.protocol.receipt import Domain, Leaf, hex0x
from afterproof.protocol.signing import Secp256k1Signer
from afterproof.protocol.state import PromiseFault
from tests.support.anvil import anvil
from tests.support.chains import KEYS
from tests.support.operator import Operators, operators
from tests.support.scene import leaf_of, secp_signer

FILE = Path(__file__).resolve().parents[2] / "scripts" / "parameters" / "test.toml"
PARAMETERS = load_parameters(FILE)
TERMS = PARAMETERS.terms
NODE = secp_signer(0)
HOLDER, SECOND, CALLER = (address_of(KEYS[role]) for role in ("prover", "poor", "poster"))
VERIFIER = """
port = {port}
store = "{folder}/verifier.sqlite3"
poll = 0.1
"""


@pytest.fixture
def act(tmp_path: Path) -> Iterator[Operators]:
    with anvil() as node:
        yield operators(node.url, tmp_path, PARAMETERS)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def publishing(folder: Path) -> Iterator[str]:
    """Serves the files of a folder; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def verifying(act: Operators, port: int, name: str, kill: bool = False) -> Iterator[str]:
    """A verifier in a process of its own, nothing about it changed; its address."""
    settings = (act.folder / "settings.toml").read_text() + VERIFIER.format(port=port, folder=act.folder)
    file, log = act.file("verifier.toml", settings), act.folder / f"{name}.log"
    environment = {**os.environ, "AFTERPROOF_PRIVATE_KEY": "0x" + KEYS["poster"].hex()}
    command = [sys.executable, "-m", "afterproof.cli", "--config", file, "verifier"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:
        until(lambda: "verifier ready" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill() if kill else process.terminate()
        assert process.wait(20) == (-9 if kill else 0), log.read_text()


def until(condition: Callable[[], bool]) -> None:
    """Waits for what must come."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def promised(act: Operators, seq: int, leaf: Leaf, name: str, beneficiary: bytes = HOLDER) -> str:
    """A file with what the relayer answered: its promise of a number to a leaf, due as late as may be."""
    deployment = load_deployment(act.folder / "deployment.json")
    promise = promise_of(1, seq, [leaf.hash], act.now + TERMS.max_promise_delay, beneficiary)
    domain = Domain(deployment.chain_id, deployment.settlement)
    signature = Secp256k1Signer(KEYS["relayer"]).sign_hash(promise.digest(domain))
    (held,) = held_promises(SignedPromise(promise, signature), [leaf.hash])
    return act.file(name, {"leafHash": hex0x(leaf.hash), "lane": 1, "seq": seq, "promise": held.to_json()})


def test_verifier_claims_what_a_relayer_broke_and_nothing_else(act: Operators) -> None:
    act.did("owner", "node", "endorse", "0x" + NODE.public_key.hex())
    act.did("relayer", "lane", "open", "--stake", "1ether", "--ahead", "16")
    deployment = load_deployment(act.folder / "deployment.json")
    sender = EvmSender(act.url, deployment, KEYS["relayer"])
    domain, port = Domain(deployment.chain_id, deployment.registry), free_port()
    leaves = [leaf_of(NODE, domain, act.now, number) for number in range(6)]
    omitted, kept = (promised(act, n, leaves[n], f"{n}.json") for n in (0, 1))
    first = promised(act, 2, leaves[2], "2a.json")
    second = promised(act, 2, leaves[3], "2b.json", SECOND)
    never = promised(act, 3, leaves[4], "3.json")

    def claims() -> set[tuple[int, str, bytes]]:
        found = [one.event for one in sender.events(deployment.block, sender.head().number)]
        broken = [event for event in found if isinstance(event, PromiseBroken)]
        assert all(event.caller == CALLER for event in broken)
        assert len({(event.seq, event.fault) for event in broken}) == len(broken)
        return {(event.seq, PromiseFault(event.fault).name, event.beneficiary) for event in broken}

    def states(url: str) -> list[str]:
        ran = act("poor", "watch", omitted, kept, first, never, "--verifier", url, "--status", "--json")
        return [one["state"] for one in ran.json["promises"]]

    with publishing(act.folder) as address, verifying(act, port, "first", kill=True) as url:
        taken = act.did("poor", "watch", omitted, kept, first, never, "--verifier", url)
        assert [one["state"] for one in taken["promises"]] == ["open"] * 4
        handed_in = int(time.time())
        batch = build_batch(1, 0, [leaves[5], leaves[1]])
        (act.folder / "0.batch").write_bytes(batch.data)
        times = [leaf.receipt.issued_at for leaf in (leaves[5], leaves[1])]
        sender.post(1, 0, 2, min(times), max(times), batch.tree.tile_roots, f"{address}/0.batch")
        expected = {(0, "OMITTED_RECEIPT", HOLDER)}
        until(lambda: claims() == expected)
        until(lambda: states(url) == ["omitted", "kept", "open", "open"])
        until(lambda: int(time.time()) > handed_in)  # who comes first, by the second, is paid
        act("poor", "watch", second, "--verifier", url)
        expected |= {(2, "DOUBLE_PROMISE", HOLDER)}
        until(lambda: claims() == expected)

    with verifying(act, port, "second") as url:
        act.wait(act.now + TERMS.max_promise_delay - 30)
        until(lambda: states(url) == ["omitted", "kept", "open", "open"])
        assert claims() == expected
        act.wait(act.now + 60)
        expected |= {(2, "MISSED_DEADLINE", SECOND), (3, "MISSED_DEADLINE", HOLDER)}
        until(lambda: claims() == expected)
        until(lambda: states(url) == ["omitted", "kept", "missed", "missed"])
        told = act("poor", "watch", second, "--verifier", url, "--status")
        assert told.status == 1 and "claimed as given twice: the lane lost 0.0001 ether" in told.out

    slash = TERMS.promise_slash
    assert [sender.credits(one) for one in (HOLDER, SECOND, CALLER)] == [
        3 * slash * 45 // 100,
        slash * 45 // 100,
        4 * slash * 5 // 100,
    ]
