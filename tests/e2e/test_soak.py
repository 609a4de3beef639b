"""An hour of a relayer's life, compressed: small batches, ten blocks a second, and as much handed in as it can take.

an hour has 360 batches where one is closed every ten seconds; here one is closed and posted every few blocks
├── its memory should be flat once it is warm, and so should its threads and open files
├── what its store keeps beside receipts and batches should stay bounded, and so should the log of the database
└── it should post everything in time, and say so; `make soak SECONDS=3600` lasts longer
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from afterproof.store.chainlog import KEPT_BLOCKS
from tests.support.ground import Ground, ground
from tests.support.lives import Clients, Relayer, nursery
from tests.support.vitals import Monitor, growth

SECONDS = float(os.environ.get("SOAK_SECONDS") or 40)
MOST_GROWTH = 0.04
"""By which memory may grow over the second half: less than what it would be to keep a KiB of each receipt."""

MOST_LOG = 64 * 2**20
"""Bytes of the database's write-ahead log: it is a few megabytes where nothing keeps it from being taken in."""


@pytest.fixture
def on(tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path / "ground", pace=0.1) as made:
        yield made


@pytest.mark.timeout(SECONDS * 2 + 300)
def test_hour_in_a_minute_leaves_memory_flat(on: Ground, tmp_path: Path) -> None:
    with nursery() as born, Relayer(on, born, tmp_path / "relayer", ahead=4096, max_age=0.1) as relayer:
        relayer.start()
        relayer.wait_ready()
        log = 0
        with Monitor(relayer.life.pid) as monitor, Clients(relayer, count=3, pause=0, largest=100):
            ends = time.monotonic() + SECONDS
            while time.monotonic() < ends:
                time.sleep(1)
                log = max(log, (relayer.folder / "relayer.sqlite3-wal").stat().st_size)
        relayer.settle("Final")
        batches = on.posted(relayer.lane)
        rows = counted(relayer.folder / "relayer.sqlite3")
        relayer.end()

    half = monitor.taken[len(monitor.taken) // 2 :]
    first, last = half[0], half[-1]
    print(
        f"{len(relayer.book)} receipts in {len(batches)} batches over {SECONDS:g} s; memory {first.memory} to "
        f"{last.memory} KiB over the second half ({growth(half):+.1%}), {last.threads} threads, {last.files} files"
    )
    assert len(relayer.book) > 30 * SECONDS and len(batches) > SECONDS / 2
    assert growth(half) < MOST_GROWTH, [one.memory for one in monitor.taken]
    quarter = half[: len(half) // 2]
    for name in ("threads", "files"):
        before = max(getattr(one, name) for one in quarter)
        assert max(getattr(one, name) for one in half) <= before + 2, f"{name} grow"
    assert log < MOST_LOG
    assert rows["blocks"] <= KEPT_BLOCKS + 1 and rows["cursor"] == 1
    assert rows["deadlines"] == 0, "what is final has no deadline any more"
    assert rows["posted"] == rows["closed"] == len(batches)
    assert rows["promises"] <= rows["names"]


def counted(database: Path) -> dict[str, int]:
    """The rows of every table."""
    with sqlite3.connect(database) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: int(connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0]) for (name,) in names
        }
