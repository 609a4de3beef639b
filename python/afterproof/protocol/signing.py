"""Signatures over receipts: which scheme a key has, whether a signature verifies, and how a node signs.

The rules are those of ``contracts/libraries/PublicKeys.sol`` and ``contracts/schemes/``, to the byte.
Sources: SEC 1 and EIP-2 (low s). RSA is in :mod:`.rsa_pss`, P-256 in :mod:`.p256`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from coincurve import PrivateKey, PublicKey
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from sha3 import keccak_256

from .errors import InvalidField
from .p256 import PREHASHED, is_p256_key, verify_p256
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
    receipt_hash,
)
from .rsa_pss import PSS, SHA256, PssVerifier, is_rsa_key

_HALF_N: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_RSA_PSS: Final = Scheme.OPENGRADIENT_RSA_PSS
_NO_LATE: Final = bytes(24)
"""The upper bytes of the word of an issuedAt that fits 64 bits."""

_NO_EVIDENCE: Final = bytes(32) + _NO_LATE
"""No evidence, and those bytes, which follow it."""


def scheme_of(public_key: bytes) -> Scheme | None:
    """The scheme of a public key, or None where it is of no known form.

    SECP256K1: the 20-byte address, not zero, left-padded to 32 bytes. OPENGRADIENT_RSA_PSS: the strict DER
    SubjectPublicKeyInfo of a 2048-bit modulus (top bit set, odd) with e = 65537. P256: that of an uncompressed point
    on the curve.
    """
    if len(public_key) == 32:
        return Scheme.SECP256K1 if not any(public_key[:12]) and any(public_key[12:]) else None
    if is_rsa_key(public_key):
        return _RSA_PSS
    return Scheme.P256 if is_p256_key(public_key) else None


def node_of(public_key: bytes) -> bytes:
    """The node's 32-byte name: keccak256 of its public key."""
    return keccak(public_key)


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A public key of a known form, the name of its node, its scheme, and whether it signed a hash.

    ``signed(message_hash, signature)``: of an RSA key the 32 bytes are the message.
    """

    public_key: bytes
    node: bytes
    scheme: Scheme
    signed: Callable[[bytes, bytes], bool]


@lru_cache(maxsize=4096)
def key_of(public_key: bytes) -> NodeKey | None:
    """A public key with what follows from it, or None where it is of no known form."""
    scheme = scheme_of(public_key)
    if scheme is None:
        return None
    return NodeKey(public_key, node_of(public_key), scheme, _verifier(scheme, public_key))


def _verifier(scheme: Scheme, public_key: bytes) -> Callable[[bytes, bytes], bool]:
    if scheme is Scheme.SECP256K1:
        address = public_key[12:]
        return lambda message_hash, signature: recover_address(message_hash, signature) == address
    if scheme is Scheme.P256:
        return lambda message_hash, signature: verify_p256(public_key, signature, message_hash)
    return PssVerifier(public_key)


def verify_leaf(leaf: Leaf, public_key: bytes, domain: Domain) -> bool:
    """Whether ``leaf``'s signature verifies under ``public_key``, which must hash to its node.

    Raises:
        InvalidField: the key is of no known scheme or is another node's. Nothing is known of the signature then.
    """
    key = key_of(public_key)
    if key is None:
        raise InvalidField("publicKey", "is of no known signature scheme")
    if key.node != leaf.receipt.node:
        raise InvalidField("publicKey", "does not hash to receipt.node")
    return verify_by(key, leaf, domain)


def verify_by(key: NodeKey, leaf: Leaf, domain: Domain) -> bool:
    """Whether ``leaf``'s signature verifies under ``key``, which is its node's."""
    receipt, signature, scheme = leaf.receipt, leaf.signature, key.scheme
    if receipt.issued_at > MAX_ISSUED_AT or len(signature) > MAX_SIGNATURE:
        return False
    if scheme is _RSA_PSS and (receipt.model != ZERO or receipt.evidence != ZERO):
        return False
    return key.signed(digest(receipt, scheme, domain), signature)


def words_verifier(key: NodeKey, domain: Domain) -> Callable[[bytes, bytes], bool]:
    """What says of a receipt in raw words (192 bytes) and a signature what :func:`verify_by` says of their leaf."""
    signed, separator = key.signed, domain.separator

    def by_message(words: bytes, signature: bytes) -> bool:
        if words[128:184] != _NO_EVIDENCE or words[32:64] != ZERO:
            return False
        return signed(keccak_256(words[64:128] + words[160:]).digest(), signature)

    def by_digest(words: bytes, signature: bytes) -> bool:
        if words[160:184] != _NO_LATE or len(signature) > MAX_SIGNATURE:
            return False
        return signed(keccak(b"\x19\x01" + separator + receipt_hash(words)), signature)

    return by_message if key.scheme is _RSA_PSS else by_digest


def all_signed(key: NodeKey, words: Sequence[bytes], signatures: Sequence[bytes]) -> bool:
    """Whether all receipts in raw words are seen at once to be signed by an RSA key; False says nothing of any."""
    if not isinstance(key.signed, PssVerifier) or {receipt[32:64] for receipt in words} != {ZERO}:
        return False
    if {receipt[128:184] for receipt in words} != {_NO_EVIDENCE}:
        return False
    messages = [keccak_256(receipt[64:128] + receipt[160:]).digest() for receipt in words]
    return not key.signed.forged(messages, signatures)


def forged(key: NodeKey, messages: Sequence[bytes], signatures: Sequence[bytes]) -> list[int]:
    """The places of messages (of 32 bytes) that a key did not sign."""
    signed = key.signed
    if isinstance(signed, PssVerifier):
        return signed.forged(messages, signatures)
    pairs = enumerate(zip(messages, signatures, strict=True))
    return [place for place, (message, signature) in pairs if not signed(message, signature)]


def verify(signed: SignedReceipt, domain: Domain) -> bool:
    """Whether a travelling receipt's signature verifies and its scheme is that of its key.

    Raises:
        InvalidField: as :func:`verify_leaf`, and where ``scheme`` is not the key's.
    """
    if scheme_of(signed.public_key) not in (signed.scheme, None):
        raise InvalidField("scheme", "is not the scheme of publicKey")
    return verify_leaf(signed.leaf, signed.public_key, domain)


def verify_hash(public_key: bytes, message_hash: bytes, signature: bytes) -> bool:
    """Whether a key of a known form signed a 32-byte hash that is no receipt's: ``KeySignatures.isSignedBy``."""
    key = key_of(public_key)
    return key is not None and key.signed(message_hash, signature)


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


class Signer(Protocol):
    """A node's signing key."""

    scheme: Scheme
    public_key: bytes
    node: bytes

    def sign_hash(self, message_hash: bytes) -> bytes:
        """The signature over a 32-byte hash."""
        ...

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
        self.public_key = _spki(private_key.public_key())
        if scheme_of(self.public_key) is not self.scheme:
            raise InvalidField("private key", "must be RSA of 2048 bits with e = 65537")
        self.node = node_of(self.public_key)

    def sign_hash(self, message_hash: bytes) -> bytes:
        """256 bytes over a 32-byte hash."""
        return self._key.sign(message_hash, PSS, SHA256)

    def sign(self, receipt: Receipt, domain: Domain) -> SignedReceipt:
        """Implements :meth:`Signer.sign`."""
        _own(receipt, self.node)
        if receipt.model != ZERO or receipt.evidence != ZERO:
            raise InvalidField(
                "receipt.model", "and receipt.evidence must be zero: this scheme does not sign them"
            )
        signature = self.sign_hash(digest(receipt, self.scheme, domain))
        return SignedReceipt(receipt, self.scheme, signature, self.public_key)


class P256Signer:
    """Signs receipts with a P-256 key: EIP-712, 64 bytes r . s, s in either half, deterministic (RFC 6979)."""

    scheme = Scheme.P256

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(private_key.curve, ec.SECP256R1):
            raise InvalidField("private key", "must be on the curve P-256")
        self._key = private_key
        self._ecdsa = ec.ECDSA(PREHASHED, deterministic_signing=True)
        self.public_key = _spki(private_key.public_key())
        self.node = node_of(self.public_key)

    def sign_hash(self, message_hash: bytes) -> bytes:
        """64 bytes r . s over a 32-byte hash."""
        r, s = utils.decode_dss_signature(self._key.sign(message_hash, self._ecdsa))
        return r.to_bytes(32) + s.to_bytes(32)

    def sign(self, receipt: Receipt, domain: Domain) -> SignedReceipt:
        """Implements :meth:`Signer.sign`."""
        _own(receipt, self.node)
        signature = self.sign_hash(digest(receipt, self.scheme, domain))
        return SignedReceipt(receipt, self.scheme, signature, self.public_key)


def pkcs8_signer(private_key: object) -> RsaPssSigner | P256Signer:
    """The signer of a private key as libraries load it from PKCS #8: its kind decides the scheme.

    Raises:
        InvalidField: no scheme signs with such a key.
    """
    if isinstance(private_key, rsa.RSAPrivateKey):
        return RsaPssSigner(private_key)
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return P256Signer(private_key)
    raise InvalidField("private key", "must be an RSA key or a P-256 key")


def _spki(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _own(receipt: Receipt, node: bytes) -> None:
    if receipt.node != node:
        raise InvalidField("receipt.node", "is not this key's node")
