"""What every step is given."""

import logging
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field, replace
from typing import Final

from ..chain.base import Block, ChainSender, Deployment, Sent
from ..config import Config
from ..data import Data
from ..data.tiles import Wanted, is_had
from ..errors import ConfigError, DataUnavailable, StoreUnavailable
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
from ..telemetry.alerts import Troubles
from ..telemetry.liveness import Liveness
from ..telemetry.metrics import Metrics

log = logging.getLogger(__name__)

STALE: Final = 180.0
"""Seconds after which what is known of the chain is too old to judge newcomers by; longer than a post takes."""

LONGEST_BACKOFF: Final = 60
"""Seconds between two attempts, at most."""


NO_SIGN: Final = "this machine's own network gives no sign that it works"
"""Why nobody is accused of withholding anything."""

MOST_DRIFT: Final = 600.0
"""Seconds between the newest block's time and the clock, at most, where the settings do not say."""

DEVELOPMENT_CHAINS: Final = frozenset({1337, 31_337})
"""Chains whose time stands still, or is moved by hand."""

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
        self.knows_contracts = False
        """Whether the contracts were found to be those that this version of the program knows."""
        self._wanted: int | None = None

    def beat(self, now: float) -> None:
        """The store knows the chain up to its head."""
        self._at = now

    def seen(self, head: int, cursor: int | None, now: float) -> None:
        """The chain was at block ``head`` and the store at ``cursor``, to which another process brings it.

        It is a pulse where the store has come to where the chain was at the last look.
        """
        if cursor is not None and self._wanted is not None and cursor >= min(self._wanted, head):
            self.beat(now)
        self._wanted = head

    def is_fresh(self, now: float) -> bool:
        """Whether that was a moment ago."""
        return self._at is not None and now - self._at <= STALE


class Drift:
    """How far the newest block's time is from this machine's clock. Not stored."""

    def __init__(self) -> None:
        self.ahead: float = 0.0
        """By how many seconds the newest block's time is ahead of the clock."""
        self._said_at: float | None = None

    def note(self, block_time: int, clock: float) -> None:
        """The newest block had that time just now."""
        self.ahead = block_time - clock

    def trouble(self, most: float) -> str:
        """What is wrong where that is more than ``most`` seconds, as a sentence; empty: nothing."""
        if abs(self.ahead) <= most:
            return ""
        if self.ahead > 0:
            return "this machine's clock is far behind the newest block's time"
        return "the newest block is old by this machine's clock: the node is behind, or the clock ahead"

    def is_to_be_said(self, now: float, every: float) -> bool:
        """Whether that was not said lately; it is said now, then."""
        if self._said_at is not None and 0 <= now - self._said_at < every:
            return False
        self._said_at = now
        return True

    def is_over(self) -> bool:
        """Whether there is no more trouble of which something was said."""
        was_said, self._said_at = self._said_at is not None, None
        return was_said


class Looks:
    """When this very process last looked for a batch, whatever it found. Not stored.

    Where several share a store, another's network may be at fault for what it could not have.
    """

    MOST: Final = 4096
    """Batches that are remembered: one that is forgotten is looked for once more."""

    def __init__(self) -> None:
        self._at: dict[BatchId, int] = {}

    def add(self, batch: BatchId, now: int) -> None:
        """It was looked for."""
        self._at.pop(batch, None)
        self._at[batch] = now
        if len(self._at) > self.MOST:
            self._at.pop(next(iter(self._at)))

    def at(self, batch: BatchId) -> int | None:
        """When it was; None: it was not."""
        return self._at.get(batch)


class Patience:
    """Since when a batch that is due is found to be another process's to judge. Not stored.

    A process that has died lets go of what it had claimed; one that hangs does not. Two that judge one batch do no
    harm: the second finds it judged.
    """

    MOST: Final = 900.0
    """Seconds until it is judged here all the same."""

    def __init__(self) -> None:
        self._since: dict[BatchId, float] = {}

    def is_over(self, batch: BatchId, now: float) -> bool:
        """Whether a batch has been another's for too long."""
        return now - self._since.setdefault(batch, now) > self.MOST

    def keep(self, batches: Collection[BatchId]) -> None:
        """No other batches are waited for."""
        self._since = {batch: since for batch, since in self._since.items() if batch in batches}


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


class Rehearsal:
    """What a dry run has said it would have done. Not stored: a restarted process says it once more."""

    def __init__(self) -> None:
        self._said: set[tuple[str, Hashable]] = set()

    def has(self, action: str, about: Hashable) -> bool:
        """Whether it was said."""
        return (action, about) in self._said

    def add(self, action: str, about: Hashable) -> None:
        """It is said now."""
        self._said.add((action, about))

    def count(self, action: str) -> int:
        """How many such things were said."""
        return sum(kind == action for kind, _ in self._said)


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
