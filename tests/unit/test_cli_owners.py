"""What lane owners, the owner and the guardian change, over the in-memory chain: lane, epoch, guardian.

lane rotate, ahead, exit, release, withdraw
├── rehearsed → nothing changes; done → the chain has it, and it says from when on
└── when it is not the owner's to do, or not the time → a sentence
epoch show, announce
├── show → the terms, since when, and which faults they know
├── announce → the next epoch, by default as soon as it may start; what changes is shown
└── when a rule is broken, the time is too soon, one is announced, or another asks → a sentence, nothing sent
guardian pause, show
└── a pause stops posts; too long, too soon or another's → a sentence
guardian appoint
└── the owner makes another the guardian, or nobody
"""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from afterproof.chain.base import LaneState
from afterproof.protocol.receipt import hex0x
from afterproof.protocol.terms import DEMO, ETHER, Terms
from afterproof.units import ether
from tests.support.on_chain import on, refused
from tests.support.world import OWNER, PROMISER, RELAYER, RIVAL, World

OTHER = b"\x77" * 20
_AMOUNTS = ("leaf_slash", "promise_slash", "min_stake", "demand_deposit")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ahead=8)


def lane(world: World) -> LaneState:
    """Lane 1 as the chain has it."""
    state = world.chain.account_view(RIVAL).lane(1)
    assert state is not None
    return state


# --- lane ---------------------------------------------------------------------------------------------


def test_lane_rotate_moves_posting_at_once_and_promises_later(world: World) -> None:
    rotate = ("lane", "rotate", "1", "--poster", hex0x(OTHER))
    assert on(world, RELAYER, *rotate, "--dry-run").out.startswith("Would rotate lane 1: 0x7777")
    assert lane(world).poster == RELAYER
    answer = on(world, RELAYER, *rotate, "--json").json
    assert (answer["promise_key"], answer["from_seq"]) == (hex0x(PROMISER.address), 8)
    assert lane(world).poster == OTHER
    on(world, RELAYER, "lane", "rotate", "1", "--promise-key", hex0x(OTHER))
    view = world.chain.account_view(RIVAL)
    assert [view.promise_key_of(1, seq) for seq in (7, 8)] == [PROMISER.address, OTHER]
    shown = on(world, RIVAL, "lane", "show", "1").out.splitlines()
    (at,) = (number for number, line in enumerate(shown) if line.startswith("promises"))
    assert "signed by 0x" in shown[at] and "by 0x7777" in shown[at + 1]
    assert lane(world).poster == OTHER
    assert "only the lane's owner" in refused(on(world, RIVAL, *rotate))
    assert on(world, RELAYER, "lane", "rotate", "1").status == 2


def test_lane_ahead_grows_at_once_and_shrinks_later(world: World) -> None:
    assert on(world, RELAYER, "lane", "ahead", "1", "9", "--dry-run").out.startswith(
        "Would set the ahead of lane 1"
    )
    assert on(world, RELAYER, "lane", "ahead", "1", "20").out.startswith(
        "Set the ahead of lane 1 to 20, in block"
    )
    assert lane(world).ahead == 20
    assert "must hold" in refused(on(world, RELAYER, "lane", "ahead", "1", "4000000"))
    shrunk = on(world, RELAYER, "lane", "ahead", "1", "2", "--json").json
    assert shrunk["effective_at"] > world.now and lane(world).ahead == 20
    assert "is due" in refused(on(world, RIVAL, "lane", "ahead", "1", "--apply"))
    world.wait(shrunk["effective_at"] - world.now)
    assert on(world, RIVAL, "lane", "ahead", "1", "--apply").out.startswith("Put in force")
    assert lane(world).ahead == 2
    assert "announced no smaller ahead" in refused(on(world, RIVAL, "lane", "ahead", "1", "--apply"))
    assert on(world, RELAYER, "lane", "ahead", "1").status == 2
    assert on(world, RELAYER, "lane", "ahead", "1", "3", "--apply").status == 2


def test_lane_exit_then_release_then_withdraw_takes_the_stake_out(world: World) -> None:
    relayer = world.relayer()
    world.round(relayer)
    world.take_in(relayer, world.signed(1))
    world.rounds(4, relayer)
    assert "has not begun to leave" in refused(on(world, RELAYER, "lane", "withdraw", "1"))
    assert on(world, RELAYER, "lane", "exit", "1", "--dry-run").out.startswith("Lane 1 would leave")
    left = on(world, RELAYER, "lane", "exit", "1", "--json").json
    assert left["liable_until"] > world.now
    assert "leaves already" in refused(on(world, RELAYER, "lane", "exit", "1"))
    assert "1 of lane 1's receipts still count as open" in refused(
        on(world, RELAYER, "lane", "withdraw", "1")
    )
    world.wait(world.terms.window + 1)
    rehearsed = on(world, RIVAL, "lane", "release", "1", "--dry-run").out
    assert rehearsed.startswith("Would release the cover of lane 1's closed batches")
    assert on(world, RIVAL, "lane", "release", "1").out.startswith(
        "Released the cover of 1 of lane 1's receipts"
    )
    assert "nothing to release" in refused(on(world, RIVAL, "lane", "release", "1"))
    assert "is liable until" in refused(on(world, RELAYER, "lane", "withdraw", "1"))
    assert "leaves    since" in on(world, RIVAL, "lane", "show", "1").out
    world.wait(lane(world).liable_until + 1 - world.now)
    assert on(world, RELAYER, "lane", "withdraw", "1").out.startswith(
        "Credited the stake of lane 1, 10 ether"
    )
    assert on(world, RELAYER, "credits", "show", "--json").json["credit_wei"] == 10 * ETHER
    assert "holds no stake any more" in refused(on(world, RELAYER, "lane", "withdraw", "1"))


# --- epoch --------------------------------------------------------------------------------------------


def terms_file(world: World, terms: Terms, **others: object) -> str:
    """A file with these terms."""
    lines = [
        f'{name} = "{ether(value)}"' if name in _AMOUNTS else f"{name} = {value}"
        for name, value in asdict(terms).items()
    ]
    file = world.folder / "terms.toml"
    file.write_text("\n".join(["[terms]", *lines, *(f"{name} = {value}" for name, value in others.items())]))
    return str(file)


def test_epoch_show_tells_the_terms(world: World) -> None:
    answer = on(world, RIVAL, "epoch", "show", "--json").json
    assert (answer["epoch"], answer["current"], answer["ends_at"]) == (1, True, None)
    assert answer["terms"] == asdict(DEMO)
    assert "BAD_SIGNATURE" in answer["faults"]
    shown = on(world, RIVAL, "epoch", "show", "1").out
    assert "holds now" in shown and "100 %" in shown and "0.0001 ether" in shown
    assert "there is no epoch 2: the newest is 1" in refused(on(world, RIVAL, "epoch", "show", "2"))


def test_epoch_announce_starts_as_soon_as_every_lane_can_leave(world: World) -> None:
    file = terms_file(world, replace(DEMO, window=20, leaf_slash=2 * DEMO.leaf_slash))
    rehearsed = on(world, OWNER, "epoch", "announce", file, "--dry-run")
    assert rehearsed.out.startswith("Would announce epoch 2, from")
    assert "leaf_slash  0.0001 ether becomes 0.0002 ether" in rehearsed.out
    early = on(world, OWNER, "epoch", "announce", file, "--starts", str(world.now + 10))
    earliest = world.now + DEMO.time_to_leave
    assert f"--starts must be {earliest}" in refused(early)
    assert "only the owner may do this" in refused(on(world, RIVAL, "epoch", "announce", file))
    soonest = world.now + DEMO.time_to_leave
    announced = on(world, OWNER, "epoch", "announce", file, "--json").json
    assert announced["epoch"] == 2 and announced["starts_at"] == soonest + 600
    following = on(world, RIVAL, "epoch", "show", "2").out
    assert "2, is announced" in following and "BAD_SIGNATURE" in following
    assert on(world, RIVAL, "epoch", "show", "--json").json["ends_at"] == announced["starts_at"]
    assert "epoch 2 is announced and starts" in refused(on(world, OWNER, "epoch", "announce", file))
    world.wait(700)
    assert on(world, RIVAL, "epoch", "show", "--json").json["epoch"] == 2
    assert "1, is over" in on(world, RIVAL, "epoch", "show", "1").out


def test_epoch_announce_of_nonsense_names_key_and_rule(world: World) -> None:
    short = terms_file(world, replace(DEMO, window=1))
    assert "terms.window breaks a rule: window is at least max_outage" in refused(
        on(world, OWNER, "epoch", "announce", short)
    )
    assert "terms.speed is not a parameter" in refused(
        on(world, OWNER, "epoch", "announce", terms_file(world, DEMO, speed=1))
    )
    assert "cannot be read" in refused(on(world, OWNER, "epoch", "announce", str(world.folder / "none.toml")))


def test_epoch_announce_takes_a_parameter_file(world: World) -> None:
    file = Path(__file__).parents[2] / "scripts" / "parameters" / "test.toml"
    assert on(world, OWNER, "epoch", "announce", str(file), "--dry-run").status == 0


# --- guardian -----------------------------------------------------------------------------------------


def test_guardian_pause_stops_posts_for_a_bounded_time(world: World) -> None:
    assert "paused    no" in on(world, RIVAL, "guardian", "show").out
    assert "only the guardian may do this" in refused(on(world, RIVAL, "guardian", "pause", "5"))
    assert "a pause lasts 1 to 10 seconds, not 11" in refused(on(world, OWNER, "guardian", "pause", "11"))
    assert on(world, OWNER, "guardian", "pause", "5", "--dry-run").out.startswith(
        "Would pause posting for 5 seconds"
    )
    answer = on(world, OWNER, "guardian", "pause", "5", "--json").json
    assert answer["until"] == world.now + 5
    assert on(world, RIVAL, "guardian", "show", "--json").json["paused"] is True
    assert "is too soon: the earliest is" in refused(on(world, OWNER, "guardian", "pause", "5"))
    world.wait(6)
    assert on(world, RIVAL, "guardian", "show", "--json").json["paused"] is False


def test_guardian_appoint_moves_the_right_to_pause(world: World) -> None:
    appoint = ("guardian", "appoint", hex0x(RIVAL))
    assert "only the owner may do this" in refused(on(world, RIVAL, *appoint))
    assert on(world, OWNER, *appoint, "--dry-run").out.startswith("Would make 0x0303")
    assert on(world, OWNER, *appoint, "--json").json["guardian"] == hex0x(RIVAL)
    assert "only the guardian may do this" in refused(on(world, OWNER, "guardian", "pause", "5"))
    assert on(world, RIVAL, "guardian", "pause", "5", "--dry-run").status == 0
    assert on(world, OWNER, "guardian", "appoint", "none").out.startswith("Made nobody guardian")
    assert "guardian  nobody" in on(world, RIVAL, "guardian", "show").out
    assert "only the guardian may do this" in refused(on(world, RIVAL, "guardian", "pause", "5"))
    assert "'nobody' is not an address" in on(world, OWNER, "guardian", "appoint", "nobody").err
