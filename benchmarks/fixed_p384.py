"""A signature on P-384 for measurements, the same in every run: its steps depend on every bit."""

import hashlib
from typing import Final

from afterproof.attestation.p384 import SIZE, G, N, multiply


def _fixed() -> tuple[bytes, bytes, bytes]:
    """Digest, signature and public key, of a secret and a nonce that anybody can look up here."""
    digest, secret, nonce = (hashlib.sha384(what).digest() for what in (b"message", b"secret", b"nonce"))
    d, k = int.from_bytes(secret) % N, int.from_bytes(nonce) % N
    key, point = multiply(d, G), multiply(k, G)
    assert key is not None and point is not None
    r = point[0] % N
    s = pow(k, -1, N) * (int.from_bytes(digest) + r * d) % N
    return digest, _bytes(r, s), _bytes(*key)


def _bytes(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(SIZE) for number in numbers)


FIXED_P384: Final = _fixed()
"""48 bytes of digest, r and s, x and y."""
