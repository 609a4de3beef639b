"""Play the state machines of tests/stateful for a given time, on every core.

    python -m scripts.fuzz --seconds 600            fresh seeds
    python -m scripts.fuzz --seconds 600 --seed 7   the runs of seed 7
    python -m scripts.fuzz --seed 7 --run 12        one of them again, to its end

A run is one search of Hypothesis's in one machine. Seed and number make it what it is, so that a failure can be had
again; later runs try more examples. The first failure ends the rest, is printed as Hypothesis shrank it, and kept in
build/fuzz. Ends with 0 when nothing failed, 1 when something did, 130 on Ctrl-C, and prints the totals each time.
"""

import argparse
import contextlib
import importlib
import io
import math
import multiprocessing
import os
import secrets
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, seed, settings
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from scripts.compile import ROOT, CompileError, compile_all, sources

KEPT = ROOT / "build" / "fuzz"
MOST_EXAMPLES = 200
#: Short examples shrink fast and go wide, long ones meet late states.
STEP_COUNTS = (30, 60, 120)
REPORT_EVERY = 60.0  # seconds

Machines = Mapping[str, type[RuleBasedStateMachine]]


class TimeIsUp(KeyboardInterrupt):
    """Ends a run between two steps: what Hypothesis takes neither for a failure nor for a whim of the machine's."""


@dataclass(frozen=True)
class Run:
    machine: str
    seed: int
    examples: int
    steps: int


def run_of(base: int, number: int, names: list[str]) -> Run:
    """What run ``number`` of the seed ``base`` is: machines take turns, and each turn tries more than the last."""
    turn, which = divmod(number, len(names))
    examples = min(10 * (turn + 1), MOST_EXAMPLES)
    return Run(names[which], base + number, examples, STEP_COUNTS[turn % len(STEP_COUNTS)])


class Board:
    """What the processes share: which run is next, until when, and what was done so far."""

    def __init__(self, names: list[str], base: int, deadline: float, first: int, last: float) -> None:
        self.names, self.base, self.deadline, self.last = names, base, deadline, last
        self.folder = KEPT / str(base)
        self._next = multiprocessing.Value("Q", first)
        self._failed = multiprocessing.Event()
        self._done = {name: [multiprocessing.Value("Q", 0) for _ in range(2)] for name in names}

    def take(self) -> int | None:
        """The number of the next run; None when there is none."""
        with self._next.get_lock():
            number = self._next.value
            self._next.value += 1
        return None if self.is_over() or number > self.last else number

    def is_over(self) -> bool:
        return self._failed.is_set() or time.monotonic() >= self.deadline

    def count_example(self, name: str) -> None:
        _increment(self._done[name][0])

    def count_step(self, name: str) -> None:
        _increment(self._done[name][1])

    def done(self, name: str) -> tuple[int, int]:
        """Examples begun, and steps made."""
        examples, steps = (counter.value for counter in self._done[name])
        return examples, steps

    def fail(self, number: int, report: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{number}.txt").write_text(report)
        self._failed.set()

    def failures(self) -> list[Path]:
        return sorted(self.folder.glob("*.txt"), key=lambda path: int(path.stem))


def _increment(counter: Any) -> None:
    with counter.get_lock():
        counter.value += 1


def load(where: str) -> Machines:
    """The machines that ``module:NAME`` names."""
    module, _, name = where.partition(":")
    machines: Machines = getattr(importlib.import_module(module), name)
    return machines


def watched(machine: type[RuleBasedStateMachine], name: str, board: Board) -> type[RuleBasedStateMachine]:
    """The machine, counted, and stopped once it is over, though never while a failure shrinks."""

    class Watched(machine):  # type: ignore[misc,valid-type]
        has_failed = False

        def __init__(self) -> None:
            board.count_example(name)
            self._has_begun = False
            super().__init__()

        def check_invariants(self, *arguments: Any, **named: Any) -> Any:
            # Called once before the first step, and once after each.
            if self._has_begun:
                board.count_step(name)
            self._has_begun = True
            if board.is_over() and not Watched.has_failed:
                raise TimeIsUp
            return super().check_invariants(*arguments, **named)

        def teardown(self) -> None:
            try:
                super().teardown()
            finally:
                # Called from a finally clause, where the step's own exception is still to be seen.
                error = sys.exc_info()[1]
                if isinstance(error, Exception) and not isinstance(error, HypothesisException):
                    Watched.has_failed = True

    Watched.__name__, Watched.__qualname__ = machine.__name__, machine.__qualname__
    return Watched


def play(number: int, machines: Machines, board: Board) -> str | None:
    """Plays a run; what failed as Hypothesis tells it, or None."""
    run = run_of(board.base, number, board.names)
    machine = seed(run.seed)(watched(machines[run.machine], run.machine, board))
    how = settings(
        max_examples=run.examples,
        stateful_step_count=run.steps,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            run_state_machine_as_test(machine, settings=how)
    except TimeIsUp:
        return None
    except Exception:
        again = f"make fuzz SEED={board.base} RUN={number}"
        return f"{run.machine} failed; to see it again: {again}\n\n{traceback.format_exc()}{said.getvalue()}"
    return None


def work(where: str, board: Board) -> None:
    """One process: run after run until it is over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends this one
    machines = load(where)
    while (number := board.take()) is not None:
        report = play(number, machines, board)
        if report is not None:
            board.fail(number, report)


def watch(processes: list[BaseProcess], board: Board, started: float) -> bool:
    """Waits for the processes, with a line now and then; False when Ctrl-C ended them."""
    try:
        alive = processes
        while alive:
            ended = wait([process.sentinel for process in alive], timeout=REPORT_EVERY)
            alive = [process for process in alive if process.sentinel not in ended]
            if not ended:
                print(totals(board, started), flush=True)
    except KeyboardInterrupt:
        for process in processes:
            process.terminate()
        return False
    finally:
        for process in processes:
            process.join()
    return True


def totals(board: Board, started: float) -> str:
    """What was done so far, in one line."""
    seconds = time.monotonic() - started
    done = {name: board.done(name) for name in board.names}
    rate = sum(steps for _, steps in done.values()) / max(seconds, 1e-9)
    each = "; ".join(
        f"{name}: {examples:,} examples, {steps:,} steps" for name, (examples, steps) in done.items()
    )
    return f"{seconds:.0f} s: {each} ({rate:,.0f} steps/s)"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description="Play the state machines for a given time.")
    parser.add_argument("--seconds", type=float, default=600, help="how long (default: 600)")
    parser.add_argument("--seed", type=int, help="of the first run (default: a fresh one)")
    parser.add_argument("--run", type=int, help="only this run of the seed, to its end")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)"
    )
    parser.add_argument("--machines", default="tests.stateful.machines:MACHINES", metavar="MODULE:NAME")
    given = parser.parse_args()
    if given.run is not None and given.seed is None:
        parser.error("--run is a number among the runs of a --seed")
    if given.seconds <= 0 or given.jobs < 1 or min(given.seed or 0, given.run or 0) < 0:
        parser.error("--seconds and --jobs are above 0, --seed and --run not below")
    return given


def main() -> int:
    given = arguments()
    names = list(load(given.machines))
    try:
        compile_all(sources())  # once, and before the clock runs
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    base = secrets.randbits(32) if given.seed is None else given.seed
    only = given.run is not None
    started = time.monotonic()
    deadline = math.inf if only else started + given.seconds
    board = Board(names, base, deadline, given.run or 0, given.run if only else math.inf)
    shutil.rmtree(board.folder, ignore_errors=True)
    jobs = 1 if only else given.jobs
    print(f"playing {', '.join(names)} with seed {base} in {jobs} process{'es' * (jobs > 1)}", flush=True)
    processes = [multiprocessing.Process(target=work, args=(given.machines, board)) for _ in range(jobs)]
    for process in processes:
        process.start()
    finished = watch(processes, board, started)
    failures = board.failures()
    for path in failures:
        print(f"\n{path.read_text()}")
    print(totals(board, started))
    if not finished:
        print("interrupted")
        return 130
    died = any(process.exitcode for process in processes)
    print("failed" if failures else "a process died" if died else "no failure")
    return 1 if failures or died else 0


if __name__ == "__main__":
    sys.exit(main())
