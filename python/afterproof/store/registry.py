"""What the chain says of nodes and epochs, as far as it has been followed."""

import json
from dataclasses import asdict, dataclass

from ..chain.base import EpochAnnounced, NodeRegistered, NodeRevoked, Place
from ..protocol.registry import NodeRecord
from ..protocol.terms import Terms
from .database import Database


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """An epoch: its number, when it starts, its terms, and the fault kinds it knows."""

    number: int
    starts_at: int
    terms: Terms
    faults: frozenset[int]


class Registry:
    """The tables ``nodes``, ``node_ends`` and ``epochs``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def node(self, node: bytes) -> NodeRecord | None:
        """The record of a node (32 bytes), or None where none is known."""
        row = self._database.row("SELECT public_key, starts_at, operator FROM nodes WHERE node = ?", (node,))
        if row is None:
            return None
        record = NodeRecord(*row)
        for recorded_at, ends_at in self._database.rows(
            "SELECT recorded_at, ends_at FROM node_ends WHERE node = ? ORDER BY block, log_index", (node,)
        ):
            record = record.with_end(recorded_at, ends_at)
        return record

    def epoch(self, number: int) -> EpochRecord | None:
        """An epoch, or None where none of that number is known."""
        return self._epoch("epoch = ?", number)

    def epoch_at(self, time: int) -> EpochRecord | None:
        """The epoch whose terms hold at ``time``, or None where none is known."""
        return self._epoch("starts_at <= ? ORDER BY epoch DESC LIMIT 1", time)

    def add_node(self, event: NodeRegistered, place: Place) -> None:
        """A node was registered."""
        self._database.execute(
            "INSERT INTO nodes (node, public_key, starts_at, operator, block) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (event.node, event.public_key, event.starts_at, event.operator, place.block),
        )

    def add_end(self, event: NodeRevoked, place: Place) -> None:
        """A node was given an end, recorded at the time of the event's block."""
        # No end lies beyond what the database's integers hold; the contract knows no limit.
        ends_at = min(event.effective_from, 2**63 - 1)
        self._database.execute(
            "INSERT INTO node_ends (node, block, log_index, recorded_at, ends_at, reason)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (event.node, place.block, place.log_index, place.timestamp, ends_at, event.reason),
        )

    def add_epoch(self, event: EpochAnnounced, place: Place) -> None:
        """An epoch was announced."""
        self._database.execute(
            "INSERT INTO epochs (epoch, starts_at, terms, faults, block) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (
                event.epoch,
                event.starts_at,
                json.dumps(asdict(event.terms)),
                json.dumps(sorted(event.faults)),
                place.block,
            ),
        )

    def undo_beyond(self, block: int) -> None:
        """Forget what blocks beyond ``block`` said."""
        for table in ("nodes", "node_ends", "epochs"):
            self._database.execute(f"DELETE FROM {table} WHERE block > ?", (block,))

    def _epoch(self, condition: str, value: int) -> EpochRecord | None:
        row = self._database.row(
            f"SELECT epoch, starts_at, terms, faults FROM epochs WHERE {condition}", (value,)
        )
        if row is None:
            return None
        return EpochRecord(row[0], row[1], Terms(**json.loads(row[2])), frozenset(json.loads(row[3])))
