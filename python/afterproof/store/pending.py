"""What is still to be done, and until when, over several tables: for whoever watches that it is done in time."""

from ..protocol.watching import FOREVER
from .database import Database
from .deadlines import Action
from .verdicts import State, What

_UNJUDGED = (
    " FROM deadlines JOIN posted ON posted.lane = deadlines.lane AND posted.first_seq = deadlines.first_seq"
    " LEFT JOIN checks ON checks.lane = deadlines.lane AND checks.first_seq = deadlines.first_seq"
    " WHERE deadlines.action = 'check' AND (checks.state IS NULL OR checks.state IN ('unavailable', 'partial'))"
)


class Pending:
    """Reads alone. Times in unix seconds; None: there is nothing to do of a kind."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unjudged(self) -> tuple[int, int | None]:
        """How many posted batches have not been judged, or not all of them, and when the oldest of them was posted."""
        row = self._database.row(
            f"SELECT COUNT(*), MIN(at) FROM (SELECT DISTINCT posted.lane, posted.first_seq, posted.timestamp AS at"
            f"{_UNJUDGED}) AS waiting"
        )
        return (int(row[0]), row[1]) if row is not None else (0, None)

    def of_relayer(self, lane: int) -> dict[str, int]:
        """The nearest deadline of a tile of its lane that was demanded and not shown."""
        return _known({"answer": self._answer(lane)})

    def of_verifier(self, now: int, demands: bool, challenges: bool) -> dict[str, int]:
        """The nearest deadline of each kind of action that waits; demands and challenges where those are made."""
        return _known(
            {
                "check": self._check(),
                "dispute": self._dispute(),
                "demand": self._of_verdicts(Action.DEMAND, What.DEMAND) if demands else None,
                "answer": self._of_verdicts(Action.ANSWER, What.ANSWER),
                "claim": self._claim(now),
                "challenge": self._challenge(now) if challenges else None,
            }
        )

    def _check(self) -> int | None:
        """The nearest end of a window in which a batch is that was never judged."""
        return self._least(
            "SELECT MIN(ends.time) FROM deadlines JOIN deadlines AS ends ON ends.lane = deadlines.lane"
            " AND ends.first_seq = deadlines.first_seq AND ends.action = 'finalise'"
            " WHERE deadlines.action = 'check' AND NOT EXISTS (SELECT 1 FROM checks"
            " WHERE checks.lane = deadlines.lane AND checks.first_seq = deadlines.first_seq)"
        )

    def _dispute(self) -> int | None:
        """The nearest deadline of a proof."""
        return self._least("SELECT MIN(time) FROM deadlines WHERE action = ?", Action.DISPUTE.value)

    def _of_verdicts(self, action: Action, what: What) -> int | None:
        """The nearest deadline of a kind of which a verdict is pending: demands, and tiles that we set out to show."""
        return self._least(
            "SELECT MIN(deadlines.time) FROM deadlines JOIN verdicts ON verdicts.lane = deadlines.lane"
            " AND verdicts.first_seq = deadlines.first_seq AND verdicts.place = deadlines.place"
            " WHERE deadlines.action = ? AND verdicts.what = ? AND verdicts.state = 'pending'",
            action.value, what.value,
        )  # fmt: skip

    def _answer(self, lane: int) -> int | None:
        """The nearest deadline of a tile of a lane that was demanded and not shown."""
        return self._least(
            "SELECT MIN(time) FROM deadlines WHERE action = ? AND lane = ?", Action.ANSWER.value, lane
        )

    def _claim(self, now: int) -> int | None:
        """The last second for the most pressing claim that is to be made for somebody."""
        return self._least(
            "SELECT MIN(last) FROM watched WHERE fate IN ('missed', 'omitted') AND next_at IS NOT NULL"
            " AND last >= ? AND last < ?",
            now, FOREVER,
        )  # fmt: skip

    def _challenge(self, now: int) -> int | None:
        """When the next of the attestations goes live that are false and not challenged yet, or ends where it is."""
        return self._least(
            "SELECT MIN(CASE WHEN starts_at > ? THEN starts_at ELSE until END) FROM attestation_checks"
            " JOIN attestations ON attestations.id = attestation_checks.id"
            " WHERE attestation_checks.state = 'false' AND attestation_checks.next_at IS NOT NULL AND until >= ?"
            " AND NOT EXISTS (SELECT 1 FROM attestation_changes WHERE attestation_changes.id = attestations.id)",
            now, now,
        )  # fmt: skip

    def faults(self, state: State) -> list[tuple[int, int, int]]:
        """Lanes with faults in a state in batches that are not final, how many, and in how many batches."""
        return self._groups(
            "SELECT posted.lane, COUNT(*), COUNT(DISTINCT posted.first_seq) FROM posted JOIN verdicts"
            " ON verdicts.lane = posted.lane AND verdicts.first_seq = posted.first_seq"
            " WHERE posted.final_at IS NULL AND verdicts.what = ? AND verdicts.state = ?"
            " GROUP BY posted.lane ORDER BY posted.lane",
            What.DISPUTE.value, state.value,
        )  # fmt: skip

    def faults_lost(self, since: int) -> list[tuple[int, int, int]]:
        """The same of those that nobody is known to have proven, in batches that became final after a time, too."""
        return self._groups(
            "SELECT verdicts.lane, COUNT(*), COUNT(DISTINCT verdicts.first_seq) FROM verdicts JOIN posted"
            " ON posted.lane = verdicts.lane AND posted.first_seq = verdicts.first_seq"
            " WHERE verdicts.state IN (?, ?) AND verdicts.what = ?"
            " AND (posted.final_at IS NULL OR posted.final_at > ?) GROUP BY verdicts.lane ORDER BY verdicts.lane",
            State.TOO_LATE.value, State.UNPROVABLE.value, What.DISPUTE.value, since,
        )  # fmt: skip

    def withheld(self, before: int) -> list[tuple[int, int, int]]:
        """Lanes with tiles whose data has not been had since ``before``, how many, and in how many batches."""
        return self._groups(
            "SELECT missing.lane, COUNT(*), COUNT(DISTINCT missing.first_seq) FROM missing JOIN posted"
            " ON posted.lane = missing.lane AND posted.first_seq = missing.first_seq"
            " WHERE missing.since <= ? AND posted.final_at IS NULL GROUP BY missing.lane ORDER BY missing.lane",
            before,
        )  # fmt: skip

    def _groups(self, query: str, *values: object) -> list[tuple[int, int, int]]:
        return [(lane, count, batches) for lane, count, batches in self._database.rows(query, values)]

    def _least(self, query: str, *values: object) -> int | None:
        row = self._database.row(query, values)
        return None if row is None or row[0] is None else int(row[0])


def _known(times: dict[str, int | None]) -> dict[str, int]:
    return {action: time for action, time in times.items() if time is not None}
