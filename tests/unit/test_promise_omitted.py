"""Settlement: claims of an omitted receipt.

claiming that another leaf stands at the number promised
├── when the leaf shown stands there, another or the empty one, before or after the due second → it should pay
├── when the leaf shown is the one promised → it should revert NotBroken, void or not
├── when the leaf shown does not stand there: another's hash or path, a node, a path too short or long → NotIncluded
├── when the number is not posted, or the batch named is another → it should revert
├── when the promise is opened wrongly → it should revert NotPromised
├── given the tile's end and claimWindow, inclusive → it should pay; a second later → it should revert TooLate
│   ├── given includeBy beyond the tile's end → it should pay until claimWindow after includeBy
│   └── given a tile of its own end, demanded and answered → it should pay until claimWindow after that
├── given the tile is struck → it should pay until claimWindow after the strike
├── given the batch's data withheld → one demand and its answer make the claim provable from the chain alone
├── given a promise of several → it should pay for each number that another leaf took
├── given the promised receipt posted elsewhere, in the same batch or later → it should pay: a promise names a place
├── when claimed twice, or after a missed deadline of the same number → it should revert AlreadyClaimed
└── paying → it should split as a missed deadline does, by the epoch at includeBy
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from afterproof.protocol.batching import build_batch
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.outcome import Event
from afterproof.protocol.packing import hash_of, unpack
from afterproof.protocol.promise import NOBODY
from afterproof.protocol.receipt import keccak
from afterproof.protocol.state import Standing
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.pair import ALL_FAULTS
from tests.support.promises import PromiseScene, fresh, staged
from tests.support.scene import answer_of

SLASH = DEMO.promise_slash
CLAIM = DEMO.claim_window


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    yield from staged()


def test_claim_omitted_pays_at_once(scene: PromiseScene) -> None:
    """Nothing can put it right: the number is taken, so nobody waits for the due second."""
    promised = scene.promise(scene.leaf(1))
    scene.post(scene.leaf(2))
    (event,) = scene.omitted(promised)
    assert event == Event("PromiseBroken", (scene.lane, 0, 2, scene.holder, scene.caller, SLASH))
    assert scene.credit(scene.holder) == SLASH * 45 // 100
    assert scene.credit(scene.caller) == SLASH * 5 // 100
    assert scene.spec_lane.burned == SLASH // 2


def test_claim_omitted_by_the_empty_leaf_pays(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1))
    scene.post(None)
    opening = promised.opening()
    scene.pair.act("claim_omitted", scene.caller, opening, 0, keccak(b"\x00"), ())


def test_claim_omitted_of_a_promised_empty_leaf_reverts(scene: PromiseScene) -> None:
    promised = scene.promise(None)
    scene.post(None)
    assert scene.refused_omitted(promised) == "NotBroken"


def test_claim_omitted_of_the_promised_leaf_reverts_void_or_not(scene: PromiseScene) -> None:
    good, bad = scene.leaf(1), scene.forged(2)
    promised = scene.promise(good, bad)
    batch = scene.post(good, bad)
    scene.prove(batch, 1)
    scene.pair.act("revoke", scene.owner, scene.secp.node, scene.now - 5, "stolen")
    for seq in range(2):
        assert scene.standing(batch, seq) is Standing.VOIDED
        assert scene.refused_omitted(promised.opening(seq)) == "NotBroken"


def test_claim_omitted_for_the_same_receipt_under_another_signature_pays(scene: PromiseScene) -> None:
    """The leaf is promised, not the receipt alone: a relayer cannot break a signature and call it kept."""
    promised = scene.promise(scene.leaf(1))
    scene.post(scene.forged(1))
    scene.omitted(promised)


def test_claim_omitted_shown_what_does_not_stand_there_reverts(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), first_seq=2)
    batch = scene.post(*[scene.leaf(10 + number) for number in range(5)])
    opening, first_seq, other, path = scene.omission(promised.opening())
    neighbour = tuple(batch.tree.proof(3))
    for shown, way in (
        (opening.leaf_hash, path),
        (batch.tree.levels[0][3], path),
        (batch.tree.levels[0][3], neighbour),
        (other, neighbour),
        (other, path[:-1]),
        (other, (*path, bytes(32))),
        (other, ()),
        (bytes(32), ()),
        (batch.tree.root, ()),
        (batch.tree.levels[1][1], path[1:]),
    ):
        refused = scene.refused("claim_omitted", opening, first_seq, shown, way)
        assert refused == ("NotIncluded", (batch.id, 2))
    scene.omitted(promised)


def test_claim_omitted_of_a_number_not_posted_or_in_another_batch_reverts(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), first_seq=1)
    opening, empty = promised.opening(), keccak(b"\x00")
    assert scene.refused("claim_omitted", opening, 1, empty, ())[0] == "UnknownBatch"
    scene.post(None)
    assert scene.refused("claim_omitted", opening, 1, empty, ())[0] == "UnknownBatch"
    assert scene.refused("claim_omitted", opening, 0, empty, ()) == ("NotBroken", (scene.lane, 1))
    scene.post(None)
    scene.post(None)
    for first_seq, error in ((0, "NotBroken"), (2, "NotBroken"), (2**64 - 1, "UnknownBatch")):
        assert scene.refused("claim_omitted", opening, first_seq, empty, ())[0] == error
    scene.omitted(promised)


def test_claim_omitted_in_another_lanes_batch_reverts(scene: PromiseScene) -> None:
    """Lane 1 has a batch at that number, lane 2 has none."""
    promised = scene.promise(scene.leaf(1))
    scene.post(None, lane=1)
    assert scene.refused("claim_omitted", promised.opening(), 0, keccak(b"\x00"), ())[0] == "UnknownBatch"


def test_claim_omitted_with_a_wrong_opening_reverts(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), scene.leaf(2))
    scene.post(None, None)
    opening, *rest = scene.omission(promised.opening(1))
    for changes in ({"leaf_hash": bytes(32)}, {"proof": ()}, {"seq": 0}, {"seq": 2}):
        assert scene.refused("claim_omitted", replace(opening, **changes), *rest)[0] == "NotPromised"


# --- until when -------------------------------------------------------------------------------------


def test_claim_omitted_until_the_claim_window_after_the_tile_pays(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), scene.leaf(2))
    batch = scene.post(None, None)
    scene.end_window(batch, CLAIM)
    scene.omitted(promised.opening(0))
    scene.wait(1)
    assert scene.refused_omitted(promised.opening(1)) == "TooLate"


def test_claim_omitted_of_a_promise_due_after_the_tile_ended_pays_until_then(scene: PromiseScene) -> None:
    include_by = scene.now + DEMO.window + 50
    promised = scene.promise(scene.leaf(1), scene.leaf(2), include_by=include_by)
    scene.post(None, None)
    scene.warp(include_by + CLAIM)
    scene.omitted(promised.opening(0))
    scene.wait(1)
    assert scene.refused_omitted(promised.opening(1)) == "TooLate"


def test_claim_omitted_of_the_latest_include_by_is_never_too_late(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), include_by=2**64 - 1)
    scene.post(None)
    scene.wait(10**9)
    scene.omitted(promised)


def test_claim_omitted_while_a_demand_is_open_and_after_its_answer_pays(scene: PromiseScene) -> None:
    promised = scene.promise(*[scene.leaf(number) for number in range(3)])
    batch = scene.post(None, None, None)
    scene.end_window(batch, 0)
    demand = scene.demand(batch)
    scene.omitted(promised.opening(0))
    scene.warp(demand.deadline)
    scene.answer(batch)
    scene.wait(DEMO.window + CLAIM)
    scene.omitted(promised.opening(1))
    scene.wait(1)
    assert scene.refused_omitted(promised.opening(2)) == "TooLate"


def test_claim_omitted_in_a_struck_tile_pays_until_the_claim_window_after_the_strike(
    scene: PromiseScene,
) -> None:
    promised = scene.promise(scene.leaf(1), scene.leaf(2), include_by=scene.now)
    batch = scene.post(None, None)
    scene.demand(batch)
    scene.pass_deadline(batch, offset=CLAIM)
    scene.omitted(promised.opening(0))
    scene.wait(1)
    assert scene.refused_omitted(promised.opening(1)) == "TooLate"


def test_claim_omitted_with_withheld_data_is_proven_from_the_chain_after_one_demand() -> None:
    """What the answer shows is all that the holder needs: no copy of the published data."""
    scene = fresh(ahead=300)
    promised = scene.promise(scene.leaf(1), first_seq=130)
    leaves = [scene.leaf(2) if number == 130 else None for number in range(200)]
    batch = scene.post(*leaves)
    scene.demand(batch, by=scene.holder)
    shown: list[bytes] = []
    for half in (0, 1):
        (event,) = scene.pair.act("answer_tile", scene.relayer, *answer_of(batch, 0, half))
        shown += [hash_of(leaf) for leaf in unpack(event.arguments[-1], 128 if half == 0 else 72)]
    rebuilt = BatchTree(shown)
    arguments = (promised.opening(), 0, shown[130], tuple(rebuilt.proof(130)))
    scene.pair.act("claim_omitted", scene.holder, *arguments)
    scene.compare()


# --- which promises ---------------------------------------------------------------------------------


def test_claim_omitted_of_a_promise_of_several_pays_for_what_is_not_in_place(scene: PromiseScene) -> None:
    """A swap keeps both receipts and breaks both promises: a promise names a place."""
    first, second, third = (scene.leaf(number) for number in range(3))
    promised = scene.promise(first, second, third)
    scene.post(second, first, third)
    for seq in (0, 1):
        scene.omitted(promised.opening(seq))
    assert scene.refused_omitted(promised.opening(2)) == "NotBroken"


def test_claim_omitted_of_a_receipt_posted_later_pays(scene: PromiseScene) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf)
    scene.post(scene.leaf(2))
    scene.post(leaf)
    scene.omitted(promised)


def test_claim_omitted_across_the_batches_that_hold_a_promise(scene: PromiseScene) -> None:
    """One promise may span batches, and a batch promises."""
    leaves = [scene.leaf(number) for number in range(6)]
    promised = scene.promise(*leaves)
    scene.post(*leaves[:2])
    scene.post(leaves[2], None)
    scene.post(*leaves[4:])
    for seq in (0, 1, 2, 4, 5):
        assert scene.refused_omitted(promised.opening(seq)) == "NotBroken"
    scene.omitted(promised.opening(3))


def test_claim_omitted_twice_or_after_a_missed_deadline_reverts(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), scene.leaf(2), include_by=scene.now)
    scene.wait(1)
    scene.missed(promised.opening(0))
    scene.post(None, None)
    scene.omitted(promised.opening(1))
    for seq in (0, 1):
        assert scene.refused_omitted(promised.opening(seq)) == "AlreadyClaimed"


def test_claim_omitted_without_a_beneficiary_burns_its_share(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), beneficiary=NOBODY)
    scene.post(None)
    scene.omitted(promised)
    assert (scene.credit(NOBODY), scene.spec_lane.burned) == (0, SLASH * 95 // 100)
    assert scene.credit(scene.caller) == SLASH * 5 // 100


def test_claim_omitted_costs_what_the_epoch_at_include_by_says(scene: PromiseScene) -> None:
    """The batch is judged by the epoch at its anchor, the promise by the one at includeBy."""
    starts_at = scene.now + DEMO.time_to_leave
    cheaper = replace(DEMO, promise_slash=SLASH // 2)
    scene.pair.act("announce_epoch", scene.owner, cheaper, ALL_FAULTS, starts_at)
    before = scene.promise(scene.leaf(1), include_by=starts_at - 1)
    after = scene.promise(scene.leaf(2), first_seq=1, include_by=starts_at)
    scene.warp(starts_at - 1)
    scene.post(None, None)
    for promised, slash in ((before, SLASH), (after, SLASH // 2)):
        (event,) = scene.omitted(promised)
        assert event.arguments[-1] == slash


def test_claim_omitted_of_a_number_that_a_blown_lane_filled_pays() -> None:
    """The fuse takes the posting right, not the debts."""
    scene = fresh(ahead=1100)
    promised = scene.promise(scene.leaf(1), first_seq=1024)
    batch = scene.post(*[None] * 1025)
    for tile in range(4):
        scene.demand(batch, tile)
    scene.pass_deadline(batch, 3)
    for tile in range(4):
        scene.expire(batch, tile)
    assert scene.spec_lane.blown
    scene.omitted(promised)
    scene.compare()


def test_claim_omitted_in_the_smallest_and_the_last_tile_pays() -> None:
    scene = fresh(ahead=600, stake=20 * ETHER)
    promised = scene.promise(*[scene.leaf(number) for number in range(3)], first_seq=511)
    batch = build_batch(scene.lane, 0, [None] * 513)
    scene.post(*batch.leaves)
    for seq in (511, 512):
        scene.omitted(promised.opening(seq))
    assert scene.refused("claim_omitted", promised.opening(513), 0, keccak(b"\x00"), ())[0] == "NotBroken"
    scene.compare()
