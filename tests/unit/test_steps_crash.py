"""A crash at any point: a node that is killed and restarted ends as one that never stopped.

a relayer and a verifier, honest receipts and forged ones
├── killed before or after any of the relayer's commits (on PostgreSQL: every fourth)
├── killed before or after any of the verifier's commits (likewise)
├── killed after any transaction has landed, before anything of it is written
└── killed after every single commit
    ├── it should have the same receipts at the same numbers with the same promises, and the same batches, to the byte
    ├── it should have sent the same posts and the same proofs, none twice
    └── it should end with the same verdicts, the same chain, and nothing left to do
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import FaultProven, Posted
from afterproof.protocol.receipt import SignedReceipt
from afterproof.steps import Context, Step
from afterproof.steps.batch import close, next_receipts
from afterproof.steps.check import check
from afterproof.steps.dispute import dispute
from afterproof.steps.finalise import finalise
from afterproof.steps.intake import intake
from afterproof.steps.post import post
from afterproof.steps.watch import watch
from afterproof.store.deadlines import Action
from tests.support.crashes import Crash, Doomed, crash_at, tables
from tests.support.databases import is_postgres, on_both
from tests.support.world import RELAYER, VERIFIER, World

pytestmark = on_both

VOLATILE = {
    "blocks",
    "spending",
    *(f"verdicts.{column}" for column in ("tx_hash", "fee", "attempts", "next_at", "settled_block")),
}
"""What a crash may change: at which blocks the chain was looked at, and what is known of the cost of what landed."""


def close_unjudged(context: Context) -> bool:
    """The cheat's batches: whatever waits, three at a time, or what is left after two seconds."""
    receipts = next_receipts(context)
    if len(receipts) == 3 or (receipts and context.now - receipts[0].received_at >= 2):
        close(context, receipts[0].seq, [one.leaf for one in receipts], "it is time")
        return True
    return False


STEPS: dict[str, tuple[Step, ...]] = {
    "relayer": (watch, close_unjudged, post, finalise),
    "verifier": (watch, check, dispute, finalise),
}


@dataclass(frozen=True)
class Plan:
    """Who is killed: ``when`` relative to which of their commits (0: none), or after which of their transactions.

    ``always``: after every single commit.
    """

    role: str = ""
    commit: int = 0
    when: str = "before"
    transaction: int = 0
    always: bool = False


@dataclass
class Ending:
    """What a run leaves behind."""

    stores: dict[str, dict[str, list[str]]]
    events: list[tuple[Any, int]]
    data: dict[str, bytes]
    undone: int
    commits: dict[str, int]
    crashes: int


class Run:
    """One play of the scenario, with crashes by plan. A killed role is opened afresh and goes on."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.world = World(folder, max_batch=3, ahead=100)
        self.plan = plan
        self.commits = {"relayer": 0, "verifier": 0}
        self.crashes = 0
        self.contexts = {role: self.opened(role) for role in STEPS}

    def opened(self, role: str) -> Context:
        """A role's context from its files."""
        is_relayer = role == "relayer"
        view: Any = self.world.chain.account_view(RELAYER if is_relayer else VERIFIER)
        if self.plan.transaction and self.plan.role == role and not self.crashes:
            view = Doomed(view, self.plan.transaction)
        return self.world.relayer(chain=view) if is_relayer else self.world.verifier(chain=view)

    def act(self, role: str, action: Callable[[Context], object]) -> None:
        """Do something, again after a crash."""
        while True:
            context = self.contexts[role]
            with crash_at(context.store, self._target(role), self.plan.when) as made:
                try:
                    action(context)
                    return
                except Crash:
                    self.crashes += 1
                finally:
                    self.commits[role] += made[0]
            context.store.close()
            self.contexts[role] = self.opened(role)

    def _target(self, role: str) -> int:
        """Which of the next commits is the last; 0: none."""
        if self.plan.role not in (role, "both"):
            return 0
        return 1 if self.plan.always else max(self.plan.commit - self.commits[role], 0)

    def play(self) -> Ending:
        """Four lists of receipts, forged ones slipped in between, and rounds until all is over."""
        world = self.world
        for second in range(world.terms.window + 10):
            if second in (1, 2, 5, 6):
                receipts = [world.signed(10 * second + n, node=n % 2) for n in range(2)]
                self.act("relayer", partial(self._take_in, receipts=receipts))
            if second in (1, 5):
                self.act("relayer", partial(self._slip_in, forged=world.forged(500 + second)))
            for role, steps in STEPS.items():
                self.act(role, partial(world.round, steps=steps))
            world.wait(1)
        return self._ending()

    def _take_in(self, context: Context, receipts: Sequence[SignedReceipt]) -> None:
        watch(context)
        intake(context, receipts)

    def _slip_in(self, context: Context, forged: SignedReceipt) -> None:
        if context.store.receipts.find(forged.receipt) is None:
            self.world.slip_in(context, forged)

    def _ending(self) -> Ending:
        stores = {role: context.store for role, context in self.contexts.items()}
        logs = self.world.chain.account_view(RELAYER).events(0, 10**6)
        events = [(one.event, one.place.timestamp) for one in logs]
        data = {path.name: path.read_bytes() for path in (self.world.folder / "batches").rglob("*.batch")}
        undone = sum(store.deadlines.count(action) for store in stores.values() for action in Action)
        kept = {role: tables(store, without=VOLATILE) for role, store in stores.items()}
        return Ending(kept, events, data, undone, dict(self.commits), self.crashes)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ending:
    """How it ends when nobody is killed."""
    ending = Run(tmp_path_factory.mktemp("whole"), Plan()).play()
    kinds = [type(event) for event, _ in ending.events]
    assert kinds.count(Posted) == len(ending.data) == 4
    assert kinds.count(FaultProven) == 2
    assert ending.undone == ending.crashes == 0
    assert len(ending.stores["relayer"]["names"]) == 10
    assert len(ending.stores["relayer"]["promises"]) == 4
    return ending


def compare(ending: Ending, whole: Ending) -> None:
    """Nothing may differ but how it came about."""
    assert ending.crashes > 0
    assert ending.events == whole.events
    assert ending.data == whole.data
    assert ending.undone == 0
    for role, found in ending.stores.items():
        for name, rows in found.items():
            assert rows == whole.stores[role][name], f"table {name} of the {role}"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("role", ["relayer", "verifier"])
def test_killed_at_any_commit_ends_as_if_never_stopped(
    whole: Ending, tmp_path: Path, role: str, when: str
) -> None:
    assert whole.commits[role] > 20
    # On PostgreSQL a run takes a second, so every fourth commit: SQLite's runs are killed at each.
    for commit in range(1, whole.commits[role] + 1, 4 if is_postgres() else 1):
        ending = Run(tmp_path / str(commit), Plan(role, commit, when)).play()
        assert ending.crashes == 1, f"commit {commit}"
        compare(ending, whole)


@pytest.mark.parametrize(("role", "transactions"), [("relayer", 4), ("verifier", 2)])
def test_killed_after_any_transaction_sends_none_twice(
    whole: Ending, tmp_path: Path, role: str, transactions: int
) -> None:
    for transaction in itertools.count(1):
        ending = Run(tmp_path / str(transaction), Plan(role, transaction=transaction)).play()
        if not ending.crashes:
            assert transaction == transactions + 1
            return
        compare(ending, whole)


def test_killed_after_every_commit_ends_as_if_never_stopped(whole: Ending, tmp_path: Path) -> None:
    ending = Run(tmp_path, Plan("both", when="after", always=True)).play()
    assert ending.crashes > 50
    compare(ending, whole)
