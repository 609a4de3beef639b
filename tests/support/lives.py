"""A relayer as a process that may die at any moment and is started again, and clients that do not give up on it."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from afterproof.chain.base import Posted
from afterproof.demo.processes import free_port
from afterproof.settings import PostgresUrl
from tests.support.book import Book, Maker, Request
from tests.support.chains import KEYS, address_of
from tests.support.ground import Ground

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 60.0
"""Seconds until what must come is missed. Nothing takes as long; a machine may be busy."""

SETTINGS: Final = """
[chain]
rpc = "{rpc}"
deployment = "{deployment}"
timeout = {timeout}
[relayer]
lane = {lane}
port = {port}
store = "{store}"
data_dir = "{folder}/batches"
max_age = {max_age}
max_batch = 64
poll = 0.1
promise_margin = 20
allow_private_data = true
{more}
"""


class Nursery:
    """Starts processes that have everything imported already: see :mod:`tests.support.doomed`. For one thread."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lock = threading.Lock()

    def ask(self, question: dict[str, Any]) -> Any:
        """Its answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._lock:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            return json.loads(self._process.stdout.readline())


@contextmanager
def nursery() -> Iterator[Nursery]:
    """A nursery; whatever it gave birth to ends with it."""
    command = [sys.executable, "-m", "tests.support.doomed"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield Nursery(process)
        finally:
            process.kill()


class Life:
    """A process that a nursery gave birth to."""

    def __init__(
        self, nursery: Nursery, arguments: list[str], environment: dict[str, str], log: Path
    ) -> None:
        self._nursery = nursery
        self._lock = threading.Lock()
        self._status: int | None = None
        self.pid: int = nursery.ask(
            {"bear": {"arguments": arguments, "environment": environment, "log": str(log)}}
        )

    def poll(self) -> int | None:
        """Its exit status, minus the signal that it died of; None: it lives."""
        with self._lock:  # an end is told once
            if self._status is None:
                self._status = self._nursery.ask({"ask": self.pid})
            return self._status

    def send(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        until(lambda: self.poll() is not None, "the end of a process")
        assert self._status is not None
        return self._status


class Mortal:
    """A process of a role, in life after life, with the settings ``<role>.toml`` of its folder and an account's key."""

    def __init__(self, nursery: Nursery, folder: Path, role: str, key: bytes, name: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.log, self.name = folder, folder / f"{role}.log", name or f"the {role}"
        self._nursery, self._role, self._key = nursery, role, key
        self.lives = 0
        self._life: Life | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if error is not None:
            print(f"--- the end of the log of {self.name}, after {self.lives} lives")
            print("\n".join(self.said.splitlines()[-60:]))

    @property
    def life(self) -> Life:
        """The life that is, or was the last."""
        assert self._life is not None
        return self._life

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._life is not None and self._life.poll() is None

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """A new life; it may not be ready yet."""
        assert not self.is_alive
        self.lives += 1
        arguments = ["--config", str(self.folder / f"{self._role}.toml"), self._role]
        given = {"AFTERPROOF_PRIVATE_KEY": "0x" + self._key.hex(), **(environment or {})}
        self._life = Life(self._nursery, arguments, given, self.log)

    def kill(self) -> None:
        """SIGKILL."""
        if self._life is not None:
            self._life.send(signal.SIGKILL)
            self._life.wait()

    def end(self) -> None:
        """Asked politely; it must end in peace."""
        self.life.send(signal.SIGTERM)
        assert self.life.wait() == 0, self.said

    @property
    def said(self) -> str:
        """Its log, over all its lives."""
        return self.log.read_text(errors="replace")

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Until something is so, in this life."""
        until(lambda: condition() or self._must_live(), what)

    def _must_live(self) -> bool:
        assert self.is_alive, f"{self.name} has ended by itself"
        return False


class Relayer(Mortal):
    """A relayer on a lane of its own. ``more``: further settings of its section; ``key``: its account's.

    ``role``: "relayer", or "cheat" for the demo's, which slips forgeries in.
    """

    def __init__(
        self,
        ground: Ground,
        nursery: Nursery,
        folder: Path,
        store: Path | PostgresUrl | None = None,
        rpc: str = "",
        more: str = "",
        timeout: float = 2.0,
        ahead: int = 512,
        max_age: float = 0.3,
        key: bytes = KEYS["relayer"],
        role: str = "relayer",
    ) -> None:
        self.lane = ground.open_lane(ahead, key)
        super().__init__(nursery, folder, role, key, f"the relayer of lane {self.lane}")
        self.ground = ground
        self.book = Book(ground, self.lane, address_of(key))
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        place = store or folder / "relayer.sqlite3"
        (folder / f"{role}.toml").write_text(
            SETTINGS.format(
                rpc=rpc or ground.url,
                deployment=ground.file,
                lane=self.lane,
                port=self._port,
                store=place.secret if isinstance(place, PostgresUrl) else place,
                folder=folder,
                timeout=timeout,
                max_age=max_age,
                more=more,
            )
        )

    def is_ready(self) -> bool:
        """Whether it takes receipts."""
        try:
            return httpx.get(f"{self.url}/ready", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self) -> None:
        """Until it takes receipts."""
        self.wait(self.is_ready, "ready")

    def wait_posted(self, more: int = 1) -> None:
        """Until so many more batches are on chain."""
        for _ in range(more):
            end = self.ground.end(self.lane)
            self.wait(lambda end=end: self.ground.end(self.lane) > end, "a batch posted")  # type: ignore[misc]

    def settle(self, least: str = "Posted") -> list[bytes]:
        """Until all that was acknowledged is posted (or Final); then the reckoning. The leaf hashes on chain."""
        self.wait(self.book.is_posted, "everything posted")
        leaves = self.book.reckon(self.fetch)
        with httpx.Client(timeout=20, trust_env=False) as client:
            last = max(self.book.by_number().values(), key=lambda one: one.seq).leaf.hex()

            def is_seen() -> bool:
                standing = client.get(f"{self.url}/v1/receipts/0x{last}").json()["standing"]
                return standing == "Final" or standing == least

            self.wait(is_seen, f"the last receipt {least}")
            self.book.compare_standings(client, self.url, least)
        return leaves

    def fetch(self, posted: Posted) -> bytes:
        """A batch's data as anybody gets it."""
        response = httpx.get(posted.data_uri, timeout=20, trust_env=False)
        assert response.status_code == 200, (posted.data_uri, response.status_code)
        return response.content


class Clients:
    """Threads that hand receipts in at a relayer as long as they are let, each again and again until it is taken."""

    def __init__(
        self, relayer: Relayer, count: int = 3, pause: float = 0.02, first: int = 0, largest: int = 7
    ) -> None:
        self._relayer, self._pause, self._largest = relayer, pause, largest
        self._over = threading.Event()
        self.failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(first + 10**6 * (i + 1),)) for i in range(count)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """No more requests; what is under way is not repeated."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _run(self, first: int) -> None:
        maker, chance = Maker(self._relayer.ground, first), random.Random(first)
        try:
            with httpx.Client(timeout=10, trust_env=False) as client:
                while not self._over.is_set():
                    self._insist(client, any_request(maker, chance, self._largest))
        except BaseException as error:
            self.failures.append(error)

    def _insist(self, client: httpx.Client, request: Request) -> None:
        while not self._relayer.book.hand_in(client, self._relayer.url, request):
            if self._over.wait(0.1):
                return
        self._over.wait(self._pause)


def any_request(maker: Maker, chance: random.Random, largest: int) -> Request:
    """A request of one of the kinds; an array has at most ``largest`` receipts."""
    at = int(time.time())
    kind = chance.randrange(4)
    if kind == 0:
        return maker.one(at)
    if kind == 1:
        return maker.array(at, chance.randrange(1, largest + 1))
    return maker.settlement(at, "batch" if kind == 2 else "individual")


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for what must come."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} seconds: {what}"
        time.sleep(0.05)
