"""Parsing Nitro documents: what is of their form is taken, and every departure from it named.

CBOR
├── when it is of the bounded form → it should decode as cbor2 does
├── when it is of another form (tags, floats, long heads, indefinite strings, other keys) → it should be refused
├── when a key stands twice, bytes follow, or it ends early → it should be refused
└── when it is hostile (deep, or of huge lengths) → it should be refused at once, in little memory
a document
├── when a field is missing, unknown, of another type or beyond its size → it should be refused by its name
├── when a field is at its very limit → it should be taken
└── when it is altered anywhere → it should be taken or refused by name, never fail otherwise
"""

import time
import tracemalloc
from typing import Any

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from afterproof.attestation.cbor import MAX_DEPTH, decode
from afterproof.attestation.checks import Check, Policy
from afterproof.attestation.document import MAX_DOCUMENT, MEASURED, parse
from afterproof.attestation.errors import InvalidDocument
from afterproof.attestation.report import to_json
from afterproof.attestation.verify import verify
from tests.support.nitro_authority import ABSENT, PCRS, PROTECTED, Authority, encoded_map

AT = 1_770_918_962
AUTHORITY = Authority(b"document")
ISSUED = AUTHORITY.issue(AT)
POLICY = Policy(AUTHORITY.root_hash)


def refused(**fields: Any) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        parse(AUTHORITY.issue(AT, **fields).raw)
    return caught.value


def sign1(*parts: object) -> bytes:
    return cbor2.dumps(list(parts))


# --- CBOR -----------------------------------------------------------------------------------------

LEAVES = st.none() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=300)
KEYS = st.integers(-(2**64), 2**64 - 1) | st.text(max_size=20)


def nested(depth: int) -> st.SearchStrategy[Any]:
    if not depth:
        return LEAVES
    inner = nested(depth - 1)
    return LEAVES | st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)


@given(nested(MAX_DEPTH))
def test_decode_bounded_form_reads_as_it_was_written(value: Any) -> None:
    assert decode(cbor2.dumps(value), "it") == value


@given(st.dictionaries(KEYS, LEAVES, max_size=6))
def test_decode_indefinite_map_reads_as_definite(value: Any) -> None:
    assert decode(encoded_map(value, indefinite=True), "it") == value


@given(st.binary(max_size=200))
@example(b"\xbf")
@example(b"\xa1")
@example(b"\x9b" + b"\xff" * 8)
def test_decode_anything_is_an_item_or_refused_by_name(data: bytes) -> None:
    try:
        value = decode(data, "it")
    except InvalidDocument as error:
        assert error.field.startswith("it")
    else:
        assert cbor2.loads(data) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "byte 0, must not end in the middle"), ("18", "must not end in the middle"),
        ("58", "must not end in the middle"), ("4200", "must not claim 2 bytes where 1 are left"),
        ("1817", "as short as can be"), ("1900ff", "as short as can be"), ("1a0000ffff", "as short as can be"),
        ("1b00000000ffffffff", "as short as can be"), ("580100", "as short as can be"), ("b80100f6", "as short as"),
        ("9fff", "indefinite length, unless it is a map"), ("5f4100ff", "indefinite length"),
        ("7f6100ff", "indefinite length"), ("1c", "must be a known head"), ("fe", "must not hold floats"),
        ("f5", "must not hold floats, booleans"), ("f7", "must not hold floats"), ("fa00000000", "must not"),
        ("c000", "must not hold tags"), ("d81c81d81d00", "must not hold tags"), ("ff", "must not hold floats"),
        ("a1f600", "must not hold floats, booleans"), ("a1410000", "integers or text as a map's keys"),
        ("a1a00000", "integers or text as a map's keys"), ("a2000100f6", "the same key twice"),
        ("bf616100616100ff", "the same key twice"), ("bf0000", "must not end in the middle"), ("bf00ff", "floats"),
        ("0000", "must end with its CBOR item: 1 bytes follow"), ("a0f6", "must end with its CBOR item"),
        ("61ff", "must hold text as UTF-8"), ("8181818180", "must not be nested deeper than 4"),
        ("bf00bf00bf00bf00bf00ff", "must not be nested deeper than 4"),
    ],
)  # fmt: skip
def test_decode_another_form_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidDocument, match=said):
        decode(bytes.fromhex(text), "it")


HOSTILE = {
    "nested arrays": b"\x81" * (MAX_DOCUMENT - 1) + b"\x00",
    "nested maps": b"\xbf\x00" * (MAX_DOCUMENT // 2),
    "nested tags": b"\xd2" * MAX_DOCUMENT,
    "a huge array": b"\x9b" + b"\xff" * 8,
    "a huge map": b"\xbb" + b"\xff" * 8,
    "a huge string": b"\x5b" + b"\xff" * 8,
    "huge arrays one after another": (b"\x9b" + b"\xff" * 8) * (MAX_DOCUMENT // 9),
    "many items": b"\x99\x3f\xfd" + b"\x00" * (MAX_DOCUMENT - 3),
    "many maps": b"\x99\x3f\xfd" + b"\xa0" * (MAX_DOCUMENT - 3),
    "many keys": b"\xbf" + b"".join(cbor2.dumps(n) + b"\0" for n in range(4000)) + b"\xff",
    "a bignum": b"\xc2\x59\x3f\xfc" + b"\xff" * (MAX_DOCUMENT - 4),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("inside", [False, True])
def test_parse_hostile_bytes_refused_at_once(hostile: bytes, inside: bool) -> None:
    """Within a second and 16 MB, on any machine: the bytes themselves are 16 kB."""
    raw = sign1(PROTECTED, {}, hostile[: MAX_DOCUMENT - 200], bytes(96)) if inside else hostile[:MAX_DOCUMENT]
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(InvalidDocument):
        parse(raw)
    spent, (_, most) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent < 1 and most < 16 << 20


# --- the envelope ---------------------------------------------------------------------------------


def test_parse_size_is_bounded() -> None:
    with pytest.raises(InvalidDocument, match="the document must have at most 16384 bytes, not 16385"):
        parse(bytes(MAX_DOCUMENT + 1))
    with pytest.raises(InvalidDocument, match="the document must not be empty"):
        parse(b"")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (sign1(PROTECTED, {}, ISSUED.payload), "an array of four"), (cbor2.dumps({}), "an array of four"),
        (sign1(PROTECTED, {}, ISSUED.payload, bytes(96), None), "an array of four"), (b"\xd2\xd2\x80", "tags"),
        (b"\xd3" + ISSUED.raw, "must not hold tags"), (ISSUED.raw + b"\0", "1 bytes follow it"),
        (sign1(b"", {}, ISSUED.payload, bytes(96)), "protected header must be {1: -35}"),
        (sign1(bytes.fromhex("a1013823"), {}, ISSUED.payload, bytes(96)), "protected header must be"),
        (sign1(bytes.fromhex("a201382204f6"), {}, ISSUED.payload, bytes(96)), "protected header must be"),
        (sign1({1: -35}, {}, ISSUED.payload, bytes(96)), "protected header must be"),
        (sign1(PROTECTED, {4: b"kid"}, ISSUED.payload, bytes(96)), "unprotected header must be an empty map"),
        (sign1(PROTECTED, None, ISSUED.payload, bytes(96)), "unprotected header must be an empty map"),
        (sign1(PROTECTED, {}, None, bytes(96)), "the payload must be 1 to 16384 bytes"),
        (sign1(PROTECTED, {}, ISSUED.payload, bytes(95)), "the signature must be 96 bytes"),
        (sign1(PROTECTED, {}, ISSUED.payload, bytes(97)), "the signature must be 96 bytes"),
        (sign1(PROTECTED, {}, ISSUED.payload, None), "the signature must be 96 bytes"),
        (sign1(PROTECTED, {}, b"\x80", bytes(96)), "the payload must be a map"),
        (sign1(PROTECTED, {}, ISSUED.payload + b"\0", bytes(96)), "the payload must end with its CBOR item"),
    ],
)  # fmt: skip
def test_parse_another_envelope_is_refused(raw: bytes, said: str) -> None:
    with pytest.raises(InvalidDocument, match=said):
        parse(raw)


# --- the fields -----------------------------------------------------------------------------------

NAMES = (
    "module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle", "public_key", "user_data", "nonce",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_parse_missing_field_is_named(name: str) -> None:
    assert str(refused(**{name: ABSENT})) == f"{name} is missing"


@pytest.mark.parametrize("name", ["extra", "Module_id", 7])
def test_parse_unknown_field_is_named(name: Any) -> None:
    fields = AUTHORITY.fields(AT, ISSUED.chain) | {name: None}
    assert repr(str(name)) in str(refused(payload=encoded_map(fields, indefinite=True)))


@pytest.mark.parametrize("name", NAMES)
def test_parse_field_twice_is_refused(name: str) -> None:
    again = cbor2.dumps(name) + b"\xf6"
    assert "the same key twice" in str(refused(payload=ISSUED.payload[:-1] + again + b"\xff"))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("module_id", ["", None, b"i-0", 0]), ("digest", ["SHA256", "sha384", "", None, b"SHA384"]),
        ("timestamp", [0, -1, None, "1770918962724", b"\x01"]),
        ("pcrs", [None, [], {}, {i: bytes(48) for i in range(33)}]),
        ("pcrs", [{32: bytes(48)}, {-1: bytes(48)}, {"0": bytes(48)}]),
        ("pcrs[0]", [{0: each} for each in (b"", bytes(32), bytes(47), bytes(49), bytes(64), None, "a" * 48)]),
        ("certificate", [None, b"", bytes(1025), "a"]), ("cabundle", [None, [], {}, b"certificate"]),
        ("cabundle[0]", [[b""], [None], [bytes(1025)], [[b"a"]]]), ("cabundle[1]", [[b"a", "b"]]),
        ("public_key", [bytes(1025), "key", 0, []]), ("user_data", [bytes(513), "data", {}]),
        ("nonce", [bytes(513), "nonce", 1]),
    ],
)  # fmt: skip
def test_parse_field_of_another_form_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        error = refused(**{name.partition("[")[0]: value})
        assert error.field == name, (value, str(error))
        assert error.rule.startswith("must")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("module_id", "i"), ("module_id", "ü" * 200), ("timestamp", 1), ("timestamp", 2**64 - 1),
        ("pcrs", {31: bytes(48)}), ("pcrs", {i: bytes(48) for i in range(32)}), ("pcrs", dict(reversed(PCRS.items()))),
        ("certificate", b"x"), ("certificate", bytes(1024)), ("cabundle", [b"x"]), ("cabundle", [bytes(1024)] * 9),
        ("public_key", None), ("public_key", b""), ("public_key", bytes(1024)), ("user_data", b""),
        ("user_data", bytes(512)), ("nonce", b""), ("nonce", bytes(512)), ("nonce", None),
    ],
)  # fmt: skip
def test_parse_field_at_its_limit_is_taken_and_judged(name: str, value: Any) -> None:
    document = parse(AUTHORITY.issue(AT, **{name: value}).raw)
    found = getattr(document, name)
    assert (list(found) if name == "cabundle" else found) == value
    assert Check.DOCUMENT_SIGNATURE in [each.check for each in verify(document, POLICY).findings]


def test_parse_fields_in_any_order() -> None:
    fields = dict(reversed(AUTHORITY.fields(AT, ISSUED.chain).items()))
    for indefinite in (False, True):
        assert verify(parse(AUTHORITY.issue(AT, payload=encoded_map(fields, indefinite)).raw), POLICY).holds


def test_parse_keeps_what_was_signed() -> None:
    document = parse(ISSUED.raw)
    assert (document.payload, document.signature, document.raw) == (
        ISSUED.payload,
        ISSUED.signature,
        ISSUED.raw,
    )
    assert document.certificates == ISSUED.chain and document.seconds == AT
    assert document.signed_bytes == cbor2.dumps(["Signature1", PROTECTED, b"", ISSUED.payload])
    assert document.pcrs == PCRS and set(MEASURED) <= set(document.pcrs)


# --- altered --------------------------------------------------------------------------------------

SPLICE = st.tuples(st.integers(0, len(ISSUED.raw)), st.integers(0, 40), st.binary(max_size=40))


@given(st.lists(SPLICE, min_size=1, max_size=4))
def test_parse_altered_document_is_judged_or_refused_by_name(splices: list[tuple[int, int, bytes]]) -> None:
    raw = ISSUED.raw
    for at, length, piece in splices:
        raw = raw[:at] + piece + raw[at + length :]
    try:
        document = parse(raw)
    except InvalidDocument as error:
        assert error.field and error.rule.startswith(("must", "is missing"))
        return
    report = verify(document, POLICY)
    assert to_json(report)["checks"]
    assert report.holds == (document.payload == ISSUED.payload and document.signature == ISSUED.signature)


@given(st.data())
def test_parse_resigned_field_is_judged_or_refused_by_name(data: st.DataObject) -> None:
    """Whoever signs the document themselves gets no further: any value in any field, signature genuine."""
    name = data.draw(st.sampled_from(NAMES))
    value = data.draw(nested(2))
    raw = AUTHORITY.issue(AT, **{name: value}).raw
    try:
        document = parse(raw)
    except InvalidDocument as error:
        assert error.field.startswith((name, "the payload", "the document"))
        return
    assert len(verify(document, POLICY).findings) == len(Check)


@given(st.integers(0, 4), st.lists(SPLICE, min_size=1, max_size=3))
def test_verify_altered_certificate_never_holds(place: int, splices: list[tuple[int, int, bytes]]) -> None:
    """An altered certificate, in a document that is signed as if it were genuine."""
    der = ISSUED.chain[place]
    altered = der
    for at, length, piece in splices:
        at %= len(altered) + 1
        altered = altered[:at] + piece + altered[at + length :]
    if not 0 < len(altered) <= 1024:
        return
    chain = [*ISSUED.chain[:place], altered, *ISSUED.chain[place + 1 :]]
    report = verify(parse(AUTHORITY.issue(AT, certificate=chain[-1], cabundle=chain[:-1]).raw), POLICY)
    assert report.holds == (altered == der)
    assert len(to_json(report)["chain"]) == len(chain)
