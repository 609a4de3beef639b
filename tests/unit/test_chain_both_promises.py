"""What must hold on every chain of lanes that promise and leave, demands, claims, epochs and pauses.

ChainSender, each call first as a dry run that changes nothing
├── set_ahead, apply_ahead: more at once, fewer once due, the reach stays; refused to a stranger, before it is due
├── rotate_lane: the posting right at once, promises from the first number never enforceable
├── exit_lane, release_cover, withdraw_stake: nothing before the lane is free, then all of it
├── prove_fault: a duplicate voids the later leaf, a misdeclared range none
├── sweep_burned: what was lost is burned
├── demand_tile, answer_tile: the deposit to the lane, half by half; twice, too little, elsewhere: refused
├── expire_demand: struck and slashed, not before its time; four of them blow the fuse
├── claim_missed, claim_omitted, claim_double: paid once, to beneficiary and caller; kept or not signed: refused
├── announce_epoch: the terms from their start on; too soon, of contracts that do not exist: refused
└── pause_posting, set_guardian: no post until it ends, promises due later; of strangers: refused
is_promised
└── true until the promise is overdue or its number posted; not beyond reach, not by another key
tell
└── each transaction before it is handed in, and what became of it, with what it was for
gap_histogram, gap_percentile
└── an upper bound by bucket; of a lane without posts: zeros
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from afterproof.chain.base import (
    AheadChanged,
    Burned,
    DemandExpired,
    DemandState,
    EpochAnnounced,
    FaultProven,
    FuseBlown,
    GuardianChanged,
    LaneLeaving,
    LaneRotated,
    LaneState,
    Outcome,
    PauseState,
    PostingPaused,
    PromiseBroken,
    Purpose,
    Sent,
    StakeWithdrawn,
    TileAnswered,
    TileDemanded,
)
from afterproof.protocol.batching import Batch, build_batch
from afterproof.protocol.claims import Opening
from afterproof.protocol.evidence import duplicate_evidence
from afterproof.protocol.header import batch_id
from afterproof.protocol.receipt import Domain, Leaf, keccak
from afterproof.protocol.state import FaultKind, PromiseFault, VoidReason
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.chains import EvmStage, MemoryStage, Stage, deployed_anvil, restored
from tests.support.on_stage import NODE, Refused, claim_of, honest, on_stage, post, rehearsed
from tests.support.promises import Promised, promise_signer, signed_promise
from tests.support.scene import answer_of, tile_of

OBLIGATION = DEMO.time_to_leave - DEMO.window
HOLDER = b"\x0b" * 20
AHEAD = 5


@pytest.fixture(scope="module")
def node() -> Iterator[Any]:
    with deployed_anvil() as running:
        yield running


@pytest.fixture(params=["memory", "evm"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "memory":
        yield MemoryStage()
    else:
        url, deployment = request.getfixturevalue("node")
        with restored(url):
            yield EvmStage(url, deployment)


@pytest.fixture
def promising(stage: Stage) -> Stage:
    """A live node, and a lane that may promise."""
    stage.owner.endorse(NODE.public_key, stage.relayer.account)
    stage.relayer.open_lane(stage.poster.account, promise_signer().address, AHEAD, ETHER)
    stage.until(stage.now + 2)
    return stage


def lane_of(stage: Stage, lane: int = 1) -> LaneState:
    state = stage.prover.lane(lane)
    assert state is not None
    return state


def promise(stage: Stage, leaf: Leaf, include_by: int, seq: int = 0, key: int = 0) -> Promised:
    deployment = stage.owner.deployment
    domain = Domain(deployment.chain_id, deployment.settlement)
    return signed_promise(domain, 1, seq, [leaf.hash], include_by, HOLDER, promise_signer(key))


def broken(stage: Stage, fault: PromiseFault, seq: int = 0) -> tuple[PromiseBroken]:
    return (PromiseBroken(1, seq, fault, HOLDER, stage.prover.account, DEMO.promise_slash),)


# --- lanes -------------------------------------------------------------------------------------


def test_ahead_grows_at_once_and_shrinks_when_due(stage: Stage) -> None:
    on_stage(stage)
    assert rehearsed(stage, stage.relayer.set_ahead, 1, 5).events == (AheadChanged(1, 5, stage.now),)
    assert lane_of(stage).ahead == 5
    landed = stage.relayer.set_ahead(1, 2)
    due = stage.now + OBLIGATION
    assert landed.events == (AheadChanged(1, 2, due),) and lane_of(stage).ahead == 5
    assert lane_of(stage).reach == 5
    with Refused("NoChangeDue", 1, due):
        stage.prover.apply_ahead(1)
    with Refused("NotLaneOwner", stage.prover.account, stage.relayer.account):
        stage.prover.set_ahead(1, 9)
    stage.at(due)
    assert rehearsed(stage, stage.prover.apply_ahead, 1).events == ()
    assert (lane_of(stage).ahead, lane_of(stage).reach) == (2, 5)
    with Refused("NoChangeDue", 1, 0):
        stage.prover.apply_ahead(1)


def test_rotation_moves_posting_at_once_and_promises_later(promising: Stage) -> None:
    stage, key = promising, promise_signer().address
    prover = stage.prover.account
    landed = rehearsed(stage, stage.relayer.rotate_lane, 1, prover, prover)
    assert landed.events == (LaneRotated(1, prover, prover, AHEAD),)
    assert lane_of(stage).poster == prover
    assert [stage.owner.promise_key_of(1, seq) for seq in (0, AHEAD - 1, AHEAD)] == [key, key, prover]
    assert stage.owner.promise_key_of(9, 0) == bytes(20)
    with Refused("NotPoster", stage.poster.account, prover):
        post(stage, honest(stage))


def test_leaving_gives_the_stake_back_once_nothing_binds(stage: Stage) -> None:
    on_stage(stage)
    with Refused("NotLeaving", 1):
        stage.relayer.withdraw_stake(1)
    post(stage, honest(stage))
    landed = rehearsed(stage, stage.relayer.exit_lane, 1)
    left, until = stage.now, stage.now + OBLIGATION
    assert landed.events == (LaneLeaving(1, until),)
    assert (lane_of(stage).exit_at, lane_of(stage).liable_until) == (left, until)
    assert lane_of(stage).last_due == left + DEMO.max_promise_delay
    with Refused("AlreadyLeaving", 1):
        stage.relayer.exit_lane(1)
    with Refused("ReceiptsOpen", 1, 1):
        stage.relayer.withdraw_stake(1)
    stage.at(left + DEMO.window + 1)
    assert rehearsed(stage, stage.prover.release_cover, 1, 9).events == ()
    assert lane_of(stage).open == 0
    with Refused("StillLiable", 1, until):
        stage.relayer.withdraw_stake(1)
    stage.at(until + 1)
    owner = stage.relayer.account
    assert rehearsed(stage, stage.relayer.withdraw_stake, 1).events == (StakeWithdrawn(1, owner, ETHER),)
    assert (lane_of(stage).stake, stage.relayer.credits(owner)) == (0, ETHER)


def test_gaps_are_counted_by_bucket(stage: Stage) -> None:
    on_stage(stage)
    assert stage.owner.gap_histogram(1) == (0,) * 8 and stage.owner.gap_percentile(1, 50) == 0
    leaf = honest(stage)
    stage.at(stage.now + 20)
    issued_at = leaf.receipt.issued_at
    landed = stage.poster.post(1, 0, 3, issued_at, issued_at, [bytes(31) + b"\x01"], "")
    assert landed.tx_hash and stage.owner.gap_histogram(1) == (0, 0, 3, 0, 0, 0, 0, 0)
    assert [stage.owner.gap_percentile(1, percent) for percent in (0, 50, 100, 101)] == [4, 64, 64, None]
    assert stage.owner.gap_histogram(9) == (0,) * 8


# --- faults and demands ------------------------------------------------------------------------


def test_other_faults_are_proven_and_what_was_lost_is_burned(stage: Stage) -> None:
    on_stage(stage)
    with Refused("NothingToBurn", 1):
        stage.prover.sweep_burned(1)
    leaf = honest(stage)
    batch = post(stage, leaf, leaf)
    evidence = duplicate_evidence(batch.id, 0, keccak(leaf.signature), tuple(batch.tree.proof(0)))
    stage.prover.prove_fault(FaultKind.DUPLICATE_RECEIPT, claim_of(batch, 1, evidence))
    with Refused("NotProven", FaultKind.MISDECLARED_RANGE):
        stage.prover.prove_fault(FaultKind.MISDECLARED_RANGE, claim_of(batch, 0))
    other = honest(stage, 5)
    late, after = build_batch(1, 2, [other]), other.receipt.issued_at + 1
    stage.at(after + 1)
    stage.poster.post(1, 2, 1, after, after, late.tree.tile_roots, "")
    landed = stage.prover.prove_fault(FaultKind.MISDECLARED_RANGE, claim_of(late, 0))
    account = stage.prover.account
    assert landed.events == (FaultProven(late.id, 0, 3, account, DEMO.leaf_slash),)
    reasons = [reason_of(stage, batch, 0), reason_of(stage, batch, 1), reason_of(stage, late, 0)]
    assert reasons == [VoidReason.NONE, VoidReason.FAULTY, VoidReason.NONE]
    assert rehearsed(stage, stage.relayer.sweep_burned, 1).events == (Burned(1, DEMO.leaf_slash),)
    assert lane_of(stage).burned == 0


def test_a_demand_is_answered_half_by_half(stage: Stage) -> None:
    on_stage(stage)
    batch = post(stage, honest(stage), *[None] * 299)
    deposit = stage.prover.deposit_for(batch.id, 0)
    assert deposit == DEMO.demand_deposit and stage.prover.demand_of(batch.id, 0) is None
    with Refused("InsufficientDeposit", 1, deposit):
        stage.prover.demand_tile(*tile_of(batch, 0), 1)
    with Refused("NotIncluded", batch.id, 1):
        stage.prover.demand_tile(batch.id, 1, *tile_of(batch, 0)[2:], deposit)
    with Refused("NotIncluded", batch.id, 2):
        stage.prover.deposit_for(batch.id, 2)
    with Refused("UnknownBatch", batch_id(1, 7)):
        stage.prover.deposit_for(batch_id(1, 7), 0)
    landed = rehearsed(stage, stage.prover.demand_tile, *tile_of(batch, 0), deposit)
    prover, opened, deadline = stage.prover.account, stage.now, stage.now + DEMO.answer_period
    assert landed.events == (TileDemanded(batch.id, 0, prover, deadline, deposit),)
    state = DemandState(prover, opened, deadline, deposit, frozenset(), 0, False, bytes(20))
    assert stage.owner.demand_of(batch.id, 0) == state
    with Refused("AlreadyDemanded", batch.id, 0):
        stage.prover.demand_tile(*tile_of(batch, 0), deposit)
    stage.at(opened + 1)
    answer = answer_of(batch, 0, 1)
    landed = rehearsed(stage, stage.poster.answer_tile, *answer)
    assert landed.events == (TileAnswered(batch.id, 0, 1, stage.poster.account, answer[3]),)
    state = replace(state, answered=frozenset({1}), payee=stage.relayer.account)
    assert stage.owner.demand_of(batch.id, 0) == state
    with Refused("WrongAnswer", batch.id, 0):
        stage.poster.answer_tile(batch.id, 0, 0, *answer[3:])
    stage.at(deadline)
    stage.poster.answer_tile(*answer_of(batch, 0, 0))
    state = replace(state, answered=frozenset({0, 1}), deposit=0, answered_at=deadline)
    assert stage.owner.demand_of(batch.id, 0) == state
    halves = [stage.owner.credits(one.account) for one in (stage.relayer, stage.poster)]
    assert halves == [deposit // 2, deposit // 2]
    with Refused("NotDemanded", batch.id, 1):
        stage.prover.expire_demand(batch.id, 1)


def test_four_demands_that_nobody_answers_blow_the_fuse(stage: Stage) -> None:
    on_stage(stage)
    batch = post(stage, honest(stage), *[None] * 768)
    first = stage.now + 1
    for tile in range(4):
        stage.at(first + tile)
        stage.prover.demand_tile(*tile_of(batch, tile), DEMO.demand_deposit)
    last = first + 3 + DEMO.answer_period
    stage.at(last)
    with Refused("NotYet", last):
        stage.prover.expire_demand(batch.id, 3)
    stage.at(last + 1)
    for tile, leaves in enumerate((256, 256, 256, 1)):
        landed = rehearsed(stage, stage.prover.expire_demand, batch.id, tile)
        expired = DemandExpired(batch.id, tile, stage.prover.account, leaves * DEMO.leaf_slash)
        assert landed.events == ((expired,) if tile < 3 else (expired, FuseBlown(batch.id)))
    state = lane_of(stage)
    assert (state.blown, state.poster) == (True, bytes(20))
    assert reason_of(stage, batch, 0) == VoidReason.STRUCK
    demand = stage.owner.demand_of(batch.id, 3)
    assert demand is not None and demand.expired and demand.deposit == 0
    with Refused("AlreadyAnswered", batch.id, 3):
        stage.prover.expire_demand(batch.id, 3)


def test_what_is_sent_is_told_with_what_it_is_for(promising: Stage) -> None:
    stage, told = promising, list[Sent]()
    prover, due = stage.prover, promising.now + 2
    for account in (prover, stage.poster):
        account.tell(told.append)
    opening = promise(stage, honest(stage), due, seq=3).opening()
    batch = post(stage, honest(stage), *[None] * 299)
    demanded = prover.demand_tile(*tile_of(batch, 0), DEMO.demand_deposit)
    stage.poster.answer_tile(*answer_of(batch, 0, 1))
    prover.demand_tile(*tile_of(batch, 1), DEMO.demand_deposit)
    stage.at(stage.now + 2 * DEMO.answer_period)
    prover.expire_demand(batch.id, 1)
    prover.claim_omitted(opening, 0, batch.tree.levels[0][3], batch.tree.proof(3))
    prover.withdraw(prover.account, dry_run=True)
    prover.withdraw(prover.account)
    with Refused("AlreadyAnswered", batch.id, 1):
        prover.expire_demand(batch.id, 1)
    before = [one for one in told if one.outcome is None]
    landed = [one for one in told if one.outcome is not None]
    assert [one.purpose for one in landed] == [
        Purpose("post", 1, 0),
        Purpose("demand", 1, 0, 0),
        Purpose("answer", 1, 0, 0),
        Purpose("demand", 1, 0, 1),
        Purpose("demand", 1, 0, 1),
        Purpose("claim", 1, 3),
        Purpose("withdraw"),
    ]
    if before:  # in memory there is nothing between
        assert [replace(one, outcome=None) for one in landed] == before
    assert landed[1].tx_hash == demanded.tx_hash and landed[1].account == prover.account
    outcome = Outcome(demanded.block, demanded.gas_used, demanded.fee, True)
    assert landed[1].outcome == outcome == prover.outcome(demanded.tx_hash)
    assert prover.outcome(bytes(32)) is None


# --- promises ----------------------------------------------------------------------------------


def test_a_promise_binds_until_it_is_overdue_or_its_number_posted(promising: Stage) -> None:
    stage, due = promising, promising.now + 50
    leaf = honest(stage)
    kept, missed, beyond = (promise(stage, leaf, due, seq).opening() for seq in (0, 1, AHEAD))
    stolen = promise(stage, leaf, due, key=1).opening()
    assert [stage.prover.is_promised(each) for each in (kept, missed, beyond, stolen)] == [
        True,
        True,
        False,
        False,
    ]
    post(stage, leaf)
    assert not stage.prover.is_promised(kept)
    stage.until(due)
    assert stage.prover.is_promised(missed)
    stage.until(due + 1)
    assert not stage.prover.is_promised(missed)


def test_a_missed_deadline_is_claimed_once(promising: Stage) -> None:
    stage, due = promising, promising.now + 5
    opening = promise(stage, honest(stage), due).opening()
    with Refused("NotBroken", 1, 0):
        stage.prover.claim_missed(opening, 0)
    with Refused("NotPromised", 1, 0):
        stage.prover.claim_missed(promise(stage, honest(stage), due, key=1).opening(), 0)
    with Refused("Unenforceable", 1, AHEAD):
        stage.prover.claim_missed(promise(stage, honest(stage), due, seq=AHEAD).opening(), 0)
    assert stage.owner.claims_of(1, 0) == (False, False)
    stage.at(due + 1)
    landed = rehearsed(stage, stage.prover.claim_missed, opening, 0)
    assert landed.events == broken(stage, PromiseFault.MISSED_DEADLINE)
    assert stage.owner.claims_of(1, 0) == (True, False)
    shares = [stage.owner.credits(account) for account in (HOLDER, stage.prover.account)]
    assert shares == [DEMO.promise_slash * 45 // 100, DEMO.promise_slash * 5 // 100]
    with Refused("AlreadyClaimed", 1, 0):
        stage.prover.claim_missed(opening, 0)
    stage.at(due + DEMO.claim_window + 1)
    with Refused("TooLate", due + DEMO.claim_window):
        stage.prover.claim_missed(promise(stage, honest(stage), due, seq=1).opening(), 0)


def test_an_omission_is_claimed_with_the_leaf_that_stands_there(promising: Stage) -> None:
    stage = promising
    kept, other = honest(stage, 1), honest(stage, 2)
    batch = post(stage, kept, other)
    opening = promise(stage, honest(stage, 3), stage.now + 5, seq=1).opening()
    proof = batch.tree.proof(1)
    with Refused("NotIncluded", batch.id, 1):
        stage.prover.claim_omitted(opening, 0, kept.hash, proof)
    with Refused("NotBroken", 1, 1):
        honoured = promise(stage, other, stage.now + 5, seq=1).opening()
        stage.prover.claim_omitted(honoured, 0, other.hash, proof)
    landed = rehearsed(stage, stage.prover.claim_omitted, opening, 0, other.hash, proof)
    assert landed.events == broken(stage, PromiseFault.OMITTED_RECEIPT, 1)
    with Refused("NotPromised", 1, 1):
        wrong = Opening(opening.signed, 1, kept.hash, ())
        stage.prover.claim_omitted(wrong, 0, other.hash, proof)


def test_a_double_promise_is_claimed_with_both(promising: Stage) -> None:
    stage, due = promising, promising.now + 10
    first, second = (promise(stage, honest(stage, number), due).opening() for number in (1, 2))
    with Refused("NotBroken", 1, 0):
        stage.prover.claim_double(first, first, 0)
    landed = rehearsed(stage, stage.prover.claim_double, first, second, 0)
    assert landed.events == broken(stage, PromiseFault.DOUBLE_PROMISE)
    assert stage.owner.claims_of(1, 0) == (False, True)


# --- owner and guardian ------------------------------------------------------------------------


def test_an_epoch_holds_from_its_start(stage: Stage) -> None:
    terms, faults = replace(DEMO, window=20), stage.owner.fault_contracts(1)
    faults.pop(FaultKind.MISDECLARED_RANGE)
    stage.at(stage.now + 10)
    starts_at = stage.now + 60 + DEMO.time_to_leave
    landed = rehearsed(stage, stage.owner.announce_epoch, terms, faults, starts_at)
    assert landed.events == (EpochAnnounced(2, starts_at, terms, frozenset({1, 2})),)
    assert stage.owner.fault_contracts(2) == faults and stage.owner.current_epoch() == 1
    with Refused("EpochPending", 2, starts_at):
        stage.owner.announce_epoch(terms, faults, starts_at + 500)
    stage.until(starts_at)
    assert stage.owner.current_epoch() == 2 and stage.owner.terms(2) == terms


def test_an_epoch_that_breaks_a_rule_is_refused(stage: Stage) -> None:
    faults, later = stage.owner.fault_contracts(1), stage.now + 10
    far = later + DEMO.time_to_leave + 99
    with Refused("OwnableUnauthorizedAccount", stage.relayer.account):
        stage.relayer.announce_epoch(DEMO, faults, far)
    with Refused("BadTerms", "faults", "name contracts that exist"):
        stage.owner.announce_epoch(DEMO, faults | {FaultKind.MISDECLARED_RANGE: HOLDER}, far)
    with Refused("BadTerms", "faults", "name kinds that the lane answers for"):
        stage.owner.announce_epoch(DEMO, faults | {FaultKind.WRONG_RESULT: HOLDER}, far)
    with Refused("BadTerms", "window", "is at least twice answerPeriod"):
        stage.owner.announce_epoch(replace(DEMO, window=9), faults, far)
    stage.at(later)
    with Refused("TooSoon", later, later + DEMO.time_to_leave):
        stage.owner.announce_epoch(DEMO, faults, later)


def test_a_pause_stops_posts_and_defers_what_falls_due(stage: Stage) -> None:
    on_stage(stage)
    owner = stage.owner.account
    with Refused("NotGuardian", stage.relayer.account):
        stage.relayer.pause_posting(5)
    with Refused("WrongPause", DEMO.max_pause + 1, DEMO.max_pause):
        stage.owner.pause_posting(DEMO.max_pause + 1)
    landed = rehearsed(stage, stage.owner.pause_posting, 8)
    start, end = stage.now, stage.now + 8
    assert landed.events == (PostingPaused(start, end),)
    assert stage.relayer.pause_state() == PauseState(owner, end, 1)
    with Refused("Paused", end):
        post(stage, honest(stage))
    caught_up = end + DEMO.catch_up
    assert [stage.relayer.due_of(at) for at in (start - 1, start, caught_up, caught_up + 1)] == [
        start - 1,
        caught_up,
        caught_up,
        caught_up + 1,
    ]
    stage.at(end + 1)
    post(stage, honest(stage))


def test_the_owner_names_the_guardian(stage: Stage) -> None:
    with Refused("OwnableUnauthorizedAccount", stage.prover.account):
        stage.prover.set_guardian(stage.prover.account)
    landed = rehearsed(stage, stage.owner.set_guardian, stage.prover.account)
    assert landed.events == (GuardianChanged(stage.prover.account),)
    assert stage.prover.pause_posting(1).events == (PostingPaused(stage.now, stage.now + 1),)
    stage.owner.set_guardian(bytes(20))
    assert stage.owner.pause_state().guardian == bytes(20)


def reason_of(stage: Stage, batch: Batch, index: int) -> VoidReason:
    leaf = batch.leaves[index]
    assert leaf is not None
    return stage.relayer.why_void(batch.id, index, leaf.words, batch.tree.proof(index))
