"""Settlement: answering a demand, and the end that an answered tile has of its own.

answering
├── when the batch is unknown, or the tile not demanded → it should revert
├── when there is no such half → it should revert
├── when that half, or all, was shown before → it should revert, and cost the loser only gas
├── when the deadline has passed → it should revert; in its last second it should answer
├── when the data is no such half: a byte too many or too few, another leaf, order, length or half → it should revert
├── when the other half's root, or the path, is wrong → it should revert
├── when gas is short → it should revert, whatever the gas
└── else → put the leaves into the event, whoever answers
    ├── given 1, 128, 129, 255, 256, 257 leaves, empty ones and signatures of 0, 65, 256 bytes → either order will do
    ├── given the first half of the period → its part of the deposit goes to the lane's owner, odd or not
    ├── given the second half → to the answerer, the challenger and the lane itself included
    ├── given two halves → each its half of the deposit, when the second is shown
    └── given a leaf that fits no answer, or a root of no leaves → nobody can answer
the end of a tile
├── given half an answer → none: what is shown can be disputed, the rest is due, and nobody is paid yet
├── given an answer → window from then, never less than the batch's; each tile its own
├── given a later epoch → the window at the batch's anchor
└── given what a late answer shows: a forgery, a duplicate, a wrong range, a revoked node → it can still be proven
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import pytest
from eth_utils import to_canonical_address

from afterproof.protocol.batching import Batch, build_batch
from afterproof.protocol.packing import unpack
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO
from tests.support.evm import Reverted
from tests.support.invariants import solvent
from tests.support.pair import ALL_FAULTS
from tests.support.scene import Scene, answer_of, halves_of

POSTED, FINAL, VOIDED = Standing.POSTED, Standing.FINAL, Standing.VOIDED
SLASH, PERIOD, WINDOW = DEMO.leaf_slash, DEMO.answer_period, DEMO.window
DEPOSIT = DEMO.demand_deposit


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.pair.compare_state()
    solvent(scene.pair)


def motley(scene: Scene, count: int) -> list[Leaf | None]:
    """Leaves of every length that an answer can hold, empty ones between them."""
    kinds = [
        lambda i: scene.leaf(i),
        lambda i: Leaf(scene.leaf(i).receipt, b""),
        lambda i: None,
        lambda i: Leaf(scene.leaf(i).receipt, b"\xff" * 256),
    ]
    return [kinds[i % len(kinds)](i) for i in range(count)]


def credit(scene: Scene, account: bytes) -> int:
    """What a contract owes an account."""
    return scene.pair.spec.credits.get(account, 0)


def refused(scene: Scene, *arguments: object, by: bytes | None = None) -> str:
    """The error with which an answer is refused."""
    return scene.refusal("answer_tile", by or scene.stranger, *arguments)


# --- what is no answer ------------------------------------------------------------------------------


def test_answer_of_what_was_not_demanded_reverts(scene: Scene) -> None:
    batch = scene.post(*[None] * 257)
    scene.demand(batch, 0)
    identity, tile, *rest = answer_of(batch, 1, 0)
    assert refused(scene, identity, tile, *rest) == "NotDemanded"
    assert refused(scene, identity, 2**256 - 1, *rest) == "NotDemanded"
    assert refused(scene, identity + 1, 0, *rest) == "UnknownBatch"


@pytest.mark.parametrize(("count", "halves"), [(1, 1), (128, 1), (129, 2), (256, 2)])
def test_answer_with_a_half_that_is_not_there_reverts(scene: Scene, count: int, halves: int) -> None:
    batch = scene.post(*[None] * count)
    scene.demand(batch)
    identity, tile, _, *rest = answer_of(batch, 0, 0)
    for half in (halves, 2, 8, 255, 256, 2**256 - 1):
        assert refused(scene, identity, tile, half, *rest) == "WrongAnswer"


def test_answer_of_what_was_shown_reverts_and_costs_the_loser_only_gas(scene: Scene) -> None:
    batch = scene.post(*[None] * 256)
    scene.demand(batch)
    before = credit(scene, scene.stranger), scene.pair.evm.balance(scene.stranger)
    scene.answer(batch, half=1)
    assert refused(scene, *answer_of(batch, 0, 1)) == "AlreadyAnswered"
    scene.answer(batch, half=0)
    for half in range(2):
        assert refused(scene, *answer_of(batch, 0, half)) == "AlreadyAnswered"
    scene.pass_deadline(batch)
    assert refused(scene, *answer_of(batch, 0, 0)) == "AlreadyAnswered"
    assert (credit(scene, scene.stranger), scene.pair.evm.balance(scene.stranger)) == before


def test_answer_in_the_last_second_answers_and_after_it_reverts(scene: Scene) -> None:
    batch = scene.post(*[None] * 256)
    scene.demand(batch)
    scene.pass_deadline(batch, offset=0)
    scene.answer(batch, half=0)
    scene.wait(1)
    assert refused(scene, *answer_of(batch, 0, 1)) == "TooLate"
    assert refused(scene, *answer_of(batch, 0, 0)) == "AlreadyAnswered"
    scene.expire(batch)
    assert refused(scene, *answer_of(batch, 0, 1)) == "TooLate"


def test_answer_with_wrong_data_reverts(scene: Scene) -> None:
    leaves = [*motley(scene, 7), scene.leaf(7)]
    batch = scene.post(*leaves)
    scene.demand(batch)
    identity, tile, half, data, other, path = answer_of(batch, 0, 0)
    last = 2 + 192 + 65
    for wrong in (
        b"",
        data[:-1],
        data + b"\0",
        data + b"\xff\xff",
        b"\0" + data,
        data[1:],
        data[:-last],
        data[: -last + 1],
        data[: -last + 2],
        data[: -last + 193],
        data + data[-last:],
        data[-last:] + data[:-last],
        data[:-1] + bytes([data[-1] ^ 1]),
        data[:-last] + (64).to_bytes(2) + data[-last + 2 :],
        data[:-last] + (66).to_bytes(2) + data[-last + 2 :],
        data[:-last] + (257).to_bytes(2) + data[-last + 2 :] + bytes(192),
        data[:-last] + b"\xff\xfe" + data[-last + 2 :],
        data[:-last] + b"\xff\xff",
        data[:-last] + b"\xff\xff" + data[-last + 2 :],
        data[:-last] + b"\xff",
    ):
        assert refused(scene, identity, tile, half, wrong, other, path) == "WrongAnswer"
    scene.answer(batch)


def test_answer_with_another_half_or_path_reverts(scene: Scene) -> None:
    batch = scene.post(*[scene.leaf(i) if i % 50 == 0 else None for i in range(3 * 256)])
    for tile in range(2):
        scene.demand(batch, tile)
    identity, _, _, data, other, path = answer_of(batch, 0, 0)
    elsewhere = answer_of(batch, 1, 0)
    own = build_batch(0, 0, halves_of(batch, 0)[0]).tree.root
    for wrong in (
        (identity, 0, 1, data, other, path),
        (identity, 0, 1, data, own, path),
        (identity, 0, 0, answer_of(batch, 0, 1)[3], own, path),
        (identity, 0, 0, data, own, path),
        (identity, 0, 0, data, bytes(32), path),
        (identity, 1, 0, data, other, path),
        (identity, 0, 0, *elsewhere[3:]),
        (identity, 0, 0, data, elsewhere[4], path),
        (identity, 0, 0, data, other, path[:-1]),
        (identity, 0, 0, data, other, (*path, bytes(32))),
        (identity, 0, 0, data, other, path[::-1]),
        (identity, 0, 0, data, other, ()),
    ):
        assert refused(scene, *wrong) == "WrongAnswer"
    scene.answer(batch, 0)
    scene.answer(batch, 1)


def test_answer_is_never_possible_for_what_fits_no_answer(scene: Scene) -> None:
    good = scene.leaf(1)
    long = scene.post(Leaf(good.receipt, bytes(257)), good)
    arguments = (scene.lane, 2, 256, scene.now, scene.now, [b"\x5a" * 32], "")
    scene.pair.act("post", scene.poster, *arguments)
    scene.demand(long)
    made_up = (long.id + 2, 0, b"\x5a" * 32, ())
    scene.pair.act("demand_tile", scene.prover, *made_up, value=DEPOSIT)
    packed = [
        len(leaf.signature).to_bytes(2) + leaf.receipt.words + leaf.signature for leaf in long.leaves if leaf
    ]
    assert refused(scene, long.id, 0, 0, b"".join(packed), bytes(32), ()) == "WrongAnswer"
    for data in (b"", b"\xff\xff" * 128):
        assert refused(scene, long.id + 2, 0, 0, data, b"\x5a" * 32, ()) == "WrongAnswer"


@pytest.mark.parametrize("half", [0, 1])
def test_answer_with_starved_gas_does_all_or_nothing(scene: Scene, half: int) -> None:
    batch = scene.post(*motley(scene, 130))
    scene.demand(batch)
    scene.answer(batch, half=1 - half)
    arguments = [list(part) if isinstance(part, tuple) else part for part in answer_of(batch, 0, half)]
    start, went = scene.pair.evm.snapshot(), 0
    enough = scene.pair.settlement.send("answerTile", *arguments, sender=scene.stranger).gas_used
    scene.pair.evm.restore(start)
    for gas in range(enough // 4, enough * 2, enough // 12):
        try:
            scene.pair.settlement.send("answerTile", *arguments, sender=scene.stranger, gas=gas)
        except (Reverted, ValueError):
            assert scene.pair.evm.snapshot().root == start.root
            continue
        went += 1
        assert scene.pair.settlement.call("demandOf", batch.id, 0).answeredAt == scene.now
        assert scene.pair.settlement.call("credits", scene.relayer) == DEPOSIT
        scene.pair.evm.restore(start)
    assert went > 5


# --- what is one ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 128, 129, 255, 256, 257])
@pytest.mark.parametrize("backwards", [False, True])
def test_answer_of_every_tile_and_half_puts_the_leaves_into_the_events(
    scene: Scene, count: int, backwards: bool
) -> None:
    batch = scene.post(*motley(scene, count))
    tiles = range(len(batch.tree.tile_roots))
    places = [(tile, half) for tile in tiles for half in range(len(halves_of(batch, tile)))]
    assert len(places) == 1 + count // 129 + count // 257
    for tile in tiles:
        scene.demand(batch, tile)
    shown: dict[tuple[int, int], Sequence[Leaf | None]] = {}
    for tile, half in places[:: -1 if backwards else 1]:
        arguments = answer_of(batch, tile, half)
        (event,) = scene.pair.act("answer_tile", scene.stranger, *arguments)
        assert event.arguments[:4] == (batch.id, tile, half, scene.stranger)
        shown[tile, half] = unpack(event.arguments[4], len(halves_of(batch, tile)[half]))
    leaves = [leaf for place in places for leaf in shown[place]]
    assert tuple(leaves) == batch.leaves
    assert scene.pair.spec.batches[batch.id].header.open_demands == 0


def test_answer_ignores_the_other_half_of_a_tile_that_has_one(scene: Scene) -> None:
    batch = scene.post(*motley(scene, 128))
    scene.demand(batch)
    identity, tile, half, data, _, path = answer_of(batch, 0, 0)
    scene.pair.act("answer_tile", scene.stranger, identity, tile, half, data, b"\xff" * 32, path)


def test_answer_fits_the_smallest_limits_that_a_chain_sets(scene: Scene) -> None:
    # Arbitrum takes 95,000 bytes a transaction; EIP-7825 allows 2^24 gas.
    leaves = [replace(leaf, signature=b"\xff" * 256) for leaf in map(scene.leaf, range(128))]
    batch = scene.post(*leaves, *[None] * 128)
    scene.demand(batch)
    arguments = answer_of(batch, 0, 0)[:-1]
    function = scene.pair.settlement.interface.function("answerTile", 6)
    assert len(function.encode([*arguments, [bytes(32)] * 12])) + 500 < 95_000, "with the longest path"
    start = scene.pair.evm.snapshot()
    assert scene.pair.settlement.send("answerTile", *arguments, [], sender=scene.stranger).gas_used < 2**24
    scene.pair.evm.restore(start)


PAYEES = ["relayer", "prover", "stranger", "poster"]


@pytest.mark.parametrize("answerer", PAYEES)
@pytest.mark.parametrize(("offset", "to_lane"), [(0, True), (2, True), (3, False), (5, False)])
def test_answer_pays_the_lane_in_the_first_half_of_the_period_and_the_answerer_later(
    scene: Scene, answerer: str, offset: int, to_lane: bool
) -> None:
    # A period of 5 seconds: its middle is after 2.
    batch, who = scene.post(scene.leaf(1)), getattr(scene, answerer)
    scene.demand(batch, value=DEPOSIT + 7)
    scene.wait(offset)
    scene.answer(batch, by=who)
    payee = scene.relayer if to_lane else who
    assert {account: credit(scene, account) for account in scene.pair.accounts if credit(scene, account)} == {
        payee: DEPOSIT + 7
    }


def test_answer_period_is_halved_as_it_is_and_not_as_the_terms_have_it(scene: Scene) -> None:
    batch = scene.post(*[None] * 5 * 256)
    for tile in range(5):
        demand = scene.demand(batch, tile)
    assert demand.deadline == scene.now + PERIOD + 4
    scene.wait(4)
    scene.answer(batch, 4, half=0, by=scene.stranger)
    scene.wait(1)
    scene.answer(batch, 4, half=1, by=scene.stranger)
    assert (credit(scene, scene.relayer), credit(scene, scene.stranger)) == (DEPOSIT // 2, DEPOSIT // 2)


@pytest.mark.parametrize("odd", [0, 1])
def test_answer_splits_the_deposit_between_the_halves_to_the_last_wei(scene: Scene, odd: int) -> None:
    batch = scene.post(*[None] * 129)
    scene.demand(batch, value=DEPOSIT + odd)
    scene.answer(batch, half=1, by=scene.stranger)
    assert scene.pair.spec.credits == {}, "nobody is owed anything for half a tile"
    scene.wait(3)
    scene.answer(batch, half=0, by=scene.stranger)
    assert credit(scene, scene.relayer) == DEPOSIT // 2
    assert credit(scene, scene.stranger) == DEPOSIT // 2 + odd


def test_answer_by_the_challenger_itself_in_the_second_half_pays_the_deposit_back(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1))
    scene.demand(batch)
    scene.wait(PERIOD)
    scene.answer(batch, by=scene.prover)
    assert credit(scene, scene.prover) == DEPOSIT


def test_answer_by_a_contract_is_paid_to_it(scene: Scene) -> None:
    contract = to_canonical_address(scene.pair.evm.deploy("ReenteringCaller").address)
    batch = scene.post(*[None] * 129)
    scene.demand(batch)
    scene.wait(PERIOD)
    scene.answer(batch, by=contract)
    scene.pair.act("withdraw", contract, contract)
    assert scene.pair.evm.balance(contract) == DEPOSIT


# --- the end of a tile ------------------------------------------------------------------------------


def test_end_of_an_answered_tile_is_a_window_after_the_answer_and_elsewhere_the_batchs(scene: Scene) -> None:
    batch = scene.post(scene.leaf(0), *[None] * 255, scene.leaf(256), *[None] * 255, scene.leaf(512))
    anchor, read = scene.now, partial(scene.standing, batch)
    scene.wait(3)
    scene.demand(batch, 0)
    scene.answer(batch, 0)
    scene.pair.evm.warp(anchor + WINDOW)
    scene.demand(batch, 1)
    scene.wait(2)
    scene.answer(batch, 1)
    ends = [anchor + 3 + WINDOW, scene.now + WINDOW, anchor + WINDOW]
    assert ends[1] > ends[0] > ends[2]
    assert [read(i) for i in (0, 256, 512)] == [POSTED, POSTED, FINAL]
    scene.pair.evm.warp(ends[0])
    assert [read(i) for i in (0, 256, 512)] == [POSTED, POSTED, FINAL]
    scene.wait(1)
    assert [read(i) for i in (0, 256, 512)] == [FINAL, POSTED, FINAL]
    scene.pair.act("release_cover", scene.stranger, scene.lane, 1)
    assert scene.pair.spec.lanes[1].open == 513
    scene.pair.evm.warp(ends[1])
    assert [read(i) for i in (0, 256, 512)] == [FINAL, POSTED, FINAL]
    scene.pair.act("release_cover", scene.stranger, scene.lane, 1)
    assert scene.pair.spec.lanes[1].open == 513
    scene.wait(1)
    assert [read(i) for i in (0, 256, 512)] == [FINAL] * 3
    scene.pair.act("release_cover", scene.stranger, scene.lane, 1)
    assert scene.pair.spec.lanes[1].open == 0


def test_end_of_a_tile_answered_at_once_is_no_earlier_than_the_batchs() -> None:
    # A batch of an earlier epoch keeps a longer window than the terms that hold now.
    scene = Scene(replace(DEMO, window=100))
    starts_at = scene.now + scene.terms.time_to_leave
    scene.pair.act("announce_epoch", scene.owner, DEMO, ALL_FAULTS, starts_at)
    scene.pair.evm.warp(starts_at - 1)
    old = scene.post(scene.leaf(1))
    scene.wait(1)
    new = scene.post(scene.leaf(2))
    end = starts_at - 1 + 100
    for batch in (old, new):
        assert scene.pair.spec.batches[batch.id].header.window_end == end
        scene.demand(batch)
        scene.answer(batch)
    scene.pair.evm.warp(end)
    assert [scene.standing(batch, 0) for batch in (old, new)] == [POSTED, POSTED]
    scene.wait(1)
    # The old one's answer came a second after its post, and starts a window of 100 seconds; the new one's adds nothing.
    assert [scene.standing(batch, 0) for batch in (old, new)] == [POSTED, FINAL]
    scene.wait(1)
    assert [scene.standing(batch, 0) for batch in (old, new)] == [FINAL, FINAL]
    scene.pair.compare_state()


def test_end_of_a_tile_half_shown_is_none_and_the_rest_is_still_due(scene: Scene) -> None:
    batch = scene.post(scene.forged(0), scene.leaf(1), *[None] * 127)
    scene.demand(batch)
    scene.answer(batch, half=0)
    scene.end_window(batch, -WINDOW + PERIOD)
    assert [scene.standing(batch, i) for i in range(2)] == [POSTED, POSTED]
    scene.prove(batch, 0)
    scene.wait(1)
    assert [scene.standing(batch, i) for i in range(2)] == [VOIDED, VOIDED]
    before = scene.pair.spec.lanes[1].stake
    scene.expire(batch)
    assert before - scene.pair.spec.lanes[1].stake == 128 * SLASH


def late(scene: Scene, batch: Batch, tile: int = 0) -> int:
    """Demands a tile in the window's last second and answers in the last second of the demand; the tile's end."""
    scene.end_window(batch, 0)
    scene.demand(batch, tile)
    scene.pass_deadline(batch, tile, offset=0)
    scene.answer(batch, tile)
    return scene.now + WINDOW


@pytest.mark.parametrize("offset", [0, WINDOW])
def test_forgery_that_a_late_answer_shows_can_be_proven_in_the_tiles_own_window(
    scene: Scene, offset: int
) -> None:
    batch = scene.post(scene.leaf(0), *[None] * 127, scene.forged(128), *[None] * 127, scene.forged(256))
    end = late(scene, batch)
    claim = scene.claim(batch, 256)
    assert scene.refusal("prove_fault", scene.prover, FaultKind.BAD_SIGNATURE, claim) == "TooLate"
    scene.wait(offset)
    scene.prove(batch, 128)
    assert scene.pair.spec.credits[scene.prover] == SLASH // 2
    scene.pair.evm.warp(end + 1)
    assert [scene.standing(batch, i) for i in (0, 128)] == [FINAL, VOIDED]
    claim = scene.claim(batch, 0)
    assert scene.refusal("prove_fault", scene.prover, FaultKind.BAD_SIGNATURE, claim) == "TooLate"


def test_duplicate_and_wrong_range_that_a_late_answer_shows_can_still_be_proven(scene: Scene) -> None:
    leaf = scene.leaf(0)
    first = scene.post(leaf)
    second = scene.post(leaf, scene.leaf(1, age=3), declared=(scene.now, scene.now))
    late(scene, second)
    claim = scene.duplicate(second, 0, first, 0)
    scene.pair.act("prove_fault", scene.prover, FaultKind.DUPLICATE_RECEIPT, claim)
    scene.pair.act("prove_fault", scene.prover, FaultKind.MISDECLARED_RANGE, scene.claim(second, 1))
    assert [scene.standing(second, i) for i in range(2)] == [VOIDED, POSTED]
    assert scene.standing(first, 0) is FINAL


def test_revocation_before_a_tiles_own_end_reaches_its_leaves_and_no_others(scene: Scene) -> None:
    # Under these terms a revocation may reach back further than a batch's window, here to the second of its post.
    starts_at = scene.now + DEMO.time_to_leave
    scene.pair.act("announce_epoch", scene.owner, replace(DEMO, window=WINDOW - 2), ALL_FAULTS, starts_at)
    scene.pair.evm.warp(starts_at + WINDOW)
    batch = scene.post(scene.leaf(0), *[None] * 255, scene.leaf(256))
    anchor = scene.now
    scene.end_window(batch, 0)
    scene.demand(batch, 0)
    scene.answer(batch, 0)
    scene.pair.evm.warp(anchor + WINDOW)
    scene.pair.act("revoke", scene.owner, scene.secp.node, anchor, "key stolen")
    assert [scene.standing(batch, i) for i in (0, 256)] == [VOIDED, FINAL]
    scene.wait(1_000)
    assert [scene.standing(batch, i) for i in (0, 256)] == [VOIDED, FINAL]
