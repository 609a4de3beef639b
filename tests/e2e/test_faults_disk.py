"""A relayer whose disk is full, or whose batches' keeper fails, on a real chain, while clients hand in all the time.

its disk is full, or none of its files may grow any more
├── it should answer 503, and acknowledge nothing that it does not keep
└── when there is room again → it should go on by itself, and lose nothing; so it should when it was killed meanwhile
who keeps the batches refuses, hangs, answers nonsense, loses them, or shows other bytes, half, none, or new ones late
├── nothing should be posted that does not read back
└── once it is well again, everything should be posted, in time, once
"""

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import get_args

import pytest

from afterproof.protocol.batching import rebuild_batch
from afterproof.protocol.header import first_seq_of
from tests.support.blob_server import Blobs, Mood, blob_server
from tests.support.ground import Ground, ground
from tests.support.lives import Clients, Nursery, Relayer, nursery

ROOM = 96 * 2**20  # more than a relayer that is ready must have
NO_MOUNT = "no small file system can be mounted here: a disk that is really full was not tested"
UNLIMITED = resource.RLIM_INFINITY
MOODS = [mood for mood in get_args(Mood) if mood != "well"]


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("ground")) as made:
        yield made


@pytest.fixture(scope="module")
def born() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


# --- the disk ---------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A small file system, as a full one must be real."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(NO_MOUNT)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Somebody else has taken all the room there is."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    assert os.statvfs(folder).f_bavail == 0
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def limited(relayer: Relayer) -> Iterator[None]:
    """No file of the process may grow beyond what the smallest that it writes to has."""
    least = min(path.stat().st_size for path in relayer.folder.glob("relayer.sqlite3-wal"))
    resource.prlimit(relayer.life.pid, resource.RLIMIT_FSIZE, (min(least, 4096), UNLIMITED))
    try:
        yield
    finally:
        if relayer.is_alive:
            resource.prlimit(relayer.life.pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))


def live_through(relayer: Relayer, full: AbstractContextManager[None], killed: bool = False) -> None:
    """Traffic before, while and after there is no room."""
    book = relayer.book
    with Clients(relayer, count=2, pause=0.05):
        relayer.wait_posted(2)
        book.refusals.clear()
        with full:
            relayer.wait(lambda: book.refusals.get(503, 0) >= 10, "503")
            acknowledged = len(book)
            time.sleep(1)
            assert len(book) == acknowledged, "a receipt was taken that no disk holds"
            if killed:
                relayer.kill()
        if killed:
            relayer.start()
        relayer.wait(lambda: len(book) > acknowledged + 10, "receipts taken again")
    relayer.settle()
    assert book.refusals.get(0, 0) == 0 or killed, "the relayer hung up on somebody"


@pytest.mark.parametrize("killed", [False, True], ids=["", "and_killed"])
def test_full_disk_is_said_and_survived(on: Ground, born: Nursery, tmp_path: Path, killed: bool) -> None:
    with small_disk(tmp_path / "small") as small, Relayer(on, born, small) as relayer:
        relayer.log = tmp_path / "relayer.log"
        relayer.start()
        relayer.wait_ready()
        live_through(relayer, filled(small), killed)
        relayer.end()


def test_files_that_may_not_grow_are_said_and_survived(on: Ground, born: Nursery, tmp_path: Path) -> None:
    with Relayer(on, born, tmp_path / "relayer") as relayer:
        relayer.log = tmp_path / "relayer.log"
        relayer.start()
        relayer.wait_ready()
        live_through(relayer, limited(relayer))
        relayer.end()


# --- who keeps the batches --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def blobs() -> Iterator[Blobs]:
    with blob_server() as server:
        yield server


@pytest.fixture(scope="module")
def relayer(
    on: Ground, born: Nursery, blobs: Blobs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Relayer]:
    where = f'data = "put+{blobs.url}/v1/blobs"\ndata_url = "{blobs.url}/v1/blobs/{{id}}"\ndata_timeout = 1.0'
    with Relayer(on, born, tmp_path_factory.mktemp("elsewhere"), more=where, max_age=1.0) as made:
        made.start()
        made.wait_ready()
        yield made
        made.end()


@pytest.mark.parametrize("mood", MOODS)
def test_keeper_of_batches_that_fails_is_survived(relayer: Relayer, blobs: Blobs, mood: Mood) -> None:
    on, lane = relayer.ground, relayer.lane
    with Clients(relayer, count=2, pause=0.05, first=MOODS.index(mood) * 10**8):
        relayer.wait_posted()
        with blobs.being(mood):
            relayer.wait(lambda: blobs.met > 0, mood)
            time.sleep(2)
            for one in on.posted(lane):
                first, count = first_seq_of(one.batch), one.header.count
                data = blobs.kept[one.data_uri.rsplit("/", 1)[1]]
                assert rebuild_batch(lane, first, count, one.root, data).tree.root == one.root
        relayer.wait_posted()
    relayer.settle()
