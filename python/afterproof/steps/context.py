"""What every step is given."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..chain.base import ChainSender, Deployment, Sent
from ..config import Config
from ..data import Data
from ..errors import ConfigError, StoreUnavailable
from ..protocol.header import first_seq_of
from ..protocol.pace import RECENT, Pace, measure
from ..protocol.receipt import Domain
from ..protocol.signing import Secp256k1Signer
from ..running import Inline, Runner
from ..store import Store
from ..telemetry.alerts import Troubles
from ..telemetry.liveness import Liveness
from ..telemetry.metrics import Metrics
from .rolls import Rolls
from .unstored import (
    Authority,
    Drift,
    FundsWatch,
    HeartbeatWatch,
    Interval,
    LaneWatch,
    Looks,
    PaceWatch,
    Patience,
    Pulse,
    Reach,
    ReadBack,
    Rehearsal,
)

log = logging.getLogger(__name__)

MOST_DRIFT: Final = 600.0
"""Seconds between the newest block's time and the clock, at most, where the settings do not say."""

DEVELOPMENT_CHAINS: Final = frozenset({1337, 31_337})
"""Chains whose time stands still, or is moved by hand."""


@dataclass(frozen=True)
class Context:
    """A role's chain (with its account), store, data and settings. ``clock`` gives unix seconds.

    ``promiser`` signs a relayer's promises; without it none are given. ``metrics`` are the process's figures,
    ``liveness`` is its loop's. ``runner`` is what batches are judged on.
    """

    chain: ChainSender
    store: Store
    config: Config
    data: Data = field(default_factory=Data)
    clock: Callable[[], float] = time.time
    pulse: Pulse = field(default_factory=Pulse)
    promiser: Secp256k1Signer | None = None
    lane_watch: LaneWatch = field(default_factory=LaneWatch)
    heartbeat_watch: HeartbeatWatch = field(default_factory=HeartbeatWatch)
    readback: ReadBack = field(default_factory=ReadBack)
    metrics: Metrics = field(default_factory=Metrics)
    liveness: Liveness = field(default_factory=Liveness)
    troubles: Troubles = field(default_factory=Troubles)
    pace_watch: PaceWatch = field(default_factory=PaceWatch)
    funds_watch: FundsWatch = field(default_factory=FundsWatch)
    rolls: Rolls = field(default_factory=Rolls)
    reach: Reach = field(default_factory=Reach)
    drift: Drift = field(default_factory=Drift)
    rehearsal: Rehearsal = field(default_factory=Rehearsal)
    looks: Looks = field(default_factory=Looks)
    patience: Patience = field(default_factory=Patience)
    tidying: Interval = field(default_factory=Interval)
    root_watch: Interval = field(default_factory=Interval)
    runner: Runner = field(default_factory=Inline)
    accounting: Interval = field(default_factory=Interval)
    withdrawing: Interval = field(default_factory=Interval)

    def __post_init__(self) -> None:
        """Have what the account sends kept in the store, whoever has it sent."""
        self.chain.tell(self._keep)

    def _keep(self, sent: Sent) -> None:
        try:
            self.store.spending.note(sent, self.now)
        except StoreUnavailable as error:
            # What it is for matters more than what it costs.
            log.error("what transaction 0x%s costs is not kept: %s", sent.tx_hash.hex(), error)

    @property
    def now(self) -> int:
        """The clock's time in whole seconds; where it and the chain are not to be gone by together, the chain's.

        What is put off by a clock that is ahead would stay put off for as long once it is right.
        """
        return int(self.clock() + (self.drift.ahead if self.adrift else 0))

    @property
    def adrift(self) -> str:
        """Why clock and chain are not to be gone by together, so that nobody is said to withhold anything; empty: they
        are."""
        settings = self.config.verifier
        if self.store.role != "verifier":
            return ""
        if settings.max_drift is None and self.deployment.chain_id in DEVELOPMENT_CHAINS:
            return ""
        return self.drift.trouble(MOST_DRIFT if settings.max_drift is None else settings.max_drift)

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be sent, and what would be is only said."""
        return self.store.role == "verifier" and self.config.verifier.dry_run

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

    def pace(self) -> Pace:
        """How long posting takes here now, and what comes before a receipt that is handed in now."""
        settings, batches, now = self.config.relayer, self.store.batches, self.chain_now
        epoch = self.store.registry.epoch_at(now)
        longest = epoch.terms.max_promise_delay if epoch is not None else 0
        unposted, since = batches.waiting(self.lane)
        landings = batches.landings(self.lane, RECENT)
        closing = self.pace_watch.closing
        if since is None:
            since = closing[1] if closing is not None else now
        elif landings:
            since = max(since, landings[-1].landed_at)
        last = batches.last_closed(self.lane)
        open_from = first_seq_of(last.id) + last.count if last is not None else 0
        return Pace(
            least=max(settings.promise_margin, 2 * settings.poll),
            poll=settings.poll,
            measured=measure(landings, now, longest),
            under_way=max(0, now - since),
            unposted=unposted,
            full=max(0, self.store.receipts.next_seq(self.lane) - open_from) // settings.max_batch,
        )

    def pace_lately(self) -> Pace:
        """The same, as it was found less than a second ago: for what is asked often."""
        clock = self.clock()
        return self.pace_watch.lately(clock) or self.pace_watch.keep(clock, self.pace())

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


def seconds_left(context: Context) -> dict[str, int]:
    """For each kind of action that waits, the seconds until its nearest deadline; below zero: it has passed."""
    store, verifier, now = context.store, context.config.verifier, context.chain_now
    if store.role == "relayer":
        times = store.pending.of_relayer(context.lane)
        due = store.promises.earliest_due(context.lane, store.measures.posted_until(context.lane))
        times |= {"post": due} if due is not None else {}
    else:
        times = store.pending.of_verifier(now, verifier.demand, verifier.challenge_false)
    return {action: time - now for action, time in times.items()}


Step = Callable[[Context], bool]
"""One verb of a role's loop; True: there is more to do at once."""
