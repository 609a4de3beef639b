"""What a verifier found in posted batches, and what came of it."""

from dataclasses import dataclass, field
from enum import StrEnum

from ..protocol.header import BatchId, batch_id, first_seq_of, lane_of
from .database import Database, Row

_CHECK = "lane, first_seq, state, why, attempts, accepted, void, disputed, at, block"
_VERDICT = (
    "lane, first_seq, place, what, kind, evidence, words, signature, proof, state, why, attempts, next_at,"
    " tx_hash, fee, reward"
)


class What(StrEnum):
    """What a verdict asks for."""

    DISPUTE = "dispute"
    """Prove a fault of the leaf at ``place``."""

    DEMAND = "demand"
    """Demand the data of the tile at ``place``."""

    ANSWER = "answer"
    """Show the tile at ``place``, which somebody demanded."""


class State(StrEnum):
    """What came of a verdict."""

    PENDING = "pending"
    PROVEN = "proven"
    LOST_RACE = "lost race"
    """The contract has it by another proof: a stranger's, or of another leaf where once a batch is enough."""

    STRUCK = "struck"
    """Its tile was struck: nothing is left to prove there."""

    DEMANDED = "demanded"
    """Our demand of the tile is open."""

    ANSWERED = "answered"
    """The tile was shown: a demand's deposit is spent."""

    EXPIRED = "expired"
    """Nobody showed the tile: the deposit is back, and the lane was slashed."""

    TOO_LATE = "too late"
    UNPROVABLE = "unprovable"
    """The contract knows no such fault in the batch's epoch, or the store's own proof does not hold."""


@dataclass(frozen=True, slots=True)
class Check:
    """What came of checking a batch, ``block`` being the cursor then.

    ``state``: checked; unavailable or partial, while tiles are missing; missed, where it ended so.
    """

    batch: BatchId
    state: str
    why: str = ""
    attempts: int = 0
    accepted: int = 0
    void: int = 0
    disputed: int = 0
    at: int = 0
    block: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A leaf to dispute, with all that its proof needs, or a tile to demand. ``fee`` and ``reward`` in wei."""

    batch: BatchId
    place: int
    what: What
    kind: int = 0
    evidence: bytes = b""
    words: bytes = b""
    signature: bytes = field(default=b"", repr=False)
    proof: tuple[bytes, ...] = field(default=(), repr=False)
    state: State = State.PENDING
    why: str = ""
    attempts: int = 0
    next_at: int = 0
    tx_hash: bytes | None = None
    fee: int | None = None
    reward: int | None = None


class Verdicts:
    """The tables ``checks`` and ``verdicts``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_check(self, check: Check) -> None:
        """Keep what came of checking a batch, in place of what was kept before."""
        self.remove_check(check.batch)
        self._database.execute(
            f"INSERT INTO checks ({_CHECK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                lane_of(check.batch), first_seq_of(check.batch), check.state, check.why, check.attempts,
                check.accepted, check.void, check.disputed, check.at, check.block,
            ),
        )  # fmt: skip

    def check(self, batch: BatchId) -> Check | None:
        """What came of checking a batch, or None."""
        row = self._database.row(f"SELECT {_CHECK} FROM checks WHERE lane = ? AND first_seq = ?", _key(batch))
        return Check(batch_id(row[0], row[1]), *row[2:]) if row else None

    def remove_check(self, batch: BatchId) -> None:
        """Forget that a batch was checked."""
        self._database.execute("DELETE FROM checks WHERE lane = ? AND first_seq = ?", _key(batch))

    def checks_beyond(self, block: int) -> list[BatchId]:
        """The batches checked by what blocks beyond ``block`` said."""
        rows = self._database.rows("SELECT lane, first_seq FROM checks WHERE block > ?", (block,))
        return [batch_id(lane, first_seq) for lane, first_seq in rows]

    def add(self, verdict: Verdict) -> bool:
        """Keep a verdict; one of the same kind on the same leaf or tile stays as it is, False."""
        v = verdict
        changed = self._database.execute(
            f"INSERT INTO verdicts ({_VERDICT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (
                lane_of(v.batch), first_seq_of(v.batch), v.place, v.what.value, v.kind, v.evidence, v.words,
                v.signature, b"".join(v.proof), v.state.value, v.why, v.attempts, v.next_at, v.tx_hash,
                _text(v.fee), _text(v.reward),
            ),
        )  # fmt: skip
        return changed > 0

    def at(self, batch: BatchId, place: int, what: What) -> list[Verdict]:
        """The verdicts on a leaf or tile, by kind."""
        rows = self._database.rows(
            f"SELECT {_VERDICT} FROM verdicts WHERE lane = ? AND first_seq = ? AND place = ? AND what = ?"
            " ORDER BY kind",
            (*_key(batch), place, what.value),
        )
        return [_verdict(row) for row in rows]

    def find(self, batch: BatchId, place: int, what: What) -> Verdict | None:
        """The first verdict on a leaf or tile, or None."""
        found = self.at(batch, place, what)
        return found[0] if found else None

    def count(self, batch: BatchId, what: What) -> int:
        """How many verdicts there are on a batch."""
        row = self._database.row(
            "SELECT COUNT(*) FROM verdicts WHERE lane = ? AND first_seq = ? AND what = ?",
            (*_key(batch), what.value),
        )
        return int(row[0]) if row else 0

    def sent_unseen(self, what: What) -> int:
        """How many verdicts were acted on by a transaction whose event was not seen yet."""
        row = self._database.row(
            "SELECT COUNT(*) FROM verdicts WHERE what = ? AND state = 'pending' AND tx_hash IS NOT NULL",
            (what.value,),
        )
        return int(row[0]) if row else 0

    def of(self, batch: BatchId) -> list[Verdict]:
        """All verdicts on a batch's leaves and tiles."""
        rows = self._database.rows(
            f"SELECT {_VERDICT} FROM verdicts WHERE lane = ? AND first_seq = ? ORDER BY place, what, kind",
            _key(batch),
        )
        return [_verdict(row) for row in rows]

    def all(self, what: What | None = None, most: int = 1000) -> list[Verdict]:
        """The newest verdicts, by lane and number."""
        rows = self._database.rows(
            f"SELECT {_VERDICT} FROM verdicts WHERE (CAST(? AS TEXT) IS NULL OR what = ?)"
            " ORDER BY lane, first_seq DESC, place, what, kind LIMIT ?",
            (what, what, most),
        )
        return [_verdict(row) for row in rows]

    def sent(self, verdict: Verdict, tx_hash: bytes, fee: int, next_at: int) -> None:
        """Its proof was sent and landed; the event will say what came of it. Without one, again at ``next_at``."""
        self._update(
            verdict, "tx_hash = ?, fee = ?, next_at = ?, attempts = attempts + 1", tx_hash, str(fee), next_at
        )

    def postpone(self, verdict: Verdict, next_at: int, why: str) -> None:
        """An attempt failed; the next one is at ``next_at``."""
        self._update(verdict, "attempts = attempts + 1, next_at = ?, why = ?", next_at, why)

    def settle(
        self, verdict: Verdict, state: State, block: int, reward: int | None = None, why: str = ""
    ) -> None:
        """What came of a verdict, by what was known at ``block``."""
        self._update(
            verdict,
            "state = ?, settled_block = ?, reward = ?, why = ?",
            state.value, block, _text(reward), why,
        )  # fmt: skip

    def remove(self, batch: BatchId, what: What | None = None, pending_only: bool = False) -> None:
        """Forget the verdicts on a batch."""
        self._database.execute(
            "DELETE FROM verdicts WHERE lane = ? AND first_seq = ? AND (CAST(? AS TEXT) IS NULL OR what = ?)"
            + (" AND state = 'pending'" if pending_only else ""),
            (*_key(batch), what, what),
        )

    def remove_at(self, batch: BatchId, place: int, what: What) -> None:
        """Forget the verdicts on a leaf or tile, whatever came of them."""
        self._database.execute(
            "DELETE FROM verdicts WHERE lane = ? AND first_seq = ? AND place = ? AND what = ?",
            (*_key(batch), place, what.value),
        )

    def drop(self, verdict: Verdict) -> None:
        """Forget one verdict: what it said holds no more."""
        self._database.execute(
            "DELETE FROM verdicts WHERE lane = ? AND first_seq = ? AND place = ? AND what = ? AND kind = ?",
            (*_key(verdict.batch), verdict.place, verdict.what.value, verdict.kind),
        )

    def withdraw(self, batch: BatchId, place: int, what: What) -> None:
        """Forget a verdict on a leaf or tile that nothing was done about yet."""
        self._database.execute(
            "DELETE FROM verdicts WHERE lane = ? AND first_seq = ? AND place = ? AND what = ?"
            " AND state = 'pending' AND tx_hash IS NULL",
            (*_key(batch), place, what.value),
        )

    def undo_beyond(self, block: int) -> list[Verdict]:
        """Make pending again what was settled by blocks beyond ``block``; the verdicts concerned."""
        rows = self._database.rows(f"SELECT {_VERDICT} FROM verdicts WHERE settled_block > ?", (block,))
        self._database.execute(
            "UPDATE verdicts SET state = 'pending', settled_block = NULL, reward = NULL, why = '', next_at = 0"
            " WHERE settled_block > ?",
            (block,),
        )
        return [_verdict(row) for row in rows]

    def _update(self, verdict: Verdict, assignments: str, *values: object) -> None:
        self._database.execute(
            f"UPDATE verdicts SET {assignments}"
            " WHERE lane = ? AND first_seq = ? AND place = ? AND what = ? AND kind = ?",
            (*values, *_key(verdict.batch), verdict.place, verdict.what.value, verdict.kind),
        )


def _key(batch: BatchId) -> tuple[int, int]:
    return lane_of(batch), first_seq_of(batch)


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)


def _verdict(row: Row) -> Verdict:
    lane, first_seq, place, what, kind, evidence, words, signature, proof, state, *rest = row
    why, attempts, next_at, tx_hash, fee, reward = rest
    path = tuple(proof[i : i + 32] for i in range(0, len(proof), 32))
    amounts = [None if amount is None else int(amount) for amount in (fee, reward)]
    return Verdict(
        batch_id(lane, first_seq), place, What(what), kind, evidence, words, signature, path, State(state), why,
        attempts, next_at, tx_hash, *amounts,
    )  # fmt: skip
