"""Keys, receipts and leaves as bytes (contracts/libraries/PublicKeys.sol and Receipts.sol).

schemeOf
    when the key is 32 bytes: a left-padded address, not zero
        it should be SECP256K1
    when the key is the DER SubjectPublicKeyInfo of RSA-2048 with e = 65537
        it should be OPENGRADIENT_RSA_PSS
    when the key is the DER SubjectPublicKeyInfo of an uncompressed point on P-256
        it should be P256
        when a coordinate is p or more, or the point off the curve
            it should be NONE
    when any byte of the form is another, or the length is
        it should be NONE, and never revert
nodeOf, addressOf, modulusOf, pointOf
    it should be the keccak256, the address, the modulus, the coordinates
structHash, digest
    it should be what EIP-712 says
    when issuedAt is 2^64 or more
        it should still hash the raw word
openGradientHash, leafHash
    it should hash exactly the words that DESIGN names, the leaf after 0x00
"""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_canonical_address
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.evm import Contract, Evm
from tests.support.p256 import edge_cases, on_curve

NONE, SECP256K1, OPENGRADIENT_RSA_PSS, P256 = range(4)
REGISTRY = "0x" + "a7" * 20
RSA_KEY = rsa.generate_private_key(65537, 2048).public_key()
RECEIPT_TYPE = (
    b"Receipt(bytes32 node,bytes32 model,bytes32 request,bytes32 response,bytes32 evidence,uint64 issuedAt)"
)
NAMES = ("node", "model", "request", "response", "evidence", "issuedAt")


def spki(key: Any, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    return key.public_bytes(Encoding.DER, form)


RSA_SPKI = spki(RSA_KEY)
P256_KEY = ec.generate_private_key(ec.SECP256R1()).public_key()
P256_SPKI = spki(P256_KEY)
ADDRESS = bytes(12) + keccak(b"account")[12:]

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
receipts = st.lists(st.binary(min_size=32, max_size=32), min_size=6, max_size=6)


@pytest.fixture(scope="module")
def keys() -> Contract:
    return Evm().deploy("KeysHarness")


# --- schemeOf ------------------------------------------------------------------------------------


def test_schemeOf_eachForm_itsScheme(keys: Contract) -> None:
    assert (len(ADDRESS), len(RSA_SPKI), len(P256_SPKI)) == (32, 294, 91)
    assert keys.call("schemeOf", P256_SPKI) == P256
    assert keys.call("schemeOf", ADDRESS) == SECP256K1
    assert keys.call("schemeOf", RSA_SPKI) == OPENGRADIENT_RSA_PSS


@pytest.mark.parametrize("number", [1, 2**160 - 1, 2**159])
def test_schemeOf_anyAddressButZero_secp256k1(keys: Contract, number: int) -> None:
    assert keys.call("schemeOf", number.to_bytes(32)) == SECP256K1


@pytest.mark.parametrize("number", [0, 2**160, 2**255, 2**256 - 1, (1 << 160) + 1])
def test_schemeOf_wordThatIsNoAddress_none(keys: Contract, number: int) -> None:
    assert keys.call("schemeOf", number.to_bytes(32)) == NONE


def test_schemeOf_anyByteOfTheRsaForm_none(keys: Contract) -> None:
    for at in [*range(33), *range(289, 294)]:
        wrong = bytearray(RSA_SPKI)
        wrong[at] ^= 1
        assert keys.call("schemeOf", bytes(wrong)) == NONE, at


def test_schemeOf_modulus_topBitSetAndOdd(keys: Contract) -> None:
    def of(modulus: int) -> int:
        return keys.call("schemeOf", RSA_SPKI[:33] + modulus.to_bytes(256) + RSA_SPKI[289:])

    assert of(2**2047 + 1) == of(2**2048 - 1) == OPENGRADIENT_RSA_PSS
    assert of(2**2047) == of(2**2048 - 2) == of(2**2047 - 1) == of(1) == of(0) == NONE


def test_schemeOf_anyByteOfTheP256Form_none(keys: Contract) -> None:
    """Of the head or of the point: whoever changes a coordinate leaves the curve, or else has found a key."""
    for at in range(91):
        wrong = bytearray(P256_SPKI)
        wrong[at] ^= 1
        assert keys.call("schemeOf", bytes(wrong)) == NONE, at


def test_schemeOf_point_onTheCurveAndBelowP(keys: Contract) -> None:
    for name, (case, _) in {
        name: (case, truth) for name, case, truth in edge_cases() if "key" in name
    }.items():
        scheme = P256 if on_curve(case.x, case.y) else NONE
        assert keys.call("schemeOf", case.public_key) == scheme, name


def test_schemeOf_otherKeys_none(keys: Contract) -> None:
    others = {
        "nothing": b"",
        "a bare address": ADDRESS[12:],
        "RSA, PKCS #1": spki(RSA_KEY, PublicFormat.PKCS1),
        "RSA, e = 3": spki(rsa.generate_private_key(3, 2048).public_key()),
        "RSA-1024": spki(rsa.generate_private_key(65537, 1024).public_key()),
        "RSA-3072": spki(rsa.generate_private_key(65537, 3072).public_key()),
        "RSA, PEM": RSA_KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "P-256, a bare point": P256_KEY.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        "P-256, compressed": P256_SPKI[:26]
        + P256_KEY.public_bytes(Encoding.X962, PublicFormat.CompressedPoint),
        "P-384": spki(ec.generate_private_key(ec.SECP384R1()).public_key()),
        "secp256k1 as DER": spki(ec.generate_private_key(ec.SECP256K1()).public_key()),
        "Ed25519": spki(ed25519.Ed25519PrivateKey.generate().public_key()),
        "one byte less": RSA_SPKI[:-1],
        "one byte more": RSA_SPKI + b"\0",
        "P-256, one byte less": P256_SPKI[:-1],
        "P-256, one byte more": P256_SPKI + b"\0",
        "P-256, hybrid point": P256_SPKI[:26] + bytes([6 + P256_SPKI[-1] % 2]) + P256_SPKI[27:],
        "P-256, infinity": P256_SPKI[:27] + bytes(64),
    }
    for name, key in others.items():
        assert keys.call("schemeOf", key) == NONE, name


@quick
@given(
    key=st.one_of(
        st.binary(max_size=300), *(st.binary(min_size=size, max_size=size) for size in (31, 32, 33, 91, 294))
    )
)
def test_schemeOf_anyBytes_neverReverts(keys: Contract, key: bytes) -> None:
    address = len(key) == 32 and key[:12] == bytes(12) and key != bytes(32)
    assert keys.call("schemeOf", key) == (SECP256K1 if address else NONE)


def test_nodeOf_addressOf_modulusOf_pointOf_eachForm(keys: Contract) -> None:
    for key in (ADDRESS, RSA_SPKI, P256_SPKI, b""):
        assert keys.call("nodeOf", key) == keccak(key)
    assert to_canonical_address(keys.call("addressOf", ADDRESS)) == ADDRESS[12:]
    assert int.from_bytes(keys.call("modulusOf", RSA_SPKI)) == RSA_KEY.public_numbers().n
    point = P256_KEY.public_numbers()
    assert [int.from_bytes(word) for word in keys.call("pointOf", P256_SPKI)] == [point.x, point.y]


# --- receipts and leaves -------------------------------------------------------------------------


@quick
@given(words=receipts, issued_at=st.integers(0, 2**64 - 1))
def test_digest_anyReceipt_isEip712(keys: Contract, words: list[bytes], issued_at: int) -> None:
    words = [*words[:5], issued_at.to_bytes(32)]
    fields = [{"name": name, "type": "uint64" if name == "issuedAt" else "bytes32"} for name in NAMES]
    domain = {"name": "Afterproof", "version": "1", "chainId": 31_337, "verifyingContract": REGISTRY}
    message = dict(zip(NAMES, words, strict=True)) | {"issuedAt": issued_at}
    typed = encode_typed_data(domain, {"Receipt": fields}, message)
    assert keys.call("domainSeparator", REGISTRY) == typed.header
    assert keys.call("structHash", words) == typed.body
    assert keys.call("digest", typed.header, words) == keccak(b"\x19\x01" + typed.header + typed.body)
    assert keys.call("isReceipt", words)


@quick
@given(words=receipts, signature=st.binary(max_size=256))
def test_hashes_anyWords_exactly(keys: Contract, words: list[bytes], signature: bytes) -> None:
    assert keys.call("structHash", words) == keccak(keccak(RECEIPT_TYPE) + b"".join(words))
    assert keys.call("openGradientHash", words) == keccak(words[2] + words[3] + words[5])
    leaf = [*words, keccak(signature)]
    assert keys.call("leafHashOf", leaf) == keccak(b"\x00" + b"".join(leaf))
    assert keys.call("leafHashOf", words, keccak(signature)) == keccak(b"\x00" + b"".join(leaf))


@pytest.mark.parametrize(
    ("issued_at", "is_receipt"), [(0, True), (2**64 - 1, True), (2**64, False), (2**256 - 1, False)]
)
def test_isReceipt_issuedAt_mustBeUint64(keys: Contract, issued_at: int, is_receipt: bool) -> None:
    words = [keccak(b"word")] * 5 + [issued_at.to_bytes(32)]
    assert keys.call("isReceipt", words) is is_receipt
    assert keys.call("structHash", words) == keccak(keccak(RECEIPT_TYPE) + b"".join(words))
