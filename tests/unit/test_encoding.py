"""The readers of DER and CBOR elements (contracts/encoding), each function at its edges and against Python.

DER elements
    when a length has any form: it should be read if it is the shortest, and not reach past the end
    when an integer is any bytes: it should be what Python's decoder reads, if positive and short enough
    when a flag, named bits or an identifier is any bytes: the same
CBOR heads
    when a head has any form: it should be read if it is the shortest of the type due, and not reach past the end
    when a string is longer than what is left: it should be refused, however long it says it is
slices
    when a word is read: it should be what plain Solidity reads
(what is made of them is in test_certificates and test_nitro_document)
"""

from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import nitro_forms as forms
from tests.support.evm import Contract, Evm, Reverted, reverts

often = settings(max_examples=150)


@pytest.fixture(scope="module")
def harness() -> Contract:
    return Evm().deploy("NitroReadersHarness")


def attempt(harness: Contract, fn: str, *args: Any) -> Any:
    """What the function returns, or None where it reverts with an error of its own."""
    try:
        return harness.call(fn, *args)
    except Reverted as reverted:
        assert reverted.name not in ("", "Panic", "Error"), reverted
        return None


# --- DER ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF])
def test_element_shortestLength_isRead(harness: Contract, size: int) -> None:
    element = forms.tlv(0x04, bytes(size))
    assert harness.call("element", element, 0, len(element)) == (4, len(element) - size, len(element))
    assert harness.call("element", b"\xff" + element + b"\xff", 1, len(element) + 2)[2] == len(element) + 1
    with reverts("Truncated", 0, len(element) - 1):
        harness.call("element", element, 0, len(element) - 1)


@pytest.mark.parametrize(
    "head",
    [
        "0480",
        "04817f",
        "048100",
        "048200ff",
        "04820000",
        "0483010000",
        "048400000001",
        "04ff",
        "0489" + "00" * 9,
    ],
)
def test_element_anotherLength_reverts(harness: Contract, head: str) -> None:
    data = bytes.fromhex(head) + bytes(70_000)
    with reverts("BadLength", 0):
        harness.call("element", data, 0, len(data))


@pytest.mark.parametrize("data", ["", "04", "0401", "0481", "048180", "0482", "048201", "04820100"])
def test_element_cut_reverts(harness: Contract, data: str) -> None:
    raw = bytes.fromhex(data)
    with reverts("Truncated", 0, len(raw)):
        harness.call("element", raw, 0, len(raw))


def python_integer(data: bytes) -> int | None:
    try:
        return asn1.decode_der(int, data)
    except ValueError:
        return None


near = st.one_of(
    st.integers(-(2**400), 2**400),
    st.sampled_from(
        [sign * 2**bits + d for bits in (7, 8, 15, 256, 383, 384) for d in (-1, 0, 1) for sign in (1, -1)]
    ),
).map(forms.integer)
loose = st.binary(max_size=52).map(lambda content: forms.tlv(2, content)) | st.binary(max_size=6)


@often
@given(
    near | loose | st.binary(max_size=50).map(lambda tail: forms.tlv(2, b"\0" + tail)),
    st.sampled_from([20, 48]),
)
def test_positive_anyBytes_asPython(harness: Contract, data: bytes, longest: int) -> None:
    expected = python_integer(data)
    fits = expected is not None and 0 < expected < 1 << 8 * longest
    found = attempt(harness, "positive", data, longest)
    assert found == (
        (expected >> 256, expected % 2**256, len(data)) if fits and expected is not None else None
    )


@often
@given(near | loose | st.integers(-130, 130).map(forms.integer))
def test_small_anyBytes_asPython(harness: Contract, data: bytes) -> None:
    expected = python_integer(data)
    fits = expected is not None and 0 <= expected < 128
    assert attempt(harness, "small", data) == ((expected, len(data)) if fits else None)


def test_flag_anyByte_isOnlyTrue(harness: Contract) -> None:
    assert harness.call("flag", b"") == (False, 0)
    assert harness.call("flag", b"\x04\x00") == (False, 0)
    for value in range(256):
        found = attempt(harness, "flag", bytes([1, 1, value]))
        assert found == ((True, 3) if value == 0xFF else None)
    for data in (b"\x01", b"\x01\x00", b"\x01\x02\xff\xff", b"\x01\x81\x01\xff"):
        assert attempt(harness, "flag", data) is None


def test_namedBits_anyByte_asTheRuleSays(harness: Contract) -> None:
    """X.690 11.2.2, spelled out bit by bit."""
    for unused in (0, 2, 7, 8):
        for last in range(256):
            bits = f"{last:08b}"
            sound = unused < 8 and bits[7 - unused] == "1" and "1" not in bits[8 - unused :]
            for front in (b"", b"\xa5"):
                content = bytes([unused]) + front + bytes([last])
                found = attempt(harness, "namedBits", forms.tlv(3, content))
                value = int.from_bytes((content[1:] + b"\0")[:2])
                assert found == ((value, len(content) + 2) if sound else None)


arcs = st.lists(st.integers(0, 2**29), min_size=2, max_size=8).map(
    lambda parts: forms.oid(*b"".join(map(base128, parts)))
)


def base128(number: int) -> bytes:
    """An arc in its shortest form."""
    coded = [number & 0x7F]
    while number := number >> 7:
        coded.append(number & 0x7F | 0x80)
    return bytes(reversed(coded))


@often
@given(arcs | st.binary(max_size=33).map(lambda content: forms.oid(*content)) | st.binary(max_size=6))
def test_identifier_anyBytes_asPython(harness: Contract, data: bytes) -> None:
    found = attempt(harness, "identifier", data)
    if found is not None:
        content = data[2:]
        assert asn1.encode_der(asn1.decode_der(x509.ObjectIdentifier, data)) == data
        assert found == (int.from_bytes(content.ljust(31, b"\0") + bytes([len(content)])), len(data))


@often
@given(arcs)
def test_identifier_shortArcs_isRead(harness: Contract, data: bytes) -> None:
    run = longest = 0
    for part in data[2:]:
        run += 1
        longest = max(longest, run)
        run = run if part & 0x80 else 0
    assert (attempt(harness, "identifier", data) is not None) == (longest <= 4 and len(data) <= 32)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 64, 100])
def test_isAscii_highBitAnywhere_isFound(harness: Contract, size: int) -> None:
    data = b"\xff" + b"\x7f" * size + b"\xff" * 40
    assert harness.call("isAscii", data, 1, 1 + size)
    for at in range(1, 1 + size):
        assert not harness.call("isAscii", data[:at] + b"\x80" + data[at + 1 :], 1, 1 + size)


# --- CBOR -----------------------------------------------------------------------------------------

EDGES = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1]


@pytest.mark.parametrize("argument", EDGES)
def test_head_everyWidth_onlyTheShortestIsRead(harness: Contract, argument: int) -> None:
    for major in (0, 2, 3, 4, 5):
        shortest = forms.head(major, argument)
        assert harness.call("head", shortest, 0, len(shortest), major) == (argument, len(shortest))
        assert (
            harness.call("head", b"\0" + shortest + b"\xff", 1, len(shortest) + 1, major)[1]
            == len(shortest) + 1
        )
        for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
            if argument < 1 << 8 * width and width > len(shortest) - 1:
                longer = bytes([major << 5 | info]) + argument.to_bytes(width)
                assert cbor2.loads(bytes([info]) + longer[1:]) == argument
                with reverts("BadHead", 0):
                    harness.call("head", longer, 0, len(longer), major)


@often
@given(st.binary(max_size=12), st.integers(0, 5))
def test_head_anyBytes_asPython(harness: Contract, data: bytes, major: int) -> None:
    found = attempt(harness, "head", data, 0, len(data), major)
    if found is not None:
        argument, after = found
        assert data[:after] == forms.head(major, argument)


def test_head_everyFirstByte_isOfItsType(harness: Contract) -> None:
    for first in range(256):
        data = bytes([first]) + b"\xff" * 8
        for major in range(8):
            sound = first >> 5 == major and first & 0x1F < 28
            assert (attempt(harness, "head", data, 0, 9, major) is not None) == sound
    with reverts("IndefiniteLength", 0):
        harness.call("head", b"\x9f", 0, 1, 4)


@pytest.mark.parametrize("data", ["", "18", "19ff", "1affffff", "1b" + "ff" * 7])
def test_head_cut_reverts(harness: Contract, data: str) -> None:
    raw = bytes.fromhex(data)
    with reverts("TruncatedItem", 0, len(raw)):
        harness.call("head", raw, 0, len(raw), 0)


@pytest.mark.parametrize("claimed", [4, 5, 255, 65_536, 2**32, 2**63, 2**64 - 1])
def test_byteString_pastTheEnd_reverts(harness: Contract, claimed: int) -> None:
    raw = forms.head(2, claimed) + b"abc"
    with reverts("TruncatedItem", 0, len(raw)):
        harness.call("byteString", raw)


@often
@given(st.binary(max_size=300).map(forms.string) | st.binary(max_size=10))
def test_byteString_anyBytes_asPython(harness: Contract, data: bytes) -> None:
    found = attempt(harness, "byteString", data)
    if found is not None:
        slice_, after = found
        content = data[slice_ >> 128 : after]
        assert len(content) == slice_ & (2**128 - 1)
        assert cbor2.loads(data[:after]) == content and forms.string(content) == data[:after]
    assert attempt(harness, "byteStringOrNull", data) == (found if data[:1] != b"\xf6" else (0, 1))


@often
@given(st.text(max_size=40).map(forms.text) | st.binary(max_size=10))
def test_name_anyBytes_asPython(harness: Contract, data: bytes) -> None:
    found = attempt(harness, "name", data)
    if found is not None:
        packed, after = found
        content = cbor2.loads(data[:after]).encode()
        assert content.isascii()
        expected = content.ljust(31, b"\0") + bytes([len(content)]) if 0 < len(content) < 32 else b""
        assert packed == int.from_bytes(expected)


def test_map_bothForms_areRead(harness: Contract) -> None:
    assert harness.call("map", b"\xbf\xff") == (2**256 - 1, 1)
    assert harness.call("map", b"\xa9") == (9, 1)
    assert attempt(harness, "map", b"\x9f") is None


# --- slices ---------------------------------------------------------------------------------------


def test_word_insideTheData_asPlain(harness: Contract) -> None:
    data = bytes(range(100))
    for at in range(0, 69):
        found, gas = harness.call("word", data, at)
        plain, plain_gas = harness.call("wordPlain", data, at)
        assert found == plain == int.from_bytes(data[at : at + 32])
        assert gas < 20 and plain_gas > 100
