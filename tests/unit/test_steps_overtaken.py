"""Somebody else is first, and what comes first of several: nothing is sent in vain.

where another has proven, demanded, settled, shown, claimed, challenged, answered or ended it a moment ago
└── the simulation should tell: nothing is sent, nothing is said to be wrong, and it is settled by the event
of several things to do at once
├── demands: the soonest deadline first, then what the lane would lose most by
├── demands before settlements, which can wait
└── attestations: the soonest deadline first, whichever has been due for longer
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import AttestationChallenged, TileDemanded
from afterproof.protocol.state import Claim, FaultKind
from afterproof.protocol.terms import DEMO, ETHER
from afterproof.settings import Answering
from afterproof.steps import Context, Step
from afterproof.steps.answer import answer
from afterproof.steps.attest import attest
from afterproof.steps.check import check
from afterproof.steps.claim import claim
from afterproof.steps.demand import demand
from afterproof.steps.dispute import dispute
from afterproof.steps.watch import watch
from afterproof.store.deadlines import Action
from tests.support.lane import OwnLane
from tests.support.nitro_world import Attested
from tests.support.watching import Watching
from tests.support.world import OPERATOR, RIVAL, VERIFIER, World

TERMS = replace(DEMO, window=40, answer_period=16, claim_window=40)
DEPOSIT = TERMS.demand_deposit
CHALLENGE = ETHER // 100 * 9 // 8

Rival = Callable[[], object]


def sent(world: World) -> int:
    """How many transactions of the verifier ever landed. (This chain mines what a real one's simulation refuses.)"""
    return sum(
        one.sender == VERIFIER and not isinstance(mined.outcomes[one.hash], Exception)
        for mined in world.chain._blocks
        for one in mined.transactions
    )


def events(world: World, kind: type) -> list[Any]:
    found = world.chain.account_view(RIVAL).events(0, 10**6)
    return [one.event for one in found if isinstance(one.event, kind)]


def having(context: Context, **changes: Any) -> Context:
    """The same verifier with other settings."""
    settings = replace(context.config.verifier, **changes)
    return replace(context, config=replace(context.config, verifier=settings))


# --- another is first: the verifier is at the point of acting, and what the rival does a moment before -------------


def proof(world: Watching) -> tuple[Context, Step, Rival]:
    verifier = world.verifier()
    leaf = world.forged(1).leaf
    batch = OwnLane(world).post(leaf)
    world.round(verifier, steps=(watch, check))
    evidence = world.nodes[0].public_key
    made = Claim(batch.id, 0, leaf.receipt, leaf.signature, tuple(batch.tree.proof(0)), evidence)
    rival = world.chain.account_view(RIVAL)
    return verifier, dispute, lambda: rival.prove_fault(FaultKind.BAD_SIGNATURE, made)


def demanded(world: Watching) -> tuple[Context, Step, Rival]:
    verifier, lane = world.verifier(), OwnLane(world)
    lane.post(world.signed(1).leaf)
    batch = lane.post(world.signed(2).leaf, withheld=True)
    for _ in range(TERMS.window // 2 - 2):
        world.round(verifier)
        world.wait(1)
    while check(verifier) or world.now < verifier.store.demands.missing(batch.id)[0].since + 16:
        world.wait(1)
        watch(verifier)
    verifier = having(verifier, demand_after=0.0)
    world.wait(2)
    world.round(verifier, steps=(watch, check))
    rival = world.chain.account_view(RIVAL)
    return verifier, demand, lambda: rival.demand_tile(batch.id, 0, batch.tree.root, (), DEPOSIT)


def settled(world: Watching) -> tuple[Context, Step, Rival]:
    verifier = world.verifier()
    batch = OwnLane(world).post(world.signed(1).leaf, withheld=True)
    verifier.chain.demand_tile(batch.id, 0, batch.tree.root, (), DEPOSIT)
    world.wait(TERMS.answer_period + 1)
    world.round(verifier, steps=(watch,))
    return verifier, demand, lambda: world.chain.account_view(RIVAL).expire_demand(batch.id, 0)


def shown(world: Watching) -> tuple[Context, Step, Rival]:
    verifier, lane = having(world.verifier(), answer_others=Answering.ALWAYS), OwnLane(world)
    batch = lane.post(world.signed(1).leaf)
    world.round(verifier)
    world.chain.account_view(RIVAL).demand_tile(batch.id, 0, batch.tree.root, (), DEPOSIT)
    world.wait(TERMS.answer_period // 2 + 1)
    world.round(verifier, steps=(watch,))
    return verifier, answer, lambda: lane.answer(batch)


def claimed(world: Watching) -> tuple[Context, Step, Rival]:
    verifier, rival = world.verifier(), world.verifier("rival", RIVAL)
    receipt = world.signed(1)
    world.round(verifier, rival)
    held = world.promised(receipt)[0]
    for context in (verifier, rival):
        world.entrusted(context, held, receipt)
    world.wait(TERMS.max_promise_delay + 2)
    world.round(verifier, rival, steps=(watch,))
    return verifier, claim, lambda: claim(rival)


def false_attestation(world: Watching, attested: Attested | None = None) -> int:
    attested = attested or Attested(world)
    document = attested.document(attested.key())
    wrong = {"document_time": attested.claims(document).document_time - 1}
    return attested.post(document, attested.key(), wrong)


def challenged(world: Watching) -> tuple[Context, Step, Rival]:
    number = false_attestation(world)
    verifier, rival = world.verifier(), world.chain.account_view(RIVAL)
    world.round(verifier, steps=(watch,))
    return verifier, attest, lambda: rival.challenge_attestation(number, CHALLENGE)


def answered(world: Watching) -> tuple[Context, Step, Rival]:
    attested = Attested(world)
    number = attested.post()
    world.chain.account_view(RIVAL).challenge_attestation(number, CHALLENGE)
    verifier = having(world.verifier(), prove_others=True)
    other = having(world.verifier("other", OPERATOR), prove_others=True)
    world.round(verifier, other, steps=(watch,))
    return verifier, attest, lambda: attest(other)


def ended(world: Watching) -> tuple[Context, Step, Rival]:
    number = false_attestation(world)
    verifier = world.verifier()
    verifier.chain.challenge_attestation(number, CHALLENGE)
    world.wait(100)
    world.round(verifier, steps=(watch,))
    return verifier, attest, lambda: world.chain.account_view(RIVAL).expire_challenge(number)


@pytest.mark.parametrize(
    "scene",
    [proof, demanded, settled, shown, claimed, challenged, answered, ended],
    ids=lambda one: one.__name__,
)
@pytest.mark.parametrize("is_first", [False, True], ids=["another was first", "nobody was"])
def test_what_another_was_first_with_is_not_sent(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    scene: Callable[[Watching], tuple[Context, Step, Rival]],
    is_first: bool,
) -> None:
    world = Watching(tmp_path, TERMS)
    verifier, step, rival = scene(world)
    verifier = having(verifier, withdraw_above="0")
    before = sent(world)
    caplog.clear()
    if not is_first:
        rival()
    step(verifier)
    assert sent(world) - before == is_first  # so the scene is one in which it would act
    for _ in range(4):
        world.round(verifier)
        world.wait(1)
    assert sent(world) - before == is_first
    # That data is missing is said all the same.
    said = [one for one in caplog.records if one.levelno >= logging.ERROR and one.module != "check"]
    assert [one.getMessage() for one in said] == []


# --- what comes first -------------------------------------------------------------------------------


def test_of_demands_that_press_alike_the_dearest_is_made_first(tmp_path: Path) -> None:
    world = World(tmp_path, TERMS)
    verifier = having(
        world.verifier(), demand_after=0.0, demand_budget=f"{DEPOSIT * 3 // 2 * 10**-18:f}ether"
    )
    small, large = OwnLane(world), OwnLane(world, RIVAL)
    small.post(world.signed(1).leaf)
    world.round(verifier)
    batches = [
        lane.post(*[world.signed(100 * n + count).leaf for n in range(count)], withheld=True)
        for lane, count in ((small, 1), (large, 5))
    ]
    while watch(verifier) or check(verifier):
        pass
    # As if both had been posted in one block.
    verifier.store._database.execute(
        f"UPDATE deadlines SET time = {world.now + 30} WHERE action = '{Action.DEMAND}'"
    )
    for _ in range(3):
        world.wait(1)
        while watch(verifier) or check(verifier):
            pass
        demand(verifier)
    assert [one.batch for one in events(world, TileDemanded)] == [batches[1].id]


def test_demands_come_before_settlements(tmp_path: Path) -> None:
    world = World(tmp_path, TERMS)
    verifier, lane = having(world.verifier(), demand_after=0.0), OwnLane(world)
    lane.post(world.signed(1).leaf)
    ours = lane.post(world.signed(2).leaf, withheld=True)
    world.round(verifier, steps=(watch,))
    verifier.chain.demand_tile(ours.id, 0, ours.tree.root, (), DEPOSIT)
    world.wait(TERMS.answer_period + 1)
    other = lane.post(world.signed(3).leaf, withheld=True)
    while watch(verifier) or check(verifier):
        pass
    world.wait(1)
    while watch(verifier) or check(verifier):
        pass
    before = world.chain._blocks[-1].block.number
    demand(verifier)
    after = world.chain.account_view(RIVAL).events(before + 1, 10**6)
    names = [type(one.event).__name__ for one in after]
    assert names.index("TileDemanded") < names.index("DemandExpired")
    assert events(world, TileDemanded)[-1].batch == other.id


def test_of_attestations_the_one_with_the_soonest_deadline_is_first(tmp_path: Path) -> None:
    world = Watching(tmp_path, TERMS)
    attested = Attested(world)
    first = false_attestation(world, attested)
    world.wait(3)
    second = false_attestation(world, attested)
    assert second > first
    verifier = world.verifier()
    world.round(verifier, steps=(watch,))
    verifier.store._database.execute(
        f"UPDATE attestation_checks SET next_at = next_at - 2 WHERE id = {second}"
    )
    attest(verifier)
    (challenge,) = events(world, AttestationChallenged)
    assert challenge.id == first
