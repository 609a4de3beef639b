"""The gateway's client against answers made up for it.

an answer
├── whose receipt is missing, malformed, another's, over other bytes, or forged: refused
├── that is not of the model's form, though its receipt holds: refused
└── that does not come: an error saying so
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from afterproof.gateway import models
from afterproof.gateway.client import BadReceipt, GatewayError, infer
from afterproof.gateway.receipting import RECEIPT_HEADER, issue, to_header, to_wire
from afterproof.protocol.receipt import Domain, SignedReceipt, keccak
from afterproof.protocol.signing import Secp256k1Signer

IMAGES = models.heldout()[0][:1]
SIGNER = Secp256k1Signer(keccak(b"gateway client test"))
DOMAIN = Domain(31337, bytes(range(20)))


def test_client_unreachable_gateway_is_an_error() -> None:
    with pytest.raises(GatewayError, match="does not answer"):
        infer("http://127.0.0.1:1", "digits", IMAGES, DOMAIN)


def _header(request: bytes, response: bytes, change: Callable[[SignedReceipt], SignedReceipt]) -> str:
    signed = issue(SIGNER, DOMAIN, request, response, 1_800_000_000)
    return to_header(to_wire(change(signed)))


def _with_receipt(signed: SignedReceipt, **changes: Any) -> SignedReceipt:
    return replace(signed, receipt=replace(signed.receipt, **changes))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (lambda q, a: None, "no Afterproof-Receipt header"),
        (lambda q, a: "!!!!", "unpadded base64url"),
        (lambda q, a: "e30", "receipt is missing"),
        (lambda q, a: "A" * 10_000, "at most 8192 characters"),
        (lambda q, a: _header(q + b" ", a, lambda s: s), "receipt.request is not the hash"),
        (lambda q, a: _header(q, a + b" ", lambda s: s), "receipt.response is not the hash"),
        (lambda q, a: _header(q, a, lambda s: replace(s, signature=bytes(65))), "does not verify"),
        (lambda q, a: _header(q, a, lambda s: _with_receipt(s, issued_at=1)), "does not verify"),
        (
            lambda q, a: _header(q, a, lambda s: _with_receipt(s, node=bytes(32))),
            "does not hash to receipt.node",
        ),
        (lambda q, a: _header(q, a, lambda s: replace(s, public_key=bytes(32))), "no known signature scheme"),
    ],
)
def test_client_answer_without_a_receipt_that_holds_is_refused(
    header: Callable[[bytes, bytes], str | None], message: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        value = header(request.content, b"{}")
        return httpx.Response(200, content=b"{}", headers={} if value is None else {RECEIPT_HEADER: value})

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        pytest.raises(BadReceipt, match=message),
    ):
        infer("http://gateway", "digits", IMAGES, DOMAIN, http=http)


def test_client_answer_of_another_form_is_refused() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        headers = {RECEIPT_HEADER: _header(request.content, b'{"outputs": []}', lambda signed: signed)}
        return httpx.Response(200, content=b'{"outputs": []}', headers=headers)

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        pytest.raises(GatewayError, match="not one of"),
    ):
        infer("http://gateway", "digits", IMAGES, DOMAIN, http=http)
