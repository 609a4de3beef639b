"""The curve P-384 (FIPS 186-5, SP 800-186): its constants, its group, and ECDSA verification. Not constant in time.

A point is (x, y) with 0 <= x, y < P; None is the point at infinity.
"""

from typing import Final, TypeAlias

Point: TypeAlias = tuple[int, int]

SIZE: Final = 48
"""Bytes of a coordinate, a scalar and a SHA-384 digest."""

P: Final = 2**384 - 2**128 - 2**96 + 2**32 - 1
N: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
B: Final = 0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF
G: Final[Point] = (
    0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
    0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
)


def on_curve(point: Point) -> bool:
    """Whether the coordinates are below P and satisfy y^2 = x^3 - 3x + B."""
    x, y = point
    return 0 <= x < P and 0 <= y < P and (y * y - x * x * x + 3 * x - B) % P == 0


def negated(point: Point) -> Point:
    """Its inverse in the group."""
    return point[0], -point[1] % P


def tangent_slope(point: Point) -> int:
    """Of the curve in a point."""
    x, y = point
    return 3 * (x * x - 1) * pow(2 * y, -1, P) % P


def chord_slope(a: Point, b: Point) -> int:
    """Of the line through two points of different x."""
    return (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P


def third_point(a: Point, b: Point, slope: int) -> Point:
    """a + b, which are joined by a line of that slope."""
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def add(a: Point | None, b: Point | None) -> Point | None:
    """a + b."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        return third_point(a, a, tangent_slope(a)) if a == b else None
    return third_point(a, b, chord_slope(a, b))


def multiply(scalar: int, point: Point | None) -> Point | None:
    """scalar * point, for a scalar of any size and sign."""
    total = None
    for bit in bin(scalar % N)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def combined(u1: int, u2: int, q: Point) -> Point | None:
    """u1 * G + u2 * q, by Shamir's trick in Jacobian coordinates: x = X / Z^2, y = Y / Z^3.

    A hundredth of a second would go into the inversions of :func:`multiply`.
    """
    addends = (None, G, q, add(G, q))
    x, y, z = 1, 1, 0
    for bit in range(max(u1, u2).bit_length() - 1, -1, -1):
        x, y, z = _doubled(x, y, z)
        addend = addends[(u1 >> bit & 1) | (u2 >> bit & 1) << 1]
        if addend is not None:
            x, y, z = _added(x, y, z, addend)
    if z == 0:
        return None
    inverse = pow(z, -1, P)
    return x * inverse * inverse % P, y * inverse * inverse * inverse % P


def _doubled(x: int, y: int, z: int) -> tuple[int, int, int]:
    """With a = -3; infinity (z = 0) stays so. No point of the curve has y = 0."""
    zz, yy = z * z % P, y * y % P
    beta = x * yy % P
    alpha = 3 * (x - zz) * (x + zz) % P
    x3 = (alpha * alpha - 8 * beta) % P
    return x3, (alpha * (4 * beta - x3) - 8 * yy * yy) % P, 2 * y * z % P


def _added(x: int, y: int, z: int, b: Point) -> tuple[int, int, int]:
    if z == 0:
        return b[0], b[1], 1
    zz = z * z % P
    h, r = (b[0] * zz - x) % P, (b[1] * zz * z - y) % P
    if h == 0:
        return _doubled(x, y, z) if r == 0 else (1, 1, 0)
    hh = h * h % P
    hhh, v = h * hh % P, x * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - y * hhh) % P, z * h % P
