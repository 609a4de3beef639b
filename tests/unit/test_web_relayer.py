"""The relayer's HTTP interface, in process.

POST /v1/receipts
├── one receipt → 200 with its place; again → the same
├── an array → 200 with a place or an error for each, in order
├── what is no receipt, whatever the bytes → 4xx naming field and rule, nothing stored, never 5xx
├── a receipt that breaks a rule of the protocol → 422 naming field and rule, nothing stored
├── a body too large → 413 before it is read whole; no JSON by its headers → 415
├── before the chain was followed → 503 with Retry-After
└── when the disk fails → 503, nothing accepted, no traceback
GET /v1/receipts/{leafHash}: standing, timeline, a proof that holds; 400 and 404 in words
GET /v1/batches, /v1/batches/{id}, /v1/batches/{id}/data: what was posted, its bytes; 400 and 404 in words
GET /health, /ready
any other path or method: 404 and 405 in the same form
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.protocol.batching import rebuild_batch
from afterproof.protocol.header import batch_id
from afterproof.protocol.merkle import root_of
from afterproof.protocol.receipt import Leaf, Receipt, keccak
from afterproof.steps import Context
from afterproof.web.relayer import MAX_ITEMS, create_app
from tests.support.world import World

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


def ask(
    relayer: Context, method: str, path: str, raise_errors: bool = True, **options: Any
) -> httpx.Response:
    """One request in process. A mistake of ours raises, unless asked not to."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(relayer), raise_app_exceptions=raise_errors)
        async with httpx.AsyncClient(transport=transport, base_url="http://relayer.test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


def hand_in(relayer: Context, body: object) -> httpx.Response:
    """Post a JSON value to /v1/receipts."""
    return ask(relayer, "POST", "/v1/receipts", content=json.dumps(body), headers=JSON)


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    """Status, field and rule of a refusal."""
    error = response.json()["error"]
    assert set(error) == {"field", "rule", "message"}
    assert error["message"] == f"{error['field']} {error['rule']}"
    return response.status_code, error["field"], error["rule"]


# --- handing receipts in ----------------------------------------------------------------------------


def test_receipt_is_answered_with_its_place_and_again_with_the_same(world: World, relayer: Context) -> None:
    signed = world.signed(1)
    first = hand_in(relayer, signed.to_json())
    assert first.status_code == 200
    assert first.json() == {
        "leafHash": "0x" + signed.leaf.hash.hex(),
        "receiptHash": "0x" + signed.receipt.hash.hex(),
        "lane": 1,
        "seq": 0,
        "receivedAt": world.now,
    }
    world.wait(2)
    assert hand_in(relayer, signed.to_json()).json() == first.json()
    assert relayer.store.receipts.count(1) == 1


def test_array_is_answered_item_by_item(world: World, relayer: Context) -> None:
    good, other = world.signed(1), world.signed(2)
    wrong = good.to_json() | {"scheme": "ED25519"}
    items = [good.to_json(), wrong, world.forged(3).to_json(), 7, good.to_json(), other.to_json()]
    response = hand_in(relayer, items)
    assert response.status_code == 200
    answers = response.json()
    assert [answer.get("seq") for answer in answers] == [0, None, None, None, 0, 1]
    errors = [answers[i]["error"] for i in (1, 2, 3)]
    assert [(error["field"], error["status"]) for error in errors] == [
        ("scheme", 400), ("signature", 422), ("receipt", 400),
    ]  # fmt: skip
    assert relayer.store.receipts.count(1) == 2


def without(value: dict[str, Any], *path: str) -> dict[str, Any]:
    """A receipt's JSON without a field."""
    found = json.loads(json.dumps(value))
    inner = found
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return found  # type: ignore[no-any-return]


def with_(value: dict[str, Any], new: object, *path: str) -> dict[str, Any]:
    """A receipt's JSON with a field changed or added."""
    found = json.loads(json.dumps(value))
    inner = found
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = new
    return found  # type: ignore[no-any-return]


MALFORMED = [
    (lambda good: None, "receipt"),
    (lambda good: "0x00", "receipt"),
    (lambda good: {}, "receipt"),
    (lambda good: {"receipt": 1} | without(good, "receipt"), "receipt"),
    (lambda good: without(good, "receipt", "node"), "receipt.node"),
    (lambda good: without(good, "receipt", "issuedAt"), "receipt.issuedAt"),
    (lambda good: without(good, "signature"), "signature"),
    (lambda good: without(good, "publicKey"), "publicKey"),
    (lambda good: without(good, "scheme"), "scheme"),
    (lambda good: with_(good, 1, "extra"), "extra"),
    (lambda good: with_(good, 1, "receipt", "extra"), "receipt.extra"),
    (lambda good: with_(good, "0x" + "00" * 31, "receipt", "node"), "receipt.node"),
    (lambda good: with_(good, "0x" + "00" * 33, "receipt", "request"), "receipt.request"),
    (lambda good: with_(good, "00" * 32, "receipt", "response"), "receipt.response"),
    (lambda good: with_(good, "0x" + "zz" * 32, "receipt", "model"), "receipt.model"),
    (lambda good: with_(good, "0x" + " 0" * 32, "receipt", "evidence"), "receipt.evidence"),
    (lambda good: with_(good, None, "receipt", "evidence"), "receipt.evidence"),
    (lambda good: with_(good, "1", "receipt", "issuedAt"), "receipt.issuedAt"),
    (lambda good: with_(good, 1.5, "receipt", "issuedAt"), "receipt.issuedAt"),
    (lambda good: with_(good, True, "receipt", "issuedAt"), "receipt.issuedAt"),
    (lambda good: with_(good, -1, "receipt", "issuedAt"), "receipt.issuedAt"),
    (lambda good: with_(good, 2**64, "receipt", "issuedAt"), "receipt.issuedAt"),
    (lambda good: with_(good, 10**400, "receipt", "issuedAt"), "receipt.issuedAt"),
    (lambda good: with_(good, "ED25519", "scheme"), "scheme"),
    (lambda good: with_(good, ["SECP256K1"], "scheme"), "scheme"),
    (lambda good: with_(good, {}, "scheme"), "scheme"),
    (lambda good: with_(good, "0x" + "00" * 257, "signature"), "signature"),
    (lambda good: with_(good, "0x0", "signature"), "signature"),
    (lambda good: with_(good, "0x" + "00" * 1025, "publicKey"), "publicKey"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field"), MALFORMED)
def test_what_is_no_receipt_is_400_naming_the_field(
    world: World, relayer: Context, change: Any, field: str
) -> None:
    status, named, rule = refusal(hand_in(relayer, change(world.signed(1).to_json())))
    assert (status, named) == (400, field)
    assert rule
    assert relayer.store.receipts.count(1) == 0


@pytest.mark.parametrize(
    ("which", "field"),
    [
        ("old", "receipt.issuedAt"),
        ("young", "receipt.issuedAt"),
        ("zero", "receipt.issuedAt"),
        ("far", "receipt.issuedAt"),
        ("stranger", "receipt.node"),
        ("forged", "signature"),
        ("no signature", "signature"),
        ("other scheme", "scheme"),
        ("other key", "publicKey"),
        ("no key", "publicKey"),
    ],
)
def test_receipt_that_breaks_a_rule_is_422_naming_the_field(
    world: World, relayer: Context, which: str, field: str
) -> None:
    good = world.signed(1)
    bad = {
        "old": lambda: world.signed(1, age=world.terms.max_posting_delay).to_json(),
        "young": lambda: world.signed(1, age=-100).to_json(),
        "zero": lambda: with_(good.to_json(), 0, "receipt", "issuedAt"),
        "far": lambda: with_(good.to_json(), 2**64 - 1, "receipt", "issuedAt"),
        "stranger": lambda: world.of_stranger(1).to_json(),
        "forged": lambda: world.forged(1).to_json(),
        "no signature": lambda: with_(good.to_json(), "0x", "signature"),
        "other scheme": lambda: with_(good.to_json(), "OPENGRADIENT_RSA_PSS", "scheme"),
        "other key": lambda: replace(good, public_key=world.nodes[1].public_key).to_json(),
        "no key": lambda: with_(good.to_json(), "0x", "publicKey"),
    }[which]()
    status, named, _ = refusal(hand_in(relayer, bad))
    assert (status, named) == (422, field)
    assert relayer.store.receipts.count(1) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[", b"nul", b"\xff\xfe", b'{"a":1,}', b"[1,2", b'"\\ud800"', b"{} {}", b"[" * 100_000,
        b'{"receipt":' * 5000, b"NaN", b"1e999999", b'{"\\ud800": 1}', b"\xef\xbb\xbf{}",
    ],
)  # fmt: skip
def test_body_that_is_no_json_is_400(relayer: Context, body: bytes) -> None:
    response = ask(relayer, "POST", "/v1/receipts", content=body, headers=JSON)
    status, field, _ = refusal(response)
    assert status == 400 and field in ("body", "receipt")


@pytest.mark.parametrize("items", [[], [1] * (MAX_ITEMS + 1)])
def test_array_of_none_or_too_many_is_400(relayer: Context, items: list[int]) -> None:
    assert refusal(hand_in(relayer, items))[:2] == (400, "body")


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Content-Type": "text/plain"}, {"Content-Type": ""}, {"Content-Type": "application/jsonx"},
        {"Content-Type": "multipart/form-data"},
    ],
)  # fmt: skip
def test_body_of_another_type_is_415(world: World, relayer: Context, headers: dict[str, str]) -> None:
    body = json.dumps(world.signed(1).to_json()).encode()
    assert refusal(ask(relayer, "POST", "/v1/receipts", content=body, headers=headers))[:2] == (
        415, "Content-Type",
    )  # fmt: skip
    compressed = {**JSON, "Content-Encoding": "gzip"}
    assert refusal(ask(relayer, "POST", "/v1/receipts", content=body, headers=compressed))[0] == 415
    assert relayer.store.receipts.count(1) == 0
    charset = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert ask(relayer, "POST", "/v1/receipts", content=body, headers=charset).status_code == 200


def test_body_too_large_is_413_before_it_is_read_whole(world: World, relayer: Context) -> None:
    small = world.with_settings(relayer, body_limit=10_000)
    declared = ask(small, "POST", "/v1/receipts", content=b"[" + b" " * 10_000, headers=JSON)
    assert refusal(declared) == (413, "body", "must be at most 10000 bytes")
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 10**8:
            read += 1000
            yield b" " * 1000

    assert refusal(ask(small, "POST", "/v1/receipts", content=endless(), headers=JSON))[0] == 413
    assert read < 20_000


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=ANYTHING,
    path=st.sampled_from(
        [("receipt",), ("scheme",), ("signature",), ("publicKey",), ("receipt", "node"), ("x",)]
    ),
)
def test_any_json_in_any_place_is_4xx_and_stores_nothing(
    world: World, relayer: Context, value: object, path: tuple[str, ...]
) -> None:
    changed = with_(world.signed(1).to_json(), value, *path)
    for body in (value, changed, [changed]):
        response = hand_in(relayer, body)
        answered = (
            response.json() if isinstance(body, list) and response.status_code == 200 else [response.json()]
        )
        assert all("error" in answer for answer in answered)
        assert response.status_code in (200, 400, 422)
        assert response.status_code != 200 or isinstance(body, list)
    assert relayer.store.receipts.count(1) == 0


def test_before_the_chain_was_followed_it_is_503_with_retry_after(world: World) -> None:
    fresh = world.relayer("fresh")
    response = hand_in(fresh, world.signed(1).to_json())
    assert refusal(response)[:2] == (503, "relayer")
    assert response.headers["Retry-After"] == "5"
    (item,) = hand_in(fresh, [world.signed(1).to_json()]).json()
    assert item["error"]["status"] == 503
    assert refusal(hand_in(fresh, {}))[0] == 400


def test_when_the_disk_fails_it_is_503_without_insides(world: World, relayer: Context) -> None:
    class Full:
        def __getattr__(self, name: str) -> Any:
            from afterproof.store import StoreUnavailable

            raise StoreUnavailable("the database /secret/path: disk is full")

    broken = replace(relayer, store=Full())  # type: ignore[arg-type]
    for method, path, body in (
        ("POST", "/v1/receipts", world.signed(1).to_json()),
        ("GET", "/v1/receipts/0x" + "00" * 32, None),
        ("GET", "/v1/batches", None),
    ):
        response = ask(broken, method, path, json=body) if body else ask(broken, method, path)
        assert refusal(response)[:2] == (503, "relayer")
        assert "secret" not in response.text


def test_a_mistake_of_ours_is_500_without_insides(relayer: Context) -> None:
    broken = replace(relayer, store=None)  # type: ignore[arg-type]
    response = ask(broken, "GET", "/v1/batches", raise_errors=False)
    assert response.status_code == 500
    assert response.json()["error"]["field"] == "relayer"
    assert "NoneType" not in response.text


# --- asking -----------------------------------------------------------------------------------------


def test_receipt_is_told_at_every_standing(world: World, relayer: Context) -> None:
    signed = world.signed(1, age=1)
    path = "/v1/receipts/0x" + signed.leaf.hash.hex()
    assert refusal(ask(relayer, "GET", path))[:2] == (404, "leafHash")
    hand_in(relayer, signed.to_json())
    told = ask(relayer, "GET", path).json()
    assert (told["standing"], told["inclusion"], told["voidReason"]) == ("Signed", None, None)
    world.rounds(4, relayer)
    told = ask(relayer, "GET", path).json()
    assert told["standing"] == "Posted" and told["timeline"]["finalAt"] is None
    inclusion = told["inclusion"]
    leaf = Leaf(signed.receipt, signed.signature)
    assert bytes.fromhex(told["words"][2:]) == leaf.words
    assert keccak(bytes.fromhex(told["signature"][2:])) == leaf.words[192:]
    proof = [bytes.fromhex(one[2:]) for one in inclusion["proof"]]
    root = root_of(keccak(b"\0" + leaf.words), inclusion["index"], inclusion["count"], proof)
    on_chain = relayer.chain.batch(int(inclusion["batch"]))  # type: ignore[arg-type]
    assert on_chain is not None and root == on_chain[0] == bytes.fromhex(inclusion["root"][2:])
    world.wait(world.terms.window)
    world.round(relayer)
    told = ask(relayer, "GET", path.upper().replace("/V1/RECEIPTS/0X", "/v1/receipts/0x")).json()
    assert told["standing"] == "Final"
    timeline = told["timeline"]
    assert timeline["finalAt"] == timeline["windowEnd"] + 1
    assert timeline["issuedAt"] < timeline["receivedAt"] < timeline["postedAt"] < timeline["windowEnd"]
    assert Receipt.from_words(bytes.fromhex(told["words"][2:])[:192]) == signed.receipt


@pytest.mark.parametrize(
    "leaf_hash", ["0x00", "00" * 32, "0x" + "zz" * 32, "0x" + "00" * 33, "0x" + " 0" * 32, "ü"]
)
def test_receipt_by_no_hash_is_400(relayer: Context, leaf_hash: str) -> None:
    assert refusal(ask(relayer, "GET", f"/v1/receipts/{leaf_hash}"))[:2] == (400, "leafHash")


def test_batches_are_told_and_their_data_is_what_was_posted(world: World, relayer: Context) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(8)])
    world.round(relayer)
    listed = ask(relayer, "GET", "/v1/batches").json()["batches"]
    assert [batch["firstSeq"] for batch in listed] == [4, 0]
    name = str(batch_id(1, 4))
    told = ask(relayer, "GET", f"/v1/batches/{name}").json()
    assert told == listed[0]
    assert (told["id"], told["state"], told["count"], told["voided"]) == (name, "posted", 4, [])
    assert told["closedBecause"] == "4 receipts wait, and 4 fill a batch"
    data = ask(relayer, "GET", told["dataUri"].removeprefix("http://relayer.test"))
    assert data.headers["Content-Type"] == "application/octet-stream"
    assert int(data.headers["Content-Length"]) == len(data.content)
    assert rebuild_batch(1, 4, 4, bytes.fromhex(told["root"][2:]), data.content).count == 4


def test_batch_that_is_closed_and_not_posted_is_told(world: World, relayer: Context) -> None:
    from afterproof.steps.batch import batch

    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    batch(relayer)
    (told,) = ask(relayer, "GET", "/v1/batches").json()["batches"]
    assert (told["state"], told["count"]) == ("closed", 4)


@pytest.mark.parametrize("name", ["-1", "0x10", "1.0", "a", "1" * 30, str(2**96), "\uff11", "%20"])
def test_batch_by_no_id_is_400(relayer: Context, name: str) -> None:
    for path in (f"/v1/batches/{name}", f"/v1/batches/{name}/data"):
        assert refusal(ask(relayer, "GET", path))[:2] == (400, "id")


@pytest.mark.parametrize(
    "name", ["0", str(batch_id(1, 1)), str(batch_id(7, 0)), str(2**96 - 1), str(2**64 - 1)]
)
def test_batch_that_does_not_exist_is_404(relayer: Context, name: str) -> None:
    for path in (f"/v1/batches/{name}", f"/v1/batches/{name}/data"):
        assert refusal(ask(relayer, "GET", path))[:2] == (404, "id")


def test_health_and_readiness(world: World, relayer: Context) -> None:
    assert ask(relayer, "GET", "/health").json()["ok"] is True
    ready = ask(relayer, "GET", "/ready")
    assert (ready.status_code, ready.json()["ready"], ready.json()["lane"]) == (200, True, 1)
    world.wait(1000)
    assert ask(relayer, "GET", "/ready").status_code == 503
    assert ask(world.relayer("fresh"), "GET", "/ready").json() == {"ready": False, "lane": 1, "block": None}


@pytest.mark.parametrize(
    ("method", "path", "status", "field"),
    [
        ("GET", "/", 404, "path"),
        ("GET", "/v1/receipts/0x00/more", 404, "path"),
        ("GET", "/v1/batches/../../etc/passwd", 404, "path"),
        ("GET", "/v1/batches/%2e%2e%2fsecret/data", 404, "path"),
        ("GET", "/v1/receipts", 405, "method"),
        ("DELETE", "/v1/batches", 405, "method"),
        ("POST", "/health", 405, "method"),
    ],
)
def test_other_paths_and_methods_are_refused_in_the_same_form(
    relayer: Context, method: str, path: str, status: int, field: str
) -> None:
    assert refusal(ask(relayer, method, path))[:2] == (status, field)
