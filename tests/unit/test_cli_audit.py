"""`audit` as its user meets it: what it prints, and its exit status.

afterproof audit
├── of a clean history → it should say so, with 0
├── of one that is not → it should list faults, data, demands and promises, with 1
├── with a scope that holds nothing → it should be clean, with 0
├── with a scope that cannot be → it should say which rule it breaks, with 2
├── when something fails that should not, or the state is another chain's, or in use → 2, and no verdict
└── of many faults → it should show some, and say how many more there are
"""

from pathlib import Path

import pytest

from afterproof.audit import run as audit_run
from afterproof.cli.audit import default_state
from afterproof.cli.session import Session
from afterproof.store import Store
from tests.support.cli import Ran, run
from tests.support.lane import OwnLane
from tests.support.world import RIVAL, VERIFIER, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return World(tmp_path)


def audit(world: World, *arguments: str) -> Ran:
    session = Session()
    session.__dict__ |= {
        "config": world.config,
        "deployment": world.chain.deployment,
        "rehearsal": world.chain.account_view(RIVAL),
        "fetcher": world.shelf,
    }
    return run("audit", *arguments, session=session)


def test_clean(world: World) -> None:
    OwnLane(world).post(world.signed(1, age=3).leaf)
    world.wait(100)
    ran = audit(world)
    assert ran.status == 0, ran.err
    assert "history   clean, up to block" in ran.out and "1 checked" in ran.out
    assert "lane 1   issued to posted  4" in " ".join(ran.out.split("\n")) or "issued to posted" in ran.out
    said = audit(world, "--json").json
    assert said["clean"] is True and said["chain_id"] == world.chain.deployment.chain_id
    assert said["scope"] == dict.fromkeys(("lanes", "from_block", "to_block", "since", "until"))
    assert default_state(world.chain.deployment).is_dir()


def test_not_clean(world: World) -> None:
    lane = OwnLane(world)
    lane.post(world.forged(1).leaf)
    gone = lane.post(world.signed(2).leaf, withheld=True)
    chain = world.chain.account_view(VERIFIER)
    chain.demand_tile(gone.id, 0, gone.tree.root, (), 2 * chain.deposit_for(gone.id, 0))
    lane.post(world.signed(3).leaf, withheld=True)
    lane.post(world.signed(4).leaf)
    world.wait(100)
    ran = audit(world, "--state", str(world.folder / "state"))
    assert ran.status == 1
    for words in ("NOT CLEAN", "1/0    0     BAD_SIGNATURE  missed", "struck", "1/2", "1 unavailable"):
        assert words in ran.out, ran.out


def test_nothing_there(world: World) -> None:
    assert audit(world, "--since", "2000-01-01T00:00:00Z", "--until", "2000-01-02T00:00:00Z").status == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from-block", "9", "--to-block", "8"), "--from-block must not be greater than --to-block"),
        (("--since", "9", "--until", "8"), "--since must not be later than --until"),
        (("--since", "yesterday"), "is not a time"),
        (("--workers", "0"), "--workers"),
        (("--lane", "2"), "there is no lane 2 on this chain: it has 1"),
    ],
)
def test_wrong_usage(world: World, arguments: tuple[str, ...], sentence: str) -> None:
    ran = audit(world, *arguments)
    assert (ran.status, ran.out) == (2, "") and sentence in ran.err


def test_own_mistake(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by a mistake")

    monkeypatch.setattr(audit_run, "watch", fail)
    ran = audit(world)
    assert (ran.status, ran.out) == (2, "") and "ZeroDivisionError: by a mistake" in ran.err


def test_state_in_use(world: World) -> None:
    place = default_state(world.chain.deployment) / "audit.sqlite3"
    store = Store.open(place, world.chain.deployment, "auditor", exclusive=True)
    ran = audit(world)
    assert ran.status == 2 and "another process runs on it" in ran.err
    store.close()
    assert audit(world).status == 0


def test_many_faults(world: World) -> None:
    OwnLane(world).post(*[world.forged(n).leaf for n in range(25)])
    ran = audit(world)
    assert ran.status == 1 and "and 5 more: --json lists them all" in ran.out
    assert len(audit(world, "--json").json["faults"]) == 25
