"""The registry with real Nitro evidence, on osaka with its limits; documents of a test authority.

an attestation that a key posted
├── when it is challenged and then proven in one transaction → it is proven, and the deposit is the prover's
├── when nobody challenges, and anyone proves → the same, with nothing owed
├── when it is challenged and not proven → it is rejected, and the bond is lost
├── when the document is another one than was posted, or says otherwise than was claimed → it should revert by name
├── when the hints are wrong → it should revert by name, and right ones still prove it
└── when the enclave is a debug one, or its root another → nothing proves it
an attestation that is posted with its proof
├── when its document carries the opened nonce where its measurement says → it is proven, live from the next second on
└── when it carries none, another, or elsewhere → it should revert
a certificate of the chain
└── when it is revoked → what hangs on it is live no more, and nothing new is posted below it
"""

from collections.abc import Collection, Iterator
from dataclasses import astuple, replace
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from afterproof.attestation.certificates import Certificate
from afterproof.attestation.document import Document, parse
from afterproof.attestation.proof import paths, prove
from afterproof.attestation.verify import read_chain
from afterproof.chain.plan import NITRO
from afterproof.protocol.attestations import Assurance, AttestationState, Binding, Claims
from afterproof.protocol.receipt import keccak
from afterproof.protocol.registry_views import registration_digest
from afterproof.protocol.signing import Signer
from benchmarks.gas_chain import GasError
from benchmarks.gas_stage import Stage, stage
from tests.support.nitro_authority import INSTANCE, PCRS, Authority, gateway_data
from tests.support.nitro_evidence import best_hints
from tests.support.scene import rsa_signer, secp_signer

REGISTRY = "AttestationRegistry"
AUTHORITY, STRANGER = Authority(b"registry"), Authority(b"stranger")
NODE = secp_signer(1)
BY_USER_DATA = {**PCRS, 0: b"\x0d" * 48}
"""Registers of code that puts what it is told into user_data."""
BY_NONCE = {**PCRS, 0: b"\x0e" * 48}
"""Of code that asks for its documents' nonces itself."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Stage]:
    with stage() as running:
        running.transact(running.owner, "NitroEvidence", "setRoot", AUTHORITY.root_hash)
        for pcrs, binding in (
            (PCRS, Binding.KEY), (BY_USER_DATA, Binding.USER_DATA), (BY_NONCE, Binding.NONCE)
        ):  # fmt: skip
            measurement = keccak(b"".join(pcrs[index] for index in (0, 1, 2)))
            running.transact(running.owner, REGISTRY, "allowMeasurement", measurement, binding, "1", "git:1")
        yield running


@pytest.fixture
def scene(shared: Stage) -> Iterator[Stage]:
    with shared.undone():
        yield shared


def issued(scene: Stage, node: Signer = NODE, authority: Authority = AUTHORITY, **given: Any) -> Document:
    """A document of just now that names the node's key."""
    data = gateway_data(b"tls", node.public_key)
    return parse(authority.issue(scene.now, **{"user_data": data, **given}).raw)


def claims_of(scene: Stage, document: Document, nonce: bytes = bytes(32)) -> Claims:
    ids = tuple(each.id for each in read_chain(document)[1:])  # type: ignore[union-attr]
    padded = (*ids, *(bytes(16),) * (4 - len(ids)))
    until = document.seconds + 86_400
    assert document.measurement is not None
    return Claims(
        NITRO, document.measurement, document.seconds, until, document.hash, padded,  # type: ignore[arg-type]
        nonce, scene.relayer, scene.beneficiary,
    )  # fmt: skip


def post(scene: Stage, claims: Claims, signer: Signer = NODE) -> int:
    """Posts with the key's own word; the attestation's number."""
    count = scene.view(REGISTRY, "registrations", signer.node)[1]
    signature = signer.sign_hash(registration_digest(scene.domain, claims.operator, claims.payout, count))
    arguments = (astuple(claims), signer.public_key, signature, "https://operator.example/document")
    scene.transact(scene.relayer, REGISTRY, "post", *arguments, value=scene.registry_terms.bond)
    return int(scene.view(REGISTRY, "attestationCount")[1])


def challenge(scene: Stage, number: int) -> int:
    deposit = int(scene.view(REGISTRY, "challengeDeposit")[1]) * 2
    scene.transact(scene.beneficiary, REGISTRY, "challenge", number, value=deposit)
    return deposit


def prove_(
    scene: Stage, number: int, claims: Claims, document: Document, hints: bytes, by: Signer = NODE
) -> int:
    arguments = (number, astuple(claims), by.public_key, document.raw, hints)
    return scene.transact(scene.prover, REGISTRY, "prove", *arguments)


def state(scene: Stage, number: int) -> AttestationState:
    return AttestationState(scene.view(REGISTRY, "stateOf", number)[1])


def credit(scene: Stage, who: bytes) -> int:
    return int(scene.view(REGISTRY, "credits", who)[1])


def refused(name: str, *call: Any) -> None:
    act, *arguments = call
    with pytest.raises(GasError, match=name):
        act(*arguments)


# --- posted by the key ----------------------------------------------------------------------------


@pytest.mark.parametrize("signer", [NODE, rsa_signer()], ids=["secp256k1", "rsa"])
def test_challenge_provenInOneTransaction_isTheProversDeposit(scene: Stage, signer: Signer) -> None:
    document = issued(scene, signer)
    claims = claims_of(scene, document)
    number = post(scene, claims, signer)
    assert state(scene, number) is AttestationState.POSTED
    deposit = challenge(scene, number)
    assert state(scene, number) is AttestationState.CONTESTED
    assert prove_(scene, number, claims, document, prove(document).hints, signer) < 7_500_000
    assert state(scene, number) is AttestationState.PROVEN
    assert credit(scene, scene.prover) == deposit
    scene.wait(1)
    assert scene.view(REGISTRY, "assurance", signer.node, scene.now)[1] == Assurance.PROVEN
    refused("NothingToProve", prove_, scene, number, claims, document, b"", signer)


def test_proof_unasked_atTheLastSecondAndOneTooLate(scene: Stage) -> None:
    document = issued(scene)
    claims = claims_of(scene, document)
    number = post(scene, claims)
    hints = prove(document).hints
    with scene.undone():
        prove_(scene, number, claims, document, hints)
        assert state(scene, number) is AttestationState.PROVEN and credit(scene, scene.prover) == 0
    challenge(scene, number)
    # The proof's block is one second after the time that is waited for.
    scene.wait(scene.registry_terms.proof_period - 1)
    with scene.undone():
        prove_(scene, number, claims, document, hints)
        assert state(scene, number) is AttestationState.PROVEN
    scene.wait(1)
    refused("ProofTooLate", prove_, scene, number, claims, document, hints)


def test_challenge_unanswered_losesTheBond(scene: Stage) -> None:
    document = issued(scene, pcrs={**PCRS, 16: bytes(48)}, signer=AUTHORITY.key("nobody"))
    claims = claims_of(scene, document)
    number = post(scene, claims)
    deposit = challenge(scene, number)
    refused("DocumentNotProven", prove_, scene, number, claims, document, best_hints(document))
    scene.wait(scene.registry_terms.proof_period + 1)
    assert state(scene, number) is AttestationState.REJECTED
    scene.transact(scene.prover, REGISTRY, "expireChallenge", number)
    assert credit(scene, scene.beneficiary) == deposit + scene.registry_terms.bond // 2


def test_proof_ofOtherClaims_revertsByName(scene: Stage) -> None:
    document = issued(scene)
    truth = claims_of(scene, document)
    changed = {
        "documentTime": replace(truth, document_time=truth.document_time - 1),
        "certificates": replace(truth, certificates=(*truth.certificates[:3], bytes(16))),
        "measurement": replace(truth, measurement=keccak(b"".join(BY_NONCE[index] for index in (0, 1, 2)))),
    }
    for field, claims in changed.items():
        with scene.undone():
            number = post(scene, claims)
            refused(f"ClaimDiffers.*{field}", prove_, scene, number, claims, document, prove(document).hints)
    number = post(scene, truth)
    other = issued(scene, nonce=b"other")
    refused("WrongDocument", prove_, scene, number, truth, other, prove(other).hints)
    refused("WrongClaims", prove_, scene, number, changed["documentTime"], document, prove(document).hints)


def test_proof_withWrongHints_leavesRoomForRightOnes(scene: Stage) -> None:
    document = issued(scene)
    claims = claims_of(scene, document)
    number = post(scene, claims)
    hints = prove(document).hints
    refused("BadHints", prove_, scene, number, claims, document, hints[:-1])
    wrong = bytearray(hints)
    wrong[100] ^= 1
    refused("CertificateNotProven", prove_, scene, number, claims, document, bytes(wrong))
    prove_(scene, number, claims, document, hints)
    assert state(scene, number) is AttestationState.PROVEN


def test_proof_ofFalseEvidence_reverts(scene: Stage) -> None:
    scene.wait(1)
    foreign = issued(scene, authority=STRANGER)
    claims = claims_of(scene, foreign)
    number = post(scene, claims)
    refused("WrongRoot", prove_, scene, number, claims, foreign, prove(foreign).hints)
    for given, name in (
        ({"pcrs": {**PCRS, 1: bytes(48)}}, "DebugMode"),
        ({"user_data": None}, "KeyNotNamed"),
    ):
        document = issued(scene, **given)
        measurement = keccak(b"".join(document.pcrs[index] for index in (0, 1, 2)))
        with scene.undone():
            if name == "DebugMode":
                scene.transact(scene.owner, REGISTRY, "allowMeasurement", measurement, Binding.KEY, "d", "d")
            claims = claims_of(scene, document)
            number = post(scene, claims)
            refused(name, prove_, scene, number, claims, document, prove(document).hints)


# --- posted with the proof ------------------------------------------------------------------------


def post_proven(scene: Stage, claims: Claims, document: Document, known: Collection[bytes] = ()) -> int:
    hints = prove(document, known).hints
    arguments = (astuple(claims), NODE.public_key, "ipfs://document", document.raw, hints)
    bond = scene.registry_terms.bond
    return scene.transact(scene.relayer, REGISTRY, "postProven", *arguments, value=bond)


def opened(scene: Stage) -> bytes:
    """A nonce for the operator and payout of :func:`claims_of`."""
    scene.transact(scene.prover, REGISTRY, "openNonce", scene.relayer, scene.beneficiary)
    ((_, nonce, _),) = scene.topics(REGISTRY)
    return nonce


@pytest.mark.parametrize("binding", [Binding.NONCE, Binding.USER_DATA])
def test_postProven_carryingTheNonce_isLiveFromTheNextSecond(scene: Stage, binding: Binding) -> None:
    nonce, data = opened(scene), gateway_data(b"tls", NODE.public_key)
    if binding is Binding.NONCE:
        document = issued(scene, pcrs=BY_NONCE, nonce=nonce)
    else:
        document = issued(scene, pcrs=BY_USER_DATA, user_data=data + nonce)
    assert post_proven(scene, claims_of(scene, document, nonce), document) < 7_800_000
    at = scene.now
    number = scene.view(REGISTRY, "attestationCount")[1]
    assert state(scene, number) is AttestationState.PROVEN
    live = [scene.view(REGISTRY, "wasLive", NODE.node, second, at + 5)[1] for second in (at, at + 1, at + 2)]
    assert live == [False, True, True]
    assert scene.view(REGISTRY, "operatorOf", NODE.node)[1] == _checksummed(scene.relayer)
    # The same again needs half of it, for the authorities are known now; and the next second.
    plans = AUTHORITY.plans(document.seconds)
    again = issued(scene, plans=plans, pcrs=document.pcrs, nonce=nonce, user_data=data + nonce)
    known = [path for path in paths(again) if scene.view("NitroEvidence", "certificate", path)[1].proven]
    assert len(known) == INSTANCE + 1
    assert post_proven(scene, claims_of(scene, again, nonce), again, known) < 3_900_000


def test_postProven_withoutTheNonceWhereItBelongs_reverts(scene: Stage) -> None:
    nonce, other = opened(scene), opened(scene)
    data = gateway_data(b"tls", NODE.public_key)
    for given, name in (
        ({"pcrs": BY_NONCE}, "ClaimDiffers.*nonce"), ({"pcrs": BY_NONCE, "nonce": other}, "ClaimDiffers.*nonce"),
        ({"pcrs": BY_NONCE, "user_data": data + nonce}, "ClaimDiffers.*nonce"),
        ({"pcrs": BY_USER_DATA, "nonce": nonce}, "ClaimDiffers.*nonce"),
        ({"pcrs": BY_USER_DATA, "user_data": data + other}, "ClaimDiffers.*nonce"),
        ({"pcrs": PCRS, "nonce": nonce}, "OperatorUnbound"),
    ):  # fmt: skip
        document = issued(scene, **given)
        refused(name, post_proven, scene, claims_of(scene, document, nonce), document)
    document = issued(scene, pcrs=BY_NONCE, nonce=b"\x5a" * 32)
    refused("UnknownNonce", post_proven, scene, claims_of(scene, document, b"\x5a" * 32), document)


# --- revoked --------------------------------------------------------------------------------------


def test_revokeCertificate_endsWhatHangsOnIt(scene: Stage) -> None:
    nonce = opened(scene)
    document = issued(scene, pcrs=BY_NONCE, nonce=nonce)
    post_proven(scene, claims_of(scene, document, nonce), document)
    scene.wait(5)
    at = scene.now - 1
    assert scene.view(REGISTRY, "wasLive", NODE.node, at, at)[1]
    instance = read_chain(document)[INSTANCE]
    assert isinstance(instance, Certificate)
    revoked = (keccak(instance.issuer_der), instance.serial, scene.now + 1, "key lost")
    scene.transact(scene.owner, REGISTRY, "revokeCertificate", *revoked)
    scene.wait(3)
    assert not scene.view(REGISTRY, "wasLive", NODE.node, scene.now, scene.now)[1]
    assert scene.view(REGISTRY, "wasLive", NODE.node, at, scene.now)[1]
    again = issued(scene, pcrs=BY_NONCE, nonce=nonce)
    refused("CertificateRevoked", post_proven, scene, claims_of(scene, again, nonce), again)


def _checksummed(account: bytes) -> str:
    return str(to_checksum_address(account))
