"""Handing promises to a verifier: in process, over HTTP, at the command line.

a promise
├── when the lane's key signed it, and it can be claimed → it should be taken, twice the same; 201, then 200
├── when it is none, is not signed so, is beyond the lane's reach, too late or too early → 4xx, field and rule
├── when the verifier watches as many as it may, of a client or of all → 429
├── when a client hands in too many a second → 429, and another should not be kept from it
├── when the chain was not followed, or does not answer → 503
└── when it was posted long ago, but a demand of its tile is open → it should be taken
afterproof watch
├── should say what will be done and when; then, asked for the status, what came of it
└── when the verifier is not there, or refuses, or there is no promise → a sentence
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from afterproof.protocol.promise import HeldPromise
from afterproof.protocol.receipt import SignedReceipt, hex0x
from afterproof.protocol.terms import ETHER
from afterproof.steps import Context
from afterproof.steps.claim import claim
from afterproof.steps.entrust import Crowded, Unable, Unwatched, entrust
from afterproof.steps.watch import watch
from afterproof.web.verifier import create_verifier_app
from tests.support.contract import conforms
from tests.support.databases import on_both
from tests.support.on_chain import on, refused
from tests.support.scene import secp_signer
from tests.support.watching import CLIENT, HOLDER, Watching
from tests.support.world import RELAYER, RIVAL

pytestmark = on_both


@pytest.fixture
def world(tmp_path: Path) -> Watching:
    return Watching(tmp_path)


@pytest.fixture
def verifier(world: Watching) -> Context:
    context = world.verifier()
    world.round(context)
    return context


def with_limits(verifier: Context, **limits: Any) -> Context:
    settings = replace(verifier.config.verifier, **limits)
    return replace(verifier, config=replace(verifier.config, verifier=settings))


def unwatched(verifier: Context, held: HeldPromise, receipt: SignedReceipt) -> tuple[str, str]:
    answer = entrust(verifier, held, receipt.leaf.hash, CLIENT)
    assert isinstance(answer, Unwatched), answer
    assert verifier.store.watched.count() == 0
    return answer.field, answer.rule


# --- what is taken -----------------------------------------------------------------------------------


def test_entrust_takes_a_promise_once(world: Watching, verifier: Context) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    first, again = (world.entrusted(verifier, held, receipt, client) for client in (CLIENT, "192.0.2.9"))
    assert (first.is_new, again.is_new, verifier.store.watched.count()) == (True, False, 1)
    assert replace(first, is_new=False) == again
    assert first.watched.opening.leaf_hash == receipt.leaf.hash


@pytest.mark.parametrize("seq", [20, 2**63, 2**64 - 1])
def test_entrust_of_a_number_beyond_the_lanes_reach_is_refused(
    world: Watching, verifier: Context, seq: int
) -> None:
    receipt = world.signed(1)
    field, rule = unwatched(verifier, world.promised(receipt, first_seq=seq)[0], receipt)
    assert field == "promise.promise.firstSeq" and "lies beyond" in rule
    assert len(world.promised(receipt, first_seq=19)) == 1
    world.entrusted(verifier, world.promised(receipt, first_seq=19)[0], receipt)


def test_entrust_of_a_promise_that_binds_nobody_is_refused(world: Watching, verifier: Context) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt, key=secp_signer(77))
    assert unwatched(verifier, held, receipt)[0] == "promise.signature"
    (held,) = world.promised(receipt)
    assert unwatched(verifier, held, world.signed(2)) == (
        "promise.proof",
        "must lead from leafHash to promise.root",
    )
    malformed = replace(held, signed=replace(held.signed, signature=b"\x01" * 64))
    assert unwatched(verifier, malformed, receipt)[0] == "promise.signature"
    world.lane = 9
    assert unwatched(verifier, world.promised(receipt)[0], receipt)[0] == "promise.promise.lane"


def test_entrust_of_a_promise_due_too_far_away_is_refused(world: Watching, verifier: Context) -> None:
    world.wait(60)
    world.round(verifier)
    receipt, terms = world.signed(1), world.terms
    latest = world.now + terms.max_promise_delay + terms.max_clock_skew
    (held,) = world.promised(receipt, include_by=latest + 1)
    assert unwatched(verifier, held, receipt)[0] == "promise.promise.includeBy"
    (held,) = world.promised(receipt, include_by=world.now - terms.claim_window - 1)
    field, rule = unwatched(verifier, held, receipt)
    assert field == "promise.promise.includeBy" and f"since {world.now - 1}" in rule
    (held,) = world.promised(receipt, include_by=1)
    assert "before the first terms" in unwatched(verifier, held, receipt)[1]
    for include_by in (latest, world.now - terms.claim_window):
        world.entrusted(verifier, world.promised(receipt, include_by=include_by)[0], receipt)


def test_entrust_of_what_a_leaving_lane_is_not_bound_by_is_refused(
    world: Watching, verifier: Context
) -> None:
    world.chain.account_view(RELAYER).exit_lane(world.lane)
    lane = verifier.chain.lane(world.lane)
    assert lane is not None
    world.wait(1)
    world.round(verifier)
    receipt = world.signed(1)
    (held,) = world.promised(receipt, include_by=lane.last_due + 1)
    assert "the lane leaves" in unwatched(verifier, held, receipt)[1]
    world.entrusted(verifier, world.promised(receipt, include_by=lane.last_due)[0], receipt)


def test_entrust_of_a_promise_whose_tile_is_demanded_is_taken_however_late(
    world: Watching, verifier: Context
) -> None:
    relayer, receipt = world.relayer(), world.signed(1)
    world.round(relayer)
    (held,) = world.promised(receipt)
    world.take_in(relayer, receipt)
    world.rounds(5, relayer, verifier)
    posted = verifier.store.batches.posted_with(world.lane, 0)
    assert posted is not None
    world.wait(world.terms.window - 6)
    world.chain.account_view(RIVAL).demand_tile(posted.id, 0, posted.tile_roots[0], (), ETHER // 10)
    world.wait(world.terms.claim_window + world.terms.window + 60)
    world.round(verifier)
    world.entrusted(verifier, held, receipt)


def test_entrust_beyond_the_limits_is_crowded_for_new_promises_alone(
    world: Watching, verifier: Context
) -> None:
    receipts = [world.signed(number) for number in range(4)]
    promises = world.promised(*receipts)
    tight = with_limits(verifier, watch_limit=3, watch_client_limit=2)
    for i in (0, 1):
        world.entrusted(tight, promises[i], receipts[i])
    assert isinstance(entrust(tight, promises[2], receipts[2].leaf.hash, CLIENT), Crowded)
    world.entrusted(tight, promises[1], receipts[1])
    world.entrusted(tight, promises[2], receipts[2], "192.0.2.2")
    assert isinstance(entrust(tight, promises[3], receipts[3].leaf.hash, "192.0.2.3"), Crowded)
    assert verifier.store.watched.count() == 3


def test_entrust_before_the_chain_was_followed_cannot_say(world: Watching) -> None:
    receipt = world.signed(1)
    answer = entrust(world.verifier("fresh"), world.promised(receipt)[0], receipt.leaf.hash, CLIENT)
    assert isinstance(answer, Unable)


# --- over HTTP ---------------------------------------------------------------------------------------


class Client:
    """Somebody at an address, in process."""

    def __init__(self, app: Starlette, address: str = CLIENT) -> None:
        self._app, self._address = app, address

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, client=(self._address, 50_000))
            async with httpx.AsyncClient(transport=transport, base_url="http://verifier.test") as client:
                return await client.request(method, path, **options)

        return conforms(asyncio.run(send()), "verifier")

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)


def client_of(verifier: Context) -> Client:
    return Client(create_verifier_app(verifier))


def body_of(held: HeldPromise, signed: SignedReceipt, **more: Any) -> dict[str, Any]:
    return {"leafHash": hex0x(signed.leaf.hash), "promise": held.to_json(), "lane": 1, "seq": 0, **more}


def test_post_watch_takes_the_relayers_answer_as_it_is(world: Watching, verifier: Context) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    client = client_of(verifier)
    first = client.post("/v1/watch", json=body_of(held, receipt))
    again = client.post("/v1/watch", json=body_of(held, receipt, receipt=receipt.to_json()))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == client.get(f"/v1/watch/{first.json()['id']}").json()
    due = held.signed.promise.include_by
    assert first.json() | {"id": ""} == {
        "id": "",
        "lane": 1,
        "seq": 0,
        "leafHash": hex0x(receipt.leaf.hash),
        "beneficiary": hex0x(HOLDER),
        "includeBy": due,
        "due": due,
        "claimableUntil": due + world.terms.claim_window,
        "state": "open",
        "why": None,
        "claims": [],
    }


def test_get_watch_tells_what_was_claimed(world: Watching, verifier: Context) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    client = client_of(verifier)
    identity = client.post("/v1/watch", json=body_of(held, receipt)).json()["id"]
    world.wait(world.terms.max_promise_delay + 1)
    for _ in range(3):
        world.round(verifier, steps=(watch, claim))
    answer = client.get(f"/v1/watch/{identity}").json()
    (paid,) = answer["claims"]
    assert (answer["state"], paid["fault"], paid["slashed"]) == (
        "missed",
        "MISSED_DEADLINE",
        str(world.terms.promise_slash),
    )
    assert paid["beneficiary"] == hex0x(HOLDER)


def test_post_watch_refuses_with_field_and_rule(world: Watching, verifier: Context) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    good, client = body_of(held, receipt), client_of(verifier)
    cases: list[tuple[object, int, str]] = [
        ([], 400, "body"),
        ({}, 400, "leafHash"),
        ({"leafHash": good["leafHash"]}, 400, "promise"),
        (good | {"promise": None}, 400, "promise"),
        (good | {"leafHash": "0x00"}, 400, "leafHash"),
        (good | {"promise": good["promise"] | {"index": 1}}, 400, "promise.index"),
        (good | {"receipt": world.signed(2).to_json()}, 400, "receipt"),
        (good | {"receipt": {}}, 400, "receipt"),
        (good | {"leafHash": "0x" + "11" * 32}, 422, "promise.proof"),
        ("x" * 40_000, 413, "body"),
    ]
    for body, status, field in cases:
        answer = client.post("/v1/watch", json=body)
        assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), body
    assert client.post("/v1/watch", content=b"{}").status_code == 415
    assert client.get("/v1/watch").status_code == 405
    assert client.get("/v1/watch/0x12").status_code == 400
    assert client.get(f"/v1/watch/0x{'12' * 32}").status_code == 404
    assert verifier.store.watched.count() == 0


def test_post_watch_of_too_many_a_second_is_refused_for_that_client_alone(
    world: Watching, verifier: Context
) -> None:
    app = create_verifier_app(with_limits(verifier, watch_rate=0.3))  # three at once
    busy, other = (Client(app, address) for address in (CLIENT, "192.0.2.2"))
    answers = [busy.post("/v1/watch", json={}) for _ in range(4)]
    assert [one.status_code for one in answers] == [400, 400, 400, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert other.post("/v1/watch", json={}).status_code == 400


def test_post_watch_while_the_node_does_not_answer_is_503(world: Watching, verifier: Context) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    world.chain.fail_next(1)
    answer = client_of(verifier).post("/v1/watch", json=body_of(held, receipt))
    assert (answer.status_code, answer.json()["error"]["field"]) == (503, "verifier")
    assert "Retry-After" in answer.headers
    assert client_of(verifier).post("/v1/watch", json=body_of(held, receipt)).status_code == 201


# --- the command line --------------------------------------------------------------------------------


@pytest.fixture
def served(verifier: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A verifier behind whatever address the command line asks."""
    client = client_of(verifier)

    def request(method: str, address: str, json: object = None, timeout: float = 0) -> httpx.Response:
        assert address.startswith("http://verifier.test/v1/watch")
        return client.request(method, address, json=json)

    monkeypatch.setattr("httpx.request", request)
    return verifier


AT = ("--verifier", "http://verifier.test/")


def test_watch_says_what_will_be_done_and_then_what_was(world: Watching, served: Context) -> None:
    receipts = [world.signed(1), world.signed(2)]
    files = []
    for held, receipt in zip(world.promised(*receipts), receipts, strict=True):
        files.append(str(world.folder / f"{held.seq}.json"))
        Path(files[-1]).write_text(json.dumps(body_of(held, receipt)))
    ran = on(world, RIVAL, "watch", *files, *AT)
    assert (ran.status, ran.err) == (0, "")
    assert "The promise of number 1 of lane 1 is watched: if it is not posted by 20" in ran.out
    assert on(world, RIVAL, "watch", *files, *AT, "--json").json["promises"][1]["state"] == "open"
    world.wait(world.terms.max_promise_delay + 1)
    world.round(served, steps=(watch, claim))
    world.round(served, steps=(watch, claim))
    asked = on(world, RIVAL, "watch", *files, *AT, "--status")
    assert asked.status == 1
    assert "The promise of number 0 of lane 1 was broken (missed)." in asked.out
    assert asked.out.count("claimed as missed: the lane lost 0.0001 ether, transaction 0x") == 2


def test_watch_of_a_promise_alone_needs_its_receipt(world: Watching, served: Context) -> None:
    receipts = [world.signed(1), world.signed(2)]
    held = world.promised(*receipts)[0]
    file, other = str(world.folder / "alone.json"), str(world.folder / "receipt.json")
    Path(file).write_text(json.dumps(held.to_json()))
    Path(other).write_text(json.dumps(receipts[0].to_json()))
    assert "--receipt names it" in refused(on(world, RIVAL, "watch", file, *AT))
    assert on(world, RIVAL, "watch", file, *AT, "--receipt", other).status == 0
    assert "name one FILE" in refused(on(world, RIVAL, "watch", file, file, *AT, "--receipt", other))
    Path(other).write_text(json.dumps(receipts[1].to_json()))
    said = refused(on(world, RIVAL, "watch", file, *AT, "--receipt", other))
    assert "the verifier refuses (422): promise.proof must lead" in said


def test_watch_without_a_verifier_is_a_sentence(world: Watching) -> None:
    receipt = world.signed(1)
    file = world.folder / "a.json"
    file.write_text(json.dumps(body_of(world.promised(receipt)[0], receipt)))
    assert "say --verifier URL" in refused(on(world, RIVAL, "watch", str(file)))
    gone = on(world, RIVAL, "watch", str(file), "--verifier", "http://127.0.0.1:9")
    assert "does not answer" in refused(gone)
