"""`make fuzz`, on toy machines.

fuzz
├── when nothing breaks: it should end on time with 0 and print what it did
├── when a machine breaks
│   ├── it should end with 1, before its time, and print Hypothesis' shrunk steps and how to have them again
│   └── when that run is played again: the same
├── when it is interrupted: it should end with 130 and print what it did
└── when told nonsense: it should refuse
every state machine of tests/stateful
└── it should be among those that are played, or what one of them is made of
"""

import importlib
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from scripts.fuzz import run_of
from tests.stateful.machines import MACHINES

ROOT = Path(__file__).resolve().parents[2]
TOTALS = re.compile(r"(?m)^\d+ s: .*?([\d,]+) examples, ([\d,]+) steps.* \([\d,]+ steps/s\)$")


def command(machines: str, *more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "scripts.fuzz",
        "--machines",
        f"tests.support.toy_machines:{machines}",
        *more,
    ]


def fuzz(machines: str, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(machines, *more), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def counts(output: str) -> tuple[int, ...]:
    """Examples and steps in the totals of the first machine."""
    found = TOTALS.findall(output)
    assert len(found) == 1, output
    return tuple(int(number.replace(",", "")) for number in found[0])


def test_fuzz_nothingBreaks_endsOnTime() -> None:
    started = time.monotonic()
    ran = fuzz("HOLDING", "--seconds", "2", "--jobs", "2")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert 2 <= time.monotonic() - started < 20
    examples, steps = counts(ran.stdout)
    assert steps > examples > 10
    assert "holds again: " in ran.stdout
    assert ran.stdout.endswith("no failure\n")


def test_fuzz_aMachineBreaks_printsHowToHaveItAgain() -> None:
    ran = fuzz("BREAKING", "--seconds", "50", "--seed", "77", "--jobs", "1")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert ran.stdout.endswith("failed\n")
    assert "state = Breaks()" in ran.stdout
    assert "state.add(number=" in ran.stdout
    assert "@reproduce_failure(" in ran.stdout
    (number,) = re.findall(r"make fuzz SEED=77 RUN=(\d+)", ran.stdout)
    again = fuzz("BREAKING", "--seed", "77", "--run", number)
    assert again.returncode == 1
    blob = re.compile(r"@reproduce_failure\(.*\)")
    assert blob.findall(again.stdout) == blob.findall(ran.stdout)


def test_fuzz_interrupted_printsTheTotals() -> None:
    process = subprocess.Popen(
        command("SLEEPING", "--seconds", "50", "--jobs", "2"), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("playing sleeps with seed ")
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert counts(output)[0] == 2
    assert output.endswith("interrupted\n")


@pytest.mark.parametrize(
    "nonsense", [("--run", "3"), ("--seconds", "0"), ("--seed", "-1"), ("--jobs", "0")], ids=" ".join
)
def test_fuzz_nonsense_isRefused(nonsense: tuple[str, str]) -> None:
    ran = fuzz("HOLDING", *nonsense)
    assert ran.returncode == 2
    assert nonsense[0] in ran.stderr


def test_runs_later_tryMore() -> None:
    runs = [run_of(7, number, ["a", "b"]) for number in range(60)]
    assert len({run.seed for run in runs}) == 60
    assert [run.machine for run in runs[:3]] == ["a", "b", "a"]
    assert [run.examples for run in runs] == sorted(run.examples for run in runs)
    assert runs[-1].examples > runs[0].examples


def test_machines_ofTheStatefulTests_areAllPlayed() -> None:
    defined = set()
    for path in (ROOT / "tests" / "stateful").glob("*.py"):
        module = importlib.import_module(f"tests.stateful.{path.stem}")
        defined |= {
            thing
            for thing in vars(module).values()
            if isinstance(thing, type)
            and issubclass(thing, RuleBasedStateMachine)
            and thing.__module__ == module.__name__
        }
    played = MACHINES.values()
    assert [machine for machine in defined if not any(issubclass(one, machine) for one in played)] == []
