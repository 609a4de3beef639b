"""The relayer's OpenAPI document, and schemathesis, which looks for requests that are not answered as it says.

the document
├── it should have every route, and no other path
├── it should be told in docs/http.md too
├── it should ask for a token where tokens are set, for what takes something in alone
└── a route that it does not describe → cannot be mounted
any request that schemathesis makes of it, of the form or not, by any method
└── it should be answered as the document says

All of schemathesis' checks are on. What is said to them, and why:

- 422 is a fair answer to a receipt of the form: that it breaks a rule of the protocol no schema can tell.
- 400 is one on OpenGradient's two routes: their gateways know no other refusal, of form or of rule; and the base64 in
  their header is more than a header's schema can hold.
- An array is answered 200 whatever its items are, each with an answer of its own: instead of that it is refused, it is
  checked that no item is taken.
- 503 is no failure of the server: what the relayer says while it cannot judge, or reports no heartbeats.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from afterproof.config import RelayerConfig
from afterproof.steps import Context
from afterproof.units import checksummed
from afterproof.web.openapi import PATH, document
from afterproof.web.openapi_paths import PATHS
from afterproof.web.openapi_schemas import SCHEMAS
from afterproof.web.relayer import create_app
from afterproof.web.tokens import hash_of, new_token
from tests.support.http import ask
from tests.support.world import World

SEED = os.environ.get("AFTERPROOF_TEST_OPENAPI_SEED")
"""Unset: the same requests every time."""

EXAMPLES = int(os.environ.get("AFTERPROOF_TEST_OPENAPI_EXAMPLES", "25"))
"""Requests made of each route at random, beside those that schemathesis makes of each rule of the document."""

schemathesis.openapi.format("address", st.binary(min_size=20, max_size=20).map(checksummed))

CONFIG: dict[str, Any] = {
    **({} if SEED is None else {"seed": int(SEED)}),
    "generation": {"deterministic": SEED is None, "max-examples": EXAMPLES, "database": "none"},
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "422", "429", "503"]},
        "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "503"]},
        "negative_data_rejection": {
            "expected-statuses": ["400", "401", "404", "405", "413", "415", "422", "503"]
        },
    },
    "operations": [
        {
            "include-name": f"POST {path}",
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "429", "503"]}},
        }
        for path in ("/settle_data", "/heartbeat")
    ],
}


TOKEN = new_token()


@pytest.fixture(scope="module")
def relayer(tmp_path_factory: pytest.TempPathFactory) -> Context:
    world = World(tmp_path_factory.mktemp("openapi"), ahead=8)
    context = world.with_settings(world.relayer(), heartbeats=True)
    world.round(context)
    return context


def described(app: Starlette) -> schemathesis.BaseSchema:
    """The application with its own description of itself."""
    return schemathesis.openapi.from_asgi(PATH, app, config=schemathesis.Config.from_dict(CONFIG))


@pytest.fixture(scope="module")
def openapi(relayer: Context) -> schemathesis.BaseSchema:
    return described(create_app(relayer))


@pytest.fixture(scope="module")
def guarded(relayer: Context, tmp_path_factory: pytest.TempPathFactory) -> schemathesis.BaseSchema:
    file = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    file.write_text(f'acme = "{hash_of(TOKEN)}"')
    settings = replace(relayer.config.relayer, tokens=file)
    return described(create_app(replace(relayer, config=replace(relayer.config, relayer=settings))))


def answered(case: schemathesis.Case, **options: Any) -> None:
    """Make the request, and hold the answer against the document."""
    response = case.call(**options)
    of_array = case.operation.path == "/v1/receipts" and isinstance(case.body, list)
    case.validate_response(response, excluded_checks=[negative_data_rejection] if of_array else [], **options)
    if of_array and response.status_code == 200:
        assert all("error" in item for item in response.json())


thorough = settings(
    suppress_health_check=list(HealthCheck), deadline=None, derandomize=SEED is None, max_examples=EXAMPLES
)
api = schemathesis.pytest.from_fixture("openapi")
guarded_api = schemathesis.pytest.from_fixture("guarded").include(method="POST")


@api.parametrize()
@thorough
def test_every_request_is_answered_as_described(case: schemathesis.Case) -> None:
    answered(case)


@guarded_api.parametrize()
@thorough
def test_every_request_with_a_token_is_answered_as_described_and_without_is_401(
    case: schemathesis.Case,
) -> None:
    answered(case, headers={"Authorization": f"Bearer {TOKEN}"})


# --- the document -----------------------------------------------------------------------------------


def test_the_document_has_every_route_and_no_other_path(relayer: Context) -> None:
    app = create_app(relayer)
    routed = {
        (route.path, method.lower()) for route in app.routes if isinstance(route, Route)
        for method in route.methods or () if method != "HEAD"
    }  # fmt: skip
    assert len(routed) >= len(app.routes) >= 11
    served = ask(relayer, "GET", PATH).json()["paths"]
    assert {(path, method) for path, item in served.items() for method in item} == routed
    assert set(PATHS) == {path for path, _ in routed}


def test_a_route_that_is_not_described_cannot_be_mounted() -> None:
    async def found(request: Request) -> Response:
        raise AssertionError("never asked")

    for route in (Route("/new", found), Route("/health", found, methods=["POST"])):
        with pytest.raises(KeyError):
            document([route], needs_token=False)


def test_the_document_asks_for_a_token_where_one_is_needed() -> None:
    def guarded(needs_token: bool) -> set[str]:
        routes = [Route(path, lambda: None, methods=list(item)) for path, item in PATHS.items()]
        return {
            path for path, item in document(routes, needs_token)["paths"].items()
            for operation in item.values() if operation.get("security")
        }  # fmt: skip

    assert guarded(False) == set()
    assert guarded(True) == {"/v1/receipts", "/settle_data", "/heartbeat"}


def test_what_to_do_next_is_described_with_401_and_429() -> None:
    for operation in (operation for item in PATHS.values() for operation in item.values()):
        for status, header in (("401", "WWW-Authenticate"), ("429", "Retry-After")):
            assert header in operation["responses"].get(status, {"headers": [header]})["headers"]


def test_the_page_names_every_path_status_and_limit() -> None:
    page = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
    whole = page.replace("`, `/v1/batches/{id}`", "` `GET /v1/batches/{id}`").replace(
        "`, `/ready`", "` `GET /ready`"
    )
    for path, item in PATHS.items():
        for method, operation in item.items():
            assert f"`{method.upper()} {path}`" in whole, path
            assert all(status in page for status in operation["responses"] if status not in ("200", "202"))
    for name in (
        "tokens",
        "rate",
        "burst",
        "body_limit",
        "request_timeout",
        "keep_alive",
        "connections",
        "proxies",
    ):
        assert f"`{name}`" in page and hasattr(RelayerConfig(), name)


def test_every_schema_is_used() -> None:
    text = json.dumps([PATHS, SCHEMAS])
    # What a header holds in base64 can only be named in words.
    assert {name for name in SCHEMAS if f'schemas/{name}"' not in text} == {"SettlementData"}
