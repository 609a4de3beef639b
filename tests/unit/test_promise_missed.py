"""Settlement: claims of a missed deadline.

claiming that a receipt was not posted by the time promised
├── given its number is not posted
│   ├── when the due second is not over → it should revert NotBroken
│   ├── when it is over, until claimWindow later, inclusive → it should pay, whoever calls
│   └── when the claim window is over → it should revert TooLate
├── given its number is posted
│   ├── when it was posted by the due second, inclusive → it should revert NotBroken, for ever
│   ├── when it was posted later → it should pay until the tile's end and claimWindow, whatever passed before
│   ├── when the batch named is unknown, or does not hold the number → it should revert
│   └── given the leaf reads Voided (its node died in between, it is untimely, a fault) → it should revert NotBroken
├── given its place was struck
│   ├── when the demand has just run out, settled or not → it should pay, though the leaf was posted in time
│   ├── when the demand is open → it should revert NotBroken for a leaf in time, and pay for a late one
│   ├── when the fuse blew before the tile ended → it should pay, and every promise that can no longer be kept
│   └── when the fuse blew after the tile ended → it should revert NotBroken
├── when claimed twice, or after an omission of the same number → it should revert AlreadyClaimed
└── paying
    ├── it should burn half, credit 45 % to the beneficiary and 5 % to the caller; with nobody, burn 95 %
    ├── given a short stake → it should split what is there alike; given none, pay nothing
    ├── given an odd number of gwei → it should burn the odd ones
    ├── it should cost what the epoch at includeBy says
    └── given a lane below its minimum → it may not post until topped up, and stays liable
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from afterproof.protocol.batching import Batch
from afterproof.protocol.outcome import Env
from afterproof.protocol.promise import NOBODY
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.state import Standing
from afterproof.protocol.terms import DEMO, ETHER, GWEI
from tests.support.pair import ALL_FAULTS, encode_opening
from tests.support.promises import Promised, PromiseScene, fresh, promise_signer, staged

SLASH = DEMO.promise_slash
CLAIM = DEMO.claim_window


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    yield from staged()


def due(promised: Promised) -> int:
    return promised.signed.promise.include_by


# --- not posted -------------------------------------------------------------------------------------


def test_claim_missed_before_the_due_second_is_over_reverts(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1))
    assert scene.refused_missed(promised) == "NotBroken"
    scene.warp(due(promised))
    assert scene.refused_missed(promised) == "NotBroken"


@pytest.mark.parametrize("after", [1, CLAIM])
def test_claim_missed_of_a_number_not_posted_pays(scene: PromiseScene, after: int) -> None:
    promised = scene.promise(scene.leaf(1))
    scene.warp(due(promised) + after)
    scene.missed(promised)
    assert scene.credit(scene.holder) == SLASH * 45 // 100
    assert scene.credit(scene.caller) == SLASH * 5 // 100
    assert (scene.spec_lane.stake, scene.spec_lane.burned) == (10 * ETHER - SLASH, SLASH // 2)


def test_claim_missed_after_the_claim_window_reverts(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1))
    scene.warp(due(promised) + CLAIM + 1)
    refused = scene.refused("claim_missed", promised.opening(), 0)
    assert refused == ("TooLate", (due(promised) + CLAIM,))


def test_claim_missed_ignores_the_batch_named_while_the_number_is_not_posted(scene: PromiseScene) -> None:
    scene.post(scene.leaf(1))
    promised = scene.promise(scene.leaf(2))
    scene.warp(due(promised) + 1)
    scene.pair.act("claim_missed", scene.caller, promised.opening(), 2**64 - 1)


@pytest.mark.parametrize("who", ["holder", "relayer", "poster", "owner", "stranger"])
def test_claim_missed_by_anyone_pays(scene: PromiseScene, who: str) -> None:
    """The lane's owner may too: it loses half and what the beneficiary gets."""
    promised = scene.promise(scene.leaf(1))
    scene.warp(due(promised) + 1)
    scene.missed(promised, by=getattr(scene, who))
    assert scene.credit(getattr(scene, who)) == SLASH * (50 if who == "holder" else 5) // 100


def test_claim_missed_by_a_contract_pays_the_contract(scene: PromiseScene) -> None:
    """Credits are pulled: a contract that refuses ether, or claims again from within, changes nothing."""
    caller = scene.pair.evm.deploy("ReenteringCaller")
    promised = scene.promise(scene.leaf(1))
    scene.warp(due(promised) + 1)
    settle = scene.pair.settlement
    claim = settle.interface.function("claimMissed", 2).encode((encode_opening(promised.opening()), 0))
    caller.send("run", settle.address, claim, claim, sender=scene.stranger)
    assert scene.credit(caller.address) == SLASH * 5 // 100
    # The specification follows; the same claim is now refused by both.
    scene.pair.spec.claim_missed(_env(scene, caller.address), promised.opening(), 0)
    assert scene.refused_missed(promised) == "AlreadyClaimed"
    pull = settle.interface.function("withdraw", 1).encode((caller.address,))
    caller.send("run", settle.address, pull, pull, sender=scene.stranger)
    assert (caller.call("entered"), caller.call("succeeded")) == (1, 0)
    assert scene.pair.evm.balance(caller.address) == SLASH * 5 // 100
    scene.pair.spec.withdraw(_env(scene, caller.address), bytes(20))


def _env(scene: PromiseScene, address: str) -> Env:
    return Env(bytes.fromhex(address[2:]), scene.now)


# --- posted -----------------------------------------------------------------------------------------


def test_claim_missed_of_a_leaf_posted_in_the_due_second_reverts_for_ever(scene: PromiseScene) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf)
    scene.warp(due(promised))
    batch = scene.post(leaf)
    for at in (scene.now, scene.now + 1, scene.now + DEMO.window + CLAIM, scene.now + 10_000):
        scene.warp(at)
        assert scene.refused_missed(promised) in ("NotBroken", "TooLate")
    assert scene.standing(batch, 0) is Standing.FINAL


@pytest.mark.parametrize("after", [0, DEMO.window, DEMO.window + CLAIM])
def test_claim_missed_of_a_leaf_posted_late_pays_until_the_end_of_its_claim_window(
    scene: PromiseScene, after: int
) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf)
    scene.warp(due(promised) + 1)
    scene.post(leaf)
    scene.wait(after)
    scene.missed(promised)


def test_claim_missed_of_a_leaf_posted_late_after_its_claim_window_reverts(scene: PromiseScene) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf)
    scene.warp(due(promised) + 1)
    batch = scene.post(leaf)
    scene.end_window(batch, CLAIM + 1)
    assert scene.refused_missed(promised) == "TooLate"


def test_claim_missed_that_came_too_late_may_come_again_once_the_leaf_is_posted(scene: PromiseScene) -> None:
    """Posting late opens the claim anew: the deadline was missed, and the tile has a window of its own."""
    leaf = scene.leaf(1)
    promised = scene.promise(leaf)
    scene.warp(due(promised) + CLAIM + 1)
    assert scene.refused_missed(promised) == "TooLate"
    scene.post(leaf)
    scene.missed(promised)


def test_claim_missed_that_was_paid_is_not_paid_again_once_posted(scene: PromiseScene) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf)
    scene.warp(due(promised) + 1)
    scene.missed(promised)
    assert scene.refused_missed(promised) == "AlreadyClaimed"
    scene.post(leaf)
    assert scene.refused_missed(promised) == "AlreadyClaimed"


def test_claim_missed_that_names_a_wrong_batch_reverts(scene: PromiseScene) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf, first_seq=1)
    scene.post(scene.leaf(2))
    scene.warp(due(promised) + 1)
    scene.post(leaf)
    scene.post(scene.leaf(3))
    opening = promised.opening()
    assert scene.refused("claim_missed", opening, 0) == ("NotBroken", (scene.lane, 1))
    assert scene.refused("claim_missed", opening, 2) == ("NotBroken", (scene.lane, 1))
    for first in (3, 2**64 - 1):
        assert scene.refused("claim_missed", opening, first) == (
            "UnknownBatch",
            (scene.lane << 64 | first,),
        )
    scene.missed(promised)


# --- void leaves ------------------------------------------------------------------------------------


def test_claim_missed_of_a_leaf_whose_node_died_in_between_reverts(scene: PromiseScene) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf)
    scene.wait(1)
    scene.pair.act("revoke", scene.owner, scene.secp.node, scene.now - 5, "stolen")
    batch = scene.post(leaf)
    assert scene.standing(batch, 0) is Standing.VOIDED
    scene.warp(due(promised) + 1)
    assert scene.refused_missed(promised) == "NotBroken"


def test_claim_missed_of_an_untimely_leaf_posted_in_time_reverts(scene: PromiseScene) -> None:
    leaf = scene.leaf(1, age=DEMO.max_posting_delay)
    promised = scene.promise(leaf)
    scene.wait(1)
    batch = scene.post(leaf)
    assert scene.standing(batch, 0) is Standing.VOIDED
    scene.warp(due(promised) + 1)
    assert scene.refused_missed(promised) == "NotBroken"


def test_claim_missed_of_a_leaf_voided_by_a_fault_neither_breaks_nor_mends(scene: PromiseScene) -> None:
    in_time, late = scene.forged(1), scene.forged(2)
    kept, broken = scene.promise(in_time), scene.promise(late, first_seq=1)
    batch = scene.post(in_time)
    scene.prove(batch, 0)
    scene.warp(due(kept) + 1)
    assert scene.refused_missed(kept) == "NotBroken"
    scene.prove(scene.post(late), 0)
    scene.missed(broken)


# --- struck tiles -----------------------------------------------------------------------------------


@pytest.mark.parametrize("settled", [False, True])
def test_claim_missed_of_a_leaf_in_a_struck_tile_pays_from_the_deadline_on(
    scene: PromiseScene, settled: bool
) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf)
    batch = scene.post(leaf)
    scene.demand(batch)
    scene.pass_deadline(batch, offset=0)
    assert scene.refused_missed(promised) == "NotBroken"
    scene.wait(1)
    if settled:
        scene.expire(batch)
    scene.missed(promised)
    assert scene.standing(batch, 0) is Standing.VOIDED


def test_claim_missed_of_a_struck_tile_ends_a_claim_window_after_the_strike(scene: PromiseScene) -> None:
    first, second = scene.leaf(1), scene.leaf(2)
    promised = scene.promise(first, second, include_by=scene.now)
    batch = scene.post(first, second)
    scene.demand(batch)
    scene.pass_deadline(batch, offset=CLAIM)
    scene.missed(promised)
    scene.wait(1)
    assert scene.refused_missed(promised.opening(1)) == "TooLate"
    # Settling late moves money and no deadline.
    scene.expire(batch)
    assert scene.refused_missed(promised.opening(1)) == "TooLate"


def test_claim_missed_in_another_tile_than_the_struck_one_reverts(scene: PromiseScene) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf, first_seq=256)
    scene.pair.act("set_ahead", scene.relayer, scene.lane, 300)
    batch = scene.post(*[None] * 256, leaf)
    scene.demand(batch, 0)
    scene.pass_deadline(batch, 0)
    scene.expire(batch, 0)
    assert scene.refused_missed(promised) == "NotBroken"
    scene.missed(scene.promise(None, first_seq=0))


def test_claim_missed_while_a_demand_is_open(scene: PromiseScene) -> None:
    """In time: not broken. Late: payable, though any other window were over; answered: until the tile's own end."""
    first, second = scene.leaf(1), scene.leaf(2)
    kept = scene.promise(first)
    late = scene.promise(second, first_seq=1, include_by=scene.now)
    later = scene.promise(first, second, first_seq=0, include_by=scene.now)
    scene.wait(1)
    batch = scene.post(first, second)
    scene.end_window(batch, 0)
    demand = scene.demand(batch)
    scene.warp(demand.deadline)
    assert scene.refused_missed(kept) == "NotBroken"
    scene.missed(late)
    scene.answer(batch)
    scene.wait(DEMO.window + CLAIM)
    scene.missed(later)
    scene.wait(1)
    assert scene.refused_missed(later.opening(1)) == "TooLate"


def blown(scene: PromiseScene, *last: Leaf) -> Batch:
    """Posts five tiles, the fifth of ``last``, of which four are demanded and struck; the demands have run out."""
    batch = scene.post(*[None] * 1024, *last)
    for tile in range(4):
        scene.demand(batch, tile)
    scene.pass_deadline(batch, 3)
    return batch


def test_claim_missed_after_the_fuse_blew_pays_for_the_whole_batch_and_what_cannot_follow() -> None:
    scene = fresh(ahead=1100)
    leaf, next_leaf = scene.leaf(1), scene.leaf(2)
    promised = scene.promise(leaf, first_seq=1024)
    following = scene.promise(next_leaf, first_seq=1025, include_by=scene.now + 15)
    batch = blown(scene, leaf)
    for tile in range(3):
        scene.expire(batch, tile)
    assert scene.refused_missed(promised) == "NotBroken"
    scene.expire(batch, 3)
    scene.missed(promised)
    assert (
        scene.refused("post", scene.lane, 1025, 1, scene.now, scene.now, [b"\1" * 32], "")[0] == "NotPoster"
    )
    scene.warp(due(following) + 1)
    scene.missed(following)
    scene.compare()


def test_claim_missed_when_the_fuse_blew_after_the_tile_ended_reverts() -> None:
    scene = fresh(ahead=1100)
    leaf = scene.leaf(1)
    promised = scene.promise(leaf, first_seq=1024)
    batch = blown(scene, leaf)
    scene.end_window(batch)
    for tile in range(4):
        scene.expire(batch, tile)
    assert scene.spec_lane.blown and scene.standing(batch, 1024) is Standing.FINAL
    assert scene.refused_missed(promised) == "NotBroken"
    scene.compare()


# --- once a number ----------------------------------------------------------------------------------


def test_claim_missed_after_an_omission_of_the_same_number_reverts(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), include_by=scene.now)
    scene.wait(1)
    scene.post(scene.leaf(2))
    scene.omitted(promised)
    assert scene.refused_missed(promised) == "AlreadyClaimed"


def test_claim_missed_of_another_promise_for_the_same_number_reverts(scene: PromiseScene) -> None:
    """One slash a number: the holder of the second claims the double promise."""
    first, second = scene.promise(scene.leaf(1)), scene.promise(scene.leaf(2))
    scene.warp(due(first) + 1)
    scene.missed(second)
    assert scene.refused_missed(first) == "AlreadyClaimed"
    scene.doubled(first, second)


def test_claim_missed_of_the_same_number_of_another_lane_pays(scene: PromiseScene) -> None:
    key = promise_signer().address
    scene.pair.act("open_lane", scene.stranger, scene.stranger, key, 5, value=ETHER)
    first, second = scene.promise(scene.leaf(1)), scene.promise(scene.leaf(1), lane=3)
    scene.warp(due(first) + 1)
    before = scene.spec_lane.stake
    scene.missed(second)
    assert scene.spec_lane.stake == before
    scene.missed(first)


# --- money ------------------------------------------------------------------------------------------


def test_claim_missed_without_a_beneficiary_burns_its_share(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), beneficiary=NOBODY)
    scene.warp(due(promised) + 1)
    scene.missed(promised)
    assert scene.spec_lane.burned == SLASH * 95 // 100
    assert scene.credit(NOBODY) == 0


#: A stake of few gwei covers a promise whose slash is far above it.
CHEAP = replace(DEMO, leaf_slash=GWEI, promise_slash=2000 * GWEI, min_stake=GWEI, cover_share=1)


@pytest.mark.parametrize("left", [3, 19, 20, 39, 1001])
def test_claim_missed_with_a_short_stake_splits_it_alike(left: int) -> None:
    """In whole gwei, rounded down: what is odd burns, and at least half does."""
    scene = fresh(CHEAP, ahead=2, stake=left * GWEI)
    first, second = scene.promise(scene.leaf(1)), scene.promise(scene.leaf(2), first_seq=1)
    scene.warp(due(first) + 1)
    (event,) = scene.missed(first)
    assert event.arguments[-1] == left * GWEI
    assert scene.credit(scene.holder) == left * 45 // 100 * GWEI
    assert scene.credit(scene.caller) == left * 5 // 100 * GWEI
    assert scene.spec_lane.burned >= left * GWEI // 2
    # Nothing is left: the claim is taken down all the same, and pays nothing.
    (event,) = scene.missed(second)
    assert event.arguments[-1] == 0
    assert scene.refused_missed(second) == "AlreadyClaimed"
    scene.compare()


def test_claim_missed_burns_exactly_half_where_both_are_paid(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1))
    scene.warp(due(promised) + 1)
    scene.missed(promised)
    credited = scene.credit(scene.holder) + scene.credit(scene.caller)
    assert scene.spec_lane.burned == credited == SLASH // 2
    scene.pair.act("sweep_burned", scene.stranger, scene.lane)
    for account in (scene.holder, scene.caller):
        scene.pair.act("withdraw", account, account)
    assert scene.spec_lane.burned == 0


@pytest.mark.parametrize(("offset", "slash"), [(-1, SLASH), (0, 3 * SLASH)])
def test_claim_missed_costs_what_the_epoch_at_include_by_says(
    scene: PromiseScene, offset: int, slash: int
) -> None:
    dearer = replace(DEMO, promise_slash=3 * SLASH, claim_window=CLAIM + 7)
    starts_at = scene.now + DEMO.time_to_leave
    scene.pair.act("announce_epoch", scene.owner, dearer, ALL_FAULTS, starts_at)
    scene.warp(starts_at - 5)
    promised = scene.promise(scene.leaf(1), scene.leaf(2), include_by=starts_at + offset)
    until = due(promised) + (CLAIM if slash == SLASH else CLAIM + 7)
    scene.warp(until)
    (event,) = scene.missed(promised.opening(0))
    assert event.arguments[-1] == slash
    scene.wait(1)
    assert scene.refused("claim_missed", promised.opening(1), 0) == ("TooLate", (until,))


def test_claim_missed_leaves_a_lane_below_its_minimum_that_may_not_post_and_stays_liable() -> None:
    scene = fresh(ahead=2, stake=DEMO.min_stake + 2 * DEMO.cover)
    leaf = scene.leaf(1)
    first, second = scene.promise(leaf), scene.promise(scene.leaf(2), first_seq=1)
    scene.warp(due(first) + 1)
    for promised in (first, second):
        scene.missed(promised)
    post = (scene.lane, 0, 1, scene.now, scene.now, [b"\1" * 32], "")
    assert scene.refused("post", *post, by=scene.poster)[0] == "InsufficientStake"
    assert scene.refused("set_ahead", scene.lane, 3, by=scene.relayer)[0] == "InsufficientStake"
    scene.pair.act("top_up", scene.stranger, scene.lane, value=DEMO.cover + 2 * SLASH)
    scene.post(leaf)
    scene.compare()
