"""Nodes that sign receipts as raw words, and independent of Afterproof's own code: eth_account judges EIP-712."""

from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_canonical_address

NODE, MODEL, REQUEST, RESPONSE, EVIDENCE, ISSUED_AT = range(6)
REGISTRY = "0x" + "a7" * 20
TYPES = {
    "Receipt": [
        {"name": "node", "type": "bytes32"},
        {"name": "model", "type": "bytes32"},
        {"name": "request", "type": "bytes32"},
        {"name": "response", "type": "bytes32"},
        {"name": "evidence", "type": "bytes32"},
        {"name": "issuedAt", "type": "uint64"},
    ]
}

Words = list[bytes]


def word(number: int) -> bytes:
    return number.to_bytes(32)


def struct_hash(words: Words) -> bytes:
    """EIP-712 hashStruct of raw words, whatever they are: eth_account refuses an issuedAt that is no uint64."""
    kind = "Receipt(bytes32 node,bytes32 model,bytes32 request,bytes32 response,bytes32 evidence,uint64 issuedAt)"
    return keccak(keccak(text=kind) + b"".join(words))


def replaced(words: Words, index: int, value: bytes) -> Words:
    return [*words[:index], value, *words[index + 1 :]]


class TypedData:
    """A node that signs EIP-712 over the whole receipt; eth_account is the judge of that."""

    public_key: bytes

    @property
    def node(self) -> bytes:
        return keccak(self.public_key)

    def sign_hash(self, digest: bytes) -> bytes:
        raise NotImplementedError

    def receipt(self, issued_at: int = 1_700_000_000) -> Words:
        return [
            self.node,
            keccak(b"model"),
            keccak(b"request"),
            keccak(b"response"),
            keccak(b"evidence"),
            word(issued_at),
        ]

    def sign(self, words: Words, **domain: Any) -> bytes:
        domain = {
            "name": "Afterproof",
            "version": "1",
            "chainId": 31337,
            "verifyingContract": REGISTRY,
            **domain,
        }
        names = [field["name"] for field in TYPES["Receipt"]]
        message = dict(zip(names, words, strict=True)) | {"issuedAt": int.from_bytes(words[ISSUED_AT])}
        typed = encode_typed_data(domain, TYPES, message)
        return self.sign_hash(keccak(b"\x19\x01" + typed.header + typed.body))


class Secp256k1(TypedData):
    """A node that signs with an account's key."""

    def __init__(self, secret: bytes):
        self.account = Account.from_key(secret)
        self.public_key = bytes(12) + to_canonical_address(self.account.address)

    def sign_hash(self, digest: bytes) -> bytes:
        return bytes(self.account.unsafe_sign_hash(digest).signature)


class P256(TypedData):
    """A node that signs with a P-256 key, as a secure element does: with chance, and with either s."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.public_key = self.private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    def sign_hash(self, digest: bytes) -> bytes:
        r, s = utils.decode_dss_signature(
            self.private.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        )
        return word(r) + word(s)


class OpenGradient:
    """A TEE gateway's RSA key."""

    def __init__(self) -> None:
        self.private = rsa.generate_private_key(65537, 2048)
        self.public_key = self.private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        self.node = keccak(self.public_key)

    def receipt(self, issued_at: int = 1_700_000_000) -> Words:
        return [self.node, word(0), keccak(b"request"), keccak(b"response"), word(0), word(issued_at)]

    def sign(self, words: Words, salt: int = 32) -> bytes:
        return self.sign_message(keccak(words[REQUEST] + words[RESPONSE] + words[ISSUED_AT]), salt)

    def sign_message(self, message: bytes, salt: int = 32) -> bytes:
        return self.private.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
