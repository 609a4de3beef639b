"""Receipts: what a node signs, how it signs, and the leaf that a batch holds.

Sources: EIP-712 for the typed digest; OpenGradient's TEE gateways for theirs; RFC 9162 section 2.1.1 for the
``0x00`` before a leaf. ``contracts/libraries/Receipts.sol`` and ``PublicKeys.sol`` give the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from sha3 import keccak_256

from .errors import InvalidField
from .fields import hex_of, integer_of, object_of
from .lazy import lazy

ZERO: Final = bytes(32)
MAX_SIGNATURE: Final = 256
"""Bytes. A longer signature is invalid whatever it says, so that a packed half tile has a largest size."""

MAX_ISSUED_AT: Final = 2**64 - 1
_NO_WORD: Final = 2**256


def keccak(data: bytes) -> bytes:
    """The 32 bytes of keccak-256 of ``data``."""
    digest: bytes = keccak_256(data).digest()
    return digest


RECEIPT_TYPE: Final = (
    b"Receipt(bytes32 node,bytes32 model,bytes32 request,bytes32 response,bytes32 evidence,uint64 issuedAt)"
)
_RECEIPT_TYPEHASH: Final = keccak(RECEIPT_TYPE)
_DOMAIN_TYPEHASH: Final = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_NAME_HASH: Final = keccak(b"Afterproof")
_VERSION_HASH: Final = keccak(b"1")

EMPTY_LEAF_HASH: Final = keccak(b"\x00")
"""The hash of the empty leaf: no receipt, reads Voided, fills a number that can no longer be honoured."""


class Scheme(StrEnum):
    """How a node signed. The scheme follows from the public key (:func:`scheme_of`)."""

    SECP256K1 = "SECP256K1"
    OPENGRADIENT_RSA_PSS = "OPENGRADIENT_RSA_PSS"
    P256 = "P256"


_RSA_PSS: Final = Scheme.OPENGRADIENT_RSA_PSS


@dataclass(frozen=True, slots=True)
class Domain:
    """An EIP-712 domain of Afterproof: ``chain_id`` and the 20 bytes of the verifying contract's address.

    Receipts name the registry there, promises the settlement contract.
    """

    chain_id: int
    contract: bytes

    def __post_init__(self) -> None:
        if len(self.contract) != 20:
            raise InvalidField("domain.contract", "must be an address of 20 bytes")
        if not 0 < self.chain_id < 2**256:
            raise InvalidField("domain.chain_id", "must be a positive chain id")

    @property
    def separator(self) -> bytes:
        """The 32-byte EIP-712 domain separator."""
        return _separator(self.chain_id, self.contract)


@lru_cache(maxsize=64)
def _separator(chain_id: int, contract: bytes) -> bytes:
    words = (_DOMAIN_TYPEHASH, _NAME_HASH, _VERSION_HASH, chain_id.to_bytes(32), contract.rjust(32, b"\0"))
    return keccak(b"".join(words))


@dataclass(frozen=True, init=False)
class Receipt:
    """What a node says it did. Five hashes of 32 bytes and ``issued_at`` in unix seconds.

    ``issued_at`` may be any 256-bit number here, because a posted leaf holds whatever its poster wrote; from
    2**64 on it is no receipt: no signature over it is valid and it is never timely.
    """

    node: bytes
    model: bytes
    request: bytes
    response: bytes
    evidence: bytes
    issued_at: int

    def __init__(
        self, node: bytes, model: bytes, request: bytes, response: bytes, evidence: bytes, issued_at: int
    ) -> None:
        if not len(node) == len(model) == len(request) == len(response) == len(evidence) == 32:
            for name, word in zip(_RECEIPT_FIELDS, (node, model, request, response, evidence), strict=False):
                if len(word) != 32:
                    raise InvalidField(f"receipt.{name}", "must be 32 bytes")
        if not 0 <= issued_at < _NO_WORD:
            raise InvalidField("receipt.issuedAt", "must fit 256 bits and not be negative")
        # One is made for every receipt that comes in: what a frozen dataclass would write field by field.
        fields = self.__dict__
        fields["node"] = node
        fields["model"] = model
        fields["request"] = request
        fields["response"] = response
        fields["evidence"] = evidence
        fields["issued_at"] = issued_at

    @lazy
    def words(self) -> bytes:
        """``abi.encode(receipt)``: six words, 192 bytes."""
        time = self.issued_at.to_bytes(32)
        return b"".join((self.node, self.model, self.request, self.response, self.evidence, time))

    @classmethod
    def from_words(cls, words: bytes) -> "Receipt":
        """The receipt in six raw words (192 bytes)."""
        if len(words) != 192:
            raise InvalidField("receipt", "must be six words of 32 bytes")
        node, model, request, response, evidence = (words[i : i + 32] for i in range(0, 160, 32))
        return cls(node, model, request, response, evidence, int.from_bytes(words[160:]))

    @lazy
    def hash(self) -> bytes:
        """The receipt hash: EIP-712 ``hashStruct``. It does not depend on the signature's bytes."""
        return receipt_hash(self.words)

    @property
    def key(self) -> bytes:
        """What tells it from other receipts in our own indexes."""
        return receipt_keys([self.words])[0]


def receipt_hash(words: bytes) -> bytes:
    """The receipt hash of a receipt in raw words, 192 bytes."""
    digest: bytes = keccak_256(_RECEIPT_TYPEHASH + words).digest()
    return digest


def receipt_keys(words: Iterable[bytes]) -> list[bytes]:
    """What tells receipts in raw words apart in our own indexes: SHA-256 of the words, 32 bytes. Nobody else knows it.

    A verifier needs it of every receipt that anybody posts, and the receipt hash, which tells as much, takes three
    times as long.
    """
    return [sha256(receipt).digest() for receipt in words]


@dataclass(frozen=True, init=False)
class Leaf:
    """One place in a batch: a receipt with its signature."""

    receipt: Receipt
    signature: bytes

    def __init__(self, receipt: Receipt, signature: bytes) -> None:
        fields = self.__dict__
        fields["receipt"] = receipt
        fields["signature"] = signature

    @lazy
    def words(self) -> bytes:
        """Seven words, 224 bytes: the receipt and the hash of the signature."""
        return self.receipt.words + keccak(self.signature)

    @lazy
    def hash(self) -> bytes:
        """The leaf hash: keccak256(0x00 . words)."""
        signed = keccak_256(self.signature).digest()
        digest: bytes = keccak_256(b"\x00" + self.receipt.words + signed).digest()
        return digest


def digest(receipt: Receipt, scheme: Scheme, domain: Domain) -> bytes:
    """The 32 bytes a node signs: the EIP-712 digest, or OpenGradient's hash, which is RSA-PSS's *message*."""
    if scheme is _RSA_PSS:
        words = receipt.words
        signed: bytes = keccak_256(words[64:128] + words[160:]).digest()  # request . response . issuedAt
        return signed
    return keccak(b"\x19\x01" + domain.separator + receipt.hash)


@dataclass(frozen=True, init=False)
class SignedReceipt:
    """A receipt as it travels: with its scheme, signature and the public key that hashes to its node."""

    receipt: Receipt
    scheme: Scheme
    signature: bytes
    public_key: bytes

    def __init__(self, receipt: Receipt, scheme: Scheme, signature: bytes, public_key: bytes) -> None:
        fields = self.__dict__
        fields["receipt"] = receipt
        fields["scheme"] = scheme
        fields["signature"] = signature
        fields["public_key"] = public_key

    @lazy
    def leaf(self) -> Leaf:
        """The leaf that a batch holds for it."""
        return Leaf(self.receipt, self.signature)

    def to_json(self) -> dict[str, Any]:
        """The one form of receipt files and of the HTTP API: 0x-hex, ``issuedAt`` an integer."""
        r = self.receipt
        return {
            "receipt": {
                "node": hex0x(r.node),
                "model": hex0x(r.model),
                "request": hex0x(r.request),
                "response": hex0x(r.response),
                "evidence": hex0x(r.evidence),
                "issuedAt": r.issued_at,
            },
            "scheme": self.scheme.value,
            "signature": hex0x(self.signature),
            "publicKey": hex0x(self.public_key),
        }

    @classmethod
    def from_json(cls, value: object) -> "SignedReceipt":
        """Parse :meth:`to_json`'s form, strictly.

        Raises:
            InvalidField: naming the field and the rule. Unknown fields are refused: a misspelt optional field
                would otherwise be lost in silence.
        """
        top = object_of(value, "", ("receipt", "scheme", "signature", "publicKey"))
        fields = object_of(top["receipt"], "receipt", _RECEIPT_FIELDS)
        node, model, request, response, evidence = (
            hex_of(fields[name], f"receipt.{name}", exactly=32) for name in _RECEIPT_FIELDS[:5]
        )
        issued_at = integer_of(fields["issuedAt"], "receipt.issuedAt", bits=64, unit=" of unix seconds")
        scheme = top["scheme"]
        if not isinstance(scheme, str) or scheme not in Scheme.__members__:
            raise InvalidField("scheme", f"must be one of {', '.join(Scheme)}")
        signature = hex_of(top["signature"], "signature", at_most=MAX_SIGNATURE)
        public_key = hex_of(top["publicKey"], "publicKey", at_most=1024)
        receipt = Receipt(node, model, request, response, evidence, issued_at)
        return cls(receipt, Scheme(scheme), signature, public_key)


_RECEIPT_FIELDS: Final = ("node", "model", "request", "response", "evidence", "issuedAt")


def hex0x(data: bytes) -> str:
    """``data`` as lower-case hex after 0x."""
    return "0x" + data.hex()
