"""Attestations as people and processes have them: on a real node with osaka's rules, under the tests' authority.

a node with an RSA key, whose operator posts what its enclave's document says
├── a griefer challenges it → its operator proves it, by several transactions, and has the deposit
├── a receipt of it, by way of gateway and relayer → it should be final, with the assurance PROVEN
└── another attestation, which claims other code than its document says
    └── it should be challenged by a verifier's process, be rejected, and its bond be slashed
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from afterproof.attestation.claims import claims_of
from afterproof.attestation.document import Document, parse
from afterproof.chain.address_file import load_deployment
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import address_of
from afterproof.demo.processes import Processes, free_port
from afterproof.gateway.client import infer
from afterproof.protocol.receipt import Domain, hex0x
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.anvil import anvil
from tests.support.chains import IMPATIENT, KEYS, PARAMETERS, rpc
from tests.support.nitro_authority import PCRS, Authority, gateway_data
from tests.support.nitro_world import OTHER_PCRS, measurement_of
from tests.support.on_registry import registration
from tests.support.operator import Operators, hex_of, operators
from tests.support.scene import rsa_signer, secp_signer

AUTHORITY = Authority(b"line")
TERMS = replace(DEMO_REGISTRY, window=15, proof_period=DEMO.window)
NODE, CHEAT = rsa_signer(), secp_signer(40)
OPERATOR, VERIFIER, GRIEFER = "poster", "prover", "owner"
SETTINGS = """
[relayer]
lane = 1
port = {relayer}
max_age = 0.5
poll = 0.2
[verifier]
poll = 0.2
allow_private_data = true
withdraw_above = "0"
[gateway]
port = {gateway}
scheme = "OPENGRADIENT_RSA_PSS"
key_file = "node.pem"
relayer = "http://127.0.0.1:{relayer}"
"""


@dataclass
class Line:
    """The whole line in ``folder``: command lines by role, processes, and a server of documents."""

    act: Operators
    processes: Processes
    documents: str
    ports: dict[str, int]
    shelf: dict[str, bytes] = field(default_factory=dict)

    def run(self, role: str, account: str | None) -> None:
        """Starts a role's process."""
        environment = {} if account is None else {"AFTERPROOF_PRIVATE_KEY": "0x" + KEYS[account].hex()}
        settings = str(self.act.folder / "settings.toml")
        self.processes.start(
            role, [sys.executable, "-m", "afterproof.cli", role, "--config", settings], environment
        )

    def document(self, node: Any, **given: Any) -> Document:
        """A document of now that names the node's key."""
        data = gateway_data(b"tls", node.public_key)
        return parse(AUTHORITY.issue(self.act.now, user_data=data, **given).raw)

    def show(self, number: int) -> Any:
        """An attestation as anyone reads it."""
        return self.act.did("poor", "attestation", "show", str(number))


@contextmanager
def serving(shelf: dict[str, bytes]) -> Iterator[str]:
    """A server of documents by their paths; its address."""

    class Shelf(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = shelf.get(self.path)
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Shelf) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    shelf: dict[str, bytes] = {}
    with (
        anvil(hardfork="osaka", gas_cap=True) as node,
        Processes(tmp_path) as processes,
        serving(shelf) as documents,
    ):
        act = operators(
            node.url, tmp_path, replace(PARAMETERS, registry=TERMS, nitro_root=AUTHORITY.root_hash)
        )
        ports = {"relayer": free_port(), "gateway": free_port()}
        settings = Path(act.folder / "settings.toml")
        kept = settings.read_text().partition("[verifier]")[0]
        settings.write_text(kept + SETTINGS.format(**ports))
        secret = NODE._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "node.pem").write_bytes(secret)
        rpc(node.url, "evm_setAutomine", False)
        rpc(node.url, "evm_setIntervalMining", 1)
        yield Line(act, processes, documents, ports, shelf)


def until(condition: Callable[[], bool], seconds: float = 40) -> None:
    """Waits for what must come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_attestations_from_posting_to_a_proven_receipt(line: Line) -> None:
    act = line.act
    registers = [word for index in (0, 1, 2) for word in ("--pcr", f"{index}={PCRS[index].hex()}")]
    act.did("owner", "measurement", "allow", *registers, "--code-version", "1", "--build", "git:1")
    act.did("relayer", "lane", "open", "--stake", "0.5ether")
    line.run("relayer", "relayer")
    line.run("verifier", VERIFIER)
    line.run("gateway", None)

    honest, file = an_honest_posting(line)
    false = a_false_posting(line)
    until(lambda: line.show(false)["state"] == "CONTESTED")
    assert line.show(false)["challenger"] == hex_of(VERIFIER)

    a_griefer_and_a_proof(line, honest, file)
    a_receipt(line)

    until(lambda: line.show(false)["state"] == "REJECTED")
    until(lambda: line.show(false)["bond_wei"] == 0)  # the verifier settled it
    assert line.show(honest)["state"] == "PROVEN" and line.show(honest)["bond_wei"] == TERMS.bond
    reward = TERMS.bond // 2 + TERMS.deposit_floor * 9 // 8
    assert chain(line).registry_credits(address_of(KEYS[VERIFIER])) == reward
    log = (act.folder / "verifier.log").read_text()
    assert "claims differ from what it says: measurement" in log and "is rejected: nobody proved it" in log
    assert f"attestation {honest}: its document proves it" in log and "rror" not in log
    line.processes.check()


def an_honest_posting(line: Line) -> tuple[int, str]:
    document = line.document(NODE)
    line.shelf["/node"] = document.raw
    path = line.act.folder / "document.cose"
    path.write_bytes(document.raw)
    post = ("attestation", "post", str(path), "--key", str(line.act.folder / "node.pem"))
    post += ("--uri", f"{line.documents}/node")
    assert line.act(OPERATOR, *post, "--dry-run").out.startswith("Would post attestation 1 of node")
    posted = line.act.did(OPERATOR, *post)
    assert (posted["attestation"], posted["operator"]) == (1, hex_of(OPERATOR))
    return posted["attestation"], str(path)


def a_false_posting(line: Line) -> int:
    """What no command posts: claims of the allowed code, on a document of another."""
    document = line.document(CHEAT, pcrs=OTHER_PCRS)
    line.shelf["/cheat"] = document.raw
    cheat = EvmSender(
        line.act.url, load_deployment(line.act.folder / "deployment.json"), KEYS["relayer"], options=IMPATIENT
    )
    claims = claims_of(document, document.seconds + 3600, cheat.account, cheat.account)
    claims = replace(claims, measurement=measurement_of(PCRS))
    signature = registration(cheat, CHEAT, claims)
    number, _ = cheat.post_attestation(
        claims, CHEAT.public_key, signature, f"{line.documents}/cheat", TERMS.bond
    )
    return number


def a_griefer_and_a_proof(line: Line, number: int, file: str) -> None:
    act, name = line.act, str(number)
    sane = act(GRIEFER, "attestation", "challenge", name)
    assert sane.status == 1 and "whoever sends it would get your deposit" in sane.err
    challenged = act.did(GRIEFER, "attestation", "challenge", name, "--anyway")
    assert line.show(number)["state"] == "CONTESTED"
    ran = act(OPERATOR, "attestation", "prove", name, "--document", file, "--gas", "5000000")
    assert ran.status == 0, ran
    assert "0 of 5 certificates are proven already" in ran.err and "proved certificate 1 of" in ran.err
    assert f"the challenge's deposit of {challenged['deposit_wei'] / ETHER:g} ether is yours" in ran.out
    assert line.show(number)["state"] == "PROVEN"
    assert chain(line).registry_credits(address_of(KEYS[OPERATOR])) == challenged["deposit_wei"]
    again = act(OPERATOR, "attestation", "prove", name)
    assert again.status == 1 and "is proven: there is nothing to prove any more" in again.err


def a_receipt(line: Line) -> None:
    deployment = load_deployment(line.act.folder / "deployment.json")
    domain = Domain(deployment.chain_id, deployment.registry)
    gateway = f"http://127.0.0.1:{line.ports['gateway']}"
    until(lambda: _answers(f"{gateway}/v2/health/ready"))
    until(lambda: _answers(f"http://127.0.0.1:{line.ports['relayer']}/ready"))
    # Live from the second after the proof on, and the relayer must have seen that.
    live = line.show(1)["starts_at"]
    until(lambda: line.act.now >= live + 2)
    answer = infer(gateway, "digits", np.zeros((1, 64), np.uint8), domain, node=NODE.node)
    receipt = line.act.file("receipt.json", answer.signed.to_json())

    def is_final() -> bool:
        return line.act("poor", "receipt", "verify", receipt, "--least", "final").status == 0

    until(is_final)
    told = line.act.did("poor", "receipt", "verify", receipt)
    assert (told["standing"], told["assurance"]) == ("FINAL", "PROVEN")
    assert told["receipt"]["node"] == hex0x(NODE.node)


def chain(line: Line, role: str = "poor") -> EvmSender:
    """The chain, as a role acts on it."""
    deployment = load_deployment(line.act.folder / "deployment.json")
    return EvmSender(line.act.url, deployment, KEYS[role], options=IMPATIENT)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
