"""Batch, post and intake by the measured time of posting, on the in-memory chain.

closing
├── after posting was slow → it should come earlier before a promise is due, after a restart too
├── each batch should be measured from when it was closed and the one before it had landed
├── the time it takes to publish should be measured, and trouble with it counted while it lasts
├── while a closed batch is not on chain → what is old should wait, and then go together
├── a promise that presses should be closed all the same
└── while the fee is high → what is old should wait for as long as set, unless a promise presses or nobody knows the fee
intake
├── while a post is under way for too long, or too many batches wait → it should promise nothing, and say why
├── once it has landed, and that is as long ago as it lasted → it should promise again
└── a receipt that would become too old in the time that posting takes now should be asked for later
posting
├── when a promise presses → it should be urgent, and data be read back again soon
└── what it cost should be kept
a reorganisation of 1 to 12 blocks
└── the batches that vanished should press again, and land under the same numbers with the same leaves
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import Posted
from afterproof.errors import ChainUnavailable, DataUnavailable
from afterproof.protocol.closing import FEE_EVERY, FEES_NEEDED, Fee
from afterproof.protocol.header import batch_id, first_seq_of
from afterproof.protocol.pace import Landing
from afterproof.protocol.terms import DEMO
from afterproof.steps import Context
from afterproof.steps.batch import batch
from afterproof.steps.intake import Accepted, Unready, intake
from afterproof.steps.post import post
from afterproof.steps.watch import watch
from tests.support.databases import on_both
from tests.support.world import PROMISE_MARGIN, RELAYER, World

pytestmark = on_both

LONG = replace(DEMO, max_promise_delay=1800, max_posting_delay=3600)
"""Terms by which there is time to be slow."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, LONG, max_batch=4, max_age=10_000, ahead=100)


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


def post_slowly(world: World, relayer: Context, seconds: int) -> None:
    """Take a full batch in, and have it land so many seconds after it was closed."""
    world.take_in(relayer, *[world.signed(world.now + n) for n in range(4)])
    assert batch(relayer)
    if seconds > 1:
        world.wait(seconds - 1)
    assert post(relayer)
    world.round(relayer)


def wait_until(world: World, time: int) -> None:
    """Let the chain come to a time."""
    if time > world.now:
        world.wait(time - world.now)


# --- closing ----------------------------------------------------------------------------------------


def test_batch_after_slow_posting_is_closed_that_much_earlier_after_a_restart_too(
    world: World, relayer: Context
) -> None:
    post_slowly(world, relayer, 100)
    for context in (relayer, world.relayer()):
        pace = context.pace()
        assert (pace.measured, pace.margin, pace.unposted) == (100, 201, 0)
    restarted = world.relayer()
    world.round(restarted)
    (taken,) = world.take_in(restarted, world.signed(1))
    assert taken.promise is not None
    due = taken.promise.signed.promise.include_by
    wait_until(world, due - 202)
    world.round(restarted)
    assert restarted.store.batches.waiting(1) == (0, None)
    wait_until(world, due - 201)
    assert batch(restarted)
    closed = restarted.store.batches.last_closed(1)
    assert closed is not None
    assert closed.reason == (
        "a promise falls due in 201 seconds, and 201 are kept to post it (100 seconds measured)"
    )


def test_batch_before_anything_is_measured_keeps_what_the_settings_say(
    world: World, relayer: Context
) -> None:
    (taken,) = world.take_in(relayer, world.signed(1))
    assert taken.promise is not None
    due = taken.promise.signed.promise.include_by
    wait_until(world, due - int(PROMISE_MARGIN) - 1)
    assert not batch(relayer)
    wait_until(world, due - int(PROMISE_MARGIN))
    assert batch(relayer)


def test_batch_measures_publishing_too_and_counts_its_trouble_while_it_lasts(
    world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    began, publish = world.now, relayer.data.own.publish

    def slow(*arguments: Any) -> str:
        world.wait(70)
        return publish(*arguments)

    def broken(*_: Any) -> str:
        raise DataUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(relayer.data.own, "publish", broken)
        for waited in (0, 60, 120):
            wait_until(world, began + waited)
            with pytest.raises(DataUnavailable):
                batch(relayer)
            assert relayer.pace().under_way == waited
        patch.setattr(relayer.data.own, "publish", slow)
        assert batch(relayer)
    closed = relayer.store.batches.last_closed(1)
    assert closed is not None and closed.closed_at == began + 120
    assert post(relayer)
    world.round(relayer)
    assert relayer.pace().measured == 71 and relayer.pace().under_way == 0


def test_measure_of_batches_that_wait_for_each_other_counts_each_from_when_it_could_be_posted(
    world: World, relayer: Context
) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(16)])
    began = world.now
    while batch(relayer):
        pass
    for waited, unposted in ((50, 4), (30, 3), (10, 2)):
        world.wait(waited - 1)
        assert relayer.pace().under_way == waited - 1 and relayer.pace().unposted == unposted
        assert post(relayer)
        world.round(relayer, steps=(watch,))
    landings = [Landing(began, began + 50), Landing(began + 50, began + 80), Landing(began + 80, began + 90)]
    assert relayer.store.batches.landings(1, 100) == landings
    assert relayer.store.batches.landings(1, 2) == landings[1:]
    assert relayer.pace().measured == 50


def test_batch_while_another_is_not_on_chain_waits_and_then_holds_all(
    world: World, relayer: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    relayer = world.with_settings(relayer, max_age=2.0)
    world.take_in(relayer, world.signed(1))
    world.wait(2)
    assert batch(relayer)
    for number in range(2, 5):
        world.take_in(relayer, world.signed(number))
        world.wait(2)
        assert not batch(relayer)
    assert caplog.text.count("batch 1/1 waits until 1 closed before is on chain") == 1
    assert post(relayer)
    world.round(relayer)
    assert [one.header.count for one in relayer.store.batches.newest_posted(9)] == [3, 1]


def test_batch_that_presses_is_closed_though_another_is_not_on_chain(world: World, relayer: Context) -> None:
    relayer = world.with_settings(relayer, max_age=2.0)
    world.take_in(relayer, world.signed(1))
    world.wait(2)
    assert batch(relayer)
    (taken,) = world.take_in(relayer, world.signed(2))
    assert taken.promise is not None
    while not batch(relayer):
        world.wait(1)
    # The first has been under way for as long as the second has waited: twice that, a look, and its own posting.
    due, now = taken.promise.signed.promise.include_by, world.now
    since = now - relayer.store.batches.unposted(1)[0].closed_at
    assert due - now <= 3 * since + 1 < due - now + 4
    assert relayer.store.batches.unposted(1)[1].reason.startswith(
        f"a promise falls due in {due - now} seconds"
    )


@pytest.mark.parametrize(
    "ends", ["the fee falls", "patience ends", "a promise presses", "nobody knows the fee"]
)
def test_batch_while_the_fee_is_high_waits(
    world: World, relayer: Context, caplog: pytest.LogCaptureFixture, ends: str
) -> None:
    caplog.set_level("INFO")
    relayer = world.with_settings(relayer, max_age=5.0, fee_patience=600.0, fee_high=1.5)
    world.chain.charge(20 * 10**9)
    (taken,) = world.take_in(relayer, world.signed(0))
    world.round(relayer)
    fees = relayer.pace_watch.fees
    for i in range(FEES_NEEDED):
        fees.add(world.now - (FEES_NEEDED - i) * FEE_EVERY, 20 * 10**9)
    world.chain.charge(40 * 10**9)
    world.wait(20)
    for _ in range(3):
        world.round(relayer)
    assert relayer.store.batches.last_closed(1) is None
    assert caplog.text.count("batch 1/0 waits for a lower fee, for 585 more seconds at most") == 1
    expected = "its oldest receipt has waited"
    if ends == "the fee falls":
        world.chain.charge(30 * 10**9)
        world.wait(int(FEE_EVERY))
    elif ends == "patience ends":
        world.wait(584)
        assert not batch(relayer)
        world.wait(1)
    elif ends == "nobody knows the fee":
        world.wait(int(FEE_EVERY))
        world.chain.fail_next(1, ChainUnavailable("down"))
    else:
        relayer = world.with_settings(relayer, fee_patience=80_000.0)
        assert taken.promise is not None
        wait_until(world, taken.promise.signed.promise.include_by - int(PROMISE_MARGIN) - 1)
        assert not batch(relayer)
        world.wait(1)
        expected = "a promise falls due in 5 seconds"
    assert batch(relayer)
    closed = relayer.store.batches.last_closed(1)
    assert closed is not None and closed.reason.startswith(expected)


def test_batch_learns_the_usual_fee_while_nothing_waits(world: World, relayer: Context) -> None:
    relayer = world.with_settings(relayer, fee_patience=600.0)
    world.chain.charge(20 * 10**9)
    for _ in range(FEES_NEEDED - 1):
        assert not batch(relayer) and not batch(relayer)
        assert relayer.pace_watch.fees.fee is None
        world.wait(int(FEE_EVERY))
    assert not batch(relayer)
    assert relayer.pace_watch.fees.fee == Fee(20 * 10**9, 20 * 10**9)


# --- intake -----------------------------------------------------------------------------------------


def test_intake_while_a_post_is_under_way_for_too_long_promises_nothing_until_that_is_over(
    world: World, relayer: Context
) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer)
    closed_at = world.now
    # One under way for 600 seconds, twice that for the next, and a look: 1,801 of 1,800.
    wait_until(world, closed_at + 599)
    world.round(relayer, steps=(watch,))
    assert isinstance(intake(relayer, [world.signed(10)])[0], Accepted)
    world.wait(1)
    world.round(relayer, steps=(watch,))
    answer = intake(relayer, [world.signed(11)])[0]
    assert isinstance(answer, Unready)
    assert answer.why == (
        "a promise may last 1800 seconds, and posting needs 1801 now (nothing measured yet, one on its way for 600, "
        "1 batch before it): nothing is promised until that is less"
    )
    assert relayer.store.receipts.count(1) == 5
    wait_until(world, closed_at + 998)
    assert post(relayer)  # lands after 999 seconds: by that nothing can be promised
    landed = world.now
    world.round(relayer, steps=(watch,))
    assert isinstance(intake(relayer, [world.signed(12)])[0], Unready)
    wait_until(world, landed + 998)
    world.round(relayer, steps=(watch,))
    assert isinstance(intake(relayer, [world.signed(13)])[0], Unready)
    wait_until(world, landed + 999)
    world.round(relayer, steps=(watch,))
    assert isinstance(intake(relayer, [world.signed(14)])[0], Accepted)


def test_intake_when_too_many_batches_wait_promises_nothing(world: World, relayer: Context) -> None:
    post_slowly(world, relayer, 300)  # 601 for one's own, 300 for each before it: four are too many
    world.take_in(relayer, *[world.signed(100 + n) for n in range(15)])
    assert relayer.pace().full == 3
    assert isinstance(intake(relayer, [world.signed(115)])[0], Accepted)
    world.wait(1)
    answer = intake(relayer, [world.signed(116)])[0]
    assert isinstance(answer, Unready) and "(300 seconds measured, 4 batches before it)" in answer.why
    while batch(relayer):
        pass
    assert (relayer.pace().full, relayer.pace().unposted) == (0, 4)
    world.round(relayer)
    world.wait(1)
    assert isinstance(intake(relayer, [world.signed(117)])[0], Accepted)


def test_intake_of_a_receipt_too_old_for_slow_posting_asks_for_it_later(
    world: World, relayer: Context
) -> None:
    post_slowly(world, relayer, 100)
    oldest = LONG.max_posting_delay - LONG.margin
    world.wait(1)
    (taken,) = world.take_in(relayer, world.signed(50, age=oldest - 201))
    assert taken.promise is not None and taken.promise.signed.promise.include_by == world.now + 201
    answer = intake(relayer, [world.signed(51, age=oldest - 200)])[0]
    assert isinstance(answer, Unready) and "posting needs 201 seconds now" in answer.why


# --- posting ----------------------------------------------------------------------------------------


class Listening:
    """A chain that remembers which posts were urgent."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain
        self.urgent: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def post(self, *arguments: Any, urgent: bool = False) -> Any:
        """Implements :meth:`ChainSender.post`."""
        self.urgent.append(urgent)
        return self._chain.post(*arguments, urgent=urgent)


def test_post_keeps_what_it_cost(world: World) -> None:
    world.chain.price(12)
    relayer = world.relayer()
    world.round(relayer)
    for _ in range(3):
        post_slowly(world, relayer, 1)
    spent = relayer.store.spending.since(0)
    assert [(one.what, one.fee, one.gas) for one in spent] == [("post", 1_200_000, 100_000)] * 3
    assert {one.tx_hash for one in spent} == {one.tx_hash for one in relayer.store.batches.newest_posted(9)}


@pytest.mark.parametrize(("left", "urgent"), [(128, False), (127, True), (1, True), (-3, True)])
def test_post_is_urgent_once_another_try_would_press(world: World, left: int, urgent: bool) -> None:
    chain: Any = Listening(world.chain.account_view(RELAYER))
    relayer = world.relayer(chain=chain)
    world.round(relayer)
    taken = world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert taken[0].promise is not None
    due = taken[0].promise.signed.promise.include_by
    wait_until(world, due - left)
    assert batch(relayer)  # 5 seconds of its own, 2.5 for the one that is closed, and 120 until another try
    assert post(relayer)
    assert chain.urgent == [urgent]


@pytest.mark.parametrize(("left", "urgent"), [(1203, False), (1202, True)])
def test_post_is_urgent_within_twice_the_margin(tmp_path: Path, left: int, urgent: bool) -> None:
    world = World(tmp_path, LONG, max_batch=4, max_age=10_000, ahead=100)
    chain: Any = Listening(world.chain.account_view(RELAYER))
    relayer = world.relayer(chain=chain)
    world.round(relayer)
    post_slowly(world, relayer, 200)  # 401 seconds of its own, and 200 for the one that is closed: 601
    chain.urgent.clear()
    world.wait(10)
    taken = world.take_in(relayer, *[world.signed(100 + n) for n in range(4)])
    assert taken[0].promise is not None
    wait_until(world, taken[0].promise.signed.promise.include_by - left)
    assert batch(relayer)
    assert post(relayer)
    assert chain.urgent == [urgent]


def test_post_that_presses_reads_back_again_soon(
    world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taken = world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer) and taken[0].promise is not None

    def missing(*_: Any) -> bytes:
        raise DataUnavailable("nobody answers")

    def waits() -> int:
        """A try; in how many seconds the next is."""
        caplog.clear()
        with pytest.raises(DataUnavailable):
            post(relayer)
        (said,) = [one.getMessage() for one in caplog.records if "again in" in one.msg]
        return int(said.rpartition("again in ")[2].removesuffix(" s"))

    monkeypatch.setattr(relayer.data.own, "read_back", missing)
    for expected in (1, 2, 4, 8, 16, 32, 60, 60):
        assert waits() == expected
        world.wait(expected)
    wait_until(world, taken[0].promise.signed.promise.include_by - 20)
    assert waits() == 2


# --- reorganisations --------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", range(1, 13))
def test_reorg_has_what_vanished_press_again_and_land_under_the_same_numbers(
    tmp_path: Path, depth: int
) -> None:
    world = World(tmp_path, LONG, max_batch=4, max_age=10_000, ahead=100)
    chain: Any = Listening(world.chain.account_view(RELAYER))
    relayer = world.relayer(chain=chain)
    world.round(relayer)
    world.wait(12)
    first: dict[int, bytes] = {}
    dues: dict[int, int] = {}
    for number in range(4):  # a post every three blocks
        taken = world.take_in(relayer, *[world.signed(10 * number + n) for n in range(4)])
        assert taken[0].promise is not None
        dues[4 * number] = taken[0].promise.signed.promise.include_by
        world.round(relayer)
        world.wait(1)
        world.wait(1)
        world.round(relayer)
    for one in relayer.store.batches.newest_posted(9):
        first[first_seq_of(one.id)] = one.root
    assert relayer.pace().unposted == 0 and len(first) == 4
    world.chain.reorg(depth)
    for _ in range(depth + 1):
        world.wait(1)
    wait_until(world, dues[12] - 20)
    world.round(relayer, steps=(watch,))
    gone = depth // 3  # each post was followed by two blocks without one
    assert relayer.pace().unposted == gone
    chain.urgent.clear()
    world.round(relayer)
    # What vanished is due again, and says so; nothing else is posted.
    assert chain.urgent == [True] * gone
    events = [one.event for one in relayer.chain.events(0, 10**6) if isinstance(one.event, Posted)]
    assert [event.batch for event in events] == [batch_id(1, 4 * n) for n in range(4)]
    assert {first_seq_of(event.batch): event.root for event in events} == first
    assert all(event.header.anchor <= dues[first_seq_of(event.batch)] for event in events[4 - gone :])
