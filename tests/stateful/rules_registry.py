"""Rules about the owner, who revokes and allows, about operators, and about money leaving."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from afterproof.protocol.attestations import Binding
from afterproof.protocol.receipt import keccak
from tests.stateful.registry_base import ACTORS, NODES, NUMBERS, RegistryBase, signers
from tests.support.evidence import verify_document
from tests.support.registry_scene import ISSUER, MEASUREMENTS

REVOKERS = st.sampled_from([0, 0, 0, 4, 5])
FROM = st.sampled_from([-13, -12, -11, -5, -1, 0, 1, 6, 30])


class RegistryRules(RegistryBase):
    """What the owner and its revoker do, and whoever is paid."""

    @rule(actor=st.sampled_from([0, 0, 0, 1]), node=NODES, operator=st.integers(1, 3))
    def endorse(self, actor: int, node: int, operator: int) -> None:
        self.attempt("endorse", actor, signers()[node].public_key, self.accounts[operator])

    @rule(actor=REVOKERS, node=st.sampled_from([0, 1, 1, 1, 2]), ago=FROM)
    def revoke_node(self, actor: int, node: int, ago: int) -> None:
        self.attempt("revoke", actor, signers()[node].node, self.scene.now + ago, "stolen")

    @rule(actor=REVOKERS, number=NUMBERS, ago=FROM)
    def revoke_attestation(self, actor: int, number: int, ago: int) -> None:
        self.attempt("revoke_attestation", actor, self.pick(number), self.scene.now + ago, "false")

    @rule(actor=REVOKERS, binding=st.sampled_from([Binding.NONCE, Binding.USER_DATA]), ago=FROM)
    def revoke_measurement(self, actor: int, binding: Binding, ago: int) -> None:
        self.attempt("revoke_measurement", actor, MEASUREMENTS[binding], self.scene.now + ago, "broken")

    @rule(actor=REVOKERS, serial=st.sampled_from([4, 99, 99, 99]), ago=FROM)
    def revoke_certificate(self, actor: int, serial: int, ago: int) -> None:
        self.attempt("revoke_certificate", actor, ISSUER, serial, self.scene.now + ago, "compromised")

    @rule(actor=st.sampled_from([0, 1]), number=st.integers(0, 3))
    def allow(self, actor: int, number: int) -> None:
        self.attempt("allow_measurement", actor, keccak(b"code %d" % number), Binding.NONCE, "v9", "git:9")

    @rule(actor=st.sampled_from([0, 1]), kind=st.integers(0, 3))
    def add_evidence(self, actor: int, kind: int) -> None:
        self.attempt("add_evidence", actor, kind, verify_document)

    @rule(actor=st.sampled_from([0, 0, 5]), revoker=st.sampled_from([4, 5]))
    def set_revoker(self, actor: int, revoker: int) -> None:
        self.attempt("set_revoker", actor, self.accounts[revoker])

    @rule(actor=st.integers(1, 3), node=NODES, to=st.integers(1, 3))
    def propose(self, actor: int, node: int, to: int) -> None:
        self.attempt("propose_operator", actor, signers()[node].node, self.accounts[to])

    @rule(actor=st.integers(1, 3), node=NODES)
    def accept(self, actor: int, node: int) -> None:
        self.attempt("accept_operator", actor, signers()[node].node)

    @rule(actor=st.integers(1, 3), node=NODES, payout=ACTORS)
    def set_payout(self, actor: int, node: int, payout: int) -> None:
        self.attempt("set_payout", actor, signers()[node].node, self.accounts[payout])

    @rule(actor=ACTORS)
    def withdraw(self, actor: int) -> None:
        self.attempt("withdraw_from_registry", actor, self.accounts[actor])

    @rule(actor=ACTORS)
    def sweep(self, actor: int) -> None:
        self.attempt("sweep_registry", actor)
