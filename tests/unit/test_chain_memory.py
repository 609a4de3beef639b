"""What the in-memory chain can do that no real one can be asked to.

MemoryChain
├── mine: time passes as told; never less than a second
├── reorg
│   ├── drops blocks, events and all they changed; later blocks have other hashes
│   ├── with replay: the next block holds the dropped transactions again
│   ├── at the depth of the deployment and beyond: refused
│   └── keeps what an account was funded with
├── fail_next: as many calls fail as told, and do nothing
├── delay_next: the sender fails, the transaction lands later, or at once
├── before_next: somebody else's transaction comes first
├── act: an epoch announced, slashed stake burned
├── a guardian and a base fee as told
└── views share one chain; each dry run leaves it alone
"""

import pytest

from afterproof.chain.base import Burned, EpochAnnounced, GuardianChanged, LaneOpened, NonceOpened
from afterproof.chain.memory import MemoryChain
from afterproof.chain.memory_state import BURNED_TO
from afterproof.errors import CallReverted, ChainUnavailable, SendFailed
from afterproof.protocol.batching import build_batch
from afterproof.protocol.state import LANE_FAULTS, Claim, FaultKind
from afterproof.protocol.terms import DEMO, ETHER, GWEI
from tests.support.scene import forged_leaf, secp_signer

OWNER, RELAYER, OTHER = (bytes([n]) * 20 for n in (15, 1, 2))
NODE = secp_signer(0)


@pytest.fixture
def chain() -> MemoryChain:
    return MemoryChain(OWNER, balances={RELAYER: 10 * ETHER, OTHER: ETHER})


def open_lane(chain: MemoryChain) -> int:
    return chain.account_view(RELAYER).open_lane(RELAYER, RELAYER, 0, ETHER)[0]


def test_mine_lets_time_pass(chain: MemoryChain) -> None:
    before = chain.account_view(OWNER).head()
    after = chain.mine(seconds=60)
    assert (after.number, after.timestamp) == (before.number + 1, before.timestamp + 60)
    assert chain.account_view(OWNER).head() == after and chain.now == after.timestamp
    with pytest.raises(ValueError, match="at least a second"):
        chain.mine(seconds=0)


def test_reorg_drops_blocks_and_all_they_changed(chain: MemoryChain) -> None:
    view = chain.account_view(RELAYER)
    kept = chain.mine()
    open_lane(chain)
    dropped = chain.mine()
    chain.reorg(depth=2)
    assert view.head() == kept
    assert view.lane_count() == 0 and view.balance(RELAYER) == 10 * ETHER
    assert not [one for one in view.events(0, 99) if isinstance(one.event, LaneOpened)]
    chain.mine()
    again = chain.mine()
    assert again.number == dropped.number and again.hash != dropped.hash


def test_reorg_keeps_earlier_transactions_and_funds(chain: MemoryChain) -> None:
    chain.fund(OTHER, ETHER)
    chain.account_view(OWNER).endorse(NODE.public_key, RELAYER)
    starts_at = chain.now + 1
    open_lane(chain)
    chain.reorg(depth=1)
    found = chain.account_view(OWNER).attestation(1)
    assert found is not None and (found.node, found.starts_at) == (NODE.node, starts_at)
    assert chain.account_view(OTHER).balance(OTHER) == 2 * ETHER


def test_a_nonce_is_of_its_blocks_parent(chain: MemoryChain) -> None:
    view = chain.account_view(OTHER)

    def opened() -> list[bytes]:
        return [one.event.nonce for one in view.events(0, 99) if isinstance(one.event, NonceOpened)]

    chain.mine()
    nonce, _ = view.open_nonce(OTHER, OTHER)
    assert opened() == [nonce]
    chain.reorg(depth=1, replay=True)
    chain.mine()
    assert opened() == [nonce]  # behind the same parent
    chain.reorg(depth=2, replay=True)
    chain.mine()
    (other,) = opened()
    assert other != nonce and list(chain.view().registry.nonces) == [other]


def test_reorg_with_replay_lands_the_transactions_again(chain: MemoryChain) -> None:
    open_lane(chain)
    chain.account_view(OTHER).top_up(1, GWEI)
    hashes = [one.place.tx_hash for one in chain.account_view(OTHER).events(2, 99)]
    chain.reorg(depth=2, replay=True)
    assert chain.account_view(OTHER).lane_count() == 0
    block = chain.mine()
    again = chain.account_view(OTHER).events(2, 99)
    assert [one.place.tx_hash for one in again] == hashes
    assert [one.place.log_index for one in again] == [0, 1]
    assert {one.place.block_hash for one in again} == {block.hash}


def test_reorg_beyond_the_deployment_is_refused(chain: MemoryChain) -> None:
    chain.mine()
    for depth in (0, 2):
        with pytest.raises(ValueError, match="cannot drop"):
            chain.reorg(depth)
    chain.reorg(1)
    kinds = [type(logged.event) for logged in chain.account_view(OWNER).events(1, 1)]
    assert kinds == [GuardianChanged, EpochAnnounced]


def test_fail_next_fails_as_many_calls_as_told(chain: MemoryChain) -> None:
    view = chain.account_view(RELAYER)
    chain.fail_next(2)
    with pytest.raises(ChainUnavailable):
        view.head()
    with pytest.raises(ChainUnavailable):
        open_lane(chain)
    assert view.lane_count() == 0
    chain.fail_next(exception=SendFailed("no"))
    with pytest.raises(SendFailed, match="no"):
        open_lane(chain)


def test_delay_next_lands_the_transaction_later(chain: MemoryChain) -> None:
    view = chain.account_view(RELAYER)
    chain.delay_next(blocks=2)
    with pytest.raises(SendFailed, match="may land later"):
        open_lane(chain)
    chain.mine()
    assert view.lane_count() == 0
    chain.mine()
    assert view.lane_count() == 1


def test_delay_next_of_no_blocks_loses_the_answer_alone(chain: MemoryChain) -> None:
    chain.delay_next(blocks=0)
    with pytest.raises(SendFailed, match="may land later"):
        open_lane(chain)
    assert chain.account_view(RELAYER).lane_count() == 1


def test_delay_next_of_a_call_that_reverts_sends_nothing(chain: MemoryChain) -> None:
    before = chain.now
    chain.delay_next(blocks=1)
    with pytest.raises(CallReverted, match="UnknownLane"):
        chain.account_view(RELAYER).top_up(7, GWEI)
    assert chain.now == before


def test_before_next_lets_another_come_first(chain: MemoryChain) -> None:
    owner = chain.account_view(OWNER)
    chain.before_next(lambda: owner.endorse(NODE.public_key, OTHER))
    head = owner.head().number
    with pytest.raises(CallReverted, match="OtherOperator"):
        owner.endorse(NODE.public_key, RELAYER)
    assert owner.head().number == head + 2  # the transaction landed, and reverted
    assert {one.place.block for one in owner.events(head + 1, head + 2)} == {head + 1}


def test_act_does_what_no_sender_has_a_method_for(chain: MemoryChain) -> None:
    starts_at = chain.now + 1 + DEMO.time_to_leave
    kinds = LANE_FAULTS
    _, landed = chain.act(
        OWNER, lambda env, settlement, _: settlement.announce_epoch(env, DEMO, kinds, starts_at)
    )
    assert landed.events == (EpochAnnounced(2, starts_at, DEMO, LANE_FAULTS),)
    view = chain.account_view(OTHER)
    assert view.current_epoch() == 1 and view.terms(2) == DEMO
    chain.mine(seconds=DEMO.time_to_leave)
    assert view.current_epoch() == 2


def test_slashed_stake_is_burned_by_whoever_sweeps(chain: MemoryChain) -> None:
    view = chain.account_view(RELAYER)
    chain.account_view(OWNER).endorse(NODE.public_key, RELAYER)
    open_lane(chain)
    batch = build_batch(1, 0, [forged_leaf(NODE, chain.domain, chain.now)])
    view.post(1, 0, 1, chain.now, chain.now, batch.tree.tile_roots, "")
    leaf = batch.leaves[0]
    assert leaf is not None
    claim = Claim(batch.id, 0, leaf.receipt, leaf.signature, (), NODE.public_key)
    chain.account_view(OTHER).prove_fault(FaultKind.BAD_SIGNATURE, claim)
    _, landed = chain.act(OTHER, lambda env, settlement, _: settlement.sweep_burned(env, 1))
    assert landed.events == (Burned(1, DEMO.leaf_slash // 2),)
    assert view.balance(BURNED_TO) == DEMO.leaf_slash // 2


def test_a_deposit_follows_the_base_fee() -> None:
    chain = MemoryChain(OWNER, balances={RELAYER: 10 * ETHER}, guardian=OTHER, base_fee=100 * GWEI)
    view = chain.account_view(RELAYER)
    open_lane(chain)
    batch = build_batch(1, 0, [None])
    view.post(1, 0, 1, chain.now, chain.now, batch.tree.tile_roots, "")
    needed = view.deposit_for(batch.id, 0)
    assert needed == 100 * GWEI * 180_000
    with pytest.raises(CallReverted, match="InsufficientDeposit"):
        view.demand_tile(batch.id, 0, batch.tree.root, [], needed - 1)
    view.demand_tile(batch.id, 0, batch.tree.root, [], needed)
    assert chain.account_view(OTHER).pause_posting(1).events


def test_dry_run_and_views_share_one_chain(chain: MemoryChain) -> None:
    assert chain.account_view(OTHER).open_lane(OTHER, OTHER, 0, ETHER, dry_run=True)[0] == 1
    assert open_lane(chain) == 1
    assert chain.account_view(OTHER).lane_count() == 1
