"""RSA-PSS signatures, genuine and falsified field by field, and who else judges them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from afterproof.protocol.rsa_pss import PssVerifier, is_rsa_key
from tests.support.calls import View

SIZE = 256
TOP = 1 << 2047


@dataclass(frozen=True)
class Key:
    """An RSA-2048 key with e = 65537."""

    private: rsa.RSAPrivateKey

    @cached_property
    def n(self) -> int:
        return self.private.public_key().public_numbers().n

    @cached_property
    def modulus(self) -> bytes:
        return self.n.to_bytes(SIZE)

    @property
    def pem(self) -> str:
        """The whole key, so that a failure can be replayed: keys are drawn afresh for every run."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def sign(self, message: bytes, salt: int = 32, hashed: hashes.HashAlgorithm | None = None) -> bytes:
        hashed = hashed or hashes.SHA256()
        return self.private.sign(message, padding.PSS(padding.MGF1(hashed), salt), hashed)

    def power(self, number: int) -> bytes:
        """The signature whose encoded message is exactly `number` (RFC 8017 5.2.1, by remainders)."""
        own = self.private.private_numbers()
        m1, m2 = pow(number, own.dmp1, own.p), pow(number, own.dmq1, own.q)
        return (m2 + own.q * ((m1 - m2) * own.iqmp % own.p)).to_bytes(SIZE)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """What `cryptography` says, and Afterproof's verifier with it."""
        return verifies(self.n, message, signature)


def verifies(n: int, message: bytes, signature: bytes) -> bool:
    """What `cryptography` says, and Afterproof's verifier with it."""
    key = rsa.RSAPublicNumbers(65537, n).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    answer = _verifies(key, message, signature)
    assert is_rsa_key(spki)
    assert PssVerifier(spki)(message, signature) is answer
    return answer


def _verifies(key: rsa.RSAPublicKey, message: bytes, signature: bytes) -> bool:
    # OpenSSL takes a signature without its leading zero bytes; RFC 8017 8.1.2 step 1 does not.
    if len(signature) != SIZE:
        return False
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    try:
        key.verify(signature, message, scheme, hashes.SHA256())
    except InvalidSignature:
        return False
    return True


@dataclass
class Encoded:
    """The fields of an encoded message (RFC 8017 9.1.1), any of which a test may falsify before it is masked."""

    message: bytes
    salt: bytes = b"\x5a" * 32
    zeros: bytes = bytes(190)
    one: int = 1
    top: int = 0
    prefix: bytes = bytes(8)
    trailer: int = 0xBC
    mask_from: bytes | None = None
    masked_hash: bytes | None = None

    @property
    def number(self) -> int:
        h = hashlib.sha256(self.prefix + hashlib.sha256(self.message).digest() + self.salt).digest()
        db = self.zeros + bytes([self.one]) + self.salt
        seed = self.mask_from or h
        mask = b"".join(hashlib.sha256(seed + i.to_bytes(4)).digest() for i in range(7))[: len(db)]
        masked = bytearray(a ^ b for a, b in zip(db, mask, strict=True))
        masked[0] = masked[0] & 0x7F | self.top << 7
        return int.from_bytes(bytes(masked) + (self.masked_hash or h) + bytes([self.trailer]))


def agreed(harness: View, key: Key, message: bytes, signature: bytes) -> bool:
    """The library's answer, which must be that of `cryptography`, of Afterproof's verifier and of the plain version."""
    answer = harness.call("verify", key.modulus, message, signature)
    assert (
        answer
        == key.verifies(message, signature)
        == harness.call("verifyPlain", key.modulus, message, signature)
    )
    return answer
