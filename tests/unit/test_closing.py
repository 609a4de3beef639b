"""When a batch is closed, and by how much before a promise is due: the rules alone.

closing
├── a full batch should be closed at once, whatever else
├── when a promise presses → it should be closed, whatever else holds it back
├── when it is asked for, or old enough
│   ├── while a closed batch is not on chain → it should wait, and say so
│   ├── an old one, while the fee is high → it should wait for as long as the settings let it, and say both
│   └── else → it should be closed, and say why
├── at any time after a time at which it is closed, it should be closed
└── at any time from the least due minus the margin on, it should be closed
the margin
├── it should be no less than the settings', and hold twice the measure and a look's time
├── it should hold one posting for each batch that comes before
├── a batch that is under way for longer than the measure should count by its age, so it never shrinks with time
└── before anything was measured it should be the settings'
the measure
├── it should be what all but one in twenty of the last kept to
└── a batch so slow that nothing could be promised by it should count for as long as it lasted, then no more
fees
├── the usual one should be the median, once enough are known, and no more than so many be kept
└── one that cannot be had now should not be waited for
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterproof.protocol.closing import (
    FEE_EVERY,
    FEES_KEPT,
    FEES_NEEDED,
    Close,
    Fee,
    Fees,
    For,
    Hold,
    Rules,
    Waiting,
    Why,
    decide,
)
from afterproof.protocol.pace import SAFETY, Landing, Pace, measure

RULES = Rules(max_batch=10, max_age=30, fee_patience=100, fee_high=1.5)
PACE = Pace(least=60, poll=1, measured=20)
HIGH, LOW = Fee(31, 20), Fee(30, 20)
T = 1_800_000_000


def found(
    count: int = 1,
    age: float = 0,
    due_in: int | None = None,
    asked: bool = False,
    pace: Pace = PACE,
    fee: Fee | None = None,
) -> Close | Hold | None:
    """What is decided at T."""
    due = None if due_in is None else T + due_in
    return decide(Waiting(count, T - age, due, asked), pace, fee, RULES, T, T)


BEHIND = replace(PACE, unposted=2)


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (found(), None),
        (found(count=9, age=29.9, due_in=61), None),
        (found(count=10), Why.FULL),
        (found(count=10, due_in=0, age=99, asked=True, pace=BEHIND, fee=HIGH), Why.FULL),
        (found(due_in=60), Why.DUE),
        (found(due_in=-5, age=99, asked=True), Why.DUE),
        (found(due_in=60, age=40, fee=HIGH), Why.DUE),
        (found(due_in=60, pace=BEHIND), Why.DUE),
        (found(due_in=100, pace=BEHIND), Why.DUE),
        (found(due_in=101, pace=BEHIND), None),
        (found(asked=True), Why.ASKED),
        (found(asked=True, age=40, fee=HIGH), Why.ASKED),
        (found(asked=True, pace=BEHIND), For.OTHERS),
        (found(age=30), Why.AGED),
        (found(age=30, pace=BEHIND), For.OTHERS),
        (found(age=30, fee=LOW), Why.AGED),
        (found(age=30, fee=HIGH), For.FEE),
        (found(age=129.9, fee=HIGH), For.FEE),
        (found(age=130, fee=HIGH), Why.AGED),
    ],
)
def test_decide_by_table(decision: Close | Hold | None, expected: Why | For | None) -> None:
    assert (None if decision is None else decision.why) == expected


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        (found(count=12), "12 receipts wait, and 10 fill a batch"),
        (
            found(due_in=77, pace=replace(BEHIND, under_way=25)),
            "a promise falls due in 77 seconds, and 110 are kept to post it "
            "(20 seconds measured, one on its way for 25, 2 batches before it)",
        ),
        (
            found(due_in=5, pace=Pace(least=60)),
            "a promise falls due in 5 seconds, and 60 are kept to post it (nothing measured yet)",
        ),
        (found(asked=True), "a receipt was handed in to be posted at once"),
        (found(age=31.25), "its oldest receipt has waited 31.2 of 30 seconds"),
        (found(age=31, pace=BEHIND), "until 2 closed before are on chain"),
        (
            found(age=40, fee=Fee(40 * 10**9, 20 * 10**9)),
            "for a lower fee, for 90 more seconds at most: the base fee of 40 gwei is above 1.5 times the usual 20",
        ),
        (
            found(age=131, fee=Fee(40 * 10**9, 20 * 10**9)),
            "its oldest receipt has waited 131.0 of 30 seconds, 100 more for a lower fee, and the base fee of 40 gwei "
            "is above 1.5 times the usual 20",
        ),
    ],
)
def test_decide_says_why_with_figures(decision: Close | Hold | None, says: str) -> None:
    assert decision is not None and decision.says == says


PACES = st.builds(
    Pace,
    least=st.floats(0, 1000),
    poll=st.floats(0, 100),
    measured=st.none() | st.floats(0, 5000),
    under_way=st.floats(0, 5000),
    unposted=st.integers(0, 50),
    full=st.integers(0, 50),
)
WAITING = st.builds(
    Waiting,
    count=st.integers(1, 20),
    oldest_at=st.floats(T - 5000, T),
    due=st.none() | st.integers(T - 100, T + 5000),
    asked=st.booleans(),
)
FEES = st.none() | st.builds(Fee, now=st.integers(0, 100), usual=st.integers(0, 100))
ALL_RULES = st.builds(
    Rules, st.integers(1, 20), st.floats(0, 5000), st.floats(0, 5000), st.floats(1, 10)
)  # fmt: skip


@given(waiting=WAITING, pace=PACES, fee=FEES, rules=ALL_RULES, late=st.integers(0, 5000))
def test_decide_closes_no_later_than_the_margin_before_a_promise_is_due(
    waiting: Waiting, pace: Pace, fee: Fee | None, rules: Rules, late: int
) -> None:
    if waiting.due is None:
        return
    now = int(waiting.due - pace.margin) + 1 + late
    assert isinstance(decide(waiting, pace, fee, rules, now, now), Close)


@given(waiting=WAITING, pace=PACES, fee=FEES, rules=ALL_RULES, later=st.integers(0, 5000))
def test_decide_once_it_closes_closes_at_every_later_time(
    waiting: Waiting, pace: Pace, fee: Fee | None, rules: Rules, later: int
) -> None:
    """Though what is on its way ages meanwhile."""
    aged = replace(pace, under_way=pace.under_way + later) if pace.unposted else pace
    if isinstance(decide(waiting, pace, fee, rules, T, T), Close):
        assert isinstance(decide(waiting, aged, fee, rules, T + later, T + later), Close)


# --- the margin -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pace", "margin"),
    [
        (Pace(least=60), 60),
        (Pace(least=60, unposted=2, full=1), 60 + 3 * 30),
        (Pace(least=60, poll=1, measured=20), 60),
        (Pace(least=60, poll=1, measured=30), 61),
        (Pace(least=60, poll=1, measured=50), 101),
        (Pace(least=60, poll=1, measured=50, unposted=1, full=1), 201),
        (Pace(least=60, poll=1, measured=50, under_way=49), 101),
        (Pace(least=60, poll=1, measured=50, under_way=80, unposted=1), 241),
        (Pace(least=60, poll=1, under_way=80, unposted=1), 241),
        (Pace(least=60, poll=1, measured=0, unposted=3), 60),
    ],
)
def test_margin_by_table(pace: Pace, margin: float) -> None:
    assert pace.margin == margin


@given(pace=PACES, more=st.floats(0, 1000))
def test_margin_is_no_less_than_the_settings_and_never_shrinks_with_what_makes_posting_slower(
    pace: Pace, more: float
) -> None:
    assert pace.margin >= pace.least
    assert pace.margin >= SAFETY * max(pace.measured or 0, pace.under_way)
    assert replace(pace, under_way=pace.under_way + more).margin >= pace.margin
    assert replace(pace, unposted=pace.unposted + 1).margin >= pace.margin
    assert replace(pace, least=pace.least + more).margin >= pace.margin


# --- the measure ------------------------------------------------------------------------------------


def landings(*seconds: int, ago: int = 1000) -> list[Landing]:
    """Batches that took so long, the last of which landed ``ago`` seconds before T."""
    return [Landing(T - ago - one, T - ago) for one in seconds]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((), None),
        ((7,), 7),
        ((7, 30, 3), 30),
        ((*range(1, 20), 100), 19),  # one in twenty may be slower
        ((*range(1, 19), 100, 100), 100),
        (tuple(range(1, 101)), 95),
        ((-5,), 0),  # the chain's clock is behind
    ],
)
def test_measure_is_what_all_but_one_in_twenty_kept_to(times: tuple[int, ...], expected: int | None) -> None:
    assert measure(landings(*times), T, longest=1800) == expected


@pytest.mark.parametrize(
    ("seconds", "ago", "expected"),
    [
        (449, 10**6, 449),  # twice that is less than half of what a promise may last: it counts for good
        (450, 449, 450),
        (450, 450, None),
        (900, 899, 900),
        (900, 900, None),
        (86_400, 1799, 86_400),
        (86_400, 1800, None),
    ],
)
def test_measure_of_a_standstill_counts_for_as_long_as_it_lasted(
    seconds: int, ago: int, expected: int | None
) -> None:
    assert measure(landings(seconds, ago=ago), T, longest=1800) == expected


# --- fees -------------------------------------------------------------------------------------------


def test_fees_are_usual_by_their_median_once_enough_are_known() -> None:
    fees = Fees()
    for i in range(FEES_NEEDED):
        assert fees.fee is None and fees.is_wanted(T + i * FEE_EVERY)
        fees.add(T + i * FEE_EVERY, 100 if i % 2 else 1)
    assert fees.fee == Fee(100, 100)
    fees.add(T, 1)
    assert fees.fee == Fee(1, 1)
    assert not fees.is_wanted(T + FEE_EVERY - 1) and fees.is_wanted(T + FEE_EVERY) and fees.is_wanted(T - 1)


def test_fees_forget_the_oldest() -> None:
    fees = Fees()
    for i in range(3 * FEES_KEPT):
        fees.add(T + i, 5 if i < 2 * FEES_KEPT else 7)
    assert fees.fee == Fee(7, 7) and len(fees._kept) == FEES_KEPT


def test_fee_that_cannot_be_had_now_is_not_waited_for() -> None:
    fees = Fees()
    for i in range(FEES_NEEDED):
        fees.add(T + i, 5)
    fees.forget_now()
    assert fees.fee is None and fees.is_wanted(T)
    fees.add(T, 9)
    assert fees.fee == Fee(9, 5)
