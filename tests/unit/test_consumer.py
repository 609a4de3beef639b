"""ReceiptConsumer: what every dApp inherits.

demanding (`demands`)
├── given any standing and any assurance → it should pass exactly what reaches both minima; Voided reaches none
├── when another standing than Posted or Final is demanded → it should revert
├── when the leaf is not there: absurd batch or index, scrambled leaf, no, short, long or huge proof → a precise error
├── when the calldata is no ABI encoding → it should revert, never with a panic
├── given a node that the registry does not know → it should revert: the leaf is void
└── given an assurance that falls, or a standing that becomes Voided, later → it should revert from then on
consuming (`consumes`)
├── when nobody asked with the nonce → it should revert
├── when the question has its answer, by this or another receipt → it should revert
├── when the receipt is for another request → it should revert
├── when the receipt was consumed: in the same place, another batch, another lane, under another signature → revert
├── when the leaf reaches too little → it should revert and consume nothing
├── when whoever is called by the body comes back → it should find the receipt consumed
└── else → consume, whoever calls
asking
├── given any two questions of one consumer or of two → their nonces should differ
└── given a nonce → it should be open until its answer
predicates
└── given nonsense → they should answer false, never revert
costs
└── given a leaf among 1, and among 1,024 → the modifiers should cost no more than stated
"""

import pytest
from eth_utils import keccak as eth_keccak

from afterproof.protocol.receipt import ZERO, Leaf, Receipt
from afterproof.protocol.terms import ETHER
from tests.support.abi import CODEC
from tests.support.evm import Contract, Evm, Reverted, reverts
from tests.support.placed import NOWHERE, Placed, placed
from tests.support.scene import Scene, Standing, secp_signer

UNKNOWN, SIGNED, PROMISED, POSTED, FINAL, VOIDED = Standing
NONE, ENDORSED, UNCHALLENGED, PROVEN = range(4)
QUESTION = eth_keccak(b"the consumer's question")


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def consumer(scene: Scene) -> Contract:
    return scene.pair.evm.deploy("ConsumerHarness", scene.pair.settlement)


@pytest.fixture
def stub() -> Contract:
    return Evm().deploy("SettlementStub")


def ask(consumer: Contract, sender: object) -> bytes:
    return consumer.send("ask", sender=sender).value


def answer(scene: Scene, request: bytes = QUESTION, number: int = 0) -> Leaf:
    """A node's signed answer; ``number`` tells answers to one request apart."""
    response = eth_keccak(b"answer %d" % number)
    receipt = Receipt(scene.secp.node, ZERO, request, response, ZERO, scene.now)
    return scene.secp.sign(receipt, scene.domain).leaf


def posted(scene: Scene, *leaves: Leaf) -> Placed:
    return placed(scene.post(*leaves or [answer(scene)]))


# --- demanding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", list(Standing))
@pytest.mark.parametrize("assurance", range(4))
def test_demands_of_any_standing_and_assurance_passes_what_reaches_both(
    stub: Contract, found: Standing, assurance: int
) -> None:
    consumer = stub.evm.deploy("ConsumerHarness", stub)
    stub.send("say", found, assurance, sender=stub.evm.accounts[0])
    reaching = {POSTED: {POSTED, FINAL}, FINAL: {FINAL}}
    node = NOWHERE[2][0]
    for demanded in Standing:
        settled = found in reaching.get(demanded, ())
        assert consumer.call("isSettled", NOWHERE, demanded) is settled
        for least in range(4):
            assert consumer.call("isAssured", 1, node, least) is (assurance >= least)
            assert consumer.call("isAcceptable", NOWHERE, demanded, least) is (settled and assurance >= least)
            if demanded not in reaching:
                with reverts("NotDemandable", demanded):
                    consumer.call("look", NOWHERE, demanded, least)
            elif not settled:
                with reverts("NotSettled", found, demanded):
                    consumer.call("look", NOWHERE, demanded, least)
            elif assurance < least:
                with reverts("NotAssured", node, assurance, least):
                    consumer.call("look", NOWHERE, demanded, least)
            else:
                consumer.call("look", NOWHERE, demanded, least)


def test_demands_of_a_life_follows_it(scene: Scene, consumer: Contract) -> None:
    batch = scene.post(answer(scene), answer(scene, number=1))
    at = placed(batch)
    consumer.call("look", at, POSTED, ENDORSED)
    with reverts("NotSettled", POSTED, FINAL):
        consumer.call("look", at, FINAL, ENDORSED)
    with reverts("NotAssured", scene.secp.node, ENDORSED, UNCHALLENGED):
        consumer.call("look", at, POSTED, UNCHALLENGED)
    scene.end_window(batch, 0)
    with reverts("NotSettled", POSTED, FINAL):
        consumer.call("look", at, FINAL, ENDORSED)
    scene.wait(1)
    for demanded in (POSTED, FINAL):
        consumer.call("look", at, demanded, ENDORSED)


def malformed(at: Placed) -> list[Placed]:
    """The same leaf, wrongly placed in every way."""
    batch, index, leaf, proof = at
    wrong = [(b, index, leaf, proof) for b in (0, batch + 1, batch + (1 << 64), 1 << 96, 2**256 - 1)]
    wrong += [(batch, i, leaf, proof) for i in (0, index + 1, 5, 2**20, 2**64, 2**256 - 1)]
    wrong += [(batch, index, [*leaf[:i], bytes(32), *leaf[i + 1 :]], proof) for i in (0, 2, 3, 5, 6)]
    wrong += [(batch, index, [*leaf[:5], b"\xff" * 32, leaf[6]], proof)]
    proofs = [[], proof[:-1], [*proof, bytes(32)], [bytes(32), *proof[1:]], proof[::-1], [bytes(32)] * 3_000]
    return wrong + [(batch, index, leaf, p) for p in proofs]


def test_demands_of_a_leaf_that_is_not_there_reverts(scene: Scene, consumer: Contract) -> None:
    at = placed(scene.post(*[answer(scene, number=i) for i in range(5)]), 1)
    for wrong in malformed(at):
        with reverts("NotSettled", UNKNOWN, POSTED):
            consumer.call("look", wrong, POSTED, NONE)
        assert not consumer.call("isSettled", wrong, POSTED)
        assert not consumer.call("isAcceptable", wrong, POSTED, NONE)


def test_consumer_given_calldata_that_is_no_encoding_never_panics(scene: Scene, consumer: Contract) -> None:
    at, nonce = posted(scene), ask(consumer, scene.stranger)
    calls = {
        "act": (nonce, QUESTION, at, POSTED, NONE),
        "look": (at, POSTED, NONE),
        "isSettled": (at, POSTED),
        "isAcceptable": (at, POSTED, NONE),
    }
    for function, arguments in calls.items():
        entry = consumer.interface.function(function, len(arguments))
        good = entry.encode(arguments)
        # Each word by turns as large as can be, just too large for memory, or zero; and the end cut off.
        for start in range(4, len(good), 32):
            for word in (2**256 - 1, 2**64, 2**64 - 1, 0):
                bad = good[:start] + word.to_bytes(32) + good[start + 32 :]
                assert refusal(consumer, scene, bad) in {"", "NotSettled", *REFUSALS}
        for length in range(4, len(good), 37):
            assert refusal(consumer, scene, good[:length]) in {"", *REFUSALS}


#: What a consumer may say of arguments that are well-formed and wrong.
REFUSALS = {"went through", "NotSettled", "UnknownNonce", "WrongRequest", "NotDemandable", "NotAssured"}


def refusal(consumer: Contract, scene: Scene, data: bytes) -> str:
    before = scene.pair.evm.snapshot()
    try:
        scene.pair.evm.transfer(consumer, 0, sender=scene.prover, data=data)
    except Reverted as reverted:
        return reverted.name
    finally:
        scene.pair.evm.restore(before)
    return "went through"


def test_demands_of_an_unknown_node_reverts(scene: Scene, consumer: Contract) -> None:
    stranger = secp_signer(77)
    batch = scene.post(scene.leaf(1, stranger))
    scene.end_window(batch)
    with reverts("NotSettled", VOIDED, POSTED):
        consumer.call("look", placed(batch), POSTED, NONE)
    assert not consumer.call("isAssured", batch.id, stranger.node, ENDORSED)


def test_demands_of_what_becomes_void_reverts_from_then_on(scene: Scene, consumer: Contract) -> None:
    batch = scene.post(scene.forged(1), scene.leaf(2))
    for index in range(2):
        consumer.call("look", placed(batch, index), POSTED, ENDORSED)
    scene.prove(batch, 0)
    scene.pair.act("revoke", scene.owner, scene.secp.node, scene.now, "stolen")
    for index in range(2):
        with reverts("NotSettled", VOIDED, POSTED):
            consumer.call("look", placed(batch, index), POSTED, ENDORSED)


def test_demands_given_an_assurance_that_falls_after_final_reverts(stub: Contract) -> None:
    consumer, account = stub.evm.deploy("ConsumerHarness", stub), stub.evm.accounts[0]
    stub.send("say", FINAL, PROVEN, sender=account)
    consumer.send("look", NOWHERE, FINAL, PROVEN, sender=account)
    stub.send("say", FINAL, UNCHALLENGED, sender=account)
    with reverts("NotAssured", bytes(32), UNCHALLENGED, PROVEN):
        consumer.send("look", NOWHERE, FINAL, PROVEN, sender=account)
    assert consumer.call("acted") == 1


# --- consuming --------------------------------------------------------------------------------------


def test_consumes_by_anyone_consumes(scene: Scene, consumer: Contract) -> None:
    nonce, leaf = ask(consumer, scene.stranger), answer(scene)
    at = posted(scene, answer(scene, number=9), leaf)
    at = placed(scene.batches[at[0]], 1)
    assert consumer.call("isOpen", nonce) and not consumer.call("isConsumed", leaf.receipt.hash)
    result = consumer.send("act", nonce, QUESTION, at, POSTED, ENDORSED, sender=scene.prover)
    assert result.events == [
        (
            "Consumed",
            {
                "receiptHash": leaf.receipt.hash,
                "nonce": nonce,
                "batchId": at[0],
                "index": 1,
                "found": POSTED,
            },
        )
    ]
    assert consumer.call("acted") == 1
    assert consumer.call("isConsumed", leaf.receipt.hash) and not consumer.call("isOpen", nonce)
    assert consumer.call("consumedFor", leaf.receipt.hash) == nonce
    assert consumer.call("receiptHashOf", at[2]) == leaf.receipt.hash


def test_consumes_for_an_unknown_nonce_reverts(scene: Scene, consumer: Contract) -> None:
    at = posted(scene)
    for nonce in (bytes(32), b"\xff" * 32, QUESTION):
        with reverts("UnknownNonce", nonce):
            consumer.send("act", nonce, QUESTION, at, POSTED, NONE, sender=scene.stranger)
        assert consumer.call("askerOf", nonce) == "0x" + 40 * "0"


def test_consumes_a_second_answer_to_one_question_reverts(scene: Scene, consumer: Contract) -> None:
    batch = scene.post(answer(scene), answer(scene, number=1))
    nonce = ask(consumer, scene.stranger)
    consumer.send("act", nonce, QUESTION, placed(batch, 0), POSTED, NONE, sender=scene.stranger)
    for index in range(2):
        with reverts("AlreadyAnswered", nonce):
            consumer.send("act", nonce, QUESTION, placed(batch, index), POSTED, NONE, sender=scene.stranger)


def test_consumes_a_receipt_for_another_request_reverts(scene: Scene, consumer: Contract) -> None:
    nonce, other = ask(consumer, scene.stranger), eth_keccak(b"another's question")
    with reverts("WrongRequest", other, QUESTION):
        at = posted(scene, answer(scene, other))
        consumer.send("act", nonce, QUESTION, at, POSTED, NONE, sender=scene.stranger)


def test_consumes_a_receipt_again_wherever_it_stands_reverts(scene: Scene, consumer: Contract) -> None:
    # A consumer that derives one request from two nonces is still kept from acting twice on one receipt.
    leaf = answer(scene)
    scene.pair.act("open_lane", scene.stranger, scene.poster, scene.poster, 0, value=10 * ETHER)
    places = [posted(scene, leaf), posted(scene, leaf), placed(scene.post(leaf, lane=2))]
    places.append(posted(scene, Leaf(leaf.receipt, b"another signature")))
    first, *others = [ask(consumer, scene.stranger) for _ in range(5)]
    consumer.send("act", first, QUESTION, places[0], POSTED, NONE, sender=scene.stranger)
    for nonce, at in zip(others, [places[0], *places[1:]], strict=True):
        assert consumer.call("isSettled", at, POSTED)
        with reverts("AlreadyConsumed", leaf.receipt.hash, first):
            consumer.send("act", nonce, QUESTION, at, POSTED, NONE, sender=scene.stranger)
        assert consumer.call("isOpen", nonce)


def test_consumes_what_reaches_too_little_reverts_and_consumes_nothing(
    scene: Scene, consumer: Contract
) -> None:
    nonce = ask(consumer, scene.stranger)
    batch = scene.post(answer(scene))
    for standing, least, error in ((FINAL, NONE, "NotSettled"), (POSTED, PROVEN, "NotAssured")):
        with reverts(error):
            consumer.send("act", nonce, QUESTION, placed(batch), standing, least, sender=scene.stranger)
    assert consumer.call("isOpen", nonce)
    scene.end_window(batch)
    consumer.send("act", nonce, QUESTION, placed(batch), FINAL, ENDORSED, sender=scene.stranger)


def test_consumes_given_an_asker_that_comes_back_lets_it_in_once(scene: Scene, consumer: Contract) -> None:
    evm = scene.pair.evm
    asker = evm.deploy("ReenteringCaller")
    asker.send("run", consumer, call_data(consumer, "ask"), b"", sender=scene.stranger)
    nonce = nonce_of(consumer, asker)
    act = call_data(consumer, "act", nonce, QUESTION, posted(scene), POSTED, NONE)
    asker.send("run", consumer, act, act, sender=scene.stranger)
    assert (asker.call("entered"), asker.call("succeeded"), consumer.call("acted")) == (1, 0, 1)


def call_data(contract: Contract, function: str, *arguments: object) -> bytes:
    return contract.interface.function(function, len(arguments)).encode(arguments)


def nonce_of(consumer: Contract, asker: Contract, number: int = 1) -> bytes:
    """The nonce of the consumer's ``number``-th question."""
    values = (31_337, consumer.address, number, asker.address)
    return eth_keccak(CODEC.encode(["uint256", "address", "uint256", "address"], values))


# --- asking -----------------------------------------------------------------------------------------


def test_ask_twice_and_elsewhere_gives_different_nonces(scene: Scene, consumer: Contract) -> None:
    twin = scene.pair.evm.deploy("ConsumerHarness", scene.pair.settlement)
    nonces = [ask(c, by) for c in (consumer, twin) for by in (scene.stranger, scene.stranger, scene.prover)]
    assert len(set(nonces)) == 6
    assert [consumer.call("isOpen", nonce) for nonce in nonces] == [True] * 3 + [False] * 3
    assert nonces[0] == nonce_of(consumer, scene.pair.evm.at("ConsumerHarness", scene.stranger))


# --- costs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leaves", [1, 1_024])
def test_modifiers_cost_no_more_than_stated(scene: Scene, consumer: Contract, leaves: int) -> None:
    batch = scene.post(answer(scene), *[answer(scene, number=i) for i in range(1, leaves)])
    scene.end_window(batch)
    nonce, at = ask(consumer, scene.stranger), placed(batch)
    demanding = consumer.call("meterDemands", at, FINAL, ENDORSED)
    consuming = consumer.call("meterConsumes", nonce, QUESTION, at, FINAL, ENDORSED)
    print(f"{leaves} leaves: demands {demanding}, consumes {consuming}")
    assert demanding <= 27_000
    assert consuming <= 60_000
