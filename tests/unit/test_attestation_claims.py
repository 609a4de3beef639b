"""Claims and documents: what one says as the other, and the judge of both.

the judge of an attestation
├── whatever the binding, and wherever the nonce stands → it should say what the registry's proof says
├── whatever differs → it should name it, and say so of bytes that are no document, or another
└── of a document that a challenge would be lost against → it should never be "fails"
claims of a document
├── should be what the proof takes; a register that is missing, a chain too long → a named field
└── with a nonce: that of the field where the binding has it, or none
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.attestation.claims import (
    NO_NONCE,
    Another,
    Fails,
    Proves,
    certificates_of,
    claims_of,
    judge,
    with_nonce,
)
from afterproof.attestation.document import Document, parse
from afterproof.attestation.verify import read_chain
from afterproof.errors import CallReverted
from afterproof.protocol.attestations import Binding, Claims
from afterproof.protocol.errors import InvalidField
from tests.support.nitro_authority import PCRS, REGIONAL, gateway_data
from tests.support.nitro_world import AUTHORITY, Attested, measurement_of
from tests.support.on_registry import registration
from tests.support.world import OPERATOR, OWNER, World

WORD, OTHER = b"\x5a" * 32, b"\xa5" * 32


@pytest.fixture
def attested(tmp_path: Path) -> Attested:
    return Attested(World(tmp_path))


def on_chain(attested: Attested, claims: Claims, key: Any, raw: bytes) -> str:
    """The error with which the registry refuses the proof of these claims; empty where it takes it."""
    chain = attested.world.chain.account_view(OPERATOR)
    number, _ = chain.post_attestation(
        claims, key.public_key, registration(chain, key, claims), "", attested.terms.bond
    )
    try:
        chain.prove_attestation(number, claims, key.public_key, raw, b"")
    except CallReverted as error:
        return error.error
    return ""


@pytest.mark.parametrize("binding", list(Binding))
@pytest.mark.parametrize("claimed", [False, True])
def test_judge_saysWhatTheProofSays_whereverANonceStands(
    attested: Attested, binding: Binding, claimed: bool
) -> None:
    owner, chain = (attested.world.chain.account_view(who) for who in (OWNER, OPERATOR))
    pcrs = {**PCRS, 0: bytes([binding + 1]) * 48}
    owner.allow_measurement(measurement_of(pcrs), binding, "1", "-")
    word, _ = chain.open_nonce(OPERATOR, OPERATOR)
    outcomes = set()
    for nonce in (None, b"short", word, OTHER):
        for behind in (b"", word, OTHER, b"\x01" + word, word + b"\x01"):
            key = attested.key()
            data = gateway_data(b"tls", key.public_key) + behind
            document = attested.document(key, pcrs=pcrs, nonce=nonce, user_data=data)
            claims = attested.claims(document)
            if claimed:
                claims = replace(claims, nonce=word)
            verdict = judge(document.raw, claims, key.public_key, AUTHORITY.root_hash, binding)
            refused = on_chain(attested, claims, key, document.raw)
            assert isinstance(verdict, Proves) == (refused == ""), (nonce, behind, verdict, refused)
            outcomes.add(refused)
    assert outcomes == ({"", "ClaimDiffers"} if claimed else {""})


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("measurement", WORD, "measurement"),
        ("document_time", 5, "time"),
        ("certificates", (bytes(16),) * 4, "certificates"),
        ("nonce", WORD, "nonce"),
    ],
)
def test_judge_namesWhatDiffers(attested: Attested, field: str, value: Any, named: str) -> None:
    key = attested.key()
    document = attested.document(key)
    claims = replace(attested.claims(document), **{field: value})
    verdict = judge(document.raw, claims, key.public_key, AUTHORITY.root_hash, Binding.KEY)
    assert verdict == Fails(f"it holds, but claims differ from what it says: {named}")


def test_judge_ofOtherBytes_saysNothingOfTheDocument(attested: Attested) -> None:
    key = attested.key()
    document = attested.document(key)
    claims = attested.claims(document)
    for raw in (b"", b"nonsense", document.raw + b"\0", attested.document(key, nonce=b"x").raw):
        assert isinstance(judge(raw, claims, key.public_key, AUTHORITY.root_hash, Binding.KEY), Another)


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"\x84" * 3000, bytes(20_000)])
def test_judge_ofPostedNonsense_fails(attested: Attested, raw: bytes) -> None:
    from afterproof.protocol.receipt import keccak

    key = attested.key()
    claims = replace(attested.claims(attested.document(key)), document_hash=keccak(raw))
    verdict = judge(raw, claims, key.public_key, AUTHORITY.root_hash, Binding.KEY)
    assert isinstance(verdict, Fails) and verdict.why.startswith("it is no document: ")


def test_judge_underAnotherRoot_orForAnotherKey_fails(attested: Attested) -> None:
    key = attested.key()
    document = attested.document(key)
    claims = attested.claims(document)
    assert "root" in _why(judge(document.raw, claims, key.public_key, WORD, Binding.KEY))
    other = attested.key().public_key
    assert "key" in _why(judge(document.raw, claims, other, AUTHORITY.root_hash, Binding.KEY))


def _why(verdict: Any) -> str:
    assert isinstance(verdict, Fails)
    return verdict.why


def test_claims_ofADocumentThatCannotHaveThem_nameTheField(attested: Attested) -> None:
    key = attested.key()
    with pytest.raises(InvalidField, match="pcrs must hold PCR0, PCR1 and PCR2"):
        claims_of(attested.document(key, pcrs={1: bytes(48)}), 1, OPERATOR, OPERATOR)
    chain = AUTHORITY.issue(attested.world.now).chain
    for bundle in ([*chain[:4], chain[3]], [*chain[:3], b"no certificate"]):
        document = attested.document(key, cabundle=bundle)
        assert certificates_of(document) is None
        with pytest.raises(InvalidField, match="cabundle must be certificates, 4 below the root at most"):
            claims_of(document, 1, OPERATOR, OPERATOR)


def test_claims_areOfTheChainFromBelowTheRootOn(attested: Attested) -> None:
    document = attested.document(attested.key())
    chain: Any = read_chain(document)
    assert certificates_of(document) == tuple(each.id for each in chain[REGIONAL:])
    short = attested.document(attested.key(), cabundle=[each.der for each in chain[:2]])
    found = certificates_of(short)
    assert found is not None and found[2:] == (bytes(16), bytes(16))


@pytest.mark.parametrize(
    ("binding", "nonce", "behind", "taken"),
    [
        (Binding.NONCE, WORD, OTHER, WORD), (Binding.NONCE, None, OTHER, NO_NONCE),
        (Binding.USER_DATA, WORD, OTHER, OTHER), (Binding.USER_DATA, WORD, b"", NO_NONCE),
        (Binding.NONCE, WORD[:31], b"", NO_NONCE), (Binding.NONCE, bytes(32), b"", NO_NONCE),
    ],
)  # fmt: skip
def test_withNonce_takesItWhereTheBindingHasIt(
    attested: Attested, binding: Binding, nonce: bytes | None, behind: bytes, taken: bytes
) -> None:
    key = attested.key()
    data = gateway_data(b"tls", key.public_key) + behind
    document: Document = attested.document(key, nonce=nonce, user_data=data)
    assert with_nonce(attested.claims(document), document, binding).nonce == taken
    assert parse(document.raw).hash == document.hash
