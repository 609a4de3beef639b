"""A verifier's own trouble is never anybody else's: it waits, says so loudly, and goes on when it is over.

when the newest block's time is far from its clock (the node is behind, or the clock ahead; the clock is behind)
├── withheld data should not be demanded, nor an attestation challenged as withheld; that should be said, and again
│   each minute, and by /ready; once it is over they should be
├── a good batch should be judged good, and a fault be proven: it is one by any clock
└── on a development chain, or by a setting → it should go on all the same
when the contracts are not those that it knows (their code, or a library's) → it should take in nothing, until they are
when the terms at a promise's deadline are not known → it should wait, and say so, and claim once they are
when its disk is full → nothing should be said of a batch, and all of it once there is room

Elsewhere: nodes that do not agree, tests/e2e/test_own_trouble_nodes.py; the node does not answer, unknown terms of an
epoch, a leaf that cannot be judged, tests/unit/test_steps_check.py; faults that an epoch does not know, the same;
evidence of an unknown kind, tests/unit/test_steps_attest.py; a network that is down, tests/unit/test_steps_demand.py.
"""

import logging
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from afterproof.chain.artifacts import artifact
from afterproof.chain.base import AttestationChallenged, Deployment, FaultProven, PromiseBroken, TileDemanded
from afterproof.chain.rehearsal import EvmRehearsal
from afterproof.data import Archive, Data
from afterproof.errors import AfterproofError, UnknownContracts
from afterproof.protocol.header import batch_id
from afterproof.protocol.terms import DEMO
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.claim import claim
from afterproof.steps.watch import watch
from afterproof.store import Store
from afterproof.store.verdicts import State
from afterproof.web.operations import create_operations_app
from tests.support.chains import deployed_anvil, restored, rpc
from tests.support.lane import OwnLane
from tests.support.nitro_world import Attested
from tests.support.watching import Watching
from tests.support.world import RIVAL, World

TERMS = replace(DEMO, window=40, answer_period=16, claim_window=40)
FIRST = batch_id(1, 0)


def happened(world: World, kind: type) -> bool:
    return any(isinstance(one.event, kind) for one in world.chain.account_view(RIVAL).events(0, 10**6))


def having(context: Context, **changes: Any) -> Context:
    """The same verifier with other settings."""
    settings = replace(context.config.verifier, **changes)
    return replace(context, config=replace(context.config, verifier=settings))


# --- clock and chain --------------------------------------------------------------------------------


class Skewed:
    """A clock that is off by some seconds for as long as ``by`` says so."""

    def __init__(self, world: World, by: float) -> None:
        self.world, self.by = world, by

    def __call__(self) -> float:
        return self.world.now + self.by


BOTH_WAYS = pytest.mark.parametrize(
    ("by", "sentence"),
    [
        (700.0, "the newest block is old by this machine's clock"),
        (-700.0, "this machine's clock is far behind"),
    ],
    ids=["behind the clock", "ahead of the clock"],
)


def ready(context: Context) -> dict[str, str]:
    """What /ready says is in the way."""
    import asyncio

    async def ask() -> Any:
        transport = httpx.ASGITransport(create_operations_app(context))
        async with httpx.AsyncClient(transport=transport, base_url="http://verifier.test") as client:
            return (await client.get("/ready")).json()["checks"]

    return {name: one["why"] for name, one in asyncio.run(ask()).items() if not one["ok"]}


@BOTH_WAYS
def test_clock_that_is_off_has_nobody_accused_of_withholding(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, by: float, sentence: str
) -> None:
    world = World(tmp_path, TERMS)
    clock = Skewed(world, by)
    verifier = replace(having(world.verifier(), max_drift=600.0), clock=clock)
    lane = OwnLane(world)
    lane.post(world.signed(1).leaf)
    lane.post(world.signed(2).leaf, withheld=True)
    world.rounds(30, verifier)
    said = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert sum("by 700 seconds: nothing is demanded" in one for one in said) == 1
    assert any(f"tile 0 of batch 1/1 is not demanded yet, again in 5 s: {sentence}" in one for one in said)
    assert not happened(world, TileDemanded)
    assert ready(verifier)["clock"].startswith(sentence)
    clock.by = 0.0
    world.rounds(7, verifier)
    assert happened(world, TileDemanded) and "clock" not in ready(verifier)


@BOTH_WAYS
def test_clock_that_is_off_is_said_again_each_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, by: float, sentence: str
) -> None:
    caplog.set_level(logging.INFO)
    world = World(tmp_path, TERMS)
    clock = Skewed(world, by)
    verifier = replace(having(world.verifier(), max_drift=600.0), clock=clock)
    world.rounds(121, verifier)
    assert caplog.text.count(f"{sentence}") >= 2 and caplog.text.count("by 700 seconds") == 3
    clock.by = 0.0
    world.rounds(2, verifier)
    assert caplog.text.count("clock and chain are at one again") == 1


@BOTH_WAYS
def test_clock_that_is_off_has_no_attestation_challenged_as_withheld(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, by: float, sentence: str
) -> None:
    world = World(tmp_path, TERMS)
    attested, clock = Attested(world), Skewed(world, by)
    verifier = replace(having(world.verifier(), max_drift=600.0, withheld_after=0.0), clock=clock)
    attested.post()  # there is something to tell by that the network works
    world.round(verifier)
    number = attested.post()
    attested.documents.missing = True
    world.rounds(5, verifier)
    assert f"attestation {number} is not challenged: {sentence}" in caplog.text
    assert not happened(world, AttestationChallenged)


@BOTH_WAYS
def test_clock_that_is_off_makes_no_batch_bad_and_no_fault_good(
    tmp_path: Path, by: float, sentence: str
) -> None:
    world = World(tmp_path, TERMS)
    verifier = replace(having(world.verifier(), max_drift=600.0), clock=Skewed(world, by))
    lane = OwnLane(world)
    lane.post(world.signed(1).leaf, world.signed(2).leaf)
    world.rounds(2, verifier)
    found = verifier.store.verdicts.check(FIRST)
    assert found is not None and (found.accepted, found.void, found.disputed) == (2, 0, 0)
    lane.post(world.forged(3).leaf)
    world.rounds(3, verifier)
    assert happened(world, FaultProven)


@pytest.mark.parametrize(("chain_id", "drift", "is_demanded"), [
    (31_337, None, True), (1, None, False), (1, 900.0, True), (31_337, 60.0, False)
])  # fmt: skip
def test_clock_that_is_off_is_borne_where_that_is_usual(
    tmp_path: Path, chain_id: int, drift: float | None, is_demanded: bool
) -> None:
    world = World(tmp_path, TERMS)
    world.chain.deployment = replace(world.chain.deployment, chain_id=chain_id)
    verifier = replace(having(world.verifier(), max_drift=drift), clock=Skewed(world, 700.0))
    lane = OwnLane(world)
    lane.post(world.signed(1).leaf)
    lane.post(world.signed(2).leaf, withheld=True)
    world.rounds(8, verifier)
    assert happened(world, TileDemanded) == is_demanded


# --- contracts of another version -------------------------------------------------------------------


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[str, Deployment]]:
    with deployed_anvil() as found:
        yield found


def code(url: str, address: bytes) -> bytes:
    return bytes.fromhex(rpc(url, "eth_getCode", "0x" + address.hex(), "latest")[2:])


def library(url: str, deployment: Deployment) -> bytes:
    found = artifact("Settlement").linked_in(code(url, deployment.settlement))
    assert found is not None and set(found) == {"Demands", "Epochs", "LaneActions"}
    return found["LaneActions"]


OF: dict[str, Callable[[str, Deployment], bytes]] = {
    "Settlement": lambda _, deployment: deployment.settlement,
    "AttestationRegistry": lambda _, deployment: deployment.registry,
    "LaneActions": library,
}


@pytest.mark.parametrize("name", OF)
@pytest.mark.parametrize("change", ["a byte", "all of it", "none left"])
def test_contracts_of_another_version_are_waited_for(
    tmp_path: Path, deployed: tuple[str, Deployment], name: str, change: str
) -> None:
    url, deployment = deployed
    address = OF[name](url, deployment)
    reader = EvmRehearsal(url, deployment)
    store = Store.open(tmp_path / "verifier.sqlite3", deployment, "verifier")
    world = World(tmp_path)
    context = replace(world.verifier("other"), chain=reader, store=store)
    known = code(url, address)
    with restored(url):
        other = {"a byte": known[:-9] + bytes([known[-9] ^ 1]) + known[-8:], "all of it": b"\x60\x00" * 40}
        rpc(url, "anvil_setCode", "0x" + address.hex(), "0x" + other.get(change, b"").hex())
        for _ in range(2):
            with pytest.raises(UnknownContracts, match=f"is not the {name} that this version"):
                watch(context)
        assert store.chain.cursor() is None
        rpc(url, "anvil_setCode", "0x" + address.hex(), "0x" + known.hex())
        watch(context)
        assert store.chain.cursor() is not None
    store.close()


def test_code_is_known_whatever_its_immutable_values_are() -> None:
    known = artifact("Settlement")
    plain = known.deployed
    for number, mark in enumerate(known.libraries.values(), 1):
        plain = plain.replace(mark, f"{number:040x}")
    linked = known.linked_in(bytes.fromhex(plain))
    assert linked is not None and sorted(linked.values()) == [n.to_bytes(20) for n in (1, 2, 3)]
    filled = bytes.fromhex(plain).replace(b"\x7f" + bytes(32), b"\x7f" + 32 * b"\x11")
    assert filled.hex() != plain and known.linked_in(filled) == linked
    first = plain.index(f"{1:040x}")
    assert known.linked_in(bytes.fromhex(plain[:first] + 40 * "5" + plain[first + 40 :])) is None
    assert known.linked_in(filled[:-1]) is None and known.linked_in(b"") is None


# --- parameters that are missing --------------------------------------------------------------------


def test_promise_without_the_terms_at_its_deadline_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = Watching(tmp_path, TERMS)
    verifier = world.verifier()
    world.round(verifier)
    receipt = world.signed(1)
    world.entrusted(verifier, world.promised(receipt)[0], receipt)
    world.wait(TERMS.max_promise_delay + 2)
    watch(verifier)
    database = verifier.store._database
    database.execute("UPDATE epochs SET starts_at = starts_at + 1000000")
    claim(verifier)
    assert "cannot be judged yet, by no fault of the lane's: the terms at its deadline" in caplog.text
    assert not happened(world, PromiseBroken)
    database.execute("UPDATE epochs SET starts_at = starts_at - 1000000")
    world.wait(6)
    world.round(verifier)
    assert happened(world, PromiseBroken)


# --- a full disk ------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, size: int = 2**22) -> Iterator[Path]:
    """A small file system, as a full one must be real."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small file system can be mounted here: a disk that is really full was not tested")
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
                file.write(bytes(512))
        except OSError:
            pass
    try:
        yield
    finally:
        ballast.unlink()


@pytest.mark.parametrize("is_archive", [True, False], ids=["archive", "store"])
def test_full_disk_has_nothing_said_of_a_batch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_archive: bool
) -> None:
    with small_disk(tmp_path / "small") as small:
        world = World(tmp_path / "world", TERMS)
        verifier = world.verifier()
        if is_archive:
            verifier = replace(verifier, data=Data(others=world.shelf, archive=Archive(small / "archive")))
        else:
            store = Store.open(small / "verifier.sqlite3", world.chain.deployment, "verifier")
            verifier = replace(verifier, store=store)
        world.round(verifier)
        lane = OwnLane(world)
        lane.post(*[world.signed(number).leaf for number in range(200)], world.forged(999).leaf)
        with filled(small):
            for _ in range(12):
                for step in (watch, check):
                    try:
                        step(verifier)
                    except AfterproofError as error:
                        logging.getLogger("test").error("%s", error)
                world.wait(1)
            assert verifier.store.verdicts.of(FIRST) == [] and verifier.store.verdicts.check(FIRST) is None
        expected = "cannot be judged yet, by no fault of its own: " if is_archive else "disk is full"
        assert expected in caplog.text and not happened(world, TileDemanded)
        for _ in range(8):
            world.round(verifier)
            world.wait(1)
        assert happened(world, FaultProven) and not happened(world, TileDemanded)
        (verdict,) = verifier.store.verdicts.of(FIRST)
        assert (verdict.place, verdict.state) == (200, State.PROVEN)
        verifier.store.close()
