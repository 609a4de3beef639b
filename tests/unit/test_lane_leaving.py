"""Settlement: leaving, and the ways of money out.

leaving
├── when the caller is not the owner, the lane unknown, or it is leaving already → it should revert
├── posting, promising, rotating, claiming and disputing should go on
└── a promise due by exitAt and the longest maxPromiseDelay of any epoch so far should bind, one due later should not
    └── given an epoch of a shorter maxPromiseDelay since → what was accepted before should still bind
releasing cover while leaving
├── it should keep the lane liable for the longest claimWindow from now; given nothing to release, for nothing
└── anyone may, and none of a batch that is open or demanded
withdrawing stake
├── when the lane is not leaving, another calls, receipts are open, or until liableUntil, inclusive → it should revert
│   └── given an open demand, an answer, a strike, a late post, a pause → until every claim they allow is over
├── when it is done → it should credit all that is left, once; later top-ups can follow
│   ├── posting should need cover again, and claims should find nothing that binds
│   └── given a blown lane, a lane slashed to nothing → it should leave all the same
├── given any other order of steps → see test_lane_lives
└── given a contract that refuses ether → the credit should stay, and be paid to whom the owner names
ether
├── sent plainly → it should be refused
└── forced in → it should change nothing, and belong to nobody
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from afterproof.protocol.outcome import Event
from afterproof.protocol.terms import DEMO, ETHER, GWEI
from tests.support.evm import reverts
from tests.support.pair import ALL_FAULTS
from tests.support.promises import PromiseScene, fresh, promise_signer, staged

DELAY, CLAIM, WINDOW = DEMO.max_promise_delay, DEMO.claim_window, DEMO.window
OBLIGATION = DELAY + DEMO.max_pause + DEMO.catch_up + CLAIM


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    yield from staged()


def leave(scene: PromiseScene) -> None:
    scene.pair.act("exit", scene.relayer, scene.lane)


def withdraw_stake(scene: PromiseScene) -> int:
    (event,) = scene.pair.act("withdraw_stake", scene.relayer, scene.lane)
    return event.arguments[2]


def refused_stake(scene: PromiseScene, by: bytes | None = None) -> tuple[str, tuple[Any, ...]]:
    return scene.refused("withdraw_stake", scene.lane, by=by or scene.relayer)


def release(scene: PromiseScene, most: int = 99) -> None:
    scene.pair.act("release_cover", scene.stranger, scene.lane, most)


# --- leaving ----------------------------------------------------------------------------------------


def test_exit_by_another_or_twice_reverts(scene: PromiseScene) -> None:
    for sender in (scene.poster, scene.owner, scene.stranger):
        refused = scene.refused("exit", scene.lane, by=sender)
        assert refused == ("NotLaneOwner", (sender, scene.relayer))
    assert scene.refused("exit", 9, by=scene.relayer) == ("UnknownLane", (9,))
    assert scene.pair.act("exit", scene.relayer, scene.lane) == [
        Event("LaneLeaving", (scene.lane, scene.now + OBLIGATION))
    ]
    assert scene.refused("exit", scene.lane, by=scene.relayer) == ("AlreadyLeaving", (scene.lane,))


def test_a_leaving_lane_goes_on_with_all_the_rest(scene: PromiseScene) -> None:
    leave(scene)
    leaf = scene.leaf(1)
    kept, broken = scene.promise(leaf), scene.promise(scene.leaf(2), first_seq=1)
    batch = scene.post(leaf, scene.forged(3))
    scene.prove(batch, 1)
    scene.omitted(broken)
    assert scene.refused_omitted(kept) == "NotBroken"
    scene.demand(batch)
    scene.answer(batch)
    scene.pair.act("rotate", scene.relayer, scene.lane, scene.stranger, promise_signer(1).address)
    scene.pair.act("set_ahead", scene.relayer, scene.lane, 41)
    scene.pair.act("top_up", scene.stranger, scene.lane, value=ETHER)
    scene.pair.act("sweep_burned", scene.stranger, scene.lane)
    scene.post(None)


@pytest.mark.parametrize(("offset", "binds"), [(0, True), (1, False), (2**63, False)])
def test_a_promise_due_too_long_after_leaving_does_not_bind(
    scene: PromiseScene, offset: int, binds: bool
) -> None:
    """Whichever claim, and whether it was made before or after."""
    last = scene.now + DELAY
    before = scene.promise(*[scene.leaf(i) for i in range(3)], include_by=last + offset)
    leave(scene)
    other = scene.promise(*[scene.leaf(i + 5) for i in range(3)], include_by=last)
    scene.post(None)
    scene.warp(last + 1)
    if binds:
        scene.omitted(before.opening(0))
        scene.missed(before.opening(1))
        scene.pair.act("claim_double", scene.caller, other.opening(2), before.opening(2), 0)
        return
    assert scene.refused_omitted(before.opening(0)) == "Unenforceable"
    assert scene.refused_missed(before.opening(1)) == "Unenforceable"
    refused = scene.refused("claim_double", other.opening(2), before.opening(2), 0)
    assert refused == ("Unenforceable", (scene.lane, 2))


def test_a_promise_accepted_under_a_longer_delay_binds_a_lane_that_leaves_under_a_shorter_one(
    scene: PromiseScene,
) -> None:
    starts_at = scene.now + DEMO.time_to_leave
    shorter = replace(DEMO, max_promise_delay=1)
    scene.pair.act("announce_epoch", scene.owner, shorter, ALL_FAULTS, starts_at)
    scene.warp(starts_at - 1)
    promised = scene.promise(scene.leaf(1), include_by=scene.now + DELAY)
    scene.wait(1)
    leave(scene)
    scene.warp(starts_at + DELAY)
    scene.missed(promised)


def test_a_promise_judged_by_a_later_epochs_claim_window_binds_until_that_is_over() -> None:
    """Made under one epoch, due in the next, which gives more time to claim than any one epoch's terms add up to."""
    first = replace(DEMO, max_promise_delay=28, margin=0, window=8, answer_period=4, claim_window=4)
    scene = fresh(first)
    starts_at = scene.now + first.time_to_leave
    second = replace(DEMO, max_promise_delay=1, claim_window=400)
    scene.pair.act("announce_epoch", scene.owner, second, ALL_FAULTS, starts_at)
    scene.warp(starts_at - 1)
    promised = scene.promise(scene.leaf(1), include_by=scene.now + 28)
    leave(scene)
    until = promised.signed.promise.include_by + 400
    scene.warp(until)
    assert refused_stake(scene)[0] == "StillLiable"
    scene.missed(promised)
    scene.compare()


def test_an_epoch_announced_after_a_lane_left_comes_too_late_for_its_promises(scene: PromiseScene) -> None:
    long = replace(DEMO, max_promise_delay=28)
    starts_at = scene.now + DEMO.time_to_leave
    scene.pair.act("announce_epoch", scene.owner, long, ALL_FAULTS, starts_at)
    scene.warp(starts_at)
    leave(scene)
    earliest = scene.now + long.time_to_leave
    for at in (scene.now, earliest - 1):
        refused = scene.refused("announce_epoch", DEMO, ALL_FAULTS, at, by=scene.owner)
        assert refused == ("TooSoon", (at, earliest))
    scene.pair.act("announce_epoch", scene.owner, DEMO, ALL_FAULTS, earliest)
    assert scene.spec_lane.last_due < earliest
    scene.warp(earliest)
    # The longest terms so far count, not the newest: what was promised under them may still be open.
    refused = scene.refused("announce_epoch", DEMO, ALL_FAULTS, 0, by=scene.owner)
    assert refused == ("TooSoon", (0, scene.now + long.time_to_leave))


# --- releasing and withdrawing ----------------------------------------------------------------------


def test_withdraw_stake_when_unsound_reverts(scene: PromiseScene) -> None:
    assert refused_stake(scene) == ("NotLeaving", (scene.lane,))
    leave(scene)
    for sender in (scene.poster, scene.owner, scene.stranger):
        assert refused_stake(scene, by=sender) == ("NotLaneOwner", (sender, scene.relayer))
    assert scene.refused("withdraw_stake", 9, by=scene.relayer) == ("UnknownLane", (9,))


def test_withdraw_stake_of_an_idle_lane_after_its_last_obligation(scene: PromiseScene) -> None:
    leave(scene)
    until = scene.now + OBLIGATION
    for at in (scene.now, until):
        scene.warp(at)
        assert refused_stake(scene) == ("StillLiable", (scene.lane, until))
    scene.wait(1)
    assert withdraw_stake(scene) == 10 * ETHER
    scene.pair.act("withdraw", scene.relayer, scene.stranger)
    assert withdraw_stake(scene) == 0


def test_withdraw_stake_with_receipts_open_reverts_though_all_is_closed(scene: PromiseScene) -> None:
    batch = scene.post(None, None)
    leave(scene)
    scene.end_window(batch, 10_000)
    assert refused_stake(scene) == ("ReceiptsOpen", (scene.lane, 2))
    release(scene)
    assert refused_stake(scene) == ("StillLiable", (scene.lane, scene.now + CLAIM))
    scene.wait(CLAIM + 1)
    withdraw_stake(scene)


def test_release_cover_while_leaving_keeps_the_lane_liable_only_for_what_it_released(
    scene: PromiseScene,
) -> None:
    first = scene.post(None)
    scene.wait(5)
    second = scene.post(None)
    leave(scene)
    before = scene.spec_lane.liable_until
    scene.end_window(first, 0)
    release(scene)
    assert (scene.spec_lane.open, scene.spec_lane.liable_until) == (2, before)
    scene.end_window(second)
    release(scene, 0)
    assert (scene.spec_lane.open, scene.spec_lane.liable_until) == (2, before)
    scene.warp(before)
    release(scene, 1)
    assert (scene.spec_lane.open, scene.spec_lane.liable_until) == (1, before + CLAIM)
    scene.wait(7)
    release(scene)
    assert (scene.spec_lane.open, scene.spec_lane.liable_until) == (0, before + 7 + CLAIM)
    scene.wait(7)
    release(scene)
    assert scene.spec_lane.liable_until == before + 7 + CLAIM


def test_withdraw_stake_waits_for_the_last_claim_on_a_leaf_posted_late_while_leaving(
    scene: PromiseScene,
) -> None:
    leave(scene)
    leaf = scene.leaf(1)
    promised = scene.promise(leaf, include_by=scene.now + DELAY)
    scene.warp(scene.now + OBLIGATION)
    batch = scene.post(leaf)
    scene.end_window(batch, 1)
    release(scene)
    scene.end_window(batch, CLAIM)
    assert refused_stake(scene)[0] == "StillLiable"
    scene.missed(promised)


def test_withdraw_stake_waits_for_the_last_claim_on_a_leaf_struck_while_leaving(scene: PromiseScene) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf, scene.leaf(2), include_by=scene.now)
    leave(scene)
    scene.warp(scene.now + OBLIGATION)
    batch = scene.post(leaf, scene.leaf(2))
    scene.end_window(batch, 0)
    demand = scene.demand(batch)
    scene.warp(demand.deadline + 1)
    release(scene)
    assert refused_stake(scene) == ("ReceiptsOpen", (scene.lane, 2))
    scene.expire(batch)
    release(scene)
    scene.warp(demand.deadline + CLAIM)
    assert refused_stake(scene)[0] == "StillLiable"
    scene.missed(promised)


def test_withdraw_stake_waits_for_the_last_claim_on_a_strike_by_a_later_epochs_claim_window() -> None:
    """Many demands, spaced apart, let the last tile be struck long after its window; its promise is judged by an epoch
    that gives more time to claim than the one that judges the batch."""
    spaced = replace(DEMO, answer_spacing=5)
    scene = fresh(spaced)
    starts_at = scene.now + spaced.time_to_leave
    second = replace(spaced, claim_window=60)
    scene.pair.act("announce_epoch", scene.owner, second, ALL_FAULTS, starts_at)
    scene.warp(starts_at - 1)
    leave(scene)
    leaf = scene.leaf(1)
    batches = [scene.post(None) for _ in range(15)]
    promised = scene.promise(leaf, scene.leaf(2), include_by=starts_at)
    batches.append(scene.post(leaf, scene.leaf(2)))
    scene.end_window(batches[-1], 0)
    deadline = [scene.demand(batch) for batch in batches][-1].deadline
    scene.warp(deadline + 1)
    for batch in batches:
        scene.expire(batch)
    release(scene)
    scene.warp(deadline + 60)
    assert refused_stake(scene)[0] == "StillLiable"
    scene.missed(promised)
    scene.wait(2)
    withdraw_stake(scene)
    assert scene.refused_missed(promised.opening(promised.signed.promise.first_seq + 1)) == "TooLate"
    scene.compare()


def test_withdraw_stake_waits_for_the_last_dispute_of_a_tile_answered_while_leaving(
    scene: PromiseScene,
) -> None:
    leave(scene)
    scene.warp(scene.now + OBLIGATION)
    batch = scene.post(scene.forged(1))
    scene.end_window(batch, 0)
    demand = scene.demand(batch)
    scene.warp(demand.deadline)
    scene.answer(batch)
    scene.wait(WINDOW)
    release(scene)
    assert refused_stake(scene)[0] == "ReceiptsOpen"
    scene.prove(batch, 0)
    scene.wait(1)
    release(scene)
    scene.wait(CLAIM)
    assert refused_stake(scene)[0] == "StillLiable"
    scene.wait(WINDOW)
    withdraw_stake(scene)


def test_withdraw_stake_waits_for_a_promise_deferred_by_a_pause_in_its_last_second(
    scene: PromiseScene,
) -> None:
    leave(scene)
    promised = scene.promise(scene.leaf(1), scene.leaf(2), include_by=scene.now + DELAY)
    scene.warp(promised.signed.promise.include_by)
    scene.pair.act("pause", scene.guardian, DEMO.max_pause)
    scene.wait(DEMO.max_pause + DEMO.catch_up)
    assert scene.refused_missed(promised) == "NotBroken"
    scene.wait(CLAIM)
    assert refused_stake(scene)[0] == "StillLiable"
    scene.missed(promised)
    scene.wait(1)
    withdraw_stake(scene)
    assert scene.refused_missed(promised.opening(1)) == "TooLate"


def test_withdraw_stake_takes_what_slashes_left(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1))
    batch = scene.post(scene.forged(2))
    scene.prove(batch, 0)
    scene.omitted(promised)
    leave(scene)
    scene.wait(OBLIGATION)
    release(scene)
    scene.wait(CLAIM + 1)
    assert withdraw_stake(scene) == 10 * ETHER - DEMO.leaf_slash - DEMO.promise_slash
    # What burns stays behind, for anyone to sweep.
    scene.pair.act("sweep_burned", scene.stranger, scene.lane)


def test_withdraw_stake_of_a_lane_slashed_to_nothing_credits_nothing() -> None:
    cheap = replace(DEMO, leaf_slash=GWEI, promise_slash=2000 * GWEI, min_stake=GWEI, cover_share=1)
    scene = fresh(cheap, ahead=1, stake=9 * GWEI)
    promised = scene.promise(scene.leaf(1), include_by=scene.now)
    scene.wait(1)
    scene.missed(promised)
    leave(scene)
    scene.wait(OBLIGATION + 1)
    assert withdraw_stake(scene) == 0
    assert scene.refused("withdraw", scene.relayer, by=scene.relayer) == ("NoCredit", (scene.relayer,))
    scene.compare()


def test_a_blown_lane_can_leave() -> None:
    scene = fresh(ahead=0)
    batch = scene.post(*[None] * 1024)
    for tile in range(4):
        scene.demand(batch, tile)
    scene.pass_deadline(batch, 3)
    for tile in range(4):
        scene.expire(batch, tile)
    leave(scene)
    scene.wait(OBLIGATION)
    release(scene)
    scene.wait(CLAIM + 1)
    assert withdraw_stake(scene) == 10 * ETHER - 1024 * DEMO.leaf_slash
    scene.compare()


def test_after_leaving_a_lane_posts_only_with_new_stake_and_is_liable_for_it(scene: PromiseScene) -> None:
    leave(scene)
    old = scene.promise(scene.leaf(1), include_by=scene.now + 1)
    scene.wait(OBLIGATION + 1)
    withdraw_stake(scene)
    post = (scene.lane, 0, 1, scene.now, scene.now, [b"\1" * 32], "")
    assert scene.refused("post", *post, by=scene.poster)[0] == "InsufficientStake"
    scene.pair.act("top_up", scene.stranger, scene.lane, value=ETHER)
    batch = scene.post(scene.leaf(1))
    assert refused_stake(scene) == ("ReceiptsOpen", (scene.lane, 1))
    (event,) = scene.missed(old)
    assert event.arguments[-1] == DEMO.promise_slash
    scene.end_window(batch)
    release(scene)
    scene.wait(CLAIM + 1)
    assert withdraw_stake(scene) == ETHER - DEMO.promise_slash


# --- credits and ether ------------------------------------------------------------------------------


def test_a_beneficiary_that_refuses_ether_keeps_its_credit(scene: PromiseScene) -> None:
    refuser = scene.pair.settlement.address
    promised = scene.promise(scene.leaf(1), beneficiary=bytes.fromhex(refuser[2:]), include_by=scene.now)
    scene.wait(1)
    scene.missed(promised)
    assert scene.credit(bytes.fromhex(refuser[2:])) == DEMO.promise_slash * 45 // 100


def test_withdraw_to_a_contract_that_refuses_reverts_and_keeps_the_credit(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), include_by=scene.now)
    scene.wait(1)
    scene.missed(promised)
    settle = scene.pair.settlement
    with reverts("PaymentRefused", settle.address):
        settle.send("withdraw", settle.address, sender=scene.holder)
    assert scene.credit(scene.holder) == DEMO.promise_slash * 45 // 100
    scene.pair.act("withdraw", scene.holder, scene.stranger)


def test_withdraw_by_nobodys_creditor_reverts(scene: PromiseScene) -> None:
    for account in (scene.holder, scene.relayer, scene.owner):
        assert scene.refused("withdraw", account, by=account) == ("NoCredit", (account,))


def test_plain_ether_is_refused(scene: PromiseScene) -> None:
    address = scene.pair.settlement.address
    for data in (b"", b"\1\2\3\4"):
        with reverts(""):
            scene.pair.evm.transfer(address, 1, sender=scene.stranger, data=data)
    for function, arguments in (("exitLane", (2,)), ("withdrawStake", (2,)), ("sweepBurned", (2,))):
        with reverts(""):
            scene.pair.settlement.send(function, *arguments, sender=scene.relayer, value=1)


def test_forced_ether_belongs_to_nobody(scene: PromiseScene) -> None:
    evm, address = scene.pair.evm, scene.pair.settlement.address
    evm.set_balance(address, evm.balance(address) + 3 * ETHER + 1)
    scene.pair.forced = 3 * ETHER + 1
    promised = scene.promise(scene.leaf(1), include_by=scene.now)
    scene.wait(1)
    scene.missed(promised)
    leave(scene)
    scene.wait(OBLIGATION + 1)
    assert withdraw_stake(scene) == 10 * ETHER - DEMO.promise_slash
    for account in (scene.relayer, scene.holder, scene.caller):
        scene.pair.act("withdraw", account, account)
    scene.pair.act("sweep_burned", scene.stranger, scene.lane)
    # All that is left is lane 1's stake, and what was forced in.
    assert evm.balance(address) == 13 * ETHER + 1
