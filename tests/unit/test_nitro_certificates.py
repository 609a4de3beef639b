"""NitroEvidence's certificates: proven once, by anyone, remembered by their path up to a root.

proving a certificate
├── when it is the pinned root → it should be remembered, as Python reads it
├── when it is another root, or below a path that is unknown → it should revert
├── when it is signed by the one above it → it should be remembered with what it says, and what those above allow
├── when it was proven before → it should change nothing, whatever the hints
├── when hints or issuer are wrong, or the issuer may not → it should revert
├── when five would be below a root → it should revert
├── when a chain takes less gas in a transaction → the calls that Python plans keep within it
└── when its issuer was renewed with the same key → it has two paths
verifying with what is remembered
├── when any of the chain is → the same facts as when none is, and hints for it go unread
├── when nothing is → the authorities are remembered, and the last certificate is not
├── when a remembered one is not valid at the document's time → it should revert
├── when another root is pinned → nothing counts, until the first one is pinned again
├── when the caller is not the owner → no root is pinned
└── when gas runs short anywhere → it should revert and remember nothing
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from afterproof.attestation.certificates import read_certificate
from afterproof.attestation.document import parse
from afterproof.attestation.proof import NO_PARENT, Limits, certificate_proofs, path_of, paths, prove
from tests.support.calls import View, chain
from tests.support.evm import Reverted
from tests.support.nitro_authority import (
    ENCLAVE,
    INSTANCE,
    REGIONAL,
    ROOT,
    ZONAL,
    Authority,
    Issued,
    gateway_data,
)
from tests.support.nitro_evidence import KEY, best_hints, deploy_evidence, facts_of, judge, pinned, send

AT = 1_770_918_962
AUTHORITY, STRANGER = Authority(b"certificates"), Authority(b"stranger")
DATA = gateway_data(b"tls", KEY)


@pytest.fixture(scope="module")
def running() -> Iterator[View]:
    with chain(hardfork="osaka") as node:
        yield deploy_evidence(node, AUTHORITY.root_hash)


@pytest.fixture
def evidence(running: View) -> Iterator[View]:
    snapshot = running.node.rpc("evm_snapshot")
    yield running
    running.node.rpc("evm_revert", snapshot)


def issue(**given: object) -> Issued:
    return AUTHORITY.issue(AT, **{"user_data": DATA, **given})  # type: ignore[arg-type]


def refusal(evidence: View, fn: str, *arguments: object) -> tuple[str, tuple[object, ...]]:
    with pytest.raises(Reverted) as caught:
        evidence.call(fn, *arguments)
    return caught.value.name, caught.value.values


def prove_all(evidence: View, raw: bytes) -> tuple[bytes, ...]:
    """Every certificate in a transaction of its own; their paths."""
    document = parse(raw)
    calls = certificate_proofs(document)
    assert [each.path for each in calls] == list(paths(document))
    for each in calls:
        assert send(evidence, "proveCertificate", each.der, each.parent, each.hints)["status"] == "0x1"
    return paths(document)


def known(evidence: View, raw: bytes) -> list[bool]:
    return [evidence.call("certificate", path).proven for path in paths(parse(raw))]


# --- proving --------------------------------------------------------------------------------------


def test_prove_wholeChain_isRememberedAsPythonReadsIt(evidence: View) -> None:
    issued = issue()
    allowed = (255, 2, 1, 0)
    for place, path in enumerate(prove_all(evidence, issued.raw)):
        found, read = evidence.call("certificate", path), read_certificate(issued.chain[place], "it")
        assert (found.proven, found.depth, found.id) == (True, place, read.id)
        assert (found.notBefore, found.notAfter) == (read.not_before, read.not_after)
        flags = (found.isAuthority, found.signsCertificates, found.signsMessages)
        assert flags == (read.is_ca, read.signs_certificates, read.signs_data)
        assert not read.is_ca or found.pathLength == allowed[place]
        assert read.key is not None
        point = read.key.public_numbers()
        assert b"".join(found.key) == point.x.to_bytes(48) + point.y.to_bytes(48)


def test_prove_pathLength_isTheLeastThatAnyAllows(evidence: View) -> None:
    plans = AUTHORITY.plans(AT)
    plans[REGIONAL] = plans[REGIONAL].having(x509.BasicConstraints(ca=True, path_length=9))
    plans[ZONAL] = plans[ZONAL].having(x509.BasicConstraints(ca=True, path_length=None))
    plans[INSTANCE] = plans[INSTANCE].having(x509.BasicConstraints(ca=True, path_length=100))
    places = prove_all(evidence, issue(plans=plans).raw)
    assert [evidence.call("certificate", path).pathLength for path in places[:4]] == [255, 9, 8, 7]


def test_prove_otherRootOrUnknownParent_reverts(evidence: View) -> None:
    issued = issue()
    found = refusal(evidence, "proveCertificate", STRANGER.root, NO_PARENT, b"")
    assert found == ("WrongRoot", (STRANGER.root_hash, AUTHORITY.root_hash))
    root = path_of(AUTHORITY.root)
    assert refusal(evidence, "proveCertificate", issued.chain[REGIONAL], root, b"") == (
        "UnknownParent",
        (root,),
    )
    assert refusal(evidence, "proveCertificate", b"", NO_PARENT, b"")[0] == "WrongRoot"


def test_prove_again_changesNothingWhateverTheHints(evidence: View) -> None:
    issued = issue()
    prove_all(evidence, issued.raw)
    for place, path in enumerate(paths(parse(issued.raw))):
        parent = paths(parse(issued.raw))[place - 1] if place else NO_PARENT
        receipt = send(evidence, "proveCertificate", issued.chain[place], parent, b"wrong")
        assert (receipt["status"], receipt["logs"]) == ("0x1", [])
        assert int(receipt["gasUsed"], 16) < 60_000
        assert evidence.call("proveCertificate", issued.chain[place], parent, b"") == path


def test_prove_wrongHintsOrIssuer_reverts(evidence: View) -> None:
    issued = issue()
    calls = certificate_proofs(parse(issued.raw))
    for each in calls[:2]:
        send(evidence, "proveCertificate", each.der, each.parent, each.hints)
    zonal, instance = calls[ZONAL], calls[INSTANCE]
    for hints in (b"", zonal.hints[:-1], instance.hints, b"\0" * len(zonal.hints)):
        found = refusal(evidence, "proveCertificate", zonal.der, zonal.parent, hints)
        assert found == ("CertificateNotProven", (2,))
    assert refusal(evidence, "proveCertificate", instance.der, zonal.parent, instance.hints) == (
        "WrongIssuer",
        (2,),
    )
    assert not any(known(evidence, issued.raw)[2:])


def test_prove_belowOneThatMayNotIssue_reverts(evidence: View) -> None:
    issued = issue()
    leaf = prove_all(evidence, issued.raw)[ENCLAVE]
    own = replace(AUTHORITY.plans(AT)[ENCLAVE], key=AUTHORITY.key("own"))
    rogue = own.issued(AUTHORITY.plans(AT)[ENCLAVE])
    # Beyond the fourth there is no place, whoever issued it.
    assert refusal(evidence, "proveCertificate", rogue, leaf, b"") == ("ChainTooLong", (5,))
    short = issue(plans=[AUTHORITY.plans(AT)[ROOT], AUTHORITY.plans(AT)[ENCLAVE]])
    leaf = prove_all(evidence, short.raw)[1]
    assert refusal(evidence, "proveCertificate", rogue, leaf, b"") == ("NotAuthority", (1,))


def test_prove_issuerRenewedWithItsKey_twoPaths(evidence: View) -> None:
    """What hangs on one is not yet proven below the other, though the very same signature proves it."""
    plans = AUTHORITY.plans(AT)
    first = issue(plans=plans)
    plans[ZONAL] = replace(plans[ZONAL], serial=plans[ZONAL].serial + 1)
    second = issue(plans=plans)
    assert first.chain[INSTANCE] == second.chain[INSTANCE]
    prove_all(evidence, first.raw)
    assert known(evidence, second.raw) == [True, True, False, False, False]
    prove_all(evidence, second.raw)
    for issued in (first, second):
        facts = evidence.call(
            "verify", issued.raw, best_hints(parse(issued.raw), paths(parse(issued.raw))), KEY
        )
        assert tuple(facts) == facts_of(parse(issued.raw), KEY)


@pytest.mark.parametrize("gas", [2_600_000, 3_700_000, 5_000_000, 6_300_000, 7_600_000])
def test_prove_withinAnyLimit_everyCallKeepsWithinIt(evidence: View, gas: int) -> None:
    """What `prove` says a chain can take, it takes: of a document as it comes, and of one as large as can be."""
    full = {
        "module_id": "i" * 6_000,
        "public_key": b"\xa5" * 1024,
        "pcrs": dict.fromkeys(range(32), b"Z" * 48),
    }
    for given in ({}, full) if gas > 5_000_000 else ({},):
        issued = issue(**given)
        proof = prove(parse(issued.raw), (), Limits(gas=gas))
        snapshot = evidence.node.rpc("evm_snapshot")
        for each in proof.certificates:
            call = (each.der, each.parent, each.hints)
            assert send(evidence, "proveCertificate", *call, gas=gas)["status"] == "0x1"
        assert send(evidence, "verify", issued.raw, proof.hints, KEY, gas=gas)["status"] == "0x1"
        evidence.node.rpc("evm_revert", snapshot)


# --- what is remembered ---------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(6))
def test_verify_someRemembered_theSameFacts(evidence: View, count: int) -> None:
    issued = issue()
    document = parse(issued.raw)
    for each in certificate_proofs(document)[:count]:
        send(evidence, "proveCertificate", each.der, each.parent, each.hints)
    held = paths(document)[:count]
    for hints in (best_hints(document, held), best_hints(document)):
        assert tuple(evidence.call("verify", issued.raw, hints, KEY)) == facts_of(document, KEY)
    proof = prove(document, held)
    assert not proof.certificates and proof.hints == best_hints(document, held)


def test_verify_nothingRemembered_theAuthoritiesAre(evidence: View) -> None:
    issued = issue()
    receipt = send(evidence, "verify", issued.raw, best_hints(parse(issued.raw)), KEY)
    assert receipt["status"] == "0x1" and len(receipt["logs"]) == 4
    assert known(evidence, issued.raw) == [True, True, True, True, False]
    again = send(
        evidence, "verify", issued.raw, best_hints(parse(issued.raw), paths(parse(issued.raw))[:4]), KEY
    )
    assert again["status"] == "0x1" and not again["logs"]


@pytest.mark.parametrize("place", [ROOT, REGIONAL, ZONAL, INSTANCE, ENCLAVE])
def test_verify_rememberedNotValidThen_reverts(evidence: View, place: int) -> None:
    """Remembered from a document of another day: what counts is the time of the one at hand."""
    plans = AUTHORITY.plans(AT)
    if place != ROOT:
        plans[place] = replace(plans[place], starts=AT - 9, ends=AT)
    early, late = issue(plans=plans), issue(plans=plans, timestamp=(AT + 1) * 1000)
    if place == ROOT:
        late = issue(plans=plans, timestamp=(plans[ROOT].ends + 1) * 1000)
    prove_all(evidence, early.raw)
    held = paths(parse(early.raw))
    assert judge(evidence, early.raw, AUTHORITY.root_hash, known=held)[0] == ""
    assert judge(evidence, late.raw, AUTHORITY.root_hash, known=held)[0] == "NotValidAt"
    edge = issue(plans=plans, timestamp=AT * 1000 + 999)
    assert judge(evidence, edge.raw, AUTHORITY.root_hash, known=held)[0] == ""


def test_verify_anotherRootPinned_nothingCountsUntilTheFirstIsBack(evidence: View) -> None:
    issued, foreign = issue(), STRANGER.issue(AT, user_data=DATA)
    prove_all(evidence, issued.raw)
    held = paths(parse(issued.raw))
    with pinned(evidence, STRANGER.root_hash):
        assert evidence.call("root") == STRANGER.root_hash
        assert judge(evidence, issued.raw, STRANGER.root_hash, known=held)[0] == "WrongRoot"
        assert judge(evidence, foreign.raw, STRANGER.root_hash)[0] == ""
    assert judge(evidence, foreign.raw, AUTHORITY.root_hash)[0] == "WrongRoot"
    assert judge(evidence, issued.raw, AUTHORITY.root_hash, known=held)[0] == ""


def test_setRoot_byAnotherThanTheOwner_reverts(evidence: View) -> None:
    stranger = evidence.node.rpc("eth_accounts")[1]
    assert send(evidence, "setRoot", STRANGER.root_hash, sender=stranger)["status"] == "0x0"
    assert evidence.call("root") == AUTHORITY.root_hash


def test_verify_shortOfGas_revertsAndRemembersNothing(evidence: View) -> None:
    """From what the calldata alone costs to what is enough, in uneven steps: never an answer, never a trace."""
    issued = issue()
    arguments = (issued.raw, best_hints(parse(issued.raw)), KEY)
    snapshot = evidence.node.rpc("evm_snapshot")
    enough = int(send(evidence, "verify", *arguments)["gasUsed"], 16)
    evidence.node.rpc("evm_revert", snapshot)
    least = 3_400_000
    for gas in [*range(least, enough, (enough - least) // 23), enough - 1]:
        assert send(evidence, "verify", *arguments, gas=gas)["status"] == "0x0", gas
        assert not any(known(evidence, issued.raw)), gas
    assert send(evidence, "verify", *arguments, gas=enough * 65 // 64)["status"] == "0x1"


def test_names_ofParts_areNoIssuers(evidence: View) -> None:
    """A subject that begins as another one is another one."""
    plans = AUTHORITY.plans(AT)
    longer = x509.Name([*plans[REGIONAL].subject, x509.NameAttribute(NameOID.COMMON_NAME, "more")])
    plans[ZONAL] = replace(plans[ZONAL], issuer=longer)
    assert judge(evidence, issue(plans=plans).raw, AUTHORITY.root_hash)[0] == "WrongIssuer"
