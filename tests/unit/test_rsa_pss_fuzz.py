"""RSASSA-PSS-VERIFY in Solidity, drawn at random, against a plain version of the RFC and two others.

These are Python's `cryptography` and Afterproof's verifier, which must always agree.

when a genuine signature is mutated, or has another salt length
    it should agree with all
when a field of the encoded message is falsified before signing
    it should agree with all
when the modulus is any odd number of 2048 bits
    it should agree with those two
"""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from tests.support.calls import View, chain
from tests.support.pss import SIZE, TOP, Encoded, Key, agreed, verifies


@pytest.fixture(scope="module")
def harness() -> Iterator[View]:
    with chain() as running:
        yield running.deploy("RsaPssHarness")


@pytest.fixture(scope="module")
def keys() -> list[Key]:
    return [Key(rsa.generate_private_key(65537, 2048)) for _ in range(3)]


quick = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
messages = st.one_of(st.binary(max_size=100), st.binary(min_size=32, max_size=32))


@quick
@given(data=st.data())
def test_verify_mutatedSignature_agrees(harness: View, keys: list[Key], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(keys))
    note(key.pem)
    message = data.draw(messages)
    signature = bytearray(key.sign(message, data.draw(st.sampled_from([32, 32, 32, 0, 20, 31, 33, 48, 222]))))
    for _ in range(data.draw(st.integers(0, 2))):
        signature[data.draw(st.integers(0, SIZE - 1))] ^= 1 << data.draw(st.integers(0, 7))
    shown = data.draw(st.one_of(st.just(message), messages))
    agreed(harness, key, shown, bytes(signature))


@quick
@given(data=st.data())
def test_verify_falsifiedEncoding_agrees(harness: View, keys: list[Key], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(keys))
    note(key.pem)
    message = data.draw(messages)
    at, bit = data.draw(st.integers(0, 189)), data.draw(st.sampled_from([0, 0, 1, 2, 4, 8, 16, 32, 64]))
    zeros = bytes(at) + bytes([bit]) + bytes(189 - at)
    number = Encoded(
        message,
        salt=data.draw(st.binary(min_size=32, max_size=32)),
        zeros=zeros,
        one=data.draw(st.sampled_from([1, 1, 1, 0, 2, 0x80])),
        top=data.draw(st.sampled_from([0, 0, 0, 1])),
        trailer=data.draw(st.sampled_from([0xBC, 0xBC, 0xBC, 0xBB, 0])),
    ).number
    number ^= data.draw(st.one_of(st.just(0), st.integers(0, 2047).map(lambda bit: 1 << bit)))
    assume(number < key.n)
    agreed(harness, key, message, key.power(number))


@quick
@given(
    n=st.integers(TOP, 2 * TOP - 1).map(lambda number: number | 1),
    signature=st.one_of(
        st.binary(min_size=SIZE, max_size=SIZE), st.integers(0, 3).map(lambda i: i.to_bytes(SIZE))
    ),
    message=messages,
)
def test_verify_modulusOfUnknownFactors_agrees(
    harness: View, n: int, signature: bytes, message: bytes
) -> None:
    """A node may register any odd number of 2048 bits as its modulus; all verifiers must still say the same."""
    answer = harness.call("verify", n.to_bytes(SIZE), message, signature)
    assert answer == verifies(n, message, signature)
