"""Rules about lanes, posting, forged leaves, the registry, epochs, time and force."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import multiple, precondition, rule

from afterproof.protocol.batching import Batch
from afterproof.protocol.evidence import duplicate_evidence
from afterproof.protocol.header import BatchId
from afterproof.protocol.packing import hash_of
from afterproof.protocol.receipt import keccak
from afterproof.protocol.state import Claim, FaultKind
from afterproof.protocol.terms import GWEI
from tests.stateful.base import (
    ACTORS,
    BATCHES,
    LEAF_KINDS,
    OTHER_TERMS,
    TERMS,
    SettlementBase,
    promise_signer,
    rsa_signer,
    signers,
)
from tests.support.pair import ALL_FAULTS

SMALL = st.integers(0, 6)


class LaneRules(SettlementBase):
    """What relayers, provers, the owner and the clock do."""

    @rule(
        actor=ACTORS,
        ahead=st.sampled_from([0, 0, 1, 2**32 - 1]),
        slashes=st.integers(0, 60),
        odd=st.booleans(),
    )
    def open_lane(self, actor: int, ahead: int, slashes: int, odd: bool) -> None:
        value = slashes * TERMS.leaf_slash + (1 if odd else 0)
        self.open_with(actor, promise_signer(actor % 4).address, ahead, value)

    @rule(actor=ACTORS, lane=st.integers(0, 4), amount=st.sampled_from([0, 1, GWEI, TERMS.leaf_slash]))
    def top_up(self, actor: int, lane: int, amount: int) -> None:
        if self.attempt("top_up", actor, lane, value=amount):
            self.paid_in[lane] += amount

    @rule(
        target=BATCHES,
        lane=st.integers(1, 3),
        kinds=st.lists(st.sampled_from(LEAF_KINDS), min_size=1, max_size=5),
        copies=st.sampled_from([1, 1, 1, 60]),
        narrow=st.sampled_from([False, False, True]),
    )
    def post(self, lane: int, kinds: list[str], copies: int, narrow: bool) -> Any:
        """A batch as a relayer builds it, of whatever leaves."""
        if lane not in self.spec.lanes:
            return multiple()
        leaves = [self.make_leaf(kind) for kind in kinds] * copies
        batch = self.post_leaves(lane, leaves, narrow)
        if batch is None:
            return multiple()
        if copies > 1 or narrow or {"forged", "absurd", "again"} & set(kinds):
            self.dishonest.add(lane)
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

    @rule(actor=ACTORS, lane=st.integers(0, 3), most=st.sampled_from([0, 1, 2, 2**256 - 1]), to=ACTORS)
    def settle_accounts(self, actor: int, lane: int, most: int, to: int) -> None:
        """Cover released, burned money swept, a credit withdrawn: whatever there is of each."""
        self.attempt("release_cover", actor, lane, most)
        events = self.attempt("sweep_burned", actor, lane)
        if events:
            self.swept += events[0].arguments[1]
        self.attempt("withdraw", actor, self.pair.accounts[to])

    # --- faults --------------------------------------------------------------------------------

    @rule(
        actor=ACTORS,
        batch=BATCHES,
        at=st.integers(0, 299),
        kind=st.sampled_from([1, 1, 1, 1, 0, 4]),
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
        if self.prove(actor, kind, scrambled(claim, scramble, at)):
            assert scramble in ("", "index", "proof", "batch", "signature")

    @rule(actor=ACTORS, batch=BATCHES, at=st.integers(0, 299), offset=st.sampled_from([-1, 0, 0, 1]))
    def prove_at_the_end(self, actor: int, batch: Batch, at: int, offset: int) -> None:
        """A proof that lands in the last second of a window, or next to it."""
        end = self.spec.batches[batch.id].header.window_end + offset
        if end > self.evm.now:
            self.evm.warp(end)
        self.prove_fault(actor, batch, at, FaultKind.BAD_SIGNATURE, "")

    @rule(
        actor=ACTORS,
        lane=st.integers(1, 2),
        kind=st.sampled_from(["forged", "absurd", "again", "narrow"]),
        wait=st.sampled_from([0, 0, 11, 12, 13]),
        twice=st.booleans(),
    )
    def cheat_and_be_caught(self, actor: int, lane: int, kind: str, wait: int, twice: bool) -> None:
        """A lane slips one bad leaf in between good ones; a proof of it lands about the end of its window."""
        if lane not in self.spec.lanes:
            return
        self.dishonest.add(lane)
        good = self.make_leaf("good")
        bad = self.make_leaf("early") if kind == "narrow" else self.make_leaf(kind)
        batch = self.post_leaves(lane, [good, bad], narrow=kind == "narrow")
        if batch is None or bad is None:
            return
        self.evm.warp(self.evm.now + wait)
        faults = {"narrow": FaultKind.MISDECLARED_RANGE, "again": FaultKind.DUPLICATE_RECEIPT}
        evidence = {
            "narrow": b"",
            "again": duplicate_evidence(batch.id, 0, keccak(bad.signature), (hash_of(bad),)),
        }
        keys = {signer.node: signer.public_key for signer in signers()}
        claim = Claim(
            batch.id,
            1,
            bad.receipt,
            bad.signature,
            tuple(batch.tree.proof(1)),
            evidence.get(kind, keys[bad.receipt.node]),
        )
        for _ in range(2 if twice else 1):
            self.prove(actor, faults.get(kind, FaultKind.BAD_SIGNATURE), claim)

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
