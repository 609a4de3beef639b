"""Holds what relayer and verifier answer against what their OpenAPI documents say that they answer.

Every answer that the tests get in process or from a gateway-shaped client goes through here, so the document is wrong
only about what no test asks.
"""

from functools import lru_cache

import httpx
import schemathesis
from starlette.routing import Route, compile_path

from afterproof.web.openapi import RELAYER, Api, document
from afterproof.web.openapi_verifier import VERIFIER

_APIS = {"relayer": RELAYER, "verifier": VERIFIER}


@lru_cache(maxsize=2)
def _api(role: str) -> tuple[dict[str, dict[str, dict[str, dict[str, object]]]], schemathesis.BaseSchema]:
    described = document(_routes(_APIS[role]), needs_token=False, api=_APIS[role])
    return described["paths"], schemathesis.openapi.from_dict(described)


def _routes(api: Api) -> list[Route]:
    return [Route(path, lambda request: None, methods=[*item]) for path, item in api.paths.items()]


def conforms(response: httpx.Response, role: str = "relayer") -> httpx.Response:
    """The response, if it is one that the role's document has.

    Raises:
        AssertionError: its status is not described.
        schemathesis.errors.Failure: its headers or body are not as described.
    """
    method, path = response.request.method, response.request.url.path
    paths, api = _api(role)
    template = next((name for name in paths if compile_path(name)[0].match(path)), None)
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
