"""Settlement: demanding a tile.

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
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from afterproof.protocol.batching import Batch
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.terms import DEMO, ETHER, GWEI
from tests.support.evm import Reverted
from tests.support.invariants import solvent
from tests.support.pair import ALL_FAULTS
from tests.support.scene import Scene, answer_of, halves_of, tile_of

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
    before = scene.wealth(scene.stranger)
    for tile in range(3):
        scene.demand(batch, tile)
        assert refused(scene, batch, tile, by=scene.stranger) == "AlreadyDemanded"
    scene.answer(batch, 0)
    assert refused(scene, batch, 0, by=scene.stranger) == "AlreadyDemanded"
    scene.pass_deadline(batch, 2)
    assert refused(scene, batch, 1, by=scene.stranger) == "AlreadyDemanded"
    scene.expire(batch, 1)
    assert refused(scene, batch, 1, by=scene.stranger) == "AlreadyDemanded"
    assert scene.wealth(scene.stranger) == before


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
    assert scene.stake(2) == ETHER - SLASH


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
    identity, before = scene.lane << 64, scene.stake()
    for tile in (0, 3999):
        path = tuple(BatchTree(roots).proof(tile))
        arguments = (identity, tile, roots[tile], path)
        scene.pair.act("demand_tile", scene.prover, *arguments, value=DEMO.demand_deposit)
    scene.wait(PERIOD + SPACING + 1)
    for tile in (0, 3999):
        scene.pair.act("expire_demand", scene.prover, identity, tile)
    assert before - scene.stake() == 2 * 256 * SLASH
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
    before = scene.stake()
    scene.expire(old, 0)
    assert before - scene.stake() == 256 * SLASH
    scene.pass_deadline(new, 1)
    before = scene.stake()
    scene.expire(new, 1)
    assert before - scene.stake() == ETHER // 100


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
