"""Crashes amid demands: a verifier that is killed at any point demands, judges, shows and collects as if it were not.

a lane that withholds one batch for good, shows another late with a forgery in it and a receipt twice, and a third
whose data is demanded by somebody though it is kept
├── killed before or after any commit of the verifier's
└── killed after any transaction has landed, before anything of it is written
    └── it should have sent the same, none twice, earned the same, and end with the same verdicts
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import DemandExpired, FaultProven, TileAnswered, TileDemanded
from afterproof.protocol.terms import DEMO
from afterproof.steps import Context
from afterproof.steps.answer import answer
from afterproof.steps.check import check
from afterproof.steps.compare import compare
from afterproof.steps.demand import demand
from afterproof.steps.dispute import dispute
from afterproof.steps.finalise import finalise
from afterproof.steps.watch import watch
from afterproof.store.deadlines import Action
from afterproof.store.verdicts import What
from tests.support.crashes import Crash, crash_at, tables
from tests.support.lane import OwnLane
from tests.support.world import RIVAL, VERIFIER, World

TERMS = replace(DEMO, window=24, answer_period=10, claim_window=24)
STEPS = (watch, check, compare, dispute, demand, answer, finalise)
VOLATILE = {
    "blocks", "checks",
    *(f"verdicts.{column}" for column in ("tx_hash", "fee", "attempts", "next_at", "settled_block")),
}  # fmt: skip
ACTS = ("prove_fault", "demand_tile", "answer_tile", "expire_demand")


class Mortal:
    """A chain whose process ends just after its ``action``-th transaction has landed; 0: it lives."""

    def __init__(self, chain: Any, action: int) -> None:
        self._chain, self._left = chain, action

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._chain, name)
        return self._last(found) if name in ACTS else found

    def _last(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any) -> Any:
            landed = call(*arguments)
            self._left -= 1
            if self._left == 0:
                raise Crash
            return landed

        return act


@dataclass
class Ending:
    """What a run leaves behind."""

    events: list[Any]
    credits: int
    stores: dict[str, list[str]]
    undone: int
    commits: int
    crashes: int


def play(folder: Path, commit: int = 0, when: str = "after", transaction: int = 0) -> Ending:
    """The story, with one death."""
    world = World(folder, TERMS)
    lane, rival = OwnLane(world), world.chain.account_view(RIVAL)
    view = world.chain.account_view(VERIFIER)
    verifier: Context = world.verifier(chain=Mortal(view, transaction))  # type: ignore[arg-type]
    good = [world.signed(n).leaf for n in range(4)]
    lane.post(good[0])
    gone = lane.post(good[1], withheld=True)
    shown = lane.post(world.forged(7).leaf, good[2], good[2], withheld=True)
    kept = lane.post(good[3])
    commits = crashes = 0
    for second in range(3 * TERMS.window):
        if second == 2:
            rival.demand_tile(kept.id, 0, kept.tree.root, (), TERMS.demand_deposit)
        state = rival.demand_of(shown.id, 0)
        if state is not None and not state.answered_at and world.now >= state.deadline - 6:
            lane.answer(shown)
        while True:
            with crash_at(verifier.store, max(commit - commits, 0), when) as made:
                try:
                    world.round(verifier, steps=STEPS)
                    break
                except Crash:
                    crashes += 1
                finally:
                    commits += made[0]
            verifier.store.close()
            verifier = world.verifier(chain=view)
        world.wait(1)
    found = [one.event for one in view.events(0, 10**6)]
    events = [
        one for one in found if isinstance(one, TileDemanded | TileAnswered | DemandExpired | FaultProven)
    ]
    assert gone.count == 1
    undone = sum(verifier.store.deadlines.count(action) for action in Action if action is not Action.CHECK)
    return Ending(
        [replace(one, deadline=0) if isinstance(one, TileDemanded) else one for one in events],
        view.credits(VERIFIER), tables(verifier.store, without=VOLATILE), undone, commits, crashes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ending:
    """How it ends when nobody is killed."""
    ending = play(tmp_path_factory.mktemp("whole"))
    kinds = [type(one) for one in ending.events]
    assert (kinds.count(TileDemanded), kinds.count(DemandExpired)) == (3, 1)
    assert (kinds.count(TileAnswered), kinds.count(FaultProven)) == (2, 2)
    assert ending.undone == ending.crashes == 0
    assert any(What.ANSWER.value in row for row in ending.stores["verdicts"])
    return ending


def compared(ending: Ending, whole: Ending) -> None:
    """Nothing may differ but when it came about."""
    key = lambda one: (type(one).__name__, repr(one))  # noqa: E731 - said once, for both sides
    assert sorted(ending.events, key=key) == sorted(whole.events, key=key)
    assert (ending.credits, ending.undone) == (whole.credits, 0)
    states = [one.stores["verdicts"] for one in (ending, whole)]
    assert states[0] == states[1]


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_commit_ends_the_same(whole: Ending, tmp_path: Path, when: str) -> None:
    assert whole.commits > 20
    # Every commit from one side: what is between the sides is little, and the other steps' crash test has both.
    for commit in range(1 if when == "before" else 2, whole.commits + 1, 2):
        ending = play(tmp_path / str(commit), commit, when)
        assert ending.crashes == 1, f"commit {commit}"
        compared(ending, whole)


def test_killed_after_any_transaction_ends_the_same(whole: Ending, tmp_path: Path) -> None:
    for transaction in range(1, 7):
        ending = play(tmp_path / str(transaction), transaction=transaction)
        assert ending.crashes == 1, f"transaction {transaction}"
        compared(ending, whole)
    assert play(tmp_path / "7", transaction=7).crashes == 0
