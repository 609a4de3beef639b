"""Settlement: the guardian, who may stop new posts for a while and nothing else.

pausing
├── when the caller is not the guardian, the owner included → it should revert NotGuardian
├── when it lasts no time, or longer than maxPause → it should revert WrongPause; exactly maxPause should do
├── when it comes sooner than pauseSpacing after the end of the last → it should revert TooSoon; exactly then should do
├── when a promise may still be catching up → it should revert TooSoon, however close the terms space pauses
├── given a later epoch → its bounds should hold from its start on
└── else → it should log start and end
while paused
├── posting should revert Paused until the end, inclusive; what was posted in the same second before should stay
├── windows, disputes, demands, claims, releases, rotation, leaving and payouts should go on as ever
└── afterwards a header should count the pauses before it
a promise
├── given it is due before the pause begins → it should be late as ever
├── given it is due from the first second of the pause until its catch-up is over → it should be late only after that
├── given it is due later → it should be late as ever
├── given the leaf is posted in the last second of catch-up → it should be kept; a second later → broken
├── given a second pause → it should be deferred by the one that it falls in
├── given a later epoch → catchUp should be that of the epoch at includeBy
└── at all times → none should fall due in a pause, and one due later should never be late earlier
naming a guardian
└── only the owner may; nobody may be guardian, and then none can pause
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.protocol.header import Header
from afterproof.protocol.outcome import Event, Revert
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO, ETHER, Terms
from tests.support.pair import ALL_FAULTS
from tests.support.promises import PromiseScene, fresh, promise_signer, staged

PAUSE, CATCH_UP, SPACING = DEMO.max_pause, DEMO.catch_up, DEMO.pause_spacing


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    yield from staged()


def pause(scene: PromiseScene, seconds: int = PAUSE) -> tuple[int, int]:
    """Pauses posting; first and last second of it."""
    (event,) = scene.pair.act("pause", scene.guardian, seconds)
    return event.arguments


def refused_post(scene: PromiseScene) -> tuple[str, tuple[object, ...]]:
    arguments = (scene.lane, scene.spec_lane.next_seq, 1, scene.now, scene.now, [b"\1" * 32], "")
    return scene.refused("post", *arguments, by=scene.poster)


# --- pausing ----------------------------------------------------------------------------------------


def test_pause_by_another_reverts(scene: PromiseScene) -> None:
    for sender in (scene.owner, scene.relayer, scene.poster, scene.stranger):
        assert scene.refused("pause", 1, by=sender) == ("NotGuardian", (sender,))


@pytest.mark.parametrize("seconds", [0, PAUSE + 1, 2**40 - 1])
def test_pause_of_a_wrong_length_reverts(scene: PromiseScene, seconds: int) -> None:
    assert scene.refused("pause", seconds, by=scene.guardian) == ("WrongPause", (seconds, PAUSE))


@pytest.mark.parametrize("seconds", [1, PAUSE])
def test_pause_logs_its_first_and_last_second(scene: PromiseScene, seconds: int) -> None:
    events = scene.pair.act("pause", scene.guardian, seconds)
    assert events == [Event("PostingPaused", (scene.now, scene.now + seconds))]
    state = scene.pair.settlement.call("pauseState")
    assert tuple(state)[1:] == (scene.now + seconds, 1)


def test_pause_sooner_than_spacing_after_the_last_reverts(scene: PromiseScene) -> None:
    _, end = pause(scene, 3)
    for at in (scene.now, end, end + 1, end + SPACING - 1):
        scene.warp(at)
        assert scene.refused("pause", 1, by=scene.guardian) == ("TooSoon", (at, end + SPACING))
    scene.wait(1)
    pause(scene)


def test_pause_by_the_terms_of_a_later_epoch(scene: PromiseScene) -> None:
    starts_at = scene.now + DEMO.time_to_leave
    terms = replace(DEMO, max_pause=2, pause_spacing=100)
    scene.pair.act("announce_epoch", scene.owner, terms, ALL_FAULTS, starts_at)
    scene.warp(starts_at - PAUSE)
    _, end = pause(scene, PAUSE)
    assert end == starts_at
    scene.warp(end + SPACING)
    assert scene.refused("pause", 3, by=scene.guardian) == ("WrongPause", (3, 2))
    assert scene.refused("pause", 2, by=scene.guardian) == ("TooSoon", (scene.now, end + 100))
    scene.warp(end + 100)
    pause(scene, 2)


def test_pause_where_the_terms_allow_none_reverts() -> None:
    scene = fresh(replace(DEMO, max_pause=0, pause_spacing=0))
    for seconds in (0, 1):
        assert scene.refused("pause", seconds, by=scene.guardian) == ("WrongPause", (seconds, 0))


#: Terms that space pauses closer than lanes can catch up.
CROWDED = replace(DEMO, pause_spacing=PAUSE, catch_up=25)


def test_pause_while_lanes_are_catching_up_reverts() -> None:
    """A promise deferred by one pause must not fall due in the next, when nobody can keep it."""
    scene = fresh(CROWDED)
    leaf = scene.leaf(1)
    promised = scene.promise(leaf, include_by=scene.now)
    _, end = pause(scene)
    scene.warp(end + CROWDED.catch_up)
    assert scene.refused("pause", 1, by=scene.guardian) == ("TooSoon", (scene.now, scene.now + 1))
    scene.post(leaf)
    scene.wait(1)
    pause(scene)
    assert scene.refused_missed(promised) == "NotBroken"
    scene.compare()


def test_pause_while_lanes_are_catching_up_under_an_epoch_before_reverts() -> None:
    scene = fresh(CROWDED)
    starts_at = scene.now + CROWDED.time_to_leave
    quick = replace(CROWDED, catch_up=1)
    scene.pair.act("announce_epoch", scene.owner, quick, ALL_FAULTS, starts_at)
    scene.warp(starts_at - PAUSE - 1)
    promised = scene.promise(scene.leaf(1), include_by=scene.now)
    _, end = pause(scene)
    scene.warp(end + CROWDED.catch_up)
    assert scene.refused("pause", 1, by=scene.guardian)[0] == "TooSoon"
    assert scene.refused_missed(promised) == "NotBroken"
    scene.wait(1)
    scene.missed(promised)
    scene.compare()


# --- while paused -----------------------------------------------------------------------------------


def test_post_while_paused_reverts_until_the_end(scene: PromiseScene) -> None:
    batch = scene.post(scene.leaf(1))
    start, end = pause(scene)
    for at in (start, end):
        scene.warp(at)
        assert refused_post(scene) == ("Paused", (end,))
    scene.wait(1)
    later = scene.post(scene.leaf(2))
    indices = [
        Header.unpack(scene.pair.settlement.call("batch", b.id)[1]).pause_index for b in (batch, later)
    ]
    assert indices == [0, 1]


def test_a_pause_touches_no_window(scene: PromiseScene) -> None:
    good, bad = scene.post(scene.leaf(1)), scene.post(scene.forged(2))
    scene.warp(scene.pair.spec.batches[good.id].header.window_end)
    pause(scene)
    assert scene.standing(good, 0) is Standing.POSTED
    scene.prove(bad, 0)
    scene.wait(1)
    assert (scene.standing(good, 0), scene.standing(bad, 0)) == (Standing.FINAL, Standing.VOIDED)
    late = scene.claim(good, 0)
    assert scene.refused("prove_fault", FaultKind.BAD_SIGNATURE, late)[0] == "TooLate"


def test_a_pause_stops_nothing_but_posts(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), scene.leaf(2), scene.leaf(3), include_by=scene.now)
    twice = scene.promise(scene.leaf(9), first_seq=1, include_by=scene.now)
    struck, shown = scene.post(None), scene.post(None)
    scene.wait(1)
    pause(scene)
    act, owner, lane = scene.pair.act, scene.relayer, scene.lane
    scene.demand(struck)
    scene.demand(shown)
    scene.answer(shown)
    scene.omitted(promised.opening(0))
    scene.omitted(promised.opening(1))
    scene.missed(promised.opening(2))
    act("claim_double", scene.caller, promised.opening(1), twice.opening(1), 1)
    act("rotate", owner, lane, scene.stranger, promise_signer(1).address)
    act("set_ahead", owner, lane, 41)
    act("set_ahead", owner, lane, 2)
    act("top_up", scene.stranger, lane, value=ETHER)
    act("open_lane", scene.stranger, scene.stranger, bytes(20), 0, value=ETHER)
    act("announce_epoch", scene.owner, DEMO, ALL_FAULTS, scene.now + DEMO.time_to_leave)
    act("sweep_burned", scene.stranger, lane)
    act("withdraw", scene.holder, scene.holder)
    scene.pass_deadline(struck)
    assert refused_post(scene)[0] == "NotPoster"
    scene.expire(struck)
    act("exit", owner, lane)
    act("set_guardian", scene.owner, bytes(20))


def test_a_pause_delays_no_withdrawal_of_stake(scene: PromiseScene) -> None:
    scene.pair.act("exit", scene.relayer, scene.lane)
    scene.warp(scene.spec_lane.liable_until + 1)
    pause(scene)
    scene.pair.act("withdraw_stake", scene.relayer, scene.lane)
    scene.pair.act("withdraw", scene.relayer, scene.relayer)


# --- promises ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "late_after"),
    [
        (-1, -1),
        (0, PAUSE + CATCH_UP),
        (1, PAUSE + CATCH_UP),
        (PAUSE, PAUSE + CATCH_UP),
        (PAUSE + 1, PAUSE + CATCH_UP),
        (PAUSE + CATCH_UP, PAUSE + CATCH_UP),
        (PAUSE + CATCH_UP + 1, PAUSE + CATCH_UP + 1),
    ],
)
def test_a_promise_is_late_only_after_the_catch_up_of_the_pause_it_falls_in(
    scene: PromiseScene, offset: int, late_after: int
) -> None:
    scene.wait(1)
    start = scene.now
    promised = scene.promise(scene.leaf(1), scene.leaf(2), include_by=start + offset)
    pause(scene)
    assert scene.pair.settlement.call("dueOf", start + offset) == start + late_after
    if late_after > 0:
        scene.warp(start + late_after)
        assert scene.refused_missed(promised) == "NotBroken"
        scene.wait(1)
    scene.missed(promised)
    scene.warp(start + late_after + DEMO.claim_window)
    scene.missed(promised.opening(1))
    scene.wait(1)
    assert scene.refused_missed(promised.opening(0)) == "TooLate"


@pytest.mark.parametrize(("offset", "kept"), [(0, True), (1, False)])
def test_a_promised_leaf_posted_in_the_last_second_of_catch_up_is_kept(
    scene: PromiseScene, offset: int, kept: bool
) -> None:
    leaf = scene.leaf(1)
    promised = scene.promise(leaf, include_by=scene.now + 1)
    _, end = pause(scene)
    scene.warp(end + CATCH_UP + offset)
    scene.post(leaf)
    if kept:
        scene.wait(1)
        assert scene.refused_missed(promised) == "NotBroken"
    else:
        scene.missed(promised)


def test_a_promise_is_deferred_by_the_pause_that_it_falls_in(scene: PromiseScene) -> None:
    first, first_end = pause(scene, 4)
    scene.warp(first_end + SPACING)
    second, second_end = pause(scene, 6)
    due = scene.pair.spec.due
    assert [due(first + i) for i in (-1, 0, 4, 9)] == [first - 1, *[first_end + CATCH_UP] * 3]
    assert due(second - 1) == second - 1
    assert [due(second + i) for i in (0, 6, 11)] == [second_end + CATCH_UP] * 3
    for include_by in range(first - 2, second_end + CATCH_UP + 2):
        assert scene.pair.settlement.call("dueOf", include_by) == due(include_by)


@pytest.mark.parametrize("offset", [-1, 0])
def test_a_promise_catches_up_by_the_epoch_at_include_by(scene: PromiseScene, offset: int) -> None:
    starts_at = scene.now + DEMO.time_to_leave
    terms = replace(DEMO, catch_up=20)
    scene.pair.act("announce_epoch", scene.owner, terms, ALL_FAULTS, starts_at)
    scene.warp(starts_at - 5)
    promised = scene.promise(scene.leaf(1), include_by=starts_at + offset)
    _, end = pause(scene)
    late_after = end + (CATCH_UP if offset < 0 else 20)
    scene.warp(late_after)
    assert scene.refused_missed(promised) == "NotBroken"
    scene.wait(1)
    scene.missed(promised)


def test_a_pause_that_began_after_the_promise_was_late_changes_nothing(scene: PromiseScene) -> None:
    promised = scene.promise(scene.leaf(1), include_by=scene.now)
    scene.wait(1)
    pause(scene)
    scene.missed(promised)


TERMS = st.builds(
    lambda pause, extra, catch_up: replace(
        DEMO, max_pause=pause, pause_spacing=pause + extra, catch_up=catch_up
    ),
    st.integers(1, 12),
    st.integers(0, 6),
    st.integers(1, 25),
)


@given(TERMS, TERMS, st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=8))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_promise_falls_due_in_a_pause_and_none_due_later_is_late_earlier(
    first: Terms, second: Terms, pauses: list[tuple[int, int]]
) -> None:
    """A guardian who pauses whenever it may cannot make one promise impossible to keep."""
    scene = fresh()
    start = scene.now
    for terms in (first, second):
        starts_at = scene.now + scene.pair.spec.time_to_leave
        scene.pair.act("announce_epoch", scene.owner, terms, ALL_FAULTS, starts_at)
        scene.warp(starts_at)
        for wait, seconds in pauses[:4]:
            scene.wait(wait)
            try:
                pause(scene, min(seconds, terms.max_pause))
            except Revert as revert:
                assert revert.error == "TooSoon"
                scene.warp(revert.arguments[1])
                pause(scene, min(seconds, terms.max_pause))
    spec = scene.pair.spec
    for include_by in range(start, scene.now + 40):
        due = spec.due(include_by)
        assert due >= include_by
        assert not any(one.start <= due <= one.end for one in spec.pauses)
        same_epoch = spec._epoch_at(include_by)[0] == spec._epoch_at(include_by + 1)[0]
        assert not same_epoch or spec.due(include_by + 1) >= due
    scene.compare()


# --- who ---------------------------------------------------------------------------------------------


def test_set_guardian_by_another_reverts(scene: PromiseScene) -> None:
    for sender in (scene.guardian, scene.relayer, scene.stranger):
        refused = scene.refused("set_guardian", sender, by=sender)
        assert refused == ("OwnableUnauthorizedAccount", (sender,))


def test_set_guardian_moves_the_right_at_once(scene: PromiseScene) -> None:
    scene.pair.act("set_guardian", scene.owner, scene.stranger)
    assert scene.refused("pause", 1, by=scene.guardian) == ("NotGuardian", (scene.guardian,))
    scene.pair.act("pause", scene.stranger, 1)


def test_set_guardian_to_nobody_ends_pauses(scene: PromiseScene) -> None:
    scene.pair.act("set_guardian", scene.owner, bytes(20))
    for sender in (scene.guardian, scene.owner):
        assert scene.refused("pause", 1, by=sender) == ("NotGuardian", (sender,))
