"""Settlement: lanes and posting.

opening a lane
├── when the poster is zero → it should revert
├── when the stake is no whole number of gwei → it should revert
├── when the stake is less than minStake and the cover of what may be promised ahead → it should revert
├── when the stake exceeds what a lane can hold → it should revert
└── else → it should number the lane from 1, store it, log it
topping up
├── when the lane is unknown, the amount no whole gwei, or more than the lane can hold → it should revert
└── else → anyone may; the stake grows
posting
├── when the caller is not the poster, the owner included, or the lane unknown → it should revert
├── when firstSeq is not nextSeq: a gap, an overlap, the same post twice → it should revert
├── when the count is zero or more than 1,024,000 → it should revert
├── when the tile roots are too few or too many → it should revert
├── when the range is swapped, too old by one second, or too new by one second → it should revert
├── when the range is exactly at its limits → it should post
├── when the stake does not cover what would be open
│   ├── given closed batches → it should release them, oldest first, and post
│   └── given none → it should revert and leave the lane as it was
└── else → it should write root and header, advance the lane, log the tile roots
releasing cover
├── given a batch in its window → it should release nothing
└── given closed batches → it should release as many as asked for
"""

import pytest

from afterproof.protocol.batching import build_batch
from afterproof.protocol.header import Header, batch_id
from afterproof.protocol.merkle import fold
from afterproof.protocol.outcome import Revert
from afterproof.protocol.settlement import MAX_COUNT
from afterproof.protocol.terms import DEMO, ETHER, GWEI, MAX_GWEI
from tests.support.scene import Scene

COVER = DEMO.cover


@pytest.fixture
def scene() -> Scene:
    return Scene()


def refused(
    scene: Scene, action: str, sender: bytes, *arguments: object, value: int = 0
) -> tuple[str, tuple]:
    """The error name and arguments with which contract and specification refuse; neither may change."""
    with pytest.raises(Revert) as caught:
        scene.pair.act(action, sender, *arguments, value=value)
    scene.pair.compare_state()
    return caught.value.error, caught.value.arguments


# --- opening and topping up -------------------------------------------------------------------------


def test_open_lane_when_sound_stores_it_under_the_next_number(scene: Scene) -> None:
    scene.pair.act("open_lane", scene.stranger, scene.poster, scene.prover, 3, value=ETHER)
    lane = scene.pair.settlement.call("lane", 2)
    assert (lane.stake, lane.nextSeq, lane.open, lane.ahead) == (ETHER, 0, 0, 3)
    scene.pair.compare_state()


@pytest.mark.parametrize(
    ("poster", "ahead", "value", "error"),
    [
        (bytes(20), 0, ETHER, "ZeroAddress"),
        (b"\1" * 20, 0, ETHER + 1, "NotWholeGwei"),
        (b"\1" * 20, 0, DEMO.min_stake - GWEI, "InsufficientStake"),
        (b"\1" * 20, 5, DEMO.min_stake + 5 * COVER - GWEI, "InsufficientStake"),
        (b"\1" * 20, 2**32 - 1, ETHER, "InsufficientStake"),
        (b"\1" * 20, 0, (MAX_GWEI + 1) * GWEI, "StakeTooLarge"),
    ],
)
def test_open_lane_when_unsound_reverts(
    scene: Scene, poster: bytes, ahead: int, value: int, error: str
) -> None:
    scene.pair.evm.set_balance(scene.stranger, 10**6 * ETHER)
    assert refused(scene, "open_lane", scene.stranger, poster, bytes(20), ahead, value=value)[0] == error


def test_open_lane_with_exactly_what_it_needs_opens(scene: Scene) -> None:
    scene.pair.act("open_lane", scene.stranger, scene.poster, bytes(20), 5, value=DEMO.min_stake + 5 * COVER)


def test_open_lane_with_the_largest_stake_opens_and_takes_no_more(scene: Scene) -> None:
    scene.pair.evm.set_balance(scene.stranger, 10**6 * ETHER)
    scene.pair.act("open_lane", scene.stranger, scene.poster, bytes(20), 0, value=MAX_GWEI * GWEI)
    assert refused(scene, "top_up", scene.stranger, 2, value=GWEI) == ("StakeTooLarge", (GWEI, 0))


def test_top_up_of_a_full_and_slashed_lane_leaves_room_for_what_is_to_burn(scene: Scene) -> None:
    scene.pair.evm.set_balance(scene.stranger, 10**6 * ETHER)
    scene.pair.act("open_lane", scene.stranger, scene.poster, bytes(20), 0, value=MAX_GWEI * GWEI)
    scene.prove(scene.post(scene.forged(1), lane=2), 0)
    room = DEMO.leaf_slash // 2
    assert refused(scene, "top_up", scene.stranger, 2, value=room + GWEI) == (
        "StakeTooLarge",
        (room + GWEI, room),
    )
    scene.pair.act("top_up", scene.stranger, 2, value=room)
    scene.pair.compare_state()


def test_top_up_by_anyone_adds_to_the_stake(scene: Scene) -> None:
    scene.pair.act("top_up", scene.stranger, scene.lane, value=3 * GWEI)
    assert scene.pair.settlement.call("lane", scene.lane).stake == 10 * ETHER + 3 * GWEI


def test_top_up_when_unsound_reverts(scene: Scene) -> None:
    assert refused(scene, "top_up", scene.stranger, 9, value=GWEI) == ("UnknownLane", (9,))
    assert refused(scene, "top_up", scene.stranger, scene.lane, value=1) == ("NotWholeGwei", (1,))


# --- posting ----------------------------------------------------------------------------------------


def post_arguments(scene: Scene, **changes: object) -> tuple[object, ...]:
    """The arguments of a sound post of one leaf, some of them changed."""
    batch = build_batch(scene.lane, scene.pair.spec.lanes[scene.lane].next_seq, [scene.leaf()])
    sound: dict[str, object] = {
        "lane": scene.lane,
        "first_seq": batch.first_seq,
        "count": 1,
        "oldest": scene.now,
        "newest": scene.now,
        "tile_roots": batch.tree.tile_roots,
        "data_uri": "https://data.example/1",
    }
    return tuple((sound | changes).values())


def test_post_when_sound_writes_root_and_header(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1, age=3), scene.leaf(2, scene.rsa, age=1))
    root, word = scene.pair.settlement.call("batch", batch.id)
    expected = Header(2, scene.now, scene.now + DEMO.window, scene.now - 3, 2, 1)
    assert (root, Header.unpack(word)) == (batch.tree.root, expected)
    assert scene.pair.settlement.call("lane", scene.lane).nextSeq == 2
    scene.pair.compare_state()


def test_post_of_several_tiles_folds_their_roots(scene: Scene) -> None:
    tiles = [bytes([i]) * 32 for i in range(1, 6)]
    scene.pair.act("post", scene.poster, *post_arguments(scene, count=5 * 256 - 3, tile_roots=tiles))
    root, word = scene.pair.settlement.call("batch", batch_id(scene.lane, 0))
    assert root == fold(tiles) and Header.unpack(word).count == 1277


def test_post_twice_in_a_second_is_two_batches(scene: Scene) -> None:
    first, second = scene.post(scene.leaf(1)), scene.post(scene.leaf(2))
    assert (first.first_seq, second.first_seq) == (0, 1)
    assert scene.standing(second, 0) == scene.standing(first, 0)


def test_post_by_another_reverts(scene: Scene) -> None:
    for sender in (scene.relayer, scene.owner, scene.stranger):
        assert refused(scene, "post", sender, *post_arguments(scene)) == ("NotPoster", (sender, scene.poster))
    unknown = refused(scene, "post", scene.poster, *post_arguments(scene, lane=2))
    assert unknown == ("NotPoster", (scene.poster, bytes(20)))


def test_post_out_of_sequence_reverts(scene: Scene) -> None:
    again = post_arguments(scene)
    assert refused(scene, "post", scene.poster, *post_arguments(scene, first_seq=1)) == (
        "WrongSequence",
        (1, 0),
    )
    scene.pair.act("post", scene.poster, *again)
    assert refused(scene, "post", scene.poster, *again) == ("WrongSequence", (0, 1))
    far = post_arguments(scene, first_seq=2**64 - 1)
    assert refused(scene, "post", scene.poster, *far) == ("WrongSequence", (2**64 - 1, 1))


@pytest.mark.parametrize(
    ("count", "tiles", "error"),
    [
        (0, 0, ("WrongCount", (0, MAX_COUNT))),
        (MAX_COUNT + 1, 1, ("WrongCount", (MAX_COUNT + 1, MAX_COUNT))),
        (2**32 - 1, 1, ("WrongCount", (2**32 - 1, MAX_COUNT))),
        (256, 2, ("WrongTileCount", (2, 1))),
        (257, 1, ("WrongTileCount", (1, 2))),
        (1, 0, ("WrongTileCount", (0, 1))),
    ],
)
def test_post_with_a_wrong_count_reverts(
    scene: Scene, count: int, tiles: int, error: tuple[str, tuple]
) -> None:
    arguments = post_arguments(scene, count=count, tile_roots=[b"\1" * 32] * tiles)
    assert refused(scene, "post", scene.poster, *arguments) == error


@pytest.mark.parametrize(
    ("oldest", "newest"),
    [
        (1, 0),
        (-DEMO.max_posting_delay - 1, 0),
        (0, DEMO.max_clock_skew + 1),
        (DEMO.max_clock_skew + 1, DEMO.max_clock_skew + 1),
        (-DEMO.max_posting_delay - 1, -DEMO.max_posting_delay - 1),
    ],
)
def test_post_with_a_wrong_range_reverts(scene: Scene, oldest: int, newest: int) -> None:
    arguments = post_arguments(scene, oldest=scene.now + oldest, newest=scene.now + newest)
    assert refused(scene, "post", scene.poster, *arguments)[0] == "WrongRange"


def test_post_with_the_largest_range_values_reverts(scene: Scene) -> None:
    arguments = post_arguments(scene, oldest=scene.now, newest=2**64 - 1)
    assert refused(scene, "post", scene.poster, *arguments)[0] == "WrongRange"


def test_post_with_a_zero_root_reverts(scene: Scene) -> None:
    """Nothing could be shown to stand under it, so no promise in it could be claimed and no tile demanded."""
    zero = post_arguments(scene, count=256, tile_roots=[bytes(32)])
    assert refused(scene, "post", scene.poster, *zero) == ("ZeroRoot", ())


def test_post_with_the_range_exactly_at_its_limits_posts(scene: Scene) -> None:
    oldest, newest = scene.now - DEMO.max_posting_delay, scene.now + DEMO.max_clock_skew
    scene.pair.act("post", scene.poster, *post_arguments(scene, oldest=oldest, newest=newest))


# --- cover ------------------------------------------------------------------------------------------


def small_lane(scene: Scene, receipts: int) -> int:
    """A lane whose stake covers so many open receipts and no more."""
    scene.pair.act(
        "open_lane", scene.relayer, scene.poster, bytes(20), 0, value=DEMO.min_stake + receipts * COVER
    )
    return len(scene.pair.spec.lanes)


def test_post_beyond_cover_reverts_and_keeps_the_lane(scene: Scene) -> None:
    lane = small_lane(scene, 2)
    scene.post(scene.leaf(1), scene.leaf(2), lane=lane)
    arguments = post_arguments(scene, lane=lane, first_seq=2)
    needed = DEMO.min_stake + 3 * COVER
    assert refused(scene, "post", scene.poster, *arguments) == (
        "InsufficientStake",
        (DEMO.min_stake + 2 * COVER, needed),
    )


def test_post_when_the_window_has_just_not_ended_does_not_release(scene: Scene) -> None:
    lane = small_lane(scene, 1)
    batch = scene.post(scene.leaf(1), lane=lane)
    scene.end_window(batch, 0)
    arguments = post_arguments(scene, lane=lane, first_seq=1)
    assert refused(scene, "post", scene.poster, *arguments)[0] == "InsufficientStake"
    scene.wait(1)
    scene.post(scene.leaf(2), lane=lane)
    assert scene.pair.spec.lanes[lane].open == 1


def test_post_releases_only_as_much_as_it_needs(scene: Scene) -> None:
    lane = small_lane(scene, 3)
    for number in range(3):
        last = scene.post(scene.leaf(number), lane=lane)
    scene.end_window(last)
    scene.post(scene.leaf(7), lane=lane)
    assert scene.pair.settlement.call("lane", lane).open == 3
    scene.pair.compare_state()


def test_post_after_a_top_up_posts(scene: Scene) -> None:
    lane = small_lane(scene, 1)
    scene.post(scene.leaf(1), lane=lane)
    scene.pair.act("top_up", scene.stranger, lane, value=COVER)
    scene.post(scene.leaf(2), lane=lane)


def test_post_by_a_lane_slashed_below_its_minimum_reverts(scene: Scene) -> None:
    lane = small_lane(scene, 1)
    batch = scene.post(scene.forged(1), lane=lane)
    scene.prove(batch, 0)
    scene.end_window(batch)
    scene.pair.act("release_cover", scene.stranger, lane, 9)
    arguments = post_arguments(scene, lane=lane, first_seq=1)
    assert refused(scene, "post", scene.poster, *arguments)[0] == "InsufficientStake"


def test_release_cover_while_open_releases_nothing(scene: Scene) -> None:
    batch = scene.post(scene.leaf(1))
    scene.end_window(batch, 0)
    scene.pair.act("release_cover", scene.stranger, scene.lane, 2**256 - 1)
    assert scene.pair.settlement.call("lane", scene.lane).open == 1


def test_release_cover_releases_as_many_closed_batches_as_asked(scene: Scene) -> None:
    for number in range(4):
        last = scene.post(scene.leaf(number), scene.leaf(number + 10))
    scene.end_window(last)
    scene.pair.act("release_cover", scene.stranger, scene.lane, 0)
    assert scene.pair.settlement.call("lane", scene.lane).open == 8
    scene.pair.act("release_cover", scene.stranger, scene.lane, 3)
    assert scene.pair.settlement.call("lane", scene.lane).open == 2
    scene.pair.act("release_cover", scene.stranger, scene.lane, 9)
    assert scene.pair.settlement.call("lane", scene.lane).open == 0
    assert refused(scene, "release_cover", scene.stranger, 9, 1) == ("UnknownLane", (9,))


def test_post_with_a_long_backlog_releases_a_bounded_number(scene: Scene) -> None:
    lane = small_lane(scene, 40)
    for number in range(40):
        last = scene.post(scene.leaf(number), lane=lane)
    scene.end_window(last)
    leaves = [scene.leaf(number) for number in range(33)]
    batch = build_batch(lane, 40, leaves)
    arguments = post_arguments(scene, lane=lane, first_seq=40, count=33, tile_roots=batch.tree.tile_roots)
    assert refused(scene, "post", scene.poster, *arguments)[0] == "InsufficientStake"
    scene.pair.act("release_cover", scene.stranger, lane, 1)
    scene.post(*leaves, lane=lane)
