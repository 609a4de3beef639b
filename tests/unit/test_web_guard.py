"""Who may write to a relayer, and how much.

a route that takes something in
├── given tokens
│   ├── without one, with another scheme or with nobody's → 401 with WWW-Authenticate, nothing stored, body unread
│   ├── with a client's → as without tokens; a route that only answers asks for none
│   ├── OpenGradient's → 401 as their gateways read it
│   └── when the file changes → as it says now; when it breaks → as it said before, and the log complains
├── given a rate
│   ├── within it → taken; beyond → 429 with a Retry-After after which it is taken; an array counts its items
│   └── of another client → none of it
└── given a file that is not in order at the start → ConfigError naming what
a bucket
├── it should let through no more than rate and burst allow, and nothing later than Retry-After says
└── it should remember so many clients and no more
token new
└── it should print a token and a line that a relayer takes it by
"""

import asyncio
import json
import logging
import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request

from afterproof.config import RelayerConfig
from afterproof.errors import ConfigError
from afterproof.steps import Context
from afterproof.web.guard import Guard
from afterproof.web.rates import Rates
from afterproof.web.relayer import create_app
from afterproof.web.tokens import Tokens, hash_of, parse
from tests.support.cli import run
from tests.support.contract import conforms
from tests.support.http import JSON, refusal
from tests.support.world import World

# Fixed: they are part of names of tests, which all workers must agree on.
TOKEN, OTHER = "afterproof_" + "f0" * 21 + "A", "afterproof_" + "e1" * 21 + "B"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.toml"
    path.write_text(f'acme = "{hash_of(TOKEN)}"\n')
    return path


@pytest.fixture
def guarded(world: World, file: Path) -> Context:
    context = world.with_settings(world.relayer(), tokens=file)
    world.round(context)
    return context


def send(app: Starlette, method: str, path: str, peer: str = "10.0.0.1", **options: Any) -> httpx.Response:
    """One request in process, from an address."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://relayer.test") as client:
            return await client.request(method, path, **options)

    return conforms(asyncio.run(ask()))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def rewrite(file: Path, text: str) -> None:
    """Replace a file's text as an editor does, even within one tick of the clock."""
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + 1, before + 1))


# --- tokens -----------------------------------------------------------------------------------------

NOBODYS = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": TOKEN},
    {"Authorization": f"Basic {TOKEN}"},
    bearer(OTHER),
    bearer(TOKEN[:-1]),
    bearer(TOKEN + "A"),
    bearer(hash_of(TOKEN)),
    bearer("ü" * 10_000),
]


@pytest.mark.parametrize("headers", NOBODYS)
def test_receipt_without_a_clients_token_is_401(
    world: World, guarded: Context, headers: dict[str, str]
) -> None:
    encoded = {name: value.encode() for name, value in (headers | JSON).items()}
    response = send(
        create_app(guarded), "POST", "/v1/receipts", headers=encoded, json=world.signed(1).to_json()
    )
    assert refusal(response)[:2] == (401, "Authorization")
    one_of_nobody = len(headers.get("Authorization", "").removeprefix("Bearer").split()) == 1 and (
        headers["Authorization"].startswith("Bearer ")
    )
    invalid = ', error="invalid_token"' if one_of_nobody else ""
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="afterproof"' + invalid
    assert guarded.store.receipts.count(1) == 0


def test_body_of_a_stranger_is_not_read(guarded: Context) -> None:
    async def never() -> Any:
        raise AssertionError("read")
        yield b""

    assert send(create_app(guarded), "POST", "/v1/receipts", headers=JSON, content=never()).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_receipt_with_a_clients_token_is_taken(world: World, guarded: Context, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}"}
    response = send(
        create_app(guarded), "POST", "/v1/receipts", headers=headers, json=world.signed(1).to_json()
    )
    assert (response.status_code, response.json()["seq"]) == (200, 0)


def test_answers_are_for_everybody(guarded: Context) -> None:
    app = create_app(guarded)
    for path in ("/v1/batches", "/health", "/ready"):
        assert send(app, "GET", path).status_code == 200
    assert send(app, "GET", "/v1/receipts/0x" + "00" * 32).status_code == 404
    assert send(app, "GET", "/settle/settlement-" + "00" * 32).status_code == 404


@pytest.mark.parametrize(("path", "status"), [("/settle_data", 400), ("/heartbeat", 503)])
def test_gateways_of_opengradient_need_one_too(guarded: Context, path: str, status: int) -> None:
    app = create_app(guarded)
    response = send(app, "POST", path, json={})
    assert response.status_code == 401 and response.headers["WWW-Authenticate"]
    assert response.json() == {"error": "Authorization must be Bearer and a token of this relayer"}
    assert send(app, "POST", path, json={}, headers=bearer(TOKEN)).status_code == status


def test_a_revoked_token_is_nobodys_at_once_and_a_new_one_somebodys(file: Path) -> None:
    tokens = Tokens(file)
    assert (tokens.client(TOKEN), tokens.client(OTHER)) == ("acme", None)
    rewrite(file, f'acme = ["{hash_of(OTHER)}", "{hash_of(TOKEN)}"]')
    assert (tokens.client(TOKEN), tokens.client(OTHER)) == ("acme", "acme")
    rewrite(file, f'initech = "{hash_of(OTHER)}"')
    assert (tokens.client(TOKEN), tokens.client(OTHER)) == (None, "initech")
    rewrite(file, "# nobody\n")
    assert tokens.client(OTHER) is None


def test_a_file_that_breaks_changes_nothing_and_is_complained_about(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    tokens = Tokens(file, lambda: now[0])
    for breakage in (lambda: rewrite(file, "acme = "), file.unlink):
        breakage()
        caplog.clear()
        assert [tokens.client(TOKEN) for _ in range(3)] == ["acme"] * 3
        (said,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert str(file) in said.getMessage() and "stay as they were" in said.getMessage()
        now[0] += 61
        tokens.client(TOKEN)
        assert sum(record.levelno == logging.ERROR for record in caplog.records) == 2
    file.write_text("")
    assert tokens.client(TOKEN) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("acme = 1", "acme must be sha256: and 64 hex digits"),
        ('acme = "sha256:00"', "acme must be sha256: and 64 hex digits"),
        (f'acme = "{TOKEN}"', "acme must be sha256: and 64 hex digits"),
        ("[acme]\n", "acme must be sha256: and 64 hex digits"),
        (f'"a b" = "{hash_of(TOKEN)}"', "the client 'a b' must be"),
        (f'a = "{hash_of(TOKEN)}"\nb = "{hash_of(TOKEN)}"', "b has the token of a"),
        ("acme", "tokens.toml: Expected"),
        ("\udcff", "tokens.toml: 'utf-8'"),
    ],
)
def test_a_file_that_is_not_in_order_at_the_start_is_refused(file: Path, text: str, sentence: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=re.escape(sentence)) as caught:
        Guard(RelayerConfig(tokens=file))
    assert TOKEN not in str(caught.value)


def test_a_file_that_is_not_there_at_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"relayer.tokens: .*none.toml cannot be read: No such file"):
        Guard(RelayerConfig(tokens=tmp_path / "none.toml"))


def test_token_new_prints_a_token_that_its_line_lets_in(tmp_path: Path) -> None:
    made = run("token", "new", "acme", "--json").json
    assert parse(made["line"]) == {bytes.fromhex(hash_of(made["token"])[7:]): "acme"}
    shown = run("token", "new", "acme").out
    token = re.search(r"afterproof_\S{43}", shown)
    assert token is not None and token[0] != made["token"] and hash_of(token[0]) in shown
    assert run("token", "new", "a b").status == 2


# --- rates ------------------------------------------------------------------------------------------


def test_beyond_the_rate_it_is_429_until_retry_after(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    context = world.with_settings(world.relayer(), rate=2.0, burst=3)
    world.round(context)
    guard = Guard(context.config.relayer, Rates(2.0, 3, lambda: now[0]))
    monkeypatch.setattr("afterproof.web.relayer.Guard", lambda settings: guard)
    app = create_app(context)

    def hand_in(numbers: range, peer: str = "10.0.0.1") -> httpx.Response:
        body = json.dumps([world.signed(n).to_json() for n in numbers])
        return send(app, "POST", "/v1/receipts", peer, content=body, headers=JSON)

    assert hand_in(range(2)).status_code == 200
    late = hand_in(range(2, 5))
    assert refusal(late)[:2] == (429, "client") and late.headers["Retry-After"] == "1"
    assert context.store.receipts.count(1) == 2
    assert hand_in(range(2, 5), "10.0.0.2").status_code == 200
    single = send(app, "POST", "/v1/receipts", json=world.signed(9).to_json())
    assert single.status_code == 200
    theirs = send(app, "POST", "/settle_data", headers={"x-settlement-type": "private"})
    assert (theirs.status_code, theirs.headers["Retry-After"]) == (429, "1")
    assert theirs.json()["error"].startswith("client may hand in 2 receipts a second, and 3 at once")
    now[0] += 1
    assert send(app, "POST", "/settle_data", headers={"x-settlement-type": "private"}).status_code == 202


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(one: str, other: str, same: bool) -> None:
    def client(host: str) -> str:
        return Guard(RelayerConfig()).client(Request({"type": "http", "client": (host, 1), "headers": []}))

    assert (client(one) == client(other)) is same


def test_a_client_with_a_token_is_its_name_wherever_it_asks_from(file: Path) -> None:
    headers = [(b"authorization", b"Bearer " + TOKEN.encode())]
    guard = Guard(RelayerConfig(tokens=file))
    assert {
        guard.client(Request({"type": "http", "client": (host, 1), "headers": headers}))
        for host in ("10.0.0.1", "10.0.0.2")
    } == {"acme"}


@given(
    rate=st.sampled_from([0.25, 1.0, 3.0, 1000.0]),
    burst=st.integers(1, 50),
    asked=st.lists(st.tuples(st.floats(0, 20), st.integers(1, 80)), max_size=40),
)
def test_a_bucket_lets_through_what_it_may_and_nothing_later_than_it_says(
    rate: float, burst: int, asked: list[tuple[float, int]]
) -> None:
    now = [0.0]
    rates = Rates(rate, burst, lambda: now[0])
    there, slack = float(burst), 1e-3
    for pause, count in asked:
        now[0] += pause
        there = min(float(burst), there + pause * rate)
        wait = rates.take("a", count)
        needed = min(count, burst)
        if not wait:
            assert there >= needed - slack
            there -= count
            continue
        assert there < needed + slack
        assert wait == pytest.approx((needed - there) / rate, abs=1 + slack) and wait >= 1
        now[0] += wait
        there = min(float(burst), there + wait * rate)
        assert rates.take("a", count) == 0
        there -= count


def test_a_bucket_remembers_so_many_clients_and_no_more() -> None:
    rates = Rates(1.0, 1, lambda: 0.0, most_clients=100)
    assert rates.take("first", 1) == 0 and rates.take("first", 1) == 1
    for n in range(10_000):
        assert rates.take(f"client {n}", 1) == 0
    assert len(rates) == 100
    assert [rates.take(f"client {n}", 1) for n in (9_999, 9_900, 9_899)] == [1, 1, 0]


def test_a_guard_without_settings_lets_everybody() -> None:
    guard = Guard(RelayerConfig())
    request = Request({"type": "http", "client": None, "headers": []})
    for _ in range(3):
        guard.take(guard.client(request), 10**9)
