"""The databases that tests run on: SQLite, and schemas of a real PostgreSQL server.

A test module that says ``pytestmark = on_both`` runs every test on either; where its stores are, :func:`place` tells.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from afterproof.settings import PostgresUrl
from afterproof.store import Store
from afterproof.store.sqlite import Sqlite

VARIABLE = "AFTERPROOF_TEST_POSTGRES"
ADDRESS = os.environ.get(VARIABLE, "127.0.0.1:5432")
SERVER = ADDRESS if "://" in ADDRESS else f"postgresql://postgres@{ADDRESS}/test"
UNREACHABLE = f"no PostgreSQL at {PostgresUrl(SERVER)}"
"""What every test that needs the server says where there is none."""

on_both = pytest.mark.usefixtures("either_database")


class Schemas:
    """The stores of one test on the server, each in a schema of its own."""

    def __init__(self) -> None:
        self._tag = f"test_{uuid.uuid4().hex[:16]}"
        self._names: dict[Path, str] = {}

    def url(self, path: Path) -> PostgresUrl:
        """The store that would be the file ``path``."""
        path = path.absolute()
        if path not in self._names:
            name = self._names[path] = f"{self._tag}_{len(self._names)}"
            with _connected() as connection:
                connection.execute(f"CREATE SCHEMA {name}".encode())
        options = quote(f"-c search_path={self._names[path]}", safe="")
        sign = "&" if "?" in SERVER else "?"
        return PostgresUrl(f"{SERVER}{sign}options={options}&application_name={self._tag}")

    def drop(self) -> None:
        """Remove them, and whatever connections the test left open."""
        with _connected() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                (self._tag,),
            )
            for name in self._names.values():
                connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


_current: list[Schemas] = []


def place(path: Path) -> Path | PostgresUrl:
    """Where the running test has the store that is the file ``path`` on SQLite."""
    return _current[-1].url(path) if _current else path


def is_postgres() -> bool:
    """Whether the running test's stores are on the server."""
    return bool(_current)


def hurry(store: Store) -> None:
    """Nobody cuts the power here, and waiting for the disk is most of a test's time."""
    setting = "PRAGMA synchronous" if isinstance(store._database, Sqlite) else "SET synchronous_commit"
    store._database.execute(f"{setting} = off")


def read_only(store: Store, on: bool) -> None:
    """Have a store that only this thread uses refuse to be written to, or take it again."""
    setting = (
        "PRAGMA query_only" if isinstance(store._database, Sqlite) else "SET default_transaction_read_only"
    )
    store._database.execute(f"{setting} = {'on' if on else 'off'}")


@contextmanager
def on_postgres() -> Iterator[Schemas]:
    """A test's stores are on the server. Without one the test is skipped; where CI is set, it fails."""
    try:
        _connected().close()
    except psycopg.OperationalError:
        if os.environ.get("CI") == "true":
            pytest.fail(UNREACHABLE, pytrace=False)
        pytest.skip(UNREACHABLE)
    schemas = Schemas()
    _current.append(schemas)
    try:
        yield schemas
    finally:
        _current.remove(schemas)
        schemas.drop()


def _connected() -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(SERVER, autocommit=True, connect_timeout=5)
    connection.execute("SET synchronous_commit = off")
    return connection
