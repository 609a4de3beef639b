"""Attestations on any chain's stage: code that is allowed, evidence that is known, documents that fit claims."""

from dataclasses import replace
from typing import Any

from afterproof.chain.base import ChainSender
from afterproof.protocol.attestations import Binding, Claims, Facts, certificate_id
from afterproof.protocol.receipt import keccak
from afterproof.protocol.signing import Signer
from tests.support.evidence import document_of

KIND = 2
"""Not Nitro's: a deployment has that."""
NOTHING = bytes(32)
ISSUER = keccak(b"an issuer's name")
SERIALS = (1, 2, 3)
CODE = {binding: keccak(b"code bound by %d" % binding) for binding in Binding}
"""Code of each binding."""

URI = "https://document.example"


def certificates() -> tuple[bytes, bytes, bytes, bytes]:
    """The certificates that the documents hang on: three of ``ISSUER``, and none."""
    first, second, third = (certificate_id(ISSUER, serial) for serial in SERIALS)
    return first, second, third, bytes(16)


def allow_code(owner: ChainSender, verifier: bytes) -> None:
    """One kind of evidence, and code of every binding."""
    owner.add_evidence(KIND, verifier)
    for binding, code in CODE.items():
        owner.allow_measurement(code, binding, f"v{binding}", "git:1")


def claims_of(
    signer: Signer,
    operator: bytes,
    now: int,
    binding: Binding = Binding.KEY,
    lasts: int = 600,
    **changes: Any,
) -> tuple[Claims, bytes]:
    """Sound claims of a node made ``now``, and the document that proves them."""
    plain = Claims(
        KIND, CODE[binding], now, now + lasts, NOTHING, certificates(), NOTHING, operator, operator
    )  # fmt: skip
    claims = replace(plain, **changes)
    by_user_data = binding is Binding.USER_DATA
    nonce, word = (NOTHING, claims.nonce) if by_user_data else (claims.nonce, NOTHING)
    facts = Facts(claims.measurement, claims.document_time, claims.certificates, nonce, word)
    document = document_of(facts, signer.public_key)
    if "document_hash" not in changes:
        claims = replace(claims, document_hash=keccak(document))
    return claims, document


def post_attestation(
    sender: ChainSender, signer: Signer, now: int, lasts: int = 600, **changes: Any
) -> tuple[int, Claims, bytes]:
    """Posts sound claims of a node as its operator, bound by its key: the attestation's number, what it claims, and
    the document."""
    claims, document = claims_of(signer, sender.account, now, lasts=lasts, **changes)
    signature = registration(sender, signer, claims)
    bond = sender.registry_terms().bond
    number, _ = sender.post_attestation(claims, signer.public_key, signature, URI, bond)
    return number, claims, document


def registration(chain: ChainSender, signer: Signer, claims: Claims) -> bytes:
    """The key's word on who operates its node."""
    return signer.sign_hash(chain.registration_digest(signer.node, claims.operator, claims.payout))
