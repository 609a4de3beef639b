"""AWS Nitro attestation documents: a COSE_Sign1 (RFC 9052 section 4.2) around a CBOR map of nine fields.

The fields, their types and sizes are those that AWS documents under "Verifying the root of trust" for Nitro Enclaves;
the enclave's security module always writes all nine. Parsing judges form alone: :mod:`afterproof.attestation.verify`
judges whether a document holds.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import cbor2

from ..protocol.receipt import keccak
from .cbor import decode
from .errors import InvalidDocument

MAX_DOCUMENT: Final = 16 * 1024
"""Bytes. Real documents have about 4,500."""

MAX_CERTIFICATE: Final = 1024
MAX_PCRS: Final = 32
PCR_SIZE: Final = 48
"""Bytes of a platform configuration register: those of SHA-384, the one digest that Nitro uses."""

SIGNATURE_SIZE: Final = 96
PROTECTED: Final = bytes.fromhex("a1013822")
"""The one protected header: {1: -35}, the algorithm ES384."""

_TAGGED: Final = 0xD2  # the head of tag 18, COSE_Sign1
_PARTS: Final = ("the protected header", "the unprotected header", "the payload", "the signature")
_FIELDS: Final = (
    "module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle", "public_key", "user_data", "nonce",
)  # fmt: skip
_OPTIONAL: Final = {"public_key": 1024, "user_data": 512, "nonce": 512}


@dataclass(frozen=True)
class Document:
    """A Nitro attestation document.

    ``timestamp`` is in milliseconds since 1970; ``pcrs`` maps an index to 48 bytes; ``cabundle`` runs from the root
    to the issuer of ``certificate``, all in DER; the last three fields are None where the enclave gave none.
    ``payload`` and ``signature`` (r . s, 48 bytes each) are what was signed and how.
    """

    module_id: str
    timestamp: int
    pcrs: dict[int, bytes]
    certificate: bytes
    cabundle: tuple[bytes, ...]
    public_key: bytes | None
    user_data: bytes | None
    nonce: bytes | None
    payload: bytes
    signature: bytes
    raw: bytes

    @property
    def seconds(self) -> int:
        """The document's time in whole unix seconds, as it is judged and as a registry posts it."""
        return self.timestamp // 1000

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The whole chain in DER, from the root to the certificate whose key signed."""
        return (*self.cabundle, self.certificate)

    @property
    def chain_names(self) -> tuple[str, ...]:
        """What the certificates of the chain are called in messages."""
        return (*(f"cabundle[{at}]" for at in range(len(self.cabundle))), "certificate")

    @cached_property
    def hash(self) -> bytes:
        """keccak256 of the document as it came."""
        return keccak(self.raw)

    @property
    def measurement(self) -> bytes | None:
        """keccak256(PCR0 . PCR1 . PCR2), what OpenGradient calls the PCR hash; None where one is missing."""
        measured = [self.pcrs.get(index) for index in MEASURED]
        return keccak(b"".join(pcr for pcr in measured if pcr)) if all(measured) else None

    @property
    def signed_bytes(self) -> bytes:
        """What the signature is over: the Sig_structure of RFC 9052 section 4.4, with no external data."""
        return cbor2.dumps(["Signature1", PROTECTED, b"", self.payload])


MEASURED: Final = (0, 1, 2)
"""The registers that measure what runs: the image, the kernel with its boot, the application."""

PCR_MEANINGS: Final = {
    0: "enclave image",
    1: "kernel and boot",
    2: "application",
    3: "parent's IAM role",
    4: "parent's instance id",
    8: "image's signing certificate",
}
"""What the registers that Nitro fills are hashes of."""


def parse(raw: bytes) -> Document:
    """The document in ``raw``: a COSE_Sign1, with tag 18 or without.

    Raises:
        InvalidDocument: it is none; the message names the field and the rule.
    """
    if len(raw) > MAX_DOCUMENT:
        raise InvalidDocument("the document", f"must have at most {MAX_DOCUMENT} bytes, not {len(raw)}")
    if not raw:
        raise InvalidDocument("the document", "must not be empty")
    sign1 = decode(raw[1:] if raw[0] == _TAGGED else raw, "the document")
    if not isinstance(sign1, list) or len(sign1) != len(_PARTS):
        raise InvalidDocument("the document", "must be a COSE_Sign1: an array of four")
    protected, unprotected, payload, signature = sign1
    if protected != PROTECTED:
        raise InvalidDocument(_PARTS[0], "must be {1: -35}, ES384, and nothing else")
    if unprotected != {}:
        raise InvalidDocument(_PARTS[1], "must be an empty map")
    _bytes(payload, _PARTS[2], 1, MAX_DOCUMENT)
    _bytes(signature, _PARTS[3], SIGNATURE_SIZE, SIGNATURE_SIZE)
    return _document(_map(payload), payload, signature, raw)


def _map(payload: bytes) -> dict[object, Any]:
    fields = decode(payload, _PARTS[2])
    if not isinstance(fields, dict):
        raise InvalidDocument(_PARTS[2], "must be a map")
    for name in _FIELDS:
        if name not in fields:
            raise InvalidDocument(name, "is missing")
    for name in fields:
        if name not in _FIELDS:
            raise InvalidDocument(
                _PARTS[2], f"must not hold {str(name)[:64]!r}: it is no field of a document"
            )
    return fields


def _document(fields: dict[object, Any], payload: bytes, signature: bytes, raw: bytes) -> Document:
    module_id, timestamp = fields["module_id"], fields["timestamp"]
    if not isinstance(module_id, str) or not module_id:
        raise InvalidDocument("module_id", "must be text, not empty")
    if fields["digest"] != "SHA384":
        raise InvalidDocument("digest", 'must be "SHA384"')
    if not isinstance(timestamp, int) or timestamp <= 0:
        raise InvalidDocument("timestamp", "must be a positive integer of milliseconds")
    bundle = fields["cabundle"]
    if not isinstance(bundle, list) or not bundle:
        raise InvalidDocument("cabundle", "must be an array of one certificate or more")
    for at, certificate in enumerate(bundle):
        _bytes(certificate, f"cabundle[{at}]", 1, MAX_CERTIFICATE)
    for name, most in _OPTIONAL.items():
        if fields[name] is not None:
            _bytes(fields[name], name, 0, most)
    return Document(
        module_id, timestamp, _pcrs(fields["pcrs"]), _bytes(fields["certificate"], "certificate", 1, MAX_CERTIFICATE),
        tuple(bundle), fields["public_key"], fields["user_data"], fields["nonce"], payload, signature, raw,
    )  # fmt: skip


def _pcrs(value: object) -> dict[int, bytes]:
    if not isinstance(value, dict) or not 1 <= len(value) <= MAX_PCRS:
        raise InvalidDocument("pcrs", f"must be a map of 1 to {MAX_PCRS} registers")
    for index, pcr in value.items():
        if not isinstance(index, int) or not 0 <= index < MAX_PCRS:
            raise InvalidDocument(
                "pcrs", f"must have indices from 0 to {MAX_PCRS - 1}, not {str(index)[:64]!r}"
            )
        _bytes(pcr, f"pcrs[{index}]", PCR_SIZE, PCR_SIZE)
    return value


def _bytes(value: object, field: str, least: int, most: int) -> bytes:
    if not isinstance(value, bytes) or not least <= len(value) <= most:
        size = f"{least}" if least == most else f"{least} to {most}"
        raise InvalidDocument(field, f"must be {size} bytes")
    return value
