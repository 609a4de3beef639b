"""The certificates of an attestation's chain: what each says, and the rules that bind one to the next.

X.509 v3 as RFC 5280 has it, read by `cryptography`, and DER that a contract reads alike: names and keys stand in it
byte for byte as they are shown here, a key is an uncompressed point of P-384.
"""

import hashlib
import warnings
from dataclasses import dataclass
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from ..protocol.receipt import keccak
from .errors import InvalidCertificate
from .text import printable

Extension = TypeVar("Extension", bound=x509.ExtensionType)

_KNOWN_CRITICAL: Final = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE}
_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension,
                      x509.UnsupportedGeneralNameType)  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    """What a certificate says.

    ``name`` is what it is called in messages; subject and issuer are given as text and in DER. Times are unix seconds,
    both inclusive. ``is_ca`` is None where it has no basic constraints, ``path_length`` where it sets none.
    ``signs_certificates`` and ``signs_data`` are bits of its key usage, None where it has none. ``curve`` and
    ``algorithm`` are those of its key and of its signature, ``revocation_lists`` the addresses that it names.
    """

    name: str
    der: bytes
    subject: str
    issuer: str
    subject_der: bytes
    issuer_der: bytes
    serial: int
    not_before: int
    not_after: int
    is_ca: bool | None
    path_length: int | None
    signs_certificates: bool | None
    signs_data: bool | None
    unknown_critical: tuple[str, ...]
    curve: str
    algorithm: str
    revocation_lists: tuple[str, ...]
    parsed: x509.Certificate

    @property
    def sha256(self) -> bytes:
        """The fingerprint, by which a root is pinned."""
        return hashlib.sha256(self.der).digest()

    @property
    def id(self) -> bytes:
        """16 bytes by which the registry names it, to revoke it: of keccak256(keccak256(issuer) . uint256(serial)).

        The issuer as the DER of its name. Issuer and serial, not the whole: that is how certificates are revoked.
        """
        return keccak(keccak(self.issuer_der) + self.serial.to_bytes(32))[:16]

    @property
    def key(self) -> ec.EllipticCurvePublicKey | None:
        """Its public key, None where that is of no elliptic curve."""
        key = self.parsed.public_key()
        return key if isinstance(key, ec.EllipticCurvePublicKey) else None

    def is_named_by(self, child: "Certificate") -> bool:
        """Whether ``child`` names this as its issuer, byte for byte."""
        return child.issuer_der == self.subject_der

    def signed(self, child: "Certificate") -> bool:
        """Whether ``child`` names this as its issuer and its signature verifies under this key."""
        try:
            child.parsed.verify_directly_issued_by(self.parsed)
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
            return False
        return True


def read_certificate(der: bytes, name: str) -> Certificate:
    """The certificate in ``der``, called ``name`` in messages.

    Raises:
        InvalidCertificate: it cannot be read, or not in one way only.
    """
    try:
        # `cryptography` warns of oddities that no rule forbids, or that one of ours does; a report is no place for it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(x509.load_der_x509_certificate(der), der, name)
    except _UNREADABLE as error:
        if isinstance(error, InvalidCertificate):
            raise
        reason = printable(str(error))[:160] or type(error).__name__
        raise InvalidCertificate(name, f"must be an X.509 certificate in DER: {reason}") from None


def _read(parsed: x509.Certificate, der: bytes, name: str) -> Certificate:
    if parsed.version is not x509.Version.v3:
        raise InvalidCertificate(name, "must be of X.509 version 3")
    if not 0 < parsed.serial_number < 1 << 160:
        raise InvalidCertificate(name, "must have a positive serial number of at most 20 bytes")
    key = parsed.public_key()
    usage, basic = _extension(parsed, x509.KeyUsage), _extension(parsed, x509.BasicConstraints)
    subject, issuer = parsed.subject.public_bytes(), parsed.issuer.public_bytes()
    stated = (
        ("subject", subject),
        ("issuer", issuer),
        ("public key", key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
    )
    for what, expected in stated:
        if expected not in parsed.tbs_certificate_bytes:
            raise InvalidCertificate(name, f"must hold its {what} in DER, a point uncompressed")
    critical = (each.oid for each in parsed.extensions if each.critical)
    return Certificate(
        name, der, printable(parsed.subject.rfc4514_string()), printable(parsed.issuer.rfc4514_string()),
        subject, issuer,
        parsed.serial_number, int(parsed.not_valid_before_utc.timestamp()), int(parsed.not_valid_after_utc.timestamp()),
        basic.ca if basic else None, basic.path_length if basic else None,
        usage.key_cert_sign if usage else None, usage.digital_signature if usage else None,
        tuple(oid.dotted_string for oid in critical if oid not in _KNOWN_CRITICAL),
        key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__,
        _algorithm(parsed), _revocation_lists(parsed), parsed,
    )  # fmt: skip


def _extension(parsed: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _algorithm(parsed: x509.Certificate) -> str:
    oid = parsed.signature_algorithm_oid
    return "ecdsa-with-SHA384" if oid == SignatureAlgorithmOID.ECDSA_WITH_SHA384 else oid.dotted_string


def _revocation_lists(parsed: x509.Certificate) -> tuple[str, ...]:
    points = _extension(parsed, x509.CRLDistributionPoints)
    names = (name for point in points or () for name in point.full_name or ())
    return tuple(printable(name.value) for name in names if isinstance(name, x509.UniformResourceIdentifier))
