"""A gateway as OpenGradient's are, seen from the relayer: it signs with RSA-PSS, and knows only a URL.

Written after their gateway's heartbeats and their facilitator's headers; it imports nothing that signs or hashes for
Afterproof, so that what it sends owes nothing to the code under test.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_utils import keccak

from afterproof.steps import Context
from afterproof.web.relayer import create_app
from afterproof.web.server import Listener, serve
from tests.support.contract import conforms


class TeeGateway:
    """A gateway with a key of its own, new in every run."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        spki = PublicFormat.SubjectPublicKeyInfo
        self.public_key = self._key.public_key().public_bytes(Encoding.DER, spki)
        self.tee_id = keccak(self.public_key)

    def sign(self, message_hash: bytes) -> str:
        """RSA-PSS-SHA256 with a salt of 32 bytes, in base64."""
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
        return base64.b64encode(self._key.sign(message_hash, pss, hashes.SHA256())).decode()

    def settlement(
        self, at: int, request: bytes = b"request", response: bytes = b"response"
    ) -> dict[str, Any]:
        """What goes into x-settlement-data for an answer given at ``at``."""
        asked, answered = keccak(request), keccak(response)
        return {
            "tee_id": "0x" + self.tee_id.hex(),
            "input_hash": asked.hex(),
            "output_hash": answered.hex(),
            "tee_signature": self.sign(keccak(asked + answered + at.to_bytes(32, "big"))),
            "tee_timestamp": str(at),
        }

    def settle(self, kind: str | None, data: object = None) -> httpx.Response:
        """``POST /settle_data``; ``data`` is encoded unless it is text already."""
        headers = {} if kind is None else {"x-settlement-type": kind}
        if data is not None:
            whole = data if isinstance(data, str) else base64.b64encode(json.dumps(data).encode()).decode()
            headers["x-settlement-data"] = whole
        answer = httpx.post(f"{self.url}/settle_data", headers=headers, json={}, timeout=20)
        return answer if answer.status_code == 431 else conforms(answer)  # the connection's own answer

    def job(self, name: str) -> httpx.Response:
        """``GET /settle/{jobId}``."""
        return conforms(httpx.get(f"{self.url}/settle/{name}", timeout=20))

    def beat(self, at: int, contract: str, **changes: object) -> httpx.Response:
        """``POST /heartbeat`` for the second ``at``; ``changes`` replace fields, None leaves one out."""
        body: dict[str, object] = {
            "teeId": "0x" + self.tee_id.hex(),
            "timestamp": str(at),
            "signature": self.sign(keccak(self.tee_id + at.to_bytes(32, "big"))),
            "contractAddress": contract,
        }
        kept = {name: value for name, value in (body | changes).items() if value is not None}
        return conforms(httpx.post(f"{self.url}/heartbeat", json=kept, timeout=30))


@contextmanager
def served(relayer: Context) -> Iterator[str]:
    """The relayer's interface on a real server; its URL."""
    stop = threading.Event()
    with Listener("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=serve, args=(create_app(relayer), listener, stop))
        thread.start()
        try:
            yield listener.url
        finally:
            stop.set()
            thread.join()
