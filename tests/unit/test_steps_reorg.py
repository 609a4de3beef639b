"""Reorganisations: the store goes back with the chain, and the roles do again what is gone.

when the chain was reorganised
├── it should undo to the common ancestor, and end as a store that only ever saw the new chain
├── a batch that vanished → the relayer should post it again under the same numbers, with the same leaves
├── a proof that vanished → the verifier should prove it again
├── a batch that was final → it should not be, until it is again
└── a registration that vanished → what was judged by it should be judged again
"""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.chain.base import FaultProven, Posted
from afterproof.errors import AfterproofError, CallReverted
from afterproof.protocol.header import batch_id
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.watch import watch
from afterproof.store.verdicts import State
from tests.support.crashes import tables
from tests.support.databases import on_both
from tests.support.scene import receipt_of, secp_signer
from tests.support.world import OPERATOR, OWNER, World

pytestmark = on_both

CHAIN_TABLES = (
    "epochs", "nodes", "operators", "measurements", "attestations", "claims", "attestation_changes", "subjects", "ends",
    "posted", "faults", "strikes",
)  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def from_chain(context: Context) -> dict[str, list[str]]:
    """What the store says the chain says."""
    found = tables(context.store, without={"posted.final_at", "posted.final_block"})
    return {name: found[name] for name in CHAIN_TABLES}


# --- reorganisations --------------------------------------------------------------------------------


def test_reorg_of_a_post_has_it_posted_again_under_the_same_numbers(world: World) -> None:
    relayer, verifier = world.relayer(), world.verifier()
    world.round(relayer)
    receipts = [world.signed(n) for n in range(8)]
    world.take_in(relayer, *receipts)
    world.round(relayer)
    world.round(verifier)
    first = relayer.store.batches.posted(batch_id(1, 0))
    world.chain.reorg(2)  # both batches vanish
    world.wait(1)
    world.wait(1)
    world.wait(1)
    world.round(relayer)
    world.round(verifier)
    posted = [one.event for one in relayer.chain.events(0, 10**6) if isinstance(one.event, Posted)]
    assert [event.batch for event in posted] == [batch_id(1, 0), batch_id(1, 4)]
    again = verifier.store.batches.posted(batch_id(1, 0))
    assert first is not None and again is not None
    assert again.root == first.root and again.header.anchor > first.header.anchor
    world.rounds(world.terms.window + 3, relayer, verifier)
    assert verifier.store.verdicts.all() == []
    final = verifier.store.batches.posted(batch_id(1, 4))
    assert final is not None and final.final_at is not None


def test_reorg_of_a_proof_has_it_proven_again(world: World) -> None:
    relayer, verifier = world.relayer(), world.verifier()
    world.round(relayer, verifier)
    world.slip_in(relayer, *[world.forged(n) for n in range(2)])
    from tests.unit.test_steps_line import CHEAT

    world.round(relayer, steps=CHEAT)
    world.round(verifier)
    world.round(verifier)
    assert {one.state for one in verifier.store.verdicts.all()} == {State.PROVEN}
    world.chain.reorg(2)
    world.wait(1)
    world.wait(1)
    world.wait(1)
    world.round(verifier)
    world.round(verifier)
    proven = [one.event for one in relayer.chain.events(0, 10**6) if isinstance(one.event, FaultProven)]
    assert len(proven) == 2
    assert {one.state for one in verifier.store.verdicts.all()} == {State.PROVEN}
    assert verifier.chain.credits(verifier.chain.account) == world.terms.leaf_slash


def test_reorg_of_final_blocks_unfinalises_until_it_is_final_again(world: World) -> None:
    relayer = world.relayer()
    world.round(relayer)
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    world.round(relayer)
    world.wait(world.terms.window + 5)  # one block that comes late
    world.round(relayer)
    batch = batch_id(1, 0)
    final = relayer.store.batches.posted(batch)
    assert final is not None and final.final_at == final.header.window_end + 1
    world.chain.reorg(1)
    world.wait(1)  # another in its place that comes early
    world.round(relayer)
    back = relayer.store.batches.posted(batch)
    assert back is not None and back.final_at is None
    world.wait(world.terms.window)
    world.round(relayer)
    assert relayer.store.batches.posted(batch) == final


def test_reorg_of_a_revocation_has_its_leaves_judged_again(world: World) -> None:
    """Void by a revocation that reaches back; then the revocation never was, and the forgery must be proven."""
    from tests.unit.test_steps_line import CHEAT

    relayer, verifier = world.relayer(), world.verifier()
    world.round(relayer, verifier)
    world.slip_in(relayer, world.forged(1))
    world.round(relayer, steps=CHEAT)
    world.chain.account_view(OWNER).revoke(world.nodes[0].node, world.now - 3, "stolen")
    world.round(verifier, steps=(watch, check))
    found = verifier.store.verdicts.check(batch_id(1, 0))
    assert found is not None and (found.void, found.disputed) == (1, 0)
    world.chain.reorg(1)
    world.wait(1)
    world.wait(1)
    world.round(verifier)
    world.round(verifier)
    assert {one.state for one in verifier.store.verdicts.all()} == {State.PROVEN}


def test_reorg_beyond_all_memory_reads_everything_again(world: World) -> None:
    relayer = world.relayer()
    world.round(relayer)
    world.take_in(relayer, world.signed(1))
    relayer.store._database.execute("UPDATE blocks SET hash = ?", (b"\0",))
    relayer.store._database.execute("UPDATE cursor SET hash = ?", (b"\0",))
    world.wait(1)
    world.round(relayer)
    assert from_chain(relayer) == from_chain(followed_afresh(world, "fresh"))
    assert relayer.store.receipts.count(1) == 1


def followed_afresh(world: World, name: str) -> Context:
    """A store that has seen the chain only as it is now."""
    fresh = world.relayer(name)
    while watch(fresh):
        pass
    return fresh


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("take in"), st.integers(1, 5)),
        st.tuples(st.just("forge"), st.integers(1, 2)),
        st.tuples(st.just("register"), st.integers(2, 6)),
        st.tuples(st.just("wait"), st.integers(1, 6)),
        st.tuples(st.just("reorg"), st.integers(1, 6)),
        st.tuples(st.just("reorg, replayed"), st.integers(1, 6)),
        st.tuples(st.just("rounds"), st.integers(1, 2)),
        st.tuples(st.just("failing rounds"), st.integers(1, 3)),
    ),
    max_size=20,
)


@settings(max_examples=14, suppress_health_check=[HealthCheck.too_slow])
@given(actions=ACTIONS)
def test_after_any_reorganisations_a_store_is_as_one_that_never_saw_them(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int]]
) -> None:
    world = World(tmp_path_factory.mktemp("world"), max_age=1.0)
    relayer, verifier = world.relayer(), world.verifier()
    world.round(relayer, verifier)
    for number, (action, amount) in enumerate(actions):
        play(world, relayer, verifier, number, action, amount)
    settle(world, relayer, verifier)
    fresh = from_chain(followed_afresh(world, "fresh"))
    assert from_chain(relayer) == fresh
    assert from_chain(verifier) == fresh
    lane = relayer.chain.lane(1)
    assert lane is not None and lane.next_seq == relayer.store.receipts.next_seq(1)
    forged = sum(amount for action, amount in actions if action == "forge")
    voided = sum(
        len(verifier.store.faults.voids(one.id)) for one in verifier.store.batches.newest_posted(1000)
    )
    assert voided <= forged
    assert {one.state for one in verifier.store.verdicts.all()} <= {State.PROVEN, State.TOO_LATE}


def play(world: World, relayer: Context, verifier: Context, number: int, action: str, amount: int) -> None:
    """One action of the property above."""
    from tests.unit.test_steps_line import CHEAT

    if action == "take in":
        world.slip_in(relayer, *[world.signed(100 * number + n) for n in range(amount)])
    elif action == "forge":
        world.slip_in(relayer, *[world.forged(100 * number + n) for n in range(amount)])
    elif action == "register":
        signer = secp_signer(amount)
        with contextlib.suppress(
            CallReverted
        ):  # registered already, or by a transaction that is still under way
            world.chain.account_view(OWNER).endorse(signer.public_key, OPERATOR)
        world.slip_in(relayer, signer.sign(receipt_of(signer, world.now, number), world.domain))
    elif action == "wait":
        world.wait(amount)
    elif action.startswith("reorg"):
        depth = min(amount, relayer.chain.head().number - 6)
        if depth > 0:
            world.chain.reorg(depth, replay=action.endswith("replayed"))
    elif action in ("rounds", "failing rounds"):
        world.chain.fail_next(amount if action == "failing rounds" else 0)
        for _ in range(amount):
            for context, steps in ((relayer, CHEAT), (verifier, None)):
                try:
                    world.round(context, steps=steps)
                except AfterproofError:
                    continue


def settle(world: World, relayer: Context, verifier: Context) -> None:
    """Rounds until nothing waits: every receipt is posted and every window has ended."""
    from tests.unit.test_steps_line import CHEAT

    for _ in range(12):
        world.wait(2)
        for context, steps in ((relayer, CHEAT), (verifier, None)):
            for _ in range(4):
                try:
                    world.round(context, steps=steps)
                except AfterproofError:
                    continue
