"""Hints that make an ECDSA signature on P-384 cheap to verify on-chain (``IP384`` says what is checked of them).

The verifier wants g * G + a * Q + c * R = 0 with c nonzero, a = -c * u2 and g = -c * u1 (mod n), which gives
R = u1 * G + u2 * Q. The extended Euclidean algorithm finds a and c of half the size (Antipa et al., "Accelerated
verification of ECDSA signatures", SAC 2005); g is split in halves, for 2^192 * G is known as well. So four scalars of
192 bits share 188 doublings. Hints spell the walk out: which multiple is added where, and the slope of every line,
which saves the verifier all inversions.

A walk starts at a fixed point of unknown logarithm rather than at infinity, and ends at 2^188 times it. So it never
meets infinity, and a point that equals the one to be added only if somebody finds such a logarithm.

Hints are: a byte (1: the x of R is r + n, not r), the y of R, 8 slopes each for the odd multiples of Q and of R
(the tangent, then adding 2Q to Q, 3Q, ..., 13Q), and the steps:

    00, slope                     double
    DD, index, slope              add
    DD, index, slope, ratio       add, then add what was there before: twice as much and the addend

DD is 0x10, + 1 for the last kind, + 2 to subtract, + 4 * table (0: Q, 1: R, 2: G, 3: 2^192 * G); the addend is
2 * index + 1 times the table's point. Slopes, and ratios 2y / (x' - x) with the x' of the sum, take 48 bytes each, in
Montgomery's form.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Final

from ..protocol.errors import InvalidField
from . import p384
from .p384 import SIZE, N, P, Point

DOUBLINGS: Final = 188
"""Of a walk. The digits at its start reach 4 bits further."""

TABLE_SIZE: Final = 255
"""Odd multiples in each of the verifier's tables of G: G, 3G, ..., 509G; a contract has no room for one more."""

HALF: Final = 192
"""The second table is of 2^HALF * G."""

START: Final[Point] = (
    0xD72196C7D04D6E6372321BDFE0A2F1980E6C153B6020FE320F94512A4ABEC481C9F0D8EA8ABC59946C903921F7D9F65F,
    0xD9FFD9D6646E4F3B3B339949513033DD1A2A941442F36FDE1400478E1B83CBBCDBF12ECED8E813BED32F14169A440938,
)
"""Where walks start; ``scripts/p384/tables.py`` says why this point."""

_WIDTHS: Final = (5, 5, 10, 10)
"""Of the digits by table, in bits with the sign."""

_Step = tuple[int, int]  # table, digit: odd, negative to subtract
_Scalars = tuple[int, int, int, int]  # by table


class _Unlucky(Exception):
    """A walk meets two points of the same x."""


def hints(digest: bytes, signature: bytes, public_key: bytes) -> bytes:
    """Hints for ``IP384.verify``, some 15 kB.

    Args:
        digest: SHA-384 of the message, 48 bytes.
        signature: r and s, 48 bytes each.
        public_key: x and y, 48 bytes each.

    Raises:
        InvalidField: of digest, signature or public_key, when malformed; of signature, when it does not verify.
    """
    e = _numbers("digest", digest, 1)[0]
    r, s = _numbers("signature", signature, 2)
    q = _numbers("public_key", public_key, 2)
    if not (0 < r < N and 0 < s < N):
        raise InvalidField("signature", "must hold r and s from 1 to n - 1")
    if not p384.on_curve((q[0], q[1])):
        raise InvalidField("public_key", "must be a point of P-384")
    u1, u2 = e * pow(s, -1, N) % N, r * pow(s, -1, N) % N
    found = p384.combined(u1, u2, (q[0], q[1]))
    if found is None or found[0] % N != r:
        raise InvalidField("signature", "does not verify under public_key")
    for scalars in sorted(_choices(u1, u2), key=_length):
        try:
            walk = _Walk((q[0], q[1]), found)
            walk.go(scalars)
        except _Unlucky:
            continue
        return bytes([found[0] != r]) + found[1].to_bytes(SIZE) + bytes(walk.out)
    raise InvalidField("signature", "has no hints: its key was made to prevent them")


def _numbers(field: str, data: bytes, count: int) -> list[int]:
    if len(data) != count * SIZE:
        raise InvalidField(field, f"must be {count * SIZE} bytes, not {len(data)}")
    return [int.from_bytes(data[at : at + SIZE]) for at in range(0, len(data), SIZE)]


# --- scalars --------------------------------------------------------------------------------------


def _choices(u1: int, u2: int) -> Iterator[_Scalars]:
    """Several ways to write the relation: small combinations of two short vectors of the lattice a + c * u2 = 0."""
    (a0, t0), (a1, t1) = (N, 0), (u2, 1)
    while a1 >= 1 << HALF:
        quotient = a0 // a1
        (a0, t0), (a1, t1) = (a1, t1), (a0 - quotient * a1, t0 - quotient * t1)
    for i in range(-2, 3):
        for j in range(3):
            a, c = i * a0 + j * a1, -(i * t0 + j * t1)
            if c == 0 or max(abs(a), abs(c)) >> HALF + 2:
                continue
            g = -c * u1 % N
            yield a, c, g % (1 << HALF), g >> HALF


def _length(scalars: _Scalars) -> int:
    """How many points a walk adds."""
    return sum(1 for table, scalar in enumerate(scalars) for _ in _digits(scalar, _WIDTHS[table]))


def _digits(scalar: int, width: int) -> Iterator[tuple[int, int]]:
    """(position, odd digit) whose sum of digit * 2^position is the scalar (non-adjacent form; Solinas 2000)."""
    sign, rest, position = (-1 if scalar < 0 else 1), abs(scalar), 0
    limit = min(1 << width - 1, 2 * TABLE_SIZE)
    while rest:
        if position == DOUBLINGS:
            digit = min(rest, limit - 1)
            digit -= 1 - digit % 2
        elif rest % 2:
            digit = (rest + (1 << width - 1)) % (1 << width) - (1 << width - 1)
            digit = max(1 - limit, min(digit, limit - 1))
        else:
            rest, position = rest // 2, position + 1
            continue
        yield position, sign * digit
        rest -= digit


# --- the walk -------------------------------------------------------------------------------------


class _Walk:
    """Follows the verifier and writes down what it needs to know."""

    def __init__(self, q: Point, r: Point) -> None:
        self.out = bytearray()
        self._at = START
        self._tables = [self._multiples(q), self._multiples(r)]

    def go(self, scalars: _Scalars) -> None:
        steps: dict[int, list[_Step]] = defaultdict(list)
        for table, scalar in enumerate(scalars):
            for position, digit in _digits(scalar, _WIDTHS[table]):
                steps[position].append((table, digit))
        for step in steps[DOUBLINGS]:
            self._add(step, then_double=False)
        for position in range(DOUBLINGS - 1, -1, -1):
            if not steps[position]:
                self.out.append(0)
                self._at = self._doubled(self._at)
            for number, step in enumerate(steps[position]):
                self._add(step, then_double=number == 0)

    def _multiples(self, point: Point) -> dict[int, Point]:
        """1, 3, ..., 15 times a point."""
        twice = self._doubled(point)
        multiples = {1: point}
        for factor in range(1, 15, 2):
            multiples[factor + 2] = self._sum(multiples[factor], twice)
        return multiples

    def _add(self, step: _Step, then_double: bool) -> None:
        table, digit = step
        self.out += bytes([0x10 | then_double | (digit < 0) << 1 | table << 2, abs(digit) // 2])
        before, addend = self._at, self._addend(table, abs(digit))
        total = self._sum(before, p384.negated(addend) if digit < 0 else addend)
        if then_double:
            if total[0] == before[0]:
                raise _Unlucky
            ratio = 2 * before[1] * pow(total[0] - before[0], -1, P) % P
            self._write(ratio)
            total = p384.third_point(before, total, p384.chord_slope(before, total))
        self._at = total

    def _addend(self, table: int, factor: int) -> Point:
        return self._tables[table][factor] if table < 2 else _multiple_of_g(table, factor)

    def _doubled(self, point: Point) -> Point:
        slope = p384.tangent_slope(point)
        self._write(slope)
        return p384.third_point(point, point, slope)

    def _sum(self, a: Point, b: Point) -> Point:
        if a[0] == b[0]:
            raise _Unlucky
        slope = p384.chord_slope(a, b)
        self._write(slope)
        return p384.third_point(a, b, slope)

    def _write(self, number: int) -> None:
        self.out += montgomery(number).to_bytes(SIZE)


@cache
def _multiple_of_g(table: int, factor: int) -> Point:
    """One of the 510 points in the verifier's tables."""
    if factor == 1:
        point = p384.G if table == 2 else p384.multiply(1 << HALF, p384.G)
    else:
        point = p384.multiply(factor, _multiple_of_g(table, 1))
    assert point is not None
    return point


def montgomery(number: int) -> int:
    """The form in which the verifier multiplies."""
    return (number << 256) % P
