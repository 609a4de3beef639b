"""Batches: those that were seen posted on any lane, and those that this relayer closed."""

from dataclasses import dataclass

from ..chain.base import Place, Posted
from ..protocol.header import BatchId, Header, batch_id, first_seq_of, lane_of
from ..protocol.pace import Landing
from .database import Database, Row

_POSTED = "lane, first_seq, root, header, tile_roots, data_uri, tx_hash, block, timestamp, final_at"
_CLOSED = "lane, first_seq, count, root, tile_roots, data_uri, reason, closed_at"
# A lane's batches are posted in order: the newest on chain bounds the search.
_UNPOSTED = (
    "lane = ? AND first_seq >= COALESCE((SELECT MAX(newest.first_seq) FROM posted AS newest"
    " WHERE newest.lane = ?), 0) AND NOT EXISTS (SELECT 1 FROM posted"
    " WHERE posted.lane = closed.lane AND posted.first_seq = closed.first_seq)"
)


@dataclass(frozen=True, slots=True)
class PostedBatch:
    """A batch on chain. ``posted_at``: its block's time; ``final_at``: set once its window is seen to have ended."""

    id: BatchId
    root: bytes
    header: Header
    tile_roots: tuple[bytes, ...]
    data_uri: str
    tx_hash: bytes
    block: int
    posted_at: int
    final_at: int | None = None

    @property
    def end(self) -> int:
        """The sequence number behind its last leaf."""
        return first_seq_of(self.id) + self.header.count


@dataclass(frozen=True, slots=True)
class ClosedBatch:
    """A batch that was built and whose data is published. ``reason``: why it was closed, a phrase.

    ``closed_at``: when that was decided; building and publishing it came after.
    """

    id: BatchId
    count: int
    root: bytes
    tile_roots: tuple[bytes, ...]
    data_uri: str
    reason: str
    closed_at: int


class Batches:
    """The tables ``posted`` and ``closed``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- on chain ------------------------------------------------------------------------------

    def add_posted(self, event: Posted, place: Place) -> None:
        """A batch was posted."""
        self._database.execute(
            "INSERT INTO posted (lane, first_seq, count, root, header, tile_roots, data_uri, tx_hash, block,"
            " timestamp) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                lane_of(event.batch), first_seq_of(event.batch), event.header.count, event.root,
                event.header.pack().to_bytes(32), b"".join(event.tile_roots), event.data_uri,
                place.tx_hash, place.block, place.timestamp,
            ),
        )  # fmt: skip

    def posted(self, batch: BatchId) -> PostedBatch | None:
        """A posted batch, or None."""
        row = self._database.row(
            f"SELECT {_POSTED} FROM posted WHERE lane = ? AND first_seq = ?",
            (lane_of(batch), first_seq_of(batch)),
        )
        return _posted(row) if row else None

    def posted_with(self, lane: int, seq: int) -> PostedBatch | None:
        """The posted batch that holds number ``seq`` of a lane, or None."""
        row = self._database.row(
            f"SELECT {_POSTED} FROM posted WHERE lane = ? AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
            (lane, seq),
        )
        found = _posted(row) if row else None
        return found if found is not None and seq < found.end else None

    def last_posted(self, lane: int) -> PostedBatch | None:
        """The newest posted batch of a lane, or None."""
        row = self._database.row(
            f"SELECT {_POSTED} FROM posted WHERE lane = ? ORDER BY first_seq DESC LIMIT 1", (lane,)
        )
        return _posted(row) if row else None

    def newest_posted(self, most: int, lane: int | None = None) -> list[PostedBatch]:
        """The newest posted batches, of one lane or of all, newest first."""
        rows = self._database.rows(
            f"SELECT {_POSTED} FROM posted WHERE (CAST(? AS BIGINT) IS NULL OR lane = ?)"
            " ORDER BY block DESC, lane, first_seq DESC LIMIT ?",
            (lane, lane, most),
        )
        return [_posted(row) for row in rows]

    def since(self, lane: int, timestamp: int) -> tuple[int, int]:
        """How many batches of a lane were posted in blocks from a time on, and how many receipts they hold."""
        row = self._database.row(
            "SELECT COUNT(*), COALESCE(SUM(count), 0) FROM posted WHERE lane = ? AND timestamp >= ?",
            (lane, timestamp),
        )
        return (int(row[0]), int(row[1])) if row is not None else (0, 0)

    def newest_checked(self, most: int, besides: BatchId | None = None) -> list[PostedBatch]:
        """The newest batches all of whose data a verifier had, newest first, ``besides`` left out."""
        lane, first_seq = (lane_of(besides), first_seq_of(besides)) if besides is not None else (-1, -1)
        columns = ", ".join(f"posted.{name}" for name in _POSTED.split(", "))
        rows = self._database.rows(
            f"SELECT {columns} FROM posted JOIN checks"
            " ON checks.lane = posted.lane AND checks.first_seq = posted.first_seq"
            " WHERE checks.state = 'checked' AND (posted.lane <> ? OR posted.first_seq <> ?)"
            " ORDER BY posted.block DESC, posted.lane, posted.first_seq DESC LIMIT ?",
            (lane, first_seq, most),
        )
        return [_posted(row) for row in rows]

    def oldest_open(self, lane: int) -> int | None:
        """When the oldest batch of a lane that is not final was posted, in unix seconds; None: all are."""
        row = self._database.row(
            "SELECT MIN(timestamp) FROM posted WHERE lane = ? AND final_at IS NULL", (lane,)
        )
        return int(row[0]) if row is not None and row[0] is not None else None

    def mark_final(self, batch: BatchId, final_at: int, block: int) -> None:
        """A batch's window was seen to have ended, by the time of ``block``."""
        self._database.execute(
            "UPDATE posted SET final_at = ?, final_block = ? WHERE lane = ? AND first_seq = ?",
            (final_at, block, lane_of(batch), first_seq_of(batch)),
        )

    # --- this relayer's own --------------------------------------------------------------------

    def add_closed(self, batch: ClosedBatch) -> None:
        """A batch was built and its data published."""
        self._database.execute(
            f"INSERT INTO closed ({_CLOSED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                lane_of(batch.id), first_seq_of(batch.id), batch.count, batch.root, b"".join(batch.tile_roots),
                batch.data_uri, batch.reason, batch.closed_at,
            ),
        )  # fmt: skip

    def move(self, batch: BatchId, data_uri: str) -> None:
        """A closed batch's data is published elsewhere now."""
        self._database.execute(
            "UPDATE closed SET data_uri = ? WHERE lane = ? AND first_seq = ?",
            (data_uri, lane_of(batch), first_seq_of(batch)),
        )

    def closed(self, batch: BatchId) -> ClosedBatch | None:
        """A closed batch, or None."""
        return self._one_closed("lane = ? AND first_seq = ?", lane_of(batch), first_seq_of(batch))

    def last_closed(self, lane: int) -> ClosedBatch | None:
        """The newest closed batch of a lane, or None."""
        return self._one_closed("lane = ? ORDER BY first_seq DESC LIMIT 1", lane)

    def closed_with(self, lane: int, seq: int) -> ClosedBatch | None:
        """The closed batch that holds number ``seq`` of a lane, or None."""
        found = self._one_closed("lane = ? AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1", lane, seq)
        return found if found is not None and seq < first_seq_of(found.id) + found.count else None

    def oldest_unposted(self, lane: int) -> ClosedBatch | None:
        """The oldest closed batch of a lane that was not seen on chain, or None."""
        return self._one_closed(f"{_UNPOSTED} ORDER BY first_seq LIMIT 1", lane, lane)

    def unposted(self, lane: int) -> list[ClosedBatch]:
        """All closed batches of a lane that were not seen on chain, oldest first."""
        rows = self._database.rows(
            f"SELECT {_CLOSED} FROM closed WHERE {_UNPOSTED} ORDER BY first_seq", (lane, lane)
        )
        return [_closed(row) for row in rows]

    def waiting(self, lane: int) -> tuple[int, int | None]:
        """How many closed batches of a lane were not seen on chain, and when the oldest of them was closed."""
        row = self._database.row(
            f"SELECT COUNT(*), MIN(closed_at) FROM closed WHERE {_UNPOSTED}", (lane, lane)
        )
        count, oldest = row if row is not None else (0, None)
        return int(count), int(oldest) if oldest is not None else None

    def landings(self, lane: int, most: int) -> list[Landing]:
        """Of a lane's newest batches that were closed here and landed, at most ``most``, oldest first: their times."""
        rows = self._database.rows(
            "SELECT closed.closed_at, posted.timestamp FROM posted JOIN closed"
            " ON closed.lane = posted.lane AND closed.first_seq = posted.first_seq"
            " WHERE posted.lane = ? ORDER BY posted.first_seq DESC LIMIT ?",
            (lane, most + 1),
        )[::-1]
        before = [None, *(landed_at for _, landed_at in rows)]
        landings = [
            Landing(max(closed_at, earlier or 0), landed_at)
            for (closed_at, landed_at), earlier in zip(rows, before, strict=False)
        ]
        return landings[-most:]

    def _one_closed(self, condition: str, *values: int) -> ClosedBatch | None:
        row = self._database.row(f"SELECT {_CLOSED} FROM closed WHERE {condition}", values)
        return _closed(row) if row else None

    # --- reorganisations -----------------------------------------------------------------------

    def undo_beyond(self, block: int) -> list[PostedBatch]:
        """Forget what blocks beyond ``block`` said; the batches that are still there but no longer final."""
        self._database.execute("DELETE FROM posted WHERE block > ?", (block,))
        rows = self._database.rows(f"SELECT {_POSTED} FROM posted WHERE final_block > ?", (block,))
        self._database.execute(
            "UPDATE posted SET final_at = NULL, final_block = NULL WHERE final_block > ?", (block,)
        )
        return [_posted(row) for row in rows]

    def posted_beyond(self, block: int) -> list[BatchId]:
        """The batches posted in blocks beyond ``block``."""
        rows = self._database.rows("SELECT lane, first_seq FROM posted WHERE block > ?", (block,))
        return [batch_id(lane, first_seq) for lane, first_seq in rows]


def _words(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[i : i + 32] for i in range(0, len(data), 32))


def _posted(row: Row) -> PostedBatch:
    lane, first_seq, root, header, tile_roots, uri, tx_hash, block, timestamp, final_at = row
    unpacked = Header.unpack(int.from_bytes(header))
    batch = batch_id(lane, first_seq)
    return PostedBatch(
        batch, root, unpacked, _words(tile_roots), uri, tx_hash, block, timestamp, final_at
    )  # fmt: skip


def _closed(row: Row) -> ClosedBatch:
    lane, first_seq, count, root, tile_roots, uri, reason, closed_at = row
    return ClosedBatch(batch_id(lane, first_seq), count, root, _words(tile_roots), uri, reason, closed_at)
