"""Demands of tiles as the chain has them, the halves that were shown, and which tiles' data this verifier lacks."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..chain.base import DemandExpired, Place, TileAnswered, TileDemanded
from ..protocol.header import BatchId, batch_id, first_seq_of, lane_of
from .database import Database, Row

_DEMAND = (
    "lane, first_seq, tile, challenger, deposit, opened_at, deadline, answered_at, slashed, expired_block"
)


@dataclass(frozen=True, slots=True)
class StoredDemand:
    """A demand of a tile. ``deposit`` in wei, times in unix seconds.

    ``answered_at``: when all of it was shown; None: it was not yet. ``slashed``: what the lane lost when the demand was
    settled unanswered; None: it was not.
    """

    batch: BatchId
    tile: int
    challenger: bytes
    deposit: int
    opened_at: int
    deadline: int
    answered_at: int | None = None
    slashed: int | None = None
    expired_block: int | None = None

    @property
    def middle(self) -> int:
        """The last second in which an answer is paid to the lane, whoever answers."""
        return self.opened_at + (self.deadline - self.opened_at) // 2

    @property
    def is_open(self) -> bool:
        """Whether it was neither answered nor settled; its deadline may have passed."""
        return self.answered_at is None and self.slashed is None

    def has_run_out(self, now: int) -> bool:
        """Whether its deadline has passed unanswered: the tile is struck since, settled or not."""
        return self.answered_at is None and now > self.deadline


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """Half a tile as it was shown on chain. ``data``: its packed leaves; None where the role does not keep them."""

    half: int
    answerer: bytes
    data: bytes | None
    timestamp: int


@dataclass(frozen=True, slots=True)
class MissingTile:
    """A tile whose data could not be had, first looked for in vain at ``since``."""

    tile: int
    since: int
    why: str


class Demands:
    """The tables ``demands``, ``answers`` and ``missing``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- what the chain says -------------------------------------------------------------------

    def add(self, event: TileDemanded, place: Place) -> None:
        """A tile was demanded."""
        self._database.execute(
            "INSERT INTO demands (lane, first_seq, tile, challenger, deposit, opened_at, deadline, block)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                *_key(event.batch), event.tile, event.challenger, str(event.deposit), place.timestamp,
                event.deadline, place.block,
            ),
        )  # fmt: skip

    def add_answer(self, event: TileAnswered, place: Place, halves: int, keep: bool) -> bool:
        """Half a tile of ``halves`` was shown; True where now all of it was. ``keep``: its data too."""
        self._database.execute(
            "INSERT INTO answers (lane, first_seq, tile, half, answerer, data, timestamp, block)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                *_key(event.batch), event.tile, event.half, event.answerer, event.data if keep else None,
                place.timestamp, place.block,
            ),
        )  # fmt: skip
        if len(self.answers(event.batch, event.tile)) < halves:
            return False
        self._database.execute(
            "UPDATE demands SET answered_at = ?, answered_block = ?"
            " WHERE lane = ? AND first_seq = ? AND tile = ? AND answered_at IS NULL",
            (place.timestamp, place.block, *_key(event.batch), event.tile),
        )
        return True

    def expire(self, event: DemandExpired, place: Place) -> None:
        """A demand was settled that nobody had answered."""
        self._database.execute(
            "UPDATE demands SET slashed = ?, expired_block = ? WHERE lane = ? AND first_seq = ? AND tile = ?",
            (str(event.slashed), place.block, *_key(event.batch), event.tile),
        )

    def get(self, batch: BatchId, tile: int) -> StoredDemand | None:
        """The demand of a tile, or None where it was never demanded."""
        found = self._where("lane = ? AND first_seq = ? AND tile = ?", *_key(batch), tile)
        return found[0] if found else None

    def of(self, batch: BatchId) -> dict[int, StoredDemand]:
        """The demands of a batch by tile."""
        return {one.tile: one for one in self._where("lane = ? AND first_seq = ?", *_key(batch))}

    def deposited(self, challenger: bytes) -> int:
        """What an account has in deposits of demands that are neither answered nor settled, in wei."""
        found = self._where("challenger = ? AND answered_at IS NULL AND slashed IS NULL", challenger)
        return sum(one.deposit for one in found)

    def answers(self, batch: BatchId, tile: int) -> list[StoredAnswer]:
        """The halves of a tile that were shown, in order."""
        rows = self._database.rows(
            "SELECT half, answerer, data, timestamp FROM answers"
            " WHERE lane = ? AND first_seq = ? AND tile = ? ORDER BY half",
            (*_key(batch), tile),
        )
        return [StoredAnswer(*row) for row in rows]

    def forget_data(self, before: int) -> None:
        """Let go of the shown halves' data of before a time: it is needed no more."""
        self._database.execute(
            "UPDATE answers SET data = NULL WHERE timestamp < ? AND data IS NOT NULL", (before,)
        )

    def undo_beyond(self, block: int) -> list[StoredDemand]:
        """Forget what blocks beyond ``block`` said; the demands that are open again by that."""
        self._database.execute("DELETE FROM demands WHERE block > ?", (block,))
        self._database.execute("DELETE FROM answers WHERE block > ?", (block,))
        reopened = self._where("answered_block > ? OR expired_block > ?", block, block)
        self._database.execute(
            "UPDATE demands SET answered_at = NULL, answered_block = NULL WHERE answered_block > ?", (block,)
        )
        self._database.execute(
            "UPDATE demands SET slashed = NULL, expired_block = NULL WHERE expired_block > ?", (block,)
        )
        return reopened

    def opened_beyond(self, block: int) -> list[tuple[BatchId, int]]:
        """The tiles that were demanded in blocks beyond ``block``."""
        rows = self._database.rows("SELECT lane, first_seq, tile FROM demands WHERE block > ?", (block,))
        return [(batch_id(lane, first_seq), tile) for lane, first_seq, tile in rows]

    def _where(self, condition: str, *values: object) -> list[StoredDemand]:
        rows = self._database.rows(f"SELECT {_DEMAND} FROM demands WHERE {condition} ORDER BY tile", values)
        return [_demand(row) for row in rows]

    # --- what is missing -----------------------------------------------------------------------

    def put_missing(self, batch: BatchId, missing: Iterable[MissingTile]) -> None:
        """Keep which tiles of a batch are missing, in place of what was kept before."""
        self.forget_missing(batch)
        self._database.execute_many(
            "INSERT INTO missing (lane, first_seq, tile, since, why) VALUES (?, ?, ?, ?, ?)",
            [(*_key(batch), one.tile, one.since, one.why) for one in missing],
        )

    def missing(self, batch: BatchId) -> dict[int, MissingTile]:
        """The tiles of a batch whose data could not be had."""
        rows = self._database.rows(
            "SELECT tile, since, why FROM missing WHERE lane = ? AND first_seq = ? ORDER BY tile", _key(batch)
        )
        return {row[0]: MissingTile(*row) for row in rows}

    def forget_missing(self, batch: BatchId) -> None:
        """Forget which tiles of a batch are missing."""
        self._database.execute("DELETE FROM missing WHERE lane = ? AND first_seq = ?", _key(batch))


def _key(batch: BatchId) -> tuple[int, int]:
    return lane_of(batch), first_seq_of(batch)


def _demand(row: Row) -> StoredDemand:
    lane, first_seq, tile, challenger, deposit, opened_at, deadline, answered_at, slashed, expired = row
    return StoredDemand(
        batch_id(lane, first_seq), tile, challenger, int(deposit), opened_at, deadline, answered_at,
        None if slashed is None else int(slashed), expired,
    )  # fmt: skip
