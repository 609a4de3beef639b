"""A service that keeps batch data, takes it by PUT, and misbehaves when told to."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal

LONGEST: Final = 20.0

Mood = Literal[
    "well", "refuses", "hangs", "nonsense", "other bytes", "half", "nothing", "slow to show", "loses"
]
"""On a PUT it refuses, hangs, or answers nonsense. On a GET it shows other bytes, half of them, nothing; or what is new
only to those who ask often enough. What it loses it says that it has taken."""


class Blobs:
    """What is kept, and how it is served."""

    def __init__(self) -> None:
        self.url = ""
        self.kept: dict[str, bytes] = {}
        self.mood: Mood = "well"
        self.met = 0
        """How often the mood was met."""
        self.over = threading.Event()
        self._shown: dict[str, int] = {}

    @contextmanager
    def being(self, mood: Mood) -> Iterator[None]:
        """It misbehaves for a while, which must not go unnoticed."""
        self.over, self.met, self.mood = threading.Event(), 0, mood
        try:
            yield
        finally:
            self.mood = "well"
            self.over.set()
        assert self.met, f"nothing met a service that {mood}"

    def put(self, content: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a PUT."""
        name = hashlib.sha256(content).hexdigest()
        if self.mood in ("refuses", "hangs", "nonsense"):
            self.met += 1
            if self.mood == "hangs":
                self.over.wait(LONGEST)
            return (507, b"no room") if self.mood == "refuses" else (200, b"<html>")
        if self.mood == "loses":
            self.met += 1
        else:
            self.kept[name] = content
        return 200, json.dumps({"newlyCreated": {"blobObject": {"blobId": name}}}).encode()

    def get(self, name: str) -> tuple[int, bytes]:
        """The same for a GET."""
        content = self.kept.get(name)
        if content is None:
            return 404, b""
        if self.mood == "slow to show":
            asked = self._shown[name] = self._shown.get(name, 0) + 1
            self.met += asked < 3
            return (200, content) if asked >= 3 else (404, b"")
        if self.mood in ("other bytes", "half", "nothing"):
            self.met += 1
            return 200, {
                "other bytes": bytes([content[0] ^ 1]) + content[1:],
                "half": content[: len(content) // 2],
                "nothing": b"",
            }[self.mood]
        return 200, content


class _Handler(BaseHTTPRequestHandler):
    blobs: Blobs

    def do_GET(self) -> None:
        self._send(*self.blobs.get(self.path.rsplit("/", 1)[1]))

    def do_PUT(self) -> None:
        self._send(*self.blobs.put(self.rfile.read(int(self.headers["Content-Length"]))))

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has gone."""


@contextmanager
def blob_server() -> Iterator[Blobs]:
    """A running service."""
    blobs = Blobs()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"blobs": blobs}))
    blobs.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield blobs
    finally:
        blobs.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
