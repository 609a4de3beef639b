"""What the steps read of ``AttestationRegistry``."""

from collections.abc import Sequence
from typing import Protocol

from afterproof.protocol.attestations import Assurance, AttestationState
from afterproof.protocol.registry_terms import RegistryTerms

from .states import Attestation, Measurement, NodeState


class RegistryReader(Protocol):
    """Reads, all at the newest block. ``number`` is an attestation's.

    Raises :class:`afterproof.errors.ChainUnavailable` when nothing can be said; nothing else.
    """

    def node(self, node: bytes) -> NodeState | None:
        """A node as the registry has it now; None for an unknown one."""
        ...

    def nodes(self) -> list[bytes]:
        """Every node ever registered, in order."""
        ...

    def was_live(self, node: bytes, at: int, known_by: int) -> bool:
        """Whether a node was live at ``at`` by the records made no later than ``known_by``."""
        ...

    def assurance(self, node: bytes, at: int) -> Assurance:
        """How surely a node was what it says at ``at``, by all records so far."""
        ...

    def proposed_operator(self, node: bytes) -> bytes:
        """Whom a node's operator named to take it over; zeros: nobody."""
        ...

    def attestation_count(self) -> int:
        """How many attestations there are; they are numbered from 1."""
        ...

    def attestation(self, number: int) -> Attestation | None:
        """An attestation by all records so far; None where there is none."""
        ...

    def state_of(self, number: int) -> AttestationState:
        """Where an attestation stands."""
        ...

    def attestations_of(self, node: bytes) -> list[int]:
        """The attestations of a node, in the order of their posting."""
        ...

    def registrations(self, node: bytes) -> int:
        """How many attestations a node has: the nonce that its key signs next."""
        ...

    def registration_digest(self, node: bytes, operator: bytes, payout: bytes) -> bytes:
        """What a node's key signs next so that ``operator`` may post for it."""
        ...

    def challenge_deposit(self) -> int:
        """The least deposit of a challenge at the newest block's base fee: later it can be more, by an eighth a
        block."""
        ...

    def measurements(self) -> list[bytes]:
        """Every measurement ever allowed, in order."""
        ...

    def measurement(self, measurement: bytes) -> Measurement | None:
        """Code that may or might run nodes; None where it was never allowed."""
        ...

    def certificate_end(self, certificate: bytes) -> int:
        """From when a certificate (16 bytes) counts no more; 0: no such record."""
        ...

    def evidence(self, kind: int) -> bytes:
        """The contract that judges a kind of evidence; zeros: none."""
        ...

    def evidence_root(self, kind: int) -> bytes | None:
        """The root (SHA-256) that documents of a kind of evidence must hang on; None: it is not Nitro's evidence."""
        ...

    def proven_certificates(self, kind: int, paths: Sequence[bytes]) -> frozenset[bytes]:
        """Which of these certificates, by their paths, Nitro's evidence of this kind remembers as proven."""
        ...

    def revoker(self) -> bytes:
        """Who may revoke beside the owner; zeros: nobody."""
        ...

    def registry_terms(self) -> RegistryTerms:
        """What the registry goes by; it never changes."""
        ...

    def registry_credits(self, account: bytes) -> int:
        """What the registry owes an account."""
        ...

    def registry_burned(self) -> int:
        """What posters have lost and nobody has burned yet."""
        ...
