"""Pruning, backing up and restoring a store.

pruning
├── when a batch is young, has open demands, or may still be claimed or wanted → it should stay, and those after it
├── else → its data, receipts and promises, and what is said of them, should go, on a second run nothing more
├── when the data cannot be removed → nothing of the batch should go
└── the relayer should go on posting under the next numbers
backing up
├── it should copy what a running process has committed, and the copy should open
└── when the file exists or there is no database → it should refuse
restoring
├── it should put the copy back where there is no database
└── when it is foreign, damaged, in use, or would overwrite → it should refuse and write nothing
the commands
└── it should do so by the settings, rehearse pruning, and warn of promises that a copy does not know
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from afterproof.cli.session import Session
from afterproof.errors import AfterproofError, ConfigError, DataUnavailable, ForeignStore, StoreUnavailable
from afterproof.protocol.header import batch_id
from afterproof.steps import Context
from afterproof.steps.prune import Pruned, last_claim, prune
from afterproof.store import Store
from afterproof.store.backup import backup, restore
from afterproof.store.chainlog import KEPT_BLOCKS
from tests.support.cli import run
from tests.support.world import RELAYER, RIVAL, World

FIRST, SECOND = batch_id(1, 0), batch_id(1, 4)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ahead=32)


@pytest.fixture
def relayer(world: World) -> Context:
    """With two batches posted and promised, kept for 100,000 seconds."""
    found = world.with_settings(world.relayer(), keep_data=100_000.0)
    world.round(found)
    world.take_in(found, *[world.signed(n) for n in range(4)])
    world.rounds(2, found)
    world.take_in(found, *[world.signed(n) for n in range(4, 8)])
    world.rounds(2, found)
    assert [found.store.batches.posted(batch) is not None for batch in (FIRST, SECOND)] == [True, True]
    return found


def grow_old(world: World, relayer: Context) -> None:
    """As many blocks as the chain may lose, and a while."""
    for _ in range(KEPT_BLOCKS):
        world.chain.mine(1)
    world.wait(200_000)
    world.round(relayer)


def rows(relayer: Context) -> tuple[int, int]:
    """How many receipts and promises there are."""
    promises = relayer.store._database.row("SELECT COUNT(*) FROM promises")
    assert promises is not None
    return relayer.store.receipts.count(1), promises[0]


def test_prune_of_what_is_old_removes_it_and_the_relayer_goes_on(world: World, relayer: Context) -> None:
    relayer.store.urgent.add(1, 5)
    relayer.store.urgent.add(1, 8)
    grow_old(world, relayer)
    before = rows(relayer)
    assert before[0] == 8 and before[1] > 0
    assert (
        prune(relayer, dry_run=True) == Pruned(2, 8, "no older receipts are left") and rows(relayer) == before
    )
    assert prune(relayer).receipts == 8
    assert rows(relayer) == (0, 0) and prune(relayer).batches == 0
    assert not relayer.store.urgent.holds(1, 5) and relayer.store.urgent.holds(1, 8)
    for batch in (FIRST, SECOND):
        with pytest.raises(DataUnavailable):
            world.directory.read(batch)
        assert relayer.store.batches.posted(batch) is not None
    world.take_in(relayer, *[world.signed(n) for n in range(8, 12)])
    assert relayer.store.receipts.first(1) == 8  # the numbers go on
    world.rounds(2, relayer)
    assert relayer.store.batches.posted(batch_id(1, 8)) is not None


def test_prune_keeps_what_is_young_wanted_or_demanded(
    world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prune(relayer).because.startswith(f"batch 1/0 was posted less than {KEPT_BLOCKS} blocks ago")
    found = relayer.chain.batch(FIRST)
    posted = relayer.store.batches.posted(FIRST)
    assert found is not None and posted is not None
    for _ in range(KEPT_BLOCKS):
        world.chain.mine(1)
    due = relayer.store.promises.last_due(1, 0, 4)
    until = last_claim(max(due, found[1].latest_end), [world.terms]) + 100_000
    assert until > due + world.terms.claim_window + 100_000
    world.wait(until - world.now)
    world.round(relayer)
    assert prune(relayer) == Pruned(0, 0, f"batch 1/0 is kept until {until} (unix seconds)")
    world.wait(1)
    world.round(relayer)
    demanded = (found[0], replace(found[1], open_demands=1))
    with monkeypatch.context() as patch:
        patch.setattr(relayer.chain, "batch", lambda _: demanded)
        assert prune(relayer).because == "batch 1/0 has open demands"
        patch.setattr(relayer.chain, "batch", lambda _: None)
        assert prune(relayer).because == "batch 1/0 is not on chain as it is in the store"
    one = prune(relayer)
    assert (one.batches, one.receipts) == (1, 4) and one.because.startswith("batch 1/4 is kept until")
    assert relayer.store.receipts.first(1) == 4


def test_prune_whose_data_stays_keeps_the_rows(
    world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow_old(world, relayer)

    def broken(*_: Any) -> bool:
        raise DataUnavailable("nobody answers")

    before = rows(relayer)
    monkeypatch.setattr(relayer.data.own, "remove", broken)
    with pytest.raises(DataUnavailable):
        prune(relayer)
    assert rows(relayer) == before


def test_backup_of_a_store_in_use_is_restored(world: World, relayer: Context, tmp_path: Path) -> None:
    copy, target = tmp_path / "copy", tmp_path / "new" / "relayer.sqlite3"
    world.take_in(relayer, world.signed(9))
    size = backup(tmp_path / "relayer.sqlite3", copy)
    assert copy.stat().st_size == size > 0 and copy.stat().st_mode & 0o777 == 0o600
    restore(copy, target, world.chain.deployment, "relayer")
    store = Store.open(target, world.chain.deployment, "relayer", exclusive=True)
    assert store.receipts.next_seq(1) == 9 and store.receipts.first(1) == 0
    store.close()
    for again in (
        lambda: backup(target, copy),
        lambda: restore(copy, target, world.chain.deployment, "relayer"),
    ):
        with pytest.raises(ConfigError, match="exists: it is never overwritten"):
            again()
    with pytest.raises(ConfigError, match="there is no database"):
        backup(tmp_path / "none", tmp_path / "other")


def test_restore_of_what_does_not_belong_there_writes_nothing(
    world: World, relayer: Context, tmp_path: Path
) -> None:
    copy, target = tmp_path / "copy", tmp_path / "new" / "relayer.sqlite3"
    backup(tmp_path / "relayer.sqlite3", copy)
    damaged, other = tmp_path / "damaged", tmp_path / "other"
    content = bytearray(copy.read_bytes())
    content[4096:12_288] = bytes(8192)
    damaged.write_bytes(content)
    other.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    mine = world.chain.deployment
    cases: list[tuple[Path, Any, Any, type[AfterproofError]]] = [
        (copy, replace(mine, chain_id=mine.chain_id + 1), "relayer", ForeignStore),
        (copy, replace(mine, settlement=RIVAL), "relayer", ForeignStore),
        (copy, mine, "verifier", ForeignStore),
        (damaged, mine, "relayer", StoreUnavailable),
        (other, mine, "relayer", StoreUnavailable),
        (tmp_path / "none", mine, "relayer", ConfigError),
    ]
    for source, deployment, role, error in cases:
        with pytest.raises(error):
            restore(source, target, deployment, role)
        assert [path.name for path in target.parent.iterdir()] == ["relayer.sqlite3-lock"]
    running = Store.open(target, mine, "relayer", exclusive=True)
    with pytest.raises(StoreUnavailable, match="another process runs on it"):
        restore(copy, target, mine, "relayer")
    running.close()


# --- the commands -----------------------------------------------------------------------------------


def test_commands_prune_back_up_and_restore(
    world: World, relayer: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afterproof.steps.Context", partial(Context, clock=relayer.clock))
    session = Session(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text("[relayer]\nlane = 1\nkeep_data = 0\n")
    session.__dict__.update(sender=world.chain.account_view(RELAYER), deployment=world.chain.deployment)
    young = run("store", "prune", "--json", session=session)
    assert young.json["batches"] == 0 and "blocks ago" in young.json["because"]
    grow_old(world, relayer)
    rehearsed = run("store", "prune", "--dry-run", session=session)
    assert rehearsed.out.startswith(
        "Would remove 8 receipts in 2 batches; no more, for no older receipts are left."
    )
    assert world.directory.read(FIRST)
    copy = str(tmp_path / "copy")
    assert run("store", "backup", copy, session=session).status == 0
    pruned = run("store", "prune", "--json", session=session)
    assert pruned.json == {
        "removed": True, "batches": 2, "receipts": 8, "because": "no older receipts are left",
    }  # fmt: skip
    refused = run("store", "restore", copy, session=session)
    assert refused.status == 1 and "exists: it is never overwritten" in refused.err
    relayer.store.close()
    (tmp_path / "a.toml").write_text('[relayer]\nlane = 1\nstore = "new.sqlite3"\n')
    again = Session(tmp_path / "a.toml")
    again.__dict__.update(deployment=world.chain.deployment)
    restored = run("store", "restore", copy, session=again)
    assert restored.status == 0 and "Beware: what was promised after the copy" in restored.err
    store = Store.open(tmp_path / "new.sqlite3", world.chain.deployment, "relayer")
    assert store.receipts.next_seq(1) == 8 and store.receipts.first(1) == 0
    store.close()
