"""The scene in which gas is measured: live nodes with their keys, lanes, batches, promises, all of them fixed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from afterproof.protocol.batching import Batch, build_batch, declared_range
from afterproof.protocol.claims import Opening
from afterproof.protocol.header import batch_id
from afterproof.protocol.promise import Promise, SignedPromise
from afterproof.protocol.receipt import Domain, Leaf, Receipt, Scheme, keccak
from afterproof.protocol.registry_terms import PRODUCTION_REGISTRY
from afterproof.protocol.signing import Signer
from afterproof.protocol.state import Claim, FaultKind
from afterproof.protocol.terms import PRODUCTION
from benchmarks.fixed_rsa import fixed_rsa_signer
from benchmarks.gas_chain import GasChain, fresh_node
from tests.support.anvil import CHAIN_ID
from tests.support.calls import Node
from tests.support.pair import encode_claim
from tests.support.scene import p256_signer, secp_signer

AHEAD: Final = 4_096
"""Receipts that a lane may promise beyond what is posted."""

SIGNATURE_SIZE: Final = {Scheme.SECP256K1: 65, Scheme.OPENGRADIENT_RSA_PSS: 256, Scheme.P256: 64}


class Stage(GasChain):
    """A live node of each scheme, and lane 1, which has posted once; production's terms. Nobody has credit."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, PRODUCTION, PRODUCTION_REGISTRY)
        self.terms, self.registry_terms = PRODUCTION, PRODUCTION_REGISTRY
        self.owner, self.relayer, self.poster, self.prover, self.beneficiary = self.accounts[:5]
        self.domain = Domain(CHAIN_ID, self.address["AttestationRegistry"])
        self.promise_domain = Domain(CHAIN_ID, self.address["Settlement"])
        self.secp, self.rsa, self.p256 = secp_signer(), fixed_rsa_signer(), p256_signer()
        self.promiser = secp_signer(9)
        self._keys = {signer.node: signer.public_key for signer in (self.secp, self.rsa, self.p256)}
        for key in self._keys.values():
            self.transact(self.owner, "AttestationRegistry", "endorse", key, self.relayer)
        self._next_seq: list[int] = [0]  # by lane; there is no lane 0
        self.lane = self.open_lane(100_000)
        self.post_roots(self.lane, 256)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Everything done within is undone afterwards."""
        before = list(self._next_seq)
        with super().undone():
            try:
                yield
            finally:
                self._next_seq = before

    def settle(self, sender: bytes, fn: str, *arguments: Any, value: int = 0) -> int:
        """The gas that a transaction with Settlement costs."""
        return self.transact(sender, "Settlement", fn, *arguments, value=value)

    def end_window(self) -> None:
        """Lets time pass until everything posted is final."""
        self.wait(self.terms.window)

    # --- lanes and batches ---------------------------------------------------------------------

    def open_lane(self, receipts: int) -> int:
        """Opens a lane whose stake covers just that many open receipts beside what it may promise; its number.

        Its promise key is ``promiser``'s.
        """
        stake = self.terms.min_stake + (receipts + AHEAD) * self.terms.cover
        self.settle(self.relayer, "openLane", self.poster, self.promiser.address, AHEAD, value=stake)
        self._next_seq.append(0)
        return len(self._next_seq) - 1

    def next_seq(self, lane: int) -> int:
        """The number of the lane's next receipt."""
        return self._next_seq[lane]

    def post_roots(self, lane: int, count: int) -> int:
        """Posts a batch of ``count`` leaves that nobody ever opens; the gas of it."""
        roots = [keccak(b"tile %d" % tile) for tile in range(-(-count // 256))]
        return self._post(lane, count, (self.now - 60, self.now), roots)

    def post(
        self, special: Mapping[int, Leaf], by: Signer | None = None, declared: tuple[int, int] | None = None
    ) -> Batch:
        """Posts 1,024 leaves on lane 1: these at their places, the rest by the node ``by``, and never judged.

        ``declared`` replaces the range that an honest relayer declares.
        """
        signer = by or self.secp
        leaves = [special.get(place) or self.unsigned(signer, place) for place in range(1_024)]
        batch = build_batch(self.lane, self.next_seq(self.lane), leaves)
        honest = declared_range(leaves, self.now + 1, self.terms)
        self._post(self.lane, batch.count, declared or honest, batch.tree.tile_roots)
        return batch

    def _post(self, lane: int, count: int, declared: tuple[int, int], roots: list[bytes]) -> int:
        first = self._next_seq[lane]
        uri = f"https://relayer.example/v1/batches/{batch_id(lane, first)}/data"
        gas = self.settle(self.poster, "post", lane, first, count, *declared, roots, uri)
        self._next_seq[lane] += count
        return gas

    # --- leaves --------------------------------------------------------------------------------

    def receipt(self, signer: Signer, number: int, age: int = 0) -> Receipt:
        """A receipt issued ``age`` seconds ago, with all that its scheme can sign."""
        words = [
            keccak(b"%s %d" % (what, number)) for what in (b"model", b"request", b"response", b"evidence")
        ]
        if signer.scheme is Scheme.OPENGRADIENT_RSA_PSS:
            words[0] = words[3] = bytes(32)
        return Receipt(signer.node, *words, self.now - age)

    def leaf(self, signer: Signer, number: int = 0, age: int = 0) -> Leaf:
        """A good leaf."""
        return signer.sign(self.receipt(signer, number, age), self.domain).leaf

    def forged(self, signer: Signer, number: int = 0) -> Leaf:
        """A leaf whose signature is over another receipt."""
        return replace(self.leaf(signer, number), signature=self.leaf(signer, number + 1).signature)

    def unsigned(self, signer: Signer, number: int) -> Leaf:
        """A leaf whose signature is noise of the right length: signing thousands takes long."""
        noise = b"".join(keccak(b"noise %d %d" % (number, part)) for part in range(8))
        return Leaf(self.receipt(signer, number), noise[: SIGNATURE_SIZE[signer.scheme]])

    # --- claims --------------------------------------------------------------------------------

    def claim(self, batch: Batch, place: int, evidence: bytes | None = None) -> Claim:
        """The claim that a leaf is faulty; its node's key is the evidence unless other is given."""
        leaf = batch.leaves[place]
        assert leaf is not None
        evidence = self._keys[leaf.receipt.node] if evidence is None else evidence
        proof = tuple(batch.tree.proof(place))
        return Claim(batch.id, place, leaf.receipt, leaf.signature, proof, evidence)

    def prove(self, kind: FaultKind, claim: Claim) -> int:
        """The prover proves a fault; the gas of it."""
        return self.settle(self.prover, "proveFault", int(kind), encode_claim(claim))

    def promised(self, seq: int, leaf_hash: bytes, include_by: int) -> Opening:
        """A promise of one receipt on lane 1 to the beneficiary, signed and opened."""
        promise = Promise(self.lane, seq, 1, leaf_hash, include_by, self.beneficiary)
        signature = self.promiser.sign_hash(promise.digest(self.promise_domain))
        return Opening(SignedPromise(promise, signature), seq, leaf_hash, ())


@contextmanager
def stage() -> Iterator[Stage]:
    """A fresh stage on a node of its own."""
    with fresh_node() as node:
        yield Stage(node)
