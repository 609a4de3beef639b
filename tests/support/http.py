"""Asking the relayer's HTTP interface, in process."""

import asyncio
import json
from typing import Any

import httpx

from afterproof.steps import Context
from afterproof.web.relayer import create_app
from tests.support.contract import conforms

JSON = {"Content-Type": "application/json"}


def ask(
    relayer: Context, method: str, path: str, raise_errors: bool = True, **options: Any
) -> httpx.Response:
    """One request in process, answered as described. A mistake of ours raises, unless asked not to."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(relayer), raise_app_exceptions=raise_errors)
        async with httpx.AsyncClient(transport=transport, base_url="http://relayer.test") as client:
            return await client.request(method, path, **options)

    return conforms(asyncio.run(send()))


def hand_in(relayer: Context, body: object) -> httpx.Response:
    """Post a JSON value to /v1/receipts."""
    return ask(relayer, "POST", "/v1/receipts", content=json.dumps(body), headers=JSON)


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    """Status, field and rule of a refusal."""
    error = response.json()["error"]
    assert set(error) == {"field", "rule", "message"}
    assert error["message"] == f"{error['field']} {error['rule']}"
    return response.status_code, error["field"], error["rule"]
