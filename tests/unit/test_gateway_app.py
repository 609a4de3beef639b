"""The gateway's HTTP interface, in process.

POST infer
├── with good tensors
│   ├── answers what the model says, in the protocol's form
│   ├── whether flat or nested, of integers or of integral floats
│   ├── with the request's id, and the outputs asked for in their order
│   └── with a receipt over both bodies, signed, handed on once
├── with anything else
│   ├── answers 4xx naming the field and the rule, without a receipt
│   └── never 5xx, whatever the bytes
└── when the model itself fails: 500, without a receipt
GET metadata, health
├── in the protocol's form
└── not ready while receipts cannot be kept
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from afterproof.gateway import models
from afterproof.gateway.app import Gateway, create_app
from afterproof.gateway.digits import digits_of
from afterproof.gateway.receipting import RECEIPT_HEADER, from_header
from afterproof.gateway.served import MAX_BATCH, ServedDigits
from afterproof.protocol.receipt import ZERO, Domain, SignedReceipt, keccak
from afterproof.protocol.signing import P256Signer, RsaPssSigner, Secp256k1Signer, Signer, verify

DOMAIN = Domain(31337, bytes(range(20)))
SIGNER = Secp256k1Signer(keccak(b"gateway test"))
RSA_SIGNER = RsaPssSigner(rsa.generate_private_key(65537, 2048))
P256_SIGNER = P256Signer(ec.generate_private_key(ec.SECP256R1()))
IMAGES, LABELS = models.heldout()
INFER = "/v2/models/digits/infer"
NOW = 1_800_000_000.9
MAX_BODY = 200_000


class Kept:
    """An outlet that keeps what it is handed."""

    def __init__(self, ready: bool = True) -> None:
        self.ready = ready
        self.wires: list[bytes] = []

    def hand_on(self, wire: bytes) -> None:
        self.wires.append(wire)


class Failing(ServedDigits):
    def infer(self, body: bytes) -> bytes:
        raise RuntimeError("out of order")


def call(
    method: str,
    path: str,
    content: Any = None,
    headers: dict[str, str] | None = None,
    outlet: Kept | None = None,
    signer: Signer = SIGNER,
    served: type[ServedDigits] = ServedDigits,
) -> httpx.Response:
    gateway = Gateway(
        {"digits": served(models.digits())}, signer, DOMAIN, outlet or Kept(), lambda: NOW, MAX_BODY
    )
    transport = httpx.ASGITransport(create_app(gateway), raise_app_exceptions=False)

    async def exchange() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, path, content=content, headers=headers)

    return asyncio.run(exchange())


def body_of(first: int = 0, count: int = 2, **changes: Any) -> dict[str, Any]:
    """A good request for `count` held-out images, with `changes` to its only input."""
    data = IMAGES[first : first + count].ravel().tolist()
    image = {"name": "image", "shape": [count, 64], "datatype": "UINT8", "data": data}
    return {"inputs": [image | changes]}


def infer(body: Any, **options: Any) -> httpx.Response:
    return call("POST", INFER, body if isinstance(body, bytes) else json.dumps(body).encode(), **options)


def test_infer_answers_what_the_model_says() -> None:
    answer = infer(body_of(count=7))
    logits = models.digits().classify(IMAGES[:7])
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "model_name": "digits",
        "model_version": "1",
        "outputs": [
            {"name": "logits", "shape": [7, 10], "datatype": "INT32", "data": logits.ravel().tolist()},
            {"name": "digit", "shape": [7], "datatype": "INT64", "data": digits_of(logits).tolist()},
        ],
    }


@pytest.mark.parametrize("signer", [SIGNER, RSA_SIGNER, P256_SIGNER], ids=lambda signer: str(signer.scheme))
@pytest.mark.parametrize("count", [1, MAX_BATCH])
def test_infer_carries_a_receipt_over_the_bytes_that_travelled(signer: Signer, count: int) -> None:
    outlet, request = Kept(), json.dumps(body_of(count=count), indent=1).encode()
    answer = infer(request, outlet=outlet, signer=signer)
    signed = from_header(answer.headers[RECEIPT_HEADER])
    assert verify(signed, DOMAIN) and signed.receipt.node == signer.node
    assert signed.receipt.request == keccak(request) and signed.receipt.response == keccak(answer.content)
    assert (signed.receipt.model, signed.receipt.evidence) == (ZERO, ZERO)
    assert signed.receipt.issued_at == int(NOW)
    assert [SignedReceipt.from_json(json.loads(wire)) for wire in outlet.wires] == [signed]
    assert "=" not in answer.headers[RECEIPT_HEADER] and len(answer.headers[RECEIPT_HEADER]) < 4096


@pytest.mark.parametrize("datatype", ["UINT8", "INT8", "UINT64", "INT64", "INT32", "FP16", "FP32", "FP64"])
@pytest.mark.parametrize("nested", [False, True])
def test_infer_any_form_of_the_same_numbers_gives_the_same_answer(datatype: str, nested: bool) -> None:
    images = IMAGES[:2].astype(float) if datatype.startswith("FP") else IMAGES[:2]
    data = images.tolist() if nested else images.ravel().tolist()
    assert infer(body_of(datatype=datatype, data=data)).json() == infer(body_of()).json()


def test_infer_versioned_path_answers_alike() -> None:
    versioned = call("POST", "/v2/models/digits/versions/1/infer", json.dumps(body_of()).encode())
    assert versioned.content == infer(body_of()).content


def test_infer_returns_the_id_and_the_outputs_asked_for() -> None:
    wanted = [{"name": "digit", "parameters": {"binary_data": False}}, {"name": "logits"}]
    assert infer(body_of() | {"id": "42", "parameters": None}).json()["id"] == "42"
    assert "id" not in infer(body_of() | {"id": None}).json()
    assert [o["name"] for o in infer(body_of() | {"outputs": wanted}).json()["outputs"]] == [
        "digit",
        "logits",
    ]
    assert [o["name"] for o in infer(body_of() | {"outputs": wanted[:1]}).json()["outputs"]] == ["digit"]
    assert len(infer(body_of() | {"outputs": []}).json()["outputs"]) == 2


GOOD = IMAGES[:2].tolist()
REFUSALS: list[tuple[Any, str]] = [
    (b"", "body must be JSON"),
    (b"{", "body must be JSON"),
    (b"[" * 50_000, "the request: expected object, got array"),
    (
        b'{"inputs": [{"name": "image", "shape": [1, 64], "datatype": "UINT8", "data": ' + b"[" * 50_000,
        "nested too deeply",
    ),
    (json.dumps(body_of()).encode() + b"\x00\x01", "body must be JSON"),
    (b'{"id": "\xff"}', "body must be JSON"),
    ([], "the request: expected object"),
    ({}, "missing required field inputs"),
    ({"inputs": []}, "inputs must hold exactly one tensor, image, got 0"),
    ({"inputs": body_of()["inputs"] * 2}, "inputs must hold exactly one tensor, image, got 2"),
    (body_of() | {"id": 42}, "id: expected str | null, got int"),
    (body_of(name="img"), "inputs[0].name must be image"),
    (body_of(shape=[128]), "inputs[0].shape must be [n, 64], got [128]"),
    (body_of(shape=[2, 8, 8]), "inputs[0].shape must be [n, 64], got [2,8,8]"),
    (body_of(shape=[-2, 64]), "inputs[0].shape[0]: expected int >= 0"),
    (body_of(shape=[2.0, 64]), "inputs[0].shape[0]: expected int, got float"),
    (body_of(shape=[0, 64], data=[]), "inputs[0].shape[0] must be from 1 to 256, got 0"),
    (body_of(shape=[257, 64]), "inputs[0].shape[0] must be from 1 to 256, got 257"),
    (body_of(shape=[2**64, 64]), "inputs[0].shape[0] must be from 1 to 256"),
    (body_of(shape=[3, 64]), "inputs[0].data must hold 192 elements, got 128"),
    (body_of(shape=[1, 64], data=GOOD), "inputs[0].data must hold 1 rows, got 2"),
    (body_of(data=[GOOD[0], GOOD[1][:63]]), "inputs[0].data[1] must hold 64 elements, got 63"),
    (body_of(data=[GOOD[0], 0]), "inputs[0].data[1]: expected array, got int"),
    (body_of(data=[[GOOD[0]], [GOOD[1]]]), "inputs[0].data[0][0]: expected int, got array"),
    (body_of(data={}), "inputs[0].data: expected array, got object"),
    (body_of(data="AAAA"), "inputs[0].data: expected array, got str"),
    (body_of(data=[17] * 128), "inputs[0].data[0]: expected int <= 16"),
    (body_of(data=[*[0] * 127, -1]), "inputs[0].data[127]: expected int >= 0"),
    (body_of(data=[True] * 128), "inputs[0].data[0]: expected int, got bool"),
    (body_of(data=[1.0] * 128), "inputs[0].data[0]: expected int, got float"),
    (
        body_of(datatype="FP32", data=[*[0] * 70, 0.5, *[0] * 57]),
        "inputs[0].data[70] must be an integer from 0 to 16",
    ),
    (body_of(datatype="FP32", data=[*[0] * 127, 16.5]), "inputs[0].data[127]: expected float <= 16"),
    (body_of(datatype="FP32", data=[float("nan")] * 128), "body must be JSON"),
    (body_of(datatype="BYTES"), "inputs[0].datatype must be one of UINT8"),
    (body_of() | {"outputs": [{"name": "probabilities"}]}, "outputs[0].name must be one of logits, digit"),
    (body_of() | {"outputs": [{"name": "digit"}] * 2}, "outputs[1].name digit is asked for twice"),
    (body_of() | {"outputs": ["digit"]}, "outputs[0]: expected object, got str"),
]


@pytest.fixture(autouse=True)
def the_usual_recursion_limit() -> Iterator[None]:
    """py-evm raises it for the whole process; a gateway runs with Python's own, which bounds how deep JSON may nest."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.parametrize(("body", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_infer_bad_input_is_refused_by_field_and_rule(body: Any, message: str) -> None:
    outlet = Kept()
    answer = infer(body, outlet=outlet)
    assert answer.status_code == 400 and message in answer.json()["error"]
    assert list(answer.json()) == ["error"] and RECEIPT_HEADER not in answer.headers and not outlet.wires


async def _chunks() -> Any:
    for _ in range(21):
        yield b" " * 10_000


WRONG_REQUESTS: list[tuple[str, str, Any, dict[str, str], int, str]] = [
    ("POST", "/v2/models/cats/infer", b"{}", {}, 404, "no model is named cats; there is digits"),
    (
        "POST",
        "/v2/models/digits/versions/2/infer",
        b"{}",
        {},
        404,
        "model digits has no version 2; there is 1",
    ),
    ("GET", "/v2/models/cats", None, {}, 404, "no model is named cats"),
    ("GET", "/v2/models/digits/versions/2/ready", None, {}, 404, "no version 2"),
    ("GET", "/v1/models", None, {}, 404, "nothing is at /v1/models"),
    ("GET", INFER, None, {}, 405, "GET is not allowed here"),
    ("POST", INFER, b" " * (MAX_BODY + 1), {}, 413, "the request body must be at most 200000 bytes"),
    ("POST", INFER, _chunks, {}, 413, "the request body must be at most 200000 bytes"),
    ("POST", INFER, b"{}", {"Content-Encoding": "gzip"}, 415, "Content-Encoding"),
    ("POST", INFER, b"{}", {"Inference-Header-Content-Length": "2"}, 400, "binary tensor data"),
]


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "message"),
    WRONG_REQUESTS,
    ids=[f"{wrong[-2]} {wrong[-1]}" for wrong in WRONG_REQUESTS],
)
def test_wrong_request_is_refused_in_the_protocols_form(
    method: str, path: str, content: Any, headers: dict[str, str], status: int, message: str
) -> None:
    outlet = Kept()
    answer = call(method, path, content() if callable(content) else content, headers, outlet)
    assert answer.status_code == status and message in answer.json()["error"]
    assert RECEIPT_HEADER not in answer.headers and not outlet.wires


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4)
    ),
    max_leaves=8,
)


@given(st.sampled_from(["name", "shape", "datatype", "data", "parameters"]), json_values)
def test_infer_any_value_of_any_field_is_answered_or_refused(field: str, value: Any) -> None:
    assert infer(json.dumps(body_of(**{field: value})).encode()).status_code in (200, 400)


@given(st.binary(max_size=200))
def test_infer_any_bytes_are_refused(body: bytes) -> None:
    assert infer(body).status_code == 400


def test_infer_failing_model_is_a_500_without_receipt() -> None:
    outlet = Kept()
    answer = infer(body_of(), outlet=outlet, served=Failing)
    assert answer.status_code == 500 and list(answer.json()) == ["error"]
    assert RECEIPT_HEADER not in answer.headers and not outlet.wires


@pytest.mark.parametrize("path", ["/v2/models/digits", "/v2/models/digits/versions/1"])
def test_metadata_states_the_tensors(path: str) -> None:
    assert call("GET", path).json() == {
        "name": "digits",
        "versions": ["1"],
        "platform": "afterproof_int8",
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 64]}],
        "outputs": [
            {"name": "logits", "datatype": "INT32", "shape": [-1, 10]},
            {"name": "digit", "datatype": "INT64", "shape": [-1]},
        ],
    }


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_metadata_names_it(path: str) -> None:
    answer = call("GET", path).json()
    assert answer["name"] == "afterproof" and answer["extensions"] == [] and answer["version"]


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
def test_health_is_ready_only_while_receipts_are_kept(ready: bool, status: int) -> None:
    outlet = Kept(ready)
    assert call("GET", "/v2/health/live", outlet=outlet).json() == {"live": True}
    for path in ("/v2/health/ready", "/v2/models/digits/ready", "/v2/models/digits/versions/1/ready"):
        answer = call("GET", path, outlet=outlet)
        assert (answer.status_code, answer.json()["ready"]) == (status, ready)


def test_infer_not_ready_still_answers() -> None:
    assert infer(body_of(), outlet=Kept(ready=False)).status_code == 200
