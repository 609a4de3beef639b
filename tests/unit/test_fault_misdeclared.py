"""MisdeclaredRange: a timely leaf was issued outside the range that its batch declares.

the leaf
├── when it was issued in the range, its ends included → it should not prove
├── when it was issued untimely, by a second or absurdly → it should not prove, wherever the range lies
├── when it was issued timely and outside, by a second, before or after → it should prove, void or not
├── when it is not there, in a tile that has ended or was struck → it should revert
└── when the batch was posted as an honest relayer does → no leaf of it proves
the effect
├── when it was proven of the batch before, by whatever leaf → it should revert, and cost the loser only gas
├── when gas is short → it should revert, whatever the gas
├── when the epoch knows no such fault → it should revert; else the terms are those at the anchor
└── else → slash the lane once, half to the prover, the lane itself included; the leaf stands, the fuse is not touched
    └── given a fault of the same leaf, before or after → each has its own slash
"""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from afterproof.protocol.batching import Batch
from afterproof.protocol.header import HAS_MISDECLARED
from afterproof.protocol.outcome import Revert
from afterproof.protocol.receipt import Leaf, Receipt
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.evm import Reverted
from tests.support.invariants import solvent
from tests.support.pair import ALL_FAULTS, encode_claim
from tests.support.scene import Scene, secp_signer

POSTED, FINAL, VOIDED = Standing.POSTED, Standing.FINAL, Standing.VOIDED
SLASH, KIND = DEMO.leaf_slash, FaultKind.MISDECLARED_RANGE
DELAY, SKEW = DEMO.max_posting_delay, DEMO.max_clock_skew


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    scene.wait(100)
    yield scene
    scene.pair.compare_state()
    solvent(scene.pair)


def prove(scene: Scene, batch: Batch, index: int, by: bytes | None = None) -> None:
    scene.pair.act("prove_fault", by or scene.prover, KIND, scene.claim(batch, index))


def refused(scene: Scene, batch: Batch, index: int) -> str:
    """The error with which the claim on a leaf is refused."""
    return scene.refusal("prove_fault", scene.prover, KIND, scene.claim(batch, index))


def lost(scene: Scene) -> int:
    """What the lane has lost of its stake."""
    return 10 * ETHER - scene.pair.spec.lanes[1].stake


# --- the leaf ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [7, 5, 3])
def test_misdeclared_of_a_leaf_in_the_range_does_not_prove(scene: Scene, age: int) -> None:
    batch = scene.post(scene.leaf(1, age=age), declared=(scene.now - 7, scene.now - 3))
    assert refused(scene, batch, 0) == "NotProven"


@pytest.mark.parametrize("age", [8, 2, 0, DELAY, -SKEW])
def test_misdeclared_of_a_timely_leaf_outside_the_range_proves(scene: Scene, age: int) -> None:
    batch = scene.post(scene.leaf(1, age=age), declared=(scene.now - 7, scene.now - 3))
    prove(scene, batch, 0)


@pytest.mark.parametrize("age", [DELAY + 1, -SKEW - 1])
def test_misdeclared_of_an_untimely_leaf_does_not_prove(scene: Scene, age: int) -> None:
    for declared in ((scene.now, scene.now), (scene.now - DELAY, scene.now + SKEW)):
        batch = scene.post(scene.leaf(1, age=age), declared=declared)
        assert refused(scene, batch, 0) == "NotProven"
        assert scene.standing(batch, 0) is VOIDED


@pytest.mark.parametrize("issued_at", [0, 2**40, 2**64 - 1, 2**64, 2**255, 2**256 - 1])
def test_misdeclared_of_a_leaf_with_an_absurd_time_does_not_prove(scene: Scene, issued_at: int) -> None:
    leaf = scene.leaf(1)
    absurd = Leaf(Receipt.from_words(leaf.receipt.words[:160] + issued_at.to_bytes(32)), leaf.signature)
    batch = scene.post(absurd, declared=(scene.now, scene.now))
    assert refused(scene, batch, 0) == "NotProven"


def test_misdeclared_where_no_leaf_is_timely_is_only_the_anchor_itself(scene: Scene) -> None:
    untimely, timely = scene.leaf(1, age=DELAY + 1), scene.leaf(2)
    batch = scene.post(untimely, timely, scene.leaf(3, age=1), declared=(scene.now, scene.now))
    assert [refused(scene, batch, i) for i in range(2)] == ["NotProven"] * 2
    prove(scene, batch, 2)


def test_misdeclared_of_a_void_leaf_proves_as_well(scene: Scene) -> None:
    # A forged one that a fault has voided; and one of a node that nobody registered.
    forged, strange = scene.forged(1), scene.leaf(2, secp_signer(9))
    first = scene.post(forged, declared=(scene.now - 9, scene.now - 9))
    second = scene.post(strange, declared=(scene.now - 9, scene.now - 9))
    scene.prove(first, 0)
    for batch in (first, second):
        assert scene.standing(batch, 0) is VOIDED
        prove(scene, batch, 0)
    assert lost(scene) == 3 * SLASH


def test_misdeclared_and_a_fault_of_one_leaf_are_two_slashes_in_either_order(scene: Scene) -> None:
    batch = scene.post(scene.forged(1), declared=(scene.now - 9, scene.now - 9))
    prove(scene, batch, 0)
    scene.prove(batch, 0)
    assert lost(scene) == 2 * SLASH
    assert scene.pair.spec.batches[batch.id].header.fault_count == 1


def test_misdeclared_of_what_is_not_there_reverts(scene: Scene) -> None:
    batch = scene.post(*[scene.leaf(i) for i in range(5)], declared=(scene.now - 9, scene.now - 9))
    claim = scene.claim(batch, 1)
    for wrong in (
        replace(claim, index=2),
        replace(claim, index=2**256 - 1),
        replace(claim, signature=b""),
        replace(claim, proof=claim.proof[:-1]),
        replace(claim, receipt=replace(claim.receipt, issued_at=scene.now - 1)),
    ):
        assert scene.refusal("prove_fault", scene.prover, KIND, wrong) == "NotIncluded"
    unknown = replace(claim, batch=batch.id + 1)
    assert scene.refusal("prove_fault", scene.prover, KIND, unknown) == "UnknownBatch"


def test_misdeclared_in_the_last_second_proves_and_after_it_reverts(scene: Scene) -> None:
    one = scene.post(scene.leaf(1), declared=(scene.now - 9, scene.now - 9))
    two = scene.post(scene.leaf(2), declared=(scene.now - 9, scene.now - 9))
    scene.end_window(one, 0)
    prove(scene, one, 0)
    scene.wait(1)
    assert refused(scene, two, 0) == "TooLate"


def test_misdeclared_in_a_demanded_tile_proves_until_it_is_struck_and_elsewhere_until_the_end(
    scene: Scene,
) -> None:
    leaves = [scene.leaf(0), *[None] * 255, scene.leaf(1)]
    batches = [scene.post(*leaves, declared=(scene.now - 9, scene.now - 9)) for _ in range(2)]
    scene.end_window(batches[0], 0)
    for batch in batches:
        scene.demand(batch)
    scene.pass_deadline(batches[0], offset=0)
    assert refused(scene, batches[0], 256) == "TooLate"
    prove(scene, batches[0], 0)
    scene.pass_deadline(batches[1])
    assert refused(scene, batches[1], 0) == "Struck"


def test_no_leaf_of_an_honest_batch_is_misdeclared(scene: Scene) -> None:
    dice = random.Random(5)
    edges = [DELAY + 1, DELAY, DELAY - 1, 1, 0, -1, -SKEW + 1, -SKEW, -SKEW - 1]
    for _ in range(12):
        ages = [dice.choice(edges) for _ in range(dice.randint(1, 4))]
        batch = scene.post(*[scene.leaf(i, age=age) for i, age in enumerate(ages)])
        for index in range(batch.count):
            assert refused(scene, batch, index) == "NotProven"


# --- the effect -------------------------------------------------------------------------------------


def test_misdeclared_slashes_once_and_the_leaf_stands(scene: Scene) -> None:
    batch = scene.post(*[scene.leaf(i) for i in range(3)], declared=(scene.now - 9, scene.now - 9))
    other = scene.post(scene.leaf(4), declared=(scene.now - 9, scene.now - 9))
    prove(scene, batch, 1)
    for index in range(3):
        assert refused(scene, batch, index) == "AlreadyProven"
    assert lost(scene) == SLASH
    assert scene.pair.spec.credits == {scene.prover: SLASH // 2}
    header = scene.pair.spec.batches[batch.id].header
    assert (header.flags, header.fault_count) == (HAS_MISDECLARED, 0)
    assert scene.pair.settlement.call("voidMap", batch.id, 0) == 0
    prove(scene, other, 0)
    assert lost(scene) == 2 * SLASH
    scene.end_window(batch)
    assert [scene.standing(batch, i) for i in range(3)] == [FINAL] * 3


def test_misdeclared_that_loses_the_race_costs_only_gas(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1), scene.leaf(2), declared=(scene.now - 9, scene.now - 9))
    before = scene.pair.evm.balance(scene.stranger)
    prove(scene, batch, 0)
    with pytest.raises(Revert, match="AlreadyProven"):
        prove(scene, batch, 1, by=scene.stranger)
    assert scene.pair.evm.balance(scene.stranger) == before
    assert scene.stranger not in scene.pair.spec.credits


def test_misdeclared_by_the_lane_itself_costs_it_half(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1), declared=(scene.now - 9, scene.now - 9))
    prove(scene, batch, 0, by=scene.relayer)
    assert lost(scene) - scene.pair.spec.credits[scene.relayer] == SLASH // 2


def test_misdeclared_with_a_demand_open_and_a_fault_proven_keeps_all_three_marks(scene: Scene) -> None:
    batch = scene.post(scene.forged(0), scene.leaf(1), declared=(scene.now - 9, scene.now - 9))
    scene.demand(batch)
    scene.prove(batch, 0)
    prove(scene, batch, 1)
    scene.answer(batch)
    header = scene.pair.spec.batches[batch.id].header
    assert (header.fault_count, header.open_demands) == (1, 0)
    assert header.latest_end == scene.now + DEMO.window
    assert [scene.standing(batch, i) for i in range(2)] == [VOIDED, POSTED]


def test_misdeclared_goes_by_the_terms_at_the_anchor(scene: Scene) -> None:
    later = replace(DEMO, max_posting_delay=40, max_clock_skew=0, leaf_slash=ETHER // 1_000)
    starts_at = scene.now + DEMO.time_to_leave
    scene.pair.act("announce_epoch", scene.owner, later, ALL_FAULTS, starts_at)
    scene.pair.evm.warp(starts_at - 1)
    now = scene.now
    leaves = [scene.leaf(0, age=31), scene.leaf(1, age=-1)]
    old = scene.post(*leaves, declared=(now, now))
    scene.wait(1)
    new = scene.post(*leaves, declared=(now + 1, now + 1))
    assert refused(scene, old, 0) == "NotProven", "31 seconds were untimely then"
    assert refused(scene, new, 1) == "NotProven", "and it is this very second's"
    prove(scene, old, 1)
    assert lost(scene) == SLASH
    prove(scene, new, 0)
    assert lost(scene) == SLASH + ETHER // 1_000


def test_misdeclared_in_an_epoch_that_knows_no_such_fault_reverts(scene: Scene) -> None:
    starts_at = scene.now + DEMO.time_to_leave
    bare = ALL_FAULTS - {KIND}
    scene.pair.act("announce_epoch", scene.owner, DEMO, bare, starts_at)
    scene.pair.evm.warp(starts_at)
    batch = scene.post(scene.leaf(1), declared=(scene.now - 9, scene.now - 9))
    assert refused(scene, batch, 0) == "UnknownFault"


def test_misdeclared_with_starved_gas_never_slashes_an_honest_lane(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1), scene.leaf(2, age=5), scene.leaf(3, age=DELAY + 1))
    for index in range(3):
        claim = encode_claim(scene.claim(batch, index))
        for gas in range(30_000, 130_000, 2_500):
            with pytest.raises((Reverted, ValueError)):
                scene.pair.settlement.send("proveFault", KIND, claim, sender=scene.prover, gas=gas)


def test_misdeclared_ignores_its_evidence(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1), declared=(scene.now - 9, scene.now - 9))
    claim = scene.claim(batch, 0, b"\xff" * 1_000)
    scene.pair.act("prove_fault", scene.prover, KIND, claim)
