"""What a verifier found about posted attestations, when it looks at each again, and what it sent."""

from dataclasses import dataclass
from enum import StrEnum

from ..chain.base import Place
from .database import Database, Row

_CHECK = "id, state, why, document, first_at, attempts, next_at, tx_hash, fee, root"


class Found(StrEnum):
    """What is known of an attestation's document."""

    UNKNOWN = "unknown"
    """It was not judged yet."""

    KEPT = "kept"
    """It proves the claims, and is at hand."""

    FALSE = "false"
    """It does not prove the claims."""

    WITHHELD = "withheld"
    """It cannot be had, or what can be had is another."""


@dataclass(frozen=True, slots=True)
class AttestationCheck:
    """What came of checking an attestation.

    ``document``: the posted one, where it was had. ``first_at``: when it was first looked for, 0: not yet.
    ``attempts`` that failed since something last changed. ``next_at``: when to look again; None: when the chain says
    something new of it. ``tx_hash`` and ``fee`` (wei): of what was sent last. ``root``: by which root its document was
    judged; None: by none, or by a former one.
    """

    number: int
    state: Found = Found.UNKNOWN
    why: str = ""
    document: bytes | None = None
    first_at: int = 0
    attempts: int = 0
    next_at: int | None = None
    tx_hash: bytes | None = None
    fee: int | None = None
    root: bytes | None = None


class AttestationChecks:
    """The table ``attestation_checks``: a row for each attestation that was posted on a document."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, number: int, place: Place) -> None:
        """An attestation was posted: it is to be checked."""
        self._database.execute(
            "INSERT INTO attestation_checks (id, state, why, first_at, attempts, next_at, block)"
            " VALUES (?, ?, '', 0, 0, ?, ?) ON CONFLICT DO NOTHING",
            (number, Found.UNKNOWN.value, place.timestamp, place.block),
        )

    def wake(self, number: int, at: int) -> None:
        """The chain says something new of it: look again, from ``at`` on."""
        self._database.execute(
            "UPDATE attestation_checks SET next_at = ?, attempts = 0 WHERE id = ?", (at, number)
        )

    def kinds(self) -> list[int]:
        """The kinds of evidence that attestations were posted on."""
        return [kind for (kind,) in self._database.rows("SELECT DISTINCT kind FROM claims ORDER BY kind")]

    def judge_again(self, kind: int, root: bytes, at: int) -> int:
        """Another root is pinned for a kind of evidence: judge again, from ``at`` on, what was judged by any other."""
        return self._database.execute(
            "UPDATE attestation_checks SET next_at = ?, attempts = 0, root = NULL WHERE root <> ?"
            " AND id IN (SELECT id FROM claims WHERE kind = ?)",
            (at, root, kind),
        )

    def get(self, number: int) -> AttestationCheck | None:
        """What came of an attestation's check, or None."""
        row = self._database.row(f"SELECT {_CHECK} FROM attestation_checks WHERE id = ?", (number,))
        return _check(row) if row else None

    def due(self, before: int, most: int) -> list[AttestationCheck]:
        """Those to look at before a time, the longest due first."""
        rows = self._database.rows(
            f"SELECT {_CHECK} FROM attestation_checks WHERE next_at < ? ORDER BY next_at, id LIMIT ?",
            (before, most),
        )
        return [_check(row) for row in rows]

    def put(self, check: AttestationCheck) -> None:
        """Keep what came of a check."""
        self._database.execute(
            "UPDATE attestation_checks SET state = ?, why = ?, document = ?, first_at = ?, attempts = ?, next_at = ?,"
            " tx_hash = ?, fee = ?, root = ? WHERE id = ?",
            (
                check.state.value, check.why, check.document, check.first_at, check.attempts, check.next_at,
                check.tx_hash, None if check.fee is None else str(check.fee), check.root,
                check.number,
            ),
        )  # fmt: skip

    def undo_beyond(self, block: int) -> None:
        """Forget attestations of blocks beyond ``block``, and look at those again of which they said something, as if
        they had not. To be called while what they said is still known."""
        self._database.execute("DELETE FROM attestation_checks WHERE block > ?", (block,))
        self._database.execute(
            "UPDATE attestation_checks SET attempts = 0, next_at = COALESCE("
            " (SELECT MAX(timestamp) FROM attestation_changes AS kept"
            "  WHERE kept.id = attestation_checks.id AND kept.block <= ?),"
            " (SELECT posted_at FROM attestations WHERE attestations.id = attestation_checks.id))"
            " WHERE id IN (SELECT id FROM attestation_changes WHERE block > ?)",
            (block, block),
        )


def _check(row: Row) -> AttestationCheck:
    number, state, why, document, first_at, attempts, next_at, tx_hash, fee, root = row
    paid = None if fee is None else int(fee)
    return AttestationCheck(
        number, Found(state), why, document, first_at, attempts, next_at, tx_hash, paid, root
    )
