"""Settlement: demanding a tile, and what becomes of a demand that nobody answers.

demanding
├── when the batch is unknown → it should revert
├── when the window has ended → it should revert; in its last second it should demand
├── when the root is not the tile's: another tile's, a scrambled, short or long path → it should revert
├── when the tile was demanded before: open, answered, expired → it should revert, and cost the loser only gas
├── when the deposit is a wei short, or more than a demand holds → it should revert
└── else → hold the deposit, open the tile, bind the lane, whoever demands
    ├── given a low base fee → the deposit is at least the floor, else 1.5 times what an answer costs
    ├── given demands of the lane before → their deadlines are answerSpacing apart; each has a whole period
    ├── given demands of another lane → they change nothing
    └── given a later epoch → the terms are those at the batch's anchor
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
griefing and shielding
├── given demands of everything in the last second → the lane posts on, is paid for each answer, and is free in time
├── given a lane that demands from itself and withholds → it loses half at least, and the tile is struck all the same
├── given a lane that shows half a tile and withholds the rest → it earns nothing by that, however dear gas was
├── given a lane that demands from itself and answers → the leaves lie open, in a window that is no shorter
└── given a lane that demands from itself to put off deadlines → nothing gets final by that, and it waits as well
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from afterproof.protocol.batching import Batch, build_batch
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.outcome import Revert
from afterproof.protocol.packing import unpack
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO, ETHER, GWEI
from tests.support.evm import Reverted
from tests.support.invariants import solvent
from tests.support.pair import ALL_FAULTS
from tests.support.scene import Scene, answer_of, halves_of, tile_of

POSTED, FINAL, VOIDED = Standing.POSTED, Standing.FINAL, Standing.VOIDED
SLASH, PERIOD, SPACING = DEMO.leaf_slash, DEMO.answer_period, DEMO.answer_spacing


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.pair.compare_state()
    solvent(scene.pair)


def refused(
    scene: Scene, batch: Batch, tile: int = 0, by: bytes | None = None, value: int | None = None
) -> str:
    """The error with which a demand is refused."""
    value = DEMO.demand_deposit if value is None else value
    return scene.refusal("demand_tile", by or scene.prover, *tile_of(batch, tile), value=value)


def refused_expiry(scene: Scene, batch: Batch, tile: int = 0) -> str:
    """The error with which an expiry is refused."""
    return scene.refusal("expire_demand", scene.prover, batch.id, tile)


def wealth(scene: Scene, account: bytes) -> int:
    """What an account holds, its credit included."""
    return scene.pair.evm.balance(account) + scene.pair.spec.credits.get(account, 0)


def stake(scene: Scene, lane: int = 1) -> int:
    """What a lane has at stake."""
    return scene.pair.spec.lanes[lane].stake


# --- demanding --------------------------------------------------------------------------------------


def test_demand_of_an_unknown_batch_reverts(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1))
    _, *rest = tile_of(batch, 0)
    for identity in (0, batch.id + 1, 2**256 - 1):
        error = scene.refusal("demand_tile", scene.prover, identity, *rest, value=DEMO.demand_deposit)
        assert error == "UnknownBatch"


def test_demand_in_the_last_second_of_the_window_opens_and_after_it_reverts(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1), *[None] * 256)
    scene.end_window(batch, 0)
    assert scene.demand(batch, 0).deadline == scene.now + PERIOD
    scene.wait(1)
    assert refused(scene, batch, 1) == "TooLate"


def test_demand_of_what_is_no_tile_reverts(scene: Scene) -> None:
    batch = scene.post(*[scene.leaf(i) if i % 256 == 0 else None for i in range(1024)])
    identity, tile, root, path = tile_of(batch, 2)
    for wrong in (
        (identity, 1, root, path),
        (identity, 4, root, path),
        (identity, 2**256 - 1, root, path),
        (identity, tile, path[0], (root, *path[1:])),
        (identity, tile, bytes(32), path),
        (identity, tile, root, path[:-1]),
        (identity, tile, root, (*path, bytes(32))),
        (identity, tile, root, path[::-1]),
        (identity, 0, batch.tree.root, ()),
        (identity, 0, batch.tree.levels[0][0], tuple(batch.tree.proof(0))),
    ):
        error = scene.refusal("demand_tile", scene.prover, *wrong, value=DEMO.demand_deposit)
        assert error == "NotIncluded"


def test_demand_of_a_tile_demanded_before_reverts_and_costs_the_loser_only_gas(scene: Scene) -> None:
    batch = scene.post(*[None] * 513)
    before = wealth(scene, scene.stranger)
    for tile in range(3):
        scene.demand(batch, tile)
        assert refused(scene, batch, tile, by=scene.stranger) == "AlreadyDemanded"
    scene.answer(batch, 0)
    assert refused(scene, batch, 0, by=scene.stranger) == "AlreadyDemanded"
    scene.pass_deadline(batch, 2)
    assert refused(scene, batch, 1, by=scene.stranger) == "AlreadyDemanded"
    scene.expire(batch, 1)
    assert refused(scene, batch, 1, by=scene.stranger) == "AlreadyDemanded"
    assert wealth(scene, scene.stranger) == before


def test_demand_with_the_least_and_the_largest_deposit(scene: Scene) -> None:
    batch = scene.post(*[None] * 257)
    scene.pair.evm.set_balance(scene.prover, 2**98)
    assert refused(scene, batch, value=DEMO.demand_deposit - 1) == "InsufficientDeposit"
    assert refused(scene, batch, value=0) == "InsufficientDeposit"
    assert refused(scene, batch, value=2**96) == "InsufficientDeposit"
    assert scene.demand(batch, 0, value=DEMO.demand_deposit).deposit == DEMO.demand_deposit
    assert scene.demand(batch, 1, value=2**96 - 1).deposit == 2**96 - 1
    scene.pass_deadline(batch, 1)
    scene.expire(batch, 1)
    assert scene.pair.spec.credits[scene.prover] == 2**96 - 1 + SLASH // 2


@pytest.mark.parametrize("count", [1, 2, 128, 129, 256])
def test_demand_costs_one_and_a_half_times_the_dearest_answer(count: int) -> None:
    price = 1_000 * GWEI
    scene = Scene(replace(DEMO, demand_deposit=GWEI), base_fee=price)
    # Words and signatures without a zero byte, and a path of the longest kind, before anyone has a credit.
    leaves = [replace(leaf, signature=b"\xff" * 256) for leaf in map(scene.leaf, range(count))]
    batch = scene.post(*[None] * 256, *leaves)
    needed = scene.pair.settlement.call("depositFor", batch.id, 1)
    assert needed == scene.pair.spec.deposit(batch.id, 1, price)
    assert refused(scene, batch, 1, value=needed - 1) == "InsufficientDeposit"
    scene.demand(batch, 1, value=needed)
    gas = 0
    for half in range(len(halves_of(batch, 1))):
        arguments = [list(part) if isinstance(part, tuple) else part for part in answer_of(batch, 1, half)]
        gas += scene.pair.settlement.send("answerTile", *arguments, sender=scene.relayer).gas_used
    assert 2 * needed >= 3 * gas * price
    assert needed <= 5 * gas * price, "and does not keep anyone from asking"


def test_demand_at_a_low_base_fee_costs_the_floor(scene: Scene) -> None:
    batch = scene.post(*[None] * 257)
    for tile in range(2):
        assert scene.pair.settlement.call("depositFor", batch.id, tile) == DEMO.demand_deposit
    cheap = Scene(base_fee=GWEI)
    batch = cheap.post(*[None] * 257)
    assert cheap.pair.settlement.call("depositFor", batch.id, 1) == DEMO.demand_deposit
    assert cheap.demand(batch, 1).deposit == DEMO.demand_deposit


def test_deposit_for_what_is_not_there_reverts(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1))
    for identity, tile, error in ((batch.id, 1, "NotIncluded"), (batch.id + 1, 0, "UnknownBatch")):
        with pytest.raises(Reverted, match=error):
            scene.pair.settlement.call("depositFor", identity, tile)


def test_demand_binds_the_lane_and_is_counted(scene: Scene) -> None:
    batch = scene.post(*[None] * 257)
    demand = scene.demand(batch, 1)
    assert demand.challenger == scene.prover and demand.opened_at == scene.now
    header = scene.pair.spec.batches[batch.id].header
    assert header.open_demands == 1 and not header.is_closed(scene.now + 10**6)
    bound = demand.deadline + DEMO.window + DEMO.claim_window
    assert scene.pair.spec.lanes[1].liable_until == bound


def test_demand_never_frees_a_lane_sooner_than_it_would_have_been(scene: Scene) -> None:
    batch = scene.post(*[None] * 257)
    scene.pair.act("exit", scene.relayer, scene.lane)
    bound = scene.pair.spec.lanes[1].liable_until
    demand = scene.demand(batch, 0)
    assert demand.deadline + DEMO.window + DEMO.claim_window < bound
    assert scene.pair.settlement.call("lane", 1).liableUntil == bound
    scene.end_window(batch, 0)
    later = scene.demand(batch, 1).deadline + DEMO.window + DEMO.claim_window
    assert scene.pair.settlement.call("lane", 1).liableUntil == max(bound, later)


def test_demands_of_a_lane_have_deadlines_apart_and_a_whole_period_each(scene: Scene) -> None:
    first, second = scene.post(*[None] * 513), scene.post(*[None] * 257)
    start = scene.now
    order = [(first, 2), (second, 0), (first, 0), (second, 1)]
    deadlines = [scene.demand(batch, tile).deadline for batch, tile in order]
    assert deadlines == [start + PERIOD + SPACING * i for i in range(4)]
    # Whoever comes later waits for the last deadline only as far as the period has not passed since.
    scene.wait(3 * SPACING - 1)
    assert scene.demand(first, 1).deadline == start + PERIOD + 4 * SPACING
    third = scene.post(*[None] * 257)
    scene.wait(3 * SPACING)
    assert scene.demand(third, 0).deadline == scene.now + PERIOD
    scene.wait(DEMO.window - 3 * SPACING)
    assert scene.demand(third, 1).deadline == scene.now + PERIOD


def test_demands_of_one_lane_change_nothing_for_another(scene: Scene) -> None:
    scene.pair.act("open_lane", scene.stranger, scene.poster, bytes(20), 0, value=ETHER)
    mine, theirs = scene.post(*[None] * 513), scene.post(scene.leaf(1), lane=2)
    for tile in range(3):
        scene.demand(mine, tile)
    before = replace(scene.pair.spec.lanes[1])
    assert scene.demand(theirs).deadline == scene.now + PERIOD
    scene.pass_deadline(theirs)
    scene.expire(theirs)
    assert scene.pair.spec.lanes[1] == before
    assert stake(scene, 2) == ETHER - SLASH


def test_demands_without_spacing_may_fall_due_together() -> None:
    scene = Scene(replace(DEMO, answer_spacing=0))
    batch = scene.post(*[None] * 513)
    assert {scene.demand(batch, tile).deadline for tile in range(3)} == {scene.now + PERIOD}


def test_demand_of_the_last_tile_of_the_largest_batch() -> None:
    scene = Scene()
    roots = [i.to_bytes(32) for i in range(1, 4001)]
    scene.pair.act("top_up", scene.stranger, scene.lane, value=300 * ETHER)
    arguments = (scene.lane, 0, 4000 * 256, scene.now, scene.now, roots, "")
    scene.pair.act("post", scene.poster, *arguments)
    identity, before = scene.lane << 64, stake(scene)
    for tile in (0, 3999):
        path = tuple(BatchTree(roots).proof(tile))
        arguments = (identity, tile, roots[tile], path)
        scene.pair.act("demand_tile", scene.prover, *arguments, value=DEMO.demand_deposit)
    scene.wait(PERIOD + SPACING + 1)
    for tile in (0, 3999):
        scene.pair.act("expire_demand", scene.prover, identity, tile)
    assert before - stake(scene) == 2 * 256 * SLASH
    solvent(scene.pair)


def test_demand_under_a_later_epoch_goes_by_the_terms_at_the_anchor(scene: Scene) -> None:
    later = replace(
        DEMO,
        answer_period=30,
        answer_spacing=20,
        window=80,
        demand_deposit=ETHER,
        leaf_slash=ETHER // 100,
    )
    starts_at = scene.now + DEMO.time_to_leave
    scene.pair.act("announce_epoch", scene.owner, later, ALL_FAULTS, starts_at)
    scene.pair.evm.warp(starts_at - 1)
    old = scene.post(*[None] * 257)
    scene.wait(1)
    new = scene.post(*[None] * 257)
    assert scene.demand(old, 0, value=DEMO.demand_deposit).deadline == scene.now + PERIOD
    assert scene.demand(old, 1).deadline == scene.now + PERIOD + SPACING
    assert refused(scene, new, 0, value=ETHER - 1) == "InsufficientDeposit"
    assert scene.demand(new, 0).deadline == scene.now + 30
    assert scene.demand(new, 1).deadline == scene.now + 30 + 20
    scene.wait(PERIOD + 1)
    before = stake(scene)
    scene.expire(old, 0)
    assert before - stake(scene) == 256 * SLASH
    scene.pass_deadline(new, 1)
    before = stake(scene)
    scene.expire(new, 1)
    assert before - stake(scene) == ETHER // 100


def test_demand_by_a_contract_pays_it_back_by_its_own_withdrawal(scene: Scene) -> None:
    contract = scene.pair.evm.deploy("ReenteringCaller")
    address = bytes.fromhex(contract.address[2:])
    scene.pair.evm.set_balance(address, ETHER)
    batch = scene.post(scene.leaf(1))
    scene.demand(batch, by=address)
    scene.pass_deadline(batch)
    scene.expire(batch)
    scene.pair.act("withdraw", address, address)
    assert scene.pair.evm.balance(address) == ETHER + SLASH // 2
    assert contract.call("entered") == 1


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
    before = {account: wealth(scene, account) for account in (scene.prover, scene.stranger, scene.relayer)}
    scene.expire(batch, by=scene.stranger)
    gained = {account: wealth(scene, account) - held for account, held in before.items()}
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
    before = stake(scene)
    scene.expire(batch)
    assert before - stake(scene) == 254 * SLASH
    assert scene.pair.settlement.call("voidMap", batch.id, 0) == 2**256 - 1
    assert scene.pair.settlement.call("voidMap", batch.id, 1) == 0
    assert scene.pair.spec.batches[batch.id].header.fault_count == 66


def test_expire_of_a_tile_of_void_leaves_slashes_nothing_and_returns_the_deposit(scene: Scene) -> None:
    batch = scene.post(scene.forged(1), scene.forged(2))
    scene.demand(batch)
    for index in range(2):
        scene.prove(batch, index)
    scene.pass_deadline(batch)
    before = stake(scene), wealth(scene, scene.prover)
    scene.expire(batch)
    assert (stake(scene), wealth(scene, scene.prover) - DEMO.demand_deposit) == before


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
    before = wealth(scene, scene.prover), stake(scene), wealth(scene, scene.relayer)
    scene.expire(batch)
    assert wealth(scene, scene.prover) - before[0] == DEMO.demand_deposit + 1 + 129 * SLASH // 2
    assert before[1] - stake(scene) == 129 * SLASH
    assert wealth(scene, scene.relayer) == before[2]


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


# --- griefing and shielding -------------------------------------------------------------------------


def test_griefer_that_demands_everything_in_the_last_second_never_stops_a_lane_that_answers() -> None:
    # Cover for two windows of traffic: one to be disputed in, one more for what was demanded and answered at once.
    count, cadence = 257, 4
    batches = 2 * (DEMO.window // cadence) + 1
    scene = Scene()
    held = DEMO.min_stake + batches * count * DEMO.cover
    scene.pair.act("open_lane", scene.relayer, scene.poster, bytes(20), 0, value=held)
    posted: list[Batch] = []
    griefer, paid = scene.stranger, 0
    before = wealth(scene, griefer)
    for _ in range(batches + 4):
        posted.append(scene.post(*[None] * count, lane=2))
        for batch in posted:
            if scene.pair.spec.batches[batch.id].header.window_end == scene.now:
                for tile in range(2):
                    paid += scene.demand(batch, tile, by=griefer).deposit
                    scene.answer(batch, tile)
        scene.wait(cadence)
    assert paid > 0
    assert wealth(scene, griefer) == before - paid, "the griefer has lost every deposit"
    assert scene.pair.spec.credits[scene.relayer] == paid, "to the lane"
    assert stake(scene, 2) == held
    scene.wait(2 * DEMO.window + 1)
    scene.pair.act("release_cover", griefer, 2, 10**6)
    assert scene.pair.spec.lanes[2].open == 0
    scene.pair.compare_state()
    solvent(scene.pair)


def test_griefer_neither_keeps_others_from_demanding_nor_makes_the_lane_hurry(scene: Scene) -> None:
    batch = scene.post(*[scene.leaf(i) for i in range(3)], *[None] * 5 * 256)
    for tile in range(5):
        scene.demand(batch, tile, by=scene.stranger)
    honest = scene.demand(batch, 5)
    assert honest.deadline == scene.now + PERIOD + 5 * SPACING
    # An answer every answerSpacing, the first when a period has passed, is fast enough for all of them.
    scene.wait(PERIOD)
    for tile in range(6):
        scene.answer(batch, tile)
        scene.wait(SPACING)
    scene.wait(DEMO.window + 1)
    assert [scene.standing(batch, i) for i in range(3)] == [FINAL] * 3


def test_lane_that_demands_from_itself_and_withholds_loses_half_and_is_struck(scene: Scene) -> None:
    batch = scene.post(*[scene.leaf(i) for i in range(10)])
    before = stake(scene) + wealth(scene, scene.relayer)
    scene.demand(batch, by=scene.relayer)
    assert refused(scene, batch) == "AlreadyDemanded", (
        "an honest challenger came too late for the reward only"
    )
    scene.pass_deadline(batch)
    assert scene.standing(batch, 0) is VOIDED
    scene.expire(batch, by=scene.relayer)
    assert before - stake(scene) - wealth(scene, scene.relayer) == 10 * SLASH // 2
    assert scene.pair.spec.batches[batch.id].header.fault_count == 64


@pytest.mark.parametrize("half", [0, 1])
def test_lane_that_shows_half_a_tile_and_withholds_the_rest_earns_nothing(half: int) -> None:
    # At a base fee at which the deposit is many times what striking the tile costs.
    scene = Scene(base_fee=100 * GWEI)
    batch = scene.post(*[None] * 129)
    challenger = wealth(scene, scene.prover)
    demand = scene.demand(batch)
    assert demand.deposit > 10 * 129 * SLASH
    before = stake(scene) + wealth(scene, scene.relayer)
    scene.answer(batch, half=half)
    scene.pass_deadline(batch)
    scene.expire(batch)
    assert before - stake(scene) - wealth(scene, scene.relayer) == 129 * SLASH
    assert wealth(scene, scene.prover) - challenger == 129 * SLASH // 2


def test_lane_that_demands_from_itself_and_answers_shows_the_forgery_in_no_shorter_a_window(
    scene: Scene,
) -> None:
    batch = scene.post(scene.leaf(0), scene.forged(1))
    end = scene.now + DEMO.window
    scene.demand(batch, by=scene.relayer)
    arguments = answer_of(batch, 0, 0)
    (shown,) = scene.pair.act("answer_tile", scene.relayer, *arguments)
    # Whoever could not have the data has it now, from the chain alone.
    leaves = unpack(shown.arguments[-1], 2)
    rebuilt = build_batch(batch.lane, batch.first_seq, leaves)
    assert rebuilt.tree.root == scene.pair.spec.batches[batch.id].root
    scene.pair.evm.warp(end)
    assert [scene.standing(batch, i) for i in range(2)] == [POSTED, POSTED]
    scene.prove(rebuilt, 1)
    scene.wait(1)
    assert [scene.standing(batch, i) for i in range(2)] == [FINAL, VOIDED]


def test_lane_that_demands_from_itself_to_put_off_deadlines_waits_as_well(scene: Scene) -> None:
    decoy = scene.post(*[None] * 10 * 256)
    forged = scene.post(scene.forged(1), scene.leaf(2))
    for tile in range(10):
        scene.demand(decoy, tile, by=scene.relayer)
        scene.answer(decoy, tile)
    demand = scene.demand(forged)
    assert demand.deadline == scene.now + PERIOD + 10 * SPACING
    # Until it is shown or struck it is not final, whatever else has ended; and the stake stays where it is.
    scene.pair.act("exit", scene.relayer, scene.lane)
    scene.pass_deadline(forged, offset=0)
    assert scene.now > scene.pair.spec.batches[decoy.id].header.latest_end
    assert [scene.standing(forged, i) for i in range(2)] == [POSTED, POSTED]
    assert scene.refusal("withdraw_stake", scene.relayer, scene.lane) == "ReceiptsOpen"
    scene.wait(1)
    assert [scene.standing(forged, i) for i in range(2)] == [VOIDED, VOIDED]
    scene.expire(forged)
    assert scene.pair.spec.credits[scene.prover] == DEMO.demand_deposit + SLASH


def test_lane_cannot_leave_before_what_it_was_asked_is_over(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1))
    scene.pair.act("exit", scene.relayer, scene.lane)
    scene.end_window(batch, 0)
    demand = scene.demand(batch)
    scene.pass_deadline(batch, offset=0)
    scene.answer(batch)
    end = scene.now + DEMO.window
    scene.pair.evm.warp(end + 1)
    scene.pair.act("release_cover", scene.stranger, scene.lane, 1)
    assert scene.refusal("withdraw_stake", scene.relayer, scene.lane) == "StillLiable"
    scene.pair.evm.warp(max(demand.deadline, end) + DEMO.claim_window)
    assert scene.refusal("withdraw_stake", scene.relayer, scene.lane) == "StillLiable"
    scene.wait(1000)
    scene.pair.act("withdraw_stake", scene.relayer, scene.lane)
    with pytest.raises(Revert, match="TooLate"):
        scene.pair.act("demand_tile", scene.prover, *tile_of(batch, 0), value=DEMO.demand_deposit)
