"""Running jobs (afterproof/running): here, in a pool of processes, on a Ray of this machine.

jobs
├── it should say what came of each, in their order, however many are sent at a time
├── that fail → it should say so of those, and do the others
├── it should take no more of them than workers need
├── whose worker is killed → it should do them again, and lose none
├── that kill each worker → it should say that workers end
└── when it is told to stop → it should begin no more
a verifier's batch
├── it should be judged alike on each
├── whose judge is killed meanwhile → it should be judged all the same
├── whose judges are all killed → it should be looked at again, and nobody accused
└── under way when the verifier is told to stop → it should still be due
workers
├── they should end with the process that started them, though that be killed
├── the settings and the options of the commands should say which they are
└── what is not installed, or does not answer, should be said
"""

import builtins
import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from afterproof.cli.judging import judging
from afterproof.config import Config, VerifierConfig
from afterproof.errors import ConfigError
from afterproof.running import Failed, Inline, Runner, RunStopped, WorkersLost, runner, tiles
from afterproof.running.on_ray import OnRay
from afterproof.running.pool import Pool
from afterproof.settings import Engine
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.watch import watch
from afterproof.store.verdicts import What
from tests.support.jobs import deadly, doubled, mortal, stubborn
from tests.support.lane import OwnLane
from tests.support.world import World


@pytest.fixture(scope="module")
def runners() -> Iterator[dict[str, Runner]]:
    """One of each. A process has one Ray at most."""
    with Inline() as here, Pool(2) as pool, OnRay(2) as ray:
        yield {"here": here, "pool": pool, "ray": ray}


@pytest.fixture(params=["here", "pool", "ray"])
def judges(request: pytest.FixtureRequest, runners: dict[str, Runner]) -> Runner:
    return runners[request.param]


@pytest.fixture(params=["pool", "ray"])
def workers(request: pytest.FixtureRequest, runners: dict[str, Runner]) -> Runner:
    return runners[request.param]


def until(holds: Callable[[], Any]) -> Any:
    """What it says, once it says something."""
    for _ in range(1200):
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def is_gone(process: int) -> bool:
    """Whether a process has ended; a zombie has."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


@pytest.mark.parametrize("chunk", [1, 7])
def test_jobs_are_done_in_order_and_those_that_fail_are_told(judges: Runner, chunk: int) -> None:
    said = list(judges.map(doubled, range(40), chunk))
    assert [job for job, _ in said] == list(range(40))
    assert [value for job, value in said if job != 13] == [2 * job for job in range(40) if job != 13]
    failed = said[13][1]
    assert (
        isinstance(failed, Failed)
        and failed.why == "ValueError: 13 is no number"
        and "in doubled" in failed.trace
    )
    assert list(judges.map(doubled, [])) == []


def test_no_more_jobs_are_taken_than_workers_need(judges: Runner) -> None:
    taken: list[int] = []

    def jobs() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    said = judges.map(doubled, jobs(), 2)
    for _ in range(10):
        next(said)
    assert len(taken) <= 10 + 2 * (2 * judges.workers + 2)
    said.close()  # type: ignore[attr-defined]
    assert next(judges.map(doubled, [4])) == (4, 8)  # what was left undone is in nobody's way


def test_many_threads_may_ask_at_a_time(judges: Runner) -> None:
    found: dict[int, list[Any]] = {}

    def ask(number: int) -> None:
        found[number] = [value for _, value in judges.map(doubled, range(100 * number, 100 * number + 12))]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [2 * job for job in range(100 * n, 100 * n + 12)] for n in range(1, 5)}


def test_jobs_of_a_worker_that_is_killed_are_done_again(workers: Runner, tmp_path: Path) -> None:
    files = [str(tmp_path / "job0"), *[str(tmp_path / "done")] * 9]
    (tmp_path / "done").write_text("")
    said: list[Any] = []
    jobs = list(zip(files, range(10), strict=True))
    thread = threading.Thread(target=lambda: said.extend(workers.map(stubborn, jobs)))
    thread.start()
    at_it = int(until(lambda: (tmp_path / "job0").exists() and (tmp_path / "job0").read_text()))
    assert at_it != os.getpid()
    os.kill(at_it, signal.SIGKILL)
    thread.join(60)
    assert [value for _, value in said] == list(range(10))


def test_jobs_that_kill_each_worker_are_given_up(workers: Runner) -> None:
    with pytest.raises(WorkersLost, match="3 times"):
        list(workers.map(deadly, [1]))
    assert list(workers.map(doubled, [4])) == [(4, 8)]


@pytest.mark.parametrize("make", [Inline, lambda stop: Pool(2, stop)], ids=["here", "pool"])
def test_runner_that_is_told_to_stop_begins_no_more(make: Callable[[threading.Event], Runner]) -> None:
    stop = threading.Event()
    with make(stop) as one:
        said = one.map(doubled, iter(range(1000)))
        assert next(said) == (0, 0)
        stop.set()
        with pytest.raises(RunStopped):
            list(said)


def test_pool_told_to_stop_does_not_wait_for_what_it_is_at(tmp_path: Path) -> None:
    stop, file = threading.Event(), tmp_path / "job"
    pool = Pool(2, stop)
    ended: list[type[Exception]] = []

    def ask() -> None:
        try:
            list(pool.map(stubborn, [(str(file), 1)]))
        except RunStopped as error:
            ended.append(type(error))

    thread = threading.Thread(target=ask)
    thread.start()
    at_it = int(until(lambda: file.exists() and file.read_text()))
    stop.set()
    thread.join(60)
    assert ended == [RunStopped]
    pool.close()
    until(lambda: is_gone(at_it))


# --- a verifier -------------------------------------------------------------------------------------


def verdicts(world: World, name: str, judges: Runner) -> tuple[Any, ...]:
    verifier = replace(world.verifier(name), runner=judges)
    while watch(verifier):
        pass
    while check(verifier):
        pass
    return said(verifier)


def said(verifier: Context) -> tuple[Any, ...]:
    """All that a verifier has found, by its store."""
    found = [verifier.store.verdicts.check(posted.id) for posted in verifier.store.batches.newest_checked(9)]
    disputes = [(one.place, one.kind, one.proof) for one in verifier.store.verdicts.all(What.DISPUTE)]
    return found, disputes, verifier.store.seen.count()


def test_batch_is_judged_alike_on_each(judges: Runner, tmp_path: Path) -> None:
    world = World(tmp_path)
    lane = OwnLane(world)
    leaves = [world.signed(n).leaf for n in range(700)]
    leaves[300], leaves[699] = world.forged(300).leaf, world.of_stranger(699).leaf
    batch = lane.post(*leaves)
    plain, found = verdicts(world, "plain", Inline()), verdicts(world, "other", judges)
    assert found == plain
    ((place, _, proof),) = found[1]
    assert place == 300 and list(proof) == batch.tree.proof(300) and found[2] == 700


def test_batch_whose_judge_is_killed_is_judged_all_the_same(
    workers: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    lane = OwnLane(world)
    lane.post(*[world.signed(n).leaf for n in range(600)], world.forged(700).leaf)
    plain = verdicts(world, "plain", Inline())
    monkeypatch.setattr(tiles, "judge_tile", functools.partial(mortal, str(tmp_path / "killed")))
    assert verdicts(world, "other", workers) == plain and (tmp_path / "killed").exists()
    assert "cannot be judged" not in caplog.text


def test_batch_whose_judges_are_all_killed_is_looked_at_again_and_nobody_is_accused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    batch = OwnLane(world).post(*[world.signed(n).leaf for n in range(300)], world.forged(700).leaf)
    with Pool(2) as pool, monkeypatch.context() as patch:
        patch.setattr(tiles, "judge_tile", deadly)
        verifier = replace(world.verifier(), runner=pool)
        while watch(verifier):
            pass
        check(verifier)
        assert "cannot be judged yet, by no fault of its own: worker processes ended" in caplog.text
        assert verifier.store.verdicts.all() == [] and verifier.store.verdicts.check(batch.id) is None
    world.wait(5)
    world.round(replace(verifier, runner=Inline()), steps=(watch, check))
    assert [one.place for one in verifier.store.verdicts.all(What.DISPUTE)] == [300]


def test_batch_under_way_when_the_verifier_is_told_to_stop_is_still_due(tmp_path: Path) -> None:
    world = World(tmp_path)
    batch = OwnLane(world).post(*[world.signed(n).leaf for n in range(300)])
    verifier = world.verifier()
    while watch(verifier):
        pass
    verifier.runner.stop()
    check(verifier)
    assert verifier.store.verdicts.check(batch.id) is None and verifier.store.verdicts.all() == []
    check(replace(verifier, runner=Inline()))
    found = verifier.store.verdicts.check(batch.id)
    assert found is not None and found.accepted == 300


# --- workers ----------------------------------------------------------------------------------------

PARENT = """
import sys, time
from afterproof.running.pool import Pool
from tests.support.jobs import pid
pool = Pool(2)
print(*{found for _, found in pool.map(pid, range(8))}, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda how: how.name)
def test_workers_end_with_the_process_that_started_them(how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert parent.stdout is not None
    with parent, parent.stdout:
        children = [int(one) for one in parent.stdout.readline().split()]
        assert children and not any(map(is_gone, children))
        # Ctrl-C is heard by all that a terminal has started, as this session has.
        (os.killpg if how is signal.SIGINT else os.kill)(parent.pid, how)
        parent.wait(60)
    until(lambda: all(map(is_gone, children)))


def test_ray_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == "ray":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'afterproof\[scale\]'"):
        runner(Engine.RAY, 2, None)


def test_options_go_before_the_settings() -> None:
    config = replace(Config(), verifier=VerifierConfig(workers=3))
    assert judging(config, None, None, None) == config
    found = judging(config, "ray", 5, "head:6379").verifier
    assert (found.engine, found.workers, found.ray_address) == (Engine.RAY, 5, "head:6379")
    with pytest.raises(click.UsageError, match="--ray-address goes with --engine ray"):
        judging(config, None, None, "head:6379")


def test_engine_is_what_the_settings_say() -> None:
    with runner(Engine.POOL, 1, None) as one, runner(Engine.POOL, 3, None) as three:
        assert isinstance(one, Inline) and isinstance(three, Pool) and three.workers == 3
    with runner(Engine.POOL, None, None) as some:
        assert some.workers == len(os.sched_getaffinity(0))
