"""Hints for ECDSA on P-384 (afterproof.attestation.p384_hints), and the curve they are computed on.

hints
├── when the signature verifies: it should give hints, within milliseconds
├── when it does not: it should say so, and of which argument
├── when an argument has another length, or lies outside its range: it should name it and the rule
└── it should judge as `cryptography` does
the curve
└── its sums and multiples should be those of `cryptography`
"""

import hashlib
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from afterproof.attestation import p384
from afterproof.attestation.p384 import G, N, P
from afterproof.attestation.p384_hints import hints
from afterproof.protocol.errors import InvalidField
from tests.support.p384 import Signed, pair, related, signed


@pytest.fixture(scope="module")
def valid() -> Signed:
    return signed(0xA11CE, b"a certificate")


def test_hints_validSignature_comeWithinMilliseconds(valid: Signed) -> None:
    assert 14_000 < len(valid.hints) < 16_500
    started = time.process_time()
    for _ in range(3):
        assert valid.hints
    assert (time.process_time() - started) / 3 < 0.5


def test_hints_sameSignature_areTheSame(valid: Signed) -> None:
    assert valid.hints == valid.hints


def test_hints_relatedSignature_areRefused(valid: Signed) -> None:
    for what, other in related(valid).items():
        with pytest.raises(InvalidField, match="signature does not verify under public_key"):
            pytest.fail(f"{what}: {len(other.hints)} bytes of hints")


@pytest.mark.parametrize(
    ("field", "at", "size"), [("digest", 0, 48), ("signature", 1, 96), ("public_key", 2, 96)]
)
def test_hints_wrongLength_nameTheField(valid: Signed, field: str, at: int, size: int) -> None:
    for wrong in (b"", valid.arguments[at][:-1], valid.arguments[at] + b"\0"):
        arguments = [*valid.arguments[:at], wrong, *valid.arguments[at + 1 :]]
        with pytest.raises(InvalidField, match=f"{field} must be {size} bytes, not {len(wrong)}"):
            hints(*arguments)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (N, 1), (1, N), (2**384 - 1, 1), (1, 2**384 - 1)])
def test_hints_outOfRange_nameTheRule(valid: Signed, r: int, s: int) -> None:
    with pytest.raises(InvalidField, match="signature must hold r and s from 1 to n - 1"):
        hints(valid.digest, pair(r, s), valid.public_key)


def test_hints_keyNotOnTheCurve_nameTheRule(valid: Signed) -> None:
    x, y = int.from_bytes(valid.public_key[:48]), int.from_bytes(valid.public_key[48:])
    for key in (pair(x, y ^ 1), pair(0, 0), pair(P, y), pair(2**384 - 1, 2**384 - 1), pair(y, x)):
        with pytest.raises(InvalidField, match=r"public_key must be a point of P-384"):
            hints(valid.digest, valid.signature, key)


def test_curve_multiples_areThoseOfCryptography() -> None:
    for scalar in (1, 2, 3, 2**192, N - 1, int.from_bytes(hashlib.sha384(b"scalar").digest()) % N):
        public = ec.derive_private_key(scalar, ec.SECP384R1()).public_key().public_numbers()
        assert p384.multiply(scalar, G) == (public.x, public.y)
        assert p384.combined(scalar, 0, G) == (public.x, public.y)
        assert p384.combined(0, scalar, G) == (public.x, public.y)
        assert p384.add((public.x, public.y), p384.negated((public.x, public.y))) is None
    assert p384.multiply(N, G) is None and p384.combined(5, N - 5, G) is None
    assert p384.combined(1, 1, p384.negated(G)) is None and p384.combined(1, 1, G) == p384.multiply(2, G)
