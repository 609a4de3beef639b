"""The events of ``Settlement``, typed: fields by name, in the order of the interfaces; those of the registry are in
:mod:`.registry_events`.

Addresses are 20 bytes, hashes 32 bytes, amounts wei, times unix seconds.
"""

from dataclasses import dataclass

from afterproof.protocol.header import BatchId, Header
from afterproof.protocol.terms import Terms

from .registry_events import RegistryEvent


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands in the chain. ``timestamp`` is the block's."""

    block: int
    block_hash: bytes
    timestamp: int
    tx_hash: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class LaneOpened:
    """A lane was opened."""

    lane: int
    owner: bytes
    poster: bytes
    promise_key: bytes
    ahead: int
    stake: int


@dataclass(frozen=True, slots=True)
class StakeAdded:
    """A lane's stake grew."""

    lane: int
    sender: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class Posted:
    """A batch was posted."""

    lane: int
    batch: BatchId
    root: bytes
    header: Header
    tile_roots: tuple[bytes, ...]
    data_uri: str


@dataclass(frozen=True, slots=True)
class FaultProven:
    """A fault was proven and its lane slashed. All kinds but a misdeclared range void the leaf."""

    batch: BatchId
    index: int
    kind: int
    prover: bytes
    slashed: int


@dataclass(frozen=True, slots=True)
class EpochAnnounced:
    """An epoch was announced; ``faults`` are the kinds it knows."""

    epoch: int
    starts_at: int
    terms: Terms
    faults: frozenset[int]


@dataclass(frozen=True, slots=True)
class Burned:
    """What a lane had lost was burned."""

    lane: int
    amount: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A credit was paid out."""

    account: bytes
    to: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class TileDemanded:
    """Somebody demands that a tile be shown by ``deadline``; ``deposit`` in wei."""

    batch: BatchId
    tile: int
    challenger: bytes
    deadline: int
    deposit: int


@dataclass(frozen=True, slots=True)
class TileAnswered:
    """Half a tile was shown: ``data`` are its packed leaves."""

    batch: BatchId
    tile: int
    half: int
    answerer: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class DemandExpired:
    """A demand that nobody answered was settled; the tile is struck since its deadline."""

    batch: BatchId
    tile: int
    challenger: bytes
    slashed: int


@dataclass(frozen=True, slots=True)
class PromiseBroken:
    """A broken promise was claimed; ``fault`` is a :class:`~afterproof.protocol.state.PromiseFault`."""

    lane: int
    seq: int
    fault: int
    beneficiary: bytes
    caller: bytes
    slashed: int


@dataclass(frozen=True, slots=True)
class FuseBlown:
    """A batch's fuse blew: what was not final in it is void, and its lane may never post again."""

    batch: BatchId


@dataclass(frozen=True, slots=True)
class LaneRotated:
    """The posting right moved; promises from ``from_seq`` on are signed by ``promise_key``."""

    lane: int
    poster: bytes
    promise_key: bytes
    from_seq: int


@dataclass(frozen=True, slots=True)
class AheadChanged:
    """``ahead`` receipts may be promised from ``effective_at`` on; fewer than before, once somebody applies it."""

    lane: int
    ahead: int
    effective_at: int


@dataclass(frozen=True, slots=True)
class LaneLeaving:
    """A lane began to leave."""

    lane: int
    liable_until: int


@dataclass(frozen=True, slots=True)
class StakeWithdrawn:
    """The stake of a lane that left was credited to its owner."""

    lane: int
    owner: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class PostingPaused:
    """The guardian paused posting, from ``start`` to ``end``, inclusive."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GuardianChanged:
    """Another account may pause posting; zeros: none."""

    guardian: bytes


ChainEvent = (
    LaneOpened
    | StakeAdded
    | Posted
    | FaultProven
    | EpochAnnounced
    | Burned
    | Withdrawn
    | TileDemanded
    | TileAnswered
    | DemandExpired
    | PromiseBroken
    | FuseBlown
    | LaneRotated
    | AheadChanged
    | LaneLeaving
    | StakeWithdrawn
    | PostingPaused
    | GuardianChanged
    | RegistryEvent
)


@dataclass(frozen=True, slots=True)
class Logged:
    """An event with its place."""

    place: Place
    event: ChainEvent
