"""What an auditor found of each posted batch, and the receipts of those under examination.

A batch is settled once nothing that the chain may still say changes what was found of it; ``as_of`` is a block by which
it was. A reorganisation that goes back behind that block takes the findings with it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from ..protocol.examining import Examined, Lacking, Standing, Tally
from ..protocol.header import BatchId, batch_id, first_seq_of, lane_of
from .database import Database, Row


@dataclass(frozen=True, slots=True)
class Candidate:
    """A posted batch, and what was examined of it: nothing, or all that can be, for good where it is ``settled``."""

    id: BatchId
    block: int
    posted_at: int
    examined: bool
    complete: bool
    settled: bool

    @property
    def is_done(self) -> bool:
        """Whether a look at it could find nothing new."""
        return self.complete and self.settled


class Audits:
    """The tables ``audited`` and ``audit_seen``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def candidates(self, lane: int) -> list[Candidate]:
        """The posted batches of a lane, in order."""
        rows = self._database.rows(
            "SELECT posted.first_seq, posted.block, posted.timestamp, audited.complete, audited.settled"
            " FROM posted LEFT JOIN audited ON audited.lane = posted.lane"
            " AND audited.first_seq = posted.first_seq AND audited.root = posted.root"
            " WHERE posted.lane = ? ORDER BY posted.first_seq",
            (lane,),
        )
        return [
            Candidate(batch_id(lane, first), block, at, complete is not None, bool(complete), bool(settled))
            for first, block, at, complete, settled in rows
        ]

    def lanes(self) -> list[int]:
        """The lanes on which batches are posted."""
        return [lane for (lane,) in self._database.rows("SELECT DISTINCT lane FROM posted ORDER BY lane")]

    def put(self, found: Examined, root: bytes, settled_at: int | None, cursor: int) -> None:
        """Keep what was found of a batch, in place of what was found before.

        ``settled_at``: the last second in which the chain can have said anything about it; None: it may still.
        ``cursor`` is the block up to which the chain was followed.
        """
        as_of = cursor
        if settled_at is not None:
            row = self._database.row("SELECT MIN(number) FROM blocks WHERE timestamp > ?", (settled_at,))
            as_of = int(row[0]) if row is not None and row[0] is not None else cursor
        self.forget(found.batch)
        self._database.execute(
            "INSERT INTO audited (lane, first_seq, root, complete, settled, as_of, findings)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *_key(found.batch), root, int(not found.lacking), int(settled_at is not None), as_of,
                _said(found),
            ),
        )  # fmt: skip

    def get(self, batch: BatchId) -> Examined | None:
        """What was found of a batch, or None where it was not examined."""
        row = self._database.row("SELECT findings FROM audited WHERE lane = ? AND first_seq = ?", _key(batch))
        return _examined(row) if row else None

    def forget(self, batch: BatchId) -> None:
        """Forget what was found of a batch."""
        self._database.execute("DELETE FROM audited WHERE lane = ? AND first_seq = ?", _key(batch))

    def in_order(self) -> Iterator[tuple[BatchId, int, int]]:
        """The posted batches of all lanes with their blocks and times, by block, lane and number."""
        last = (-1, -1, -1)
        while True:
            block, lane, first_seq = last
            rows = self._database.rows(
                "SELECT block, lane, first_seq, timestamp FROM posted WHERE block >= ? AND (block > ?"
                " OR lane > ? OR (lane = ? AND first_seq > ?)) ORDER BY block, lane, first_seq LIMIT 256",
                (block, block, lane, lane, first_seq),
            )
            if not rows:
                return
            yield from ((batch_id(lane, first), block, at) for block, lane, first, at in rows)
            last = rows[-1][:3]

    def newest_complete(self, most: int) -> list[BatchId]:
        """The newest batches all of whose data could be had, newest first."""
        rows = self._database.rows(
            "SELECT posted.lane, posted.first_seq FROM posted JOIN audited ON audited.lane = posted.lane"
            " AND audited.first_seq = posted.first_seq WHERE audited.complete = 1"
            " ORDER BY posted.block DESC, posted.lane, posted.first_seq DESC LIMIT ?",
            (most,),
        )
        return [batch_id(lane, first_seq) for lane, first_seq in rows]

    # --- receipts that may stand twice ---------------------------------------------------------

    def forget_receipts(self) -> None:
        """Begin anew: no receipt is known."""
        self._database.execute("DELETE FROM audit_seen")

    def add_receipts(self, lane: int, receipts: Iterable[Standing]) -> None:
        """Keep receipts of a batch."""
        self._database.execute_many(
            "INSERT INTO audit_seen (lane, issued_at, receipt, seq, stands) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            sorted((lane, one.issued_at, one.receipt, one.seq, int(one.stands)) for one in receipts),
        )

    def again(self, lane: int, numbers: range, times: tuple[int, int]) -> list[int]:
        """Which of ``numbers`` have a receipt that stands at an earlier number of the lane too, where all before them
        are kept. ``times``: the least and the greatest issuedAt at them."""
        rows = self._database.rows(
            "SELECT one.seq FROM audit_seen AS one JOIN (SELECT issued_at, receipt,"
            " MIN(CASE stands WHEN 1 THEN seq END) AS first FROM audit_seen"
            " WHERE lane = ? AND issued_at >= ? AND issued_at <= ?"
            " GROUP BY issued_at, receipt HAVING COUNT(*) > 1) AS shared"
            " ON one.issued_at = shared.issued_at AND one.receipt = shared.receipt"
            " WHERE one.lane = ? AND one.seq >= ? AND one.seq < ? AND one.seq > shared.first ORDER BY one.seq",
            (lane, *times, lane, numbers.start, numbers.stop),
        )
        return [seq for (seq,) in rows]

    def forget_receipts_before(self, lane: int, issued_at: int) -> None:
        """Forget the receipts of a lane issued before a time: no later batch can hold them in time."""
        self._database.execute("DELETE FROM audit_seen WHERE lane = ? AND issued_at < ?", (lane, issued_at))

    def undo_beyond(self, block: int) -> None:
        """Forget what was found by what blocks beyond ``block`` said, or left unsaid."""
        self._database.execute("DELETE FROM audited WHERE as_of > ?", (block,))


def _key(batch: BatchId) -> tuple[int, int]:
    return lane_of(batch), first_seq_of(batch)


def _examined(row: Row) -> Examined:
    said = json.loads(row[0])
    return Examined(
        BatchId(said["batch"]), said["checked"], Tally(**said["tally"]),
        [(index, kind) for index, kind in said["faults"]],
        [Lacking(**one) for one in said["lacking"]],
        *(Counter({int(gap): count for gap, count in said[name].items()}) for name in ("to_post", "to_final", "whole")),
    )  # fmt: skip


def _said(found: Examined) -> str:
    said = {
        "batch": found.batch,
        "checked": found.checked,
        "tally": asdict(found.tally),
        "faults": found.faults,
        "lacking": [asdict(one) for one in found.lacking],
        "to_post": found.to_post,
        "to_final": found.to_final,
        "whole": found.whole,
    }
    return json.dumps(said, separators=(",", ":"))
