"""The store of one relayer or verifier: its repositories over one database."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ..chain.base import Deployment
from ..errors import ForeignStore, StoreUnavailable
from .batches import Batches
from .chainlog import ChainLog
from .database import Database
from .deadlines import Deadlines
from .promises import Promises
from .receipts import Receipts
from .registry import Registry
from .verdicts import Verdicts

Role = Literal["relayer", "verifier"]


class Store:
    """Everything a relayer or verifier knows, by subject. Open one with :meth:`open`; usable from any thread."""

    def __init__(self, database: Database, deployment: Deployment, role: Role) -> None:
        self.deployment = deployment
        self.role = role
        self._database = database
        self._lock: int | None = None
        self.registry = Registry(database)
        self.receipts = Receipts(database)
        self.promises = Promises(database)
        self.batches = Batches(database)
        self.verdicts = Verdicts(database)
        self.deadlines = Deadlines(database)
        self.chain = ChainLog(database, self.registry, self.batches, self.verdicts, self.deadlines, role)

    @classmethod
    def open(cls, path: Path, deployment: Deployment, role: Role, exclusive: bool = False) -> "Store":
        """The store in the file ``path``, made if it is not there.

        ``exclusive``: as the process that runs the role; two would act twice.

        Raises:
            ForeignStore: it belongs to another chain, contract or role, or to a newer program.
            StoreUnavailable: it cannot be read or written, or, with ``exclusive``, another process runs on it.
        """
        lock = _locked(path) if exclusive else None
        store = cls(Database(path), deployment, role)
        store._lock = lock
        try:
            store._check_settings()
        except BaseException:
            store.close()
            raise
        return store

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within is committed together, or none of it."""
        with self._database.transaction():
            yield

    def close(self) -> None:
        """Let go of the file; nothing is lost by not doing so."""
        self._database.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _check_settings(self) -> None:
        mine = {
            "chain": str(self.deployment.chain_id),
            "settlement": "0x" + self.deployment.settlement.hex(),
            "registry": "0x" + self.deployment.registry.hex(),
            "role": self.role,
        }
        with self.transaction():
            found: dict[str, str] = dict(self._database.rows("SELECT name, value FROM settings"))
            if not found:
                self._database.execute_many("INSERT INTO settings (name, value) VALUES (?, ?)", mine.items())
                return
        for name, value in mine.items():
            if found.get(name) != value:
                raise ForeignStore(
                    f"the database {self._database.path} belongs to {name} {found.get(name)}, not to {value}"
                )


def _locked(path: Path) -> int:
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
