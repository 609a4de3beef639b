"""The roles: which steps, in which order, in one loop.

A restart at any point continues where it was: everything that matters is in the store, and each step looks before
it acts.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from .chain.base import ChainSender, LaneState
from .config import Config, RelayerConfig
from .data import Data, Directory, Fetcher
from .errors import AfterproofError, ConfigError
from .protocol.errors import ProtocolError
from .protocol.signing import Secp256k1Signer
from .steps import Context, Step
from .steps.batch import batch
from .steps.check import check
from .steps.dispute import dispute
from .steps.finalise import finalise
from .steps.post import post
from .steps.watch import watch
from .store import Store
from .store.store import Role
from .web.relayer import create_app
from .web.server import Listener, serve, stopped_by_signals

log = logging.getLogger(__name__)

ROLES: Final[Mapping[Role, tuple[Step, ...]]] = {
    "relayer": (watch, batch, post, finalise),
    "verifier": (watch, check, dispute, finalise),
}

REPEAT_AFTER: Final = 60.0
"""Seconds after which a step's lasting trouble is logged again."""


def run(steps: Sequence[Step], context: Context, stop: threading.Event, poll: float) -> None:
    """Take ``steps`` in turn until ``stop``; after a round in which none has more to do, rest ``poll`` seconds.

    A step that fails is logged and taken again in the next round; it stops no other.
    """
    troubles = {step: _Trouble(step.__name__) for step in steps}
    while not stop.is_set():
        more = False
        for step in steps:
            if stop.is_set():
                return
            more |= _take(step, context, troubles[step])
        if not more:
            stop.wait(poll)


def run_relayer(
    config: Config,
    chain: ChainSender,
    stop: threading.Event,
    steps: Sequence[Step] | None = None,
    promiser: Secp256k1Signer | None = None,
) -> None:
    """Take receipts in over HTTP and post them, until ``stop`` is set or the process is told to end.

    ``chain`` acts as the lane's poster, ``promiser`` signs its promises: without one it gives none. ``steps`` other
    than the role's are for whoever studies relayers that cheat.
    Prints one line that starts with ``relayer ready`` once it listens and knows the chain.

    Raises:
        ConfigError: no lane is set, it is not this account's to post on, or others cannot fetch from here.
        ForeignStore, StoreUnavailable: the database.
        OSError: the address cannot be listened on.
    """
    settings = config.relayer
    _check_lane(config, chain, promiser)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(Listener(settings.host, settings.port))
        store = Store.open(settings.store, chain.deployment, "relayer", exclusive=True)
        stack.callback(store.close)
        data = Data(own=Directory(settings.data_dir, settings.public_url or listener.url))
        context = Context(chain, store, config, data, promiser=promiser)
        hello = f"relayer ready: lane {context.lane} at {listener.url}, account 0x{chain.account.hex()}"
        with _looping(steps or ROLES["relayer"], context, stop, settings.poll, hello):
            serve(create_app(context), listener, stop)


def run_verifier(config: Config, chain: ChainSender, stop: threading.Event) -> None:
    """Check every batch that is posted and prove the faults, until ``stop`` is set or the process is told to end.

    ``chain`` acts as the prover. Prints one line that starts with ``verifier ready`` once it knows the chain.

    Raises:
        ForeignStore, StoreUnavailable: the database.
    """
    settings = config.verifier
    data = Data(others=Fetcher(settings.allow_private_data, settings.data_timeout))
    hello = f"verifier ready: account 0x{chain.account.hex()}"
    with contextlib.ExitStack() as stack:
        store = Store.open(settings.store, chain.deployment, "verifier", exclusive=True)
        stack.callback(store.close)
        context = Context(chain, store, config, data)
        stack.enter_context(stopped_by_signals(stop))
        with _looping(ROLES["verifier"], context, stop, settings.poll, hello):
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


@contextlib.contextmanager
def _looping(
    steps: Sequence[Step], context: Context, stop: threading.Event, poll: float, hello: str
) -> Iterator[None]:
    """Run ``steps`` in a thread; on leaving, stop it and wait until the step under way is done."""

    def greet() -> None:
        while not stop.wait(0.05):
            if context.pulse.is_fresh(context.clock()):
                print(hello, flush=True)
                return

    def loop() -> None:
        try:
            run(steps, context, stop, poll)
        finally:
            stop.set()  # a process whose loop has ended must not go on as if it had not

    threads = [threading.Thread(target=target, name=target.__name__) for target in (loop, greet)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _take(step: Step, context: Context, trouble: "_Trouble") -> bool:
    try:
        more = step(context)
    except (AfterproofError, ProtocolError) as error:
        trouble.meet(str(error))
        return False
    except Exception as error:
        trouble.meet(f"internal error, {type(error).__name__}", error)
        return False
    trouble.over()
    return more


class _Trouble:
    """What a step cannot get over: said when it begins, changes or lasts, and when it is over."""

    def __init__(self, step: str) -> None:
        self._step = step
        self._said: str | None = None
        self._said_at = 0.0

    def meet(self, sentence: str, error: Exception | None = None) -> None:
        now = time.monotonic()
        if sentence != self._said or now - self._said_at >= REPEAT_AFTER:
            log.error("%s: %s", self._step, sentence, exc_info=error)
            self._said, self._said_at = sentence, now

    def over(self) -> None:
        if self._said is not None:
            log.info("%s: works again", self._step)
            self._said = None
