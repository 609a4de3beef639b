"""A request's body as JSON, within a limit that is kept before the body is read whole."""

from typing import Final

import msgspec
from starlette.requests import ClientDisconnect, Request

from .errors import Refusal

MAX_CONTAINERS: Final = 4096
"""Objects and arrays in a body at most, and so their depth: the decoder recurses, and Python's own limit, which a
library may raise, need not fit the stack. A thousand receipts have 2,001."""


async def json_body(request: Request, limit: int) -> object:
    """The JSON value in a request's body of at most ``limit`` bytes.

    Raises:
        Refusal: 415 not JSON by its headers; 413 too large; 400 not JSON.
    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "Content-Type", "must be application/json")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal(415, "Content-Encoding", "must be absent: bodies are taken as they are")
    body = await _limited(request, limit)
    if body.count(b"[") + body.count(b"{") > MAX_CONTAINERS:
        raise Refusal(400, "body", f"must hold at most {MAX_CONTAINERS} objects and arrays")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(400, "body", f"must be JSON: {error}") from None
    except RecursionError:
        raise Refusal(400, "body", "must not be nested that deeply") from None


async def _limited(request: Request, limit: int) -> bytes:
    too_large = Refusal(413, "body", f"must be at most {limit} bytes")
    declared = request.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > limit:
                raise too_large
    except ClientDisconnect:
        raise Refusal(400, "body", "ended before its length") from None
    return bytes(body)
