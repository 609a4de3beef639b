"""`make bench`: what it prints and how it ends, on toy benchmarks and on the real ones with toy sizes.

a run
├── it should print a line `name value unit` for each figure, and nothing else on standard output
├── when a benchmark fails, or yields what is no figure → it should name it, run the others, and fail
├── when a figure was measured before → it should fail, and not print it again
└── when it is interrupted → it should end all that it started, and fail
the benchmarks
├── each should have its figures
└── with toy sizes they should measure; docs/benchmarks.md should explain each figure, and nothing else
"""

import importlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.figure import BenchmarkError, Figure, cpu_seconds, line_of
from benchmarks.run import BENCHMARKS, run

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
LINE = re.compile(r"([a-z][a-z0-9_]*) (-?\d+(?:\.\d+)?) (\S+)")

Toys = Callable[..., dict[str, str]]


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Toys:
    """Benchmarks that yield what a test says: ``toys(name=[figure, ...])``; an exception among them is raised."""

    def made(**figures: list[Figure | BaseException]) -> dict[str, str]:
        for name, found in figures.items():
            module = ModuleType(f"toy_{name}")
            module.figures = lambda found=found: each(found)  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, module.__name__, module)
        return {name: f"toy_{name}" for name in figures}

    return made


def each(figures: list[Figure | BaseException]) -> Iterator[Figure]:
    """The figures, and what a careless library would print."""
    for figure in figures:
        print("chatter")
        if isinstance(figure, BaseException):
            raise figure
        yield figure


def shown(benchmarks: dict[str, str]) -> tuple[bool, str]:
    """Whether a run of all was good, and what it printed."""
    out = io.StringIO()
    good = run(benchmarks, out, benchmarks=benchmarks)
    return good, out.getvalue()


# --- a run ------------------------------------------------------------------------------------------


def test_a_run_prints_figures_alone(toys: Toys, capsys: pytest.CaptureFixture[str]) -> None:
    good, printed = shown(
        toys(one=[("a_b1", 0.012345678, "s"), ("c", 3, "MiB")], two=[("d", 1234567.8, "us")])
    )
    assert good and printed == "a_b1 0.01235 s\nc 3 MiB\nd 1234568 us\n"
    captured = capsys.readouterr()
    assert captured.out == "" and "one: done" in captured.err and "chatter" in captured.err


def test_a_benchmark_that_fails_is_named_and_stops_no_other(
    toys: Toys, capsys: pytest.CaptureFixture[str]
) -> None:
    good, printed = shown(toys(bad=[("a", 1, "s"), ValueError("no luck")], next=[("b", 2, "s")]))
    assert not good and printed == "a 1 s\nb 2 s\n"
    assert re.search(r"^bad: failed after \d+ s: ValueError: no luck$", capsys.readouterr().err, re.M)


def test_a_module_that_is_missing_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown({"gone": "benchmarks.no_such_module"}) == (False, "")
    assert "gone: failed" in capsys.readouterr().err


def test_a_figure_that_was_measured_before_is_a_failure(
    toys: Toys, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(toys(one=[("a", 1, "s")], two=[("a", 2, "s")])) == (False, "a 1 s\n")
    assert "two: failed" in (said := capsys.readouterr().err) and "a was measured before" in said


@pytest.mark.parametrize(
    "figure",
    [("A", 1, "s"), ("a-b", 1, "s"), ("", 1, "s"), ("a b", 1, "s"), ("a\n", 1, "s"), ("a", 1, ""), ("a", 1, "per s"),
     ("a", float("nan"), "s"), ("a", float("inf"), "s")],
)  # fmt: skip
def test_what_would_be_no_line_is_no_figure(figure: Figure, toys: Toys) -> None:
    with pytest.raises(BenchmarkError):
        line_of(figure)
    assert shown(toys(one=[figure])) == (False, "")


@pytest.mark.parametrize(
    ("value", "printed"),
    [(0, "0"), (0.0, "0"), (5, "5"), (-2.5, "-2.500"), (1e-6, "0.000001000"), (0.69996, "0.7000"), (99.999, "100.00"),
     (41.234567, "41.23"), (12345.67, "12346"), (1e9 + 0.5, "1000000000"), (1e18, "1000000000000000000")],
)  # fmt: skip
def test_a_figure_has_four_digits_and_no_exponent(value: float, printed: str) -> None:
    assert line_of(("a", value, "s")) == f"a {printed} s"
    assert LINE.fullmatch(line_of(("a", value, "s")))


def test_cpu_seconds_are_those_of_the_work_and_not_of_waiting() -> None:
    def busy() -> None:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass

    assert cpu_seconds(busy, 3) >= 0.05
    assert cpu_seconds(lambda: time.sleep(0.2)) < 0.2


def test_a_run_that_is_interrupted_ends_what_it_started(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.run", "--only", "memory", "--small"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            until(lambda: any(tmp_path.glob("*/relayer.sqlite3")) or process.poll() is not None)
            process.send_signal(signal.SIGINT)
            printed, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, printed) == (130, "") and said.endswith("interrupted\n")
    until(lambda: running(tmp_path) == [])
    assert list(tmp_path.iterdir()) == []


def running(folder: Path) -> list[str]:
    """The command lines of the processes that were started with ``folder`` as their place for temporary files."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended, or is somebody else's
            continue
        if f"TMPDIR={folder}".encode() in environment and line:
            found.append(line)
    return found


def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- the benchmarks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("module", BENCHMARKS.values())
def test_each_benchmark_has_its_figures(module: str) -> None:
    found = importlib.import_module(module)
    assert callable(found.figures) and callable(found.small_figures)


def test_the_benchmarks_measure_what_the_document_explains(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    assert run(BENCHMARKS, out, small=True), capsys.readouterr().err
    lines = [LINE.fullmatch(line) for line in out.getvalue().splitlines()]
    names = [line[1] for line in lines if line]
    assert len(names) == len(lines) == len(set(names))
    assert all(float(line[2]) > 0 for line in lines if line)
    explained = set(re.findall(r"^\| `([a-z0-9_]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.M))
    assert set(names) == explained
