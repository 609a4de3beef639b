"""Claiming the promises that people handed to a verifier, on the memory chain.

a watched promise
├── when it is posted at its number in time → it should be kept, and never claimed, its data gone or not
├── when it is not posted by its time → it should be claimed as missed, once, for its beneficiary, and not before
│   └── given posting was paused → not before the pause and the catch-up are over
├── when it is posted late, or its tile was struck → it should be claimed as missed
├── when another leaf stands at its number → it should be claimed as omitted
│   ├── given the data is withheld → it should wait, and say so, and claim once it is there
│   ├── given other tiles of its batch are withheld for good → it should be claimed all the same
│   └── given the data goes again before the claim counted → it should be claimed by the proof that was kept
├── when its number is given twice, by promises of several people → that should be claimed at once
│   └── and whoever was not paid for that should be paid for the breach
├── when another claims first → it should settle with that
├── when a reorganisation takes the claim, or the batch → it should be claimed again, or not any more
├── when the process ends between any two commits, or after a claim → it should be claimed once
├── when the node does not answer, or the contract refuses → it should be tried again
├── when claims have cost what they may in a day → none should be sent, and that be said
├── when several are broken → the soonest to end should be claimed first
└── when its time is over → it should be forgotten a day later
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import PromiseBroken
from afterproof.chain.memory import GAS
from afterproof.errors import CallReverted, ChainUnavailable
from afterproof.protocol.merkle import TILE
from afterproof.protocol.publication import publication
from afterproof.protocol.terms import DEMO, ETHER
from afterproof.steps import Context
from afterproof.steps.claim import KEPT, claim
from afterproof.steps.watch import watch
from tests.support.crashes import Crash, crash_at, tables
from tests.support.databases import on_both
from tests.support.refusing import Refusing
from tests.support.watching import HOLDER, OTHER, Watching, broken, claimed, fate
from tests.support.world import OWNER, RIVAL, VERIFIER

pytestmark = on_both

MISSED, OMITTED, DOUBLE = "MISSED_DEADLINE", "OMITTED_RECEIPT", "DOUBLE_PROMISE"


@pytest.fixture
def world(tmp_path: Path) -> Watching:
    return Watching(tmp_path)


@pytest.fixture
def relayer(world: Watching) -> Context:
    context = world.relayer()
    world.round(context)
    return context


@pytest.fixture
def verifier(world: Watching) -> Context:
    context = world.verifier()
    world.round(context)
    return context


def claims(context: Context) -> tuple[Any, ...]:
    return context, (watch, claim)


def settle(world: Watching, verifier: Context, rounds: int = 3) -> None:
    """Rounds of following the chain and claiming."""
    for _ in range(rounds):
        world.round(verifier, steps=(watch, claim))
        world.wait(1)


def miss(world: Watching, verifier: Context, number: int = 1, **changes: Any) -> Any:
    """A promise that nobody keeps, handed in, and its time over."""
    receipt = world.signed(number)
    (held,) = world.promised(receipt, **changes)
    view = world.entrusted(verifier, held, receipt)
    world.wait(world.terms.max_promise_delay)
    return view


# --- kept --------------------------------------------------------------------------------------------


def test_claim_of_a_kept_promise_is_never_made(world: Watching, relayer: Context, verifier: Context) -> None:
    receipts = [world.signed(number) for number in range(3)]
    taken = world.take_in(relayer, *receipts)
    promises = [relayer.store.promises.held(world.lane, one.stored.seq) for one in taken]
    views = [
        world.entrusted(verifier, held, receipt)
        for held, receipt in zip(promises, receipts, strict=True)
        if held is not None
    ]
    assert len(views) == 3
    world.rounds(5, relayer, verifier)
    assert [fate(verifier, view) for view in views] == ["kept"] * 3
    world.shelf.missing = True  # what was seen stays seen
    world.rounds(40, relayer, verifier)
    assert [fate(verifier, view) for view in views] == ["kept"] * 3
    assert broken(verifier) == []


# --- missed ------------------------------------------------------------------------------------------


def test_claim_of_a_missed_promise_pays_its_beneficiary_once(world: Watching, verifier: Context) -> None:
    view = miss(world, verifier)
    settle(world, verifier, rounds=1)  # its last second
    assert (broken(verifier), fate(verifier, view)) == ([], "open")
    settle(world, verifier, rounds=10)
    assert claimed(verifier) == [(MISSED, 0, HOLDER, VERIFIER)]
    assert verifier.chain.credits(HOLDER) == world.terms.promise_slash * 45 // 100
    assert verifier.chain.credits(VERIFIER) == world.terms.promise_slash * 5 // 100
    assert fate(verifier, view) == "missed"


def test_claim_during_a_pause_waits_until_it_is_over(world: Watching, verifier: Context) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    view = world.entrusted(verifier, held, receipt)
    world.wait(world.terms.max_promise_delay - 2)
    world.chain.account_view(OWNER).pause_posting(3)
    settle(world, verifier, rounds=4)  # its time is over, but for the pause
    assert (broken(verifier), fate(verifier, view)) == ([], "open")
    settle(world, verifier, rounds=world.terms.catch_up + 4)
    assert claimed(verifier) == [(MISSED, 0, HOLDER, VERIFIER)]


def test_claim_of_a_late_post_is_made(world: Watching, relayer: Context, verifier: Context) -> None:
    view = miss(world, verifier)
    world.post_instead(relayer, [world.signed(1)])
    settle(world, verifier)
    assert claimed(verifier) == [(MISSED, 0, HOLDER, VERIFIER)]
    assert fate(verifier, view) == "missed"


def test_claim_of_a_kept_promise_whose_tile_is_struck_is_made(
    world: Watching, relayer: Context, verifier: Context
) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    view = world.entrusted(verifier, held, receipt)
    world.post_instead(relayer, [receipt])
    settle(world, verifier)
    assert fate(verifier, view) == "kept"
    posted = verifier.store.batches.posted_with(world.lane, 0)
    assert posted is not None
    rival = world.chain.account_view(RIVAL)
    rival.demand_tile(posted.id, 0, posted.tile_roots[0], (), ETHER // 10)
    settle(world, verifier, rounds=1)
    assert broken(verifier) == []
    world.wait(world.terms.answer_period + 1)  # nobody settles the demand
    settle(world, verifier)
    assert claimed(verifier) == [(MISSED, 0, HOLDER, VERIFIER)]


# --- omitted -----------------------------------------------------------------------------------------


def omit(world: Watching, relayer: Context, verifier: Context) -> Any:
    """A promise at whose number another leaf is posted."""
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    view = world.entrusted(verifier, held, receipt)
    world.post_instead(relayer, [world.signed(7), world.signed(8)])
    return view


def test_claim_of_an_omitted_receipt_is_made(world: Watching, relayer: Context, verifier: Context) -> None:
    view = omit(world, relayer, verifier)
    settle(world, verifier)
    assert claimed(verifier) == [(OMITTED, 0, HOLDER, VERIFIER)]
    assert fate(verifier, view) == "omitted"


def test_claim_of_an_omission_behind_withheld_data_waits_for_it(
    world: Watching, relayer: Context, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    world.shelf.missing = True
    view = omit(world, relayer, verifier)
    settle(world, verifier)
    assert (broken(verifier), fate(verifier, view)) == ([], "unknown")
    assert "cannot be seen (nobody answers): a demand of its tile would show" in caplog.text
    world.shelf.missing = False
    settle(world, verifier, rounds=8)
    assert claimed(verifier) == [(OMITTED, 0, HOLDER, VERIFIER)]


def test_claim_of_an_omission_beside_a_withheld_tile_is_made(
    world: Watching, relayer: Context, verifier: Context
) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    view = world.entrusted(verifier, held, receipt)
    other = world.signed(7)
    world.post_instead(relayer, [other, *[None] * (TILE - 1), world.signed(8)])
    world.shelf.instead = publication([other.leaf, *[None] * TILE])
    settle(world, verifier)
    assert claimed(verifier) == [(OMITTED, 0, HOLDER, VERIFIER)]
    assert fate(verifier, view) == "omitted"


def test_claim_of_data_that_is_another_batchs_is_not_made(
    world: Watching, relayer: Context, verifier: Context
) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    view = world.entrusted(verifier, held, receipt)
    world.post_instead(relayer, [receipt])
    world.shelf.instead = b"\xff\xff"
    settle(world, verifier)
    assert (broken(verifier), fate(verifier, view)) == ([], "unknown")


def test_claim_of_an_omission_goes_by_the_proof_that_was_kept(
    world: Watching, relayer: Context, verifier: Context
) -> None:
    omit(world, relayer, verifier)
    stubborn = replace(verifier, chain=Refusing(verifier.chain, "claim_", [CallReverted("CannotTell")]))
    world.round(stubborn, steps=(watch, claim))
    assert broken(verifier) == []
    world.shelf.missing = True
    settle(world, world.verifier())  # another process, after a restart
    assert claimed(verifier) == [(OMITTED, 0, HOLDER, VERIFIER)]


# --- given twice -------------------------------------------------------------------------------------


def test_claim_of_a_number_given_twice_is_made_at_once(
    world: Watching, relayer: Context, verifier: Context
) -> None:
    mine, theirs = world.signed(1), world.signed(2)
    (first,), (second,) = world.promised(mine), world.promised(theirs, beneficiary=OTHER)
    world.entrusted(verifier, first, mine)
    settle(world, verifier, rounds=2)
    assert broken(verifier) == []
    world.entrusted(verifier, second, theirs, client="192.0.2.2")
    settle(world, verifier)
    assert claimed(verifier) == [(DOUBLE, 0, HOLDER, VERIFIER)]
    world.wait(world.terms.max_promise_delay)
    settle(world, verifier)  # nobody kept either: whoever was not paid is
    assert claimed(verifier)[1:] == [(MISSED, 0, OTHER, VERIFIER)]


def test_claim_of_one_leaf_promised_twice_is_not_made(world: Watching, verifier: Context) -> None:
    receipt = world.signed(1)
    (first,), (second,) = world.promised(receipt), world.promised(receipt, world.signed(2))[:1]
    world.entrusted(verifier, first, receipt)
    world.entrusted(verifier, second, receipt)
    settle(world, verifier)
    assert broken(verifier) == []


# --- others, reorganisations, crashes ----------------------------------------------------------------


def test_claim_that_another_made_first_is_settled_with_that(
    world: Watching, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    view = miss(world, verifier)
    world.wait(1)
    world.round(verifier, steps=(watch,))
    world.chain.account_view(RIVAL).claim_missed(view.watched.opening, 0)
    world.round(verifier, steps=(claim,))  # before its event was seen
    assert "was claimed before" in caplog.text
    settle(world, verifier, rounds=5)
    assert claimed(verifier) == [(MISSED, 0, HOLDER, RIVAL)]
    assert f"0x{RIVAL.hex()}, who was first," in caplog.text


def test_claim_that_a_reorganisation_takes_is_made_again(world: Watching, verifier: Context) -> None:
    miss(world, verifier)
    world.wait(1)
    settle(world, verifier, rounds=2)
    assert len(broken(verifier)) == 1
    (at,) = [
        one.place.block for one in verifier.chain.events(0, 10**6) if isinstance(one.event, PromiseBroken)
    ]
    world.chain.reorg(verifier.chain.head().number - at + 1)
    assert broken(verifier) == []
    for _ in range(4):
        world.wait(1)
    settle(world, verifier, rounds=6)
    assert claimed(verifier) == [(MISSED, 0, HOLDER, VERIFIER)]


def test_claim_of_an_omission_that_a_reorganisation_mended_is_not_made(
    world: Watching, relayer: Context, verifier: Context
) -> None:
    receipt = world.signed(1)
    (held,) = world.promised(receipt)
    view = world.entrusted(verifier, held, receipt)
    stubborn = replace(verifier, chain=Refusing(verifier.chain, "claim_", [CallReverted("CannotTell")] * 9))
    world.post_instead(relayer, [world.signed(7)])
    world.round(stubborn, steps=(watch, claim))
    assert fate(verifier, view) == "omitted"
    world.chain.reorg(1)
    world.wait(2)
    other = world.relayer("other")
    world.round(other, steps=(watch,))
    world.post_instead(other, [receipt])
    settle(world, verifier, rounds=6)
    assert (broken(verifier), fate(verifier, view)) == ([], "kept")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 9))
def test_claim_amid_crashes_is_made_once(world: Watching, verifier: Context, commit: int, when: str) -> None:
    view = miss(world, verifier)
    world.wait(1)
    try:
        with crash_at(verifier.store, commit, when):
            settle(world, verifier, rounds=2)
    except Crash:
        pass
    restarted = world.verifier()
    settle(world, restarted, rounds=5)
    assert claimed(restarted) == [(MISSED, 0, HOLDER, VERIFIER)]
    assert fate(restarted, view) == "missed"


def test_claim_when_the_node_does_not_answer_changes_nothing(world: Watching, verifier: Context) -> None:
    miss(world, verifier)
    world.wait(1)
    world.round(verifier, steps=(watch,))
    before = tables(verifier.store)
    world.chain.fail_next(1)
    with pytest.raises(ChainUnavailable):
        claim(verifier)
    assert tables(verifier.store) == before
    settle(world, verifier)
    assert claimed(verifier) == [(MISSED, 0, HOLDER, VERIFIER)]


def test_claim_that_is_refused_is_tried_again_later(
    world: Watching, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    miss(world, verifier)
    world.wait(1)
    stubborn = replace(verifier, chain=Refusing(verifier.chain, "claim_", [CallReverted("CannotTell")]))
    world.round(stubborn, steps=(watch, claim))
    said = "that the promise of number 0 of lane 1 was missed could not be claimed: the contract refused with"
    assert f"{said} CannotTell(); again in 1 s" in caplog.text and broken(verifier) == []
    settle(world, stubborn)
    assert claimed(verifier) == [(MISSED, 0, HOLDER, VERIFIER)]


# --- costs, order, the end ---------------------------------------------------------------------------


def test_claim_beyond_what_claims_may_cost_in_a_day_is_not_made(
    world: Watching, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    receipts = [world.signed(number) for number in range(3)]
    for held, receipt in zip(world.promised(*receipts), receipts, strict=True):
        world.entrusted(verifier, held, receipt)
    world.wait(world.terms.max_promise_delay + 1)
    world.chain.price(ETHER // 50 // GAS)  # 0.02 ether each, of 0.05
    settle(world, verifier, rounds=4)
    assert len(broken(verifier)) == 2
    assert "claims have cost 0.04 ether within a day, and this one would cost 0.02 ether" in caplog.text
    world.chain.price(0)
    settle(world, verifier, rounds=8)  # a claim that costs nothing fits
    assert len(broken(verifier)) == 3


@pytest.mark.parametrize("looks", [1, 256])
def test_claim_that_ends_soonest_is_made_first(
    world: Watching, verifier: Context, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afterproof.steps.claim.LOOKS", looks)
    receipts = [world.signed(number) for number in range(3)]
    for seq, after in enumerate((9, 3, 6)):
        (held,) = world.promised(receipts[seq], first_seq=seq, include_by=world.now + after)
        world.entrusted(verifier, held, receipts[seq])
    world.wait(10)
    settle(world, verifier)
    assert [seq for _, seq, _, _ in claimed(verifier)] == [1, 2, 0]


def test_claim_of_more_numbers_than_are_looked_at_in_one_go_misses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afterproof.steps.claim.LOOKS", 5)
    world = Watching(tmp_path, replace(DEMO, claim_window=100))
    verifier = world.verifier()
    world.round(verifier)
    receipts = [world.signed(number) for number in range(20)]
    for held, receipt in zip(world.promised(*receipts), receipts, strict=True):
        world.entrusted(verifier, held, receipt)
    world.wait(world.terms.max_promise_delay + 1)
    settle(world, verifier)
    assert sorted(seq for _, seq, _, _ in claimed(verifier)) == list(range(20))


def test_claim_whose_time_is_over_is_said_and_forgotten_a_day_later(
    world: Watching, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    view = miss(world, verifier)
    world.wait(world.terms.claim_window + 1)
    settle(world, verifier)
    assert broken(verifier) == []
    assert "was broken (missed), and not claimed in time" in caplog.text
    assert verifier.store.watched.get(view.watched.id) is not None
    world.wait(KEPT + 1)
    settle(world, verifier)
    assert verifier.store.watched.get(view.watched.id) is None
