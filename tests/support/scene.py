"""A stage for contract tests: nodes with keys, a lane with stake, batches with their trees."""

from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from afterproof.protocol.batching import TILE, Batch, build_batch, declared_range
from afterproof.protocol.disputes import HALF
from afterproof.protocol.evidence import duplicate_evidence
from afterproof.protocol.header import BatchId
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.outcome import Revert
from afterproof.protocol.packing import pack
from afterproof.protocol.receipt import ZERO, Domain, Leaf, Receipt, keccak
from afterproof.protocol.signing import P256Signer, RsaPssSigner, Secp256k1Signer, Signer
from afterproof.protocol.state import Claim, Demand, FaultKind, Standing
from afterproof.protocol.terms import DEMO, ETHER, Terms
from tests.support.evm import Evm
from tests.support.pair import Pair


@cache
def secp_signer(number: int = 0) -> Secp256k1Signer:
    """A node's secp256k1 key, the same in every run."""
    return Secp256k1Signer(sha256(b"secp256k1 node %d" % number).digest())


@cache
def rsa_signer() -> RsaPssSigner:
    """A node's RSA key, a new one in every run."""
    return RsaPssSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@cache
def p256_signer(number: int = 0) -> P256Signer:
    """A node's P-256 key, the same in every run."""
    secret = int.from_bytes(sha256(b"p256 node %d" % number).digest())
    return P256Signer(ec.derive_private_key(secret >> 1, ec.SECP256R1()))


def receipt_of(signer: Signer, issued_at: int, number: int = 0) -> Receipt:
    """A receipt of that node over made-up bodies; ``number`` tells receipts apart."""
    request, response = keccak(b"request %d" % number), keccak(b"response %d" % number)
    return Receipt(signer.node, ZERO, request, response, ZERO, issued_at)


def leaf_of(signer: Signer, domain: Domain, issued_at: int, number: int = 0) -> Leaf:
    """A leaf with a valid signature."""
    return signer.sign(receipt_of(signer, issued_at, number), domain).leaf


def forged_leaf(signer: Signer, domain: Domain, issued_at: int, number: int = 0) -> Leaf:
    """A leaf in the node's name whose signature is over another receipt of it."""
    return Leaf(
        receipt_of(signer, issued_at, number), leaf_of(signer, domain, issued_at, number + 10**6).signature
    )


class Scene:
    """Contract and specification with one lane open, staked with 10 ether, and a live node of each scheme."""

    def __init__(self, terms: Terms = DEMO, base_fee: int = 0) -> None:
        self.pair = Pair(terms, Evm(base_fee=base_fee))
        self.owner, self.relayer, self.poster, self.prover, self.stranger = self.pair.accounts[:5]
        self.domain, self.terms = self.pair.domain, terms
        self.secp, self.rsa, self.p256 = secp_signer(), rsa_signer(), p256_signer()
        self.nodes: tuple[Signer, ...] = (self.secp, self.rsa, self.p256)
        for signer in self.nodes:
            self.pair.act("endorse", self.owner, signer.public_key, self.relayer)
        self.pair.act("open_lane", self.relayer, self.poster, self.poster, 0, value=10 * ETHER)
        self.lane = 1
        self.batches: dict[BatchId, Batch] = {}
        self.wait(10)

    @property
    def now(self) -> int:
        """The chain's time."""
        return self.pair.evm.now

    def wealth(self, account: bytes) -> int:
        """What an account holds, its credit included."""
        return self.pair.evm.balance(account) + self.pair.spec.credits.get(account, 0)

    def stake(self, lane: int = 1) -> int:
        """What a lane has at stake."""
        return self.pair.spec.lanes[lane].stake

    def wait(self, seconds: int) -> None:
        """Lets time pass."""
        self.pair.evm.warp(self.now + seconds)

    def leaf(self, number: int = 0, signer: Signer | None = None, age: int = 0) -> Leaf:
        """A good leaf issued ``age`` seconds ago."""
        return leaf_of(signer or self.secp, self.domain, self.now - age, number)

    def forged(self, number: int = 0, signer: Signer | None = None) -> Leaf:
        """A leaf with a forged signature."""
        return forged_leaf(signer or self.secp, self.domain, self.now, number)

    def post(
        self,
        *leaves: Leaf | None,
        lane: int | None = None,
        uri: str = "https://data.example/1",
        declared: tuple[int, int] | None = None,
    ) -> Batch:
        """Posts the leaves as the lane's next batch, as an honest relayer builds it but for a range ``declared``."""
        lane = lane or self.lane
        batch = build_batch(lane, self.pair.spec.lanes[lane].next_seq, leaves)
        oldest, newest = declared or declared_range(leaves, self.now, self.terms)
        poster = self.pair.spec.lanes[lane].poster
        roots = batch.tree.tile_roots
        self.pair.act("post", poster, lane, batch.first_seq, batch.count, oldest, newest, roots, uri)
        self.batches[batch.id] = batch
        return batch

    def claim(self, batch: Batch, index: int, evidence: bytes | None = None) -> Claim:
        """The claim that leaf ``index`` is faulty, with its node's key as evidence."""
        leaf = batch.leaves[index]
        assert leaf is not None
        keys = {signer.node: signer.public_key for signer in self.nodes}
        evidence = keys.get(leaf.receipt.node, b"") if evidence is None else evidence
        return Claim(batch.id, index, leaf.receipt, leaf.signature, tuple(batch.tree.proof(index)), evidence)

    def prove(self, batch: Batch, index: int, evidence: bytes | None = None, by: bytes | None = None) -> None:
        """Proves a bad signature."""
        claim = self.claim(batch, index, evidence)
        self.pair.act("prove_fault", by or self.prover, FaultKind.BAD_SIGNATURE, claim)

    def standing(self, batch: Batch, index: int) -> Standing:
        """The standing of leaf ``index``, the same in contract and specification."""
        leaf = batch.leaves[index]
        assert leaf is not None
        return self.pair.standing(batch.id, index, leaf, tuple(batch.tree.proof(index)))

    def end_window(self, batch: Batch, offset: int = 1) -> None:
        """Moves to ``offset`` seconds after the last second in which the batch can be disputed."""
        self.pair.evm.warp(self.pair.spec.batches[batch.id].header.window_end + offset)

    def refusal(self, action: str, sender: bytes, *arguments: Any, value: int = 0) -> str:
        """The error with which contract and specification refuse an action; neither has changed by it."""
        try:
            self.pair.act(action, sender, *arguments, value=value)
        except Revert as revert:
            self.pair.compare_state()
            return revert.error
        raise AssertionError(f"{action} went through")

    # --- demands -------------------------------------------------------------------------------

    def demand(
        self, batch: Batch, tile: int = 0, by: bytes | None = None, value: int | None = None
    ) -> Demand:
        """Demands a tile, with the least deposit unless another is given."""
        value = self.pair.spec.deposit(batch.id, tile, self.pair.evm.base_fee) if value is None else value
        self.pair.act("demand_tile", by or self.prover, *tile_of(batch, tile), value=value)
        return self.pair.spec.batches[batch.id].demands[tile]

    def answer(self, batch: Batch, tile: int = 0, half: int | None = None, by: bytes | None = None) -> None:
        """Shows half a tile, or all of it."""
        halves = len(halves_of(batch, tile))
        for number in range(halves) if half is None else (half,):
            self.pair.act("answer_tile", by or self.relayer, *answer_of(batch, tile, number))

    def expire(self, batch: Batch, tile: int = 0, by: bytes | None = None) -> None:
        """Settles a demand that nobody answered."""
        self.pair.act("expire_demand", by or self.stranger, batch.id, tile)

    def pass_deadline(self, batch: Batch, tile: int = 0, offset: int = 1) -> None:
        """Moves to ``offset`` seconds after the last second in which a demand can be answered."""
        self.pair.evm.warp(self.pair.spec.batches[batch.id].demands[tile].deadline + offset)

    def duplicate(self, later: Batch, index: int, earlier: Batch, first: int) -> Claim:
        """The claim that leaf ``index`` of ``later`` stood at ``first`` of ``earlier`` before."""
        leaf = earlier.leaves[first]
        assert leaf is not None
        proof = tuple(earlier.tree.proof(first))
        evidence = duplicate_evidence(earlier.id, first, keccak(leaf.signature), proof)
        return self.claim(later, index, evidence)


def halves_of(batch: Batch, tile: int) -> list[tuple[Leaf | None, ...]]:
    """The leaves of a tile as an answer shows them: its first 128, then the rest where there are more."""
    leaves = batch.leaves[TILE * tile : TILE * (tile + 1)]
    return [leaves[i : i + HALF] for i in range(0, len(leaves), HALF)]


def tile_of(batch: Batch, tile: int) -> tuple[BatchId, int, bytes, tuple[bytes, ...]]:
    """The arguments of a demand: batch, tile, its root, and that root's proof."""
    roots = batch.tree.tile_roots
    return batch.id, tile, roots[tile], tuple(BatchTree(roots).proof(tile))


def answer_of(
    batch: Batch, tile: int, half: int
) -> tuple[BatchId, int, int, bytes, bytes, tuple[bytes, ...]]:
    """The arguments of an answer: batch, tile, half, its packed leaves, the other half's root, the tile's proof."""
    halves = halves_of(batch, tile)
    other = build_batch(0, 0, halves[1 - half]).tree.root if len(halves) == 2 else bytes(32)
    return batch.id, tile, half, pack(halves[half]), other, tile_of(batch, tile)[3]
