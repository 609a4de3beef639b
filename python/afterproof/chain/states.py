"""What a chain answers: blocks, and what the contracts hold.

Addresses are 20 bytes, hashes 32 bytes, amounts wei, times unix seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass

from afterproof.protocol.attestations import AttestationState, Binding
from afterproof.protocol.header import BatchId, first_seq_of, lane_of

from .event_types import ChainEvent


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which contracts on which chain. ``block`` is where their history begins.

    ``heartbeats`` is None for a deployment without that contract.
    """

    chain_id: int
    settlement: bytes
    registry: bytes
    block: int
    heartbeats: bytes | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A block's number, hash and timestamp."""

    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class LaneState:
    """A lane as the contract has it now.

    ``exit_at`` 0: it does not leave; else a promise due after ``last_due`` does not bind it. ``liable_until``: until
    when demands, answers and promises bind it, beside its last batch. ``blown``: a fuse has blown, it may never post
    again. ``reach``: promises are enforceable for numbers below it, the largest ``next_seq + ahead`` that ever was.
    """

    owner: bytes
    poster: bytes
    stake: int
    burned: int
    next_seq: int
    open: int
    ahead: int
    exit_at: int
    last_due: int
    liable_until: int
    blown: bool
    reach: int


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as the registry has it now.

    ``payout`` zeros: not said. ``ends_at``: from when its key is not to be trusted, exclusive; 0: no such record.
    ``registrations`` are its attestations, endorsements included; ``latest`` is the number of the latest one.
    """

    operator: bytes
    payout: bytes
    ends_at: int
    registrations: int
    latest: int


@dataclass(frozen=True, slots=True)
class Attestation:
    """An attestation as the registry has it now, by all records so far.

    ``starts_at``: from when it is live, inclusive; 0: never, unless it is proven. ``ends_at``: from when it is not,
    exclusive. ``challenge_deadline``: the last second in which a challenge can be answered; 0: none is open.
    ``claims_hash``, and ``measurement`` with it, are zero for an endorsement. ``bond`` and ``deposit`` are what is
    held of them.
    """

    node: bytes
    state: AttestationState
    kind: int
    starts_at: int
    ends_at: int
    challenge_deadline: int
    measurement: bytes
    claims_hash: bytes
    poster: bytes
    bond: int
    challenger: bytes
    deposit: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """Code that may run nodes since ``allowed_at``, and until ``ends_at``, exclusive (0: no end recorded)."""

    allowed_at: int
    ends_at: int
    binding: Binding
    version: str
    build: str


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
class Call:
    """A call of a contract: which, with how much wei, and the calldata."""

    to: bytes
    value: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Landed:
    """A transaction that succeeded: where, what it cost, and what it logged. ``drafted``: nothing was sent, this call
    is for another account to make."""

    tx_hash: bytes
    block: int
    gas_used: int
    fee: int
    events: tuple[ChainEvent, ...] = ()
    drafted: Call | None = None

    @property
    def fields(self) -> dict[str, object]:
        """What a message about it holds, for programs."""
        return {"tx_hash": self.tx_hash, "block": self.block, "gas": self.gas_used, "fee": self.fee}


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a transaction is for, and what it is about; None: not said.

    ``what`` is one word: post, dispute, demand (and settling it), answer, claim, attest, beat, withdraw, other.
    ``seq`` is the number on the lane of a batch's first receipt, or of the receipt that was promised; ``place`` a
    leaf's or tile's.
    """

    what: str
    lane: int | None = None
    seq: int | None = None
    place: int | None = None
    attestation: int | None = None

    @classmethod
    def of_batch(cls, what: str, batch: BatchId, place: int | None = None) -> "Purpose":
        """Something about a batch, or a leaf or tile of it."""
        return cls(what, lane_of(batch), first_seq_of(batch), place)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transaction that is in a block: the gas it used, its whole fee in wei, whether it succeeded."""

    block: int
    gas_used: int
    fee: int
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction of ours. Of those with one ``number`` (nonce) at most one lands. ``outcome`` None: it is about to
    be handed in, or nobody saw what became of it."""

    tx_hash: bytes
    account: bytes
    number: int
    purpose: Purpose
    outcome: Outcome | None = None


Listener = Callable[[Sent], None]
"""Is told of each transaction before it is handed in, and again of one that is seen to have landed."""
