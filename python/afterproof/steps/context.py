"""What every step is given."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from ..chain.base import Block, ChainSender, Deployment
from ..config import Config
from ..data import Data
from ..data.tiles import Wanted, is_had
from ..errors import ConfigError, DataUnavailable
from ..protocol.attestations import NodeRecord
from ..protocol.closing import Fees
from ..protocol.funds import Funds, Short
from ..protocol.header import BatchId, first_seq_of
from ..protocol.heartbeat_terms import HeartbeatTerms
from ..protocol.pace import RECENT, Pace, measure
from ..protocol.receipt import Domain
from ..protocol.signing import Secp256k1Signer
from ..running import Inline, Runner
from ..store import Store
from ..store.registry import EpochRecord, Registry
from ..telemetry.liveness import Liveness
from ..telemetry.metrics import Metrics

log = logging.getLogger(__name__)

STALE: Final = 180.0
"""Seconds after which what is known of the chain is too old to judge newcomers by; longer than a post takes."""

LONGEST_BACKOFF: Final = 60
"""Seconds between two attempts, at most."""


NO_SIGN: Final = "this machine's own network gives no sign that it works"
"""Why nobody is accused of withholding anything."""

PROBED: Final = 2**20
"""Bytes that may be read of the address that tells whether the network works."""

PROBED_BATCHES: Final = 3
"""Batches that are fetched again for such a sign, at most."""


def backoff(failures: int) -> int:
    """Seconds until the next attempt after that many have failed, from 1 on: each twice the last, up to a minute."""
    return min(1 << min(failures - 1, 16), LONGEST_BACKOFF)


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


class Reach:
    """When a verifier last had from the web what it can tell to be right: its own network worked then. Not stored."""

    def __init__(self) -> None:
        self._at: int | None = None

    def found(self, now: int) -> None:
        """It has just had it."""
        self._at = now if self._at is None else max(now, self._at)

    def has_worked_since(self, time: int) -> bool:
        """Whether that was at a time or later."""
        return self._at is not None and self._at >= time


class Interval:
    """Has something done now and then. Not stored: a restarted process does it at once."""

    def __init__(self) -> None:
        self._next_at = 0

    def is_due(self, now: int, every: int) -> bool:
        """Whether it is to be done at ``now``; then not before ``every`` seconds have passed."""
        if now < self._next_at:
            return False
        self._next_at = now + every
        return True


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
    """What the chain said of this relayer's lane when it was last followed to its head, ``at`` a block. Not stored."""

    def __init__(self) -> None:
        self.authority: Authority | None = None
        self.at: Block | None = None


class PaceWatch:
    """What a relayer found of how fast it posts, and since when it tries to close the batch that starts at a number.

    Not stored: it follows from the store, but for what keeps failing at this moment.
    """

    def __init__(self) -> None:
        self.fees = Fees()
        self.closing: tuple[int, int] | None = None
        self.said = ""
        self._found: tuple[float, Pace] | None = None

    def keep(self, now: float, pace: Pace) -> Pace:
        """It was that at a time."""
        self._found = now, pace
        return pace

    def lately(self, now: float) -> Pace | None:
        """What was found less than a second ago, if anything was."""
        found = self._found
        return found[1] if found is not None and 0 <= now - found[0] < 1 else None


class FundsWatch:
    """What there was of funds and cover when they were last looked at, what to warn of, and what was said when."""

    def __init__(self) -> None:
        self.found: Funds | None = None
        self.warnings: dict[Short, str] = {}
        self.said: dict[Short, float] = {}
        self._at: float | None = None

    def is_wanted(self, now: float, every: float) -> bool:
        """Whether it is time to look again."""
        return self._at is None or not 0 <= now - self._at < every

    def keep(self, now: float, found: Funds, warnings: dict[Short, str]) -> None:
        """It was that at a time."""
        self._at, self.found, self.warnings = now, found, warnings

    def to_say(self, now: float, every: float) -> list[tuple[Short, str]]:
        """The warnings that are new, or were said long ago."""
        return [
            (what, sentence)
            for what, sentence in self.warnings.items()
            if what not in self.said or now - self.said[what] >= every
        ]


class Roll:
    """What the store had of epochs and nodes when the chain was followed to ``cursor``, so as not to ask again.

    All of it changes only in commits that move the cursor. Not stored; a new one where the cursor is another.
    """

    MOST: Final = 4096
    """Nodes that are kept at most."""

    def __init__(self, cursor: Block | None = None) -> None:
        self.cursor = cursor
        self.has_grown = False
        self._nodes: dict[bytes, NodeRecord | None] = {}
        self._epoch: tuple[int, EpochRecord | None] = (-1, None)

    def epoch_at(self, registry: Registry, time: int) -> EpochRecord | None:
        """:meth:`Registry.epoch_at`."""
        if self._epoch[0] != time:
            self._epoch = (time, registry.epoch_at(time))
            self.has_grown = True
        return self._epoch[1]

    def node(self, registry: Registry, name: bytes, as_of: int) -> NodeRecord | None:
        """A node's record at ``as_of``, without attestations that were over before."""
        found = self._nodes.get(name)
        if name not in self._nodes or (found is not None and as_of < found.as_of):
            if len(self._nodes) >= self.MOST:
                self._nodes.clear()
            found = self._nodes[name] = registry.node(name, as_of, since=as_of)
            self.has_grown = True
        return found if found is None or found.as_of == as_of else replace(found, as_of=as_of)


class Rolls:
    """The last :class:`Roll`."""

    def __init__(self) -> None:
        self._last = Roll()

    def at(self, cursor: Block | None) -> Roll:
        """The roll of a cursor that was just read."""
        if cursor is None or cursor != self._last.cursor:
            self._last = Roll(cursor)
        return self._last

    def check(self, roll: Roll, cursor: Block | None) -> None:
        """What a roll was extended by was read while the cursor stood; where it has moved since, begin anew."""
        if roll.has_grown and cursor != roll.cursor and self._last is roll:
            self._last = Roll()
        roll.has_grown = False


class HeartbeatWatch:
    """What a reporter knows of ``Heartbeats``: its terms, which never change, and how far it looked for challenges."""

    def __init__(self) -> None:
        self.terms: HeartbeatTerms | None = None
        self.looked_until: tuple[int, bytes] = (-1, b"")


class ReadBack:
    """Which batch's data was read back as it should be, and how often the next one's was not. Not stored."""

    def __init__(self) -> None:
        self.confirmed: tuple[BatchId, bytes] | None = None
        self.why = ""
        self._failing: BatchId | None = None
        self.failures = 0
        self._again_at = 0

    def is_waiting(self, batch: BatchId, now: int) -> bool:
        """Whether it failed a moment ago, ``why``, and is to be left alone for a while."""
        return batch == self._failing and now < self._again_at

    def fail(self, batch: BatchId, now: int, why: str, most: int = LONGEST_BACKOFF) -> int:
        """It failed; the seconds until it is tried again, at most ``most``."""
        self.failures = self.failures + 1 if batch == self._failing else 1
        self._failing, self.why = batch, why
        wait = min(backoff(self.failures), most)
        self._again_at = now + wait
        return wait


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
    pace_watch: PaceWatch = field(default_factory=PaceWatch)
    funds_watch: FundsWatch = field(default_factory=FundsWatch)
    rolls: Rolls = field(default_factory=Rolls)
    reach: Reach = field(default_factory=Reach)
    tidying: Interval = field(default_factory=Interval)
    root_watch: Interval = field(default_factory=Interval)
    runner: Runner = field(default_factory=Inline)

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


def has_sign_of_network(context: Context, since: int, besides: BatchId | None = None) -> bool:
    """Whether something that can be told to be right could be had from the web since a time, or can be now.

    Looked for where it was not: at the probe of the settings, and at batches that could be had before, but for one.
    """
    if context.reach.has_worked_since(since):
        return True
    now, others = context.chain_now, context.data.others
    probe = context.config.verifier.probe
    if probe is not None:
        try:
            others.fetch(probe, PROBED)
        except DataUnavailable as error:
            log.error("the network's probe does not answer: %s", error)
        else:
            context.reach.found(now)
            return True
    for posted in context.store.batches.newest_checked(PROBED_BATCHES, besides):
        wanted = Wanted(posted.id, posted.header, posted.tile_roots, frozenset(), (posted.data_uri,))
        if is_had(context.data, wanted):
            context.reach.found(now)
            return True
    return False


Step = Callable[[Context], bool]
"""One verb of a role's loop; True: there is more to do at once."""
