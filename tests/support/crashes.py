"""Pulling the plug: a process that ends just before or just after its n-th commit.

Nothing of what would have followed is done, as little as after SIGKILL; what was committed before is on disk. The
contexts of the ended process are thrown away and opened afresh from the files.
"""

import contextlib
from collections.abc import Iterator

from afterproof.store import Store
from afterproof.store.database import Database


class Crash(BaseException):
    """The process is gone. Not an Exception: no step may catch it."""


@contextlib.contextmanager
def crash_at(store: Store, commit: int, when: str) -> Iterator[list[int]]:
    """Raise :class:`Crash` ``before`` or ``after`` the store's ``commit``-th commit; counts those that were made."""
    database = store._database
    transaction = type(database).transaction
    made = [0]

    @contextlib.contextmanager
    def crashing() -> Iterator[None]:
        made[0] += 1
        number = made[0]
        with transaction(database):
            yield
            if number == commit and when == "before":
                raise Crash
        if number == commit and when == "after":
            raise Crash

    database.transaction = crashing  # type: ignore[method-assign]
    try:
        yield made
    finally:
        del database.transaction  # type: ignore[method-assign]


def tables(database: Database) -> dict[str, list[str]]:
    """Every row of every table, to compare two stores by."""
    names = [row[0] for row in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: sorted(map(repr, database.rows(f"SELECT * FROM {name}"))) for name in names}
