"""A verifier's archive over HTTP, for whoever cannot have a batch's data elsewhere.

    GET  /v1/batches/{id}/data      what is kept of a batch, in the form that batches are published in

Its readers believe it by the tile roots that were posted: a tile that is not kept is filled with empty leaves.
"""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import DataUnavailable
from ..protocol.header import BatchId
from ..steps import Context
from .batch_data import NO_ID, number_of, streamed
from .errors import Refusal


def archive_routes(context: Context) -> list[Route]:
    """The routes that serve the archive of ``context``; their app takes the handlers of :mod:`.errors`."""

    async def data(request: Request) -> Response:
        batch = _batch_of(request)
        try:
            file, size = await run_in_threadpool(context.data.archive.open, batch)
        except DataUnavailable:
            raise Refusal(404, "id", "is of no batch that this verifier keeps") from None
        return streamed(file, size)

    return [Route("/v1/batches/{id}/data", data, methods=["GET"])]


def _batch_of(request: Request) -> BatchId:
    number = number_of(request)
    if number >= 2**96:
        raise Refusal(400, "id", NO_ID)
    return BatchId(number)
