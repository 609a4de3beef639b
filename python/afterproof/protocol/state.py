"""What ``Settlement`` holds: lanes, batches, demands, epochs, pauses. Data only; the actions are in ``settlement``."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from .header import BatchId, Header
from .receipt import Receipt
from .terms import Terms

ZERO_ADDRESS: Final = bytes(20)

TIME_BITS: Final = 40
"""Times have 40 bits, until the year 36,812: what would end later is refused."""


class Standing(IntEnum):
    """How surely a receipt is settled. Signed and Promised are never answered by a view of a leaf alone."""

    UNKNOWN = 0
    SIGNED = 1
    PROMISED = 2
    POSTED = 3
    FINAL = 4
    VOIDED = 5


class VoidReason(IntEnum):
    """Why a leaf reads Voided."""

    NONE = 0
    UNTIMELY = 1
    NOT_ENTITLED = 2
    FAULTY = 3
    STRUCK = 4


class FaultKind(IntEnum):
    """The kinds of fault. ``WRONG_RESULT`` has its number and no epoch may bind it: the liable party is the node."""

    BAD_SIGNATURE = 1
    DUPLICATE_RECEIPT = 2
    MISDECLARED_RANGE = 3
    WRONG_RESULT = 4


LANE_FAULTS: Final = frozenset(FaultKind) - {FaultKind.WRONG_RESULT}
"""The kinds that the lane answers for: what is proven is slashed from the lane."""


class PromiseFault(IntEnum):
    """How a promise was broken."""

    MISSED_DEADLINE = 1
    OMITTED_RECEIPT = 2
    DOUBLE_PROMISE = 3


@dataclass(frozen=True)
class Claim:
    """What a prover hands in; see ``IFault.Claim``."""

    batch: BatchId
    index: int
    receipt: Receipt
    signature: bytes
    proof: tuple[bytes, ...]
    evidence: bytes


@dataclass
class Lane:
    """One relayer's numbered sequence of receipts, and the money that answers for it."""

    owner: bytes
    poster: bytes
    stake: int
    ahead: int
    promise_keys: list[tuple[int, bytes]]
    next_seq: int = 0
    open: int = 0
    burned: int = 0
    shrink: tuple[int, int] | None = None
    """``(ahead, effective at)``: announced and not yet in force."""
    past_reach: int = 0
    """Numbers below it could be promised under an ``ahead`` that has shrunk since."""
    exit_at: int = 0
    last_due: int = 0
    """Set on leaving: a promise due later does not bind the lane."""
    liable_until: int = 0
    last_deadline: int = 0
    blown: bool = False
    histogram: list[int] = field(default_factory=lambda: [0] * 8)

    @property
    def reach(self) -> int:
        """Promises are enforceable for numbers below it. It never falls: what once could be claimed always can."""
        return max(self.next_seq + self.ahead, self.past_reach)

    def promise_key(self, seq: int) -> bytes:
        """The key that signs promises for ``seq``."""
        return [key for from_seq, key in self.promise_keys if from_seq <= seq][-1]


@dataclass
class Demand:
    """A bonded "show me" of one tile. ``answered``: the halves that were shown; ``payee`` is owed for the first."""

    challenger: bytes
    opened_at: int
    deadline: int
    deposit: int
    answered: set[int] = field(default_factory=set)
    answered_at: int = 0
    expired: bool = False
    payee: bytes = ZERO_ADDRESS


@dataclass
class Batch:
    """A posted batch: its root, its header, the indices voided by a fault, its demands by tile."""

    root: bytes
    header: Header
    voids: set[int] = field(default_factory=set)
    demands: dict[int, Demand] = field(default_factory=dict)
    struck_at: int = 0
    """When the fuse blew; 0: it did not."""

    def leaves_of(self, tile: int) -> int:
        """How many leaves a tile has."""
        return min(256, self.header.count - 256 * tile)


@dataclass(frozen=True)
class Epoch:
    """Terms from ``starts_at`` on; ``earliest_end``: no window of a batch of an earlier epoch ends later."""

    terms: Terms
    starts_at: int
    earliest_end: int
    faults: frozenset[int]

    def window_end(self, anchor: int) -> int:
        """The end of the window of a batch posted at ``anchor``, never before that of an earlier batch."""
        return max(anchor + self.terms.window, self.earliest_end)


@dataclass(frozen=True)
class Pause:
    """Posting was paused from ``start`` to ``end``, inclusive."""

    start: int
    end: int
