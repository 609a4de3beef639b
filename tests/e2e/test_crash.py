"""A relayer killed by SIGKILL, on a real node, with clients that do not give up: nothing it acknowledged is lost.

killed once at every boundary that a relayer passes: of its steps, its commits, publishing, answers; and at its node,
before it has a transaction, before and after it says so, before the block, and before its receipt is told
├── the same receipts should be at the same numbers under the same promises as in a run that never stopped
└── on SQLite; on PostgreSQL at those where databases differ
killed at random moments and boundaries, while many hand in at once; `make crash SECONDS=600` goes on for longer
└── the reckoning should come out: every acknowledged number one receipt's, posted once, in time
"""

import itertools
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from afterproof.settings import PostgresUrl
from tests.support.book import Maker, Request
from tests.support.databases import on_postgres, place
from tests.support.ground import Ground, ground
from tests.support.lives import Clients, Nursery, Relayer, nursery, until
from tests.support.rpc_proxy import Question, Reply, RpcProxy, rpc_proxy

SECONDS = float(os.environ.get("CRASH_SECONDS") or 20)
ROUNDS = 70
"""Rounds of requests of every kind, at least one for every boundary."""

ESSENTIAL = {
    "start: commit of opening begins",
    "start: commit of watch is done",
    "commit of intake begins",
    "commit of intake is done",
    "answer begins",
    "answer is done",
    "commit of watch begins",
    "publishing is done",
    "commit of batch begins",
    "commit of batch is done",
    "batch ends, more to do",
    "post begins",
    "post ends, more to do",
    "commit of finalise begins",
}
"""Boundaries that must be among those found."""

DATABASE = ("start: commit", "commit", "statement", "answer is done", "sent")
"""What is tried again on PostgreSQL."""


@dataclass(frozen=True)
class Ending:
    """What a run leaves behind: leaves on chain by number; of promises, what does not depend on the time."""

    leaves: list[bytes]
    promises: list[tuple[int, int, int, bytes, bytes]]


class Stage:
    """A node, a nursery, and what is handed in in every run."""

    def __init__(self, folder: Path, on: Ground, born: Nursery, proxy: RpcProxy) -> None:
        self.folder, self.on, self.born, self.proxy = folder, on, born, proxy
        maker, at = Maker(on), int(time.time())
        self.rounds: list[tuple[Request, ...]] = [
            (
                maker.one(at),
                maker.settlement(at, "individual"),
                maker.array(at, 3),
                maker.settlement(at, "batch"),
            )
            for _ in range(ROUNDS)
        ]

    def relayer(self, name: str, store: Path | PostgresUrl | None = None) -> Relayer:
        return Relayer(self.on, self.born, self.folder / name, store, self.proxy.url)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("crash")
    with ground(folder / "ground") as on, nursery() as born, rpc_proxy(on.url) as proxy:
        yield Stage(folder, on, born, proxy)


@dataclass(frozen=True)
class Whole:
    """A run that never stopped, and the boundaries that it passed, in the order of their first time."""

    ending: Ending
    boundaries: list[str]


@pytest.fixture(scope="module")
def whole(stage: Stage) -> Whole:
    listed = stage.folder / "boundaries"
    with stage.relayer("whole") as relayer:
        relayer.start({"BOUNDARIES": str(listed)})
        relayer.wait_ready()
        with httpx.Client(timeout=20, trust_env=False) as client:
            for requests in stage.rounds:
                for request in requests:
                    assert relayer.book.hand_in(client, relayer.url, request)
                time.sleep(0.02)
        ending = ended(relayer)
        relayer.end()
    found = listed.read_text().splitlines()
    assert set(found) >= ESSENTIAL, ESSENTIAL - set(found)
    assert len(set(found)) == len(found) and len(found) <= ROUNDS
    return Whole(ending, found)


def ended(relayer: Relayer) -> Ending:
    """How a run ends, once everything is final."""
    leaves = relayer.settle("Final")
    promises = [
        (one.seq, p.first_seq, p.count, p.root, p.beneficiary)
        for one in relayer.book.by_number().values()
        for p in [one.promise.signed.promise]
    ]
    return Ending(leaves, sorted(promises))


# --- at the node ------------------------------------------------------------------------------------


def sending(question: Question) -> bool:
    return question.method == "eth_sendRawTransaction"


def landed(question: Question) -> bool:
    return question.method == "eth_getTransactionReceipt" and question.result() is not None


@contextmanager
def killing(relayer: Relayer, proxy: RpcProxy, when: str, surely: bool = True) -> Iterator[None]:
    """The relayer is killed by its node: ``when`` tells at which point of a transaction's way."""

    def fault(question: Question) -> Reply | None:
        if not relayer.is_alive or not (landed if when == "landed, not told" else sending)(question):
            return None
        reply = question.forward() if when != "not sent" else None
        if when == "sent, not landed":
            with relayer.ground.clock.lock:  # no block before it is dead
                relayer.kill()
        else:
            relayer.kill()
        return reply or question.said(None)

    with proxy.doing(fault, surely):
        yield


AT_NODE = ("not sent", "sent, not landed", "sent, not answered", "landed, not told")


# --- the runs ---------------------------------------------------------------------------------------


def play(stage: Stage, relayer: Relayer, dooms: list[str]) -> Ending:
    """Hand everything in, round after round, in lives that end at one of ``dooms`` after the other."""
    for doom in dooms:
        if doom.startswith("start: "):
            relayer.start({"DOOM": doom})
            until(lambda: not relayer.is_alive, f"the end at {doom!r}")
    left = [doom for doom in dooms if not doom.startswith("start: ")]
    relayer.start()
    with httpx.Client(timeout=20, trust_env=False) as client:
        for requests in stage.rounds:
            play_round(stage, relayer, client, requests, left.pop(0) if left else "")
    assert not left
    return ended(relayer)


def play_round(
    stage: Stage, relayer: Relayer, client: httpx.Client, requests: tuple[Request, ...], doom: str
) -> None:
    """Hand these in, in a life that ends at ``doom`` and as many as it takes."""
    with ExitStack() as stack:
        if doom:
            relayer.kill()  # between two rounds
            relayer.start({} if doom in AT_NODE else {"DOOM": doom})
        if doom in AT_NODE:
            stack.enter_context(killing(relayer, stage.proxy, doom))
        lives = relayer.lives
        for request in requests:
            insist(relayer, client, request)
        if doom:
            until(lambda: relayer.lives > lives or not relayer.is_alive, f"the end at {doom!r}")
    if not relayer.is_alive:
        relayer.start()


def insist(relayer: Relayer, client: httpx.Client, request: Request) -> None:
    """Hand a request in until it is acknowledged, in whatever life."""

    def acknowledged() -> bool:
        if not relayer.is_alive:
            assert relayer.life.poll() == -9, relayer.said[-2000:]
            relayer.start()
        return relayer.book.hand_in(client, relayer.url, request)

    until(acknowledged, f"an answer to {request.path}")


def compare(ending: Ending, whole: Ending) -> None:
    assert ending.leaves == whole.leaves
    assert ending.promises == whole.promises


def test_killed_at_every_boundary_ends_as_if_never_stopped(stage: Stage, whole: Whole) -> None:
    with stage.relayer("killed") as relayer:
        dooms = [*whole.boundaries, *AT_NODE]
        compare(play(stage, relayer, dooms), whole.ending)
        assert relayer.lives > len(dooms)
        relayer.end()


def test_killed_on_postgres_ends_as_if_never_stopped(stage: Stage, whole: Whole, tmp_path: Path) -> None:
    with on_postgres(), stage.relayer("on_postgres", place(tmp_path / "store")) as relayer:
        dooms = [name for name in (*whole.boundaries, *AT_NODE) if name.startswith(DATABASE)]
        assert len(dooms) > 8
        compare(play(stage, relayer, dooms), whole.ending)
        relayer.end()


@pytest.mark.timeout(SECONDS + 300)
def test_killed_while_many_hand_in(stage: Stage, whole: Whole, tmp_path: Path) -> None:
    """The play of a seed: trips of eight lives each, in turn on either database, until the time is up."""
    seed = int(os.environ.get("SEED") or random.randrange(2**32))
    print(f"to see it again: make crash SEED={seed}")
    ends = time.monotonic() + SECONDS
    for trip in itertools.count():
        with on_postgres() if trip % 2 else nullcontext():
            lives, receipts = travel(stage, whole, random.Random(f"{seed} {trip}"), tmp_path / f"{trip}")
        if SECONDS > 60:
            print(f"trip {trip}: {lives} lives, {receipts} receipts: nothing lost", flush=True)
        if time.monotonic() >= ends:
            return


def travel(stage: Stage, whole: Whole, chance: random.Random, store: Path) -> tuple[int, int]:
    """Eight lives amid traffic, each ended somehow, and the reckoning; how many lives and receipts there were."""
    work = [name for name in whole.boundaries if not name.startswith("start: ")]
    with stage.relayer(f"travel {store.name}", place(store)) as relayer:
        with Clients(relayer):
            for _ in range(8):
                end_somehow(stage, relayer, chance, work)
            relayer.start()
            relayer.wait_ready()
        relayer.settle()
        assert len(relayer.book) > 20
        relayer.end()
        return relayer.lives, len(relayer.book)


def end_somehow(stage: Stage, relayer: Relayer, chance: random.Random, boundaries: list[str]) -> None:
    """A life that ends at some moment, at its node, or when it comes to some boundary for the so-manieth time."""
    kind, longest = chance.randrange(4), time.monotonic() + 0.5 + chance.expovariate(1.0)
    doom = f"{chance.choice(boundaries)} #{chance.randrange(1, 6)}" if kind == 0 else ""
    relayer.start({"DOOM": doom})
    with ExitStack() as stack:
        if kind == 1:
            stack.enter_context(killing(relayer, stage.proxy, chance.choice(AT_NODE), surely=False))
        while relayer.is_alive and time.monotonic() < longest:
            time.sleep(0.01)
        relayer.kill()
