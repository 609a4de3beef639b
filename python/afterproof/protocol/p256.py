"""ECDSA on P-256 (secp256r1): the form of a public key, and whether a signature verifies.

``contracts/libraries/PublicKeys.sol`` and ``contracts/crypto/EcdsaP256.sol`` decide alike. Sources: RFC 5480
section 2 (SubjectPublicKeyInfo); SP 800-186 section 3.2.1.3 (the curve); FIPS 186-5 section 6.4.2 (verification).
"""

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

# Named curve prime256v1, uncompressed point: 27 fixed bytes, then both coordinates.
_HEAD: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_LENGTH: Final = 91

_P: Final = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B

PREHASHED: Final = utils.Prehashed(hashes.SHA256())
"""What is signed is 32 bytes already; SHA-256 only says how many, and drives RFC 6979."""

_ECDSA: Final = ec.ECDSA(PREHASHED)


def is_p256_key(public_key: bytes) -> bool:
    """Whether the bytes are the one DER SubjectPublicKeyInfo of a point on the curve, its coordinates below p."""
    if len(public_key) != _LENGTH or not public_key.startswith(_HEAD):
        return False
    x, y = int.from_bytes(public_key[27:59]), int.from_bytes(public_key[59:])
    return x < _P and y < _P and (y * y - x * x * x + 3 * x - _B) % _P == 0


def verify_p256(public_key: bytes, signature: bytes, message_hash: bytes) -> bool:
    """Whether 64 bytes r . s over a 32-byte hash verify under a key of the form above. s may be in either half."""
    if len(signature) != 64:
        return False
    der = utils.encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    try:
        _key(public_key).verify(der, message_hash, _ECDSA)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=4096)
def _key(public_key: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key[26:])
