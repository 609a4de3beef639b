"""POST /settle_data and GET /settle/{jobId}, asked by a gateway-shaped client over a real server.

POST /settle_data
├── when the type is private
│   └── it should answer 202 with no job and store nothing, whatever the data is
├── when it is batch
│   ├── it should answer 202 with a job and our promise, each spelling alike, and the same again when repeated
│   ├── it should take a header of a MiB, and refuse one that is larger
│   └── the receipt should become final on chain, and the job say so at every standing
├── when it is individual
│   └── its batch should close at once, also after a restart, and the promise be payable to its eth_address
├── given a missing or malformed field → 400 that names it as the gateway does
├── given a wrong signature, an unknown node, an old time → 400 in words
└── given a lane that may promise no more, a relayer that is behind, trouble of its own → 429 or 503, with Retry-After
GET /settle/{jobId}
└── given no job of that name → 404 in words
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from afterproof.errors import StoreUnavailable
from afterproof.protocol.promise import HeldPromise
from afterproof.steps import Context
from afterproof.steps.batch import batch
from tests.support.tee_gateway import TeeGateway, served
from tests.support.world import OPERATOR, OWNER, World

MIB = 2**20


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, max_age=60.0, ahead=3)


@pytest.fixture
def relayer(world: World) -> Context:
    return world.relayer()


@pytest.fixture
def gateway(world: World, relayer: Context) -> Iterator[TeeGateway]:
    with served(relayer) as url:
        gateway = TeeGateway(url)
        world.chain.account_view(OWNER).endorse(gateway.public_key, OPERATOR)
        world.wait(2)
        world.round(relayer)
        yield gateway


def stored(relayer: Context) -> int:
    return relayer.store.receipts.count(relayer.lane)


def error(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    sentence = answer.json()["error"]
    assert isinstance(sentence, str)
    return sentence


def test_private_is_stored_nowhere(world: World, relayer: Context, gateway: TeeGateway) -> None:
    whole = gateway.settlement(world.now)
    for data in (None, whole, "no base64"):
        answer = gateway.settle("private", data)
        assert answer.status_code == 202
        assert set(answer.json()) == {"settlementJob", "notes"} and answer.json()["settlementJob"] is None
    assert stored(relayer) == 0
    secret = bytes.fromhex(whole["input_hash"])
    assert not any(secret in path.read_bytes() for path in world.folder.rglob("*") if path.is_file())


def test_batch_becomes_final_on_chain_and_the_job_says_so(
    world: World, relayer: Context, gateway: TeeGateway
) -> None:
    answer = gateway.settle("batch", gateway.settlement(world.now))
    assert answer.status_code == 202
    job = answer.json()["settlementJob"]
    assert (job["status"], job["settlementType"], job["seq"]) == ("queued", "batch", 0)
    assert isinstance(job["queue"], str) and job["createdAt"].endswith("Z")
    assert HeldPromise.from_json(job["promise"]).signed.promise.lane == relayer.lane
    world.round(relayer)
    assert gateway.job(job["jobId"]).json()["status"] == "queued"
    world.wait(11)
    world.round(relayer)
    told = gateway.job(job["jobId"]).json()
    assert (told["status"], told["settlementType"]) == ("processing", "batch")
    assert told["result"]["standing"] == "Posted"
    world.wait(world.terms.window + 1)
    world.round(relayer)
    told = gateway.job(job["jobId"]).json()
    assert told["status"] == "succeeded" and "error" not in told
    known, inclusion = told["result"], told["result"]["inclusion"]
    words = bytes.fromhex(known["words"][2:])
    proof = [bytes.fromhex(one[2:]) for one in inclusion["proof"]]
    standing = relayer.chain.standing(int(inclusion["batch"]), inclusion["index"], words, proof)  # type: ignore[arg-type]
    assert standing.name == "FINAL"
    assert words[:32] == gateway.tee_id


def test_every_spelling_is_the_same_answer(world: World, relayer: Context, gateway: TeeGateway) -> None:
    data = gateway.settlement(world.now)
    first = gateway.settle("batch", data).json()["settlementJob"]
    camel = {
        "teeId": data["tee_id"][2:].upper(),
        "inputHash": "0x" + data["input_hash"],
        "outputHash": "0x" + data["output_hash"],
        "teeSignature": data["tee_signature"],
        "timestamp": int(data["tee_timestamp"]),
    }
    spaced = {name.replace("_", " "): value for name, value in data.items()}
    both = data | {"timestamp": "1"}
    for again in (data, camel, spaced, both):
        for kind in ("batch", "BATCH"):
            answer = gateway.settle(kind, again)
            assert answer.status_code == 202
            assert answer.json()["settlementJob"] == first
    assert stored(relayer) == 1


def test_individual_is_posted_at_once_and_pays_its_user(
    world: World, relayer: Context, gateway: TeeGateway
) -> None:
    user = "0x" + "ab" * 20
    more = {"input": {"messages": [{"role": "user"}]}, "output": "hello", "eth_address": user}
    queued = gateway.settle("batch", gateway.settlement(world.now, b"other")).json()["settlementJob"]
    world.round(relayer)
    assert relayer.store.batches.last_closed(relayer.lane) is None
    data = gateway.settlement(world.now) | more | {"timestamp": str(world.now)}
    job = gateway.settle("individual", data).json()["settlementJob"]
    assert (job["settlementType"], job["seq"]) == ("individual", 1)
    assert HeldPromise.from_json(job["promise"]).signed.promise.beneficiary.hex() == "ab" * 20
    restarted = world.relayer()
    batch(restarted)
    closed = restarted.store.batches.last_closed(relayer.lane)
    assert closed is not None and closed.count == 2
    assert closed.reason == "a receipt was handed in to be posted at once"
    world.round(relayer)
    for name, kind in ((job["jobId"], "individual"), (queued["jobId"], "batch")):
        told = gateway.job(name).json()
        assert (told["status"], told["settlementType"]) == ("processing", kind)
    # What has been posted hurries nobody after it.
    gateway.settle("batch", gateway.settlement(world.now, b"third"))
    assert not batch(relayer)


def test_header_may_have_a_mib_and_no_more(world: World, relayer: Context, gateway: TeeGateway) -> None:
    data = gateway.settlement(world.now)
    overhead = len(json.dumps(data | {"input": ""}))
    data["input"] = "x" * (MIB // 4 * 3 - overhead)
    header = base64.b64encode(json.dumps(data).encode()).decode()
    assert len(header) == MIB
    assert gateway.settle("individual", header).status_code == 202
    sentence = error(gateway.settle("individual", header + "=="), 400)
    assert sentence == f"x-settlement-data must be at most {MIB} bytes"
    assert gateway.settle("individual", "A" * (2 * MIB)).status_code == 431
    assert gateway.settle("private").status_code == 202
    assert stored(relayer) == 1


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"tee_id": None}, "tee_id is missing"),
        ({"tee_timestamp": None}, "tee_timestamp is missing"),
        ({"tee_timestamp": ""}, "tee_timestamp is missing"),
        ({"input_hash": None}, "input_hash is missing"),
        ({"output_hash": None}, "output_hash is missing"),
        ({"tee_signature": None}, "tee_signature is missing"),
        ({"tee_id": "0x12"}, "tee_id must"),
        ({"input_hash": "zz" * 32}, "input_hash must"),
        ({"output_hash": 7}, "output_hash must"),
        ({"tee_signature": "***"}, "tee_signature must be base64"),
        ({"tee_signature": ["a"]}, "tee_signature must be base64"),
        ({"tee_timestamp": "soon"}, "tee_timestamp must"),
        ({"tee_timestamp": str(2**64)}, "tee_timestamp must"),
        ({"tee_timestamp": -1}, "tee_timestamp must"),
        ({"tee_timestamp": True}, "tee_timestamp must"),
        ({"tee_timestamp": "9" * 5000}, "tee_timestamp must"),
        ({"tee_timestamp": "1"}, "tee_timestamp is too long ago"),
        ({"tee_timestamp": str(2**63)}, "tee_timestamp is in the future"),
        ({"eth_address": "0x12"}, "eth_address is not an address"),
        ({"inputHash": "00" * 32}, "inputHash stands there twice"),
        ({"tee_id": "0x" + "77" * 32}, "tee_id is not registered"),
        ({"tee_signature": base64.b64encode(bytes(256)).decode()}, "tee_signature does not verify"),
        ({"tee_signature": base64.b64encode(bytes(999)).decode()}, "tee_signature "),
        ({"output_hash": "11" * 32}, "tee_signature does not verify"),
    ],
)
def test_what_is_wrong_is_named(
    world: World, relayer: Context, gateway: TeeGateway, change: dict[str, Any], names: str
) -> None:
    whole = gateway.settlement(world.now) | change
    data = {name: value for name, value in whole.items() if value is not None}
    for kind in ("batch", "individual"):
        assert error(gateway.settle(kind, data), 400).startswith(names)
    assert stored(relayer) == 0


@pytest.mark.parametrize(
    ("kind", "data", "names"),
    [
        (None, None, "x-settlement-type is missing"),
        ("bulk", None, "x-settlement-type must be one of private, batch, individual"),
        ("batch", None, "x-settlement-data is missing"),
        ("batch", "%%%", "x-settlement-data must be base64"),
        ("batch", "bm8ganNvbg==", "x-settlement-data must be JSON"),
        ("batch", [1], "x-settlement-data must be base64 of a JSON object"),
        ("batch", base64.b64encode(b"[" * 5000).decode(), "x-settlement-data must hold at most"),
    ],
)
def test_headers_that_say_nothing_are_named(
    gateway: TeeGateway, kind: str | None, data: object, names: str
) -> None:
    assert error(gateway.settle(kind, data), 400).startswith(names)


def test_lane_that_may_promise_no_more_is_429(world: World, gateway: TeeGateway) -> None:
    for n in range(3):
        assert gateway.settle("batch", gateway.settlement(world.now, b"%d" % n)).status_code == 202
    full = gateway.settle("batch", gateway.settlement(world.now))
    assert "promised all numbers" in error(full, 429) and int(full.headers["Retry-After"]) > 0


def test_relayer_that_is_behind_is_503(world: World, gateway: TeeGateway) -> None:
    world.wait(1000)
    for one in (gateway, TeeGateway(gateway.url)):
        behind = one.settle("batch", one.settlement(world.now))
        assert error(behind, 503) and int(behind.headers["Retry-After"]) > 0


@pytest.mark.parametrize("name", ["settlement-", "settlement-" + "00" * 32, "00" * 32, "payment-1", "%2e%2e"])
def test_job_that_does_not_exist_is_404(gateway: TeeGateway, name: str) -> None:
    assert error(gateway.job(name), 404).startswith("jobId is of no settlement job here")


def test_own_trouble_is_a_sentence_too(
    world: World, relayer: Context, gateway: TeeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreUnavailable("the database: disk full")

    monkeypatch.setattr(relayer.store.receipts, "add_all", full)
    answer = gateway.settle("batch", gateway.settlement(world.now))
    assert "its log says why" in error(answer, 503) and int(answer.headers["Retry-After"]) > 0
    assert stored(relayer) == 0
