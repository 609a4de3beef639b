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
"""

from dataclasses import replace

import pytest
from eth_utils import keccak

from afterproof.protocol.receipt import ZERO, Leaf, Receipt
from tests.support.evm import Reverted, reverts
from tests.support.hunt import (
    ADVANCE,
    DIGIT,
    ENDORSED,
    LABEL,
    NUDGED,
    PICTURE,
    REWARD,
    TOLERANCE,
    UNCHALLENGED,
    Hunt,
)
from tests.support.placed import placed
from tests.support.scene import Standing, secp_signer

UNKNOWN, POSTED, FINAL, VOIDED = Standing.UNKNOWN, Standing.POSTED, Standing.FINAL, Standing.VOIDED


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
    with reverts("WrongResponse", leaf.receipt.response, hunt.answer(other).receipt.response):
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


@pytest.mark.parametrize("lane", [1, 2])
def test_claim_while_kept_by_an_answer_from_before_wins_when_final(hunt: Hunt, lane: int) -> None:
    mine = hunt.ask(hunt.rival)
    earlier = hunt.posted(hunt.answer(mine), lane=lane)
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
