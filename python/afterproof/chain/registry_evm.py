"""The registry of a chain behind a node's JSON-RPC, read only."""

from collections.abc import Sequence
from typing import Any, Final

from afterproof.errors import CallReverted, ChainUnavailable, SendFailed
from afterproof.protocol.attestations import Assurance, AttestationState, Binding
from afterproof.protocol.registry_terms import RegistryTerms

from .abi import interface
from .evm_calls import EvmCalls, member
from .states import Attestation, Call, Measurement, NodeState

_PAGE: Final = 500  # items asked for at a time
_PROVEN: Final = 7  # the place of `proven` in ProvenCertificate


class EvmRegistryReader(EvmCalls):
    """Implements :class:`afterproof.chain.registry_reading.RegistryReader` over views of the contract."""

    def node(self, node: bytes) -> NodeState | None:
        """Implements :meth:`RegistryReader.node`."""
        (fields,) = self._registry("nodeState", node)
        state = NodeState(*fields)
        return state if any(state.operator) else None

    def nodes(self) -> list[bytes]:
        """Implements :meth:`RegistryReader.nodes`."""
        return self._pages("nodes")

    def was_live(self, node: bytes, at: int, known_by: int) -> bool:
        """Implements :meth:`RegistryReader.was_live`."""
        return bool(self._registry("wasLive", node, at, known_by)[0])

    def assurance(self, node: bytes, at: int) -> Assurance:
        """Implements :meth:`RegistryReader.assurance`."""
        return member(Assurance, self._registry("assurance", node, at)[0])

    def proposed_operator(self, node: bytes) -> bytes:
        """Implements :meth:`RegistryReader.proposed_operator`."""
        return bytes(self._registry("proposedOperator", node)[0])

    def attestation_count(self) -> int:
        """Implements :meth:`RegistryReader.attestation_count`."""
        return int(self._registry("attestationCount")[0])

    def attestation(self, number: int) -> Attestation | None:
        """Implements :meth:`RegistryReader.attestation`."""
        ((node, state, *rest),) = self._registry("attestation", number)
        found = Attestation(node, member(AttestationState, state), *rest)
        return found if found.state is not AttestationState.NONE else None

    def state_of(self, number: int) -> AttestationState:
        """Implements :meth:`RegistryReader.state_of`."""
        return member(AttestationState, self._registry("stateOf", number)[0])

    def attestations_of(self, node: bytes) -> list[int]:
        """Implements :meth:`RegistryReader.attestations_of`."""
        return self._pages("attestationsOf", node)

    def registrations(self, node: bytes) -> int:
        """Implements :meth:`RegistryReader.registrations`."""
        return int(self._registry("registrations", node)[0])

    def registration_digest(self, node: bytes, operator: bytes, payout: bytes) -> bytes:
        """Implements :meth:`RegistryReader.registration_digest`."""
        return bytes(self._registry("registrationDigest", node, operator, payout)[0])

    def challenge_deposit(self) -> int:
        """Implements :meth:`RegistryReader.challenge_deposit`."""
        (least,) = self._registry("challengeDeposit")
        # Many nodes let a call see a base fee of zero, so what depends on it is worked out here.
        return max(int(least), self.registry_terms().deposit(self.base_fee() or 0))

    def measurements(self) -> list[bytes]:
        """Implements :meth:`RegistryReader.measurements`."""
        return self._pages("measurements")

    def measurement(self, measurement: bytes) -> Measurement | None:
        """Implements :meth:`RegistryReader.measurement`."""
        ((allowed_at, ends_at, binding, version, build),) = self._registry("measurementOf", measurement)
        if not allowed_at:
            return None
        return Measurement(allowed_at, ends_at, member(Binding, binding), version, build)

    def certificate_end(self, certificate: bytes) -> int:
        """Implements :meth:`RegistryReader.certificate_end`."""
        return int(self._registry("certificateEnd", certificate)[0])

    def evidence(self, kind: int) -> bytes:
        """Implements :meth:`RegistryReader.evidence`."""
        return bytes(self._registry("evidence", kind)[0])

    def evidence_root(self, kind: int) -> bytes | None:
        """Implements :meth:`RegistryReader.evidence_root`."""
        verifier = self.evidence(kind)
        asked = interface("NitroEvidence").functions["root"]
        try:
            root = self.ask(Call(verifier, 0, asked.encode())) if any(verifier) else b""
        except CallReverted:  # a contract that has no root
            return None
        except SendFailed as error:
            raise ChainUnavailable(f"the node does not answer a call of root: {error}") from error
        return root if len(root) == 32 else None

    def proven_certificates(self, kind: int, paths: Sequence[bytes]) -> frozenset[bytes]:
        """Implements :meth:`RegistryReader.proven_certificates`."""
        verifier = self.evidence(kind)
        return frozenset(path for path in paths if self._is_proven(verifier, path))

    def _is_proven(self, verifier: bytes, path: bytes) -> bool:
        (found,) = self._call(verifier, "NitroEvidence", "certificate", path)
        return bool(found[_PROVEN])

    def revoker(self) -> bytes:
        """Implements :meth:`RegistryReader.revoker`."""
        return bytes(self._registry("revoker")[0])

    def registry_terms(self) -> RegistryTerms:
        """Implements :meth:`RegistryReader.registry_terms`."""
        return RegistryTerms(*self._registry("terms")[0])

    def registry_credits(self, account: bytes) -> int:
        """Implements :meth:`RegistryReader.registry_credits`."""
        return int(self._registry("credits", account)[0])

    def registry_burned(self) -> int:
        """Implements :meth:`RegistryReader.registry_burned`."""
        return int(self._registry("burned")[0])

    def _pages(self, function: str, *arguments: bytes) -> list[Any]:
        """All items of a view that answers in pages."""
        found: list[Any] = []
        while True:
            (page,) = self._registry(function, *arguments, len(found), _PAGE)
            found += page
            if len(page) < _PAGE:
                return found
