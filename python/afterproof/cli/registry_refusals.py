"""What the registry's refusals mean, for people."""

from collections.abc import Callable
from typing import Any, Final

from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .values import moment

_FIELDS: Final = {
    "publicKey": "the key",
    "measurement": "the measurement",
    "documentTime": "the document's time",
    "certificates": "the certificates",
    "nonce": "the nonce",
}
"""How the registry calls what a document may differ in from its claims."""

REGISTRY_SENTENCES: Final[dict[str, Callable[..., str]]] = {
    "AlreadyRegistered": lambda node: f"the registry's owner vouches for node {hex0x(node)} already",
    "UnknownNode": lambda node: f"node {hex0x(node)} was never registered",
    "NodeEnded": lambda node, end: (
        f"node {hex0x(node)} was revoked as of {moment(end)}: a revoked node takes a new key"
    ),
    "TooFarBack": lambda since, earliest: (
        f"a revocation may reach back to {moment(earliest)} ({earliest}) at most"
    ),
    "AlreadyRevoked": lambda subject, end: (
        f"{_subject(subject)} has ended, or ends, at {moment(end)} ({end}): only an earlier end counts"
    ),
    "UnknownKeyForm": lambda length: (
        f"a key of {length} bytes is of no signature scheme that the registry knows"
    ),
    "NoOperator": lambda: "the operator must not be the zero address",
    "NotRevoker": lambda caller: (
        f"only the registry's owner and the revoker that it appointed may do this, not "
        f"{checksummed(as_address(caller))}; if that is a contract, --calldata prints the call for it"
    ),
    "NotProposed": lambda caller: (
        f"the node's operator has not proposed {checksummed(as_address(caller))} to take it over"
    ),
    "NotOperator": lambda caller: (
        f"only the node's operator may do this, not {checksummed(as_address(caller))}"
    ),
    "OtherOperator": lambda node, operator: (
        f"node {hex0x(node)} is run by {checksummed(as_address(operator))}: only that account hands it over, or the "
        "node's own key"
    ),
    "AlreadyAllowed": lambda code: (
        f"measurement {hex0x(code)} is in the list, or was: one that was revoked never comes back"
    ),
    "CannotAllow": lambda code: (
        "the zero measurement cannot be allowed" if not any(code) else "the list of measurements is full"
    ),
    "CannotAdd": lambda kind: (
        f"evidence of kind {kind} cannot be added: kind 0 is the owner's word, a kind is fixed once it is added, and "
        "its verifier must be a contract"
    ),
    "MeasurementNotAllowed": lambda code: f"measurement {hex0x(code)} is not allowed, or was revoked",
    "UnknownEvidence": lambda kind: f"the registry knows no evidence of kind {kind}",
    "CertificateRevoked": lambda certificate: (
        f"certificate {hex0x(certificate)}, which the document hangs on, was revoked"
    ),
    "UntimelyDocument": lambda time, earliest, latest: (
        f"the document is of {moment(time)}; one that is posted now must be of {moment(earliest)} to {moment(latest)}"
    ),
    "BadEnd": lambda until, earliest, latest: (
        f"the attestation cannot last until {moment(until)} ({until}): it must end between {moment(earliest)} "
        f"({earliest}) and {moment(latest)} ({latest})"
    ),
    "WrongBond": lambda sent, needed: f"the bond is exactly {ether(needed)}, not {ether(sent)}",
    "DepositTooSmall": lambda sent, needed: (
        f"a challenge takes {ether(needed)} at the present base fee, not {ether(sent)}"
    ),
    "NotSignedByKey": lambda node, nonce: (
        f"the key of node {hex0x(node)} did not sign this operator, this payout and nonce {nonce}"
    ),
    "UnknownNonce": lambda nonce: (
        f"nonce {hex0x(nonce)} was not opened for this operator and payout: open one, and have the document "
        "made with it"
    ),
    "OperatorUnbound": lambda code: (
        f"documents of measurement {hex0x(code)} do not say who operates the node: its key must sign instead"
    ),
    "TooManyCurrent": lambda node: (
        f"node {hex0x(node)} has three attestations that are not over: wait until one is, or retire it"
    ),
    "OnePerSecond": lambda node: f"node {hex0x(node)} was attested in this very second: try again",
    "UnknownAttestation": lambda number: f"there is no attestation {number}",
    "NothingToProve": lambda number: (
        f"attestation {number} was proven, or is the owner's word: there is nothing to prove"
    ),
    "AlreadyChallenged": lambda number: f"attestation {number} is challenged, or was and nobody answered",
    "ChallengeTooLate": lambda number, until: (
        f"attestation {number} could be challenged until {moment(until)}: no receipt hangs on it any more"
    ),
    "ProofTooLate": lambda number, deadline: f"attestation {number} could be proven until {moment(deadline)}",
    "WrongClaims": lambda number: f"these are not the claims of attestation {number}",
    "WrongDocument": lambda number: (
        f"this is not the document of attestation {number}"
        if number
        else "this is not the document of the claims"
    ),
    "ClaimDiffers": lambda field: (
        f"the evidence is valid, but {_FIELDS.get(field, field)} differs from the claims"
    ),
    "ChallengeNotOver": lambda number: f"attestation {number} is not challenged, or can still be proven",
    "EndsAlready": lambda number, end: (
        f"attestation {number} has ended, or ends, at {moment(end)}: only an earlier end counts"
    ),
    "NoBond": lambda number: (
        f"nothing is held for attestation {number}: its bond has gone, or it never had one"
    ),
    "BondHeld": lambda number, until: (
        f"the bond of attestation {number} is held until {moment(until)}: receipts may hang on it"
        if until < 2**40
        else f"the bond of attestation {number} is held while its challenge is open, and lost when nobody answers it"
    ),
    "NothingToSweep": lambda: "there is nothing to burn",
}


def as_address(value: Any) -> bytes:
    """An address in a refusal, in whatever form the chain gave it."""
    return value if isinstance(value, bytes) else bytes.fromhex(str(value).removeprefix("0x"))


def _subject(subject: bytes) -> str:
    """What a revocation names: an attestation by its number, the rest by a hash."""
    if not any(subject[:27]):
        return f"attestation {int.from_bytes(subject)}"
    return f"certificate {hex0x(subject[:16])}" if not any(subject[16:]) else f"0x{subject.hex()}"
