"""The relayer's HTTP interface, in process: asking.

GET /v1/receipts/{leafHash}: standing, timeline, a proof that holds; 400 and 404 in words
GET /v1/batches, /v1/batches/{id}, /v1/batches/{id}/data: what was posted, its bytes; 400 and 404 in words
GET /health, /ready
any other path or method: 404 and 405 in the same form
"""

from pathlib import Path

import pytest

from afterproof.protocol.batching import rebuild_batch
from afterproof.protocol.header import batch_id
from afterproof.protocol.merkle import root_of
from afterproof.protocol.receipt import Leaf, Receipt, keccak
from afterproof.steps import Context
from tests.support.http import ask, hand_in, refusal
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


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


@pytest.mark.parametrize("name", ["-1", "0x10", "1.0", "a", "1" * 30, "\uff11", "%20"])
def test_batch_by_no_id_is_400(relayer: Context, name: str) -> None:
    for path in (f"/v1/batches/{name}", f"/v1/batches/{name}/data"):
        assert refusal(ask(relayer, "GET", path))[:2] == (400, "id")


@pytest.mark.parametrize(
    "name",
    ["0", str(batch_id(1, 1)), str(batch_id(7, 0)), str(2**96 - 1), str(2**96), "9" * 29, str(2**64 - 1)],
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
    fresh = ask(world.relayer("fresh"), "GET", "/ready").json()
    assert (fresh["ready"], fresh["lane"], fresh["block"]) == (False, 1, None)
    assert {name: one["ok"] for name, one in fresh["checks"].items()} == {
        "store": True, "chain": False, "disk": True, "lane": False,
    }  # fmt: skip


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
