"""Settlement: what becomes of a demand that nobody answers, and how its tile reads meanwhile.

expiring
├── when the batch is unknown, or the tile not demanded → it should revert
├── when the deadline has not passed → it should revert; in the second after it should expire
├── when it expired before, or was answered → it should revert, and cost the loser only gas
├── when gas is short → it should revert, whatever the gas
└── else → return the deposit, slash the leaves not yet void, half to the challenger, strike the whole tile
    ├── given half an answer → the whole deposit returns all the same
    ├── given leaves void before → only the others are slashed for; given all, nothing
    ├── given too small a stake → it should split what is there alike; given none, strike all the same
    └── given a later epoch → the slash is that at the batch's anchor
reading a demanded tile
├── given an open demand → Posted, however long after the window, and other tiles Final on time
└── given a deadline passed → struck in the next second, before anyone expires it, and for ever
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from afterproof.protocol.batching import Batch
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO, ETHER, GWEI
from tests.support.evm import Reverted
from tests.support.invariants import solvent
from tests.support.scene import Scene

POSTED, FINAL, VOIDED = Standing.POSTED, Standing.FINAL, Standing.VOIDED
SLASH = DEMO.leaf_slash


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.pair.compare_state()
    solvent(scene.pair)


def refused_expiry(scene: Scene, batch: Batch, tile: int = 0) -> str:
    """The error with which an expiry is refused."""
    return scene.refusal("expire_demand", scene.prover, batch.id, tile)


# --- expiring ---------------------------------------------------------------------------------------


def test_expire_of_what_was_not_demanded_reverts(scene: Scene) -> None:
    batch = scene.post(*[None] * 257)
    scene.demand(batch, 0)
    scene.pass_deadline(batch, 0)
    for tile in (1, 2, 2**256 - 1):
        assert refused_expiry(scene, batch, tile) == "NotDemanded"
    assert scene.refusal("expire_demand", scene.prover, batch.id + 1, 0) == "UnknownBatch"


def test_expire_before_the_deadline_has_passed_reverts(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1))
    scene.demand(batch)
    assert refused_expiry(scene, batch) == "NotYet"
    scene.pass_deadline(batch, offset=0)
    assert refused_expiry(scene, batch) == "NotYet"
    assert scene.standing(batch, 0) is POSTED
    scene.wait(1)
    scene.expire(batch)


def test_expire_twice_or_of_an_answered_tile_reverts(scene: Scene) -> None:
    batch = scene.post(*[None] * 257)
    for tile in range(2):
        scene.demand(batch, tile)
    scene.answer(batch, 0)
    assert refused_expiry(scene, batch, 0) == "AlreadyAnswered"
    scene.pass_deadline(batch, 1)
    assert refused_expiry(scene, batch, 0) == "AlreadyAnswered"
    scene.expire(batch, 1)
    for _ in range(2):
        assert refused_expiry(scene, batch, 1) == "AlreadyAnswered"
        scene.wait(1_000)


def test_expire_returns_the_deposit_and_half_the_slash_to_the_challenger_whoever_calls(scene: Scene) -> None:
    batch = scene.post(*[scene.leaf(i) for i in range(3)])
    scene.demand(batch, value=DEMO.demand_deposit + 1)
    scene.pass_deadline(batch)
    before = {account: scene.wealth(account) for account in (scene.prover, scene.stranger, scene.relayer)}
    scene.expire(batch, by=scene.stranger)
    gained = {account: scene.wealth(account) - held for account, held in before.items()}
    assert gained == {
        scene.prover: DEMO.demand_deposit + 1 + 3 * SLASH // 2,
        scene.stranger: 0,
        scene.relayer: 0,
    }
    lane = scene.pair.spec.lanes[1]
    assert (lane.stake, lane.burned) == (10 * ETHER - 3 * SLASH, 3 * SLASH // 2)
    assert scene.pair.spec.batches[batch.id].header.fault_count == 64


@pytest.mark.parametrize("count", [1, 2, 3])
def test_expire_burns_the_odd_gwei(count: int) -> None:
    scene = Scene(replace(DEMO, leaf_slash=7 * GWEI))
    batch = scene.post(*[None] * count)
    demand = scene.demand(batch)
    scene.pass_deadline(batch)
    scene.expire(batch)
    share = 7 * count // 2
    assert scene.pair.spec.credits[scene.prover] == share * GWEI + DEMO.demand_deposit
    assert scene.pair.spec.lanes[1].burned == (7 * count - share) * GWEI
    assert demand.deposit == 0
    scene.pair.compare_state()
    solvent(scene.pair)


def test_expire_slashes_only_for_leaves_that_were_not_void(scene: Scene) -> None:
    batch = scene.post(*[scene.forged(i) if i in (0, 255) else scene.leaf(i) for i in range(257)])
    for index in (0, 255):
        scene.prove(batch, index)
    scene.demand(batch, 0)
    scene.pass_deadline(batch)
    before = scene.stake()
    scene.expire(batch)
    assert before - scene.stake() == 254 * SLASH
    assert scene.pair.settlement.call("voidMap", batch.id, 0) == 2**256 - 1
    assert scene.pair.settlement.call("voidMap", batch.id, 1) == 0
    assert scene.pair.spec.batches[batch.id].header.fault_count == 66


def test_expire_of_a_tile_of_void_leaves_slashes_nothing_and_returns_the_deposit(scene: Scene) -> None:
    batch = scene.post(scene.forged(1), scene.forged(2))
    scene.demand(batch)
    for index in range(2):
        scene.prove(batch, index)
    scene.pass_deadline(batch)
    before = scene.stake(), scene.wealth(scene.prover)
    scene.expire(batch)
    assert (scene.stake(), scene.wealth(scene.prover) - DEMO.demand_deposit) == before


def test_expire_strikes_a_whole_tile_in_one_word(scene: Scene) -> None:
    small, large = scene.post(*[None] * 2), scene.post(*[None] * 256)
    gas = []
    for batch in (small, large):
        scene.demand(batch)
    scene.pass_deadline(large)
    before = scene.pair.evm.snapshot()
    for batch in (small, large):
        sent = scene.pair.settlement.send("expireDemand", batch.id, 0, sender=scene.stranger)
        gas.append(sent.gas_used)
        scene.pair.evm.restore(before)
    assert abs(gas[0] - gas[1]) < 200, "however many leaves"
    for batch, word in ((small, 3), (large, 2**256 - 1)):
        scene.expire(batch)
        assert scene.pair.settlement.call("voidMap", batch.id, 0) == word


def test_expire_beyond_the_stake_splits_what_is_left_then_nothing() -> None:
    thin = replace(DEMO, min_stake=SLASH, cover_share=1)
    scene = Scene(thin)
    held = SLASH + 1026 * thin.cover + GWEI * (1 - thin.cover // GWEI * 1026 % 2)
    scene.pair.act("open_lane", scene.relayer, scene.poster, bytes(20), 0, value=held)
    batch = scene.post(*[None] * 513, lane=2)
    assert held < 256 * SLASH and held // GWEI % 2 == 1, "an odd rest shows who gets the odd gwei"
    for tile in range(2):
        scene.demand(batch, tile)
    scene.pass_deadline(batch, 1)
    for tile, slashed in enumerate((held, 0)):
        before = scene.pair.spec.credits.get(scene.prover, 0)
        scene.expire(batch, tile)
        share = slashed // GWEI // 2 * GWEI
        assert scene.pair.spec.credits[scene.prover] - before == share + DEMO.demand_deposit
        assert scene.pair.settlement.call("voidMap", batch.id, tile) == 2**256 - 1
    assert scene.pair.spec.lanes[2].burned == held - held // GWEI // 2 * GWEI
    scene.pair.compare_state()
    solvent(scene.pair)


def test_expire_after_half_an_answer_returns_the_whole_deposit_and_slashes_for_all(scene: Scene) -> None:
    batch = scene.post(*[None] * 129)
    scene.demand(batch, value=DEMO.demand_deposit + 1)
    scene.answer(batch, half=1)
    scene.pass_deadline(batch)
    before = scene.wealth(scene.prover), scene.stake(), scene.wealth(scene.relayer)
    scene.expire(batch)
    assert scene.wealth(scene.prover) - before[0] == DEMO.demand_deposit + 1 + 129 * SLASH // 2
    assert before[1] - scene.stake() == 129 * SLASH
    assert scene.wealth(scene.relayer) == before[2]


def test_expire_with_starved_gas_does_all_or_nothing(scene: Scene) -> None:
    batch = scene.post(*[None] * 256)
    scene.demand(batch)
    scene.pass_deadline(batch)
    start = scene.pair.evm.snapshot()
    outcomes = set()
    for gas in range(22_000, 160_000, 3_000):
        try:
            scene.pair.settlement.send("expireDemand", batch.id, 0, sender=scene.stranger, gas=gas)
        except Reverted:
            outcomes.add(scene.pair.evm.snapshot().root == start.root)
            continue
        lane = scene.pair.settlement.call("lane", 1)
        outcomes.add((lane.stake, scene.pair.settlement.call("credits", scene.prover)))
        scene.pair.evm.restore(start)
    slash = 256 * SLASH
    assert outcomes == {True, (10 * ETHER - slash, DEMO.demand_deposit + slash // 2)}


def test_expire_releases_the_lanes_cover(scene: Scene) -> None:
    batch = scene.post(*[None] * 257)
    scene.end_window(batch, 0)
    scene.demand(batch)
    scene.pass_deadline(batch)
    scene.pair.act("release_cover", scene.stranger, scene.lane, 8)
    assert scene.pair.spec.lanes[1].open == 257, "struck, and not settled"
    scene.expire(batch)
    scene.pair.act("release_cover", scene.stranger, scene.lane, 8)
    assert scene.pair.spec.lanes[1].open == 0


# --- reading ----------------------------------------------------------------------------------------


def test_standing_in_a_demanded_tile_is_posted_however_late_and_elsewhere_final_on_time(scene: Scene) -> None:
    batch = scene.post(scene.leaf(0), *[None] * 255, scene.leaf(256))
    scene.end_window(batch, 0)
    scene.demand(batch, 0)
    scene.wait(1)
    assert [scene.standing(batch, i) for i in (0, 256)] == [POSTED, FINAL]
    scene.pass_deadline(batch, offset=0)
    assert [scene.standing(batch, i) for i in (0, 256)] == [POSTED, FINAL]


def test_standing_is_struck_in_the_second_after_the_deadline_and_for_ever(scene: Scene) -> None:
    batch = scene.post(scene.leaf(0), *[None] * 255, scene.leaf(256))
    scene.demand(batch, 0)
    scene.pass_deadline(batch, offset=0)
    assert [scene.standing(batch, i) for i in (0, 256)] == [POSTED, POSTED]
    scene.wait(1)
    assert [scene.standing(batch, i) for i in (0, 256)] == [VOIDED, POSTED]
    scene.end_window(batch, 100)
    assert [scene.standing(batch, i) for i in (0, 256)] == [VOIDED, FINAL]
    scene.expire(batch)
    assert [scene.standing(batch, i) for i in (0, 256)] == [VOIDED, FINAL]
    scene.wait(10**6)
    assert [scene.standing(batch, i) for i in (0, 256)] == [VOIDED, FINAL]


def test_prove_fault_in_a_struck_tile_reverts_before_and_after_it_is_expired(scene: Scene) -> None:
    batch = scene.post(scene.forged(0), scene.forged(1), *[None] * 255)
    scene.demand(batch)
    scene.prove(batch, 0)
    scene.pass_deadline(batch)
    for expire in (False, True):
        if expire:
            scene.expire(batch)
        for index in (0, 1):
            claim = scene.claim(batch, index)
            assert scene.refusal("prove_fault", scene.prover, FaultKind.BAD_SIGNATURE, claim) == "Struck"
