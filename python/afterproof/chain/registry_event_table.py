"""The registry's events: from the arguments of a log, by their names in the ABI, to the types of the steps."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from afterproof.protocol.attestations import Binding, Claims

from .abi import MalformedAbi
from .registry_events import (
    AttestationChallenged,
    AttestationPosted,
    AttestationProven,
    AttestationRejected,
    AttestationRetired,
    AttestationRevoked,
    BondReleased,
    BondsBurned,
    CertificateEnded,
    EvidenceAdded,
    MeasurementAllowed,
    MeasurementRevoked,
    NodeEndorsed,
    NodeRevoked,
    NonceOpened,
    OperatorChanged,
    OperatorProposed,
    RegistryEvent,
    RegistryWithdrawn,
    RevokerChanged,
)


def _allowed(a: Mapping[str, Any]) -> MeasurementAllowed:
    try:
        binding = Binding(a["binding"])
    except ValueError:
        raise MalformedAbi(f"there is no binding {a['binding']}") from None
    return MeasurementAllowed(a["measurement"], binding, a["version"], a["build"])


REGISTRY_EVENTS: Final[dict[str, Callable[[Mapping[str, Any]], RegistryEvent]]] = {
    "NonceOpened": lambda a: NonceOpened(a["nonce"], a["operator"], a["payout"]),
    "NodeEndorsed": lambda a: NodeEndorsed(a["id"], a["node"], a["operator"], a["startsAt"], a["publicKey"]),
    "AttestationPosted": lambda a: AttestationPosted(
        a["id"], a["node"], a["poster"], Claims(*a["claims"]), a["startsAt"], a["publicKey"], a["uri"]
    ),
    "AttestationChallenged": lambda a: AttestationChallenged(
        a["id"], a["challenger"], a["startsAt"], a["deadline"], a["deposit"]
    ),
    "AttestationProven": lambda a: AttestationProven(a["id"], a["prover"], a["startsAt"]),
    "AttestationRejected": lambda a: AttestationRejected(a["id"], a["challenger"], a["slashed"]),
    "AttestationRetired": lambda a: AttestationRetired(a["id"], a["endsAt"]),
    "BondReleased": lambda a: BondReleased(a["id"], a["poster"], a["amount"]),
    "OperatorChanged": lambda a: OperatorChanged(a["node"], a["operator"], a["payout"]),
    "OperatorProposed": lambda a: OperatorProposed(a["node"], a["to"]),
    "NodeRevoked": lambda a: NodeRevoked(a["node"], a["effectiveFrom"], a["reason"]),
    "AttestationRevoked": lambda a: AttestationRevoked(a["id"], a["effectiveFrom"], a["reason"]),
    "MeasurementRevoked": lambda a: MeasurementRevoked(a["measurement"], a["effectiveFrom"], a["reason"]),
    "CertificateEnded": lambda a: CertificateEnded(a["certificate"], a["effectiveFrom"], a["reason"]),
    "MeasurementAllowed": _allowed,
    "EvidenceAdded": lambda a: EvidenceAdded(a["kind"], a["verifier"]),
    "RevokerChanged": lambda a: RevokerChanged(a["revoker"]),
    "Burned": lambda a: BondsBurned(a["amount"]),
    "Withdrawn": lambda a: RegistryWithdrawn(a["account"], a["to"], a["amount"]),
}
"""ABI names to fields."""
