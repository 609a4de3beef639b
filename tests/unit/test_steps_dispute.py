"""Dispute: proving what was found, in time, once, and nothing else.

disputing
├── it should prove the leaf whose window ends first, first
├── when a proof is refused → it should be tried again later, and hold up no other
├── when a proof's answer is lost → it should settle by the event, whenever it lands
├── when another was first → it should be a lost race, in the same block even
├── when the window has ended → it should be recorded as too late, loudly, and never sent
├── when the verdict does not fit its batch → it should never be sent, and hold up no other
├── when many wait → it should look at the chain in between
└── when the node does not answer → it should change nothing
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import FaultProven
from afterproof.errors import CallReverted, ChainUnavailable
from afterproof.protocol.header import batch_id
from afterproof.protocol.state import Standing
from afterproof.protocol.terms import DEMO
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.dispute import MOST, dispute
from afterproof.steps.query import find_receipt
from afterproof.steps.watch import watch
from afterproof.store.deadlines import Action
from afterproof.store.verdicts import State, What
from tests.support.crashes import tables
from tests.support.databases import on_both
from tests.support.refusing import Refusing
from tests.support.world import RIVAL, VERIFIER, World
from tests.unit.test_steps_line import CHEAT

pytestmark = on_both

FIRST = batch_id(1, 0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


def found(world: World, relayer: Context, *receipts: Any, max_batch: int = 4) -> Context:
    """A verifier that has checked these, posted unjudged, and not disputed yet."""
    verifier = world.verifier()
    world.slip_in(relayer, *receipts)
    world.round(world.with_settings(relayer, max_batch=max_batch), steps=CHEAT)
    world.round(verifier, steps=(watch, check))
    return verifier


def proven(context: Context) -> list[FaultProven]:
    """Every fault proven on the chain, in order."""
    return [one.event for one in context.chain.events(0, 10**6) if isinstance(one.event, FaultProven)]


def states(context: Context) -> list[State]:
    """What came of the verdicts, by place."""
    return [one.state for one in context.store.verdicts.of(FIRST)]


def test_dispute_proves_the_soonest_deadline_first(world: World, relayer: Context) -> None:
    verifier = found(world, relayer, *[world.forged(n) for n in range(3)], max_batch=1)
    assert dispute(verifier) is False
    assert [event.batch for event in proven(verifier)] == [batch_id(1, first) for first in range(3)]


def test_dispute_when_refused_tries_again_later_and_holds_up_no_other(
    world: World, relayer: Context, caplog: pytest.LogCaptureFixture
) -> None:
    verifier = found(world, relayer, world.forged(1), world.forged(2))
    reverting, now = Refusing(verifier.chain, "prove_fault", [CallReverted("CannotTell")]), float(world.now)
    stubborn = replace(verifier, chain=reverting, clock=lambda: now)
    dispute(stubborn)
    assert [event.index for event in proven(verifier)] == [1]
    assert (
        "BAD_SIGNATURE of leaf 0 in batch 1/0 was not proven, again in 1 s: the contract refused"
        in caplog.text
    )
    dispute(stubborn)
    assert reverting.calls == 2  # not at once
    now += 1
    dispute(stubborn)
    assert [event.index for event in proven(verifier)] == [1, 0]
    world.round(verifier)
    assert states(verifier) == [State.PROVEN, State.PROVEN]


def test_dispute_whose_answer_is_lost_settles_by_the_event(world: World, relayer: Context) -> None:
    verifier = found(world, relayer, world.forged(1))
    world.chain.delay_next(2)
    dispute(verifier)
    assert states(verifier) == [State.PENDING]
    world.rounds(5, verifier)
    assert states(verifier) == [State.PROVEN]
    assert len(proven(verifier)) == 1
    assert verifier.chain.credits(VERIFIER) == world.terms.leaf_slash // 2


def test_dispute_that_comes_second_in_the_same_block_is_a_lost_race(world: World, relayer: Context) -> None:
    verifier = found(world, relayer, world.forged(1))
    rival = world.verifier("rival", RIVAL)
    world.round(rival, steps=(watch, check))
    world.chain.before_next(lambda: dispute(rival))
    dispute(verifier)
    assert states(verifier) == [State.PENDING]
    world.rounds(2, verifier, rival)
    assert states(verifier) == [State.LOST_RACE]
    assert states(rival) == [State.PROVEN]
    assert verifier.store.deadlines.count(Action.DISPUTE) == 0


def test_dispute_by_a_rival_whose_event_was_not_seen_yet_waits_for_it(world: World, relayer: Context) -> None:
    verifier = found(world, relayer, world.forged(1))
    rival = world.verifier("rival", RIVAL)
    world.round(rival)
    dispute(verifier)  # simulated, and refused with AlreadyProven
    assert states(verifier) == [State.PENDING] and len(proven(verifier)) == 1
    world.round(verifier)
    assert states(verifier) == [State.LOST_RACE]


def test_dispute_after_the_window_is_too_late_and_never_sent(
    world: World, relayer: Context, caplog: pytest.LogCaptureFixture
) -> None:
    forged = world.forged(1)
    verifier = found(world, relayer, forged)
    reverting = Refusing(verifier.chain, "prove_fault", [CallReverted("CannotTell")])
    dispute(replace(verifier, chain=reverting))
    world.wait(world.terms.window + 1)
    reverting = Refusing(verifier.chain, "prove_fault")
    world.round(replace(verifier, chain=reverting))
    assert states(verifier) == [State.TOO_LATE]
    assert reverting.calls == 0
    assert (
        "was not disputed before its window ended; the last attempt failed: the contract refused"
        in caplog.text
    )
    assert verifier.store.deadlines.count(Action.DISPUTE) == 0
    world.round(relayer)
    view = find_receipt(relayer, forged.leaf.hash)
    assert view is not None and view.standing is Standing.FINAL  # as the contract says


def test_dispute_in_the_last_second_still_counts(world: World, relayer: Context) -> None:
    verifier = found(world, relayer, world.forged(1))
    posted = verifier.store.batches.posted(FIRST)
    assert posted is not None
    world.wait(posted.header.window_end - world.now - 1)
    watch(verifier)
    dispute(verifier)  # lands one second later, at the very end
    world.round(verifier)
    assert states(verifier) == [State.PROVEN]


@pytest.mark.parametrize("column", ["proof", "words", "signature"])
def test_dispute_that_does_not_fit_its_batch_is_never_sent(
    world: World, relayer: Context, column: str
) -> None:
    verifier = found(world, relayer, world.forged(1), world.forged(2))
    value = bytes(32) if column == "proof" else bytes(192)
    verifier.store._database.execute(f"UPDATE verdicts SET {column} = ?", (value,))
    reverting = Refusing(verifier.chain, "prove_fault")
    dispute(replace(verifier, chain=reverting))
    assert reverting.calls == 0
    assert states(verifier) == [State.UNPROVABLE] * 2
    assert verifier.store.deadlines.count(Action.DISPUTE) == 0


def test_dispute_without_its_verdict_says_so_and_goes_on(
    world: World, relayer: Context, caplog: pytest.LogCaptureFixture
) -> None:
    verifier = found(world, relayer, world.forged(1), world.forged(2))
    verifier.store._database.execute("DELETE FROM verdicts WHERE place = 0")
    dispute(verifier)
    assert "leaf 0 of batch" in caplog.text and "is not in the store any more" in caplog.text
    assert [event.index for event in proven(verifier)] == [1]


def test_dispute_of_many_looks_at_the_chain_in_between(tmp_path: Path) -> None:
    world = World(tmp_path, terms=replace(DEMO, window=60))
    relayer = world.relayer()
    world.round(relayer)
    verifier = found(world, relayer, *[world.forged(n) for n in range(MOST + 3)], max_batch=100)
    assert dispute(verifier) is True
    assert len(proven(verifier)) == MOST
    world.rounds(2, verifier)
    assert len(proven(verifier)) == MOST + 3
    assert set(states(verifier)) == {State.PROVEN}


def test_dispute_when_the_node_does_not_answer_changes_nothing(world: World, relayer: Context) -> None:
    verifier = found(world, relayer, world.forged(1))
    before = tables(verifier.store)
    world.chain.fail_next(1)
    with pytest.raises(ChainUnavailable):
        dispute(verifier)
    assert tables(verifier.store) == before
    world.rounds(2, verifier)
    assert states(verifier) == [State.PROVEN]


def test_costs_and_rewards_are_kept(world: World, relayer: Context) -> None:
    verifier = found(world, relayer, world.forged(1))
    world.rounds(2, verifier)
    verdict = verifier.store.verdicts.find(FIRST, 0, What.DISPUTE)
    assert verdict is not None
    assert (verdict.fee, verdict.reward, verdict.attempts) == (0, world.terms.leaf_slash // 2, 1)
    assert verdict.tx_hash is not None


def test_dispute_before_anything_was_followed_does_nothing(world: World) -> None:
    assert dispute(world.verifier("fresh")) is False
