"""A host of data over HTTP, for tests with processes."""

import http.server
import threading
import time
from typing import Any


class Host(http.server.ThreadingHTTPServer):
    """Serves what is in ``files``, by path, and nothing else; each ``delay`` seconds late.

    ``served``: how many times it was asked.
    """

    daemon_threads = True

    def __init__(self) -> None:
        files = self.files = dict[str, bytes]()
        self.delay = 0.0
        self.served = 0
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                time.sleep(host.delay)
                host.served += 1
                data = files.get(self.path)
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
