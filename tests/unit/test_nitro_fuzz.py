"""Mutated certificates and Nitro documents, read in Solidity and by Python's decoders.

when any one bit is flipped, any one byte left out, doubled, or put in front
    what the contract reads Python reads, field by field; what it refuses it refuses by name, and never panics
when bytes are replaced, cut, moved, doubled or put in, or lengths and tags edited, several at once
    the same
when certificates and documents are made of pieces drawn at random
    the same
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import nitro_forms as forms
from tests.support.calls import View, chain
from tests.support.nitro_oracle import Fields, certificate_fields, document_fields
from tests.support.nitro_readers import read_each

ORACLES: dict[str, Callable[[bytes], Fields]] = {
    "certificate": certificate_fields,
    "document": document_fields,
}

#: Of a document whose certificates are short: nobody reads what is in them here.
SHORT = {
    "certificate": forms.string(b"leaf"),
    "cabundle": b"\x82" + forms.string(b"root") + forms.string(b"zone"),
    "pcrs": forms.pcrs_of({i: bytes([i]) * 48 for i in (0, 1, 2, 31)}),
}


@pytest.fixture(scope="module")
def harness() -> Iterator[View]:
    with chain() as running:
        yield running.deploy("NitroReadersHarness")


def agree(harness: View, kind: str, inputs: Sequence[bytes]) -> Counter[str]:
    """Whatever the contract reads Python reads, with the same fields. How often each error came; "" if none."""
    outcomes: Counter[str] = Counter()
    for given_, (fields, (error, values)) in zip(inputs, read_each(harness, kind, inputs), strict=True):
        outcomes[error] += 1
        if fields is None:
            assert error not in ("", "Panic", "Error"), f"{error}{values}: {given_.hex()}"
        else:
            assert fields == ORACLES[kind](given_), given_.hex()
    return outcomes


def certificates() -> dict[str, bytes]:
    """One spelled out, and those of the newest real document where it is there."""
    found = {"spelled out": forms.certificate()}
    for path in forms.real_documents()[-1:]:
        leaf, root, *_ = forms.certificates_in(path.read_bytes())
        found |= {"real leaf": leaf, "real root": root}
    return found


def documents() -> dict[str, bytes]:
    return {
        "definite": forms.document(**SHORT),
        "indefinite": forms.document(forms.payload_of(forms.entries(**SHORT), indefinite=True), tag=b"\xd2"),
    }


SAMPLES = [
    *(pytest.param("certificate", der, id=name) for name, der in certificates().items()),
    *(pytest.param("document", raw, id=name) for name, raw in documents().items()),
]
if not forms.real_documents():
    absent = pytest.mark.skip(reason="missing: ../shared/data/nitro/*.cose")
    SAMPLES.append(pytest.param("certificate", b"", id="real", marks=absent))


# --- one place ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "sample"), SAMPLES)
def test_read_oneBitFlipped_asPython(harness: View, kind: str, sample: bytes) -> None:
    flipped = [
        sample[:at] + bytes([sample[at] ^ 1 << bit]) + sample[at + 1 :]
        for at in range(len(sample))
        for bit in range(8)
    ]
    outcomes = agree(harness, kind, flipped)
    # Flips in numbers and strings are read; those in lengths, tags and names of keys are not.
    assert outcomes[""] > 100 and len(outcomes) > 8


@pytest.mark.parametrize(("kind", "sample"), SAMPLES)
def test_read_oneByteMoreOrLess_asPython(harness: View, kind: str, sample: bytes) -> None:
    changed = [
        sample[:at] + new + sample[rest:]
        for at in range(len(sample))
        for new, rest in ((b"", at + 1), (sample[at : at + 1] * 2, at + 1), (b"\0", at), (b"\xff", at))
    ]
    # Lengths around it are not edited, so nothing fits any more, but that the tag may be left out.
    assert agree(harness, kind, changed)[""] == (sample[0] == 0xD2)


# --- several places -------------------------------------------------------------------------------

TAGS = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x17, 0x18, 0x30, 0x31, 0xA0, 0xA3, 0x40, 0x58, 0x59, 0x60,
        0x80, 0x9F, 0xA1, 0xBF, 0xD2, 0xF6, 0xFF, 0x00, 0x7F, 0x81, 0x82]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, sample: bytes) -> bytes:
    data = bytearray(sample)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["byte", "tag", "length", "cut", "copy", "insert", "end"])):
            case "byte":
                data[at] = draw(st.integers(0, 255))
            case "tag":
                data[at] = draw(st.sampled_from(TAGS))
            case "length":
                data[at] = (data[at] + draw(st.sampled_from([-2, -1, 1, 2]))) % 256
            case "cut":
                del data[at : at + draw(st.integers(1, 40))]
            case "copy":
                size, to = draw(st.integers(1, 60)), draw(st.integers(0, len(data)))
                data[to:to] = data[at : at + size]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=6))
            case "end":
                data += draw(st.binary(min_size=1, max_size=4))
        if not data:
            break
    return bytes(data)


fuzzed = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.parametrize(("kind", "sample"), SAMPLES)
def test_read_mutated_asPython(harness: View, kind: str, sample: bytes) -> None:
    @fuzzed
    @given(st.lists(mutated(sample), min_size=1, max_size=8))
    def play(inputs: list[bytes]) -> None:
        agree(harness, kind, inputs)

    play()


# --- pieces at random -----------------------------------------------------------------------------

digits = st.text("0123456789", min_size=10, max_size=15)
numbers = st.one_of(
    st.integers(0, 2**385), st.sampled_from([0, 1, 127, 128, 2**160 - 1, 2**160, 2**383, 2**384 - 1, 2**384])
)
integers = numbers.map(forms.integer) | st.binary(max_size=4).map(lambda content: forms.tlv(2, content))
dates = st.datetimes().map(lambda when: when.strftime("%Y%m%d%H%M%SZ").zfill(15))
times = st.one_of(
    dates.map(lambda text: forms.utc(text[2:])),
    dates.map(forms.generalized),
    dates.map(lambda text: forms.generalized(str(2050 + int(text[:4]) % 100) + text[4:])),
    digits.map(lambda text: forms.utc(text + "Z")),
)
characters = st.one_of(st.binary(max_size=40), st.text("abzAZ09 @*_'", max_size=40).map(str.encode))
attributes = st.builds(
    forms.attribute, st.integers(1, 127), characters, st.sampled_from([0x0C, 0x0C, 0x13, 0x16])
)
names = st.lists(attributes, max_size=4).map(lambda parts: forms.sequence(*parts))
flags = st.sampled_from([b"", b"", forms.CRITICAL, bytes.fromhex("010100"), bytes.fromhex("010101")])
basics = st.builds(
    lambda is_ca, path, critical: forms.extension(19, forms.sequence(is_ca, path), critical),
    flags,
    st.just(b"") | st.integers(-1, 130).map(forms.integer),
    flags,
)
usages = st.builds(
    lambda content, critical: forms.extension(15, forms.tlv(3, content), critical),
    st.binary(min_size=2, max_size=3)
    | st.sampled_from([b"\x01\x86", b"\x02\x04", b"\x06\xc0", b"\x07\x08\x80"]),
    flags,
)
others = st.builds(forms.extension, st.sampled_from([14, 31, 35, 37, 99]), st.binary(max_size=8), flags)
extensions = st.lists(st.one_of(basics, usages, others), max_size=5) | st.tuples(basics, usages).map(list)


def some(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A few of these, so that what is drawn is not always wrong somewhere."""
    names = st.lists(st.sampled_from(sorted(strategies)), min_size=1, max_size=2, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: strategies[name] for name in chosen}))


@settings(fuzzed, max_examples=150)
@given(
    st.lists(
        some(serial=integers, issuer=names, subject=names, before=times, after=times, each=extensions, r=integers,
             s=integers, ids=st.sampled_from([b"", forms.tlv(0x81, b"\0\x01")]),
             key=st.binary(min_size=96, max_size=96).map(lambda point: forms.SPKI[:24] + point)),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_read_drawnCertificates_asPython(harness: View, drawn: list[dict[str, Any]]) -> None:
    agree(harness, "certificate", [forms.certificate(**pieces) for pieces in drawn])


strings = st.binary(max_size=60).map(forms.string)
registers = st.dictionaries(
    st.integers(0, 33), st.sampled_from([bytes(48), b"\x01" * 48, bytes(32)]), max_size=33
)
values = st.one_of(
    strings,
    st.just(forms.NULL),
    st.text(max_size=40).map(forms.text),
    st.integers(-2, 2**65).map(lambda number: forms.cbor2.dumps(number)),
    registers.map(forms.pcrs_of),
    st.lists(strings, max_size=18).map(lambda each: forms.head(4, len(each)) + b"".join(each)),
    st.binary(max_size=12),
)
keys = sorted(forms.entries())


@st.composite
def drawn_documents(draw: st.DrawFn) -> bytes:
    parts = list(forms.entries(**SHORT).items())
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(parts) - 1))
        match draw(st.sampled_from(["value", "value", "null", "twice", "drop", "key", "order"])):
            case "value":
                parts[at] = (parts[at][0], draw(values))
            case "null":
                parts[at] = (parts[at][0], forms.NULL)
            case "twice":
                parts.insert(at, parts[draw(st.integers(0, len(parts) - 1))])
            case "drop" if len(parts) > 1:
                del parts[at]
            case "key":
                parts[at] = (draw(st.sampled_from(keys) | st.text(max_size=12).map(forms.text)), parts[at][1])
            case "order":
                parts = draw(st.permutations(parts))
    inside = b"".join(key + value for key, value in parts)
    count = len(parts) + draw(st.sampled_from([0, 0, 0, 0, -1, 1]))
    heads = [(forms.head(5, count), b""), (b"\xbf", b"\xff"), (b"\xbf", b""), (b"\xb8" + bytes([count]), b"")]
    first, last = draw(st.sampled_from(heads[:2] * 4 + heads[2:]))
    return forms.document(first + inside + last, tag=draw(st.sampled_from([b"", b"\xd2"])))


@settings(fuzzed, max_examples=150)
@given(st.lists(drawn_documents(), min_size=1, max_size=8))
def test_read_drawnDocuments_asPython(harness: View, inputs: list[bytes]) -> None:
    agree(harness, "document", inputs)
