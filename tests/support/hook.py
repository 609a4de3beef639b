"""Whoever takes alerts: a real HTTP server on loopback that remembers what it took, and refuses or hangs when told to.

with hook() as taken:
    ... webhook = taken.url
    taken.wait_for(2)
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

LONGEST = 30.0
SECRET = "swordfish"


class Hook:
    """What was taken, in order."""

    def __init__(self) -> None:
        self.url = ""
        self.mood: Literal["well", "refuses", "hangs"] = "well"
        self.taken: list[dict[str, Any]] = []
        self.asked = 0
        self.over = threading.Event()

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """So many that were taken."""
        self._until(lambda: len(self.taken) >= count, f"{count} alerts")
        return self.taken

    def wait_asked(self, count: int) -> None:
        """It was asked that often at least, whatever it answered."""
        self._until(lambda: self.asked >= count, f"{count} requests")

    def of(self, name: str) -> list[tuple[str, str]]:
        """The subjects and statuses of one kind of alert."""
        return [(one["subject"], one["status"]) for one in self.taken if one["alert"] == name]

    def _until(self, condition: Any, what: str) -> None:
        end = time.monotonic() + LONGEST
        while not condition():
            assert time.monotonic() < end, f"there were no {what}, but {self.taken}"
            time.sleep(0.01)


@contextmanager
def hook() -> Iterator[Hook]:
    """A receiver, with a secret in its address."""
    made = Hook()

    class Handler(BaseHTTPRequestHandler):
        """Takes what is posted."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.asked += 1
            if made.mood == "hangs":
                made.over.wait(LONGEST)
                return
            if made.mood == "well":
                assert self.path == f"/hook/{SECRET}" and self.headers["Content-Type"] == "application/json"
                made.taken.append(json.loads(body))
            self.send_response(200 if made.mood == "well" else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}/hook/{SECRET}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
