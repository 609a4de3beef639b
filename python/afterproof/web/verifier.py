"""The verifier's HTTP interface: for whoever holds a promise, or lacks a batch's data. Its figures are elsewhere."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from ..steps import Context
from .archive import archive_routes
from .errors import handlers_of
from .observed import Observed
from .openapi import with_document
from .openapi_verifier import VERIFIER
from .watch import watch_routes


def create_verifier_app(context: Context) -> Starlette:
    """The ASGI application of the verifier with this context."""
    observed = Middleware(Observed, process=context.metrics.process)
    routes = with_document(watch_routes(context) + archive_routes(context), needs_token=False, api=VERIFIER)
    return Starlette(routes=routes, middleware=[observed], exception_handlers=handlers_of("verifier"))
