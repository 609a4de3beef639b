"""What OpenGradient's gateways ask of a relayer, so that they work against ours with only the URL changed.

    POST /settle_data       an answer to settle, in headers: see :mod:`afterproof.web.settlement_data`
    GET  /settle/{jobId}    what became of it

A job is a receipt under another name; our promise is in its answer. Refusals are ``{"error": sentence}``, as the
gateways read them.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import AfterproofError
from ..protocol.errors import InvalidField
from ..protocol.state import Standing
from ..steps import Context
from ..steps.intake import Accepted, Answers, Full, Refused, Unready
from ..steps.intake import Request as Handed
from ..steps.query import ReceiptView, find_receipt
from . import forms
from .errors import Refusal, json_response, own_trouble, refused, refused_as
from .guard import Guard
from .intake_queue import RETRY_AFTER as FULL_RETRY_AFTER
from .intake_queue import IntakeQueue, QueueFull, Work
from .settlement_data import SettlementData, SettlementType, settlement_data, settlement_type, their_name

QUEUE: Final = "settlement"
RETRY_AFTER: Final = 5
_JOB: Final = "settlement-"
_NOTES: Final = "private: nothing of this answer was stored, and nothing is settled"
_STATUS: Final = {Standing.POSTED: "processing", Standing.FINAL: "succeeded", Standing.VOIDED: "failed"}


class _Rejected(Exception):
    """A request that is refused before it comes to intake."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Settlements:
    """The routes' handlers."""

    def __init__(self, context: Context, guard: Guard, queue: IntakeQueue) -> None:
        self._context = context
        self._guard = guard
        self._queue = queue

    @property
    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/settle_data", self.settle, methods=["POST"]),
            Route("/settle/{jobId}", self.job, methods=["GET"]),
        ]

    async def settle(self, request: Request) -> Response:
        """Take an answer in, unless it is private."""
        try:
            self._guard.take(self._guard.client(request))
            kind = settlement_type(request.headers.get("x-settlement-type"))
            if kind is SettlementType.PRIVATE:
                return json_response({"settlementJob": None, "notes": _NOTES}, 202)
            data = settlement_data(request.headers.get("x-settlement-data"))
        except Refusal as refusal:
            return refused_as(refusal)
        except InvalidField as error:
            return refused(400, str(error))
        try:
            work = Work(partial(self._handed, kind, data), partial(self._settled, kind))
            return await self._queue.take(work)
        except _Rejected as rejected:
            return rejected.response
        except QueueFull as full:
            return refused(429, f"the relayer is busy: {full}", FULL_RETRY_AFTER)
        except AfterproofError as error:
            return own_trouble(request, error)

    async def job(self, request: Request) -> Response:
        """What became of a job."""
        name = request.path_params["jobId"]
        try:
            view = await run_in_threadpool(self._found, name)
        except AfterproofError as error:
            return own_trouble(request, error)
        return view if view is not None else refused(404, f"jobId is of no settlement job here: {name[:100]}")

    def _handed(self, kind: SettlementType, data: SettlementData) -> Handed:
        context = self._context
        key = context.store.registry.public_key(data.node)
        if key is None:
            if not context.pulse.is_fresh(context.clock()):
                raise _Rejected(refused(503, "the relayer has not followed the chain lately", RETRY_AFTER))
            raise _Rejected(refused(400, "tee_id is not registered"))
        return Handed.of([data.signed(key)], [data.beneficiary], kind is SettlementType.INDIVIDUAL)

    def _settled(self, kind: SettlementType, answers: Answers) -> Response:
        (answer,) = answers
        if isinstance(answer, Refused):
            return refused(400, f"{their_name(answer.field)} {answer.rule}")
        if isinstance(answer, Unready | Full):
            return refused(503 if isinstance(answer, Unready) else 429, answer.why, RETRY_AFTER)
        return json_response({"settlementJob": self._queued(answer, kind)}, 202)

    def _queued(self, answer: Accepted, kind: SettlementType) -> dict[str, Any]:
        stored = answer.stored
        times = {"createdAt": _iso(stored.received_at), "updatedAt": _iso(stored.received_at)}
        return _job(stored.leaf.hash, "queued", kind) | times | forms.accepted(answer)

    def _found(self, name: str) -> Response | None:
        digits = name.removeprefix(_JOB)
        if digits == name or len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
            return None
        view = find_receipt(self._context, bytes.fromhex(digits))
        if view is None:
            return None
        urgent = self._context.store.urgent.holds(view.lane, view.seq)
        return json_response(_told(view, SettlementType.INDIVIDUAL if urgent else SettlementType.BATCH))


def _job(leaf_hash: bytes, status: str, kind: SettlementType) -> dict[str, Any]:
    return {"jobId": _JOB + leaf_hash.hex(), "queue": QUEUE, "status": status, "settlementType": kind.value}


def _told(view: ReceiptView, kind: SettlementType) -> dict[str, Any]:
    times, known = view.timeline, forms.receipt(view)
    job = _job(view.leaf.hash, _STATUS.get(view.standing, "queued"), kind) | {
        "createdAt": _iso(times.received_at),
        "updatedAt": _iso(times.final_at or times.posted_at or times.received_at),
        "result": known,
    }
    if view.standing is Standing.VOIDED:
        job["error"] = f"the receipt is void: {view.void_reason.name}"
    return job


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
