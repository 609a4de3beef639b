"""The scheme SECP256K1 (contracts/schemes/Secp256k1Scheme.sol).

when any word of the receipt is another
    it should answer false
when the signature is malformed: length, v, high s, out of range
    it should answer false
when it was signed for another registry, chain, name or version
    it should answer false
given the chain's id changes
    it should follow the chain
when issuedAt is 2^64 or more
    it should answer false, even if signed
"""

from collections.abc import Iterator
from typing import Any

import pytest
from eth_utils import keccak, to_canonical_address

from tests.support.calls import View, chain
from tests.support.signers import (
    EVIDENCE,
    ISSUED_AT,
    MODEL,
    REGISTRY,
    REQUEST,
    RESPONSE,
    Secp256k1,
    replaced,
    struct_hash,
    word,
)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture(scope="module")
def secp() -> Iterator[View]:
    with chain() as running:
        yield running.deploy("Secp256k1Scheme", REGISTRY)


@pytest.fixture(scope="module")
def signer() -> Secp256k1:
    return Secp256k1(keccak(b"signer"))


def test_domainSeparator_follows_eip712(secp: View) -> None:
    kind = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    parts = [
        kind,
        keccak(b"Afterproof"),
        keccak(b"1"),
        word(31337),
        bytes(12) + to_canonical_address(REGISTRY),
    ]
    assert secp.call("domainSeparator") == keccak(b"".join(parts))
    assert secp.call("registry").lower() == REGISTRY


@pytest.mark.parametrize("index", [MODEL, REQUEST, RESPONSE, EVIDENCE, ISSUED_AT])
def test_verifySecp_anotherWord_false(secp: View, signer: Secp256k1, index: int) -> None:
    words = signer.receipt()
    signature = signer.sign(words)
    changed = replaced(words, index, words[index][:-1] + bytes([words[index][-1] ^ 1]))
    assert not secp.call("verify", changed, signature, signer.public_key)


@pytest.mark.parametrize(
    "domain",
    [{"name": "afterproof"}, {"version": "2"}, {"chainId": 1}, {"verifyingContract": "0x" + "a8" * 20}],
    ids=str,
)
def test_verifySecp_anotherDomain_false(secp: View, signer: Secp256k1, domain: dict[str, Any]) -> None:
    words = signer.receipt()
    assert not secp.call("verify", words, signer.sign(words, **domain), signer.public_key)


def test_verifySecp_chainIdChanged_followsTheChain(secp: View, signer: Secp256k1) -> None:
    words = signer.receipt()
    secp.node.rpc("anvil_setChainId", 999)
    try:
        assert not secp.call("verify", words, signer.sign(words), signer.public_key)
        assert secp.call("verify", words, signer.sign(words, chainId=999), signer.public_key)
    finally:
        secp.node.rpc("anvil_setChainId", 31337)
    assert secp.call("verify", words, signer.sign(words), signer.public_key)


def test_verifySecp_signedOtherwise_false(secp: View, signer: Secp256k1) -> None:
    """The struct hash alone, or as a personal message (EIP-191), is no signature over the receipt."""
    words = signer.receipt()
    struct = struct_hash(words)
    personal = keccak(b"\x19Ethereum Signed Message:\n32" + struct)
    for digest in (struct, personal):
        assert not secp.call("verify", words, signer.sign_hash(digest), signer.public_key)


@pytest.mark.parametrize("issued_at", [2**64, 2**64 + 1, 2**255, 2**256 - 1])
def test_verifySecp_issuedAtTooLarge_false(secp: View, signer: Secp256k1, issued_at: int) -> None:
    words = signer.receipt(issued_at)
    for signed in (words, replaced(words, ISSUED_AT, word(issued_at % 2**64))):
        struct = struct_hash(signed)
        digest = keccak(b"\x19\x01" + secp.call("domainSeparator") + struct)
        assert not secp.call("verify", words, signer.sign_hash(digest), signer.public_key)


def test_verifySecp_anotherSigner_false(secp: View, signer: Secp256k1) -> None:
    words = signer.receipt()
    assert not secp.call("verify", words, Secp256k1(keccak(b"another")).sign(words), signer.public_key)


def test_verifySecp_malformedSignature_false(secp: View, signer: Secp256k1) -> None:
    words = signer.receipt()
    signature = signer.sign(words)
    r, s, v = signature[:32], signature[32:64], signature[64]
    high = word(ORDER - int.from_bytes(s))
    compact = r + (int.from_bytes(s) | (v - 27) << 255).to_bytes(32)  # EIP-2098
    malformed = {
        "compact": compact,
        "without v": signature[:64],
        "one byte more": signature + b"\0",
        "twice": signature * 2,
        "high s": r + high + bytes([55 - v]),
        "high s, same v": r + high + bytes([v]),
        "the other v": signature[:64] + bytes([55 - v]),
        "zero r": word(0) + s + bytes([v]),
        "zero s": r + word(0) + bytes([v]),
        "r of the order": word(ORDER) + s + bytes([v]),
        "s of the order": r + word(ORDER) + bytes([v]),
        "all zero": bytes(65),
    } | {f"v {n}": signature[:64] + bytes([n]) for n in (0, 1, 26, 29, 27 + 128, 28 + 128, 255)}
    assert secp.call("verify", words, signature, signer.public_key)
    for name, wrong in malformed.items():
        assert not secp.call("verify", words, wrong, signer.public_key), name
