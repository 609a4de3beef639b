"""A verifier's watch over promises, for whoever holds one.

    POST /v1/watch          what the relayer answered a receipt with: from then on the verifier watches its promise
    GET  /v1/watch/{id}     what became of a watched promise, and what was claimed

The body is the relayer's answer as it is; of its fields ``leafHash`` and ``promise`` are read. With ``receipt``, in the
form of receipt files, it is checked that the promise is that receipt's. Handing a promise in twice changes nothing.
"""

import logging
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import AfterproofError
from ..protocol.errors import InvalidField
from ..protocol.fields import hex_of
from ..protocol.promise import HeldPromise
from ..protocol.receipt import SignedReceipt, hex0x
from ..protocol.state import PromiseFault
from ..protocol.watching import FOREVER
from ..steps import Context
from ..steps.entrust import Crowded, Unable, Unwatched, WatchView, entrust, find_watch
from .body import json_body
from .errors import Refusal, json_response
from .guard import address_of
from .rates import Rates

log = logging.getLogger(__name__)

BODY_LIMIT: Final = 32 * 1024
"""Bytes of a body at most: a promise with 32 hashes and a receipt with the longest key have a third of that."""

RETRY_AFTER: Final = 5
CROWDED_AFTER: Final = 3600
"""Seconds after which a place may be free again."""


class Watches:
    """The routes' handlers."""

    def __init__(self, context: Context) -> None:
        rate = context.config.verifier.watch_rate
        self._context = context
        self._rates = Rates(rate, max(1, int(10 * rate)))

    async def watch(self, request: Request) -> Response:
        """Take a promise to watch."""
        client = address_of(request)
        wait = self._rates.take(client, 1)
        if wait:
            rule = f"may hand in {self._rates.rate:g} promises a second: again in {wait} seconds"
            raise Refusal(429, "client", rule, wait)
        held, leaf = read_watch(await json_body(request, BODY_LIMIT))
        answer = await run_in_threadpool(self._entrust, held, leaf, client)
        return json_response(watch_form(answer), 201 if answer.is_new else 200)

    async def status(self, request: Request) -> Response:
        """What became of a watched promise."""
        try:
            identity = hex_of(request.path_params["id"], "id", exactly=32)
        except InvalidField as error:
            raise Refusal(400, error.field, error.rule) from None
        view = await run_in_threadpool(find_watch, self._context, identity)
        if view is None:
            raise Refusal(404, "id", "is of no promise that this verifier watches")
        return json_response(watch_form(view))

    def _entrust(self, held: HeldPromise, leaf: bytes, client: str) -> WatchView:
        try:
            answer = entrust(self._context, held, leaf, client)
        except AfterproofError as error:
            log.error("a promise cannot be taken: %s", error, extra={"error": str(error)})
            raise Refusal(503, "verifier", "cannot look at it now; its log says why", RETRY_AFTER) from None
        if isinstance(answer, Unwatched):
            raise Refusal(422, answer.field, answer.rule)
        if isinstance(answer, Crowded):
            raise Refusal(429, "verifier", answer.why, CROWDED_AFTER)
        if isinstance(answer, Unable):
            raise Refusal(503, "verifier", f"cannot look at it now: {answer.why}", RETRY_AFTER)
        return answer


def watch_routes(context: Context) -> list[Route]:
    """The routes by which promises are handed to ``context``; their app takes the handlers of :mod:`.errors`."""
    watches = Watches(context)
    return [
        Route("/v1/watch", watches.watch, methods=["POST"]),
        Route("/v1/watch/{id}", watches.status, methods=["GET"]),
    ]


def read_watch(value: object) -> tuple[HeldPromise, bytes]:
    """The promise in a request's body, and the hash of the leaf that it is about.

    Raises:
        Refusal: 400, naming field and rule.
    """
    try:
        return _read(value)
    except InvalidField as error:
        raise Refusal(400, error.field, error.rule) from None


def _read(value: object) -> tuple[HeldPromise, bytes]:
    if not isinstance(value, dict):
        raise InvalidField("body", "must be a JSON object: what the relayer answered")
    for name in ("leafHash", "promise"):
        if name not in value:
            raise InvalidField(name, "is missing")
    leaf = hex_of(value["leafHash"], "leafHash", exactly=32)
    if value["promise"] is None:
        raise InvalidField("promise", "is null: the relayer took the receipt without one")
    held = HeldPromise.from_json(value["promise"], "promise")
    if value.get("receipt") is not None and SignedReceipt.from_json(value["receipt"]).leaf.hash != leaf:
        raise InvalidField("receipt", "must be that of leafHash")
    return held, leaf


def watch_form(view: WatchView) -> dict[str, Any]:
    """A watched promise in JSON: hex after 0x, times in unix seconds."""
    watched = view.watched
    promise = watched.opening.signed.promise
    return {
        "id": hex0x(watched.id),
        "lane": promise.lane,
        "seq": watched.opening.seq,
        "leafHash": hex0x(watched.opening.leaf_hash),
        "beneficiary": hex0x(promise.beneficiary),
        "includeBy": promise.include_by,
        "due": watched.due,
        "claimableUntil": None if watched.last >= FOREVER else watched.last,
        "state": watched.fate.value,
        "why": watched.why or None,
        "claims": [
            {
                "fault": PromiseFault(breach.fault).name,
                "beneficiary": hex0x(breach.beneficiary),
                "caller": hex0x(breach.caller),
                "slashed": str(breach.slashed),
                "transaction": hex0x(breach.tx_hash),
                "block": breach.block,
            }
            for breach in view.breaches
        ],
    }
