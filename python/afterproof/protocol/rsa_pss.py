"""RSA-2048-PSS as OpenGradient's gateways use it: SHA-256, MGF1 of SHA-256, a salt of 32 bytes.

``contracts/libraries/PublicKeys.sol`` and ``contracts/schemes/`` decide alike. Sources: RFC 8017 section 8.1
(RSASSA-PSS); RFC 5280 (SubjectPublicKeyInfo).
"""

from collections.abc import Callable, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .errors import InvalidField

PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
SHA256: Final = hashes.SHA256()

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
        self._verify: Callable[..., None] | None = None

    def __call__(self, message: bytes, signature: bytes) -> bool:
        """Whether it is the message's."""
        # OpenSSL takes a signature whose leading zeros were cut off; RFC 8017 section 8.1.2 step 1 does not.
        if len(signature) != 256:
            return False
        try:
            self._loaded()(signature, message, PSS, SHA256)
        except InvalidSignature:
            return False
        return True

    def all(self, messages: Sequence[bytes], signatures: Sequence[bytes]) -> bool:
        """Whether each message has its own."""
        if set(map(len, signatures)) != {256}:
            return False
        verify = self._loaded()
        try:
            for message, signature in zip(messages, signatures, strict=True):
                verify(signature, message, PSS, SHA256)
        except InvalidSignature:
            return False
        return True

    def _loaded(self) -> Callable[..., None]:
        if self._verify is None:
            self._verify = _loaded(self._public_key).verify
        return self._verify


def _loaded(public_key: bytes) -> rsa.RSAPublicKey:
    key = serialization.load_der_public_key(public_key)
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidField("publicKey", "is not an RSA key")
    return key
