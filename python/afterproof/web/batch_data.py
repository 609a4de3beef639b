"""A batch's data over HTTP, whoever serves it: the batch that a path names, and the bytes as they are read."""

from collections.abc import Iterator
from typing import BinaryIO, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .errors import Refusal

_CHUNK: Final = 64 * 1024
NO_ID: Final = "must be a batch id: lane << 64 | firstSeq, in decimal digits"


def number_of(request: Request) -> int:
    """The number that stands for a batch in the path; perhaps of more than an id's 96 bits.

    Raises:
        Refusal: 400, it is none.
    """
    text: str = request.path_params["id"]
    # A batch id has 96 bits: at most 29 digits.
    if not (text.isascii() and text.isdecimal() and len(text) <= 29):
        raise Refusal(400, "id", NO_ID)
    return int(text)


def streamed(file: BinaryIO, size: int) -> Response:
    """The ``size`` bytes of a file, which is closed at the end."""
    headers = {"Content-Length": str(size)}
    return StreamingResponse(_chunks(file), 200, headers, media_type="application/octet-stream")


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
