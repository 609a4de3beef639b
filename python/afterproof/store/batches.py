"""Batches: those that were seen posted on any lane, with their voided leaves, and those that this relayer closed."""

from dataclasses import dataclass

from ..chain.base import FaultProven, Place, Posted
from ..protocol.header import BatchId, Header, batch_id, first_seq_of, lane_of
from .database import Database, Row

_POSTED = "lane, first_seq, root, header, tile_roots, data_uri, tx_hash, block, timestamp, final_at"
_CLOSED = "lane, first_seq, count, root, tile_roots, data_uri, reason, closed_at"


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
    """A batch that was built and whose data is published. ``reason``: why it was closed, a phrase."""

    id: BatchId
    count: int
    root: bytes
    tile_roots: tuple[bytes, ...]
    data_uri: str
    reason: str
    closed_at: int


@dataclass(frozen=True, slots=True)
class VoidedLeaf:
    """A leaf that a fault was proven of; ``slashed`` in wei."""

    batch: BatchId
    place: int
    kind: int
    prover: bytes
    slashed: int
    tx_hash: bytes
    block: int
    timestamp: int


class Batches:
    """The tables ``posted``, ``voids`` and ``closed``."""

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

    def add_void(self, event: FaultProven, place: Place) -> None:
        """A fault was proven."""
        self._database.execute(
            "INSERT INTO voids (lane, first_seq, place, kind, prover, slashed, tx_hash, block, timestamp)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                lane_of(event.batch), first_seq_of(event.batch), event.index, event.kind, event.prover,
                str(event.slashed), place.tx_hash, place.block, place.timestamp,
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
            f"SELECT {_POSTED} FROM posted WHERE (? IS NULL OR lane = ?)"
            " ORDER BY block DESC, lane, first_seq DESC LIMIT ?",
            (lane, lane, most),
        )
        return [_posted(row) for row in rows]

    def mark_final(self, batch: BatchId, final_at: int, block: int) -> None:
        """A batch's window was seen to have ended, by the time of ``block``."""
        self._database.execute(
            "UPDATE posted SET final_at = ?, final_block = ? WHERE lane = ? AND first_seq = ?",
            (final_at, block, lane_of(batch), first_seq_of(batch)),
        )

    def voids(self, batch: BatchId) -> dict[int, VoidedLeaf]:
        """The leaves of a batch that a fault was proven of, by index."""
        rows = self._database.rows(
            "SELECT place, kind, prover, slashed, tx_hash, block, timestamp FROM voids"
            " WHERE lane = ? AND first_seq = ? ORDER BY place",
            (lane_of(batch), first_seq_of(batch)),
        )
        return {
            place: VoidedLeaf(batch, place, kind, prover, int(slashed), tx_hash, block, timestamp)
            for place, kind, prover, slashed, tx_hash, block, timestamp in rows
        }

    def void(self, batch: BatchId, place: int) -> VoidedLeaf | None:
        """The fault proven of the leaf at ``place``, or None."""
        return self.voids(batch).get(place)

    def gaps(self, lane: int) -> list[tuple[int, int, int, int]]:
        """(issued, received, posted, final) of each stored receipt in a final batch that no fault was proven of."""
        rows = self._database.rows(
            "SELECT receipts.issued_at, receipts.received_at, posted.timestamp, posted.final_at"
            " FROM posted JOIN receipts ON receipts.lane = posted.lane AND receipts.seq >= posted.first_seq"
            " AND receipts.seq < posted.first_seq + posted.count AND receipts.emptied = 0"
            " WHERE posted.lane = ? AND posted.final_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM voids"
            " WHERE voids.lane = posted.lane AND voids.first_seq = posted.first_seq"
            " AND voids.place = receipts.seq - posted.first_seq) ORDER BY receipts.seq",
            (lane,),
        )
        return [(issued, received, posted, final) for issued, received, posted, final in rows]

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
        return self._one_closed(
            "lane = ? AND NOT EXISTS (SELECT 1 FROM posted"
            " WHERE posted.lane = closed.lane AND posted.first_seq = closed.first_seq) ORDER BY first_seq LIMIT 1",
            lane,
        )

    def unposted(self, lane: int) -> list[ClosedBatch]:
        """All closed batches of a lane that were not seen on chain, oldest first."""
        rows = self._database.rows(
            f"SELECT {_CLOSED} FROM closed WHERE lane = ? AND NOT EXISTS (SELECT 1 FROM posted"
            " WHERE posted.lane = closed.lane AND posted.first_seq = closed.first_seq) ORDER BY first_seq",
            (lane,),
        )
        return [_closed(row) for row in rows]

    def _one_closed(self, condition: str, *values: int) -> ClosedBatch | None:
        row = self._database.row(f"SELECT {_CLOSED} FROM closed WHERE {condition}", values)
        return _closed(row) if row else None

    # --- reorganisations -----------------------------------------------------------------------

    def undo_beyond(self, block: int) -> list[PostedBatch]:
        """Forget what blocks beyond ``block`` said; the batches that are still there but no longer final."""
        for table in ("posted", "voids"):
            self._database.execute(f"DELETE FROM {table} WHERE block > ?", (block,))
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
