"""The whole line with real processes on a real chain, as a user starts it, with a bare PATH.

the demo
├── it should end with status 0 within its time, and print one JSON object and nothing else
├── every honest receipt should be final, both forgeries and the unregistered one void, the cheat slashed for each
├── it should leave no process and no file behind
├── when verifier and relayer are killed halfway and started again → all of this should be the same
└── when Ctrl-C comes halfway → it should end with status 130 and leave nothing behind
the devnet
├── an answer's receipt should become final, as `receipt verify` finds by the chain alone
├── when it is ended and started again in its folder → it should go on from there
└── when a port of it is taken → it should end with status 1 and a sentence
"""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from afterproof.gateway import client, models
from afterproof.gateway.receipting import to_header, to_wire
from afterproof.protocol.receipt import Domain

AFTERPROOF = str(Path(sys.prefix) / "bin" / "afterproof")
KEYS = {
    "receipts", "final", "voided", "faults", "slashed_wei", "accuracy", "gas_per_batch", "gas_per_receipt",
    "answer_ms_p50", "gap_seconds",
}  # fmt: skip
GAPS = {"posted_p50", "posted_p95", "final_p50", "final_p95"}
WINDOW = 12
MOST_SECONDS = 90


@dataclass(frozen=True)
class Ended:
    """A finished run."""

    status: int
    out: str
    err: str
    seconds: float


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A bare environment. Its TMPDIR is the test's own: what is left there, or runs with it, was left behind."""
    (tmp_path / "tmp").mkdir()
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}


def run(environment: dict[str, str], *arguments: str, interrupt_after: float | None = None) -> Ended:
    """Run ``afterproof`` to its end; with ``interrupt_after``, press Ctrl-C after so many seconds."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [AFTERPROOF, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        if interrupt_after is not None:
            time.sleep(interrupt_after)
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=240)
    finally:
        process.kill()
    return Ended(process.returncode, out, err, time.monotonic() - begun)


def left_behind(environment: dict[str, str]) -> list[str]:
    """Files in TMPDIR, and processes that were started with it."""
    mark = f"TMPDIR={environment['TMPDIR']}".encode()
    found = [str(path) for path in Path(environment["TMPDIR"]).iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has just ended, or is not ours to see
    return found


def check_outcome(found: dict[str, Any]) -> None:
    """What must come of every demo, whatever happens to verifier and relayer on the way."""
    assert set(found) == KEYS
    assert set(found["gap_seconds"]) == GAPS
    assert (found["receipts"], found["final"], found["voided"], found["faults"]) == (363, 360, 3, 2)
    assert found["slashed_wei"] == 2 * 10**14
    assert found["accuracy"] == pytest.approx(355 / 360, abs=1e-4)
    assert 0 < found["answer_ms_p50"] <= 50
    assert 60_000 < found["gas_per_batch"] < 150_000
    assert found["gas_per_receipt"] < found["gas_per_batch"] / 5
    gaps = found["gap_seconds"]
    assert 0 <= gaps["posted_p50"] <= gaps["posted_p95"]
    assert gaps["final_p50"] >= gaps["posted_p50"] + WINDOW
    assert gaps["final_p95"] >= gaps["final_p50"]


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes left behind in /proc")
class TestDemo:
    def test_demo_ends_with_everything_as_it_should_be(self, environment: dict[str, str]) -> None:
        ran = run(environment, "demo", "--json")
        assert ran.status == 0, ran.err[-3000:]
        assert ran.out.count("\n") == 1
        found = json.loads(ran.out)
        check_outcome(found)
        assert found["gap_seconds"]["final_p95"] <= 30
        assert ran.seconds < MOST_SECONDS
        assert len(re.findall(r"answer +\d+/360", ran.err)) == 360
        assert not left_behind(environment)

    def test_demo_with_verifier_and_relayer_killed_comes_to_the_same(
        self, environment: dict[str, str]
    ) -> None:
        ran = run(environment, "demo", "--json", "--crash")
        assert ran.status == 0, ran.err[-3000:]
        assert "killed verifier and relayer-1" in ran.err
        assert "started verifier and relayer-1 again" in ran.err
        check_outcome(json.loads(ran.out))
        assert not left_behind(environment)

    def test_demo_interrupted_leaves_nothing_behind(self, environment: dict[str, str]) -> None:
        ran = run(environment, "demo", interrupt_after=12)
        assert ran.status == 130
        assert "Traceback" not in ran.err
        assert not left_behind(environment)


# --- devnet ----------------------------------------------------------------------------------------


@contextmanager
def devnet(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """A devnet in ``folder``: what it printed once it was up. Ended with Ctrl-C."""
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [AFTERPROOF, "devnet", "--dir", str(folder)], env=environment, stdout=output, stderr=output
        )
    try:
        wait_for(lambda: "Ctrl-C ends it." in log.read_text() or process.poll() is not None, 60)
        assert process.poll() is None, log.read_text()
        yield log.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()


def wait_for(holds: Callable[[], bool], seconds: float) -> None:
    """Until it holds, at most so long."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"nothing in {seconds:g} seconds"
        time.sleep(0.2)


def test_devnet_settles_receipts_and_goes_on_where_it_was(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "net"
    settings = ["--config", str(folder / "afterproof.toml")]
    with devnet(environment, folder) as said:
        assert "known to everybody" in said
        answers = {}
        for name in ("gateway-1", "gateway-2"):
            found = re.search(rf"{name} +(http://\S+), node (0x\w+)", said)
            assert found is not None
            answers[name] = ask(found[1], bytes.fromhex(found[2][2:]), folder)
        for receipt in answers.values():
            verify = (*settings, "receipt", "verify", receipt, "--json")
            assert json.loads(run(environment, *verify).out)["signature_valid"] is True
            wait_for(lambda verify=verify: run(environment, *verify, "--least", "final").status == 0, 40)  # type: ignore[misc]
        lanes = json.loads(run(environment, *settings, "lane", "show", "--json").out)["lanes"]
        assert [lane["next_seq"] for lane in lanes] == [1, 1]
    with devnet(environment, folder):
        again = run(environment, *settings, "receipt", "verify", answers["gateway-1"], "--least", "final")
        assert again.status == 0, again.err
        assert "Final since" in again.out
        account = {**environment, "AFTERPROOF_PRIVATE_KEY": key_of(said, "user")}
        assert run(account, *settings, "lane", "open", "--stake", "1ether").out.startswith("Opened lane 3")
    assert not left_behind(environment)


def ask(url: str, node: bytes, folder: Path) -> str:
    """The receipt, as it travels in a header, of one answer of a gateway."""
    content = json.loads((folder / "deployment.json").read_text())
    domain = Domain(content["chainId"], bytes.fromhex(content["registry"][2:]))
    images, _ = models.heldout()
    answer = client.infer(url, "digits", np.asarray(images[:1]), domain, node=node)
    return to_header(to_wire(answer.signed))


def key_of(said: str, role: str) -> str:
    """The private key that a devnet printed for a role."""
    found = re.search(rf"{role} +0x\w+  private key (0x\w+)", said)
    assert found is not None
    return found[1]


def test_devnet_whose_port_is_taken_ends_with_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"chain": port, "gateways": [port, port], "relayers": [port, port]}
        (folder / "ports.json").write_text(json.dumps(ports))
        ran = run(environment, "devnet", "--dir", str(folder))
    assert ran.status == 1
    assert "error: the process anvil ended by itself" in ran.err
    assert "Traceback" not in ran.err
