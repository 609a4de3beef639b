"""Two documents of real AWS Nitro enclaves, of 2024 (a definite CBOR map) and of 2026 (an indefinite one, high s).

a real document
├── when it is judged at its own time under AWS's root → it should hold, and say what is known of it
├── when it is judged at another time → it should hold until its certificate of three hours ends
├── when any byte of it is altered → it should never hold, and never fail but by name
└── when parts of one stand in the other → it should not hold
"""

from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterproof.attestation.binding import KeyHashes, key_hashes
from afterproof.attestation.certificates import Certificate
from afterproof.attestation.checks import AWS_ROOT, Check, Outcome, Policy
from afterproof.attestation.document import Document, parse
from afterproof.attestation.errors import InvalidDocument
from afterproof.attestation.verify import verify
from tests.support.nitro_authority import PROTECTED, N

FOLDER = Path(__file__).parents[2] / "../shared/data/nitro"
FILES = ("real-2024.cose", "real-2026-02.cose")
REGIONS = 24

both = pytest.mark.parametrize("file", FILES)


def real(file: str) -> bytes:
    path = FOLDER / file
    if not path.exists():
        pytest.skip(f"missing: ../shared/data/nitro/{file}, a document of a real enclave")
    return path.read_bytes()


def held(document: Document) -> bool:
    return verify(document, Policy()).holds


@both
def test_real_document_holds_at_its_own_time(file: str) -> None:
    document = parse(real(file))
    policy = Policy(
        measurements=(document.pcrs,),
        nonce=document.nonce,
        public_key=document.public_key,
        at=document.seconds,
    )
    report = verify(document, policy)
    assert report.failed == () and report.holds
    unasked = {each.check for each in report.findings if each.outcome is Outcome.NOT_ASKED}
    assert unasked == ({Check.REVOCATION, Check.NONCE} if document.nonce is None else {Check.REVOCATION})


@both
def test_real_document_says_what_is_known_of_it(file: str) -> None:
    document = parse(real(file))
    chain = verify(document, Policy()).chain
    assert all(isinstance(each, Certificate) for each in chain)
    root, *_, last = (each for each in chain if isinstance(each, Certificate))
    assert root.sha256 == AWS_ROOT and last.not_after - last.not_before == 3 * 3600 + 3
    assert [each.path_length for each in chain if isinstance(each, Certificate)] == [None, 2, 1, 0, None]
    # The names and serial numbers that a registry revokes by stand in the certificates as they are.
    for each in chain:
        assert isinstance(each, Certificate)
        assert each.serial.to_bytes(20).lstrip(b"\0") in each.der and each.issuer_der in each.der
    known = {
        "real-2024.cose": ("i-0df237f0418feb41e-enc018d1c7ef94eb110", 1_708_930_921_439, False,
                           "224b1a20cde6dfef56dd517c5a4eb5bc82f4a85b2293195bba6a7e64f0d8591f"),
        "real-2026-02.cose": ("i-0340e0cb833504eb6-enc019c12d31f78864d", 1_770_918_962_724, True,
                              "8082af22571613eabd5dad9c7e857c4f16154ded3d387386d8193b53906f6a24"),
    }[file]  # fmt: skip
    assert document.measurement is not None
    high = int.from_bytes(document.signature[48:]) > N // 2
    assert (document.module_id, document.timestamp, high, document.measurement.hex()) == known


def test_real_gateway_s_document_binds_its_two_keys() -> None:
    """OpenGradient's: 0x12 0x20 and a SHA-256, twice."""
    document = parse(real("real-2026-02.cose"))
    assert key_hashes(document) == KeyHashes(
        bytes.fromhex("b735546536e78ee12beea2d384fcda35f7491446c6858f79fa7ad5e4ae89b49f"),
        bytes.fromhex("abf9d7453422eb419fc1391604b070a81bd6a61f4d9ae0ee71ab24d77670c154"),
    )
    assert key_hashes(parse(real("real-2024.cose"))) is None


@both
def test_real_document_at_another_time(file: str) -> None:
    document = parse(real(file))
    last = verify(document, Policy()).chain[-1]
    assert isinstance(last, Certificate)
    assert verify(document, Policy(at=last.not_after)).holds
    assert verify(document, Policy(at=last.not_after + 1)).failed == (Check.TIME,)
    assert verify(document, Policy(at=document.seconds - 1)).failed == (Check.TIME,)


@both
def test_real_document_with_low_and_high_s_holds(file: str) -> None:
    raw = real(file)
    document = parse(raw)
    other = N - int.from_bytes(document.signature[48:])
    assert held(parse(raw[:-48] + other.to_bytes(48)))


@both
@pytest.mark.parametrize("region", range(REGIONS))
def test_real_document_altered_anywhere_never_holds(file: str, region: int) -> None:
    """Every seventh byte of every region of the file, another bit each time."""
    raw = real(file)
    size = len(raw) // REGIONS + 1
    seen = 0
    for at in range(region * size, min((region + 1) * size, len(raw)), 7):
        altered = bytearray(raw)
        altered[at] ^= 1 << at % 8
        seen += 1
        try:
            assert not held(parse(bytes(altered))), f"byte {at}"
        except InvalidDocument as error:
            assert error.rule, f"byte {at}"
    assert seen > 20


@both
@given(data=st.data())
def test_real_document_cut_or_stretched_is_refused(file: str, data: st.DataObject) -> None:
    raw = real(file)
    at = data.draw(st.integers(0, len(raw) - 1))
    piece = data.draw(st.binary(max_size=8))
    for altered in (raw[:at], raw[at + 1 :], raw[:at] + raw[at + 1 :], raw[:at] + b"\0" + piece + raw[at:]):
        try:
            assert not held(parse(altered))
        except InvalidDocument as error:
            assert error.rule


def test_real_documents_with_parts_exchanged_do_not_hold() -> None:
    first, second = (parse(real(file)) for file in FILES)
    for payload, signature in ((first.payload, second.signature), (second.payload, first.signature)):
        report = verify(parse(cbor2.dumps([PROTECTED, {}, payload, signature])), Policy())
        assert report.failed == (Check.DOCUMENT_SIGNATURE,)
    fields = cbor2.loads(first.payload)
    fields["certificate"], fields["cabundle"] = second.certificate, list(second.cabundle)
    report = verify(parse(cbor2.dumps([PROTECTED, {}, cbor2.dumps(fields), second.signature])), Policy())
    assert report.failed == (Check.VALIDITY, Check.DOCUMENT_SIGNATURE)
