"""Alerts: raised once, over once, said again while they last; delivered whatever the receiver does.

the board
├── what holds → it should be told once, again after `repeat`, and once that it is over
├── what is over before anybody was told → it should be told of never
├── what comes back before it was told to be over → it should go on
├── what ends while it is being delivered → it should be told to be over, unless that delivery fails
├── the gravest, and what is new, should come first; no more than so many
└── whatever happens: one firing, then one resolved, by turns
what is raised
├── funds that are low · a chain that is not followed · a step that fails, a batch that cannot be judged, for long
├── a deadline that is near with something undone · a fault that is found, proven, lost · data that is withheld
├── it should be over when it does not hold any more
├── a restart should raise nothing again, and end what is over
└── only the process that leads should raise anything
the webhook
├── it should get one JSON object a POST, which says what it is
├── when it is down, refuses or hangs → it should get them later, and no step should wait for it
└── its address should be in no message; `alerts test` should try it
"""

import itertools
import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterproof.cli.session import Session
from afterproof.config import AlertsConfig, Config, VerifierConfig
from afterproof.errors import ChainUnavailable, StoreUnavailable
from afterproof.loop import run
from afterproof.node import run_verifier
from afterproof.steps import Context
from afterproof.steps.alarm import KEPT, Alarm
from afterproof.steps.check import check
from afterproof.steps.dispute import dispute
from afterproof.steps.funds import LOOK_EVERY, funds
from afterproof.steps.unstored import STALE
from afterproof.steps.watch import watch
from afterproof.telemetry.alerts import MOST, Alert, Board, Raised, Severity, Troubles
from afterproof.telemetry.logs import _QUIET as QUIET
from afterproof.telemetry.metrics import Metrics
from afterproof.telemetry.pressing import ALERTS
from afterproof.telemetry.webhook import Courier, DeliveryFailed, Webhook, message
from tests.support.cli import run as cli
from tests.support.databases import on_both
from tests.support.hook import SECRET, Hook, hook
from tests.support.lane import OwnLane
from tests.support.world import OWNER, VERIFIER, World
from tests.unit.test_steps_demand import TERMS, leaves

REPEAT = 3600
LOW = Alert("funds_low", "funds", Severity.WARNING, "fund it")
LOST = Alert("fault_lost", "lane 1", Severity.CRITICAL, "a fault is lost", {"lane": 1})


def told(board: Board, now: int) -> list[tuple[str, str]]:
    """All that is due, each delivered."""
    found = []
    while (raised := board.next(now)) is not None:
        found.append((raised.alert.name, raised.status.value))
        board.told(raised, now)
    return found


# --- the board --------------------------------------------------------------------------------------


def test_what_holds_is_told_once_again_after_a_while_and_once_that_it_is_over() -> None:
    board = Board(REPEAT)
    board.update([LOW], 100)
    assert told(board, 100) == [("funds_low", "firing")]
    board.update([replace(LOW, summary="fund it soon")], 200)
    assert told(board, 200) == [] and told(board, 99 + REPEAT) == []
    raised = board.next(100 + REPEAT)
    assert raised is not None and (raised.since, raised.alert.summary) == (100, "fund it soon")
    board.told(raised, 100 + REPEAT)
    assert told(board, 101 + REPEAT) == [] and board.counts() == {"funds_low": 1}
    board.update([], 9000)
    assert board.counts() == {}
    assert told(board, 9000) == [("funds_low", "resolved")] and told(board, 99_999) == []
    board.update([LOW], 100_000)
    assert told(board, 100_000) == [("funds_low", "firing")]


def test_what_is_over_before_anybody_was_told_is_forgotten_and_what_comes_back_goes_on() -> None:
    board = Board(REPEAT)
    board.update([LOW], 1)
    assert board.update([], 2).gone == [LOW.key] and told(board, 2) == []
    board.update([LOW], 3)
    assert told(board, 3) == [("funds_low", "firing")]
    board.update([], 4)
    board.update([LOW], 5)
    assert told(board, 5) == []


def test_what_ends_while_it_is_delivered_is_told_to_be_over_unless_that_fails() -> None:
    for is_delivered in (True, False):
        board = Board(REPEAT)
        board.update([LOW], 1)
        raised = board.next(1)
        assert raised is not None
        board.update([], 2)
        if is_delivered:
            board.told(raised, 3)
        else:
            board.failed(raised)
        assert told(board, 4) == [("funds_low", "resolved")] * is_delivered


def test_gravest_first_what_lasts_last_and_no_more_than_so_many() -> None:
    board = Board(REPEAT)
    board.update([LOW], 1)
    told(board, 1)
    board.update([LOW, LOST], 2)
    assert told(board, 1 + REPEAT) == [("fault_lost", "firing"), ("funds_low", "firing")]
    board.update([replace(LOW, subject=str(number)) for number in range(2 * MOST)], 3)
    assert board.counts()["funds_low"] <= MOST


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from("abc")), st.integers(0, 2), st.booleans(), st.integers(1, REPEAT)),
        max_size=30,
    )
)
def test_each_is_firing_and_resolved_by_turns(rounds: list[tuple[set[str], int, bool, int]]) -> None:
    board, said, now = Board(REPEAT), dict[str, list[tuple[int, str]]](), 0
    for holds, deliveries, works, seconds in rounds:
        now += seconds
        board.update([replace(LOW, subject=one) for one in sorted(holds)], now)
        for _ in range(deliveries):
            raised = board.next(now)
            if raised is None:
                break
            if works:
                said.setdefault(raised.alert.subject, []).append((now, raised.status.value))
                board.told(raised, now)
            else:
                board.failed(raised)
    for told_of in said.values():
        assert told_of[0][1] == "firing"
        for (before, status), (at, following) in itertools.pairwise(told_of):
            assert following == "resolved" or status == "resolved" or at - before >= REPEAT
            assert status == "firing" or following == "firing"


def test_troubles_last_until_they_are_over_or_not_met_for_long() -> None:
    troubles = Troubles()
    troubles.meet("check", "the disk is full", 10.0)
    troubles.meet("check", "the disk is full still", 20.0)
    assert troubles.lasting(20.0, 11) == {}
    assert troubles.lasting(21.0, 11) == {"check": (10.0, "the disk is full still")}
    troubles.over("check")
    assert troubles.lasting(99.0, 0) == {}
    troubles.meet("batch 1/0", "wait", 100.0)
    assert troubles.lasting(100.0 + Troubles.FORGOTTEN, 0) and not troubles.lasting(
        101.0 + Troubles.FORGOTTEN, 0
    )


# --- what is raised ---------------------------------------------------------------------------------


class Watched:
    """A process whose alerts are looked at when asked."""

    def __init__(self, context: Context, **settings: Any) -> None:
        config = replace(context.config, alerts=AlertsConfig(repeat=REPEAT, **settings))
        self.context = replace(
            context,
            config=config,
            metrics=Metrics(context.store.role),  # type: ignore[arg-type]
        )
        self.context.metrics.process.lead(True)
        self.board = Board(REPEAT)
        self.alarm = Alarm(self.context, self.board)

    def look(self) -> list[tuple[str, str, str]]:
        """A look; what is told then, and kept."""
        self.alarm.look()
        found, now = [], self.context.now
        while (raised := self.board.next(now)) is not None:
            assert raised.alert.name in ALERTS and raised.alert.summary
            found.append((raised.alert.name, raised.alert.subject, raised.status.value))
            self.alarm.told(raised)
        return found

    def of(self, name: str) -> Alert:
        """An alert that lasts."""
        return next(
            one.alert
            for one in self.context.store.alerts.of(self.context.store.role)
            if one.alert.name == name
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, TERMS)


@on_both
def test_low_funds_are_an_alert_until_there_are_more(world: World) -> None:
    one = Watched(world.verifier())
    world.round(one.context)
    assert one.look() == []
    world.chain.fund(VERIFIER, 1 - one.context.chain.balance(VERIFIER))
    world.wait(int(LOOK_EVERY))
    funds(one.context)
    assert one.look() == [("funds_low", "reserve", "firing")] and one.look() == []
    alert = one.of("funds_low")
    assert alert.severity is Severity.CRITICAL and alert.fields["account"] == "0x" + VERIFIER.hex()
    figure = one.context.metrics.registry.get_sample_value
    assert figure("afterproof_alerts_firing", {"alert": "funds_low"}) == 1
    world.chain.fund(VERIFIER, 10**18)
    world.wait(int(LOOK_EVERY))
    funds(one.context)
    assert one.look() == [("funds_low", "reserve", "resolved")]
    assert figure("afterproof_alerts_firing", {"alert": "funds_low"}) == 0


def test_chain_that_is_not_followed_is_an_alert(world: World) -> None:
    one = Watched(world.verifier())
    assert one.look() == []  # it has only just begun
    world.wait(int(STALE) + 1)
    assert one.look() == [("behind", "", "firing")]
    world.round(one.context, steps=(watch,))
    assert one.look() == [("behind", "", "resolved")]


def test_step_that_keeps_failing_is_an_alert(world: World) -> None:
    one = Watched(world.verifier(), patience=5)
    stop, left = threading.Event(), [2]

    def broken(_: Context) -> bool:
        if left[0]:
            raise ChainUnavailable("the node is down")
        return False

    def last(_: Context) -> bool:
        stop.set()
        return False

    def turn() -> None:
        stop.clear()
        run((broken, last), one.context, stop, poll=0)

    turn()
    assert one.look() == []
    world.wait(6)
    turn()
    assert one.look() == [("trouble", "broken", "firing")]
    assert one.of("trouble").summary == "broken: the node is down"
    left[0] = 0
    turn()
    assert one.look() == [("trouble", "broken", "resolved")]
    one.context.liveness.end("its loop has ended")
    assert one.look() == [("trouble", "loop", "firing")]


def test_batch_that_cannot_be_judged_for_long_is_an_alert(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Watched(world.verifier(), patience=5, deadline_near=0)
    lane = OwnLane(world)
    lane.post(world.signed(1).leaf)
    world.round(one.context, steps=(watch,))
    with monkeypatch.context() as patch:
        patch.setattr("afterproof.running.tiles.judge_tile", lambda *_: 1 // 0)
        for _ in range(2):
            check(one.context)
            world.wait(6)
    assert one.look() == [("trouble", "batch 1/0", "firing")]
    check(one.context)
    assert one.look() == [("trouble", "batch 1/0", "resolved")]


@on_both
def test_faults_are_alerts_when_they_are_found_proven_and_lost(world: World) -> None:
    one = Watched(world.verifier(), deadline_near=3)
    lane = OwnLane(world)
    batch = lane.post(world.forged(1).leaf, world.forged(2).leaf)
    world.round(one.context, steps=(watch, check))
    assert one.look() == [("fault_found", "lane 1", "firing")]
    assert one.of("fault_found").summary == "2 faults in 1 batch of lane 1 are to be proven"
    dispute(one.context)
    world.wait(1)
    world.round(one.context, steps=(watch, dispute))
    assert set(one.look()) == {("fault_proven", "lane 1", "firing"), ("fault_found", "lane 1", "resolved")}
    assert one.of("fault_proven").severity is Severity.INFO
    world.wait(TERMS.window + 1)
    world.round(one.context)
    assert one.look() == [("fault_proven", "lane 1", "resolved")]

    lost = lane.post(world.forged(3).leaf)
    world.round(one.context, steps=(watch, check))
    posted = one.context.store.batches.posted(lost.id)
    assert posted is not None and one.look() == [("fault_found", "lane 1", "firing")]
    world.wait(posted.header.window_end - world.now - 1)
    assert one.look() == [("deadline_near", "dispute", "firing")]
    assert "is in 1 seconds" in one.of("deadline_near").summary
    world.wait(3)
    world.round(one.context, steps=(watch, dispute))
    assert set(one.look()) == {
        ("fault_lost", "lane 1", "firing"),
        ("fault_found", "lane 1", "resolved"),
        ("deadline_near", "dispute", "resolved"),
    }
    assert one.of("fault_lost").severity is Severity.CRITICAL and batch.id != lost.id
    world.round(one.context)
    world.wait(KEPT + 1)
    world.round(one.context, steps=(watch,))
    assert one.look() == [("fault_lost", "lane 1", "resolved")]


def test_page_says_of_each_alert_what_it_means_and_what_to_do() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    rows = re.findall(
        r"^\| `(\w+)` \| (info|warning|critical)[^|]* \| [^|]{20,} \| [^|]{10,} \|$", page, re.MULTILINE
    )
    assert [name for name, _ in rows] == list(ALERTS)
    for one in fields(AlertsConfig):
        shown = "none" if one.default is None else f"{one.default:g}"
        assert f"| `{one.name}` | {shown} |" in page


def test_alerts_are_logged_webhook_or_not(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "afterproof.steps.alarm")
    one = Watched(world.verifier())
    world.wait(int(STALE) + 1)
    for _ in range(2):
        one.alarm.look()
    world.round(one.context, steps=(watch,))
    one.alarm.look()
    assert [each.getMessage() for each in caplog.records if each.name == "afterproof.steps.alarm"] == [
        "alert behind: the chain has not been followed to its head for the last 180 seconds",
        "alert behind is over",
    ]


@on_both
def test_withheld_data_is_an_alert_of_its_lane(world: World) -> None:
    one = Watched(world.verifier(), patience=5, deadline_near=0)
    lane = OwnLane(world)
    batch = lane.post(*leaves(world, 3), withheld=True)
    world.round(one.context, steps=(watch, check))
    assert one.look() == []
    world.wait(6)
    assert one.look() == [("data_withheld", "lane 1", "firing")]
    assert one.of("data_withheld").fields == {"lane": 1, "count": 1, "batches": 1}
    lane.publish(batch)
    world.round(one.context, steps=(watch, check))
    assert one.look() == [("data_withheld", "lane 1", "resolved")]


def test_relayer_whose_promise_presses_raises_an_alert(tmp_path: Path) -> None:
    world = World(tmp_path, TERMS, ahead=20)
    one = Watched(world.relayer())
    world.round(one.context)
    world.take_in(one.context, world.signed(1))
    assert one.look() == []
    promise = one.context.store.promises.holding(1, 0)
    assert promise is not None
    world.wait(promise.promise.include_by - world.now - 2)
    found = one.look()
    assert ("deadline_near", "post", "firing") in found
    world.round(one.context)
    world.round(one.context)
    assert ("deadline_near", "post", "resolved") in one.look()


@on_both
def test_restart_raises_nothing_again_and_ends_what_is_over(world: World) -> None:
    one = Watched(world.verifier(), deadline_near=0)
    OwnLane(world).post(world.forged(1).leaf)
    world.round(one.context, steps=(watch, check))
    assert one.look() == [("fault_found", "lane 1", "firing")]
    again = Watched(one.context, deadline_near=0)
    assert again.look() == []
    dispute(again.context)
    world.wait(1)
    world.round(again.context, steps=(watch, dispute))
    later = Watched(one.context, deadline_near=0)
    assert set(later.look()) == {("fault_proven", "lane 1", "firing"), ("fault_found", "lane 1", "resolved")}
    assert later.look() == []


def test_process_that_does_not_lead_raises_nothing(world: World) -> None:
    one = Watched(world.verifier(), deadline_near=0)
    OwnLane(world).post(world.forged(1).leaf)
    world.round(one.context, steps=(watch, check))
    one.context.metrics.process.lead(False)
    assert one.look() == []
    one.context.metrics.process.lead(True)
    assert one.look() == [("fault_found", "lane 1", "firing")]


def test_store_that_does_not_answer_is_an_alert_of_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Watched(world.verifier(), patience=5)
    one.look()

    def broken(*_: object) -> None:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(type(one.context.store.pending), "of_verifier", broken)
        patch.setattr(type(one.context.store.alerts), "keep", broken)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                one.look()
            world.wait(6)
        with pytest.raises(StoreUnavailable):
            one.alarm.look()
    raised = one.board.next(one.context.now)
    assert raised is not None and raised.alert.summary == "store: the disk is full"


# --- the webhook ------------------------------------------------------------------------------------


@contextmanager
def courier(board: Board, url: str, timeout: float = 5.0) -> Iterator[Metrics]:
    """A courier in its thread."""
    metrics, stop = Metrics("verifier"), threading.Event()

    def told(raised: Raised) -> None:
        board.told(raised, now())

    made = Courier(board, Webhook(url, timeout, "verifier"), metrics.pressing, told)
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    try:
        yield metrics
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def taken() -> Iterator[Hook]:
    with hook() as made:
        yield made


def now() -> int:
    return int(time.time())


def test_webhook_gets_a_json_object_that_says_what_it_is(taken: Hook) -> None:
    board = Board(REPEAT)
    with courier(board, taken.url) as metrics:
        board.update([LOST], 1234)
        (first,) = taken.wait_for(1)
        assert first == {
            "from": "afterproof", "role": "verifier", "alert": "fault_lost", "subject": "lane 1",
            "severity": "critical", "status": "firing", "summary": "a fault is lost", "since": 1234,
            "fields": {"lane": 1},
        }  # fmt: skip
        board.update([], now())
        assert taken.wait_for(2)[1] == first | {"status": "resolved"}
    assert message(Raised(LOW, 1), "relayer")["role"] == "relayer"
    assert metrics.registry.get_sample_value("afterproof_alerts_sent_total", {"result": "delivered"}) == 2


def test_receiver_that_refuses_or_hangs_or_is_down_gets_them_later(
    taken: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    board = Board(REPEAT)
    taken.mood = "refuses"
    with courier(board, taken.url, timeout=0.3) as metrics:
        board.update([LOW], now())
        taken.wait_asked(2)
        taken.mood = "hangs"
        taken.wait_asked(taken.asked + 1)
        taken.mood = "well"
        taken.over.set()
        assert taken.wait_for(1)[0]["alert"] == "funds_low"
        failed = metrics.registry.get_sample_value("afterproof_alerts_sent_total", {"result": "failed"})
        assert failed is not None and failed >= 2
    said = [one.getMessage() for one in caplog.records if one.name.startswith("afterproof")]
    assert said == [
        "an alert could not be delivered, trying again: 127.0.0.1 answered 503",
        "alerts: 127.0.0.1 takes them again",
    ]
    with pytest.raises(DeliveryFailed, match=r"^127\.0\.0\.1 cannot be reached: ConnectError$"):
        Webhook(f"http://127.0.0.1:1/{SECRET}", 1.0, "verifier").deliver(Raised(LOW, 1))
    assert SECRET not in "".join(said)
    assert "httpx" in QUIET  # it would log each address that it asks


def test_process_sends_its_alerts_and_waits_for_no_receiver(
    tmp_path: Path, taken: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    """A verifier with a real webhook that hangs at first: it proves a fault all the same, and tells of it later."""
    world = World(tmp_path, replace(TERMS, window=100_000))
    taken.mood = "hangs"
    OwnLane(world).post(world.forged(1).leaf)
    config = replace(
        world.config,
        verifier=VerifierConfig(store=tmp_path / "v.db", archive=tmp_path / "archive", poll=0.05, port=None),
        alerts=AlertsConfig(webhook=taken.url, timeout=0.3),
    )
    stop = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("afterproof.node.Fetcher", lambda *_: world.shelf)
        thread = threading.Thread(
            target=run_verifier, args=(config, world.chain.account_view(VERIFIER), stop)
        )
        thread.start()
        try:
            end = time.monotonic() + 60
            while world.chain.account_view(OWNER).credits(VERIFIER) == 0:
                assert time.monotonic() < end and thread.is_alive()
                time.sleep(0.02)
            world.chain.mine(1)
            taken.mood = "well"
            taken.over.set()
            while ("lane 1", "firing") not in taken.of("fault_proven"):
                assert time.monotonic() < end
                time.sleep(0.02)
        finally:
            stop.set()
            thread.join(30)
    assert not thread.is_alive()
    assert not [
        one for one in caplog.records if one.name.startswith("afterproof") and SECRET in one.getMessage()
    ]


def test_command_tries_the_webhook(taken: Hook) -> None:
    def session(url: str | None) -> Session:
        made = Session()
        made.__dict__ |= {"config": Config(alerts=AlertsConfig(webhook=url, timeout=1.0))}
        return made

    ran = cli("alerts", "test", session=session(taken.url))
    assert (ran.status, ran.out) == (0, "127.0.0.1 took a test alert, and its end.\n")
    assert taken.of("test") == [("", "firing"), ("", "resolved")] and taken.taken[0]["severity"] == "info"
    taken.mood = "refuses"
    ran = cli("alerts", "test", "--json", session=session(taken.url))
    assert (ran.status, ran.err) == (1, "error: 127.0.0.1 answered 503\n")
    ran = cli("alerts", "test", session=session(None))
    assert ran.status == 1 and "alerts.webhook is missing" in ran.err
