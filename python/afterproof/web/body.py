"""A request's body as JSON, within a limit that is kept before the body is read whole."""

from typing import Final

import msgspec
from starlette.requests import ClientDisconnect, Request

from ..protocol.errors import InvalidField
from .errors import Refusal

MAX_CONTAINERS: Final = 4096
"""Objects and arrays in a body at most, and so their depth: the decoder recurses, and Python's own limit, which a
library may raise, need not fit the stack. A thousand receipts have 2,001."""


async def json_body(request: Request, limit: int) -> object:
    """The JSON value in a request's body of at most ``limit`` bytes.

    Raises:
        Refusal: 415 not JSON by its headers; 413 too large; 400 not JSON.
    """
    body = await raw_body(request, limit)
    try:
        return decoded(body, "body")
    except InvalidField as error:
        raise Refusal(400, error.field, error.rule) from None


async def raw_body(request: Request, limit: int) -> bytes:
    """A request's body, JSON by its headers, of at most ``limit`` bytes.

    Raises:
        Refusal: 415 not JSON by its headers; 413 too large.
    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "Content-Type", "must be application/json")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal(415, "Content-Encoding", "must be absent: bodies are taken as they are")
    return await _limited(request, limit)


def decoded(text: bytes, field: str) -> object:
    """The JSON value in ``text``, which stands in ``field``.

    Raises:
        InvalidField: it is none, or holds more than anybody needs.
    """
    if text.count(b"[") + text.count(b"{") > MAX_CONTAINERS:
        raise InvalidField(field, f"must hold at most {MAX_CONTAINERS} objects and arrays")
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidField(field, f"must be JSON: {error}") from None
    except RecursionError:
        raise InvalidField(field, "must not be nested that deeply") from None


async def _limited(request: Request, limit: int) -> bytes:
    too_large = Refusal(413, "body", f"must be at most {limit} bytes")
    declared = request.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_large
            if part:  # the last is empty; a body that came in one part is not copied then
                parts.append(part)
    except ClientDisconnect:
        raise Refusal(400, "body", "ended before its length") from None
    return b"".join(parts)
