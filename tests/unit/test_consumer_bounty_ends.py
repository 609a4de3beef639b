"""RobustnessBounty: what follows a claim, what comes before one, and the bytes that nodes are sent.

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

from typing import Any

import pytest
from eth_utils import keccak

from afterproof.protocol.receipt import ZERO
from tests.support.evm import Contract, Evm, reverts
from tests.support.hunt import ADVANCE, DIGIT, ENDORSED, NUDGED, PICTURE, REWARD, Hunt, bounty_of
from tests.support.placed import NOWHERE, answered, served
from tests.support.scene import Standing, secp_signer

UNKNOWN, POSTED, FINAL = Standing.UNKNOWN, Standing.POSTED, Standing.FINAL


@pytest.fixture
def hunt() -> Hunt:
    return Hunt()


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
