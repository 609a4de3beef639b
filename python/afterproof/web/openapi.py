"""``GET /openapi.json``: an HTTP interface described to programs (OpenAPI 3.1).

The document is made of the routes that are mounted, so it leaves none out and holds none that is not there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import __version__
from .openapi_forms import Schema
from .openapi_paths import JSON, PATHS
from .openapi_schemas import SCHEMAS

PATH: Final = "/openapi.json"

_COMMON: Final = (
    "A path that is not described answers 404, a method 405 with `Allow`, both as `Refusal`; GET answers HEAD too. "
    "A connection is answered 400, 408, 431 or 503 as `Refusal`, and ended, where what it sends is no HTTP, too slow, "
    "too long in its headers, or one connection too many."
)


@dataclass(frozen=True)
class Api:
    """Whose interface it is, what it does in a sentence, and every route and schema that it may have."""

    title: str
    about: str
    paths: Mapping[str, Schema]
    schemas: Mapping[str, Schema]


RELAYER: Final = Api(
    "Afterproof relayer",
    "Takes signed receipts in, promises each a place and a time, and posts them on chain.",
    PATHS,
    SCHEMAS,
)

_HEADERS: Final[dict[str, Any]] = {
    "RetryAfter": {
        "required": True,
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "MaybeRetryAfter": {
        "description": "Seconds after which to try again, where it is known.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Challenge": {"required": True, "description": "RFC 6750.", "schema": {"type": "string"}},
}


def document(routes: Sequence[Route], needs_token: bool, api: Api = RELAYER) -> dict[str, Any]:
    """The document of these routes; ``needs_token``: whether those that take something in ask for one.

    Raises:
        KeyError: a route is not described, or not by that method.
    """
    paths: dict[str, Any] = {}
    for route in routes:
        methods = sorted(method.lower() for method in (route.methods or ()) if method != "HEAD")
        paths[route.path] = {method: api.paths[route.path][method] for method in methods}
    if needs_token:
        for item in paths.values():
            if "post" in item:
                item["post"] = item["post"] | {"security": [{"token": []}]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": api.title,
            "version": __version__,
            "description": f"{api.about}\n\n{_COMMON}",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(api.schemas),
            "headers": _HEADERS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def with_document(routes: Sequence[Route], needs_token: bool, api: Api = RELAYER) -> list[Route]:
    """These routes and that of the document, itself included."""
    encoded = b""

    async def openapi(request: Request) -> Response:
        return Response(encoded, media_type=JSON)

    every = [*routes, Route(PATH, openapi, methods=["GET"])]
    encoded = msgspec.json.encode(document(every, needs_token, api))
    return every
