"""What presses: how far behind, how much time is left for what is to be done, what is not judged, what it cost.

a verifier
├── it should show how far behind the head it is
├── a batch that was not judged → how old it is, and how much time is left to judge it; not once it is judged
├── a fault that is not proven, a tile that is not demanded → how much time is left for it, until it is done
├── a claim that is to be made, a false attestation that is to be challenged → the same
└── what the ledger has should be counted once, by the process that leads, and not what was there before it began
a relayer
└── it should show how much time is left for its promises, and to show what is demanded of its lane
"""

from dataclasses import replace
from pathlib import Path

import pytest

from afterproof.protocol.terms import DEMO, ETHER, GWEI
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.claim import claim
from afterproof.steps.context import seconds_left
from afterproof.steps.demand import demand
from afterproof.steps.dispute import dispute
from afterproof.steps.measure import Meter
from afterproof.steps.watch import watch
from afterproof.telemetry.metrics import Metrics
from tests.support.databases import on_both
from tests.support.lane import OwnLane
from tests.support.watching import Watching
from tests.support.world import RIVAL, World
from tests.unit.test_steps_demand import TERMS, having, leaves


def measured(context: Context) -> tuple[Context, Meter]:
    """A process's own figures, and what reads them."""
    fresh = replace(context, metrics=Metrics(context.store.role))  # type: ignore[arg-type]
    fresh.metrics.process.lead(True)
    return fresh, Meter(fresh)


def figure(context: Context, name: str, **labels: str) -> float | None:
    """A figure; None: it is not a number."""
    found = context.metrics.registry.get_sample_value(f"afterproof_{name}", labels)
    assert found is not None, name
    return None if found != found else found


@on_both
def test_verifier_shows_what_is_not_judged_and_how_much_time_is_left(tmp_path: Path) -> None:
    world = World(tmp_path, TERMS)
    verifier, meter = measured(world.verifier())
    lane = OwnLane(world)
    batch = lane.post(world.signed(1).leaf, world.forged(2).leaf)
    world.wait(7)
    world.round(verifier, steps=(watch,))
    posted = verifier.store.batches.posted(batch.id)
    assert posted is not None
    meter.read_store()
    assert (figure(verifier, "batches_unjudged"), figure(verifier, "oldest_unjudged_seconds")) == (1, 7)
    left = posted.header.window_end - world.now
    assert seconds_left(verifier) == {"check": left}
    assert figure(verifier, "nearest_deadline_seconds", action="check") == left
    assert figure(verifier, "chain_behind_blocks") == 0 == figure(verifier, "chain_behind_seconds")

    world.round(verifier, steps=(check,))
    meter.read_store()
    assert figure(verifier, "batches_unjudged") == 0 and figure(verifier, "oldest_unjudged_seconds") is None
    assert seconds_left(verifier) == {"dispute": left}
    dispute(verifier)
    world.wait(2)
    world.round(verifier, steps=(watch, dispute))
    assert seconds_left(verifier) == {}

    withheld = lane.post(*leaves(world, 3), withheld=True)
    world.round(verifier, steps=(watch, check))
    meter.read_store()
    posted = verifier.store.batches.posted(withheld.id)
    assert posted is not None
    assert seconds_left(verifier) == {"demand": posted.header.window_end - world.now}
    assert figure(verifier, "batches_unjudged") == 1
    assert seconds_left(having(verifier, demand=False)) == {}
    world.wait(TERMS.window // 2)
    for _ in range(3):
        world.round(verifier, steps=(watch, check, demand))
        world.wait(3)
    assert seconds_left(verifier) == {}

    world.chain.mine(11)
    meter.read_store()
    verifier.metrics.chain.head(world.chain._blocks[-1].block.number, world.now)
    assert figure(verifier, "chain_behind_blocks") or 0 > 0
    assert (figure(verifier, "chain_behind_seconds") or 0) >= 11


@on_both
def test_claim_that_is_to_be_made_has_a_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = Watching(tmp_path)
    verifier = world.verifier()
    world.round(verifier)
    receipt = world.signed(0)
    (held,) = world.promised(receipt)
    world.entrusted(verifier, held, receipt)
    world.wait(world.terms.max_promise_delay + 1)
    world.round(verifier, steps=(watch,))
    monkeypatch.setattr("afterproof.steps.claim.MOST", 0)
    claim(verifier)
    assert seconds_left(verifier) == {
        "claim": held.signed.promise.include_by + DEMO.claim_window - verifier.chain_now
    }
    monkeypatch.undo()
    for _ in range(2):
        world.round(verifier)
        world.wait(3)
    assert seconds_left(verifier) == {}


@on_both
def test_ledger_is_counted_once_by_who_leads_and_from_its_beginning_on(tmp_path: Path) -> None:
    world = World(tmp_path, TERMS)
    world.chain.price(7 * GWEI)
    verifier, meter = measured(world.verifier())
    _, follower_meter = follower = measured(verifier)
    follower[0].metrics.process.lead(False)
    lane = OwnLane(world)
    lane.post(world.forged(2).leaf)
    for _ in range(3):
        world.round(verifier)
        world.wait(6)
    for _ in range(2):
        meter.read_store()
        follower_meter.read_store()
    fee, share = 100_000 * 7 * GWEI / ETHER, TERMS.leaf_slash / 2 / ETHER
    assert figure(verifier, "costs_ether_total", action="dispute") == pytest.approx(fee)
    assert figure(verifier, "rewards_ether_total", action="dispute") == pytest.approx(share)
    assert figure(verifier, "losses_ether_total", action="dispute") == 0
    assert figure(follower[0], "rewards_ether_total", action="dispute") == 0
    again, meter = measured(verifier)
    meter.read_store()
    assert figure(again, "rewards_ether_total", action="dispute") == 0


def test_relayer_shows_how_much_time_is_left_for_what_it_promised_and_is_to_show(tmp_path: Path) -> None:
    world = World(tmp_path, TERMS, ahead=20)
    relayer, meter = measured(world.relayer())
    world.round(relayer)
    assert seconds_left(relayer) == {}
    world.take_in(relayer, world.signed(1))
    promise = relayer.store.promises.holding(1, 0)
    assert promise is not None
    meter.read_store()
    due = promise.promise.include_by - world.now
    assert seconds_left(relayer) == {"post": due}
    assert figure(relayer, "nearest_deadline_seconds", action="post") == due
    world.wait(4)
    world.round(relayer)
    assert seconds_left(relayer) == {}
    batch = relayer.store.batches.last_posted(1)
    assert batch is not None
    world.chain.account_view(RIVAL).demand_tile(batch.id, 0, batch.tile_roots[0], (), TERMS.demand_deposit)
    world.round(relayer, steps=(watch,))
    assert seconds_left(relayer) == {"answer": TERMS.answer_period}
    world.round(relayer)
    world.wait(1)
    world.round(relayer)
    assert seconds_left(relayer) == {}
