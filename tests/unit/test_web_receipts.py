"""The relayer's HTTP interface, in process: handing receipts in.

POST /v1/receipts
├── one receipt → 200 with its place; again → the same
├── an array → 200 with a place or an error for each, in order
├── what is no receipt, whatever the bytes → 4xx naming field and rule, nothing stored, never 5xx
├── a receipt that breaks a rule of the protocol → 422 naming field and rule, nothing stored
├── a body too large → 413 before it is read whole; no JSON by its headers → 415
├── before the chain was followed → 503 with Retry-After
├── on a lane that promises → its promise, for the beneficiary named; beyond what it may promise → 429 with Retry-After
└── when the disk fails → 503, nothing accepted, no traceback
"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.protocol.promise import HeldPromise
from afterproof.protocol.receipt import hex0x
from afterproof.steps import Context
from afterproof.web.receipts_body import MAX_ITEMS
from tests.support.databases import on_both
from tests.support.http import JSON, ask, hand_in, refusal
from tests.support.world import PROMISER, World

pytestmark = on_both


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


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
        "promise": None,
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


def test_a_whole_number_is_an_integer_however_it_is_written(world: World, relayer: Context) -> None:
    signed = world.signed(1)
    changed = with_(signed.to_json(), float(signed.receipt.issued_at), "receipt", "issuedAt")
    assert hand_in(relayer, changed).json()["leafHash"] == "0x" + signed.leaf.hash.hex()


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
            from afterproof.errors import StoreUnavailable

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


# --- promises ---------------------------------------------------------------------------------------


@pytest.fixture
def promising(tmp_path: Path) -> tuple[World, Context]:
    world = World(tmp_path, ahead=3)
    context = world.relayer()
    world.round(context)
    return world, context


def test_receipt_is_answered_with_a_promise_for_its_beneficiary(promising: tuple[World, Context]) -> None:
    world, relayer = promising
    signed = world.signed(1)
    holder = "0x" + "0b" * 20
    answer = hand_in(relayer, signed.to_json() | {"beneficiary": holder}).json()
    held = HeldPromise.from_json(answer["promise"])
    assert held.holds(signed.leaf.hash) and held.seq == answer["seq"]
    assert held.signed.signer(relayer.promise_domain) == PROMISER.address
    assert hex0x(held.signed.promise.beneficiary) == holder
    assert hand_in(relayer, signed.to_json()).json() == answer
    asked = ask(relayer, "GET", f"/v1/receipts/{answer['leafHash']}").json()
    assert (asked["standing"], asked["promise"]) == ("Promised", answer["promise"])


@pytest.mark.parametrize(
    "value", [7, "", "0x", "0x" + "0b" * 19, "0b" * 20, [], {}, "0xFB6916095cA1df60bb79ce92ce3ea74c37c5d359"]
)
def test_beneficiary_that_is_no_address_is_400(promising: tuple[World, Context], value: object) -> None:
    world, relayer = promising
    status, field, _ = refusal(hand_in(relayer, world.signed(1).to_json() | {"beneficiary": value}))
    assert (status, field) == (400, "beneficiary")
    assert relayer.store.receipts.count(1) == 0


def test_beyond_what_the_lane_may_promise_it_is_429_with_retry_after(
    promising: tuple[World, Context],
) -> None:
    world, relayer = promising
    answers = hand_in(relayer, [world.signed(n).to_json() for n in range(4)]).json()
    assert [answer.get("seq") for answer in answers] == [0, 1, 2, None]
    assert answers[3]["error"]["status"] == 429
    response = hand_in(relayer, world.signed(9).to_json())
    assert refusal(response)[:2] == (429, "relayer")
    assert response.headers["Retry-After"] == "5"
    assert hand_in(relayer, world.signed(1).to_json()).status_code == 200
