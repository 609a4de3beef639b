"""A gateway as a process on loopback, and a relayer that keeps what it gets.

a running gateway
├── says once where it listens, without its key
├── answers the client, for each scheme, with a receipt that holds
├── hands every receipt on, and ends with status 0 on SIGTERM and SIGINT
├── loses no receipt when killed while the relayer is away
└── answers many at a time quickly
the client
└── refuses an answer whose receipt is missing, another's, over other bytes, or forged
settings
└── that cannot be are refused without naming the key
"""

import json
import re
import signal
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from afterproof.errors import ConfigError
from afterproof.gateway import models
from afterproof.gateway.client import Answer, BadReceipt, GatewayError, infer
from afterproof.gateway.digits import digits_of
from afterproof.gateway.server import GatewaySettings, load_signer, run_gateway
from afterproof.gateway.spool import Spool, SpoolInUse
from afterproof.protocol.receipt import Domain, Scheme, SignedReceipt, keccak
from afterproof.protocol.signing import verify

IMAGES, _ = models.heldout()
KEY = keccak(b"gateway server test")
_RSA = rsa.generate_private_key(65537, 2048)
PKCS8 = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
RSA_KEY = _RSA.private_bytes(serialization.Encoding.PEM, *PKCS8)
_P256 = ec.generate_private_key(ec.SECP256R1())
P256_KEY = _P256.private_bytes(serialization.Encoding.PEM, *PKCS8)
DOMAIN = Domain(31337, bytes(range(20)))
SETTINGS = GatewaySettings(DOMAIN.chain_id, DOMAIN.contract, KEY, port=0)

CHILD = """
import logging, sys
from pathlib import Path
from afterproof.gateway.server import GatewaySettings, run_gateway
from afterproof.protocol.receipt import Scheme
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
chain, registry, key, scheme, relayer, spool, token = sys.stdin.read().split()
run_gateway(GatewaySettings(int(chain), bytes.fromhex(registry), bytes.fromhex(key), Scheme(scheme), port=0,
                            relayer=None if relayer == "none" else relayer, spool=Path(spool),
                            relayer_token=None if token == "none" else token))
"""


class Running:
    """A gateway process and where it listens."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdin and self.process.stderr
        fields = (settings.chain_id, settings.registry.hex(), settings.private_key.hex(), settings.scheme)
        outlet = (settings.relayer or "none", settings.spool, settings.relayer_token or "none")
        self.process.stdin.write(" ".join(map(str, (*fields, *outlet))))
        self.process.stdin.close()
        self.log = self.process.stderr.readline()
        found = re.search(r"listens on (http://[^ ,]+)", self.log)
        assert found, self.log + self.process.stderr.read()
        self.url = found[1]

    def end(self, number: int) -> int:
        """Send a signal and wait; the exit status. The rest of the log is added to `log`."""
        self.process.send_signal(number)
        assert self.process.stderr
        self.log += self.process.stderr.read()
        return self.process.wait(20)


@contextmanager
def gateway(**changes: Any) -> Iterator[Running]:
    running = Running(replace(SETTINGS, **changes))
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end(signal.SIGKILL)


@contextmanager
def relayer(port: int = 0, token: str | None = None) -> Iterator[tuple[str, list[SignedReceipt]]]:
    """A relayer that accepts all, with its token where it has one; its address and the receipts it was sent."""
    received: list[SignedReceipt] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Authorization"] == (f"Bearer {token}" if token else None)
            items = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.extend(map(SignedReceipt.from_json, items))
            body = json.dumps([{"leafHash": "0x00"}] * len(items)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("scheme", "key", "number"),
    [
        (Scheme.SECP256K1, KEY, signal.SIGTERM),
        (Scheme.OPENGRADIENT_RSA_PSS, RSA_KEY, signal.SIGINT),
        (Scheme.P256, P256_KEY, signal.SIGTERM),
    ],
    ids=list(Scheme),
)
def test_gateway_answers_hands_on_and_ends(tmp_path: Path, scheme: Scheme, key: bytes, number: int) -> None:
    with (
        relayer(token="afterproof_x") as (address, received),
        gateway(
            scheme=scheme, private_key=key, relayer=address, spool=tmp_path, relayer_token="afterproof_x"
        ) as running,
    ):
        assert "afterproof_x" not in running.log
        node = load_signer(scheme, key).node
        assert node.hex() in running.log and KEY.hex() not in running.log
        answers = [
            infer(running.url, "digits", IMAGES[i : i + 3], DOMAIN, node=node) for i in range(0, 30, 3)
        ]
        digits = np.concatenate([answer.digits for answer in answers])
        assert (digits == digits_of(models.digits().classify(IMAGES[:30]))).all()
        assert answers[0].logits.shape == (3, 10)
        assert all(verify(answer.signed, DOMAIN) for answer in answers)
        assert running.end(number) == 0
        assert received == [answer.signed for answer in answers]
        assert running.log.count("\n") == 1, running.log


def test_gateway_killed_while_the_relayer_is_away_loses_nothing(tmp_path: Path) -> None:
    with relayer() as (address, _):
        pass  # its port is free now
    with gateway(relayer=address, spool=tmp_path) as running:
        answers = [infer(running.url, "digits", IMAGES[i : i + 1], DOMAIN) for i in range(20)]
        running.end(signal.SIGKILL)
    with relayer(int(address.rsplit(":", 1)[1])) as (_, received):
        with gateway(relayer=address, spool=tmp_path) as running:
            assert running.end(signal.SIGTERM) == 0
        assert received == [answer.signed for answer in answers]


def test_gateway_without_relayer_answers_many_at_a_time_quickly() -> None:
    with gateway() as running, httpx.Client() as http:

        def ask(index: int) -> Answer:
            return infer(running.url, "digits", IMAGES[index : index + 1], DOMAIN, http=http)

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, range(len(IMAGES))))
        assert len({answer.signed.receipt.hash for answer in answers}) == len(IMAGES)
        assert statistics.median(answer.elapsed_ms for answer in answers) < 50
        alone = [ask(0).elapsed_ms for _ in range(20)]
        assert statistics.quantiles(alone)[0] < 20, "header and body of an answer wait for each other"
        big = infer(running.url, "digits", IMAGES[:256], DOMAIN, http=http)
        assert (big.digits == [int(answer.digits[0]) for answer in answers[:256]]).all()
        with pytest.raises(GatewayError, match="answered 404: no model is named cats"):
            infer(running.url, "cats", IMAGES[:1], DOMAIN)
        with pytest.raises(GatewayError, match=r"answered 400: inputs\[0\].shape\[0\] must be from 1 to 256"):
            infer(running.url, "digits", IMAGES, DOMAIN)
        with pytest.raises(BadReceipt, match="node that was asked for"):
            infer(running.url, "digits", IMAGES[:1], DOMAIN, node=bytes(32))
        with pytest.raises(BadReceipt, match="signature does not verify"):
            infer(running.url, "digits", IMAGES[:1], replace(DOMAIN, chain_id=1))


_P384 = ec.generate_private_key(ec.SECP384R1()).private_bytes(serialization.Encoding.DER, *PKCS8)
_K256 = ec.generate_private_key(ec.SECP256K1()).private_bytes(serialization.Encoding.DER, *PKCS8)
_ED = ed25519.Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.DER, *PKCS8)
_SMALL = rsa.generate_private_key(65537, 1024).private_bytes(serialization.Encoding.DER, *PKCS8)


@pytest.mark.parametrize(
    ("scheme", "key"),
    [
        (Scheme.SECP256K1, b""),
        (Scheme.SECP256K1, bytes(32)),
        (Scheme.SECP256K1, b"\xff" * 32),
        (Scheme.SECP256K1, bytes(33)),
        (Scheme.OPENGRADIENT_RSA_PSS, KEY),
        (Scheme.OPENGRADIENT_RSA_PSS, b"-----BEGIN nothing"),
        (Scheme.OPENGRADIENT_RSA_PSS, P256_KEY),
        (Scheme.OPENGRADIENT_RSA_PSS, _SMALL),
        (Scheme.P256, KEY),
        (Scheme.P256, RSA_KEY),
        (Scheme.P256, _P384),
        (Scheme.P256, _K256),
        (Scheme.P256, _ED),
    ],
    ids=[
        *("empty", "zero", "above the order", "too long", "no PKCS#8", "no PEM", "not RSA", "1024 bits"),
        *("no PKCS#8 for P256", "RSA for P256", "P-384", "secp256k1 in PKCS#8", "Ed25519"),
    ],
)
def test_key_that_is_none_is_refused_unnamed(scheme: Scheme, key: bytes) -> None:
    with pytest.raises(ConfigError, match="the gateway's private key must be") as raised:
        load_signer(scheme, key)
    assert not key or key.hex() not in str(raised.value)


def test_key_in_der_or_pem_is_the_same_node() -> None:
    keys = [(Scheme.OPENGRADIENT_RSA_PSS, _RSA, RSA_KEY), (Scheme.P256, _P256, P256_KEY)]
    for scheme, private, pem in keys:
        der = private.private_bytes(serialization.Encoding.DER, *PKCS8)
        assert load_signer(scheme, pem).node == load_signer(scheme, der).node


def test_settings_hide_their_key_and_refuse_what_cannot_be(tmp_path: Path) -> None:
    assert "private_key" not in repr(SETTINGS) and KEY.hex() not in repr(SETTINGS)
    with pytest.raises(ConfigError, match="model must be digits"):
        run_gateway(replace(SETTINGS, model="cats"))
    for relayer_address in ("relayer.example", "ftp://relayer.example", "http://", "http://[::1", ""):
        with pytest.raises(ConfigError, match="relayer must be an http or https address"):
            run_gateway(replace(SETTINGS, relayer=relayer_address))
    spool = Spool(tmp_path)
    with pytest.raises(SpoolInUse):
        run_gateway(replace(SETTINGS, relayer="http://127.0.0.1:1", spool=tmp_path))
    spool.close()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
