"""The trust gap on-chain: a lane's histogram in one word, and its percentiles.

the bucket of a gap → under 4, 16, 64, 256, 1,024, 4,096, 16,384 seconds, and all above
adding receipts to a histogram
├── given room → the gap's bucket should grow by their number, the others and the rest of the word should not change
├── given a full bucket → all should halve, rounded down, until the sum fits
├── given more receipts than a bucket holds → it should count as a full one
└── given any histogram, gap and number → contract and specification should agree
posting
├── it should count every leaf of the batch with the gap of the oldest declared one, an upper bound, the empty leaf too
├── given an oldest receipt of the future → it should count no gap
├── given batches beyond what a bucket holds → old ones should fade
└── given a revert, a fault, a void, another lane → the histogram should stay as it was
asking for a percentile
├── given no posts → 0
├── given its receipts in a bucket → the bucket's upper edge, once that share is reached exactly
├── given the last bucket → the largest number, having no edge
└── given 0 → the smallest edge; given more than 100 → the largest number; never a revert
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.protocol.settlement import BUCKET_LIMIT, BUCKETS, MAX_COUNT, bucket_of, counted
from afterproof.protocol.terms import DAY, DEMO, ETHER
from tests.support.evm import Contract, Evm
from tests.support.promises import PromiseScene, fresh, staged

NEVER = 2**256 - 1
SHIFT, BITS = 112, 18

#: Receipts may be old, and a stake covers millions.
PATIENT = replace(
    DEMO, max_posting_delay=60 * DAY, cover_share=1, leaf_slash=10**14, promise_slash=10**14, min_stake=10**14
)


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    yield from staged()


@cache
def harness() -> Contract:
    return Evm().deploy("LaneSequenceHarness")


def packed(histogram: list[int], low: int = 0) -> int:
    return low | sum(entry << SHIFT + BITS * bucket for bucket, entry in enumerate(histogram))


def unpacked(word: int) -> list[int]:
    return [word >> SHIFT + BITS * bucket & (1 << BITS) - 1 for bucket in range(BUCKETS)]


# --- buckets ----------------------------------------------------------------------------------------


def test_bucket_of_a_gap_has_its_upper_edge_at_a_power_of_four() -> None:
    edges = [4, 16, 64, 256, 1_024, 4_096, 16_384]
    for bucket, edge in enumerate(edges):
        assert [bucket_of(gap) for gap in (edge // 4, edge - 1, edge)] == [bucket, bucket, bucket + 1]
    assert [bucket_of(gap) for gap in (0, 1, 2**64, NEVER)] == [0, 0, 7, 7]


def test_bucket_of_a_gap_is_the_same_in_both() -> None:
    gaps = {0, NEVER} | {(1 << bits) + i for bits in range(64) for i in (-1, 0, 1)}
    for gap in sorted(gaps):
        assert harness().call("bucketOf", gap) == bucket_of(gap)


# --- one word ---------------------------------------------------------------------------------------

ENTRY = st.one_of(st.integers(0, BUCKET_LIMIT), st.sampled_from([0, 1, BUCKET_LIMIT - 1, BUCKET_LIMIT]))
HISTOGRAM = st.lists(ENTRY, min_size=BUCKETS, max_size=BUCKETS)
COUNT = st.one_of(
    st.integers(1, MAX_COUNT),
    st.sampled_from([1, BUCKET_LIMIT - 1, BUCKET_LIMIT, BUCKET_LIMIT + 1, MAX_COUNT]),
)


@given(HISTOGRAM, st.integers(0, 2**112 - 1), st.integers(0, 2**17), COUNT)
@settings(deadline=None)
def test_counting_is_the_same_in_both_and_touches_nothing_else(
    histogram: list[int], low: int, gap: int, count: int
) -> None:
    word = harness().call("withGap", packed(histogram, low), gap, count)
    assert unpacked(word) == counted(histogram, gap, count)
    assert word & (1 << SHIFT) - 1 == low
    assert [harness().call("bucketAt", word, bucket) for bucket in range(BUCKETS)] == unpacked(word)


@given(HISTOGRAM, st.integers(0, 2**17), COUNT)
def test_counting_keeps_every_bucket_within_its_bits_and_the_shares_in_proportion(
    histogram: list[int], gap: int, count: int
) -> None:
    after, bucket = counted(histogram, gap, count), bucket_of(gap)
    assert all(0 <= entry <= BUCKET_LIMIT for entry in after)
    assert after[bucket] >= min(count, BUCKET_LIMIT)
    halvings = [h for h in range(20) if all(after[i] == histogram[i] >> h for i in range(8) if i != bucket)]
    assert any(after[bucket] == (histogram[bucket] >> h) + min(count, BUCKET_LIMIT) for h in halvings)


def test_counting_halves_all_buckets_when_one_is_full() -> None:
    full = [BUCKET_LIMIT, 8, 7, 1, 0, 2, 4, BUCKET_LIMIT]
    assert counted(full, 0, 1) == [BUCKET_LIMIT // 2 + 1, 4, 3, 0, 0, 1, 2, BUCKET_LIMIT // 2]
    assert counted(full, 0, BUCKET_LIMIT) == [BUCKET_LIMIT, 0, 0, 0, 0, 0, 0, 0]
    assert counted(full, 20_000, MAX_COUNT) == [0, 0, 0, 0, 0, 0, 0, BUCKET_LIMIT]
    assert counted([5] * 8, 4, BUCKET_LIMIT - 5) == [5, BUCKET_LIMIT, 5, 5, 5, 5, 5, 5]


# --- posting ----------------------------------------------------------------------------------------


def post_raw(scene: PromiseScene, count: int, age: int) -> None:
    """A post of made-up tiles whose oldest receipt is ``age`` seconds old."""
    at = scene.now - age
    roots = [b"\1" * 32] * -(-count // 256)
    arguments = (scene.lane, scene.spec_lane.next_seq, count, at, max(at, scene.now), roots, "")
    scene.pair.act("post", scene.poster, *arguments)


def histogram(scene: PromiseScene) -> list[int]:
    found = list(scene.pair.settlement.call("gapHistogram", scene.lane))
    assert found == scene.spec_lane.histogram
    return found


def percentile(scene: PromiseScene, percent: int) -> int:
    return scene.pair.settlement.call("gapPercentile", scene.lane, percent)


@pytest.mark.parametrize(
    "gap", [0, 3, 4, 15, 16, 63, 64, 255, 256, 1_023, 1_024, 4_095, 4_096, 16_384, 60 * DAY]
)
def test_post_counts_every_leaf_with_the_gap_of_the_oldest(gap: int) -> None:
    scene = fresh(PATIENT, ahead=0)
    post_raw(scene, 300, gap)
    assert histogram(scene) == [300 * (bucket == bucket_of(gap)) for bucket in range(BUCKETS)]
    edge = 4 ** (bucket_of(gap) + 1) if bucket_of(gap) < 7 else NEVER
    assert [percentile(scene, percent) for percent in (1, 50, 100)] == [edge] * 3
    scene.compare()


def test_post_counts_by_the_declared_range_alone(scene: PromiseScene) -> None:
    """Old and young, empty, untimely: all count as the oldest timely one, which a fault keeps honest."""
    old, young = scene.leaf(1, age=20), scene.leaf(2)
    untimely = scene.leaf(3, age=DEMO.max_posting_delay + 1)
    batch = scene.post(young, None, old, untimely)
    assert histogram(scene) == [0, 0, 4, 0, 0, 0, 0, 0]
    scene.post(None, None)
    assert histogram(scene) == [2, 0, 4, 0, 0, 0, 0, 0]
    forged = scene.post(scene.forged(4))
    before = histogram(scene)
    scene.prove(forged, 0)
    scene.demand(batch)
    scene.pass_deadline(batch)
    scene.expire(batch)
    assert histogram(scene) == before


def test_post_of_receipts_from_the_future_counts_no_gap(scene: PromiseScene) -> None:
    post_raw(scene, 1, -DEMO.max_clock_skew)
    assert histogram(scene) == [1, 0, 0, 0, 0, 0, 0, 0]


def test_post_that_reverts_counts_nothing(scene: PromiseScene) -> None:
    before = histogram(scene)
    arguments = (scene.lane, 1, 1, scene.now, scene.now, [b"\1" * 32], "")
    assert scene.refused("post", *arguments, by=scene.poster)[0] == "WrongSequence"
    assert histogram(scene) == before


def test_lanes_count_for_themselves(scene: PromiseScene) -> None:
    scene.post(scene.leaf(1), lane=1)
    assert histogram(scene) == [0] * BUCKETS
    call = scene.pair.settlement.call
    assert list(call("gapHistogram", 1)) == [1, 0, 0, 0, 0, 0, 0, 0]
    for lane in (0, 9, NEVER):
        assert list(call("gapHistogram", lane)) == [0] * BUCKETS
        assert call("gapPercentile", lane, 50) == 0


def test_large_batches_make_old_ones_fade() -> None:
    scene = fresh(PATIENT, ahead=0, stake=100 * ETHER)
    post_raw(scene, 1_000, 5)
    post_raw(scene, BUCKET_LIMIT, 20)
    assert histogram(scene) == [0, 1_000, BUCKET_LIMIT, 0, 0, 0, 0, 0]
    post_raw(scene, 1, 20)
    assert histogram(scene) == [0, 500, BUCKET_LIMIT // 2 + 1, 0, 0, 0, 0, 0]
    post_raw(scene, BUCKET_LIMIT + 1, 70)
    assert histogram(scene) == [0, 500, BUCKET_LIMIT // 2 + 1, BUCKET_LIMIT, 0, 0, 0, 0]
    post_raw(scene, BUCKET_LIMIT + 1, 70)
    assert histogram(scene) == [0, 0, 0, BUCKET_LIMIT, 0, 0, 0, 0]


# --- percentiles ------------------------------------------------------------------------------------


def wanted(counts: list[int], percent: int) -> int:
    """The least edge under which at least ``percent`` of all lie."""
    if not sum(counts):
        return 0
    for bucket in range(BUCKETS - 1):
        if percent <= 100 and 100 * sum(counts[: bucket + 1]) >= percent * sum(counts):
            return 4 ** (bucket + 1)
    return NEVER


def test_percentile_of_a_lane_that_posted_nothing_is_zero(scene: PromiseScene) -> None:
    assert [percentile(scene, percent) for percent in (0, 50, 100, 101, NEVER)] == [0] * 5


def test_percentile_is_the_edge_under_which_that_share_lies() -> None:
    scene = fresh(PATIENT, ahead=0)
    for count, age in ((50, 0), (45, 70), (4, 5_000), (1, 20_000)):
        post_raw(scene, count, age)
    found = {percent: percentile(scene, percent) for percent in (0, 1, 50, 51, 95, 96, 99, 100, 101, NEVER)}
    assert found == {
        0: 4,
        1: 4,
        50: 4,
        51: 256,
        95: 256,
        96: 16_384,
        99: 16_384,
        100: NEVER,
        101: NEVER,
        NEVER: NEVER,
    }


@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 40_000)), min_size=1, max_size=4),
    st.lists(st.integers(0, 102), min_size=4, max_size=4),
)
@settings(max_examples=15, deadline=None)
def test_percentile_of_any_posts_is_that_of_the_histogram(
    posts: list[tuple[int, int]], percents: list[int]
) -> None:
    scene = fresh(PATIENT, ahead=0)
    for count, age in posts:
        post_raw(scene, count, age)
    for percent in percents:
        assert percentile(scene, percent) == wanted(histogram(scene), percent)
