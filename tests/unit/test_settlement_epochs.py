"""Settlement: epochs.

announcing an epoch
├── when the caller is not the owner → it should revert
├── when a term breaks a rule → it should revert naming the parameter and the rule, as the specification does
├── when it starts sooner than a lane can leave, by one second → it should revert
├── when it starts more than a year later than it may → it should revert
├── when the epoch before has not started → it should revert
├── when a fault is named twice or is no contract → it should revert
├── when a kind is bound that the lane does not answer for, that of the node's wrong result too → it should revert
└── else → the terms hold from its start on, not a second before
judging
├── given a batch posted before the start → it should be judged by the epoch at its anchor, for ever
└── given a shorter window in the new epoch → no batch ends before one posted earlier
deploying
├── when a term breaks a rule → it should revert
└── when a kind is bound that the lane does not answer for → it should revert
"""

from dataclasses import astuple, replace

import pytest

from afterproof.protocol.outcome import Revert
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO, ETHER, GWEI, PRODUCTION, TERM_NAMES, Terms
from tests.support.evm import reverts
from tests.support.pair import ALL_FAULTS
from tests.support.scene import Scene

LEAD = DEMO.time_to_leave


@pytest.fixture
def scene() -> Scene:
    return Scene()


def refused(scene: Scene, terms: Terms, starts_at: int, sender: bytes | None = None) -> tuple[str, tuple]:
    with pytest.raises(Revert) as caught:
        scene.pair.act("announce_epoch", sender or scene.owner, terms, ALL_FAULTS, starts_at)
    return caught.value.error, caught.value.arguments


def announce(scene: Scene, terms: Terms) -> int:
    """Announces ``terms`` as early as allowed; when they start."""
    starts_at = scene.now + LEAD
    scene.pair.act("announce_epoch", scene.owner, terms, ALL_FAULTS, starts_at)
    return starts_at


def test_announce_epoch_by_another_reverts(scene: Scene) -> None:
    error = refused(scene, DEMO, scene.now + LEAD, scene.stranger)
    assert error == ("OwnableUnauthorizedAccount", (scene.stranger,))


def test_announce_epoch_sooner_than_a_lane_can_leave_reverts(scene: Scene) -> None:
    assert refused(scene, DEMO, scene.now + LEAD - 1) == ("TooSoon", (scene.now + LEAD - 1, scene.now + LEAD))
    assert refused(scene, DEMO, 0)[0] == "TooSoon"
    announce(scene, DEMO)


def test_announce_epoch_in_a_distant_future_reverts(scene: Scene) -> None:
    latest = scene.now + LEAD + 365 * 86_400
    for starts_at in (latest + 1, 2**40 - 1):
        assert refused(scene, DEMO, starts_at) == ("TooDistant", (starts_at, latest))
    scene.pair.act("announce_epoch", scene.owner, DEMO, ALL_FAULTS, latest)


def test_announce_epoch_while_one_is_pending_reverts(scene: Scene) -> None:
    starts_at = announce(scene, DEMO)
    scene.pair.evm.warp(starts_at - 1)
    assert refused(scene, DEMO, starts_at + LEAD) == ("EpochPending", (2, starts_at))
    scene.wait(1)
    announce(scene, DEMO)


BREAKING = [
    ("window", 3),
    ("window", 9),
    ("window", 60 * 86_400 + 1),
    ("answer_period", 3),
    ("answer_spacing", 6),
    ("claim_window", 3),
    ("claim_window", 60 * 86_400 + 1),
    ("max_posting_delay", 0),
    ("max_posting_delay", 60 * 86_400 + 1),
    ("max_posting_delay", 16),
    ("max_clock_skew", 3_601),
    ("max_promise_delay", 0),
    ("margin", 16),
    ("catch_up", 0),
    ("catch_up", 60 * 86_400 + 1),
    ("max_outage", 0),
    ("max_pause", 7 * 86_400 + 1),
    ("pause_spacing", 9),
    ("cover_share", 0),
    ("cover_share", 10_001),
    ("leaf_slash", 0),
    ("leaf_slash", GWEI + 1),
    ("leaf_slash", ETHER),
    ("promise_slash", 0),
    ("min_stake", 2**96 - 1),
    ("min_stake", 80_000 * ETHER),
    ("demand_deposit", 0),
]


@pytest.mark.parametrize(("name", "value"), BREAKING)
def test_announce_epoch_with_a_broken_rule_reverts_naming_it(scene: Scene, name: str, value: int) -> None:
    terms = replace(DEMO, **{name: value})
    assert refused(scene, terms, scene.now + LEAD) == ("BadTerms", terms.broken_rule())


@pytest.mark.parametrize("name", TERM_NAMES)
def test_announce_epoch_with_the_largest_value_of_a_term_is_refused_or_kept(scene: Scene, name: str) -> None:
    largest = 2**16 - 1 if name == "cover_share" else 2**96 - 1 if name in TERM_NAMES[13:] else 2**32 - 1
    terms = replace(DEMO, **{name: largest})
    assert terms.broken_rule() is not None or name == "pause_spacing"
    if terms.broken_rule():
        assert refused(scene, terms, scene.now + LEAD)[0] == "BadTerms"
    else:
        announce(scene, terms)


def test_deploying_with_a_broken_rule_reverts(scene: Scene) -> None:
    terms = astuple(replace(DEMO, window=3))
    with reverts("BadTerms", "window", "is at least maxOutage"):
        scene.pair.evm.deploy("Settlement", scene.owner, scene.pair.guardian, scene.pair.registry, terms, [])
    with reverts("ZeroAddress"):
        scene.pair.evm.deploy("Settlement", scene.owner, scene.pair.guardian, bytes(20), astuple(DEMO), [])


def test_announce_epoch_with_unsound_faults_reverts(scene: Scene) -> None:
    fault = scene.pair.faults[FaultKind.BAD_SIGNATURE]
    for faults, rule in (
        ([(1, fault), (1, fault)], "name each kind once"),
        ([(1, scene.stranger)], "name contracts that exist"),
    ):
        with reverts("BadTerms", "faults", rule):
            scene.pair.settlement.send(
                "announceEpoch", astuple(DEMO), faults, scene.now + LEAD, sender=scene.owner
            )


@pytest.mark.parametrize("kind", [0, *range(FaultKind.WRONG_RESULT, 256)])
def test_kind_that_the_lane_does_not_answer_for_is_never_bound(scene: Scene, kind: int) -> None:
    error = ("BadTerms", ("faults", "name kinds that the lane answers for"))
    for faults in ({kind}, ALL_FAULTS | {kind}):
        with pytest.raises(Revert) as caught:
            scene.pair.act("announce_epoch", scene.owner, DEMO, frozenset(faults), scene.now + LEAD)
        assert (caught.value.error, caught.value.arguments) == error
    bindings = scene.pair.bindings(frozenset({kind}))
    with reverts(error[0], *error[1]):
        scene.pair.evm.deploy(
            "Settlement", scene.owner, scene.pair.guardian, scene.pair.registry, astuple(DEMO), bindings
        )


@pytest.mark.parametrize("kinds", [(), (1,), (2,), (3,), (1, 3)])
def test_any_kinds_that_the_lane_answers_for_are_bound(scene: Scene, kinds: tuple[int, ...]) -> None:
    bound = frozenset(FaultKind(kind) for kind in kinds)
    scene.pair.act("announce_epoch", scene.owner, DEMO, bound, scene.now + LEAD)
    found = {kind for kind in range(6) if int(scene.pair.settlement.call("faultOf", 2, kind)[0], 16)}
    assert found == bound


def test_terms_hold_from_the_start_of_their_epoch(scene: Scene) -> None:
    starts_at = announce(scene, PRODUCTION)
    call = scene.pair.settlement.call
    scene.pair.evm.warp(starts_at - 1)
    assert call("currentEpoch") == 1
    scene.wait(1)
    assert call("currentEpoch") == 2
    terms, start = call("termsOf", 2)
    assert (tuple(terms), start) == (astuple(PRODUCTION), starts_at)
    with reverts("UnknownEpoch", 3):
        call("termsOf", 3)
    fault, slash = call("faultOf", 2, 1)
    assert (fault, slash) == (scene.pair.faults[FaultKind.BAD_SIGNATURE].address, PRODUCTION.leaf_slash)


def test_a_batch_is_judged_by_the_epoch_at_its_anchor(scene: Scene) -> None:
    dear = replace(DEMO, leaf_slash=2 * DEMO.leaf_slash, window=100, max_posting_delay=60)
    starts_at = announce(scene, dear)
    scene.pair.evm.warp(starts_at - 1)
    old = scene.post(scene.forged(1), scene.forged(2))
    scene.wait(1)
    scene.terms = dear
    new = scene.post(scene.forged(3))
    for batch, slashed in ((old, DEMO.leaf_slash), (new, dear.leaf_slash)):
        before = scene.pair.spec.lanes[1].stake
        scene.prove(batch, 0)
        assert before - scene.pair.spec.lanes[1].stake == slashed
    scene.end_window(old)
    assert scene.standing(old, 1) is Standing.FINAL
    scene.pair.compare_state()


def test_a_shorter_window_never_ends_before_an_earlier_batch(scene: Scene) -> None:
    long = replace(DEMO, window=500)
    scene.pair.evm.warp(announce(scene, long))
    scene.terms = long
    lead = long.time_to_leave
    starts_at = scene.now + lead
    scene.pair.act("announce_epoch", scene.owner, DEMO, ALL_FAULTS, starts_at)
    scene.pair.evm.warp(starts_at - 1)
    last_of_old = scene.post(scene.leaf(1))
    scene.wait(1)
    scene.terms = DEMO
    first_of_new = scene.post(scene.leaf(2))
    batches = scene.pair.spec.batches
    assert batches[first_of_new.id].header.window_end >= batches[last_of_old.id].header.window_end
    scene.pair.compare_state()
