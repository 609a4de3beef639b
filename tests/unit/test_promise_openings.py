"""Settlement: opening a promise at a number, by way of claims of a missed deadline.

opening
├── given a promise of several receipts
│   ├── when a number of it is opened → it should pay for that number alone
│   ├── when the opening is wrong: number, leaf, proof → it should revert NotPromised
│   └── when its root is read as that of fewer → it should revert NotPromised: the count is signed
├── given a promise of nothing: count zero, a zero root → it should revert NotPromised
├── given the largest count, the largest numbers → it should answer as for any other, below the limit
├── given it is due at zero → it should never be in time; given it is due at the largest time → never late
└── given an unknown lane → it should revert NotPromised
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from afterproof.protocol.claims import Opening
from afterproof.protocol.merkle import root_of
from afterproof.protocol.promise import Promise, SignedPromise
from afterproof.protocol.terms import DEMO
from tests.support.promises import AHEAD, Promised, PromiseScene, promise_signer, staged

SLASH = DEMO.promise_slash
CLAIM = DEMO.claim_window


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    yield from staged()


def due(promised: Promised) -> int:
    return promised.signed.promise.include_by


# --- several receipts, one promise ------------------------------------------------------------------


def test_claim_missed_of_a_promise_of_several_pays_for_each_number_alone(scene: PromiseScene) -> None:
    leaves = [scene.leaf(number) for number in range(5)]
    promised = scene.promise(*leaves)
    scene.post(*leaves[:3])
    scene.warp(due(promised) + 1)
    for seq in range(3):
        assert scene.refused_missed(promised.opening(seq)) == "NotBroken"
    for seq in (4, 3):
        scene.missed(promised.opening(seq))
        assert scene.refused_missed(promised.opening(seq)) == "AlreadyClaimed"
    assert scene.credit(scene.holder) == 2 * SLASH * 45 // 100


def test_claim_missed_with_a_wrong_opening_reverts(scene: PromiseScene) -> None:
    promised = scene.promise(*[scene.leaf(number) for number in range(5)], first_seq=3)
    scene.warp(due(promised) + 1)
    sound = promised.opening(4)
    for changes in (
        {"seq": 5},
        {"seq": 2},
        {"seq": 8},
        {"seq": 0},
        {"seq": 2**64 - 1},
        {"leaf_hash": bytes(32)},
        {"leaf_hash": promised.tree.levels[1][0]},
        {"proof": sound.proof[:-1]},
        {"proof": (*sound.proof, bytes(32))},
        {"proof": ()},
    ):
        assert scene.refused_missed(replace(sound, **changes)) == "NotPromised", changes
    scene.missed(sound)


def test_claim_missed_with_an_inner_node_as_a_leaf_of_fewer_reverts(scene: PromiseScene) -> None:
    """The root does not commit to the count, the signature does: 4 receipts cannot be read as 2."""
    promised = scene.promise(*[scene.leaf(number) for number in range(4)])
    scene.warp(due(promised) + 1)
    fewer = replace(promised.signed.promise, count=2)
    opening = Opening(
        SignedPromise(fewer, promised.signed.signature),
        0,
        promised.tree.levels[1][0],
        (promised.tree.levels[1][1],),
    )
    assert scene.refused_missed(opening) == "NotPromised"


# --- extreme values ---------------------------------------------------------------------------------


def signed(scene: PromiseScene, promise: Promise) -> SignedPromise:
    return SignedPromise(promise, promise_signer().sign_hash(promise.digest(scene.pair.promise_domain)))


def test_claim_missed_of_a_promise_of_nothing_reverts(scene: PromiseScene) -> None:
    """Count zero, or a zero root, which a verifier of proofs might take for a shape that does not fit."""
    leaf_hash = scene.promise(scene.leaf(1)).opening().leaf_hash
    for count, root in ((0, leaf_hash), (1, bytes(32)), (0, bytes(32)), (2, bytes(32))):
        promise = Promise(scene.lane, 0, count, root, 0)
        for opened in (leaf_hash, bytes(32)):
            opening = Opening(signed(scene, promise), 0, opened, ())
            assert scene.refused_missed(opening) == "NotPromised"


def test_claim_missed_of_the_largest_count_pays(scene: PromiseScene) -> None:
    """Nobody builds 2^32 - 1 leaves; a tree of one repeated leaf has the same shape."""
    count, leaf_hash = 2**32 - 1, scene.promise(scene.leaf(1)).opening().leaf_hash
    proof = tuple(bytes([level]) * 32 for level in range(32))
    root = root_of(leaf_hash, 7, count, proof)
    assert root is not None
    promise = Promise(scene.lane, 0, count, root, scene.now, scene.holder)
    scene.wait(1)
    opening = Opening(signed(scene, promise), 7, leaf_hash, proof)
    assert scene.refused_missed(replace(opening, seq=8)) == "NotPromised"
    scene.missed(opening)


@pytest.mark.parametrize("first_seq", [AHEAD, AHEAD + 1, 2**32, 2**48 - 1, 2**48, 2**64 - 1])
def test_claim_missed_of_numbers_beyond_ahead_reverts(scene: PromiseScene, first_seq: int) -> None:
    promised = scene.promise(scene.leaf(1), first_seq=first_seq)
    scene.warp(due(promised) + 1)
    assert scene.refused_missed(promised) == "Unenforceable"


def test_claim_missed_of_a_promise_that_runs_over_the_largest_number_reverts(scene: PromiseScene) -> None:
    promised = scene.promise(*[scene.leaf(number) for number in range(4)], first_seq=2**64 - 2)
    scene.warp(due(promised) + 1)
    assert scene.refused_missed(promised.opening(2**64 - 1)) == "Unenforceable"
    # The fourth leaf would stand at 2^64 + 1, which no number of 64 bits reaches: at 1 it does not stand.
    wrapped = Opening(promised.signed, 1, promised.tree.levels[0][3], tuple(promised.tree.proof(3)))
    assert scene.refused_missed(wrapped) == "NotPromised"


def test_claim_missed_of_a_promise_due_at_zero(scene: PromiseScene) -> None:
    """Never in time: too late to claim while not posted, payable once it is."""
    leaf = scene.leaf(1)
    promised = scene.promise(leaf, include_by=0)
    assert scene.refused("claim_missed", promised.opening(), 0) == ("TooLate", (CLAIM,))
    scene.post(leaf)
    scene.missed(promised)


def test_claim_missed_of_a_promise_due_never(scene: PromiseScene) -> None:
    for include_by in (2**40, 2**48 - 1, 2**48, 2**64 - 1):
        promised = scene.promise(scene.leaf(1), include_by=include_by)
        scene.wait(1)
        assert scene.refused_missed(promised) == "NotBroken"


def test_claim_missed_of_an_unknown_lane_reverts(scene: PromiseScene) -> None:
    for lane in (0, 3, 2**32 - 1):
        opening = scene.promise(scene.leaf(1), lane=lane, include_by=0).opening()
        assert scene.refused("claim_missed", opening, 0) == ("NotPromised", opening.place)
