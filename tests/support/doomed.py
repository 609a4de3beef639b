"""A relayer that kills itself at a boundary, as SIGKILL, the OOM killer or a power cut would.

    DOOM="commit of batch is done" python -m tests.support.doomed --config relayer.toml relayer

runs `afterproof relayer` (or the role that is named; "cheat" is the demo's relayer that cheats) with every boundary
watched: the beginning and end of each step, of each commit (and of each statement that commits by itself), of
publishing a batch, and of an answer. At the boundary named in ``DOOM`` the process sends itself SIGKILL; with a number
behind it ("... #3") when it comes there for the third time. A boundary before the first POST is another one than the
same afterwards, and starts with "start: ". ``BOUNDARIES`` names a file to which each boundary is added when it is met
for the first time.

Without arguments it is a nursery: it has everything imported, and gives birth to such processes by forking, each with
the arguments, environment and log of a line of JSON that it reads ({"bear": ...}; it answers with the pid) and says how
one ended ({"ask": pid}). See :mod:`tests.support.lives`.

What posts and waits is in a hurry here, so that what a restart finds is not half a minute away.
"""

import ctypes
import functools
import inspect
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from afterproof import loop, node
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import SendOptions
from afterproof.cli.app import main
from afterproof.data import Directory
from afterproof.demo import cheat
from afterproof.steps import Context, Step
from afterproof.store import database, postgres, sqlite

HURRY = {"poll": 0.05, "raise_after": 2.0, "landing_timeout": 10.0}


class Fate:
    """Counts boundaries, and ends the process at one."""

    def __init__(self) -> None:
        self._name, _, number = os.environ.get("DOOM", "").partition(" #")
        self._number = int(number or 1)
        listed = os.environ.get("BOUNDARIES")
        self._listed = Path(listed) if listed else None
        self._met: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._local = threading.local()
        self.is_asked = False
        """Whether anything was handed in yet."""

    def meet(self, boundary: str) -> None:
        """The process is at a boundary."""
        name = boundary if self.is_asked else f"start: {boundary}"
        with self._lock:
            self._met[name] += 1
            if name == self._name and self._met[name] == self._number:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)
            if self._met[name] == 1 and self._listed is not None:
                with self._listed.open("a") as file:
                    file.write(name + "\n")

    @property
    def actor(self) -> str:
        """What the thread does: a step, or what was asked."""
        return getattr(self._local, "actor", "intake" if self.is_asked else "opening")

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """The thread does that."""
        self._local.actor = actor
        try:
            yield
        finally:
            del self._local.actor


FATE: Fate


def watched(step: Step) -> Step:
    """A step with its boundaries."""

    @functools.wraps(step)
    def take(context: Context) -> bool:
        name = step.__name__
        with FATE.acting(name):
            FATE.meet(f"{name} begins")
            more = step(context)
            FATE.meet(f"{name} ends" + (", more to do" if more else ""))
        return more

    return take


def watch_commits() -> None:
    """Watch every transaction, and every statement that writes outside of one."""
    transaction = database.Database.transaction

    @contextmanager
    def watched_transaction(self: database.Database) -> Iterator[None]:
        with transaction(self):
            yield
            FATE.meet(f"commit of {FATE.actor} begins")
        FATE.meet(f"commit of {FATE.actor} is done")

    database.Database.transaction = watched_transaction  # type: ignore[method-assign]
    for kind in (sqlite.Sqlite, postgres.Postgres):
        kind.execute = watched_execute(kind.execute)  # type: ignore[method-assign]


def watched_execute(execute: Callable[..., int]) -> Callable[..., int]:
    """``execute`` with its boundaries where it commits by itself."""

    @functools.wraps(execute)
    def act(self: database.Database, statement: str, parameters: Sequence[Any] = ()) -> int:
        alone = statement.startswith(("INSERT", "UPDATE", "DELETE")) and not self.in_transaction
        if alone:
            FATE.meet(f"statement of {FATE.actor} begins")
        changed = execute(self, statement, parameters)
        if alone:
            FATE.meet(f"statement of {FATE.actor} is done")
        return changed

    return act


def watch_publishing() -> None:
    """Watch a batch's data being written."""
    publish = Directory.publish

    @functools.wraps(publish)
    def watched_publish(self: Directory, *arguments: Any) -> str:
        FATE.meet("publishing begins")
        uri = publish(self, *arguments)
        FATE.meet("publishing is done")
        return uri

    Directory.publish = watched_publish  # type: ignore[method-assign]


class Answers:
    """Middleware that watches the answers to what is handed in."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        FATE.is_asked = True

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                FATE.meet("answer begins")
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                FATE.meet("answer is done")

        await self._app(scope, receive, sent)


def watch_answers() -> None:
    """Watch what is answered."""
    create_app = node.create_app

    def watched_app(*arguments: Any, **named: Any) -> Any:
        app = create_app(*arguments, **named)
        app.add_middleware(Answers)
        return app

    node.create_app = watched_app


def hurry() -> None:
    """Transactions are looked after, offered again, and given up in seconds."""
    begin = EvmSender.__init__
    form = inspect.signature(begin)

    @functools.wraps(begin)
    def in_a_hurry(*arguments: Any, **named: Any) -> None:
        given = form.bind(*arguments, **named)
        options = given.arguments.get("options") or SendOptions()
        given.arguments["options"] = replace(options, **HURRY)
        begin(*given.args, **given.kwargs)

    EvmSender.__init__ = in_a_hurry  # type: ignore[method-assign]


def live(arguments: Sequence[str]) -> int:
    """A process's life, in this one."""
    global FATE
    FATE = Fate()
    steps = {step: watched(step) for role in node.ROLES.values() for step in role}
    node.ROLES = {role: tuple(steps[step] for step in taken) for role, taken in node.ROLES.items()}  # type: ignore[misc]
    loop.SHARED = {role: frozenset(steps[step] for step in taken) for role, taken in loop.SHARED.items()}  # type: ignore[misc]
    watch_commits()
    watch_publishing()
    watch_answers()
    hurry()
    if arguments[-1] == "cheat":
        cheat.main(list(arguments[:-1]), standalone_mode=False)
        return 0
    return main(arguments)


def bear(arguments: list[str], environment: dict[str, str], log: str) -> int:
    """A new process with a life to live; its pid."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: none survives the nursery
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(environment)
        status = live(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def nurse() -> None:
    """Answer questions until there are none."""
    for line in sys.stdin:
        question = json.loads(line)
        if "bear" in question:
            answer: int | None = bear(**question["bear"])
        else:
            pid, status = os.waitpid(question["ask"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(live(sys.argv[1:]))
    nurse()
