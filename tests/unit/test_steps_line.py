"""The whole line on the in-memory chain: intake, batch, post, watch, check, dispute, finalise, query.

an honest relayer and a verifier
├── every receipt should become final, in the first second after its window, and read so on chain too
├── the verifier should send nothing, whatever it sees
└── the data should be what the chain says, and the proofs hold
a relayer that cheats, with honest leaves beside
├── a forged signature → it should be proven, voided, and the lane slashed; the prover should be paid
├── a receipt of an unregistered node, one too old, an empty leaf → they should read Voided, at no cost to anyone
└── every honest leaf of the same batch should become final on time
two verifiers
└── one should win, the other should note a lost race and move on
what the query says
└── it should be what the chain says, at every step of the way
"""

from pathlib import Path

import pytest

from afterproof.protocol.batching import rebuild_batch
from afterproof.protocol.header import batch_id, first_seq_of
from afterproof.protocol.merkle import root_of
from afterproof.protocol.publication import read_publication
from afterproof.protocol.receipt import SignedReceipt
from afterproof.protocol.state import Standing, VoidReason
from afterproof.steps import Context
from afterproof.steps.batch import close, next_receipts
from afterproof.steps.check import check
from afterproof.steps.post import post
from afterproof.steps.query import find_batch, find_receipt, list_batches, trust_gaps
from afterproof.steps.watch import watch
from afterproof.store.deadlines import Action
from afterproof.store.verdicts import State
from tests.support.databases import on_both
from tests.support.world import RIVAL, VERIFIER, World

pytestmark = on_both


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def cheat(context: Context) -> bool:
    """Close whatever waits, unjudged."""
    receipts = next_receipts(context)
    if receipts:
        close(context, receipts[0].seq, [one.leaf for one in receipts], "a cheat closes when it likes")
    return bool(receipts)


CHEAT = (watch, cheat, post)


def agree(world: World, relayer: Context, signed: SignedReceipt) -> Standing:
    """What the query says of a receipt, which must be what the chain says."""
    view = find_receipt(relayer, signed.leaf.hash)
    assert view is not None
    inclusion = view.inclusion
    if inclusion is None:
        return view.standing
    chain, index = relayer.chain, inclusion.index
    assert root_of(view.leaf.hash, index, inclusion.count, inclusion.proof) == inclusion.root
    assert chain.standing(inclusion.batch, index, view.leaf.words, inclusion.proof) == view.standing
    assert chain.why_void(inclusion.batch, index, view.leaf.words, inclusion.proof) == view.void_reason
    return view.standing


def until_final(world: World, *contexts: Context) -> None:
    """Rounds until every window has ended."""
    world.rounds(world.terms.window + 3, *contexts)


# --- honest -----------------------------------------------------------------------------------------


def test_honest_receipts_become_final_and_nobody_sends_a_proof(world: World) -> None:
    relayer, verifier = world.relayer(), world.verifier()
    world.round(relayer, verifier)
    receipts = [world.signed(n, node=n % 2) for n in range(6)]
    world.take_in(relayer, *receipts)
    assert {agree(world, relayer, one) for one in receipts} == {Standing.SIGNED}
    world.round(relayer, verifier)  # one full batch of four
    world.rounds(3, relayer, verifier)  # the other two wait for max_age
    world.round(relayer, verifier)
    assert {agree(world, relayer, one) for one in receipts} == {Standing.POSTED}
    until_final(world, relayer, verifier)
    assert {agree(world, relayer, one) for one in receipts} == {Standing.FINAL}
    assert relayer.chain.credits(VERIFIER) == 0
    assert verifier.store.verdicts.all() == []
    assert not any(verifier.store.deadlines.count(action) for action in Action)
    checks = [verifier.store.verdicts.check(batch_id(1, first_seq)) for first_seq in (0, 4)]
    assert [(one.state, one.accepted) for one in checks if one] == [("checked", 4), ("checked", 2)]


def test_published_data_is_what_the_chain_says(world: World) -> None:
    relayer = world.relayer()
    world.round(relayer)
    receipts = [world.signed(n) for n in range(4)]
    world.take_in(relayer, *receipts)
    world.round(relayer)
    found = relayer.chain.batch(batch_id(1, 0))
    assert found is not None
    data = world.directory.read(batch_id(1, 0))
    rebuilt = rebuild_batch(1, 0, found[1].count, found[0], data)
    assert list(rebuilt.leaves) == [one.leaf for one in receipts]
    posted = relayer.store.batches.posted(batch_id(1, 0))
    assert posted is not None and posted.data_uri == f"http://relayer.test/v1/batches/{batch_id(1, 0)}/data"


def test_trust_gap_and_timeline_are_told_in_parts(world: World) -> None:
    relayer = world.relayer()
    world.round(relayer)
    signed = world.signed(1, age=2)
    world.take_in(relayer, signed)
    received = world.now
    world.rounds(4, relayer)
    until_final(world, relayer)
    view = find_receipt(relayer, signed.leaf.hash)
    assert view is not None
    times = view.timeline
    assert (times.issued_at, times.received_at) == (received - 2, received)
    assert times.posted_at is not None and times.window_end == times.posted_at + world.terms.window
    assert times.final_at == times.window_end + 1
    (gap,) = trust_gaps(relayer, 1)
    assert (gap.issued_at, gap.received_at, gap.posted_at, gap.final_at) == (
        times.issued_at, times.received_at, times.posted_at, times.final_at,
    )  # fmt: skip


def test_query_of_a_struck_tile_says_so_and_counts_no_gap(world: World) -> None:
    relayer = world.relayer()
    world.round(relayer)
    signed = world.signed(1)
    world.take_in(relayer, signed)
    world.rounds(4, relayer)
    batch, rival = batch_id(1, 0), world.chain.account_view(RIVAL)
    posted = rival.batch(batch)
    assert posted is not None
    rival.demand_tile(batch, 0, posted[0], (), world.terms.demand_deposit)
    world.wait(world.terms.answer_period + 1)
    rival.expire_demand(batch, 0)
    until_final(world, relayer)
    view = find_receipt(relayer, signed.leaf.hash)
    assert view is not None and view.timeline.final_at is None
    assert (view.standing, view.void_reason) == (Standing.VOIDED, VoidReason.STRUCK)
    proof = view.inclusion.proof if view.inclusion is not None else ()
    assert rival.why_void(batch, 0, signed.leaf.words, proof) is VoidReason.STRUCK
    assert list(trust_gaps(relayer, 1)) == []


def test_batches_are_listed_newest_first_and_found(world: World) -> None:
    relayer = world.relayer()
    world.round(relayer)
    world.take_in(relayer, *[world.signed(n) for n in range(8)])
    world.round(relayer)
    world.take_in(relayer, *[world.signed(n) for n in range(8, 12)])
    world.round(relayer, steps=(watch, cheat))  # closed, not yet posted
    views = list_batches(relayer, 1)
    ids = [(view.posted or view.closed).id for view in views]  # type: ignore[union-attr]
    assert [first_seq_of(one) for one in ids] == [8, 4, 0]
    assert views[0].posted is None and views[1].posted is not None and views[1].closed is not None
    assert find_batch(relayer, ids[0]) == views[0]
    assert find_batch(relayer, ids[2]) == views[2]
    assert find_batch(relayer, batch_id(1, 1)) is None
    assert find_receipt(relayer, bytes(32)) is None


# --- cheating ---------------------------------------------------------------------------------------


def test_a_cheats_forgeries_are_voided_and_its_honest_leaves_become_final(world: World) -> None:
    relayer, verifier = world.relayer(), world.verifier()
    world.round(relayer, verifier)
    honest = [world.signed(n) for n in range(3)]
    forged = [world.forged(10), world.forged(11, node=1)]
    stranger = world.of_stranger(12)
    late = world.signed(13, age=world.terms.max_posting_delay + 60)
    world.take_in(relayer, *honest)
    world.slip_in(relayer, *forged, stranger, late)
    relayer = world.with_settings(relayer, max_batch=100)
    stake = relayer.chain.lane(1)
    assert stake is not None
    world.round(relayer, steps=CHEAT)
    until_final(world, relayer, verifier)
    assert [agree(world, relayer, one) for one in honest] == [Standing.FINAL] * 3
    assert [agree(world, relayer, one) for one in (*forged, stranger, late)] == [Standing.VOIDED] * 4
    views = [find_receipt(relayer, one.leaf.hash) for one in (*forged, stranger, late)]
    reasons = [view.void_reason for view in views if view is not None]
    assert reasons == [VoidReason.FAULTY] * 2 + [VoidReason.NOT_ENTITLED, VoidReason.UNTIMELY]
    slash = world.terms.leaf_slash
    lane = relayer.chain.lane(1)
    assert lane is not None and lane.stake == stake.stake - 2 * slash and lane.burned == slash
    assert relayer.chain.credits(VERIFIER) == slash
    verdicts = verifier.store.verdicts.all()
    assert [(one.place, one.state, one.reward) for one in verdicts] == [
        (3, State.PROVEN, slash // 2),
        (4, State.PROVEN, slash // 2),
    ]
    assert not any(verifier.store.deadlines.count(action) for action in Action)


def test_an_accepted_receipt_that_would_be_disputed_gives_way_to_the_empty_leaf(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Intake would never take it; but a store can be damaged, and the relayer's own judge has the last word."""
    relayer, verifier = world.relayer(), world.verifier()
    world.round(relayer, verifier)
    honest = [world.signed(n) for n in range(2)]
    world.take_in(relayer, honest[0])
    forged = world.forged(9)
    world.slip_in(relayer, forged)
    world.take_in(relayer, honest[1])
    world.slip_in(relayer, world.of_stranger(8))  # void by rule: posted all the same
    world.round(relayer)
    assert "would be disputed (BAD_SIGNATURE): the empty leaf takes its place" in caplog.text
    until_final(world, relayer, verifier)
    assert [agree(world, relayer, one) for one in honest] == [Standing.FINAL] * 2
    view = find_receipt(relayer, forged.leaf.hash)
    assert view is not None and view.standing is Standing.VOIDED and view.inclusion is None
    leaves = read_publication(world.directory.read(batch_id(1, 0)), 4)
    assert [leaf is None for leaf in leaves] == [False, True, False, False]
    assert verifier.store.verdicts.all() == [] and relayer.chain.credits(VERIFIER) == 0


def test_of_two_verifiers_one_wins_and_the_other_moves_on(world: World) -> None:
    relayer = world.relayer()
    first, second = world.verifier("first"), world.verifier("second", RIVAL)
    world.round(relayer, first, second)
    world.slip_in(relayer, *[world.forged(n) for n in range(4)])
    world.round(relayer, steps=CHEAT)
    world.round(second, steps=(watch, check))
    world.round(first)
    world.rounds(3, first, second)
    assert {one.state for one in first.store.verdicts.all()} == {State.PROVEN}
    assert {one.state for one in second.store.verdicts.all()} == {State.LOST_RACE}
    assert {one.reward for one in second.store.verdicts.all()} == {None}
    assert second.chain.credits(RIVAL) == 0
    assert second.store.deadlines.count(Action.DISPUTE) == 0
