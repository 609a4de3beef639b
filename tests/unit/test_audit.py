"""An audit: what a lane did is found again from the chain and the published data, whether or not anybody disputed it.

a history
├── when it is clean → it should be called so, with every receipt by its standing, and its trust gap
├── when a fault of each kind was never disputed → each should be found, and called missed once its window has ended
├── when a verifier proved the faults → each should be found, with who proved it and when
├── when a receipt stands twice
│   ├── in a batch, across batches → all but the first should be found
│   ├── and the first is void, struck or forged → the second should be nobody's fault
│   └── on two lanes → it should be nobody's fault
├── when a node was revoked after the batch was final → its receipts should be final all the same
├── when data is withheld, or another's
│   ├── it should be called unavailable, tile by tile, beside what can be had
│   ├── and was shown on chain → it should be had from there
│   ├── and was demanded in vain → it should be struck, not unavailable, and not clean
│   └── and comes back later → the next run should find what is in it, and in the batches after it
├── when a fuse has blown → what nobody proved of the batch should be struck
├── when a fault was proven of data that is gone → it should be in it, as what this audit cannot tell
├── when promises were proven broken → they should be in it, with what the lane lost
├── when our own network is down → nobody should be accused
└── when the judge stumbles → it should be said, and nobody accused
"""

from dataclasses import replace
from pathlib import Path

import pytest

from afterproof.audit.run import DARK, NoNetwork
from afterproof.errors import ChainUnavailable, ConfigError, DataUnavailable
from afterproof.protocol.batching import Batch, build_batch
from afterproof.protocol.header import lane_of
from afterproof.protocol.judging import TileFindings, TileJob
from afterproof.protocol.ledger import FUSE
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.state import Claim, FaultKind, PromiseFault
from afterproof.protocol.terms import DEMO
from afterproof.running import tiles
from tests.support.auditor import BAD, DUPLICATE, RANGE, audited, faults
from tests.support.databases import on_both
from tests.support.lane import OwnLane
from tests.support.promises import signed_promise
from tests.support.world import OWNER, PROMISER, RIVAL, VERIFIER, World

pytestmark = on_both


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def lane(world: World) -> OwnLane:
    return OwnLane(world)


def leaves(world: World, count: int, first: int = 0, age: int = 0) -> list[Leaf]:
    return [world.signed(first + n, age=age).leaf for n in range(count)]


def later(world: World) -> None:
    """Every window has ended."""
    world.wait(10 * DEMO.window)


def test_clean_history(world: World, lane: OwnLane) -> None:
    lane.post(*leaves(world, 300, age=3), None)
    later(world)
    lane.post(world.of_stranger(900).leaf, world.signed(901, age=2).leaf)
    report = audited(world)
    assert report.is_clean and report.is_complete and report.trouble == []
    tally = report.all.tally
    assert (tally.final, tally.posted, tally.void_by_rule, tally.empty) == (300, 1, 1, 1)
    assert (tally.void_by_proof, tally.struck, tally.unavailable) == (0, 0, 0)
    assert report.all.checked == 302 and report.all.batches == 2
    gaps = report.to_json()["trust_gap"]
    assert gaps["to_post"] == {
        "receipts": 301,
        "p50": 4,
        "p90": 4,
        "p99": 4,
    }  # and a block until it is posted
    assert gaps["to_final"] == {"receipts": 300, **dict.fromkeys(("p50", "p90", "p99"), DEMO.window + 1)}
    assert gaps["whole"]["p50"] == DEMO.window + 5


def test_undisputed_faults(world: World, lane: OwnLane) -> None:
    good = leaves(world, 3)
    first = lane.post(good[0], world.forged(10).leaf, good[1], good[1])
    at = world.now
    second = lane.post(good[0], world.signed(20, age=4).leaf, good[2], declared=(at, at))
    expected = {
        (first.first_seq, 1, BAD),
        (first.first_seq, 3, DUPLICATE),
        (second.first_seq, 0, DUPLICATE),
        (second.first_seq, 0, RANGE),
    }
    report = audited(world)
    assert faults(report) == dict.fromkeys(expected, "open")
    later(world)
    report = audited(world)
    assert faults(report) == dict.fromkeys(expected, "missed")
    assert not report.is_clean and report.is_complete
    assert report.all.tally.final == 7  # whatever should have been


def test_range_is_misdeclared_once_a_batch(world: World, lane: OwnLane) -> None:
    at = world.now
    lane.post(*leaves(world, 300, age=4), declared=(at, at))
    assert faults(audited(world)) == {(0, 0, RANGE): "open"}


def test_proven_faults(world: World, lane: OwnLane) -> None:
    verifier = world.verifier()
    good = leaves(world, 2)
    batch = lane.post(good[0], world.forged(10).leaf, good[0], good[1])
    world.rounds(4, verifier)
    later(world)
    report = audited(world)
    assert faults(report) == {(0, 1, BAD): "proven", (0, 2, DUPLICATE): "proven"}
    for one in report.faults:
        assert one.proof is not None and one.proof.prover == VERIFIER
        assert one.proof.slashed == DEMO.leaf_slash and one.proof.at > world.now - 11 * DEMO.window
    assert report.all.tally.void_by_proof == 2 and report.all.tally.final == 2
    assert report.lanes[lane.number].slashed["faults"] == 2 * DEMO.leaf_slash
    assert batch.id == report.faults[0].batch


def test_first_of_a_receipt_that_does_not_stand(world: World, lane: OwnLane) -> None:
    forged = world.forged(1)
    honest = world.nodes[0].sign(forged.receipt, world.domain).leaf
    lane.post(forged.leaf)
    lane.post(honest, world.signed(2).leaf)
    assert faults(audited(world)) == {(0, 0, BAD): "open"}


def test_receipt_on_two_lanes(world: World, lane: OwnLane) -> None:
    some = leaves(world, 2)
    lane.post(*some)
    OwnLane(world, RIVAL).post(*some)
    report = audited(world)
    assert report.is_clean and report.all.batches == 2
    assert sorted(report.lanes) == [1, 2]


def test_node_revoked_later(world: World, lane: OwnLane) -> None:
    lane.post(*leaves(world, 2))
    later(world)
    world.chain.account_view(OWNER).revoke(world.nodes[0].node, world.now - 5, "stolen")
    world.wait(1)
    lane.post(*leaves(world, 2, 10))
    report = audited(world)
    assert report.is_clean
    assert (report.all.tally.final, report.all.tally.void_by_rule) == (2, 2)


def test_unavailable_data(world: World, lane: OwnLane) -> None:
    lane.post(*leaves(world, 2))
    some = leaves(world, 600, 10)
    batch = lane.post(*some)
    wrong = [*some[:256], *some[:256], *some[512:]]
    lane.publish(batch, data=_data(lane, batch, wrong))
    gone = lane.post(world.signed(900).leaf, withheld=True)
    later(world)
    report = audited(world)
    assert not report.is_clean and report.is_complete and not report.faults
    assert [(one.batch, one.tile, one.leaves) for one in report.lacking] == [
        (batch.id, 1, 256),
        (gone.id, 0, 1),
    ]
    assert "tile 1 of 3" in report.lacking[0].why
    assert report.all.tally.unavailable == 257 and report.all.checked == 2 + 256 + 88


def _data(lane: OwnLane, batch: Batch, instead: list[Leaf]) -> bytes:
    return build_batch(lane.number, batch.first_seq, instead).data


def _demand(world: World, batch: Batch) -> None:
    chain = world.chain.account_view(VERIFIER)
    chain.demand_tile(batch.id, 0, batch.tree.root, (), 2 * chain.deposit_for(batch.id, 0))


def test_data_shown_on_chain(world: World, lane: OwnLane) -> None:
    batch = lane.post(world.signed(1).leaf, world.forged(2).leaf, withheld=True)
    _demand(world, batch)
    lane.answer(batch)
    later(world)
    report = audited(world)
    assert not report.lacking and faults(report) == {(0, 1, BAD): "missed"}
    assert [(one.outcome, one.challenger) for one in report.demands] == [("answered", VERIFIER)]


def test_demanded_in_vain(world: World, lane: OwnLane) -> None:
    batch = lane.post(*leaves(world, 3), withheld=True)
    _demand(world, batch)
    assert [one.outcome for one in audited(world, "early", lanes=frozenset({1})).demands] == ["open"]
    world.wait(DEMO.answer_period + 2)
    world.chain.account_view(VERIFIER).expire_demand(batch.id, 0)
    again = lane.post(*batch.leaves)  # what was struck may be posted again
    later(world)
    report = audited(world)
    assert not report.is_clean and not report.lacking and not report.faults
    assert [(one.outcome, one.slashed) for one in report.demands] == [("struck", 3 * DEMO.leaf_slash)]
    assert (report.all.tally.struck, report.all.tally.final) == (3, 3) and again.first_seq == 3
    assert report.all.slashed["demands"] == 3 * DEMO.leaf_slash
    lane.publish(batch)
    assert not audited(world, "late").faults


def test_data_that_comes_back(world: World, lane: OwnLane) -> None:
    lane.post(world.signed(1).leaf)
    some = leaves(world, 2, 10)
    batch = lane.post(*some, world.forged(20).leaf)
    lane.post(some[1], world.signed(30).leaf)
    later(world)
    lane.withhold(batch)
    assert faults(audited(world)) == {}
    lane.publish(batch)
    report = audited(world)
    assert faults(report) == {(1, 2, BAD): "missed", (4, 0, DUPLICATE): "missed"}
    assert not report.lacking


def test_data_that_is_there_at_the_second_look(world: World, lane: OwnLane) -> None:
    lane.post(world.signed(1).leaf)
    some = leaves(world, 2, 10)
    batch = lane.post(*some)
    lane.post(some[1])
    later(world)
    fetch, failures = world.shelf.fetch, [2]

    def unsteady(uri: str, at_most: int) -> bytes:
        if f"/{batch.id}/" in uri and failures[0]:
            failures[0] -= 2
            raise DataUnavailable("reset by peer")
        return fetch(uri, at_most)

    world.shelf.fetch = unsteady  # type: ignore[method-assign]
    report = audited(world)
    assert report.is_complete and not report.lacking
    assert faults(report) == {(3, 0, DUPLICATE): "missed"}


def test_blown_fuse(tmp_path: Path) -> None:
    world = World(tmp_path, terms=replace(DEMO, window=3600, claim_window=3600))
    lane = OwnLane(world)
    batch = lane.post(*[world.forged(n).leaf for n in range(FUSE + 3)], world.signed(900).leaf)
    prover, key = world.chain.account_view(VERIFIER), world.nodes[0].public_key
    for index, leaf in enumerate(batch.leaves[:FUSE]):
        assert leaf is not None
        claim = Claim(batch.id, index, leaf.receipt, leaf.signature, tuple(batch.tree.proof(index)), key)
        prover.prove_fault(FaultKind.BAD_SIGNATURE, claim)
    world.wait(3600)
    report = audited(world)
    states = [one.state for one in report.faults]
    assert (states.count("proven"), states.count("struck"), len(states)) == (FUSE, 3, FUSE + 3)
    assert report.all.tally.struck == FUSE + 4 and report.fuses == [batch.id]


def test_broken_promises(tmp_path: Path) -> None:
    world = World(tmp_path, ahead=10)
    lane = OwnLane(world)
    due, leaf = world.now + 3, world.signed(1).leaf
    opened = signed_promise(world.chain.promise_domain, 1, 0, [leaf.hash], due, RIVAL, PROMISER).opening()
    world.wait(10)
    world.chain.account_view(VERIFIER).claim_missed(opened, 0)
    lane.post(leaf)
    report = audited(world)
    assert not report.is_clean and report.is_complete and not report.faults
    (one,) = report.promises
    assert (one.lane, one.seq, one.fault) == (1, 0, PromiseFault.MISSED_DEADLINE)
    assert (one.beneficiary, one.caller, one.slashed) == (RIVAL, VERIFIER, DEMO.promise_slash)
    assert report.lanes[1].slashed["promises"] == DEMO.promise_slash
    assert audited(world, "other", lanes=frozenset({1}), until=due).promises == []


def test_fault_that_this_audit_cannot_tell(world: World, lane: OwnLane) -> None:
    batch = lane.post(world.forged(1).leaf, world.signed(2).leaf)
    world.rounds(4, world.verifier())
    lane.withhold(batch)
    lane.post(world.signed(3).leaf)
    report = audited(world)
    assert faults(report) == {(0, 0, BAD): "proven, not found"}
    assert [one.batch for one in report.lacking] == [batch.id]


def test_archive_is_looked_at_first(world: World, lane: OwnLane, tmp_path: Path) -> None:
    batch = lane.post(*leaves(world, 2))
    assert audited(world, archive=tmp_path / "kept").is_clean
    lane.withhold(batch)
    assert audited(world, "another", archive=tmp_path / "kept").all.checked == 2


def test_own_network_down(world: World, lane: OwnLane) -> None:
    lane.post(*leaves(world, 2))
    later(world)
    world.shelf.missing = True
    report = audited(world)
    assert report.is_clean and not report.is_complete and report.is_cut_off
    said = report.to_json()
    assert said["clean"] is None and said["unavailable"] == [] and len(said["not_looked_for"]) == 1
    world.shelf.missing = False
    report = audited(world)
    assert report.is_clean and report.is_complete and report.all.tally.final == 2


def test_own_network_down_for_long_ends_the_audit(world: World, lane: OwnLane) -> None:
    for n in range(DARK + 1):
        lane.post(world.signed(n).leaf)
    world.shelf.missing = True
    with pytest.raises(NoNetwork):
        audited(world)
    world.shelf.missing = False
    assert audited(world).is_clean


def test_node_down(world: World, lane: OwnLane) -> None:
    lane.post(*leaves(world, 2))
    world.chain.fail_next(2)
    assert audited(world).is_clean  # asked again
    world.chain.fail_next(50)
    with pytest.raises(ChainUnavailable):
        audited(world, "another")


def test_judge_that_stumbles(world: World, lane: OwnLane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.post(*leaves(world, 2))
    bad = lane.post(world.signed(7).leaf)
    judge = tiles.judge_tile

    def stumbling(job: TileJob) -> TileFindings | None:
        if job.root == bad.tree.root:
            raise ZeroDivisionError("a mistake of ours")
        return judge(job)

    monkeypatch.setattr(tiles, "judge_tile", stumbling)
    report = audited(world)
    assert report.is_clean and not report.is_complete and report.unexamined == 1
    assert report.to_json()["clean"] is None and "a mistake of ours" in report.trouble[0]
    monkeypatch.undo()
    report = audited(world)
    assert report.is_clean and report.is_complete


def test_lane_that_is_not_there(world: World) -> None:
    with pytest.raises(ConfigError, match="there is no lane 7 on this chain: it has 1"):
        audited(world, lanes=frozenset({7}))


def test_scope(world: World, lane: OwnLane) -> None:
    some = leaves(world, 3)
    first = lane.post(some[0])
    second = lane.post(some[1], some[0])
    third = lane.post(some[2], some[1])
    other = OwnLane(world, RIVAL).post(world.forged(9).leaf)
    blocks = {logged.event.batch: logged.place for logged in world.chain.account_view(RIVAL).events(0, 10**6)
              if type(logged.event).__name__ == "Posted"}  # fmt: skip
    report = audited(world, "a", lanes=frozenset({2}))
    assert [lane_of(one.batch) for one in report.faults] == [lane_of(other.id)] and report.all.batches == 1
    at = blocks[second.id]
    report = audited(world, "b", lanes=frozenset({1}), from_block=at.block, to_block=at.block)
    # The batch before is no part of it, but is looked at: a receipt of it stands again.
    assert faults(report) == {(second.first_seq, 1, DUPLICATE): "open"} and report.all.batches == 1
    report = audited(world, "c", lanes=frozenset({1}), since=blocks[third.id].timestamp)
    assert faults(report) == {(third.first_seq, 1, DUPLICATE): "open"}
    report = audited(world, "d", until=blocks[first.id].timestamp)
    assert report.all.batches == 1 and report.is_clean
