"""Watch: the chain in the store, range by range, reorganisations included.

following
├── when there is more than a range → it should commit range by range and say that there is more
├── when a call fails at any point → it should store nothing of that range and go on from there next time
└── when nothing is new → it should write nothing
when the chain was reorganised
├── it should undo to the common ancestor, and end as a store that only ever saw the new chain
├── a batch that vanished → the relayer should post it again under the same numbers, with the same leaves
├── a proof that vanished → the verifier should prove it again
├── a batch that was final → it should not be, until it is again
└── a registration that vanished → what was judged by it should be judged again
when the node's answers do not fit together
├── a head behind the cursor on the same chain → it should wait, changing nothing
├── a block replaced while it was read → it should store nothing and read it again
└── events of another block → it should store nothing
"""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.chain.base import Block, FaultProven, Logged, Posted
from afterproof.errors import AfterproofError, CallReverted, ChainUnavailable
from afterproof.protocol.header import batch_id
from afterproof.steps import Context
from afterproof.steps import watch as watch_module
from afterproof.steps.check import check
from afterproof.steps.watch import watch
from afterproof.store.verdicts import State
from tests.support.crashes import tables
from tests.support.scene import receipt_of, secp_signer
from tests.support.world import OPERATOR, OWNER, RELAYER, World

CHAIN_TABLES = ("epochs", "nodes", "node_ends", "posted", "voids")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def from_chain(context: Context) -> dict[str, list[str]]:
    """What the store says the chain says."""
    found = tables(context.store, without={"posted.final_at", "posted.final_block"})
    return {name: found[name] for name in CHAIN_TABLES}


class Lying:
    """A chain whose answers are changed by tests: ``answers`` maps a method to what it answers instead."""

    def __init__(self, chain: Any, **answers: Any) -> None:
        self._chain, self._answers = chain, answers

    def __getattr__(self, name: str) -> Any:
        return self._answers.get(name, getattr(self._chain, name))


# --- following --------------------------------------------------------------------------------------


def test_watch_follows_range_by_range(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "RANGE", 2)
    for _ in range(5):
        world.wait(1)
    relayer, head = world.relayer(), world.chain.account_view(RELAYER).head()
    seen = []
    while watch(relayer):
        seen.append(relayer.store.chain.cursor())
        assert not relayer.pulse.is_fresh(world.now)
    numbers = [block.number for block in seen if block]
    assert numbers == list(range(2, head.number, 2))
    assert relayer.store.chain.cursor() == head
    assert relayer.pulse.is_fresh(world.now)


def test_watch_when_nothing_is_new_writes_nothing(world: World) -> None:
    relayer = world.relayer()
    watch(relayer)
    before = tables(relayer.store)
    assert watch(relayer) is False
    assert tables(relayer.store) == before


def test_watch_when_a_call_fails_stores_nothing_and_goes_on_later(world: World) -> None:
    relayer = world.relayer()
    watch(relayer)
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    world.round(relayer)
    verifier, before = world.verifier(), tables(world.verifier().store)
    # Head, last block, events, last block again: those before the n-th succeed.
    for passing in range(4):
        failing = Failing(verifier.chain, passing)
        with pytest.raises(ChainUnavailable):
            watch(replace(verifier, chain=failing))  # type: ignore[arg-type]
        assert tables(verifier.store) == before
    world.round(verifier)
    assert from_chain(verifier) == from_chain(relayer)


class Failing:
    """A chain that answers ``passing`` calls and then no more."""

    def __init__(self, chain: Any, passing: int) -> None:
        self._chain, self._left = chain, passing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._chain, name)
        if not callable(found):
            return found
        self._left -= 1
        if self._left < 0:
            raise ChainUnavailable("the node does not answer")
        return found


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
    relayer.store._database.execute("UPDATE blocks SET hash = x'00'")
    relayer.store._database.execute("UPDATE cursor SET hash = x'00'")
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


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
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
        len(verifier.store.batches.voids(one.id)) for one in verifier.store.batches.newest_posted(1000)
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


# --- answers that do not fit ------------------------------------------------------------------------


def test_watch_with_a_head_behind_the_cursor_waits(world: World) -> None:
    relayer = world.relayer()
    for _ in range(5):
        world.wait(1)
        watch(relayer)
    before, head = tables(relayer.store), relayer.chain.head()
    behind = Lying(relayer.chain, head=lambda: relayer.chain.block(head.number - 2))
    with pytest.raises(ChainUnavailable, match="behind block"):
        watch(replace(relayer, chain=behind))
    assert tables(relayer.store) == before
    assert watch(relayer) is False


def test_watch_with_a_shorter_but_other_chain_goes_back_at_once(world: World) -> None:
    relayer = world.relayer()
    for _ in range(5):
        world.wait(1)
        watch(relayer)
    world.chain.reorg(4)
    head = world.chain.mine(1)
    assert watch(relayer) is False
    assert relayer.store.chain.cursor() == head


def test_watch_of_a_block_replaced_while_read_stores_nothing(world: World) -> None:
    relayer = world.relayer()
    watch(relayer)
    world.wait(1)
    before, real = tables(relayer.store), relayer.chain

    def events(first: int, last: int) -> list[Logged]:
        found = real.events(first, last)
        world.chain.reorg(1)
        world.wait(2)
        return found

    with pytest.raises(ChainUnavailable, match="replaced while it was read"):
        watch(replace(relayer, chain=Lying(real, events=events)))
    assert tables(relayer.store) == before
    world.round(relayer)
    assert relayer.store.chain.cursor() == real.head()


def test_watch_of_another_blocks_events_stores_nothing(world: World) -> None:
    relayer = world.relayer()
    watch(relayer)
    world.chain.account_view(OWNER).endorse(secp_signer(9).public_key, OPERATOR)
    before, real = tables(relayer.store), relayer.chain

    def events(first: int, last: int) -> list[Logged]:
        return [
            replace(one, place=replace(one.place, block_hash=bytes(32))) for one in real.events(first, last)
        ]

    with pytest.raises(ChainUnavailable, match="another block's"):
        watch(replace(relayer, chain=Lying(real, events=events)))
    assert tables(relayer.store) == before


def test_watch_of_a_block_that_is_gone_says_so(world: World) -> None:
    relayer = world.relayer()
    missing = Lying(relayer.chain, block=lambda number: None)
    with pytest.raises(ChainUnavailable, match="has no block"):
        watch(replace(relayer, chain=missing))


def test_watch_before_the_contracts_were_deployed_waits_for_them(world: World) -> None:
    relayer = world.relayer()
    early = Lying(relayer.chain, head=lambda: Block(0, bytes(32), 0))
    assert watch(replace(relayer, chain=early)) is False
    assert relayer.store.chain.cursor() is None
