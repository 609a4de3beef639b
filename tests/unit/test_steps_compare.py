"""Compare: receipts that stand twice on a lane, and ranges that leave receipts out, are found without help.

a receipt at two numbers of one lane
├── within a batch, across tiles, across batches → all but the first should be proven, whatever their signatures' bytes
├── when the earlier batch could be had only later → the later leaf should be proven then
├── when the earlier one is void → the later one should stand
│   └── of three, the third should be proven against the second
├── when the earlier one is forged → it should be voided, and the later one stand
└── when more stand there than blow the fuse → no more proofs should be kept than are needed
a receipt on two lanes
└── it should be nobody's fault
a timely receipt outside of its batch's range
├── it should be proven once, by whichever leaf
└── one that is untimely, or void for its node, should not make a difference that the contract does not make
what is kept
├── it should go with its batch in a reorganisation, and come again with it
└── it should be forgotten once no open batch can hold the receipt
"""

from dataclasses import replace
from pathlib import Path

import pytest

from afterproof.protocol.batching import Batch
from afterproof.protocol.judging import MOST_FAULTS
from afterproof.protocol.ledger import FUSE
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.compare import compare
from afterproof.steps.tidy import EVERY, tidy
from afterproof.steps.watch import watch
from afterproof.store.deadlines import Action
from afterproof.store.verdicts import State
from tests.support.databases import on_both
from tests.support.lane import OwnLane
from tests.support.scene import receipt_of, rsa_signer
from tests.support.world import OPERATOR, OWNER, RIVAL, World

pytestmark = on_both


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def lane(world: World) -> OwnLane:
    return OwnLane(world)


@pytest.fixture
def verifier(world: World) -> Context:
    return world.verifier()


def leaves(world: World, count: int, first: int = 0) -> list[Leaf]:
    """Good leaves."""
    return [world.signed(first + n).leaf for n in range(count)]


def settled(world: World, verifier: Context, rounds: int = 4) -> None:
    """Rounds in which the verifier finds and proves what there is."""
    world.rounds(rounds, verifier)


def found(verifier: Context, *batches: Batch) -> dict[tuple[int, int, FaultKind], State]:
    """What came of the verdicts, by batch's first number, place and kind."""
    return {
        (batch.first_seq, one.place, FaultKind(one.kind)): one.state
        for batch in batches
        for one in verifier.store.verdicts.of(batch.id)
    }


def standings(world: World, batch: Batch) -> list[Standing]:
    """How the contract reads a batch's leaves."""
    chain = world.chain.account_view(RIVAL)
    return [
        chain.standing(batch.id, index, leaf.words, batch.tree.proof(index))
        for index, leaf in enumerate(batch.leaves)
        if leaf is not None
    ]


DUPLICATE, RANGE, FORGED = (
    FaultKind.DUPLICATE_RECEIPT,
    FaultKind.MISDECLARED_RANGE,
    FaultKind.BAD_SIGNATURE,
)


def test_duplicate_in_a_batch_is_proven(world: World, lane: OwnLane, verifier: Context) -> None:
    one, two, three = leaves(world, 3)
    batch = lane.post(one, two, one, three, two, two)
    settled(world, verifier)
    assert found(verifier, batch) == {(0, place, DUPLICATE): State.PROVEN for place in (2, 4, 5)}
    assert [one is Standing.VOIDED for one in standings(world, batch)] == [0, 0, 1, 0, 1, 1]
    assert verifier.chain.credits(verifier.chain.account) == 3 * world.terms.leaf_slash // 2


def test_duplicate_in_another_tile_and_another_batch_is_proven(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    some = leaves(world, 300)
    first = lane.post(*some, some[3])
    settled(world, verifier, 2)
    later = lane.post(world.signed(900).leaf, some[299], some[0])
    settled(world, verifier)
    assert found(verifier, first, later) == {
        (0, 300, DUPLICATE): State.PROVEN,
        (301, 1, DUPLICATE): State.PROVEN,
        (301, 2, DUPLICATE): State.PROVEN,
    }
    assert standings(world, first)[:300] == [Standing.POSTED] * 300


def test_duplicate_with_another_signature_is_proven(world: World, lane: OwnLane, verifier: Context) -> None:
    signer = rsa_signer()  # its salt is fresh each time
    world.chain.account_view(OWNER).endorse(signer.public_key, OPERATOR)
    world.wait(2)
    receipt = receipt_of(signer, world.now, 1)
    first, second = (signer.sign(receipt, world.domain).leaf for _ in range(2))
    assert first.signature != second.signature
    batch = lane.post(first, second)
    settled(world, verifier)
    assert found(verifier, batch) == {(0, 1, DUPLICATE): State.PROVEN}


def test_duplicate_whose_earlier_batch_comes_later_is_proven_then(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    one, two = leaves(world, 2)
    first = lane.post(one, two, withheld=True)
    later = lane.post(two)
    settled(world, verifier, 2)
    assert found(verifier, later) == {}
    lane.publish(first)
    settled(world, verifier, 6)
    assert found(verifier, later) == {(2, 0, DUPLICATE): State.PROVEN}
    assert standings(world, first) == [Standing.POSTED] * 2


def test_receipt_whose_earlier_place_is_forged_stands(world: World, lane: OwnLane, verifier: Context) -> None:
    good = world.signed(1)
    forged = Leaf(good.receipt, world.signed(2).signature)
    batch = lane.post(forged, good.leaf, good.leaf)
    settled(world, verifier)
    assert found(verifier, batch) == {(0, 0, FORGED): State.PROVEN, (0, 2, DUPLICATE): State.PROVEN}
    assert standings(world, batch) == [Standing.VOIDED, Standing.POSTED, Standing.VOIDED]


def test_receipt_whose_earlier_place_is_proven_void_meanwhile_is_compared_again(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    """Found as duplicates of a leaf that turns out void: the second stands, and the third is proven against it."""
    good = world.signed(1)
    batch = lane.post(good.leaf, good.leaf, good.leaf)
    while watch(verifier):
        pass
    check(verifier)
    compare(verifier)
    assert len(found(verifier, batch)) == 2
    settlement = world.chain._state.settlement
    settlement.batches[batch.id].voids.add(0)  # by whatever fault
    verifier.store._database.execute(
        "INSERT INTO faults VALUES (1, 0, 0, 1, ?, '0', ?, 1, 1)", (b"\x03" * 20, bytes(32))
    )
    settled(world, verifier)
    assert found(verifier, batch) == {(0, 2, DUPLICATE): State.PROVEN}
    assert standings(world, batch) == [Standing.VOIDED, Standing.POSTED, Standing.VOIDED]


def test_receipt_on_two_lanes_is_nobodys_fault(world: World, lane: OwnLane, verifier: Context) -> None:
    other = OwnLane(world, RIVAL)
    some = leaves(world, 3)
    batches = lane.post(*some), other.post(*some)
    settled(world, verifier)
    assert found(verifier, *batches) == {}
    assert {one for batch in batches for one in standings(world, batch)} == {Standing.POSTED}


def test_more_duplicates_than_blow_the_fuse_are_not_all_kept(tmp_path: Path) -> None:
    world = World(tmp_path, replace(DEMO, window=600))  # each proof takes a second here
    lane, verifier = OwnLane(world), world.verifier()
    batch = lane.post(*[world.signed(1).leaf] * (MOST_FAULTS + 300))
    world.round(verifier, steps=(watch, check, compare))
    assert len(found(verifier, batch)) == MOST_FAULTS
    world.round(verifier)
    header = verifier.chain.batch(batch.id)
    assert header is not None and header[1].fault_count == FUSE
    assert set(standings(world, batch)) == {Standing.VOIDED}
    world.round(verifier)
    assert set(found(verifier, batch).values()) == {State.PROVEN, State.STRUCK}
    assert verifier.store.deadlines.count(Action.DISPUTE) == 0


def test_receipt_posted_again_after_its_tile_was_struck_stands(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    one, two = leaves(world, 2)
    lost = lane.post(one, two)
    while watch(verifier):
        pass
    check(verifier)
    rival = world.chain.account_view(RIVAL)
    rival.demand_tile(lost.id, 0, lost.tree.root, (), world.terms.demand_deposit)
    world.wait(world.terms.answer_period + 1)
    again = lane.post(one, two)
    settled(world, verifier)
    assert found(verifier, again) == {}
    assert standings(world, again) == [Standing.POSTED] * 2


# --- the declared range -----------------------------------------------------------------------------


def test_misdeclared_range_is_proven_once(world: World, lane: OwnLane, verifier: Context) -> None:
    some = [world.signed(n, age=n).leaf for n in range(5)]
    oldest = some[2].receipt.issued_at
    batch = lane.post(*some, declared=(oldest, oldest + 2))
    settled(world, verifier)
    assert found(verifier, batch) == {(0, 3, RANGE): State.PROVEN}
    assert standings(world, batch) == [Standing.POSTED] * 5
    assert verifier.chain.credits(verifier.chain.account) == world.terms.leaf_slash // 2


def test_honest_range_is_no_fault(world: World, lane: OwnLane, verifier: Context) -> None:
    late = world.signed(7, age=world.terms.max_posting_delay + 5)
    batch = lane.post(*[world.signed(n, age=n).leaf for n in range(4)], late.leaf, None)
    settled(world, verifier)
    assert found(verifier, batch) == {}


def test_misdeclared_range_and_forgery_of_one_leaf_are_both_proven(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    forged = world.forged(1).leaf
    world.wait(3)
    batch = lane.post(forged, world.signed(2).leaf, declared=(world.now, world.now))
    settled(world, verifier)
    assert found(verifier, batch) == {(0, 0, RANGE): State.PROVEN, (0, 0, FORGED): State.PROVEN}


def test_misdeclared_range_of_a_node_that_is_not_live_is_proven(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    stranger = world.of_stranger(1).leaf
    world.wait(3)
    batch = lane.post(stranger, world.signed(2).leaf, declared=(world.now, world.now))
    settled(world, verifier)
    assert found(verifier, batch) == {(0, 0, RANGE): State.PROVEN}


def test_misdeclared_range_whose_tile_is_struck_is_proven_by_another(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    some = [world.signed(n, age=3).leaf for n in range(300)]
    batch = lane.post(*some, declared=(world.now, world.now))
    world.round(verifier, steps=(watch, check))
    assert found(verifier, batch) == {(0, 0, RANGE): State.PENDING}
    rival = world.chain.account_view(RIVAL)
    roots = batch.tree.tile_roots
    rival.demand_tile(batch.id, 0, roots[0], (roots[1],), world.terms.demand_deposit)
    world.wait(world.terms.answer_period + 1)
    settled(world, verifier)
    assert found(verifier, batch) == {(0, 0, RANGE): State.STRUCK, (0, 256, RANGE): State.PROVEN}


# --- what is kept -----------------------------------------------------------------------------------


def test_index_goes_with_its_batch_in_a_reorganisation(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    one, two = leaves(world, 2)
    lane.post(one, two)
    settled(world, verifier, 1)
    count = verifier.store.seen.count()
    later = lane.post(one)
    world.round(verifier, steps=(watch, check, compare))
    assert verifier.store.seen.count() == count + 1
    world.chain.reorg(1)
    world.wait(1)
    world.wait(1)
    world.round(verifier, steps=(watch, check, compare))
    assert verifier.store.seen.count() == count and found(verifier, later) == {}
    again = lane.post(one)
    settled(world, verifier)
    assert found(verifier, again) == {(2, 0, DUPLICATE): State.PROVEN}


def test_index_forgets_receipts_that_no_open_batch_can_hold(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    lane.post(*leaves(world, 3))
    world.rounds(world.terms.window + 2, verifier)
    assert verifier.store.seen.count() == 3
    world.wait(world.terms.max_posting_delay + EVERY)
    lane.post(world.signed(5).leaf)
    world.round(verifier)
    assert verifier.store.seen.count() == 4  # a reorganisation may bring the window back
    verifier.store._database.execute("DELETE FROM blocks WHERE number < ?", (verifier.chain.head().number,))
    world.wait(EVERY)
    watch(verifier)
    tidy(verifier)
    assert verifier.store.seen.count() == 1


def test_compare_without_the_archive_waits_and_accuses_nobody(
    world: World, lane: OwnLane, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    leaf = world.signed(1).leaf
    batch = lane.post(leaf, leaf)
    world.round(verifier, steps=(watch, check))
    verifier.data.archive.remove(batch.id)
    assert compare(verifier) is False
    assert "cannot be compared yet, by no fault of its own: leaf 0 of it is not in the archive" in caplog.text
    assert found(verifier, batch) == {} and verifier.store.deadlines.count(Action.COMPARE) == 1
