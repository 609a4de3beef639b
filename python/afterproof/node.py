"""The relayer and the verifier, each from what it is given to its end: what they serve, and the loop beside it."""

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence

from .chain.base import ChainSender, LaneState
from .collecting import collecting_rarely
from .compiling import compiling
from .config import Config, RelayerConfig
from .data import Archive, Data, Fetcher
from .data.choice import publisher
from .errors import ConfigError
from .loop import looping
from .protocol.signing import Secp256k1Signer
from .roles import ROLES
from .running import runner
from .steps import Context, Step
from .store import Store
from .telemetry.metrics import Metrics
from .web.bounded import Bounds
from .web.intake_queue import IntakeQueue
from .web.operations import create_operations_app
from .web.relayer import create_app
from .web.server import Listener, serve, served_beside, stopped_by_signals
from .web.verifier import create_verifier_app

log = logging.getLogger(__name__)


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
            looping(steps or ROLES["relayer"], context, stop, settings.poll, hello),
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
            looping(ROLES["verifier"], context, stop, settings.poll, hello),
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
