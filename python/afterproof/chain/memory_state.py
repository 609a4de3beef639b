"""What the in-memory chain consists of: the specification's state, transactions, blocks, and events."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from afterproof.errors import ChainError, SendFailed
from afterproof.protocol.header import Header
from afterproof.protocol.outcome import Env, Event
from afterproof.protocol.receipt import keccak
from afterproof.protocol.registry import Registry
from afterproof.protocol.settlement import Settlement
from afterproof.protocol.state import FaultKind

from .base import (
    AheadChanged,
    Block,
    Burned,
    ChainEvent,
    DemandExpired,
    EpochAnnounced,
    FaultProven,
    FuseBlown,
    GuardianChanged,
    LaneLeaving,
    LaneOpened,
    LaneRotated,
    Logged,
    NodeRegistered,
    NodeRevoked,
    Posted,
    PostingPaused,
    PromiseBroken,
    StakeAdded,
    StakeWithdrawn,
    TileAnswered,
    TileDemanded,
    Withdrawn,
)

Action = Callable[[Env, Settlement, Registry], list[Event]]
"""An action of the executable specification; what it raises is a revert."""

FAULT_CONTRACTS: Final[dict[FaultKind, bytes]] = {
    kind: keccak(kind.name.encode())[12:] for kind in FaultKind if kind is not FaultKind.WRONG_RESULT
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

    def apply(self, sender: bytes, value: int, now: int, action: Action) -> list[Event]:
        """What an action emits; one that raises has changed nothing."""
        if self.balances.get(sender, 0) < value:
            raise SendFailed("the account cannot pay for the transaction: send native coin to the account")
        events = action(Env(sender, now, value, self.base_fee), self.settlement, self.registry)
        self._pay(sender, -value)
        for event in events:
            if event.name == "Withdrawn":
                self._pay(event.arguments[1], event.arguments[2])
            elif event.name == "Burned":
                self._pay(BURNED_TO, event.arguments[1])
        return events

    def _pay(self, account: bytes, amount: int) -> None:
        self.balances[account] = self.balances.get(account, 0) + amount


@dataclass(frozen=True)
class Transaction:
    """A transaction; it may stand in block ``due`` or later."""

    hash: bytes
    sender: bytes
    value: int
    action: Action
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
    mined: list[Mined]

    @property
    def now(self) -> int:
        """The newest block's time."""
        return self.mined[-1].block.timestamp


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
    "NodeRegistered": lambda node, assurance, operator, starts_at, key: NodeRegistered(
        node, int(assurance), operator, starts_at, key
    ),
    "NodeRevoked": NodeRevoked,
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
}


def event_of(event: Event) -> ChainEvent:
    """The event with its fields by name; both have them in the order of the interface."""
    return EVENTS[event.name](*event.arguments)
