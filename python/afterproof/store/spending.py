"""What the accounts' transactions cost, by their receipts."""

from dataclasses import dataclass
from typing import Final

from ..chain.base import Outcome, Sent
from .database import Database

KEPT: Final = 3 * 86_400
"""Seconds that a relayer keeps a cost; and anybody a transaction of which nothing is heard."""

_UNSEEN: Final = (
    "block IS NULL AND account IS NOT NULL AND NOT EXISTS (SELECT 1 FROM spending AS other"
    " WHERE other.account = spending.account AND other.number = spending.number AND other.block IS NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a transaction of kind ``what`` cost: gas, and its whole fee in wei. ``at``: when it was sent."""

    tx_hash: bytes
    what: str
    gas: int
    fee: int
    at: int


class Spending:
    """The table ``spending``: each transaction that was sent, and what it cost once it had landed, reverted or not.

    ``forgets``: whether costs are kept for some days only.
    """

    def __init__(self, database: Database, forgets: bool) -> None:
        self._database = database
        self._forgets = forgets

    def note(self, sent: Sent, at: int) -> None:
        """Keep a transaction that is about to be handed in at ``at``, or what it was seen to cost."""
        purpose, outcome = sent.purpose, sent.outcome
        gas, fee, has_reverted = (0, 0, 0) if outcome is None else _cost(outcome)
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO spending (tx_hash, what, gas, fee, at, account, number, lane, seq, place, attestation,"
                " reverted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    sent.tx_hash, purpose.what, gas, str(fee), at, sent.account, sent.number, purpose.lane,
                    purpose.seq, purpose.place, purpose.attestation, has_reverted,
                ),
            )  # fmt: skip
            if outcome is not None:
                self._database.execute(
                    "UPDATE spending SET gas = ?, fee = ?, reverted = ? WHERE tx_hash = ?",
                    (gas, str(fee), has_reverted, sent.tx_hash),
                )
            self._database.execute(
                f"DELETE FROM spending WHERE at < ?{'' if self._forgets else f' AND {_UNSEEN}'}", (at - KEPT,)
            )

    def since(self, at: int) -> list[Spent]:
        """The transactions sent from ``at`` on that are known to have cost something, the oldest first."""
        rows = self._database.rows(
            "SELECT tx_hash, what, gas, fee, at FROM spending WHERE at >= ? AND gas > 0 ORDER BY at, tx_hash",
            (at,),
        )
        return [Spent(tx_hash, what, gas, int(fee), known) for tx_hash, what, gas, fee, known in rows]

    # --- by the chain as it was followed -------------------------------------------------------

    def unseen(self) -> list[bytes]:
        """The transactions that are not known to be in a block that was followed, nor another of their number."""
        return [row[0] for row in self._database.rows(f"SELECT tx_hash FROM spending WHERE {_UNSEEN}")]

    def confirm(self, tx_hash: bytes, outcome: Outcome) -> None:
        """A transaction is in a block that was followed."""
        gas, fee, has_reverted = _cost(outcome)
        self._database.execute(
            "UPDATE spending SET block = ?, gas = ?, fee = ?, reverted = ? WHERE tx_hash = ?",
            (outcome.block, gas, str(fee), has_reverted, tx_hash),
        )

    def undo_beyond(self, block: int) -> None:
        """What was in blocks beyond ``block`` may be in others now, or in none."""
        self._database.execute("UPDATE spending SET block = NULL WHERE block > ?", (block,))


def _cost(outcome: Outcome) -> tuple[int, int, int]:
    return outcome.gas_used, outcome.fee, int(not outcome.succeeded)
