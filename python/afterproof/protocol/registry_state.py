"""What ``AttestationRegistry`` holds: nodes, attestations, measurements. The actions are in ``registry``."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from .attestations import Binding, Claims, Ends, Facts, Tenure
from .outcome import Revert
from .receipt import Domain
from .registry_terms import RegistryTerms

NOBODY: Final = bytes(20)
NO_NONCE: Final = bytes(32)

Verifier = Callable[[bytes, bytes, bytes], Facts]
"""Evidence: document, hints, public key; facts, or :class:`Revert`."""


@dataclass
class Node:
    """A node: its key, who runs it and where it is paid, its attestations in order, its key's ends."""

    public_key: bytes
    operator: bytes = NOBODY
    payout: bytes = NOBODY
    proposed: bytes = NOBODY
    attestations: list[int] = field(default_factory=list)
    latest_at: int = 0
    ends: Ends = ()


@dataclass
class Attestation:
    """An attestation: whose, what it claims (None: an endorsement), its tenure, its own ends, its money in wei."""

    node: bytes
    claims: Claims | None
    tenure: Tenure
    ends: Ends = ()
    revoked: bool = False
    poster: bytes = NOBODY
    bond: int = 0
    challenger: bytes = NOBODY
    deposit: int = 0


@dataclass
class MeasurementRecord:
    """Code that may run nodes."""

    allowed_at: int
    binding: Binding
    version: str
    build: str
    ends: Ends = ()


@dataclass
class RegistryState:
    """The state, and the lookups that every action needs."""

    owner: bytes
    terms: RegistryTerms
    domain: Domain
    nodes: dict[bytes, Node] = field(default_factory=dict)
    attestations: dict[int, Attestation] = field(default_factory=dict)
    measurements: dict[bytes, MeasurementRecord] = field(default_factory=dict)
    certificate_ends: defaultdict[bytes, Ends] = field(default_factory=lambda: defaultdict(tuple))
    evidence: dict[int, Verifier] = field(default_factory=dict)
    nonces: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    revoker: bytes = NOBODY
    credits: defaultdict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    burned: int = 0

    def _existing(self, number: int) -> Attestation:
        if number not in self.attestations:
            raise Revert("UnknownAttestation", number)
        return self.attestations[number]

    def _tenure(self, found: Attestation) -> Tenure:
        """An attestation's tenure with every end that bears on it."""
        ends = [found.ends]
        if found.claims is not None:
            ends.append(self.measurements[found.claims.measurement].ends)
            ends += [self.certificate_ends.get(certificate, ()) for certificate in found.claims.certificates]
        return replace(found.tenure, ends=tuple(ends))
