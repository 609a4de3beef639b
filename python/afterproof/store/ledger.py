"""The ledger of a verifier's accounts: what each action cost, earned or lost, by receipts and events alone.

Costs are the transactions of :mod:`.spending` that are in blocks which were followed, reverted ones too. What is earned
and lost follows from events, for whichever account they name: a deposit counts as lost when somebody else earns it,
not while it is at stake.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ..chain.base import (
    AttestationProven,
    AttestationRejected,
    ChainEvent,
    DemandExpired,
    FaultProven,
    Logged,
    Place,
    PromiseBroken,
    Purpose,
    TileAnswered,
)
from ..protocol.answers import halves_of
from ..protocol.header import BatchId
from ..protocol.reading import leaves_of
from ..protocol.shares import BENEFICIARY_PERCENT, CALLER_PERCENT, PROVER_PERCENT, share_of
from .attestations import Attestations
from .batches import Batches
from .database import Database, Row
from .demands import Demands

NOBODY: Final = bytes(20)


class Kind(StrEnum):
    """What an amount is."""

    COST = "cost"
    """The fee of a transaction."""

    REWARD = "reward"
    """Credited: a share of what was lost, or another's deposit."""

    LOSS = "loss"
    """A deposit or bond that another has got, or that was burned."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An amount in wei, never below zero: of what kind, what for, and what of. ``at``: the block's time of what was
    earned or lost, and when a transaction was sent."""

    at: int
    block: int
    account: bytes | None
    kind: Kind
    amount: int
    purpose: Purpose
    tx_hash: bytes
    has_reverted: bool = False


@dataclass(frozen=True, slots=True)
class Sum:
    """What actions of one kind came to, in wei: ``count`` transactions, ``reverted`` of them in vain."""

    count: int = 0
    reverted: int = 0
    cost: int = 0
    reward: int = 0
    loss: int = 0

    @property
    def net(self) -> int:
        """What is left."""
        return self.reward - self.loss - self.cost

    def __add__(self, other: "Sum") -> "Sum":
        """Both together."""
        return Sum(
            self.count + other.count,
            self.reverted + other.reverted,
            self.cost + other.cost,
            self.reward + other.reward,
            self.loss + other.loss,
        )


class Ledger:
    """The table ``ledger``, and what is read of it together with ``spending``."""

    def __init__(
        self, database: Database, batches: Batches, demands: Demands, attestations: Attestations
    ) -> None:
        self._database = database
        self._batches, self._demands, self._attestations = batches, demands, attestations
        self._half: tuple[BatchId, int, int] | None = None

    # --- from events ---------------------------------------------------------------------------

    def add(self, logged: Logged) -> None:
        """Keep what an event moved; to be called in their order, when the other tables have it."""
        place, amounts = logged.place, Counter[tuple[Purpose, bytes, Kind]]()
        for purpose, account, kind, amount in self._moved(logged.event, place):
            if account != NOBODY and amount:
                amounts[purpose, account, kind] += amount
        for (purpose, account, kind), amount in amounts.items():
            self._database.execute(
                "INSERT INTO ledger (block, log_index, account, kind, what, amount, lane, seq, place, attestation,"
                " tx_hash, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    place.block, place.log_index, account, kind.value, purpose.what, str(amount), purpose.lane,
                    purpose.seq, purpose.place, purpose.attestation, place.tx_hash, place.timestamp,
                ),
            )  # fmt: skip

    def undo_beyond(self, block: int) -> None:
        """Forget what blocks beyond ``block`` said."""
        self._half = None
        self._database.execute("DELETE FROM ledger WHERE block > ?", (block,))

    def _moved(self, event: ChainEvent, place: Place) -> Iterator[tuple[Purpose, bytes, Kind, int]]:
        match event:
            case FaultProven():
                what = Purpose.of_batch("dispute", event.batch, event.index)
                yield what, event.prover, Kind.REWARD, share_of(event.slashed, PROVER_PERCENT)
            case DemandExpired():
                what = Purpose.of_batch("demand", event.batch, event.tile)
                yield what, event.challenger, Kind.REWARD, share_of(event.slashed, PROVER_PERCENT)
            case PromiseBroken():
                what = Purpose("claim", event.lane, event.seq)
                yield what, event.caller, Kind.REWARD, share_of(event.slashed, CALLER_PERCENT)
                yield what, event.beneficiary, Kind.REWARD, share_of(event.slashed, BENEFICIARY_PERCENT)
            case TileAnswered():
                yield from self._answered(event, place)
            case AttestationProven():
                what, challenge = (
                    Purpose("attest", attestation=event.id),
                    self._attestations.challenge_before(event.id, place),
                )
                if challenge is not None:
                    yield what, event.prover, Kind.REWARD, challenge.deposit
                    yield what, challenge.challenger, Kind.LOSS, challenge.deposit
            case AttestationRejected():
                what, found = Purpose("attest", attestation=event.id), self._attestations.get(event.id)
                yield what, event.challenger, Kind.REWARD, event.slashed // 2
                yield what, found.poster if found is not None else NOBODY, Kind.LOSS, event.slashed

    def _answered(self, event: TileAnswered, place: Place) -> Iterator[tuple[Purpose, bytes, Kind, int]]:
        """A demand's deposit, once all of its tile is shown: half of it for each half. What was shown early is its
        lane's owner's."""
        demand, posted = self._demands.get(event.batch, event.tile), self._batches.posted(event.batch)
        before, self._half = self._half, (event.batch, event.tile, event.half)
        if demand is None or posted is None:
            return
        parts = [(event.answerer, place.timestamp, demand.deposit)]
        if halves_of(leaves_of(posted.header, event.tile)) == 2:
            others = [one for one in self._demands.answers(*self._half[:2]) if one.half != event.half]
            first = (event.batch, event.tile, 1 - event.half)
            if not others or not (others[0].timestamp < place.timestamp or before == first):
                return  # it is the first of the two
            part = demand.deposit // 2
            parts = [
                (others[0].answerer, others[0].timestamp, part),
                (event.answerer, place.timestamp, demand.deposit - part),
            ]
        what = Purpose.of_batch("demand", event.batch, event.tile)
        yield what, demand.challenger, Kind.LOSS, demand.deposit
        what = replace(what, what="answer")
        for answerer, at, part in parts:
            if at > demand.middle:
                yield what, answerer, Kind.REWARD, part

    # --- what is read --------------------------------------------------------------------------

    def accounts(self) -> list[bytes]:
        """The accounts that transactions were sent from."""
        rows = self._database.rows(
            "SELECT DISTINCT account FROM spending WHERE account IS NOT NULL ORDER BY account"
        )
        return [row[0] for row in rows]

    def entries(self, accounts: Sequence[bytes], since: int = 0, most: int | None = None) -> list[Entry]:
        """What ``accounts`` paid, earned and lost from ``since`` on, the newest first; costs of which an older program
        kept no account are theirs."""
        marks = ", ".join("?" * len(accounts)) or "NULL"
        rows = self._database.rows(
            "SELECT at, block, account, 'cost', fee, what, lane, seq, place, attestation, tx_hash, reverted"
            f" FROM spending WHERE block IS NOT NULL AND at >= ? AND (account IS NULL OR account IN ({marks}))"
            " UNION ALL SELECT at, block, account, kind, amount, what, lane, seq, place, attestation, tx_hash, 0"
            f" FROM ledger WHERE at >= ? AND account IN ({marks})"
            f" ORDER BY 2 DESC, 1 DESC, 4, 11{'' if most is None else f' LIMIT {most:d}'}",
            (since, *accounts, since, *accounts),
        )
        return [_entry(row) for row in rows]

    def sums(self, accounts: Sequence[bytes], since: int = 0) -> dict[str, Sum]:
        """The same by what it was for."""
        found: dict[str, Sum] = {}
        for one in self.entries(accounts, since):
            part = {Kind.REWARD: Sum(reward=one.amount), Kind.LOSS: Sum(loss=one.amount)}.get(
                one.kind, Sum(1, int(one.has_reverted), one.amount)
            )
            found[one.purpose.what] = found.get(one.purpose.what, Sum()) + part
        return dict(sorted(found.items()))

    def totals(self, account: bytes) -> dict[tuple[Kind, str], float]:
        """What an account paid, earned and lost at all, about, by kind and what for."""
        rows = self._database.rows(
            "SELECT 'cost', what, SUM(CAST(fee AS DOUBLE PRECISION)) FROM spending"
            " WHERE block IS NOT NULL AND account = ? GROUP BY what"
            " UNION ALL SELECT kind, what, SUM(CAST(amount AS DOUBLE PRECISION)) FROM ledger WHERE account = ?"
            " GROUP BY kind, what",
            (account, account),
        )
        return {(Kind(kind), what): float(total) for kind, what, total in rows}

    def at_stake(self, accounts: Sequence[bytes]) -> int:
        """The deposits of demands and challenges that are open, in wei."""
        return sum(
            self._demands.deposited(account) + self._attestations.deposited(account) for account in accounts
        )


def _entry(row: Row) -> Entry:
    at, block, account, kind, amount, what, lane, seq, place, attestation, tx_hash, has_reverted = row
    purpose = Purpose(what, lane, seq, place, attestation)
    return Entry(at, block, account, Kind(kind), int(amount), purpose, tx_hash, bool(has_reverted))
