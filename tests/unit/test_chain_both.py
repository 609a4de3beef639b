"""What must hold on every chain, told of the in-memory one and of a real node alike.

ChainSender
├── a fresh deployment: epoch 1 by its terms, no lane, no node, no batch
├── endorse: live from the next second; refused to a stranger, twice, a malformed key
├── revoke: not live from then on, by what was known; too far back, unknown, later than an end: refused
├── open_lane: numbered from 1, stake taken; a short or crooked stake: refused
├── top_up: stake grows; of no lane: refused
├── post: root, header and event; wrong poster, number, tiles, range: refused
├── prove_fault: forged leaf void, lane slashed, half to the prover; honest, elsewhere, twice, too late: refused
├── withdraw: the credit is paid out once
├── standing and why_void: Posted until the window's last second, then Final; Voided by rule
├── trust_gap: issued, posted, the first second in which it is final; none for a voided leaf, zeros where there is none
├── dry runs change nothing and have no hash
├── guard: where it raises, nothing is sent; dry runs do not ask it
├── an account without coin: SendFailed
└── events: in order, each at the place of its block
"""

from collections.abc import Iterator
from typing import Any

import pytest

from afterproof.chain.base import (
    EpochAnnounced,
    EvidenceAdded,
    FaultProven,
    GuardianChanged,
    LaneOpened,
    LaneState,
    NodeEndorsed,
    NodeRevoked,
    NodeState,
    OperatorChanged,
    PauseState,
    Posted,
    StakeAdded,
    Withdrawn,
)
from afterproof.errors import NotLeading, SendFailed
from afterproof.protocol.attestations import Assurance
from afterproof.protocol.batching import build_batch
from afterproof.protocol.header import Header, batch_id
from afterproof.protocol.settlement import MAX_COUNT
from afterproof.protocol.state import Claim, FaultKind, Standing, VoidReason
from afterproof.protocol.terms import DEMO, ETHER, GWEI
from afterproof.protocol.views import TrustGap
from tests.support.chains import WEALTH, EvmStage, MemoryStage, Stage, deployed_anvil, restored
from tests.support.on_stage import (
    NODE,
    STRANGER,
    Refused,
    claim_of,
    domain_of,
    forged,
    honest,
    on_stage,
    open_lane,
    post,
)
from tests.support.scene import leaf_of


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


def test_fresh_deployment_has_its_epoch_and_nothing_else(stage: Stage) -> None:
    chain = stage.relayer
    head = chain.head()
    events = [logged.event for logged in chain.events(chain.deployment.block, head.number)]
    # A plan of deployment adds evidence; the chain in memory begins without.
    events = [event for event in events if not isinstance(event, EvidenceAdded)]
    kinds = set(FaultKind) - {FaultKind.WRONG_RESULT}
    guarded, announced = events
    assert guarded == GuardianChanged(stage.owner.account) and isinstance(announced, EpochAnnounced)
    assert (announced.epoch, announced.terms, announced.faults) == (1, DEMO, kinds)
    assert set(chain.fault_contracts(1)) == kinds and chain.fault_contracts(2) == {}
    assert chain.pause_state() == PauseState(stage.owner.account, 0, 0)
    assert chain.current_epoch() == 1 and chain.terms(1) == DEMO
    assert chain.lane_count() == 0 and chain.lane(1) is None
    assert chain.nodes() == [] and chain.node(NODE.node) is None
    assert chain.batch(batch_id(1, 0)) is None
    assert chain.required_stake(1, 5) == DEMO.min_stake + 5 * DEMO.cover
    assert chain.block(head.number) == head and chain.block(head.number + 1) is None
    with Refused("UnknownEpoch", 2):
        chain.terms(2)
    with Refused("WrongCount", MAX_COUNT + 1, MAX_COUNT):
        chain.required_stake(1, MAX_COUNT + 1)


def test_endorse_makes_a_node_live_from_the_next_second(stage: Stage) -> None:
    landed = stage.owner.endorse(NODE.public_key, stage.relayer.account)
    now = stage.now
    assert landed.events == (
        OperatorChanged(NODE.node, stage.relayer.account, bytes(20)),
        NodeEndorsed(1, NODE.node, stage.relayer.account, now + 1, NODE.public_key),
    )
    assert stage.prover.node(NODE.node) == NodeState(stage.relayer.account, bytes(20), 0, 1, 1)
    assert stage.prover.assurance(NODE.node, now) == Assurance.NONE
    assert stage.prover.assurance(NODE.node, now + 1) == Assurance.ENDORSED
    assert stage.prover.nodes() == [NODE.node]
    assert not stage.prover.was_live(NODE.node, now, 2**64)
    assert stage.prover.was_live(NODE.node, now + 1, now)
    assert not stage.prover.was_live(NODE.node, now + 1, now - 1)


def test_endorse_that_breaks_a_rule_is_refused(stage: Stage) -> None:
    with Refused("OwnableUnauthorizedAccount", stage.relayer.account):
        stage.relayer.endorse(NODE.public_key, stage.relayer.account)
    with Refused("UnknownKeyForm", 5):
        stage.owner.endorse(b"12345", stage.relayer.account)
    with Refused("NoOperator"):
        stage.owner.endorse(NODE.public_key, bytes(20))
    stage.owner.endorse(NODE.public_key, stage.relayer.account)
    with Refused("AlreadyRegistered", NODE.node):
        stage.owner.endorse(NODE.public_key, stage.relayer.account)


def test_revoke_ends_a_node_by_what_was_known(stage: Stage) -> None:
    stage.owner.endorse(NODE.public_key, stage.relayer.account)
    start = stage.now + 1
    stage.until(start + 5)
    stage.at(start + 8)
    landed = stage.owner.revoke(NODE.node, start + 3, "stolen")
    assert landed.events == (NodeRevoked(NODE.node, start + 3, "stolen"),)
    assert stage.relayer.node(NODE.node) == NodeState(stage.relayer.account, bytes(20), start + 3, 1, 1)
    assert stage.relayer.was_live(NODE.node, start + 3, start + 7)
    assert not stage.relayer.was_live(NODE.node, start + 3, start + 8)
    with Refused("AlreadyRevoked", NODE.node, start + 3):
        stage.owner.revoke(NODE.node, start + 3, "again")


def test_revoke_that_breaks_a_rule_is_refused(stage: Stage) -> None:
    with Refused("UnknownNode", NODE.node):
        stage.owner.revoke(NODE.node, stage.now, "")
    stage.owner.endorse(NODE.public_key, stage.relayer.account)
    with Refused("NotRevoker", stage.prover.account):
        stage.prover.revoke(NODE.node, stage.now, "")
    later = stage.now + 10
    stage.at(later)
    with Refused("TooFarBack", later - DEMO.window - 1, later - DEMO.window):
        stage.owner.revoke(NODE.node, later - DEMO.window - 1, "")


def test_open_lane_takes_the_stake(stage: Stage) -> None:
    before = stage.relayer.balance(stage.relayer.account)
    lane, landed = stage.relayer.open_lane(stage.poster.account, stage.prover.account, 7, ETHER)
    owner, poster, prover = stage.relayer.account, stage.poster.account, stage.prover.account
    assert lane == 1
    assert landed.events == (LaneOpened(1, owner, poster, prover, 7, ETHER),)
    assert stage.relayer.lane(1) == LaneState(owner, poster, ETHER, 0, 0, 0, 7, 0, 0, 0, False, 7)
    assert before - stage.relayer.balance(owner) == ETHER + landed.fee
    assert len(landed.tx_hash) == 32 and landed.gas_used > 0
    assert stage.prover.open_lane(poster, poster, 0, ETHER)[0] == 2
    assert stage.relayer.lane_count() == 2


def test_open_lane_with_a_wrong_stake_is_refused(stage: Stage) -> None:
    account = stage.relayer.account
    with Refused("InsufficientStake", GWEI, DEMO.min_stake + 3 * DEMO.cover):
        stage.relayer.open_lane(account, account, 3, GWEI)
    with Refused("NotWholeGwei", ETHER + 1):
        stage.relayer.open_lane(account, account, 0, ETHER + 1)
    with Refused("ZeroAddress"):
        stage.relayer.open_lane(bytes(20), account, 0, ETHER)


def test_top_up_adds_to_the_stake(stage: Stage) -> None:
    with Refused("UnknownLane", 1):
        stage.prover.top_up(1, GWEI)
    open_lane(stage)
    assert stage.prover.top_up(1, 3 * GWEI).events == (StakeAdded(1, stage.prover.account, 3 * GWEI),)
    state = stage.relayer.lane(1)
    assert state is not None and state.stake == ETHER + 3 * GWEI


def test_post_stores_root_and_header(stage: Stage) -> None:
    on_stage(stage)
    leaves = [honest(stage, number) for number in range(300)]
    batch = build_batch(1, 0, leaves)
    times = [leaf.receipt.issued_at for leaf in leaves]
    stage.at(stage.now + 3)
    landed = stage.poster.post(1, 0, 300, min(times), max(times), batch.tree.tile_roots, "https://example/ü")
    now = stage.now
    header = Header(300, now, now + DEMO.window, min(times), 0, 1)
    assert stage.prover.batch(batch.id) == (batch.tree.root, header)
    roots = tuple(batch.tree.tile_roots)
    assert landed.events == (Posted(1, batch.id, batch.tree.root, header, roots, "https://example/ü"),)
    state = stage.relayer.lane(1)
    assert state is not None and (state.next_seq, state.open) == (300, 300)
    assert stage.relayer.required_stake(1, 1) == DEMO.min_stake + 301 * DEMO.cover


def test_post_that_breaks_a_rule_is_refused(stage: Stage) -> None:
    on_stage(stage)
    now = stage.now
    with Refused("NotPoster", stage.relayer.account, stage.poster.account):
        stage.relayer.post(1, 0, 1, now, now, [bytes(32)], "")
    with Refused("NotPoster", stage.poster.account, bytes(20)):
        stage.poster.post(9, 0, 1, now, now, [bytes(32)], "")
    with Refused("WrongSequence", 5, 0):
        stage.poster.post(1, 5, 1, now, now, [bytes(32)], "")
    with Refused("WrongTileCount", 2, 1):
        stage.poster.post(1, 0, 256, now, now, [bytes(32)] * 2, "")
    later = now + 5
    stage.at(later)
    with Refused("WrongRange", now, later + 11, later - DEMO.max_posting_delay, later + DEMO.max_clock_skew):
        stage.poster.post(1, 0, 1, now, later + 11, [bytes(32)], "")


def test_prove_fault_voids_the_leaf_and_slashes_the_lane(stage: Stage) -> None:
    on_stage(stage)
    batch = post(stage, honest(stage), forged(stage), honest(stage, 2))
    landed = stage.prover.prove_fault(FaultKind.BAD_SIGNATURE, claim_of(batch, 1))
    assert landed.events == (FaultProven(batch.id, 1, 1, stage.prover.account, DEMO.leaf_slash),)
    state = stage.relayer.lane(1)
    assert state is not None
    assert (state.stake, state.burned) == (ETHER - DEMO.leaf_slash, DEMO.leaf_slash // 2)
    assert stage.prover.credits(stage.prover.account) == DEMO.leaf_slash // 2
    posted = stage.prover.batch(batch.id)
    assert posted is not None and (posted[1].fault_count, posted[1].flags) == (1, 1)


def test_prove_fault_that_is_none_is_refused(stage: Stage) -> None:
    on_stage(stage)
    batch = post(stage, honest(stage), forged(stage))
    prove = stage.prover.prove_fault
    with Refused("NotProven", 1):
        prove(FaultKind.BAD_SIGNATURE, claim_of(batch, 0))
    with Refused("KeyOfAnotherNode", NODE.node, STRANGER.node):
        prove(FaultKind.BAD_SIGNATURE, claim_of(batch, 1, STRANGER.public_key))
    with Refused("UnknownScheme", 3):
        prove(FaultKind.BAD_SIGNATURE, claim_of(batch, 1, b"key"))
    elsewhere = claim_of(batch, 1)
    with Refused("NotIncluded", batch.id, 0):
        prove(FaultKind.BAD_SIGNATURE, Claim(**{**_fields(elsewhere), "index": 0}))
    with Refused("UnknownBatch", batch_id(1, 2)):
        prove(FaultKind.BAD_SIGNATURE, Claim(**{**_fields(elsewhere), "batch": batch_id(1, 2)}))
    prove(FaultKind.BAD_SIGNATURE, claim_of(batch, 1))
    with Refused("AlreadyProven", batch.id, 1):
        prove(FaultKind.BAD_SIGNATURE, claim_of(batch, 1))


def test_prove_fault_is_possible_until_the_windows_last_second(stage: Stage) -> None:
    on_stage(stage)
    batch = post(stage, forged(stage, 100), forged(stage, 101))
    end = stage.now + DEMO.window
    stage.at(end)
    stage.prover.prove_fault(FaultKind.BAD_SIGNATURE, claim_of(batch, 0))
    assert stage.now == end
    stage.at(end + 1)
    with Refused("TooLate", end):
        stage.prover.prove_fault(FaultKind.BAD_SIGNATURE, claim_of(batch, 1))


def test_withdraw_pays_the_credit_once(stage: Stage) -> None:
    on_stage(stage)
    with Refused("NoCredit", stage.prover.account):
        stage.prover.withdraw(stage.poor.account)
    stage.prover.prove_fault(FaultKind.BAD_SIGNATURE, claim_of(post(stage, forged(stage)), 0))
    reward = DEMO.leaf_slash // 2
    landed = stage.prover.withdraw(stage.poor.account)
    assert landed.events == (Withdrawn(stage.prover.account, stage.poor.account, reward),)
    assert stage.poor.balance(stage.poor.account) == reward
    assert stage.prover.credits(stage.prover.account) == 0


def test_standing_goes_from_posted_to_final_or_voided(stage: Stage) -> None:
    on_stage(stage)
    old = leaf_of(NODE, domain_of(stage.owner), stage.now - DEMO.max_posting_delay - 50, 7)
    of_stranger = leaf_of(STRANGER, domain_of(stage.owner), stage.now, 8)
    batch = post(stage, honest(stage), forged(stage), old, of_stranger)
    end = stage.now + DEMO.window
    stage.prover.prove_fault(FaultKind.BAD_SIGNATURE, claim_of(batch, 1))
    reasons = [VoidReason.NONE, VoidReason.FAULTY, VoidReason.UNTIMELY, VoidReason.NOT_ENTITLED]

    def standings() -> list[Standing]:
        answers = []
        for index, leaf in enumerate(batch.leaves):
            assert leaf is not None
            where = (batch.id, index, leaf.words, batch.tree.proof(index))
            assert stage.relayer.why_void(*where) == reasons[index]
            answers.append(stage.relayer.standing(*where))
        return answers

    assert standings() == [Standing.POSTED] + [Standing.VOIDED] * 3
    stage.until(end)
    assert standings() == [Standing.POSTED] + [Standing.VOIDED] * 3
    stage.until(end + 1)
    assert standings() == [Standing.FINAL] + [Standing.VOIDED] * 3
    leaf = batch.leaves[0]
    assert leaf is not None
    assert stage.relayer.standing(batch.id, 1, leaf.words, batch.tree.proof(0)) == Standing.UNKNOWN
    assert stage.relayer.why_void(batch_id(1, 99), 0, leaf.words, []) == VoidReason.NONE
    assert stage.relayer.trust_gap(batch.id, 1, leaf.words, batch.tree.proof(0)) == TrustGap(0, 0, 0)
    assert stage.relayer.trust_gap(batch_id(1, 99), 0, leaf.words, []) == TrustGap(0, 0, 0)


def test_trust_gap_tells_when_a_leaf_is_final_or_that_it_never_is(stage: Stage) -> None:
    on_stage(stage)
    batch = post(stage, honest(stage), forged(stage))
    posted = stage.now
    stage.prover.prove_fault(FaultKind.BAD_SIGNATURE, claim_of(batch, 1))

    def gaps() -> list[TrustGap]:
        leaves = [leaf for leaf in batch.leaves if leaf is not None]
        proofs = [batch.tree.proof(index) for index in (0, 1)]
        return [stage.owner.trust_gap(batch.id, i, leaf.words, proofs[i]) for i, leaf in enumerate(leaves)]

    issued = [leaf.receipt.issued_at for leaf in batch.leaves if leaf is not None]
    final = posted + DEMO.window + 1
    wanted = [TrustGap(issued[0], posted, final), TrustGap(issued[1], posted, 0)]
    assert gaps() == wanted
    stage.until(final + 50)
    assert gaps() == wanted


def test_dry_runs_change_nothing(stage: Stage) -> None:
    on_stage(stage)
    stage.prover.prove_fault(FaultKind.BAD_SIGNATURE, claim_of(post(stage, forged(stage)), 0))
    head, lane = stage.owner.head(), stage.owner.lane(1)
    account = stage.relayer.account
    number, landed = stage.relayer.open_lane(account, account, 0, ETHER, dry_run=True)
    assert number == 2
    runs = [
        landed,
        stage.relayer.top_up(1, GWEI, dry_run=True),
        stage.prover.withdraw(account, dry_run=True),
        stage.owner.endorse(STRANGER.public_key, account, dry_run=True),
        stage.owner.revoke(NODE.node, stage.now + 60, "", dry_run=True),
    ]
    for run in runs:
        assert run.tx_hash == b"" and run.events == () and run.gas_used > 0 and run.block == head.number
    assert stage.owner.head() == head and stage.owner.lane(1) == lane and stage.owner.lane_count() == 1
    with Refused("UnknownLane", 9):
        stage.relayer.top_up(9, GWEI, dry_run=True)


def test_guard_is_asked_before_anything_is_sent(stage: Stage) -> None:
    relayer = stage.relayer
    asked: list[bool] = []

    def may_act() -> None:
        asked.append(True)
        if len(asked) == 1:
            raise NotLeading("another acts")

    relayer.guard(may_act)
    try:
        before = relayer.head()
        relayer.open_lane(relayer.account, relayer.account, 0, ETHER, dry_run=True)
        assert not asked
        with pytest.raises(NotLeading, match="another acts"):
            relayer.open_lane(relayer.account, relayer.account, 0, ETHER)
        assert (relayer.head(), relayer.lane_count()) == (before, 0)
        lane, _ = relayer.open_lane(relayer.account, relayer.account, 0, ETHER)
        assert (len(asked), lane, relayer.lane_count()) == (2, 1, 1)
    finally:
        relayer.guard(lambda: None)


def test_an_account_without_coin_cannot_send(stage: Stage) -> None:
    with pytest.raises(SendFailed, match="send native coin to the account"):
        stage.poor.open_lane(stage.poor.account, stage.poor.account, 0, ETHER)
    with pytest.raises(SendFailed, match="send native coin to the account"):
        stage.relayer.open_lane(stage.poor.account, stage.poor.account, 0, WEALTH + ETHER)


def test_events_come_in_order_at_their_places(stage: Stage) -> None:
    first = stage.owner.head().number + 1
    on_stage(stage)
    landed = stage.relayer.top_up(1, GWEI)
    batch = post(stage, forged(stage))
    stage.prover.prove_fault(FaultKind.BAD_SIGNATURE, claim_of(batch, 0))
    head = stage.owner.head().number
    logged = stage.owner.events(first, head)
    kinds = [OperatorChanged, NodeEndorsed, LaneOpened, StakeAdded, Posted, FaultProven]
    assert [type(one.event) for one in logged] == kinds
    for one in logged:
        block = stage.owner.block(one.place.block)
        assert block is not None
        assert (block.hash, block.timestamp) == (one.place.block_hash, one.place.timestamp)
    assert (logged[3].place.tx_hash, logged[3].place.block) == (landed.tx_hash, landed.block)
    middle = logged[3].place.block
    assert [one.event for one in stage.owner.events(middle, middle)] == [logged[3].event]
    assert stage.owner.events(middle + 1, middle) == []


def _fields(claim: Claim) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in Claim.__dataclass_fields__}
