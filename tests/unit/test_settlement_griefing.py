"""Settlement: demands made to harm a lane, and lanes that demand from themselves.

griefing and shielding
├── given demands of everything in the last second → the lane posts on, is paid for each answer, and is free in time
├── given a lane that demands from itself and withholds → it loses half at least, and the tile is struck all the same
├── given a lane that shows half a tile and withholds the rest → it earns nothing by that, however dear gas was
├── given a lane that demands from itself and answers → the leaves lie open, in a window that is no shorter
└── given a lane that demands from itself to put off deadlines → nothing gets final by that, and it waits as well
"""

from collections.abc import Iterator

import pytest

from afterproof.protocol.batching import Batch, build_batch
from afterproof.protocol.outcome import Revert
from afterproof.protocol.packing import unpack
from afterproof.protocol.state import Standing
from afterproof.protocol.terms import DEMO, GWEI
from tests.support.invariants import solvent
from tests.support.scene import Scene, answer_of, tile_of

POSTED, FINAL, VOIDED = Standing.POSTED, Standing.FINAL, Standing.VOIDED
SLASH, PERIOD, SPACING = DEMO.leaf_slash, DEMO.answer_period, DEMO.answer_spacing


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.pair.compare_state()
    solvent(scene.pair)


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
    before = scene.wealth(griefer)
    for _ in range(batches + 4):
        posted.append(scene.post(*[None] * count, lane=2))
        for batch in posted:
            if scene.pair.spec.batches[batch.id].header.window_end == scene.now:
                for tile in range(2):
                    paid += scene.demand(batch, tile, by=griefer).deposit
                    scene.answer(batch, tile)
        scene.wait(cadence)
    assert paid > 0
    assert scene.wealth(griefer) == before - paid, "the griefer has lost every deposit"
    assert scene.pair.spec.credits[scene.relayer] == paid, "to the lane"
    assert scene.stake(2) == held
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
    before = scene.stake() + scene.wealth(scene.relayer)
    scene.demand(batch, by=scene.relayer)
    again = scene.refusal("demand_tile", scene.prover, *tile_of(batch, 0), value=DEMO.demand_deposit)
    assert again == "AlreadyDemanded", "an honest challenger came too late for the reward only"
    scene.pass_deadline(batch)
    assert scene.standing(batch, 0) is VOIDED
    scene.expire(batch, by=scene.relayer)
    assert before - scene.stake() - scene.wealth(scene.relayer) == 10 * SLASH // 2
    assert scene.pair.spec.batches[batch.id].header.fault_count == 64


@pytest.mark.parametrize("half", [0, 1])
def test_lane_that_shows_half_a_tile_and_withholds_the_rest_earns_nothing(half: int) -> None:
    # At a base fee at which the deposit is many times what striking the tile costs.
    scene = Scene(base_fee=100 * GWEI)
    batch = scene.post(*[None] * 129)
    challenger = scene.wealth(scene.prover)
    demand = scene.demand(batch)
    assert demand.deposit > 10 * 129 * SLASH
    before = scene.stake() + scene.wealth(scene.relayer)
    scene.answer(batch, half=half)
    scene.pass_deadline(batch)
    scene.expire(batch)
    assert before - scene.stake() - scene.wealth(scene.relayer) == 129 * SLASH
    assert scene.wealth(scene.prover) - challenger == 129 * SLASH // 2


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
