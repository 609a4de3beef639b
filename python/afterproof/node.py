"""The roles: which steps, in which order, in one loop.

A restart at any point continues where it was: everything that matters is in the store, and each step looks before
it acts.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from .chain.base import ChainSender, LaneState
from .collecting import collecting_rarely
from .compiling import compiling
from .config import Config, RelayerConfig
from .data import Archive, Data, Fetcher
from .data.choice import publisher
from .errors import AfterproofError, ConfigError
from .protocol.errors import ProtocolError
from .protocol.signing import Secp256k1Signer
from .running import runner
from .steps import Context, Step
from .steps.account import account
from .steps.alarm import Alarm
from .steps.answer import answer
from .steps.attest import attest
from .steps.batch import batch
from .steps.beat import beat
from .steps.check import check
from .steps.claim import claim
from .steps.compare import compare
from .steps.demand import demand
from .steps.dispute import dispute
from .steps.finalise import finalise
from .steps.funds import funds
from .steps.measure import Meter
from .steps.post import post
from .steps.tidy import tidy
from .steps.watch import glance, watch
from .steps.withdraw import withdraw
from .store import Store
from .store.store import Role
from .telemetry.alerts import Board
from .telemetry.metrics import Metrics
from .telemetry.webhook import Courier, Webhook
from .web.bounded import Bounds
from .web.intake_queue import IntakeQueue
from .web.operations import create_operations_app
from .web.relayer import create_app
from .web.server import Listener, serve, served_beside, stopped_by_signals
from .web.verifier import create_verifier_app

log = logging.getLogger(__name__)
Result = TypeVar("Result")

ROLES: Final[Mapping[Role, tuple[Step, ...]]] = {
    "relayer": (watch, batch, post, answer, beat, finalise, funds),
    "verifier": (
        watch,
        check,
        compare,
        dispute,
        demand,
        answer,
        claim,
        attest,
        finalise,
        account,
        funds,
        withdraw,
        tidy,
    ),
}

SHARED: Final[Mapping[Role, frozenset[Step]]] = {
    "relayer": frozenset({watch}),
    "verifier": frozenset({check, tidy}),
}
"""Steps that every process of a role takes where several share a store; the others are for the one that leads."""

IN_PLACE_OF: Final[Mapping[Step, Step]] = {watch: glance}
"""What a process that does not lead takes in place of a step."""

REPEAT_AFTER: Final = 60.0
"""Seconds after which a step's lasting trouble is logged again."""

MEASURE: Final = 2.0
"""Seconds between two looks at the levels that metrics show."""


def run(steps: Sequence[Step], context: Context, stop: threading.Event, poll: float) -> None:
    """Take ``steps`` in turn until ``stop``; after a round in which none has more to do, rest ``poll`` seconds.

    A step that fails is logged and taken again in the next round; it stops no other. Where several processes share the
    store, those of its steps that only one may take are taken by the one that leads, and by another when that ends.
    """
    seat = _Seat(context)
    context.chain.guard(seat.check)
    troubles = {step: _Trouble(step.__name__) for step in steps}
    while not stop.is_set():
        context.metrics.process.round_at.set_to_current_time()
        more = False
        for step in steps:
            if stop.is_set():
                return
            more |= _take(step, context, seat, troubles[step])
        if not more:
            context.liveness.rest(poll)
            stop.wait(poll)


def run_relayer(
    config: Config,
    chain: ChainSender,
    stop: threading.Event,
    steps: Sequence[Step] | None = None,
    promiser: Secp256k1Signer | None = None,
    metrics: Metrics | None = None,
) -> None:
    """Take receipts in over HTTP and post them, until ``stop`` is set or the process is told to end.

    ``chain`` acts as the lane's poster, ``promiser`` signs its promises: without one it gives none. ``steps`` other
    than the role's are for whoever studies relayers that cheat. ``metrics`` are the process's figures so far.
    Prints one line that starts with ``relayer ready`` once it listens and knows the chain.

    Raises:
        ConfigError: no lane is set, it is not this account's to post on, or others cannot fetch from here.
        ForeignStore, StoreUnavailable: the database.
        OSError: the address cannot be listened on.
    """
    settings = config.relayer
    _check_lane(config, chain, promiser)
    with contextlib.ExitStack() as stack:
        stack.enter_context(stopped_by_signals(stop))  # from now on: the server hears them only once it is up
        listener = stack.enter_context(Listener(settings.host, settings.port))
        store = Store.open(settings.store, chain.deployment, "relayer", exclusive=True)
        stack.callback(store.close)
        data = Data(own=publisher(settings, settings.public_url or listener.url))
        metrics = metrics or Metrics("relayer")
        store.tell_commits(metrics.process.on_commit)
        context = Context(chain, store, config, data, promiser=promiser, metrics=metrics)
        stack.enter_context(compiling(settings.max_batch))
        queue = IntakeQueue(context)
        app = create_app(context, queue)
        bounds = Bounds(settings.connections, settings.request_timeout, settings.keep_alive)
        hello = f"relayer ready: lane {context.lane} at {listener.url}, account 0x{chain.account.hex()}"
        with (
            _apart(context, stop),
            _looping(steps or ROLES["relayer"], context, stop, settings.poll, hello),
            queue,
            collecting_rarely(),
        ):
            serve(app, listener, stop, bounds, settings.proxies)


def run_verifier(
    config: Config, chain: ChainSender, stop: threading.Event, metrics: Metrics | None = None
) -> None:
    """Check every batch and attestation that is posted, prove the faults, challenge what no document proves.

    Runs until ``stop`` is set or the process is told to end; batches are judged on the runner that the settings choose.

    ``chain`` acts as the prover. Prints one line that starts with ``verifier ready`` once it knows the chain.

    Raises:
        ConfigError: what the settings choose to judge on is not there.
        ForeignStore, StoreUnavailable: the database; or others act on it from another account.
    """
    settings = config.verifier
    data = Data(
        others=Fetcher(settings.allow_private_data, settings.data_timeout), archive=Archive(settings.archive)
    )
    hello = f"verifier ready: account 0x{chain.account.hex()}"
    if settings.dry_run:
        hello = "verifier ready: a dry run, nothing is sent"
    with contextlib.ExitStack() as stack:
        store = Store.open(settings.store, chain.deployment, "verifier", exclusive=True)
        stack.callback(store.close)
        store.act_from(None if settings.dry_run else chain.account)
        metrics = metrics or Metrics("verifier")
        store.tell_commits(metrics.process.on_commit)
        # Before signals are ours: Ray has an opinion of its own on them.
        judges = stack.enter_context(runner(settings.engine, settings.workers, settings.ray_address, stop))
        context = Context(chain, store, config, data, metrics=metrics, runner=judges)
        stack.enter_context(stopped_by_signals(stop))
        with (
            _public(context, stop),
            _apart(context, stop),
            _looping(ROLES["verifier"], context, stop, settings.poll, hello),
        ):
            while not stop.wait(0.5):  # waits are short: signals are only heard between them
                pass


def _check_lane(config: Config, chain: ChainSender, promiser: Secp256k1Signer | None) -> None:
    settings = config.relayer
    if settings.lane is None:
        raise ConfigError("relayer.lane is missing: open a lane and set its number")
    lane = chain.lane(settings.lane)
    if lane is None:
        raise ConfigError(f"relayer.lane: there is no lane {settings.lane} on this chain")
    if lane.poster != chain.account:
        raise ConfigError(
            f"relayer.lane: lane {settings.lane} is posted on by 0x{lane.poster.hex()}, "
            f"but the account is 0x{chain.account.hex()}"
        )
    if lane.ahead and promiser is not None:
        _check_promises(settings, chain, lane, promiser)
    if settings.public_url is None and settings.host in ("0.0.0.0", "::"):
        raise ConfigError(f"relayer.public_url must be set: nobody can fetch batches from {settings.host}")


def _check_promises(
    settings: RelayerConfig, chain: ChainSender, lane: LaneState, promiser: Secp256k1Signer
) -> None:
    """A lane with ``ahead`` promises: by the right key, and with time left to post."""
    assert settings.lane is not None
    # After a rotation the key may be that of the first numbers, or already that of the last.
    keys = [
        chain.promise_key_of(settings.lane, seq) for seq in (lane.next_seq, lane.next_seq + lane.ahead - 1)
    ]
    if promiser.address not in keys:
        raise ConfigError(
            f"relayer.promise_keystore: promises of lane {settings.lane} are signed by 0x{keys[0].hex()}, "
            f"but the promise key here is 0x{promiser.address.hex()}"
        )
    longest = chain.terms(chain.current_epoch()).max_promise_delay
    if settings.promise_margin >= longest:
        raise ConfigError(
            f"relayer.promise_margin must be below the {longest} seconds that a promise may last on this chain"
        )
    if 2 * settings.poll >= longest:
        raise ConfigError(
            f"relayer.poll must be below half of the {longest} seconds that a promise may last on this chain"
        )


@contextlib.contextmanager
def _apart(context: Context, stop: threading.Event) -> Iterator[None]:
    """Serve metrics, health and readiness on an address of their own, where the settings name one."""
    config, role = context.config, context.store.role
    settings = config.relayer if role == "relayer" else config.verifier
    if settings.metrics_port is None:
        yield
        return
    with (
        Listener(settings.metrics_host, settings.metrics_port) as listener,
        served_beside(create_operations_app(context), listener, stop),
    ):
        log.info("metrics are at %s/metrics", listener.url)
        yield


@contextlib.contextmanager
def _public(context: Context, stop: threading.Event) -> Iterator[None]:
    """Serve what a verifier does for others, where the settings name a port for that."""
    settings = context.config.verifier
    if settings.port is None:
        yield
        return
    with (
        Listener(settings.host, settings.port) as listener,
        served_beside(create_verifier_app(context), listener, stop, settings.proxies),
    ):
        log.info("promises are taken at %s/v1/watch", listener.url)
        yield


@contextlib.contextmanager
def _looping(
    steps: Sequence[Step], context: Context, stop: threading.Event, poll: float, hello: str
) -> Iterator[None]:
    """Run ``steps`` in a thread, measure and watch for what is an alert in another, and have alerts delivered in a
    third; on leaving, stop them and wait for the step under way."""
    meter, settings = Meter(context), context.config.alerts
    board = Board(settings.repeat)
    alarm = Alarm(context, board)

    def deliver() -> None:
        if settings.webhook is not None:
            webhook = Webhook(settings.webhook, settings.timeout, context.store.role)
            Courier(board, webhook, context.metrics.pressing, alarm.told, context.clock).run(stop)

    def greet() -> None:
        while not stop.wait(0.05):
            if context.pulse.is_fresh(context.clock()):
                print(hello, flush=True)
                return

    def loop() -> None:
        try:
            run(steps, context, stop, poll)
        finally:
            context.liveness.end("its loop has ended")
            stop.set()  # a process whose loop has ended must not go on as if it had not

    def measure() -> None:
        reads = meter.read_store, meter.read_chain, alarm.look
        troubles = _Trouble("measure"), _Trouble("measure"), _Trouble("alarm")
        while not stop.wait(min(MEASURE, poll)):
            for read, trouble in zip(reads, troubles, strict=True):
                _watched(read, trouble)

    threads = [
        threading.Thread(target=target, name=target.__name__) for target in (loop, greet, measure, deliver)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _take(step: Step, context: Context, seat: "_Seat", trouble: "_Trouble") -> bool:
    name, process = step.__name__, context.metrics.process
    context.liveness.take(name)
    with process.steps.labels(name).time():
        more = _watched(lambda: seat.take(step, context), trouble)
    if more is None:
        process.step_failures.labels(name).inc()
        context.troubles.meet(name, trouble.sentence, context.clock())
    else:
        context.troubles.over(name)
    return bool(more)


def _watched(what: Callable[[], Result], trouble: "_Trouble") -> Result | None:
    """What it answers; None: it failed, and that was said."""
    try:
        answer = what()
    except (AfterproofError, ProtocolError) as error:
        trouble.meet(str(error))
        return None
    except Exception as error:
        trouble.meet(f"internal error, {type(error).__name__}", error)
        return None
    trouble.over()
    return answer


class _Seat:
    """Whether this process leads, and says so when that begins or ends. Asked anew before every step.

    What a step of the one that leads writes or sends is written and sent only while it still does.
    """

    def __init__(self, context: Context) -> None:
        self._store, self._process = context.store, context.metrics.process
        self._lane = context.config.relayer.lane if context.store.role == "relayer" else None
        self._what = context.store.role + (f" of lane {self._lane}" if self._lane is not None else "")
        self._leads = True

    def check(self) -> None:
        """That it still leads: to be asked just before it sends.

        Raises:
            NotLeading: it does not.
        """
        self._store.check_lead(self._lane)

    def take(self, step: Step, context: Context) -> bool:
        if step in SHARED[self._store.role]:
            return step(context)
        if self._leads_now():
            with self._store.leading(self._lane):
                return step(context)
        return step in IN_PLACE_OF and IN_PLACE_OF[step](context)

    def _leads_now(self) -> bool:
        leads = self._store.leads(self._lane)
        if leads != self._leads:
            log.info(
                "this process acts as the %s"
                if leads
                else "another process acts as the %s: waiting for its end",
                self._what,
            )
            self._leads = leads
        self._process.lead(leads)
        return leads


class _Trouble:
    """What a step cannot get over: said when it begins, changes or lasts, and when it is over."""

    def __init__(self, step: str) -> None:
        self._step = step
        self._said: str | None = None
        self._said_at = 0.0

    @property
    def sentence(self) -> str:
        """What it is; empty: nothing."""
        return self._said or ""

    def meet(self, sentence: str, error: Exception | None = None) -> None:
        now = time.monotonic()
        if sentence != self._said or now - self._said_at >= REPEAT_AFTER:
            fields = {"step": self._step, "error": sentence}
            log.error("%s: %s", self._step, sentence, exc_info=error, extra=fields)
            self._said, self._said_at = sentence, now

    def over(self) -> None:
        if self._said is not None:
            log.info("%s: works again", self._step, extra={"step": self._step})
            self._said = None
