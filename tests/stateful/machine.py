"""Many actors on one settlement: every step is played on the contract and on its specification.

Legal and illegal actions, time landing before, on and after every deadline, scrambled proofs and signatures. ``Pair``
compares outcome, error name, events and views; the invariants are those of :mod:`tests.support.invariants`.
"""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from afterproof.protocol.batching import Batch, build_batch, declared_range
from afterproof.protocol.header import BatchId
from afterproof.protocol.outcome import Event, Revert
from afterproof.protocol.receipt import Leaf, Receipt
from afterproof.protocol.signing import Signer
from afterproof.protocol.state import Claim, FaultKind
from afterproof.protocol.terms import DEMO, ETHER, GWEI, Terms
from tests.support.invariants import Standings, half_is_burned, honest_keep_their_stake, solvent
from tests.support.pair import ALL_FAULTS, Pair
from tests.support.scene import forged_leaf, leaf_of, rsa_signer, secp_signer

#: A stake of few slashes and a window of few seconds, so that runs meet their edges.
TERMS = replace(DEMO, min_stake=3 * DEMO.leaf_slash, cover_share=5_000)
OTHER_TERMS: tuple[Terms, ...] = (
    TERMS,
    replace(TERMS, window=30, leaf_slash=DEMO.leaf_slash + GWEI, min_stake=ETHER // 1000),
    replace(TERMS, max_posting_delay=100, max_clock_skew=0),
    replace(TERMS, window=3),
)
LEAF_KINDS = ("good", "good", "good", "forged", "unknown node", "old", "early", "absurd", "empty")
ACTORS = st.integers(0, 5)
SMALL = st.integers(0, 6)


def signers() -> list[Signer]:
    """Three nodes, one of them RSA; the last two start unregistered."""
    return [secp_signer(0), rsa_signer(), secp_signer(1), secp_signer(2)]


class SettlementMachine(RuleBasedStateMachine):
    """The state machine; ``make_pair`` chooses what runs the contracts."""

    batches = Bundle("batches")

    make_pair = staticmethod(lambda: Pair(TERMS))
    can_force_ether = True

    @initialize()
    def deploy(self) -> None:
        self.pair = self.make_pair()
        self.spec, self.evm = self.pair.spec, self.pair.evm
        self.standings = Standings(self.pair)
        self.paid_in: dict[int, int] = {}
        self.dishonest: set[int] = set()
        self.slashed = self.credited = self.swept = 0
        self.number = 0
        for signer in signers()[:2]:
            self.attempt("endorse", 0, signer.public_key, self.pair.accounts[1])
        for lane in (1, 2):
            self.open_lane(lane, 0, 40)

    def attempt(self, action: str, actor: int, *arguments: Any, value: int = 0) -> list[Event] | None:
        """Plays an action on both sides; None where both refuse alike."""
        try:
            return self.pair.act(action, self.pair.accounts[actor], *arguments, value=value)
        except Revert:
            return None

    # --- lanes ---------------------------------------------------------------------------------

    @rule(
        actor=ACTORS,
        ahead=st.sampled_from([0, 0, 1, 2**32 - 1]),
        slashes=st.integers(0, 60),
        odd=st.booleans(),
    )
    def open_lane(self, actor: int, ahead: int, slashes: int, odd: bool = False) -> None:
        value = slashes * TERMS.leaf_slash + (1 if odd else 0)
        poster = self.pair.accounts[actor]
        events = self.attempt("open_lane", actor, poster, poster, ahead, value=value)
        if events:
            self.paid_in[events[0].arguments[0]] = value

    @rule(actor=ACTORS, lane=st.integers(0, 4), amount=st.sampled_from([0, 1, GWEI, TERMS.leaf_slash]))
    def top_up(self, actor: int, lane: int, amount: int) -> None:
        if self.attempt("top_up", actor, lane, value=amount):
            self.paid_in[lane] += amount

    @rule(
        target=batches,
        lane=st.integers(1, 3),
        kinds=st.lists(st.sampled_from(LEAF_KINDS), min_size=1, max_size=5),
        copies=st.sampled_from([1, 1, 1, 60]),
    )
    def post(self, lane: int, kinds: list[str], copies: int) -> Any:
        """A batch as a relayer builds it, of whatever leaves."""
        if lane not in self.spec.lanes:
            return multiple()
        leaves = [self.make_leaf(kind) for kind in kinds] * copies
        batch = build_batch(lane, self.spec.lanes[lane].next_seq, leaves)
        terms = self.spec.epochs[self.spec_epoch() - 1].terms
        oldest, newest = declared_range(leaves, self.evm.now, terms)
        arguments = (lane, batch.first_seq, batch.count, oldest, newest, batch.tree.tile_roots, "data:x")
        poster = self.pair.accounts.index(self.spec.lanes[lane].poster)
        if not self.attempt("post", poster, *arguments):
            return multiple()
        if "forged" in kinds or "absurd" in kinds:
            self.dishonest.add(lane)
        for index in {0, batch.count // 2, batch.count - 1}:
            leaf = leaves[index]
            if leaf is not None:
                self.standings.watch(batch.id, index, leaf, tuple(batch.tree.proof(index)))
        return batch

    @rule(
        actor=ACTORS,
        lane=st.integers(0, 4),
        seq_offset=st.sampled_from([0, 0, -1, 1, 2**63]),
        count=st.sampled_from([0, 1, 256, 257, 1_024_001]),
        tiles=SMALL,
        oldest=st.sampled_from([0, -30, -31, 10, 11]),
        span=st.sampled_from([0, 1, -1, 10, 40, 2**62]),
    )
    def post_raw(
        self, actor: int, lane: int, seq_offset: int, count: int, tiles: int, oldest: int, span: int
    ) -> None:
        """A post of made-up numbers and roots; nothing in it can be opened."""
        known = self.spec.lanes.get(lane)
        first = max(0, (known.next_seq if known else 0) + seq_offset)
        start = self.evm.now + oldest
        roots = [bytes(31) + bytes([i]) for i in range(tiles)]
        self.attempt("post", actor, lane, first, count, start, max(0, start + span), roots, "")

    @rule(actor=ACTORS, lane=st.integers(0, 4), most=st.sampled_from([0, 1, 2, 2**256 - 1]))
    def release_cover(self, actor: int, lane: int, most: int) -> None:
        self.attempt("release_cover", actor, lane, most)

    @rule(actor=ACTORS, lane=st.integers(0, 4))
    def sweep_burned(self, actor: int, lane: int) -> None:
        events = self.attempt("sweep_burned", actor, lane)
        if events:
            self.swept += events[0].arguments[1]

    @rule(actor=ACTORS, to=ACTORS)
    def withdraw(self, actor: int, to: int) -> None:
        self.attempt("withdraw", actor, self.pair.accounts[to])

    # --- faults --------------------------------------------------------------------------------

    @rule(
        actor=ACTORS,
        batch=batches,
        at=st.integers(0, 299),
        kind=st.sampled_from([1, 1, 1, 1, 0, 2]),
        scramble=st.sampled_from(["", "", "", "index", "proof", "signature", "receipt", "key", "batch"]),
    )
    def prove_fault(self, actor: int, batch: Batch, at: int, kind: int, scramble: str) -> None:
        index = at % batch.count
        leaf = batch.leaves[index]
        if leaf is None:
            return
        keys = {signer.node: signer.public_key for signer in signers()}
        proof = tuple(batch.tree.proof(index))
        claim = Claim(batch.id, index, leaf.receipt, leaf.signature, proof, keys[leaf.receipt.node])
        before = self.spec.credits.get(self.pair.accounts[actor], 0)
        events = self.attempt("prove_fault", actor, kind, scrambled(claim, scramble, at))
        if events:
            assert kind == FaultKind.BAD_SIGNATURE and scramble in (
                "",
                "index",
                "proof",
                "batch",
                "signature",
            )
            self.slashed += events[0].arguments[4]
            self.credited += self.spec.credits[self.pair.accounts[actor]] - before

    @rule(actor=ACTORS, batch=batches, at=st.integers(0, 299), offset=st.sampled_from([-1, 0, 0, 1]))
    def prove_at_the_end(self, actor: int, batch: Batch, at: int, offset: int) -> None:
        """A proof that lands in the last second of a window, or next to it."""
        end = self.spec.batches[batch.id].header.window_end + offset
        if end > self.evm.now:
            self.evm.warp(end)
        self.prove_fault(actor, batch, at, FaultKind.BAD_SIGNATURE, "")

    # --- registry and epochs -------------------------------------------------------------------

    @rule(actor=st.sampled_from([0, 0, 1]), which=st.integers(0, 3))
    def endorse(self, actor: int, which: int) -> None:
        self.attempt("endorse", actor, signers()[which].public_key, self.pair.accounts[1])

    @rule(actor=st.sampled_from([0, 0, 1]), which=st.integers(0, 3), offset=st.integers(-14, 14))
    def revoke(self, actor: int, which: int, offset: int) -> None:
        self.attempt("revoke", actor, signers()[which].node, self.evm.now + offset, "because")

    @rule(actor=st.sampled_from([0, 0, 1]), which=st.integers(0, 3), offset=st.sampled_from([-1, 0, 1, 40]))
    def announce_epoch(self, actor: int, which: int, offset: int) -> None:
        starts_at = self.evm.now + self.spec.epochs[-1].terms.time_to_leave + offset
        self.attempt("announce_epoch", actor, OTHER_TERMS[which], ALL_FAULTS, starts_at)

    # --- time and force ------------------------------------------------------------------------

    @rule(seconds=st.integers(0, 4))
    def wait(self, seconds: int) -> None:
        self.evm.warp(self.evm.now + seconds)

    @rule(which=st.integers(0, 1000), offset=st.sampled_from([-1, 0, 1]))
    def wait_for_a_deadline(self, which: int, offset: int) -> None:
        """Lands just before, on, or just after the end of a window or the start of an epoch."""
        times = [batch.header.window_end for batch in self.spec.batches.values()]
        times += [epoch.starts_at for epoch in self.spec.epochs]
        ahead = sorted({at for at in times if at + offset > self.evm.now})
        if ahead:
            self.evm.warp(ahead[which % len(ahead)] + offset)

    @precondition(lambda self: self.can_force_ether)
    @rule(amount=st.sampled_from([1, GWEI]))
    def force_ether(self, amount: int) -> None:
        address = self.pair.settlement.address
        self.evm.set_balance(address, self.evm.balance(address) + amount)
        self.pair.forced += amount

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    @precondition(lambda self: hasattr(self, "standings"))
    def holds(self) -> None:
        solvent(self.pair)
        half_is_burned(self.spec, self.slashed, self.credited, self.swept)
        honest = [lane for lane in self.paid_in if lane not in self.dishonest]
        honest_keep_their_stake(self.spec, self.paid_in, honest)
        self.standings.check(self.worth_a_look())

    def teardown(self) -> None:
        if hasattr(self, "standings"):
            self.pair.compare_state()
            self.standings.check(self.standings.seen)

    def worth_a_look(self) -> list[tuple[BatchId, int]]:
        """The newest leaves, and those whose window ends about now: where a standing may have just changed."""
        places = list(self.standings.seen)
        ends = {batch: self.spec.batches[batch].header.window_end for batch, _ in places}
        turning = [place for place in places if abs(ends[place[0]] - self.evm.now) <= 1]
        return turning[:4] + places[-2:]

    # --- helpers -------------------------------------------------------------------------------

    def spec_epoch(self) -> int:
        """The number of the epoch that holds now."""
        newest = self.spec.epochs[-1]
        return len(self.spec.epochs) - (0 if self.evm.now >= newest.starts_at else 1)

    def make_leaf(self, kind: str) -> Leaf | None:
        """A leaf of that kind, unlike any before."""
        self.number += 1
        signer = signers()[self.number % 2]
        now, domain = self.evm.now, self.pair.domain
        match kind:
            case "empty":
                return None
            case "forged":
                return forged_leaf(signer, domain, now, self.number)
            case "unknown node":
                return leaf_of(secp_signer(2), domain, now, self.number)
            case "old":
                return leaf_of(signer, domain, now - 30 - self.number % 3, self.number)
            case "early":
                return leaf_of(signer, domain, now + 9 + self.number % 3, self.number)
            case "absurd":
                leaf = leaf_of(signer, domain, now, self.number)
                return Leaf(Receipt.from_words(leaf.receipt.words[:160] + b"\xff" * 32), leaf.signature)
        return leaf_of(signer, domain, now, self.number)


def scrambled(claim: Claim, what: str, at: int) -> Claim:
    """The claim with one thing wrong; some scrambles leave a short claim as it was."""
    match what:
        case "index":
            return replace(claim, index=claim.index + 1 + at)
        case "proof":
            return replace(claim, proof=claim.proof[1:] if at % 2 else (*claim.proof, bytes(32)))
        case "signature":
            return replace(claim, signature=claim.signature[:-1] + bytes([at % 256]))
        case "receipt":
            return replace(claim, receipt=replace(claim.receipt, response=bytes([at % 256]) * 32))
        case "key":
            return replace(
                claim, evidence=[b"", rsa_signer().public_key[:-1], bytes(32), claim.evidence + b"\0"][at % 4]
            )
        case "batch":
            return replace(claim, batch=BatchId(claim.batch + 1 + at))
    return claim
