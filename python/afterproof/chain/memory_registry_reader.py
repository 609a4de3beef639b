"""The in-memory chain's registry as anybody reads it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from afterproof.protocol.attestations import FOREVER, Assurance, AttestationState, end_by
from afterproof.protocol.registry_terms import RegistryTerms

from .memory_evidence import NitroVerifier
from .states import Attestation, Measurement, NodeState

if TYPE_CHECKING:
    from .memory import MemoryChain

_NOTHING: Final = bytes(32)


class MemoryRegistryReader:
    """Implements :class:`afterproof.chain.registry_reading.RegistryReader`."""

    chain: "MemoryChain"

    def node(self, node: bytes) -> NodeState | None:
        """Implements :meth:`RegistryReader.node`."""
        found = self.chain.view().registry.nodes.get(node)
        if found is None:
            return None
        numbers = found.attestations
        return NodeState(
            found.operator, found.payout, end_by(found.ends, FOREVER) % FOREVER, len(numbers), numbers[-1]
        )

    def nodes(self) -> list[bytes]:
        """Implements :meth:`RegistryReader.nodes`."""
        return list(self.chain.view().registry.nodes)

    def was_live(self, node: bytes, at: int, known_by: int) -> bool:
        """Implements :meth:`RegistryReader.was_live`."""
        view = self.chain.view()
        return view.registry.was_live(node, at, known_by, view.now)

    def assurance(self, node: bytes, at: int) -> Assurance:
        """Implements :meth:`RegistryReader.assurance`."""
        view = self.chain.view()
        return view.registry.assurance(node, at, view.now)

    def proposed_operator(self, node: bytes) -> bytes:
        """Implements :meth:`RegistryReader.proposed_operator`."""
        found = self.chain.view().registry.nodes.get(node)
        return found.proposed if found is not None else bytes(20)

    def attestation_count(self) -> int:
        """Implements :meth:`RegistryReader.attestation_count`."""
        return len(self.chain.view().registry.attestations)

    def attestation(self, number: int) -> Attestation | None:
        """Implements :meth:`RegistryReader.attestation`."""
        view = self.chain.view()
        registry = view.registry
        found = registry.attestations.get(number)
        if found is None:
            return None
        tenure, claims = registry.tenure_of(number), found.claims
        return Attestation(
            node=found.node,
            state=registry.state_of(number, view.now),
            kind=tenure.kind,
            starts_at=tenure.starts_at,
            ends_at=tenure.end(view.now, registry.terms.max_reach_back),
            challenge_deadline=tenure.deadline,
            measurement=claims.measurement if claims is not None else _NOTHING,
            claims_hash=claims.hash() if claims is not None else _NOTHING,
            poster=found.poster,
            bond=found.bond,
            challenger=found.challenger,
            deposit=found.deposit,
        )

    def state_of(self, number: int) -> AttestationState:
        """Implements :meth:`RegistryReader.state_of`."""
        view = self.chain.view()
        return view.registry.state_of(number, view.now)

    def attestations_of(self, node: bytes) -> list[int]:
        """Implements :meth:`RegistryReader.attestations_of`."""
        found = self.chain.view().registry.nodes.get(node)
        return list(found.attestations) if found is not None else []

    def registrations(self, node: bytes) -> int:
        """Implements :meth:`RegistryReader.registrations`."""
        return len(self.attestations_of(node))

    def registration_digest(self, node: bytes, operator: bytes, payout: bytes) -> bytes:
        """Implements :meth:`RegistryReader.registration_digest`."""
        return self.chain.view().registry.registration_digest(operator, payout, self.registrations(node))

    def challenge_deposit(self) -> int:
        """Implements :meth:`RegistryReader.challenge_deposit`."""
        view = self.chain.view()
        return view.registry.terms.deposit(view.base_fee)

    def measurements(self) -> list[bytes]:
        """Implements :meth:`RegistryReader.measurements`."""
        return list(self.chain.view().registry.measurements)

    def measurement(self, measurement: bytes) -> Measurement | None:
        """Implements :meth:`RegistryReader.measurement`."""
        found = self.chain.view().registry.measurements.get(measurement)
        if found is None:
            return None
        ends_at = end_by(found.ends, FOREVER) % FOREVER
        return Measurement(found.allowed_at, ends_at, found.binding, found.version, found.build)

    def certificate_end(self, certificate: bytes) -> int:
        """Implements :meth:`RegistryReader.certificate_end`."""
        ends = self.chain.view().registry.certificate_ends.get(certificate, ())
        return end_by(ends, FOREVER) % FOREVER

    def evidence(self, kind: int) -> bytes:
        """Implements :meth:`RegistryReader.evidence`."""
        verifier = self.chain.view().registry.evidence.get(kind)
        return self.chain.verifiers.address_of(verifier) if verifier is not None else bytes(20)

    def evidence_root(self, kind: int) -> bytes | None:
        """Implements :meth:`RegistryReader.evidence_root`."""
        verifier = self.chain.view().registry.evidence.get(kind)
        return verifier.root if isinstance(verifier, NitroVerifier) else None

    def proven_certificates(self, kind: int, paths: Sequence[bytes]) -> frozenset[bytes]:
        """Implements :meth:`RegistryReader.proven_certificates`."""
        verifier = self.chain.view().registry.evidence.get(kind)
        return verifier.known(paths) if isinstance(verifier, NitroVerifier) else frozenset()

    def revoker(self) -> bytes:
        """Implements :meth:`RegistryReader.revoker`."""
        return self.chain.view().registry.revoker

    def registry_terms(self) -> RegistryTerms:
        """Implements :meth:`RegistryReader.registry_terms`."""
        return self.chain.view().registry.terms

    def registry_credits(self, account: bytes) -> int:
        """Implements :meth:`RegistryReader.registry_credits`."""
        return self.chain.view().registry.credits.get(account, 0)

    def registry_burned(self) -> int:
        """Implements :meth:`RegistryReader.registry_burned`."""
        return self.chain.view().registry.burned
