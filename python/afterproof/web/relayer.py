"""The relayer's HTTP interface.

    POST /v1/receipts               one receipt, or an array of at most 1,000: each its place and promise, once on disk
    GET  /v1/receipts/{leafHash}    standing, timeline, inclusion proof
    GET  /v1/batches                the newest batches of the lane
    GET  /v1/batches/{id}           one
    GET  /v1/batches/{id}/data      its packed leaves
    GET  /openapi.json              all of this, for programs
    GET  /health, /ready, /metrics  for its operator: whether it is alive, takes receipts now, and in figures
    POST /settle_data, GET /settle/{jobId}, POST /heartbeat   as OpenGradient's gateways ask

A receipt may carry a ``beneficiary``, an address: who is paid if the promise is broken. At the edge of what the lane
may promise the answer is 429, with Retry-After, as it is while too much waits to be stored.

A refusal is ``{"error": {"field", "rule", "message"}}`` with a status of its own; an array answers 200 with a place or
an error for each item, in order. Everything that takes more than a moment runs in a thread.
"""

from functools import partial
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import DataUnavailable
from ..protocol.header import BatchId
from ..steps import Context
from ..steps.intake import Accepted, Answers, Full, Refused, Taken, Unready
from ..steps.query import find_batch, find_receipt, list_batches
from . import forms
from .batch_data import number_of, streamed
from .body import raw_body
from .errors import Refusal, error_of, handlers_of, json_response
from .guard import Guard
from .heartbeat import Heartbeats
from .intake_queue import RETRY_AFTER as FULL_RETRY_AFTER
from .intake_queue import IntakeQueue, QueueFull, Work
from .observed import Observed
from .openapi import with_document
from .opengradient import Settlements
from .operations import Operations
from .receipts_body import count_of, is_array_of, read_receipts, size_of

RETRY_AFTER: Final = 5
_HEX: Final = frozenset("0123456789abcdefABCDEF")


class Relayer:
    """The routes' handlers."""

    def __init__(self, context: Context, guard: Guard, queue: IntakeQueue) -> None:
        self._context = context
        self._guard = guard
        self._queue = queue

    async def receipts(self, request: Request) -> Response:
        """Take one receipt in, or an array of them."""
        client = self._guard.client(request)
        text = await raw_body(request, self._context.config.relayer.body_limit)
        count = count_of(text)
        self._guard.take(client, count)
        is_array = is_array_of(text)
        work = Work(partial(read_receipts, text), _array if is_array else _single, size_of(text, count))
        try:
            return await self._queue.take(work)
        except QueueFull as full:
            raise Refusal(429, "relayer", str(full), FULL_RETRY_AFTER) from None

    async def receipt(self, request: Request) -> Response:
        """What is known of a receipt."""
        text = request.path_params["leafHash"]
        if len(text) != 66 or text[:2] != "0x" or not _HEX.issuperset(text[2:]):
            raise Refusal(400, "leafHash", "must be 32 bytes of 0x-hex")
        view = await run_in_threadpool(find_receipt, self._context, bytes.fromhex(text[2:]))
        if view is None:
            raise Refusal(404, "leafHash", "is of no receipt that this relayer accepted")
        return json_response(forms.receipt(view))

    async def batches(self, request: Request) -> Response:
        """The newest batches."""
        views = await run_in_threadpool(list_batches, self._context, self._context.lane)
        return json_response({"batches": [forms.batch(view) for view in views]})

    async def batch(self, request: Request) -> Response:
        """One batch."""
        view = await run_in_threadpool(find_batch, self._context, _batch_id(request))
        if view is None:
            raise Refusal(404, "id", "is of no batch that this relayer knows")
        return json_response(forms.batch(view))

    async def data(self, request: Request) -> Response:
        """The packed leaves of a batch of this relayer's own."""
        batch = _batch_id(request)
        try:
            file, size = await run_in_threadpool(self._context.data.own.open, batch)
        except DataUnavailable:
            raise Refusal(404, "id", "is of no batch whose data this relayer publishes") from None
        return streamed(file, size)


def create_app(context: Context, queue: IntakeQueue | None = None) -> Starlette:
    """The ASGI application of the relayer with this context; ``queue``: one that its owner closes.

    Raises:
        ConfigError: the file of relayer.tokens is not in order.
    """
    queue = queue or IntakeQueue(context)
    guard = Guard(context.config.relayer)
    relayer = Relayer(context, guard, queue)
    routes = [
        Route("/v1/receipts", relayer.receipts, methods=["POST"]),
        Route("/v1/receipts/{leafHash}", relayer.receipt, methods=["GET"]),
        Route("/v1/batches", relayer.batches, methods=["GET"]),
        Route("/v1/batches/{id}", relayer.batch, methods=["GET"]),
        Route("/v1/batches/{id}/data", relayer.data, methods=["GET"]),
        *Operations(context).routes(with_metrics=context.config.relayer.metrics_port is None),
        *Settlements(context, guard, queue).routes,
        *Heartbeats(context, guard).routes,
    ]
    described = with_document(routes, needs_token=context.config.relayer.tokens is not None)
    observed = Middleware(Observed, process=context.metrics.process)
    return Starlette(routes=described, middleware=[observed], exception_handlers=handlers_of("relayer"))


def _single(answers: Answers) -> Response:
    (answer,) = answers
    if isinstance(answer, Accepted):
        return json_response(forms.accepted(answer))
    if isinstance(answer, Unready):
        raise Refusal(503, "relayer", answer.why, RETRY_AFTER)
    if isinstance(answer, Full):
        raise Refusal(429, "relayer", answer.why, RETRY_AFTER)
    raise Refusal(_status(answer), answer.field, answer.rule)


def _array(answers: Answers) -> Response:
    if isinstance(answers, Taken):
        items = forms.all_accepted(answers.placed)
    else:
        placed = {id(one.placed): one.placed for one in answers if isinstance(one, Accepted)}
        written = {name: forms.all_accepted(one) for name, one in placed.items()}
        items = [
            written[id(one.placed)][one.at] if isinstance(one, Accepted) else _refused(one) for one in answers
        ]
    return Response(f"[{','.join(items)}]", media_type="application/json")


def _refused(answer: Refused | Unready | Full) -> str:
    if isinstance(answer, Unready):
        error = error_of("relayer", answer.why, 503)
    elif isinstance(answer, Full):
        error = error_of("relayer", answer.why, 429)
    else:
        error = error_of(answer.field, answer.rule, _status(answer))
    return msgspec.json.encode({"error": error}).decode()


def _status(refused: Refused) -> int:
    """400: not of the form; 422: of the form, but breaks a rule of the protocol."""
    return 422 if refused.by_rule else 400


def _batch_id(request: Request) -> BatchId:
    number = number_of(request)
    if number >= 2**96 or number & (2**64 - 1) >= 2**63:
        raise Refusal(404, "id", "is of no batch that this relayer knows")
    return BatchId(number)
