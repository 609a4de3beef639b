"""Promise builders for contract tests: a lane that promises, what it signs, and the claims on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any

from afterproof.protocol.batching import Batch
from afterproof.protocol.claims import Opening
from afterproof.protocol.header import batch_id
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.outcome import Event, Revert
from afterproof.protocol.packing import hash_of
from afterproof.protocol.promise import NOBODY, SignedPromise, promise_of
from afterproof.protocol.receipt import Domain, Leaf
from afterproof.protocol.signing import Secp256k1Signer
from afterproof.protocol.terms import DEMO, ETHER, Terms
from tests.support.invariants import solvent
from tests.support.scene import Scene

SOON = 10
"""Seconds from now in which promises fall due, unless a test says otherwise."""

AHEAD = 40
"""Numbers beyond the next that the lane may promise."""


@cache
def promise_signer(number: int = 0) -> Secp256k1Signer:
    """A lane's promise key, the same in every run."""
    return Secp256k1Signer(sha256(b"promise key %d" % number).digest())


@dataclass(frozen=True)
class Promised:
    """A signed promise with the tree that it promised, so that any of its numbers can be opened."""

    signed: SignedPromise
    tree: BatchTree

    def opening(self, seq: int | None = None, **changes: Any) -> Opening:
        """The promise opened at ``seq``, its first number by default; ``changes`` make it a wrong one."""
        first = self.signed.promise.first_seq
        index = (first if seq is None else seq) - first
        proof = tuple(self.tree.proof(index))
        opening = Opening(self.signed, first + index, self.tree.levels[0][index], proof)
        return replace(opening, **changes)


def signed_promise(
    domain: Domain,
    lane: int,
    first_seq: int,
    leaf_hashes: Sequence[bytes],
    include_by: int,
    beneficiary: bytes = NOBODY,
    key: Secp256k1Signer | None = None,
) -> Promised:
    """A promise of that key, key 0 by default."""
    promise = promise_of(lane, first_seq, leaf_hashes, include_by, beneficiary)
    signature = (key or promise_signer()).sign_hash(promise.digest(domain))
    return Promised(SignedPromise(promise, signature), BatchTree(leaf_hashes))


class PromiseScene(Scene):
    """A scene whose lane 2 promises up to ``ahead`` receipts, to a holder; ``caller`` brings the claims."""

    def __init__(self, terms: Terms = DEMO, ahead: int = AHEAD, stake: int = 10 * ETHER) -> None:
        super().__init__(terms)
        self.holder, self.caller, self.guardian = (self.pair.accounts[i] for i in (5, 6, 9))
        key = promise_signer().address
        self.pair.act("open_lane", self.relayer, self.poster, key, ahead, value=stake)
        self.lane = 2

    # --- from test to test ---------------------------------------------------------------------

    def save(self) -> tuple[Any, ...]:
        """All that a test can change, for ``restore``; any number of times."""
        return self.pair.save(), {**vars(self), "batches": dict(self.batches)}

    def restore(self, saved: tuple[Any, ...]) -> None:
        """Takes contract, specification and the scene's own fields back to what was saved."""
        pair, own = saved
        self.pair.restore(pair)
        vars(self).update(own, batches=dict(own["batches"]))

    def compare(self) -> None:
        """Everything that contract and specification know, promises included, and that nothing is missing."""
        self.pair.compare_state()
        solvent(self.pair)
        spec, call = self.pair.spec, self.pair.settlement.call
        for lane, seq in {*spec.broken, *spec.doubled, (self.lane, 0)}:
            wanted = [(lane, seq) in spec.broken, (lane, seq) in spec.doubled]
            assert list(call("claimsOf", lane, seq)) == wanted
        for number, lane in spec.lanes.items():
            starts = {from_seq for from_seq, _ in lane.promise_keys}
            for seq in {0, 2**64 - 1, *starts, *(max(start - 1, 0) for start in starts)}:
                assert int(call("promiseKeyOf", number, seq), 16) == int.from_bytes(lane.promise_key(seq))
        edges = {edge + i for pause in spec.pauses for edge in (pause.start, pause.end) for i in (-1, 0, 1)}
        for include_by in {0, self.now, 2**48, 2**64 - 1, *edges}:
            assert call("dueOf", include_by) == spec.due(include_by)

    # --- what a test reads and does ------------------------------------------------------------

    @property
    def spec_lane(self) -> Any:
        """The lane as the specification has it."""
        return self.pair.spec.lanes[self.lane]

    def credit(self, account: bytes) -> int:
        """What the contract owes an account."""
        return self.pair.settlement.call("credits", account)

    def promise(
        self,
        *leaves: Leaf | None,
        first_seq: int | None = None,
        include_by: int | None = None,
        beneficiary: bytes | None = None,
        key: Secp256k1Signer | None = None,
        lane: int | None = None,
    ) -> Promised:
        """A promise that the leaves will stand from ``first_seq`` on, the lane's next number by default."""
        return signed_promise(
            self.pair.promise_domain,
            self.lane if lane is None else lane,
            self.spec_lane.next_seq if first_seq is None else first_seq,
            [hash_of(leaf) for leaf in leaves],
            self.now + SOON if include_by is None else include_by,
            self.holder if beneficiary is None else beneficiary,
            key,
        )

    def holding(self, seq: int) -> int:
        """The first number of the batch that holds ``seq``; zero where none does."""
        held = [
            batch.first_seq
            for batch in self.batches.values()
            if batch.lane == self.lane and batch.first_seq <= seq < batch.first_seq + batch.count
        ]
        return held[0] if held else 0

    def missed(self, promised: Promised | Opening, by: bytes | None = None) -> list[Event]:
        """Claims a missed deadline."""
        opening = promised.opening() if isinstance(promised, Promised) else promised
        return self.pair.act("claim_missed", by or self.caller, opening, self.holding(opening.seq))

    def omitted(self, promised: Promised | Opening, by: bytes | None = None) -> list[Event]:
        """Claims an omission, showing the leaf that stands at the number."""
        opening = promised.opening() if isinstance(promised, Promised) else promised
        return self.pair.act("claim_omitted", by or self.caller, *self.omission(opening))

    def omission(self, opening: Opening) -> tuple[Any, ...]:
        """The arguments of an omission claim, as the published data gives them."""
        first_seq = self.holding(opening.seq)
        tree, index = self.batches[batch_id(self.lane, first_seq)].tree, opening.seq - first_seq
        return opening, first_seq, tree.levels[0][index], tuple(tree.proof(index))

    def doubled(self, first: Promised, second: Promised, by: bytes | None = None) -> list[Event]:
        """Claims a double promise of the first number of ``first``."""
        seq = first.signed.promise.first_seq
        openings = first.opening(seq), second.opening(seq)
        return self.pair.act("claim_double", by or self.caller, *openings, self.holding(seq))

    def refused(self, action: str, *arguments: Any, by: bytes | None = None) -> tuple[str, tuple[Any, ...]]:
        """Error name and arguments with which both sides refuse; neither has changed by it."""
        try:
            self.pair.act(action, by or self.caller, *arguments)
        except Revert as revert:
            self.pair.compare_state()
            return revert.error, revert.arguments
        raise AssertionError(f"{action} went through")

    def refused_missed(self, promised: Promised | Opening) -> str:
        """The error that a claim of a missed deadline meets."""
        opening = promised.opening() if isinstance(promised, Promised) else promised
        return self.refused("claim_missed", opening, self.holding(opening.seq))[0]

    def refused_omitted(self, promised: Promised | Opening) -> str:
        """The error that a claim of an omission meets."""
        opening = promised.opening() if isinstance(promised, Promised) else promised
        return self.refused("claim_omitted", *self.omission(opening))[0]

    def refused_doubled(self, first: Promised, second: Promised) -> str:
        """The error that a claim of a double promise meets."""
        seq = first.signed.promise.first_seq
        openings = first.opening(seq), second.opening(seq)
        return self.refused("claim_double", *openings, self.holding(seq))[0]

    def warp(self, at: int) -> None:
        """Sets the time."""
        self.pair.evm.warp(at)

    def struck(self, leaf: Leaf, others: int = 0) -> Batch:
        """Posts a batch whose first tile nobody answers for; its demand has just run out."""
        batch = self.post(leaf, *[None] * others)
        self.demand(batch)
        self.pass_deadline(batch)
        return batch


@cache
def _prototype(terms: Terms, ahead: int, stake: int) -> tuple[PromiseScene, tuple[Any, ...]]:
    scene = PromiseScene(terms, ahead, stake)
    return scene, scene.save()


def fresh(terms: Terms = DEMO, ahead: int = AHEAD, stake: int = 10 * ETHER) -> PromiseScene:
    """A scene as good as new. There is one for each set of arguments: the one got before is gone."""
    scene, saved = _prototype(terms, ahead, stake)
    scene.restore(saved)
    return scene


def staged() -> Iterator[PromiseScene]:
    """For fixtures: a scene, compared when the test is over."""
    scene = fresh()
    yield scene
    scene.compare()
