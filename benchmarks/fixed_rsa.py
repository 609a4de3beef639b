"""A gateway's key for measurements: signatures that are the same in every run.

A signature's zero bytes cost less gas than others, so figures are exact only where key and salt are fixed.
"""

from functools import cache
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from afterproof.protocol.signing import RsaPssSigner
from tests.support.pss import Encoded, Key

KEY_FILE: Final = Path(__file__).with_name("rsa2048_test_key.pem")
SECOND_KEY_FILE: Final = Path(__file__).with_name("rsa2048_second_test_key.pem")
"""Of a node that nobody has registered."""


class FixedRsaSigner(RsaPssSigner):
    """Signs with a committed test key and always the same salt."""

    def __init__(self, file: Path = KEY_FILE) -> None:
        private = load_pem_private_key(file.read_bytes(), None)
        assert isinstance(private, rsa.RSAPrivateKey)
        super().__init__(private)
        self._fixed = Key(private)

    def sign_hash(self, message_hash: bytes) -> bytes:
        """256 bytes over a 32-byte hash."""
        return self._fixed.power(Encoded(message_hash).number)


@cache
def fixed_rsa_signer(file: Path = KEY_FILE) -> FixedRsaSigner:
    """The one signer of a key: reading it takes a while."""
    return FixedRsaSigner(file)
