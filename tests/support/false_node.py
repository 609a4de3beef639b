"""A node that answers whatever a test wants, alone or in front of a real one.

with false_node(lambda method, params: {"result": "0x1"}) as url: ...
with false_node(tampering(real_url, lambda method, answer: answer)) as url: ...
"""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str, list[Any]], Any]


@dataclass(frozen=True)
class Http:
    """An answer with this status, body and headers; ``delay`` in seconds."""

    status: int = 200
    body: bytes = b""
    delay: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()


@contextmanager
def false_node(answer: Answer) -> Iterator[str]:
    """The address of a server that answers each request with ``answer(method, params)``.

    That is an :class:`Http`, or a mapping with ``result`` or ``error``.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = answer(asked["method"], list(asked["params"]))
            if not isinstance(said, Http):
                said = Http(body=json.dumps({"jsonrpc": "2.0", "id": asked["id"], **said}).encode())
            time.sleep(said.delay)
            self.send_response(said.status)
            for header in said.headers:
                self.send_header(*header)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


Edit = Callable[[str, list[Any], dict[str, Any]], Any]


def tampering(url: str, edit: Edit, before: Callable[[str], None] = lambda _: None) -> Answer:
    """Asks the node at ``url`` and answers what ``edit(method, params, answer)`` makes of it.

    ``before(method)`` is called ahead of each request.
    """

    def answer(method: str, params: list[Any]) -> Any:
        before(method)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            said = json.loads(response.read())
        return edit(method, params, {key: said[key] for key in ("result", "error") if key in said})

    return answer
