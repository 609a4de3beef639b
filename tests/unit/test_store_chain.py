"""The store and the chain: events become rows, and go when their blocks do.

applying a range of blocks
├── when it is applied twice → it should change nothing the second time
├── it should move the cursor in the same commit
├── when another process has moved the cursor meanwhile → it should store nothing
└── nodes, ends and epochs should read as the registry has them
undoing
├── it should forget exactly what the blocks beyond the ancestor said
├── it should make pending again what they settled, and due again what they finished
└── when nothing remembered is left → it should forget whatever the chain said
"""

from dataclasses import replace
from pathlib import Path

import pytest

from afterproof.chain.base import (
    NodeRevoked,
)
from afterproof.errors import AfterproofError
from afterproof.protocol.attestations import ENDORSEMENT, NO_UNTIL, Binding, Tenure
from afterproof.protocol.receipt import Scheme, keccak
from afterproof.protocol.state import FaultKind
from afterproof.protocol.terms import DEMO, ETHER, PRODUCTION
from afterproof.store import Store
from afterproof.store.attestations import Challenge, StoredAttestation
from afterproof.store.deadlines import Action, Deadline
from afterproof.store.registry import AllowedCode
from afterproof.store.verdicts import Check, State, Verdict, What
from tests.support.crashes import tables
from tests.support.databases import on_both, place
from tests.support.history import (
    BATCH,
    CLAIMS,
    DEPLOYMENT,
    HISTORY,
    NODE,
    block,
    followed,
    leaf,
    logged,
    opened,
    posted,
    upto,
)

pytestmark = on_both


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return opened(tmp_path)


# --- the chain --------------------------------------------------------------------------------------


def test_apply_twice_changes_nothing(tmp_path: Path) -> None:
    once, twice = opened(tmp_path / "a"), opened(tmp_path / "b")
    once.chain.apply(HISTORY, block(9))
    twice.chain.apply(HISTORY, block(9))
    twice.chain.apply(HISTORY, block(9))
    assert tables(once) == tables(twice)


def test_apply_when_it_fails_moves_no_cursor(store: Store) -> None:
    store.chain.apply([], block(1))
    broken = logged(replace(posted(), header=None), 5)  # type: ignore[arg-type]
    before = tables(store)
    with pytest.raises(AttributeError):
        store.chain.apply([*upto(2), broken], block(9))
    assert tables(store) == before


def test_apply_when_the_cursor_was_moved_meanwhile_stores_nothing(tmp_path: Path) -> None:
    mine, theirs = opened(tmp_path), opened(tmp_path)
    cursor = mine.chain.cursor()
    assert theirs.chain.apply(upto(5), block(5), cursor)
    before = tables(mine)
    assert not mine.chain.apply([logged(posted(7), 3)], block(3), cursor)
    assert not mine.chain.undo_beyond(block(1), 0, block(4))
    assert tables(mine) == before
    assert mine.chain.undo_beyond(block(1), 0, block(5)) and mine.chain.cursor() == block(1)


def test_apply_reads_back_as_the_chain_has_it(store: Store) -> None:
    followed(store, 9)
    node = store.registry.node(NODE, 1009)
    assert node is not None
    assert (node.public_key, node.operator, node.ends) == (b"key", b"\x0a" * 20, ((1008, 1004),))
    assert (node.reach, node.as_of) == (DEMO.window, 1009)
    assert node.was_live(1003, 1007) and node.was_live(1005, 1007)
    assert not node.was_live(1004, 1008)
    assert store.registry.operator_of(NODE) == (b"\x0a" * 20, bytes(20))
    assert store.registry.public_key(NODE) == b"key"
    code = store.registry.measurement(CLAIMS.measurement)
    assert code == AllowedCode(CLAIMS.measurement, 1002, Binding.NONCE, "v1", "git:1")
    first, second = store.registry.epoch(1), store.registry.epoch_at(2000)
    assert first is not None and first.terms == DEMO and first.faults == {1}
    assert second is not None and second.number == 2 and second.terms == PRODUCTION
    assert store.registry.epoch_at(1999) == first
    assert store.registry.epoch_at(1000) is None
    found = store.batches.posted(BATCH)
    assert found is not None and found.header == posted().header and found.tile_roots == posted().tile_roots
    assert store.batches.posted_with(1, 2) == found and store.batches.posted_with(1, 3) is None
    void = store.faults.voids(BATCH).get(2)
    assert void is not None and void.slashed == 10 * ETHER and void.timestamp == 1007
    assert void.kind == FaultKind.BAD_SIGNATURE
    ranged = store.faults.closing(BATCH, 0, FaultKind.MISDECLARED_RANGE)
    assert ranged is not None and (ranged.place, ranged.slashed) == (2, 5 * ETHER)
    assert store.faults.closing(BATCH, 0, FaultKind.BAD_SIGNATURE) is None
    assert store.deadlines.all(Action.CHECK) == [Deadline(1005, Action.CHECK, BATCH)]
    assert store.deadlines.all(Action.FINALISE) == [Deadline(1017, Action.FINALISE, BATCH)]


def test_an_attestation_reads_back_with_what_became_of_it(store: Store) -> None:
    attestations = store.registry.attestations
    followed(store, 3)
    found = attestations.get(2)
    tx = keccak(b"tx3")
    tenure = Tenure(1, 1020, 1500)
    posted_ = StoredAttestation(2, NODE, CLAIMS, b"\x0a" * 20, "http://document", 1003, 3, tx, tenure)
    assert found == posted_
    followed(store, 4)
    challenge = Challenge(1012, b"\x0b" * 20, ETHER, 1004)
    contested = replace(tenure, starts_at=0, deadline=1012)
    assert attestations.get(2) == replace(posted_, tenure=contested, challenge=challenge)
    followed(store, 9)
    ends = (((1009, 1008),), ((1007, 1030),), ((1008, 1009),))
    proven = replace(tenure, starts_at=1007, proven=True)
    last = attestations.get(2)
    assert last is not None and set(last.tenure.ends) == set(ends)
    plain = replace(last, tenure=replace(last.tenure, ends=()))
    assert plain == replace(posted_, tenure=proven, is_settled=True)
    endorsed = attestations.get(1)
    assert endorsed is not None and endorsed.claims is None
    assert endorsed.tenure == Tenure(ENDORSEMENT, 1003, NO_UNTIL)
    assert [one.number for one in attestations.of(NODE)] == [1, 2]
    assert [one.number for one in attestations.of(NODE, since=1499)] == [1, 2]
    assert [one.number for one in attestations.of(NODE, since=1500)] == [1]
    assert attestations.count() == 2 and attestations.get(3) is None


def test_a_node_is_not_judged_before_the_registrys_terms_are_known(tmp_path: Path) -> None:
    store = Store.open(place(tmp_path / "bare.sqlite3"), DEPLOYMENT, "verifier")
    store.chain.apply(HISTORY, block(9))
    assert store.registry.node(b"\x0e" * 32, 1009) is None
    with pytest.raises(AfterproofError, match="terms are not known yet"):
        store.registry.node(NODE, 1009)


def test_apply_of_a_relayer_has_nothing_to_check(tmp_path: Path) -> None:
    store = opened(tmp_path, role="relayer")
    followed(store, 9)
    assert store.deadlines.count(Action.CHECK) == 0
    assert store.deadlines.count(Action.FINALISE) == 1


def test_revocation_far_in_the_future_is_kept_as_far_as_numbers_reach(store: Store) -> None:
    store.chain.apply(upto(2), block(2))
    store.chain.apply([logged(NodeRevoked(NODE, 2**256 - 1, ""), 3)], block(3))
    node = store.registry.node(NODE, 2**40)
    assert node is not None and node.was_live(2**39)


@pytest.mark.parametrize("ancestor", range(1, 9))
def test_undo_leaves_what_a_store_has_that_never_went_further(tmp_path: Path, ancestor: int) -> None:
    short, undone = opened(tmp_path / "a"), opened(tmp_path / "b")
    followed(short, ancestor)
    followed(undone, 9)
    undone.chain.undo_beyond(block(ancestor), 0)
    assert tables(undone) == tables(short)


def test_undo_of_everything_leaves_only_what_is_ours(store: Store) -> None:
    with store.transaction():
        store.receipts.add(1, [(leaf(0), Scheme.SECP256K1)], 1000)
    before = tables(store)
    followed(store, 9)
    store.chain.undo_beyond(None, 0)
    assert tables(store) == {**before, "registry_terms": []}


def test_undo_makes_pending_again_what_was_settled_and_due_what_was_done(store: Store) -> None:
    followed(store, 5)
    verdict = Verdict(BATCH, 2, What.DISPUTE, 1, b"key")
    with store.transaction():
        store.verdicts.add(verdict)
        store.verdicts.put_check(Check(BATCH, "checked", accepted=2, disputed=1, at=1005, block=5))
        store.deadlines.remove_all(BATCH, Action.CHECK)
    followed(store, 9)
    with store.transaction():
        store.verdicts.settle(verdict, State.PROVEN, 7, 5 * ETHER)
        store.batches.mark_final(BATCH, 1018, 9)
        store.deadlines.remove_all(BATCH)
    store.chain.undo_beyond(block(6), 0)
    found = store.verdicts.find(BATCH, 2, What.DISPUTE)
    assert found is not None and found.state is State.PENDING and found.reward is None
    assert store.deadlines.all(Action.DISPUTE) == [Deadline(1017, Action.DISPUTE, BATCH, 2)]
    assert store.deadlines.all(Action.FINALISE) == [Deadline(1017, Action.FINALISE, BATCH)]
    assert store.deadlines.count(Action.CHECK) == 0
    batch = store.batches.posted(BATCH)
    assert batch is not None and batch.final_at is None


def test_undo_has_judged_again_what_was_judged_by_what_is_gone(store: Store) -> None:
    followed(store, 8)
    with store.transaction():
        store.verdicts.add(Verdict(BATCH, 1, What.DISPUTE, 1))
        store.verdicts.put_check(Check(BATCH, "checked", void=3, at=1008, block=8))
        store.deadlines.remove_all(BATCH, Action.CHECK)
        store.deadlines.add(Deadline(1017, Action.DISPUTE, BATCH, 1))
    store.chain.undo_beyond(block(7), 0)
    assert store.verdicts.check(BATCH) is None
    assert store.verdicts.of(BATCH) == []
    assert store.deadlines.count(Action.DISPUTE) == 0
    assert store.deadlines.all(Action.CHECK) == [Deadline(1005, Action.CHECK, BATCH)]


def test_blocks_back_are_the_newest_first_and_bounded(store: Store) -> None:
    for number in (1, 2, 200, 5000):
        store.chain.apply([], block(number))
    assert [one.number for one in store.chain.blocks_back()] == [5000]
    for number in range(5001, 5200):
        store.chain.apply([], block(number))
    assert [one.number for one in store.chain.blocks_back()] == list(range(5199, 4999, -1))
