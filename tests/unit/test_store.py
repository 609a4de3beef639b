"""The store: what is kept, and for whom; the same on SQLite and PostgreSQL.

opening
├── when it is new → it should belong to this chain, these contracts, this role
├── when it belongs to another → it should raise ForeignStore, naming what differs
├── when its version is newer than this program → it should raise ForeignStore
└── when its version is older → it should be brought up to date, and keep the faults that were proven, and receipts
a transaction
├── when it ends in an exception → it should leave nothing
└── in several threads → each should wait for the others
receipts
├── it should number them without gaps, also beside what is on chain
├── it should find them by receipt hash and by leaf hash, many at once as well
└── by leaf hash also while a batch closes, after it has, and not once they are forgotten
deadlines
└── it should keep each once, and give those due, the soonest first
"""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.errors import ForeignStore
from afterproof.protocol.header import BatchId, batch_id
from afterproof.protocol.receipt import Scheme
from afterproof.store import Store
from afterproof.store.batches import ClosedBatch
from afterproof.store.database import Database, open_database
from afterproof.store.deadlines import Action, Deadline
from afterproof.store.faults import ProvenFault
from afterproof.store.receipts import AlreadyNamed
from afterproof.store.schema import _KEYS, MIGRATIONS
from afterproof.store.verdicts import Verdict, What
from tests.support.crashes import tables
from tests.support.databases import on_both, place
from tests.support.history import BATCH, NODE, block, followed, leaf, logged, opened, posted

pytestmark = on_both


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return opened(tmp_path)


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
    open_database(place(tmp_path / "store.sqlite3"), migrations=(*MIGRATIONS, "DELETE FROM settings")).close()
    with pytest.raises(ForeignStore, match="newer"):
        opened(tmp_path)


def older(folder: Path, version: int) -> Database:
    """The database of ``opened`` as a program of that version left it."""
    return open_database(place(folder / "store.sqlite3"), migrations=MIGRATIONS[:version])


def test_open_when_older_keeps_the_faults_that_were_proven(tmp_path: Path) -> None:
    old = older(tmp_path, 2)
    old.execute("INSERT INTO voids VALUES (1, 0, 2, 1, ?, '500', ?, 7, 1007)", (b"\x02" * 20, b"\x07" * 32))
    old.close()
    fault = ProvenFault(BATCH, 2, 1, b"\x02" * 20, 500, b"\x07" * 32, 7, 1007)
    assert opened(tmp_path).faults.voids(BATCH) == {2: fault}


def test_open_when_older_follows_the_registry_from_the_beginning(tmp_path: Path) -> None:
    old = older(tmp_path, 3)
    old.execute("INSERT INTO nodes VALUES (?, ?, 1003, ?, 2)", (NODE, b"key", b"\x0a" * 20))
    old.execute("INSERT INTO cursor VALUES (1, 9, ?, 1009)", (block(9).hash,))
    old.execute("INSERT INTO blocks VALUES (9, ?, 1009)", (block(9).hash,))
    old.close()
    store = opened(tmp_path)
    assert store.registry.public_key(NODE) is None
    assert store.chain.cursor() is None and list(store.chain.blocks_back()) == []
    followed(store, 9)
    assert store.registry.public_key(NODE) == b"key"


def test_open_when_older_checks_again_what_can_still_be_disputed(tmp_path: Path) -> None:
    old = older(tmp_path, MIGRATIONS.index(_KEYS))
    for first_seq, final_at in ((0, 1500), (5, None), (9, None)):
        old.execute(
            "INSERT INTO posted (lane, first_seq, count, root, header, tile_roots, data_uri, tx_hash, block, timestamp,"
            " final_at) VALUES (1, ?, 4, ?, ?, ?, '', ?, 3, 1003, ?)",
            (first_seq, *[bytes(32)] * 4, final_at),
        )
    for first_seq in (0, 5):
        old.execute("INSERT INTO checks VALUES (1, ?, 'checked', '', 1, 4, 0, 0, 1004, 4)", (first_seq,))
    old.execute("INSERT INTO seen VALUES (1, 1000, ?, 5)", (bytes(16),))
    old.close()
    store = opened(tmp_path)
    assert store.seen.count() == 0
    assert [one.batch for one in store.deadlines.all(Action.CHECK)] == [
        batch_id(1, 5)
    ]  # the last is due anyway
    assert store.verdicts.check(batch_id(1, 0)) is not None and store.verdicts.check(batch_id(1, 5)) is None


def test_open_when_older_finds_its_receipts_by_every_name(tmp_path: Path) -> None:
    old = older(tmp_path, 6)
    statement = (
        "INSERT INTO receipts (issued_at, receipt_hash, lane, seq, leaf_hash, words, signature, scheme, received_at,"
        " emptied) VALUES (?, ?, ?, ?, ?, ?, ?, 'SECP256K1', 1000, ?)"
    )
    for seq in (3, 0, 2, 1, 4):
        one = leaf(seq)
        r = one.receipt
        old.execute(statement, (r.issued_at, r.hash, 1, seq, one.hash, r.words, one.signature, int(seq == 1)))
    closed = "INSERT INTO closed VALUES (1, ?, ?, ?, ?, '', 'it is time', 1001)"
    old.execute(closed, (0, 2, bytes(32), bytes(32)))
    old.execute(closed, (2, 1, bytes(32), bytes(32)))
    old.execute("INSERT INTO sequences VALUES (1, 5)")
    old.close()
    store = opened(tmp_path)
    indexed = store._database.rows("SELECT seq FROM leaves ORDER BY seq")
    assert indexed == [(0,), (1,), (2,)]  # the others are still open
    for seq in range(5):
        found = store.receipts.by_leaf(leaf(seq).hash)
        assert found is not None and found == store.receipts.find(leaf(seq).receipt)
        assert (found.seq, found.leaf, found.emptied) == (seq, leaf(seq), seq == 1)
    with store.transaction():
        (new,) = store.receipts.add(1, [(leaf(5), Scheme.SECP256K1)], 1002)
    assert new.seq == 5
    assert [one.seq for one in store.receipts.in_order(1, 0, 10)] == list(range(6))


# --- transactions -----------------------------------------------------------------------------------


def test_transaction_that_raises_leaves_nothing(store: Store) -> None:
    before = tables(store)
    with pytest.raises(RuntimeError), store.transaction():
        store.receipts.add(1, [(leaf(0), Scheme.SECP256K1)], 1000)
        raise RuntimeError
    assert tables(store) == before


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
    assert list(store.receipts.each(1, 1, 2)) == first[1:]
    assert store.receipts.oldest_from(1, 2) == (2, 2, 1000)
    assert store.receipts.oldest_from(2, 0) is None
    assert store.receipts.count(1) == 4


def test_receipts_of_a_new_store_go_on_behind_what_is_on_chain(store: Store) -> None:
    store.chain.apply([logged(posted(0, 3), 5), logged(posted(3, 7), 6)], block(6))
    assert store.receipts.next_seq(1) == 10
    assert store.receipts.next_seq(2) == 0


def test_receipts_are_found_many_at_once(store: Store) -> None:
    there = [leaf(n, issued_at=900 + n % 3) for n in range(0, 700, 2)]
    with store.transaction():
        added = store.receipts.add(1, [(one, Scheme.SECP256K1) for one in there], 1000)
    asked = [leaf(n, issued_at=900 + n % 3).receipt for n in range(700)]
    asked += [leaf(0, issued_at=2**255).receipt, *asked[:3]]
    found, _ = store.receipts.find_all([one.issued_at for one in asked], [one.hash for one in asked])
    assert found == {one.leaf.receipt.hash: one for one in added}
    assert store.receipts.find_all([], []) == ({}, {})


def test_a_receipt_that_is_stored_twice_is_refused(store: Store) -> None:
    with store.transaction():
        store.receipts.add(1, [(leaf(0), Scheme.SECP256K1)], 1000)
    with pytest.raises(AlreadyNamed), store.transaction():
        store.receipts.add(1, [(leaf(0), Scheme.SECP256K1)], 1000)
    assert (store.receipts.next_seq(1), store.receipts.count(1)) == (1, 1)


def closed(store: Store, first_seq: int, count: int) -> None:
    """What closing a batch writes."""
    with store.transaction():
        store.receipts.leaves.add(1, first_seq, count)
        batch = ClosedBatch(batch_id(1, first_seq), count, bytes(32), (bytes(32),), "", "it is time", 1000)
        store.batches.add_closed(batch)


def test_leaves_are_found_before_their_batch_closes_after_it_and_not_once_forgotten(
    store: Store, tmp_path: Path
) -> None:
    def seqs(of: Store) -> list[int | None]:
        found = [of.receipts.by_leaf(leaf(n).hash) for n in range(7)]
        return [one.seq if one is not None else None for one in found]

    def add(numbers: range) -> None:
        with store.transaction():
            store.receipts.add(1, [(leaf(n), Scheme.SECP256K1) for n in numbers], 1000)

    other = opened(tmp_path)  # another process on the same store
    add(range(4))
    assert seqs(store) == seqs(other) == [0, 1, 2, 3, None, None, None]
    closed(store, 0, 3)
    assert seqs(store) == seqs(other) == [0, 1, 2, 3, None, None, None]
    assert list(store.receipts.leaves._open[1].seqs.values()) == [3]
    add(range(4, 6))
    assert seqs(store) == seqs(other) == [0, 1, 2, 3, 4, 5, None]
    closed(other, 3, 3)
    add(range(6, 7))
    assert seqs(opened(tmp_path)) == seqs(store) == [0, 1, 2, 3, 4, 5, 6]
    with store.transaction():
        assert store.receipts.forget(1, 4) == 4
    assert seqs(other) == [None] * 4 + [4, 5, 6]
    assert store._database.rows("SELECT seq FROM leaves ORDER BY seq") == [(4,), (5,)]


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
