"""P-256 in plain integers: the judge of signatures in tests, and a maker of those at the edges.

SP 800-186 section 3.2.1.3 for the curve, FIPS 186-5 section 6.4.2 for verification; textbook formulas, no speed.
"""

from collections.abc import Iterator
from typing import NamedTuple

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")

Point = tuple[int, int] | None
"""Affine; None: the point at infinity."""

G: Point = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    rise, run = (3 * a[0] * a[0] - 3, 2 * a[1]) if a == b else (b[1] - a[1], b[0] - a[0])
    slope = rise * pow(run, -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k: int, point: Point) -> Point:
    result: Point = None
    for bit in bin(k % N)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def on_curve(x: int, y: int) -> bool:
    return 0 <= x < P and 0 <= y < P and (y * y - x**3 + 3 * x - B) % P == 0


def lifted(x: int) -> Point:
    """A point with that x, or None where there is none."""
    square = (x**3 - 3 * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y) if x < P and y * y % P == square else None


class Case(NamedTuple):
    """What is verified, as five numbers below 2^256."""

    digest: int
    r: int
    s: int
    x: int
    y: int

    @property
    def words(self) -> tuple[bytes, ...]:
        return tuple(number.to_bytes(32) for number in self)

    @property
    def signature(self) -> bytes:
        return self.r.to_bytes(32) + self.s.to_bytes(32)

    @property
    def public_key(self) -> bytes:
        return SPKI_HEAD + self.x.to_bytes(32) + self.y.to_bytes(32)


def valid(case: Case) -> bool:
    """Whether the signature verifies, by the book."""
    digest, r, s, x, y = case
    if not (0 < r < N and 0 < s < N and on_curve(x, y)):
        return False
    w = pow(s, -1, N)
    point = add(times(digest * w, G), times(r * w, (x, y)))
    return point is not None and point[0] % N == r


def with_nonce_point(point: Point, s: int, digest: int) -> Case:
    """A valid case whose u1 G + u2 Q is ``point``: the key is chosen last."""
    assert point is not None
    r = point[0] % N
    key = times(pow(r, -1, N), add(times(s, point), times(-digest, G)))
    assert key is not None
    return Case(digest, r, s, *key)


def with_scalars(d: int, u1: int, u2: int) -> Case:
    """A valid case of the key d G whose verification multiplies by just u1 and u2."""
    point, key = times(u1 + u2 * d, G), times(d, G)
    assert point is not None and key is not None
    r = point[0] % N
    s = r * pow(u2, -1, N) % N
    return Case(u1 * s % N, r, s, *key)


def signed(d: int, k: int, digest: int) -> Case:
    """A signature as the key d G makes it with the nonce k."""
    point, key = times(k, G), times(d, G)
    assert point is not None and key is not None
    r = point[0] % N
    return Case(digest, r, (digest + r * d) * pow(k, -1, N) % N, *key)


def edge_cases() -> Iterator[tuple[str, Case, bool]]:
    """Name, case, and whether it is valid."""
    good = signed(0xC0FFEE, 0xBEEF, 2**255 + 12345)
    yield "good", good, True
    yield "the other s", good._replace(s=N - good.s), True
    yield from _scalars_out_of_range(good)
    yield from _digests()
    yield from _nonce_points()
    yield from _keys(good)
    yield from _coincidences()


def _scalars_out_of_range(good: Case) -> Iterator[tuple[str, Case, bool]]:
    for name in ("r", "s"):
        for wrong in (0, N, N + 1, P, 2**256 - 1, 1, N - 1):
            yield f"{name} = {wrong:#x}", good._replace(**{name: wrong}), False
        yield f"{name} off by one", good._replace(**{name: getattr(good, name) + 1}), False
    yield "r = s = 0", good._replace(r=0, s=0), False
    yield "r and s exchanged", good._replace(r=good.s, s=good.r), False
    yield "r negated", good._replace(r=N - good.r), False
    for s in (1, 2, 3, N // 2, N // 2 + 1, N - 2, N - 1):
        yield f"s = {s:#x} of a key made for it", with_nonce_point(times(77, G), s, 5), True


def _digests() -> Iterator[tuple[str, Case, bool]]:
    for digest in (0, 1, N - 1, N, N + 1, P, 2**256 - 1, 2**255):
        yield f"digest {digest:#x}", signed(31337, 99, digest), True
    zero = signed(31337, 99, 0)
    yield "digest n for digest 0", zero._replace(digest=N), True
    yield "digest n + 1 for digest 0", zero._replace(digest=N + 1), False


def _nonce_points() -> Iterator[tuple[str, Case, bool]]:
    """The x of a nonce point lies below p, r below n: the 2^128 numbers between wrap."""
    above = [x for x in range(N, N + 40) if lifted(x) and x != N][:3]
    below = [x for x in range(P - 40, P) if lifted(x)][-3:]
    for x in above + below:
        case = with_nonce_point(lifted(x), 11, 22)
        yield f"x = {x:#x} of the nonce point, wrapped", case, True
        yield f"x = {x:#x} of the nonce point, not wrapped", case._replace(r=x), False
    for x in [x for x in range(1, 40) if lifted(x)][:3] + [x for x in range(N - 40, N) if lifted(x)][-3:]:
        case = with_nonce_point(lifted(x), 11, 22)
        yield f"r = {x:#x}", case, True
        if x + N < 2**256:
            yield f"r + n = {x + N:#x}", case._replace(r=x + N), False
    # The scalars of the smallest r whose point cannot have wrapped: r > p - n.
    case = with_nonce_point(lifted(next(x for x in range(P - N, P) if lifted(x))), 3, 4)
    yield "r just above p - n", case, True


def _keys(good: Case) -> Iterator[tuple[str, Case, bool]]:
    yield "the key negated", good._replace(y=P - good.y), False
    yield "key (0, 0)", good._replace(x=0, y=0), False
    yield "key off the curve", good._replace(y=good.y ^ 1), False
    yield "coordinates exchanged", good._replace(x=good.y, y=good.x), False
    yield "key (p - 1, p - 1)", good._replace(x=P - 1, y=P - 1), False
    for x in [x for x in range(40) if lifted(x)][:3] + [x for x in range(P - 40, P) if lifted(x)][-3:]:
        key = lifted(x)
        assert key is not None
        # u1 and u2 may be chosen for a key whose d nobody knows: R = u1 G + u2 Q, r = x(R), s = r / u2, h = u1 s.
        for u1, u2 in ((1, 1), (0, 5), (N - 1, 2**200 + 3)):
            point = add(times(u1, G), times(u2, key))
            assert point is not None
            s = point[0] * pow(u2, -1, N) % N
            case = Case(u1 * s % N, point[0] % N, s, *key)
            yield f"key x = {x:#x}, u1 = {u1:#x}", case, True
        if x + P < 2**256:
            yield f"key x = {x} + p", case._replace(x=x + P), False


def _coincidences() -> Iterator[tuple[str, Case, bool]]:
    """Keys so near to G that sums on the way are infinite, or of two equal points."""
    for d in (
        1,
        2,
        3,
        4,
        N - 1,
        N - 2,
        N - 3,
        N - 4,
        (N + 1) // 2,
        (N - 1) // 2,
        pow(3, -1, N),
        N - pow(3, -1, N),
    ):
        for u1, u2 in (
            (2, 3),
            (1, N - 1),
            (2**255 + 5, 2**255 + 4),
            (N // 3, N // 2),
            (6 << 200 | 1, 3 << 200),
        ):
            if (u1 + u2 * d) % N:
                yield f"d = {d:#x}, u1 = {u1:#x}, u2 = {u2:#x}", with_scalars(d, u1, u2), True
    for d in (1, 7, N - 1, 2**200):
        key = times(d, G)
        assert key is not None
        for r in (1, 5, key[0] % N, N - 1):
            yield f"the sum is infinite: d = {d:#x}, r = {r:#x}", Case(-r * d % N, r, 9, *key), False
