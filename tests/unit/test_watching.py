"""What follows for a watched promise from what the chain says of its number.

a promise due at 100, claimable for 50 seconds more
├── given nothing is posted → open until 100, missed from 101 on, over from 151 on
├── given its leaf stands there in time → kept, and looked at again when the tile has ended or its demand has
├── given another leaf does → omitted; given it cannot be seen → unknown
├── given it was posted late, or its tile was struck → missed, whatever stands there
└── given a demand is open → there is no end to what can be claimed
the promises of a number
├── when one is broken → one claim, for those with a beneficiary who was not paid, as they came
├── when two hold different leaves → a double promise as well, and the breach for another beneficiary
└── when something was paid → not that again
"""

from itertools import permutations

import pytest

from afterproof.protocol.claims import Opening
from afterproof.protocol.promise import NOBODY, Promise, SignedPromise
from afterproof.protocol.state import PromiseFault
from afterproof.protocol.watching import Fate, Finding, Paid, Spot, Watched, claims_on, find, watch_id

LEAF, OTHER = b"\x01" * 32, b"\x02" * 32
DUE, WINDOW = 100, 50
IN_TIME = Spot(anchor=100, end=200, leaf=LEAF)
MISSED, OMITTED, DOUBLE = PromiseFault


@pytest.mark.parametrize(
    ("spot", "now", "found"),
    [
        (None, 100, Finding(Fate.OPEN, 101, 150)),
        (None, 101, Finding(Fate.MISSED, None, 150)),
        (None, 151, Finding(Fate.MISSED, None, 150)),
        (IN_TIME, 100, Finding(Fate.KEPT, 201, 250)),
        (IN_TIME, 200, Finding(Fate.KEPT, 201, 250)),
        (IN_TIME, 201, Finding(Fate.KEPT, None, 250)),
        (Spot(20, 40, leaf=LEAF), 50, Finding(Fate.KEPT, None, 150)),
        (Spot(100, 200, leaf=OTHER), 110, Finding(Fate.OMITTED, 201, 250)),
        (Spot(100, 200, leaf=None), 110, Finding(Fate.UNKNOWN, 201, 250)),
        (Spot(101, 200, leaf=LEAF), 110, Finding(Fate.MISSED, None, 250)),
        (Spot(101, 200, leaf=OTHER), 110, Finding(Fate.MISSED, None, 250)),
        (Spot(90, 200, struck_at=120, leaf=LEAF), 130, Finding(Fate.MISSED, None, 170)),
        (Spot(20, 200, struck_at=30), 130, Finding(Fate.MISSED, None, 150)),
        (Spot(90, None, leaf=LEAF, answer_by=120), 110, Finding(Fate.KEPT, 121, None)),
        (Spot(90, None, leaf=OTHER, answer_by=120), 9999, Finding(Fate.OMITTED, 121, None)),
        (Spot(90, None, struck_at=120, answer_by=120), 121, Finding(Fate.MISSED, None, 170)),
    ],
)
def test_find(spot: Spot | None, now: int, found: Finding) -> None:
    assert find(LEAF, DUE, spot, WINDOW, now) == found


def test_find_is_over_only_after_the_last_second() -> None:
    finding = find(LEAF, DUE, None, WINDOW, 120)
    assert finding.is_broken and not finding.is_over(150) and finding.is_over(151)
    assert not Finding(Fate.OMITTED, None, None).is_over(2**60)


A, B = b"\x0a" * 20, b"\x0b" * 20
UNPAID = Paid()
BROKEN = Finding(Fate.MISSED, None, 150)


def watched(leaf: bytes, beneficiary: bytes, finding: Finding = BROKEN) -> Watched:
    promise = Promise(1, 0, 1, leaf, DUE, beneficiary)
    return Watched(Opening(SignedPromise(promise, b""), 0, leaf, ()), finding)


def claims(*number: Watched, paid: Paid = UNPAID, now: int = 120) -> list[tuple[PromiseFault, bytes]]:
    return [(claim.fault, claim.opening.signed.promise.beneficiary) for claim in claims_on(number, paid, now)]


def test_claims_of_one_broken_promise() -> None:
    assert claims(watched(LEAF, A)) == [(MISSED, A)]
    assert claims(watched(LEAF, A, Finding(Fate.OMITTED, None, 150))) == [(OMITTED, A)]
    assert claims(watched(LEAF, A), now=151) == []
    for fate in (Fate.OPEN, Fate.KEPT, Fate.UNKNOWN):
        assert claims(watched(LEAF, A, Finding(fate, None, 150))) == []


def test_claims_of_one_leaf_name_whoever_can_be_paid_and_came_first() -> None:
    assert claims(watched(LEAF, NOBODY), watched(LEAF, B), watched(LEAF, A)) == [(MISSED, B)]
    assert claims(watched(LEAF, NOBODY)) == [(MISSED, NOBODY)]


@pytest.mark.parametrize("order", list(permutations((0, 1))))
def test_claims_of_a_number_given_twice_pay_both(order: tuple[int, ...]) -> None:
    both = [watched(LEAF, A), watched(OTHER, B)]
    first, second = (both[i] for i in order)
    assert claims(first, second) == [
        (DOUBLE, first.opening.signed.promise.beneficiary),
        (MISSED, second.opening.signed.promise.beneficiary),
    ]


def test_claims_of_a_double_promise_need_nothing_else_to_be_broken() -> None:
    is_open = Finding(Fate.OPEN, 101, 150)
    (claim,) = claims_on([watched(LEAF, A, is_open), watched(OTHER, B, is_open)], Paid(), 50)
    assert claim.fault is DOUBLE and claim.second is not None
    assert (claim.opening.leaf_hash, claim.second.leaf_hash, claim.last) == (LEAF, OTHER, 150)
    # The time of the one who is paid counts.
    over = Finding(Fate.OPEN, None, 40)
    assert claims(watched(LEAF, A, over), watched(OTHER, B, is_open), now=50) == [(DOUBLE, B)]


def test_claims_that_were_paid_are_not_made_again() -> None:
    both = watched(LEAF, A), watched(OTHER, B)
    assert claims(*both, paid=Paid.of([(DOUBLE, A)])) == [(MISSED, B)]
    assert claims(*both, paid=Paid.of([(OMITTED, A)])) == [(DOUBLE, B)]
    assert claims(*both, paid=Paid.of([(MISSED, A)])) == [(DOUBLE, B)]
    assert claims(*both, paid=Paid.of([(MISSED, A), (DOUBLE, B)])) == []


def test_watch_id_tells_promises_and_numbers_apart_and_no_signatures() -> None:
    promise = Promise(1, 0, 2, LEAF, DUE, A)
    ids = {watch_id(one, seq) for one in (promise, Promise(1, 0, 2, LEAF, DUE, B)) for seq in (0, 1)}
    assert len(ids) == 4
