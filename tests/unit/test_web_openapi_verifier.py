"""The verifier's OpenAPI document, held against its routes, its page, and what schemathesis asks.

the document
├── it should have every route, no other path, and no schema that nothing uses
└── every path and status should be told in docs/watching.md or docs/verifier.md too
any request that schemathesis makes of it, of the form or not, by any method
└── it should be answered as the document says

Every other test that asks the verifier holds the answer against the document as well. Of schemathesis' checks, as in
``test_web_openapi``: 422 is a fair answer to what is of the form, and 503 no failure of the server. 400 is fair of a
promise: that its place lies within it, and that a receipt is the one it is of, no schema can tell.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import schemathesis
from starlette.applications import Starlette
from starlette.routing import Route

from afterproof.steps import Context
from afterproof.steps.watch import watch
from afterproof.web.openapi import PATH
from afterproof.web.openapi_verifier import VERIFIER
from afterproof.web.verifier import create_verifier_app
from tests.support.watching import Watching
from tests.unit.test_watch_promises import Client
from tests.unit.test_web_openapi import CONFIG, thorough

DOCS = Path(__file__).parents[2] / "docs"
OURS = CONFIG | {
    "operations": [
        {
            "include-name": "POST /v1/watch",
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "422", "503"]}},
        }
    ]
}


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Context:
    world = Watching(tmp_path_factory.mktemp("openapi"))
    context = world.verifier()
    while watch(context):
        pass
    settings = replace(context.config.verifier, watch_rate=1e6)
    return replace(context, config=replace(context.config, verifier=settings))


@pytest.fixture(scope="module")
def app(verifier: Context) -> Starlette:
    return create_verifier_app(verifier)


@pytest.fixture(scope="module")
def openapi(app: Starlette) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi(PATH, app, config=schemathesis.Config.from_dict(OURS))


api = schemathesis.pytest.from_fixture("openapi")


@api.parametrize()
@thorough
def test_every_request_is_answered_as_described(case: schemathesis.Case) -> None:
    case.validate_response(case.call())


def test_the_document_has_every_route_and_no_other_path(app: Starlette) -> None:
    routed = {
        (route.path, method.lower()) for route in app.routes if isinstance(route, Route)
        for method in route.methods or () if method != "HEAD"
    }  # fmt: skip
    assert len(routed) == len(app.routes) == 4
    assert {(path, method) for path, item in VERIFIER.paths.items() for method in item} == routed


def test_the_document_is_served(app: Starlette) -> None:
    served = Client(app).get(PATH).json()
    assert (served["openapi"], served["info"]["title"]) == ("3.1.0", "Afterproof verifier")
    assert set(served["paths"]) == set(VERIFIER.paths)


def test_every_schema_is_used() -> None:
    text = json.dumps([VERIFIER.paths, VERIFIER.schemas])
    assert all(f'schemas/{name}"' in text for name in VERIFIER.schemas)
    assert text.count('"$ref": "#/components/schemas/') == sum(
        text.count(f'"$ref": "#/components/schemas/{name}"') for name in VERIFIER.schemas
    )


def test_the_pages_name_every_path_and_status() -> None:
    pages = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("watching.md", "verifier.md"))
    for path, item in VERIFIER.paths.items():
        assert path in pages
        for operation in item.values():
            assert all(status in pages for status in operation["responses"])
