"""Asks a gateway and believes nothing: an answer counts once its receipt holds for the bytes."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import AfterproofError
from ..protocol.errors import InvalidField
from ..protocol.receipt import Domain, SignedReceipt, keccak
from ..protocol.signing import verify
from .receipting import RECEIPT_HEADER, from_header

TIMEOUT: Final = 10.0


class GatewayError(AfterproofError):
    """The gateway gave no answer: it could not be reached, refused the request, or broke the protocol."""


class BadReceipt(GatewayError):
    """An answer came without a receipt that holds: none, another's, over other bytes, or signed wrongly."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A checked answer: logits (n, 10) int32, digits (n,) int64, and what proves it.

    `request` and `body` are the two bodies as they travelled; `elapsed_ms` is from sending to the last byte.
    """

    logits: NDArray[np.int32]
    digits: NDArray[np.int64]
    request: bytes = field(repr=False)
    body: bytes = field(repr=False)
    signed: SignedReceipt = field(repr=False)
    elapsed_ms: float


def infer(
    url: str,
    model: str,
    images: NDArray[np.uint8],
    domain: Domain,
    *,
    node: bytes | None = None,
    http: httpx.Client | None = None,
    request_id: str | None = None,
) -> Answer:
    """Classify `images` (n, 64) uint8, pixels 0..16, at the gateway `url`, and check the receipt.

    `domain` is that of receipts on the chain the gateway settles on. With `node` (32 bytes) only that node's
    receipt is accepted. `http` is a client to reuse connections of. Each request has an id of its own, random
    unless given: two equal requests within a second would otherwise share one receipt.

    Raises:
        GatewayError: no answer; the message says why.
        BadReceipt: an answer whose receipt does not hold.
    """
    request = msgspec.json.encode(
        {
            "id": request_id or uuid.uuid4().hex,
            "inputs": [
                {"name": "image", "shape": images.shape, "datatype": "UINT8", "data": images.ravel().tolist()}
            ],
        }
    )
    address = f"{url.rstrip('/')}/v2/models/{model}/infer"
    started = time.perf_counter()
    response = _post(address, request, http)
    elapsed_ms = (time.perf_counter() - started) * 1000
    if response.status_code != 200:
        raise GatewayError(f"{address} answered {response.status_code}: {_error_of(response)}")
    signed = checked_receipt(response.headers.get(RECEIPT_HEADER), request, response.content, domain, node)
    logits, digits = _outputs(response.content, len(images))
    return Answer(logits, digits, request, response.content, signed, elapsed_ms)


def checked_receipt(
    header: str | None, request: bytes, response: bytes, domain: Domain, node: bytes | None = None
) -> SignedReceipt:
    """The receipt in an ``Afterproof-Receipt`` header, if it holds for these two bodies.

    Raises:
        BadReceipt: it does not; the message names the field and the rule.
    """
    if header is None:
        raise BadReceipt(f"the answer has no {RECEIPT_HEADER} header")
    try:
        signed = from_header(header)
        genuine = verify(signed, domain)
    except InvalidField as error:
        raise BadReceipt(str(error)) from None
    if signed.receipt.request != keccak(request):
        raise BadReceipt("receipt.request is not the hash of the request's body")
    if signed.receipt.response != keccak(response):
        raise BadReceipt("receipt.response is not the hash of the response's body")
    if node is not None and signed.receipt.node != node:
        raise BadReceipt("receipt.node is not the node that was asked for")
    if not genuine:
        raise BadReceipt("signature does not verify")
    return signed


def _post(address: str, body: bytes, http: httpx.Client | None) -> httpx.Response:
    # identity: the receipt covers the bytes as they travel, and httpx would decompress them out of sight
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    try:
        if http is not None:
            return http.post(address, content=body, headers=headers)
        return httpx.post(address, content=body, headers=headers, timeout=TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise GatewayError(f"{address} does not answer: {str(error) or type(error).__name__}") from None


def _error_of(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]


def _outputs(body: bytes, count: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    try:
        outputs: dict[str, Any] = {
            output["name"]: output["data"] for output in msgspec.json.decode(body)["outputs"]
        }
        logits = np.array(outputs["logits"], dtype=np.int32).reshape(count, 10)
        return logits, np.array(outputs["digit"], dtype=np.int64).reshape(count)
    except (
        msgspec.DecodeError,
        LookupError,
        TypeError,
        ValueError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise GatewayError(
            f"the answer is not one of the digits model ({type(error).__name__}: {error})"
        ) from None
