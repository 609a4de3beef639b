"""Settlement: who may promise which number.

ahead
├── given a number below nextSeq + ahead → a promise of it should be enforceable; from there on it should not
├── when the owner raises it → it should hold at once, given the cover
├── when the owner lowers it → it should count as cover until due, then free it
│   ├── when applied before that, or twice, or none was announced → it should revert NoChangeDue
│   ├── when announced again → the later one should hold; when raised, or set to what it is → nothing is announced
│   └── given a promise made before, or since → it should stay claimable, applied or not
├── when another calls, or the lane is unknown, or the stake too small → it should revert
└── when the lane is read → its reach should be the first number that never was enforceable
rotating
├── when another calls, the lane is unknown, the poster zero, the lane blown → it should revert
├── when it is done → the new poster should post at once, the old one no more
│   ├── given numbers below nextSeq + ahead → the old key should sign for them, the new one should not
│   ├── given numbers from there on → the new key should sign for them, the old one should not
│   ├── given a promise that spans both → it should bind for the numbers of its signer
│   └── given the next rotation before any post → the key in between should sign for nothing
├── when the key is zero → nothing can be promised from there on
├── when an earlier key comes back → it should sign for its ranges alone
└── given ahead was lowered → authority should not move below what was ever enforceable
signing
├── when the signature is of another length, or of a high s, a v but 27 and 28, an r or s out of range → NotPromised
├── when it is another's, or over another field, lane, chain, contract or domain → it should revert NotPromised
├── given the chain split since → on the half with another id the lane's promises should be those for that id
└── when the key is a contract → it should revert NotPromised, whatever the contract answers
at all times → the reach should never fall and no key below it should ever change
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.protocol.claims import Opening
from afterproof.protocol.outcome import Event, Revert
from afterproof.protocol.promise import SignedPromise
from afterproof.protocol.receipt import Domain, keccak
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.pair import CHAIN_ID
from tests.support.promises import (
    AHEAD,
    Promised,
    PromiseScene,
    fresh,
    promise_signer,
    signed_promise,
    staged,
)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
#: From an announcement of a smaller ahead until it may be applied.
NOTICE = DEMO.max_promise_delay + DEMO.max_pause + DEMO.catch_up + DEMO.claim_window


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    yield from staged()


def set_ahead(scene: PromiseScene, ahead: int, by: bytes | None = None) -> list[Event]:
    return scene.pair.act("set_ahead", by or scene.relayer, scene.lane, ahead)


def apply_ahead(scene: PromiseScene) -> None:
    scene.pair.act("apply_ahead", scene.stranger, scene.lane)


def shrink(scene: PromiseScene, ahead: int) -> None:
    set_ahead(scene, ahead)
    scene.wait(NOTICE)
    apply_ahead(scene)


def rotate(scene: PromiseScene, key: int | bytes, poster: bytes | None = None) -> int:
    """Rotates to that key; from which number on it signs."""
    address = promise_signer(key).address if isinstance(key, int) else key
    (event,) = scene.pair.act("rotate", scene.relayer, scene.lane, poster or scene.poster, address)
    return event.arguments[3]


def binds(scene: PromiseScene, seq: int, key: int = 0) -> str:
    """Whether a promise of ``seq`` by that key, due at once, can be claimed a second later; undone after."""
    saved = scene.save()
    promised = scene.promise(scene.leaf(seq), first_seq=seq, include_by=scene.now, key=promise_signer(key))
    scene.wait(1)
    try:
        scene.missed(promised)
        return "binds"
    except Revert as revert:
        return revert.error
    finally:
        scene.restore(saved)


# --- ahead ------------------------------------------------------------------------------------------


def test_ahead_is_the_edge_of_what_is_enforceable(scene: PromiseScene) -> None:
    assert [binds(scene, seq) for seq in (0, AHEAD - 1, AHEAD)] == ["binds", "binds", "Unenforceable"]
    scene.post(None, None)
    assert [binds(scene, seq) for seq in (AHEAD + 1, AHEAD + 2)] == ["binds", "Unenforceable"]


def test_ahead_of_zero_makes_every_promise_unenforceable() -> None:
    scene = fresh(ahead=0)
    promised = scene.promise(scene.leaf(1), include_by=scene.now)
    assert binds(scene, 0) == "Unenforceable"
    # Once another leaf stands there the promise is broken, and was for a number that is posted now.
    scene.post(None)
    scene.omitted(promised)
    scene.compare()


def test_set_ahead_higher_holds_at_once(scene: PromiseScene) -> None:
    set_ahead(scene, AHEAD + 5)
    assert [binds(scene, seq) for seq in (AHEAD + 4, AHEAD + 5)] == ["binds", "Unenforceable"]


def test_set_ahead_higher_without_cover_reverts() -> None:
    scene = fresh(ahead=3, stake=DEMO.min_stake + 5 * DEMO.cover)
    scene.post(None)
    for ahead in (5, 2**32 - 1):
        assert scene.refused("set_ahead", scene.lane, ahead, by=scene.relayer)[0] == "InsufficientStake"
    set_ahead(scene, 4)
    scene.pair.act("top_up", scene.stranger, scene.lane, value=DEMO.cover)
    set_ahead(scene, 5)
    scene.compare()


def test_set_ahead_of_the_largest_number_with_its_cover_holds() -> None:
    scene = fresh(replace(DEMO, cover_share=1), ahead=0, stake=100 * ETHER)
    set_ahead(scene, 2**32 - 1)
    last = 2**32 - 2
    assert [binds(scene, seq) for seq in (last, last + 1)] == ["binds", "Unenforceable"]
    scene.post(None)
    assert [binds(scene, seq) for seq in (last + 1, last + 2)] == ["binds", "Unenforceable"]
    assert rotate(scene, 1) == 2**32
    scene.compare()


def test_set_ahead_by_another_reverts(scene: PromiseScene) -> None:
    for sender in (scene.poster, scene.owner, scene.stranger):
        for ahead in (AHEAD - 1, AHEAD, AHEAD + 1):
            refused = scene.refused("set_ahead", scene.lane, ahead, by=sender)
            assert refused == ("NotLaneOwner", (sender, scene.relayer))
    assert scene.refused("set_ahead", 9, 1, by=scene.relayer) == ("UnknownLane", (9,))
    assert scene.refused("apply_ahead", 9) == ("UnknownLane", (9,))


def test_set_ahead_lower_counts_as_cover_until_it_is_applied() -> None:
    scene = fresh(ahead=5, stake=DEMO.min_stake + 5 * DEMO.cover)
    post = (scene.lane, 0, 1, scene.now, scene.now, [b"\1" * 32], "")
    (event,) = set_ahead(scene, 2)
    assert event == Event("AheadChanged", (scene.lane, 2, scene.now + NOTICE))
    assert scene.refused("post", *post, by=scene.poster)[0] == "InsufficientStake"
    scene.wait(NOTICE)
    apply_ahead(scene)
    scene.post(None, None, None)
    scene.compare()


def test_apply_ahead_before_it_is_due_or_twice_or_unannounced_reverts(scene: PromiseScene) -> None:
    assert scene.refused("apply_ahead", scene.lane) == ("NoChangeDue", (scene.lane, 0))
    set_ahead(scene, 2)
    due = scene.now + NOTICE
    for at in (scene.now, due - 1):
        scene.warp(at)
        assert scene.refused("apply_ahead", scene.lane) == ("NoChangeDue", (scene.lane, due))
    scene.warp(due)
    apply_ahead(scene)
    assert scene.refused("apply_ahead", scene.lane) == ("NoChangeDue", (scene.lane, 0))


def test_set_ahead_again_moves_what_is_announced(scene: PromiseScene) -> None:
    set_ahead(scene, 2)
    scene.wait(NOTICE)
    set_ahead(scene, 1)
    assert scene.refused("apply_ahead", scene.lane)[0] == "NoChangeDue"
    scene.wait(NOTICE)
    apply_ahead(scene)
    assert scene.spec_lane.ahead == 1


@pytest.mark.parametrize("ahead", [AHEAD, AHEAD + 1])
def test_set_ahead_to_no_less_calls_off_what_is_announced(scene: PromiseScene, ahead: int) -> None:
    set_ahead(scene, 2)
    set_ahead(scene, ahead)
    scene.wait(NOTICE)
    assert scene.refused("apply_ahead", scene.lane) == ("NoChangeDue", (scene.lane, 0))
    assert binds(scene, AHEAD - 1) == "binds"


@pytest.mark.parametrize("made", [0, 1, NOTICE - 1, NOTICE])
def test_shrinking_ahead_never_makes_a_promise_unclaimable(scene: PromiseScene, made: int) -> None:
    """Made before the announcement, since, or in the very second in which anyone may apply it: whoever took ``ahead``
    at its word is paid in every second in which it would have been without the change."""
    if made:
        set_ahead(scene, 2)
    scene.wait(made)
    include_by = scene.now + DEMO.max_promise_delay
    promised = scene.promise(
        *[scene.leaf(number) for number in range(3)], first_seq=20, include_by=include_by
    )
    if not made:
        set_ahead(scene, 2)
    scene.warp(include_by)
    scene.pair.act("pause", scene.guardian, DEMO.max_pause)
    late = include_by + DEMO.max_pause + DEMO.catch_up
    changed = scene.spec_lane.shrink[1]
    for seq, at in ((20, late + 1), (21, late + DEMO.claim_window)):
        scene.warp(at)
        if at >= changed and scene.spec_lane.shrink:
            apply_ahead(scene)
        scene.missed(promised.opening(seq))
    scene.wait(1)
    assert scene.refused_missed(promised.opening(22)) == "TooLate"


def test_lane_reads_the_first_number_that_never_was_enforceable(scene: PromiseScene) -> None:
    def reach() -> int:
        scene.compare()
        seen: int = scene.pair.settlement.call("lane", scene.lane).reach
        assert [binds(scene, seq) for seq in (seen - 1, seen)] == ["binds", "Unenforceable"]
        return seen

    assert reach() == AHEAD
    set_ahead(scene, AHEAD + 20)
    assert reach() == AHEAD + 20
    set_ahead(scene, 5)
    assert reach() == AHEAD + 20
    scene.wait(NOTICE)
    apply_ahead(scene)
    assert reach() == AHEAD + 20
    scene.post(*[None] * (AHEAD + 15))
    assert reach() == AHEAD + 20
    scene.post(None)
    assert reach() == AHEAD + 21
    assert scene.pair.settlement.call("lane", 9).reach == 0


def test_shrinking_ahead_leaves_an_omission_claimable(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), first_seq=20)
    shrink(scene, 2)
    scene.post(*[None] * 21)
    scene.omitted(promised)


def test_shrinking_ahead_leaves_a_double_promise_claimable(scene: PromiseScene) -> None:
    shrink(scene, 2)
    now = scene.now
    first, second = (scene.promise(scene.leaf(i), first_seq=AHEAD - 1, include_by=now) for i in (1, 2))
    scene.doubled(first, second)
    assert binds(scene, AHEAD) == "Unenforceable"


# --- rotating ---------------------------------------------------------------------------------------


def test_rotate_when_unsound_reverts(scene: PromiseScene) -> None:
    key = promise_signer(1).address
    for sender in (scene.poster, scene.owner, scene.stranger):
        refused = scene.refused("rotate", scene.lane, scene.poster, key, by=sender)
        assert refused == ("NotLaneOwner", (sender, scene.relayer))
    assert scene.refused("rotate", 9, scene.poster, key, by=scene.relayer) == ("UnknownLane", (9,))
    assert scene.refused("rotate", scene.lane, bytes(20), key, by=scene.relayer) == ("ZeroAddress", ())


def test_rotate_moves_the_posting_right_at_once(scene: PromiseScene) -> None:
    rotate(scene, 0, poster=scene.stranger)
    post = (scene.lane, 0, 1, scene.now, scene.now, [b"\1" * 32], "")
    assert scene.refused("post", *post, by=scene.poster) == ("NotPoster", (scene.poster, scene.stranger))
    scene.pair.act("post", scene.stranger, *post)


def test_rotate_moves_the_promise_authority_beyond_what_was_enforceable(scene: PromiseScene) -> None:
    scene.post(None)
    assert rotate(scene, 1) == AHEAD + 1
    assert [binds(scene, AHEAD, key) for key in (0, 1)] == ["binds", "NotPromised"]
    assert [binds(scene, AHEAD + 1, key) for key in (0, 1)] == ["NotPromised", "Unenforceable"]
    scene.post(None)
    assert [binds(scene, AHEAD + 1, key) for key in (0, 1)] == ["NotPromised", "binds"]


def test_rotate_leaves_promises_of_the_old_key_to_the_new_poster(scene: PromiseScene) -> None:
    leaf, other = scene.leaf(1), scene.leaf(2)
    kept, broken = scene.promise(leaf), scene.promise(other, first_seq=1)
    rotate(scene, 1, poster=scene.stranger)
    scene.post(leaf, None)
    assert scene.refused_omitted(kept) == "NotBroken"
    scene.omitted(broken)


def test_rotate_twice_before_a_post_leaves_the_key_between_nothing(scene: PromiseScene) -> None:
    assert rotate(scene, 1) == rotate(scene, 2) == AHEAD
    scene.post(*[None] * 3)
    assert [binds(scene, AHEAD, key) for key in (0, 1, 2)] == ["NotPromised", "NotPromised", "binds"]
    assert rotate(scene, 3) == AHEAD + 3
    assert [binds(scene, AHEAD + 2, key) for key in (2, 3)] == ["binds", "NotPromised"]


def test_rotate_back_to_an_earlier_key_gives_it_its_ranges_alone(scene: PromiseScene) -> None:
    rotate(scene, 1)
    scene.post(None)
    assert rotate(scene, 0) == AHEAD + 1
    scene.post(None)
    found = [[binds(scene, AHEAD + i, key) for key in (0, 1)] for i in (-1, 0, 1)]
    assert found == [["binds", "NotPromised"], ["NotPromised", "binds"], ["binds", "NotPromised"]]


def test_a_promise_across_a_rotation_binds_for_the_numbers_of_its_signer(scene: PromiseScene) -> None:
    rotate(scene, 1)
    scene.post(*[None] * 4)
    leaves = [scene.leaf(number) for number in range(4)]
    promised = scene.promise(*leaves, first_seq=AHEAD - 2, include_by=scene.now)
    again = scene.promise(*leaves, first_seq=AHEAD - 2, include_by=scene.now, key=promise_signer(1))
    scene.wait(1)
    for seq in (AHEAD - 2, AHEAD - 1):
        assert scene.refused_missed(again.opening(seq)) == "NotPromised"
        scene.missed(promised.opening(seq))
    for seq in (AHEAD, AHEAD + 1):
        assert scene.refused_missed(promised.opening(seq)) == "NotPromised"
        scene.missed(again.opening(seq))


def test_rotate_to_no_key_promises_nothing_from_there_on(scene: PromiseScene) -> None:
    rotate(scene, bytes(20))
    scene.post(None)
    opening = scene.promise(scene.leaf(1), first_seq=AHEAD, include_by=scene.now).opening()
    scene.wait(1)
    for signature in (b"", bytes(65), bytes(64) + b"\x1b", bytes(64) + b"\x1c", opening.signed.signature):
        forged = replace(opening, signed=replace(opening.signed, signature=signature))
        assert scene.refused_missed(forged) == "NotPromised"
    assert binds(scene, AHEAD - 1) == "binds"


def test_rotate_of_a_blown_lane_reverts() -> None:
    scene = fresh(ahead=0)
    batch = scene.post(*[None] * 1024)
    for tile in range(4):
        scene.demand(batch, tile)
    scene.pass_deadline(batch, 3)
    for tile in range(4):
        scene.expire(batch, tile)
    key = promise_signer(1).address
    refused = scene.refused("rotate", scene.lane, scene.poster, key, by=scene.relayer)
    assert refused == ("LaneBlown", (scene.lane,))
    scene.compare()


def test_rotate_after_ahead_shrank_moves_nothing_that_was_enforceable(scene: PromiseScene) -> None:
    """Key 1 promised under an ahead of 60; key 2 must not take over what it promised."""
    rotate(scene, 1)
    set_ahead(scene, AHEAD + 20)
    promised = scene.promise(scene.leaf(1), first_seq=AHEAD + 10, key=promise_signer(1))
    shrink(scene, 5)
    assert rotate(scene, 2) == AHEAD + 20
    scene.post(*[None] * (AHEAD + 11))
    scene.omitted(promised)
    forged = scene.promise(scene.leaf(2), first_seq=AHEAD + 10, key=promise_signer(2))
    assert scene.refused_omitted(forged) == "NotPromised"


def test_shrinking_twice_keeps_the_farthest_reach(scene: PromiseScene) -> None:
    shrink(scene, 5)
    set_ahead(scene, 8)
    shrink(scene, 3)
    assert rotate(scene, 1) == AHEAD
    assert [binds(scene, seq) for seq in (AHEAD - 1, AHEAD)] == ["binds", "NotPromised"]
    scene.post(*[None] * AHEAD)
    assert [binds(scene, AHEAD + 2, 1), binds(scene, AHEAD + 3, 1)] == ["binds", "Unenforceable"]


# --- signing ----------------------------------------------------------------------------------------


def malformed(signature: bytes) -> list[bytes]:
    r, s, v = signature[:32], int.from_bytes(signature[32:64]), signature[64]
    high, low = (ORDER - s).to_bytes(32), s.to_bytes(32)
    flipped = bytes([55 - v])
    compact = r + (s | (v - 27) << 255).to_bytes(32)
    return [
        b"",
        signature[:64],
        compact,
        signature + b"\0",
        b"\0" + signature,
        *(r + low + bytes([other]) for other in (0, 1, 26, 29, 255)),
        r + low + flipped,
        r + high + flipped,
        r + high + signature[64:],
        bytes(32) + low + signature[64:],
        r + bytes(32) + signature[64:],
        ORDER.to_bytes(32) + low + signature[64:],
        b"\xff" * 32 + low + signature[64:],
        r + ORDER.to_bytes(32) + signature[64:],
        bytes(65),
    ]


def test_a_malformed_signature_promises_nothing(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), include_by=scene.now)
    scene.wait(1)
    opening = promised.opening()
    for signature in malformed(opening.signed.signature):
        wrong = replace(opening, signed=replace(opening.signed, signature=signature))
        assert scene.refused_missed(wrong) == "NotPromised", signature.hex()
    scene.missed(opening)


def test_a_signature_over_anything_else_promises_nothing(scene: PromiseScene) -> None:
    leaf_hash = scene.promise(scene.leaf(1)).opening().leaf_hash
    promised = scene.promise(scene.leaf(1), include_by=scene.now)
    key = promise_signer().address
    scene.pair.act("open_lane", scene.stranger, scene.stranger, key, 5, value=ETHER)
    scene.wait(1)
    promise, opening = promised.signed.promise, promised.opening()
    wrong: list[Any] = [
        replace(promise, lane=3),
        replace(promise, include_by=promise.include_by - 1),
        replace(promise, beneficiary=scene.stranger),
        replace(promise, root=keccak(b"another"), count=1),
    ]
    for changed in wrong:
        forged = SignedPromise(changed, promised.signed.signature)
        shown = leaf_hash if changed.root == promise.root else changed.root
        assert scene.refused_missed(Opening(forged, 0, shown, ())) == "NotPromised"
    moved = SignedPromise(replace(promise, first_seq=1), promised.signed.signature)
    assert scene.refused_missed(Opening(moved, 1, leaf_hash, ())) == "NotPromised"
    scene.missed(opening)


def test_a_promise_for_another_chain_or_contract_promises_nothing_here(scene: PromiseScene) -> None:
    here = scene.pair.promise_domain
    for domain in (
        Domain(CHAIN_ID + 1, here.contract),
        Domain(1, here.contract),
        Domain(CHAIN_ID, scene.pair.domain.contract),
        Domain(CHAIN_ID, bytes(20)),
    ):
        hashes = [scene.promise(scene.leaf(1)).opening().leaf_hash]
        promised = signed_promise(domain, scene.lane, 0, hashes, scene.now - 1, scene.holder)
        assert scene.refused_missed(promised) == "NotPromised"


def test_a_promise_of_the_other_half_of_a_split_chain_promises_nothing() -> None:
    scene = PromiseScene()  # one of its own: others must not meet the other id
    before = scene.promise(scene.leaf(1), include_by=scene.now)
    split = Domain(CHAIN_ID + 1, scene.pair.promise_domain.contract)
    scene.pair.evm.split(split.chain_id)
    scene.pair.promise_domain = scene.pair.spec.promise_domain = split
    after = scene.promise(scene.leaf(1), include_by=scene.now)
    scene.wait(1)
    assert scene.refused_missed(before) == "NotPromised"
    scene.missed(after)


def test_a_receipt_signature_of_the_promise_key_promises_nothing(scene: PromiseScene) -> None:
    """Receipts and promises have their own types and domains: one signature never serves as the other."""
    promised = scene.promise(scene.leaf(1), include_by=scene.now - 1)
    for signature in (
        scene.leaf(1, promise_signer()).signature,
        promise_signer().sign_hash(promised.signed.promise.hash),
        promise_signer().sign_hash(promised.signed.promise.root),
    ):
        opening = promised.opening(signed=replace(promised.signed, signature=signature))
        assert scene.refused_missed(opening) == "NotPromised"


def test_a_contract_as_promise_key_promises_nothing(scene: PromiseScene) -> None:
    """No ERC-1271: what a contract answers could change after the promise was taken."""
    contract = scene.pair.evm.deploy("ReenteringCaller")
    address = bytes.fromhex(contract.address[2:])
    rotate(scene, address)
    scene.post(None)
    opening = scene.promise(scene.leaf(1), first_seq=AHEAD, include_by=scene.now - 1).opening()
    for signature in (opening.signed.signature, b"", address.rjust(65, b"\0")):
        wrong = replace(opening, signed=replace(opening.signed, signature=signature))
        assert scene.refused_missed(wrong) == "NotPromised"


def test_another_lanes_key_promises_nothing_here(scene: PromiseScene) -> None:
    key = promise_signer(5)
    scene.pair.act("open_lane", scene.stranger, scene.stranger, key.address, 5, value=ETHER)
    for lane, number in ((2, 5), (3, 0)):
        promised: Promised = scene.promise(
            scene.leaf(1), lane=lane, include_by=scene.now - 1, key=promise_signer(number)
        )
        assert scene.refused_missed(promised) == "NotPromised"


# --- at all times -----------------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(1, 9)),
        st.tuples(st.just("rotate"), st.integers(0, 3)),
        st.tuples(st.just("set_ahead"), st.integers(0, 60)),
        st.tuples(st.just("wait"), st.sampled_from([1, NOTICE - 1, NOTICE])),
        st.tuples(st.just("apply_ahead"), st.just(0)),
        st.tuples(st.just("exit"), st.just(0)),
    ),
    max_size=12,
)


@given(STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_reach_never_falls_and_no_key_below_it_ever_changes(steps: list[tuple[str, int]]) -> None:
    scene = fresh(ahead=10)
    known: list[bytes] = []
    for step, number in steps:
        lane = scene.spec_lane
        keys = [lane.promise_key(seq) for seq in range(lane.reach)]
        assert keys[: len(known)] == known
        known = keys
        try:
            match step:
                case "post":
                    scene.post(*[None] * number)
                case "rotate":
                    rotate(scene, number)
                case "wait":
                    scene.wait(number)
                case "set_ahead":
                    set_ahead(scene, number)
                case _:
                    scene.pair.act(step, scene.relayer, scene.lane)
        except Revert as revert:
            assert revert.error in ("NoChangeDue", "AlreadyLeaving")
    for seq in (0, len(known) // 2, max(len(known) - 1, 0)):
        if seq < len(known):
            seen = scene.pair.settlement.call("promiseKeyOf", scene.lane, seq)
            assert bytes.fromhex(seen[2:]) == known[seq]
    scene.compare()
