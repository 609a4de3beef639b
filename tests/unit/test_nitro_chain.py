"""NitroEvidence: the chain of a document, judged by the contract and by Python alike.

when one thing is wrong with the chain
├── root, length, order → it should revert with that name, where Python fails that check
├── a certificate that cannot be read, or is of another algorithm → likewise
├── issuer, signer, validity (whose first and last second belong to it) → likewise
└── constraints, path length, key usage, critical extensions → likewise
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.support.calls import View, chain
from tests.support.nitro_authority import (
    AUTHORITY_USAGE,
    ENCLAVE,
    ENCLAVE_USAGE,
    INSTANCE,
    REGIONAL,
    ROOT,
    ZONAL,
    Authority,
    Issued,
    Plan,
    usage,
)  # fmt: skip
from tests.support.nitro_evidence import (
    AT,
    AUTHORITY,
    DATA,
    deploy_evidence,
    issue,
    judge,
    pinned,
    refused,
)

STRANGER = Authority(b"stranger")
PLACES = [ROOT, REGIONAL, ZONAL, INSTANCE, ENCLAVE]


@pytest.fixture(scope="module")
def evidence() -> Iterator[View]:
    with chain(hardfork="osaka") as node:
        yield deploy_evidence(node, AUTHORITY.root_hash)


def changed(place: int, change: Callable[[Plan], Plan]) -> Issued:
    """A document whose chain was planned otherwise at one place."""
    plans = AUTHORITY.plans(AT)
    plans[place] = change(plans[place])
    return issue(plans=plans)


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def test_verify_otherRoot_reverts(evidence: View) -> None:
    refused(evidence, STRANGER.issue(AT, user_data=DATA), "WrongRoot")
    plans = [AUTHORITY.plans(AT)[ROOT], *STRANGER.plans(AT)[1:]]
    plans[REGIONAL] = replace(plans[REGIONAL], signer=STRANGER.key("root"))
    refused(evidence, issue(plans=plans), "CertificateNotProven")


def test_verify_fiveBelowTheRoot_reverts(evidence: View) -> None:
    plans = AUTHORITY.plans(AT)
    free = x509.BasicConstraints(ca=True, path_length=None)
    plans = [each.having(free) if place in (1, 2, 3) else each for place, each in enumerate(plans)]
    extra = replace(plans[INSTANCE], key=AUTHORITY.key("extra"), subject=_named("extra"))
    refused(evidence, issue(plans=[*plans[:ENCLAVE], extra, plans[ENCLAVE]]), "ChainTooLong")


def test_verify_bundleOutOfOrderOrWithGaps_reverts(evidence: View) -> None:
    root, regional, zonal, instance, _ = issue().chain
    for bundle, name in (
        ([root, zonal, regional, instance], "WrongIssuer"), ([root, regional, zonal], "WrongIssuer"),
        ([root, regional, instance], "WrongIssuer"), ([regional, zonal, instance], "WrongRoot"),
        ([instance, zonal, regional, root], "WrongRoot"), ([root, root, regional, zonal], "WrongIssuer"),
        ([root, regional, regional, zonal], "WrongIssuer"), ([root], "WrongIssuer"),
    ):  # fmt: skip
        found, report = judge(evidence, issue(cabundle=bundle).raw, AUTHORITY.root_hash)
        # A root issued itself: twice in a row it is wrong only by what follows.
        assert found and report, (name, found)
        assert found == name or bundle[1:2] == [root], (name, found)


def test_verify_unreadableCertificate_reverts(evidence: View) -> None:
    root, regional, zonal, instance, leaf = issue().chain
    refused(evidence, issue(cabundle=[root, regional, zonal[:-1], instance]), "Truncated")
    refused(evidence, issue(cabundle=[root, regional, zonal + b"\0", instance]), "TrailingBytes")
    refused(evidence, issue(certificate=leaf[1:]), "UnexpectedTag")


@pytest.mark.parametrize("place", [REGIONAL, INSTANCE, ENCLAVE])
def test_verify_otherAlgorithm_reverts(evidence: View, place: int) -> None:
    curve = ec.derive_private_key(7, ec.SECP256R1())
    modulus = rsa.generate_private_key(65537, 2048)
    for key in (curve, modulus):
        plans = AUTHORITY.plans(AT)
        plans[place] = replace(plans[place], key=key)
        refused(evidence, issue(plans=plans, signer=AUTHORITY.key("enclave")), "NotP384Key")
    refused(
        evidence, changed(place, lambda plan: replace(plan, digest=hashes.SHA256())), "NotEcdsaWithSha384"
    )


@pytest.mark.parametrize("place", PLACES[1:])
def test_verify_otherIssuerOrSigner_reverts(evidence: View, place: int) -> None:
    refused(evidence, changed(place, lambda plan: replace(plan, issuer=_named("somebody"))), "WrongIssuer")
    stranger = STRANGER.key("root")
    refused(evidence, changed(place, lambda plan: replace(plan, signer=stranger)), "CertificateNotProven")


@pytest.mark.parametrize("place", PLACES)
def test_verify_validity_includesItsFirstAndLastSecond(evidence: View, place: int) -> None:
    for starts, ends, valid in (
        (AT, AT + 9, True), (AT + 1, AT + 9, False), (AT - 9, AT, True), (AT - 9, AT - 1, False),
    ):  # fmt: skip
        issued = changed(place, lambda plan, a=starts, b=ends: replace(plan, starts=a, ends=b))  # type: ignore[misc]
        _with_own_root(evidence, issued, "" if valid else "NotValidAt")


def _with_own_root(evidence: View, issued: Issued, name: str) -> None:
    """A verdict under the root that the document itself has."""
    root = hashlib.sha256(issued.chain[ROOT]).digest()
    with pinned(evidence, root):
        assert judge(evidence, issued.raw, root)[0] == name


@pytest.mark.parametrize("place", PLACES[:-1])
def test_verify_authorityThatIsNone_reverts(evidence: View, place: int) -> None:
    none = x509.BasicConstraints(ca=False, path_length=None)
    _with_own_root(evidence, changed(place, lambda plan: plan.having(none)), "NotAuthority")


def test_verify_signedByAnAuthority_reverts(evidence: View) -> None:
    plans = AUTHORITY.plans(AT)
    leaf = plans[ENCLAVE].having(x509.BasicConstraints(ca=True, path_length=None))
    refused(evidence, issue(plans=[*plans[:ENCLAVE], leaf]), "PathTooLong")
    refused(evidence, issue(plans=[plans[ROOT], leaf]), "SignedByAuthority")


@pytest.mark.parametrize("place", [REGIONAL, ENCLAVE])
@pytest.mark.parametrize("kind", [x509.BasicConstraints, x509.KeyUsage])
def test_verify_withoutConstraintsOrUsage_reverts(
    evidence: View, place: int, kind: type[x509.ExtensionType]
) -> None:
    refused(evidence, changed(place, lambda plan: plan.without(kind)), "MissingExtension")


@pytest.mark.parametrize(("place", "enough"), [(ROOT, 3), (REGIONAL, 2), (ZONAL, 1), (INSTANCE, 0)])
def test_verify_pathLength_countsTheAuthoritiesBelow(evidence: View, place: int, enough: int) -> None:
    """Each alone: the others allow any number."""
    for length, name in ((enough, ""), (enough - 1, "PathTooLong"), (127, "")):
        if length < 0:
            continue
        plans = AUTHORITY.plans(AT)
        for each in PLACES[:-1]:
            limit = length if each == place else None
            plans[each] = plans[each].having(x509.BasicConstraints(ca=True, path_length=limit))
        _with_own_root(evidence, issue(plans=plans), name)


def test_verify_lowerLimitBelowAHigherOne_bothCount(evidence: View) -> None:
    for limits, name in (((3, 2, 1, 0), ""), ((3, 9, 9, 9), ""), ((2, 9, 9, 9), "PathTooLong"),
                         ((9, 9, 0, 9), "PathTooLong"), ((9, 1, 9, 0), "PathTooLong")):  # fmt: skip
        plans = AUTHORITY.plans(AT)
        for place, limit in enumerate(limits):
            plans[place] = plans[place].having(x509.BasicConstraints(ca=True, path_length=limit))
        _with_own_root(evidence, issue(plans=plans), name)


def test_verify_instanceThatMakesAnAuthority_reverts(evidence: View) -> None:
    """Whoever holds an instance's key must not set up an authority of its own below it."""
    plans = AUTHORITY.plans(AT)
    rogue = replace(plans[INSTANCE], key=STRANGER.key("rogue"), subject=_named("rogue"))
    refused(evidence, issue(plans=[plans[ROOT], *plans[ZONAL:ENCLAVE], rogue, plans[ENCLAVE]]), "PathTooLong")


@pytest.mark.parametrize(
    ("place", "lacking", "name"),
    [
        (ROOT, AUTHORITY_USAGE - {"key_cert_sign"}, "MayNotSignCertificates"),
        (REGIONAL, AUTHORITY_USAGE - {"key_cert_sign"}, "MayNotSignCertificates"),
        (INSTANCE, frozenset({"digital_signature"}), "MayNotSignCertificates"),
        (ENCLAVE, ENCLAVE_USAGE - {"digital_signature"}, "MayNotSignDocuments"),
        (ENCLAVE, frozenset({"key_cert_sign"}), "MayNotSignDocuments"),
    ],
)  # fmt: skip
def test_verify_tooLittleKeyUsage_reverts(
    evidence: View, place: int, lacking: frozenset[str], name: str
) -> None:
    _with_own_root(evidence, changed(place, lambda plan: plan.having(usage(lacking))), name)


@pytest.mark.parametrize("place", [REGIONAL, INSTANCE, ENCLAVE])
@pytest.mark.parametrize("critical", [False, True])
def test_verify_unknownExtension_revertsWhenCritical(evidence: View, place: int, critical: bool) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    issued = changed(place, lambda plan: plan.having(unknown, critical))
    refused(evidence, issued, "UnknownCriticalExtension" if critical else "")
