"""Batch and post: when a batch is closed, and how it gets onto the chain exactly once.

closing a batch
├── when as many wait as fill one → it should close it at once, and say so
├── when the oldest has waited long enough → it should close what there is, and say so
├── else → it should wait
├── when the data cannot be written, or reads back differently → it should close nothing, and later the same
└── after a gap in the numbers → it should close only what is consecutive
posting
├── the oldest closed batch should go first, one after the other
├── when the answer is lost, and it landed or lands later → it should be adopted from its event, not posted again
├── when somebody comes between → it should be refused and looked at afresh
├── when the stake is short → it should say what to do, and go on once it is topped up
├── when the node does not answer → it should change nothing
├── when another posts on the lane, or the store is an old copy → it should say so and post nothing
└── the declared range
    ├── it should hold every leaf that is timely when it lands, though only the chain knows when
    ├── leaves long past should not stand in it, and a batch of such alone should be postable
    └── a receipt from the near future should be waited for
"""

from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import Posted
from afterproof.errors import AfterproofError, ChainUnavailable, DataUnavailable, LaneTaken, SendFailed
from afterproof.protocol.batching import build_batch, is_timely
from afterproof.protocol.header import batch_id
from afterproof.protocol.terms import DEMO, ETHER
from afterproof.steps import Context
from afterproof.steps.batch import batch, close, next_receipts
from afterproof.steps.post import LOST, post
from afterproof.steps.watch import watch
from tests.support.crashes import tables
from tests.support.databases import on_both
from tests.support.world import RELAYER, RIVAL, World

pytestmark = on_both


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


def posts(relayer: Context) -> list[Posted]:
    """Every post on the chain."""
    return [one.event for one in relayer.chain.events(0, 10**6) if isinstance(one.event, Posted)]


# --- closing ----------------------------------------------------------------------------------------


def test_batch_when_full_is_closed_at_once(
    world: World, relayer: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.take_in(relayer, *[world.signed(n) for n in range(9)])
    assert batch(relayer) and batch(relayer) and not batch(relayer)
    closed = relayer.store.batches.unposted(1)
    assert [(one.id, one.count) for one in closed] == [(batch_id(1, 0), 4), (batch_id(1, 4), 4)]
    assert closed[0].reason == "9 receipts wait, and 4 fill a batch"
    assert "closed batch 1/0 of 4 receipts: 9 receipts wait, and 4 fill a batch" in caplog.text


def test_batch_when_old_enough_is_closed_with_what_there_is(world: World, relayer: Context) -> None:
    world.take_in(relayer, world.signed(1))
    world.wait(2)
    assert not batch(relayer)
    world.take_in(relayer, world.signed(2))
    world.wait(1)
    assert batch(relayer) and not batch(relayer)
    (closed,) = relayer.store.batches.unposted(1)
    assert closed.count == 2 and closed.reason == "its oldest receipt has waited 3.0 of 3 seconds"


def test_batch_whose_data_cannot_be_published_is_closed_later(
    world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    before = tables(relayer.store)

    def broken(*_: Any) -> bytes:
        raise DataUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(relayer.data.own, "publish", broken)
        with pytest.raises(DataUnavailable):
            batch(relayer)
    assert tables(relayer.store) == before
    assert batch(relayer)
    assert relayer.store.batches.unposted(1)[0].count == 4


def test_batch_before_any_epoch_is_known_says_so(world: World) -> None:
    fresh = world.relayer("fresh")
    world.slip_in(fresh, *[world.signed(n) for n in range(4)])
    with pytest.raises(AfterproofError, match="no epoch is known"):
        batch(fresh)


def test_batch_after_a_gap_in_the_numbers_holds_only_what_is_consecutive(
    world: World, relayer: Context
) -> None:
    world.take_in(relayer, world.signed(1), world.signed(2))
    relayer.store._database.execute("UPDATE sequences SET next_seq = 7")
    world.take_in(relayer, world.signed(3))
    world.wait(3)
    assert batch(relayer)
    assert relayer.store.batches.unposted(1)[0].count == 2


# --- posting ----------------------------------------------------------------------------------------


def test_post_publishes_what_was_lost_long_ago_at_once(world: World, relayer: Context) -> None:
    """Many batches may have been lost together: each costs a second, and not three."""
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer)
    world.wait(LOST)
    relayer.data.own.remove(batch_id(1, 0), world.directory.publish(batch_id(1, 0), b"lost"))
    with pytest.raises(DataUnavailable, match="batch 1/0 is not posted"):
        post(relayer)
    world.wait(1)
    assert post(relayer)


@pytest.mark.parametrize("answer", ["nothing", b"something else", "another batch", "too much"])
def test_post_waits_until_the_data_reads_back_as_the_batch(
    world: World,
    relayer: Context,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    answer: Any,
) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer)
    good = world.directory.read(batch_id(1, 0))
    other = build_batch(1, 0, [world.signed(9 + n).leaf for n in range(4)]).data
    shown = {"another batch": other, "too much": good + bytes(9)}.get(answer, answer)
    published: list[bytes] = []

    def read_back(*_: Any) -> bytes:
        if answer == "nothing":
            raise DataUnavailable("nobody answers")
        return bytes(shown)

    def publish(_: Any, data: bytes) -> str:
        published.append(data)
        return "https://elsewhere.example/1"

    with monkeypatch.context() as patch:
        patch.setattr(relayer.data.own, "read_back", read_back)
        patch.setattr(relayer.data.own, "publish", publish)
        for _ in range(2):  # in the same second: the data is not sent again and again
            with pytest.raises(DataUnavailable, match="batch 1/0 is not posted: its data does not read back"):
                post(relayer)
        assert published == [] and posts(relayer) == []
        world.wait(1)
        with pytest.raises(DataUnavailable):
            post(relayer)
        assert published == [good] and "read again in 2 s" in caplog.text
    (closed,) = relayer.store.batches.unposted(1)
    assert closed.data_uri == "https://elsewhere.example/1"
    world.wait(2)
    assert post(relayer)
    world.round(relayer)
    assert [event.data_uri for event in posts(relayer)] == ["https://elsewhere.example/1"]


def test_posts_go_one_after_the_other_oldest_first(world: World, relayer: Context) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(12)])
    while batch(relayer):
        pass
    world.round(relayer)
    assert [event.batch for event in posts(relayer)] == [batch_id(1, first) for first in (0, 4, 8)]
    assert relayer.store.batches.unposted(1) == []


def test_post_is_not_repeated_before_its_event_was_seen(world: World, relayer: Context) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer) and post(relayer)
    for _ in range(3):
        assert not post(relayer)
    assert len(posts(relayer)) == 1


@pytest.mark.parametrize("blocks", [0, 2])
def test_post_whose_answer_is_lost_is_adopted_when_it_lands(
    world: World, relayer: Context, blocks: int
) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer)
    world.chain.delay_next(blocks)
    with pytest.raises(SendFailed):
        post(relayer)
    for _ in range(blocks):
        world.wait(1)
    world.round(relayer)
    world.rounds(3, relayer)
    assert len(posts(relayer)) == 1
    assert relayer.store.batches.posted(batch_id(1, 0)) is not None


def test_post_sent_again_while_the_first_is_on_its_way_lands_once(world: World, relayer: Context) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer)
    world.chain.delay_next(3)
    with pytest.raises(SendFailed):
        post(relayer)
    post(relayer)  # the state says that nothing was posted yet
    world.rounds(5, relayer)
    assert len(posts(relayer)) == 1
    lane = relayer.chain.lane(1)
    assert lane is not None and lane.next_seq == 4


def test_post_when_the_stake_is_short_says_what_to_do_and_goes_on_once_it_is_not(tmp_path: Path) -> None:
    world = World(tmp_path, stake=DEMO.min_stake + 5 * DEMO.cover)
    relayer = world.relayer()
    world.round(relayer)
    world.take_in(relayer, *[world.signed(n) for n in range(8)])
    with pytest.raises(
        AfterproofError, match=r"batch 1/4 was not posted: .*InsufficientStake.*; top up lane 1"
    ):
        world.round(relayer)
    assert len(posts(relayer)) == 1
    relayer.chain.top_up(1, ETHER)
    world.round(relayer)
    assert len(posts(relayer)) == 2


def test_post_when_the_node_does_not_answer_changes_nothing(world: World, relayer: Context) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer)
    before = tables(relayer.store)
    world.chain.fail_next(1)
    with pytest.raises(ChainUnavailable):
        post(relayer)
    assert tables(relayer.store) == before
    assert post(relayer)


def test_post_when_another_posted_at_our_number_says_so_and_posts_nothing(
    world: World, relayer: Context
) -> None:
    twin = world.relayer("twin")  # the same key elsewhere, or an old copy
    world.round(twin)
    world.slip_in(twin, world.signed(99))
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer)
    close(twin, 0, [one.leaf for one in next_receipts(twin)], "a twin")
    assert post(twin)
    assert not post(relayer)  # not seen yet: it could be ours
    watch(relayer)
    for _ in range(2):
        with pytest.raises(LaneTaken, match="another process posts on lane 1"):
            post(relayer)
    assert len(posts(relayer)) == 1


def test_post_when_the_lane_stands_elsewhere_says_so(world: World, relayer: Context) -> None:
    twin = world.relayer("twin")
    world.round(twin)
    world.take_in(relayer, *[world.signed(n) for n in range(8)])
    assert batch(relayer) and post(relayer)
    world.round(relayer, steps=(watch,))
    world.round(twin, steps=(watch,))
    world.slip_in(twin, world.signed(99))
    close(twin, 4, [one.leaf for one in next_receipts(twin)], "a twin")
    assert post(twin)
    watch(relayer)
    assert batch(relayer)
    with pytest.raises(LaneTaken):
        post(relayer)


def test_post_on_a_lane_that_is_not_ours_says_so(world: World, relayer: Context) -> None:
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer)
    stranger = world.relayer(chain=world.chain.account_view(RIVAL))
    with pytest.raises(LaneTaken, match="is posted on by 0x0101"):
        post(stranger)
    nowhere = world.with_settings(relayer, lane=2)
    world.slip_in(nowhere, world.signed(7))
    nowhere.store.receipts.add(2, [(world.signed(8).leaf, world.signed(8).scheme)], world.now)
    close(nowhere, 0, [world.signed(8).leaf], "no lane")
    with pytest.raises(LaneTaken, match="there is no lane 2"):
        post(nowhere)


# --- the declared range -----------------------------------------------------------------------------


def ages_of(world: World, relayer: Context, *ages: int) -> None:
    """Store receipts of these ages, unchecked, and close them."""
    world.slip_in(relayer, *[world.signed(n, age=age) for n, age in enumerate(ages)])
    close(relayer, 0, [one.leaf for one in next_receipts(relayer)], "a test")


def declared(relayer: Context) -> tuple[int, int]:
    """The range on chain."""
    header = posts(relayer)[0].header
    return header.oldest, header.newest


def test_declared_range_is_that_of_the_timely_leaves(world: World, relayer: Context) -> None:
    now, terms = world.now, world.terms
    ages_of(world, relayer, 5, 2, terms.max_posting_delay + 50, 9)
    assert post(relayer)
    assert declared(relayer) == (now - 9, now - 2)


def test_declared_range_of_none_is_the_anchor(world: World, relayer: Context) -> None:
    now = world.now
    ages_of(world, relayer, world.terms.max_posting_delay + 50)
    assert post(relayer)
    assert declared(relayer) == (now, now)


@pytest.mark.parametrize("block_time", [1, 2, 5])
@pytest.mark.parametrize("age", range(24, 34))
def test_declared_range_holds_every_leaf_that_is_timely_where_it_lands(
    tmp_path: Path, age: int, block_time: int
) -> None:
    """Around the edge a post is refused until the leaf is surely too old; then it lands without it."""
    world = World(tmp_path)
    world.chain.block_time = block_time
    relayer = world.relayer()
    world.round(relayer)
    ages_of(world, relayer, age, 3)
    for _ in range(8):
        try:
            post(relayer)
        except AfterproofError as error:
            assert "WrongRange" in str(error)
        world.wait(1)
        watch(relayer)
    (posted,) = posts(relayer)
    oldest, newest = declared(relayer)
    for stored in relayer.store.receipts.in_order(1, 0, 10):
        at = stored.leaf.receipt.issued_at
        assert not is_timely(at, posted.header.anchor, world.terms) or oldest <= at <= newest


def test_a_receipt_from_the_near_future_is_waited_for(world: World, relayer: Context) -> None:
    skew = world.terms.max_clock_skew
    ages_of(world, relayer, 0, -skew - 3)
    assert not post(relayer)
    world.wait(3)
    assert post(relayer)
    assert declared(relayer)[1] == max(
        one.leaf.receipt.issued_at for one in relayer.store.receipts.in_order(1, 0, 9)
    )


def test_a_receipt_from_the_far_future_holds_up_nothing(world: World, relayer: Context) -> None:
    ages_of(world, relayer, 0, -1000)
    assert post(relayer)


def test_poster_is_the_account_that_opened_the_lane(world: World, relayer: Context) -> None:
    lane = relayer.chain.lane(1)
    assert lane is not None and lane.poster == RELAYER == relayer.chain.account
