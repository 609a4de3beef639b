"""SHA-384 in Solidity (contracts/crypto/Sha384.sol).

when the message has any length from 0 to 600, or several kilobytes
    it should give the digest that `hashlib` gives, from memory and from calldata
    it should agree with a plain version of FIPS 180-4
given memory that is dirty, and does not begin at a multiple of 32
    it should give the same, twice, and leave what is allocated around it unharmed
gas
    it should be below 27,000 a block
the committed source
    it should be what its generator writes
"""

import hashlib
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import generate_sha384
from tests.support.calls import View, chain

NOISE = random.Random(384).randbytes(20_000)

#: What is remarkable about bits: none, all, the top one of each word, the bottom one.
PATTERNS = [bytes(300), b"\xff" * 300, b"\x80" * 300, bytes([*bytes(7), 1]) * 40]


@pytest.fixture(scope="module")
def harness() -> Iterator[View]:
    with chain() as running:
        yield running.deploy("Sha384Harness")


def digest_of(words: tuple[int, int]) -> bytes:
    """The high 128 bits and the low 256."""
    high, low = words
    return high.to_bytes(16) + low.to_bytes(32)


def test_digest_everyLengthTo600_isHashlibs(harness: View) -> None:
    for first in range(0, 601, 50):
        last = min(first + 50, 601)
        found = harness.call("digestsOfPrefixes", NOISE[:600], first, last)
        assert found == b"".join(hashlib.sha384(NOISE[:n]).digest() for n in range(first, last))


@pytest.mark.parametrize("length", [4_395, 4_469, 8_192, 20_000])
def test_digest_kilobytes_isHashlibs(harness: View, length: int) -> None:
    for fn in ("digest", "digestCalldata"):
        assert digest_of(harness.call(fn, NOISE[:length])) == hashlib.sha384(NOISE[:length]).digest()


@pytest.mark.parametrize("pattern", PATTERNS, ids=["zeros", "ones", "top", "bottom"])
def test_digest_pattern_isHashlibs(harness: View, pattern: bytes) -> None:
    assert digest_of(harness.call("digest", pattern)) == hashlib.sha384(pattern).digest()


@pytest.mark.parametrize("length", [0, 1, 111, 112, 127, 128, 239, 240, 300])
def test_digestPlain_aroundTheBlock_isTheSame(harness: View, length: int) -> None:
    assert digest_of(harness.call("digestPlain", NOISE[:length])) == hashlib.sha384(NOISE[:length]).digest()


@pytest.mark.parametrize("shift", [0, 1, 24, 31, 32, 1_000])
def test_digest_inDirtyMemory_isTheSameAndHarmsNothing(harness: View, shift: int) -> None:
    for length in (0, 1, 111, 112, 128, 300, 4_469):
        found = harness.call("digestBetweenAllocations", NOISE[:length], shift)
        assert digest_of(found) == hashlib.sha384(NOISE[:length]).digest()


@settings(max_examples=100)
@given(message=st.binary(max_size=1_000))
def test_digest_anyMessage_isHashlibs(harness: View, message: bytes) -> None:
    assert digest_of(harness.call("digestCalldata", message)) == hashlib.sha384(message).digest()


def test_digest_gas_staysBelow(harness: View) -> None:
    blocks = {length: (length + 17 + 127) // 128 for length in (111, 600, 4_469)}
    for length, count in blocks.items():
        assert harness.call("measure", NOISE[:length]) < 27_000 * count + 1_800
    assert harness.call("measurePlain", NOISE[:111]) > 10 * harness.call("measure", NOISE[:111])


def test_source_committed_isWhatItsGeneratorWrites() -> None:
    assert generate_sha384.TARGET.read_text() == generate_sha384.generated()
