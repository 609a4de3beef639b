"""RobustnessBounty: a payout released by a model's answer, through its whole life, with the real gateway's model.

a life
├── asked, answered, posted → the advance, and the rest kept; Final → the rest, by either kind of node
├── given no lane, or another one → nothing on Posted, everything on Final
├── given an answer that becomes void → the advance is gone, the bounty opens again and pays at Final alone
├── given a void copy of a kept answer elsewhere → it should stay kept
└── given a kept answer void in its place and Final in another → it should pay the rest
claiming
├── when the receipt is replayed: handed in again, for another nonce, at another bounty → it should revert
├── when the nonce is unknown, the answer another's, the digit right or none, the node or model another → revert
├── when the picture has another size, or a pixel out of bounds by one → it should revert
├── when the node's assurance is too low, the proof is malicious → it should revert, and pay nothing
├── when the reward is kept
│   ├── given an answer anchored no sooner than that was handed in → it should revert, Posted or Final
│   └── given one anchored before → it should revert while Posted, and win when Final
├── when nothing is left → it should revert
└── else → credit who asked, whoever calls
settling
├── when nothing is kept, or another answer is → it should revert
├── when it is not Final, or its node is less sure than demanded by then → it should revert
└── else → credit the rest
reopening
├── when nothing is kept, or for another place → it should revert
├── when the kept answer is as good as it was, or the leaf shown is not it → it should revert
└── when it is void, or its node is less sure than demanded → it should open the bounty
reclaiming
├── when called by another, too soon by one second, while kept, or with nothing left → it should revert
└── else → credit the sponsor
paying
└── given a hunter that comes back while it is paid → it should pay once
deploying
└── when the bounty breaks a rule → it should revert
messages
└── given any nonce and picture → the gateway takes the request, and its answer is the one that the contract expects
"""

from dataclasses import replace
from typing import Any

import pytest
from eth_utils import keccak

from afterproof.protocol.batching import Batch
from afterproof.protocol.receipt import ZERO, Leaf, Receipt
from afterproof.protocol.settlement import Standing
from afterproof.protocol.signing import Signer
from afterproof.protocol.terms import ETHER
from tests.support.evm import Contract, Evm, Reverted, reverts
from tests.support.placed import NOWHERE, Placed, answered, fooled, placed, served
from tests.support.scene import Scene, secp_signer

UNKNOWN, POSTED, FINAL, VOIDED = Standing.UNKNOWN, Standing.POSTED, Standing.FINAL, Standing.VOIDED
ENDORSED, UNCHALLENGED = 1, 2
TOLERANCE, REWARD, ADVANCE, LIFE = 2, 5 * ETHER, ETHER, 1_000
PICTURE, LABEL, NUDGED, DIGIT = fooled(TOLERANCE)


def bounty_of(**changes: Any) -> dict[str, Any]:
    """A bounty as the ABI's `Bounty`: on one node's answers, advanced on lane 1."""
    plain = {"picture": PICTURE, "node": secp_signer().node, "model": ZERO, "label": LABEL}
    return (
        plain
        | {"tolerance": TOLERANCE, "assurance": ENDORSED, "lane": 1, "advance": ADVANCE, "endsAt": 0}
        | changes
    )


class Hunt:
    """A scene with a bounty on the secp256k1 node's answers, advanced on lane 1; lane 2 is a stranger's."""

    def __init__(self) -> None:
        self.scene = scene = Scene()
        scene.pair.act("open_lane", scene.stranger, scene.poster, scene.poster, 0, value=10 * ETHER)
        self.evm = scene.pair.evm
        self.sponsor, self.hunter, self.rival, self.anyone = self.evm.accounts[6:10]
        self.ends_at = scene.now + LIFE
        self.bounty = self.deploy()

    def deploy(self, value: int = REWARD, **changes: Any) -> Contract:
        about = bounty_of(**{"endsAt": self.ends_at} | changes)
        settlement = self.scene.pair.settlement
        return self.evm.deploy("RobustnessBounty", settlement, about, sender=self.sponsor, value=value)

    def ask(self, by: Any = None) -> bytes:
        return self.bounty.send("ask", sender=by or self.hunter).value

    def answer(self, nonce: bytes, signer: Signer | None = None, picture: bytes = NUDGED) -> Leaf:
        """What the node's gateway answers to the request that the contract writes."""
        body = self.bounty.call("requestBody", nonce, picture)
        return answered(self.scene, body, signer)[0]

    def forged(self, nonce: bytes) -> Leaf:
        return replace(self.answer(nonce), signature=b"never signed")

    def claim(self, nonce: bytes, at: Placed, picture: bytes = NUDGED, digit: int = DIGIT) -> None:
        self.bounty.send("claim", nonce, picture, digit, at, sender=self.anyone)

    def posted(self, *leaves: Leaf, lane: int = 1) -> Placed:
        return placed(self.scene.post(*leaves, lane=lane))

    def batch(self, at: Placed) -> Batch:
        return self.scene.batches[at[0]]

    def kept(self) -> tuple[bytes, Placed]:
        """A question whose good answer was handed in while Posted."""
        nonce = self.ask()
        at = self.posted(self.answer(nonce))
        self.claim(nonce, at)
        return nonce, at

    def lost(self) -> tuple[bytes, Placed]:
        """A question whose forged answer was handed in while Posted, and proven."""
        nonce = self.ask()
        at = self.posted(self.forged(nonce))
        self.claim(nonce, at)
        self.scene.prove(self.batch(at), 0)
        return nonce, at

    def end_window(self, at: Placed) -> None:
        self.scene.end_window(self.batch(at))

    def credit(self, account: Any) -> int:
        return self.bounty.call("credits", account)

    def check_money(self) -> None:
        """Everything held is somebody's."""
        accounts = (self.sponsor, self.hunter, self.rival, self.anyone)
        owed = sum(map(self.credit, accounts)) + self.bounty.call("reward")
        assert self.evm.balance(self.bounty) == owed


@pytest.fixture
def hunt() -> Hunt:
    return Hunt()


# --- a life -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["secp", "rsa"])
def test_life_of_a_good_answer_pays_the_advance_and_then_the_rest(hunt: Hunt, scheme: str) -> None:
    signer = getattr(hunt.scene, scheme)
    hunt.bounty = hunt.deploy(node=signer.node)
    nonce = hunt.ask()
    at = hunt.posted(hunt.scene.leaf(1), hunt.answer(nonce, signer), hunt.scene.leaf(2))
    at = placed(hunt.batch(at), 1)
    result = hunt.bounty.send("claim", nonce, NUDGED, DIGIT, at, sender=hunt.anyone)
    assert result.event("Earned") == {"nonce": nonce, "hunter": hunt.hunter, "amount": ADVANCE}
    assert hunt.bounty.call("keptFor") == nonce
    assert (hunt.credit(hunt.hunter), hunt.bounty.call("reward")) == (ADVANCE, REWARD - ADVANCE)
    hunt.check_money()
    hunt.end_window(at)
    result = hunt.bounty.send("settle", at, sender=hunt.anyone)
    assert result.event("Earned")["amount"] == REWARD - ADVANCE
    before = hunt.evm.balance(hunt.hunter)
    hunt.bounty.send("withdraw", hunt.hunter, sender=hunt.hunter)
    assert hunt.evm.balance(hunt.hunter) == before + REWARD
    assert hunt.bounty.call("reward") == hunt.evm.balance(hunt.bounty) == 0


@pytest.mark.parametrize("changes", [{"lane": 0, "advance": 0}, {"lane": 2}])
def test_life_on_a_lane_that_is_not_trusted_pays_everything_at_final(
    hunt: Hunt, changes: dict[str, int]
) -> None:
    hunt.bounty = hunt.deploy(**changes)
    nonce = hunt.ask()
    at = hunt.posted(hunt.answer(nonce))
    with reverts("NotSettled", POSTED, FINAL):
        hunt.claim(nonce, at)
    hunt.end_window(at)
    hunt.claim(nonce, at)
    assert hunt.credit(hunt.hunter) == REWARD
    assert hunt.bounty.call("keptFor") == bytes(32)
    hunt.check_money()


def test_life_of_a_void_answer_costs_the_advance_once_and_opens_again(hunt: Hunt) -> None:
    nonce, at = hunt.lost()
    assert hunt.credit(hunt.hunter) == ADVANCE
    with reverts("NotSettled", VOIDED, FINAL):
        hunt.bounty.send("settle", at, sender=hunt.anyone)
    assert hunt.bounty.send("reopen", at, sender=hunt.anyone).event("Reopened") == {"nonce": nonce}
    # A second forgery keeps the reward for a while and earns nothing.
    again, second = hunt.lost()
    assert hunt.bounty.call("keptFor") == again
    hunt.bounty.send("reopen", second, sender=hunt.anyone)
    assert (hunt.credit(hunt.hunter), hunt.bounty.call("reward")) == (ADVANCE, REWARD - ADVANCE)
    # An honest rival is kept for, and paid the rest.
    honest = hunt.ask(hunt.rival)
    third = hunt.posted(hunt.answer(honest))
    hunt.claim(honest, third)
    assert hunt.credit(hunt.rival) == 0
    hunt.end_window(third)
    hunt.bounty.send("settle", third, sender=hunt.anyone)
    assert hunt.credit(hunt.rival) == REWARD - ADVANCE
    hunt.check_money()


def test_life_given_a_void_copy_elsewhere_stays_kept(hunt: Hunt) -> None:
    nonce, at = hunt.kept()
    copy = Leaf(hunt.batch(at).leaves[0].receipt, b"never signed")
    for elsewhere in (hunt.posted(copy, lane=2), hunt.posted(copy)):
        hunt.scene.prove(hunt.batch(elsewhere), 0)
        with reverts("NotKept", nonce):
            hunt.bounty.send("reopen", elsewhere, sender=hunt.anyone)
    hunt.end_window(at)
    hunt.bounty.send("settle", at, sender=hunt.anyone)
    assert hunt.credit(hunt.hunter) == REWARD


def test_life_given_an_answer_void_in_its_place_and_final_in_another_pays(hunt: Hunt) -> None:
    nonce = hunt.ask()
    good = hunt.answer(nonce)
    at = hunt.posted(Leaf(good.receipt, b"never signed"))
    elsewhere = hunt.posted(good, lane=2)
    hunt.claim(nonce, at)
    hunt.scene.prove(hunt.batch(at), 0)
    hunt.end_window(elsewhere)
    hunt.bounty.send("settle", elsewhere, sender=hunt.anyone)
    assert hunt.credit(hunt.hunter) == REWARD


# --- claiming ---------------------------------------------------------------------------------------


def test_claim_of_a_replayed_receipt_reverts(hunt: Hunt) -> None:
    nonce, at = hunt.lost()
    hunt.bounty.send("reopen", at, sender=hunt.anyone)
    good = hunt.posted(hunt.answer(nonce))
    with reverts("AlreadyAnswered", nonce):
        hunt.claim(nonce, good)
    other = hunt.ask()
    with reverts("WrongResponse"):
        hunt.claim(other, good)
    twin = hunt.deploy()
    with reverts("UnknownNonce", nonce):
        twin.send("claim", nonce, NUDGED, DIGIT, good, sender=hunt.anyone)


def test_claim_of_what_answers_another_question_reverts(hunt: Hunt) -> None:
    nonce, other = hunt.ask(), hunt.ask(hunt.rival)
    leaf = hunt.answer(nonce)
    at = hunt.posted(leaf)
    with reverts("WrongResponse", leaf.receipt.response):
        hunt.claim(other, at)
    # The right answer to the wrong request: the same digit for another picture.
    crossed = replace(leaf.receipt, request=hunt.answer(other).receipt.request)
    with reverts("WrongRequest", crossed.request, leaf.receipt.request):
        hunt.claim(nonce, hunt.posted(hunt.scene.secp.sign(crossed, hunt.scene.domain).leaf))
    with reverts("WrongRequest"):
        hunt.claim(nonce, at, picture=PICTURE)
    unknown = keccak(b"nobody asked")
    with reverts("UnknownNonce", unknown):
        hunt.claim(unknown, hunt.posted(hunt.answer(unknown)))


def test_claim_of_a_digit_that_does_not_win_reverts(hunt: Hunt) -> None:
    nonce = hunt.ask()
    leaf = hunt.answer(nonce, picture=PICTURE)
    at = hunt.posted(leaf)
    for digit in (LABEL, 10, 255):
        with reverts("NotFooled", digit):
            hunt.claim(nonce, at, PICTURE, digit)
    for digit in {*range(10)} - {LABEL}:
        with reverts("WrongResponse"):
            hunt.claim(nonce, at, PICTURE, digit)


def test_claim_of_another_node_or_model_reverts(hunt: Hunt) -> None:
    nonce, model = hunt.ask(), keccak(b"a manifest")
    at = hunt.posted(hunt.answer(nonce, hunt.scene.rsa))
    with reverts("WrongModel", hunt.scene.rsa.node, ZERO):
        hunt.claim(nonce, at)
    committed = with_model(hunt, hunt.answer(nonce), model)
    with reverts("WrongModel", hunt.scene.secp.node, model):
        hunt.claim(nonce, hunt.posted(committed))


def test_claim_of_any_node_that_commits_to_the_model_pays(hunt: Hunt) -> None:
    model = keccak(b"a manifest")
    hunt.bounty = hunt.deploy(node=ZERO, model=model)
    nonce = hunt.ask()
    leaf = hunt.answer(nonce)
    with reverts("WrongModel", hunt.scene.secp.node, ZERO):
        hunt.claim(nonce, hunt.posted(leaf))
    hunt.claim(nonce, hunt.posted(with_model(hunt, leaf, model)))
    assert hunt.credit(hunt.hunter) == ADVANCE


def with_model(hunt: Hunt, leaf: Leaf, model: bytes) -> Leaf:
    receipt: Receipt = replace(leaf.receipt, model=model)
    return hunt.scene.secp.sign(receipt, hunt.scene.domain).leaf


def test_claim_of_a_picture_out_of_bounds_reverts(hunt: Hunt) -> None:
    nonce = hunt.ask()
    at = hunt.posted(hunt.answer(nonce))
    for picture in (b"", NUDGED[:-1], NUDGED + b"\0", bytes(5_000)):
        with reverts("WrongSize", len(picture)):
            hunt.claim(nonce, at, picture)
        with reverts("WrongSize", len(picture)):
            hunt.bounty.call("requestBody", nonce, picture)
    for pixel in (0, 20, 63):
        least, most = max(0, PICTURE[pixel] - TOLERANCE), min(16, PICTURE[pixel] + TOLERANCE)
        for value in range(20):
            picture = bytes([*PICTURE[:pixel], value, *PICTURE[pixel + 1 :]])
            if least <= value <= most:
                hunt.bounty.call("requestBody", nonce, picture)
                continue
            with reverts("OutOfBounds", pixel, value, least, most):
                hunt.claim(nonce, at, picture)


def test_claim_with_too_little_assurance_reverts(hunt: Hunt) -> None:
    hunt.bounty = hunt.deploy(assurance=UNCHALLENGED)
    nonce = hunt.ask()
    at = hunt.posted(hunt.answer(nonce))
    for _ in range(2):
        with reverts("NotAssured", hunt.scene.secp.node, ENDORSED, UNCHALLENGED):
            hunt.claim(nonce, at)
        hunt.end_window(at)


def test_claim_of_an_unknown_node_reverts(hunt: Hunt) -> None:
    stranger = secp_signer(77)
    hunt.bounty = hunt.deploy(node=stranger.node)
    nonce = hunt.ask()
    with reverts("NotSettled", VOIDED, POSTED):
        hunt.claim(nonce, hunt.posted(hunt.answer(nonce, stranger)))


def test_claim_with_a_malicious_proof_reverts_and_pays_nothing(hunt: Hunt) -> None:
    nonce = hunt.ask()
    batch, index, leaf, proof = hunt.posted(hunt.answer(nonce), hunt.scene.leaf(1))
    top = 2**256 - 1
    for wrong, least in (
        ((batch, top, leaf, proof), POSTED),
        ((batch, 1, leaf, proof), POSTED),
        ((top, index, leaf, proof), FINAL),
        ((batch + 1, index, leaf, proof), POSTED),
        ((2 << 64, index, leaf, proof), FINAL),
        ((batch, index, [*leaf[:6], bytes(32)], proof), POSTED),
        ((batch, index, [*leaf[:5], b"\xff" * 32, leaf[6]], proof), POSTED),
        ((batch, index, leaf, []), POSTED),
        ((batch, index, leaf, [bytes(32)]), POSTED),
        ((batch, index, leaf, proof * 3_000), POSTED),
    ):
        with reverts("NotSettled", UNKNOWN, least):
            hunt.claim(nonce, wrong)
    assert hunt.bounty.call("reward") == REWARD
    hunt.claim(nonce, (batch, index, leaf, proof))


def test_claim_while_kept_by_a_copy_reverts_even_when_final(hunt: Hunt) -> None:
    nonce, at = hunt.kept()
    copied = hunt.ask(hunt.rival)
    copies = [hunt.posted(hunt.answer(copied), lane=lane) for lane in (1, 2)]
    for _ in range(2):
        for copy in copies:
            with reverts("Kept", nonce):
                hunt.claim(copied, copy)
        hunt.end_window(at)
    hunt.bounty.send("settle", at, sender=hunt.anyone)
    assert (hunt.credit(hunt.hunter), hunt.credit(hunt.rival)) == (REWARD, 0)


def test_claim_while_kept_by_an_answer_from_before_wins_when_final(hunt: Hunt) -> None:
    mine = hunt.ask(hunt.rival)
    earlier = hunt.posted(hunt.answer(mine), lane=2)
    hunt.scene.wait(1)
    # Whoever owns the trusted lane keeps the reward for forgeries of its own, again and again.
    for _ in range(2):
        _, at = hunt.lost()
        with reverts("NotSettled", POSTED, FINAL):
            hunt.claim(mine, earlier)
        hunt.bounty.send("reopen", at, sender=hunt.anyone)
    _, at = hunt.lost()
    hunt.end_window(earlier)
    hunt.claim(mine, earlier)
    assert (hunt.credit(hunt.hunter), hunt.credit(hunt.rival)) == (ADVANCE, REWARD - ADVANCE)
    assert hunt.bounty.call("keptFor") == bytes(32)
    for action in ("settle", "reopen"):
        with pytest.raises(Reverted):
            hunt.bounty.send(action, at, sender=hunt.anyone)
    hunt.check_money()


def test_claim_with_nothing_left_reverts(hunt: Hunt) -> None:
    _, at = hunt.kept()
    hunt.end_window(at)
    hunt.bounty.send("settle", at, sender=hunt.anyone)
    late = hunt.ask(hunt.rival)
    with reverts("NothingLeft"):
        hunt.claim(late, hunt.posted(hunt.answer(late)))
    with reverts("NotKept", bytes(32)):
        hunt.bounty.send("settle", at, sender=hunt.anyone)


# --- settling, reopening, reclaiming ----------------------------------------------------------------


def test_settle_of_what_is_not_kept_reverts(hunt: Hunt) -> None:
    other = hunt.ask(hunt.rival)
    elsewhere = hunt.posted(hunt.answer(other), lane=2)
    nonce, at = hunt.kept()
    with reverts("NotSettled", POSTED, FINAL):
        hunt.bounty.send("settle", at, sender=hunt.anyone)
    hunt.end_window(at)
    with reverts("NotKept", nonce):
        hunt.bounty.send("settle", elsewhere, sender=hunt.anyone)
    with reverts("NotSettled", UNKNOWN, FINAL):
        hunt.bounty.send("settle", NOWHERE, sender=hunt.anyone)


def test_reopen_of_what_is_good_or_not_it_reverts(hunt: Hunt) -> None:
    with reverts("NotKept", bytes(32)):
        hunt.bounty.send("reopen", NOWHERE, sender=hunt.anyone)
    nonce, at = hunt.kept()
    wrong = (at[0], at[1], [bytes(32)] * 7, at[3])
    for _ in range(2):
        with reverts("StillGood", nonce):
            hunt.bounty.send("reopen", at, sender=hunt.anyone)
        with reverts("NotSettled", UNKNOWN, POSTED):
            hunt.bounty.send("reopen", wrong, sender=hunt.anyone)
        with reverts("NotKept", nonce):
            hunt.bounty.send("reopen", (at[0], 2**256 - 1, *at[2:]), sender=hunt.anyone)
        hunt.end_window(at)


def test_reopen_given_a_node_found_stolen_opens_the_bounty(hunt: Hunt) -> None:
    _, at = hunt.kept()
    hunt.scene.pair.act("revoke", hunt.scene.owner, hunt.scene.secp.node, hunt.scene.now, "stolen")
    hunt.bounty.send("reopen", at, sender=hunt.anyone)
    assert hunt.bounty.call("keptFor") == bytes(32)
    hunt.evm.warp(hunt.ends_at)
    hunt.bounty.send("reclaim", sender=hunt.sponsor)
    assert hunt.credit(hunt.sponsor) == REWARD - ADVANCE


def test_reopen_given_an_assurance_that_falls_after_final_opens_the_bounty() -> None:
    """Between the two demands of one answer, the registry learns of something: nothing is stuck."""
    evm = Evm()
    sponsor, hunter = evm.accounts[:2]
    stub = evm.deploy("SettlementStub")
    bounty = evm.deploy("RobustnessBounty", stub, bounty_of(), sender=sponsor, value=REWARD)
    nonce = bounty.send("ask", sender=hunter).value
    body = bounty.call("requestBody", nonce, NUDGED)
    words = [secp_signer().node, ZERO, keccak(body), keccak(served().infer(body)), ZERO, ZERO, ZERO]
    at = (1 << 64, 0, words, [])
    stub.send("say", POSTED, ENDORSED, sender=hunter)
    bounty.send("claim", nonce, NUDGED, DIGIT, at, sender=hunter)
    stub.send("say", FINAL, 0, sender=hunter)
    with reverts("NotAssured", words[0], 0, ENDORSED):
        bounty.send("settle", at, sender=hunter)
    with reverts("Kept", nonce):
        bounty.send("reclaim", sender=sponsor)
    bounty.send("reopen", at, sender=sponsor)
    bounty.send("reclaim", sender=sponsor)
    assert bounty.call("credits", sponsor) == REWARD - ADVANCE


def test_reclaim_by_another_or_too_soon_reverts(hunt: Hunt) -> None:
    hunt.evm.warp(hunt.ends_at - 1)
    with reverts("NotYours", hunt.sponsor, hunt.ends_at):
        hunt.bounty.send("reclaim", sender=hunt.sponsor)
    hunt.scene.wait(1)
    with reverts("NotYours", hunt.hunter, hunt.ends_at):
        hunt.bounty.send("reclaim", sender=hunt.hunter)
    hunt.bounty.send("reclaim", sender=hunt.sponsor)
    assert hunt.credit(hunt.sponsor) == REWARD
    with reverts("NothingLeft"):
        hunt.bounty.send("reclaim", sender=hunt.sponsor)
    hunt.check_money()


def test_reclaim_while_kept_reverts(hunt: Hunt) -> None:
    hunt.evm.warp(hunt.ends_at)
    nonce, at = hunt.kept()
    hunt.end_window(at)
    with reverts("Kept", nonce):
        hunt.bounty.send("reclaim", sender=hunt.sponsor)
    hunt.bounty.send("settle", at, sender=hunt.anyone)
    assert hunt.credit(hunt.hunter) == REWARD


# --- paying, deploying, messages --------------------------------------------------------------------


def test_withdraw_given_a_hunter_that_comes_back_pays_once(hunt: Hunt) -> None:
    other = hunt.ask(hunt.rival)
    second = hunt.posted(hunt.answer(other))
    caller = hunt.evm.deploy("ReenteringCaller")
    nonce = hunt.bounty.call("ask", sender=caller)
    run(hunt, caller, data(hunt, "ask"), b"")
    at = hunt.posted(hunt.answer(nonce))
    hunt.scene.wait(1)
    hunt.claim(nonce, at)
    withdraw = data(hunt, "withdraw", caller)
    run(hunt, caller, withdraw, withdraw)
    assert (caller.call("entered"), caller.call("succeeded")) == (1, 0)
    assert hunt.evm.balance(caller) == ADVANCE
    hunt.end_window(at)
    hunt.bounty.send("settle", at, sender=hunt.anyone)
    run(hunt, caller, withdraw, data(hunt, "claim", other, NUDGED, DIGIT, second))
    assert (caller.call("entered"), caller.call("succeeded")) == (2, 0)
    assert hunt.evm.balance(caller) == REWARD
    assert hunt.evm.balance(hunt.bounty) == 0


def data(hunt: Hunt, function: str, *arguments: Any) -> bytes:
    return hunt.bounty.interface.function(function, len(arguments)).encode(arguments)


def run(hunt: Hunt, caller: Contract, first: bytes, again: bytes) -> None:
    caller.send("run", hunt.bounty, first, again, sender=hunt.anyone)


def test_deploy_of_a_bounty_that_breaks_a_rule_reverts(hunt: Hunt) -> None:
    with reverts("WrongSize", 63):
        hunt.deploy(picture=PICTURE[:-1])
    with reverts("OutOfBounds", 63, 17, 0, 16):
        hunt.deploy(picture=PICTURE[:-1] + b"\x11")
    for value, changes in (
        (REWARD, {"label": 10}),
        (REWARD, {"node": ZERO}),
        (REWARD, {"lane": 0}),
        (ADVANCE - 1, {}),
        (0, {"advance": 0}),
    ):
        with reverts("BadBounty"):
            hunt.deploy(value, **changes)


def test_messages_are_the_gateways(hunt: Hunt) -> None:
    # As wide as can be, so that every pixel and many digits occur.
    hunt.bounty = hunt.deploy(tolerance=16, label=9)
    hunt.scene.wait(1)
    read = set()
    for number in range(24):
        nonce = hunt.ask()
        picture = bytes((i * (number + 1) + number) % 17 for i in range(64))
        body = hunt.bounty.call("requestBody", nonce, picture)
        assert body.startswith(b'{"id":"0x%s","inputs"' % nonce.hex().encode())
        leaf, answer = answered(hunt.scene, body)
        digit = int(answer.split(b'"data":[')[1][:1])
        read.add(digit)
        at = hunt.posted(leaf)
        if digit != 9:
            snapshot = hunt.evm.snapshot()
            hunt.claim(nonce, at, picture, digit)
            hunt.evm.restore(snapshot)
    assert len(read) > 2
