"""Serving an application until told to stop: the listening socket first, uvicorn on it, signals in peace."""

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final, Self

import uvicorn
from starlette.applications import Starlette

from .bounded import BoundedConfig, Bounds

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
GRACE: Final = 10
"""Seconds that requests under way may take once the server is told to stop."""


class Listener:
    """A listening socket at ``host`` and ``port`` (0: any free one), known before anything is served on it.

    Raises:
        OSError: the address cannot be listened on.
    """

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, port), family=family, backlog=1024)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def serve(
    app: Starlette,
    listener: Listener,
    stop: threading.Event,
    bounds: Bounds | None = None,
    proxies: str | None = None,
) -> None:
    """Serve ``app`` until ``stop`` is set or SIGINT or SIGTERM comes; then finish what is under way.

    ``proxies``, addresses and networks with commas between, are believed when they say who asks (X-Forwarded-For).
    """
    # Below errors uvicorn only complains of what strangers send.
    config = BoundedConfig(
        app, bounds or Bounds(), log_config=None, log_level="error", access_log=False, server_header=False,
        lifespan="off", timeout_graceful_shutdown=GRACE, proxy_headers=proxies is not None,
        forwarded_allow_ips=proxies or [],
    )  # fmt: skip
    _Server(config, stop).run(sockets=[listener.socket])


@contextlib.contextmanager
def served_beside(
    app: Starlette, listener: Listener, stop: threading.Event, proxies: str | None = None
) -> Iterator[None]:
    """:func:`serve` in a thread beside what is done within; afterwards ``stop`` is set, and it has ended."""
    thread = threading.Thread(target=serve, args=(app, listener, stop, None, proxies), name="serve")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set ``stop``. Outside the main thread, where Python hears none, nothing is changed."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: list[Any] = [signal.signal(number, handle) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    """Uvicorn that ends when ``stop`` is set, and by signals only through it.

    Uvicorn raises a signal again once it has shut down, and the process would end as if killed.
    """

    def __init__(self, config: uvicorn.Config, stop: threading.Event) -> None:
        super().__init__(config)
        self._stop = stop

    async def on_tick(self, counter: int) -> bool:
        self.should_exit = self.should_exit or self._stop.is_set()
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with stopped_by_signals(self._stop):
            yield
