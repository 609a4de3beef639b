"""Plans of chaos: what a seed says, whatever the machine.

a plan of any seed
├── it should be the same whenever it is asked for, and another for another seed
├── it should plant every fault, kill every process, have nodes fail in every way, and reorganise by 1 to 12 blocks
├── each part should be in the order of its time, within its time
└── what fails of one process should end before the next begins, and by night only verifiers should have trouble
"""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.plan import (
    DEEPEST,
    LANES,
    PROCESSES,
    RELAYERS,
    VERIFIERS,
    Entrusted,
    Failing,
    Failure,
    Grieved,
    Killed,
    Plan,
    Plant,
    Planted,
    Reorganised,
    plan_of,
)

DAY = 10.0
seeds = st.integers(0, 2**32 - 1).map(str)


def of_kind(plan: Plan, kind: type) -> list:
    return [act for act in plan.acts if isinstance(act, kind)]


@settings(max_examples=50)
@given(seeds)
def test_a_seed_has_one_plan(seed: str) -> None:
    plan = plan_of(seed, DAY)
    assert plan == plan_of(seed, DAY)
    assert plan.acts != plan_of(seed + "0", DAY).acts
    assert all(str(act) in str(plan) for act in plan.acts)


@settings(max_examples=50)
@given(seeds)
def test_a_plan_has_everything(seed: str) -> None:
    plan = plan_of(seed, DAY)
    planted = of_kind(plan, Planted)
    assert {act.plant for act in planted} == set(Plant)
    assert all(act.lane in range(LANES) and act.others > 0 and act.verifier in VERIFIERS for act in planted)
    assert {act.how for act in of_kind(plan, Failing)} == set(Failure)
    assert {act.who for act in of_kind(plan, Killed)} == set(PROCESSES)
    assert {act.who for act in of_kind(plan, Grieved)} == set(RELAYERS)
    entrusted = {(act.who, act.verifier) for act in of_kind(plan, Entrusted)}
    assert entrusted == {(who, verifier) for who in RELAYERS for verifier in VERIFIERS}
    depths = [act.depth for act in of_kind(plan, Reorganised)]
    assert all(1 <= depth <= DEEPEST for depth in depths)
    assert min(depths) <= DEEPEST // 3 and max(depths) > DEEPEST * 2 // 3


@settings(max_examples=50)
@given(seeds)
def test_a_plan_is_in_order(seed: str) -> None:
    plan = plan_of(seed, DAY)
    for part, length in ((plan.day, DAY), (plan.night, 2.0), (plan.late, 2.0)):
        times = [act.at for act in part]
        assert times == sorted(times) and times[0] >= 0 and times[-1] <= length
        for who in PROCESSES:
            failing = [act for act in part if isinstance(act, Failing) and act.who == who]
            for earlier, later in itertools.pairwise(failing):
                assert earlier.at + earlier.lasts <= later.at + 0.11  # each was rounded
    troubled = {act.who for act in (*plan.night, *plan.late) if isinstance(act, Killed | Failing)}
    assert troubled == set(VERIFIERS)
