"""Intake on a lane that promises: what is promised, once it is on disk.

handing receipts in
├── when the lane has ahead → it should promise each its number, by one signature for all of a request
│   ├── the promise should verify under the lane's key, open at each leaf, and be due as late as may be
│   └── one that is old should be due early enough to be timely
├── when beneficiaries differ → it should sign a promise for each of them
├── when a receipt comes again → it should give the first leaf, signature and promise, after a restart too
├── when the process dies before or after the commit → it should have promised nothing, or stored it
├── when a receipt is too old to be posted in time → it should refuse it, the lane promises or not at its edge
├── when the lane may promise no more → it should answer Full, and go on once a batch is posted
├── when another key signs from some number on → it should stop before that number
├── when the lane is another's to post on, or its fuse has blown → it should take nothing
├── when the lane leaves → it should promise within what binds the lane, and then take no more
├── when another relayer shares the store → either should know the lane's limits, and no number be given twice
├── when ahead is 0 → it should take receipts without a promise, or by setting none
└── when the margin leaves no time → it should put everything off, saying why
a batch
├── when a promise falls due → it should be closed early enough, and posted in time
└── what was promised should stand where it was promised, whatever else happens
"""

from dataclasses import replace
from pathlib import Path

import pytest

from afterproof.chain.base import Posted
from afterproof.protocol.promise import NOBODY
from afterproof.protocol.state import Standing
from afterproof.protocol.terms import DEMO
from afterproof.steps import Context
from afterproof.steps.intake import Accepted, Full, Refused, Unready, intake
from afterproof.steps.query import find_receipt
from afterproof.steps.watch import watch
from tests.support.cli import post_unjudged
from tests.support.crashes import Crash, crash_at, tables
from tests.support.databases import on_both
from tests.support.scene import secp_signer
from tests.support.world import PROMISE_MARGIN, PROMISER, RELAYER, World

pytestmark = on_both

HOLDER, OTHER = b"\x0b" * 20, b"\x0c" * 20


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ahead=6)


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


# --- promising --------------------------------------------------------------------------------------


def test_intake_promises_all_of_a_request_by_one_signature(world: World, relayer: Context) -> None:
    answers = world.take_in(relayer, *(world.signed(n) for n in range(3)))
    promises = [answer.promise for answer in answers]
    assert len({promise.signed for promise in promises if promise}) == 1
    for answer in answers:
        held = answer.promise
        assert held is not None and held.seq == answer.stored.seq
        assert held.holds(answer.stored.leaf.hash)
        assert held.signed.signer(relayer.promise_domain) == PROMISER.address
        promise = held.signed.promise
        assert (promise.lane, promise.first_seq, promise.count) == (world.lane, 0, 3)
        assert promise.include_by == world.now + world.terms.max_promise_delay
        assert promise.beneficiary == NOBODY


def test_intake_of_an_old_receipt_promises_it_while_it_is_timely(world: World, relayer: Context) -> None:
    age = world.terms.max_posting_delay - world.terms.margin - int(PROMISE_MARGIN)
    held = world.take_in(relayer, world.signed(1, age=age))[0].promise
    assert held is not None and held.signed.promise.include_by == world.now + PROMISE_MARGIN
    answer = intake(relayer, [world.signed(2, age=age + 1)])[0]
    assert isinstance(answer, Refused) and "too long ago" in answer.rule


def test_intake_with_several_beneficiaries_promises_each_of_them(world: World, relayer: Context) -> None:
    who = [HOLDER, OTHER, HOLDER, NOBODY]
    answers = intake(relayer, [world.signed(n) for n in range(4)], who)
    found = []
    for answer in answers:
        assert isinstance(answer, Accepted) and answer.promise is not None
        assert answer.promise.holds(answer.stored.leaf.hash) and answer.promise.seq == answer.stored.seq
        found.append((answer.promise.signed.promise.beneficiary, answer.promise.signed.promise.count))
    assert found == [(HOLDER, 2), (OTHER, 1), (HOLDER, 2), (NOBODY, 1)]
    assert sorted(answer.stored.seq for answer in answers if isinstance(answer, Accepted)) == [0, 1, 2, 3]


def test_intake_of_a_repeat_gives_the_first_promise(world: World, relayer: Context) -> None:
    first = world.take_in(relayer, *(world.signed(n) for n in range(3)))
    again = [replace(world.signed(n), receipt=first[n].stored.leaf.receipt) for n in range(3)]
    world.wait(2)
    restarted = world.relayer()
    world.round(restarted)
    answers = intake(restarted, [*reversed(again), world.signed(7)], [OTHER] * 4)
    assert answers[:3] == [answer._replace(repeated=True) for answer in reversed(first)]
    assert isinstance(answers[3], Accepted) and answers[3].promise is not None
    assert answers[3].promise.signed.promise.first_seq == 3


def test_intake_of_a_receipt_twice_in_one_list_promises_it_once(world: World, relayer: Context) -> None:
    signed = world.signed(1)
    first, second = world.take_in(relayer, signed, signed)
    assert second == first._replace(repeated=True)
    assert first.promise is not None and first.promise.signed.promise.count == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_intake_that_dies_has_promised_nothing_or_stored_it(world: World, when: str) -> None:
    relayer = world.relayer()
    world.round(relayer)
    receipts = [world.signed(n) for n in range(3)]
    with crash_at(relayer.store, 1, when), pytest.raises(Crash):
        intake(relayer, receipts, [HOLDER] * 3)
    restarted = world.relayer()
    stored = tables(restarted.store)["promises"]
    assert len(stored) == (0 if when == "before" else 1)
    world.round(restarted)
    for answer in intake(restarted, receipts, [HOLDER] * 3):
        assert isinstance(answer, Accepted) and answer.promise is not None
        assert answer.promise.holds(answer.stored.leaf.hash)
        assert answer.promise.signed.promise.beneficiary == HOLDER
    assert when == "before" or tables(restarted.store)["promises"] == stored


# --- what may be promised ----------------------------------------------------------------------------


def test_intake_beyond_the_edge_is_full_until_a_batch_is_posted(world: World, relayer: Context) -> None:
    answers = intake(relayer, [world.signed(n) for n in range(8)])
    assert [type(answer) for answer in answers] == [Accepted] * 6 + [Full] * 2
    assert relayer.store.receipts.count(world.lane) == 6
    world.round(relayer)  # closes and posts four
    world.round(relayer)
    answers = intake(relayer, [world.signed(n) for n in range(8, 13)])
    assert [type(answer) for answer in answers] == [Accepted] * 4 + [Full]


def test_intake_after_a_rotation_stops_before_the_other_keys_numbers(world: World, relayer: Context) -> None:
    owner = world.chain.account_view(RELAYER)
    other = secp_signer(51)
    world.take_in(relayer, *(world.signed(n) for n in range(4)))
    owner.rotate_lane(world.lane, RELAYER, other.address)
    world.round(relayer)  # posts the four: numbers 6 to 9 may be promised now, by the other key
    world.round(relayer)
    answers = intake(relayer, [world.signed(n) for n in range(4, 8)])
    assert [type(answer) for answer in answers] == [Accepted, Accepted, Unready, Unready]
    last = answers[2]
    assert isinstance(last, Unready) and "from number 6 on are another key's" in last.why
    restarted = replace(world.relayer(), promiser=other)
    world.round(restarted)
    taken = intake(restarted, [world.signed(9)])[0]
    assert isinstance(taken, Accepted) and taken.promise is not None
    assert taken.promise.signed.signer(restarted.promise_domain) == other.address


def test_intake_of_another_key_takes_nothing(world: World) -> None:
    stranger = replace(world.relayer(), promiser=secp_signer(51))
    world.round(stranger)
    answer = intake(stranger, [world.signed(1)])[0]
    assert isinstance(answer, Unready) and "from number 0 on are another key's" in answer.why


def test_intake_while_the_lane_leaves_promises_what_binds_it_then_nothing(
    world: World, relayer: Context
) -> None:
    world.chain.account_view(RELAYER).exit_lane(world.lane)
    last = world.now + world.terms.max_promise_delay
    world.wait(4)
    world.round(relayer)
    held = world.take_in(relayer, world.signed(1))[0].promise
    assert held is not None and held.signed.promise.include_by == last
    world.wait(last - world.now - int(PROMISE_MARGIN) + 1)
    world.round(relayer)
    answer = intake(relayer, [world.signed(2)])[0]
    assert isinstance(answer, Unready) and "is leaving" in answer.why


def test_intake_on_a_lane_that_cannot_be_posted_on_takes_nothing(world: World, relayer: Context) -> None:
    world.chain.account_view(RELAYER).rotate_lane(world.lane, HOLDER, PROMISER.address)
    world.round(relayer)
    answer = intake(relayer, [world.signed(1)])[0]
    assert isinstance(answer, Unready) and "another account's to post on" in answer.why
    world.chain.account_view(RELAYER).rotate_lane(world.lane, RELAYER, PROMISER.address)
    world.round(relayer)
    world.take_in(relayer, world.signed(1))


def test_intake_after_the_fuse_has_blown_takes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, replace(DEMO, window=1000), max_batch=300, ahead=300)
    post_unjudged(world, *(world.forged(n) for n in range(256)))
    verifier, relayer = world.verifier(), world.relayer()
    world.rounds(2, verifier)
    world.round(relayer)
    answer = intake(relayer, [world.signed(1)])[0]
    assert isinstance(answer, Unready) and "its fuse has blown" in answer.why


def test_intake_without_ahead_takes_receipts_unpromised_or_by_setting_none(tmp_path: Path) -> None:
    world = World(tmp_path)
    relayer = world.relayer()
    world.round(relayer)
    assert world.take_in(relayer, world.signed(1))[0].promise is None
    strict = world.with_settings(relayer, require_promises=True)
    answer = intake(strict, [world.signed(2)])[0]
    assert isinstance(answer, Unready) and "its ahead is 0" in answer.why
    assert world.take_in(strict, replace(world.signed(1)))[0].repeated
    world.chain.account_view(RELAYER).set_ahead(world.lane, 4)
    world.round(strict)
    assert world.take_in(strict, world.signed(2))[0].promise is not None
    assert world.take_in(strict, world.signed(1, age=1))[0].promise is None  # one receipt, one answer


def test_intake_with_a_margin_that_leaves_no_time_puts_off(world: World, relayer: Context) -> None:
    slow = world.with_settings(relayer, promise_margin=float(world.terms.max_promise_delay))
    answer = intake(slow, [world.signed(1)])[0]
    assert isinstance(answer, Unready) and "relayer.promise_margin, 15 seconds" in answer.why


# --- keeping ------------------------------------------------------------------------------------------


def test_batch_is_closed_before_its_promise_is_due(world: World) -> None:
    patient = world.with_settings(world.relayer(), max_age=1000.0, max_batch=100)
    world.round(patient)
    held = world.take_in(patient, world.signed(1))[0].promise
    assert held is not None
    due = held.signed.promise.include_by
    world.rounds(20, patient)
    ((event, at),) = [
        (one.event, one.place.timestamp)
        for one in world.chain.account_view(RELAYER).events(0, 10**6)
        if isinstance(one.event, Posted)
    ]
    assert due - PROMISE_MARGIN <= at <= due
    assert event.header.anchor <= due


def test_what_was_promised_stands_where_it_was_promised(world: World, relayer: Context) -> None:
    answers = world.take_in(relayer, *(world.signed(n) for n in range(6)))
    before = find_receipt(relayer, answers[0].stored.leaf.hash)
    assert before is not None and before.standing is Standing.PROMISED
    assert before.promise == answers[0].promise
    world.rounds(8, relayer)
    for answer in answers:
        view, held = find_receipt(relayer, answer.stored.leaf.hash), answer.promise
        assert view is not None and view.inclusion is not None and held is not None
        assert view.promise == held and view.seq == held.seq
        batch = world.chain.account_view(RELAYER).batch(view.inclusion.batch)
        assert batch is not None and batch[1].anchor <= held.signed.promise.include_by


def test_relayer_that_shares_its_store_knows_what_the_lane_may_promise(tmp_path: Path) -> None:
    """Whichever of them follows the chain; and neither gives away a number that the other has."""
    world = World(tmp_path, ahead=4)
    poster, other = world.relayer("shared"), world.relayer("shared")
    world.round(poster)
    while watch(other):
        pass
    taken = [*world.take_in(poster, world.signed(0), world.signed(1)), *world.take_in(other, world.signed(2))]
    assert [one.stored.seq for one in taken] == [0, 1, 2]
    assert other.authority.limit == 4
    world.wait(5)
    world.round(poster)
    world.wait(1)
    world.round(poster)  # it alone brings what was posted into the store
    while watch(other):
        pass
    assert other.authority == poster.authority and other.authority.limit == 7
    taken = world.take_in(other, *[world.signed(n) for n in range(3, 7)])
    assert [one.stored.seq for one in taken] == [3, 4, 5, 6]
