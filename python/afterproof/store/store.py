"""The store of one relayer, verifier or auditor: its repositories over one database."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from ..chain.base import Deployment
from ..errors import ForeignStore
from ..protocol.header import BatchId, name_of
from ..settings import PostgresUrl
from .alerts import Alerts
from .attestation_checks import AttestationChecks
from .audits import Audits
from .batches import Batches
from .broken import Broken
from .chainlog import ChainLog
from .database import Database, closing_on_error, open_database
from .deadlines import Deadlines
from .demands import Demands
from .faults import Faults
from .heartbeats import Heartbeats
from .ledger import Ledger
from .measures import Measures
from .pending import Pending
from .promises import Promises
from .receipts import Receipts
from .registry import Registry
from .seen import Seen
from .spending import Spending
from .tiles import Tiles
from .urgent import Urgent
from .verdicts import Verdicts
from .watched import WatchedPromises

Role = Literal["relayer", "verifier", "auditor"]


class Store:
    """Everything that a role knows, by subject. Open one with :meth:`open`; usable from any thread."""

    def __init__(self, database: Database, deployment: Deployment, role: Role) -> None:
        self.deployment = deployment
        self.role = role
        self._database = database
        self.registry = Registry(database)
        self.receipts = Receipts(database)
        self.urgent = Urgent(database)
        self.heartbeats = Heartbeats(database)
        self.promises = Promises(database, self.receipts.runs)
        self.batches = Batches(database)
        self.spending = Spending(database, forgets=role != "verifier")
        self.faults = Faults(database)
        self.demands = Demands(database)
        self.tiles = Tiles(self.registry, self.faults, self.demands)
        self.seen = Seen(database)
        self.verdicts = Verdicts(database)
        self.deadlines = Deadlines(database)
        self.measures = Measures(database, self.receipts)
        self.pending = Pending(database)
        self.alerts = Alerts(database)
        self.attestation_checks = AttestationChecks(database)
        self.watched = WatchedPromises(database)
        self.broken = Broken(database)
        self.audits = Audits(database)
        self.ledger = Ledger(database, self.batches, self.demands, self.registry.attestations)
        self.chain = ChainLog(
            database, self.registry, self.batches, self.faults, self.demands, self.seen, self.verdicts,
            self.deadlines, self.attestation_checks, self.watched, self.broken, self.audits, self.spending,
            self.ledger, role,
        )  # fmt: skip

    @classmethod
    def open(
        cls, place: Path | PostgresUrl, deployment: Deployment, role: Role, exclusive: bool = False
    ) -> "Store":
        """The store in the file ``place``, made if it is not there, or on a PostgreSQL server.

        ``exclusive``: as the process that runs the role; on one file two would act twice. On a server they take turns:
        :meth:`leads`.

        Raises:
            ConfigError: the server's address is none, or its driver is missing.
            ForeignStore: it belongs to another chain, contract or role, or to a newer program.
            StoreUnavailable: it cannot be read or written, or, with ``exclusive``, another process runs on the file.
        """
        database = open_database(place, exclusive)
        store = cls(database, deployment, role)
        with closing_on_error(database):
            store._check_settings()
        return store

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within is committed together, or none of it."""
        with self._database.transaction():
            yield

    def tell_commits(self, told: Callable[[float, float], None]) -> None:
        """Have ``told`` called after each transaction: seconds until it could begin, and those of its commit."""
        self._database.on_commit = told

    def leads(self, lane: int | None = None) -> bool:
        """Whether this process is the one, of all that share the store, that acts in its role, or on ``lane``.

        It becomes that where nobody is, and remains it until it ends or the database has lost sight of it. Belongs to
        one thread.

        Raises:
            StoreUnavailable: the database cannot say; until it can, nobody acts.
        """
        return self._database.claim(self._lead(lane))

    def check_lead(self, lane: int | None = None) -> None:
        """That this process, which did, still leads: to be asked just before it acts.

        Raises:
            NotLeading: it does not; another may by now.
        """
        self._database.check_claim(self._lead(lane))

    def leading(self, lane: int | None = None) -> contextlib.AbstractContextManager[None]:
        """What this thread writes within is written only while this process leads.

        Raises (each write within):
            NotLeading: it does not any more; nothing was written.
        """
        return self._database.only_with(self._lead(lane))

    def claims(self, batch: BatchId) -> bool:
        """Whether this process, alone of all that share the store, is to judge a batch: it claims it where nobody does.

        Held until :meth:`release`, or until the process ends. Belongs to the thread that leads.
        """
        return self._database.claim(_judge(batch))

    def release(self, batch: BatchId) -> None:
        """Let others judge a batch."""
        self._database.release(_judge(batch))

    def act_from(self, account: bytes | None) -> None:
        """Act from ``account``, as all do that share the store: what one of them has begun another brings to its end.

        None: it is a dry run, which would keep others from acting while it leads.

        Raises:
            ForeignStore: another process runs on it, from another account.
        """
        leads, mine = (
            self.leads(),
            "account 0x" + account.hex() if account is not None else "no account: a dry run",
        )
        with self.transaction():
            found = self._database.row("SELECT value FROM settings WHERE name = 'account'")
            if found is not None and found[0] != mine and not leads:
                raise ForeignStore(
                    f"another process runs on the database {self._database.name} from {found[0]}; not from "
                    f"{mine}: all on one store must act from one account"
                )
            self._database.execute("DELETE FROM settings WHERE name = 'account'")
            self._database.execute("INSERT INTO settings (name, value) VALUES ('account', ?)", (mine,))

    def close(self) -> None:
        """Let go of the database; nothing is lost by not doing so."""
        self._database.close()

    def _lead(self, lane: int | None) -> str:
        return self.role if lane is None else f"{self.role} of lane {lane}"

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
                    f"the database {self._database.name} belongs to {name} {found.get(name)}, not to {value}"
                )


def _judge(batch: BatchId) -> str:
    return f"judge of batch {name_of(batch)}"
