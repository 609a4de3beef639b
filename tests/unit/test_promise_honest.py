"""Settlement: an honest lane can never be slashed for a promise.

given a lane that posts every promised leaf at its number by the time it is due, whatever else happens:
│     rotations, changed ahead, numbers skipped and filled with the empty leaf, late and early posts, several batches,
│     pauses at the worst time, nodes that die, forged and untimely receipts, faults proven, demands answered, leaving
└── no claim should go through: of any promise, opened at any number, naming any batch, showing any leaf, with any
    second promise, scrambled or forged, at any second
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.protocol.claims import Opening
from afterproof.protocol.outcome import Env, Revert
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.state import FaultKind
from afterproof.protocol.terms import DEMO
from tests.support.promises import Promised, PromiseScene, fresh, promise_signer

AHEAD = 12
KINDS = st.sampled_from(["good", "good", "forged", "old", "rsa"])
STEP = st.one_of(
    st.tuples(st.just("promise"), st.lists(KINDS, min_size=1, max_size=5), st.integers(0, 15)),
    st.tuples(st.just("promise"), st.lists(KINDS, min_size=1, max_size=5), st.integers(0, 15)),
    st.tuples(st.just("again"), st.integers(0, 9), st.integers(0, 15)),
    st.tuples(st.just("skip"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("post"), st.integers(1, 9), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 40), st.just(0)),
    st.tuples(st.just("wait"), st.just(99), st.just(0)),
    st.tuples(st.just("pause"), st.integers(1, 10), st.just(0)),
    st.tuples(st.just("pause_in_the_due_second"), st.just(10), st.just(0)),
    st.tuples(st.just("rotate"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("ahead"), st.integers(0, 16), st.just(0)),
    st.tuples(st.just("kill"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("prove"), st.integers(0, 99), st.just(0)),
    st.tuples(st.just("prove"), st.integers(0, 99), st.just(0)),
    st.tuples(st.just("demand"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("leave"), st.just(0), st.just(0)),
)


@dataclass
class Honest:
    """An honest relayer, with an adversary who has all that it ever signed and published."""

    scene: PromiseScene
    promises: list[Promised] = field(default_factory=list)
    pending: dict[int, tuple[Leaf | None, int]] = field(default_factory=dict)
    """Number to leaf and includeBy, of what is promised, or skipped, and not yet posted."""
    forged: list[Leaf] = field(default_factory=list)
    next_number: int = 0
    made: int = 0

    @property
    def lane(self) -> Any:
        return self.scene.spec_lane

    def due(self) -> int | None:
        """The last second in which the next promised leaf is in time."""
        dues = [self.scene.pair.spec.due(at) for leaf, at in self.pending.values() if leaf is not None]
        return min(dues) if dues else None

    def paused(self) -> bool:
        pauses = self.scene.pair.spec.pauses
        return bool(pauses) and self.scene.now <= pauses[-1].end

    # --- what it does --------------------------------------------------------------------------

    def promise(self, kinds: list[str], within: int) -> None:
        first, count = self.next_number, len(kinds)
        key = self.lane.promise_key(first)
        include_by = self.scene.now + within
        room = self.lane.next_seq + (self.lane.shrink or (self.lane.ahead,))[0]
        if first + count > room or key != self.lane.promise_key(first + count - 1):
            return
        leaves = [self.leaf(kind) for kind in kinds]
        signer = next(signer for signer in map(promise_signer, range(4)) if signer.address == key)
        self.promises.append(self.scene.promise(*leaves, first_seq=first, include_by=include_by, key=signer))
        self.pending |= {first + i: (leaf, include_by) for i, leaf in enumerate(leaves)}
        self.next_number += count

    def again(self, which: int, within: int) -> None:
        """The same leaf at the same number, promised to another for another time, which binds as well."""
        waiting = [(seq, leaf) for seq, (leaf, _) in self.pending.items() if leaf is not None]
        if not waiting:
            return
        seq, leaf = waiting[which % len(waiting)]
        include_by = min(self.scene.now + within, self.pending[seq][1])
        key = self.lane.promise_key(seq)
        signer = next(signer for signer in map(promise_signer, range(4)) if signer.address == key)
        promised = self.scene.promise(
            leaf, first_seq=seq, include_by=include_by, key=signer, beneficiary=self.scene.stranger
        )
        self.promises.append(promised)
        self.pending[seq] = (leaf, include_by)

    def leaf(self, kind: str) -> Leaf:
        self.made += 1
        match kind:
            case "forged":
                self.forged.append(self.scene.forged(self.made))
                return self.forged[-1]
            case "old":
                return self.scene.leaf(self.made, age=DEMO.max_posting_delay)
            case "rsa":
                return self.scene.leaf(self.made, self.scene.rsa)
        return self.scene.leaf(self.made)

    def skip(self, count: int, _: int) -> None:
        """Numbers that nobody was promised, to be filled with the empty leaf."""
        for _ in range(count):
            self.pending[self.next_number] = (None, 0)
            self.next_number += 1

    def post(self, count: int, _: int = 0) -> None:
        first = self.lane.next_seq
        count = min(count, self.next_number - first)
        if count and not self.paused():
            self.scene.post(*[self.pending.pop(first + i)[0] for i in range(count)])

    def wait(self, seconds: int, _: int = 0) -> None:
        """Lets time pass, but posts all in the last second in which the next leaf is in time."""
        until = self.scene.now + seconds
        while self.scene.now < until:
            due = self.due()
            if due is not None and due <= self.scene.now:
                self.post(99)
            else:
                self.scene.warp(until if due is None else min(until, due))

    # --- what is done to it --------------------------------------------------------------------

    def act(self, action: str, sender: bytes, *arguments: Any) -> None:
        self.scene.pair.act(action, sender, *arguments)

    def pause(self, seconds: int, _: int = 0) -> None:
        self.act("pause", self.scene.guardian, seconds)

    def pause_in_the_due_second(self, seconds: int, _: int) -> None:
        due = self.due()
        if due is not None and due >= self.scene.now:
            self.scene.warp(due)
            try:
                self.pause(seconds)
            except Revert:
                self.post(99)

    def rotate(self, key: int, _: int) -> None:
        self.act("rotate", self.scene.relayer, 2, self.scene.poster, promise_signer(key).address)

    def ahead(self, ahead: int, _: int) -> None:
        if self.lane.shrink and self.scene.now >= self.lane.shrink[1]:
            self.act("apply_ahead", self.scene.stranger, 2)
        self.act("set_ahead", self.scene.relayer, 2, ahead)

    def kill(self, which: int, _: int) -> None:
        node = (self.scene.secp, self.scene.rsa)[which].node
        self.act("revoke", self.scene.owner, node, self.scene.now - 5, "stolen")

    def prove(self, which: int, _: int) -> None:
        """A forged leaf that it promised is posted all the same, and proven: that costs a leaf slash, and no more."""
        batches = self.scene.batches.values()
        places = [(b, i) for b in batches for i in range(b.count) if b.leaves[i] in self.forged]
        if places:
            batch, index = places[which % len(places)]
            self.act(
                "prove_fault", self.scene.prover, FaultKind.BAD_SIGNATURE, self.scene.claim(batch, index)
            )

    def demand(self, which: int, _: int) -> None:
        batches = list(self.scene.batches.values())
        if batches:
            batch = batches[which % len(batches)]
            self.scene.demand(batch)
            self.scene.answer(batch)

    def leave(self, *_: int) -> None:
        self.act("exit", self.scene.relayer, 2)

    # --- what an adversary tries ---------------------------------------------------------------

    def attacks(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Every claim that can be built from what is known."""
        openings = [one.opening(seq) for one in self.promises for seq in numbers(one)]
        batches = list(self.scene.batches.values())
        for opening in openings:
            firsts = {0, self.lane.next_seq, *(batch.first_seq for batch in batches)}
            for first in firsts:
                yield "claim_missed", (opening, first)
                yield "claim_missed", (replace(opening, seq=opening.seq + 1), first)
            for batch in batches:
                for index in {
                    0,
                    batch.count - 1,
                    max(min(opening.seq - batch.first_seq, batch.count - 1), 0),
                }:
                    shown = batch.tree.levels[0][index], tuple(batch.tree.proof(index))
                    yield "claim_omitted", (opening, batch.first_seq, *shown)
                    yield (
                        "claim_omitted",
                        (replace(opening, seq=batch.first_seq + index), batch.first_seq, *shown),
                    )
        for first, second in product(openings, openings):
            if abs(first.seq - second.seq) < 2:
                yield "claim_double", (first, second, self.scene.holding(first.seq))
                yield "claim_double", (first, replace(second, seq=first.seq), self.scene.holding(first.seq))
        yield from self.forgeries(openings)

    def forgeries(self, openings: list[Opening]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Other promises of its numbers: signed by a key that is not theirs, or with a signature from another."""
        for opening in openings[:6]:
            wrong = self.scene.promise(None, first_seq=opening.seq, key=promise_signer(9), include_by=0)
            stolen = replace(wrong.signed, signature=opening.signed.signature)
            for forged in (wrong.opening(), wrong.opening(signed=stolen)):
                yield "claim_missed", (forged, self.scene.holding(opening.seq))
                yield "claim_double", (opening, forged, self.scene.holding(opening.seq))

    def withstands(self) -> None:
        spec = self.scene.pair.spec
        for action, arguments in self.attacks():
            stake = self.lane.stake
            try:
                getattr(spec, action)(Env(self.scene.caller, self.scene.now), *arguments)
            except Revert:
                continue
            raise AssertionError(f"{action}{arguments} went through: {stake} became {self.lane.stake}")


def numbers(promised: Promised) -> range:
    promise = promised.signed.promise
    return range(promise.first_seq, promise.first_seq + promise.count)


def live(scene: PromiseScene, steps: list[tuple[str, Any, int]]) -> Honest:
    """Plays the steps, the adversary's between them, and then long enough for every deadline to pass."""
    honest = Honest(scene)
    for what, a, b in [*steps, *[("wait", seconds, 0) for seconds in (20, 1, 12, 30)]]:
        try:
            getattr(honest, what)(a, b)
        except Revert as revert:
            assert revert.error not in ("WrongSequence", "Paused", "InsufficientStake")
        honest.withstands()
    assert not any(leaf for leaf, _ in honest.pending.values())
    return honest


@given(st.lists(STEP, min_size=8, max_size=20))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_honest_lane_is_never_slashed_for_a_promise(steps: list[tuple[str, Any, int]]) -> None:
    scene = fresh(ahead=AHEAD)
    live(scene, steps)
    spec = scene.pair.spec
    assert not spec.broken and not spec.doubled
    scene.compare()


@given(st.lists(STEP, min_size=8, max_size=14))
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_contract_refuses_all_that_an_adversary_tries(steps: list[tuple[str, Any, int]]) -> None:
    scene = fresh(ahead=AHEAD)
    honest = live(scene, steps)
    before = deepcopy(honest.lane)
    attacks = list(honest.attacks())
    for action, arguments in attacks[:: max(1, len(attacks) // 60)]:
        try:
            scene.pair.act(action, scene.caller, *arguments)
        except Revert:
            continue
        raise AssertionError(f"{action}{arguments} went through")
    assert honest.lane == before
    scene.compare()
