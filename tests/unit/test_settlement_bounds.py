"""Settlement: terms at their bounds, and times near the last that the contract can count.

terms
├── given each exactly at a bound of its rules → it should be taken, hold, and be what posts and reads go by
└── given a step further → it should be refused, at announcement and at deployment alike
times
├── given the last seconds of 40 bits → a whole life should go as at any other time
├── given a post, a demand, a pause, a leaving, an epoch whose end has 41 → it should be refused, nothing cut off
└── given so many spaced demands that the next deadline has 41 → it should be refused, and be no deadline of long ago
numbers
├── given nextSeq + ahead at the last of 48 bits → a post, a promise, a rotation should go as at any other number
├── when a post or a larger ahead would pass it → it should revert SequenceExhausted, and the lane be as it was
└── given the most pauses that can be counted → the next should be refused
"""

from dataclasses import astuple, replace
from typing import Any

import pytest
from eth_utils import to_checksum_address

from afterproof.protocol.batching import build_batch
from afterproof.protocol.outcome import Revert
from afterproof.protocol.settlement import LONGEST_NOTICE, MAX_REACH
from afterproof.protocol.state import Pause, Standing
from afterproof.protocol.terms import BASIS, DAY, DEMO, ETHER, GWEI, MAX_GWEI, Terms
from tests.support.evm import Reverted
from tests.support.pair import ALL_FAULTS
from tests.support.promises import AHEAD, PromiseScene, fresh, promise_signer

MOST = MAX_GWEI // 4 * GWEI
CUT_OFF = "SafeCastOverflowedUintDowncast"
#: A term, its value at a bound, and the next beyond. Others move along where a rule binds two.
BOUNDS: list[tuple[str, int, int, dict[str, int]]] = [
    ("max_outage", 1, 0, {}),
    ("max_outage", 5, 6, {}),
    ("window", 10, 9, {}),
    ("window", 60 * DAY, 60 * DAY + 1, {}),
    ("answer_period", 5, 4, {"max_outage": 5}),
    ("answer_period", 6, 7, {}),
    ("answer_spacing", 5, 6, {}),
    ("claim_window", 4, 3, {}),
    ("claim_window", 60 * DAY, 60 * DAY + 1, {}),
    ("max_posting_delay", 17, 16, {}),
    ("max_posting_delay", 60 * DAY, 60 * DAY + 1, {}),
    ("max_clock_skew", 3_600, 3_601, {}),
    ("max_promise_delay", 1, 0, {}),
    ("max_promise_delay", 28, 29, {}),
    ("margin", 15, 16, {}),
    ("catch_up", 1, 0, {}),
    ("catch_up", 60 * DAY, 60 * DAY + 1, {}),
    ("max_pause", 7 * DAY, 7 * DAY + 1, {"pause_spacing": 8 * DAY}),
    ("pause_spacing", 10, 9, {}),
    ("cover_share", 1, 0, {}),
    ("cover_share", BASIS, BASIS + 1, {}),
    ("leaf_slash", GWEI, 0, {}),
    ("leaf_slash", MOST, MOST + GWEI, {"min_stake": MOST}),
    ("leaf_slash", DEMO.min_stake, DEMO.min_stake + GWEI, {}),
    ("promise_slash", GWEI, GWEI - 1, {}),
    ("promise_slash", MOST, MOST + GWEI, {}),
    ("min_stake", DEMO.leaf_slash, DEMO.leaf_slash - GWEI, {}),
    ("min_stake", MOST, MOST + GWEI, {}),
    ("demand_deposit", GWEI, 1, {}),
    ("demand_deposit", MOST, MOST + GWEI, {}),
]


def beyond(name: str, value: int, others: dict[str, int]) -> Terms:
    return replace(DEMO, **{**others, name: value})


@pytest.mark.parametrize(("name", "bound", "_next", "others"), BOUNDS)
def test_terms_at_a_bound_are_taken_and_hold(
    name: str, bound: int, _next: int, others: dict[str, int]
) -> None:
    scene, terms = fresh(), beyond(name, bound, others)
    starts = scene.now + scene.pair.spec.time_to_leave
    scene.pair.act("announce_epoch", scene.owner, terms, ALL_FAULTS, starts)
    scene.warp(starts)
    found, start = scene.pair.settlement.call("termsOf", 2)
    assert (tuple(found), start) == (astuple(terms), starts)
    scene.pair.evm.set_balance(scene.stranger, 400_000 * ETHER)
    room = MAX_GWEI * GWEI - scene.spec_lane.stake
    scene.pair.act("top_up", scene.stranger, scene.lane, value=room)
    scene.terms = terms
    if scene.pair.settlement.call("requiredStake", scene.lane, 2) > MAX_GWEI * GWEI:
        # At so dear a cover no lane of 40 numbers ahead can post: it says so, and nothing is truncated.
        leaves = scene.leaf(1), scene.forged(2)
        with pytest.raises(Revert, match="InsufficientStake"):
            scene.post(*leaves)
        scene.compare()
        return
    batch = scene.post(scene.leaf(1), scene.forged(2))
    before = scene.spec_lane.stake
    scene.end_window(batch, 0)
    scene.prove(batch, 1)
    assert before - scene.spec_lane.stake == terms.leaf_slash
    assert scene.standing(batch, 0) is Standing.POSTED
    scene.wait(1)
    assert scene.standing(batch, 0) is Standing.FINAL
    scene.compare()


@pytest.mark.parametrize(("name", "_bound", "wrong", "others"), BOUNDS)
def test_terms_beyond_a_bound_are_refused_when_announced_and_when_deployed(
    name: str, _bound: int, wrong: int, others: dict[str, int]
) -> None:
    scene, terms = fresh(), beyond(name, wrong, others)
    rule = terms.broken_rule()
    assert rule is not None
    starts = scene.now + scene.pair.spec.time_to_leave
    announced = scene.refused("announce_epoch", terms, ALL_FAULTS, starts, by=scene.owner)
    assert announced == ("BadTerms", rule)
    arguments = (scene.owner, scene.owner, scene.pair.registry, astuple(terms), [])
    with pytest.raises(Reverted) as deployed:
        scene.pair.evm.deploy("Settlement", *arguments)
    assert (deployed.value.name, deployed.value.values) == announced


def test_life_in_the_last_seconds_of_forty_bits() -> None:
    """Of the header, of deadlines and of liabilities: the year 36,812."""
    scene = fresh()
    scene.warp(2**40 - 130)
    leaf = scene.leaf(1)
    promised = scene.promise(leaf, scene.leaf(2), include_by=scene.now)
    batch = scene.post(leaf, scene.forged(2))
    scene.omitted(promised.opening(1))
    scene.pair.act("pause", scene.guardian, DEMO.max_pause)
    scene.end_window(batch, 0)
    demand = scene.demand(batch)
    scene.pair.act("exit", scene.relayer, scene.lane)
    scene.warp(demand.deadline)
    scene.answer(batch)
    scene.prove(batch, 1)
    scene.wait(DEMO.window)
    assert scene.standing(batch, 0) is Standing.POSTED
    scene.wait(1)
    assert scene.standing(batch, 0) is Standing.FINAL
    scene.pair.act("release_cover", scene.stranger, scene.lane, 1)
    scene.warp(scene.spec_lane.liable_until)
    assert scene.refusal("withdraw_stake", scene.relayer, scene.lane) == "StillLiable"
    scene.wait(1)
    assert scene.now < 2**40
    scene.pair.act("withdraw_stake", scene.relayer, scene.lane)
    scene.compare()


def test_epoch_that_starts_when_windows_can_just_be_counted_holds_then() -> None:
    scene = fresh()
    last = 2**40 - DEMO.window
    scene.warp(last - LONGEST_NOTICE)
    terms = replace(DEMO, margin=0)
    late = scene.refused("announce_epoch", terms, ALL_FAULTS, last + 1, by=scene.owner)
    assert late == (CUT_OFF, (40, 2**40))
    scene.pair.act("announce_epoch", scene.owner, terms, ALL_FAULTS, last)
    scene.warp(last - 1)
    assert scene.pair.settlement.call("currentEpoch") == 1
    scene.wait(1)
    assert scene.pair.settlement.call("currentEpoch") == 2


def test_what_would_end_beyond_forty_bits_is_refused() -> None:
    scene = fresh()
    leaf = [scene.leaf(1)]
    scene.warp(2**40 - 1 - DEMO.window)
    batch = scene.post(scene.leaf(1), scene.leaf(2))
    assert scene.pair.spec.batches[batch.id].header.window_end == 2**40 - 1
    # A demand makes the lane liable until its window and its claims are over.
    wanted = (batch.id, 0, batch.tree.root, ())
    found = scene.refusal("demand_tile", scene.prover, *wanted, value=DEMO.demand_deposit)
    assert found == CUT_OFF
    scene.wait(1)
    roots = build_batch(scene.lane, 2, leaf).tree.tile_roots
    posting = (scene.lane, 2, 1, scene.now, scene.now, roots, "")
    assert scene.refused("post", *posting, by=scene.poster) == (CUT_OFF, (40, 2**40))
    for action, arguments in (("exit", (scene.lane,)), ("set_ahead", (scene.lane, 0))):
        assert scene.refused(action, *arguments, by=scene.relayer)[0] == CUT_OFF
    scene.warp(2**40 - DEMO.max_pause)
    paused = scene.refused("pause", DEMO.max_pause, by=scene.guardian)
    assert paused == (CUT_OFF, (40, 2**40))
    scene.pair.act("pause", scene.guardian, DEMO.max_pause - 1)
    scene.compare()


def test_declared_range_beyond_forty_bits_is_refused() -> None:
    """Where receipts may be from further in the future than the window lasts."""
    scene, terms = fresh(), replace(DEMO, max_clock_skew=3_600)
    starts = scene.now + scene.pair.spec.time_to_leave
    scene.pair.act("announce_epoch", scene.owner, terms, ALL_FAULTS, starts)
    scene.warp(2**40 - 100)
    roots = build_batch(scene.lane, 0, [scene.leaf(1)]).tree.tile_roots
    for oldest, newest in ((2**40, 2**40), (2**40, 2**40 + 1)):
        refused = scene.refused("post", scene.lane, 0, 1, oldest, newest, roots, "", by=scene.poster)
        assert refused == (CUT_OFF, (40, 2**40))
    scene.pair.act("post", scene.poster, scene.lane, 0, 1, 2**40 - 1, 2**40 + 1, roots, "")
    scene.compare()


def test_demand_whose_deadline_cannot_be_counted_is_refused() -> None:
    """Demands of one lane push each other ahead; a deadline cut off at 40 bits would have passed before it was set."""
    scene = fresh()
    batch = scene.post(*[None] * 512)
    last = 2**40 - 1 - DEMO.window - DEMO.claim_window - DEMO.answer_spacing
    set_last_deadline(scene, last)
    demand = scene.demand(batch)
    assert demand.deadline == last + DEMO.answer_spacing
    assert scene.spec_lane.liable_until == 2**40 - 1
    tile = (batch.id, 1, batch.tree.tile_roots[1], (batch.tree.tile_roots[0],))
    assert scene.refusal("demand_tile", scene.prover, *tile, value=DEMO.demand_deposit) == CUT_OFF
    set_last_deadline(scene, 2**40 - 1)
    assert scene.refusal("demand_tile", scene.prover, *tile, value=DEMO.demand_deposit) == CUT_OFF
    scene.compare()


# --- numbers ----------------------------------------------------------------------------------------


def set_bits(scene: PromiseScene, slot: int, shift: int, bits: int, old: int, new: int) -> None:
    """Puts ``new`` where ``old`` stands in a word of the contract's storage."""
    contract, evm, mask = scene.pair.settlement, scene.pair.evm, (1 << bits) - 1
    word = evm.storage(contract, slot)
    assert word >> shift & mask == old
    evm.set_storage(contract, slot, word & ~(mask << shift) | new << shift)


def set_next_seq(scene: PromiseScene, next_seq: int) -> None:
    """As if the lane had posted so many receipts, all released, on both sides."""
    set_bits(scene, lane_slots(scene)[1], 0, 48, scene.spec_lane.next_seq, next_seq)
    scene.spec_lane.next_seq = next_seq


def set_last_deadline(scene: PromiseScene, deadline: int) -> None:
    """As if the lane's latest demand were to be answered by then, on both sides."""
    set_bits(scene, lane_slots(scene)[4], 0, 40, scene.spec_lane.last_deadline, deadline)
    scene.spec_lane.last_deadline = deadline


def lane_slots(scene: PromiseScene) -> list[int]:
    """The words of the lane, as ``Lane`` in ``types/State.sol`` has them in order: money, sequence, authority, owner
    and times, deadline and reach."""
    slots = scene.pair.evm.slots_read(scene.pair.settlement, "lane", scene.lane)
    assert [slot - slots[0] for slot in slots] == [0, 1, 2, 3, 4]
    return slots


def posting(scene: PromiseScene, count: int) -> tuple[Any, ...]:
    """The arguments of a post of empty leaves."""
    first = scene.spec_lane.next_seq
    return (
        scene.lane,
        first,
        count,
        scene.now,
        scene.now,
        build_batch(0, 0, [None] * count).tree.tile_roots,
        "",
    )


def test_life_at_the_last_number() -> None:
    scene = fresh()
    set_next_seq(scene, MAX_REACH - AHEAD - 2)
    last = scene.promise(scene.leaf(9), first_seq=MAX_REACH - 3)
    old = scene.post(scene.forged(1), scene.leaf(2))
    assert scene.spec_lane.reach == MAX_REACH
    assert scene.pair.is_promised(last.opening())
    scene.prove(old, 0)
    assert scene.refused("post", *posting(scene, 1), by=scene.poster) == (
        "SequenceExhausted",
        (MAX_REACH + 1, MAX_REACH),
    )
    scene.pair.act("rotate", scene.relayer, scene.lane, scene.poster, promise_signer(1).address)
    assert scene.pair.settlement.call("promiseKeyOf", scene.lane, MAX_REACH) == promise_key(1)
    assert scene.pair.settlement.call("promiseKeyOf", scene.lane, MAX_REACH - 1) == promise_key(0)
    # What may be promised is taken back, and so the lane can post what is left.
    scene.pair.act("set_ahead", scene.relayer, scene.lane, 0)
    assert scene.spec_lane.shrink is not None
    scene.warp(scene.spec_lane.shrink[1])
    scene.pair.act("apply_ahead", scene.stranger, scene.lane)
    assert scene.spec_lane.reach == MAX_REACH
    rest = scene.post(*[None] * (AHEAD - 1), scene.leaf(3))
    assert scene.spec_lane.next_seq == MAX_REACH
    for count in (1, 2, 300):
        refused = scene.refused("post", *posting(scene, count), by=scene.poster)
        assert refused == ("SequenceExhausted", (MAX_REACH + count, MAX_REACH))
    assert scene.refusal("set_ahead", scene.relayer, scene.lane, 1) == "SequenceExhausted"
    scene.pair.act("set_ahead", scene.relayer, scene.lane, 0)
    scene.end_window(rest)
    assert scene.standing(rest, AHEAD - 1) is Standing.FINAL
    assert scene.standing(old, 1) is Standing.FINAL
    scene.pair.act("exit", scene.relayer, scene.lane)
    scene.compare()


def promise_key(number: int) -> str:
    return to_checksum_address(promise_signer(number).address)


def test_larger_ahead_ends_at_the_last_number() -> None:
    scene = fresh()
    set_next_seq(scene, MAX_REACH - AHEAD - 7)
    for ahead in (AHEAD + 8, 2**32 - 1):
        refused = scene.refused("set_ahead", scene.lane, ahead, by=scene.relayer)
        assert refused == ("SequenceExhausted", (MAX_REACH - AHEAD - 7 + ahead, MAX_REACH))
    scene.pair.act("set_ahead", scene.relayer, scene.lane, AHEAD + 7)
    assert scene.spec_lane.reach == MAX_REACH
    assert scene.refusal("post", scene.poster, *posting(scene, 1)) == "SequenceExhausted"
    scene.compare()


def test_pause_that_cannot_be_counted_is_refused() -> None:
    scene = fresh()
    (slot,) = scene.pair.evm.slots_read(scene.pair.settlement, "pauseState")
    set_bits(scene, slot, 200, 16, 0, 2**16 - 1)
    scene.pair.spec.pauses.extend([Pause(0, 0)] * (2**16 - 1))
    assert scene.refused("pause", 1, by=scene.guardian) == (CUT_OFF, (16, 2**16))
    scene.pair.spec.pauses.pop()
    set_bits(scene, slot, 200, 16, 2**16 - 1, 2**16 - 2)
    scene.pair.act("pause", scene.guardian, 1)
    scene.wait(2)
    batch = scene.post(scene.leaf(1))
    assert scene.pair.spec.batches[batch.id].header.pause_index == 2**16 - 1
    scene.pair.compare_state()
