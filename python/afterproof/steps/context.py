"""What every step is given."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..chain.base import ChainSender, Deployment
from ..config import Config
from ..data import Data
from ..errors import ConfigError
from ..protocol.receipt import Domain
from ..protocol.signing import Secp256k1Signer
from ..store import Store

STALE: Final = 180.0
"""Seconds after which what is known of the chain is too old to judge newcomers by; longer than a post takes."""


class Pulse:
    """When the chain was last followed to its head. Not stored: a restarted process knows nothing until it looks."""

    def __init__(self) -> None:
        self._at: float | None = None

    def beat(self, now: float) -> None:
        """The store knows the chain up to its head."""
        self._at = now

    def is_fresh(self, now: float) -> bool:
        """Whether that was a moment ago."""
        return self._at is not None and now - self._at <= STALE


@dataclass(frozen=True, slots=True)
class Authority:
    """What a lane may promise: numbers below ``limit``, those below ``signed_until`` under this relayer's key.

    Neither limit ever falls, so what was read a while ago promises too little at worst. ``last_due``: a promise due
    later does not bind the lane, because it leaves. ``obstacle``: why nothing can be posted on the lane from here any
    more, as a sentence; empty: nothing is in the way.
    """

    ahead: int = 0
    limit: int = 0
    signed_until: int = 0
    last_due: int | None = None
    obstacle: str = ""


class LaneWatch:
    """What the chain said of this relayer's lane when it was last followed to its head. Not stored."""

    def __init__(self) -> None:
        self.authority: Authority | None = None


@dataclass(frozen=True)
class Context:
    """A role's chain (with its account), store, data and settings. ``clock`` gives unix seconds.

    ``promiser`` signs a relayer's promises; without it none are given.
    """

    chain: ChainSender
    store: Store
    config: Config
    data: Data = field(default_factory=Data)
    clock: Callable[[], float] = time.time
    pulse: Pulse = field(default_factory=Pulse)
    promiser: Secp256k1Signer | None = None
    lane_watch: LaneWatch = field(default_factory=LaneWatch)

    @property
    def now(self) -> int:
        """The clock's time in whole seconds."""
        return int(self.clock())

    @property
    def deployment(self) -> Deployment:
        """Which contracts on which chain."""
        return self.chain.deployment

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of receipts."""
        return Domain(self.deployment.chain_id, self.deployment.registry)

    @property
    def authority(self) -> Authority:
        """What the lane may promise, as far as it is known: nothing before the first look."""
        return self.lane_watch.authority or Authority()

    @property
    def chain_now(self) -> int:
        """About now, by the later of the clock and the chain: a node that registered just now has started."""
        cursor = self.store.chain.cursor()
        return max(self.now, cursor.timestamp if cursor is not None else 0)

    @property
    def promise_domain(self) -> Domain:
        """The EIP-712 domain of promises."""
        return Domain(self.deployment.chain_id, self.deployment.settlement)

    @property
    def lane(self) -> int:
        """The lane that this relayer posts on.

        Raises:
            ConfigError: none is set.
        """
        lane = self.config.relayer.lane
        if lane is None:
            raise ConfigError("relayer.lane is missing: open a lane and set its number")
        return lane


Step = Callable[[Context], bool]
"""One verb of a role's loop; True: there is more to do at once."""
