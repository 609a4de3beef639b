"""Attestations as far as the chain has been followed: what was posted, what became of it, and every end."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ..chain.base import (
    AttestationChallenged,
    AttestationPosted,
    AttestationProven,
    AttestationRejected,
    BondReleased,
    NodeEndorsed,
    Place,
)
from ..protocol.attestations import ENDORSEMENT, NO_UNTIL, Claims, Ends, Tenure, with_end
from .database import Database, Row

_CLAIMS: Final = (
    "kind, measurement, document_time, attested_until, document_hash, certificates, nonce, operator, payout"
)
_FACTS: Final = "id, node, starts_at, until, poster, uri, posted_at, block, tx_hash"
_LARGEST: Final = 2**63 - 1

NODE: Final = "node"
ATTESTATION: Final = "attestation"
MEASUREMENT: Final = "measurement"
CERTIFICATE: Final = "certificate"


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge: the last second for its answer, who made it and with how many wei, and when."""

    deadline: int
    challenger: bytes
    deposit: int
    opened_at: int


@dataclass(frozen=True, slots=True)
class StoredAttestation:
    """An attestation as the chain has it. ``claims`` None: an endorsement. ``tenure`` has every end that bears on it,
    its node's apart. ``challenge``: the open or lost one. ``is_settled``: its bond has gone, one way or the other."""

    number: int
    node: bytes
    claims: Claims | None
    poster: bytes
    uri: str
    posted_at: int
    block: int
    tx_hash: bytes
    tenure: Tenure
    challenge: Challenge | None = None
    is_settled: bool = False


class Attestations:
    """The tables ``attestations``, ``attestation_changes``, ``subjects`` and ``ends``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, number: int) -> StoredAttestation | None:
        """An attestation, or None."""
        return next(iter(self._where("id = ?", number)), None)

    def of(self, node: bytes, since: int = 0) -> list[StoredAttestation]:
        """The attestations of a node (32 bytes) that could be live at ``since`` or later, in order."""
        return self._where("node = ? AND until > ?", node, min(since, _LARGEST))

    def count(self) -> int:
        """How many attestations there are."""
        row = self._database.row("SELECT COUNT(*) FROM attestations")
        return int(row[0]) if row else 0

    def ends_of(self, kind: str, subject: bytes) -> Ends:
        """The ends of a node, an attestation (its number as 32 bytes), a measurement or a certificate, as recorded."""
        return _folded(
            self._database.rows(
                "SELECT recorded_at, ends_at FROM ends WHERE kind = ? AND subject = ? ORDER BY block, log_index",
                (kind, subject),
            )
        )

    def challenge_before(self, number: int, place: Place) -> Challenge | None:
        """The challenge of an attestation that was made before a place in the chain, or None."""
        row = self._database.row(
            "SELECT deadline, account, deposit, timestamp FROM attestation_changes WHERE id = ? AND what = 'challenged'"
            " AND (block < ? OR (block = ? AND log_index < ?)) ORDER BY block DESC, log_index DESC LIMIT 1",
            (number, place.block, place.block, place.log_index),
        )
        return Challenge(row[0], row[1], int(row[2]), row[3]) if row else None

    def deposited(self, challenger: bytes) -> int:
        """What an account has in deposits of challenges that nobody answered and that were not settled, in wei."""
        rows = self._database.rows(
            "SELECT deposit FROM attestation_changes AS made WHERE what = 'challenged' AND account = ?"
            " AND NOT EXISTS (SELECT 1 FROM attestation_changes AS later WHERE later.id = made.id"
            " AND later.what IN ('proven', 'settled'))",
            (challenger,),
        )
        return sum(int(deposit) for (deposit,) in rows)

    # --- from events ---------------------------------------------------------------------------

    def add_endorsed(self, event: NodeEndorsed, place: Place) -> None:
        """The owner vouches for a node."""
        self._add(event.id, event.node, event.starts_at, NO_UNTIL, b"", "", place)
        self._add_subjects(event.id, place.block, [(ATTESTATION, event.id.to_bytes(32))])

    def add_posted(self, event: AttestationPosted, place: Place) -> None:
        """An attestation was posted."""
        claims = event.claims
        self._add(
            event.id, event.node, event.starts_at, claims.attested_until, event.poster, event.uri, place
        )
        self._database.execute(
            f"INSERT INTO claims (id, block, {_CLAIMS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (
                event.id, place.block, claims.kind, claims.measurement, claims.document_time,
                claims.attested_until, claims.document_hash, b"".join(claims.certificates), claims.nonce,
                claims.operator, claims.payout,
            ),
        )  # fmt: skip
        own, code = (ATTESTATION, event.id.to_bytes(32)), (MEASUREMENT, claims.measurement)
        hung = [(CERTIFICATE, certificate) for certificate in claims.certificates]
        self._add_subjects(event.id, place.block, [own, code, *hung])

    def add_change(
        self,
        event: AttestationChallenged | AttestationProven | AttestationRejected | BondReleased,
        place: Place,
    ) -> None:
        """An attestation was challenged or proven, or its bond has gone."""
        starts_at = deadline = deposit = account = None
        if isinstance(event, AttestationChallenged):
            what, account = "challenged", event.challenger
            starts_at, deadline, deposit = event.starts_at, event.deadline, str(event.deposit)
        elif isinstance(event, AttestationProven):
            what, account, starts_at = "proven", event.prover, event.starts_at
        else:
            what = "settled"
        self._database.execute(
            "INSERT INTO attestation_changes (id, block, log_index, timestamp, what, account, starts_at, deadline,"
            " deposit) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                event.id, place.block, place.log_index, place.timestamp, what, account, starts_at, deadline,
                deposit,
            ),
        )  # fmt: skip

    def add_end(self, kind: str, subject: bytes, ends_at: int, reason: str, place: Place) -> None:
        """A subject was given an end, recorded at the time of the event's block."""
        self._database.execute(
            "INSERT INTO ends (kind, subject, block, log_index, recorded_at, ends_at, reason)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                kind, subject, place.block, place.log_index, place.timestamp, min(ends_at, _LARGEST), reason,
            ),
        )  # fmt: skip

    def undo_beyond(self, block: int) -> None:
        """Forget what blocks beyond ``block`` said."""
        for table in ("attestations", "claims", "attestation_changes", "subjects", "ends"):
            self._database.execute(f"DELETE FROM {table} WHERE block > ?", (block,))

    # --- rows ----------------------------------------------------------------------------------

    def _add(
        self, number: int, node: bytes, starts_at: int, until: int, poster: bytes, uri: str, place: Place
    ) -> None:
        self._database.execute(
            f"INSERT INTO attestations ({_FACTS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (number, node, starts_at, until, poster, uri, place.timestamp, place.block, place.tx_hash),
        )

    def _add_subjects(self, number: int, block: int, subjects: Iterable[tuple[str, bytes]]) -> None:
        self._database.execute_many(
            "INSERT INTO subjects (id, kind, subject, block) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(number, kind, subject, block) for kind, subject in subjects],
        )

    def _where(self, condition: str, *values: object) -> list[StoredAttestation]:
        """Four queries, however many attestations."""
        chosen = f"SELECT id FROM attestations WHERE {condition}"
        rows = self._database.rows(f"SELECT {_FACTS} FROM attestations WHERE {condition} ORDER BY id", values)
        claims = {
            number: _claims(tuple(row))
            for number, *row in self._database.rows(
                f"SELECT id, {_CLAIMS} FROM claims WHERE id IN ({chosen})", values
            )
        }
        changes: defaultdict[int, list[Row]] = defaultdict(list)
        for number, *row in self._database.rows(
            "SELECT id, what, account, starts_at, deadline, deposit, timestamp FROM attestation_changes"
            f" WHERE id IN ({chosen}) ORDER BY block, log_index",
            values,
        ):
            changes[number].append(tuple(row))
        ends: defaultdict[int, defaultdict[Row, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for number, kind, subject, recorded_at, ends_at in self._database.rows(
            "SELECT subjects.id, subjects.kind, subjects.subject, ends.recorded_at, ends.ends_at FROM subjects"
            " JOIN ends ON ends.kind = subjects.kind AND ends.subject = subjects.subject"
            f" WHERE subjects.id IN ({chosen}) ORDER BY ends.block, ends.log_index",
            values,
        ):
            ends[number][kind, subject].append((recorded_at, ends_at))
        return [
            _played(row, claims.get(row[0]), map(_folded, ends[row[0]].values()), changes[row[0]])
            for row in rows
        ]


def _folded(rows: Iterable[Row]) -> Ends:
    ends: Ends = ()
    for recorded_at, ends_at in rows:
        ends = with_end(ends, recorded_at, ends_at)
    return ends


def _claims(row: Row) -> Claims:
    kind, measurement, document_time, until, document_hash, certificates, nonce, operator, payout = row
    first, second, third, fourth = (certificates[at : at + 16] for at in range(0, 64, 16))
    hung = (first, second, third, fourth)
    return Claims(kind, measurement, document_time, until, document_hash, hung, nonce, operator, payout)


def _played(
    row: Row, claims: Claims | None, ends: Iterable[Ends], changes: Iterable[Row]
) -> StoredAttestation:
    """An attestation with what became of it, change by change."""
    number, node, starts_at, until, poster, uri, posted_at, block, tx_hash = row
    kind = claims.kind if claims is not None else ENDORSEMENT
    tenure = Tenure(kind, starts_at, until, ends=tuple(ends))
    challenge, is_settled = None, False
    for what, account, starts, deadline, deposit, timestamp in changes:
        if what == "challenged":
            tenure = replace(tenure, starts_at=starts, deadline=deadline)
            challenge = Challenge(deadline, account, int(deposit), timestamp)
        elif what == "proven":
            tenure, challenge = replace(tenure, starts_at=starts, deadline=0, proven=True), None
        else:
            is_settled = True
    return StoredAttestation(
        number, node, claims, poster, uri, posted_at, block, tx_hash, tenure, challenge, is_settled
    )
