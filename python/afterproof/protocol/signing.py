"""Signatures over receipts: which scheme a key has, whether a signature verifies, and how a node signs.

The rules are those of ``contracts/libraries/PublicKeys.sol`` and ``contracts/schemes/``, to the byte.
Sources: SEC 1 and EIP-2 (low s); RFC 8017 section 8.1 (RSASSA-PSS); RFC 5280 (SubjectPublicKeyInfo).
"""

from functools import lru_cache
from typing import Final, Protocol

from coincurve import PrivateKey, PublicKey
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .errors import InvalidField
from .receipt import (
    MAX_ISSUED_AT,
    MAX_SIGNATURE,
    ZERO,
    Domain,
    Leaf,
    Receipt,
    Scheme,
    SignedReceipt,
    digest,
    keccak,
)

_HALF_N: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
_SHA256: Final = hashes.SHA256()

# SubjectPublicKeyInfo of an RSA-2048 key with e = 65537 (294 bytes): 33 fixed bytes, 256 of modulus, 5 fixed.
_RSA_HEAD: Final = bytes.fromhex("30820122300d06092a864886f70d01010105000382010f003082010a0282010100")
_RSA_TAIL: Final = bytes.fromhex("0203010001")


def scheme_of(public_key: bytes) -> Scheme | None:
    """The scheme of a public key, or None where it is of no known form.

    SECP256K1: the 20-byte address, not zero, left-padded to 32 bytes. OPENGRADIENT_RSA_PSS: the strict DER
    SubjectPublicKeyInfo of a 2048-bit modulus (top bit set, odd) with e = 65537.
    """
    if len(public_key) == 32:
        return Scheme.SECP256K1 if not any(public_key[:12]) and any(public_key[12:]) else None
    if len(public_key) == 294 and public_key.startswith(_RSA_HEAD) and public_key.endswith(_RSA_TAIL):
        return Scheme.OPENGRADIENT_RSA_PSS if public_key[33] >= 0x80 and public_key[288] & 1 else None
    return None


def node_of(public_key: bytes) -> bytes:
    """The node's 32-byte name: keccak256 of its public key."""
    return keccak(public_key)


def verify_leaf(leaf: Leaf, public_key: bytes, domain: Domain) -> bool:
    """Whether ``leaf``'s signature verifies under ``public_key``, which must hash to its node.

    Raises:
        InvalidField: the key is of no known scheme or is another node's. Nothing is known of the signature then.
    """
    scheme = scheme_of(public_key)
    if scheme is None:
        raise InvalidField("publicKey", "is of no known signature scheme")
    receipt = leaf.receipt
    if node_of(public_key) != receipt.node:
        raise InvalidField("publicKey", "does not hash to receipt.node")
    if receipt.issued_at > MAX_ISSUED_AT or len(leaf.signature) > MAX_SIGNATURE:
        return False
    if scheme is Scheme.SECP256K1:
        return recover_address(digest(receipt, scheme, domain), leaf.signature) == public_key[12:]
    if receipt.model != ZERO or receipt.evidence != ZERO:
        return False
    return _verify_pss(public_key, leaf.signature, digest(receipt, scheme, domain))


def verify(signed: SignedReceipt, domain: Domain) -> bool:
    """Whether a travelling receipt's signature verifies and its scheme is that of its key.

    Raises:
        InvalidField: as :func:`verify_leaf`, and where ``scheme`` is not the key's.
    """
    if scheme_of(signed.public_key) not in (signed.scheme, None):
        raise InvalidField("scheme", "is not the scheme of publicKey")
    return verify_leaf(signed.leaf, signed.public_key, domain)


def recover_address(message_hash: bytes, signature: bytes) -> bytes | None:
    """The 20-byte address that signed ``message_hash``, or None for a malformed signature.

    65 bytes r . s . v with v of 27 or 28 and s in the lower half, as OpenZeppelin's ECDSA has it.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64]) > _HALF_N:
        return None
    try:
        recoverable = signature[:64] + bytes([signature[64] - 27])
        public = PublicKey.from_signature_and_message(recoverable, message_hash, hasher=None)
    except Exception:  # coincurve raises plain Exception and ValueError alike for "no such point"
        return None
    return keccak(public.format(compressed=False)[1:])[12:]


@lru_cache(maxsize=4096)
def _rsa_key(public_key: bytes) -> rsa.RSAPublicKey:
    key = serialization.load_der_public_key(public_key)
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidField("publicKey", "is not an RSA key")
    return key


def _verify_pss(public_key: bytes, signature: bytes, message: bytes) -> bool:
    # OpenSSL takes a signature whose leading zeros were cut off; RFC 8017 section 8.1.2 step 1 does not.
    if len(signature) != 256:
        return False
    try:
        _rsa_key(public_key).verify(signature, message, _PSS, _SHA256)
    except InvalidSignature:
        return False
    return True


class Signer(Protocol):
    """A node's signing key."""

    scheme: Scheme
    public_key: bytes
    node: bytes

    def sign(self, receipt: Receipt, domain: Domain) -> SignedReceipt:
        """``receipt`` with this key's signature; ``receipt.node`` must be this key's."""
        ...


class Secp256k1Signer:
    """Signs receipts with a secp256k1 key: EIP-712, 65 bytes r . s . v, low s, deterministic (RFC 6979)."""

    scheme = Scheme.SECP256K1

    def __init__(self, private_key: bytes) -> None:
        # The library pads a shorter secret with zeros: a cut-off key would sign in another node's name.
        if len(private_key) != 32:
            raise InvalidField("private key", "must be 32 bytes")
        self._key = PrivateKey(private_key)
        self.address = keccak(self._key.public_key.format(compressed=False)[1:])[12:]
        self.public_key = self.address.rjust(32, b"\0")
        self.node = node_of(self.public_key)

    def sign_hash(self, message_hash: bytes) -> bytes:
        """65 bytes r . s . v over a 32-byte hash."""
        signature = self._key.sign_recoverable(message_hash, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])

    def sign(self, receipt: Receipt, domain: Domain) -> SignedReceipt:
        """Implements :meth:`Signer.sign`."""
        _own(receipt, self.node)
        signature = self.sign_hash(digest(receipt, self.scheme, domain))
        return SignedReceipt(receipt, self.scheme, signature, self.public_key)


class RsaPssSigner:
    """Signs as OpenGradient's gateways do: RSA-2048-PSS, SHA-256, salt of 32 bytes, over their 32-byte hash."""

    scheme = Scheme.OPENGRADIENT_RSA_PSS

    def __init__(self, private_key: rsa.RSAPrivateKey) -> None:
        self._key = private_key
        self.public_key = private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        if scheme_of(self.public_key) is not self.scheme:
            raise InvalidField("private key", "must be RSA of 2048 bits with e = 65537")
        self.node = node_of(self.public_key)

    def sign(self, receipt: Receipt, domain: Domain) -> SignedReceipt:
        """Implements :meth:`Signer.sign`."""
        _own(receipt, self.node)
        if receipt.model != ZERO or receipt.evidence != ZERO:
            raise InvalidField(
                "receipt.model", "and receipt.evidence must be zero: this scheme does not sign them"
            )
        signature = self._key.sign(digest(receipt, self.scheme, domain), _PSS, _SHA256)
        return SignedReceipt(receipt, self.scheme, signature, self.public_key)


def _own(receipt: Receipt, node: bytes) -> None:
    if receipt.node != node:
        raise InvalidField("receipt.node", "is not this key's node")
