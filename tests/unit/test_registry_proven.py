"""AttestationRegistry.postProven: an attestation with its proof, for enclaves whose key signs nothing but receipts.

posting with a proof
├── given code bound by its documents' nonce, or by their user data → it is live from the next second on, proven
├── when the code binds neither → it should revert
├── when the document carries the nonce in the other place, another nonce, or none → it should revert
├── when the nonce was not opened for operator and payout, or is zero → it should revert
├── when anybody but the operator sends it, or the node has another operator → it should revert
├── when any fact differs from its claim → it should revert, naming the field
├── when the document is not the claimed one, of another key, or none at all → it should revert
└── when the document, or its end, is out of time, or the bond wrong → it should revert, as any posting
"""

from dataclasses import replace
from typing import Any

import pytest

from afterproof.protocol.attestations import Assurance, AttestationState, Binding, Claims
from afterproof.protocol.receipt import keccak
from tests.support.registry_scene import CHAIN, RegistryScene
from tests.support.scene import p256_signer, rsa_signer, secp_signer

OTHER = keccak(b"another word")


@pytest.fixture
def scene() -> RegistryScene:
    return RegistryScene()


def sound(scene: RegistryScene, binding: Binding = Binding.NONCE, **changes: Any) -> tuple[Claims, bytes]:
    """Claims under a nonce opened for them, with their document."""
    changes.setdefault("nonce", scene.open_nonce(scene.operator, scene.payout))
    return scene.claims(binding=binding, **changes)


def refused(scene: RegistryScene, claims: Claims, document: bytes, **changes: Any) -> Any:
    """The error with which a posting with a proof is refused."""
    key = changes.get("key", scene.node.public_key)
    sender, value = changes.get("sender", scene.operator), changes.get("value", scene.terms.bond)
    arguments = (claims, key, "", document, changes.get("hints", b""))
    return scene.refusal("post_proven", sender, *arguments, value=value)


@pytest.mark.parametrize("binding", [Binding.NONCE, Binding.USER_DATA])
@pytest.mark.parametrize("make", [secp_signer, rsa_signer, p256_signer])
def test_post_proven_is_live_from_the_next_second(scene: RegistryScene, make: Any, binding: Binding) -> None:
    signer = make()
    number = scene.post_proven(signer, binding)
    now = scene.now
    assert scene.contract.call("stateOf", number) == AttestationState.PROVEN
    assert not scene.live(now, signer=signer) and scene.live(now + 1, now, signer)
    assert scene.contract.call("assurance", signer.node, now + 1) == Assurance.PROVEN
    scene.agree(signer)
    assert scene.refusal("challenge", scene.challenger, number, value=10**18) == ("NothingToProve", number)


def test_post_proven_of_code_that_names_no_operator_reverts(scene: RegistryScene) -> None:
    claims, document = sound(scene, Binding.KEY)
    assert refused(scene, claims, document) == ("OperatorUnbound", claims.measurement)


def test_post_proven_with_the_nonce_elsewhere_reverts(scene: RegistryScene) -> None:
    for binding, place, other in (
        (Binding.NONCE, "nonce", "user_word"),
        (Binding.USER_DATA, "user_word", "nonce"),
    ):
        nonce = scene.open_nonce(scene.operator, scene.payout)
        for said in ({place: bytes(32), other: nonce}, {place: OTHER, other: bytes(32)}, {place: bytes(32)}):
            claims, document = sound(scene, binding, nonce=nonce, facts=said)
            assert refused(scene, claims, document) == ("ClaimDiffers", "nonce")
        claims, document = sound(scene, binding, nonce=nonce, facts={place: nonce, other: OTHER})
        arguments = (claims, scene.node.public_key, "", document, b"")
        scene.act("post_proven", scene.operator, *arguments, value=scene.terms.bond)
        scene.wait(1)


def test_post_proven_under_a_nonce_of_others_reverts(scene: RegistryScene) -> None:
    stolen = [scene.open_nonce(scene.other, scene.payout), scene.open_nonce(scene.operator, scene.other)]
    for nonce in (*stolen, OTHER, bytes(32)):
        claims, document = sound(scene, nonce=nonce)
        assert refused(scene, claims, document) == ("UnknownNonce", nonce)


def test_post_proven_by_anybody_but_the_operator_reverts(scene: RegistryScene) -> None:
    claims, document = sound(scene)
    for sender in (scene.stranger, scene.owner, scene.payout):
        assert refused(scene, claims, document, sender=sender) == ("NotOperator", sender)


def test_post_proven_of_anothers_node_reverts(scene: RegistryScene) -> None:
    scene.post_proven()
    scene.wait(1)
    nonce = scene.open_nonce(scene.other, scene.payout)
    claims, document = sound(scene, nonce=nonce, operator=scene.other)
    error = refused(scene, claims, document, sender=scene.other)
    assert error == ("OtherOperator", scene.node.node, scene.operator)
    scene.act("propose_operator", scene.operator, scene.node.node, scene.other)
    scene.act("accept_operator", scene.other, scene.node.node)
    scene.act("post_proven", scene.other, claims, scene.node.public_key, "", document, b"", value=10**17)
    scene.agree()


DIFFERENCES: list[tuple[str, dict[str, Any]]] = [
    ("measurement", {"measurement": OTHER}),
    ("documentTime", {"document_time": 1}),
    ("documentTime", {"document_time": 2**48 - 1}),
    *(
        ("certificates", {"certificates": (*CHAIN[:place], OTHER[:16], *CHAIN[place + 1 :])})
        for place in range(4)
    ),
    ("certificates", {"certificates": (*CHAIN[:3], bytes(16))}),
    ("nonce", {"nonce": OTHER}),
]


@pytest.mark.parametrize(("field", "facts"), DIFFERENCES)
def test_a_fact_that_differs_from_its_claim_is_named(
    scene: RegistryScene, field: str, facts: dict[str, Any]
) -> None:
    claims, document = sound(scene, facts=facts)
    assert refused(scene, claims, document) == ("ClaimDiffers", field)
    nonce = scene.open_nonce(scene.operator, scene.payout)
    number = scene.post(facts=facts, nonce=nonce, binding=Binding.NONCE)
    assert scene.refusal("prove", scene.prover, *scene.proof(number)) == ("ClaimDiffers", field)
    scene.challenge(number)
    assert scene.refusal("prove", scene.prover, *scene.proof(number)) == ("ClaimDiffers", field)


def test_post_proven_of_another_document_reverts(scene: RegistryScene) -> None:
    claims, document = sound(scene)
    _, other = sound(scene, facts={"user_word": OTHER})
    assert refused(scene, claims, other) == ("WrongDocument", 0)
    assert refused(scene, claims, b"") == ("WrongDocument", 0)
    claims = replace(claims, document_hash=keccak(b"no document"))
    assert refused(scene, claims, b"no document") == ("NotADocument", 11)
    assert refused(scene, replace(claims, document_hash=keccak(document)), document, hints=b"no") == (
        "WrongHints",
    )
    _, strangers = scene.claims(secp_signer(1), binding=Binding.NONCE, nonce=claims.nonce)
    error = refused(scene, replace(claims, document_hash=keccak(strangers)), strangers)
    assert error == ("OtherKey", secp_signer(1).node)


def test_post_proven_is_a_posting_like_any_other(scene: RegistryScene) -> None:
    now, terms = scene.now, scene.terms
    claims, document = sound(scene)
    assert refused(scene, claims, document, value=terms.bond + 1)[0] == "WrongBond"
    assert refused(scene, claims, document, key=b"\x01")[0] == "UnknownKeyForm"
    claims, document = sound(scene, document_time=now - terms.max_document_age - 1)
    assert refused(scene, claims, document)[0] == "UntimelyDocument"
    claims, document = sound(scene, attested_until=now + 1)
    error = refused(scene, claims, document)
    assert error == ("BadEnd", now + 1, now + 2, now + terms.max_attested_for)
    number = scene.post_proven(attested_until=now + 2)
    assert (scene.tenure(number).starts_at, scene.tenure(number).until) == (now + 1, now + 2)
    claims, document = sound(scene)
    assert refused(scene, claims, document)[0] == "OnePerSecond"
    scene.wait(2)
    scene.agree()


def test_post_under_the_keys_word_takes_its_nonce_by_the_measurements_binding(scene: RegistryScene) -> None:
    nonce = scene.open_nonce(scene.operator, scene.payout)
    for said in ({"nonce": nonce}, {"user_word": nonce}):
        number = scene.post(binding=Binding.KEY, nonce=nonce, facts={"nonce": bytes(32), **said})
        scene.prove(number)
        scene.wait(30)
    neither = scene.post(binding=Binding.KEY, nonce=nonce, facts={"nonce": OTHER, "user_word": OTHER})
    assert scene.refusal("prove", scene.prover, *scene.proof(neither)) == ("ClaimDiffers", "nonce")
    scene.agree()
