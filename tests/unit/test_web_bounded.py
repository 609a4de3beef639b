"""What one connection may cost a server, over real sockets.

a connection
├── that never asks, or sends its head or body too slowly → ended in time, with 408 where a request has begun
├── that rests after an answer → ended after keep_alive, also when it sends line ends
├── whose next request comes while the first is answered → not held against it
├── that does not take its answer → ended; that takes it slowly → has it whole
├── with a head too long, too many headers, too many requests at once, or no HTTP → 431 or 400 in the API's form
└── that asks for a WebSocket → answered as without
connections beyond the bound
├── are answered 503 with Retry-After, and far beyond hung up on
└── and when others have ended → served again
X-Forwarded-For
└── is believed of the proxies that the settings name alone
"""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from afterproof.web.bounded import BUSY_AGAIN_AFTER, MAX_HEAD, MAX_HEADERS, MAX_PIPELINED, Bounds
from afterproof.web.server import Listener, serve

HOST = b"Host: relayer.test\r\n"
LARGE = 8 * 2**20
QUICK = Bounds(connections=2, request_timeout=0.4, keep_alive=1)
PATIENT = Bounds(connections=2, request_timeout=20, keep_alive=20)


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def slow(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params["seconds"]))
    return PlainTextResponse("at last")


async def large(request: Request) -> Response:
    return Response(bytes(LARGE))


async def who(request: Request) -> Response:
    assert request.client is not None
    return PlainTextResponse(request.client.host)


APP = Starlette(
    routes=[
        Route("/", echo, methods=["GET", "POST"]),
        Route("/slow", slow),
        Route("/large", large),
        Route("/who", who),
    ]
)


@contextmanager
def served(bounds: Bounds, proxies: str | None = None) -> Iterator[int]:
    """A server with these bounds; its port."""
    stop = threading.Event()
    with Listener("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=serve, args=(APP, listener, stop, bounds, proxies))
        thread.start()
        try:
            yield listener.socket.getsockname()[1]
        finally:
            stop.set()
            thread.join()


@pytest.fixture(scope="module")
def quick() -> Iterator[int]:
    with served(QUICK) as port:
        yield port


@pytest.fixture(scope="module")
def patient() -> Iterator[int]:
    with served(PATIENT) as port:
        yield port


class Client:
    """A socket."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def rest(self) -> bytes:
        """Everything until the server hangs up."""
        found = bytearray()
        with contextlib.suppress(ConnectionError):
            while part := self.socket.recv(2**16):
                found += part
        return bytes(found)

    def answer(self) -> tuple[int, bytes]:
        """The next answer: its status and body."""
        head = bytearray()
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            assert byte, bytes(head)
            head += byte
        lines = dict(line.split(b": ", 1) for line in bytes(head).lower().split(b"\r\n")[1:-2])
        length = int(lines[b"content-length"])
        body = bytearray()
        while len(body) < length:
            body += self.socket.recv(length - len(body))
        return int(head.split()[1]), bytes(body)


def error_of(raw: bytes) -> tuple[int, str]:
    """Status and field of the refusal that a connection ended with."""
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower() and b"application/json" in head.lower()
    error: dict[str, Any] = json.loads(body)["error"]
    assert error["message"] == f"{error['field']} {error['rule']}"
    return int(head.split()[1]), error["field"]


GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
HEAD_OF_POST = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
def test_a_connection_that_never_asks_is_ended(quick: int, sent: bytes) -> None:
    with Client(quick) as client:
        client.send(sent)
        assert client.rest() == b""


@pytest.mark.parametrize(
    "begun", [b"GET / HT", b"GET / HTTP/1.1\r\nHost:", HEAD_OF_POST, HEAD_OF_POST + b"12"]
)
def test_a_request_that_does_not_end_is_408(quick: int, begun: bytes) -> None:
    with Client(quick) as client:
        client.send(begun)
        assert error_of(client.rest()) == (408, "request")


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nx-trickle: ", HEAD_OF_POST])
def test_a_request_that_trickles_is_ended_all_the_same(quick: int, begun: bytes) -> None:
    with Client(quick) as client:
        client.send(begun)
        client.socket.settimeout(0.05)
        found = b""
        for _ in range(90):  # nine seconds at most: far below what the request would take to end
            client.send(b"1")
            with contextlib.suppress(TimeoutError, ConnectionError):
                found = client.socket.recv(4096)
                break
        assert found.startswith(b"HTTP/1.1 408 ") or not found


def test_a_connection_that_rests_is_ended_and_line_ends_do_not_keep_it(quick: int) -> None:
    for kept in (b"", b"\r\n"):
        with Client(quick) as client:
            client.send(GET)
            assert client.answer() == (200, b"0")
            client.send(kept)
            assert client.rest() == b""


def test_a_connection_is_kept_from_one_request_to_the_next() -> None:
    with served(Bounds(request_timeout=0.4, keep_alive=20)) as port, Client(port) as client:
        for body in (b"1", b"12"):
            client.send(
                b"POST / HTTP/1.1\r\n" + HOST + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
            )
            assert client.answer() == (200, str(len(body)).encode())
            time.sleep(0.6)  # longer than a request may take, shorter than a connection may rest


def test_an_answer_may_take_longer_than_a_request_and_the_next_request_waits_for_it() -> None:
    with served(Bounds(request_timeout=1.5)) as port, Client(port) as client:
        client.send(b"GET /slow?seconds=2 HTTP/1.1\r\n" + HOST + b"\r\n" + HEAD_OF_POST + b"1" * 50)
        assert client.answer() == (200, b"at last")
        client.send(b"1" * 50)
        assert client.answer() == (200, b"100")


def test_an_answer_that_is_not_taken_ends_the_connection(quick: int) -> None:
    for closing in (b"", b"Connection: close\r\n"):
        with Client(quick, receive_buffer=4096) as client:
            client.send(b"GET /large HTTP/1.1\r\n" + HOST + closing + b"\r\n")
            deadline = time.monotonic() + 20
            with Client(quick) as other:  # the bound is two: a third is let in when the first is gone
                while time.monotonic() < deadline:
                    with Client(quick) as third:
                        third.send(GET)
                        if third.answer()[0] == 200:
                            break
                    other.send(GET)
                    other.answer()
                    time.sleep(0.1)
                else:
                    raise AssertionError("still connected")
            assert len(client.rest()) < LARGE


def test_an_answer_that_is_taken_slowly_comes_whole() -> None:
    with (
        served(Bounds(request_timeout=1)) as port,
        Client(port, receive_buffer=2**16) as client,
    ):
        client.send(b"GET /large HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        found = bytearray()
        while part := client.socket.recv(2**18):
            found += part
            time.sleep(0.03)  # more than two seconds altogether, and none without a piece
        assert len(found) > LARGE


def test_a_head_that_is_too_long_is_431(patient: int) -> None:
    lines = b"".join(b"x-%d: 1\r\n" % n for n in range(MAX_HEADERS))
    for head in (b"x: " + b"1" * MAX_HEAD, lines + lines + b"\r\n"):
        with Client(patient) as client:
            client.send(b"GET / HTTP/1.1\r\n" + head)
            assert error_of(client.rest()) == (431, "headers")
    with Client(patient) as client:
        client.send(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
        assert client.answer()[0] == 200


def test_what_is_no_http_is_400(patient: int) -> None:
    with Client(patient) as client:
        client.send(b"\x16\x03\x01\x02\x00\x01\x00")
        assert error_of(client.rest()) == (400, "request")


def test_too_many_requests_at_once_end_the_connection(patient: int) -> None:
    asked = b"GET /slow?seconds=0.5 HTTP/1.1\r\n" + HOST + b"\r\n"
    with Client(patient) as client:
        client.send(asked + GET * MAX_PIPELINED)
        assert [client.answer()[0] for _ in range(1 + MAX_PIPELINED)] == [200] * (1 + MAX_PIPELINED)
    with Client(patient) as client:
        client.send(asked + GET * 1000)
        assert error_of(client.rest()) == (400, "request")


def test_a_websocket_is_answered_as_if_none_was_asked_for(patient: int) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AA==\r\n"
    with Client(patient) as client:
        client.send(b"GET / HTTP/1.1\r\n" + HOST + upgrade + b"\r\n")
        assert client.answer() == (200, b"0")


def test_connections_beyond_the_bound_are_503_and_then_hung_up_on() -> None:
    with (
        served(PATIENT) as port,
        contextlib.ExitStack() as held,
    ):
        first = [held.enter_context(Client(port)) for _ in range(2)]
        for client in first:
            client.send(GET)
            assert client.answer() == (200, b"0")
        beyond = held.enter_context(Client(port))
        far_beyond = held.enter_context(Client(port))
        assert far_beyond.rest() == b""  # the fourth, of two and half as many more
        beyond.send(GET)
        raw = beyond.rest()
        assert error_of(raw) == (503, "relayer")
        assert f"retry-after: {BUSY_AGAIN_AFTER}".encode() in raw
        first[0].send(GET)
        assert first[0].answer() == (200, b"0")
        first[1].__exit__()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with Client(port) as client:
                client.send(GET)
                if client.answer()[0] == 200:
                    return
        raise AssertionError("nobody is let in any more")


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [
        (None, b"127.0.0.1"),
        ("10.0.0.0/8", b"127.0.0.1"),
        ("10.0.0.0/8, 127.0.0.1", b"198.51.100.7"),
        ("127.0.0.0/8", b"10.1.1.1"),
    ],
)
def test_forwarded_for_is_believed_of_named_proxies_alone(
    monkeypatch: pytest.MonkeyPatch, proxies: str | None, seen: bytes
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with served(QUICK, proxies) as port, Client(port) as client:
        forwarded = b"X-Forwarded-For: 203.0.113.9, 198.51.100.7, 10.1.1.1\r\n"
        client.send(b"GET /who HTTP/1.1\r\n" + HOST + forwarded + b"\r\n")
        assert client.answer() == (200, seen)
