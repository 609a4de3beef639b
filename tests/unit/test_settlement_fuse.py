"""Settlement: the fuse. Proven bulk fraud falls at once; one bad receipt never holds up a batch.

counting
├── a leaf fault counts 1, an expired demand 64, however many leaves it strikes; a misdeclared range nothing
├── given 255 → nothing happens; given 256 or more → the fuse blows, once, at whatever the last one was
└── given more after it → the count stops at 1,023
when it blows
├── leaves not yet final, in their last second too → struck at once; what had ended stays Final
├── given a tile with an end of its own, or with a demand open → struck as well
├── given other batches and lanes → untouched: they can be disputed, and become final
├── given a fault or a demand in it → it should revert, for it is struck
├── given a demand that is open → it is answered, or expires, as ever
├── given the lane → it may never post again, nor rotate to a poster; it may be topped up, and leave with the rest
├── given receipts of it → they may be posted again, on another lane
├── given promises in it → missed, claimable from the first strike of their tile on, whichever struck first
└── given short gas → all or nothing
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from afterproof.protocol.batching import Batch
from afterproof.protocol.header import IS_STRUCK, MAX_FAULT_COUNT
from afterproof.protocol.outcome import Event
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.evm import Reverted
from tests.support.invariants import solvent
from tests.support.pair import encode_claim
from tests.support.promises import PromiseScene
from tests.support.scene import Scene, answer_of, tile_of

POSTED, FINAL, VOIDED = Standing.POSTED, Standing.FINAL, Standing.VOIDED
SLASH, PERIOD, WINDOW = DEMO.leaf_slash, DEMO.answer_period, DEMO.window


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.pair.compare_state()
    solvent(scene.pair)


def bad(scene: Scene, number: int) -> Leaf:
    """A leaf whose signature is longer than any, the quickest to prove."""
    return Leaf(scene.leaf(number).receipt, bytes(257))


def fault_count(scene: Scene, batch: Batch) -> int:
    return scene.pair.spec.batches[batch.id].header.fault_count


def is_blown(scene: Scene, batch: Batch) -> bool:
    """Whether the batch's fuse has blown, by the contract's own header."""
    _, word = scene.pair.settlement.call("batch", batch.id)
    struck = word >> 250 & IS_STRUCK != 0
    assert struck == scene.pair.settlement.call("lane", batch.lane).blown
    return struck


def post_of_tiles(scene: Scene, tiles: int, *rest: Leaf | None) -> Batch:
    """A batch of whole tiles of a leaf and 255 empty ones, and some leaves in a last tile."""
    leaves = [scene.leaf(i) if i % 256 == 0 else None for i in range(256 * tiles)]
    return scene.post(*leaves, *rest)


def strike(scene: Scene, batch: Batch, *tiles: int) -> None:
    """Demands tiles, lets their deadlines pass, and settles them."""
    for tile in tiles:
        scene.demand(batch, tile)
    scene.pass_deadline(batch, tiles[-1])
    for tile in tiles:
        scene.expire(batch, tile)


# --- counting ---------------------------------------------------------------------------------------


def test_fuse_blows_at_the_256th_leaf_fault_and_not_before(scene: Scene) -> None:
    batch = scene.post(*[bad(scene, i) for i in range(256)], scene.leaf(256))
    for index in range(255):
        scene.prove(batch, index)
    assert fault_count(scene, batch) == 255 and not is_blown(scene, batch)
    assert scene.standing(batch, 256) is POSTED
    events = scene.pair.act("prove_fault", scene.prover, FaultKind.BAD_SIGNATURE, scene.claim(batch, 255))
    assert events[1:] == [Event("FuseBlown", (batch.id,))]
    assert fault_count(scene, batch) == 256 and is_blown(scene, batch)
    assert scene.standing(batch, 256) is VOIDED
    assert scene.pair.spec.lanes[1].stake == 10 * ETHER - 256 * SLASH, "the fuse itself costs nothing more"


def test_fuse_blows_at_the_fourth_expired_demand(scene: Scene) -> None:
    batch = post_of_tiles(scene, 4, scene.leaf(9))
    strike(scene, batch, 0, 1, 2)
    scene.demand(batch, 3)
    scene.pass_deadline(batch, 3)
    assert fault_count(scene, batch) == 192 and not is_blown(scene, batch)
    events = scene.pair.act("expire_demand", scene.stranger, batch.id, 3)
    assert events[1:] == [Event("FuseBlown", (batch.id,))]
    assert fault_count(scene, batch) == 256


@pytest.mark.parametrize("last", ["fault", "demand"])
def test_fuse_counts_faults_and_demands_together(scene: Scene, last: str) -> None:
    leaves = [bad(scene, i) for i in range(65)]
    batch = scene.post(*leaves, *[None] * (4 * 256 - 65), scene.leaf(65))
    strike(scene, batch, 1, 2, 3)
    for index in range(63):
        scene.prove(batch, index)
    assert fault_count(scene, batch) == 255 and not is_blown(scene, batch)
    if last == "fault":
        scene.prove(batch, 63)
        assert fault_count(scene, batch) == 256
    else:
        scene.demand(batch, 4)
        scene.pass_deadline(batch, 4)
        scene.expire(batch, 4)
        assert fault_count(scene, batch) == 319
    assert is_blown(scene, batch)


def test_fuse_counts_an_expired_demand_of_one_leaf_as_of_any(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1))
    strike(scene, batch, 0)
    assert fault_count(scene, batch) == 64 and not is_blown(scene, batch)


def test_fuse_does_not_count_a_misdeclared_range(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1), declared=(scene.now - 9, scene.now - 9))
    scene.pair.act("prove_fault", scene.prover, FaultKind.MISDECLARED_RANGE, scene.claim(batch, 0))
    assert fault_count(scene, batch) == 0


def test_fuse_counts_a_duplicate(scene: Scene) -> None:
    leaf = scene.leaf(1)
    batch = scene.post(leaf, leaf)
    claim = scene.duplicate(batch, 1, batch, 0)
    scene.pair.act("prove_fault", scene.prover, FaultKind.DUPLICATE_RECEIPT, claim)
    assert fault_count(scene, batch) == 1


def test_fuse_blows_once_and_the_count_stops_where_its_field_ends(scene: Scene) -> None:
    tiles = 17
    scene.pair.act("top_up", scene.stranger, scene.lane, value=10 * ETHER)
    batch = scene.post(*[None] * 256 * tiles)
    for tile in range(tiles):
        scene.demand(batch, tile)
    scene.pass_deadline(batch, tiles - 1)
    blown = []
    for tile in range(tiles):
        events = scene.pair.act("expire_demand", scene.stranger, batch.id, tile)
        blown += [tile for event in events if event.name == "FuseBlown"]
        assert fault_count(scene, batch) == min(64 * (tile + 1), MAX_FAULT_COUNT)
    assert blown == [3]
    assert scene.pair.spec.lanes[1].stake == 20 * ETHER - tiles * 256 * SLASH


# --- what it strikes --------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "expected"), [(-1, VOIDED), (0, VOIDED), (1, FINAL)])
def test_fuse_strikes_what_has_not_ended_and_never_what_is_final(
    scene: Scene, offset: int, expected: Standing
) -> None:
    batch = post_of_tiles(scene, 4, scene.leaf(9))
    for tile in range(4):
        scene.demand(batch, tile)
    scene.end_window(batch, offset)
    read = [scene.standing(batch, 256 * tile) for tile in range(5)]
    assert read == [VOIDED] * 4 + [FINAL if expected is FINAL else POSTED]
    for tile in range(4):
        scene.expire(batch, tile)
    assert is_blown(scene, batch)
    assert scene.standing(batch, 4 * 256) is expected
    scene.wait(10**6)
    assert [scene.standing(batch, 256 * tile) for tile in range(5)] == [VOIDED] * 4 + [expected]


def test_fuse_strikes_a_tile_in_its_own_window_long_after_the_batchs(scene: Scene) -> None:
    batch = post_of_tiles(scene, 6, scene.leaf(9))
    for tile in range(4):
        scene.demand(batch, tile)
    scene.end_window(batch, 0)
    scene.demand(batch, 4)
    scene.demand(batch, 5)
    scene.answer(batch, 4)
    scene.pass_deadline(batch, 5, offset=0)
    scene.answer(batch, 5)
    ends = scene.pair.spec.batches[batch.id].header.window_end + WINDOW, scene.now + WINDOW
    scene.pair.evm.warp(ends[0] + 1)
    read = [scene.standing(batch, 256 * tile) for tile in (4, 5, 6)]
    assert read == [FINAL, POSTED, FINAL]
    for tile in range(4):
        scene.expire(batch, tile)
    assert [scene.standing(batch, 256 * tile) for tile in (4, 5, 6)] == [FINAL, VOIDED, FINAL]
    scene.pair.evm.warp(ends[1] + 1)
    assert [scene.standing(batch, 256 * tile) for tile in (4, 5, 6)] == [FINAL, VOIDED, FINAL]


@pytest.mark.parametrize("answered", [True, False])
def test_fuse_strikes_a_demanded_tile_whose_demand_goes_on_as_ever(scene: Scene, answered: bool) -> None:
    batch = post_of_tiles(scene, 4, scene.leaf(9))
    for tile in range(5):
        scene.demand(batch, tile)
    scene.pass_deadline(batch, 3)
    for tile in range(4):
        scene.expire(batch, tile)
    assert is_blown(scene, batch)
    assert scene.standing(batch, 4 * 256) is VOIDED
    before = scene.pair.spec.lanes[1].stake, scene.pair.spec.credits[scene.prover]
    if answered:
        scene.answer(batch, 4, by=scene.stranger)
        assert scene.pair.spec.credits[scene.stranger] == DEMO.demand_deposit
    else:
        scene.pass_deadline(batch, 4)
        events = scene.pair.act("expire_demand", scene.stranger, batch.id, 4)
        assert [event.name for event in events] == ["DemandExpired"]
        lost = before[0] - scene.pair.spec.lanes[1].stake
        gained = scene.pair.spec.credits[scene.prover] - before[1]
        assert (lost, gained) == (SLASH, DEMO.demand_deposit + SLASH // 2)
    assert scene.standing(batch, 4 * 256) is VOIDED
    scene.wait(10**6)
    assert scene.standing(batch, 4 * 256) is VOIDED
    scene.pair.act("release_cover", scene.stranger, scene.lane, 1)
    assert scene.pair.spec.lanes[1].open == 0


def blow(scene: Scene) -> Batch:
    """A batch of four struck tiles and one leaf more, whose fuse has blown in its window."""
    batch = post_of_tiles(scene, 4, scene.leaf(9), scene.forged(10))
    strike(scene, batch, 0, 1, 2, 3)
    assert is_blown(scene, batch)
    return batch


def test_fuse_ends_all_dispute_of_its_batch(scene: Scene) -> None:
    batch = blow(scene)
    for kind in (FaultKind.BAD_SIGNATURE, FaultKind.DUPLICATE_RECEIPT, FaultKind.MISDECLARED_RANGE):
        claim = scene.claim(batch, 4 * 256 + 1)
        assert scene.refusal("prove_fault", scene.prover, kind, claim) == "Struck"
    arguments = tile_of(batch, 4)
    value = DEMO.demand_deposit
    assert scene.refusal("demand_tile", scene.prover, *arguments, value=value) == "Struck"
    assert scene.refusal("answer_tile", scene.prover, *answer_of(batch, 4, 0)) == "NotDemanded"


def test_fuse_of_one_batch_touches_no_other(scene: Scene) -> None:
    scene.pair.act("open_lane", scene.relayer, scene.poster, bytes(20), 0, value=ETHER)
    before = scene.post(scene.leaf(1), scene.forged(2))
    theirs = scene.post(scene.leaf(3), lane=2)
    lane = replace(scene.pair.spec.lanes[2])
    blow(scene)
    assert scene.pair.spec.lanes[2] == lane
    scene.prove(before, 1)
    scene.demand(before)
    scene.answer(before)
    end = scene.now + WINDOW
    scene.pair.evm.warp(end)
    assert [scene.standing(before, i) for i in range(2)] == [POSTED, VOIDED]
    scene.wait(1)
    assert [scene.standing(before, i) for i in range(2)] == [FINAL, VOIDED]
    assert scene.standing(theirs, 0) is FINAL
    scene.post(scene.leaf(4), lane=2)


def test_fuse_of_a_second_batch_of_a_blown_lane_blows_too() -> None:
    scene = Scene(replace(DEMO, window=60))
    second = post_of_tiles(scene, 4, scene.leaf(9))
    blow(scene)
    strike(scene, second, 0, 1, 2)
    assert scene.standing(second, 4 * 256) is POSTED
    scene.demand(second, 3)
    scene.pass_deadline(second, 3)
    events = scene.pair.act("expire_demand", scene.stranger, second.id, 3)
    assert [event.name for event in events] == ["DemandExpired", "FuseBlown"]
    assert scene.standing(second, 4 * 256) is VOIDED
    scene.pair.compare_state()


def test_fuse_ends_posting_on_the_lane_for_ever(scene: Scene) -> None:
    batch = blow(scene)
    lane = scene.pair.settlement.call("lane", 1)
    assert lane.blown and int(lane.poster, 16) == 0
    following = (scene.lane, batch.count, 1, scene.now, scene.now, [bytes([7] * 32)], "")
    for sender in (scene.poster, scene.relayer):
        assert scene.refusal("post", sender, *following) == "NotPoster"
    assert scene.refusal("rotate", scene.relayer, scene.lane, scene.poster, bytes(20)) == "LaneBlown"
    scene.wait(10**6)
    assert scene.refusal("rotate", scene.relayer, scene.lane, scene.stranger, bytes(20)) == "LaneBlown"


def test_fuse_leaves_the_lane_its_money_when_it_leaves(scene: Scene) -> None:
    blow(scene)
    scene.pair.act("top_up", scene.stranger, scene.lane, value=ETHER)
    scene.pair.act("exit", scene.relayer, scene.lane)
    scene.wait(10**6)
    scene.pair.act("release_cover", scene.stranger, scene.lane, 10)
    scene.wait(10**6)
    scene.pair.act("withdraw_stake", scene.relayer, scene.lane)
    assert scene.pair.spec.credits[scene.relayer] == 11 * ETHER - 4 * 256 * SLASH


def test_receipts_of_a_blown_batch_may_be_posted_on_another_lane(scene: Scene) -> None:
    scene.pair.act("open_lane", scene.relayer, scene.poster, bytes(20), 0, value=ETHER)
    batch = blow(scene)
    leaf = batch.leaves[4 * 256]
    again = scene.post(leaf, lane=2)
    claim = scene.duplicate(again, 0, batch, 4 * 256)
    assert scene.refusal("prove_fault", scene.prover, FaultKind.DUPLICATE_RECEIPT, claim) == "NotProven"
    scene.end_window(again)
    assert [scene.standing(batch, 4 * 256), scene.standing(again, 0)] == [VOIDED, FINAL]


def test_receipts_of_a_blown_batch_are_no_earlier_ones_for_those_posted_before_it_blew(scene: Scene) -> None:
    leaf = scene.leaf(9)
    batch = post_of_tiles(scene, 4, leaf)
    again = scene.post(leaf)
    claim = scene.duplicate(again, 0, batch, 4 * 256)
    strike(scene, batch, 0, 1, 2, 3)
    assert scene.refusal("prove_fault", scene.prover, FaultKind.DUPLICATE_RECEIPT, claim) == "NotProven"
    scene.end_window(again)
    assert scene.standing(again, 0) is FINAL


def test_fuse_makes_every_promise_of_its_batch_a_missed_one() -> None:
    scene = PromiseScene()
    leaf = scene.leaf(9)
    promise = scene.promise(leaf, first_seq=4 * 256)
    batch = post_of_tiles(scene, 4, leaf)
    for tile in range(4):
        scene.demand(batch, tile)
    scene.pass_deadline(batch, 3)
    assert scene.refused_missed(promise) == "NotBroken"
    for tile in range(4):
        scene.expire(batch, tile)
    scene.missed(promise)
    scene.compare()


def test_fuse_does_not_open_again_the_claims_of_a_tile_struck_before() -> None:
    scene = PromiseScene()
    leaves = [scene.leaf(0), scene.leaf(1)]
    promise = scene.promise(*leaves, include_by=scene.now + 2)
    batch = scene.post(*leaves, *[None] * 1022)
    for tile in range(4):
        scene.demand(batch, tile)
    scene.pass_deadline(batch, 0, offset=DEMO.claim_window)
    scene.missed(promise.opening(0))
    for tile in range(4):
        scene.expire(batch, tile)
    assert is_blown(scene, batch)
    scene.wait(1)
    assert scene.refused_missed(promise.opening(1)) == "TooLate"
    scene.compare()


def test_fuse_counts_for_promises_where_it_struck_before_the_deadline_of_a_demand() -> None:
    scene = PromiseScene(replace(DEMO, answer_spacing=5))
    leaves = [scene.leaf(0), scene.leaf(1)]
    promise = scene.promise(*leaves, first_seq=4 * 256, include_by=scene.now + 2)
    batch = post_of_tiles(scene, 4, *leaves)
    for tile in range(5):
        scene.demand(batch, tile)
    scene.pass_deadline(batch, 3)
    for tile in range(4):
        scene.expire(batch, tile)
    assert is_blown(scene, batch)
    blown = scene.now
    assert blown < scene.pair.spec.batches[batch.id].demands[4].deadline
    scene.warp(blown + DEMO.claim_window)
    scene.missed(promise.opening(4 * 256))
    scene.wait(1)
    assert scene.refused_missed(promise.opening(4 * 256 + 1)) == "TooLate"
    scene.compare()


def test_fuse_with_starved_gas_does_all_or_nothing(scene: Scene) -> None:
    batch = scene.post(*[bad(scene, i) for i in range(64)], *[None] * 768)
    strike(scene, batch, 1, 2, 3)
    for index in range(63):
        scene.prove(batch, index)
    claim = encode_claim(scene.claim(batch, 63))
    start, outcomes = scene.pair.evm.snapshot(), set()
    for gas in range(40_000, 200_000, 2_500):
        try:
            scene.pair.settlement.send("proveFault", 1, claim, sender=scene.prover, gas=gas)
        except (Reverted, ValueError):
            assert scene.pair.evm.snapshot().root == start.root
            continue
        lane = scene.pair.settlement.call("lane", 1)
        outcomes.add((lane.blown, int(lane.poster, 16), lane.stake))
        scene.pair.evm.restore(start)
    assert outcomes == {(True, 0, scene.pair.spec.lanes[1].stake - SLASH)}


def test_fuse_blown_by_the_lane_itself_costs_half_of_every_slash(scene: Scene) -> None:
    before = scene.pair.spec.lanes[1].stake
    batch = post_of_tiles(scene, 4, scene.leaf(9))
    for tile in range(4):
        scene.demand(batch, tile, by=scene.relayer)
    scene.pass_deadline(batch, 3)
    for tile in range(4):
        scene.expire(batch, tile, by=scene.relayer)
    held = scene.pair.spec.lanes[1].stake + scene.pair.spec.credits[scene.relayer]
    assert before - held + 4 * DEMO.demand_deposit == 4 * 256 * SLASH // 2
    assert is_blown(scene, batch)
