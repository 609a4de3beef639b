"""RSA-2048-PSS as OpenGradient's gateways use it: SHA-256, MGF1 of SHA-256, a salt of 32 bytes.

``contracts/libraries/PublicKeys.sol`` and ``contracts/schemes/`` decide alike. Sources: RFC 8017 section 8.1
(RSASSA-PSS); RFC 5280 (SubjectPublicKeyInfo).
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from awscrt.crypto import RSA, RSASignatureAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
SHA256: Final = hashes.SHA256()

_PSS_SHA256: Final = RSASignatureAlgorithm.PSS_SHA256
"""PSS with SHA-256 throughout, and a salt of 32 bytes: no other salt verifies."""

_SIGNATURE: Final = 256
"""Bytes of a signature: RFC 8017 section 8.1.2 step 1 takes no shorter one, whatever a library makes of it."""

# SubjectPublicKeyInfo of an RSA-2048 key with e = 65537 (294 bytes): 33 fixed bytes, 256 of modulus, 5 fixed.
_HEAD: Final = bytes.fromhex("30820122300d06092a864886f70d01010105000382010f003082010a0282010100")
_TAIL: Final = bytes.fromhex("0203010001")


def is_rsa_key(public_key: bytes) -> bool:
    """Whether it is the strict DER SubjectPublicKeyInfo of a 2048-bit modulus (top bit set, odd) with e = 65537."""
    if len(public_key) != 294 or not (public_key.startswith(_HEAD) and public_key.endswith(_TAIL)):
        return False
    return public_key[33] >= 0x80 and public_key[288] & 1 == 1


class PssVerifier:
    """What says whether a message has a signature under a key of that form.

    The key is not loaded before a signature is looked at: anybody may hand in keys of nobody's.
    """

    def __init__(self, public_key: bytes) -> None:
        self._public_key = public_key
        self._key: RSA | None = None

    def __call__(self, message: bytes, signature: bytes) -> bool:
        """Whether it is the message's."""
        return not self.forged([message], [signature])

    def forged(self, messages: Sequence[bytes], signatures: Sequence[bytes]) -> list[int]:
        """The places of messages whose signatures are not theirs."""
        verify, size = self._loaded().verify, _SIGNATURE
        return [
            place
            for place, (message, signature) in enumerate(zip(messages, signatures, strict=True))
            if len(signature) != size or not verify(_PSS_SHA256, sha256(message).digest(), signature)
        ]

    def _loaded(self) -> RSA:
        if self._key is None:
            # What follows the SubjectPublicKeyInfo's head of 24 bytes is the RSAPublicKey of PKCS #1.
            self._key = RSA.new_public_key_from_der_data(self._public_key[24:])
        return self._key
