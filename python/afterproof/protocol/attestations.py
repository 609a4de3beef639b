"""Attestations as values: what is claimed of a node, and when one makes it live.

Changes are only ever added, each with the second from which it holds and the second in which it was recorded. Here a
node is live while *any* of its attestations is; that three of them are enough to look at is the contract's affair.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from .receipt import keccak

FOREVER: Final = 2**256 - 1
NO_UNTIL: Final = 2**40 - 1
"""Until when an endorsement holds, as the contract writes it."""

CERTIFICATES: Final = 4
ENDORSEMENT: Final = 0
"""The kind of evidence that is the owner's word."""

Ends = tuple[tuple[int, int], ...]
"""Ends as ``(recorded_at, ends_at)`` in the order recorded; each is sooner than the one before."""


class Assurance(IntEnum):
    """How surely a node is what it says, in rising order."""

    NONE = 0
    ENDORSED = 1
    UNCHALLENGED = 2
    PROVEN = 3


class AttestationState(IntEnum):
    """Where an attestation stands."""

    NONE = 0
    POSTED = 1
    UNCHALLENGED = 2
    CONTESTED = 3
    CHALLENGED = 4
    PROVEN = 5
    REJECTED = 6
    EXPIRED = 7
    REVOKED = 8
    RETIRED = 9
    ENDORSED = 10


class Binding(IntEnum):
    """How the documents of some code say who operates a node."""

    KEY = 0
    NONCE = 1
    USER_DATA = 2


@dataclass(frozen=True, slots=True)
class Claims:
    """What is claimed of a node. Times in unix seconds; hashes of 32 bytes; ``certificates`` four of 16 bytes."""

    kind: int
    measurement: bytes
    document_time: int
    attested_until: int
    document_hash: bytes
    certificates: tuple[bytes, bytes, bytes, bytes]
    nonce: bytes
    operator: bytes
    payout: bytes

    def encoded(self) -> bytes:
        """``abi.encode(claims)``: twelve words."""
        words = [
            self.kind.to_bytes(32),
            self.measurement,
            self.document_time.to_bytes(32),
            self.attested_until.to_bytes(32),
            self.document_hash,
            *(certificate.ljust(32, b"\0") for certificate in self.certificates),
            self.nonce,
            self.operator.rjust(32, b"\0"),
            self.payout.rjust(32, b"\0"),
        ]
        return b"".join(words)

    def hash(self) -> bytes:
        """keccak256 of the encoded claims."""
        return keccak(self.encoded())


@dataclass(frozen=True, slots=True)
class Facts:
    """What evidence says, once it has been verified."""

    measurement: bytes
    document_time: int
    certificates: tuple[bytes, bytes, bytes, bytes]
    nonce: bytes
    user_word: bytes


def certificate_id(issuer: bytes, serial: int) -> bytes:
    """The 16 bytes by which a certificate is revoked; ``issuer`` is keccak256 of the DER of its issuer's name."""
    return keccak(issuer + serial.to_bytes(32))[:16]


def end_by(ends: Ends, known: int) -> int:
    """The end by the records made no later than ``known``."""
    return next((end for recorded, end in reversed(ends) if recorded <= known), FOREVER)


def with_end(ends: Ends, recorded_at: int, ends_at: int) -> Ends:
    """``ends`` with one more; one recorded in the same second replaces the one before."""
    return (*(end for end in ends if end[0] != recorded_at), (recorded_at, ends_at))


@dataclass(frozen=True, slots=True)
class Tenure:
    """One attestation, as far as liveness goes: ``ends`` are its own, its measurement's and its certificates'.

    ``starts_at`` 0: contested, never live unless it is proven. ``deadline`` 0: no challenge is open or lost.
    """

    kind: int
    starts_at: int
    until: int
    deadline: int = 0
    proven: bool = False
    ends: tuple[Ends, ...] = ()

    def is_rejected(self, known: int) -> bool:
        """Whether a challenge had gone unanswered by then."""
        return self.deadline != 0 and known > self.deadline

    def end(self, known: int, reach: int) -> int:
        """From when it holds no more, by what was known."""
        end = min((end_by(ends, known) for ends in self.ends), default=FOREVER)
        if self.is_rejected(known):
            end = min(end, max(self.deadline + 1 - reach, 1))
        return min(end, self.until)

    def is_live(self, at: int, known: int, reach: int) -> bool:
        """Whether it was live at ``at``, its node's key apart."""
        started = self.starts_at != 0 and self.starts_at <= at and self.starts_at <= known + 1
        return started and at < self.end(known, reach)

    def is_over(self, now: int, reach: int) -> bool:
        """Whether it can never be live again by the records so far, its node's key apart."""
        if self.starts_at == 0:
            return self.is_rejected(now)
        return self.end(now, reach) <= now

    def assurance(self) -> Assurance:
        """How surely a node is what it says while this is live."""
        if self.kind == ENDORSEMENT:
            return Assurance.ENDORSED
        return Assurance.PROVEN if self.proven else Assurance.UNCHALLENGED


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node as it is known at ``as_of`` (unix seconds): its key, who runs it, its attestations, its key's ends.

    ``reach`` is how far a rejection reaches back, in seconds.
    """

    public_key: bytes
    operator: bytes
    tenures: tuple[Tenure, ...]
    ends: Ends
    reach: int
    as_of: int

    def was_live(self, at: int, known_by: int = FOREVER) -> bool:
        """Whether the node was live at ``at`` by the records made no later than ``known_by``."""
        # What has not happened is not known: a deadline that is to come may yet be met.
        known = min(known_by, self.as_of)
        if at >= end_by(self.ends, known):
            return False
        return any(tenure.is_live(at, known, self.reach) for tenure in self.tenures)

    def assurance(self, at: int) -> Assurance:
        """How surely the node was what it says at ``at``, by all records so far."""
        if at >= end_by(self.ends, self.as_of):
            return Assurance.NONE
        live = [tenure for tenure in self.tenures if tenure.is_live(at, self.as_of, self.reach)]
        return max((tenure.assurance() for tenure in live), default=Assurance.NONE)
