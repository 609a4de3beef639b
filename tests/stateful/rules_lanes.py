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
from afterproof.protocol.state import ZERO_ADDRESS, Claim, FaultKind
from afterproof.protocol.terms import DAY, ETHER, GWEI
from tests.stateful.base import (
    ACTORS,
    BATCHES,
    LEAF_KINDS,
    OTHER_TERMS,
    TERMS,
    SettlementBase,
    promise_signer,
    rsa_signer,
    secp_signer,
    signers,
)
from tests.support.pair import ALL_FAULTS


class LaneRules(SettlementBase):
    """What relayers, provers, the owner and the clock do."""

    @rule(
        actor=ACTORS,
        ahead=st.sampled_from([0, 0, 1, 2**32 - 1]),
        slashes=st.integers(0, 60),
        odd=st.sampled_from([0, 0, 0, 1, 2**48 * GWEI]),
        nobody=st.sampled_from([False, False, False, True]),
    )
    def open_lane(self, actor: int, ahead: int, slashes: int, odd: int, nobody: bool) -> None:
        value = slashes * TERMS.leaf_slash + odd
        if value > ETHER:  # more than all accounts have together
            self.give(actor, 2 * value)
        key = promise_signer(actor % 4).address
        self.open_with(actor, key, ahead, value, ZERO_ADDRESS if nobody else None)

    @rule(
        actor=ACTORS,
        lane=st.integers(0, 4),
        amount=st.sampled_from([0, 1, GWEI, TERMS.leaf_slash, 2**48 * GWEI]),
    )
    def top_up(self, actor: int, lane: int, amount: int) -> None:
        if amount > ETHER:
            self.give(actor, 2 * amount)
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
        lane = lane if lane in self.spec.lanes else 1
        leaves = [self.make_leaf(kind) for kind in kinds] * copies
        batch = self.post_leaves(lane, leaves, narrow)
        if batch is None:
            return multiple()
        if copies > 1 or narrow or {"forged", "absurd", "again"} & set(kinds):
            self.dishonest.add(lane)
        return batch

    @rule(
        actor=st.sampled_from([None, None, None, 0, 1]),
        lane=st.integers(0, 4),
        seq_offset=st.sampled_from([0, 0, 0, -1, 1, 2**63]),
        count=st.sampled_from([0, 1, 1, 256, 257, 1_024_001]),
        tiles=st.sampled_from([-1, 0, 0, 0, 1]),
        oldest=st.sampled_from([0, -30, -31, 10, 11]),
        span=st.sampled_from([0, 0, 1, -1, 10, 40, 2**62]),
        root=st.sampled_from([0, 1, 2]),
    )
    def post_raw(
        self,
        actor: int | None,
        lane: int,
        seq_offset: int,
        count: int,
        tiles: int,
        oldest: int,
        span: int,
        root: int,
    ) -> None:
        """A post of made-up numbers and roots, mostly by the poster; nothing in it can be opened."""
        known = self.spec.lanes.get(lane)
        if actor is None:
            actor = (self.poster_of(lane) if known else 0) or 0
        first = max(0, (known.next_seq if known else 0) + seq_offset)
        start = self.evm.now + oldest
        wanted = min(-(-count // 256), 3) + tiles
        roots = [bytes(31) + bytes([root + i]) for i in range(max(0, wanted))]
        if self.attempt("post", actor, lane, first, count, start, max(0, start + span), roots, ""):
            self.dishonest.add(lane)

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
        old=st.sampled_from([False, False, False, True]),
    )
    def prove_fault(
        self, actor: int, batch: Batch, at: int, kind: int, scramble: str, old: bool = True
    ) -> None:
        batch = batch if old else self.newest(batch)
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
        batch = self.newest(batch)
        end = self.spec.batches[batch.id].header.window_end + offset
        if end > self.evm.now:
            self.evm.warp(end)
        self.prove_fault(actor, batch, at, FaultKind.BAD_SIGNATURE, "")

    @rule(
        target=BATCHES,
        actor=ACTORS,
        lane=st.integers(1, 2),
        kind=st.sampled_from(["forged", "absurd", "again", "narrow"]),
        wait=st.sampled_from([0, 0, 11, 12, 13]),
        twice=st.booleans(),
    )
    def cheat_and_be_caught(self, actor: int, lane: int, kind: str, wait: int, twice: bool) -> Any:
        """A lane slips one bad leaf in between good ones; a proof of it lands about the end of its window."""
        if lane not in self.spec.lanes:
            return multiple()
        self.dishonest.add(lane)
        good = self.make_leaf("good")
        bad = self.make_leaf("early") if kind == "narrow" else self.make_leaf(kind)
        batch = self.post_leaves(lane, [good, bad], narrow=kind == "narrow")
        if batch is None or bad is None:
            return multiple()
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
        return batch

    # --- registry and epochs -------------------------------------------------------------------

    @rule(
        actor=st.sampled_from([0, 0, 0, 1]),
        which=st.integers(0, 3),
        wrong=st.sampled_from(["", "", "", "key", "operator"]),
    )
    def endorse(self, actor: int, which: int, wrong: str) -> None:
        key = b"no key" if wrong == "key" else signers()[which].public_key
        operator = ZERO_ADDRESS if wrong == "operator" else self.pair.accounts[1]
        self.attempt("endorse", actor, key, operator)

    @rule(actor=st.sampled_from([0, 0, 0, 1]), which=st.integers(0, 3), offset=st.integers(-34, 14))
    def revoke(self, actor: int, which: int, offset: int) -> None:
        self.attempt("revoke", actor, signers()[which].node, self.evm.now + offset, "because")

    @rule(
        actor=st.sampled_from([0, 0, 1]),
        which=st.integers(0, 3),
        offset=st.sampled_from([-1, 0, 1, 40, 366 * DAY]),
    )
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
        times += [epoch.starts_at for epoch in self.spec.epochs] + [pause.end for pause in self.spec.pauses]
        times += [due for lane in self.spec.lanes.values() for due in (lane.last_deadline, lane.liable_until)]
        ahead = sorted({at for at in times if at + offset > self.evm.now})
        if ahead:
            self.evm.warp(ahead[which % len(ahead)] + offset)

    @precondition(lambda self: self.is_bare and self.forcings < 2)
    @rule(amount=st.sampled_from([1, GWEI]))
    def force_ether(self, amount: int) -> None:
        address = self.pair.settlement.address
        self.evm.set_balance(address, self.evm.balance(address) + amount)
        self.pair.forced += amount
        self.forcings += 1

    @precondition(lambda self: self.is_bare and self.departures < 1)
    @rule()
    def look_for_a_way_out(self) -> None:
        """In the midst of a run too everyone could leave; nobody does."""
        self.departures += 1
        self.all_get_out()


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
            other = secp_signer(2).public_key
            keys = [b"", rsa_signer().public_key[:-1], other, claim.evidence + b"\0"]
            return replace(claim, evidence=keys[at % 4])
        case "batch":
            return replace(claim, batch=BatchId(claim.batch + 1 + at))
    return claim
