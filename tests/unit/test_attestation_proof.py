"""What proves a document on-chain, as calls.

a document
├── when a chain's limits are osaka's → it should be proven by one call, whatever its size, and however little is known
├── when they are lower → certificates are proven before, from the root on, no more than it takes
├── when they are too low for the document alone → it should say so
├── when certificates are known → they should have empty hints, and no call of their own
└── when a signature does not verify, or a certificate cannot be read → it should name it
"""

from dataclasses import replace

import pytest

from afterproof.attestation.document import MAX_DOCUMENT, parse
from afterproof.attestation.errors import InvalidCertificate
from afterproof.attestation.proof import NO_PARENT, Limits, certificate_proofs, path_of, paths, prove
from afterproof.protocol.errors import InvalidField
from afterproof.protocol.receipt import keccak
from tests.support.nitro_authority import ENCLAVE, INSTANCE, PCRS, REGIONAL, ZONAL, Authority
from tests.support.nitro_evidence import best_hints, uncounted

AT = 1_770_918_962
AUTHORITY = Authority(b"proof")
DOCUMENT = parse(AUTHORITY.issue(AT).raw)


def test_prove_withinOsaka_takesOneCall() -> None:
    proof = prove(DOCUMENT)
    assert proof.certificates == () and proof.hints == best_hints(DOCUMENT)
    assert [len(each) > 14_000 for each in uncounted(proof.hints)] == [True] * 5
    assert len(proof.hints) + len(DOCUMENT.raw) < 131_072 - Limits().spare


def test_prove_largestDocument_takesOneCall() -> None:
    raw = AUTHORITY.issue(
        AT, module_id="i" * 10_000, pcrs={**PCRS, 31: bytes(48)}, public_key=bytes(1024)
    ).raw
    assert 15_000 < len(raw) <= MAX_DOCUMENT
    assert not prove(parse(raw)).certificates


def test_paths_areOfTheWholeChain() -> None:
    path = NO_PARENT
    for der, found in zip(DOCUMENT.certificates, paths(DOCUMENT), strict=True):
        path = keccak(path + keccak(der))
        assert found == path
    assert path_of(AUTHORITY.root) == paths(DOCUMENT)[0]


@pytest.mark.parametrize("gas", range(2_600_000, 9_000_000, 400_000))
def test_prove_lowerLimits_takesTheRestBefore(gas: int) -> None:
    proof = prove(DOCUMENT, (), Limits(gas=gas))
    assert proof.certificates == certificate_proofs(DOCUMENT)[: len(proof.certificates)]
    proven = {each.path for each in proof.certificates}
    assert proof.hints == best_hints(DOCUMENT, proven)
    assert [each.parent for each in proof.certificates] == [NO_PARENT, *paths(DOCUMENT)][: len(proven)]
    if proof.certificates:
        # One fewer would not do.
        fewer = prove(DOCUMENT, proven - {proof.certificates[-1].path}, Limits(gas=gas))
        assert fewer.certificates


def test_prove_smallerTransactions_takesTheRestBefore() -> None:
    proof = prove(DOCUMENT, (), Limits(size=60_000))
    assert len(proof.certificates) == 3 and len(proof.hints) + len(DOCUMENT.raw) < 60_000


def test_prove_limitsTooLow_says() -> None:
    for limits in (Limits(gas=1_000_000), Limits(size=15_000)):
        with pytest.raises(InvalidField, match="limits must allow a transaction that proves a document"):
            prove(DOCUMENT, (), limits)


def test_prove_known_areLeftOut() -> None:
    known = paths(DOCUMENT)[:INSTANCE]
    assert [each.path for each in certificate_proofs(DOCUMENT, known)] == list(paths(DOCUMENT)[INSTANCE:])
    assert uncounted(prove(DOCUMENT, known).hints)[:2] == [b"", b""]
    everything = prove(DOCUMENT, paths(DOCUMENT))
    assert [bool(each) for each in uncounted(everything.hints)] == [False] * 4 + [True]
    # Whoever proved a certificate under another root proved another one.
    assert prove(DOCUMENT, [keccak(der) for der in DOCUMENT.certificates]).hints == prove(DOCUMENT).hints


@pytest.mark.parametrize(
    ("place", "name"), [(REGIONAL, "cabundle[1]"), (ZONAL, "cabundle[2]"), (ENCLAVE, "certificate")]
)
def test_prove_notSignedByTheOneAbove_namesIt(place: int, name: str) -> None:
    plans = AUTHORITY.plans(AT)
    plans[place] = replace(plans[place], signer=AUTHORITY.key("nobody"))
    document = parse(AUTHORITY.issue(AT, plans=plans).raw)
    with pytest.raises(InvalidField) as caught:
        prove(document)
    assert caught.value.field == name
    # Nobody looks at what is known.
    assert prove(document, paths(document)).hints


def test_prove_documentSignedByAnother_saysSo() -> None:
    with pytest.raises(InvalidField, match="the signature must be certificate's, ES384"):
        prove(parse(AUTHORITY.issue(AT, signer=AUTHORITY.key("instance")).raw))


def test_prove_unreadableCertificate_namesIt() -> None:
    chain = AUTHORITY.issue(AT).chain
    with pytest.raises(InvalidCertificate, match=r"cabundle\[2\] must be an X.509"):
        prove(parse(AUTHORITY.issue(AT, cabundle=[*chain[:2], chain[2][:-1], chain[3]]).raw))
