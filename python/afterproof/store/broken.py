"""Promises that were claimed as broken, as the chain says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..chain.base import Place, PromiseBroken
from .database import Database, Row

_BROKEN: Final = "lane, seq, fault, beneficiary, caller, slashed, tx_hash, block, timestamp"


@dataclass(frozen=True, slots=True)
class BrokenPromise:
    """A promise for number ``seq`` of a lane that was proven broken; ``slashed`` in wei."""

    lane: int
    seq: int
    fault: int
    beneficiary: bytes
    caller: bytes
    slashed: int
    tx_hash: bytes
    block: int
    timestamp: int


class Broken:
    """The table ``broken``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, event: PromiseBroken, place: Place) -> None:
        """A promise was proven broken."""
        self._database.execute(
            f"INSERT INTO broken ({_BROKEN}, log_index) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (
                event.lane, event.seq, event.fault, event.beneficiary, event.caller, str(event.slashed),
                place.tx_hash, place.block, place.timestamp, place.log_index,
            ),
        )  # fmt: skip

    def all(self) -> Iterator[BrokenPromise]:
        """All of them, in chain order."""
        yield from map(
            _promise, self._database.rows(f"SELECT {_BROKEN} FROM broken ORDER BY block, log_index")
        )

    def of(self, lane: int, seq: int) -> list[BrokenPromise]:
        """What was claimed of a number."""
        rows = self._database.rows(
            f"SELECT {_BROKEN} FROM broken WHERE lane = ? AND seq = ? ORDER BY fault, block", (lane, seq)
        )
        return list(map(_promise, rows))

    def undo_beyond(self, block: int) -> None:
        """Forget what blocks beyond ``block`` said."""
        self._database.execute("DELETE FROM broken WHERE block > ?", (block,))


def _promise(row: Row) -> BrokenPromise:
    lane, seq, fault, beneficiary, caller, slashed, *place = row
    return BrokenPromise(lane, seq, fault, beneficiary, caller, int(slashed), *place)
