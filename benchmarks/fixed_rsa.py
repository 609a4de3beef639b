"""A gateway's key for measurements: signatures that are the same in every run.

A signature's zero bytes cost less gas than others, so figures are exact only where key and salt are fixed.
"""

from functools import cache
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from afterproof.protocol.receipt import Domain, Receipt, SignedReceipt, digest
from afterproof.protocol.signing import RsaPssSigner
from tests.support.pss import Encoded, Key

KEY_FILE: Final = Path(__file__).with_name("rsa2048_test_key.pem")


class FixedRsaSigner(RsaPssSigner):
    """Signs with the committed test key and always the same salt."""

    def __init__(self) -> None:
        private = load_pem_private_key(KEY_FILE.read_bytes(), None)
        assert isinstance(private, rsa.RSAPrivateKey)
        super().__init__(private)
        self._fixed = Key(private)

    def sign(self, receipt: Receipt, domain: Domain) -> SignedReceipt:
        """Implements :meth:`Signer.sign`."""
        signature = self._fixed.power(Encoded(digest(receipt, self.scheme, domain)).number)
        return SignedReceipt(receipt, self.scheme, signature, self.public_key)


@cache
def fixed_rsa_signer() -> FixedRsaSigner:
    """The one signer: reading its key takes a while."""
    return FixedRsaSigner()
