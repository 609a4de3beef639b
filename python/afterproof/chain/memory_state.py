"""What the in-memory chain consists of: the specification's state, transactions, blocks, and events."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from afterproof.errors import ChainError, SendFailed
from afterproof.protocol.header import Header
from afterproof.protocol.heartbeats import Heartbeats
from afterproof.protocol.outcome import Env, Event
from afterproof.protocol.receipt import keccak
from afterproof.protocol.registry import Registry
from afterproof.protocol.settlement import Settlement
from afterproof.protocol.state import LANE_FAULTS, FaultKind

from .base import (
    AheadChanged,
    AttestationChallenged,
    AttestationPosted,
    AttestationProven,
    AttestationRejected,
    AttestationRetired,
    AttestationRevoked,
    Block,
    BondReleased,
    BondsBurned,
    Burned,
    CertificateEnded,
    ChainEvent,
    DemandExpired,
    EpochAnnounced,
    EvidenceAdded,
    FaultProven,
    FuseBlown,
    GuardianChanged,
    LaneLeaving,
    LaneOpened,
    LaneRotated,
    Logged,
    MeasurementAllowed,
    MeasurementRevoked,
    NodeEndorsed,
    NodeRevoked,
    NonceOpened,
    OperatorChanged,
    OperatorProposed,
    Posted,
    PostingPaused,
    PromiseBroken,
    RegistryWithdrawn,
    RevokerChanged,
    StakeAdded,
    StakeWithdrawn,
    TileAnswered,
    TileDemanded,
    Withdrawn,
)

Action = Callable[[Env, Settlement, Registry], list[Event]]
"""An action of the executable specification; what it raises is a revert. The registry's events go through
:func:`in_registry`."""


@dataclass(frozen=True)
class OnHeartbeats:
    """An action on the third contract, whose events no step follows: none are kept."""

    run: Callable[[Heartbeats, Env, Registry], None]


FAULT_CONTRACTS: Final[dict[FaultKind, bytes]] = {
    kind: keccak(kind.name.encode())[12:] for kind in sorted(LANE_FAULTS)
}
"""Where the contracts that judge the kinds of fault are said to be; nobody judges a wrong result yet."""

BURNED_TO = bytes.fromhex("000000000000000000000000000000000000dead")


@dataclass
class State:
    """The contracts' state by the specification, the accounts' native coin and the chain's base fee, both in wei."""

    settlement: Settlement
    registry: Registry
    balances: dict[bytes, int]
    base_fee: int
    heartbeats: Heartbeats

    def apply(self, sender: bytes, value: int, now: int, action: Action | OnHeartbeats) -> list[Event]:
        """What an action emits; one that raises has changed nothing."""
        if self.balances.get(sender, 0) < value:
            raise SendFailed("the account cannot pay for the transaction: send native coin to the account")
        env = Env(sender, now, value, self.base_fee)
        events: list[Event] = []
        if isinstance(action, OnHeartbeats):
            action.run(self.heartbeats, env, self.registry)
        else:
            events = action(env, self.settlement, self.registry)
        self._pay(sender, -value)
        for event in events:
            if event.name in ("Withdrawn", "RegistryWithdrawn"):
                self._pay(event.arguments[1], event.arguments[2])
            elif event.name in ("Burned", "BondsBurned"):
                self._pay(BURNED_TO, event.arguments[-1])
        return events

    def _pay(self, account: bytes, amount: int) -> None:
        self.balances[account] = self.balances.get(account, 0) + amount


@dataclass(frozen=True)
class Transaction:
    """A transaction; it may stand in block ``due`` or later."""

    hash: bytes
    sender: bytes
    value: int
    action: Action | OnHeartbeats
    due: int = 0


@dataclass
class Mined:
    """A block with its transactions, what came of each, and its events."""

    block: Block
    transactions: list[Transaction] = field(default_factory=list)
    logs: list[Logged] = field(default_factory=list)
    outcomes: dict[bytes, list[Event] | ChainError] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """The chain at one moment, for reading only."""

    settlement: Settlement
    registry: Registry
    balances: dict[bytes, int]
    base_fee: int
    heartbeats: Heartbeats
    mined: list[Mined]

    @property
    def now(self) -> int:
        """The newest block's time."""
        return self.mined[-1].block.timestamp


_OF_REGISTRY: Final = {"Burned": "BondsBurned", "Withdrawn": "RegistryWithdrawn"}

EVENTS: Final[dict[str, Callable[..., ChainEvent]]] = {
    "LaneOpened": LaneOpened,
    "StakeAdded": StakeAdded,
    "Posted": lambda lane, batch, root, header, tiles, uri: Posted(
        lane, batch, root, Header.unpack(header), tuple(tiles), uri
    ),
    "FaultProven": FaultProven,
    "EpochAnnounced": lambda epoch, starts_at, terms, faults: EpochAnnounced(
        epoch, starts_at, terms, frozenset(int(kind) for kind in faults)
    ),
    "Burned": Burned,
    "Withdrawn": Withdrawn,
    "TileDemanded": TileDemanded,
    "TileAnswered": TileAnswered,
    "DemandExpired": DemandExpired,
    "PromiseBroken": PromiseBroken,
    "FuseBlown": FuseBlown,
    "LaneRotated": LaneRotated,
    "AheadChanged": AheadChanged,
    "LaneLeaving": LaneLeaving,
    "StakeWithdrawn": StakeWithdrawn,
    "PostingPaused": PostingPaused,
    "GuardianChanged": GuardianChanged,
    "NonceOpened": NonceOpened,
    "NodeEndorsed": NodeEndorsed,
    "AttestationPosted": AttestationPosted,
    "AttestationChallenged": AttestationChallenged,
    "AttestationProven": AttestationProven,
    "AttestationRejected": AttestationRejected,
    "AttestationRetired": AttestationRetired,
    "BondReleased": BondReleased,
    "OperatorChanged": OperatorChanged,
    "OperatorProposed": OperatorProposed,
    "NodeRevoked": NodeRevoked,
    "AttestationRevoked": AttestationRevoked,
    "MeasurementRevoked": MeasurementRevoked,
    "CertificateEnded": CertificateEnded,
    "MeasurementAllowed": MeasurementAllowed,
    "EvidenceAdded": EvidenceAdded,
    "RevokerChanged": RevokerChanged,
    "BondsBurned": BondsBurned,
    "RegistryWithdrawn": RegistryWithdrawn,
}


def in_registry(events: list[Event]) -> list[Event]:
    """The registry's events, under names that the settlement contract has not."""
    return [replace(event, name=_OF_REGISTRY.get(event.name, event.name)) for event in events]


def event_of(event: Event) -> ChainEvent:
    """The event with its fields by name; both have them in the order of the interface."""
    return EVENTS[event.name](*event.arguments)
