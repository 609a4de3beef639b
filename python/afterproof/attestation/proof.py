"""What proves a document on-chain: the calls to ``NitroEvidence``, with hints for every signature.

``INitroEvidence`` remembers certificates by their *path*: keccak256 of the path of the issuer's certificate (zeros
above a root) and of keccak256 of the certificate. One call proves a document with all its certificates, and that is
the cheapest way; where a chain allows less in one transaction, certificates are proven in calls of their own before.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ..protocol.errors import InvalidField
from ..protocol.receipt import keccak
from .certificates import Certificate, read_certificate
from .document import Document
from .p384 import SIZE
from .p384_hints import hints as hints_of

NO_PARENT: Final = bytes(32)
"""The path above a root."""

# Upper bounds in gas: of a transaction, a signature, 128 bytes hashed, a certificate remembered, a byte sent.
# tests/unit/test_nitro_certificates.py holds the contract to them.
_BASE: Final = 250_000
_SIGNATURE: Final = 800_000
_BLOCK: Final = 30_000
_STORED: Final = 170_000
_BYTE: Final = 18
_FLOOR: Final = 40


@dataclass(frozen=True)
class Limits:
    """What a chain takes in one transaction.

    ``gas``: EIP-7825's; ``size``: bytes, as nodes relay them; ``spare``: bytes that a call around the proof adds, as
    ``prove`` of the registry does with its claims.
    """

    gas: int = 2**24
    size: int = 131_072
    spare: int = 2_048


@dataclass(frozen=True)
class CertificateProof:
    """The arguments of ``proveCertificate``. ``path`` is what it returns; the root takes no hints."""

    der: bytes
    parent: bytes
    hints: bytes

    @property
    def path(self) -> bytes:
        """By which the certificate is known then."""
        return path_of(self.der, self.parent)


@dataclass(frozen=True)
class Proof:
    """``certificates`` are to be proven first, in this order; then ``hints`` go with the document."""

    certificates: tuple[CertificateProof, ...]
    hints: bytes


def path_of(der: bytes, parent: bytes = NO_PARENT) -> bytes:
    """The path of a certificate below the one of the path ``parent``."""
    return keccak(parent + keccak(der))


def paths(document: Document) -> tuple[bytes, ...]:
    """The paths of the document's certificates, from the root on: by these the contract is asked what it knows."""
    found: list[bytes] = []
    for der in document.certificates:
        found.append(path_of(der, found[-1] if found else NO_PARENT))
    return tuple(found)


def certificate_proofs(document: Document, known: Collection[bytes] = ()) -> tuple[CertificateProof, ...]:
    """A call for each certificate of ``document`` whose path is not ``known``, in the only order that works.

    Raises:
        InvalidCertificate: a certificate cannot be read.
        InvalidField: of a certificate, when the one above it did not sign it.
    """
    found: list[CertificateProof] = []
    parent, above = None, NO_PARENT
    for der, name, path in zip(document.certificates, document.chain_names, paths(document), strict=True):
        certificate = read_certificate(der, name)
        if path not in known:
            hints = _certificate_hints(parent, certificate) if parent else b""
            found.append(CertificateProof(der, above, hints))
        parent, above = certificate, path
    return tuple(found)


def prove(document: Document, known: Collection[bytes] = (), limits: Limits | None = None) -> Proof:
    """The calls that prove ``document`` where certificates of the paths ``known`` are proven already.

    Raises:
        InvalidCertificate: a certificate cannot be read.
        InvalidField: a signature does not verify, of a certificate or of the document; or the document does not fit
            into a transaction within ``limits`` even by itself.
    """
    missing = certificate_proofs(document, known)
    last = _document_hints(document)
    for count in range(len(missing) + 1):
        within = {each.path: each.hints for each in missing[count:]}
        row = b"".join(_counted(within.get(path, b"")) for path in paths(document)[1:]) + _counted(last)
        if _fits(document, missing[count:], row, limits or Limits()):
            return Proof(missing[:count], row)
    raise InvalidField(
        "limits", "must allow a transaction that proves a document whose certificates are proven"
    )


def _counted(hints: bytes) -> bytes:
    return len(hints).to_bytes(2) + hints


def _fits(document: Document, proven: Sequence[CertificateProof], hints: bytes, limits: Limits) -> bool:
    """Whether a transaction may hold the document, with the certificates that are proven on the way."""
    size = len(document.raw) + len(hints) + limits.spare
    hashed = [len(document.signed_bytes), *(len(each.der) for each in proven)]
    blocks = sum(length // 128 + 2 for length in hashed)
    executed = _BASE + len(hashed) * _SIGNATURE + len(proven) * _STORED + blocks * _BLOCK + size * _BYTE
    return size <= limits.size and max(executed, _BASE + size * _FLOOR) <= limits.gas


def _certificate_hints(parent: Certificate, child: Certificate) -> bytes:
    try:
        r, s = decode_dss_signature(child.parsed.signature)
        digest = hashlib.sha384(child.parsed.tbs_certificate_bytes).digest()
        return hints_of(digest, r.to_bytes(SIZE) + s.to_bytes(SIZE), _point(parent))
    except (InvalidField, ValueError, OverflowError):
        raise InvalidField(child.name, f"must be signed by {parent.name}, P-384 and SHA-384") from None


def _document_hints(document: Document) -> bytes:
    signer = read_certificate(document.certificate, document.chain_names[-1])
    try:
        return hints_of(hashlib.sha384(document.signed_bytes).digest(), document.signature, _point(signer))
    except InvalidField:
        raise InvalidField("the signature", f"must be {signer.name}'s, ES384") from None


def _point(certificate: Certificate) -> bytes:
    """The point of its key, x and y; InvalidField where it has none of P-384."""
    key = certificate.key
    if key is None or not isinstance(key.curve, ec.SECP384R1):
        raise InvalidField(certificate.name, "must have a key of P-384")
    numbers = key.public_numbers()
    return numbers.x.to_bytes(SIZE) + numbers.y.to_bytes(SIZE)
