"""Signature schemes (contracts/schemes): valid, invalid, or a revert when it cannot be told.

when the key is not of the scheme's form
    it should revert with KeyOfAnotherScheme
when the key does not hash to the receipt's node
    it should revert with KeyOfAnotherNode
when issuedAt is 2^64 or more
    it should answer false, even if signed
when the signature is the key's, over this receipt
    it should answer true
given too little gas
    it should revert, and never answer falsely, under every gas limit

SECP256K1
    when any word of the receipt is another
        it should answer false
    when the signature is malformed: length, v, high s, out of range
        it should answer false
    when it was signed for another registry, chain, name or version
        it should answer false
    given the chain's id changes
        it should follow the chain
OPENGRADIENT_RSA_PSS
    when request, response or issuedAt is another
        it should answer false
    when model or evidence is not zero
        it should answer false
    when the signature is malformed, or of another padding, salt or message
        it should answer false
"""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_account import Account
from eth_utils import keccak, to_canonical_address
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.calls import Node, View, chain, sweep_gas
from tests.support.evm import reverts

NODE, MODEL, REQUEST, RESPONSE, EVIDENCE, ISSUED_AT = range(6)
REGISTRY = "0x" + "a7" * 20
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
TYPES = {
    "Receipt": [
        {"name": "node", "type": "bytes32"},
        {"name": "model", "type": "bytes32"},
        {"name": "request", "type": "bytes32"},
        {"name": "response", "type": "bytes32"},
        {"name": "evidence", "type": "bytes32"},
        {"name": "issuedAt", "type": "uint64"},
    ]
}

Words = list[bytes]


def word(number: int) -> bytes:
    return number.to_bytes(32)


def struct_hash(words: Words) -> bytes:
    """EIP-712 hashStruct of raw words, whatever they are: eth_account refuses an issuedAt that is no uint64."""
    kind = "Receipt(bytes32 node,bytes32 model,bytes32 request,bytes32 response,bytes32 evidence,uint64 issuedAt)"
    return keccak(keccak(text=kind) + b"".join(words))


def replaced(words: Words, index: int, value: bytes) -> Words:
    return [*words[:index], value, *words[index + 1 :]]


class Secp256k1:
    """A node that signs with an account's key; eth_account is the judge of EIP-712."""

    def __init__(self, secret: bytes):
        self.account = Account.from_key(secret)
        self.public_key = bytes(12) + to_canonical_address(self.account.address)
        self.node = keccak(self.public_key)

    def receipt(self, issued_at: int = 1_700_000_000) -> Words:
        return [
            self.node,
            keccak(b"model"),
            keccak(b"request"),
            keccak(b"response"),
            keccak(b"evidence"),
            word(issued_at),
        ]

    def sign(self, words: Words, **domain: Any) -> bytes:
        domain = {
            "name": "Afterproof",
            "version": "1",
            "chainId": 31337,
            "verifyingContract": REGISTRY,
            **domain,
        }
        names = [field["name"] for field in TYPES["Receipt"]]
        message = dict(zip(names, words, strict=True)) | {"issuedAt": int.from_bytes(words[ISSUED_AT])}
        return bytes(self.account.sign_typed_data(domain, TYPES, message).signature)

    def sign_hash(self, digest: bytes) -> bytes:
        return bytes(self.account.unsafe_sign_hash(digest).signature)


class OpenGradient:
    """A TEE gateway's RSA key."""

    def __init__(self) -> None:
        self.private = rsa.generate_private_key(65537, 2048)
        self.public_key = self.private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        self.node = keccak(self.public_key)

    def receipt(self, issued_at: int = 1_700_000_000) -> Words:
        return [self.node, word(0), keccak(b"request"), keccak(b"response"), word(0), word(issued_at)]

    def sign(self, words: Words, salt: int = 32) -> bytes:
        return self.sign_message(keccak(words[REQUEST] + words[RESPONSE] + words[ISSUED_AT]), salt)

    def sign_message(self, message: bytes, salt: int = 32) -> bytes:
        return self.private.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with chain() as running:
        yield running


@pytest.fixture(scope="module")
def secp(node: Node) -> View:
    return node.deploy("Secp256k1Scheme", REGISTRY)


@pytest.fixture(scope="module")
def pss(node: Node) -> View:
    return node.deploy("OpenGradientRsaPssScheme")


@pytest.fixture(scope="module")
def signer() -> Secp256k1:
    return Secp256k1(keccak(b"signer"))


@pytest.fixture(scope="module")
def gateway() -> OpenGradient:
    return OpenGradient()


@pytest.fixture(params=["SECP256K1", "OPENGRADIENT_RSA_PSS"])
def pair(request: pytest.FixtureRequest) -> tuple[View, Any]:
    """A scheme and a node that signs by it."""
    names = {"SECP256K1": ("secp", "signer"), "OPENGRADIENT_RSA_PSS": ("pss", "gateway")}[request.param]
    scheme, node = (request.getfixturevalue(name) for name in names)
    return scheme, node


# --- every scheme --------------------------------------------------------------------------------


def test_verify_ownSignature_true(pair: tuple[View, Any]) -> None:
    scheme, node = pair
    for issued_at in (0, 1_700_000_000, 2**64 - 1):
        words = node.receipt(issued_at)
        assert scheme.call("verify", words, node.sign(words), node.public_key)


def test_verify_keyOfAnotherNode_reverts(pair: tuple[View, Any]) -> None:
    scheme, node = pair
    words = replaced(node.receipt(), NODE, keccak(b"another node"))
    with reverts("KeyOfAnotherNode", words[NODE], node.node):
        scheme.call("verify", words, node.sign(words), node.public_key)


def test_verify_keyOfAnotherForm_reverts(
    pair: tuple[View, Any], signer: Secp256k1, gateway: OpenGradient
) -> None:
    scheme, node = pair
    p256 = ec.generate_private_key(ec.SECP256R1()).public_key()
    (other,) = {signer, gateway} - {node}
    wrong = [
        other.public_key,
        p256.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        b"",
        bytes(32),
        node.public_key[:-1],
        node.public_key + b"\0",
        b"\x01" + node.public_key[1:],
    ]
    for public_key in wrong:
        words = replaced(node.receipt(), NODE, keccak(public_key))
        with reverts("KeyOfAnotherScheme"):
            scheme.call("verify", words, node.sign(words), public_key)


def test_verify_keyOfAnotherNodeAndMalformedReceipt_reverts(pair: tuple[View, Any]) -> None:
    """Under a wrong key nothing is known: not even of a receipt that no key could have signed."""
    scheme, node = pair
    words = replaced(node.receipt(2**64), NODE, keccak(b"another node"))
    with reverts("KeyOfAnotherNode"):
        scheme.call("verify", words, b"", node.public_key)


def test_verify_emptySignature_false(pair: tuple[View, Any]) -> None:
    scheme, node = pair
    assert not scheme.call("verify", node.receipt(), b"", node.public_key)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signature=st.binary(max_size=300), length=st.sampled_from([None, 65, 256]))
def test_verify_anyBytes_false(pair: tuple[View, Any], signature: bytes, length: int | None) -> None:
    scheme, node = pair
    signature = signature if length is None else signature[:length].ljust(length, b"\x1b")
    assert scheme.call("verify", node.receipt(), signature, node.public_key) is False


@pytest.mark.parametrize("hardfork", ["cancun", "osaka"])
@pytest.mark.parametrize("name", ["SECP256K1", "OPENGRADIENT_RSA_PSS"])
def test_verify_anyGasLimit_neverAnswersFalsely(
    name: str, hardfork: str, signer: Secp256k1, gateway: OpenGradient
) -> None:
    secp = name == "SECP256K1"
    signs: Any = signer if secp else gateway
    upto = 8_000 if secp else 45_000 if hardfork == "osaka" else 18_000
    words, forged = signs.receipt(), signs.sign(signs.receipt(1))
    with chain(hardfork=hardfork) as node:
        scheme = node.deploy("Secp256k1Scheme", REGISTRY) if secp else node.deploy("OpenGradientRsaPssScheme")
        for signature, truth in ((signs.sign(words), True), (forged, False)):
            args = (words, signature, signs.public_key)
            assert scheme.call("verify", *args) is truth
            yes, no, starved = sweep_gas(node, scheme, "verify", *args, upto=upto)
            assert (yes > 0, no > 0) == (truth, not truth)
            assert starved > 0


# --- SECP256K1 -----------------------------------------------------------------------------------


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


# --- OPENGRADIENT_RSA_PSS -----------------------------------------------------------------------


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
