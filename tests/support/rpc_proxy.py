"""A node that misbehaves when told to: an HTTP proxy between a relayer and a real one.

    with rpc_proxy(node_url) as proxy:
        with proxy.doing(status(429, {"Retry-After": "1"})):
            ...

A fault is a function from a question to what is done about it: it answers, refuses to, or leaves it to the node (None).
"""

import json
import socket
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.support.chains import rpc
from tests.support.lives import until

LONGEST: Final = 20.0
"""Seconds that a question is kept at most: longer than anybody waits for its answer."""


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP. ``body`` is cut off after ``sent`` bytes where that is set."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None


class Reset(Exception):
    """The connection is reset."""


@dataclass(frozen=True)
class Question:
    """A JSON-RPC request on its way to the node. ``over`` is set once the fault is over."""

    method: str
    params: list[Any]
    id: Any
    over: threading.Event
    node: str

    def forward(self, params: list[Any] | None = None, method: str | None = None) -> Reply:
        """What the node answers, to other parameters if they are given."""
        asked = {"jsonrpc": "2.0", "id": self.id, "method": method or self.method}
        body = json.dumps({**asked, "params": self.params if params is None else params}).encode()
        request = urllib.request.Request(self.node, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=LONGEST) as response:
                return Reply(response.read(), response.status)
        except urllib.error.HTTPError as error:
            return Reply(error.read(), error.code)

    def result(self) -> Any:
        """The node's result; None where it is an error."""
        return json.loads(self.forward().body).get("result")

    def said(self, result: Any) -> Reply:
        """An answer with a result of the fault's own."""
        return Reply(json.dumps({"jsonrpc": "2.0", "id": self.id, "result": result}).encode())


Fault = Callable[[Question], Reply | None]


class RpcProxy:
    """The proxy: its ``url``, what it does now, and how often it did."""

    def __init__(self, node: str) -> None:
        self.node, self.url = node, ""
        self.done = 0
        self.asked: list[str] = []
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._over = threading.Event()

    @contextmanager
    def doing(self, fault: Fault, surely: bool = True) -> Iterator[None]:
        """Everything that is asked meanwhile meets ``fault``, which, ``surely``, must not go unnoticed."""
        self._over, self.done, self._fault = threading.Event(), 0, fault
        try:
            yield
        finally:
            self._fault = None
            self._over.set()
        until(lambda: self.done > 0 or not surely, "anything that met the fault")

    def answer(self, body: bytes) -> Reply:
        """The reply to a request's body.

        Raises:
            Reset: there is none.
        """
        asked = json.loads(body)
        question = Question(asked["method"], asked["params"], asked["id"], self._over, self.node)
        with self._lock:
            self.asked.append(question.method)
        fault = self._fault
        reply = fault(question) if fault is not None else None
        if reply is not None:
            with self._lock:
                self.done += 1
            return reply
        return question.forward()

    def note(self) -> None:
        """A fault was done that gives no reply."""
        with self._lock:
            self.done += 1


class _Handler(BaseHTTPRequestHandler):
    proxy: RpcProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            reply = self.proxy.answer(body)
        except Reset:
            self.proxy.note()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: reply.sent])
        if reply.sent is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has gone: killed, or tired of waiting."""


@contextmanager
def rpc_proxy(node: str) -> Iterator[RpcProxy]:
    """A running proxy."""
    proxy = RpcProxy(node)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy._over.set()
        server.shutdown()
        thread.join()
        server.server_close()


# --- faults -----------------------------------------------------------------------------------------


def only(fault: Fault, *methods: str) -> Fault:
    """A fault of these methods alone."""
    return lambda question: fault(question) if question.method in methods else None


def silent(question: Question) -> Reply | None:
    """Never answers."""
    question.over.wait(LONGEST)
    raise Reset


def late(seconds: float) -> Fault:
    """Answers after a while; what is asked is done at once."""

    def fault(question: Question) -> Reply | None:
        reply = question.forward()
        question.over.wait(seconds)
        return reply

    return fault


def reset(question: Question) -> Reply | None:
    """Hangs up at once."""
    raise Reset


def lost_answer(question: Question) -> Reply | None:
    """Does what is asked, and hangs up."""
    question.forward()
    raise Reset


def cut(question: Question) -> Reply | None:
    """Hangs up in the middle of the answer."""
    reply = question.forward()
    return Reply(reply.body, reply.status, sent=len(reply.body) // 2)


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Fault:
    """Refuses with an HTTP status."""
    return lambda question: Reply(body, code, headers or {})


def garbage(*bodies: bytes) -> Fault:
    """Answers these in turn."""
    left: list[bytes] = []

    def fault(question: Question) -> Reply | None:
        if not left:
            left.extend(bodies)
        return Reply(left.pop())

    return fault


def other_result(value: Any) -> Fault:
    """Answers with a result of another kind."""
    return lambda question: question.said(value)


def nonce_off_by(number: int) -> Fault:
    """Says that an account has sent more or fewer transactions than it has."""

    def fault(question: Question) -> Reply | None:
        if question.method != "eth_getTransactionCount":
            return None
        return question.said(hex(max(int(question.result(), 16) + number, 0)))

    return fault


class StaleHead:
    """A node that has stopped at the block that was the head when this was made."""

    def __init__(self, node: str) -> None:
        self._head = str(rpc(node, "eth_blockNumber"))

    def __call__(self, question: Question) -> Reply | None:
        """Everything is as of that block; later ones are not known."""
        if question.method == "eth_blockNumber":
            return question.said(self._head)
        if question.method == "eth_getBlockByNumber":
            return self._block(question)
        if question.method == "eth_getLogs":
            (wanted,) = question.params
            last = min(int(wanted.get("toBlock", self._head), 16), int(self._head, 16))
            return question.forward([{**wanted, "toBlock": hex(last)}]) if "toBlock" in wanted else None
        if question.method in ("eth_call", "eth_getBalance", "eth_getTransactionCount"):
            return question.forward([question.params[0], self._head, *question.params[2:]])
        if question.method in ("eth_getTransactionReceipt", "eth_getTransactionByHash"):
            found = question.result()
            is_old = (
                found and found.get("blockNumber") and int(found["blockNumber"], 16) <= int(self._head, 16)
            )
            return question.said(found if is_old else None)
        return None

    def _block(self, question: Question) -> Reply:
        wanted, rest = question.params[0], question.params[1:]
        if wanted in ("latest", "pending", "safe", "finalized"):
            return question.forward([self._head, *rest])
        return question.said(None) if int(wanted, 16) > int(self._head, 16) else question.forward()


def no_logs(question: Question) -> Reply | None:
    """Knows of no events."""
    return question.said([]) if question.method == "eth_getLogs" else None


def no_receipts(question: Question) -> Reply | None:
    """Knows of no transaction."""
    unknown = ("eth_getTransactionReceipt", "eth_getTransactionByHash")
    return question.said(None) if question.method in unknown else None


def swallowed(question: Question) -> Reply | None:
    """Takes a transaction, and forgets it."""
    if question.method != "eth_sendRawTransaction":
        return None
    return question.said(_hash(question))


def _hash(question: Question) -> str:
    from eth_utils import keccak

    return "0x" + keccak(bytes.fromhex(question.params[0][2:])).hex()
