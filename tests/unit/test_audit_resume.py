"""An audit that is cut off goes on where it was, and one that comes again looks only at what is new.

an audit
├── killed before or after any of its commits → the next run's report should be that of one that never stopped
├── run again → what can no longer change should not be fetched again, what can should
├── when a reorganisation took what it was told: batches, proofs, claims → it should be found as it is now
├── with one worker or many → the report should be the same
└── its JSON → it should have the same names and types, whatever happened
"""

import json
from pathlib import Path
from typing import Any

import pytest

from afterproof.audit.collect import collect
from afterproof.audit.run import Audit
from afterproof.audit.scope import Scope, plan
from afterproof.protocol.examining import Standing
from afterproof.protocol.header import batch_id
from afterproof.protocol.report import percentile
from afterproof.protocol.state import Claim, FaultKind
from afterproof.protocol.terms import DEMO
from afterproof.running.base import Inline
from afterproof.running.pool import Pool
from afterproof.store.audits import Candidate
from tests.support.auditor import BAD, DUPLICATE, audited, auditor, faults
from tests.support.crashes import Crash, crash_at
from tests.support.databases import on_both
from tests.support.lane import OwnLane
from tests.support.promises import signed_promise
from tests.support.world import PROMISER, RIVAL, VERIFIER, World

SPAN = DEMO.max_posting_delay + DEMO.max_clock_skew


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def history(world: World) -> None:
    """Two lanes: faults proven and not, a receipt twice, a tile struck, data withheld, windows open at the end."""
    lane, other = OwnLane(world), OwnLane(world, RIVAL)
    one, two = world.signed(1).leaf, world.signed(2).leaf
    lane.post(one, world.forged(3).leaf)
    world.rounds(3, world.verifier())
    world.wait(2 * SPAN)
    two = world.signed(2).leaf
    lane.post(two)
    lane.post(world.signed(4).leaf, two)
    gone = other.post(world.signed(5).leaf, withheld=True)
    chain = world.chain.account_view(VERIFIER)
    chain.demand_tile(gone.id, 0, gone.tree.root, (), 2 * chain.deposit_for(gone.id, 0))
    other.post(world.forged(6).leaf)
    world.wait(2 * SPAN)
    other.post(world.signed(7).leaf, withheld=True)
    lane.post(world.signed(8).leaf)


@on_both
def test_killed_anywhere(world: World) -> None:
    history(world)
    whole = audited(world, "whole")
    assert len(whole.faults) == 3 and len(whole.lacking) == 1 and whole.demands[0].outcome == "struck"
    commit, ended = 0, False
    while not ended:
        commit += 1
        for when in ("before", "after"):
            name = f"{when}{commit}"
            context = auditor(world, name)
            try:
                with crash_at(context.store, commit, when):
                    audit = Audit(context, Scope())
                    collect(context, Scope(), audit, audit.run())
                ended = True
            except Crash:
                pass
            context.store.close()
            assert audited(world, name).to_json() == whole.to_json(), name
    assert commit > 8


def test_only_what_is_new_is_looked_at(world: World) -> None:
    lane = OwnLane(world)
    for n in range(4):
        lane.post(world.signed(n).leaf)
        world.wait(2 * SPAN)
    assert audited(world).is_clean
    world.shelf.fetches = 0
    assert audited(world).all.tally.final == 4
    assert world.shelf.fetches == 0
    lane.post(world.signed(9).leaf)
    assert audited(world).all.batches == 5
    assert world.shelf.fetches == 1  # those before are too long ago to have the same receipts
    assert audited(world).all.tally.posted == 1
    assert world.shelf.fetches == 2  # what can still change is looked at again
    world.wait(2 * SPAN)
    report = audited(world)
    assert (report.all.tally.posted, report.all.tally.final, world.shelf.fetches) == (0, 5, 3)
    audited(world)
    assert world.shelf.fetches == 3


def test_what_is_shortly_before_is_looked_at_for_its_receipts(world: World) -> None:
    lane = OwnLane(world)
    leaf = world.signed(1).leaf
    lane.post(leaf)
    world.wait(DEMO.window + 2)
    assert audited(world).is_clean
    lane.post(world.signed(2).leaf, leaf)
    assert faults(audited(world)) == {(1, 1, DUPLICATE): "open"}


@on_both
def test_reorganisation(world: World) -> None:
    lane = OwnLane(world)
    lane.post(world.signed(1).leaf)
    world.wait(2 * SPAN)
    kept = lane.post(world.signed(2).leaf)
    world.wait(DEMO.window + 1)
    assert audited(world).all.tally.final == 2  # a block is remembered by which both were settled
    world.wait(1)
    lane.post(world.forged(3).leaf, world.signed(4).leaf)
    assert faults(audited(world)) == {(2, 0, BAD): "open"}
    world.shelf.fetches = 0
    world.chain.reorg(1)
    world.wait(3)
    lane.post(world.signed(5).leaf)
    report = audited(world)
    assert report.is_clean and report.all.batches == 3 and report.all.checked == 3
    assert world.shelf.fetches == 2 and kept.first_seq == 1  # the first is too long ago to matter
    world.chain.reorg(6)
    for _ in range(8):
        world.wait(1)
    report = audited(world)
    assert report.is_clean and report.all.batches < 3


def test_reorganisation_of_what_was_proven(tmp_path: Path) -> None:
    world = World(tmp_path, ahead=10)
    lane = OwnLane(world)
    due = world.now + 3
    promised = signed_promise(
        world.chain.promise_domain, 1, 1, [world.signed(9).leaf.hash], due, RIVAL, PROMISER
    ).opening()
    batch = lane.post(world.forged(1).leaf)
    leaf = batch.leaves[0]
    assert leaf is not None
    key = world.nodes[0].public_key
    prover = world.chain.account_view(VERIFIER)
    claim = Claim(batch.id, 0, leaf.receipt, leaf.signature, tuple(batch.tree.proof(0)), key)
    prover.prove_fault(FaultKind.BAD_SIGNATURE, claim)
    world.wait(5)
    prover.claim_missed(promised, 0)
    world.wait(10 * DEMO.window)
    report = audited(world)
    assert faults(report) == {(0, 0, BAD): "proven"} and len(report.promises) == 1
    assert report.all.tally.void_by_proof == 1
    world.chain.reorg(4)
    for _ in range(6):
        world.wait(10 * DEMO.window)
    report = audited(world)
    assert faults(report) == {(0, 0, BAD): "missed"} and report.promises == []
    assert (report.all.tally.void_by_proof, report.all.tally.final) == (0, 1)
    assert report.all.slashed.total() == 0


def test_receipt_of_a_batch_that_is_gone_accuses_nobody(world: World) -> None:
    lane = OwnLane(world)
    leaf = world.signed(1).leaf
    lane.post(leaf)
    assert audited(world).is_clean
    world.chain.reorg(1)
    lane.post(world.signed(2).leaf)
    lane.post(leaf)
    report = audited(world)
    assert report.all.batches == 2 and report.is_clean


def test_receipt_that_does_not_stand_makes_no_duplicate(world: World) -> None:
    audits = auditor(world).store.audits
    found = []
    for lane, seq, stands in ((1, 0, False), (1, 1, True), (1, 2, True), (2, 2, True)):
        audits.add_receipts(lane, [Standing(seq, 0, 7, bytes(32), stands)])
        found.append(audits.again(lane, range(seq, seq + 1), (7, 7)))
    assert found == [[], [], [2], []]
    assert audits.again(1, range(3), (7, 7)) == [2]


def test_number_of_workers_makes_no_difference(world: World) -> None:
    history(world)
    with Pool(2) as pool:
        said = [
            audited(world, name, runner=one).to_json() for name, one in (("alone", Inline()), ("many", pool))
        ]
    assert said[0] == said[1]


GAP = {"receipts": int, "p50": (int, type(None)), "p90": (int, type(None)), "p99": (int, type(None))}
GAPS = {"to_post": GAP, "to_final": GAP, "whole": GAP}
TALLY = ("checked", "final", "posted", "void_by_rule", "void_by_proof", "struck", "unavailable", "empty")
SUMS: dict[str, Any] = {
    "batches": int,
    "receipts": dict.fromkeys(TALLY, int),
    "slashed": dict.fromkeys(("faults", "demands", "promises", "total"), str),
    "trust_gap": {**GAPS, "hours": [{"hour": int, **GAPS}]},
}
PLACE = {"batch": str, "lane": int, "first_seq": int}
PROOF = {"kind": str, "prover": str, "at": int, "block": int, "tx_hash": str, "slashed": str}
TILE = {**PLACE, "tile": int, "leaves": int, "why": str}
SCHEMA: dict[str, Any] = {
    "complete": bool,
    "clean": (bool, type(None)),
    "trouble": [str],
    "unexamined_batches": int,
    **SUMS,
    "lanes": [{"lane": int, **SUMS}],
    "faults": [
        {**PLACE, "leaf": int, "seq": int, "kind": str, "state": str, "found": bool, "proof": (PROOF, None)}
    ],
    "unavailable": [TILE],
    "not_looked_for": [TILE],
    "demands": [
        {
            **PLACE, "tile": int, "challenger": str, "opened_at": int, "deadline": int, "outcome": str,
            "answered_at": (int, type(None)), "deposit": str, "slashed": str,
        }
    ],
    "fuses_blown": [PLACE],
    "promises": [
        {
            "lane": int, "seq": int, "fault": str, "beneficiary": str, "caller": str, "slashed": str,
            "at": int, "block": int, "tx_hash": str,
        }
    ],
}  # fmt: skip


def fits(said: Any, schema: Any, where: str = "") -> None:
    """Fails where an answer is not of the form that docs/audit.md gives."""
    if isinstance(schema, dict):
        assert isinstance(said, dict) and said.keys() == schema.keys(), (where, said)
        for name, inner in schema.items():
            fits(said[name], inner, f"{where}.{name}")
    elif isinstance(schema, list):
        assert isinstance(said, list), where
        for each in said:
            fits(each, schema[0], where)
    elif isinstance(schema, tuple) and None in schema:
        if said is not None:
            fits(said, schema[0], where)
    else:
        assert isinstance(said, schema), (where, said)


def test_json(world: World) -> None:
    fits(audited(world, "before").to_json(), SCHEMA)
    history(world)
    said = json.loads(json.dumps(audited(world).to_json()))
    fits(said, SCHEMA)
    assert said["clean"] is False and said["complete"] is True
    assert [one["lane"] for one in said["lanes"]] == [1, 2]
    docs = (Path(__file__).resolve().parents[2] / "docs" / "audit.md").read_text()
    names = {
        name
        for name in (*SCHEMA, *TALLY, *SCHEMA["faults"][0], *SCHEMA["demands"][0], *TILE)
        if f"`{name}`" not in docs
    }
    assert not names, "docs/audit.md does not say what these are"


def test_plan_redoes_what_may_hang_on_data_that_comes_late() -> None:
    def batch(first: int, at: int, *, complete: bool = True) -> Candidate:
        return Candidate(batch_id(1, first), at, at, True, complete, True)

    ones = [batch(0, 0), batch(1, 90), batch(2, 100, complete=False), batch(3, 110), batch(4, 111)]
    tasks = [(task.batch & 0xFF, task.for_others) for task in plan(ones, Scope(), 10)]
    assert tasks == [(1, True), (2, False), (3, False)]
    assert plan([batch(0, 0), batch(1, 5)], Scope(), 10) == []


@pytest.mark.parametrize(
    ("counts", "percent", "value"),
    [({}, 50, None), ({7: 1}, 99, 7), ({1: 50, 2: 50}, 50, 1), ({1: 49, 2: 51}, 50, 2), ({1: 99, 9: 1}, 99, 1),
     ({1: 98, 9: 2}, 99, 9), ({5: 1, 3: 9}, 90, 3)],
)  # fmt: skip
def test_percentile_is_the_nearest_rank(counts: dict[int, int], percent: int, value: int | None) -> None:
    assert percentile(counts, percent) == value
