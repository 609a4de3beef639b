"""Promises are the same to Python, to the contract, and to any wallet: EIP-712 after eth_account's typed data."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.protocol.claims import Opening
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.outcome import Revert
from afterproof.protocol.promise import PROMISE_TYPE, Promise, SignedPromise
from afterproof.protocol.receipt import Domain
from afterproof.protocol.terms import DEMO
from tests.support.evm import Reverted
from tests.support.pair import encode_opening
from tests.support.promises import AHEAD, Promised, fresh, promise_signer

HASH = st.binary(min_size=32, max_size=32).filter(any)
ADDRESS = st.binary(min_size=20, max_size=20)
PROMISE = st.builds(
    Promise,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    HASH,
    st.integers(0, 2**64 - 1),
    ADDRESS,
)
FIELDS = [
    ("lane", "uint32"),
    ("firstSeq", "uint64"),
    ("count", "uint32"),
    ("root", "bytes32"),
    ("includeBy", "uint64"),
    ("beneficiary", "address"),
]


def typed(promise: Promise, domain: Domain) -> Any:
    """The promise as a wallet is asked to sign it."""
    return encode_typed_data(
        full_message={
            "primaryType": "InclusionPromise",
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "InclusionPromise": [{"name": name, "type": kind} for name, kind in FIELDS],
            },
            "domain": {
                "name": "Afterproof",
                "version": "1",
                "chainId": domain.chain_id,
                "verifyingContract": to_checksum_address(domain.contract),
            },
            "message": {
                "lane": promise.lane,
                "firstSeq": promise.first_seq,
                "count": promise.count,
                "root": promise.root,
                "includeBy": promise.include_by,
                "beneficiary": to_checksum_address(promise.beneficiary),
            },
        }
    )


def test_the_type_string_names_the_fields_in_their_order() -> None:
    fields = ",".join(f"{kind} {name}" for name, kind in FIELDS)
    assert PROMISE_TYPE.decode() == f"InclusionPromise({fields})"


@given(PROMISE, st.integers(1, 2**256 - 1), ADDRESS)
@settings(deadline=None)
def test_the_digest_is_that_of_typed_data(promise: Promise, chain_id: int, contract: bytes) -> None:
    domain = Domain(chain_id, contract)
    message = typed(promise, domain)
    assert message.header == domain.separator
    assert message.body == promise.hash
    assert keccak(b"\x19" + message.version + message.header + message.body) == promise.digest(domain)


# --- what the contract takes ------------------------------------------------------------------------


@cache
def wallet() -> Any:
    """A promise key in eth_account's hands: the one that lane 2 has."""
    account = Account.from_key(promise_signer()._key.secret)
    assert bytes.fromhex(account.address[2:]) == promise_signer().address
    return account


@given(st.integers(0, 2**64 - 1), st.integers(1, 9), st.data(), ADDRESS)
@settings(max_examples=25, deadline=None)
def test_the_contract_takes_what_a_wallet_signs(
    shift: int, count: int, data: st.DataObject, beneficiary: bytes
) -> None:
    """Any promise below the limit, signed as typed data: a claim on it pays, which takes the digest to be the same."""
    scene = fresh()
    first_seq = shift % (AHEAD - count + 1)
    hashes = data.draw(st.lists(HASH, min_size=count, max_size=count))
    include_by = scene.now - data.draw(st.integers(1, DEMO.claim_window))
    tree = BatchTree(hashes)
    promise = Promise(scene.lane, first_seq, count, tree.root, include_by, beneficiary)
    signature = wallet().sign_message(typed(promise, scene.pair.promise_domain)).signature
    promised = Promised(SignedPromise(promise, bytes(signature)), tree)
    scene.missed(promised.opening(first_seq + data.draw(st.integers(0, count - 1))))
    scene.compare()


@given(PROMISE, st.binary(min_size=65, max_size=65))
@settings(max_examples=40, deadline=None)
def test_the_contract_refuses_what_python_refuses(promise: Promise, signature: bytes) -> None:
    """Random promises, signed at random or truly, with a random leaf: contract and specification say the same."""
    scene = fresh()
    true = promise_signer().sign_hash(promise.digest(scene.pair.promise_domain))
    for lane in (promise.lane, scene.lane):
        for signed in (true, signature, signature[:64] + b"\x1b"):
            opening = Opening(
                SignedPromise(replace(promise, lane=lane), signed), promise.first_seq, promise.root, ()
            )
            assert scene.refused_missed(opening) in ("NotPromised", "Unenforceable", "NotBroken", "TooLate")


@st.composite
def nearly_opened(draw: st.DrawFn) -> tuple[int, int, list[bytes], int, bytes, tuple[bytes, ...]]:
    """A tree and an opening, perhaps with one thing wrong: first number, signed count, leaves, seq, leaf, proof."""
    hashes = draw(st.lists(HASH, min_size=1, max_size=20))
    first_seq, index = draw(st.integers(0, 15)), draw(st.integers(0, len(hashes) - 1))
    proof, count, leaf = BatchTree(hashes).proof(index), len(hashes), hashes[index]
    match draw(st.sampled_from(["nothing", "count", "index", "leaf", "node", "cut", "add", "swap", "flip"])):
        case "count":
            count = draw(st.integers(0, 2 * count))
        case "index":
            index = draw(st.integers(-first_seq, 2 * count))
        case "leaf":
            leaf = draw(HASH | st.sampled_from(hashes))
        case "node" if proof:
            leaf, proof = BatchTree(hashes).levels[1][index // 2], proof[1:]
        case "cut":
            proof = proof[:-1]
        case "add":
            proof = [*proof, draw(HASH)]
        case "swap":
            proof = proof[::-1]
        case "flip" if proof:
            proof = [draw(HASH), *proof[1:]]
    return first_seq, count, hashes, first_seq + index, leaf, tuple(proof)


@given(nearly_opened())
@settings(max_examples=60, deadline=None)
def test_openings_are_taken_alike(drawn: tuple[int, int, list[bytes], int, bytes, tuple[bytes, ...]]) -> None:
    first_seq, count, hashes, seq, leaf, proof = drawn
    scene = fresh()
    root = BatchTree(hashes).root
    promise = Promise(scene.lane, first_seq, count, root, scene.now - 1, scene.holder)
    signed = SignedPromise(promise, promise_signer().sign_hash(promise.digest(scene.pair.promise_domain)))
    opening = Opening(signed, seq, leaf, proof)
    try:
        scene.missed(opening)
        assert promise.opens(seq, leaf, proof)
    except Revert as revert:
        assert revert.error == ("Unenforceable" if promise.opens(seq, leaf, proof) else "NotPromised")


# --- what an opening weighs -------------------------------------------------------------------------


def test_a_claim_with_dirty_words_is_refused() -> None:
    """Bits set above an integer's width: what the signer did not sign is never taken for what it did."""
    scene = fresh()
    promised = scene.promise(scene.leaf(1), include_by=scene.now - 1)
    settle = scene.pair.settlement
    sound = settle.interface.function("claimMissed", 2).encode((encode_opening(promised.opening()), 0))
    # Selector, offset of the opening, firstSeq; then the six words of the promise, the signature's offset, seq.
    start = 4 + 2 * 32
    for word, width in ((0, 4), (1, 8), (2, 4), (4, 8), (5, 20), (7, 8)):
        for above in (width, 31):
            dirty = bytearray(sound)
            dirty[start + 32 * word + 31 - above] |= 1
            with pytest.raises(Reverted) as caught:
                scene.pair.evm.transfer(settle.address, 0, sender=scene.caller, data=bytes(dirty))
            assert caught.value.name in ("", "NotPromised")
    scene.missed(promised)
    scene.compare()
