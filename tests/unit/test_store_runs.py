"""Runs of receipts and their names: what a commit stores in one row reads back receipt by receipt.

a run
├── it should hold leaves of one scheme and length of signature, 256 at most, and read back as they were
├── when only part of it is asked for → it should be that part, also where numbers are missing between runs
└── when its first numbers are forgotten → the rest should stay, and be found by every name
a name
├── when another receipt of the same second has it → both should be stored, and each be found by its own hash
├── when it was taken before anybody looked → it should be refused
└── when the first of two is forgotten → the second should be found, and a third still get a place
"""

from dataclasses import replace
from pathlib import Path

import pytest

from afterproof.protocol.arrays import Leaves
from afterproof.protocol.receipt import Leaf, Scheme
from afterproof.store import Store
from afterproof.store.receipts import AlreadyNamed
from tests.support.databases import on_both
from tests.support.history import leaf, opened

pytestmark = on_both
SECP, RSA = Scheme.SECP256K1, Scheme.OPENGRADIENT_RSA_PSS


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return opened(tmp_path)


def mixed(count: int) -> list[tuple[Leaf, Scheme]]:
    """Leaves of two schemes in turns of seven, and one whose signature is cut off."""
    found = [
        (replace(leaf(n), signature=bytes([n % 251]) * 256), RSA) if n // 7 % 2 else (leaf(n), SECP)
        for n in range(count)
    ]
    found[3] = (replace(leaf(3), signature=b"s"), SECP)
    return found


def test_leaves_of_every_kind_read_back_as_they_were(store: Store) -> None:
    items = mixed(40) + [(leaf(n), SECP) for n in range(40, 640)]
    with store.transaction():
        added = store.receipts.add(1, items, 1000)
        assert store.receipts.add(1, [], 1000) == []
        store.receipts.empty(1, [5, 41])
    runs = list(store.receipts.runs.within(1, 0, 640))
    assert [run.count for run in runs] == [3, 1, 3, 7, 7, 7, 7, 5, 256, 256, 88]
    expected = [one._replace(emptied=one.seq in (5, 41)) for one in added]
    assert store.receipts.in_order(1, 0, 1000) == expected
    assert store.receipts.in_order(1, 38, 300) == expected[38:338]
    assert [(one.leaf, one.scheme) for one in store.receipts.each(1, 2, 39)] == items[2:41]
    assert [one.leaf_hashes for one in [Leaves.joined(run.leaves for run in runs)]] == [
        [one.hash for one, _ in items]
    ]
    assert list(store.receipts.issued(1, 4, 7)) == [(4, 900, 1000), (6, 900, 1000)]


def test_numbers_that_are_missing_are_passed_over(store: Store) -> None:
    with store.transaction():
        store.receipts.add(1, [(leaf(n), SECP) for n in range(4)], 1000)
        store._database.execute("UPDATE sequences SET next_seq = 5000")
        store.receipts.add(1, [(leaf(n), SECP) for n in range(4, 8)], 1001)
    assert [one.seq for one in store.receipts.in_order(1, 2, 4)] == [2, 3, 5000, 5001]
    assert list(store.receipts.runs.within(1, 4, 5000)) == []
    assert [run.first_seq for run in store.receipts.runs.within(1, 3, 5002)] == [3, 5000]
    assert store.receipts.oldest_from(1, 4) == (4, 5000, 1001)
    assert (store.receipts.count(1), store.receipts.first(1)) == (8, 0)


def test_a_run_of_which_part_is_forgotten_keeps_the_rest(store: Store) -> None:
    with store.transaction():
        store.receipts.add(1, mixed(10), 1000)
        store.receipts.empty(1, [1, 8])
        store.receipts.leaves.add(1, 0, 10)
    with store.transaction():
        assert store.receipts.forget(1, 8) == 8
    assert [(one.seq, one.emptied) for one in store.receipts.in_order(1, 0, 10)] == [(8, True), (9, False)]
    assert [store.receipts.find(one.receipt) is not None for one, _ in mixed(10)] == [False] * 8 + [True] * 2
    assert [store.receipts.by_leaf(one.hash) is not None for one, _ in mixed(10)] == [False] * 8 + [True] * 2
    assert store._database.rows("SELECT seq FROM emptied") == [(8,)]
    assert store._database.row("SELECT COUNT(*) FROM names") == (2,)


def alike(count: int) -> Leaves:
    """Leaves whose hashes begin alike: so much work that it has to be pretended."""
    plain = Leaves.of([(leaf(n), SECP) for n in range(count)])
    return plain._replace(hashes=[bytes(8) + one[8:] for one in plain.hashes])


def found(store: Store, leaves: Leaves, monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """At which number each is found by its hash, as pretended."""
    pretended = {leaf(n).receipt.words: name for n, name in enumerate(leaves.hashes)}
    with monkeypatch.context() as patch:
        patch.setattr(
            "afterproof.protocol.receipt.Receipt.hash", property(lambda self: pretended[self.words])
        )
        known, _ = store.receipts.find_all(leaves.times, leaves.hashes)
        return [known[name].seq if name in known else None for name in leaves.hashes]


def test_receipts_of_one_name_are_all_stored_and_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    leaves = alike(4)
    with pytest.raises(AlreadyNamed), store.transaction():
        store.receipts.add_all(1, leaves.part(0, 2), 1000)
    assert store.receipts.count(1) == 0
    for part in (leaves.part(0, 2), leaves.part(2, 3)):
        with store.transaction():
            _, taken = store.receipts.find_all(part.times, part.hashes)
            store.receipts.add_all(1, part, 1000, taken)
    assert found(store, leaves, monkeypatch) == [0, 1, 2, None]
    with pytest.raises(AlreadyNamed), store.transaction():
        store.receipts.add_all(1, leaves.part(3, 4), 1000)
    store._database.execute("DELETE FROM names WHERE seq = 0")
    with store.transaction():
        _, taken = store.receipts.find_all(leaves.times[3:], leaves.hashes[3:])
        store.receipts.add_all(1, leaves.part(3, 4), 1000, taken)
    assert found(store, leaves, monkeypatch) == [None, 1, 2, 3]
