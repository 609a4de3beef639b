"""What the repositories ask of a database: statements, rows, transactions that are on disk when they end.

Statements are written once, in the SQL that SQLite and PostgreSQL share: ``?`` for parameters, ``ON CONFLICT`` for what
is there already, ``CAST(? AS ...)`` where nothing else tells a parameter's type, amounts beyond 63 bits as text.
What differs beyond that is in ``sqlite.py`` and ``postgres.py``.
"""

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import ForeignStore
from ..settings import PostgresUrl
from .schema import MIGRATIONS, Migration

Row = tuple[Any, ...]


class Database(ABC):
    """A database. Statements outside :meth:`transaction` commit on their own. Usable from any thread.

    ``name``: how messages call it; without secrets.

    Raises (each method):
        StoreUnavailable: the database cannot; the message says why.
    """

    name: str
    on_commit: Callable[[float, float], None] | None = None
    """Told of each transaction that is on disk: seconds until it could begin, and those of its commit."""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements within are committed together, or none. The one writer from its beginning on."""
        asked = time.perf_counter()
        with self._transaction():
            begun = time.perf_counter()
            yield
            done = time.perf_counter()
        if self.on_commit is not None:
            self.on_commit(begun - asked, time.perf_counter() - done)

    @abstractmethod
    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it changed."""

    @abstractmethod
    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement for each of ``rows``; how many rows it changed in all."""

    @abstractmethod
    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""

    @abstractmethod
    def row(self, query: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""

    @property
    @abstractmethod
    def in_transaction(self) -> bool:
        """Whether this thread is within a transaction."""

    @abstractmethod
    def claim(self, name: str) -> bool:
        """Whether this process, alone of all on the database, holds ``name``: it takes it where nobody does.

        Held until it is released, the process ends, or the database has lost sight of it.
        """

    @abstractmethod
    def release(self, name: str) -> None:
        """Let go of ``name``, where this process holds it."""

    @abstractmethod
    def check_claim(self, name: str) -> None:
        """That this process still holds ``name``, which it had claimed.

        Raises:
            NotLeading: it does not, and another may by now.
        """

    @abstractmethod
    def only_with(self, name: str) -> contextlib.AbstractContextManager[None]:
        """What this thread writes within is written only while this process holds ``name``: the database itself looks,
        in the commit.

        Raises (each write within):
            NotLeading: it does not any more; nothing was written.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the database; nothing is lost by not doing so."""

    def migrate(self, migrations: Sequence[Migration]) -> None:
        """Bring the database to the version that is the number of ``migrations``, in one commit.

        Raises:
            ForeignStore: it is newer; nothing was changed.
        """
        with self.transaction():
            version = self._version()
            if version > len(migrations):
                raise ForeignStore(
                    f"the database {self.name} has version {version}, newer than this program's {len(migrations)}"
                )
            for migration in migrations[version:]:
                if isinstance(migration, str):
                    for statement in filter(str.strip, migration.split(";")):
                        self.execute(self._defined(statement))
                else:
                    migration(self)
            self._set_version(len(migrations))

    @abstractmethod
    def _transaction(self) -> contextlib.AbstractContextManager[None]: ...

    @abstractmethod
    def _version(self) -> int: ...

    @abstractmethod
    def _set_version(self, version: int) -> None: ...

    def _defined(self, statement: str) -> str:
        """A migration's statement with this database's names of types."""
        return statement


@contextlib.contextmanager
def closing_on_error(database: Database) -> Iterator[None]:
    """Close the database where what is done within fails."""
    try:
        yield
    except BaseException:
        database.close()
        raise


def open_database(
    place: Path | PostgresUrl, exclusive: bool = False, migrations: Sequence[Migration] = MIGRATIONS
) -> Database:
    """The database in a file, made if it is not there, or on a PostgreSQL server; brought up to date.

    ``exclusive``: no other process may open a file so at the same time. Those on a server share it:
    :meth:`Database.claim` tells who acts.

    Raises:
        ConfigError: the address is none, or the driver for PostgreSQL is missing.
        ForeignStore: it is newer than this program.
        StoreUnavailable: it cannot be opened, or, with ``exclusive``, another process runs on it.
    """
    database: Database
    if isinstance(place, PostgresUrl):
        from .postgres import Postgres  # only where it is asked for: its driver is an extra

        database = Postgres(place)
    else:
        from .sqlite import Sqlite

        database = Sqlite(place, exclusive)
    with closing_on_error(database):
        database.migrate(migrations)
    return database
