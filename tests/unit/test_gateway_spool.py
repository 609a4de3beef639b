"""The gateway's spool: what was appended is read in order, whatever happens in between.

appended lines
├── come back in order, over any number of restarts, segments and reads (against a list as the model)
├── come back again when a crash kept the cursor from moving
└── are refused when too long, when more than the limit, and leave room again once passed
after damage
├── a line cut short by a crash is reported and passed over
├── a line that is not JSON is reported and passed over
└── a missing or damaged cursor, or one beyond the end, reads from the start
a folder in use
└── is refused
"""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from afterproof.gateway.spool import MAX_LINE, Spool, SpoolFull, SpoolInUse


def line(number: int, padding: int = 0) -> bytes:
    return json.dumps({"n": number, "pad": "x" * padding}).encode()


def take_all(spool: Spool) -> list[bytes]:
    taken = []
    while lines := (waiting := spool.peek(3)).lines:
        taken += lines
        spool.move_to(waiting.ends[-1])
    return taken


class SpoolMachine(RuleBasedStateMachine):
    """A spool with tiny segments against a list."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.spool = Spool(self.folder, segment_size=100)
        self.expected: list[bytes] = []
        self.count = 0

    @rule(padding=st.integers(0, 90))
    def append(self, padding: int) -> None:
        self.count += 1
        self.spool.append(line(self.count, padding))
        self.expected.append(line(self.count, padding))

    @rule(at_most=st.integers(1, 5), moved=st.integers(0, 5))
    def read(self, at_most: int, moved: int) -> None:
        waiting = self.spool.peek(at_most)
        assert waiting.lines == self.expected[: len(waiting.lines)]
        assert len(waiting.lines) <= at_most and bool(waiting.lines) == bool(self.expected)
        if waiting.lines[:moved]:
            self.spool.move_to(waiting.ends[:moved][-1])
            del self.expected[: len(waiting.lines[:moved])]

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = Spool(self.folder, segment_size=100)

    @rule()
    def sync(self) -> None:
        self.spool.sync()()

    @invariant()
    def counts_bytes(self) -> None:
        assert self.spool.waiting_bytes == sum(len(line) + 1 for line in self.expected)

    def teardown(self) -> None:
        assert take_all(self.spool) == self.expected
        assert len(list(self.folder.glob("receipts-*"))) <= 1
        self.spool.close()
        shutil.rmtree(self.folder)


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def filled(folder: Path, count: int = 5) -> list[bytes]:
    """A closed spool in `folder` with `count` lines in one segment, the first of them passed."""
    spool = Spool(folder)
    for number in range(count):
        spool.append(line(number))
    spool.move_to(spool.peek(1).ends[0])
    spool.close()
    return [line(number) for number in range(count)]


def segment(folder: Path) -> Path:
    [path] = folder.glob("receipts-*.jsonl")
    return path


def test_peek_without_moving_gives_the_same_again(tmp_path: Path) -> None:
    lines = filled(tmp_path)
    for _ in range(2):
        spool = Spool(tmp_path)
        assert spool.peek(10).lines == lines[1:]
        spool.close()


def test_append_over_the_limit_is_refused_until_there_is_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=3 * MAX_LINE)
    for number in range(3):
        spool.append(line(number, MAX_LINE - 100))
    with pytest.raises(SpoolFull, match="its limit"):
        spool.append(line(9, MAX_LINE - 100))
    room = [spool.has_room]
    spool.move_to(spool.peek(1).ends[0])
    room.append(spool.has_room)
    assert room == [False, True]
    spool.append(line(4))
    assert len(take_all(spool)) == 3


@pytest.mark.parametrize("bad", [b"x" * MAX_LINE, b"{}\n{}"])
def test_append_what_is_no_line_is_refused(tmp_path: Path, bad: bytes) -> None:
    with pytest.raises(ValueError, match="a line must be shorter"):
        Spool(tmp_path).append(bad)


def test_torn_last_line_is_reported_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = filled(tmp_path)
    segment(tmp_path).write_bytes(segment(tmp_path).read_bytes()[:-3])
    spool = Spool(tmp_path)
    spool.append(line(77))
    assert take_all(spool) == [*lines[1:-1], line(77)]
    assert "cut short by a crash" in caplog.text and spool.waiting_bytes == 0


def test_damaged_line_is_reported_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = filled(tmp_path)
    segment(tmp_path).write_bytes(segment(tmp_path).read_bytes().replace(lines[2], b"\0" * len(lines[2])))
    spool = Spool(tmp_path)
    assert take_all(spool) == [lines[1], *lines[3:]]
    assert "not JSON" in caplog.text and spool.waiting_bytes == 0


@pytest.mark.parametrize("cursor", [None, b"", b"{}", b'{"segment": 1, "offset": 1000000}'])
def test_unusable_cursor_reads_from_the_start(tmp_path: Path, cursor: bytes | None) -> None:
    lines = filled(tmp_path)
    (tmp_path / "cursor.json").unlink()
    if cursor is not None:
        (tmp_path / "cursor.json").write_bytes(cursor)
    assert take_all(Spool(tmp_path)) == lines


def test_folder_in_use_is_refused(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    with pytest.raises(SpoolInUse, match=str(tmp_path)):
        Spool(tmp_path)
    first.close()
    Spool(tmp_path).close()
