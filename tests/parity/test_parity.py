"""The same Hypothesis-drawn receipts, trees and proofs give the same bytes in Python and in Solidity."""

from dataclasses import replace
from functools import cache

from eth_utils import to_canonical_address
from hypothesis import given
from hypothesis import strategies as st

from afterproof.protocol.header import HAS_VOIDS, MAX_FAULT_COUNT, Header
from afterproof.protocol.merkle import BatchTree, root_of
from afterproof.protocol.receipt import Domain, Leaf, Receipt, Scheme, digest
from afterproof.protocol.signing import node_of, scheme_of, verify_leaf
from tests.support.evm import Contract, Evm
from tests.support.p256 import N as P256_ORDER
from tests.support.pair import CHAIN_ID, encode_words
from tests.support.scene import p256_signer, rsa_signer, secp_signer

WORD = st.binary(min_size=32, max_size=32)
TIME = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 2**256 - 1))
RECEIPT = st.builds(Receipt, WORD, WORD, WORD, WORD, WORD, TIME)
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SCHEME_NUMBERS = [None, *Scheme]


@cache
def harness(name: str) -> Contract:
    return Evm(chain_id=CHAIN_ID).deploy(name)


# --- receipts ---------------------------------------------------------------------------------------


@given(RECEIPT, st.binary(max_size=300), st.binary(min_size=20, max_size=20))
def test_receipt_hashes_are_the_same(receipt: Receipt, signature: bytes, registry: bytes) -> None:
    keys, words = harness("KeysHarness"), encode_words(receipt.words)
    assert keys.call("structHash", words) == receipt.hash
    domain = Domain(CHAIN_ID, registry)
    assert keys.call("domainSeparator", registry) == domain.separator
    assert keys.call("digest", domain.separator, words) == digest(receipt, Scheme.SECP256K1, domain)
    assert keys.call("openGradientHash", words) == digest(receipt, Scheme.OPENGRADIENT_RSA_PSS, domain)
    assert keys.call("isReceipt", words) == (receipt.issued_at < 2**64)
    leaf = Leaf(receipt, signature)
    assert keys.call("leafHashOf(bytes32[7])", encode_words(leaf.words)) == leaf.hash
    assert keys.call("leafHashOf(bytes32[6],bytes32)", words, leaf.words[192:]) == leaf.hash


@cache
def key_pool() -> list[bytes]:
    return [node.public_key for node in (secp_signer(0), secp_signer(1), rsa_signer(), p256_signer())]


@st.composite
def nearly_keys(draw: st.DrawFn) -> bytes:
    """A key of some form, perhaps with one byte changed, cut off or added."""
    key = bytearray(draw(st.sampled_from(key_pool()) | st.binary(min_size=32, max_size=32)))
    change = draw(st.sampled_from(["keep", "flip", "cut", "add", "zero"]))
    at = draw(st.integers(0, len(key) - 1))
    if change == "flip":
        key[at] ^= draw(st.integers(1, 255))
    elif change == "cut":
        del key[at]
    elif change == "add":
        key.insert(at, draw(st.integers(0, 255)))
    elif change == "zero":
        key = bytearray(len(key))
    return bytes(key)


@given(nearly_keys())
def test_the_scheme_follows_from_the_key_alike(key: bytes) -> None:
    keys = harness("KeysHarness")
    assert SCHEME_NUMBERS[keys.call("schemeOf", key)] is scheme_of(key)
    assert keys.call("nodeOf", key) == node_of(key)


@cache
def schemes() -> tuple[Domain, dict[Scheme, Contract]]:
    evm = Evm(chain_id=CHAIN_ID)
    registry = to_canonical_address(evm.accounts[7])
    return Domain(CHAIN_ID, registry), {
        Scheme.SECP256K1: evm.deploy("Secp256k1Scheme", registry),
        Scheme.OPENGRADIENT_RSA_PSS: evm.deploy("OpenGradientRsaPssScheme"),
        Scheme.P256: evm.deploy("P256Scheme", registry),
    }


@st.composite
def nearly_signed(draw: st.DrawFn) -> tuple[Leaf, bytes]:
    """A signed leaf with its key, perhaps with one thing changed that the node did not sign."""
    domain, _ = schemes()
    signer = draw(st.sampled_from([secp_signer(0), rsa_signer(), p256_signer()]))
    issued_at = draw(st.integers(0, 2**64 - 1))
    plain = Receipt(signer.node, bytes(32), draw(WORD), draw(WORD), bytes(32), issued_at)
    leaf = signer.sign(plain, domain).leaf
    signature = bytearray(leaf.signature)
    match draw(
        st.sampled_from(["nothing", "flip", "cut", "add", "model", "evidence", "late", "v", "high s"])
    ):
        case "flip":
            signature[draw(st.integers(0, len(signature) - 1))] ^= draw(st.integers(1, 255))
        case "cut":
            del signature[-draw(st.integers(1, len(signature))) :]
        case "add":
            signature += draw(st.binary(min_size=1, max_size=4))
        case "model":
            plain = replace(plain, model=draw(WORD))
        case "evidence":
            plain = replace(plain, evidence=draw(WORD))
        case "late":
            plain = replace(plain, issued_at=issued_at + 2**64)
        case "v":
            signature[-1] = draw(st.sampled_from([0, 1, 26, 29, 255]))
        case "high s":
            order = P256_ORDER if signer.scheme is Scheme.P256 else SECP256K1_ORDER
            signature[32:64] = (order - int.from_bytes(signature[32:64]) % order).to_bytes(32)
            if signer.scheme is Scheme.SECP256K1:
                signature[-1] ^= 7  # 27 <-> 28
    return Leaf(plain, bytes(signature)), signer.public_key


@given(nearly_signed())
def test_signatures_verify_alike(drawn: tuple[Leaf, bytes]) -> None:
    leaf, key = drawn
    domain, contracts = schemes()
    scheme = scheme_of(key)
    assert scheme is not None
    seen = contracts[scheme].call("verify", encode_words(leaf.receipt.words), leaf.signature, key)
    assert seen == verify_leaf(leaf, key, domain)


def test_a_signature_without_its_leading_zero_is_invalid_alike() -> None:
    domain, contracts = schemes()
    signer = rsa_signer()
    receipt = Receipt(signer.node, bytes(32), bytes(32), bytes(32), bytes(32), 1)
    # PSS is randomised: one signature in 256 begins with a zero.
    whole = next(leaf for _ in range(10_000) if (leaf := signer.sign(receipt, domain).leaf).signature[0] == 0)
    cut = Leaf(receipt, whole.signature[1:])
    for leaf, valid in ((whole, True), (cut, False)):
        assert verify_leaf(leaf, signer.public_key, domain) is valid
        words = encode_words(receipt.words)
        seen = contracts[Scheme.OPENGRADIENT_RSA_PSS].call("verify", words, leaf.signature, signer.public_key)
        assert seen is valid


# --- trees ------------------------------------------------------------------------------------------


def leaf_hashes(count: int) -> list[bytes]:
    return [i.to_bytes(32) for i in range(1, count + 1)]


def rfc_root(hashes: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, written as the text has it: split at the largest power of two below the size."""
    from sha3 import keccak_256

    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return keccak_256(b"\x01" + rfc_root(hashes[:split]) + rfc_root(hashes[split:])).digest()


def test_trees_have_the_shape_of_rfc_9162_for_every_size_to_600() -> None:
    tree_harness = harness("TreeHarness")
    for size in range(1, 601):
        hashes = leaf_hashes(size)
        tree = BatchTree(hashes)
        assert tree.root == rfc_root(hashes)
        assert tree_harness.call("foldTiles", hashes) == tree.root
        tiles = [BatchTree(hashes[i : i + 256]).root for i in range(0, size, 256)]
        assert tree.tile_roots == tiles
        assert BatchTree(tiles).root == tree.root


def test_every_proof_of_every_size_to_64_and_some_to_600_leads_to_the_root() -> None:
    tree_harness = harness("TreeHarness")
    for size in [*range(1, 65), 255, 256, 257, 511, 512, 513, 600]:
        tree = BatchTree(leaf_hashes(size))
        for index in range(size) if size <= 64 else (0, 1, 127, 254, size - 2, size - 1):
            proof = tree.proof(index)
            assert root_of(tree.levels[0][index], index, size, proof) == tree.root
            assert tree_harness.call("rootOf", tree.levels[0][index], index, size, proof) == tree.root


@given(
    st.integers(1, 2**20),
    st.integers(0, 2**21) | st.integers(2**255, 2**256 - 1),
    st.lists(WORD, max_size=24),
    WORD,
)
def test_proofs_of_any_shape_lead_to_the_same_root(
    size: int, index: int, proof: list[bytes], leaf: bytes
) -> None:
    seen = harness("TreeHarness").call("rootOf", leaf, index, size, proof)
    assert seen == (root_of(leaf, index, size, proof) or bytes(32))


@given(st.integers(1, 600), st.data())
def test_a_scrambled_proof_leads_elsewhere_alike(size: int, data: st.DataObject) -> None:
    tree = BatchTree(leaf_hashes(size))
    index = data.draw(st.integers(0, size - 1))
    proof = tree.proof(index)
    elsewhere = data.draw(st.integers(0, size - 1).filter(lambda other: other != index)) if size > 1 else 1
    contract = harness("TreeHarness")
    leaf = tree.levels[0][index]
    for wrong_index, wrong_proof in ((elsewhere, proof), (index, proof[:-1]), (index, [*proof, bytes(32)])):
        if (wrong_index, wrong_proof) == (index, proof):
            continue
        assert root_of(leaf, wrong_index, size, wrong_proof) != tree.root
        assert contract.call("contains", tree.root, leaf, wrong_index, size, wrong_proof) is False


# --- headers ----------------------------------------------------------------------------------------


@given(st.integers(0, 2**256 - 1), st.sampled_from([1, 64]))
def test_headers_have_the_same_fields(word: int, number: int) -> None:
    header = Header.unpack(word)
    assert header.pack() == word
    found = harness("HeaderHarness").call("fields", word)
    expected = (
        header.count,
        header.anchor,
        header.window_end,
        header.oldest,
        header.newest,
        header.epoch,
        header.fault_count,
        header.open_demands,
        header.latest_end,
    )
    assert tuple(found) == expected
    faulty = replace(
        header, fault_count=min(header.fault_count + number, MAX_FAULT_COUNT), flags=header.flags | HAS_VOIDS
    )
    assert harness("HeaderHarness").call("withFaults", word, number) == faulty.pack()
