"""SQLite: one connection a thread, every commit on disk before it returns."""

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ..errors import StoreUnavailable
from .database import Database, Row

BUSY_TIMEOUT: Final = 30.0
"""Seconds that a commit waits for another thread's."""

PAGE: Final = 8192
"""Bytes of a page: a commit of many receipts writes fewer than of SQLite's own 4,096, and each costs the same."""


class Sqlite(Database):
    """A SQLite file; ``exclusive``: as the one process that runs on it."""

    def __init__(self, path: Path, exclusive: bool = False) -> None:
        self.name = str(path)
        self._path = path
        self._local = threading.local()
        self._lock: int | None = None
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = locked(path) if exclusive else None
            try:
                self._connection()
            except BaseException:
                self.close()
                raise

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Implements :meth:`Database.execute`."""
        with self._translated():
            return self._connection().execute(statement, parameters).rowcount

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        """Implements :meth:`Database.execute_many`."""
        with self._translated():
            return max(0, self._connection().executemany(statement, rows).rowcount)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Implements :meth:`Database.rows`."""
        with self._translated():
            return self._connection().execute(query, parameters).fetchall()

    def row(self, query: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Implements :meth:`Database.row`."""
        with self._translated():
            found: Row | None = self._connection().execute(query, parameters).fetchone()
            return found

    @property
    def in_transaction(self) -> bool:
        """Implements :attr:`Database.in_transaction`."""
        return self._connection().in_transaction

    def claim(self, name: str) -> bool:
        """Implements :meth:`Database.claim`: whoever runs on a file runs on it alone."""
        return True

    def release(self, name: str) -> None:
        """Implements :meth:`Database.release`."""

    def check_claim(self, name: str) -> None:
        """Implements :meth:`Database.check_claim`: nobody could have taken it."""

    def only_with(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Implements :meth:`Database.only_with`: nobody could have taken it."""
        return contextlib.nullcontext()

    def close(self) -> None:
        """Close this thread's connection; those of other threads close with them."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connection().in_transaction:
                self.execute("ROLLBACK")
            raise

    def _version(self) -> int:
        found = self.row("PRAGMA user_version")
        return int(found[0]) if found else 0

    def _set_version(self, version: int) -> None:
        self.execute(f"PRAGMA user_version = {version}")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None)
            connection.execute(f"PRAGMA page_size = {PAGE}")  # of a file that is made now; others keep theirs
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._local.connection = connection
        return connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # a broken constraint is a mistake of ours, not trouble of the disk's
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the database {self.name}: {error}") from error
        except OSError as error:
            raise StoreUnavailable(f"the database {self.name}: {error.strerror}") from error


def locked(path: Path) -> int:
    """An open lock on the database ``path``, held by one process alone; its folder is made if it is not there.

    Raises:
        StoreUnavailable: another process runs on it, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + "-lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"the database {path}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreUnavailable(f"the database {path}: another process runs on it") from None
    return lock
