"""What one process of all on a PostgreSQL server holds: locks of a session, on a connection of its own.

The server lets go of them when the connection ends, which it does with its process, or a few seconds after its machine
has fallen silent. So nothing has to be renewed, and no clock is asked.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator

import psycopg

from ..errors import NotLeading
from .database import Row

Connection = psycopg.Connection[Row]


class Claims:
    """The claims of one process in one schema; ``connect`` makes a connection. Claiming belongs to one thread."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._session: Connection | None = None
        self._held: set[str] = set()
        self._local = threading.local()
        self.schema = ""

    def take(self, name: str) -> bool:
        """Whether this process holds ``name``: it takes it where nobody does.

        Raises:
            psycopg.Error: the server cannot say.
        """
        if name in self._held and self._is_there():
            return True  # where it is not, whoever asks the server first has it now
        if self._session is None:
            self._session = self._connect()
        try:
            taken = self._session.execute(
                "SELECT pg_try_advisory_lock(%s)", (key_of(self.schema, name),)
            ).fetchone()
        except psycopg.Error:
            self._end()
            raise
        if taken is not None and taken[0]:
            self._held.add(name)
        return name in self._held

    def release(self, name: str) -> None:
        """Let go of ``name``, where it is held."""
        if name not in self._held or self._session is None:
            return
        self._held.remove(name)
        try:
            self._session.execute("SELECT pg_advisory_unlock(%s)", (key_of(self.schema, name),))
        except psycopg.Error:  # with the session all claims are gone
            self._end()

    def check(self, name: str) -> None:
        """That ``name``, which was taken, is still held.

        Raises:
            NotLeading: it is not.
        """
        if name not in self._held or not self._is_there():
            raise _lost(name)

    def _is_there(self) -> bool:
        """Whether the session lasts, and with it all that is held."""
        try:
            if self._session is not None:
                self._session.execute("SELECT 1")
                return True
        except psycopg.Error:
            self._end()
        return False

    def _end(self) -> None:
        session, self._session = self._session, None
        self._held.clear()
        if session is not None:
            session.close()

    @contextlib.contextmanager
    def needed(self, name: str) -> Iterator[None]:
        """What this thread writes within needs ``name``."""
        self._local.needed = name
        try:
            yield
        finally:
            self._local.needed = None

    @property
    def is_needed(self) -> bool:
        """Whether what this thread writes needs a claim."""
        return getattr(self._local, "needed", None) is not None

    def check_needed(self, connection: Connection) -> None:
        """That what this thread's writing needs is held, as the server sees it in the transaction of ``connection``.

        Whoever is given the claim next writes after that transaction, which has the lock of the whole store.

        Raises:
            NotLeading: it is not.
        """
        if not self.is_needed:
            return
        name: str = self._local.needed
        if self._session is None:
            raise _lost(name)
        pid, key = self._session.info.backend_pid, key_of(self.schema, name) % 2**64
        found = connection.execute(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = %s"
            " AND classid = %s::bigint::oid AND objid = %s::bigint::oid AND objsubid = 1",
            (pid, key >> 32, key % 2**32),
        ).fetchone()
        if found is None:
            raise _lost(name)

    def close(self) -> None:
        """Let go of all."""
        if self._session is not None:
            # Said aloud: the server lets go of a closed connection's locks a moment later only.
            with contextlib.suppress(psycopg.Error):
                self._session.execute("SELECT pg_advisory_unlock_all()")
        self._end()


def key_of(schema: str, name: str) -> int:
    """The number of an advisory lock: those are the whole database's, each schema has a store of its own."""
    digest = hashlib.sha256(f"afterproof\0{schema}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _lost(name: str) -> NotLeading:
    return NotLeading(f"this process is not the {name} any more: another may be")
