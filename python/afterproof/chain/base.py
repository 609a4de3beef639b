"""What the steps ask of a chain: typed events, reads, and transactions.

Two implementations: :mod:`afterproof.chain.evm` over web3, and :mod:`afterproof.chain.memory` over the executable
specification. Addresses are 20 bytes, hashes 32 bytes, amounts wei, times unix seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from afterproof.protocol.header import BatchId, Header
from afterproof.protocol.state import Claim, FaultKind, Standing, VoidReason
from afterproof.protocol.terms import Terms


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which contracts on which chain. ``block`` is where their history begins."""

    chain_id: int
    settlement: bytes
    registry: bytes
    block: int


@dataclass(frozen=True, slots=True)
class Block:
    """A block's number, hash and timestamp."""

    number: int
    hash: bytes
    timestamp: int


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
    """A leaf was voided and its lane slashed."""

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
class NodeRegistered:
    """A node may sign from ``starts_at`` on."""

    node: bytes
    assurance: int
    operator: bytes
    starts_at: int
    public_key: bytes


@dataclass(frozen=True, slots=True)
class NodeRevoked:
    """A node may not sign from ``effective_from`` on; recorded at the event's place."""

    node: bytes
    effective_from: int
    reason: str


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


ChainEvent = (
    LaneOpened
    | StakeAdded
    | Posted
    | FaultProven
    | EpochAnnounced
    | NodeRegistered
    | NodeRevoked
    | Burned
    | Withdrawn
)


@dataclass(frozen=True, slots=True)
class Logged:
    """An event with its place."""

    place: Place
    event: ChainEvent


@dataclass(frozen=True, slots=True)
class LaneState:
    """A lane as the contract has it now."""

    owner: bytes
    poster: bytes
    stake: int
    burned: int
    next_seq: int
    open: int
    ahead: int


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as the registry has it now; ``ends_at`` 0: no end recorded."""

    starts_at: int
    ends_at: int
    assurance: int


@dataclass(frozen=True, slots=True)
class Landed:
    """A transaction that succeeded: where, what it cost, and what it logged."""

    tx_hash: bytes
    block: int
    gas_used: int
    fee: int
    events: tuple[ChainEvent, ...] = ()


class ChainReader(Protocol):
    """Reads, all at the newest block unless said otherwise.

    Raises :class:`afterproof.errors.ChainUnavailable` when nothing can be said; nothing else but where named.
    """

    deployment: Deployment

    def head(self) -> Block:
        """The newest block."""
        ...

    def block(self, number: int) -> Block | None:
        """The block with that number on the chain as it is now; None beyond the head."""
        ...

    def events(self, first: int, last: int) -> list[Logged]:
        """All events of both contracts in blocks ``first`` to ``last``, inclusive, in chain order."""
        ...

    def lane(self, lane: int) -> LaneState | None:
        """A lane; None where there is none."""
        ...

    def lane_count(self) -> int:
        """How many lanes there are; they are numbered from 1."""
        ...

    def required_stake(self, lane: int, count: int) -> int:
        """What a lane must hold to post ``count`` more receipts, were nothing released.

        Raises:
            CallReverted: no batch may hold that many.
        """
        ...

    def current_epoch(self) -> int:
        """The number of the epoch whose terms hold now."""
        ...

    def terms(self, epoch: int) -> Terms:
        """The terms of an epoch.

        Raises:
            CallReverted: it was never announced.
        """
        ...

    def batch(self, batch: BatchId) -> tuple[bytes, Header] | None:
        """Root and header of a posted batch."""
        ...

    def standing(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> Standing:
        """The standing of the leaf with these seven words."""
        ...

    def why_void(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> VoidReason:
        """Why a leaf reads Voided."""
        ...

    def node(self, node: bytes) -> NodeState | None:
        """A node as the registry has it now; None for an unknown one."""
        ...

    def nodes(self) -> list[bytes]:
        """Every node ever registered, in order."""
        ...

    def was_live(self, node: bytes, at: int, known_by: int) -> bool:
        """Whether a node was live at ``at`` by the records made no later than ``known_by``."""
        ...

    def credits(self, account: bytes) -> int:
        """What the settlement contract owes an account."""
        ...

    def balance(self, account: bytes) -> int:
        """An account's native coin."""
        ...


class ChainSender(ChainReader, Protocol):
    """A chain with an account to act from. Each call simulates, sends, and waits until the transaction landed.

    Raises:
        CallReverted: the contract refuses; nothing was sent, or it was sent and reverted.
        SendFailed: it could not be sent or did not land in time (it may land later: look at the state first).
        ChainUnavailable: the node does not answer.

    With ``dry_run`` the call is only simulated and the returned ``Landed`` has an empty ``tx_hash``.
    """

    account: bytes

    def post(
        self,
        lane: int,
        first_seq: int,
        count: int,
        oldest: int,
        newest: int,
        tile_roots: Sequence[bytes],
        data_uri: str,
    ) -> Landed:
        """``Settlement.post``."""
        ...

    def prove_fault(self, kind: FaultKind, claim: Claim) -> Landed:
        """``Settlement.proveFault``."""
        ...

    def open_lane(
        self, poster: bytes, promise_key: bytes, ahead: int, stake: int, dry_run: bool = False
    ) -> tuple[int, Landed]:
        """``Settlement.openLane``; the lane's number with it."""
        ...

    def top_up(self, lane: int, amount: int, dry_run: bool = False) -> Landed:
        """``Settlement.topUp``."""
        ...

    def withdraw(self, to: bytes, dry_run: bool = False) -> Landed:
        """``Settlement.withdraw``."""
        ...

    def endorse(self, public_key: bytes, operator: bytes, dry_run: bool = False) -> Landed:
        """``AttestationRegistry.endorse``."""
        ...

    def revoke(self, node: bytes, effective_from: int, reason: str, dry_run: bool = False) -> Landed:
        """``AttestationRegistry.revoke``."""
        ...
