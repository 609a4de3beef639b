"""The archive: what a verifier keeps of batches, serves to others, and lets go of.

what was fetched
├── it should be kept as it came, and read by the tile roots alone
├── with tiles missing → those should be found missing, and be put in when they come
├── replaced by a reorganisation → it should be none of the new batch's
├── of many tiles → it should be read, judged and kept with few of them in memory
├── that the disk cannot take → it should be trouble of our own: nobody is accused
└── it should be removed once nobody can claim anything by it, and not a second before
served
├── it should be what is kept; 400 and 404 in words
└── another verifier should judge by it what it cannot have elsewhere
"""

import asyncio
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from afterproof.data import NoArchive, Source
from afterproof.errors import ArchiveBroken, DataUnavailable
from afterproof.protocol.header import BatchId, batch_id
from afterproof.protocol.last_claim import last_claim
from afterproof.protocol.publication import most_bytes, publication
from afterproof.protocol.receipt import Leaf, Receipt
from afterproof.protocol.terms import DEMO
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.tidy import EVERY, tidy
from afterproof.steps.watch import watch
from afterproof.store.chainlog import KEPT_BLOCKS
from afterproof.store.verdicts import What
from afterproof.web.verifier import create_verifier_app
from tests.support.contract import conforms
from tests.support.http import refusal
from tests.support.lane import OwnLane
from tests.support.world import RIVAL, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def lane(world: World) -> OwnLane:
    return OwnLane(world)


@pytest.fixture
def verifier(world: World) -> Context:
    return world.verifier()


def kept(verifier: Context, batch: BatchId) -> set[int]:
    """The tiles that are kept of a batch."""
    posted = verifier.store.batches.posted(batch)
    assert posted is not None
    with verifier.data.archive.kept(batch, posted.header, posted.tile_roots) as found:
        return {tile for tile in range(posted.header.tiles) if found.tile(tile) is not None}


def get(verifier: Context, path: str) -> httpx.Response:
    """What a verifier's archive answers, in process."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_verifier_app(verifier))
        async with httpx.AsyncClient(transport=transport, base_url="http://verifier.test") as client:
            return await client.get(path)

    return conforms(asyncio.run(ask()), "verifier")


def test_archive_keeps_what_was_fetched_as_it_came(world: World, lane: OwnLane, verifier: Context) -> None:
    batch = lane.post(*[world.signed(n).leaf for n in range(300)])
    world.round(verifier, steps=(watch, check))
    file, size = verifier.data.archive.open(batch.id)
    with file:
        assert file.read() == batch.data and size == len(batch.data) <= most_bytes(300)
    assert kept(verifier, batch.id) == {0, 1}
    assert verifier.data.archive.batches() == [batch.id]


def test_large_batch_is_never_in_memory_as_a_whole(world: World, lane: OwnLane, verifier: Context) -> None:
    """Of all that it is, a missing tile included, which has the archive's file put together anew."""
    stranger, count = os.urandom(32), 80 * 256
    leaves = [
        Leaf(Receipt(stranger, *[os.urandom(32)] * 4, issued_at=world.now), os.urandom(256))
        for _ in range(count)
    ]
    batch = lane.post(*leaves, withheld=True)
    size = len(batch.data)
    lane.publish(batch, publication([*leaves[:512], *[None] * 256, *leaves[768:]]))
    del leaves

    class Web(Source):
        """Hands the published file over as it is read."""

        def fetch_into(self, uri: str, at_most: int, write: Callable[[bytes], object]) -> None:
            with world.directory.path(batch.id).open("rb") as file:
                while chunk := file.read(65_536):
                    write(chunk)

    verifier = replace(verifier, data=replace(verifier.data, others=Web()))
    watch(verifier)
    tracemalloc.start()
    try:
        check(verifier)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    found = verifier.store.verdicts.check(batch.id)
    assert found is not None and (found.state, found.void) == ("partial", count - 256)
    assert kept(verifier, batch.id) == set(range(80)) - {2}
    assert size > 2 * peak


def test_archive_takes_in_missing_tiles_when_they_come(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    some = [world.signed(n).leaf for n in range(700)]
    batch = lane.post(*some, withheld=True)
    lane.publish(batch, publication([*some[:256], *[None] * 256, *some[512:]]))
    world.round(verifier, steps=(watch, check))
    assert kept(verifier, batch.id) == {0, 2}
    assert set(verifier.store.demands.missing(batch.id)) == {1}
    lane.publish(batch, publication([*[None] * 256, *some[256:512], *[None] * 188]))
    world.rounds(3, verifier)
    assert kept(verifier, batch.id) == {0, 1, 2}
    found = verifier.store.verdicts.check(batch.id)
    assert found is not None and (found.state, found.accepted) == ("checked", 700)


def test_archive_of_a_replaced_batch_is_none_of_the_new_ones(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    lane.post(world.signed(1).leaf)
    world.round(verifier, steps=(watch, check))
    world.chain.reorg(1)
    world.wait(1)
    again = lane.post(world.signed(2).leaf, withheld=True)
    world.wait(1)
    world.round(verifier, steps=(watch, check))
    assert kept(verifier, again.id) == set()
    assert [one.what for one in verifier.store.verdicts.of(again.id)] == [What.DEMAND]


def test_disk_that_is_full_accuses_nobody(
    world: World, lane: OwnLane, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    batch = lane.post(world.forged(1).leaf)

    class Full(NoArchive):
        def adopt(self, *_: object) -> None:
            raise ArchiveBroken("the data of batch 1 cannot be written: No space left on device")

    full = replace(verifier, data=replace(verifier.data, archive=Full()))
    world.round(full, steps=(watch, check))
    assert verifier.store.verdicts.of(batch.id) == []
    assert "cannot be judged yet, by no fault of its own" in caplog.text and "No space left" in caplog.text
    world.wait(6)
    world.round(verifier, steps=(watch, check))
    assert len(verifier.store.verdicts.of(batch.id)) == 1


def test_archive_is_pruned_when_nobody_can_claim_anything(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    settings = replace(verifier.config.verifier, keep_data=1000.0)
    verifier = replace(verifier, config=replace(verifier.config, verifier=settings))
    batch = lane.post(world.signed(1).leaf)
    world.rounds(DEMO.window + 2, verifier)
    final = verifier.store.batches.posted(batch.id)
    assert final is not None and final.final_at is not None
    until = last_claim(final.final_at, [DEMO]) + 1000
    verifier.store._database.execute("UPDATE posted SET block = block - ?", (KEPT_BLOCKS,))
    world.wait(until - world.now)
    watch(verifier)
    verifier.tidying.is_due(world.now - 2 * EVERY, 0)
    tidy(verifier)
    assert kept(verifier, batch.id) == {0}
    world.wait(EVERY)
    watch(verifier)
    tidy(verifier)
    assert kept(verifier, batch.id) == set()


# --- served -----------------------------------------------------------------------------------------


def test_served_is_what_is_kept(world: World, lane: OwnLane, verifier: Context) -> None:
    batch = lane.post(world.signed(1).leaf)
    world.round(verifier, steps=(watch, check))
    answer = get(verifier, f"/v1/batches/{batch.id}/data")
    assert answer.status_code == 200 and answer.content == batch.data
    assert refusal(get(verifier, f"/v1/batches/{batch_id(1, 7)}/data"))[:2] == (404, "id")
    for wrong in ("x", "-1", str(2**96), "9" * 30, "٣"):
        assert refusal(get(verifier, f"/v1/batches/{wrong}/data"))[:2] == (400, "id")


def test_another_verifier_judges_by_it_what_it_cannot_have_elsewhere(
    world: World, lane: OwnLane, verifier: Context
) -> None:
    batch = lane.post(world.signed(1).leaf, world.forged(2).leaf)
    world.round(verifier, steps=(watch, check))
    lane.withhold(batch)

    class Web(Source):
        """The verifier's archive is all there is of it."""

        def fetch(self, uri: str, at_most: int) -> bytes:
            if not uri.startswith("https://verifier.test/archive/"):
                raise DataUnavailable("nobody answers")
            return get(verifier, uri.removeprefix("https://verifier.test/archive")).content

    other = world.verifier("other", RIVAL)
    settings = replace(
        other.config.verifier, mirrors=("https://nobody.test", "https://verifier.test/archive/")
    )
    config = replace(other.config, verifier=settings)
    other = replace(other, config=config, data=replace(other.data, others=Web()))
    world.round(other, steps=(watch, check))
    assert [one.what for one in other.store.verdicts.of(batch.id)] == [What.DISPUTE]
    assert kept(other, batch.id) == {0}
