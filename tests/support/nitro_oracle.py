"""What Python's decoders make of certificates and Nitro documents: `cryptography` and `cbor2`, not code of ours.

Fields have the names and the form that the contract's structs have, with slices as the bytes that they stand for.
"""

import warnings
from typing import Annotated, Any

import cbor2
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support import nitro_forms as forms

P = 2**384 - 2**128 - 2**96 + 2**32 - 1
B = 0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF
NO_PATH_LIMIT = 255

Fields = dict[str, Any]

KNOWN = {"2.5.29.19", "2.5.29.15"}


class Refused(Exception):
    """Python's decoders refuse it."""


@asn1.sequence
class _Extension:
    kind: x509.ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    value: bytes


def words(number: int) -> tuple[int, int]:
    """The high 128 and the low 256 bits."""
    return number >> 256, number & (2**256 - 1)


def certificate_fields(der: bytes) -> Fields:
    """Raises Refused."""
    try:
        with warnings.catch_warnings():
            # Of names that are longer or shorter than they should be.
            warnings.simplefilter("ignore")
            return _certificate_fields(x509.load_der_x509_certificate(der))
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise Refused(str(error)) from error


def _certificate_fields(parsed: x509.Certificate) -> Fields:
    assert parsed.version is x509.Version.v3
    assert parsed.signature_algorithm_oid == x509.SignatureAlgorithmOID.ECDSA_WITH_SHA384
    tbs = parsed.tbs_certificate_bytes
    x, y = _point(parsed)
    r, s = decode_dss_signature(parsed.signature)
    numbers = {"x": x, "y": y, "r": r, "s": s}
    fields: Fields = {
        "tbs": tbs,
        "serial": parsed.serial_number,
        "issuer": parsed.issuer.public_bytes(),
        "subject": parsed.subject.public_bytes(),
        "notBefore": int(parsed.not_valid_before_utc.timestamp()),
        "notAfter": int(parsed.not_valid_after_utc.timestamp()),
    }
    for name, number in numbers.items():
        fields[f"{name}High"], fields[f"{name}Low"] = words(number)
    return fields | _extension_fields(parsed)


def _point(parsed: x509.Certificate) -> tuple[int, int]:
    """Where the key is on no curve, `cryptography` makes none of it: then the last bytes of SubjectPublicKeyInfo."""
    spki = parsed.tbs_certificate_bytes.split(bytes.fromhex("2b81040022036200"), 1)[1]
    x, y = int.from_bytes(spki[1:49]), int.from_bytes(spki[49:97])
    if x >= P or y >= P or (y * y - x**3 + 3 * x - B) % P != 0:
        return x, y
    key = parsed.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1)
    numbers = key.public_numbers()
    assert key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) == spki[:97]
    return numbers.x, numbers.y


def extensions_of(parsed: x509.Certificate) -> list[Any]:
    """As they stand there, their contents undecoded: what `extensions` of a certificate does not give."""
    (wrapped,) = [each for each in _elements(parsed.tbs_certificate_bytes) if each[0] == 0xA3]
    (whole,) = _elements(wrapped)
    return [asn1.decode_der(_Extension, each) for each in _elements(whole)]


def _elements(constructed: bytes) -> list[bytes]:
    """What is in an element that `cryptography` has found sound."""
    found, rest = [], _content(constructed)
    while rest:
        first, rest = _split(rest)
        found.append(first)
    return found


def _split(data: bytes) -> tuple[bytes, bytes]:
    size, start = data[1], 2
    if size >= 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start])
    return data[: start + size], data[start + size :]


def _content(element: bytes) -> bytes:
    start = 2 + (element[1] & 0x7F if element[1] >= 0x80 else 0)
    return element[start:]


def _extension_fields(parsed: x509.Certificate) -> Fields:
    found = extensions_of(parsed)
    kinds = [each.kind.dotted_string for each in found]
    assert len(set(kinds)) == len(kinds)
    assert not [each for each in found if each.critical and each.kind.dotted_string not in KNOWN]
    only = _only_known(parsed, found)
    basic = only.get_extension_for_class(x509.BasicConstraints).value
    usage = only.get_extension_for_class(x509.KeyUsage).value
    return {
        "isAuthority": basic.ca,
        "pathLength": NO_PATH_LIMIT if basic.path_length is None else basic.path_length,
        "signsCertificates": usage.key_cert_sign,
        "signsMessages": usage.digital_signature,
    }


def _only_known(parsed: x509.Certificate, found: list[Any]) -> x509.Extensions:
    """Decoded by `cryptography` without those that the contract skips, whose insides may be wrong."""
    kept = [
        forms.sequence(
            asn1.encode_der(each.kind),
            forms.CRITICAL if each.critical else b"",
            forms.tlv(0x04, each.value),
        )
        for each in found
        if each.kind.dotted_string in KNOWN
    ]
    extensions = x509.load_der_x509_certificate(forms.certificate(each=kept)).extensions
    if len(kept) == len(found):
        assert list(extensions) == list(parsed.extensions)
    return extensions


def document_fields(raw: bytes) -> Fields:
    """Raises Refused."""
    try:
        outer = cbor2.loads(raw)
        if isinstance(outer, cbor2.CBORTag):
            assert outer.tag == 18
            outer = outer.value
        protected, unprotected, payload, signature = outer
        found = cbor2.loads(payload, allow_duplicate_keys=False)
        header = cbor2.loads(protected, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise Refused(str(error)) from error
    assert (header, unprotected, found["digest"]) == ({1: -35}, {}, "SHA384")
    fields: Fields = {
        "moduleId": found["module_id"].encode(),
        "timestamp": found["timestamp"],
        "pcrs": found["pcrs"],
        "certificate": found["certificate"],
        "cabundle": list(found["cabundle"]),
        "publicKey": found["public_key"],
        "userData": found["user_data"],
        "nonce": found["nonce"],
        "payload": cbor2.dumps(payload),
    }
    fields["rHigh"], fields["rLow"] = words(int.from_bytes(signature[:48]))
    fields["sHigh"], fields["sLow"] = words(int.from_bytes(signature[48:]))
    return fields
