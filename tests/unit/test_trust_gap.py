"""Settlement's views of a leaf's times, and of a promise that binds.

asking for the trust gap of a leaf
├── when it is not in the batch, the proof is wrong, or there is no such batch → zeros, and no revert
├── given it is Posted → issued, posted, and the earliest second in which it may read Final, which is to come
│   ├── given its tile was demanded → what it would be were the tile answered now, and never before the window's end
│   └── given its tile was answered → the second after the tile's own end
├── given it is Final → the first second in which it was, for ever
└── given it is Voided, by whatever rule → when it was issued, as it says, and posted; never final
asking whether a leaf is promised
├── given the lane's key for the number signed, within its reach → it is, until its last second, pauses regarded
├── when the promise is overdue, or its number is posted, by that leaf or another → it is not
├── when the number is beyond reach, signed by another's key, or opened wrongly → it is not
├── given the lane leaves and the promise is due after it is free → it is not
├── given the key was rotated → the old key binds for its numbers, the new one for those after
└── when the lane is none, or numbers and times are the largest there are → it is not, and no revert
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from afterproof.protocol.batching import Batch
from afterproof.protocol.receipt import Leaf, Receipt
from afterproof.protocol.state import Standing
from afterproof.protocol.terms import DEMO
from afterproof.protocol.views import TrustGap
from tests.support.promises import AHEAD, SOON, PromiseScene, promise_signer, staged

NOWHERE = TrustGap(0, 0, 0)


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    yield from staged()


def gap(scene: PromiseScene, batch: Batch, index: int = 0, leaf: Leaf | None = None) -> TrustGap:
    """The times of a leaf, the same on both sides, and in keeping with its standing."""
    leaf, proof = leaf or batch.leaves[index], tuple(batch.tree.proof(index))
    assert leaf is not None
    scene.pair.standing(batch.id, index, leaf, proof)
    return TrustGap(*scene.pair.read("trustGap", *scene.pair.leaf_arguments((batch.id, index))))


# --- the trust gap ----------------------------------------------------------------------------------


def test_trust_gap_of_what_is_not_there_is_zero(scene: PromiseScene) -> None:
    leaf, other = scene.leaf(1), scene.leaf(2)
    batch = scene.post(leaf, other)
    assert gap(scene, batch, 0, other) == NOWHERE
    words, proof = leaf.words, tuple(batch.tree.proof(0))
    for identity, index, path in (
        (batch.id, 1, proof),
        (batch.id, 2, proof),
        (batch.id, 2**256 - 1, proof),
        (batch.id + 1, 0, proof),
        (2**256 - 1, 2**256 - 1, ()),
        (batch.id, 0, ()),
        (batch.id, 0, (*proof, bytes(32))),
    ):
        parts = [words[i : i + 32] for i in range(0, 224, 32)]
        assert tuple(scene.pair.settlement.call("trustGap", identity, index, parts, list(path))) == (0, 0, 0)
        assert scene.pair.spec.trust_gap(scene.now, identity, index, words, path) == NOWHERE


def test_trust_gap_of_a_posted_leaf_tells_when_it_may_be_final(scene: PromiseScene) -> None:
    leaf = scene.leaf(1)
    issued = scene.now
    scene.wait(3)
    batch = scene.post(leaf)
    expected = TrustGap(issued, issued + 3, issued + 3 + DEMO.window + 1)
    assert gap(scene, batch) == expected
    scene.end_window(batch, 0)
    assert (scene.standing(batch, 0), gap(scene, batch)) == (Standing.POSTED, expected)
    assert scene.now + 1 == expected.final_at
    scene.wait(1)
    assert (scene.standing(batch, 0), gap(scene, batch)) == (Standing.FINAL, expected)
    scene.wait(10**9)
    assert gap(scene, batch) == expected


def test_trust_gap_while_its_tile_is_demanded_is_what_an_answer_now_would_make_it(
    scene: PromiseScene,
) -> None:
    batch = scene.post(scene.leaf(1), *[None] * 256)
    demand, posted = scene.demand(batch), scene.now
    # An answer in this second would end the tile with the window.
    assert gap(scene, batch).final_at == posted + DEMO.window + 1
    scene.wait(2)
    assert gap(scene, batch).final_at == posted + 2 + DEMO.window + 1
    scene.warp(demand.deadline)
    scene.answer(batch)
    answered = gap(scene, batch)
    assert answered == TrustGap(posted, posted, demand.deadline + DEMO.window + 1)
    scene.warp(answered.final_at - 1)
    assert (scene.standing(batch, 0), gap(scene, batch)) == (Standing.POSTED, answered)
    scene.wait(1)
    assert (scene.standing(batch, 0), gap(scene, batch)) == (Standing.FINAL, answered)


def test_trust_gap_of_a_demanded_tile_is_never_before_the_windows_end(scene: PromiseScene) -> None:
    """A shorter window that follows a longer one is stretched, so that none ends before an earlier."""
    long = replace(DEMO, window=500)
    for terms in (long, DEMO):
        starts = scene.now + scene.pair.spec.time_to_leave
        scene.pair.act("announce_epoch", scene.owner, terms, scene.pair.spec.epochs[0].faults, starts)
        scene.warp(starts)
    scene.terms = DEMO
    batch = scene.post(scene.leaf(1))
    end = scene.pair.spec.batches[batch.id].header.window_end
    assert end > scene.now + DEMO.window
    scene.demand(batch)
    assert gap(scene, batch).final_at == end + 1


def test_trust_gap_of_a_voided_leaf_tells_its_times_and_no_finality(scene: PromiseScene) -> None:
    absurd = scene.leaf(2)
    absurd = Leaf(Receipt.from_words(absurd.receipt.words[:160] + b"\xff" * 32), absurd.signature)
    batch = scene.post(scene.forged(1), absurd, scene.leaf(3))
    now = scene.now
    scene.prove(batch, 0)
    assert gap(scene, batch, 0) == TrustGap(now, now, 0)
    assert gap(scene, batch, 1) == TrustGap(2**256 - 1, now, 0)
    assert gap(scene, batch, 2).final_at == now + DEMO.window + 1
    demand = scene.demand(batch)
    scene.warp(demand.deadline + 1)
    assert gap(scene, batch, 2) == TrustGap(now, now, 0)
    scene.end_window(batch, 10**6)
    assert gap(scene, batch, 2) == TrustGap(now, now, 0)


def test_trust_gap_may_be_negative_where_clocks_differ_more_than_the_window_lasts(
    scene: PromiseScene,
) -> None:
    terms = replace(DEMO, max_clock_skew=3_600)
    starts = scene.now + scene.pair.spec.time_to_leave
    scene.pair.act("announce_epoch", scene.owner, terms, scene.pair.spec.epochs[0].faults, starts)
    scene.warp(starts)
    scene.terms = terms
    leaf = scene.leaf(1, age=-3_600)
    batch = scene.post(leaf)
    found = gap(scene, batch)
    assert found == TrustGap(scene.now + 3_600, scene.now, scene.now + DEMO.window + 1)
    scene.end_window(batch)
    assert scene.standing(batch, 0) is Standing.FINAL


# --- promised ---------------------------------------------------------------------------------------


def test_promise_binds_until_its_last_second(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), scene.leaf(2))
    assert scene.pair.is_promised(promised.opening(0)) and scene.pair.is_promised(promised.opening(1))
    scene.wait(SOON)
    assert scene.pair.is_promised(promised.opening())
    scene.wait(1)
    assert not scene.pair.is_promised(promised.opening())
    scene.missed(promised)


def test_promise_that_falls_due_in_a_pause_binds_until_the_catch_up_is_over(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1))
    scene.wait(SOON - 1)
    scene.pair.act("pause", scene.guardian, DEMO.max_pause)
    scene.wait(DEMO.max_pause + DEMO.catch_up)
    assert scene.pair.is_promised(promised.opening())
    scene.wait(1)
    assert not scene.pair.is_promised(promised.opening())


@pytest.mark.parametrize("kept", [True, False])
def test_promise_of_a_number_that_is_posted_is_a_promise_no_more(scene: PromiseScene, kept: bool) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf, scene.leaf(2))
    scene.post(leaf if kept else None)
    assert not scene.pair.is_promised(promised.opening(0))
    assert scene.pair.is_promised(promised.opening(1))


def test_promise_beyond_reach_or_opened_or_signed_wrongly_is_none(scene: PromiseScene) -> None:
    last, beyond = (scene.promise(scene.leaf(1), first_seq=seq) for seq in (AHEAD - 1, AHEAD))
    assert scene.pair.is_promised(last.opening())
    assert not scene.pair.is_promised(beyond.opening())
    stolen = scene.promise(scene.leaf(1), key=promise_signer(1))
    assert not scene.pair.is_promised(stolen.opening())
    two = scene.promise(scene.leaf(1), scene.leaf(2))
    right = two.opening(0)
    for wrong in (
        replace(right, leaf_hash=bytes(32)),
        replace(right, seq=1),
        replace(right, seq=2**64 - 1),
        replace(right, proof=()),
        replace(right, proof=(*right.proof, bytes(32))),
        replace(right, signed=replace(right.signed, signature=b"")),
        replace(right, signed=replace(right.signed, signature=right.signed.signature[:64])),
        replace(right, signed=replace(right.signed, signature=b"\xff" * 65)),
    ):
        assert not scene.pair.is_promised(wrong)
    assert scene.pair.is_promised(right)


def test_promise_due_after_the_lane_is_free_does_not_bind(scene: PromiseScene) -> None:
    free = scene.now + DEMO.max_promise_delay
    last, late = (scene.promise(scene.leaf(1), include_by=at) for at in (free, free + 1))
    assert scene.pair.is_promised(last.opening()) and scene.pair.is_promised(late.opening())
    scene.pair.act("exit", scene.relayer, scene.lane)
    assert scene.pair.is_promised(last.opening()) and not scene.pair.is_promised(late.opening())


def test_promise_binds_by_the_key_of_its_number(scene: PromiseScene) -> None:
    before = [scene.promise(scene.leaf(1), first_seq=0, key=promise_signer(i)) for i in (0, 1)]
    scene.pair.act("rotate", scene.relayer, scene.lane, scene.poster, promise_signer(1).address)
    scene.pair.act("set_ahead", scene.relayer, scene.lane, AHEAD + 1)
    after = [scene.promise(scene.leaf(1), first_seq=AHEAD, key=promise_signer(i)) for i in (0, 1)]
    found = [scene.pair.is_promised(promised.opening()) for promised in (*before, *after)]
    assert found == [True, False, False, True]


def test_promise_of_the_largest_numbers_never_reverts(scene: PromiseScene) -> None:
    for lane in (0, 3, 2**32 - 1):
        assert not scene.pair.is_promised(scene.promise(scene.leaf(1), lane=lane, first_seq=0).opening())
    endless = scene.promise(scene.leaf(1), include_by=2**64 - 1)
    assert scene.pair.is_promised(endless.opening())
    assert not scene.pair.is_promised(scene.promise(scene.leaf(1), first_seq=2**64 - 1).opening())
