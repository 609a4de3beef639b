"""HTTP with bounds: what one connection may cost, in bytes and in seconds, and how many there may be.

Uvicorn's protocol waits for ever: for a first request, for the rest of a head or a body, and for a client that takes
its answer. It keeps no limit on the length of a head either. Here every wait ends, and what goes beyond is answered
where an answer can still be read: 400, 408, 431 or 503, in the API's form, and the end of the connection.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .errors import error_of

MAX_HEAD: Final = 2**20 + 2**16
"""Bytes of a request's line and headers: one header may have a MiB, as gateways' x-settlement-data may."""

MAX_HEADERS: Final = 128
MAX_PIPELINED: Final = 16
"""Requests that a client may send before it has the answer to its first."""

BUSY_AGAIN_AFTER: Final = 2
LEAST_TAKEN: Final = 2**14
"""Bytes of an answer that a client takes in ``request_timeout`` at least: half a kilobyte a second by default."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """``connections`` at once; seconds that sending a request or taking a piece of an answer, or resting, may last."""

    connections: int = 256
    request_timeout: float = 30.0
    keep_alive: int = 15


class BoundedConfig(uvicorn.Config):
    """Uvicorn's settings, and the bounds of each connection."""

    def __init__(self, app: Any, bounds: Bounds, **settings: Any) -> None:
        super().__init__(
            app, http=BoundedHttp, ws="none", timeout_keep_alive=bounds.keep_alive, **settings
        )  # WebSockets would get out of these bounds
        self.bounds = bounds


class _Stop(Exception):
    """Ends the parser's work on a request that goes beyond a bound."""


class BoundedHttp(HttpToolsProtocol):
    """One connection, with two clocks.

    ``_coming`` runs while something is awaited of the client, ``_going`` while it has yet to take what was sent.
    """

    _in_head = False
    _head = 0
    _latest = 0
    _refusal: bytes = b""
    _coming: asyncio.TimerHandle | None = None
    _going: asyncio.TimerHandle | None = None
    _untaken = 0

    @property
    def _bounds(self) -> Bounds:
        assert isinstance(self.config, BoundedConfig)
        return self.config.bounds

    # --- the connection ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connected. Beyond the bound every request is answered 503; half as many again are hung up on."""
        super().connection_made(transport)
        most = self._bounds.connections
        if len(self.connections) > most + (most + 1) // 2:
            transport.abort()
            return
        if len(self.connections) > most:
            self.app = _busy
        self._await()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        for clock in (self._coming, self._going):
            if clock is not None:
                clock.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    # --- what comes -------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Bytes came. A head that ends within them is counted whole, an endless one until it is too long."""
        self._await()
        self._latest = len(data)
        self._head += self._latest
        super().data_received(data)
        if self._in_head and self._head > MAX_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LONG)
            self._hang_up()

    def on_message_begin(self) -> None:
        """A request begins."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _Stop
        self._await()
        self._in_head, self._head = True, self._latest
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has come."""
        if len(self.headers) >= MAX_HEADERS:
            self._refusal = _TOO_LONG
            raise _Stop
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head has ended."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request has come whole."""
        if self._coming is not None:
            self._coming.cancel()
            self._coming = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP, or goes beyond a bound."""
        self.transport.write(self._refusal or _NO_HTTP)
        self._hang_up()

    def _await(self) -> None:
        if self._coming is None:
            self._coming = self.loop.call_later(self._bounds.request_timeout, self._too_slow)

    def _too_slow(self) -> None:
        self._coming = None
        cycle = self.cycle
        answering = cycle is not None and not cycle.response_complete
        # While we answer one request, or do not listen, the next may be late.
        if self.flow.read_paused or (answering and not cycle.more_body):
            self._await()
            return
        if self._in_head or (answering and not cycle.response_started):
            self.transport.write(_TOO_SLOW)
        self._hang_up()

    # --- what goes --------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it comes."""
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        """It has taken most of what was sent."""
        super().resume_writing()
        if self._going is not None and not self.transport.is_closing():
            self._going.cancel()
            self._going = None

    def on_response_complete(self) -> None:
        """An answer was sent whole, though perhaps not yet taken."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._await_taking()
        elif self._coming is not None:  # the next request begins to count now that we listen to it
            self._coming.cancel()
            self._coming = None
            self._await()

    def timeout_keep_alive_handler(self) -> None:
        """The connection has rested long enough."""
        self._hang_up()

    def _await_taking(self) -> None:
        if self._going is None:
            self._untaken = self.transport.get_write_buffer_size()
            self._going = self.loop.call_later(self._bounds.request_timeout, self._look_what_is_taken)

    def _look_what_is_taken(self) -> None:
        self._going = None
        if self.transport.get_write_buffer_size() + LEAST_TAKEN > self._untaken:
            self.transport.abort()
        else:
            self._await_taking()

    def _hang_up(self) -> None:
        self.transport.close()
        self._await_taking()


def _body(field: str, rule: str) -> bytes:
    return msgspec.json.encode({"error": error_of(field, rule)})


def _answer(status: str, field: str, rule: str) -> bytes:
    body = _body(field, rule)
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"connection: close\r\n\r\n" + body


_NO_HTTP: Final = _answer("400 Bad Request", "request", "must be HTTP/1.1")
_TOO_SLOW: Final = _answer("408 Request Timeout", "request", "must come whole in time")
_TOO_LONG: Final = _answer(
    "431 Request Header Fields Too Large",
    "headers",
    f"must be at most {MAX_HEADERS}, and {MAX_HEAD} bytes together",
)
_BUSY: Final = _body("relayer", "has as many connections as it may")


async def _busy(scope: Any, receive: Any, send: Any) -> None:
    """The application of connections beyond the bound."""
    headers = {
        "content-type": "application/json",
        "content-length": str(len(_BUSY)),
        "retry-after": str(BUSY_AGAIN_AFTER),
        "connection": "close",
    }
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 503, "headers": raw})
    await send({"type": "http.response.body", "body": _BUSY})
