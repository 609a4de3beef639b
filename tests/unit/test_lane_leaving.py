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
├── given any order of leaving, posting, demanding, pausing, announcing, claiming → it should never leave too soon
└── given a contract that refuses ether → the credit should stay, and be paid to whom the owner names
ether
├── sent plainly → it should be refused
└── forced in → it should change nothing, and belong to nobody
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.protocol.batching import Batch
from afterproof.protocol.outcome import Env, Event, Revert
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.settlement import Settlement
from afterproof.protocol.terms import DEMO, ETHER, GWEI, Terms
from tests.support.evm import reverts
from tests.support.pair import ALL_FAULTS
from tests.support.promises import Promised, PromiseScene, fresh, promise_signer, staged

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


# --- any order --------------------------------------------------------------------------------------

#: Terms that differ in all that a promise and a lane that leaves hang on.
OTHERS: tuple[Terms, ...] = (
    DEMO,
    replace(DEMO, max_promise_delay=1, claim_window=60),
    replace(DEMO, max_promise_delay=28, claim_window=4, window=8, answer_period=4),
    replace(DEMO, catch_up=20, max_pause=1),
    replace(DEMO, window=40, max_pause=30, pause_spacing=30),
)

STEP = st.one_of(
    st.tuples(st.just("promise"), st.integers(0, 3), st.sampled_from([0, 1, 100])),
    st.tuples(st.just("promise"), st.integers(0, 3), st.sampled_from([0, 1, 100])),
    st.tuples(st.just("post"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("post"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("demand"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("answer"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("expire"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("leave"), st.just(0), st.just(0)),
    st.tuples(st.just("leave"), st.just(0), st.just(0)),
    st.tuples(st.just("pause"), st.integers(1, 30), st.just(0)),
    st.tuples(st.just("announce"), st.integers(0, 4), st.integers(0, 3)),
    st.tuples(st.just("ahead"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("rotate"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("wait"), st.integers(0, 60), st.just(0)),
    st.tuples(st.just("turn"), st.integers(0, 99), st.integers(-1, 1)),
    st.tuples(st.just("turn"), st.integers(0, 99), st.integers(-1, 1)),
    st.tuples(st.just("release"), st.integers(1, 9), st.just(0)),
    st.tuples(st.just("release"), st.integers(1, 9), st.just(0)),
    st.tuples(st.just("withdraw"), st.just(0), st.just(0)),
    st.tuples(st.just("withdraw"), st.just(0), st.just(0)),
)


@dataclass
class Life:
    """A lane's life in random steps, with every promise that a careful client accepted.

    A client accepts a number from nextSeq on and below nextSeq + ahead, due no later than maxPromiseDelay from now, and
    from the moment at which a lane leaves.
    """

    scene: PromiseScene
    accepted: list[Promised] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    leaves: dict[int, Leaf] = field(default_factory=dict)
    number: int = 0
    left: bool = False

    @property
    def spec(self) -> Settlement:
        return self.scene.pair.spec

    def step(self, what: str, a: int, b: int) -> None:
        try:
            getattr(self, what)(a, b)
        except Revert:
            return

    def act(self, action: str, sender: bytes, *arguments: Any, value: int = 0) -> list[Event]:
        return self.scene.pair.act(action, sender, *arguments, value=value)

    def promise(self, gap: int, soon: int) -> None:
        scene, lane = self.scene, self.scene.spec_lane
        seq = lane.next_seq + gap
        longest = self.spec._epoch_at(scene.now)[1].terms.max_promise_delay
        include_by = scene.now + min(soon, longest)
        if gap >= lane.ahead or (lane.exit_at and include_by > lane.exit_at + longest):
            return
        self.number += 1
        signer = promise_signer(
            next(k for k in range(4) if promise_signer(k).address == lane.promise_key(seq))
        )
        leaf = scene.leaf(self.number)
        self.leaves.setdefault(seq, leaf)
        self.accepted.append(scene.promise(leaf, first_seq=seq, include_by=include_by, key=signer))

    def post(self, count: int, keep: bool) -> None:
        """Leaves as promised first, or the empty one where nothing was or the lane breaks its word."""
        scene, first = self.scene, self.scene.spec_lane.next_seq
        scene.terms = self.spec._epoch_at(scene.now)[1].terms
        leaves = [self.leaves.get(first + i) if keep else None for i in range(count)]
        self.batches.append(scene.post(*leaves))

    def demand(self, which: int, _: int) -> None:
        if self.batches:
            self.scene.demand(self.batches[-1 - which % len(self.batches)])

    def answer(self, which: int, _: int) -> None:
        if self.batches:
            self.scene.answer(self.batches[-1 - which % len(self.batches)])

    def expire(self, which: int, _: int) -> None:
        if self.batches:
            self.scene.expire(self.batches[-1 - which % len(self.batches)])

    def leave(self, *_: int) -> None:
        leave(self.scene)

    def pause(self, seconds: int, _: int) -> None:
        self.act("pause", self.scene.guardian, seconds)

    def announce(self, which: int, offset: int) -> None:
        starts_at = self.scene.now + self.spec.time_to_leave + offset
        self.act("announce_epoch", self.scene.owner, OTHERS[which], ALL_FAULTS, starts_at)

    def ahead(self, ahead: int, _: int) -> None:
        if self.scene.spec_lane.shrink:
            self.act("apply_ahead", self.scene.stranger, self.scene.lane)
        self.act("set_ahead", self.scene.relayer, self.scene.lane, ahead)

    def rotate(self, key: int, _: int) -> None:
        address = promise_signer(key).address
        self.act("rotate", self.scene.relayer, self.scene.lane, self.scene.poster, address)

    def wait(self, seconds: int, _: int) -> None:
        self.scene.wait(seconds)

    def turn(self, which: int, offset: int) -> None:
        """To where something turns: a deadline, the end of a liability, a window, an epoch's start."""
        lane, spec = self.scene.spec_lane, self.spec
        times = [lane.liable_until, lane.last_due, lane.last_deadline, spec.epochs[-1].starts_at]
        times += [batch.header.latest_end for batch in spec.batches.values()]
        times += [self.spec.due(one.signed.promise.include_by) for one in self.accepted]
        times += [lane.shrink[1]] if lane.shrink else []
        later = sorted({at + offset for at in times if at + offset > self.scene.now})
        if later:
            self.scene.warp(later[which % len(later)])

    def release(self, most: int, _: int) -> None:
        release(self.scene, most)

    def withdraw(self, *_: int) -> None:
        withdraw_stake(self.scene)
        self.left = True
        self.nothing_binds()

    # --- what is claimed -----------------------------------------------------------------------

    def nothing_binds(self) -> None:
        """With the stake gone no claim on what was accepted goes through, now or ever after."""
        spec, now = deepcopy(self.spec), self.scene.now
        dues = [spec.due(one.signed.promise.include_by) for one in self.accepted]
        for at in sorted({now, now + 1, *(due + 1 for due in dues if due >= now)}):
            for error in self.claims(spec, at):
                assert error in ("TooLate", "NotBroken", "AlreadyClaimed"), f"{error} {at - now} s after"

    def claims(self, spec: Settlement, at: int) -> list[str]:
        """How each claim on each promise ends, one after another; "paid" where it is."""
        env, ends = Env(self.scene.caller, at), []
        for one in self.accepted:
            opening = one.opening()
            holding = self.scene.holding(opening.seq)
            attempts = [(spec.claim_missed, (opening, holding))]
            if opening.seq < spec.lanes[self.scene.lane].next_seq:
                attempts.append((spec.claim_omitted, self.scene.omission(opening)))
            for other in self.accepted:
                if other.opening().place == opening.place and other is not one:
                    attempts.append((spec.claim_double, (opening, other.opening(), holding)))
            for claim, arguments in attempts:
                try:
                    claim(env, *arguments)
                    ends.append("paid")
                except Revert as revert:
                    ends.append(revert.error)
        return ends


def live(scene: PromiseScene, steps: list[tuple[str, int, int]]) -> Life:
    life = Life(scene)
    for step in steps:
        if life.left:
            break
        life.step(*step)
    # What a careful client accepted was never beyond what binds, whatever the lane did since.
    for error in life.claims(deepcopy(life.spec), scene.now):
        assert error in ("paid", "TooLate", "NotBroken", "AlreadyClaimed")
    return life


@given(st.lists(STEP, max_size=30))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_order_of_steps_takes_stake_out_while_a_promise_binds(steps: list[tuple[str, int, int]]) -> None:
    """Played on the specification alone, which is quick; the next test plays some on both."""
    scene = fresh(ahead=6)
    both = scene.pair.act

    def spec_alone(action: str, sender: bytes, *arguments: Any, value: int = 0) -> list[Event]:
        method = scene.pair._actions()[action][0]
        return method(Env(sender, scene.now, value, scene.pair.evm.base_fee), *arguments)

    scene.pair.act = spec_alone  # type: ignore[method-assign]
    try:
        live(scene, steps)
    finally:
        scene.pair.act = both  # type: ignore[method-assign]
        scene.terms = DEMO


@given(st.lists(STEP, min_size=10, max_size=25))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_lives_are_the_same_in_contract_and_specification(steps: list[tuple[str, int, int]]) -> None:
    scene = fresh(ahead=6)
    live(scene, steps)
    scene.terms = DEMO
    scene.compare()


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
