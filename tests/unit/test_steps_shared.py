"""Several verifiers on one PostgreSQL store: all judge, one acts.

batches that are due
├── each verifier should judge some, none what another judges
├── when whoever judges a batch dies → another should judge it
├── when two judge one all the same → the second should write nothing
├── when the chain goes back while a batch is judged → nothing should be written of what it took
├── when a batch is to be looked at again for what happened meanwhile → it should be
└── what a follower could not have → the one that leads should look for itself before it demands it
what another process had
└── should be had from elsewhere by the one that leads: duplicates proven, tiles shown
the one that leads
├── should alone follow the chain; the others should know by it how far the chain is known
├── when the server has lost it → it should write nothing more, and send nothing
├── when it dies after it has sent → the next should not send again, and say that it is done
└── from another account → no other verifier should start
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from afterproof.chain.base import FaultProven, Posted, TileDemanded
from afterproof.data import Archive, Data, Directory
from afterproof.errors import ForeignStore, NotLeading
from afterproof.loop import run
from afterproof.protocol.batching import Batch
from afterproof.protocol.terms import DEMO
from afterproof.steps import Context
from afterproof.steps.answer import answer
from afterproof.steps.check import check
from afterproof.steps.compare import compare
from afterproof.steps.demand import demand
from afterproof.steps.dispute import dispute
from afterproof.steps.finalise import finalise
from afterproof.steps.turns import turn
from afterproof.steps.unstored import Patience
from afterproof.steps.watch import glance, watch
from afterproof.store.deadlines import Action, Deadline
from afterproof.store.verdicts import What
from tests.support.crashes import Crash, Doomed
from tests.support.lane import OwnLane
from tests.support.world import RIVAL, VERIFIER, Shelf, World

pytestmark = pytest.mark.usefixtures("postgres")

TERMS = replace(DEMO, window=40, answer_period=16, claim_window=40)


class Slow(Shelf):
    """Data on whose way something else happens, once."""

    def __init__(self, directory: Directory, meanwhile: Callable[[], object]) -> None:
        super().__init__(directory)
        self.meanwhile: list[Callable[[], object]] = [meanwhile]

    def fetch(self, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Source.fetch`."""
        if self.meanwhile:
            self.meanwhile.pop()()
        return super().fetch(uri, at_most)


class Pair:
    """A leader and a follower, each with an archive of its own; the chain is followed up to its head."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder, TERMS)
        self.lane = OwnLane(self.world)
        self.leader, self.follower = (self.verifier(name) for name in ("leader", "follower"))
        assert self.leader.store.leads() and not self.follower.store.leads()

    def verifier(self, name: str) -> Context:
        """One more on the store."""
        made = self.world.verifier("shared")
        return replace(
            made, data=Data(self.world.directory, self.world.shelf, Archive(self.world.folder / name))
        )

    def slow(self, context: Context, meanwhile: Callable[[], object]) -> Context:
        """The same, where something happens while it fetches."""
        return replace(context, data=replace(context.data, others=Slow(self.world.directory, meanwhile)))

    def post(self, *kinds: str, withheld: bool = False) -> Batch:
        """A batch of the lane, known to the store."""
        number = 100 * self.world.now
        leaves = [
            (self.world.forged if kind == "forged" else self.world.signed)(number + place).leaf
            for place, kind in enumerate(kinds)
        ]
        batch = self.lane.post(*leaves, withheld=withheld)
        self.follow()
        return batch

    def follow(self) -> None:
        """The leader follows the chain."""
        while watch(self.leader):
            pass

    def judged(self, batch: Batch) -> tuple[int, int] | None:
        """How many leaves were accepted and disputed."""
        found = self.leader.store.verdicts.check(batch.id)
        return None if found is None else (found.accepted, found.disputed)

    def events(self, kind: type) -> int:
        """How many such events there are on the chain."""
        found = self.world.chain.account_view(RIVAL).events(0, 10**6)
        return sum(isinstance(one.event, kind) for one in found)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


# --- batches that are due ---------------------------------------------------------------------------


def test_each_judges_what_no_other_judges(pair: Pair) -> None:
    first, second = pair.post("good"), pair.post("forged", "good")
    with turn(pair.leader, pair.world.now) as (batch, more):
        assert (batch, more) == (first.id, True)
        with turn(pair.follower, pair.world.now) as (other, last):
            assert (other, last) == (second.id, False)
            third = pair.verifier("third")
            with turn(third, pair.world.now) as (none, _):
                assert none is None
        assert not check(pair.follower)
        assert pair.judged(first) is None and pair.judged(second) == (1, 1)
    assert not check(pair.follower)
    assert pair.judged(first) == (1, 0)
    assert pair.leader.store.deadlines.count(Action.CHECK) == 0


def test_what_a_dead_process_had_claimed_another_judges(pair: Pair) -> None:
    batch = pair.post("good")
    dead = pair.verifier("dead")
    assert dead.store.claims(batch.id)
    assert not check(pair.follower) and pair.judged(batch) is None
    dead.store.close()
    check(pair.follower)
    assert pair.judged(batch) == (1, 0)


def test_when_two_judge_one_the_second_writes_nothing(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    batch = pair.post("forged", "good")
    impatient = replace(pair.leader, patience=Patience(), clock=lambda: pair.world.now + 2 * Patience.MOST)
    impatient.patience.is_over(batch.id, 0.0)
    hung = pair.slow(pair.follower, lambda: check(impatient))
    check(hung)
    assert pair.judged(batch) == (1, 1)
    assert len(pair.leader.store.verdicts.of(batch.id)) == 1
    assert "is looked at again: something new is known" in caplog.text
    assert not check(pair.follower) and pair.leader.store.deadlines.count(Action.CHECK) == 0


def test_what_the_chain_took_back_meanwhile_is_not_written(pair: Pair) -> None:
    batch = pair.post("forged")

    def reorganise() -> None:
        pair.world.chain.reorg(1)
        pair.world.wait(1)
        pair.follow()

    check(pair.slow(pair.follower, reorganise))
    store = pair.leader.store
    assert store.batches.posted(batch.id) is None
    assert pair.judged(batch) is None and store.verdicts.of(batch.id) == []
    assert store.deadlines.count(Action.CHECK) == store.deadlines.count(Action.DISPUTE) == 0


def test_what_happened_meanwhile_is_looked_at_again(pair: Pair) -> None:
    batch = pair.post("good")
    later = Deadline(pair.world.now + 1, Action.CHECK, batch.id)
    check(pair.slow(pair.follower, lambda: pair.leader.store.deadlines.add(later)))
    assert pair.judged(batch) == (1, 0)
    assert pair.leader.store.deadlines.of(batch.id, Action.CHECK) == [later]


def test_what_a_follower_could_not_have_the_leader_looks_for_before_it_demands(pair: Pair) -> None:
    good, batch = pair.post("good"), pair.post("forged", "good")
    cut_off = replace(pair.follower, data=replace(pair.follower.data, others=Shelf(pair.world.directory)))
    cut_off.data.others.missing = True  # type: ignore[attr-defined]
    check(pair.leader)
    assert pair.judged(good) == (1, 0)
    check(cut_off)
    assert set(pair.leader.store.demands.missing(batch.id)) == {0}
    while pair.world.now <= pair.leader.store.verdicts.of(batch.id)[0].next_at:
        pair.world.wait(1)
        pair.follow()
        assert not check(cut_off)
    # What was to be looked at once more was, as far as the store can tell.
    pair.leader.store.deadlines.remove_all(batch.id, Action.CHECK)
    assert demand(pair.leader)  # it has itself look first
    check(pair.leader)
    assert not demand(pair.leader)
    assert pair.judged(batch) == (1, 1) and pair.events(TileDemanded) == 0


# --- what another process had -----------------------------------------------------------------------


def test_duplicates_of_what_another_had_are_proven(pair: Pair) -> None:
    leaf = pair.world.signed(1).leaf
    for _ in range(2):
        pair.lane.post(leaf)
    pair.follow()
    while check(pair.follower):
        pass
    assert compare(pair.leader) in (True, False)
    dispute(pair.leader)
    assert pair.events(FaultProven) == 1


def test_tiles_that_another_had_are_shown(pair: Pair) -> None:
    batch = pair.post("good")
    check(pair.follower)
    rival = pair.world.chain.account_view(RIVAL)
    rival.demand_tile(batch.id, 0, batch.tree.root, (), 2 * TERMS.demand_deposit)
    pair.world.wait(TERMS.answer_period // 2 + 1)
    pair.follow()
    answer(pair.leader)
    pair.follow()
    state = rival.demand_of(batch.id, 0)
    assert state is not None and state.answered_at


# --- the one that leads -----------------------------------------------------------------------------


def test_followers_know_by_the_leader_how_far_the_chain_is_known(pair: Pair) -> None:
    pair.post("good")
    glance(pair.follower)
    assert not pair.follower.pulse.is_fresh(pair.follower.clock())  # it has to be seen to move
    glance(pair.follower)
    assert pair.follower.pulse.is_fresh(pair.follower.clock())
    behind = replace(pair.follower, pulse=type(pair.follower.pulse)())
    for _ in range(3):
        pair.world.wait(1)
        glance(behind)
    assert not behind.pulse.is_fresh(behind.clock())


def test_a_leader_that_was_lost_writes_and_sends_nothing_more(pair: Pair) -> None:
    batch = pair.post("forged")
    check(pair.leader)
    store = pair.leader.store
    pair.leader.chain.guard(store.check_lead)
    before = store.verdicts.of(batch.id)
    with store.leading():
        session = store._database._claims._session  # type: ignore[attr-defined]
        pair.follower.store._database.rows("SELECT pg_terminate_backend(?)", (session.info.backend_pid,))
        while not pair.follower.store.leads():
            pass
        with pytest.raises(NotLeading, match="not the verifier any more"):  # just before it is handed in
            dispute(pair.leader)
        with pytest.raises(NotLeading):
            store.verdicts.postpone(before[0], 9, "late")
        pair.world.wait(TERMS.window + 1)
        while watch(pair.follower):
            pass
        with pytest.raises(NotLeading):
            finalise(pair.leader)
    assert store.verdicts.of(batch.id) == before and pair.events(FaultProven) == 0
    assert not store.leads()


def test_what_a_dead_leader_has_sent_the_next_does_not_send_again(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    batch = pair.post("forged", "good")
    check(pair.follower)
    doomed = replace(pair.leader, chain=Doomed(pair.leader.chain, 1))
    with pytest.raises(Crash), doomed.store.leading():
        dispute(doomed)
    doomed.store.close()
    assert pair.follower.store.leads()
    dispute(pair.follower)  # before it has seen that it is done
    assert "is settled already" in caplog.text
    while watch(pair.follower):
        pass
    dispute(pair.follower)
    (verdict,) = pair.follower.store.verdicts.of(batch.id)
    assert (verdict.what, verdict.state.value) == (What.DISPUTE, "proven")
    assert verdict.reward == TERMS.leaf_slash // 2 and pair.events(FaultProven) == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_all_on_one_store_act_from_one_account(pair: Pair) -> None:
    pair.leader.store.act_from(VERIFIER)
    pair.follower.store.act_from(VERIFIER)
    with pytest.raises(
        ForeignStore, match=f"from account 0x{VERIFIER.hex()}; not from account 0x{RIVAL.hex()}"
    ):
        pair.follower.store.act_from(RIVAL)
    with pytest.raises(
        ForeignStore, match=f"from account 0x{VERIFIER.hex()}; not from no account: a dry run"
    ):
        pair.follower.store.act_from(None)
    pair.leader.store.close()
    pair.follower.store.act_from(RIVAL)


def test_run_judges_everywhere_and_acts_in_one_until_that_ends(pair: Pair) -> None:
    """The loops themselves, in threads: the leader's ends in the middle."""
    stops = threading.Event(), threading.Event()
    steps = (watch, check, compare, dispute, finalise)
    threads = [
        threading.Thread(target=run, args=(steps, context, stop, 0.01))
        for context, stop in zip((pair.leader, pair.follower), stops, strict=True)
    ]

    def post_and_wait() -> None:
        posted = pair.events(Posted)
        for _ in range(3):
            pair.lane.post(pair.world.forged(1000 * pair.world.now).leaf)
        wait_for(lambda: pair.events(FaultProven) == posted + 3)

    threads[0].start()
    post_and_wait()
    assert not pair.follower.store.leads()
    threads[1].start()
    post_and_wait()
    stops[0].set()
    threads[0].join()
    pair.leader.store.close()
    post_and_wait()
    stops[1].set()
    threads[1].join()


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits for what must come."""
    for _ in range(3000):
        if condition():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come")
