"""How a document speaks for a node's key, and where it carries a nonce.

OpenGradient's gateways run behind the nitriding daemon, which puts two multihashes into ``user_data``: 0x12 0x20 and
the SHA-256 of the TLS certificate in DER, then 0x12 0x20 and the SHA-256 of the signing key (its SubjectPublicKeyInfo
in DER). Other enclaves put the key itself into ``public_key``.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .document import Document

_MULTIHASH: Final = b"\x12\x20"  # SHA-256, 32 bytes: the multihash table's code and the digest's length
_PART: Final = len(_MULTIHASH) + 32
USER_DATA_HASHES: Final = 2 * _PART
"""Bytes of the two multihashes. More may follow them, as a nonce does."""


class Binding(StrEnum):
    """Where a document names a key."""

    USER_DATA = "user_data"
    PUBLIC_KEY = "public_key"


@dataclass(frozen=True)
class KeyHashes:
    """What ``user_data`` commits to, SHA-256 each: the TLS certificate, and the key that signs receipts."""

    tls_certificate: bytes
    signing_key: bytes


def key_hashes(document: Document) -> KeyHashes | None:
    """The two hashes at the start of ``user_data``, None where it does not hold them."""
    data = document.user_data or b""
    first, second = data[:_PART], data[_PART:USER_DATA_HASHES]
    if len(data) < USER_DATA_HASHES or not (first.startswith(_MULTIHASH) and second.startswith(_MULTIHASH)):
        return None
    return KeyHashes(first[2:], second[2:])


def binding_of(document: Document, public_key: bytes) -> Binding | None:
    """Where the document names ``public_key`` (as its scheme has it: DER, or 32 bytes), None where it does not."""
    hashes = key_hashes(document)
    if hashes is not None and hashes.signing_key == hashlib.sha256(public_key).digest():
        return Binding.USER_DATA
    if public_key and document.public_key == public_key:
        return Binding.PUBLIC_KEY
    return None


def carries(document: Document, nonce: bytes) -> str | None:
    """The field that carries ``nonce``, None where there is none: ``nonce``, whole, or the end of ``user_data``.

    Only a nonce of 32 bytes is looked for in ``user_data``: behind the hashes where it begins with them.
    """
    if document.nonce == nonce:
        return "nonce"
    data = document.user_data or b""
    taken = USER_DATA_HASHES if key_hashes(document) is not None else 0
    if len(nonce) == 32 and len(data) >= taken + 32 and data.endswith(nonce):
        return "user_data"
    return None
