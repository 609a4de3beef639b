"""``POST /heartbeat``, as OpenGradient's gateways ask: a node's sign of life, reported on-chain by this relayer.

``{"teeId", "timestamp" (decimal digits), "signature" (base64), "contractAddress"}`` ->
``{"success", "txHash", "teeId", "timestamp", "relayer", "contract"}``. The answer comes once the report has landed. A
report that takes longer than a gateway waits is answered with a txHash of null: the heartbeat is on disk and will be
reported, and the next of the same round gets its transaction.
"""

import asyncio
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import AfterproofError
from ..protocol.errors import InvalidField
from ..protocol.receipt import MAX_ISSUED_AT, hex0x
from ..steps import Context
from ..steps.beat import is_reporter, take_heartbeat
from ..store.heartbeats import StoredHeartbeat
from ..units import address_of, checksummed
from .body import json_body
from .errors import Refusal, json_response, own_trouble, refused, refused_as
from .guard import Guard
from .settlement_data import base64_of, hash_of, named, number_of

WAIT: Final = 15.0
"""Seconds that an answer may take; gateways give up after 20."""

_LOOK_AGAIN: Final = 0.1
_LIMIT: Final = 16 * 1024
_NAMES: Final = {
    "teeId": ("teeid",),
    "timestamp": ("timestamp",),
    "signature": ("signature", "teesignature"),
    "contractAddress": ("contractaddress", "registry"),
}


class Heartbeats:
    """The route's handler. ``wait`` is in seconds."""

    def __init__(self, context: Context, guard: Guard, wait: float = WAIT) -> None:
        self._context = context
        self._guard = guard
        self._wait = wait

    @property
    def routes(self) -> list[Route]:
        """The route."""
        return [Route("/heartbeat", self.heartbeat, methods=["POST"])]

    async def heartbeat(self, request: Request) -> Response:
        """Take a heartbeat, and wait until it is reported."""
        try:
            self._guard.take(self._guard.client(request))
            if not is_reporter(self._context):
                return refused(
                    503, "this relayer reports no heartbeats: its operator would set relayer.heartbeats"
                )
            fields = _fields(await json_body(request, _LIMIT))
            stored, timestamp = await run_in_threadpool(self._taken, fields)
        except InvalidField as error:
            return refused(400, str(error))
        except Refusal as refusal:
            return refused_as(refusal)
        except AfterproofError as error:
            return own_trouble(request, error)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._wait
        while stored.tx_hash is None and loop.time() < until:
            await asyncio.sleep(_LOOK_AGAIN)
            stored = await run_in_threadpool(self._again, stored)
        return json_response(self._answer(stored, timestamp))

    def _taken(self, fields: dict[str, Any]) -> tuple[StoredHeartbeat, int]:
        meant, contract = fields.get("contractAddress"), self._context.deployment.heartbeats
        if meant is not None and _address(meant) != contract:
            raise InvalidField(
                "contractAddress", f"must be {checksummed(contract or b'')}, where this relayer reports"
            )
        for name in ("teeId", "timestamp", "signature"):
            if name not in fields:
                raise InvalidField(name, "is missing")
        node = hash_of(fields["teeId"], "teeId")
        timestamp = number_of(fields["timestamp"], "timestamp", MAX_ISSUED_AT)
        signature = base64_of(fields["signature"], "signature")
        return take_heartbeat(self._context, node, timestamp, signature), timestamp

    def _again(self, stored: StoredHeartbeat) -> StoredHeartbeat:
        return self._context.store.heartbeats.find(stored.round, stored.node) or stored

    def _answer(self, stored: StoredHeartbeat, timestamp: int) -> dict[str, Any]:
        assert self._context.deployment.heartbeats is not None
        return {
            "success": True,
            "txHash": None if stored.tx_hash is None else hex0x(stored.tx_hash),
            "teeId": hex0x(stored.node),
            "timestamp": str(timestamp),
            "relayer": checksummed(self._context.chain.account),
            "contract": checksummed(self._context.deployment.heartbeats),
        }


def _fields(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise InvalidField("body", "must be a JSON object")
    given = named(body)
    return {
        name: given[spelling]
        for name, spellings in _NAMES.items()
        for spelling in reversed(spellings)
        if spelling in given
    }


def _address(value: object) -> bytes:
    try:
        return address_of(value if isinstance(value, str) else "")
    except ValueError as rule:
        raise InvalidField("contractAddress", str(rule)) from None
