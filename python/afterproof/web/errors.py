"""Refusals over HTTP: ``{"error": {"field", "rule", "message"}}`` with a precise status, never a traceback."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import AfterproofError

log = logging.getLogger(__name__)


class Refusal(Exception):
    """A request that is not served: status, the field of it that is at fault, and the rule that it breaks."""

    def __init__(
        self,
        status: int,
        field: str,
        rule: str,
        retry_after: int | None = None,
        challenge: str | None = None,
    ) -> None:
        super().__init__(f"{field} {rule}")
        self.status = status
        self.error = error_of(field, rule)
        self.headers: dict[str, str] = {}
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)
        if challenge is not None:
            self.headers["WWW-Authenticate"] = challenge


def error_of(field: str, rule: str, status: int | None = None) -> dict[str, Any]:
    """A refusal's JSON. In a list of answers ``status`` says what a single receipt would have got."""
    error: dict[str, Any] = {"field": field, "rule": rule, "message": f"{field} {rule}"}
    return error if status is None else {**error, "status": status}


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``value`` as JSON."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def refused(status: int, sentence: str, retry_after: int | None = None) -> Response:
    """A refusal as OpenGradient's gateways read it: one sentence."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return json_response({"error": sentence}, status, headers)


def refused_as(refusal: Refusal) -> Response:
    """A :class:`Refusal` as OpenGradient's gateways read it."""
    return json_response({"error": str(refusal)}, refusal.status, refusal.headers)


def own_trouble(request: Request, error: Exception) -> Response:
    """:func:`on_own_trouble` as OpenGradient's gateways read it."""
    log.error("%s %s: %s", request.method, request.url.path, error, extra={"error": str(error)})
    return refused(503, "the relayer cannot serve this now; its log says why", 5)


async def on_refusal(request: Request, error: Exception) -> Response:
    """A :class:`Refusal` as its answer."""
    assert isinstance(error, Refusal)
    return json_response({"error": error.error}, error.status, error.headers)


async def on_http_error(request: Request, error: Exception) -> Response:
    """A path that does not exist, or a method that it does not have."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        refusal = error_of("method", f"{request.method} is not allowed here")
    elif error.status_code == 404:
        refusal = error_of("path", "leads to nothing here")
    else:
        refusal = error_of("request", str(error.detail))
    return json_response({"error": refusal}, error.status_code, error.headers)


def handlers_of(role: str) -> dict[Any, Any]:
    """For Starlette's ``exception_handlers``, in an application of the role."""

    async def on_own_trouble(request: Request, error: Exception) -> Response:
        """Trouble of our own that passes: a full disk, a database that is locked."""
        log.error("%s %s: %s", request.method, request.url.path, error, extra={"error": str(error)})
        refusal = error_of(role, "cannot serve this now; its log says why")
        return json_response({"error": refusal}, 503, {"Retry-After": "5"})

    async def on_bug(request: Request, error: Exception) -> Response:
        """A mistake of ours. The server logs it; whoever asked learns nothing of its insides."""
        return json_response({"error": error_of(role, "failed to answer; its log says why")}, 500)

    return {
        Refusal: on_refusal,
        HTTPException: on_http_error,
        AfterproofError: on_own_trouble,
        Exception: on_bug,
    }
