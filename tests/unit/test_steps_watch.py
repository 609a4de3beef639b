"""Watch: the chain in the store, range by range, reorganisations included.

following
├── when there is more than a range → it should commit range by range and say that there is more
├── when a call fails at any point → it should store nothing of that range and go on from there next time
└── when nothing is new → it should write nothing
when the node's answers do not fit together
├── a head behind the cursor on the same chain → it should wait, changing nothing
├── a reorganised chain, and blocks that are not there → it should wait, undoing nothing
├── a block replaced while it was read → it should store nothing and read it again
├── events of another block → it should store nothing
└── events that leave out a batch of the relayer's own → it should store nothing, and read them again
    └── even where they were left out before, and the lane has moved on unnoticed
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import Block, Logged
from afterproof.errors import ChainUnavailable
from afterproof.steps import Context
from afterproof.steps import watch as watch_module
from afterproof.steps.batch import batch
from afterproof.steps.post import post
from afterproof.steps.watch import watch
from tests.support.crashes import tables
from tests.support.databases import on_both
from tests.support.scene import secp_signer
from tests.support.world import OPERATOR, OWNER, RELAYER, World

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


def test_watch_of_a_reorganised_chain_whose_node_falls_behind_undoes_nothing(world: World) -> None:
    """Another node answers for the one that was on the new chain, and has not come so far."""
    relayer = world.relayer()
    for _ in range(5):
        world.wait(1)
        watch(relayer)
    cursor, before, real = relayer.store.chain.cursor(), tables(relayer.store), relayer.chain
    assert cursor is not None
    world.chain.reorg(2)
    for _ in range(3):
        world.wait(1)
    asked: list[int] = []

    def block(number: int) -> Block | None:
        asked.append(number)
        return real.block(number) if len(asked) == 1 else None

    with pytest.raises(ChainUnavailable, match="has no block"):
        watch(replace(relayer, chain=Lying(real, block=block)))
    assert asked[0] == cursor.number and tables(relayer.store) == before
    world.round(relayer)
    assert relayer.store.chain.cursor() == real.head()


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


def test_watch_when_events_leave_out_our_batch_stores_nothing(world: World) -> None:
    relayer = world.relayer()
    world.round(relayer)
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer) and post(relayer)
    before = tables(relayer.store)
    with pytest.raises(ChainUnavailable, match="leave out a batch on lane 1"):
        watch(replace(relayer, chain=Lying(relayer.chain, events=lambda first, last: [])))  # type: ignore[arg-type]
    assert tables(relayer.store) == before
    watch(relayer)
    posted = relayer.store.batches.last_posted(1)
    assert posted is not None and posted.end == 4


def test_watch_finds_batches_that_were_left_out_before(world: World) -> None:
    """A head that moved on while the lane was looked at proves nothing: the range was stored without them."""
    relayer = world.relayer()
    world.round(relayer)
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    assert batch(relayer) and post(relayer)
    heads = [relayer.chain.head(), replace(relayer.chain.head(), hash=b"\x0f" * 32)]
    silent = Lying(relayer.chain, events=lambda first, last: [], head=lambda: heads.pop(0))
    watch(replace(relayer, chain=silent))  # type: ignore[arg-type]
    assert relayer.store.batches.last_posted(1) is None
    world.wait(1)
    watch(relayer)
    posted = relayer.store.batches.last_posted(1)
    assert posted is not None and posted.end == 4
    assert relayer.store.chain.cursor() == relayer.chain.head()
