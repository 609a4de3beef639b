"""Rules about promises: kept, doubled, malformed; rotation, ahead, leaving, pauses."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from afterproof.protocol.batching import Batch
from afterproof.protocol.claims import Opening
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.packing import hash_of
from afterproof.protocol.promise import SignedPromise, promise_of
from afterproof.protocol.state import ZERO_ADDRESS
from tests.stateful.base import ACTORS, BATCHES, LANES, OPENINGS, SettlementBase, promise_signer


class PromiseRules(SettlementBase):
    """What lanes promise, and what promise holders and liars claim."""

    # --- promising -----------------------------------------------------------------------------

    @rule(
        target=OPENINGS,
        lane=LANES,
        count=st.integers(1, 3),
        delay=st.integers(0, 20),
        to=ACTORS,
        pick=st.integers(0, 9),
    )
    def promise_and_keep(self, lane: int, count: int, delay: int, to: int, pick: int) -> Any:
        """An honest relayer: it signs for its next numbers, then posts just these leaves, at once."""
        lane = lane if lane in self.spec.lanes else 2
        state = self.spec.lanes[lane]
        leaves = [self.make_leaf("good") for _ in range(count)]
        opening = self.opened(lane, state.next_seq, leaves, self.evm.now + delay, to, pick % count)
        batch = self.post_leaves(lane, leaves)
        if batch is None:
            self.dishonest.add(lane)
        return opening

    @rule(
        target=OPENINGS,
        lane=LANES,
        at=st.integers(-3, 12),
        delay=st.integers(-40, 60),
        to=ACTORS,
        key=st.integers(0, 3),
        nobody=st.booleans(),
        twin=st.booleans(),
    )
    def promise_anything(
        self, lane: int, at: int, delay: int, to: int, key: int, nobody: bool, twin: bool
    ) -> Any:
        """A promise for any number, due at any time, perhaps signed by a key that has no say, perhaps of no leaf but of
        a hash that is another's but for the last byte."""
        lane = lane if lane in self.spec.lanes else 2
        state = self.spec.lanes[lane]
        seq = max(0, state.next_seq + at)
        if promise_signer(key).address == state.promise_key(seq):
            self.dishonest.add(lane)
        promise = promise_of(
            lane,
            seq,
            [self.twin_of(lane, seq) if twin else hash_of(self.make_leaf("good"))],
            max(0, self.evm.now + delay),
            bytes(20) if nobody else self.pair.accounts[to],
        )
        signature = promise_signer(key).sign_hash(promise.digest(self.pair.promise_domain))
        opening = Opening(SignedPromise(promise, signature), seq, promise.root, ())
        self.promised.append(opening)
        return opening

    # --- claiming ------------------------------------------------------------------------------

    @rule(
        actor=ACTORS,
        opening=OPENINGS,
        scramble=st.sampled_from(["", "", "", "leaf", "seq", "signature", "proof"]),
    )
    def claim_missed(self, actor: int, opening: Opening, scramble: str) -> None:
        opening = scrambled_opening(opening, scramble)
        self.claim("claim_missed", actor, opening, self.first_seq_at(opening.place))

    @rule(actor=ACTORS, opening=OPENINGS, offset=st.sampled_from([-1, 0, 1]), after=st.booleans())
    def claim_at_a_deadline(self, actor: int, opening: Opening, offset: int, after: bool) -> None:
        """A claim in the last second of its promise, or of its claim window, or next to it."""
        due = self.spec.due(opening.signed.promise.include_by)
        when = due + (self.spec.epochs[0].terms.claim_window if after else 0) + offset
        if self.evm.now < when < self.evm.now + 10_000:
            self.evm.warp(when)
        self.claim_missed(actor, opening, "")

    @rule(actor=ACTORS, opening=OPENINGS, batch=BATCHES, shift=st.sampled_from([0, 0, 0, 1]))
    def claim_omitted(self, actor: int, opening: Opening, batch: Batch, shift: int) -> None:
        found = self.batch_at(opening.place) or batch
        index = (opening.seq - found.first_seq + shift) % found.count
        other = hash_of(found.leaves[index])
        path = tuple(found.tree.proof(index))
        self.claim("claim_omitted", actor, opening, found.first_seq, other, path)

    @rule(actor=ACTORS, first=OPENINGS, second=OPENINGS)
    def claim_double(self, actor: int, first: Opening, second: Opening) -> None:
        self.claim("claim_double", actor, first, second, self.first_seq_at(first.place))

    @rule(actor=ACTORS, opening=OPENINGS, key=st.integers(0, 3), swap=st.booleans(), twin=st.booleans())
    def double_it(self, actor: int, opening: Opening, key: int, swap: bool, twin: bool) -> None:
        """A second promise for the same number, perhaps of the first one's twin, and the claim on both."""
        lane = self.spec.lanes[opening.place[0]]
        if promise_signer(key).address == lane.promise_key(opening.seq):
            self.dishonest.add(opening.place[0])
        promise = promise_of(
            opening.place[0],
            opening.seq,
            [twin_hash(opening.leaf_hash) if twin else hash_of(self.make_leaf("good"))],
            self.evm.now + 5,
            self.pair.accounts[1],
        )
        signature = promise_signer(key).sign_hash(promise.digest(self.pair.promise_domain))
        second = Opening(SignedPromise(promise, signature), opening.seq, promise.root, ())
        self.promised.append(second)
        pair = (second, opening) if swap else (opening, second)
        self.claim("claim_double", actor, *pair, self.first_seq_at(opening.place))

    # --- the lane's own affairs ----------------------------------------------------------------

    @rule(
        lane=LANES,
        stranger=st.sampled_from([0, 0, 1]),
        key=st.integers(0, 3),
        to=st.sampled_from([0, 1, 2, 5, None]),
    )
    def rotate(self, lane: int, stranger: int, key: int, to: int | None) -> None:
        self.attempt(
            "rotate",
            self.owner_of(lane) + stranger,
            lane,
            ZERO_ADDRESS if to is None else self.pair.accounts[to],
            promise_signer(key).address,
        )

    @rule(lane=LANES, stranger=st.sampled_from([0, 0, 1]), ahead=st.sampled_from([0, 1, 5, 20, 2**32 - 1]))
    def set_ahead(self, lane: int, stranger: int, ahead: int) -> None:
        self.attempt("set_ahead", self.owner_of(lane) + stranger, lane, ahead)

    @rule(actor=ACTORS, lane=st.integers(1, 2), wait=st.booleans())
    def apply_ahead(self, actor: int, lane: int, wait: bool) -> None:
        if lane in self.spec.lanes and wait:
            self.attempt("set_ahead", self.owner_of(lane), lane, 0)
        shrink = self.spec.lanes[lane].shrink if lane in self.spec.lanes else None
        if wait and shrink and shrink[1] > self.evm.now:
            self.evm.warp(shrink[1])
        self.attempt("apply_ahead", actor, lane)

    @rule(lane=LANES, stranger=st.sampled_from([0, 0, 0, 1]))
    def exit(self, lane: int, stranger: int) -> None:
        self.attempt("exit", self.owner_of(lane) + stranger, lane)

    @rule(lane=LANES, offset=st.sampled_from([-1, 0, 1, None]))
    def withdraw_stake(self, lane: int, offset: int | None) -> None:
        """The owner takes what it may, in the last second that binds it or next to it."""
        if lane not in self.spec.lanes:
            return
        state = self.spec.lanes[lane]
        if offset is not None and state.exit_at and self.evm.now < state.liable_until + offset:
            self.evm.warp(state.liable_until + offset)
        self.attempt("release_cover", 0, lane, 100)
        if self.attempt("withdraw_stake", self.pair.accounts.index(state.owner), lane):
            self.paid_in[lane] = 0
            self.taken.add(lane)

    @rule(lane=st.integers(1, 2), offset=st.sampled_from([0, 1]))
    def leave_for_good(self, lane: int, offset: int) -> None:
        """A lane leaves, waits until its last batch is closed and nothing can be claimed, and takes its stake."""
        if lane not in self.spec.lanes:
            return
        self.attempt("exit", self.owner_of(lane), lane)
        ends = [batch.header.latest_end for key, batch in self.spec.batches.items() if key >> 64 == lane]
        self.evm.warp(max([self.evm.now, *(end + 1 for end in ends)]))
        self.attempt("release_cover", 0, lane, 100)
        self.evm.warp(max(self.evm.now, self.spec.lanes[lane].liable_until))
        self.withdraw_stake(lane, offset)

    @rule(guardian=st.booleans(), seconds=st.sampled_from([0, 1, 5, 10, 11]))
    def pause(self, guardian: bool, seconds: int) -> None:
        self.attempt("pause", 9 if guardian else 0, seconds)

    @rule(sender=st.sampled_from([0, 0, 1]), to=st.sampled_from([9, 9, 8, None]))
    def set_guardian(self, sender: int, to: int | None) -> None:
        self.attempt("set_guardian", sender, ZERO_ADDRESS if to is None else self.pair.accounts[to])

    # --- helpers -------------------------------------------------------------------------------

    def twin_of(self, lane: int, seq: int) -> bytes:
        """A hash that differs in the last byte from one that was promised at that place, or from any."""
        there = [opening for opening in self.promised if opening.place == (lane, seq)]
        return twin_hash(there[-1].leaf_hash if there else hash_of(self.make_leaf("good")))

    def owner_of(self, lane: int) -> int:
        """The actor who owns a lane; 0 for a lane that is none."""
        return self.pair.accounts.index(self.spec.lanes[lane].owner) if lane in self.spec.lanes else 0

    def opened(self, lane: int, seq: int, leaves: list[Any], due: int, to: int, pick: int) -> Opening:
        """The promise for ``leaves`` by the lane's own key, opened at one of them."""
        return self.opened_hashes(lane, seq, [hash_of(leaf) for leaf in leaves], due, to, pick)

    def opened_hashes(
        self, lane: int, seq: int, hashes: list[bytes], due: int, to: int, pick: int
    ) -> Opening:
        """The promise for leaves with these hashes, or for any 32 bytes."""
        promise = promise_of(lane, seq, hashes, due, self.pair.accounts[to])
        key = self.spec.lanes[lane].promise_key(seq + pick)
        signer = next(
            (promise_signer(i) for i in range(4) if promise_signer(i).address == key), promise_signer(0)
        )
        signature = signer.sign_hash(promise.digest(self.pair.promise_domain))
        proof = tuple(BatchTree(hashes).proof(pick))
        opening = Opening(SignedPromise(promise, signature), seq + pick, hashes[pick], proof)
        self.promised.append(opening)
        return opening

    def claim(self, action: str, actor: int, *arguments: Any) -> None:
        """Plays a claim, having asked what is promised; half burns, the rest goes to beneficiary and caller."""
        for opening in arguments:
            if isinstance(opening, Opening):
                self.pair.is_promised(opening)
        events = self.attempt(action, actor, *arguments)
        if events:
            lane, _, _, beneficiary, _, slashed = events[0].arguments
            assert lane in self.dishonest, f"an honest lane lost {slashed} by {action}"
            self.note_slash(slashed, 45 if any(beneficiary) else 0, 5)


def twin_hash(leaf_hash: bytes) -> bytes:
    """32 bytes that differ from a leaf hash in the last byte alone."""
    return leaf_hash[:31] + bytes([leaf_hash[31] ^ 1])


def scrambled_opening(opening: Opening, what: str) -> Opening:
    """The opening with one thing wrong."""
    match what:
        case "leaf":
            return replace(opening, leaf_hash=bytes(32))
        case "seq":
            return replace(opening, seq=opening.seq + 1)
        case "proof":
            return replace(opening, proof=(*opening.proof, bytes(32)))
        case "signature":
            signature = opening.signed.signature
            broken = signature[:10] + bytes([signature[10] ^ 1]) + signature[11:]
            return replace(opening, signed=SignedPromise(opening.signed.promise, broken))
    return opening
