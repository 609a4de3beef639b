"""The loop, and how it is logged.

the loop
├── it should take the steps in order, again at once while there is more to do, else rest
├── when a step fails as expected → it should say one sentence, once, go on, and say when it works again
├── when a step fails by a mistake of ours → it should say so in one line and go on
└── when told to stop → it should end after the step under way
logging
├── it should be one line a message, whatever a message holds
└── it should keep other libraries' chatter out
"""

import io
import json
import logging
import threading
import time
from pathlib import Path

import pytest

from afterproof import telemetry
from afterproof.errors import ChainUnavailable
from afterproof.loop import run
from afterproof.roles import ROLES
from afterproof.steps import Context
from tests.support.world import World

# --- the loop ---------------------------------------------------------------------------------------


def test_run_takes_the_steps_in_order_and_rests_only_when_there_is_no_more(tmp_path: Path) -> None:
    stop, taken = threading.Event(), []
    left = [2]

    def first(_: Context) -> bool:
        taken.append("first")
        left[0] -= 1
        return left[0] > 0

    def second(_: Context) -> bool:
        taken.append("second")
        if left[0] <= 0:
            stop.set()
        return False

    started = time.monotonic()
    run((first, second), World(tmp_path).relayer(), stop, poll=30)
    assert taken == ["first", "second"] * 2
    assert time.monotonic() - started < 5


def test_run_when_a_step_fails_says_so_once_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    stop, rounds = threading.Event(), [0]

    def troubled(_: Context) -> bool:
        rounds[0] += 1
        if rounds[0] <= 3:
            raise ChainUnavailable("the node does not answer")
        if rounds[0] == 4:
            raise ZeroDivisionError("oh")
        return False

    def counting(_: Context) -> bool:
        if rounds[0] == 6:
            stop.set()
        return False

    run((troubled, counting), World(tmp_path).relayer(), stop, poll=0)
    said = [record.getMessage() for record in caplog.records if record.name == "afterproof.loop"]
    assert said == [
        "troubled: the node does not answer",
        "troubled: internal error, ZeroDivisionError",
        "troubled: works again",
    ]
    assert rounds[0] == 6


def test_run_stops_between_steps(tmp_path: Path) -> None:
    stop = threading.Event()

    def stopping(_: Context) -> bool:
        stop.set()
        return True

    def never(_: Context) -> bool:
        raise AssertionError

    run((stopping, never), World(tmp_path).relayer(), stop, poll=30)


def test_roles_are_the_story() -> None:
    names = {role: [step.__name__ for step in steps] for role, steps in ROLES.items()}
    assert names == {
        "relayer": ["watch", "batch", "post", "answer", "beat", "finalise", "funds"],
        "verifier": [
            "watch",
            "check",
            "compare",
            "dispute",
            "demand",
            "answer",
            "claim",
            "attest",
            "finalise",
            "account",
            "funds",
            "withdraw",
            "tidy",
        ],
    }


# --- logging ----------------------------------------------------------------------------------------


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_log_is_one_line_a_message(stream: io.StringIO) -> None:
    telemetry.set_up(stream=stream)
    log = logging.getLogger("afterproof.steps.check")
    log.info("a stranger wrote %s", "this\nthat\x1b[31m\r")
    log.error("oh: %s", "no")
    log.debug("not shown")
    try:
        json.loads("{")
    except ValueError:
        log.error("internal error", exc_info=True)
    lines = stream.getvalue().splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "check     a stranger wrote this\\nthat\\x1b[31m\\r",
        "check     error: oh: no",
        "check     error: internal error (JSONDecodeError: Expecting property name enclosed in double quotes:"
        " line 1 column 2 (char 1))",
    ]


def test_log_when_verbose_shows_tracebacks_and_debug_but_no_chatter(stream: io.StringIO) -> None:
    telemetry.set_up(verbose=True, stream=stream)
    logging.getLogger("afterproof.loop").debug("shown")
    logging.getLogger("httpx").info("GET https://node.example/secret")
    try:
        raise ValueError("oh")
    except ValueError:
        logging.getLogger("afterproof.loop").error("internal error", exc_info=True)
    shown = stream.getvalue()
    assert "shown" in shown and "Traceback" in shown
    assert "secret" not in shown
