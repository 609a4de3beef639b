"""The relayer's HTTP interface.

    POST /v1/receipts               one receipt, or an array of at most 1,000: each its place and promise, once on disk
    GET  /v1/receipts/{leafHash}    standing, timeline, inclusion proof
    GET  /v1/batches                the newest batches of the lane
    GET  /v1/batches/{id}           one
    GET  /v1/batches/{id}/data      its packed leaves
    GET  /health                    whether the process answers
    GET  /ready                     whether it takes receipts now

A receipt may carry a ``beneficiary``, an address: who is paid if the promise is broken. At the edge of what the lane
may promise the answer is 429, with Retry-After.

A refusal is ``{"error": {"field", "rule", "message"}}`` with a status of its own; an array answers 200 with a place or
an error for each item, in order. Everything that takes more than a moment runs in a thread.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from .. import __version__
from ..errors import DataUnavailable
from ..protocol.errors import InvalidField
from ..protocol.header import BatchId
from ..protocol.promise import NOBODY
from ..protocol.receipt import SignedReceipt
from ..steps import Context
from ..steps.intake import Accepted, Answer, Full, Refused, Unready, intake
from ..steps.query import find_batch, find_receipt, list_batches
from ..units import address_of
from . import forms
from .body import json_body
from .errors import HANDLERS, Refusal, error_of, json_response

MAX_ITEMS: Final = 1000
RETRY_AFTER: Final = 5
_CHUNK: Final = 64 * 1024
_HEX: Final = frozenset("0123456789abcdefABCDEF")


class Relayer:
    """The routes' handlers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def receipts(self, request: Request) -> Response:
        """Take one receipt in, or an array of them."""
        body = await json_body(request, self._context.config.relayer.body_limit)
        if not isinstance(body, list):
            return _single((await run_in_threadpool(self._take, [body]))[0])
        if not 0 < len(body) <= MAX_ITEMS:
            raise Refusal(400, "body", f"must be a receipt, or an array of 1 to {MAX_ITEMS}")
        answers = await run_in_threadpool(self._take, body)
        return json_response([_item(answer) for answer in answers])

    async def receipt(self, request: Request) -> Response:
        """What is known of a receipt."""
        text = request.path_params["leaf_hash"]
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
        headers = {"Content-Length": str(size)}
        return StreamingResponse(_chunks(file), 200, headers, media_type="application/octet-stream")

    async def health(self, request: Request) -> Response:
        """Whether the process answers."""
        return json_response({"ok": True, "version": __version__})

    async def ready(self, request: Request) -> Response:
        """Whether receipts are taken: the store answers, and the chain was followed a moment ago."""
        is_ready = self._context.pulse.is_fresh(self._context.clock())
        cursor = await run_in_threadpool(self._context.store.chain.cursor)
        answer = {
            "ready": is_ready,
            "lane": self._context.lane,
            "block": cursor.number if cursor is not None else None,
        }
        return json_response(answer, 200 if is_ready else 503)

    def _take(self, body: list[object]) -> list[Answer]:
        parsed = [_parsed(item) for item in body]
        return intake(self._context, [item for item, _ in parsed], [beneficiary for _, beneficiary in parsed])


def create_app(context: Context) -> Starlette:
    """The ASGI application of the relayer with this context."""
    relayer = Relayer(context)
    routes = [
        Route("/v1/receipts", relayer.receipts, methods=["POST"]),
        Route("/v1/receipts/{leaf_hash}", relayer.receipt, methods=["GET"]),
        Route("/v1/batches", relayer.batches, methods=["GET"]),
        Route("/v1/batches/{id}", relayer.batch, methods=["GET"]),
        Route("/v1/batches/{id}/data", relayer.data, methods=["GET"]),
        Route("/health", relayer.health, methods=["GET"]),
        Route("/ready", relayer.ready, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers=HANDLERS)


def _parsed(item: object) -> tuple[SignedReceipt | InvalidField, bytes]:
    """The receipt in an item, and the beneficiary of its promise."""
    if not isinstance(item, dict):
        return InvalidField("receipt", "must be a JSON object"), NOBODY
    rest = dict(item)
    beneficiary = rest.pop("beneficiary", None)
    try:
        return SignedReceipt.from_json(rest), _beneficiary(beneficiary)
    except InvalidField as error:
        return error, NOBODY


def _beneficiary(value: object) -> bytes:
    if value is None:
        return NOBODY
    try:
        return address_of(value if isinstance(value, str) else "")
    except ValueError as rule:
        raise InvalidField("beneficiary", str(rule)) from None


def _single(answer: Answer) -> Response:
    if isinstance(answer, Accepted):
        return json_response(forms.accepted(answer))
    if isinstance(answer, Unready):
        raise Refusal(503, "relayer", answer.why, RETRY_AFTER)
    if isinstance(answer, Full):
        raise Refusal(429, "relayer", answer.why, RETRY_AFTER)
    raise Refusal(_status(answer), answer.field, answer.rule)


def _item(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, Accepted):
        return forms.accepted(answer)
    if isinstance(answer, Unready):
        return {"error": error_of("relayer", answer.why, 503)}
    if isinstance(answer, Full):
        return {"error": error_of("relayer", answer.why, 429)}
    return {"error": error_of(answer.field, answer.rule, _status(answer))}


def _status(refused: Refused) -> int:
    """400: not of the form; 422: of the form, but breaks a rule of the protocol."""
    return 422 if refused.by_rule else 400


def _batch_id(request: Request) -> BatchId:
    text = request.path_params["id"]
    # A batch id has 96 bits: at most 29 digits.
    if not (text.isascii() and text.isdecimal() and len(text) <= 29 and int(text) < 2**96):
        raise Refusal(400, "id", "must be a batch id: lane << 64 | firstSeq, in decimal digits")
    if int(text) & (2**64 - 1) >= 2**63:
        raise Refusal(404, "id", "is of no batch that this relayer knows")
    return BatchId(int(text))


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
