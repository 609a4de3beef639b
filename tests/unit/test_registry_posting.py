"""AttestationRegistry.post: claims come with a bond, and with the key's word on who operates the node.

posting
├── given sound claims of a key of any scheme → it is live once its window has passed, and the bond is held
├── when the key's signature is over another operator, payout, nonce or registry, or is another key's → it should revert
├── when the signature was used before → it should revert
├── when anybody but the operator sends it → it should revert: a signature seen is no right to other claims
├── when the kind is unknown, the code not allowed, a certificate revoked, the key revoked → it should revert
├── when the document is too old or from the future, by one second → it should revert
├── when it ends before it has started, or too late, by one second → it should revert
├── when the bond is short or too large, by one wei → it should revert
├── when its nonce was not opened for this operator and payout → it should revert
├── given another operator had the node → the key's word takes it over
└── given three that are not over, or one of this second → it should revert
"""

from dataclasses import replace
from typing import Any

import pytest

from afterproof.protocol.attestations import Assurance, AttestationState, Claims
from afterproof.protocol.receipt import keccak
from afterproof.protocol.signing import Signer
from tests.support.registry_scene import CHAIN, ISSUER, RegistryScene
from tests.support.scene import p256_signer, rsa_signer, secp_signer


@pytest.fixture
def scene() -> RegistryScene:
    return RegistryScene()


def refused(scene: RegistryScene, claims: Claims, *, value: int | None = None, **signing: Any) -> Any:
    """The error with which a posting by its operator is refused."""
    value = scene.terms.bond if value is None else value
    posting = scene.posting(claims, **signing)
    return scene.refusal("post_attestation", claims.operator, *posting, value=value)


@pytest.mark.parametrize("make", [secp_signer, rsa_signer, p256_signer])
def test_post_by_a_key_of_each_scheme_is_live_after_its_window(scene: RegistryScene, make: Any) -> None:
    signer: Signer = make()
    posted_at = scene.now
    number = scene.post(signer)
    start = posted_at + scene.terms.window + 1
    found = scene.contract.call("attestation", number)
    assert (found.startsAt, found.endsAt, found.bond) == (start, posted_at + 100, scene.terms.bond)
    assert found.state == AttestationState.POSTED
    scene.agree(signer)
    scene.at(start - 1)
    assert scene.contract.call("stateOf", number) == AttestationState.POSTED
    scene.at(start)
    assert scene.contract.call("stateOf", number) == AttestationState.UNCHALLENGED
    assert scene.live(start, start, signer) and not scene.live(start - 1, signer=signer)
    assert scene.contract.call("assurance", signer.node, start) == Assurance.UNCHALLENGED
    scene.at(posted_at + 100)
    assert scene.contract.call("stateOf", number) == AttestationState.EXPIRED
    assert scene.live(posted_at + 99, signer=signer) and not scene.live(posted_at + 100, signer=signer)
    scene.agree(signer)


def test_post_not_signed_by_the_key_reverts(scene: RegistryScene) -> None:
    claims, _ = scene.claims()
    error = ("NotSignedByKey", scene.node.node, 0)
    other_operator = scene.signature(replace(claims, operator=scene.other))
    other_payout = scene.signature(replace(claims, payout=scene.other))
    other_nonce = scene.signature(claims, count=1)
    other_key = scene.signature(claims, secp_signer(1))
    receipts_digest = scene.node.sign_hash(keccak(b"any other word of the key"))
    elsewhere = RegistryScene()
    elsewhere.spec.domain = replace(elsewhere.spec.domain, contract=b"\x01" * 20)
    other_registry = elsewhere.signature(claims)
    elsewhere.spec.domain = replace(scene.spec.domain, chain_id=1)
    other_chain = elsewhere.signature(claims)
    wrong = (
        other_operator,
        other_payout,
        other_nonce,
        other_key,
        receipts_digest,
        other_registry,
        other_chain,
    )
    for signature in (*wrong, b"", bytes(65), scene.signature(claims)[:-1]):
        arguments = (claims, scene.node.public_key, signature, "")
        value = scene.terms.bond
        assert scene.refusal("post_attestation", scene.operator, *arguments, value=value) == error


def test_post_with_a_signature_used_before_reverts(scene: RegistryScene) -> None:
    scene.post()
    scene.wait(1)
    claims, _ = scene.claims()
    assert refused(scene, claims, count=0) == ("NotSignedByKey", scene.node.node, 1)
    scene.post()


def test_post_by_anybody_but_the_operator_reverts(scene: RegistryScene) -> None:
    claims, _ = scene.claims()
    for sender in (scene.stranger, scene.owner, scene.payout):
        posting, value = scene.posting(claims), scene.terms.bond
        assert scene.refusal("post_attestation", sender, *posting, value=value) == ("NotOperator", sender)


def test_post_of_evidence_or_code_that_is_not_known_reverts(scene: RegistryScene) -> None:
    for kind in (0, 2, 255):
        claims, _ = scene.claims(kind=kind)
        assert refused(scene, claims) == ("UnknownEvidence", kind)
    for measurement in (bytes(32), keccak(b"other code")):
        claims, _ = scene.claims(measurement=measurement)
        assert refused(scene, claims) == ("MeasurementNotAllowed", measurement)


def test_post_of_a_revoked_measurement_reverts_once_that_has_come(scene: RegistryScene) -> None:
    claims, _ = scene.claims()
    ends_at = scene.now + 10
    scene.act("revoke_measurement", scene.owner, claims.measurement, ends_at, "broken")
    scene.at(ends_at - 1)
    scene.post()
    scene.at(ends_at)
    claims, _ = scene.claims()
    assert refused(scene, claims) == ("MeasurementNotAllowed", claims.measurement)


@pytest.mark.parametrize("place", range(4))
def test_post_on_a_revoked_certificate_reverts_once_that_has_come(scene: RegistryScene, place: int) -> None:
    ends_at = scene.now + 10
    scene.act("revoke_certificate", scene.owner, ISSUER, place + 1, ends_at, "compromised")
    scene.at(ends_at - 1)
    scene.post()
    scene.at(ends_at)
    claims, _ = scene.claims()
    assert refused(scene, claims) == ("CertificateRevoked", CHAIN[place])


def test_post_of_a_revoked_key_reverts(scene: RegistryScene) -> None:
    scene.post()
    scene.wait(1)
    now = scene.now
    scene.act("revoke", scene.owner, scene.node.node, now, "stolen")
    claims, _ = scene.claims()
    assert refused(scene, claims) == ("NodeEnded", scene.node.node, now)


def test_post_of_a_key_of_no_known_form_reverts(scene: RegistryScene) -> None:
    claims, _ = scene.claims()
    key, value = scene.node.public_key[:-1], scene.terms.bond
    error = scene.refusal("post_attestation", scene.operator, claims, key, b"", "", value=value)
    assert error == ("UnknownKeyForm", 31)


def test_post_of_a_document_out_of_time_reverts_by_a_second(scene: RegistryScene) -> None:
    now = scene.now
    earliest, latest = now - scene.terms.max_document_age, now + scene.terms.max_clock_skew
    for when in (0, earliest - 1, latest + 1, 2**48 - 1):
        claims, _ = scene.claims(document_time=when)
        assert refused(scene, claims) == ("UntimelyDocument", when, earliest, latest)
    scene.post(document_time=earliest)
    scene.wait(1)
    scene.post(document_time=scene.now + scene.terms.max_clock_skew)
    scene.agree()


def test_post_with_an_end_out_of_bounds_reverts_by_a_second(scene: RegistryScene) -> None:
    now = scene.now
    earliest, latest = now + scene.terms.window + 2, now + scene.terms.max_attested_for
    for until in (0, earliest - 1, latest + 1, 2**48 - 1):
        claims, _ = scene.claims(attested_until=until)
        assert refused(scene, claims) == ("BadEnd", until, earliest, latest)
    shortest = scene.post(attested_until=earliest)
    assert scene.tenure(shortest).until - scene.tenure(shortest).starts_at == 1
    scene.wait(1)
    scene.post(attested_until=scene.now + scene.terms.max_attested_for)
    scene.at(earliest - 1)
    assert scene.live(earliest - 1)
    scene.agree()


def test_post_with_a_wrong_bond_reverts_by_a_wei(scene: RegistryScene) -> None:
    bond = scene.terms.bond
    claims, _ = scene.claims()
    for value in (0, bond - 1, bond + 1):
        assert refused(scene, claims, value=value) == ("WrongBond", value, bond)


def test_post_under_a_nonce_that_does_not_name_operator_and_payout_reverts(scene: RegistryScene) -> None:
    nonces = [scene.open_nonce(scene.other, scene.payout), scene.open_nonce(scene.operator, scene.other)]
    for nonce in (*nonces, b"\x01" * 32):
        claims, _ = scene.claims(nonce=nonce)
        assert refused(scene, claims) == ("UnknownNonce", nonce)
    scene.post(nonce=scene.open_nonce(scene.operator, scene.payout))


def test_open_nonce_gives_another_one_each_time_and_names_an_operator(scene: RegistryScene) -> None:
    assert len({scene.open_nonce(scene.operator, scene.payout) for _ in range(5)}) == 5
    scene.open_nonce(scene.operator, bytes(20))
    assert scene.refusal("open_nonce", scene.stranger, bytes(20), scene.payout) == ("NoOperator",)


def test_post_by_the_keys_word_takes_a_node_over(scene: RegistryScene) -> None:
    scene.post()
    scene.wait(1)
    scene.act("propose_operator", scene.operator, scene.node.node, scene.stranger)
    scene.post(operator=scene.other, payout=scene.other)
    state = scene.contract.call("nodeState", scene.node.node)
    plain = scene.pair._plain
    assert plain(state.operator) == plain(state.payout) == scene.other.hex()
    refusal = scene.refusal("accept_operator", scene.stranger, scene.node.node)
    assert refusal == ("NotProposed", scene.stranger)


def test_post_twice_in_a_second_reverts(scene: RegistryScene) -> None:
    scene.post()
    claims, _ = scene.claims()
    assert refused(scene, claims) == ("OnePerSecond", scene.node.node)
    scene.post(p256_signer())


def test_post_of_a_fourth_that_is_not_over_reverts(scene: RegistryScene) -> None:
    first = scene.now
    scene.post(attested_until=first + 40)
    for _ in range(2):
        scene.wait(1)
        scene.post(attested_until=first + 60)
    scene.at(first + 39)
    claims, _ = scene.claims()
    assert refused(scene, claims) == ("TooManyCurrent", scene.node.node)
    scene.at(first + 40)
    scene.post()
    scene.agree()
    assert list(scene.contract.call("attestationsOf", scene.node.node, 1, 2)) == [2, 3]
    assert list(scene.contract.call("attestationsOf", scene.node.node, 3, 9)) == [4]
    assert list(scene.contract.call("attestationsOf", scene.node.node, 4, 9)) == []


def test_post_beside_an_endorsement_counts_both(scene: RegistryScene) -> None:
    scene.endorse()
    posted_at = scene.now + 1
    scene.wait(1)
    number = scene.post()
    call = scene.contract.call
    start = posted_at + scene.terms.window + 1
    scene.at(start)
    assert call("assurance", scene.node.node, start - 1) == Assurance.ENDORSED
    assert call("assurance", scene.node.node, start) == Assurance.UNCHALLENGED
    scene.prove(number)
    assert call("assurance", scene.node.node, start) == Assurance.PROVEN
    assert (
        scene.refusal("endorse", scene.owner, scene.node.public_key, scene.operator)[0] == "AlreadyRegistered"
    )
    scene.at(posted_at + 100)
    assert call("assurance", scene.node.node, scene.now) == Assurance.ENDORSED
    scene.agree()


def test_registration_digest_is_what_the_key_signs(scene: RegistryScene) -> None:
    for count in range(2):
        seen = scene.contract.call("registrationDigest", scene.node.node, scene.operator, scene.payout)
        assert seen == scene.spec.registration_digest(scene.operator, scene.payout, count)
        scene.post()
        scene.wait(1)
