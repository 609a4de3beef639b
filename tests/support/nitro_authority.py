"""An authority of the tests' own that issues attestation documents as AWS Nitro does, true or false in any field.

Its chain is the real one's: root, regional, zonal, of the instance, of the enclave; with the same names in the same
order, the same extensions, the same lives (the last certificate's is three hours), P-384 and SHA-384 throughout.
Everything in a certificate is a :class:`Plan` until it is issued, and everything in a document a field: a test replaces
what it wants to be wrong. From a seed the same documents come out again, to the byte: keys and serial numbers are drawn
from it, and signatures follow RFC 6979.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
"""The order of P-384."""

HOUR, DAY = 3600, 86_400
PROTECTED = bytes.fromhex("a1013822")
ABSENT: Any = object()
"""The value of a field that is to be left out."""

ROOT, REGIONAL, ZONAL, INSTANCE, ENCLAVE = range(5)
"""Places in a chain."""

PCRS = {
    index: hashlib.sha384(b"pcr %d" % index).digest() if index in (0, 1, 2, 4) else bytes(48)
    for index in range(16)
}
"""Registers as a real enclave fills them: image, kernel, application and instance; zeros elsewhere."""

AUTHORITY_USAGE = frozenset({"digital_signature", "key_cert_sign", "crl_sign"})
INSTANCE_USAGE = frozenset({"key_cert_sign"})
ENCLAVE_USAGE = frozenset({"digital_signature", "content_commitment"})
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Extensions = tuple[tuple[x509.ExtensionType, bool], ...]


@dataclass(frozen=True)
class Plan:
    """A certificate to be. ``signer`` None: whoever stands before it in the chain, likewise ``issuer``."""

    subject: x509.Name
    key: PrivateKey
    serial: int
    starts: int
    ends: int
    extensions: Extensions
    issuer: x509.Name | None = None
    signer: PrivateKey | None = None
    digest: hashes.HashAlgorithm = field(default_factory=hashes.SHA384)

    def having(self, extension: x509.ExtensionType, critical: bool = True) -> "Plan":
        """With this extension in the place of the one of its kind, or at the end."""
        kinds = [type(each) for each, _ in self.extensions]
        if type(extension) not in kinds or isinstance(extension, x509.UnrecognizedExtension):
            return replace(self, extensions=(*self.extensions, (extension, critical)))
        at = kinds.index(type(extension))
        kept = (*self.extensions[:at], (extension, critical), *self.extensions[at + 1 :])
        return replace(self, extensions=kept)

    def without(self, kind: type[x509.ExtensionType]) -> "Plan":
        """Without the extension of this kind."""
        return replace(self, extensions=tuple(each for each in self.extensions if type(each[0]) is not kind))

    def issued(self, parent: "Plan") -> bytes:
        """The certificate in DER, issued by ``parent`` unless the plan names others."""
        builder = (
            x509.CertificateBuilder(
                self.issuer or parent.subject, self.subject, self.key.public_key(), self.serial
            )
            .not_valid_before(datetime.fromtimestamp(self.starts, UTC))
            .not_valid_after(datetime.fromtimestamp(self.ends, UTC))
        )
        for extension, critical in self.extensions:
            builder = builder.add_extension(extension, critical)
        signer = self.signer or parent.key
        deterministic = True if isinstance(signer, ec.EllipticCurvePrivateKey) else None
        return builder.sign(signer, self.digest, ecdsa_deterministic=deterministic).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class Issued:
    """A document with its parts: the chain in DER from the root on, and the key that signed it."""

    raw: bytes
    payload: bytes
    signature: bytes
    chain: tuple[bytes, ...]
    key: PrivateKey


class Authority:
    """Issues documents under a root of its own; the same ones again for the same ``seed``."""

    def __init__(self, seed: bytes | None = None) -> None:
        self._seed = seed if seed is not None else secrets.token_bytes(32)
        subject = _name(NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME,
                        common="test.nitro-enclaves")  # fmt: skip
        key = self.key("root")
        extensions = ((_authority(None), True), (_own_id(key), False), (usage(AUTHORITY_USAGE), True))
        self._root = Plan(subject, key, self._serial("root"), 1_572_269_285, 2_519_044_085, extensions)
        self.root = self._root.issued(self._root)
        """The root's certificate in DER."""

    @property
    def root_hash(self) -> bytes:
        """SHA-256 of the root, by which it is pinned."""
        return hashlib.sha256(self.root).digest()

    def key(self, name: str) -> ec.EllipticCurvePrivateKey:
        """A key of P-384, one for each name."""
        drawn = int.from_bytes(hashlib.sha512(self._seed + b"key" + name.encode()).digest())
        return ec.derive_private_key(drawn % (N - 1) + 1, ec.SECP384R1())

    def plans(self, at: int) -> list[Plan]:
        """The chain for a document of the second ``at``, the enclave a few seconds old, with the root first."""
        region = "us-east-2.aws.nitro-enclaves"
        country, unit = NameOID.COUNTRY_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME
        town, state, company = (
            NameOID.LOCALITY_NAME,
            NameOID.STATE_OR_PROVINCE_NAME,
            NameOID.ORGANIZATION_NAME,
        )
        zonal = f"{self._digits('zonal')}.zonal.{region}"
        names = {
            "regional": _name(country, company, unit, common=f"{self._digits('regional')}.{region}"),
            "zonal": _name(unit, company, country, state, town, common=zonal, first=True),
            "instance": _name(country, state, town, company, unit, common=f"{self.instance}.{region}"),
            "enclave": _name(country, state, town, company, unit, common=f"{self.module_id}.us-east-2.aws"),
        }
        lives = {"regional": (4 * DAY, 20 * DAY + HOUR), "zonal": (9 * HOUR, 6 * DAY), "instance": (HOUR, DAY),
                 "enclave": (3, 3 * HOUR + 3)}  # fmt: skip
        plans = [self._root]
        for depth, (role, subject) in enumerate(names.items()):
            before, life = lives[role]
            key = self.key(role)
            extensions = _extensions(role, 2 - depth, key, plans[-1].key)
            plans.append(Plan(subject, key, self._serial(role), at - before, at - before + life, extensions))
        return plans

    def issue(
        self,
        at: int,
        *,
        plans: Sequence[Plan] | None = None,
        indefinite: bool = True,
        tagged: bool = False,
        s: str = "",
        signer: PrivateKey | None = None,
        payload: bytes | None = None,
        protected: bytes = PROTECTED,
        **fields: Any,
    ) -> Issued:
        """A document of the second ``at`` (and 724 ms), signed by the last of ``plans``, or by ``signer``.

        ``fields`` replace those of the payload, or leave them out (:data:`ABSENT`), ``payload`` all of them.
        ``indefinite``: the payload is a map of indefinite length, as since 2026. ``s``: "low", "high", or as it comes.
        """
        plans = plans or self.plans(at)
        chain = [plan.issued(parent) for parent, plan in zip((plans[0], *plans), plans, strict=False)]
        if payload is None:
            payload = encoded_map(self.fields(at, chain) | fields, indefinite)
        key = signer or plans[-1].key
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signature = sign(key, cbor2.dumps(["Signature1", protected, b"", payload]), s)
        raw = b"\xd2" * tagged + cbor2.dumps([protected, {}, payload, signature])
        return Issued(raw, payload, signature, tuple(chain), key)

    def fields(self, at: int, chain: Sequence[bytes]) -> dict[Any, Any]:
        """The nine fields of a document, in the order in which Nitro writes them."""
        return {
            "module_id": self.module_id, "digest": "SHA384", "timestamp": at * 1000 + 724, "pcrs": PCRS,
            "certificate": chain[-1], "cabundle": list(chain[:-1]), "public_key": b"dummy", "user_data": None,
            "nonce": None,
        }  # fmt: skip

    @property
    def instance(self) -> str:
        """The id of the machine that the enclave runs on."""
        return f"i-{self._digits('instance')}0"

    @property
    def module_id(self) -> str:
        """The id of the enclave."""
        return f"{self.instance}-enc{self._digits('enclave')}"

    def _digits(self, role: str) -> str:
        return hashlib.sha256(self._seed + b"name" + role.encode()).hexdigest()[:16]

    def _serial(self, role: str) -> int:
        drawn = hashlib.sha256(self._seed + b"serial" + role.encode()).digest()
        size = 20 if role == "instance" else 16
        return int.from_bytes(drawn[:size]) >> 1 | 1 << 8 * size - 2


def gateway_data(tls_certificate: bytes, public_key: bytes) -> bytes:
    """``user_data`` as OpenGradient's gateways have it: two multihashes, of the TLS certificate and of the key."""
    return b"".join(b"\x12\x20" + hashlib.sha256(each).digest() for each in (tls_certificate, public_key))


def sealed(tbs: bytes, signer: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate around any bytes, signed as all are: for forms that no builder of certificates writes."""
    signature = signer.sign(tbs, ec.ECDSA(hashes.SHA384(), deterministic_signing=True))
    return der(0x30, tbs, bytes.fromhex("300a06082a8648ce3d040303"), der(0x03, b"\0", signature))


def der(tag: int, *parts: bytes) -> bytes:
    """One item of DER: tag, length, and the parts as its content."""
    content = b"".join(parts)
    length = len(content).to_bytes(2) if len(content) > 255 else bytes([len(content)])
    return bytes([tag]) + (bytes([0x80 | len(length)]) if len(content) > 127 else b"") + length + content


def sign(key: ec.EllipticCurvePrivateKey, message: bytes, s: str = "") -> bytes:
    """ES384: r . s, with s as it comes, or in the "low" or "high" half."""
    signature = key.sign(message, ec.ECDSA(hashes.SHA384(), deterministic_signing=True))
    r, found = decode_dss_signature(signature)
    if s and (found > N // 2) != (s == "high"):
        found = N - found
    return r.to_bytes(48) + found.to_bytes(48)


def encoded_map(fields: dict[Any, Any], indefinite: bool) -> bytes:
    """A CBOR map of these fields in this order, without those that are :data:`ABSENT`."""
    kept = {name: value for name, value in fields.items() if value is not ABSENT}
    inside = b"".join(cbor2.dumps(name) + cbor2.dumps(value) for name, value in kept.items())
    if indefinite:
        return b"\xbf" + inside + b"\xff"
    assert len(kept) < 24
    return bytes([0xA0 | len(kept)]) + inside


def usage(named: frozenset[str]) -> x509.KeyUsage:
    """A key usage with these bits."""
    return x509.KeyUsage(**{each: each in named for each in _USAGES})


def _extensions(role: str, below: int, key: PrivateKey, parent: PrivateKey) -> Extensions:
    """Those of the real certificate of this role, in its order."""
    if role == "enclave":
        return ((x509.BasicConstraints(ca=False, path_length=None), True), (usage(ENCLAVE_USAGE), False))
    issued_by = x509.AuthorityKeyIdentifier(_own_id(parent).digest, None, None)
    if role == "instance":
        return (
            (_authority(below), True),
            (usage(INSTANCE_USAGE), True),
            (_own_id(key), False),
            (issued_by, False),
        )
    host = f"{role}.nitro-enclaves.invalid".rjust(_HOST_LENGTHS[role], "x")
    address = f"http://{host}/crl/ab4960cc-7d63-42bd-9e9f-59338cb67f84.crl"
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(address)], None, None, None)
    return (
        (_authority(below), True), (issued_by, False), (_own_id(key), False), (usage(AUTHORITY_USAGE), True),
        (x509.CRLDistributionPoints([point]), False),
    )  # fmt: skip


def _authority(below: int | None) -> x509.BasicConstraints:
    return x509.BasicConstraints(ca=True, path_length=below)


def _own_id(key: PrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


# As long as AWS's, so that what a document costs on a chain is what a real one does.
_HOST_LENGTHS = {"regional": 39, "zonal": 59}
_WORDS = {
    NameOID.COUNTRY_NAME: "US", NameOID.ORGANIZATION_NAME: "Amazon", NameOID.ORGANIZATIONAL_UNIT_NAME: "AWS",
    NameOID.LOCALITY_NAME: "Seattle",
}  # fmt: skip


def _name(*kinds: x509.ObjectIdentifier, common: str, first: bool = False) -> x509.Name:
    """A name of these parts in this order, with the common name ``first`` or last."""
    # A zone's authority abbreviates its state, and puts its common name first; the others do neither.
    words = _WORDS | {NameOID.STATE_OR_PROVINCE_NAME: "WA" if first else "Washington"}
    parts = [x509.NameAttribute(kind, words[kind]) for kind in kinds]
    own = x509.NameAttribute(NameOID.COMMON_NAME, common)
    return x509.Name([own, *parts] if first else [*parts, own])
