"""The queue before intake: what comes in while a commit is on its way is the next commit.

requests that come in while another is being stored
├── it should store them in one commit, numbers without gaps, each with a promise of its own
├── those that come while others are judged → should be stored in the commit of these
├── when two bring the same receipt → the second should get the first's answer, promise included
├── when one of them meets a mistake of ours → it alone should end in it
├── when the store fails → all should end in that, and nothing be stored
└── when whoever asked has gone → it should answer the others
a request that comes alone
└── it should wait for nobody
more than may wait
├── it should be refused at once, and be welcome when there is room
└── over HTTP → 429 with Retry-After, to gateways in their form
the end
├── what waits should be stored and answered, what comes later refused
├── when the thread breaks down → nobody should wait for ever, and the next request be served
└── when nothing comes any more → no thread should be left
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from afterproof.errors import StoreUnavailable
from afterproof.protocol.receipt import SignedReceipt
from afterproof.steps import Context
from afterproof.steps.intake import Accepted, Answer, Request
from afterproof.web import intake_queue
from afterproof.web.intake_queue import IntakeQueue, QueueClosed, QueueFull, Work
from afterproof.web.relayer import create_app
from tests.support.crashes import Crash
from tests.support.databases import on_both
from tests.support.http import JSON
from tests.support.world import World

pytestmark = on_both


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ahead=100)


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


class Door:
    """Stands before a store's transactions: counts them, and keeps them waiting while it is shut."""

    def __init__(self, relayer: Context) -> None:
        self._database = relayer.store._database
        self._plain = self._database.transaction
        self._open = threading.Event()
        self.reached = threading.Event()
        self.commits = 0
        self.error: BaseException | None = None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self.reached.set()
        assert self._open.wait(60)
        if self.error is not None:
            raise self.error
        with self._plain():
            yield
        self.commits += 1

    def open(self) -> None:
        """Let all through."""
        self._open.set()

    def __enter__(self) -> "Door":
        self._database.transaction = self._transaction  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        del self._database.transaction  # type: ignore[method-assign]


def work(*receipts: SignedReceipt, read: Callable[[], Request] | None = None) -> Work[list[Answer]]:
    return Work(read or (lambda: Request.of(receipts)), list, len(receipts) or 1)


async def reached(door: Door) -> None:
    """The thread stands at the door."""
    while not door.reached.is_set():
        await asyncio.sleep(0.01)


def behind(
    relayer: Context, works: Sequence[Work[Any]], first: SignedReceipt, error: BaseException | None = None
) -> tuple[list[Any], int]:
    """What comes of requests that wait while ``first`` is stored, and how many commits that took after it."""

    async def play(door: Door) -> list[Any]:
        with IntakeQueue(relayer) as queue:
            ahead = asyncio.ensure_future(queue.take(work(first)))
            await reached(door)
            tasks = [asyncio.ensure_future(queue.take(one)) for one in works]
            await asyncio.sleep(0)
            assert queue._size == 1 + sum(one.size for one in works)
            if error is None:
                door.open()
                (answer,) = await ahead
                assert isinstance(answer, Accepted)
            else:
                door.error = error
                door.open()
                with pytest.raises(type(error)):
                    await ahead
            return await asyncio.gather(*tasks, return_exceptions=True)

    with Door(relayer) as door:
        found = asyncio.run(play(door))
        return found, door.commits - 1


def test_requests_that_wait_are_one_commit_each_with_its_promise(world: World, relayer: Context) -> None:
    works = [work(*(world.signed(10 * n + i) for i in range(n))) for n in (1, 2, 3, 4)]
    found, commits = behind(relayer, works, world.signed(0))
    assert commits == 1
    assert [answer.stored.seq for answers in found for answer in answers] == list(range(1, 11))
    promises = [{answer.promise.signed for answer in answers} for answers in found]
    assert [len(one) for one in promises] == [1, 1, 1, 1]
    assert [one.pop().promise.count for one in promises] == [1, 2, 3, 4]
    for answers in found:
        for answer in answers:
            assert answer.promise.holds(answer.stored.leaf.hash) and answer.promise.seq == answer.stored.seq
    stored = world.relayer().store.receipts.in_order(world.lane, 0, 100)
    assert [one.seq for one in stored] == list(range(11))


def test_the_same_receipt_in_two_requests_gets_the_first_answer(world: World, relayer: Context) -> None:
    same, first = world.signed(1), world.signed(0)
    found, _ = behind(relayer, [work(same, world.signed(2)), work(world.signed(3), same), work(first)], first)
    (one, _), (_, again), (repeat,) = found
    assert (one.repeated, again.repeated, repeat.repeated) == (False, True, True)
    assert (again.stored, again.promise) == (one.stored, one.promise)
    assert repeat.stored.seq == 0 and repeat.promise.seq == 0
    assert relayer.store.receipts.count(world.lane) == 4


def test_a_request_that_meets_a_mistake_of_ours_ends_alone(world: World, relayer: Context) -> None:
    def broken() -> Request:
        raise ZeroDivisionError

    def unform(answers: list[Answer]) -> None:
        raise KeyError

    works = [
        work(world.signed(1)),
        work(read=broken),
        work(read=lambda: Request.of([None])),  # type: ignore[list-item]
        Work(lambda: Request.of([world.signed(2)]), unform),
        work(world.signed(3)),
    ]
    found, _ = behind(relayer, works, world.signed(0))
    assert [type(one) for one in found] == [list, ZeroDivisionError, AttributeError, KeyError, list]
    assert [found[0][0].stored.seq, found[4][0].stored.seq] == [1, 3]
    assert relayer.store.receipts.count(world.lane) == 4


def test_a_store_that_fails_fails_all_and_keeps_nothing(world: World, relayer: Context) -> None:
    works = [work(world.signed(n)) for n in (1, 2)]
    found, _ = behind(relayer, works, world.signed(0), StoreUnavailable("the disk is full"))
    assert [type(one) for one in found] == [StoreUnavailable] * 2
    assert relayer.store.receipts.count(world.lane) == 0


def test_a_request_that_was_given_up_does_not_stop_the_others(world: World, relayer: Context) -> None:
    async def play(door: Door) -> list[Answer]:
        with IntakeQueue(relayer) as queue:
            gone = asyncio.ensure_future(queue.take(work(world.signed(0))))
            await reached(door)
            gone.cancel()
            other = asyncio.ensure_future(queue.take(work(world.signed(1))))
            await asyncio.sleep(0)
            door.open()
            return await other

    with Door(relayer) as door:
        (answer,) = asyncio.run(play(door))
    assert isinstance(answer, Accepted) and answer.stored.seq == 1


def test_a_request_alone_waits_for_nobody(world: World, relayer: Context) -> None:
    async def play() -> None:
        with IntakeQueue(relayer) as queue:
            for number in range(3):
                (answer,) = await queue.take(work(world.signed(number)))
                assert isinstance(answer, Accepted) and answer.stored.seq == number

    with Door(relayer) as door:
        door.open()
        asyncio.run(play())
        assert door.commits == 3


def test_requests_that_come_while_others_are_judged_join_their_commit(world: World, relayer: Context) -> None:
    come = threading.Event()

    def slow() -> Request:
        assert come.wait(60)
        return Request.of([world.signed(0)])

    def broken() -> Request:
        raise ZeroDivisionError

    async def play() -> list[Any]:
        with IntakeQueue(relayer) as queue:
            first = asyncio.ensure_future(queue.take(work(read=slow)))
            await asyncio.sleep(0)
            while queue._waiting:
                await asyncio.sleep(0.01)
            works = [work(world.signed(1), world.signed(2)), work(read=broken), work(world.signed(2))]
            others = [asyncio.ensure_future(queue.take(one)) for one in works]
            await asyncio.sleep(0)
            come.set()
            return await asyncio.gather(first, *others, return_exceptions=True)

    with Door(relayer) as door:
        door.open()
        first, second, third, fourth = asyncio.run(play())
        assert door.commits == 1
    assert [one.stored.seq for one in (*first, *second, *fourth)] == [0, 1, 2, 2]
    assert isinstance(third, ZeroDivisionError) and fourth[0].repeated


def test_more_than_one_commit_may_hold_is_several(
    world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_queue, "TOGETHER", 3)
    works = [work(*(world.signed(10 * n + i) for i in range(2))) for n in range(1, 4)]
    found, commits = behind(relayer, works, world.signed(0))
    assert commits == 3
    assert [answer.stored.seq for answers in found for answer in answers] == list(range(1, 7))


# --- more than may wait -----------------------------------------------------------------------------


def test_more_than_may_wait_is_refused_at_once_and_welcome_later(world: World, relayer: Context) -> None:
    small = world.with_settings(relayer, queue_limit=3)

    async def play(door: Door) -> None:
        with IntakeQueue(small) as queue:
            tasks = [asyncio.ensure_future(queue.take(work(world.signed(0), world.signed(1))))]
            await reached(door)
            tasks.append(asyncio.ensure_future(queue.take(work(world.signed(2)))))
            await asyncio.sleep(0)
            with pytest.raises(QueueFull, match="3 receipts wait to be stored, and 3 may"):
                await queue.take(work(world.signed(3)))
            door.open()
            await asyncio.gather(*tasks)
            many = [world.signed(n) for n in range(3, 8)]  # alone, a request may be larger than the queue
            assert len(await queue.take(work(*many))) == 5

    with Door(relayer) as door:
        asyncio.run(play(door))
    assert relayer.store.receipts.count(world.lane) == 8


def test_a_full_queue_is_429_with_retry_after(world: World, relayer: Context) -> None:
    small = world.with_settings(relayer, queue_limit=1)

    async def play(door: Door) -> None:
        with IntakeQueue(small) as queue:
            transport = httpx.ASGITransport(create_app(small, queue))
            async with httpx.AsyncClient(transport=transport, base_url="http://relayer.test") as client:
                first = asyncio.ensure_future(client.post("/v1/receipts", json=world.signed(0).to_json()))
                await reached(door)
                refused = await client.post("/v1/receipts", json=[world.signed(1).to_json()])
                assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
                assert refused.json()["error"]["field"] == "relayer"
                data = {"x-settlement-type": "batch", "x-settlement-data": settlement(world)}
                refused = await client.post("/settle_data", headers=data)
                assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
                assert set(refused.json()) == {"error"} and "busy" in refused.json()["error"]
                door.open()
                assert (await first).status_code == 200
                again = await client.post("/v1/receipts", json=[world.signed(1).to_json()], headers=JSON)
                assert again.status_code == 200

    with Door(relayer) as door:
        asyncio.run(play(door))
    assert relayer.store.receipts.count(world.lane) == 2


def settlement(world: World) -> str:
    """A gateway's header; nobody looks at what is in it while the queue is full."""
    import base64
    import json

    fields = {"tee_id": "11" * 32, "input_hash": "22" * 32, "output_hash": "33" * 32,
              "tee_signature": base64.b64encode(bytes(256)).decode(), "tee_timestamp": str(world.now)}  # fmt: skip
    return base64.b64encode(json.dumps(fields).encode()).decode()


# --- the end ----------------------------------------------------------------------------------------


def test_what_waits_at_the_end_is_stored_and_answered(world: World, relayer: Context) -> None:
    async def play(door: Door) -> None:
        queue = IntakeQueue(relayer)
        tasks = [asyncio.ensure_future(queue.take(work(world.signed(0))))]
        await reached(door)
        tasks.append(asyncio.ensure_future(queue.take(work(world.signed(1)))))
        await asyncio.sleep(0)
        closing = threading.Thread(target=queue.close)
        closing.start()
        while not queue._closed:
            await asyncio.sleep(0.01)
        with pytest.raises(QueueClosed):
            await queue.take(work(world.signed(2)))
        door.open()
        answers = [answer for found in await asyncio.gather(*tasks) for answer in found]
        assert [one.stored.seq for one in answers if isinstance(one, Accepted)] == [0, 1]
        closing.join(60)
        assert not closing.is_alive() and queue._thread is None

    with Door(relayer) as door:
        asyncio.run(play(door))
    assert relayer.store.receipts.count(world.lane) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_breaks_down_leaves_nobody_waiting(world: World, relayer: Context) -> None:
    async def play(door: Door) -> None:
        with IntakeQueue(relayer) as queue:
            first = asyncio.ensure_future(queue.take(work(world.signed(0))))
            await reached(door)
            second = asyncio.ensure_future(queue.take(work(world.signed(1))))
            await asyncio.sleep(0)
            door.error = Crash()
            door.open()
            ends = await asyncio.gather(first, second, return_exceptions=True)
            assert [type(end) for end in ends] == [RuntimeError] * 2
            door.error = None
            (answer,) = await queue.take(work(world.signed(2)))
            assert isinstance(answer, Accepted) and answer.stored.seq == 0

    with Door(relayer) as door:
        asyncio.run(play(door))


def test_no_thread_is_left_when_nothing_comes(
    world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_queue, "IDLE", 0.01)
    queue = IntakeQueue(relayer)
    for number in range(2):
        (answer,) = asyncio.run(queue.take(work(world.signed(number))))
        assert isinstance(answer, Accepted)
        deadline = time.monotonic() + 60
        while queue._thread is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert queue._thread is None
