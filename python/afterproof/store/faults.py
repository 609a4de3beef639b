"""What was proven of posted batches, and what was struck out of them."""

from dataclasses import dataclass
from typing import Final

from ..chain.base import DemandExpired, FaultProven, FuseBlown, Place
from ..protocol.header import BatchId, first_seq_of, lane_of
from ..protocol.state import FaultKind
from .database import Database

_FAULT: Final = "place, kind, prover, slashed, tx_hash, block, timestamp"

WHOLE: Final = -1
"""In place of a tile's number: the fuse blew, which strikes every tile that had not ended."""


@dataclass(frozen=True, slots=True)
class ProvenFault:
    """A fault that was proven of the leaf at ``place``; ``slashed`` in wei."""

    batch: BatchId
    place: int
    kind: int
    prover: bytes
    slashed: int
    tx_hash: bytes
    block: int
    timestamp: int


class Faults:
    """The tables ``faults`` and ``strikes``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, event: FaultProven, place: Place) -> None:
        """A fault was proven."""
        self._database.execute(
            f"INSERT INTO faults (lane, first_seq, {_FAULT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (
                *_key(event.batch), event.index, event.kind, event.prover, str(event.slashed), place.tx_hash,
                place.block, place.timestamp,
            ),
        )  # fmt: skip

    def add_strike(self, event: DemandExpired | FuseBlown, place: Place) -> None:
        """A tile was struck, or all of a batch that had not ended."""
        tile = event.tile if isinstance(event, DemandExpired) else WHOLE
        self._database.execute(
            "INSERT INTO strikes (lane, first_seq, tile, block, timestamp) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (*_key(event.batch), tile, place.block, place.timestamp),
        )

    def closing(self, batch: BatchId, place: int, kind: int) -> ProvenFault | None:
        """The proof after which the contract takes none of this kind of the leaf any more, or None.

        A leaf is voided once, by whichever kind; a range is misdeclared once in a batch, by whichever leaf.
        """
        if kind == FaultKind.MISDECLARED_RANGE:
            found = self._where(batch, "kind = ?", kind)
        else:
            found = self._where(batch, "place = ? AND kind <> ?", place, FaultKind.MISDECLARED_RANGE)
        return found[0] if found else None

    def of(self, batch: BatchId) -> list[ProvenFault]:
        """All faults that were proven of a batch, by index."""
        return self._where(batch, "kind > ?", 0)

    def voids(self, batch: BatchId) -> dict[int, ProvenFault]:
        """The faults that voided leaves of a batch, by index."""
        found = self._where(batch, "kind <> ?", FaultKind.MISDECLARED_RANGE)
        return {fault.place: fault for fault in found}

    def fuse_blown_at(self, batch: BatchId) -> int | None:
        """When a batch's fuse blew, in unix seconds; None: it did not."""
        row = self._database.row(
            "SELECT timestamp FROM strikes WHERE lane = ? AND first_seq = ? AND tile = ?",
            (*_key(batch), WHOLE),
        )
        return int(row[0]) if row is not None else None

    def last_strike(self, batch: BatchId) -> int:
        """When a tile of a batch was last seen struck, in unix seconds; 0: never."""
        row = self._database.row(
            "SELECT MAX(timestamp) FROM strikes WHERE lane = ? AND first_seq = ?", _key(batch)
        )
        return int(row[0]) if row is not None and row[0] is not None else 0

    def undo_beyond(self, block: int) -> None:
        """Forget what blocks beyond ``block`` said."""
        for table in ("faults", "strikes"):
            self._database.execute(f"DELETE FROM {table} WHERE block > ?", (block,))

    def _where(self, batch: BatchId, condition: str, *values: int) -> list[ProvenFault]:
        rows = self._database.rows(
            f"SELECT {_FAULT} FROM faults WHERE lane = ? AND first_seq = ? AND {condition} ORDER BY place, kind",
            (*_key(batch), *values),
        )
        return [
            ProvenFault(batch, place, kind, prover, int(slashed), tx_hash, block, timestamp)
            for place, kind, prover, slashed, tx_hash, block, timestamp in rows
        ]


def _key(batch: BatchId) -> tuple[int, int]:
    return lane_of(batch), first_seq_of(batch)
