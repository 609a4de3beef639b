"""Check: what a verifier finds in a posted batch, and what it never says.

checking a batch
├── it should judge every leaf, and write all that it found in one commit
├── it should fetch no more bytes than the leaves can have
├── when more follows the data → it should check what was posted all the same
├── when the data cannot be had, is not what was posted, or is no leaves
│   ├── it should record a demand, loudly, and look again after growing waits
│   ├── when it is there again → it should check the batch and forget the demand
│   ├── when the window ends meanwhile → it should say that it could not be checked, once
│   └── other batches should be checked all the same
├── when the trouble is its own → it should accuse nobody, and look again
│   ├── the node does not answer
│   └── the terms are not known, a leaf cannot be judged
├── when the epoch knows no such fault → it should say so, and send nothing
└── when its clock is slow → it should go by the chain's
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.errors import ChainUnavailable
from afterproof.protocol.errors import InvalidField
from afterproof.protocol.header import BatchId, batch_id
from afterproof.protocol.packing import pack
from afterproof.protocol.publication import most_bytes
from afterproof.protocol.terms import DEMO
from afterproof.running import tiles
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.watch import watch
from afterproof.store.deadlines import Action
from afterproof.store.verdicts import State, What
from tests.support.crashes import tables
from tests.support.databases import on_both
from tests.support.world import World
from tests.unit.test_steps_line import CHEAT

pytestmark = on_both

FIRST = batch_id(1, 0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


@pytest.fixture
def verifier(world: World) -> Context:
    return world.verifier()


def posted(world: World, relayer: Context, verifier: Context, *receipts: Any) -> None:
    """Have these posted unjudged, and seen by the verifier."""
    world.slip_in(relayer, *receipts)
    world.round(relayer, steps=CHEAT)
    while watch(verifier):
        pass


def demands(verifier: Context, batch: BatchId = FIRST) -> list[str]:
    """Why data is missing, by the verdicts."""
    return [one.why for one in verifier.store.verdicts.of(batch) if one.what is What.DEMAND]


def test_check_judges_every_leaf(world: World, relayer: Context, verifier: Context) -> None:
    late = world.signed(5, age=DEMO.max_posting_delay + 9)
    posted(world, relayer, verifier, world.signed(1), world.forged(2), world.of_stranger(3), late)
    assert check(verifier) is False
    found = verifier.store.verdicts.check(FIRST)
    assert found is not None
    assert (found.state, found.accepted, found.void, found.disputed) == ("checked", 1, 2, 1)
    (verdict,) = verifier.store.verdicts.of(FIRST)
    assert (verdict.place, verdict.what, verdict.state) == (1, What.DISPUTE, State.PENDING)
    (deadline,) = verifier.store.deadlines.all(Action.DISPUTE)
    header = verifier.store.batches.posted(FIRST)
    assert header is not None and deadline.time == header.header.window_end
    assert verifier.store.deadlines.count(Action.CHECK) == 0


def test_check_has_more_to_do_while_batches_are_due(
    world: World, relayer: Context, verifier: Context
) -> None:
    posted(world, relayer, verifier, *[world.signed(n) for n in range(12)])
    assert [check(verifier) for _ in range(4)] == [True, True, False, False]
    assert world.shelf.fetches == 3


def test_check_fetches_no_more_than_the_leaves_can_have(
    world: World, relayer: Context, verifier: Context
) -> None:
    posted(world, relayer, verifier, *[world.signed(n) for n in range(3)])
    world.shelf.instead = bytes(most_bytes(3) + 1)
    check(verifier)
    assert demands(verifier) == [f"more than {most_bytes(3)} bytes"]


def test_check_of_missing_data_demands_and_looks_again_after_growing_waits(
    world: World, relayer: Context, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    posted(world, relayer, verifier, world.signed(1), world.forged(2))
    world.shelf.missing = True
    start, tried = world.now, []
    for _ in range(10):
        watch(verifier)
        before = world.shelf.fetches
        check(verifier)
        if world.shelf.fetches > before:
            tried.append(world.now - start)
        world.wait(1)
    assert tried == [0, 1, 3, 6]  # the last one before a demand
    found = verifier.store.verdicts.check(FIRST)
    assert found is not None and (found.state, found.attempts) == ("unavailable", 4)
    assert demands(verifier) == ["nobody answers"]
    assert "batch 1/0 cannot be checked (attempt 4, again in 8 s): nobody answers" in caplog.text
    world.shelf.missing = False
    world.wait(7)
    world.round(verifier, steps=(watch, check))
    found = verifier.store.verdicts.check(FIRST)
    assert found is not None and (found.state, found.disputed) == ("checked", 1)
    assert demands(verifier) == []


def test_check_of_data_that_never_comes_ends_with_the_window(
    world: World, relayer: Context, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    posted(world, relayer, verifier, world.signed(1))
    world.shelf.missing = True
    world.rounds(40, verifier)
    found = verifier.store.verdicts.check(FIRST)
    assert found is not None and found.state == "missed"
    assert caplog.text.count("could not be checked before its window ended: nobody answers") == 1
    assert verifier.store.deadlines.count(Action.CHECK) == 0
    assert demands(verifier) == ["nobody answers"]


@pytest.mark.parametrize("what", ["other leaves", "one byte", "too short", "nothing", "noise", "swapped"])
def test_check_of_other_data_demands_and_accuses_nobody_of_more(
    world: World, relayer: Context, verifier: Context, what: str
) -> None:
    receipts = [world.signed(n) for n in range(3)]
    posted(world, relayer, verifier, *receipts)
    data = pack([one.leaf for one in receipts])
    world.shelf.instead = {
        "other leaves": pack([world.forged(n).leaf for n in range(3)]),
        "one byte": data[:-1] + bytes([data[-1] ^ 1]),
        "too short": data[:-1],
        "nothing": b"",
        "noise": b"\xfe\xff" + bytes(100),
        "swapped": pack([one.leaf for one in receipts[::-1]]),
    }[what]
    check(verifier)
    assert len(demands(verifier)) == 1 and "is not what was posted" in demands(verifier)[0]
    assert verifier.store.deadlines.count(Action.DISPUTE) == 0
    world.shelf.instead = None
    world.rounds(3, verifier)
    found = verifier.store.verdicts.check(FIRST)
    assert found is not None and (found.state, found.accepted) == ("checked", 3)


@pytest.mark.parametrize("more", [b"\0", bytes(200)])
def test_check_of_data_with_more_behind_it_goes_by_the_leaves(
    world: World, relayer: Context, verifier: Context, more: bytes
) -> None:
    receipts = [world.signed(1), world.forged(2)]
    posted(world, relayer, verifier, *receipts)
    world.shelf.instead = pack([one.leaf for one in receipts]) + more
    check(verifier)
    found = verifier.store.verdicts.check(FIRST)
    assert found is not None and (found.state, found.accepted, found.disputed) == ("checked", 1, 1)
    assert demands(verifier) == []


def test_check_of_other_batches_goes_on_beside_a_missing_one(
    world: World, relayer: Context, verifier: Context
) -> None:
    posted(world, relayer, verifier, *[world.signed(n) for n in range(8)])
    hidden = world.directory.path(FIRST)
    hidden.rename(hidden.with_suffix(".hidden"))
    world.round(verifier)
    states = [verifier.store.verdicts.check(batch_id(1, first)) for first in (0, 4)]
    assert [one.state for one in states if one] == ["unavailable", "checked"]


# --- its own trouble --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [InvalidField("publicKey", "is of no scheme"), ZeroDivisionError("oh")])
def test_check_of_an_unjudgeable_leaf_accuses_nobody_and_looks_again(
    world: World, relayer: Context, verifier: Context, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    posted(world, relayer, verifier, world.forged(1))

    def broken(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(tiles, "judge_tile", broken)
        assert check(verifier) is False
    assert verifier.store.verdicts.of(FIRST) == [] and verifier.store.verdicts.check(FIRST) is None
    assert not check(verifier) and verifier.store.verdicts.check(FIRST) is None  # not at once
    world.wait(5)
    check(verifier)
    assert len(verifier.store.verdicts.of(FIRST)) == 1


def test_check_without_the_terms_accuses_nobody_and_looks_again(
    world: World, relayer: Context, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    posted(world, relayer, verifier, world.forged(1))
    verifier.store._database.execute("UPDATE epochs SET epoch = 7")
    check(verifier)
    assert "cannot be judged yet, by no fault of its own: the terms of epoch 1 are not known" in caplog.text
    assert verifier.store.verdicts.of(FIRST) == []
    verifier.store._database.execute("UPDATE epochs SET epoch = 1")
    world.wait(5)
    check(verifier)
    assert len(verifier.store.verdicts.of(FIRST)) == 1


def test_check_of_a_batch_that_is_not_in_the_store_waits(
    world: World, relayer: Context, verifier: Context
) -> None:
    posted(world, relayer, verifier, world.forged(1))
    verifier.store._database.execute("DELETE FROM posted")
    assert check(verifier) is False
    assert verifier.store.verdicts.all() == []


def test_verifier_whose_node_does_not_answer_accuses_nobody(
    world: World, relayer: Context, verifier: Context
) -> None:
    posted(world, relayer, verifier, world.signed(1))
    before = tables(verifier.store)
    world.chain.fail_next(2)
    for _ in range(2):
        with pytest.raises(ChainUnavailable):
            watch(verifier)
    assert tables(verifier.store) == before


def test_check_of_a_fault_that_the_epoch_does_not_know_says_so_and_sends_nothing(
    world: World, relayer: Context, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    posted(world, relayer, verifier, world.forged(1))
    verifier.store._database.execute("UPDATE epochs SET faults = '[]'")
    check(verifier)
    (verdict,) = verifier.store.verdicts.of(FIRST)
    assert verdict.state is State.UNPROVABLE
    assert "epoch 1 knows no such fault" in caplog.text
    assert verifier.store.deadlines.count(Action.DISPUTE) == 0


def test_check_with_a_slow_clock_goes_by_the_chains(
    world: World, relayer: Context, verifier: Context
) -> None:
    posted(world, relayer, verifier, world.forged(1))
    slow = replace(verifier, clock=lambda: 1_000_000_000.0)
    check(slow)
    assert len(verifier.store.verdicts.of(FIRST)) == 1


def test_check_before_anything_was_followed_does_nothing(world: World) -> None:
    assert check(world.verifier("fresh")) is False
