"""Settlement: a lane's life in random steps, and what a careful client may rely on.

given any order of promising, posting, demanding, answering, pausing, rotating, changing ahead, new epochs, leaving
├── a promise that a careful client accepted → it should bind for ever: no claim on it should find it unenforceable
├── the stake → it should not leave while any claim on a promise so accepted can still go through, or ever will again
└── contract and specification → they should agree on each step
"""

from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.protocol.batching import Batch
from afterproof.protocol.outcome import Env, Event, Revert
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.settlement import Settlement
from afterproof.protocol.terms import DEMO, Terms
from tests.support.pair import ALL_FAULTS
from tests.support.promises import Promised, PromiseScene, fresh, promise_signer

#: Terms that differ in all that a promise and a lane that leaves hang on.
OTHERS: tuple[Terms, ...] = (
    DEMO,
    replace(DEMO, max_promise_delay=1, claim_window=60),
    replace(DEMO, max_promise_delay=28, claim_window=4, window=8, answer_period=4),
    replace(DEMO, catch_up=20, max_pause=1),
    replace(DEMO, window=40, max_pause=30, pause_spacing=30),
)

NUMBER = st.integers(0, 3)
STEP = st.one_of(
    st.tuples(st.just("promise"), NUMBER, st.sampled_from([0, 1, 100, 100])),
    st.tuples(st.just("promise"), NUMBER, st.sampled_from([0, 1, 100, 100])),
    st.tuples(st.just("post"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("demand"), NUMBER, st.just(0)),
    st.tuples(st.just("answer"), NUMBER, st.just(0)),
    st.tuples(st.just("pause"), st.integers(1, 30), st.just(0)),
    st.tuples(st.just("epoch"), st.integers(0, 4), st.integers(-1, 1)),
    st.tuples(st.just("epoch"), st.integers(0, 4), st.integers(-30, 30)),
    st.tuples(st.just("ahead"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("shrink"), st.integers(0, 2), st.integers(0, 1)),
    st.tuples(st.just("rotate"), NUMBER, st.just(0)),
    st.tuples(st.just("wait"), st.integers(0, 60), st.just(0)),
    st.tuples(st.just("turn"), st.integers(0, 99), st.integers(-1, 1)),
    st.tuples(st.just("turn"), st.integers(0, 99), st.integers(-1, 1)),
)
STEPS = st.tuples(st.lists(STEP, min_size=3, max_size=12), st.lists(STEP, min_size=3, max_size=12))


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
        signer = next(key for key in map(promise_signer, range(4)) if key.address == lane.promise_key(seq))
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

    def leave(self, *_: int) -> None:
        self.act("exit", self.scene.relayer, self.scene.lane)

    def release(self, _: Batch) -> None:
        self.act("release_cover", self.scene.stranger, self.scene.lane, 99)

    def pause(self, seconds: int, _: int) -> None:
        self.act("pause", self.scene.guardian, seconds)

    def epoch(self, which: int, offset: int) -> None:
        """Announces other terms, and goes to about where they start."""
        starts_at = self.scene.now + self.spec.time_to_leave
        self.act("announce_epoch", self.scene.owner, OTHERS[which], ALL_FAULTS, starts_at)
        self.scene.warp(max(starts_at + offset, self.scene.now))

    def shrink(self, ahead: int, early: int) -> None:
        """Lowers ahead, and promises up to the old one until the change is due, or the second before."""
        self.act("set_ahead", self.scene.relayer, self.scene.lane, ahead)
        if self.scene.spec_lane.shrink:
            self.scene.warp(self.scene.spec_lane.shrink[1] - early)
            self.promise(max(self.scene.spec_lane.ahead - 1, 0), 1)
            self.act("apply_ahead", self.scene.stranger, self.scene.lane)

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

    def take_the_stake(self) -> None:
        """What an owner in a hurry does at any time: settles, releases, and takes the stake out if it can."""
        for batch in self.batches:
            for attempt in (self.scene.expire, self.release):
                with suppress(Revert):
                    attempt(batch)
        with suppress(Revert):
            self.act("withdraw_stake", self.scene.relayer, self.scene.lane)
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


def live(scene: PromiseScene, before: list[tuple[str, int, int]], after: list[tuple[str, int, int]]) -> Life:
    """Steps before and after the lane begins to leave, and then until its stake is out."""
    life = Life(scene)
    for step in [*before, ("leave", 0, 0), *after, *[("turn", -1, 1)] * 6]:
        life.step(*step)
        life.take_the_stake()
        # What a careful client accepted always binds, whatever the lane did since.
        for error in life.claims(deepcopy(life.spec), scene.now):
            assert error in ("paid", "TooLate", "NotBroken", "AlreadyClaimed")
        if life.left:
            break
    assert life.left
    return life


@given(STEPS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_order_of_steps_takes_stake_out_while_a_promise_binds(
    steps: tuple[list[tuple[str, int, int]], list[tuple[str, int, int]]],
) -> None:
    """Played on the specification alone, which is quick; the next test plays some on both."""
    scene = fresh(ahead=6)
    both = scene.pair.act

    def spec_alone(action: str, sender: bytes, *arguments: Any, value: int = 0) -> list[Event]:
        method = scene.pair._actions()[action][0]
        return method(Env(sender, scene.now, value, scene.pair.evm.base_fee), *arguments)

    scene.pair.act = spec_alone  # type: ignore[method-assign]
    try:
        live(scene, *steps)
    finally:
        scene.pair.act = both  # type: ignore[method-assign]
        scene.terms = DEMO


@given(STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_lives_are_the_same_in_contract_and_specification(
    steps: tuple[list[tuple[str, int, int]], list[tuple[str, int, int]]],
) -> None:
    scene = fresh(ahead=6)
    live(scene, *steps)
    scene.terms = DEMO
    scene.compare()
