"""Nitro documents read in Solidity (contracts/attestation/NitroDocument.sol).

when the document is one of the real ones, or spelled out in the same form
    it should read what `cbor2` reads, field by field
    it should give the bytes that the document's key signs, and their SHA-384
when one piece has a form that no real document has
    it should revert, naming what is wrong and where
when it is cut anywhere
    it should revert, and never panic
gas
    it should be below 41,000, its certificates aside, and below 250,000 with them
(what mutated documents read as is in test_nitro_fuzz)
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest

from tests.support import nitro_forms as forms
from tests.support.calls import View, chain
from tests.support.nitro_forms import NULL, REGISTERS, document, entries, head, payload_of, string, text
from tests.support.nitro_oracle import document_fields
from tests.support.nitro_readers import read_each

PCR = bytes(range(48))


@pytest.fixture(scope="module")
def harness() -> Iterator[View]:
    with chain() as running:
        yield running.deploy("NitroReadersHarness")


def read(harness: View, raw: bytes) -> dict[str, Any]:
    """What the contract reads, which must be what Python reads."""
    ((fields, error),) = read_each(harness, "document", [raw])
    assert fields is not None, error
    assert fields == document_fields(raw)
    return fields


def keyless(name: str) -> dict[bytes, bytes]:
    """A document's entries without this one."""
    return {key: value for key, value in entries().items() if key != text(name)}


def one_pcr(key: bytes, value: bytes = string(PCR)) -> bytes:
    return document(pcrs=b"\xa1" + key + value)


def short_of(name: str) -> bytes:
    return document(payload_of(keyless(name)))


BACKWARDS = dict(reversed(entries().items()))
WHOLE = payload_of(entries())
#: Everything but the map's head, and the break of one of indefinite length.
INSIDE = WHOLE[1:]

RIGHT: dict[str, bytes] = {
    "definite": document(),
    "indefinite": document(payload_of(entries(), indefinite=True)),
    "tagged": document(tag=b"\xd2"),
    "backwards": document(payload_of(BACKWARDS)),
    "backwards, indefinite": document(payload_of(BACKWARDS, indefinite=True)),
    "all null": document(public_key=NULL, user_data=NULL, nonce=NULL),
    "all empty": document(public_key=string(b""), user_data=string(b""), nonce=string(b"")),
    "all full": document(public_key=string(b"k" * 1024), user_data=string(b"u" * 512), nonce=string(b"n" * 512)),
    "one PCR": one_pcr(b"\x00"),
    "PCR 31": one_pcr(b"\x18\x1f"),
    "32 PCRs": document(pcrs=forms.pcrs_of(dict.fromkeys(range(32), PCR))),
    "PCRs backwards": document(pcrs=forms.pcrs_of(dict(reversed(REGISTERS.items())))),
    "timestamp 1": document(timestamp=head(0, 1)),
    "timestamp of 64 bits": document(timestamp=head(0, 2**64 - 1)),
    "one certificate above": document(cabundle=head(4, 1) + string(b"root")),
    "16 certificates above": document(cabundle=head(4, 16) + b"".join(string(b"%d" % i) for i in range(16))),
    "certificates of 1,024 bytes": document(
        certificate=string(bytes(1024)), cabundle=head(4, 1) + string(bytes(1024))
    ),
    "module_id of a byte": document(module_id=text("i")),
    "module_id of 300": document(module_id=text("i" * 300)),
    "the largest": document(module_id=text("i" * (16_384 - len(document(module_id=text("i" * 300))) + 300))),
}  # fmt: skip


@pytest.mark.parametrize("raw", RIGHT.values(), ids=RIGHT)
def test_read_allowedForm_asPython(harness: View, raw: bytes) -> None:
    fields = read(harness, raw)
    assert fields["userData"] is None or isinstance(fields["userData"], bytes)


@pytest.mark.parametrize(
    "raw", [RIGHT["definite"], RIGHT["indefinite"], RIGHT["tagged"], RIGHT["the largest"]]
)
def test_signedBytes_allowedForm_areSigStructure(harness: View, raw: bytes) -> None:
    check_signed(harness, raw)


def check_signed(harness: View, raw: bytes) -> None:
    outer = cbor2.loads(raw)
    protected, _, payload, _ = outer.value if isinstance(outer, cbor2.CBORTag) else outer
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    assert harness.call("signedBytes", raw) == signed
    high, low = harness.call("digest", raw)
    assert high.to_bytes(16) + low.to_bytes(32) == hashlib.sha384(signed).digest()


def test_read_realDocuments_asPython(harness: View) -> None:
    if not (paths := forms.real_documents()):
        pytest.skip("missing: ../shared/data/nitro/*.cose")
    for path in paths:
        raw = path.read_bytes()
        read(harness, raw)
        check_signed(harness, raw)
        alone, inner = harness.call("measure", raw)
        assert alone < 41_000 and alone + inner < 250_000


# --- what is wrong --------------------------------------------------------------------------------

GOOD = document()
SIGNATURE = bytes(range(1, 97))

WRONG: dict[str, tuple[str, bytes]] = {
    "empty": ("TruncatedItem", b""),
    "tag alone": ("TruncatedItem", b"\xd2"),
    "tag 17": ("UnexpectedType", document(tag=b"\xd1")),
    "tag 18 not minimal": ("UnexpectedType", document(tag=b"\xd8\x12")),
    "tag 18 twice": ("UnexpectedType", document(tag=b"\xd2\xd2")),
    "array of 3": ("BadCount", document(array=b"\x83")),
    "array of 5": ("BadCount", document(array=b"\x85", trailing=b"\xf6")),
    "array not minimal": ("BadHead", document(array=b"\x98\x04")),
    "indefinite array": ("IndefiniteLength", document(array=b"\x9f", trailing=b"\xff")),
    "too long": ("DocumentTooLong", RIGHT["the largest"] + b"\0"),
    "trailing": ("TrailingItems", document(trailing=b"\0")),
    "ES256": ("BadHeader", document(headers=bytes.fromhex("43a10126a0"))),
    "ES512": ("BadHeader", document(headers=bytes.fromhex("44a1013823a0"))),
    "algorithm not minimal": ("BadHeader", document(headers=bytes.fromhex("45a101390022a0"))),
    "protected header of two": ("BadHeader", document(headers=bytes.fromhex("46a20138220400a0"))),
    "unprotected header of one": ("BadHeader", document(headers=bytes.fromhex("44a1013822a10400"))),
    "unprotected header indefinite": ("BadHeader", document(headers=bytes.fromhex("44a1013822bfff"))),
    "protected header not a string": ("BadHeader", document(headers=bytes.fromhex("a1013822a0"))),
    "payload text": ("UnexpectedType", GOOD.replace(string(WHOLE), b"\x79" + string(WHOLE)[1:])),
    "payload null": ("UnexpectedType", b"\x84" + forms.HEADERS + NULL + string(SIGNATURE)),
    "payload in chunks": (
        "IndefiniteLength",
        b"\x84" + forms.HEADERS + b"\x5f" + string(WHOLE) + b"\xff" + string(SIGNATURE),
    ),
    "payload's length not minimal": (
        "BadHead",
        b"\x84" + forms.HEADERS + b"\x5a\0\0" + string(WHOLE)[1:] + string(SIGNATURE),
    ),
    "payload empty": ("TruncatedItem", document(b"")),
    "payload an array": ("UnexpectedType", document(b"\x89" + INSIDE)),
    "payload trailing": ("TrailingItems", document(WHOLE + b"\0")),
    "payload trailing the break": ("TrailingItems", document(b"\xbf" + INSIDE + b"\xff\xff")),
    "no break": ("TruncatedItem", document(b"\xbf" + INSIDE)),
    "break in a definite map": ("TrailingItems", document(WHOLE + b"\xff")),
    "break before a value": ("UnexpectedType", document(b"\xbf" + INSIDE[:-1] + b"\xff\xff")),
    "count too low": ("TrailingItems", document(payload_of(entries(), count=8))),
    "count too high": ("TruncatedItem", document(payload_of(entries(), count=10))),
    "count not minimal": ("BadHead", document(b"\xb8\x09" + INSIDE)),
    "count of 64 bits": ("TruncatedItem", document(b"\xbb" + b"\xff" * 8 + INSIDE)),
    "reserved head": ("BadHead", document(b"\xbc" + INSIDE)),
    "signature of 95": ("BadSize", document(signature=string(SIGNATURE[1:]))),
    "signature of 97": ("BadSize", document(signature=string(SIGNATURE + b"\0"))),
    "signature in chunks": ("IndefiniteLength", document(signature=b"\x5f" + string(SIGNATURE) + b"\xff")),
    "signature text": ("UnexpectedType", document(signature=text("a" * 96))),
    "unknown key": ("UnknownKey", document(payload_of(entries() | {text("pcr"): NULL}))),
    "empty key": ("UnknownKey", document(payload_of(entries() | {text(""): NULL}))),
    "key with a zero": ("UnknownKey", document(payload_of(keyless("nonce") | {text("nonce\0"): NULL}))),
    "key in capitals": ("UnknownKey", document(payload_of(keyless("nonce") | {text("Nonce"): NULL}))),
    "long key": ("UnknownKey", document(payload_of(entries() | {text("n" * 40): NULL}))),
    "key a number": ("UnexpectedType", document(payload_of(keyless("nonce") | {b"\x01": NULL}))),
    "key of bytes": ("UnexpectedType", document(payload_of(keyless("nonce") | {string(b"nonce"): NULL}))),
    "key not minimal": ("BadHead", document(payload_of(keyless("nonce") | {b"\x78\x05nonce": NULL}))),
    "key in chunks": ("IndefiniteLength", document(payload_of(keyless("nonce") | {b"\x7f\x65nonce\xff": NULL}))),
    "key outside ASCII": ("NotAscii", document(payload_of(entries() | {text("é"): NULL}))),
    "key not UTF-8": ("NotAscii", document(payload_of(entries() | {b"\x61\xff": NULL}))),
    **{
        f"{name} twice": (
            "DuplicateKey",
            document(head(5, 10) + INSIDE + text(name) + entries()[text(name)]),
        )
        for name in cbor2.loads(WHOLE)
    },
    **{f"without {name}": ("MissingKey", short_of(name)) for name in cbor2.loads(WHOLE)},
    "module_id empty": ("BadSize", document(module_id=text(""))),
    "module_id bytes": ("UnexpectedType", document(module_id=string(b"i-0"))),
    "module_id outside ASCII": ("NotAscii", document(module_id=text("i" * 40 + "é"))),
    "module_id null": ("UnexpectedType", document(module_id=NULL)),
    "digest SHA256": ("UnknownDigest", document(digest=text("SHA256"))),
    "digest sha384": ("UnknownDigest", document(digest=text("sha384"))),
    "digest empty": ("UnknownDigest", document(digest=text(""))),
    "digest bytes": ("UnexpectedType", document(digest=string(b"SHA384"))),
    "timestamp 0": ("NoTimestamp", document(timestamp=head(0, 0))),
    "timestamp negative": ("UnexpectedType", document(timestamp=head(1, 5))),
    "timestamp a bignum": ("UnexpectedType", document(timestamp=cbor2.dumps(2**64))),
    "timestamp a float": ("UnexpectedType", document(timestamp=cbor2.dumps(1.5))),
    "timestamp a date": ("UnexpectedType", document(timestamp=b"\xc1" + head(0, 1_708_930_921))),
    "timestamp not minimal": ("BadHead", document(timestamp=b"\x1b" + (2**32 - 1).to_bytes(8))),
    "timestamp text": ("UnexpectedType", document(timestamp=text("1708930921439"))),
    "timestamp null": ("UnexpectedType", document(timestamp=NULL)),
    "no PCRs": ("BadCount", document(pcrs=b"\xa0")),
    "33 PCRs": ("BadCount", document(pcrs=forms.pcrs_of(dict.fromkeys(range(33), PCR)))),
    "PCRs indefinite": ("IndefiniteLength", document(pcrs=b"\xbf\x00" + string(PCR) + b"\xff")),
    "PCRs an array": ("UnexpectedType", document(pcrs=b"\x81" + string(PCR))),
    "PCR 32": ("BadPcr", one_pcr(b"\x18\x20")),
    "PCR of 64 bits": ("BadPcr", one_pcr(b"\x1b" + b"\xff" * 8)),
    "PCR -1": ("UnexpectedType", one_pcr(b"\x20")),
    "PCR by text": ("UnexpectedType", one_pcr(text("0"))),
    "PCR's number not minimal": ("BadHead", one_pcr(b"\x18\x00")),
    "PCR twice": ("BadPcr", document(pcrs=b"\xa2" + 2 * (b"\x03" + string(PCR)))),
    "PCR of 47": ("BadPcr", one_pcr(b"\x00", string(PCR[1:]))),
    "PCR of 49": ("BadPcr", one_pcr(b"\x00", string(PCR + b"\0"))),
    "PCR of SHA-256": ("BadPcr", one_pcr(b"\x00", string(bytes(32)))),
    "PCR empty": ("BadPcr", one_pcr(b"\x00", string(b""))),
    "PCR null": ("UnexpectedType", one_pcr(b"\x00", NULL)),
    "PCR's length not minimal": ("BadHead", one_pcr(b"\x00", b"\x59\x00\x30" + PCR)),
    "certificate empty": ("BadSize", document(certificate=string(b""))),
    "certificate of 1,025": ("BadSize", document(certificate=string(bytes(1025)))),
    "certificate null": ("UnexpectedType", document(certificate=NULL)),
    "nonce past the end": ("TruncatedItem", document(
        payload_of(keyless("nonce") | {text("nonce"): b"\x59\x04\x00"}))),
    "no certificate above": ("BadCount", document(cabundle=b"\x80")),
    "17 certificates above": ("BadCount", document(cabundle=head(4, 17) + string(b"x") * 17)),
    "certificates above: 2^64 - 1": ("BadCount", document(cabundle=head(4, 2**64 - 1) + string(b"x"))),
    "certificates above indefinite": ("IndefiniteLength", document(cabundle=b"\x9f" + string(b"x") + b"\xff")),
    "certificate above empty": ("BadSize", document(cabundle=b"\x81" + string(b""))),
    "certificate above of 1,025": ("BadSize", document(cabundle=b"\x81" + string(bytes(1025)))),
    "certificate above null": ("UnexpectedType", document(cabundle=b"\x81" + NULL)),
    "public_key of 1,025": ("BadSize", document(public_key=string(bytes(1025)))),
    "user_data of 513": ("BadSize", document(user_data=string(bytes(513)))),
    "nonce of 513": ("BadSize", document(nonce=string(bytes(513)))),
    "nonce text": ("UnexpectedType", document(nonce=text("nonce"))),
    "nonce undefined": ("UnexpectedType", document(nonce=b"\xf7")),
    "nonce in chunks": ("IndefiniteLength", document(nonce=b"\x5f\x41n\xff")),
    "nonce null in two bytes": ("UnexpectedType", document(nonce=b"\xf8\xf6")),
}  # fmt: skip


@pytest.mark.parametrize(("error", "raw"), WRONG.values(), ids=WRONG)
def test_read_wrongForm_reverts(harness: View, error: str, raw: bytes) -> None:
    ((fields, found),) = read_each(harness, "document", [raw])
    assert fields is None and found[0] == error


def test_read_wrongForm_namesThePlace(harness: View) -> None:
    raw = document(timestamp=head(1, 5))
    ((_, error),) = read_each(harness, "document", [raw])
    assert error == ("UnexpectedType", (raw.index(text("timestamp")) + 10, 0, 1))
    ((_, error),) = read_each(harness, "document", [short_of("digest")])
    assert error == ("MissingKey", (len(short_of("digest")) - 98, 0b1_1111_1101))


@pytest.mark.parametrize("raw", [GOOD, RIGHT["indefinite"]], ids=["definite", "indefinite"])
def test_read_cutAnywhere_reverts(harness: View, raw: bytes) -> None:
    for fields, (error, _) in read_each(harness, "document", [raw[:n] for n in range(len(raw))]):
        assert fields is None and error not in ("", "Panic", "Error")
