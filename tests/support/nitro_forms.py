"""Certificates and Nitro documents spelled out byte by byte, right or wrong anywhere. No signature in them verifies.

Everything is a piece of bytes that a test may replace; lengths around it follow, unless the test replaces those too.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DATA = Path(__file__).resolve().parents[2] / "../shared/data/nitro"

# --- DER -----------------------------------------------------------------------------------------


def tlv(tag: int, *content: bytes) -> bytes:
    """An element with the shortest length that there is."""
    inside = b"".join(content)
    if len(inside) < 0x80:
        return bytes([tag, len(inside)]) + inside
    size = len(inside).to_bytes((len(inside).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + inside


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def sequence(*content: bytes) -> bytes:
    return tlv(0x30, *content)


def oid(*content: int) -> bytes:
    """By its content's bytes."""
    return tlv(0x06, bytes(content))


def attribute(kind: int, value: bytes, tag: int = 0x0C) -> bytes:
    """A part of a name: SET { SEQUENCE { 2.5.4.kind, value } }."""
    return tlv(0x31, sequence(oid(0x55, 0x04, kind), tlv(tag, value)))


def extension(kind: int, value: bytes, critical: bytes = b"") -> bytes:
    """SEQUENCE { 2.5.29.kind, critical, OCTET STRING { value } }."""
    return sequence(oid(0x55, 0x1D, kind), critical, tlv(0x04, value))


def utc(text: str) -> bytes:
    return tlv(0x17, text.encode())


def generalized(text: str) -> bytes:
    return tlv(0x18, text.encode())


CRITICAL = bytes.fromhex("0101ff")
ECDSA_WITH_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
KEY = ec.derive_private_key(0xC0FFEE, ec.SECP384R1()).public_key()
SPKI = KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
ISSUER = sequence(attribute(6, b"US", 0x13), attribute(10, b"Amazon"), attribute(3, b"zone.nitro-enclaves"))
SUBJECT = sequence(
    attribute(6, b"US", 0x13), attribute(10, b"Amazon"), attribute(3, b"i-0123.nitro-enclaves")
)
AUTHORITY = extension(19, sequence(CRITICAL, integer(1)), CRITICAL)
USAGE = extension(15, bytes.fromhex("03020186"), CRITICAL)
KEY_ID = extension(14, tlv(0x04, hashlib.sha1(b"key").digest()))


def certificate(
    *,
    version: bytes = bytes.fromhex("a003020102"),
    serial: bytes = integer(0xC2214CEF35DCE956D271014DFB690A78),
    inner: bytes = ECDSA_WITH_SHA384,
    issuer: bytes = ISSUER,
    validity: bytes | None = None,
    before: bytes = utc("240222093614Z"),
    after: bytes = utc("240313103613Z"),
    subject: bytes = SUBJECT,
    key: bytes = SPKI,
    ids: bytes = b"",
    extensions: bytes | None = None,
    each: Iterable[bytes] = (AUTHORITY, KEY_ID, USAGE),
    outer: bytes = ECDSA_WITH_SHA384,
    signature: bytes | None = None,
    r: bytes = integer(2**383 + 5),
    s: bytes = integer(2**380 + 7),
    after_tbs: bytes = b"",
    trailing: bytes = b"",
) -> bytes:
    """A certificate of these pieces."""
    if extensions is None:
        extensions = tlv(0xA3, sequence(*each))
    validity = sequence(before, after) if validity is None else validity
    tbs = sequence(version, serial, inner, issuer, validity, subject, key, ids, extensions, after_tbs)
    if signature is None:
        signature = tlv(0x03, b"\0", sequence(r, s))
    return sequence(tbs, outer, signature) + trailing


# --- CBOR ----------------------------------------------------------------------------------------

HEADERS = bytes.fromhex("44a1013822a0")
NULL = b"\xf6"


def head(major: int, argument: int) -> bytes:
    """The shortest head."""
    coded = bytearray(cbor2.dumps(argument))
    coded[0] |= major << 5
    return bytes(coded)


def string(content: bytes) -> bytes:
    return head(2, len(content)) + content


def text(content: str) -> bytes:
    return cbor2.dumps(content)


def pcrs_of(registers: dict[int, bytes]) -> bytes:
    return cbor2.dumps(registers)


REGISTERS = {i: hashlib.sha384(b"%d" % i).digest() if i < 5 else bytes(48) for i in range(16)}


def entries(**values: bytes) -> dict[bytes, bytes]:
    """The nine entries of a document, as encoded key and encoded value; those given replace them."""
    whole = {
        "module_id": text("i-0123456789abcdef0-enc0123456789abcdef"),
        "digest": text("SHA384"),
        "timestamp": head(0, 1_708_930_921_439),
        "pcrs": pcrs_of(REGISTERS),
        "certificate": string(certificate()),
        "cabundle": head(4, 2) + string(certificate(serial=integer(1))) + string(certificate(serial=integer(2))),
        "public_key": string(b"key"),
        "user_data": string(b""),
        "nonce": NULL,
    }  # fmt: skip
    return {text(name): value for name, value in (whole | values).items()}


def payload_of(parts: dict[bytes, bytes], indefinite: bool = False, count: int | None = None) -> bytes:
    inside = b"".join(key + value for key, value in parts.items())
    if indefinite:
        return b"\xbf" + inside + b"\xff"
    return head(5, len(parts) if count is None else count) + inside


def document(
    payload: bytes | None = None,
    *,
    tag: bytes = b"",
    array: bytes = b"\x84",
    headers: bytes = HEADERS,
    signature: bytes = string(bytes(range(1, 97))),
    trailing: bytes = b"",
    **values: bytes,
) -> bytes:
    """A document of this payload, or of one in which these values are replaced."""
    payload = payload_of(entries(**values)) if payload is None else payload
    return tag + array + headers + string(payload) + signature + trailing


def real_documents() -> list[Path]:
    """The real documents, none where they are absent."""
    return sorted(DATA.glob("*.cose"))


def certificates_in(raw: bytes) -> list[bytes]:
    """Every certificate of a document."""
    found: Any = cbor2.loads(cbor2.loads(raw)[2])
    return [found["certificate"], *found["cabundle"]]
