"""Receipts side by side say what they say one by one.

arrays of receipts
├── their hashes, leaf hashes and digests should be those of each
├── parts, choices and joins of them should be those of each
└── what admission refuses should not depend on who stands beside
"""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.chain.memory import MemoryChain
from afterproof.protocol.admission import Admission
from afterproof.protocol.arrays import Handed, Leaves, digests, leaf_hashes_of, receipt_hashes
from afterproof.protocol.attestations import NodeRecord, Tenure
from afterproof.protocol.receipt import Receipt, Scheme, SignedReceipt, digest
from afterproof.protocol.signing import RsaPssSigner, Signer
from afterproof.protocol.terms import DEMO
from tests.support.scene import receipt_of, secp_signer

NOW = 1_800_000_000
DOMAIN = MemoryChain().domain
RSA = RsaPssSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048))
SIGNERS: list[Signer] = [secp_signer(0), RSA, secp_signer(1)]
GOOD = [SIGNERS[n % 3].sign(receipt_of(SIGNERS[n % 3], NOW - n, n), DOMAIN) for n in range(9)]


def changed(one: SignedReceipt, **fields: object) -> SignedReceipt:
    return replace(one, receipt=replace(one.receipt, **fields))  # type: ignore[arg-type]


BAD = [
    replace(GOOD[0], signature=GOOD[2].signature),
    replace(GOOD[1], signature=GOOD[1].signature[:-1]),
    replace(GOOD[4], scheme=Scheme.P256),
    replace(GOOD[1], public_key=GOOD[0].public_key),
    replace(GOOD[1], public_key=b"none"),
    changed(GOOD[1], model=b"\1" * 32),
    changed(GOOD[0], evidence=b"\1" * 32),
    changed(GOOD[0], issued_at=NOW - 10_000),
    changed(GOOD[1], issued_at=NOW + 10_000),
    changed(GOOD[1], node=GOOD[0].receipt.node),
    secp_signer(2).sign(receipt_of(secp_signer(2), NOW, 1), DOMAIN),
    secp_signer(3).sign(receipt_of(secp_signer(3), NOW, 1), DOMAIN),
]


def test_hashes_are_those_of_each() -> None:
    leaves = Leaves.of([(one.leaf, one.scheme) for one in GOOD])
    handed = Handed.of(GOOD)
    assert receipt_hashes(handed.words) == list(leaves.hashes) == [one.receipt.hash for one in GOOD]
    expected = [one.leaf.hash for one in GOOD]
    assert leaf_hashes_of(handed.words, handed.signatures) == list(leaves.leaf_hashes) == expected
    for scheme in Scheme:
        assert digests(scheme, handed.words, leaves.hashes, DOMAIN) == [
            digest(one.receipt, scheme, DOMAIN) for one in GOOD
        ]


def test_parts_and_joins_are_of_each() -> None:
    leaves, handed = Leaves.of([(one.leaf, one.scheme) for one in GOOD]), Handed.of(GOOD)
    assert [handed.receipt(place) for place in range(9)] == GOOD
    assert [handed.at([4, 1]).receipt(place) for place in range(2)] == [GOOD[4], GOOD[1]]
    assert handed.at(range(9)) is handed
    assert Handed.joined([handed.at([0, 1]), handed.at(range(2, 9))]) == handed
    assert [leaves.part(2, 4).leaf(place) for place in range(2)] == [GOOD[2].leaf, GOOD[3].leaf]
    assert Leaves.joined([leaves.part(0, 5), leaves.part(5, 9)]) == leaves == leaves.at(range(9))


def admission() -> Admission:
    tenure = Tenure(0, NOW - 100, NOW + 100)
    live = {one.node: NodeRecord(one.public_key, bytes(20), (tenure,), (), 0, NOW) for one in SIGNERS}
    return Admission(DEMO, NOW, NOW, NOW - 20, live.get, DOMAIN)


@settings(max_examples=60, deadline=None)
@given(items=st.lists(st.sampled_from(GOOD + BAD), min_size=1, max_size=12))
def test_a_refusal_does_not_depend_on_the_neighbours(items: list[SignedReceipt]) -> None:
    handed = Handed.of(items)
    together = admission().refusals(handed, receipt_hashes(handed.words))
    for place, item in enumerate(items):
        alone = Handed.of([item])
        assert together.get(place) == admission().refusals(alone, receipt_hashes(alone.words)).get(0)
        assert (place in together) == (item in BAD)


@pytest.mark.parametrize("time", [0, 2**64 - 1, 2**255])
def test_any_time_is_refused_but_now(time: int) -> None:
    receipt: Receipt = replace(GOOD[0].receipt, issued_at=time)
    handed = Handed.of([GOOD[3], replace(GOOD[0], receipt=receipt)])
    found = admission().refusals(handed, receipt_hashes(handed.words))
    assert [(place, why.field) for place, why in found.items()] == [(1, "receipt.issuedAt")]
