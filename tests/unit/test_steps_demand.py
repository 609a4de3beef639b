"""Demand: withheld data is demanded, settled and collected; what is shown is judged like any other.

data that cannot be had, or is not what was posted
├── it should be demanded, tile by tile, once half of the window has passed at the latest
│   ├── nobody answers → the tile should be struck, the deposit come back with half of what the lane loses, at once
│   ├── it is answered → its leaves should be judged, and a forgery among them disputed, after the window even
│   └── it comes meanwhile → it should be shown, for the deposit, or not be demanded at all
├── tiles that are as posted should be judged at once, and not be demanded
├── without a sign that the network works → nothing should be demanded, loudly
│   ├── the network works again → the data should be looked for before it is demanded
│   └── the probe answers, or any other batch can be had → it should be
├── beyond the budget, or when it is off → nothing more should be demanded
├── demanded by another → it should not be demanded again; what is shown should be judged
└── a reorganisation takes the demand, the answer or the settlement → each should be done again
others' demands
├── a tile that is kept should be shown after the middle, if it pays or by the settings
└── of our own, whose data came, too
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import DemandExpired, Posted, TileAnswered, TileDemanded
from afterproof.data import Source
from afterproof.errors import ChainUnavailable
from afterproof.protocol.batching import Batch
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO
from afterproof.settings import Answering
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.demand import demand
from afterproof.steps.finalise import finalise
from afterproof.steps.watch import watch
from afterproof.store.deadlines import Action
from afterproof.store.verdicts import State, Verdict, What
from tests.support.databases import on_both
from tests.support.lane import OwnLane
from tests.support.world import RELAYER, RIVAL, VERIFIER, World

pytestmark = on_both

TERMS = replace(DEMO, window=40, answer_period=16, claim_window=40)
DEPOSIT = TERMS.demand_deposit


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, TERMS)


@pytest.fixture
def lane(world: World) -> OwnLane:
    return OwnLane(world)


@pytest.fixture
def verifier(world: World, lane: OwnLane) -> Context:
    """A verifier that has checked a batch before: there is something to tell by that its network works."""
    made = world.verifier()
    lane.post(world.signed(10_000).leaf)
    world.round(made)
    return made


def having(context: Context, **changes: Any) -> Context:
    """The same verifier with other settings."""
    settings = replace(context.config.verifier, **changes)
    return replace(context, config=replace(context.config, verifier=settings))


def leaves(world: World, count: int, first: int = 0) -> list[Leaf]:
    """Good leaves."""
    return [world.signed(first + n).leaf for n in range(count)]


def events(world: World, kind: type) -> list[Any]:
    """The chain's events of a kind, in order."""
    found = world.chain.account_view(RIVAL).events(0, 10**6)
    return [one.event for one in found if isinstance(one.event, kind)]


def until(world: World, kind: type, *contexts: Context, rounds: int = 60) -> Any:
    """Rounds until such an event is on the chain; the newest."""
    for _ in range(rounds):
        world.round(*contexts)
        if events(world, kind):
            return events(world, kind)[-1]
        world.wait(1)
    raise AssertionError(f"no {kind.__name__}")


def demands(verifier: Context, batch: Batch, what: What = What.DEMAND) -> dict[int, State]:
    """What came of the demands of a batch's tiles, or of answering them."""
    return {one.place: one.state for one in verifier.store.verdicts.of(batch.id) if one.what is what}


def verdict(verifier: Context, batch: Batch, tile: int = 0, what: What = What.DEMAND) -> Verdict:
    """What came of one of them."""
    found = verifier.store.verdicts.find(batch.id, tile, what)
    assert found is not None
    return found


def standing(world: World, batch: Batch, index: int) -> Standing:
    """How the contract reads a leaf."""
    leaf = batch.leaves[index]
    assert leaf is not None
    chain = world.chain.account_view(RIVAL)
    return chain.standing(batch.id, index, leaf.words, batch.tree.proof(index))


# --- nobody answers ---------------------------------------------------------------------------------


def test_withheld_data_is_demanded_and_its_expiry_collected(
    world: World, lane: OwnLane, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    batch = lane.post(*leaves(world, 3), withheld=True)
    opened = until(world, TileDemanded, verifier)
    header = verifier.store.batches.posted(batch.id)
    assert header is not None
    half = header.header.window_end - TERMS.window // 2
    assert (opened.batch, opened.tile, opened.challenger) == (batch.id, 0, VERIFIER)
    assert half <= world.now <= half + 2 and opened.deposit == DEPOSIT * 9 // 8
    world.round(verifier)
    assert demands(verifier, batch) == {0: State.DEMANDED}
    expired = until(world, DemandExpired, verifier)
    assert world.now == opened.deadline + 2  # the first block after the deadline, and the one that settles it
    world.round(verifier)
    found = verdict(verifier, batch)
    assert (found.state, found.reward) == (State.EXPIRED, expired.slashed // 2)
    assert expired.slashed == 3 * TERMS.leaf_slash
    assert verifier.chain.credits(VERIFIER) == opened.deposit + expired.slashed // 2
    assert standing(world, batch, 1) is Standing.VOIDED
    world.rounds(TERMS.window + 30, verifier)
    assert not any(verifier.store.deadlines.count(action) for action in Action)
    assert verifier.store.demands.missing(batch.id) == {}
    assert "demanded tile 0 of batch 1/1" in caplog.text


def test_only_what_is_not_as_posted_is_demanded(world: World, lane: OwnLane, verifier: Context) -> None:
    some = leaves(world, 600)
    some[500] = world.forged(9_000).leaf
    batch = lane.post(*some, withheld=True)
    false = [*some[:256], *leaves(world, 256, first=20_000), *some[512:]]
    lane.publish(batch, lane_data(false))
    world.round(verifier)
    found = verifier.store.verdicts.check(batch.id)
    assert found is not None and (found.state, found.accepted) == ("partial", 600 - 256)
    until(world, DemandExpired, verifier)
    assert [one.tile for one in events(world, TileDemanded)] == [1]
    assert [standing(world, batch, index) for index in (0, 256, 511)] == [
        Standing.POSTED,
        Standing.VOIDED,
        Standing.VOIDED,
    ]


def lane_data(some: list[Leaf]) -> bytes:
    """The data of such a batch."""
    from afterproof.protocol.publication import publication

    return publication(some)


# --- somebody answers -------------------------------------------------------------------------------


def test_forgery_that_a_late_answer_reveals_is_disputed(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    some = leaves(world, 200)
    some[150] = world.forged(9_000).leaf
    batch = lane.post(*some, withheld=True)
    opened = until(world, TileDemanded, verifier)
    world.wait(opened.deadline - world.now - 3)
    lane.answer(batch)
    header = verifier.chain.batch(batch.id)
    assert header is not None
    end = header[1].window_end
    world.round(verifier)
    world.wait(max(end + 1 - world.now, 1))
    world.rounds(3, verifier)
    faults = [one for one in verifier.store.verdicts.of(batch.id) if one.what is What.DISPUTE]
    assert [(one.place, one.kind, one.state) for one in faults] == [
        (150, FaultKind.BAD_SIGNATURE, State.PROVEN)
    ]
    assert standing(world, batch, 150) is Standing.VOIDED
    world.rounds(TERMS.window, verifier)
    assert standing(world, batch, 149) is Standing.FINAL
    assert verdict(verifier, batch).state is State.ANSWERED
    found = verifier.store.verdicts.check(batch.id)
    assert found is not None and (found.state, found.accepted, found.disputed) == ("checked", 199, 1)


def test_forgery_that_an_answer_reveals_after_the_window_is_disputed(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    """The demand comes in the last second, the answer long after: the tile has an end of its own."""
    batch = lane.post(world.forged(1).leaf, withheld=True)
    world.round(verifier)
    posted = verifier.store.batches.posted(batch.id)
    assert posted is not None
    end = posted.header.window_end
    rival = world.chain.account_view(RIVAL)
    world.wait(end - world.now - 1)
    rival.demand_tile(batch.id, 0, batch.tree.root, (), DEPOSIT)
    world.rounds(TERMS.answer_period - 2, verifier)
    assert world.now > end
    again = verifier.store.batches.posted(batch.id)
    assert again is not None and again.final_at is None
    lane.answer(batch)
    world.rounds(4, verifier)
    assert standing(world, batch, 0) is Standing.VOIDED
    assert verdict(verifier, batch).state is State.LOST_RACE
    assert verifier.chain.credits(VERIFIER) == TERMS.leaf_slash // 2


def test_data_that_comes_before_the_demand_is_judged_and_not_demanded(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    batch = lane.post(*leaves(world, 2), world.forged(7).leaf, withheld=True)
    world.rounds(TERMS.window // 2 - 5, verifier)
    lane.publish(batch)
    world.rounds(40, verifier)
    assert events(world, TileDemanded) == []
    assert standing(world, batch, 2) is Standing.VOIDED
    assert demands(verifier, batch) == {}


def test_data_is_looked_for_once_more_before_it_is_demanded(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    """However much else there is to check at that moment."""
    batch = lane.post(*leaves(world, 2), withheld=True)
    world.rounds(TERMS.window // 2 - 4, verifier)
    lane.publish(batch)
    world.wait(6)
    verifier.reach.found(world.now)
    watch(verifier)
    demand(verifier)
    assert events(world, TileDemanded) == []
    world.round(verifier)
    assert events(world, TileDemanded) == [] and demands(verifier, batch) == {}


def test_data_that_comes_after_our_demand_is_shown_for_the_deposit(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    batch = lane.post(*leaves(world, 200), withheld=True)
    before = world.chain.account_view(VERIFIER).balance(VERIFIER)
    opened = until(world, TileDemanded, verifier)
    lane.publish(batch)
    until(world, TileAnswered, verifier)
    assert world.now > opened.deadline - TERMS.answer_period // 2
    world.rounds(3, verifier)
    chain = verifier.chain
    assert chain.balance(VERIFIER) + chain.credits(VERIFIER) == before
    assert verdict(verifier, batch, what=What.ANSWER).reward == opened.deposit
    world.rounds(TERMS.window + 20, verifier)
    assert standing(world, batch, 5) is Standing.FINAL
    assert verdict(verifier, batch).state is State.ANSWERED


# --- own trouble ------------------------------------------------------------------------------------


def test_without_a_sign_of_its_own_network_nothing_is_demanded(
    world: World, lane: OwnLane, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    batch = lane.post(*leaves(world, 2))
    world.shelf.missing = True
    world.rounds(TERMS.window + 5, verifier)
    assert events(world, TileDemanded) == []
    assert "this machine's own network gives no sign that it works" in caplog.text
    assert "tile 0 of batch 1/1 was not demanded before its window ended" in caplog.text
    assert demands(verifier, batch) == {0: State.TOO_LATE}


@pytest.mark.parametrize(
    ("patience", "seconds"), [(600.0, 23), (600.0, 30), *((2.0, n) for n in range(3, 9))]
)
def test_data_is_looked_for_before_it_is_demanded_after_an_outage_of_our_own(
    world: World, lane: OwnLane, verifier: Context, patience: float, seconds: int
) -> None:
    verifier = having(verifier, demand_after=patience)
    batch = lane.post(*leaves(world, 2))
    world.shelf.missing = True
    world.rounds(seconds, verifier)  # patience, or half of the window, is over: it would be demanded
    world.shelf.missing = False
    world.rounds(TERMS.window, verifier)
    assert events(world, TileDemanded) == []
    assert verifier.store.demands.missing(batch.id) == {}


def test_probe_that_answers_is_a_sign(world: World, lane: OwnLane) -> None:
    verifier = having(world.verifier(), probe="https://probe.test/")
    batch = lane.post(*leaves(world, 2), withheld=True)
    asked: list[str] = []

    class Web(Source):
        def fetch(self, uri: str, at_most: int) -> bytes:
            asked.append(uri)
            return b"hello" if uri == "https://probe.test/" else world.shelf.fetch(uri, at_most)

    verifier = replace(verifier, data=replace(verifier.data, others=Web()))
    opened = until(world, TileDemanded, verifier)
    assert opened.batch == batch.id and "https://probe.test/" in asked


def test_data_that_is_another_is_no_sign(world: World, lane: OwnLane) -> None:
    """Somebody on the way answers for everybody: that is no network that works."""
    verifier = world.verifier()
    lane.post(*leaves(world, 2))
    world.shelf.instead = b"log in first"
    world.rounds(TERMS.window + 2, verifier)
    assert events(world, TileDemanded) == []


def test_budget_bounds_what_is_staked(
    world: World, lane: OwnLane, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    poor = having(verifier, demand_budget=f"{DEPOSIT * 5 // 2}wei")
    lane.post(*leaves(world, 1000), withheld=True)
    world.rounds(TERMS.window // 2 + 6, poor)
    assert len(events(world, TileDemanded)) == 2
    assert "verifier.demand_budget leaves" in caplog.text
    assert poor.store.demands.deposited(VERIFIER) <= DEPOSIT * 5 // 2


def test_switched_off_demands_nothing_and_says_so(
    world: World, lane: OwnLane, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    off = having(verifier, demand=False)
    batch = lane.post(*leaves(world, 2), withheld=True)
    world.rounds(TERMS.window + 3, off)
    assert events(world, TileDemanded) == []
    assert demands(off, batch) == {0: State.TOO_LATE}
    assert "was not demanded before its window ended: verifier.demand is off" in caplog.text


def test_node_that_does_not_answer_changes_nothing(world: World, lane: OwnLane, verifier: Context) -> None:
    batch = lane.post(*leaves(world, 2), withheld=True)
    world.rounds(TERMS.window // 2 - 2, verifier)
    world.wait(4)
    world.round(verifier, steps=(watch, check))
    verifier.reach.found(world.now)
    world.chain.fail_next(1)
    with pytest.raises(ChainUnavailable):
        demand(verifier)
    assert demands(verifier, batch) == {0: State.PENDING}
    assert until(world, TileDemanded, verifier).batch == batch.id


# --- others -----------------------------------------------------------------------------------------


def test_tile_demanded_by_another_is_not_demanded_again_nor_settled(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    batch = lane.post(*leaves(world, 2), withheld=True)
    world.chain.account_view(RIVAL).demand_tile(batch.id, 0, batch.tree.root, (), DEPOSIT)
    world.rounds(TERMS.window + 20, verifier)
    assert len(events(world, TileDemanded)) == 1 and events(world, DemandExpired) == []
    assert demands(verifier, batch) == {0: State.LOST_RACE}
    assert not any(verifier.store.deadlines.count(action) for action in Action)
    final = verifier.store.batches.posted(batch.id)
    assert final is not None and final.final_at is not None
    found = verifier.store.verdicts.check(batch.id)
    assert found is not None and found.state == "checked" and found.accepted == 0


@pytest.mark.parametrize("wanted", list(Answering))
@pytest.mark.parametrize("count", [3, 200])
def test_tile_that_is_kept_is_shown_for_an_honest_lane(
    world: World, lane: OwnLane, verifier: Context, wanted: Answering, count: int
) -> None:
    verifier = having(verifier, answer_others=wanted)
    batch = lane.post(*leaves(world, count))
    world.round(verifier)
    lane.withhold(batch)
    rival = world.chain.account_view(RIVAL)
    rival.demand_tile(batch.id, 0, batch.tree.root, (), DEPOSIT)
    deadline = events(world, TileDemanded)[-1].deadline
    middle = deadline - (TERMS.answer_period + 1) // 2
    while world.now < middle - 1:
        world.round(verifier)
        assert events(world, TileAnswered) == []  # it is the lane's turn
        world.wait(1)
    world.rounds(TERMS.answer_period + 2, verifier)
    shown = events(world, TileAnswered)
    if wanted is Answering.NEVER:
        assert shown == [] and standing(world, batch, 0) is Standing.VOIDED
        return
    assert [one.half for one in shown] == list(range(1 if count == 3 else 2))
    assert standing(world, batch, 0) is Standing.POSTED
    assert verifier.chain.credits(VERIFIER) == DEPOSIT
    found = verdict(verifier, batch, what=What.ANSWER)
    assert (found.state, found.reward) == (State.ANSWERED, DEPOSIT)


def test_tile_whose_deposit_does_not_pay_is_shown_only_by_the_settings(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    batch = lane.post(*leaves(world, 3))
    world.round(verifier)
    world.chain.account_view(RIVAL).demand_tile(batch.id, 0, batch.tree.root, (), DEPOSIT)

    class Dear:
        def __init__(self, chain: Any) -> None:
            self._chain = chain

        def __getattr__(self, name: str) -> Any:
            return getattr(self._chain, name)

        def deposit_for(self, *_: Any) -> int:
            return DEPOSIT * 2

    dear = replace(verifier, chain=Dear(verifier.chain))
    world.rounds(TERMS.answer_period - 3, dear)
    assert events(world, TileAnswered) == []
    world.round(having(dear, answer_others=Answering.ALWAYS))
    assert len(events(world, TileAnswered)) == 1


def test_tile_that_the_lane_shows_is_not_shown_again(world: World, lane: OwnLane, verifier: Context) -> None:
    batch = lane.post(*leaves(world, 200))
    world.round(verifier)
    world.chain.account_view(RIVAL).demand_tile(batch.id, 0, batch.tree.root, (), DEPOSIT)
    lane.answer(batch, halves=[1])
    world.rounds(TERMS.answer_period + 2, verifier)
    shown = events(world, TileAnswered)
    assert [(one.half, one.answerer) for one in shown] == [(1, RELAYER), (0, VERIFIER)]
    assert verifier.chain.credits(VERIFIER) == DEPOSIT // 2
    assert verdict(verifier, batch, what=What.ANSWER).reward == DEPOSIT // 2


@pytest.mark.parametrize("emptied", [False, True])
def test_relayer_shows_what_is_demanded_of_its_lane_at_once(world: World, emptied: bool) -> None:
    world = World(world.folder / "other", max_batch=300, stake=100 * 10**18)
    relayer = world.relayer()
    world.round(relayer)
    world.take_in(relayer, *[world.signed(number) for number in range(3)])
    world.slip_in(relayer, world.forged(3) if emptied else world.signed(3))
    world.take_in(relayer, *[world.signed(number) for number in range(4, 260)])
    world.wait(4)
    world.round(relayer)
    (posted,) = events(world, Posted)
    rival = world.chain.account_view(RIVAL)
    rival.demand_tile(posted.batch, 0, posted.tile_roots[0], (posted.tile_roots[1],), DEPOSIT)
    world.round(relayer)
    assert [(one.half, one.answerer) for one in events(world, TileAnswered)] == [(0, RELAYER), (1, RELAYER)]
    world.rounds(TERMS.answer_period + 2, relayer)
    assert len(events(world, TileAnswered)) == 2
    found = relayer.store.verdicts.find(posted.batch, 0, What.ANSWER)
    assert found is not None and found.state is State.ANSWERED
    assert relayer.store.deadlines.all(Action.ANSWER) == []


def test_relayer_that_lost_the_receipts_says_so_and_goes_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(world.folder / "other", stake=100 * 10**18)
    relayer = world.relayer()
    world.round(relayer)
    world.take_in(relayer, *[world.signed(number) for number in range(4)])
    world.round(relayer)
    (posted,) = events(world, Posted)
    other = world.relayer("another")
    world.round(other)
    world.chain.account_view(RIVAL).demand_tile(posted.batch, 0, posted.tile_roots[0], (), DEPOSIT)
    world.rounds(2, other)
    assert events(world, TileAnswered) == []
    assert "its receipts are not in this store as they were posted" in caplog.text
    world.round(relayer)
    assert len(events(world, TileAnswered)) == 1


# --- finality ---------------------------------------------------------------------------------------


def test_batch_is_final_when_its_last_tile_has_ended(world: World, lane: OwnLane) -> None:
    relayer = world.relayer()
    batch = lane.post(*leaves(world, 300))
    watch(relayer)
    posted = relayer.store.batches.posted(batch.id)
    assert posted is not None
    end = posted.header.window_end
    roots = batch.tree.tile_roots
    world.wait(end - world.now - 1)
    world.chain.account_view(RIVAL).demand_tile(batch.id, 1, roots[1], (roots[0],), DEPOSIT)
    for _ in range(5):
        world.wait(1)
    world.round(relayer, steps=(watch, finalise))
    again = relayer.store.batches.posted(batch.id)
    assert again is not None and again.final_at is None
    assert relayer.store.tiles.end(posted, 0) == end and relayer.store.tiles.end(posted, 1) is None
    lane.answer(batch, 1)
    answered = world.now
    for _ in range(TERMS.window):
        world.round(relayer, steps=(watch, finalise))
        before = relayer.store.batches.posted(batch.id)
        assert before is not None and before.final_at is None
        world.wait(1)
    world.wait(1)
    world.round(relayer, steps=(watch, finalise))
    final = relayer.store.batches.posted(batch.id)
    assert final is not None and final.final_at == answered + TERMS.window + 1
    assert [standing(world, batch, index) for index in (0, 299)] == [Standing.FINAL] * 2


def test_batch_whose_tile_ran_out_is_final_without_a_settlement(world: World, lane: OwnLane) -> None:
    relayer = world.relayer()
    batch = lane.post(*leaves(world, 3))
    world.chain.account_view(RIVAL).demand_tile(batch.id, 0, batch.tree.root, (), DEPOSIT)
    for _ in range(TERMS.window + 3):
        world.round(relayer, steps=(watch, finalise))
        world.wait(1)
    final = relayer.store.batches.posted(batch.id)
    assert final is not None and final.final_at == final.header.window_end + 1
    assert relayer.store.tiles.struck(final, world.now) == {0}


# --- reorganisations --------------------------------------------------------------------------------


def test_demand_that_a_reorganisation_takes_is_made_again(
    world: World, lane: OwnLane, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    batch = lane.post(*leaves(world, 2), withheld=True)
    until(world, TileDemanded, verifier)
    world.round(verifier)
    assert demands(verifier, batch) == {0: State.DEMANDED}
    world.chain.reorg(1)
    assert events(world, TileDemanded) == []
    world.wait(1)
    world.wait(1)
    watch(verifier)
    assert demands(verifier, batch) == {0: State.PENDING} and verifier.store.demands.of(batch.id) == {}
    assert verifier.store.deadlines.count(Action.SETTLE) == verifier.store.deadlines.count(Action.ANSWER) == 0
    until(world, DemandExpired, verifier)
    world.round(verifier)
    assert demands(verifier, batch) == {0: State.EXPIRED}
    said = [one.message for one in caplog.records if one.message.startswith("demanded tile 0 of batch")]
    assert len(said) == 2 and all(one.endswith("No such file or directory") for one in said)


def test_demand_that_a_reorganisation_takes_is_not_made_again_when_the_data_came(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    batch = lane.post(*leaves(world, 2), withheld=True)
    until(world, TileDemanded, verifier)
    lane.publish(batch)
    world.rounds(4, verifier)
    world.chain.reorg(5)
    for _ in range(6):
        world.wait(1)
    world.rounds(TERMS.window, verifier)
    assert events(world, TileDemanded) == []
    assert demands(verifier, batch) == {}


def test_settlement_that_a_reorganisation_takes_is_made_again(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    batch = lane.post(*leaves(world, 2), withheld=True)
    until(world, DemandExpired, verifier)
    world.rounds(2, verifier)
    assert demands(verifier, batch) == {0: State.EXPIRED}
    world.chain.reorg(3)
    assert events(world, DemandExpired) == []
    for _ in range(4):
        world.wait(1)
    world.rounds(4, verifier)
    assert len(events(world, DemandExpired)) == 1
    assert demands(verifier, batch) == {0: State.EXPIRED}
    assert verifier.chain.credits(VERIFIER) == events(world, TileDemanded)[0].deposit + TERMS.leaf_slash


def test_answer_that_a_reorganisation_takes_opens_the_demand_again(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    batch = lane.post(*leaves(world, 2), withheld=True)
    until(world, TileDemanded, verifier)
    world.round(verifier)
    lane.answer(batch)
    world.round(verifier)
    found = verifier.store.demands.get(batch.id, 0)
    assert found is not None and found.answered_at is not None
    world.chain.reorg(1)
    world.wait(1)
    world.wait(1)
    watch(verifier)
    found = verifier.store.demands.get(batch.id, 0)
    assert found is not None and found.is_open
    # What the answer showed is kept, and shown again: the lane's data is at hand.
    until(world, TileAnswered, verifier)
    world.rounds(TERMS.window + 20, verifier)
    assert standing(world, batch, 0) is Standing.FINAL
