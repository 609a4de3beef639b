"""The scheme P256 (contracts/schemes/P256Scheme.sol), on chains with the precompile at 0x100 and without.

when any word of the receipt is another
    it should answer false
when the signature is not 64 bytes, or r or s out of range
    it should answer false
when s is in the other half
    it should answer true
when it was signed for another registry, chain, name or version
    it should answer false
when issuedAt is 2^64 or more
    it should answer false, even if signed
when the key is a point off the curve, or coded otherwise
    it should revert with KeyOfAnotherScheme: such a key is none
whatever is changed
    Python should say the same
"""

from collections.abc import Iterator
from typing import Any

import pytest
from eth_utils import keccak, to_canonical_address
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.protocol.receipt import Domain, Leaf, Receipt
from afterproof.protocol.signing import scheme_of, verify_leaf
from tests.support.anvil import CHAIN_ID
from tests.support.calls import View, chain
from tests.support.evm import reverts
from tests.support.p256 import SPKI_HEAD, N, P
from tests.support.signers import (
    EVIDENCE,
    ISSUED_AT,
    MODEL,
    NODE,
    P256,
    REGISTRY,
    REQUEST,
    RESPONSE,
    Words,
    replaced,
    struct_hash,
    word,
)

DOMAIN = Domain(CHAIN_ID, to_canonical_address(REGISTRY))
SIGNER = P256()
WORDS = SIGNER.receipt()
SIGNATURE = SIGNER.sign(WORDS)
R, S = SIGNATURE[:32], SIGNATURE[32:]


@pytest.fixture(scope="module", params=["osaka", "prague"])
def scheme(request: pytest.FixtureRequest) -> Iterator[View]:
    with chain(hardfork=request.param) as running:
        yield running.deploy("P256Scheme", REGISTRY)


def verify(scheme: View, words: Words, signature: bytes) -> bool:
    """What contract and Python say alike."""
    said = scheme.call("verify", words, signature, SIGNER.public_key)
    assert said is verify_leaf(
        Leaf(Receipt.from_words(b"".join(words)), signature), SIGNER.public_key, DOMAIN
    )
    return bool(said)


@pytest.mark.parametrize("index", [MODEL, REQUEST, RESPONSE, EVIDENCE, ISSUED_AT])
def test_verifyP256_anotherWord_false(scheme: View, index: int) -> None:
    assert verify(scheme, WORDS, SIGNATURE)
    assert not verify(scheme, replaced(WORDS, index, word(int.from_bytes(WORDS[index]) ^ 1)), SIGNATURE)


def test_verifyP256_otherS_true(scheme: View) -> None:
    for s in (S, word(N - int.from_bytes(S))):
        assert verify(scheme, WORDS, R + s)


def test_verifyP256_malformedSignature_false(scheme: View) -> None:
    r, s = int.from_bytes(R), int.from_bytes(S)
    malformed = {
        "empty": b"",
        "one byte less": SIGNATURE[:-1],
        "one byte more": SIGNATURE + b"\0",
        "with v": SIGNATURE + b"\x1b",
        "without its first byte": SIGNATURE[1:],
        "twice": SIGNATURE * 2,
        "DER": b"\x30\x44\x02\x20" + R + b"\x02\x20" + S,
        "zero r": word(0) + S,
        "zero s": R + word(0),
        "all zero": bytes(64),
        "all ones": b"\xff" * 64,
        "r of the order": word(N) + S,
        "s of the order": R + word(N),
        "r of p": word(P) + S,
        "negated r": word(N - r) + S,
        "s and r": S + R,
        "s + 1": R + word(s + 1),
    }
    for name, wrong in malformed.items():
        assert not verify(scheme, WORDS, wrong), name


@pytest.mark.parametrize(
    "domain",
    [{"name": "afterproof"}, {"version": "2"}, {"chainId": 1}, {"verifyingContract": "0x" + "a8" * 20}],
    ids=str,
)
def test_verifyP256_anotherDomain_false(scheme: View, domain: dict[str, Any]) -> None:
    assert not verify(scheme, WORDS, SIGNER.sign(WORDS, **domain))


def test_verifyP256_signedOtherwise_false(scheme: View) -> None:
    """The struct hash alone, or hashed once more as libraries do unless told not to."""
    digest = keccak(b"\x19\x01" + DOMAIN.separator + struct_hash(WORDS))
    assert verify(scheme, WORDS, SIGNER.sign_hash(digest))
    for wrong in (struct_hash(WORDS), keccak(digest)):
        assert not verify(scheme, WORDS, SIGNER.sign_hash(wrong))


@pytest.mark.parametrize("issued_at", [2**64, 2**255, 2**256 - 1])
def test_verifyP256_issuedAtTooLarge_false(scheme: View, issued_at: int) -> None:
    words = SIGNER.receipt(issued_at)
    for signed in (words, replaced(words, ISSUED_AT, word(issued_at % 2**64))):
        digest = keccak(b"\x19\x01" + DOMAIN.separator + struct_hash(signed))
        assert not verify(scheme, words, SIGNER.sign_hash(digest))


def test_verifyP256_anotherSigner_false(scheme: View) -> None:
    assert not verify(scheme, WORDS, P256().sign(WORDS))


def test_verifyP256_keyThatIsNoPoint_reverts(scheme: View) -> None:
    x, y = SIGNER.public_key[27:59], SIGNER.public_key[59:]
    for point in (bytes(64), x + word(int.from_bytes(y) ^ 1), y + x, word(P) + y, b"\xff" * 64):
        key = SPKI_HEAD + point
        assert scheme_of(key) is None
        with reverts("KeyOfAnotherScheme"):
            scheme.call("verify", replaced(WORDS, NODE, keccak(key)), SIGNATURE, key)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_verifyP256_anyChange_asPythonHasIt(scheme: View, data: st.DataObject) -> None:
    signature = bytearray(SIGNATURE)
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(signature)))
        change = data.draw(st.sampled_from(["flip", "cut", "add", "negate"]))
        if change == "flip" and at < len(signature):
            signature[at] ^= data.draw(st.integers(1, 255))
        elif change == "cut":
            del signature[at : at + 1]
        elif change == "add":
            signature.insert(at, data.draw(st.integers(0, 255)))
        elif len(signature) == 64:
            signature[32:] = word((N - int.from_bytes(signature[32:])) % N)
    verify(scheme, WORDS, bytes(signature))
