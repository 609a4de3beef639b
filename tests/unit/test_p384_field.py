"""Arithmetic for P-384 in Solidity (contracts/crypto/P384Field.sol, P384Order.sol) against Python's integers.

each operation modulo p
├── when its numbers lie at the edges (0, 1, p - 1, p, p + 1, 2^384 - 1, the ends of words, the bounds it names)
│   ├── it should give the residue that Python gives
│   └── it should keep to the bound it names
└── when its numbers are drawn at random: the same
each operation modulo n
└── it should give the number that Python gives, below n
"""

import random
from collections.abc import Iterator
from itertools import product

import pytest

from afterproof.attestation.p384 import N, P
from tests.support.calls import View, chain
from tests.support.p384 import form, number, words

WORD = 1 << 256
INVERSE = pow(WORD, -1, P)
BELOW_2_384 = sorted(
    {0, 1, 2, 3, P - 1, P - 2, P, P + 1, 2**384 - 1, WORD - 1, WORD, WORD + 1, 2**128 - 1, 2**128, 2**383}
    | {2**384 - WORD, 2**384 - 2**128, N, N - 1, N + 1, 2**384 - N, 2**384 - P, P // 2, P // 2 + 1, P // 3}
)
REDUCED = [*BELOW_2_384, 2**384, 2**384 + 2**144 - 1]
LOOSE = [
    *REDUCED,
    2 * P - 1,
    2 * P,
    2 * P + 1,
    3 * P,
    4 * P,
    15 * P,
    2**388 - 1,
    2**388 - WORD,
    2**387 + WORD - 1,
]
WIDE = [
    *LOOSE,
    *(j * P + d for j in (16, 17, 2**12, 2**15, 2**16 - 1) for d in (-1, 0, 1)),
    2**397 - 1,
    2**400 - 1,
]


@pytest.fixture(scope="module")
def harness() -> Iterator[View]:
    with chain() as running:
        yield running.deploy("P384Harness")


def drawn(below: int, count: int) -> list[int]:
    """Numbers of every size up to a bound; always the same."""
    chance = random.Random(384)
    return [
        chance.randrange(min(below, 1 << chance.choice((8, 128, 256, 320, 384, 388, 400))))
        for _ in range(count)
    ]


def pairs(numbers: list[int], below: int) -> list[tuple[int, int]]:
    random_ones = drawn(below, 400)
    return [*product(numbers, numbers), *zip(random_ones[::2], random_ones[1::2], strict=True)]


def answers(harness: View, fn: str, given: list[tuple[int, int]]) -> list:
    found: list = []
    for at in range(0, len(given), 500):
        found += harness.call(fn, [(*words(a), *words(b)) for a, b in given[at : at + 500]])
    assert len(found) == len(given)
    return found


def residues(
    harness: View, fn: str, given: list[tuple[int, int]], bound: int
) -> Iterator[tuple[int, int, int]]:
    """(a, b, the residue that the contract gives), for each pair."""
    for (a, b), pair in zip(given, answers(harness, fn, given), strict=True):
        result = number(pair)
        assert result < bound, (fn, hex(a), hex(b), hex(result))
        yield a, b, result % P


def test_mul_loose_isTheProduct(harness: View) -> None:
    for a, b, result in residues(harness, "mul", pairs(LOOSE, 2**388), 2**397):
        assert result == a * b * INVERSE % P, (hex(a), hex(b))


def test_sqr_loose_isTheSquare(harness: View) -> None:
    given = [(a, 0) for a in LOOSE + drawn(2**388, 400)]
    for a, _, result in residues(harness, "sqr", given, 2**397):
        assert result == a * a * INVERSE % P, hex(a)


def test_mul_productsOfEdges_areTheProducts(harness: View) -> None:
    """What an earlier product gave, reduced, goes into the next."""
    firsts = answers(harness, "mul", pairs(LOOSE, 2**388))
    reduced = [number(pair) for pair in answers(harness, "reduce", [(number(pair), 0) for pair in firsts])]
    given = list(zip(reduced, reversed(reduced), strict=True))
    for a, b, result in residues(harness, "mul", given, 2**397):
        assert result == a * b * INVERSE % P, (hex(a), hex(b))


def test_reduce_wide_isReduced(harness: View) -> None:
    given = [(a, 0) for a in WIDE + drawn(2**400, 400)]
    for a, _, result in residues(harness, "reduce", given, 2**384 + 2**145):
        assert result == a % P, hex(a)


def test_add_wide_isTheSum(harness: View) -> None:
    for a, b, result in residues(harness, "add", pairs(WIDE, 2**400), 2**401):
        assert result == (a + b) % P, (hex(a), hex(b))


def test_sub_upTo4p_isTheDifference(harness: View) -> None:
    given = [(a, b) for a, b in pairs(WIDE, 2**400) if b <= 4 * P]
    for a, b, result in residues(harness, "sub", given, 2**401):
        assert result == (a - b) % P, (hex(a), hex(b))


def test_negate_reduced_isTheNegative(harness: View) -> None:
    given = [(a, 0) for a in REDUCED + drawn(2**384, 400)]
    for a, _, result in residues(harness, "negate", given, 2 * P + 1):
        assert result == -a % P, hex(a)


def test_tangent_wide_isTheDifference(harness: View) -> None:
    given = [(a, b) for a, b in pairs(WIDE, 2**400) if b < 2**397]
    for a, b, result in residues(harness, "tangent", given, 2**401):
        assert result == (a - 3 * b + form(3)) % P, (hex(a), hex(b))


def test_residue_aboveZero_isZeroForMultiplesAlone(harness: View) -> None:
    given = [(a, 0) for a in WIDE + drawn(2**400, 400) if a]
    for (a, _), found in zip(given, answers(harness, "residue", given), strict=True):
        assert (found == 0) == (a % P == 0), hex(a)


def test_isZero_looseAboveZero_tellsMultiples(harness: View) -> None:
    near = [
        j * P + d
        for j in range(1, 16)
        for d in (-(2**95), -(2**36), -1, 0, 1, 2**35, 2**36, 2**96, WORD, 3 * WORD)
    ]
    given = [(a, 0) for a in LOOSE + near + drawn(2**388, 400) if a]
    for (a, _), found in zip(given, answers(harness, "isZero", given), strict=True):
        assert found == (a % P == 0), hex(a)


# --- modulo n -------------------------------------------------------------------------------------


def test_mulOrder_below2to384_isTheProduct(harness: View) -> None:
    given = [(a, b) for a, b in pairs(BELOW_2_384, 2**384)]
    for (a, b), found in zip(given, answers(harness, "mulOrder", given), strict=True):
        assert number(found) == a * b % N, (hex(a), hex(b))


def test_addOrder_belowN_isTheSum(harness: View) -> None:
    given = [(a, b) for a, b in pairs(BELOW_2_384, N) if max(a, b) < N]
    for (a, b), found in zip(given, answers(harness, "addOrder", given), strict=True):
        assert number(found) == (a + b) % N, (hex(a), hex(b))


def test_isBelowOrder_anyNumber_compares(harness: View) -> None:
    given = [(a, 0) for a in BELOW_2_384 + drawn(2**384, 100)]
    for (a, _), found in zip(given, answers(harness, "isBelowOrder", given), strict=True):
        assert found == (a < N), hex(a)


def test_fromSigned_above2to255Negative_isTheResidue(harness: View) -> None:
    numbers = [0, 1, -1, 2**192, -(2**192), 2**255 - 1, 1 - 2**255, N % WORD >> 1, -(N % WORD >> 1)]
    for given, found in zip(numbers, harness.call("fromSigned", numbers), strict=True):
        assert number(found) == given % N, given
