"""PostgreSQL: a few connections for all threads, every commit on disk before it returns, and processes in turn.

Several processes, on several machines, may share one database. A transaction holds a lock of the whole store from its
beginning on, as SQLite's writers do: numbers are given away one after the other, without gaps. What must be done by one
process alone goes to whoever holds a lock of that name on a connection of its own; the server gives it to another
when that connection ends, which it does with its process, or a few seconds after its machine has fallen silent.
Locks are a session's: a pooler between must keep sessions apart.
"""

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from ..errors import ConfigError, StoreUnavailable
from ..settings import PostgresUrl
from .database import Database, Row

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    from .postgres_claims import Claims, Connection, key_of
except ImportError as error:
    raise ConfigError("a store on PostgreSQL needs psycopg: install afterproof[postgres]") from error

CONNECTIONS: Final = 8
"""Connections of a process at most, that of its claims apart: more threads than that wait for each other."""

LOCK_TIMEOUT: Final = 30
"""Seconds that a transaction waits for another's, or a thread for a connection."""

_CONNECT: Final = {"connect_timeout": 10, "keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3,
                   "tcp_user_timeout": 20_000}  # fmt: skip
_SESSION: Final = (
    "SET client_encoding = 'UTF8'",
    "SET synchronous_commit = on",
    f"SET lock_timeout = '{LOCK_TIMEOUT}s'",
    # A machine that falls silent must hold nobody up: neither within a transaction nor as the holder of a claim.
    f"SET idle_in_transaction_session_timeout = '{2 * LOCK_TIMEOUT}s'",
    "SET tcp_keepalives_idle = 5",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)


class Postgres(Database):
    """A database on a PostgreSQL server: the tables in the connection's current schema, usually ``public``."""

    def __init__(self, url: PostgresUrl) -> None:
        self.name = str(url)
        try:
            given = conninfo_to_dict(url.secret)
        except psycopg.ProgrammingError:  # whose text may quote the address, password included
            raise ConfigError(f"the store's address {url} is not of PostgreSQL's form") from None
        self._address: dict[str, Any] = {**_CONNECT, **given}
        self._local = threading.local()
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self._idle: list[Connection] = []
        self._claims = Claims(self._connected)
        row = self.row("SELECT current_schema(), current_setting('server_encoding')")
        if row is None or row[0] is None:
            raise StoreUnavailable(f"the database {self.name}: no schema of its search_path exists")
        if row[1] not in ("UTF8", "SQL_ASCII"):
            raise StoreUnavailable(f"the database {self.name}: its encoding is {row[1]}, it must be UTF8")
        self._schema = self._claims.schema = str(row[0])

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Implements :meth:`Database.execute`."""
        with self._writing(), self._using() as connection:
            return connection.execute(_marked(statement), _held(parameters)).rowcount

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        """Implements :meth:`Database.execute_many`."""
        with self._writing(), self._using() as connection, connection.cursor() as cursor:
            cursor.executemany(_marked(statement), map(_held, rows))
            return max(0, cursor.rowcount)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Implements :meth:`Database.rows`."""
        with self._using() as connection:
            return connection.execute(_marked(query), _held(parameters)).fetchall()

    def row(self, query: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Implements :meth:`Database.row`."""
        with self._using() as connection:
            return connection.execute(_marked(query), _held(parameters)).fetchone()

    @property
    def in_transaction(self) -> bool:
        """Implements :attr:`Database.in_transaction`."""
        return getattr(self._local, "connection", None) is not None

    def claim(self, name: str) -> bool:
        """Implements :meth:`Database.claim`; belongs to one thread."""
        with self._translated():
            return self._claims.take(name)

    def release(self, name: str) -> None:
        """Implements :meth:`Database.release`; belongs to the thread that claims."""
        self._claims.release(name)

    def check_claim(self, name: str) -> None:
        """Implements :meth:`Database.check_claim`; belongs to the thread that claims."""
        self._claims.check(name)

    def only_with(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Implements :meth:`Database.only_with`."""
        return self._claims.needed(name)

    def close(self) -> None:
        """Implements :meth:`Database.close`."""
        self._claims.close()
        kept, self._idle = self._idle, []
        for connection in kept:
            connection.close()

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        """What a statement that may write runs in: a transaction, where what it writes needs a claim."""
        if self.in_transaction or not self._claims.is_needed:
            return contextlib.nullcontext()
        return self._transaction()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._using() as connection:
            connection.execute("BEGIN")
            self._local.connection = connection
            try:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (key_of(self._schema, "write"),))
                self._claims.check_needed(connection)
                yield
                # A transaction in which a statement failed is rolled back by COMMIT, in silence.
                if connection.execute("COMMIT").statusmessage != "COMMIT":
                    raise StoreUnavailable(f"the database {self.name}: a statement of the transaction failed")
            except BaseException:
                with contextlib.suppress(psycopg.Error):
                    if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                        connection.execute("ROLLBACK")
                raise
            finally:
                self._local.connection = None

    @contextlib.contextmanager
    def _using(self) -> Iterator[Connection]:
        """The thread's transaction's connection, or an idle one."""
        own: Connection | None = getattr(self._local, "connection", None)
        if own is not None:
            with self._translated():
                yield own
            return
        if not self._free.acquire(timeout=LOCK_TIMEOUT):
            raise StoreUnavailable(f"the database {self.name}: its {CONNECTIONS} connections are all in use")
        try:
            with self._translated():
                connection = self._taken()
                try:
                    yield connection
                finally:
                    self._give_back(connection)
        finally:
            self._free.release()

    def _taken(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connected()

    def _give_back(self, connection: Connection) -> None:
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._idle.append(connection)
            return
        connection.close()
        # Where one is lost, those that were idle meanwhile are as well.
        while self._idle:
            self._idle.pop().close()

    def _connected(self) -> Connection:
        connection = psycopg.connect(**self._address, autocommit=True)
        connection.execute("; ".join(_SESSION).encode())
        return connection

    def _version(self) -> int:
        self.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        found = self.row("SELECT version FROM schema_version")
        return int(found[0]) if found else 0

    def _set_version(self, version: int) -> None:
        self.execute("DELETE FROM schema_version")
        self.execute("INSERT INTO schema_version (version) VALUES (?)", (version,))

    def _defined(self, statement: str) -> str:
        return re.sub(r"\b(INTEGER|BLOB|WITHOUT ROWID)\b", lambda found: _TYPES[found[0]], statement)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.IntegrityError:
            raise  # a broken constraint is a mistake of ours, not trouble of the server's
        except psycopg.Error as error:
            why = str(error).strip().partition("\n")[0] or type(error).__name__
            raise StoreUnavailable(f"the database {self.name}: {why}") from error


_TYPES: Final = {"INTEGER": "BIGINT", "BLOB": "BYTEA", "WITHOUT ROWID": ""}


@lru_cache(maxsize=1024)
def _marked(statement: str) -> bytes:
    """A statement with its parameters marked as psycopg has them."""
    return statement.replace("%", "%%").replace("?", "%s").encode()


def _held(parameters: Sequence[Any]) -> Sequence[Any]:
    """Parameters as PostgreSQL can hold them: text has no NUL there, but what strangers post on a chain may."""
    return [
        value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value
        for value in parameters
    ]
