"""Pulling the plug: a process that ends just before or just after its n-th commit.

Nothing of what would have followed is done, as little as after SIGKILL; what was committed before is on disk. The
contexts of the ended process are thrown away and opened afresh from the files.
"""

import contextlib
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from afterproof.chain.base import ChainSender
from afterproof.store import Store
from afterproof.store.database import Database
from afterproof.store.sqlite import Sqlite


class Crash(BaseException):
    """The process is gone. Not an Exception: no step may catch it."""


@contextlib.contextmanager
def crash_at(store: Store, commit: int, when: str) -> Iterator[list[int]]:
    """Raise :class:`Crash` ``before`` or ``after`` the store's ``commit``-th commit; counts those that were begun."""
    database = store._database
    kind = type(database)
    made = [0]

    @contextlib.contextmanager
    def around() -> Iterator[None]:
        made[0] += 1
        number = made[0]
        yield
        if number == commit:
            raise Crash

    @contextlib.contextmanager
    def transaction() -> Iterator[None]:
        if when == "after":
            with around(), kind.transaction(database):
                yield
        else:
            with kind.transaction(database), around():
                yield

    def execute(statement: str, parameters: Sequence[Any] = ()) -> int:
        alone = statement.startswith(("INSERT", "UPDATE", "DELETE")) and not database.in_transaction
        with transaction() if alone else contextlib.nullcontext():
            return kind.execute(database, statement, parameters)

    database.transaction, database.execute = transaction, execute  # type: ignore[method-assign]
    try:
        yield made
    finally:
        del database.transaction, database.execute  # type: ignore[method-assign]


def tables(store: Store, without: Container[str] = ()) -> dict[str, list[str]]:
    """Every table's rows, to compare two stores by; ``without`` tables and ``table.column``s."""
    database = store._database
    found = {}
    for name, columns in _columns(database).items():
        kept = [column for column in columns if f"{name}.{column}" not in without]
        if name not in without:
            found[name] = sorted(map(repr, database.rows(f"SELECT {', '.join(kept)} FROM {name}")))
    return found


def _columns(database: Database) -> dict[str, list[str]]:
    """Every table's columns."""
    if isinstance(database, Sqlite):
        names = [name for (name,) in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [row[1] for row in database.rows(f"PRAGMA table_info({name})")] for name in names}
    found: dict[str, list[str]] = {}
    for name, column in database.rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        " AND table_name <> 'schema_version' ORDER BY table_name, ordinal_position"
    ):
        found.setdefault(name, []).append(column)
    return found


class Doomed:
    """A chain whose process ends just after its ``action``-th transaction has landed, of ``acts`` alone."""

    def __init__(
        self, chain: ChainSender, action: int, acts: Container[str] = ("post", "prove_fault")
    ) -> None:
        self._chain = chain
        self._left = action
        self._acts = acts

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._chain, name)
        return self._last(found) if name in self._acts else found

    def _last(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any, **named: Any) -> Any:
            landed = call(*arguments, **named)
            self._left -= 1
            if self._left == 0:
                raise Crash
            return landed

        return act
