"""The store: what is kept, and for whom.

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
deadlines
└── it should keep each once, and give those due, the soonest first
"""

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.errors import ForeignStore, StoreUnavailable
from afterproof.protocol.header import BatchId
from afterproof.protocol.receipt import Scheme
from afterproof.store import Store
from afterproof.store.deadlines import Action, Deadline
from afterproof.store.schema import MIGRATIONS
from afterproof.store.verdicts import Verdict, What
from tests.support.crashes import tables
from tests.support.history import BATCH, block, leaf, logged, opened, posted


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
    before = tables(store)
    with pytest.raises(RuntimeError), store.transaction():
        store.receipts.add(1, [(leaf(0), Scheme.SECP256K1)], 1000)
        raise RuntimeError
    assert tables(store) == before


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
