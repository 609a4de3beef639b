"""Counting HTTP requests by handler and status, and timing them."""

import time
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..telemetry.running import Running

NOWHERE: Final = "none"
"""The endpoint of what no handler was found for, or what was refused before that."""


class Observed:
    """ASGI middleware that tells ``process`` of each answer when it begins; of none, where whoever asked has left."""

    def __init__(self, app: ASGIApp, process: Running) -> None:
        self._app = app
        self._process = process

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Implements the interface of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._tell(scope, message["status"], began)
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception:
            self._tell(scope, 500, began)  # whoever catches it further out answers so
            raise

    def _tell(self, scope: Scope, status: int, began: float) -> None:
        endpoint: Any = scope.get("endpoint")
        name = getattr(endpoint, "__name__", NOWHERE)
        self._process.on_answer(name, status, time.perf_counter() - began)
