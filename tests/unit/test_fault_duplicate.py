"""DuplicateReceipt: the same receipt stands earlier on the lane, and there it is not void.

the later leaf
├── when it is void, has ended, or was struck → it should revert; in its last second, or demanded, it should prove
└── else → void it alone, slash the lane, half to the prover, the lane itself included
the earlier leaf
├── when it is not earlier: the same place, or the later one → it should not prove
├── when it stands on another lane → it should not prove
├── when it is not there: batch, index, signature, proof → it should not prove
├── when it is another receipt, by one word → it should not prove
├── when it is void: by a fault, struck, untimely, of a node not live → it should not prove
└── when it is Posted or Final, in the same batch or another, of an earlier epoch, demanded → it should prove
evidence
├── when it is not whole words, three at least → it should revert
├── when it is any bytes → contract and specification should judge alike
├── when gas is short → it should revert, whatever the gas
└── when the epoch knows no such fault → it should revert
three of a kind → each but the first that stands can be proven, in any order
after a strike → the receipts of a struck tile may be posted again
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.protocol.evidence import duplicate_evidence
from afterproof.protocol.outcome import Revert
from afterproof.protocol.receipt import Leaf, Receipt, keccak
from afterproof.protocol.state import Claim, FaultKind, Standing
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.evm import Reverted
from tests.support.invariants import solvent
from tests.support.pair import ALL_FAULTS, encode_claim
from tests.support.scene import Scene, leaf_of, secp_signer

POSTED, FINAL, VOIDED = Standing.POSTED, Standing.FINAL, Standing.VOIDED
SLASH, KIND = DEMO.leaf_slash, FaultKind.DUPLICATE_RECEIPT


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.pair.compare_state()
    solvent(scene.pair)


def prove(scene: Scene, claim: Claim, by: bytes | None = None) -> None:
    scene.pair.act("prove_fault", by or scene.prover, KIND, claim)


def refused(scene: Scene, claim: Claim) -> str:
    """The error with which a claim is refused."""
    return scene.refusal("prove_fault", scene.prover, KIND, claim)


def resigned(leaf: Leaf) -> Leaf:
    """The same receipt with other bytes for a signature."""
    return replace(leaf, signature=leaf.signature[:-1] + bytes([leaf.signature[-1] ^ 7]))


# --- the later leaf ---------------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [1, 255, 256, 300])
@pytest.mark.parametrize("again", [lambda leaf: leaf, resigned])
def test_duplicate_in_one_batch_voids_the_later_alone(scene: Scene, apart: int, again) -> None:  # type: ignore[no-untyped-def]
    leaf = scene.leaf(1)
    batch = scene.post(leaf, *[None] * (apart - 1), again(leaf), scene.leaf(2))
    prove(scene, scene.duplicate(batch, apart, batch, 0))
    assert [scene.standing(batch, i) for i in (0, apart, apart + 1)] == [POSTED, VOIDED, POSTED]
    lane = scene.pair.spec.lanes[1]
    assert (lane.stake, lane.burned) == (10 * ETHER - SLASH, SLASH // 2)
    assert scene.pair.spec.credits == {scene.prover: SLASH // 2}
    assert scene.pair.spec.batches[batch.id].header.fault_count == 1


def test_duplicate_of_an_rsa_receipt_signed_twice_is_one(scene: Scene) -> None:
    # PSS is randomised: the node's own signatures over one receipt differ, and both are good.
    first, second = scene.leaf(1, scene.rsa), scene.leaf(1, scene.rsa)
    assert first.receipt == second.receipt and first.signature != second.signature
    batch = scene.post(first, second)
    prove(scene, scene.duplicate(batch, 1, batch, 0))


def test_duplicate_proven_twice_or_of_a_void_leaf_reverts(scene: Scene) -> None:
    leaf, forged = scene.leaf(1), scene.forged(2)
    batch = scene.post(leaf, forged, leaf, forged)
    prove(scene, scene.duplicate(batch, 2, batch, 0))
    assert refused(scene, scene.duplicate(batch, 2, batch, 0)) == "AlreadyProven"
    scene.prove(batch, 3)
    assert refused(scene, scene.duplicate(batch, 3, batch, 1)) == "AlreadyProven"
    claim = scene.claim(batch, 2)
    assert scene.refusal("prove_fault", scene.prover, FaultKind.BAD_SIGNATURE, claim) == "AlreadyProven"


def test_duplicate_that_loses_the_race_costs_only_gas(scene: Scene) -> None:
    leaf = scene.leaf(1)
    batch = scene.post(leaf, leaf)
    before = scene.pair.evm.balance(scene.stranger)
    prove(scene, scene.duplicate(batch, 1, batch, 0))
    with pytest.raises(Revert, match="AlreadyProven"):
        prove(scene, scene.duplicate(batch, 1, batch, 0), by=scene.stranger)
    assert scene.pair.evm.balance(scene.stranger) == before
    assert scene.stranger not in scene.pair.spec.credits


def test_duplicate_in_the_last_second_proves_and_after_it_reverts(scene: Scene) -> None:
    leaf, other = scene.leaf(1), scene.leaf(2)
    batch = scene.post(leaf, other, leaf, other)
    scene.end_window(batch, 0)
    prove(scene, scene.duplicate(batch, 2, batch, 0))
    scene.wait(1)
    assert refused(scene, scene.duplicate(batch, 3, batch, 1)) == "TooLate"
    assert [scene.standing(batch, i) for i in range(4)] == [FINAL, FINAL, VOIDED, FINAL]


def test_duplicate_in_a_demanded_tile_proves_until_it_is_struck(scene: Scene) -> None:
    leaf, other = scene.leaf(1), scene.leaf(2)
    first, batch = scene.post(leaf, other), scene.post(leaf, other)
    scene.end_window(batch, 0)
    scene.demand(batch)
    scene.pass_deadline(batch, offset=0)
    prove(scene, scene.duplicate(batch, 0, first, 0))
    scene.wait(1)
    assert refused(scene, scene.duplicate(batch, 1, first, 1)) == "Struck"
    before = scene.pair.spec.lanes[1].stake
    scene.expire(batch)
    assert before - scene.pair.spec.lanes[1].stake == SLASH, "for the one leaf that was not void"


@pytest.mark.parametrize("by", ["relayer", "poster"])
def test_duplicate_proven_by_the_lane_itself_costs_it_half(scene: Scene, by: str) -> None:
    leaf = scene.leaf(1)
    batch = scene.post(leaf, leaf)
    prove(scene, scene.duplicate(batch, 1, batch, 0), by=getattr(scene, by))
    lane = scene.pair.spec.lanes[1]
    assert 10 * ETHER - lane.stake - scene.pair.spec.credits[getattr(scene, by)] == SLASH // 2


# --- the earlier leaf -------------------------------------------------------------------------------


def test_duplicate_that_is_not_earlier_is_none(scene: Scene) -> None:
    leaf = scene.leaf(1)
    batch = scene.post(leaf, scene.leaf(2), leaf)
    later = scene.post(leaf)
    for claim in (
        scene.duplicate(batch, 0, batch, 0),
        scene.duplicate(batch, 0, batch, 2),
        scene.duplicate(batch, 2, batch, 2),
        scene.duplicate(batch, 2, later, 0),
        scene.duplicate(later, 0, later, 0),
    ):
        assert refused(scene, claim) == "NotProven"
    prove(scene, scene.duplicate(later, 0, batch, 0))
    prove(scene, scene.duplicate(batch, 2, batch, 0))


def test_duplicate_on_another_lane_is_none(scene: Scene) -> None:
    scene.pair.act("open_lane", scene.stranger, scene.poster, bytes(20), 0, value=ETHER)
    # On both its number is higher than on the other.
    leaf = scene.leaf(1)
    one, two = scene.post(leaf, None, leaf), scene.post(leaf, None, leaf, lane=2)
    for later, earlier in ((one, two), (two, one)):
        assert refused(scene, scene.duplicate(later, 2, earlier, 0)) == "NotProven"
        assert refused(scene, scene.duplicate(later, 0, earlier, 2)) == "NotProven"
    assert [scene.standing(batch, 2) for batch in (one, two)] == [POSTED, POSTED]


def test_duplicate_of_what_is_not_there_is_none(scene: Scene) -> None:
    leaf = scene.leaf(1)
    first = scene.post(scene.leaf(0), leaf, scene.leaf(2))
    second = scene.post(scene.leaf(3), leaf)
    signature, proof = keccak(leaf.signature), tuple(first.tree.proof(1))
    good = (first.id, 1, signature, proof)
    for batch, index, hashed, path in (
        (first.id + 1, 1, signature, proof),
        (first.id, 0, signature, proof),
        (first.id, 2, signature, proof),
        (first.id, 3, signature, proof),
        (first.id, 2**64 - 1, signature, proof),
        (first.id, 2**64, signature, proof),
        (first.id, 2**256 - 1, signature, proof),
        (2**256 - 1, 1, signature, proof),
        (first.id + 2**96, 1, signature, proof),
        (first.id - 2**64, 1, signature, proof),
        (first.id, 1, keccak(b""), proof),
        (first.id, 1, signature, ()),
        (first.id, 1, signature, proof[::-1]),
        (first.id, 1, signature, (*proof, bytes(32))),
        (first.id, 1, signature, (bytes(32),) * 64),
    ):
        evidence = duplicate_evidence(batch, index, hashed, path)
        assert refused(scene, scene.claim(second, 1, evidence)) == "NotProven"
    prove(scene, scene.claim(second, 1, duplicate_evidence(*good)))


@pytest.mark.parametrize("word", range(6))
def test_duplicate_of_a_receipt_that_differs_in_one_word_is_none(scene: Scene, word: int) -> None:
    leaf = scene.leaf(1)
    words = bytearray(leaf.receipt.words)
    words[32 * word + 31] ^= 1
    batch = scene.post(leaf, Leaf(Receipt.from_words(bytes(words)), leaf.signature))
    assert refused(scene, scene.duplicate(batch, 1, batch, 0)) == "NotProven"


def test_duplicate_of_a_void_leaf_is_none_and_then_it_is_the_first(scene: Scene) -> None:
    leaf = scene.leaf(1)
    batch = scene.post(resigned(leaf), leaf, leaf)
    scene.prove(batch, 0)
    assert refused(scene, scene.duplicate(batch, 1, batch, 0)) == "NotProven"
    assert refused(scene, scene.duplicate(batch, 2, batch, 0)) == "NotProven"
    prove(scene, scene.duplicate(batch, 2, batch, 1))
    assert [scene.standing(batch, i) for i in range(3)] == [VOIDED, POSTED, VOIDED]


def test_duplicate_of_an_untimely_leaf_is_none(scene: Scene) -> None:
    # Too early for the first batch by a second, in time for the second.
    leaf = scene.leaf(1, age=-DEMO.max_clock_skew - 1)
    first = scene.post(leaf)
    scene.wait(1)
    second = scene.post(leaf)
    assert [scene.standing(batch, 0) for batch in (first, second)] == [VOIDED, POSTED]
    assert refused(scene, scene.duplicate(second, 0, first, 0)) == "NotProven"


def test_duplicate_of_a_leaf_whose_node_was_not_live_is_none(scene: Scene) -> None:
    node = secp_signer(9)
    leaf = leaf_of(node, scene.domain, scene.now)
    first = scene.post(leaf)
    scene.pair.act("endorse", scene.owner, node.public_key, scene.relayer)
    scene.wait(1)
    second = scene.post(leaf)
    assert [scene.standing(batch, 0) for batch in (first, second)] == [VOIDED, POSTED]
    assert refused(scene, scene.duplicate(second, 0, first, 0)) == "NotProven"


def test_duplicate_of_what_never_was_a_receipt_is_none(scene: Scene) -> None:
    leaf = scene.leaf(1)
    absurd = Leaf(Receipt.from_words(leaf.receipt.words[:160] + (2**64).to_bytes(32)), leaf.signature)
    batch = scene.post(absurd, absurd)
    assert refused(scene, scene.duplicate(batch, 1, batch, 0)) == "NotProven"


def test_duplicate_of_a_final_leaf_proves_under_a_later_epoch(scene: Scene) -> None:
    later = replace(DEMO, leaf_slash=ETHER // 1_000)
    starts_at = scene.now + DEMO.time_to_leave
    scene.pair.act("announce_epoch", scene.owner, later, ALL_FAULTS, starts_at)
    scene.pair.evm.warp(starts_at - 2)
    leaf = scene.leaf(1)
    old = scene.post(leaf)
    scene.end_window(old)
    new = scene.post(leaf)
    assert scene.standing(old, 0) is FINAL
    before = scene.pair.spec.lanes[1].stake
    prove(scene, scene.duplicate(new, 0, old, 0))
    assert before - scene.pair.spec.lanes[1].stake == later.leaf_slash
    assert [scene.standing(batch, 0) for batch in (old, new)] == [FINAL, VOIDED]


def test_duplicate_in_an_epoch_that_knows_no_such_fault_reverts(scene: Scene) -> None:
    starts_at = scene.now + DEMO.time_to_leave
    bare = frozenset({FaultKind.BAD_SIGNATURE})
    scene.pair.act("announce_epoch", scene.owner, DEMO, bare, starts_at)
    scene.pair.evm.warp(starts_at - 1)
    leaf = scene.leaf(1)
    old = scene.post(leaf, leaf)
    scene.wait(1)
    new = scene.post(leaf)
    assert refused(scene, scene.duplicate(new, 0, old, 0)) == "UnknownFault"
    prove(scene, scene.duplicate(old, 1, old, 0))


def test_duplicate_of_a_leaf_with_a_demand_open_proves_and_of_a_struck_one_does_not(scene: Scene) -> None:
    leaf = scene.leaf(1)
    first = scene.post(leaf)
    scene.demand(first)
    second, third = scene.post(leaf), scene.post(leaf)
    scene.pass_deadline(first, offset=0)
    prove(scene, scene.duplicate(second, 0, first, 0))
    scene.wait(1)
    assert refused(scene, scene.duplicate(third, 0, first, 0)) == "NotProven"
    assert refused(scene, scene.duplicate(third, 0, second, 0)) == "NotProven"
    assert [scene.standing(batch, 0) for batch in (first, second, third)] == [VOIDED, VOIDED, POSTED]


@pytest.mark.parametrize("expired", [False, True])
def test_receipts_of_a_struck_tile_may_be_posted_again(scene: Scene, expired: bool) -> None:
    leaves = [scene.leaf(i) for i in range(3)]
    first = scene.post(*leaves)
    scene.demand(first)
    scene.pass_deadline(first)
    if expired:
        scene.expire(first)
    again = scene.post(*leaves)
    for index in range(3):
        assert refused(scene, scene.duplicate(again, index, first, index)) == "NotProven"
    scene.end_window(again)
    assert [scene.standing(again, i) for i in range(3)] == [FINAL] * 3
    assert [scene.standing(first, i) for i in range(3)] == [VOIDED] * 3


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_three_of_a_kind_leave_the_first_that_stands(scene: Scene, order: tuple[int, int]) -> None:
    leaf = scene.leaf(1)
    batches = [scene.post(leaf) for _ in range(3)]
    for number in order:
        prove(scene, scene.duplicate(batches[number], 0, batches[0], 0))
    assert [scene.standing(batch, 0) for batch in batches] == [POSTED, VOIDED, VOIDED]
    assert 10 * ETHER - scene.pair.spec.lanes[1].stake == 2 * SLASH


# --- evidence ---------------------------------------------------------------------------------------


def outcome_of(scene: Scene, claim: Claim) -> bool | tuple[str, tuple[object, ...]]:
    """What the fault's contract says when settlement asks it; or the error that it reverts with."""
    header = scene.pair.spec.batches[claim.batch].header.pack()
    fault = scene.pair.faults[KIND]
    try:
        return fault.call("proven", header, encode_claim(claim), sender=scene.pair.settlement.address)
    except Reverted as reverted:
        return reverted.name, reverted.values


def expected_of(scene: Scene, claim: Claim) -> bool | tuple[str, tuple[object, ...]]:
    try:
        return scene.pair.spec._duplicate(claim, scene.now)
    except Revert as revert:
        return revert.error, revert.arguments


@pytest.fixture(scope="module")
def doubled() -> tuple[Scene, Claim]:
    """A stage with one duplicate on it, which nobody proves."""
    scene = Scene()
    leaf = scene.leaf(1)
    batch = scene.post(scene.leaf(0), leaf, scene.leaf(2), leaf)
    claim = scene.duplicate(batch, 3, batch, 1)
    assert outcome_of(scene, claim) is True
    return scene, claim


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_evidence_of_any_bytes_is_judged_alike(doubled: tuple[Scene, Claim], data: st.DataObject) -> None:
    scene, claim = doubled
    evidence = bytearray(claim.evidence)
    number = st.sampled_from([0, 1, 2, 3, 2**64 - 1, 2**64, 2**96, 2**256 - 1]) | st.integers(0, 2**256 - 1)
    for _ in range(data.draw(st.integers(1, 3))):
        place = 32 * data.draw(st.integers(0, len(evidence) // 32))
        match data.draw(st.sampled_from(["replace", "insert", "cut", "delete"])):
            case "replace":
                evidence[place : place + 32] = data.draw(number).to_bytes(32)
            case "insert":
                evidence[place:place] = data.draw(number).to_bytes(32)
            case "cut":
                del evidence[data.draw(st.integers(0, len(evidence))) :]
            case "delete":
                del evidence[place : place + 32]
    changed = replace(claim, evidence=bytes(evidence))
    assert outcome_of(scene, changed) == expected_of(scene, changed)


def test_evidence_that_is_not_whole_words_reverts(scene: Scene) -> None:
    leaf = scene.leaf(1)
    batch = scene.post(leaf, leaf)
    good = scene.duplicate(batch, 1, batch, 0)
    for evidence in (b"", b"\0", bytes(64), bytes(95), bytes(97), good.evidence[:-1], good.evidence + b"\0"):
        assert refused(scene, replace(good, evidence=evidence)) == "MalformedEvidence"
    for evidence in (bytes(96), bytes(3_200), good.evidence[:-32], good.evidence + bytes(32)):
        assert refused(scene, replace(good, evidence=evidence)) == "NotProven"


def test_duplicate_with_starved_gas_never_slashes_an_honest_lane(scene: Scene) -> None:
    batch = scene.post(scene.leaf(0), *[scene.leaf(i) for i in range(1, 4)])
    later = scene.post(scene.leaf(1, age=1))
    claim = scene.duplicate(later, 0, batch, 1)
    for gas in range(30_000, 160_000, 2_000):
        with pytest.raises((Reverted, ValueError)):
            scene.pair.settlement.send("proveFault", KIND, encode_claim(claim), sender=scene.prover, gas=gas)


def test_duplicate_of_a_void_leaf_with_starved_gas_never_proves(scene: Scene) -> None:
    leaf = scene.leaf(1)
    batch = scene.post(resigned(leaf), leaf)
    scene.prove(batch, 0)
    claim = encode_claim(scene.duplicate(batch, 1, batch, 0))
    for gas in range(30_000, 160_000, 2_000):
        with pytest.raises((Reverted, ValueError)):
            scene.pair.settlement.send("proveFault", KIND, claim, sender=scene.prover, gas=gas)
