"""Holds what the relayer answers against what its OpenAPI document says that it answers.

Every answer that the tests get in process or from a gateway-shaped client goes through here, so the document is wrong
only about what no test asks.
"""

from functools import lru_cache

import httpx
import schemathesis
from starlette.routing import Route, compile_path

from afterproof.web.openapi import document
from afterproof.web.openapi_paths import PATHS

_ROUTES = [Route(path, lambda request: None, methods=[*item]) for path, item in PATHS.items()]
_PATTERNS = [(compile_path(path)[0], path) for path in PATHS]


@lru_cache(maxsize=1)
def _api() -> tuple[dict[str, dict[str, dict[str, dict[str, object]]]], schemathesis.BaseSchema]:
    described = document(_ROUTES, needs_token=False)
    return described["paths"], schemathesis.openapi.from_dict(described)


def conforms(response: httpx.Response) -> httpx.Response:
    """The response, if it is one that the document has.

    Raises:
        AssertionError: its status is not described.
        schemathesis.errors.Failure: its headers or body are not as described.
    """
    method, path = response.request.method, response.request.url.path
    paths, api = _api()
    template = next((name for pattern, name in _PATTERNS if pattern.match(path)), None)
    item = paths[template] if template is not None else {}
    if method.lower() not in item:
        assert response.status_code == (404 if template is None else 405), (method, path, response)
        assert template is None or "Allow" in response.headers
        return response
    described = item[method.lower()]["responses"]
    assert str(response.status_code) in described, f"{method} {path} answered {response.status_code}"
    bare = httpx.Request(method, response.request.url)  # what was asked may have been a stream
    copy = httpx.Response(
        response.status_code, headers=response.headers, content=response.content, request=bare
    )
    copy.elapsed = response.elapsed
    api[template][method].validate_response(copy)
    return response
