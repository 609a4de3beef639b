"""Settlement: claims of a double promise.

claiming that two different leaves were promised for one number
├── given both promises good and the leaves different → it should pay, posted or not, kept or not
│   ├── when the leaf of the first named is unpaid → it should pay the first
│   ├── when the leaf of the first named was paid for by a missed deadline or an omission → it should pay the second
│   ├── when a hash was paid for that is a leaf's of the two but for one byte → that leaf should count as unpaid
│   ├── when the leaf of the second was paid → it should pay the first
│   └── when one promise or both hold several receipts → it should pay at each number where they differ
├── when both hold the same leaf there → it should revert NotBroken, whatever else differs
├── when the numbers or the lanes differ → it should revert NotBroken, whoever signed
├── when one of them is opened wrongly, signed by another, or unenforceable → it should revert, named first or second
├── given the number is not posted → it should pay until claimWindow after the paid promise is due
├── given it is posted → it should pay until claimWindow after the later of that and the tile's end or strike
├── when the batch named is unknown or holds other numbers → it should revert; ignored while the number is not posted
├── when claimed twice, in either order, with a third promise → it should revert AlreadyClaimed
├── given a missed deadline or an omission claimed before or after → both slashes are paid, one each
└── paying → it should split as a missed deadline does, by the epoch at includeBy of the paid promise
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import pytest

from afterproof.protocol.outcome import Event
from afterproof.protocol.promise import NOBODY
from afterproof.protocol.terms import DEMO, ETHER, GWEI
from tests.support.pair import ALL_FAULTS
from tests.support.promises import SOON, Promised, PromiseScene, fresh, promise_signer, signed_promise, staged

SLASH = DEMO.promise_slash
CLAIM = DEMO.claim_window


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    yield from staged()


def two(scene: PromiseScene, **changes: object) -> tuple[Promised, Promised]:
    """Two promises of the next number: one to the holder, one to the prover."""
    first = scene.promise(scene.leaf(1), **changes)
    return first, scene.promise(scene.leaf(2), **({"beneficiary": scene.prover} | changes))


def paid_to(events: list[Event]) -> bytes:
    (event,) = events
    assert (event.name, event.arguments[2]) == ("PromiseBroken", 3)
    return event.arguments[3]


# --- whom it pays -----------------------------------------------------------------------------------


def test_claim_double_pays_the_first_named(scene: PromiseScene) -> None:
    first, second = two(scene)
    assert paid_to(scene.doubled(first, second)) == scene.holder
    assert scene.credit(scene.holder) == SLASH * 45 // 100
    assert scene.credit(scene.caller) == SLASH * 5 // 100
    assert scene.credit(scene.prover) == 0
    assert (scene.spec_lane.stake, scene.spec_lane.burned) == (10 * ETHER - SLASH, SLASH // 2)


@pytest.mark.parametrize("posted", ["nothing", "first", "second", "another"])
def test_claim_double_pays_whatever_is_posted(scene: PromiseScene, posted: str) -> None:
    first, second = two(scene)
    leaves = {"first": scene.leaf(1), "second": scene.leaf(2), "another": None}
    if posted in leaves:
        scene.post(leaves[posted])
    assert paid_to(scene.doubled(second, first)) == scene.prover


@pytest.mark.parametrize("way", ["missed", "omitted"])
@pytest.mark.parametrize("paid_first", [False, True])
def test_claim_double_pays_the_first_named_whose_leaf_is_unpaid(
    scene: PromiseScene, way: str, paid_first: bool
) -> None:
    first, second = two(scene, include_by=scene.now)
    scene.wait(1)
    if way == "omitted":
        scene.post(scene.leaf(3))
    getattr(scene, way)(first)
    named = (first, second) if paid_first else (second, first)
    assert paid_to(scene.doubled(*named)) == scene.prover


def test_claim_double_of_three_pays_whichever_unpaid_is_named_first(scene: PromiseScene) -> None:
    """The third holder gets nothing: two slashes a number, however often it was promised."""
    first, second = two(scene, include_by=scene.now)
    third = scene.promise(scene.leaf(3), include_by=scene.now, beneficiary=scene.stranger)
    scene.wait(1)
    scene.missed(first)
    assert paid_to(scene.doubled(first, third)) == scene.stranger
    for named in permutations((first, second, third), 2):
        assert scene.refused_doubled(*named) == "AlreadyClaimed"


def test_claim_double_reaches_a_holder_whose_claim_the_lane_forestalled(scene: PromiseScene) -> None:
    """The lane claims an omission of a promise to itself first, to keep half. The holder is paid all the same, with the
    promise that the lane had to show."""
    promised = scene.promise(scene.leaf(1))
    scene.post(None)
    own = scene.promise(scene.leaf(2), first_seq=0, beneficiary=scene.relayer)
    scene.omitted(own, by=scene.relayer)
    assert scene.refused_omitted(promised) == "AlreadyClaimed"
    assert paid_to(scene.doubled(promised, own, by=scene.holder)) == scene.holder
    assert scene.spec_lane.burned == 2 * SLASH // 2


@pytest.mark.parametrize("byte", range(32))
@pytest.mark.parametrize("swap", [False, True])
def test_claim_double_takes_no_twin_hash_for_the_leaf_that_was_paid(
    scene: PromiseScene, byte: int, swap: bool
) -> None:
    """A lane may promise any 32 bytes. It has itself paid for a hash that is its victim's but for one byte: the
    victim's leaf is unpaid all the same, and the victim is paid, whoever is named first."""
    promised = scene.promise(scene.leaf(1))
    victim = promised.opening().leaf_hash
    twin_hash = victim[:byte] + bytes([victim[byte] ^ 1]) + victim[byte + 1 :]
    domain, due = scene.pair.promise_domain, scene.now + SOON
    twin = signed_promise(domain, scene.lane, 0, [twin_hash], due, scene.relayer)
    scene.post(None)
    scene.omitted(twin, by=scene.relayer)
    named = (twin, promised) if swap else (promised, twin)
    assert paid_to(scene.doubled(*named, by=scene.holder)) == scene.holder


def test_claim_double_first_then_deadline_or_omission_pays_both(scene: PromiseScene) -> None:
    first, second = two(scene, include_by=scene.now)
    scene.wait(1)
    scene.doubled(first, second)
    scene.missed(second)
    assert scene.credit(scene.prover) == scene.credit(scene.holder) == SLASH * 45 // 100
    assert scene.refused_missed(first) == "AlreadyClaimed"


# --- what is a double -------------------------------------------------------------------------------


def test_claim_double_of_the_same_leaf_reverts(scene: PromiseScene) -> None:
    """Promised again, to another, for another time, alone or among others: one leaf at one number breaks nothing."""
    leaf = scene.leaf(1)
    promised = scene.promise(leaf)
    for again in (
        promised,
        scene.promise(leaf, include_by=0),
        scene.promise(leaf, beneficiary=NOBODY),
        scene.promise(leaf, scene.leaf(2)),
    ):
        assert scene.refused_doubled(promised, again) == "NotBroken"
        assert scene.refused_doubled(again, promised) == "NotBroken"


def test_claim_double_of_two_numbers_or_lanes_reverts(scene: PromiseScene) -> None:
    key = promise_signer().address
    scene.pair.act("open_lane", scene.stranger, scene.stranger, key, 5, value=ETHER)
    here = scene.promise(scene.leaf(1)).opening()
    there = scene.promise(scene.leaf(2), lane=3).opening()
    other = scene.promise(scene.leaf(2), first_seq=1).opening()
    for second in (there, other):
        assert scene.refused("claim_double", here, second, 0) == ("NotBroken", (scene.lane, 0))
    assert scene.refused("claim_double", there, here, 0) == ("NotBroken", (3, 0))


def test_claim_double_of_overlapping_promises_pays_where_they_differ(scene: PromiseScene) -> None:
    leaves = [scene.leaf(number) for number in range(6)]
    first = scene.promise(*leaves[:4])
    second = scene.promise(leaves[2], leaves[5], leaves[3], first_seq=2)
    assert scene.refused("claim_double", first.opening(2), second.opening(2), 0)[0] == "NotBroken"
    scene.pair.act("claim_double", scene.caller, first.opening(3), second.opening(3), 0)
    assert scene.refused("claim_double", first.opening(1), second.opening(3), 0)[0] == "NotBroken"


def test_claim_double_with_one_wrong_opening_reverts(scene: PromiseScene) -> None:
    first, second = two(scene)
    stranger = scene.promise(scene.leaf(3), key=promise_signer(7))
    good = first.opening()
    for wrong in (
        replace(second.opening(), leaf_hash=bytes(32)),
        replace(second.opening(), proof=(bytes(32),)),
        stranger.opening(),
    ):
        assert scene.refused("claim_double", good, wrong, 0)[0] == "NotPromised"
        assert scene.refused("claim_double", wrong, good, 0)[0] == "NotPromised"


def test_claim_double_with_one_promise_of_an_unknown_lane_reverts(scene: PromiseScene) -> None:
    good = scene.promise(scene.leaf(1)).opening()
    unknown = scene.promise(scene.leaf(2), lane=9).opening()
    assert scene.refused("claim_double", good, unknown, 0) == ("NotBroken", good.place)
    assert scene.refused("claim_double", unknown, good, 0) == ("NotBroken", unknown.place)
    other = scene.promise(scene.leaf(1), lane=9).opening()
    assert scene.refused("claim_double", unknown, other, 0) == ("NotPromised", unknown.place)


def test_claim_double_with_one_promise_due_too_long_after_leaving_reverts(scene: PromiseScene) -> None:
    scene.pair.act("exit", scene.relayer, scene.lane)
    last = scene.now + DEMO.max_promise_delay
    good, bad = (
        scene.promise(scene.leaf(1), include_by=last),
        scene.promise(scene.leaf(2), include_by=last + 1),
    )
    assert scene.refused_doubled(good, bad) == "Unenforceable"
    assert scene.refused_doubled(bad, good) == "Unenforceable"
    scene.doubled(good, scene.promise(scene.leaf(3), include_by=0))


def test_claim_double_beyond_ahead_reverts(scene: PromiseScene) -> None:
    for first_seq in (40, 2**64 - 1):
        assert scene.refused_doubled(*two(scene, first_seq=first_seq)) == "Unenforceable"
    scene.doubled(*two(scene, first_seq=39))


def test_claim_double_beyond_ahead_with_one_that_nobody_promised_reverts(scene: PromiseScene) -> None:
    """What is wrong with a promise itself is said before what the lane may promise."""
    first, second = two(scene, first_seq=40)
    stranger = scene.promise(scene.leaf(3), first_seq=40, key=promise_signer(7))
    for wrong in (replace(second.opening(), proof=(bytes(32),)), stranger.opening()):
        assert scene.refused("claim_double", first.opening(), wrong, 0)[0] == "NotPromised"
        assert scene.refused("claim_double", wrong, first.opening(), 0)[0] == "NotPromised"


# --- until when -------------------------------------------------------------------------------------


def test_claim_double_of_a_number_not_posted_pays_until_the_paid_promise_is_too_old(
    scene: PromiseScene,
) -> None:
    early, late = (scene.now + after for after in (5, 9))
    first = scene.promise(scene.leaf(1), include_by=early)
    second = scene.promise(scene.leaf(2), include_by=late, beneficiary=scene.prover)
    scene.warp(early + CLAIM + 1)
    assert scene.refused("claim_double", first.opening(), second.opening(), 0) == (
        "TooLate",
        (early + CLAIM,),
    )
    scene.warp(late + CLAIM)
    assert paid_to(scene.doubled(second, first)) == scene.prover


def test_claim_double_of_a_posted_number_pays_until_the_claim_window_after_the_tile(
    scene: PromiseScene,
) -> None:
    leaves = [scene.leaf(number) for number in range(4)]
    first = scene.promise(*leaves[:2], include_by=0)
    second = scene.promise(*leaves[2:], include_by=0)
    batch = scene.post(*leaves[:2])
    scene.end_window(batch, CLAIM)
    scene.pair.act("claim_double", scene.caller, first.opening(0), second.opening(0), 0)
    scene.wait(1)
    assert scene.refused("claim_double", first.opening(1), second.opening(1), 0)[0] == "TooLate"


def test_claim_double_in_a_struck_tile_and_while_a_demand_is_open(scene: PromiseScene) -> None:
    leaves = [scene.leaf(number) for number in range(6)]
    first = scene.promise(*leaves[:3], include_by=0)
    second = scene.promise(*leaves[3:], include_by=0)
    batch = scene.post(*leaves[:3])
    scene.demand(batch)

    def claim(seq: int) -> None:
        scene.pair.act("claim_double", scene.caller, first.opening(seq), second.opening(seq), 0)

    claim(0)
    scene.pass_deadline(batch, offset=CLAIM)
    claim(1)
    scene.wait(1)
    assert scene.refused("claim_double", first.opening(2), second.opening(2), 0)[0] == "TooLate"


def test_claim_double_that_names_a_wrong_batch_reverts(scene: PromiseScene) -> None:
    first, second = (promised.opening() for promised in two(scene, first_seq=1))
    scene.post(None)
    # Not posted: whatever is named is ignored.
    assert scene.refused("claim_double", first, first, 2**64 - 1)[0] == "NotBroken"
    scene.post(None)
    assert scene.refused("claim_double", first, second, 0)[0] == "NotBroken"
    assert scene.refused("claim_double", first, second, 2)[0] == "UnknownBatch"
    scene.pair.act("claim_double", scene.caller, first, second, 1)


def test_claim_double_of_a_number_not_posted_ignores_the_batch_named(scene: PromiseScene) -> None:
    first, second = (promised.opening() for promised in two(scene))
    scene.pair.act("claim_double", scene.caller, first, second, 2**64 - 1)


def test_claim_double_twice_reverts_though_posted_since(scene: PromiseScene) -> None:
    first, second = two(scene)
    scene.doubled(first, second)
    scene.post(scene.leaf(1))
    assert scene.refused_doubled(first, second) == "AlreadyClaimed"
    assert scene.refused_doubled(second, first) == "AlreadyClaimed"


# --- money ------------------------------------------------------------------------------------------


def test_claim_double_without_a_beneficiary_burns_its_share(scene: PromiseScene) -> None:
    first, second = two(scene, beneficiary=NOBODY)
    scene.doubled(first, second)
    assert (scene.credit(NOBODY), scene.spec_lane.burned) == (0, SLASH * 95 // 100)


@pytest.mark.parametrize(("paid_in_advance", "slash"), [(False, SLASH), (True, 3 * SLASH)])
def test_claim_double_costs_what_the_epoch_of_the_paid_promise_says(
    scene: PromiseScene, paid_in_advance: bool, slash: int
) -> None:
    starts_at = scene.now + DEMO.time_to_leave
    dearer = replace(DEMO, promise_slash=3 * SLASH)
    scene.pair.act("announce_epoch", scene.owner, dearer, ALL_FAULTS, starts_at)
    scene.warp(starts_at - 1)
    first = scene.promise(scene.leaf(1), include_by=starts_at - 1)
    second = scene.promise(scene.leaf(2), include_by=starts_at)
    scene.wait(1)
    if paid_in_advance:
        scene.missed(first)
    (event,) = scene.doubled(first, second)
    assert event.arguments[-1] == slash


def test_claim_double_of_a_short_stake_splits_what_is_left() -> None:
    cheap = replace(DEMO, leaf_slash=GWEI, promise_slash=2000 * GWEI, min_stake=GWEI, cover_share=1)
    scene = fresh(cheap, ahead=2, stake=333 * GWEI)
    (event,) = scene.doubled(*two(scene))
    assert event.arguments[-1] == 333 * GWEI
    assert scene.credit(scene.holder) == 149 * GWEI and scene.credit(scene.caller) == 16 * GWEI
    assert scene.spec_lane.burned == 168 * GWEI
    scene.compare()
