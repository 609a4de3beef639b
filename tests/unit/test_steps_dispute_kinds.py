"""Dispute: every kind of fault is closed by the chain event that says so, and opened again when that is taken away.

a verdict of each kind
├── when another was first → it should be a lost race, and nothing should be sent
│   └── when a reorganisation takes that proof away → it should be pending again, and proven by us
├── when it is a misdeclared range, and one of another leaf was proven → it should be closed too: once a batch
├── when the leaf was proven to be at fault in the other way → it should stay: a range does not void, a void is no range
└── when its tile was struck → it should be closed without a proof
    └── when a reorganisation takes that away → it should be proven after all
"""

from pathlib import Path

import pytest

from afterproof.errors import CallReverted
from afterproof.protocol.batching import Batch, build_batch
from afterproof.protocol.evidence import duplicate_evidence
from afterproof.protocol.receipt import keccak
from afterproof.protocol.state import Claim, FaultKind
from afterproof.steps import Context
from afterproof.steps.dispute import dispute
from afterproof.steps.watch import watch
from afterproof.store.deadlines import Action, Deadline
from afterproof.store.verdicts import State, Verdict, What
from tests.support.databases import on_both
from tests.support.world import RELAYER, RIVAL, VERIFIER, World

pytestmark = on_both

PLACES = {FaultKind.DUPLICATE_RECEIPT: 1, FaultKind.MISDECLARED_RANGE: 2, FaultKind.BAD_SIGNATURE: 4}
"""Where in the batch a leaf of each fault stands; 3 is outside the declared range as 2 is, 4 is so too."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def batch(world: World) -> Batch:
    """A posted batch with a leaf of each fault, its declared range no wider than its first leaf."""
    good = world.signed(0)
    early = [world.signed(n, age=n) for n in (3, 4)]
    world.wait(1)
    leaves = [one.leaf for one in (good, good, *early, world.forged(5))]
    made = build_batch(world.lane, 0, leaves)
    at = good.receipt.issued_at
    world.chain.account_view(RELAYER).post(
        world.lane, 0, made.count, at, at, made.tree.tile_roots, "http://relayer.test/0"
    )
    return made


@pytest.fixture
def verifier(world: World, batch: Batch) -> Context:
    """A verifier that follows the chain, and has checked nothing yet."""
    made = world.verifier()
    watch(made)
    return made


def claimed(world: World, batch: Batch, kind: FaultKind, place: int | None = None) -> Claim:
    """What proves a fault of this kind."""
    index = PLACES[kind] if place is None else place
    leaf = batch.leaves[index]
    assert leaf is not None
    first = batch.leaves[0]
    assert first is not None
    evidence = {
        FaultKind.BAD_SIGNATURE: world.nodes[0].public_key,
        FaultKind.DUPLICATE_RECEIPT: duplicate_evidence(
            batch.id, 0, keccak(first.signature), tuple(batch.tree.proof(0))
        ),
        FaultKind.MISDECLARED_RANGE: b"",
    }[kind]
    return Claim(batch.id, index, leaf.receipt, leaf.signature, tuple(batch.tree.proof(index)), evidence)


def found(world: World, verifier: Context, batch: Batch, kind: FaultKind, place: int | None = None) -> None:
    """A verdict, as checking the batch leaves it."""
    claim = claimed(world, batch, kind, place)
    posted = verifier.store.batches.posted(batch.id)
    assert posted is not None
    with verifier.store.transaction():
        verifier.store.verdicts.add(
            Verdict(
                batch.id, claim.index, What.DISPUTE, kind, claim.evidence, claim.receipt.words, claim.signature,
                claim.proof,
            )
        )  # fmt: skip
        verifier.store.deadlines.add(
            Deadline(posted.header.window_end, Action.DISPUTE, batch.id, claim.index)
        )
        verifier.store.deadlines.remove_all(batch.id, Action.CHECK)


def prove_as_rival(world: World, claim: Claim, kind: FaultKind) -> None:
    """Another's proof."""
    world.chain.account_view(RIVAL).prove_fault(kind, claim)


def states(context: Context, batch: Batch) -> dict[int, State]:
    """What came of the verdicts, by place."""
    return {one.place: one.state for one in context.store.verdicts.of(batch.id)}


def follow(*contexts: Context) -> None:
    """One look at the chain, and one round of proofs."""
    for context in contexts:
        watch(context)
        dispute(context)


@pytest.mark.parametrize("kind", PLACES)
def test_dispute_of_what_another_proved_is_a_lost_race(
    world: World, batch: Batch, verifier: Context, kind: FaultKind
) -> None:
    found(world, verifier, batch, kind)
    prove_as_rival(world, claimed(world, batch, kind), kind)
    blocks = world.chain.account_view(RIVAL).head().number
    follow(verifier)
    assert states(verifier, batch) == {PLACES[kind]: State.LOST_RACE}
    assert verifier.store.deadlines.count(Action.DISPUTE) == 0
    assert verifier.chain.head().number == blocks
    assert verifier.chain.credits(VERIFIER) == 0


@pytest.mark.parametrize("kind", PLACES)
def test_dispute_whose_lost_race_a_reorganisation_takes_away_is_run_again(
    world: World, batch: Batch, verifier: Context, kind: FaultKind
) -> None:
    found(world, verifier, batch, kind)
    prove_as_rival(world, claimed(world, batch, kind), kind)
    follow(verifier)
    world.chain.reorg(1)
    world.wait(1)
    world.wait(1)
    watch(verifier)
    assert states(verifier, batch) == {PLACES[kind]: State.PENDING}
    assert verifier.store.deadlines.count(Action.DISPUTE) == 1
    dispute(verifier)
    follow(verifier)
    assert states(verifier, batch) == {PLACES[kind]: State.PROVEN}
    assert verifier.chain.credits(VERIFIER) == world.terms.leaf_slash // 2


@pytest.mark.parametrize("kind", PLACES)
def test_dispute_of_our_own_whose_proof_a_reorganisation_takes_away_is_run_again(
    world: World, batch: Batch, verifier: Context, kind: FaultKind
) -> None:
    found(world, verifier, batch, kind)
    dispute(verifier)
    follow(verifier)
    assert states(verifier, batch) == {PLACES[kind]: State.PROVEN}
    world.chain.reorg(1)
    world.wait(1)
    world.wait(1)
    watch(verifier)
    assert states(verifier, batch) == {PLACES[kind]: State.PENDING}
    dispute(verifier)
    follow(verifier)
    assert states(verifier, batch) == {PLACES[kind]: State.PROVEN}


def test_dispute_of_a_range_is_closed_by_any_leaf_of_the_batch(
    world: World, batch: Batch, verifier: Context
) -> None:
    for place in (2, 3):
        found(world, verifier, batch, FaultKind.MISDECLARED_RANGE, place)
    dispute(verifier)
    follow(verifier)
    assert states(verifier, batch) == {2: State.PROVEN, 3: State.LOST_RACE}
    rewards = [one.reward for one in verifier.store.verdicts.of(batch.id)]
    assert rewards == [world.terms.leaf_slash // 2, None]
    assert verifier.store.deadlines.count(Action.DISPUTE) == 0
    with pytest.raises(CallReverted, match="AlreadyProven"):
        prove_as_rival(
            world, claimed(world, batch, FaultKind.MISDECLARED_RANGE, 3), FaultKind.MISDECLARED_RANGE
        )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (FaultKind.BAD_SIGNATURE, FaultKind.MISDECLARED_RANGE),
        (FaultKind.MISDECLARED_RANGE, FaultKind.BAD_SIGNATURE),
    ],
)
def test_dispute_is_not_closed_by_a_fault_that_leaves_it_provable(
    world: World, batch: Batch, verifier: Context, ours: FaultKind, theirs: FaultKind
) -> None:
    found(world, verifier, batch, ours, 4)
    prove_as_rival(world, claimed(world, batch, theirs, 4), theirs)
    watch(verifier)
    assert states(verifier, batch) == {4: State.PENDING}
    dispute(verifier)
    follow(verifier)
    assert states(verifier, batch) == {4: State.PROVEN}
    assert len(verifier.store.faults.voids(batch.id)) == 1


@pytest.mark.parametrize("kind", PLACES)
def test_dispute_in_a_struck_tile_is_closed_and_opened_again(
    world: World, batch: Batch, verifier: Context, kind: FaultKind
) -> None:
    found(world, verifier, batch, kind)
    rival = world.chain.account_view(RIVAL)
    rival.demand_tile(batch.id, 0, batch.tree.root, (), world.terms.demand_deposit)
    world.wait(world.terms.answer_period + 1)
    rival.expire_demand(batch.id, 0)
    follow(verifier)
    assert states(verifier, batch) == {PLACES[kind]: State.STRUCK}
    assert verifier.store.deadlines.count(Action.DISPUTE) == 0
    world.chain.reorg(3)  # the demand and its end
    for _ in range(4):
        world.wait(1)
    watch(verifier)
    assert states(verifier, batch) == {PLACES[kind]: State.PENDING}
    dispute(verifier)
    follow(verifier)
    assert states(verifier, batch) == {PLACES[kind]: State.PROVEN}
