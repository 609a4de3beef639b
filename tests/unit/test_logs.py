"""Logs as programs read them, and how to ask for them.

as JSON
├── it should be one object a line: time in UTC, level, logger, message, and what the message is about
├── when a message holds what a stranger wrote → it should still be one line, its control characters escaped
├── when an error is logged → it should hold its kind and text, and its traceback only when verbose
└── it should hold no field that is not documented
levels
└── it should leave out what is below the level that the settings name
every step
├── each field that a message has should be documented, and each documented one be used
├── what a verifier demands, shows, compares and claims should say which batch, tile or number, and what it cost
└── a batch's closing, posting and finality should say which batch, and what it cost
"""

import ast
import io
import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import afterproof
from afterproof import telemetry
from afterproof.cli.app import afterproof as command
from afterproof.config import load
from afterproof.errors import ConfigError
from afterproof.protocol.terms import DEMO
from afterproof.telemetry.logs import FIELDS, LogFormat, LogLevel
from tests.support.lane import OwnLane
from tests.support.watching import Watching
from tests.support.world import RIVAL, World

USUAL = {"timestamp", "level", "logger", "message"}


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def objects(stream: io.StringIO) -> list[dict[str, Any]]:
    """What was logged, a line each."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


# --- JSON -------------------------------------------------------------------------------------------


def test_json_is_an_object_a_line_with_what_it_is_about(stream: io.StringIO) -> None:
    telemetry.set_up(stream=stream, format=LogFormat.JSON)
    fields = {"batch": "1/0", "gas": 88_000, "fee": 2**70, "tx_hash": b"\xab" * 32, "nobody": "knows this"}
    logging.getLogger("afterproof.steps.post").info("posted batch %d/%d", 1, 0, extra=fields)
    (line,) = objects(stream)
    at = datetime.fromisoformat(line.pop("timestamp"))
    assert at.utcoffset() == timedelta(0)
    assert abs(datetime.now(at.tzinfo) - at) < timedelta(minutes=5)
    assert line == {
        "level": "info", "logger": "afterproof.steps.post", "message": "posted batch 1/0",
        "batch": "1/0", "gas": 88_000, "fee": 2**70, "tx_hash": "0x" + "ab" * 32,
    }  # fmt: skip


def test_json_when_a_stranger_forges_a_line_is_still_one_line(stream: io.StringIO) -> None:
    telemetry.set_up(stream=stream, format=LogFormat.JSON)
    forged = 'x"}\n{"level": "info", "message": "all is well"}\x1b[31m\u2028'
    logging.getLogger("afterproof.steps.check").error("a stranger wrote %s", forged, extra={"error": forged})
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().isascii()
    assert "\x1b" not in stream.getvalue()
    (line,) = objects(stream)
    assert line["level"] == "error" and "\\x1b[31m" in line["message"]


@pytest.mark.parametrize("verbose", [False, True])
def test_json_of_an_error_holds_its_kind_and_its_traceback_when_verbose(
    stream: io.StringIO, verbose: bool
) -> None:
    telemetry.set_up(verbose, stream, LogFormat.JSON)
    try:
        raise ValueError("oh\nno")
    except ValueError:
        logging.getLogger("afterproof.loop").error("internal error", exc_info=True, extra={"step": "post"})
    (line,) = objects(stream)
    assert (line["error_type"], line["error"], line["step"]) == ("ValueError", "oh\\nno", "post")
    assert ("Traceback" in line.get("traceback", "")) is verbose
    assert set(line) - {"traceback"} == USUAL | {"error", "error_type", "step"}


def test_text_shows_people_the_sentence_alone(stream: io.StringIO) -> None:
    telemetry.set_up(stream=stream)
    logging.getLogger("afterproof.steps.post").info("posted batch 1/0", extra={"gas": 88_000})
    assert stream.getvalue().split(maxsplit=1)[1] == "post      posted batch 1/0\n"


# --- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "said"),
    [("debug", "diwe"), ("info", "iwe"), ("warning", "we"), ("error", "e")],
)
def test_level_leaves_out_what_is_below(stream: io.StringIO, level: str, said: str) -> None:
    settings = load(None, {"AFTERPROOF_LOG_LEVEL": level, "AFTERPROOF_LOG_FORMAT": "json"}).log
    assert (settings.level, settings.format) == (LogLevel(level), LogFormat.JSON)
    telemetry.set_up(stream=stream, format=settings.format, level=settings.level)
    log = logging.getLogger("afterproof.loop")
    for name, letter in (("debug", "d"), ("info", "i"), ("warning", "w"), ("error", "e")):
        getattr(log, name)(letter)
    assert "".join(line["message"] for line in objects(stream)) == said


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [("FORMAT", "must be one of text, json"), ("LEVEL", "must be one of debug, info, warning, error")],
)
def test_settings_of_the_log_must_be_known(setting: str, sentence: str) -> None:
    for wrong in ("JSON", "xml", "", "1"):
        with pytest.raises(ConfigError, match=f"AFTERPROOF_LOG_{setting} {sentence}"):
            load(None, {f"AFTERPROOF_LOG_{setting}": wrong})


@pytest.mark.parametrize("role", ["relayer", "verifier", "gateway"])
def test_every_role_can_be_told_how_to_log(role: str) -> None:
    shown = CliRunner().invoke(command, [role, "--log-format", "xml"])
    assert shown.exit_code == 2 and "'text', 'json'" in shown.output


# --- what steps say ---------------------------------------------------------------------------------


def written_fields() -> set[str]:
    """The fields of all messages: the keys in each ``extra``, and in what is named ``fields`` to go there."""
    found = set()
    for path in Path(afterproof.__file__).parent.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            given: list[ast.expr | ast.FunctionDef] = []
            if isinstance(node, ast.Call):
                given = [keyword.value for keyword in node.keywords if keyword.arg == "extra"]
            elif (
                "getLogger" in source
                and isinstance(node, ast.Assign)
                and ast.unparse(node.targets[0]) == "fields"
            ):
                given = [node.value]
            elif isinstance(node, ast.FunctionDef) and node.name in ("fields", "_fields"):
                given = [node]
            for one in given:
                keys = (key for part in ast.walk(one) if isinstance(part, ast.Dict) for key in part.keys)
                found |= {key.value for key in keys if isinstance(key, ast.Constant)}
    return found


def test_fields_of_messages_are_documented() -> None:
    written = written_fields()
    assert {"batch", "tx_hash", "retry_seconds", "fault"} <= written <= set(FIELDS)
    reserved = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
    assert not reserved & set(FIELDS), "a field of that name would make logging raise"
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for name, meaning in FIELDS.items():
        assert f"| `{name}` | {meaning} |" in page, f"docs/operations.md does not explain {name}"


def test_closing_posting_and_finality_say_which_batch(tmp_path: Path, stream: io.StringIO) -> None:
    telemetry.set_up(stream=stream, format=LogFormat.JSON)
    world = World(tmp_path, ahead=8)
    relayer = world.relayer()
    world.round(relayer)
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    world.round(relayer)
    world.wait(world.terms.window + 1)
    world.round(relayer)
    said = {line["logger"].rpartition(".")[2]: line for line in objects(stream) if "batch" in line}
    assert set(said) == {"batch", "post", "finalise"}
    for line in said.values():
        assert (line["lane"], line["batch"], line["seq"], line["count"]) == (1, "1/0", 0, 4)
        assert set(line) <= USUAL | set(FIELDS)
    posted = relayer.store.batches.last_posted(1)
    assert posted is not None
    assert said["batch"]["root"] == "0x" + posted.root.hex() and said["batch"]["reason"] == "full"
    assert said["post"]["tx_hash"] == "0x" + posted.tx_hash.hex() and said["post"]["block"] == posted.block
    assert said["post"]["gas"] >= 0 and said["finalise"]["voided"] == 0


def test_what_a_verifier_does_says_what_it_is_about(tmp_path: Path, stream: io.StringIO) -> None:
    """A receipt is posted twice, a tile withheld, another demanded though it is there, a promise broken."""
    telemetry.set_up(stream=stream, format=LogFormat.JSON)
    world = Watching(tmp_path, replace(DEMO, window=40, answer_period=16, claim_window=40))
    lane, verifier, leaf, promised = OwnLane(world), world.verifier(), world.signed(1).leaf, world.signed(2)
    for _ in range(2):
        lane.post(leaf)
    kept = lane.post(world.signed(3).leaf)
    lane.post(world.signed(4).leaf, withheld=True)
    world.round(verifier)
    view = world.entrusted(verifier, world.promised(promised, first_seq=10)[0], promised)
    world.chain.account_view(RIVAL).demand_tile(kept.id, 0, kept.tree.root, (), world.terms.demand_deposit)
    world.rounds(world.terms.window, verifier)

    def fields(step: str, message: str) -> dict[str, Any]:
        said = [one for one in objects(stream) if one["logger"].endswith(f".{step}")]
        (found,) = [one for one in said if message in one["message"]]
        assert found["lane"] == 1
        return {name: value for name, value in found.items() if name not in USUAL | {"lane"}}

    landed = {"tx_hash", "block", "gas", "fee"}
    assert fields("compare", "stand earlier on its lane") == {"batch": "1/1", "seq": 1, "disputed": 1}
    demanded = fields("demand", "demanded tile 0 of batch 1/3 in block")
    assert demanded.keys() == {"batch", "seq", "tile", "deposit", "error"} | landed
    assert (demanded["batch"], demanded["seq"], demanded["tile"]) == ("1/3", 3, 0)
    assert fields("demand", "ran out: settled it in block").keys() == {"batch", "seq", "tile"} | landed
    settled = fields("demand", "is settled: the deposit of")
    assert (settled["deposit"], settled["reward"]) == (demanded["deposit"], world.terms.leaf_slash // 2)
    assert fields("answer", "showed half 0").keys() == {"batch", "seq", "tile"} | landed
    shown = fields("answer", "of the deposit are ours")
    assert (shown["batch"], shown["tile"], shown["reward"]) == ("1/2", 0, world.terms.demand_deposit)
    claimed = fields("claim", "claimed that the promise of number 10")
    assert claimed.keys() == {"seq", "promise"} | landed
    assert (claimed["seq"], claimed["promise"]) == (10, "0x" + view.watched.id.hex())
