"""The store: what is kept, for whom, and how the chain's changes of mind are followed.

opening
├── when it is new → it should belong to this chain, these contracts, this role
├── when it belongs to another → it should raise ForeignStore, naming what differs
├── when its version is newer than this program → it should raise ForeignStore
├── when the file is no database, or cannot be made → it should raise StoreUnavailable
└── when another process runs on it → it should refuse a second one
a transaction
├── when it ends in an exception → it should leave nothing
└── when it is committed → it should be on disk: WAL, synchronous FULL
receipts
├── it should number them without gaps, also beside what is on chain
└── it should find them by receipt hash and by leaf hash
applying a range of blocks
├── when it is applied twice → it should change nothing the second time
├── it should move the cursor in the same commit
└── nodes, ends and epochs should read as the registry has them
undoing
├── it should forget exactly what the blocks beyond the ancestor said
├── it should make pending again what they settled, and due again what they finished
└── when nothing remembered is left → it should forget whatever the chain said
deadlines
└── it should keep each once, and give those due, the soonest first
"""

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import (
    Block,
    Deployment,
    EpochAnnounced,
    FaultProven,
    Logged,
    NodeRegistered,
    NodeRevoked,
    Place,
    Posted,
)
from afterproof.errors import ForeignStore
from afterproof.protocol.header import BatchId, Header, batch_id
from afterproof.protocol.receipt import Leaf, Receipt, Scheme, keccak
from afterproof.protocol.terms import DEMO, ETHER, PRODUCTION
from afterproof.store import Store, StoreUnavailable
from afterproof.store.deadlines import Action, Deadline
from afterproof.store.schema import MIGRATIONS
from afterproof.store.verdicts import Check, State, Verdict, What

DEPLOYMENT = Deployment(31_337, b"\x51" * 20, b"\x52" * 20, 1)
NODE = b"\x0d" * 32
BATCH = batch_id(1, 0)


def opened(folder: Path, **changes: Any) -> Store:
    """The store in ``folder``."""
    role = changes.pop("role", "verifier")
    exclusive = changes.pop("exclusive", False)
    return Store.open(folder / "store.sqlite3", replace(DEPLOYMENT, **changes), role, exclusive)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return opened(tmp_path)


def dump(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows."""
    tables = [row[0] for row in store._database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {table: sorted(map(repr, store._database.rows(f"SELECT * FROM {table}"))) for table in tables}


def block(number: int, fork: int = 0) -> Block:
    """A block, one a second."""
    return Block(number, keccak(b"%d/%d" % (number, fork)), 1000 + number)


def logged(event: Any, number: int, index: int = 0) -> Logged:
    """An event at a block."""
    here = block(number)
    return Logged(Place(number, here.hash, here.timestamp, keccak(b"tx%d" % number), index), event)


def posted(first_seq: int = 0, count: int = 3, anchor: int = 1005, end: int = 1017) -> Posted:
    """A batch of lane 1."""
    header = Header(count, anchor, end, anchor, 0, 1)
    return Posted(1, batch_id(1, first_seq), keccak(b"root"), header, (keccak(b"root"),), "http://data")


def leaf(number: int, issued_at: int = 900) -> Leaf:
    """A leaf with a made-up signature."""
    return Leaf(Receipt(NODE, bytes(32), keccak(b"%d" % number), bytes(32), bytes(32), issued_at), b"s" * 65)


HISTORY = [
    logged(EpochAnnounced(1, 1001, DEMO, frozenset({1})), 1),
    logged(NodeRegistered(NODE, 1, b"\x0a" * 20, 1003, b"key"), 2),
    logged(posted(), 5),
    logged(FaultProven(BATCH, 2, 1, b"\x02" * 20, 10 * ETHER), 7),
    logged(NodeRevoked(NODE, 1004, "stolen"), 8),
    logged(EpochAnnounced(2, 2000, PRODUCTION, frozenset()), 9),
]


def upto(last: int) -> list[Logged]:
    """The history up to a block."""
    return [one for one in HISTORY if one.place.block <= last]


def followed(store: Store, last: int) -> None:
    """Follow the history block by block from the cursor."""
    cursor = store.chain.cursor()
    for number in range(cursor.number + 1 if cursor else 1, last + 1):
        store.chain.apply([one for one in HISTORY if one.place.block == number], block(number))


# --- opening ----------------------------------------------------------------------------------------


def test_open_again_keeps_what_is_there(tmp_path: Path) -> None:
    opened(tmp_path).chain.apply([], block(3))
    assert opened(tmp_path).chain.cursor() == block(3)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"chain_id": 1}, "chain 31337, not to 1"),
        ({"settlement": b"\x61" * 20}, "settlement 0x5151"),
        ({"registry": b"\x61" * 20}, "registry 0x5252"),
        ({"role": "relayer"}, "role verifier, not to relayer"),
    ],
)
def test_open_when_foreign_names_what_differs(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    opened(tmp_path)
    with pytest.raises(ForeignStore, match=what):
        opened(tmp_path, **changes)


def test_open_when_newer_is_refused_and_unchanged(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "store.sqlite3") as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(ForeignStore, match="newer"):
        opened(tmp_path)


def test_open_when_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite3").write_bytes(b"this is not a database, not even nearly one" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        opened(tmp_path)


def test_open_when_the_folder_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        opened(tmp_path / "file" / "folder")


def test_open_exclusively_twice_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    first = opened(tmp_path, exclusive=True)
    with pytest.raises(StoreUnavailable, match="another process runs on it"):
        opened(tmp_path, exclusive=True)
    assert opened(tmp_path).chain.cursor() is None  # reading beside it is fine
    first.close()
    opened(tmp_path, exclusive=True).close()


def test_open_when_foreign_lets_go_of_the_lock(tmp_path: Path) -> None:
    opened(tmp_path)
    with pytest.raises(ForeignStore):
        opened(tmp_path, role="relayer", exclusive=True)
    opened(tmp_path, exclusive=True).close()


# --- transactions -----------------------------------------------------------------------------------


def test_transaction_that_raises_leaves_nothing(store: Store) -> None:
    before = dump(store)
    with pytest.raises(RuntimeError), store.transaction():
        store.receipts.add(1, [(leaf(0), Scheme.SECP256K1)], 1000)
        raise RuntimeError
    assert dump(store) == before


def test_commits_are_on_disk(store: Store) -> None:
    assert store._database.row("PRAGMA journal_mode") == ("wal",)
    assert store._database.row("PRAGMA synchronous") == (2,)


def test_threads_have_connections_of_their_own_and_wait_for_each_other(store: Store) -> None:
    def add(start: int) -> None:
        for number in range(start, start + 20):
            with store.transaction():
                store.receipts.add(1, [(leaf(number), Scheme.SECP256K1)], 1000)

    threads = [threading.Thread(target=add, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.seq for one in store.receipts.in_order(1, 0, 100)] == list(range(60))


# --- receipts ---------------------------------------------------------------------------------------


def test_receipts_are_numbered_without_gaps_and_found_again(store: Store) -> None:
    with store.transaction():
        first = store.receipts.add(1, [(leaf(n), Scheme.SECP256K1) for n in range(3)], 1000)
        second = store.receipts.add(1, [(leaf(9), Scheme.OPENGRADIENT_RSA_PSS)], 1001)
    assert [one.seq for one in (*first, *second)] == [0, 1, 2, 3]
    assert store.receipts.find(leaf(9).receipt) == second[0]
    assert store.receipts.by_leaf(leaf(1).hash) == first[1]
    assert store.receipts.find(leaf(1, issued_at=901).receipt) is None
    assert store.receipts.find(leaf(1, issued_at=2**255).receipt) is None
    assert store.receipts.by_leaf(bytes(32)) is None
    assert list(store.receipts.each(1, 1, 2, chunk=1)) == first[1:]
    assert store.receipts.oldest_from(1, 2) == (2, 2, 1000)
    assert store.receipts.oldest_from(2, 0) is None
    assert store.receipts.count(1) == 4


def test_receipts_of_a_new_store_go_on_behind_what_is_on_chain(store: Store) -> None:
    store.chain.apply([logged(posted(0, 3), 5), logged(posted(3, 7), 6)], block(6))
    assert store.receipts.next_seq(1) == 10
    assert store.receipts.next_seq(2) == 0


# --- the chain --------------------------------------------------------------------------------------


def test_apply_twice_changes_nothing(tmp_path: Path) -> None:
    once, twice = opened(tmp_path / "a"), opened(tmp_path / "b")
    once.chain.apply(HISTORY, block(9))
    twice.chain.apply(HISTORY, block(9))
    twice.chain.apply(HISTORY, block(9))
    assert dump(once) == dump(twice)


def test_apply_when_it_fails_moves_no_cursor(store: Store) -> None:
    store.chain.apply([], block(1))
    broken = logged(replace(posted(), header=None), 5)  # type: ignore[arg-type]
    before = dump(store)
    with pytest.raises(AttributeError):
        store.chain.apply([*upto(2), broken], block(9))
    assert dump(store) == before


def test_apply_reads_back_as_the_chain_has_it(store: Store) -> None:
    followed(store, 9)
    node = store.registry.node(NODE)
    assert node is not None
    assert (node.public_key, node.starts_at, node.ends) == (b"key", 1003, ((1008, 1004),))
    assert node.was_live(1003, 1007) and node.was_live(1005, 1007)
    assert not node.was_live(1004, 1008)
    first, second = store.registry.epoch(1), store.registry.epoch_at(2000)
    assert first is not None and first.terms == DEMO and first.faults == {1}
    assert second is not None and second.number == 2 and second.terms == PRODUCTION
    assert store.registry.epoch_at(1999) == first
    assert store.registry.epoch_at(1000) is None
    found = store.batches.posted(BATCH)
    assert found is not None and found.header == posted().header and found.tile_roots == posted().tile_roots
    assert store.batches.posted_with(1, 2) == found and store.batches.posted_with(1, 3) is None
    void = store.batches.void(BATCH, 2)
    assert void is not None and void.slashed == 10 * ETHER and void.timestamp == 1007
    assert store.deadlines.all(Action.CHECK) == [Deadline(1005, Action.CHECK, BATCH)]
    assert store.deadlines.all(Action.FINALISE) == [Deadline(1017, Action.FINALISE, BATCH)]


def test_apply_of_a_relayer_has_nothing_to_check(tmp_path: Path) -> None:
    store = opened(tmp_path, role="relayer")
    followed(store, 9)
    assert store.deadlines.count(Action.CHECK) == 0
    assert store.deadlines.count(Action.FINALISE) == 1


def test_revocation_far_in_the_future_is_kept_as_far_as_numbers_reach(store: Store) -> None:
    store.chain.apply(upto(2), block(2))
    store.chain.apply([logged(NodeRevoked(NODE, 2**256 - 1, ""), 3)], block(3))
    node = store.registry.node(NODE)
    assert node is not None and node.was_live(2**40)


@pytest.mark.parametrize("ancestor", range(1, 9))
def test_undo_leaves_what_a_store_has_that_never_went_further(tmp_path: Path, ancestor: int) -> None:
    short, undone = opened(tmp_path / "a"), opened(tmp_path / "b")
    followed(short, ancestor)
    followed(undone, 9)
    undone.chain.undo_beyond(block(ancestor), 0)
    assert dump(undone) == dump(short)


def test_undo_of_everything_leaves_only_what_is_ours(store: Store) -> None:
    with store.transaction():
        store.receipts.add(1, [(leaf(0), Scheme.SECP256K1)], 1000)
    before = dump(store)
    followed(store, 9)
    store.chain.undo_beyond(None, 0)
    assert dump(store) == before


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


# --- deadlines and verdicts -------------------------------------------------------------------------


def test_deadlines_are_kept_once_and_come_soonest_first(store: Store) -> None:
    late, soon = Deadline(30, Action.DISPUTE, BATCH, 4), Deadline(20, Action.DISPUTE, BatchId(5), 1)
    for deadline in (late, soon, late, Deadline(10, Action.CHECK, BATCH)):
        store.deadlines.add(deadline)
    assert store.deadlines.all(Action.DISPUTE) == [soon, late]
    assert store.deadlines.due(Action.DISPUTE, before=30) == [soon]
    store.deadlines.remove(soon)
    assert store.deadlines.all(Action.DISPUTE) == [late]
    assert store.deadlines.count(Action.CHECK) == 1


def test_verdict_reads_back_and_stays_as_it_was_first_found(store: Store) -> None:
    full = Verdict(
        BATCH, 300, What.DISPUTE, 1, b"key", b"w" * 192, b"sig", (b"a" * 32, b"b" * 32), why="", fee=2**70
    )
    store.verdicts.add(full)
    store.verdicts.add(replace(full, kind=2))
    assert store.verdicts.find(BATCH, 300, What.DISPUTE) == full
    store.verdicts.postpone(full, 50, "because")
    found = store.verdicts.find(BATCH, 300, What.DISPUTE)
    assert found is not None and (found.attempts, found.next_at, found.why) == (1, 50, "because")
    assert store.verdicts.all(What.DEMAND) == []
    store.verdicts.remove(BATCH)
    assert store.verdicts.all() == []
