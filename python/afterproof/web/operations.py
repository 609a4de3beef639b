"""What an operator's machines ask of a process: its figures, whether it lives, whether it can do its work now.

    GET /metrics    every figure, in the format that Prometheus asks for
    GET /health     200 while the process and its loop are alive, else 503: it is to be started again
    GET /ready      200 while it can do its work now, else 503 with what is in the way: it is to be waited for

All that takes more than a moment runs in a thread, and none of it asks the chain: what is known was learnt by the loop.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import __version__
from ..errors import AfterproofError
from ..steps import Context
from ..steps.intake import why_unready
from ..steps.measure import free_disk
from ..steps.unstored import STALE
from .errors import handlers_of, json_response

log = logging.getLogger(__name__)

LEAST_FREE: Final = 64 * 2**20
"""Bytes of free disk below which a process is not ready: the next batch might not fit."""


class Operations:
    """The routes' handlers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self, with_metrics: bool = True) -> list[Route]:
        """The routes."""
        found = [
            Route("/health", self.health, methods=["GET"]),
            Route("/ready", self.ready, methods=["GET"]),
        ]
        if with_metrics:
            found.append(Route("/metrics", self.metrics, methods=["GET"]))
        return found

    async def metrics(self, request: Request) -> Response:
        """Every figure."""
        render = self._context.metrics.render
        content, content_type = await run_in_threadpool(render, request.headers.get("Accept", ""))
        return Response(content, headers={"Content-Type": content_type})

    async def health(self, request: Request) -> Response:
        """Whether the process and its loop are alive."""
        trouble = self._context.liveness.trouble()
        answer = {"ok": not trouble, "version": __version__}
        return json_response({**answer, "why": trouble} if trouble else answer, 503 if trouble else 200)

    async def ready(self, request: Request) -> Response:
        """Whether the process can do its work now, part by part."""
        answer = await run_in_threadpool(self._readiness)
        return json_response(answer, 200 if answer["ready"] else 503)

    def _readiness(self) -> dict[str, Any]:
        context = self._context
        is_relayer = context.store.role == "relayer"
        asked = {"store": self._store, "chain": self._chain, "disk": self._disk}
        if is_relayer:
            asked["lane"] = self._lane
        else:
            asked["clock"] = lambda: context.adrift
        found = {name: _said(what) for name, what in asked.items()}
        cursor = None if found["store"] else context.store.chain.cursor()
        lane = {"lane": context.lane} if is_relayer else {}
        return {
            "ready": not any(found.values()),
            **lane,
            "block": cursor.number if cursor is not None else None,
            "checks": {
                name: {"ok": False, "why": why} if why else {"ok": True} for name, why in found.items()
            },
        }

    def _store(self) -> str:
        self._context.store.chain.cursor()
        return ""

    def _chain(self) -> str:
        if self._context.pulse.is_fresh(self._context.clock()):
            return ""
        return f"the chain has not been followed to its head for the last {STALE:g} seconds"

    def _disk(self) -> str:
        free = free_disk(self._context)
        return "" if free is None or free >= LEAST_FREE else f"{free // 2**20} MiB are free, too little"

    def _lane(self) -> str:
        return why_unready(self._context)


def create_operations_app(context: Context) -> Starlette:
    """The ASGI application of these routes alone."""
    return Starlette(routes=Operations(context).routes(), exception_handlers=handlers_of(context.store.role))


def _said(check: Callable[[], str]) -> str:
    """What a check finds in the way. Its own trouble is logged, not told to strangers."""
    try:
        return check()
    except (AfterproofError, OSError) as error:
        log.error("not ready: %s", error, extra={"error": str(error)})
        return "does not answer; the log says why"
