"""Settlement: faults, slashing, credits, and what a leaf reads.

proving a fault
├── when the batch is unknown → it should revert
├── when the tile has ended → it should revert; in its last second it should still prove
├── when the leaf is not there: another index, another signature, a scrambled, short or long proof → it should revert
├── when the leaf is void by a fault already → it should revert
├── when the epoch knows no such fault → it should revert
├── when the signature is good → it should revert, and nobody is slashed
├── when the key is another node's, or no key → it should revert: nothing is known
├── when gas is short → it should revert, whatever the gas
├── when issuedAt is 2^64 or more, the signature is longer than 256 bytes, or empty → it should prove
└── else → void the leaf alone, slash the lane, half to the prover and half for burning
    ├── given a stake of less than a slash → it should split what is there alike
    └── given no stake → it should void the leaf all the same
withdrawing
├── when there is no credit → it should revert
├── when the receiver refuses or burns all gas → it should revert and keep the credit
├── when the receiver re-enters → it should pay once
└── else → it should pay all to whom the owner names
sweeping
├── when nothing burned → it should revert
└── else → it should burn exactly what was slashed and not credited
reading
├── given an unknown batch, an index out of range, a wrong proof, a zero root → Unknown, never a revert
├── given an untimely leaf by one second → Voided; exactly in time → not
├── given a node unknown, not yet or no longer live at anchor → Voided
├── given a revocation that reaches back → Voided when recorded before the tile's end, else still Final
└── else → Posted until the tile's end, inclusive, then Final
"""

from dataclasses import replace

import pytest

from afterproof.protocol.batching import build_batch
from afterproof.protocol.merkle import fold
from afterproof.protocol.outcome import Revert
from afterproof.protocol.receipt import Leaf, Receipt
from afterproof.protocol.state import FaultKind, Standing, VoidReason
from afterproof.protocol.terms import DEMO, ETHER, GWEI
from tests.support.evm import Reverted, reverts
from tests.support.pair import encode_claim, encode_words
from tests.support.scene import Scene, leaf_of, secp_signer

POSTED, FINAL, VOIDED, UNKNOWN = Standing.POSTED, Standing.FINAL, Standing.VOIDED, Standing.UNKNOWN
SLASH = DEMO.leaf_slash


@pytest.fixture
def scene() -> Scene:
    return Scene()


def error_of(scene: Scene, kind: int, claim: object) -> str:
    """The error with which contract and specification refuse a claim."""
    with pytest.raises(Revert) as caught:
        scene.pair.act("prove_fault", scene.prover, kind, claim)
    scene.pair.compare_state()
    return caught.value.error


# --- proving ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["secp", "rsa", "p256"])
def test_prove_fault_of_a_forged_leaf_voids_it_alone_and_slashes(scene: Scene, scheme: str) -> None:
    signer = getattr(scene, scheme)
    batch = scene.post(scene.leaf(1), scene.forged(2, signer), scene.leaf(3))
    scene.prove(batch, 1)
    assert [scene.standing(batch, i) for i in range(3)] == [POSTED, VOIDED, POSTED]
    lane = scene.pair.settlement.call("lane", scene.lane)
    assert (lane.stake, lane.burned) == (10 * ETHER - SLASH, SLASH // 2)
    assert scene.pair.settlement.call("credits", scene.prover) == SLASH // 2
    scene.end_window(batch)
    assert [scene.standing(batch, i) for i in range(3)] == [FINAL, VOIDED, FINAL]
    scene.pair.compare_state()


def test_prove_fault_in_the_last_second_proves_and_after_it_reverts(scene: Scene) -> None:
    batch = scene.post(scene.forged(1), scene.forged(2))
    scene.end_window(batch, 0)
    scene.prove(batch, 0)
    scene.wait(1)
    assert error_of(scene, FaultKind.BAD_SIGNATURE, scene.claim(batch, 1)) == "TooLate"
    assert scene.standing(batch, 1) is FINAL


def test_prove_fault_twice_reverts(scene: Scene) -> None:
    batch = scene.post(scene.forged(1))
    scene.prove(batch, 0)
    assert error_of(scene, FaultKind.BAD_SIGNATURE, scene.claim(batch, 0)) == "AlreadyProven"


def test_prove_fault_of_a_good_leaf_reverts(scene: Scene) -> None:
    batch = scene.post(*[scene.leaf(number, signer) for number, signer in enumerate(scene.nodes)])
    for index in range(batch.count):
        assert error_of(scene, FaultKind.BAD_SIGNATURE, scene.claim(batch, index)) == "NotProven"


def test_prove_fault_of_what_is_not_there_reverts(scene: Scene) -> None:
    batch = scene.post(*[scene.forged(i) for i in range(5)])
    claim = scene.claim(batch, 1)
    for wrong in (
        replace(claim, index=2),
        replace(claim, index=2**256 - 1),
        replace(claim, signature=claim.signature + b"\0"),
        replace(claim, proof=claim.proof[:-1]),
        replace(claim, proof=(*claim.proof, bytes(32))),
        replace(claim, proof=(bytes(32), *claim.proof[1:])),
        replace(claim, receipt=replace(claim.receipt, issued_at=claim.receipt.issued_at + 1)),
    ):
        assert error_of(scene, FaultKind.BAD_SIGNATURE, wrong) == "NotIncluded"
    unknown = replace(claim, batch=2**256 - 1)
    assert error_of(scene, FaultKind.BAD_SIGNATURE, unknown) == "UnknownBatch"


def test_prove_fault_of_an_unknown_kind_reverts(scene: Scene) -> None:
    batch = scene.post(scene.forged(1))
    for kind in (0, FaultKind.WRONG_RESULT, 255):
        assert error_of(scene, kind, scene.claim(batch, 0)) == "UnknownFault"


def test_prove_fault_with_a_key_that_is_not_the_nodes_reverts(scene: Scene) -> None:
    batch = scene.post(scene.forged(1))
    for evidence, error in (
        (scene.rsa.public_key, "KeyOfAnotherNode"),
        (secp_signer(7).public_key, "KeyOfAnotherNode"),
        (b"", "UnknownScheme"),
        (bytes(32), "UnknownScheme"),
        (b"\xff" * 32, "UnknownScheme"),
        (bytes(294), "UnknownScheme"),
    ):
        assert error_of(scene, FaultKind.BAD_SIGNATURE, scene.claim(batch, 0, evidence)) == error


@pytest.mark.parametrize(
    ("scheme", "upto", "step"), [("secp", 200_000, 2_500), ("rsa", 200_000, 2_500), ("p256", 600_000, 10_000)]
)
def test_prove_fault_of_a_good_leaf_with_starved_gas_never_proves(
    scene: Scene, scheme: str, upto: int, step: int
) -> None:
    batch = scene.post(scene.leaf(1, getattr(scene, scheme)))
    claim = encode_claim(scene.claim(batch, 0))
    for gas in range(45_000, upto, step):
        try:
            scene.pair.settlement.send("proveFault", 1, claim, sender=scene.prover, gas=gas)
        except (Reverted, ValueError):
            continue
        raise AssertionError(f"an honest lane was slashed with {gas} gas")


def test_prove_fault_of_malformed_leaves_proves(scene: Scene) -> None:
    good = scene.leaf(1)
    late = leaf_of(scene.secp, scene.domain, scene.now, 2)
    beyond = Receipt.from_words(late.receipt.words[:160] + (2**64 + scene.now).to_bytes(32))
    rsa = scene.leaf(3, scene.rsa)
    batch = scene.post(
        Leaf(good.receipt, b""),
        Leaf(good.receipt, good.signature + b"\0"),
        Leaf(good.receipt, b"\x1b" * 257),
        Leaf(beyond, late.signature),
        Leaf(replace(rsa.receipt, model=b"\1" * 32), rsa.signature),
        Leaf(replace(rsa.receipt, evidence=b"\1" * 32), rsa.signature),
    )
    for index in range(batch.count):
        scene.prove(batch, index)
        assert scene.standing(batch, index) is VOIDED


def test_prove_fault_by_the_relayer_itself_still_costs_it(scene: Scene) -> None:
    batch = scene.post(scene.forged(1))
    scene.prove(batch, 0, by=scene.relayer)
    lane = scene.pair.settlement.call("lane", scene.lane)
    assert 10 * ETHER - lane.stake - scene.pair.settlement.call("credits", scene.relayer) == SLASH // 2


def test_prove_fault_beyond_the_stake_splits_what_is_left_then_nothing() -> None:
    thin = replace(DEMO, min_stake=SLASH, cover_share=1)
    scene = Scene(thin)
    stake = SLASH + 3 * thin.cover + GWEI
    scene.pair.act("open_lane", scene.relayer, scene.poster, bytes(20), 0, value=stake)
    batch = scene.post(*[scene.forged(i) for i in range(3)], lane=2)
    rest = stake - SLASH
    assert rest // GWEI % 2 == 1, "an odd rest shows who gets the odd gwei"
    for index, slashed in enumerate((SLASH, rest, 0)):
        before = scene.pair.spec.credits.get(scene.prover, 0)
        scene.prove(batch, index)
        assert scene.pair.spec.credits[scene.prover] - before == slashed // GWEI // 2 * GWEI
        assert scene.standing(batch, index) is VOIDED
    lane = scene.pair.settlement.call("lane", 2)
    assert (lane.stake, lane.burned) == (0, stake - scene.pair.spec.credits[scene.prover])
    scene.pair.compare_state()


# --- money out --------------------------------------------------------------------------------------


def test_withdraw_pays_the_whole_credit_to_whom_its_owner_names(scene: Scene) -> None:
    batch = scene.post(scene.forged(1))
    scene.prove(batch, 0)
    before = scene.pair.evm.balance(scene.stranger)
    scene.pair.act("withdraw", scene.prover, scene.stranger)
    assert scene.pair.evm.balance(scene.stranger) - before == SLASH // 2
    with pytest.raises(Revert, match="NoCredit"):
        scene.pair.act("withdraw", scene.prover, scene.stranger)
    scene.pair.compare_state()


def test_withdraw_to_a_receiver_that_refuses_keeps_the_credit(scene: Scene) -> None:
    batch = scene.post(scene.forged(1))
    scene.prove(batch, 0)
    refuser = scene.pair.registry.address
    with reverts("PaymentRefused", refuser):
        scene.pair.settlement.send("withdraw", refuser, sender=scene.prover)
    assert scene.pair.settlement.call("credits", scene.prover) == SLASH // 2


def test_withdraw_by_a_receiver_that_reenters_pays_once(scene: Scene) -> None:
    thief = scene.pair.evm.deploy("ReenteringProver", scene.pair.settlement)
    batch = scene.post(scene.forged(1), scene.forged(2))
    for index in range(2):
        thief.send("prove", 1, encode_claim(scene.claim(batch, index)), sender=scene.stranger)
    thief.send("withdraw", sender=scene.stranger)
    assert thief.call("entered") == 1
    assert scene.pair.evm.balance(thief) == SLASH
    assert scene.pair.settlement.call("credits", thief) == 0


def test_sweep_burned_burns_exactly_what_was_not_credited(scene: Scene) -> None:
    batch = scene.post(scene.forged(1), scene.forged(2))
    for index in range(2):
        scene.prove(batch, index)
    dead = "0x000000000000000000000000000000000000dEaD"
    before = scene.pair.evm.balance(dead)
    scene.pair.act("sweep_burned", scene.stranger, scene.lane)
    assert scene.pair.evm.balance(dead) - before == SLASH
    with pytest.raises(Revert, match="NothingToBurn"):
        scene.pair.act("sweep_burned", scene.stranger, scene.lane)
    scene.pair.compare_state()


def test_forced_ether_changes_nothing_that_is_owed(scene: Scene) -> None:
    scene.pair.forced = 7
    address = scene.pair.settlement.address
    scene.pair.evm.set_balance(address, scene.pair.evm.balance(address) + 7)
    batch = scene.post(scene.forged(1))
    scene.prove(batch, 0)
    scene.pair.act("withdraw", scene.prover, scene.prover)
    scene.pair.compare_state()


# --- reading ----------------------------------------------------------------------------------------


def test_standing_is_posted_through_the_last_second_then_final(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1), scene.leaf(2, scene.rsa))
    assert scene.standing(batch, 0) is POSTED
    scene.end_window(batch, 0)
    assert [scene.standing(batch, i) for i in range(2)] == [POSTED, POSTED]
    scene.wait(1)
    assert [scene.standing(batch, i) for i in range(2)] == [FINAL, FINAL]


def test_standing_of_what_is_not_there_is_unknown_and_never_reverts(scene: Scene) -> None:
    batch = scene.post(*[scene.leaf(i) for i in range(5)])
    leaf, proof = batch.leaves[1], tuple(batch.tree.proof(1))
    assert leaf is not None
    for identity, index, path in (
        (batch.id + 1, 1, proof),
        (2**256 - 1, 2**256 - 1, proof),
        (batch.id, 2, proof),
        (batch.id, 5, proof),
        (batch.id, 2**256 - 1, proof),
        (batch.id, 1, ()),
        (batch.id, 1, (*proof, bytes(32))),
        (batch.id, 1, (bytes(32),) * 300),
    ):
        assert scene.pair.standing(identity, index, leaf, path) is UNKNOWN


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (DEMO.max_posting_delay, POSTED),
        (DEMO.max_posting_delay + 1, VOIDED),
        (-DEMO.max_clock_skew, POSTED),
        (-DEMO.max_clock_skew - 1, VOIDED),
    ],
)
def test_standing_of_a_leaf_at_the_edge_of_its_time(scene: Scene, age: int, expected: Standing) -> None:
    # The declared range holds the first leaf only, so the other is judged by the terms themselves.
    scene.wait(100)
    batch = build_and_post_with_range(scene, scene.leaf(1), scene.leaf(2, age=age))
    assert scene.standing(batch, 1) is expected
    reason = VoidReason.UNTIMELY if expected is VOIDED else VoidReason.NONE
    assert (
        scene.pair.spec.why_void(scene.now, batch.id, 1, batch.leaves[1].words, tuple(batch.tree.proof(1)))
        is reason
    )


def build_and_post_with_range(scene: Scene, *leaves: Leaf):  # type: ignore[no-untyped-def]
    """Posts with a declared range of this very second, whatever the leaves say."""
    batch = build_batch(scene.lane, 0, leaves)
    arguments = (scene.lane, 0, len(leaves), scene.now, scene.now, batch.tree.tile_roots, "")
    scene.pair.act("post", scene.poster, *arguments)
    return batch


@pytest.mark.parametrize("issued_at", [0, 2**64 - 1, 2**64, 2**256 - 1])
def test_standing_of_a_leaf_with_an_absurd_time_is_voided(scene: Scene, issued_at: int) -> None:
    leaf = scene.leaf(1)
    absurd = Leaf(Receipt.from_words(leaf.receipt.words[:160] + issued_at.to_bytes(32)), leaf.signature)
    batch = build_and_post_with_range(scene, leaf, absurd)
    assert scene.standing(batch, 1) is VOIDED


def test_standing_of_an_unknown_nodes_leaf_is_voided(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1), scene.leaf(2, secp_signer(9)))
    assert [scene.standing(batch, i) for i in range(2)] == [POSTED, VOIDED]
    scene.end_window(batch)
    assert [scene.standing(batch, i) for i in range(2)] == [FINAL, VOIDED]


def test_standing_of_a_node_endorsed_in_the_same_second_is_voided_for_ever(scene: Scene) -> None:
    late = secp_signer(9)
    batch = scene.post(scene.leaf(1, late))
    assert scene.standing(batch, 0) is VOIDED
    scene.pair.act("endorse", scene.owner, late.public_key, scene.relayer)
    assert scene.standing(batch, 0) is VOIDED
    scene.wait(1)
    assert [scene.standing(b, 0) for b in (batch, scene.post(scene.leaf(2, late)))] == [VOIDED, POSTED]


@pytest.mark.parametrize(("reach", "expected"), [(0, VOIDED), (1, POSTED)])
def test_standing_after_a_revocation_that_reaches_back(scene: Scene, reach: int, expected: Standing) -> None:
    batch = scene.post(scene.leaf(1))
    anchor = scene.now
    scene.wait(5)
    scene.pair.act("revoke", scene.owner, scene.secp.node, anchor + reach, "key stolen")
    assert scene.standing(batch, 0) is expected


@pytest.mark.parametrize(("offset", "expected"), [(0, VOIDED), (1, FINAL)])
def test_a_revocation_never_reaches_past_finality(scene: Scene, offset: int, expected: Standing) -> None:
    batch = scene.post(scene.leaf(1))
    anchor = scene.now
    scene.end_window(batch, offset)
    scene.pair.act("revoke", scene.owner, scene.secp.node, max(anchor, scene.now - DEMO.window), "key stolen")
    scene.end_window(batch, 50)
    assert scene.standing(batch, 0) is expected


def test_standing_of_one_void_leaf_does_not_touch_the_next_tile(scene: Scene) -> None:
    leaves = [scene.leaf(i) for i in range(258)]
    leaves[200], leaves[256] = scene.forged(200), scene.forged(256)
    batch = scene.post(*leaves)
    for index in (200, 256):
        scene.prove(batch, index)
    found = [scene.standing(batch, i) for i in (0, 72, 199, 200, 201, 255, 256, 257)]
    assert found == [POSTED, POSTED, POSTED, VOIDED, POSTED, POSTED, VOIDED, POSTED]
    assert scene.pair.settlement.call("voidMap", batch.id, 1) == 1
    scene.pair.compare_state()


def test_empty_leaf_settles_nothing_and_harms_no_sibling(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1), None, scene.leaf(2))
    scene.end_window(batch)
    assert [scene.standing(batch, i) for i in (0, 2)] == [FINAL, FINAL]
    assert fold([batch.tree.levels[0][1]]) == bytes.fromhex(
        "bc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a"
    ), "keccak256 of one zero byte"


def test_views_agree_word_for_word(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1), scene.forged(2))
    leaf = batch.leaves[1]
    assert leaf is not None
    proof = batch.tree.proof(1)
    call = scene.pair.settlement.call
    assert call("isIncluded", batch.id, 1, leaf.hash, proof) is True
    assert call("isIncluded", batch.id, 0, leaf.hash, proof) is False
    assert call("whyVoid", batch.id, 1, encode_words(leaf.words), proof) == VoidReason.NONE
    scene.prove(batch, 1)
    assert call("whyVoid", batch.id, 1, encode_words(leaf.words), proof) == VoidReason.FAULTY
