"""The gateway's HTTP interface: the Open Inference Protocol (REST, version 2), a receipt with every answer.

    GET  /v2                                             the server
    GET  /v2/health/live, /v2/health/ready               ready: 503 while no receipt would be kept
    GET  /v2/models/{name}[/versions/{version}]          the model's tensors
    GET  /v2/models/{name}[/versions/{version}]/ready
    POST /v2/models/{name}[/versions/{version}]/infer    an answer, Afterproof-Receipt in its header

Errors are ``{"error": sentence}``, as the protocol has them, and carry no receipt.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Lifespan

from .. import __version__
from ..protocol.receipt import Domain, Scheme
from ..protocol.signing import Signer
from .forward import Outlet
from .receipting import RECEIPT_HEADER, issue, to_header, to_wire
from .served import ServedDigits
from .tensors import Refused

MAX_BODY = 2**20
"""Bytes of a request's body at most; 256 images need some 55 kB."""

INLINE_BODY = 4096
"""Bytes up to which the work (below 0.3 ms) costs the event loop less than a worker thread would."""


class Gateway:
    """The routes' handlers. `clock` gives unix seconds; `models` maps a name to what is served under it."""

    def __init__(
        self,
        models: Mapping[str, ServedDigits],
        signer: Signer,
        domain: Domain,
        outlet: Outlet,
        clock: Callable[[], float] = time.time,
        max_body: int = MAX_BODY,
    ) -> None:
        self._models, self._signer, self._domain, self._outlet = models, signer, domain, outlet
        self._clock, self._max_body = clock, max_body

    async def server(self, request: Request) -> Response:
        """What this server is."""
        return _json({"name": "afterproof", "version": __version__, "extensions": []})

    async def live(self, request: Request) -> Response:
        """Whether the process answers."""
        return _json({"live": True})

    async def ready(self, request: Request) -> Response:
        """Whether to send requests here. The protocol's text has both field names for it."""
        ready = self._outlet.ready
        return _json({"live": True, "ready": ready}, 200 if ready else 503)

    async def model(self, request: Request) -> Response:
        """A model's metadata."""
        return _json(self._model(request).metadata)

    async def model_ready(self, request: Request) -> Response:
        """Whether a model is ready."""
        ready = self._outlet.ready
        return _json({"name": self._model(request).name, "ready": ready}, 200 if ready else 503)

    async def infer(self, request: Request) -> Response:
        """An answer and its receipt."""
        model = self._model(request)
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Refused(
                415, "the Content-Encoding header must be absent: a receipt covers the bytes as they travel"
            )
        if "Inference-Header-Content-Length" in request.headers:
            raise Refused(400, "the binary tensor data extension is not served: send data as JSON arrays")
        body = await self._body(request)
        if len(body) <= INLINE_BODY and self._signer.scheme is not Scheme.OPENGRADIENT_RSA_PSS:
            answer, wire = self._answer(model, body)
        else:  # an RSA signature takes 0.7 ms and leaves the interpreter to others meanwhile
            answer, wire = await run_in_threadpool(self._answer, model, body)
        self._outlet.hand_on(wire)
        return Response(answer, media_type="application/json", headers={RECEIPT_HEADER: to_header(wire)})

    def _answer(self, model: ServedDigits, body: bytes) -> tuple[bytes, bytes]:
        answer = model.infer(body)
        return answer, to_wire(issue(self._signer, self._domain, body, answer, int(self._clock())))

    def _model(self, request: Request) -> ServedDigits:
        name, version = request.path_params["name"], request.path_params.get("version")
        if name not in self._models:
            raise Refused(404, f"no model is named {name[:64]}; there is {', '.join(self._models)}")
        model = self._models[name]
        if version not in (None, model.version):
            raise Refused(404, f"model {name} has no version {version[:64]}; there is {model.version}")
        return model

    async def _body(self, request: Request) -> bytes:
        too_large = Refused(413, f"the request body must be at most {self._max_body} bytes")
        declared = request.headers.get("Content-Length", "0")
        if declared.isdecimal() and int(declared) > self._max_body:
            raise too_large
        body = bytearray()
        try:
            async for part in request.stream():
                body += part
                if len(body) > self._max_body:
                    raise too_large
        except ClientDisconnect:
            raise Refused(400, "the request ended before its body did") from None
        return bytes(body)


def create_app(gateway: Gateway, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """The ASGI application around `gateway`."""
    routes = [
        Route("/v2", gateway.server),
        Route("/v2/", gateway.server),
        Route("/v2/health/live", gateway.live),
        Route("/v2/health/ready", gateway.ready),
    ]
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        routes += [
            Route(path, gateway.model),
            Route(path + "/ready", gateway.model_ready),
            Route(path + "/infer", gateway.infer, methods=["POST"]),
        ]
    handlers: dict[Any, Any] = {Refused: _refused, HTTPException: _http_error, Exception: _internal_error}
    return Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)


async def _refused(request: Request, error: Refused) -> Response:
    return _json({"error": error.message}, error.status)


async def _http_error(request: Request, error: HTTPException) -> Response:
    sentences = {404: f"nothing is at {request.url.path[:128]}", 405: f"{request.method} is not allowed here"}
    return _json({"error": sentences.get(error.status_code, error.detail)}, error.status_code, error.headers)


async def _internal_error(request: Request, error: Exception) -> Response:
    """Starlette logs the error itself, by raising it on to the server."""
    return _json({"error": "the gateway failed to answer; its log says why"}, 500)


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
