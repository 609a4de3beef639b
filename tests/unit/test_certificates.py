"""Certificates read in Solidity (contracts/attestation/Certificates.sol).

when the certificate is one of the real ones, or spelled out in the same form
    it should read what Python's `cryptography` reads, field by field
when one piece has a form that RFC 5280 does not allow, or that Nitro does not use
    it should revert, naming what is wrong and where
when a time is at an edge of the calendar
    it should be the second that Python makes of it, or be refused as BadTime
when serial, signature, path length, usage or a name is at an edge
    it should read the largest that is allowed, and refuse the next
gas
    it should be below 41,000 each for the real ones
(what mutated certificates read as is in test_nitro_fuzz)
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import nitro_forms as forms
from tests.support.calls import View, chain
from tests.support.nitro_forms import (
    CRITICAL,
    attribute,
    certificate,
    extension,
    integer,
    oid,
    sequence,
    tlv,
    utc,
)
from tests.support.nitro_oracle import certificate_fields
from tests.support.nitro_readers import read_each

LATIN = "Müller".encode()
BASIC, USAGE = 19, 15


@pytest.fixture(scope="module")
def harness() -> Iterator[View]:
    with chain() as running:
        yield running.deploy("NitroReadersHarness")


def read(harness: View, der: bytes) -> dict[str, Any]:
    """What the contract reads, which must be what Python reads."""
    ((fields, error),) = read_each(harness, "certificate", [der])
    assert fields is not None, error
    assert fields == certificate_fields(der)
    return fields


def refused(harness: View, der: bytes) -> str:
    """The error's name."""
    ((fields, error),) = read_each(harness, "certificate", [der])
    assert fields is None
    return error[0]


def basic(*content: bytes) -> bytes:
    return extension(BASIC, sequence(*content), CRITICAL)


def usage(*content: int) -> bytes:
    return extension(USAGE, tlv(0x03, bytes(content)), CRITICAL)


def name(*parts: bytes) -> bytes:
    return sequence(*parts)


# --- what is right --------------------------------------------------------------------------------


def test_read_realCertificates_asPython(harness: View) -> None:
    if not (paths := forms.real_documents()):
        pytest.skip("missing: ../shared/data/nitro/*.cose")
    for path in paths:
        for der in forms.certificates_in(path.read_bytes()):
            read(harness, der)


def test_read_realCertificates_gas(harness: View) -> None:
    if not (paths := forms.real_documents()):
        pytest.skip("missing: ../shared/data/nitro/*.cose")
    for path in paths:
        _, inner = harness.call("measure", path.read_bytes())
        assert inner < 5 * 41_000


RIGHT: dict[str, bytes] = {
    "as Nitro's": certificate(),
    "authority without limit": certificate(each=[basic(CRITICAL), forms.USAGE]),
    "no authority": certificate(each=[basic(), usage(6, 0xC0)]),
    "usage not critical": certificate(each=[basic(), extension(USAGE, bytes.fromhex("030206c0"))]),
    "usage first": certificate(each=[usage(1, 0x86), basic(CRITICAL)]),
    "path length 0": certificate(each=[basic(CRITICAL, integer(0)), forms.USAGE]),
    "path length 127": certificate(each=[basic(CRITICAL, integer(127)), forms.USAGE]),
    "only keyCertSign": certificate(each=[forms.AUTHORITY, usage(2, 0x04)]),
    "decipherOnly": certificate(each=[forms.AUTHORITY, usage(7, 0x08, 0x80)]),
    "all usages": certificate(each=[forms.AUTHORITY, usage(7, 0xFF, 0x80)]),
    "unknown extension": certificate(each=[forms.AUTHORITY, forms.USAGE, extension(99, b"\x05\x00")]),
    "extension of another arc": certificate(
        each=[forms.AUTHORITY, forms.USAGE, sequence(oid(0x2B, 6, 1, 4, 1, 0x82, 0x37, 1), tlv(4, b""))]
    ),
    "sixteen extensions": certificate(
        each=[forms.AUTHORITY, forms.USAGE, *(extension(80 + i, b"\x05\x00") for i in range(14))]
    ),
    "serial 1": certificate(serial=integer(1)),
    "serial of 20 bytes, high bit": certificate(serial=integer(2**160 - 1)),
    "r = s = 1": certificate(r=integer(1), s=integer(1)),
    "r and s of 48 bytes": certificate(r=integer(2**384 - 1), s=integer(2**383)),
    "r of 33 bytes, s of 32": certificate(r=integer(2**256), s=integer(2**256 - 1)),
    "empty extension value": certificate(each=[forms.AUTHORITY, forms.USAGE, extension(99, b"")]),
    "long name": certificate(subject=name(attribute(3, b"x" * 60), *(attribute(11, b"y" * 64),) * 4)),
    "every printable": certificate(
        issuer=name(attribute(10, b"ABCXYZabcxyz0189 '()+,-./:=?", 0x13)),
    ),
    "times the wrong way round": certificate(before=utc("300101000000Z"), after=utc("200101000000Z")),
}


@pytest.mark.parametrize("der", RIGHT.values(), ids=RIGHT)
def test_read_allowedForm_asPython(harness: View, der: bytes) -> None:
    read(harness, der)


# --- what is wrong --------------------------------------------------------------------------------

EXTENDED_USAGE = extension(37, sequence(oid(0x2B, 6, 1, 5, 5, 7, 3, 1)), CRITICAL)
RSA_KEY = sequence(
    sequence(oid(0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1), b"\x05\0"), tlv(3, b"\0" + bytes(70))
)
P256_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + bytes(64)
WITH_SHA256 = sequence(oid(0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2))
NULL_PARAMETERS = sequence(oid(0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3), b"\x05\0")
COMPRESSED = forms.SPKI.replace(bytes.fromhex("0362000" + "4"), bytes.fromhex("03620002"))
GOOD = certificate()

WRONG: dict[str, tuple[str, bytes]] = {
    "empty": ("Truncated", b""),
    "one byte": ("Truncated", b"\x30"),
    "not a sequence": ("UnexpectedTag", b"\x31" + GOOD[1:]),
    "trailing byte": ("TrailingBytes", certificate(trailing=b"\0")),
    "trailing in the sequence": (
        "TrailingBytes",
        certificate(signature=tlv(3, b"\0", sequence(integer(1), integer(1))) + b"\x05\0"),
    ),
    "cut by a byte": ("Truncated", GOOD[:-1]),
    "indefinite length": ("BadLength", b"\x30\x80" + GOOD[4:] + b"\0\0"),
    "length of 3 bytes": ("BadLength", b"\x30\x83\0" + GOOD[2:]),
    "length of 82 below 100": ("BadLength", b"\x30\x82\x00\xff" + bytes(255)),
    "length of 81 below 80": ("BadLength", certificate(issuer=b"\x30\x81\x0f" + name(attribute(6, b"US", 0x13))[2:])),
    "version 1": ("NotVersion3", certificate(version=b"")),
    "version 2": ("NotVersion3", certificate(version=bytes.fromhex("a003020101"))),
    "version 4": ("NotVersion3", certificate(version=bytes.fromhex("a003020103"))),
    "version not minimal": ("NotVersion3", certificate(version=bytes.fromhex("a00402020002"))),
    "serial 0": ("BadInteger", certificate(serial=integer(0))),
    "serial negative": ("BadInteger", certificate(serial=integer(-1))),
    "serial not minimal": ("BadInteger", certificate(serial=b"\x02\x02\x00\x01")),
    "serial empty": ("BadInteger", certificate(serial=b"\x02\x00")),
    "serial of 21 bytes": ("BadInteger", certificate(serial=integer(2**160))),
    "inner algorithm": ("NotEcdsaWithSha384", certificate(inner=WITH_SHA256)),
    "outer algorithm": ("NotEcdsaWithSha384", certificate(outer=WITH_SHA256)),
    "both algorithms": ("NotEcdsaWithSha384", certificate(inner=WITH_SHA256, outer=WITH_SHA256)),
    "parameters": ("NotEcdsaWithSha384", certificate(inner=NULL_PARAMETERS, outer=NULL_PARAMETERS)),
    "RSA key": ("NotP384Key", certificate(key=RSA_KEY)),
    "P-256 key": ("NotP384Key", certificate(key=P256_SPKI)),
    "compressed point": ("NotP384Key", certificate(key=COMPRESSED)),
    "key of an unused bit": ("NotP384Key", certificate(key=forms.SPKI.replace(b"\x03b\0\x04", b"\x03b\x01\x04"))),
    "key cut": ("NotP384Key", certificate(key=forms.SPKI[:24], extensions=b"")),
    "issuer id": ("UnexpectedTag", certificate(ids=tlv(0x81, b"\0\x01"))),
    "no extensions": ("Truncated", certificate(extensions=b"")),
    "empty extensions": ("MissingExtension", certificate(each=[])),
    "after the extensions": ("TrailingBytes", certificate(after_tbs=b"\x05\0")),
    "in the extensions": ("TrailingBytes", certificate(extensions=tlv(0xA3, sequence(), b"\x05\0"))),
    "no constraints": ("MissingExtension", certificate(each=[forms.USAGE])),
    "no usage": ("MissingExtension", certificate(each=[forms.AUTHORITY, forms.KEY_ID])),
    "constraints twice": ("DuplicateExtension", certificate(each=[forms.AUTHORITY, forms.USAGE, forms.AUTHORITY])),
    "skipped twice": ("DuplicateExtension", certificate(
        each=[forms.AUTHORITY, forms.KEY_ID, forms.KEY_ID, forms.USAGE])),
    "unknown critical": ("UnknownCriticalExtension", certificate(each=[forms.AUTHORITY, forms.USAGE, EXTENDED_USAGE])),
    "critical key id": ("UnknownCriticalExtension", certificate(
        each=[forms.AUTHORITY, forms.USAGE, extension(14, b"\x04\x00", CRITICAL)])),
    "seventeen extensions": ("TooManyExtensions", certificate(
        each=[forms.AUTHORITY, forms.USAGE, *(extension(80 + i, b"\x05\0") for i in range(15))])),
    "critical FALSE": ("BadBoolean", certificate(
        each=[forms.AUTHORITY, extension(USAGE, bytes.fromhex("03020186"), bytes.fromhex("010100"))])),
    "critical 01": ("BadBoolean", certificate(
        each=[forms.AUTHORITY, extension(USAGE, bytes.fromhex("03020186"), bytes.fromhex("010101"))])),
    "critical of two bytes": ("BadBoolean", certificate(
        each=[forms.AUTHORITY, extension(USAGE, bytes.fromhex("03020186"), bytes.fromhex("0102ffff"))])),
    "after an extension's value": ("TrailingBytes", certificate(
        each=[forms.AUTHORITY, sequence(oid(0x55, 0x1D, 15), tlv(4, bytes.fromhex("03020186")), b"\x05\0")])),
    "extension without a value": ("Truncated", certificate(each=[forms.AUTHORITY, sequence(oid(0x55, 0x1D, 15))])),
    "oid empty": ("BadObjectIdentifier", certificate(each=[sequence(oid(), tlv(4, b""))])),
    "oid open": ("BadObjectIdentifier", certificate(each=[sequence(oid(0x55, 0x9D), tlv(4, b""))])),
    "oid with a needless 80": ("BadObjectIdentifier", certificate(each=[sequence(oid(0x55, 0x80, 0x1D), tlv(4, b""))])),
    "oid of 31 bytes": ("BadObjectIdentifier", certificate(each=[sequence(oid(*[1] * 31), tlv(4, b""))])),
    "oid with an arc of 5 bytes": ("BadObjectIdentifier", certificate(
        each=[sequence(oid(0x2B, 0x81, 0x80, 0x80, 0x80, 0), tlv(4, b""))])),
    "constraints FALSE": ("BadBoolean", certificate(each=[basic(bytes.fromhex("010100")), forms.USAGE])),
    "constraints trailing": ("TrailingBytes", certificate(each=[basic(CRITICAL, integer(1), b"\x05\0"), forms.USAGE])),
    "constraints outside": ("TrailingBytes", certificate(
        each=[extension(BASIC, sequence(CRITICAL) + b"\x05\0"), forms.USAGE])),
    "path length 128": ("BadInteger", certificate(each=[basic(CRITICAL, integer(128)), forms.USAGE])),
    "path length negative": ("BadInteger", certificate(each=[basic(CRITICAL, integer(-1)), forms.USAGE])),
    "path length empty": ("BadInteger", certificate(each=[basic(CRITICAL, b"\x02\x00"), forms.USAGE])),
    "path length without authority": ("PathLengthWithoutAuthority", certificate(each=[basic(integer(1)), forms.USAGE])),
    "no usage at all": ("BadBitString", certificate(each=[forms.AUTHORITY, usage(0, 0)])),
    "usage of no byte": ("BadBitString", certificate(each=[forms.AUTHORITY, usage(0)])),
    "usage of three bytes": ("BadBitString", certificate(each=[forms.AUTHORITY, usage(0, 0x86, 1, 1)])),
    "usage with an unused bit set": ("BadBitString", certificate(each=[forms.AUTHORITY, usage(2, 0x86)])),
    "usage with a bit too many": ("BadBitString", certificate(each=[forms.AUTHORITY, usage(0, 0x86)])),
    "usage 8 unused": ("BadBitString", certificate(each=[forms.AUTHORITY, usage(8, 0x80, 0)])),
    "usage undefined": ("BadKeyUsage", certificate(each=[forms.AUTHORITY, usage(6, 0x86, 0x40)])),
    "usage encipherOnly": ("BadKeyUsage", certificate(each=[forms.AUTHORITY, usage(0, 0x87)])),
    "usage decipherOnly": ("BadKeyUsage", certificate(each=[forms.AUTHORITY, usage(7, 0x86, 0x80)])),
    "usage trailing": ("TrailingBytes", certificate(
        each=[forms.AUTHORITY, extension(USAGE, bytes.fromhex("03020186") + b"\x05\0")])),
    "name empty": ("BadName", certificate(issuer=name())),
    "name of two attributes in one": ("BadName", certificate(
        issuer=name(tlv(0x31, *(sequence(oid(0x55, 4, kind), tlv(0x0C, b"x")) for kind in (3, 10)))))),
    "name of an empty string": ("BadName", certificate(subject=name(attribute(3, b"")))),
    "name outside ASCII": ("BadName", certificate(subject=name(attribute(3, LATIN)))),
    "name outside ASCII, long": ("BadName", certificate(subject=name(attribute(3, b"x" * 63 + LATIN)))),
    "name with @ in a PrintableString": ("BadName", certificate(subject=name(attribute(3, b"a@b", 0x13)))),
    "name of a high byte in a PrintableString": ("BadName", certificate(subject=name(attribute(3, b"\xc1", 0x13)))),
    "name of an IA5String": ("BadName", certificate(subject=name(attribute(3, b"x", 0x16)))),
    "name with more in an attribute": ("BadName", certificate(
        subject=name(tlv(0x31, sequence(oid(0x55, 4, 3), tlv(0x0C, b"x"), b"\x05\0"))))),
    "name of an empty set": ("Truncated", certificate(subject=name(tlv(0x31)))),
    "name without a set": ("UnexpectedTag", certificate(subject=name(sequence(oid(0x55, 4, 3), tlv(0x0C, b"x"))))),
    "one time": ("Truncated", certificate(validity=sequence(utc("240222093614Z")))),
    "three times": ("TrailingBytes", certificate(validity=sequence(*[utc("240222093614Z")] * 3))),
    "signature of an unused bit": ("BadSignature", certificate(
        signature=tlv(3, b"\x01", sequence(integer(1), integer(2))))),
    "signature empty": ("BadSignature", certificate(signature=tlv(3))),
    "signature trailing": ("TrailingBytes", certificate(
        signature=tlv(3, b"\0", sequence(integer(1), integer(2)), b"\0"))),
    "r, s and t": ("TrailingBytes", certificate(signature=tlv(3, b"\0", sequence(*[integer(1)] * 3)))),
    "r alone": ("Truncated", certificate(signature=tlv(3, b"\0", sequence(integer(1))))),
    "r 0": ("BadInteger", certificate(r=integer(0))),
    "s 0": ("BadInteger", certificate(s=integer(0))),
    "s negative": ("BadInteger", certificate(s=integer(-1))),
    "s not minimal": ("BadInteger", certificate(s=b"\x02\x02\x00\x7f")),
    "s of 49 bytes": ("BadInteger", certificate(s=integer(2**384))),
}  # fmt: skip


@pytest.mark.parametrize(("error", "der"), WRONG.values(), ids=WRONG)
def test_read_wrongForm_reverts(harness: View, error: str, der: bytes) -> None:
    assert refused(harness, der) == error


def test_read_wrongForm_namesThePlace(harness: View) -> None:
    ((_, error),) = read_each(harness, "certificate", [certificate(outer=WITH_SHA256)])
    assert error == ("NotEcdsaWithSha384", (certificate(outer=WITH_SHA256).rindex(WITH_SHA256),))
    ((_, error),) = read_each(harness, "certificate", [certificate(trailing=b"\0")])
    assert error == ("TrailingBytes", (len(GOOD), len(GOOD) + 1))


@pytest.mark.parametrize("which", [forms.certificate(), b"\xa0" * 600], ids=["certificate", "noise"])
def test_read_cutAnywhere_reverts(harness: View, which: bytes) -> None:
    for fields, (error, _) in read_each(harness, "certificate", [which[:n] for n in range(len(which))]):
        assert fields is None and error not in ("", "Panic", "Error")


# --- time ----------------------------------------------------------------------------------------

TIMES = [
    ("utc", "700101000000Z"), ("utc", "991231235959Z"), ("utc", "000101000000Z"), ("utc", "000229000000Z"),
    ("utc", "491231235959Z"), ("utc", "240229235959Z"), ("utc", "240301000000Z"), ("utc", "230228235959Z"),
    ("utc", "381231235959Z"), ("generalized", "20500101000000Z"), ("generalized", "20520229000000Z"),
    ("generalized", "20991231235959Z"), ("generalized", "21000228235959Z"), ("generalized", "21000301000000Z"),
    ("generalized", "24000229000000Z"), ("generalized", "99991231235959Z"),
    *(("utc", f"23{month:02}01000000Z") for month in range(1, 13)),
    *(("generalized", f"2096{month:02}28010203Z") for month in range(1, 13)),
]  # fmt: skip

NO_TIMES = [
    ("utc", "500101000000Z"), ("utc", "691231235959Z"), ("generalized", "20491231235959Z"),
    ("generalized", "00000101000000Z"), ("generalized", "19700101000000Z"), ("utc", "230229000000Z"),
    ("utc", "000230000000Z"), ("generalized", "21000229000000Z"), ("utc", "240431000000Z"), ("utc", "240631000000Z"),
    ("utc", "240931000000Z"), ("utc", "241131000000Z"), ("utc", "240132000000Z"), ("utc", "240001000000Z"),
    ("utc", "241301000000Z"), ("utc", "240100000000Z"), ("utc", "240101240000Z"), ("utc", "240101006000Z"),
    ("utc", "240630235960Z"), ("utc", "240101000060Z"), ("utc", "2401010000Z"), ("utc", "240101000000+0000"),
    ("utc", "240101000000z"), ("utc", "24010100000:Z"), ("utc", "24010100000/Z"), ("utc", "2401010000 0Z"),
    ("utc", "-40101000000Z"), ("utc", "240101000000.5Z"), ("utc", "2401010000000"), ("utc", ""), ("utc", "Z"),
    ("generalized", "20500101000000.0Z"), ("generalized", "20500101000000"), ("generalized", "205001010000Z"),
    ("generalized", "240101000000Z"), ("utc", "20500101000000Z"),
]  # fmt: skip

MAKERS: dict[str, Callable[[str], bytes]] = {"utc": utc, "generalized": forms.generalized}


@pytest.mark.parametrize(("kind", "text"), TIMES)
def test_read_time_isThatSecond(harness: View, kind: str, text: str) -> None:
    coded = MAKERS[kind](text)
    full = text if kind == "generalized" else ("19" if text[:2] >= "50" else "20") + text
    expected = int(datetime.strptime(full, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp())
    fields = read(harness, certificate(before=coded, after=coded))
    assert fields["notBefore"] == fields["notAfter"] == expected


@pytest.mark.parametrize(("kind", "text"), NO_TIMES)
def test_read_noTime_reverts(harness: View, kind: str, text: str) -> None:
    coded = MAKERS[kind](text)
    assert refused(harness, certificate(before=coded)) == "BadTime"
    assert refused(harness, certificate(after=coded)) == "BadTime"


def test_read_otherTagForTime_reverts(harness: View) -> None:
    assert refused(harness, certificate(before=tlv(0x16, b"240101000000Z"))) == "BadTime"
