"""The events of ``AttestationRegistry``, typed: fields by name, in the order of the interface.

Addresses are 20 bytes, hashes 32 bytes, certificates 16 bytes, amounts wei, times unix seconds. ``id`` is an
attestation's number.
"""

from dataclasses import dataclass

from afterproof.protocol.attestations import Binding, Claims


@dataclass(frozen=True, slots=True)
class NonceOpened:
    """A nonce for documents of an operator's nodes."""

    nonce: bytes
    operator: bytes
    payout: bytes


@dataclass(frozen=True, slots=True)
class NodeEndorsed:
    """The owner vouches for a node, live from ``starts_at`` on."""

    id: int
    node: bytes
    operator: bytes
    starts_at: int
    public_key: bytes


@dataclass(frozen=True, slots=True)
class AttestationPosted:
    """An attestation was posted, live from ``starts_at`` on unless it is challenged; its document should be at
    ``uri``."""

    id: int
    node: bytes
    poster: bytes
    claims: Claims
    starts_at: int
    public_key: bytes
    uri: str


@dataclass(frozen=True, slots=True)
class AttestationChallenged:
    """Somebody asks for the proof by ``deadline``, inclusive; ``starts_at`` 0: it was not live yet, and will not be
    without one."""

    id: int
    challenger: bytes
    starts_at: int
    deadline: int
    deposit: int


@dataclass(frozen=True, slots=True)
class AttestationProven:
    """The evidence was proven; the attestation is live from ``starts_at`` on."""

    id: int
    prover: bytes
    starts_at: int


@dataclass(frozen=True, slots=True)
class AttestationRejected:
    """The money of a challenge that nobody answered was moved; it reads rejected since its deadline."""

    id: int
    challenger: bytes
    slashed: int


@dataclass(frozen=True, slots=True)
class AttestationRetired:
    """The operator ends an attestation at ``ends_at``."""

    id: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class BondReleased:
    """The bond of an attestation went back to its poster."""

    id: int
    poster: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class OperatorChanged:
    """``operator`` runs a node and is paid at ``payout`` (zeros: not said)."""

    node: bytes
    operator: bytes
    payout: bytes


@dataclass(frozen=True, slots=True)
class OperatorProposed:
    """``to`` may accept a node."""

    node: bytes
    to: bytes


@dataclass(frozen=True, slots=True)
class NodeRevoked:
    """A node may not sign from ``effective_from`` on; recorded at the event's place."""

    node: bytes
    effective_from: int
    reason: str


@dataclass(frozen=True, slots=True)
class AttestationRevoked:
    """An attestation holds no more from ``effective_from`` on."""

    id: int
    effective_from: int
    reason: str


@dataclass(frozen=True, slots=True)
class MeasurementRevoked:
    """No attestation of some code holds from ``effective_from`` on."""

    measurement: bytes
    effective_from: int
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateEnded:
    """No attestation that hangs on a certificate holds from ``effective_from`` on."""

    certificate: bytes
    effective_from: int
    reason: str


@dataclass(frozen=True, slots=True)
class MeasurementAllowed:
    """Code may run nodes from now on."""

    measurement: bytes
    binding: Binding
    version: str
    build: str


@dataclass(frozen=True, slots=True)
class EvidenceAdded:
    """The contract ``verifier`` judges evidence of a kind."""

    kind: int
    verifier: bytes


@dataclass(frozen=True, slots=True)
class RevokerChanged:
    """Another account may revoke beside the owner; zeros: none."""

    revoker: bytes


@dataclass(frozen=True, slots=True)
class BondsBurned:
    """The registry's ``Burned``: what posters had lost was burned."""

    amount: int


@dataclass(frozen=True, slots=True)
class RegistryWithdrawn:
    """The registry's ``Withdrawn``: a credit there was paid out."""

    account: bytes
    to: bytes
    amount: int


RegistryEvent = (
    NonceOpened
    | NodeEndorsed
    | AttestationPosted
    | AttestationChallenged
    | AttestationProven
    | AttestationRejected
    | AttestationRetired
    | BondReleased
    | OperatorChanged
    | OperatorProposed
    | NodeRevoked
    | AttestationRevoked
    | MeasurementRevoked
    | CertificateEnded
    | MeasurementAllowed
    | EvidenceAdded
    | RevokerChanged
    | BondsBurned
    | RegistryWithdrawn
)
