"""Rules about promises broken on purpose, a rule for each way, so that claims succeed often enough to tell."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from afterproof.protocol.batching import Batch
from afterproof.protocol.claims import Opening
from afterproof.protocol.packing import hash_of
from afterproof.protocol.terms import ETHER
from tests.stateful.base import ACTORS, promise_signer
from tests.stateful.rules_promises import PromiseRules, twin_hash

EITHER_LANE = st.integers(1, 2)
AFTER = st.sampled_from([1, 1, 12, 12, 0, 13])
"""Seconds after a deadline: mostly such in which a claim is in time, else the last before and the first too late."""
SELDOM = st.sampled_from([False, False, False, True])


class BreachRules(PromiseRules):
    """A lane signs for its next number and breaks its word; the claim lands about a deadline."""

    @rule(
        lane=EITHER_LANE, actor=ACTORS, late=st.booleans(), offset=AFTER, paused=SELDOM, nobody=st.booleans()
    )
    def miss_a_deadline(
        self, lane: int, actor: int, late: bool, offset: int, paused: bool, nobody: bool
    ) -> None:
        """The leaf is never posted, or too late."""
        lane = self.able_to_promise(lane)
        leaf = self.make_leaf("good")
        opening = self.promised_next(lane, leaf, 6 if nobody else actor)
        if paused:
            self.pause(True, 5)
        self.evm.warp(self.spec.due(opening.signed.promise.include_by) + offset)
        posted = self.post_leaves(lane, [leaf]) if late else None
        self.claim("claim_missed", actor, opening, opening.seq if posted else 0)

    @rule(lane=EITHER_LANE, actor=ACTORS, emptied=st.booleans(), nobody=st.booleans())
    def post_another_leaf(self, lane: int, actor: int, emptied: bool, nobody: bool) -> None:
        """Another leaf stands where the promised one should, or none; that is an omission, and no missed deadline."""
        lane = self.able_to_promise(lane)
        opening = self.promised_next(lane, self.make_leaf("good"), 6 if nobody else actor)
        other = None if emptied else self.make_leaf("good")
        if self.post_leaves(lane, [other]):
            self.claim("claim_omitted", actor, opening, opening.seq, hash_of(other), ())
            self.claim("claim_missed", actor, opening, opening.seq)

    @rule(lane=EITHER_LANE, actor=ACTORS, kept=st.booleans(), nobody=st.booleans())
    def promise_twice(self, lane: int, actor: int, kept: bool, nobody: bool) -> None:
        """Two leaves for one number, one of them perhaps posted."""
        lane = self.able_to_promise(lane)
        leaf, other = self.make_leaf("good"), self.make_leaf("good")
        first, second = (self.promised_next(lane, each, 6 if nobody else actor) for each in (leaf, other))
        posted = self.post_leaves(lane, [leaf]) if kept else None
        self.claim("claim_double", actor, first, second, first.seq if posted else 0)

    @rule(lane=EITHER_LANE, actor=ACTORS, swap=st.booleans())
    def pay_a_twin_first(self, lane: int, actor: int, swap: bool) -> None:
        """The lane promises itself a hash next to its victim's, and breaks that word first, as if it were the same."""
        lane = self.able_to_promise(lane)
        opening = self.promised_next(lane, self.make_leaf("good"), actor)
        hashes, due = [twin_hash(opening.leaf_hash)], opening.signed.promise.include_by
        twin = self.opened_hashes(lane, opening.seq, hashes, due, lane, 0)
        if self.post_leaves(lane, [None]):
            self.claim("claim_omitted", lane, twin, opening.seq, hash_of(None), ())
            pair = (twin, opening) if swap else (opening, twin)
            self.claim("claim_double", actor, *pair, opening.seq)

    @rule(lane=EITHER_LANE, actor=ACTORS, offset=AFTER)
    def let_a_promised_leaf_be_struck(self, lane: int, actor: int, offset: int) -> None:
        """The leaf is posted in time, and its tile is struck because nobody shows it."""
        lane = self.able_to_promise(lane)
        leaf = self.make_leaf("good")
        opening = self.promised_next(lane, leaf, actor)
        batch = self.post_leaves(lane, [leaf])
        if batch is not None:
            self.attempt("demand_tile", actor, batch.id, 0, batch.tree.root, (), value=ETHER // 100)
            self.expire_first(actor, batch, offset)
            self.claim("claim_missed", actor, opening, opening.seq)

    def expire_first(self, actor: int, batch: Batch, offset: int) -> None:
        """Waits for the deadline of the batch's first tile, and perhaps settles its demand."""
        demand = self.spec.batches[batch.id].demands.get(0)
        if demand is None:
            return
        self.evm.warp(max(self.evm.now, demand.deadline + offset))
        events = self.attempt("expire_demand", actor, batch.id, 0) if offset == 12 else None
        if events:
            self.note_slash(events[0].arguments[3], 50)

    # --- helpers -------------------------------------------------------------------------------

    def able_to_promise(self, lane: int) -> int:
        """The lane where a promise of its would bind now, else another where it would, else a lane all the same."""
        keys = [promise_signer(number).address for number in range(4)]
        for number in (lane, *self.spec.lanes):
            state = self.spec.lanes.get(number)
            if state and state.ahead and not state.exit_at and state.promise_key(state.next_seq) in keys:
                return number
        return lane if lane in self.spec.lanes else 1

    def promised_next(self, lane: int, leaf: object, to: int) -> Opening:
        """A promise of the lane's next number, due in three seconds; from here on the lane counts as dishonest."""
        self.dishonest.add(lane)
        return self.opened(lane, self.spec.lanes[lane].next_seq, [leaf], self.evm.now + 3, to, 0)
