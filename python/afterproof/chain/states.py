"""What a chain answers: blocks, and what the contracts hold.

Addresses are 20 bytes, hashes 32 bytes, amounts wei, times unix seconds.
"""

from dataclasses import dataclass

from .event_types import ChainEvent


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
class LaneState:
    """A lane as the contract has it now.

    ``exit_at`` 0: it does not leave. ``liable_until``: until when demands, answers and promises bind it, beside its
    last batch. ``blown``: a fuse has blown, it may never post again.
    """

    owner: bytes
    poster: bytes
    stake: int
    burned: int
    next_seq: int
    open: int
    ahead: int
    exit_at: int
    liable_until: int
    blown: bool


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as the registry has it now; ``ends_at`` 0: no end recorded."""

    starts_at: int
    ends_at: int
    assurance: int


@dataclass(frozen=True, slots=True)
class DemandState:
    """A demand as the contract has it now.

    ``answered`` are the halves that were shown; ``answered_at`` is 0 until all were. ``deposit`` is what is held of it.
    ``payee`` is owed half of it, once all is shown, for the half that was shown first (zeros: nobody yet).
    """

    challenger: bytes
    opened_at: int
    deadline: int
    deposit: int
    answered: frozenset[int]
    answered_at: int
    expired: bool
    payee: bytes


@dataclass(frozen=True, slots=True)
class PauseState:
    """Who may pause posting (zeros: nobody); the last second of the latest pause, 0 where none was; how many were."""

    guardian: bytes
    until: int
    pauses: int


@dataclass(frozen=True, slots=True)
class Landed:
    """A transaction that succeeded: where, what it cost, and what it logged."""

    tx_hash: bytes
    block: int
    gas_used: int
    fee: int
    events: tuple[ChainEvent, ...] = ()
