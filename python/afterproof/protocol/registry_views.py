"""What anyone can ask of ``AttestationRegistry``."""

from typing import Final

from .attestations import ENDORSEMENT, Assurance, AttestationState, NodeRecord, Tenure, end_by
from .receipt import Domain, keccak
from .registry_state import RegistryState

_REGISTRATION: Final = keccak(b"Registration(address operator,address payout,uint256 nonce)")


class RegistryViews(RegistryState):
    """Liveness, assurance, states; and what the registry answers for."""

    def record(self, name: bytes, now: int) -> NodeRecord | None:
        """A node as it is known at ``now``; None for an unknown one."""
        node = self.nodes.get(name)
        if node is None:
            return None
        tenures = tuple(self._tenure(self.attestations[number]) for number in node.attestations)
        return NodeRecord(node.public_key, node.operator, tenures, node.ends, self.terms.max_reach_back, now)

    def was_live(self, name: bytes, at: int, known_by: int, now: int) -> bool:
        """Whether ``name`` was live at ``at`` by the records made no later than ``known_by``, asked at ``now``."""
        record = self.record(name, now)
        return record is not None and record.was_live(at, known_by)

    def assurance(self, name: bytes, at: int, now: int) -> Assurance:
        """How surely ``name`` was what it says at ``at``, by all records so far, asked at ``now``."""
        record = self.record(name, now)
        return Assurance.NONE if record is None else record.assurance(at)

    def tenure_of(self, number: int) -> Tenure:
        """When an attestation holds, with every end that bears on it."""
        return self._tenure(self.attestations[number])

    def state_of(self, number: int, now: int) -> AttestationState:
        """Where an attestation stands at ``now``."""
        found = self.attestations.get(number)
        if found is None:
            return AttestationState.NONE
        tenure = self._tenure(found)
        if tenure.is_rejected(now):
            return AttestationState.REJECTED
        end = min(tenure.end(now, self.terms.max_reach_back), end_by(self.nodes[found.node].ends, now))
        if end <= now:
            if end == tenure.until:
                return AttestationState.EXPIRED
            retired = not found.revoked and end == end_by(found.ends, now)
            return AttestationState.RETIRED if retired else AttestationState.REVOKED
        if tenure.kind == ENDORSEMENT:
            return AttestationState.ENDORSED
        if tenure.proven:
            return AttestationState.PROVEN
        if tenure.starts_at == 0:
            return AttestationState.CONTESTED
        if tenure.deadline:
            return AttestationState.CHALLENGED
        return AttestationState.POSTED if now < tenure.starts_at else AttestationState.UNCHALLENGED

    def registration_digest(self, operator: bytes, payout: bytes, nonce: int) -> bytes:
        """What a node's key signs to name its operator (EIP-712)."""
        return registration_digest(self.domain, operator, payout, nonce)

    def holdings(self) -> int:
        """The wei that the registry answers for: bonds, deposits, credits and what is to burn."""
        held = sum(found.bond + found.deposit for found in self.attestations.values())
        return held + sum(self.credits.values()) + self.burned


def registration_digest(domain: Domain, operator: bytes, payout: bytes, nonce: int) -> bytes:
    """What a node's key signs to name its operator (EIP-712); ``domain`` is the registry's."""
    words = [_REGISTRATION, operator.rjust(32, b"\0"), payout.rjust(32, b"\0"), nonce.to_bytes(32)]
    return keccak(b"\x19\x01" + domain.separator + keccak(b"".join(words)))
