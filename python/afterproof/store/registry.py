"""What the chain says of nodes and epochs, as far as it has been followed."""

import json
from dataclasses import asdict, dataclass

from ..chain.base import (
    AttestationChallenged,
    AttestationPosted,
    AttestationProven,
    AttestationRejected,
    AttestationRetired,
    AttestationRevoked,
    BondReleased,
    CertificateEnded,
    EpochAnnounced,
    MeasurementAllowed,
    MeasurementRevoked,
    NodeEndorsed,
    NodeRevoked,
    OperatorChanged,
    Place,
    RegistryEvent,
)
from ..errors import AfterproofError
from ..protocol.attestations import Binding, NodeRecord
from ..protocol.registry_terms import RegistryTerms
from ..protocol.terms import Terms
from .attestations import ATTESTATION, CERTIFICATE, MEASUREMENT, NODE, Attestations
from .database import Database, Row


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """An epoch: its number, when it starts, its terms, and the fault kinds it knows."""

    number: int
    starts_at: int
    terms: Terms
    faults: frozenset[int]


@dataclass(frozen=True, slots=True)
class AllowedCode:
    """A measurement that was allowed at ``allowed_at``: how its documents name an operator, its version and build."""

    measurement: bytes
    allowed_at: int
    binding: Binding
    version: str
    build: str


class Registry:
    """The tables ``nodes``, ``operators``, ``measurements``, ``epochs``, ``registry_terms``; and the attestations."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.attestations = Attestations(database)

    def node(self, node: bytes, as_of: int, since: int = 0) -> NodeRecord | None:
        """The record of a node (32 bytes) as the chain had it at ``as_of``, or None where none is known.

        ``as_of``: until when the chain was followed, in unix seconds; a challenge that was not answered by then is
        lost. ``since``: attestations that cannot be live then or later are left out.

        Raises:
            AfterproofError: the registry's terms are not known yet.
        """
        key = self.public_key(node)
        if key is None:
            return None
        terms = self.terms()
        if terms is None:
            raise AfterproofError("the registry's terms are not known yet: the chain has not been followed")
        operator, _ = self.operator_of(node)
        tenures = tuple(found.tenure for found in self.attestations.of(node, since))
        ends = self.attestations.ends_of(NODE, node)
        return NodeRecord(key, operator, tenures, ends, terms.max_reach_back, as_of)

    def public_key(self, node: bytes) -> bytes | None:
        """The key of a node, or None where none is known."""
        row = self._database.row("SELECT public_key FROM nodes WHERE node = ?", (node,))
        return row[0] if row else None

    def operator_of(self, node: bytes) -> tuple[bytes, bytes]:
        """Who runs a node and where it is paid; zeros: not known, not said."""
        row = self._database.row(
            "SELECT operator, payout FROM operators WHERE node = ? ORDER BY block DESC, log_index DESC LIMIT 1",
            (node,),
        )
        return (row[0], row[1]) if row else (bytes(20), bytes(20))

    def measurement(self, measurement: bytes) -> AllowedCode | None:
        """Code that was allowed, or None; its ends are ``attestations.ends_of(MEASUREMENT, measurement)``."""
        row = self._database.row(
            "SELECT allowed_at, binding, version, build FROM measurements WHERE measurement = ?",
            (measurement,),
        )
        return AllowedCode(measurement, row[0], Binding(row[1]), row[2], row[3]) if row else None

    def terms(self) -> RegistryTerms | None:
        """What the registry goes by, once it was read."""
        row = self._database.row("SELECT terms FROM registry_terms")
        return RegistryTerms(**json.loads(row[0])) if row else None

    def put_terms(self, terms: RegistryTerms) -> None:
        """Keep what the registry goes by. It never changes."""
        self._database.execute(
            "INSERT INTO registry_terms (id, terms) VALUES (1, ?) ON CONFLICT DO NOTHING",
            (json.dumps(asdict(terms)),),
        )

    def forget_terms(self) -> None:
        """The chain was started anew: what the registry goes by is to be read again."""
        self._database.execute("DELETE FROM registry_terms")

    def epoch(self, number: int) -> EpochRecord | None:
        """An epoch, or None where none of that number is known."""
        return self._epoch("epoch = ?", number)

    def epoch_at(self, time: int) -> EpochRecord | None:
        """The epoch whose terms hold at ``time``, or None where none is known."""
        return self._epoch("starts_at <= ? ORDER BY epoch DESC LIMIT 1", time)

    def epochs(self) -> list[EpochRecord]:
        """All epochs that are known, in order."""
        rows = self._database.rows("SELECT epoch, starts_at, terms, faults FROM epochs ORDER BY epoch")
        return [_epoch(row) for row in rows]

    def add(self, event: RegistryEvent, place: Place) -> None:
        """What an event of the registry says. Those of its money and its owner say nothing that is kept."""
        attestations = self.attestations
        match event:
            case NodeEndorsed():
                self._add_key(event.node, event.public_key, place)
                attestations.add_endorsed(event, place)
            case AttestationPosted():
                self._add_key(event.node, event.public_key, place)
                attestations.add_posted(event, place)
            case AttestationChallenged() | AttestationProven() | AttestationRejected() | BondReleased():
                attestations.add_change(event, place)
            case AttestationRetired():
                attestations.add_end(ATTESTATION, event.id.to_bytes(32), event.ends_at, "", place)
            case AttestationRevoked(number, effective_from, reason):
                attestations.add_end(ATTESTATION, number.to_bytes(32), effective_from, reason, place)
            case NodeRevoked(node, effective_from, reason):
                attestations.add_end(NODE, node, effective_from, reason, place)
            case MeasurementRevoked(measurement, effective_from, reason):
                attestations.add_end(MEASUREMENT, measurement, effective_from, reason, place)
            case CertificateEnded(certificate, effective_from, reason):
                attestations.add_end(CERTIFICATE, certificate, effective_from, reason, place)
            case OperatorChanged():
                self._add_operator(event, place)
            case MeasurementAllowed():
                self._add_measurement(event, place)

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
        for table in ("nodes", "operators", "measurements", "epochs"):
            self._database.execute(f"DELETE FROM {table} WHERE block > ?", (block,))
        self.attestations.undo_beyond(block)

    def _add_key(self, node: bytes, public_key: bytes, place: Place) -> None:
        self._database.execute(
            "INSERT INTO nodes (node, public_key, block) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (node, public_key, place.block),
        )

    def _add_operator(self, event: OperatorChanged, place: Place) -> None:
        self._database.execute(
            "INSERT INTO operators (node, block, log_index, operator, payout) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (event.node, place.block, place.log_index, event.operator, event.payout),
        )

    def _add_measurement(self, event: MeasurementAllowed, place: Place) -> None:
        self._database.execute(
            "INSERT INTO measurements (measurement, binding, version, build, allowed_at, block)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                event.measurement, event.binding.value, event.version, event.build, place.timestamp, place.block,
            ),
        )  # fmt: skip

    def _epoch(self, condition: str, value: int) -> EpochRecord | None:
        row = self._database.row(
            f"SELECT epoch, starts_at, terms, faults FROM epochs WHERE {condition}", (value,)
        )
        return _epoch(row) if row is not None else None


def _epoch(row: Row) -> EpochRecord:
    return EpochRecord(row[0], row[1], Terms(**json.loads(row[2])), frozenset(json.loads(row[3])))
