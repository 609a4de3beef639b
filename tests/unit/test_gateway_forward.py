"""Forwarding receipts to a relayer, against one that answers by a script.

receipts handed on
├── reach the relayer in order, in arrays of at most 100
├── and wait, none lost, while the relayer
│   ├── cannot be reached, is busy, fails, answers nonsense, or is not a relayer at all
│   └── asks for time: no sooner than Retry-After says
├── are halved in number when an array is too large
├── are logged and done with when refused
└── are tried again when put off, those before them staying done
on shutdown
├── what waits is handed on first
├── a relayer that hangs does not hold it up
└── the next start hands on what was left
without room or a working disk
└── not ready, said once, and ready again later
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from afterproof.gateway import forward
from afterproof.gateway.forward import BATCH, Forwarder, NoRelayer, backoff, retry_after
from afterproof.gateway.spool import MAX_LINE, Spool

Answering = Callable[[list[int]], httpx.Response]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "FIRST_BACKOFF", 0.002)
    monkeypatch.setattr(forward, "LONGEST_BACKOFF", 0.01)


def wire(number: int) -> bytes:
    return json.dumps({"n": number}).encode()


def accept(numbers: list[int]) -> httpx.Response:
    return httpx.Response(200, json=[{"leafHash": hex(number)} for number in numbers])


class Relayer:
    """Answers by `script`, then accepts; keeps what it was sent and what it then accepted."""

    def __init__(self, *script: Answering | Exception) -> None:
        self.script = list(script)
        self.requests: list[list[int]] = []
        self.times: list[float] = []
        self.accepted: list[int] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("POST", "/base/v1/receipts")
        assert request.headers["Content-Type"] == "application/json"
        numbers = [item["n"] for item in json.loads(request.content)]
        self.requests.append(numbers)
        self.times.append(time.monotonic())
        answer = self.script.pop(0) if self.script else accept
        if isinstance(answer, Exception):
            raise answer
        response = answer(numbers)
        if answer is accept:
            self.accepted += numbers
        return response


def forward_all(
    folder: Path, relayer: Relayer, numbers: range, until: Callable[[], bool] | None = None
) -> None:
    """Hand on `numbers`, wait until `until`, then drain."""

    async def session() -> None:
        spool = Spool(folder)
        async with httpx.AsyncClient(transport=httpx.MockTransport(relayer)) as client:
            forwarder = Forwarder("http://relayer/base/", spool, client)
            task = asyncio.create_task(forwarder.run())
            for number in numbers:
                forwarder.hand_on(wire(number))
            deadline = time.monotonic() + 5
            while until and not until() and time.monotonic() < deadline:
                await asyncio.sleep(0.002)
            await forwarder.drain(task, 1)
        spool.close()

    asyncio.run(session())


def left_in(folder: Path) -> int:
    spool = Spool(folder)
    count = len(spool.peek(1000).lines)
    spool.close()
    return count


def test_receipts_reach_the_relayer_in_order_in_arrays(tmp_path: Path) -> None:
    relayer = Relayer()
    forward_all(tmp_path, relayer, range(250))
    assert relayer.accepted == list(range(250))
    assert max(map(len, relayer.requests)) == BATCH and left_in(tmp_path) == 0


UNSETTLING: dict[str, Answering | Exception] = {
    "no connection": httpx.ConnectError("refused"),
    "timeout": httpx.ReadTimeout("slow"),
    "429": lambda numbers: httpx.Response(429, json={"error": "busy"}),
    "503": lambda numbers: httpx.Response(503),
    "500": lambda numbers: httpx.Response(500, text="oh\nno"),
    "404": lambda numbers: httpx.Response(404, text="not a relayer"),
    "400": lambda numbers: httpx.Response(400, json={"error": "what?"}),
    "no JSON": lambda numbers: httpx.Response(200, text="<html>"),
    "no array": lambda numbers: httpx.Response(200, json={"leafHash": "0x"}),
    "too few": lambda numbers: httpx.Response(200, json=[{"leafHash": "0x"}] * (len(numbers) - 1)),
    "neither": lambda numbers: httpx.Response(200, json=[{}] * len(numbers)),
}


@pytest.mark.parametrize("answer", UNSETTLING.values(), ids=UNSETTLING)
def test_unsettling_answer_is_tried_again_and_loses_nothing(
    tmp_path: Path, answer: Answering | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    relayer = Relayer(answer, answer)
    forward_all(tmp_path, relayer, range(3), until=lambda: len(relayer.requests) == 3)
    assert relayer.requests == [[0, 1, 2]] * 3 and left_in(tmp_path) == 0
    assert caplog.text.count("next attempt in") == 2


def test_retry_after_is_waited_for(tmp_path: Path) -> None:
    relayer = Relayer(lambda numbers: httpx.Response(429, headers={"Retry-After": "1"}))
    forward_all(tmp_path, relayer, range(1), until=lambda: len(relayer.requests) == 2)
    assert relayer.times[1] - relayer.times[0] >= 1 and relayer.accepted == [0]


def test_too_large_array_is_halved(tmp_path: Path) -> None:
    too_large: Answering = lambda numbers: httpx.Response(413)  # noqa: E731
    relayer = Relayer(too_large, too_large)
    forward_all(tmp_path, relayer, range(12))
    assert [len(numbers) for numbers in relayer.requests] == [12, 6, 3, 6, 3]
    assert relayer.accepted == list(range(12))


def test_single_too_large_receipt_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    forward_all(tmp_path, Relayer(lambda numbers: httpx.Response(413)), range(1))
    assert "larger than the relayer takes" in caplog.text and left_in(tmp_path) == 0


def test_refused_receipt_is_logged_and_done_with(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    error = {"field": "receipt.node", "rule": "is not registered"}
    relayer = Relayer(lambda numbers: httpx.Response(200, json=[{"leafHash": "0x"}, {"error": error}]))
    forward_all(tmp_path, relayer, range(2))
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "is not registered" in record.getMessage() and '{"n": 1}' in record.getMessage()
    assert relayer.requests == [[0, 1]] and left_in(tmp_path) == 0


@pytest.mark.parametrize("status", [429, 503])
def test_receipt_put_off_is_tried_again_from_there_on(tmp_path: Path, status: int) -> None:
    later = {"error": {"status": status, "rule": "come back"}}
    relayer = Relayer(
        lambda numbers: httpx.Response(200, json=[{"leafHash": "0x"}, later, {"leafHash": "0x"}]),
        lambda numbers: httpx.Response(200, json=[later, {"leafHash": "0x"}]),
    )
    forward_all(tmp_path, relayer, range(3), until=lambda: len(relayer.requests) == 3)
    assert relayer.requests == [[0, 1, 2], [1, 2], [1, 2]] and left_in(tmp_path) == 0


def test_shutdown_with_a_dead_relayer_keeps_all_for_the_next_start(tmp_path: Path) -> None:
    dead = Relayer(*[httpx.ConnectError("refused")] * 1000)
    forward_all(tmp_path, dead, range(150), until=lambda: len(dead.requests) > 1)
    assert left_in(tmp_path) == 150
    relayer = Relayer()
    forward_all(tmp_path, relayer, range(150, 155))
    assert relayer.accepted == list(range(155))


def test_shutdown_with_a_hanging_relayer_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Hanging(Relayer):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(60)
            return await super().__call__(request)

    started = time.monotonic()
    forward_all(tmp_path, Hanging(), range(2))
    assert time.monotonic() - started < 3 and left_in(tmp_path) == 2
    assert "no time left" in caplog.text


def test_full_spool_is_not_ready_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def session() -> None:
        spool = Spool(tmp_path, limit=MAX_LINE + 100)
        forwarder = Forwarder("http://relayer", spool, httpx.AsyncClient())
        ready = [forwarder.ready]
        for _ in range(3):
            forwarder.hand_on(b"1" * (MAX_LINE - 1))
        ready.append(forwarder.ready)
        assert sum(record.levelno == logging.CRITICAL for record in caplog.records) == 1
        spool.move_to(spool.peek(10).ends[-1])
        forwarder.hand_on(wire(1))
        assert [*ready, forwarder.ready] == [True, False, True] and "again" in caplog.text
        spool.close()

    asyncio.run(session())


def test_failing_disk_is_not_ready_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async def session() -> None:
        forwarder = Forwarder("http://relayer", Spool(tmp_path), httpx.AsyncClient())
        with monkeypatch.context() as patch:
            patch.setattr("os.write", fail)
            forwarder.hand_on(wire(1))
        ready = [forwarder.ready]
        monkeypatch.setattr(forward, "RETRY_DISK", 0.0)
        assert [*ready, forwarder.ready] == [False, True]

    asyncio.run(session())


def test_no_relayer_is_ready_and_takes_anything() -> None:
    NoRelayer().hand_on(wire(1))
    assert NoRelayer().ready


def test_backoff_doubles_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [backoff(n, 0.0) for n in (1, 2, 3, 7, 1000)] == [0.5, 1, 2, 30, 30]
    assert backoff(3, 0.999) >= 1


def test_retry_after_reads_seconds_and_dates() -> None:
    assert retry_after("7") == 7 and retry_after("999999") == 300
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after(None) is None and retry_after("soon") is None
