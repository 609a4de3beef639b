"""The scheme OPENGRADIENT_RSA_PSS (contracts/schemes/OpenGradientRsaPssScheme.sol).

when request, response or issuedAt is another
    it should answer false
when model or evidence is not zero
    it should answer false
when the signature is malformed, or of another padding, salt or message
    it should answer false
when issuedAt is 2^64 or more
    it should answer false, even if signed
"""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from eth_utils import keccak

from tests.support.calls import View, chain
from tests.support.signers import (
    EVIDENCE,
    ISSUED_AT,
    MODEL,
    REQUEST,
    RESPONSE,
    OpenGradient,
    replaced,
    word,
)


@pytest.fixture(scope="module")
def pss() -> Iterator[View]:
    with chain() as running:
        yield running.deploy("OpenGradientRsaPssScheme")


@pytest.fixture(scope="module")
def gateway() -> OpenGradient:
    return OpenGradient()


@pytest.mark.parametrize("index", [REQUEST, RESPONSE, ISSUED_AT])
def test_verifyPss_anotherWord_false(pss: View, gateway: OpenGradient, index: int) -> None:
    words = gateway.receipt()
    signature = gateway.sign(words)
    changed = replaced(words, index, words[index][:-1] + bytes([words[index][-1] ^ 1]))
    assert not pss.call("verify", changed, signature, gateway.public_key)


@pytest.mark.parametrize("index", [MODEL, EVIDENCE])
def test_verifyPss_uncoveredWordNotZero_false(pss: View, gateway: OpenGradient, index: int) -> None:
    """The signature does not cover it, so whoever posts could have written anything there."""
    for value in (word(1), word(2**255), keccak(b"said by nobody")):
        words = replaced(gateway.receipt(), index, value)
        assert not pss.call("verify", words, gateway.sign(words), gateway.public_key)


@pytest.mark.parametrize("issued_at", [2**64, 2**255, 2**256 - 1])
def test_verifyPss_issuedAtTooLarge_false(pss: View, gateway: OpenGradient, issued_at: int) -> None:
    words = gateway.receipt(issued_at)
    for signed in (words, replaced(words, ISSUED_AT, word(issued_at % 2**64))):
        assert not pss.call("verify", words, gateway.sign(signed), gateway.public_key)


def test_verifyPss_signedOtherwise_false(pss: View, gateway: OpenGradient) -> None:
    words = gateway.receipt()
    covered = words[REQUEST] + words[RESPONSE] + words[ISSUED_AT]
    packed = covered[:64] + words[ISSUED_AT][-8:]
    pkcs1 = gateway.private.sign(keccak(covered), padding.PKCS1v15(), hashes.SHA256())
    wrong = {
        "without the inner hash": gateway.sign_message(covered),
        "with issuedAt packed": gateway.sign_message(keccak(packed)),
        "hashed twice": gateway.sign_message(keccak(keccak(covered))),
        "no salt": gateway.sign(words, 0),
        "salt of 20 bytes": gateway.sign(words, 20),
        "PKCS #1 v1.5": pkcs1,
        "another key's": OpenGradient().sign(words),
        "one byte more": gateway.sign(words) + b"\0",
        "one byte less": gateway.sign(words)[:-1],
    }
    assert pss.call("verify", words, gateway.sign_message(keccak(covered)), gateway.public_key)
    for name, signature in wrong.items():
        assert not pss.call("verify", words, signature, gateway.public_key), name
