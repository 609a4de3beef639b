"""Connections and transactions over SQLite: one connection a thread, every commit on disk before it returns."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ..errors import ForeignStore, StoreUnavailable
from .schema import MIGRATIONS

Row = tuple[Any, ...]

BUSY_TIMEOUT: Final = 30.0
"""Seconds that a commit waits for another thread's."""


class Database:
    """A SQLite file. Statements outside :meth:`transaction` commit on their own.

    Raises (each method):
        StoreUnavailable: SQLite cannot; the message says why.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection()
        self._migrate()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements within are committed together, or none. The one writer from its beginning on."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connection().in_transaction:
                self.execute("ROLLBACK")
            raise

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it changed."""
        with _translated(self.path):
            return self._connection().execute(statement, parameters).rowcount

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of ``rows``."""
        with _translated(self.path):
            self._connection().executemany(statement, rows)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        with _translated(self.path):
            return self._connection().execute(query, parameters).fetchall()

    def row(self, query: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        with _translated(self.path):
            found: Row | None = self._connection().execute(query, parameters).fetchone()
            return found

    def close(self) -> None:
        """Close this thread's connection; those of other threads close with them."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._local.connection = connection
        return connection

    def _migrate(self) -> None:
        with self.transaction():
            found = self.row("PRAGMA user_version")
            version = found[0] if found else 0
            if version > len(MIGRATIONS):
                raise ForeignStore(
                    f"the database {self.path} has version {version}, newer than this program's {len(MIGRATIONS)}"
                )
            for migration in MIGRATIONS[version:]:
                for statement in migration.split(";"):
                    self.execute(statement)
            self.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        raise  # a broken constraint is a mistake of ours, not trouble of the disk's
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the database {path}: {error}") from error
    except OSError as error:
        raise StoreUnavailable(f"the database {path}: {error.strerror}") from error
