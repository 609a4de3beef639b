"""The steps of a walk on P-384 in Solidity (contracts/crypto/P384Steps.sol), one at a time.

double, add, double and add
├── given the right slopes: it should give Python's point, and say that they are right
├── given a slope or ratio that is another: it should say so
├── given an x that is reduced but not below p: as given the one below
├── given two points of the same x, equal or each other's negative
│   └── it should call every slope wrong, the tangent's too
├── given an addend of which the sum with P is -P
│   └── it should call every ratio wrong
└── whatever it is given: it should do as the plain version does
reserve
└── when memory was taken before: it should revert with MemoryTaken
"""

import random
from collections.abc import Iterator

import pytest

from afterproof.attestation import p384
from afterproof.attestation.p384 import G, P, Point
from tests.support.calls import View, chain
from tests.support.evm import reverts
from tests.support.p384 import form, number, words

DOUBLE, ADD, DOUBLE_ADD = range(3)
POINTS = [point for scalar in (1, 2, 3, 2**200 + 1, p384.N - 5) if (point := p384.multiply(scalar, G))]


@pytest.fixture(scope="module")
def harness() -> Iterator[View]:
    with chain() as running:
        yield running.deploy("P384StepsHarness")


def four_words(point: Point) -> tuple[int, ...]:
    return *words(point[0]), *words(point[1])


def in_form(point: Point) -> Point:
    return form(point[0]), form(point[1])


def stepped(harness: View, kind: int, point: Point, addend: Point, *slopes: int) -> tuple[bool, Point]:
    """A step of points and slopes in Montgomery's form; the plain version must agree."""
    given = (kind, four_words(point), four_words(addend), b"".join(k.to_bytes(48) for k in slopes))
    right, result = harness.call("step", *given)
    plain = harness.call("plain", *given)
    assert right == plain[0]
    found, other = ((number(r[:2]) % P, number(r[2:]) % P) for r in (result, plain[1]))
    assert found == other
    return right, found


def slopes_of(kind: int, point: Point, addend: Point) -> tuple[list[int], Point]:
    """The right slopes, in Montgomery's form, and the point that they lead to."""
    if kind == DOUBLE:
        k = p384.tangent_slope(point)
        return [form(k)], p384.third_point(point, point, k)
    k = p384.chord_slope(point, addend)
    total = p384.third_point(point, addend, k)
    if kind == ADD:
        return [form(k)], total
    ratio = 2 * point[1] * pow(total[0] - point[0], -1, P) % P
    return [form(k), form(ratio)], p384.third_point(total, point, p384.chord_slope(total, point))


def cases() -> Iterator[tuple[int, Point, Point]]:
    for point in POINTS:
        yield DOUBLE, point, G
        for addend in POINTS:
            if addend[0] != point[0]:
                yield ADD, point, addend
                if p384.add(addend, p384.add(point, point)) is not None:
                    yield DOUBLE_ADD, point, addend


def test_step_rightSlopes_givesThePoint(harness: View) -> None:
    for kind, point, addend in cases():
        slopes, expected = slopes_of(kind, point, addend)
        assert stepped(harness, kind, in_form(point), in_form(addend), *slopes) == (True, in_form(expected))


def test_step_slopesNotBelowP_areTheSame(harness: View) -> None:
    """48 bytes hold a little more than p: those numbers are residues like the others."""
    for x in (0, 1, 2**128):
        point, addend = POINTS[0], POINTS[3]
        slopes, _ = slopes_of(ADD, point, addend)
        right, _ = stepped(harness, ADD, in_form(point), in_form(addend), min(slopes[0] + P, 2**384 - 1))
        assert right == (slopes[0] + P < 2**384)
        assert not stepped(harness, ADD, in_form(point), in_form(addend), P + x)[0]


def small_points() -> Iterator[Point]:
    """Points whose x is small in Montgomery's form, so that x + p is a reduced number too."""
    for small in range(20):
        x = small * pow(1 << 256, -1, P) % P
        y = pow(x**3 - 3 * x + p384.B, (P + 1) // 4, P)
        if p384.on_curve((x, y)):
            yield x, y


def test_step_xNotBelowP_isTheSame(harness: View) -> None:
    points = list(small_points())
    assert len(points) > 3
    for kind in (DOUBLE, ADD, DOUBLE_ADD):
        for point in points:
            for addend in (G, *points):
                if addend[0] != point[0]:
                    slopes, expected = slopes_of(kind, point, addend)
                    beyond = form(point[0]) + P, form(point[1])
                    for given in (in_form(addend), (form(addend[0]) + P, form(addend[1]))):
                        if given[0] < 2**384 + 2**145:
                            assert stepped(harness, kind, beyond, given, *slopes) == (True, in_form(expected))


def test_add_sameXInAnotherForm_isNeverRight(harness: View) -> None:
    for x, y in small_points():
        tangent = form(p384.tangent_slope((x, y)))
        for a, b in ((form(x), form(x) + P), (form(x) + P, form(x))):
            assert not stepped(harness, ADD, (a, form(y)), (b, form(y)), tangent)[0]


def test_step_wrongSlopes_saysSo(harness: View) -> None:
    chance = random.Random(2)
    for kind, point, addend in cases():
        slopes, _ = slopes_of(kind, point, addend)
        for at in range(len(slopes)):
            for other in (0, 1, P - 1, P - slopes[at], (slopes[at] + 1) % P, 2**384 - 1, chance.randrange(P)):
                wrong = [*slopes[:at], other, *slopes[at + 1 :]]
                assert not stepped(harness, kind, in_form(point), in_form(addend), *wrong)[0]


@pytest.mark.parametrize("kind", [ADD, DOUBLE_ADD])
def test_add_sameX_isNeverRight(harness: View, kind: int) -> None:
    chance = random.Random(3)
    for point in POINTS:
        tangent = form(p384.tangent_slope(point))
        for addend in (point, p384.negated(point)):
            for slope in (tangent, 0, P, chance.randrange(P)):
                for ratio in (tangent, 0, chance.randrange(P)):
                    slopes = (slope, ratio)[: kind or 1]
                    assert not stepped(harness, kind, in_form(point), in_form(addend), *slopes)[0]


def test_doubleAdd_sumOfSameX_isNeverRight(harness: View) -> None:
    """P + A = -P: what was there before cannot be added once more."""
    for point in POINTS:
        minus_twice = p384.negated(p384.third_point(point, point, p384.tangent_slope(point)))
        slope = form(p384.chord_slope(point, minus_twice))
        for ratio in (0, 1, P, form(p384.tangent_slope(point))):
            assert not stepped(harness, DOUBLE_ADD, in_form(point), in_form(minus_twice), slope, ratio)[0]


def test_step_anyNumbers_doesAsThePlainOne(harness: View) -> None:
    chance = random.Random(4)
    edges = [0, 1, P - 1, P, 2**384 - 1, 2**384 + 2**144, 2**256 - 1, 2**256, 2**128]
    for _ in range(200):
        numbers = [chance.choice([*edges, chance.randrange(P)]) for _ in range(4)]
        slopes = [chance.choice([*edges[:5], chance.randrange(P)]) for _ in range(2)]
        for kind in (DOUBLE, ADD, DOUBLE_ADD):
            stepped(harness, kind, (numbers[0], numbers[1]), (numbers[2], numbers[3]), *slopes)


def test_reserve_memoryTaken_reverts(harness: View) -> None:
    with reverts("MemoryTaken"):
        harness.call("reserveLate")
