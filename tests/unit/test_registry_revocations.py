"""AttestationRegistry: what ends attestations, by node, attestation, measurement and certificate.

revoking any of the four
├── when the caller is neither the owner nor the revoker it named → it should revert
├── when it is unknown (a certificate need not be) → it should revert
├── when it reaches back further than a batch can be disputed, by one second → it should revert
├── when it would move an end later, or repeat it → it should revert
├── given it reaches back, holds at once or is to come → it holds from its time on, known since its record
├── given several, of several subjects → the soonest holds
└── given any → no other node's attestation changes
a revoked attestation
├── before its start → it is never live, and a proof does not bring it back
└── else → its node may be attested anew; a node revoked may not
"""

from collections.abc import Callable

import pytest

from afterproof.protocol.attestations import AttestationState, certificate_id
from afterproof.protocol.receipt import keccak
from tests.support.registry_scene import CHAIN, ISSUER, RegistryScene
from tests.support.scene import p256_signer, secp_signer

Subject = Callable[[RegistryScene], tuple[str, tuple, bytes]]
"""The action that revokes, its first arguments, and the subject as the error names it."""

SUBJECTS: dict[str, Subject] = {
    "node": lambda scene: ("revoke", (scene.node.node,), scene.node.node),
    "attestation": lambda scene: ("revoke_attestation", (1,), (1).to_bytes(32)),
    "measurement": lambda scene: (
        "revoke_measurement",
        (scene.posted[1][1].measurement,),
        scene.posted[1][1].measurement,
    ),
    "first certificate": lambda scene: ("revoke_certificate", (ISSUER, 1), CHAIN[0] + bytes(16)),
    "last certificate": lambda scene: ("revoke_certificate", (ISSUER, 4), CHAIN[3] + bytes(16)),
}


@pytest.fixture
def scene() -> RegistryScene:
    """A live node, and another by other evidence that nothing here ends."""
    scene = RegistryScene()
    scene.post()
    scene.endorse(p256_signer())
    scene.at(scene.tenure(1).starts_at + 20)
    return scene


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("ago", [-12, -11, -1, 0, 1, 30])
def test_revoke_holds_from_its_time_on_and_is_known_since_its_record(
    scene: RegistryScene, subject: str, ago: int
) -> None:
    action, which, _ = SUBJECTS[subject](scene)
    now = scene.now
    ends_at = now + ago
    scene.act(action, scene.owner, *which, ends_at, "a reason")
    scene.agree()
    assert scene.live(ends_at - 1) and not scene.live(ends_at)
    assert scene.live(ends_at, now - 1)
    scene.at(max(now + 1, ends_at - 1))
    scene.agree()
    scene.at(max(now + 1, ends_at))
    assert scene.contract.call("stateOf", 1) == AttestationState.REVOKED
    scene.agree()
    scene.agree(p256_signer())
    assert scene.live(scene.now, signer=p256_signer())


@pytest.mark.parametrize("subject", SUBJECTS)
def test_revoke_that_breaks_a_rule_reverts(scene: RegistryScene, subject: str) -> None:
    action, which, name = SUBJECTS[subject](scene)
    now, revoker = scene.now, scene.stranger
    refused = scene.refusal(action, revoker, *which, now, "")
    assert refused == ("NotRevoker", revoker)
    earliest = now - scene.terms.max_reach_back
    for ends_at in (0, earliest - 1):
        assert scene.refusal(action, scene.owner, *which, ends_at, "") == ("TooFarBack", ends_at, earliest)
    scene.act("set_revoker", scene.owner, revoker)
    scene.act(action, revoker, *which, now + 10, "")
    for ends_at in (now + 10, now + 11, 2**48 - 1):
        assert scene.refusal(action, revoker, *which, ends_at, "") == ("AlreadyRevoked", name, now + 10)
    scene.act(action, scene.owner, *which, now + 9, "")
    scene.act("set_revoker", scene.owner, bytes(20))
    assert scene.refusal(action, revoker, *which, now, "") == ("NotRevoker", revoker)
    scene.at(now + 30)
    last = scene.refusal(action, scene.owner, *which, now + 29, "")
    assert last == ("AlreadyRevoked", name, now + 9)
    scene.agree()


def test_revoke_of_what_is_unknown_reverts(scene: RegistryScene) -> None:
    now = scene.now
    for number in (0, 3, 2**256 - 1):
        error = scene.refusal("revoke_attestation", scene.owner, number, now, "")
        assert error == ("UnknownAttestation", number)
    for name in (bytes(32), keccak(b"other code")):
        error = scene.refusal("revoke_measurement", scene.owner, name, now, "")
        assert error == ("MeasurementNotAllowed", name)
    assert scene.refusal("revoke", scene.owner, bytes(32), now, "") == ("UnknownNode", bytes(32))


def test_revoke_certificate_that_nobody_has_shown_yet(scene: RegistryScene) -> None:
    for serial in (0, 2**256 - 1):
        scene.act("revoke_certificate", scene.owner, keccak(b"other issuer"), serial, scene.now, "")
        name = certificate_id(keccak(b"other issuer"), serial)
        assert scene.contract.call("certificateEnd", name) == scene.now
    assert scene.contract.call("certificateEnd", CHAIN[0]) == 0
    scene.agree()


def test_revoke_attestation_at_its_own_end_or_later_reverts(scene: RegistryScene) -> None:
    until = scene.tenure(1).until
    for ends_at in (until, until + 1):
        error = scene.refusal("revoke_attestation", scene.owner, 1, ends_at, "")
        assert error == ("AlreadyRevoked", (1).to_bytes(32), until)
    scene.act("revoke_attestation", scene.owner, 1, until - 1, "")
    scene.agree()


def test_the_soonest_of_several_ends_holds(scene: RegistryScene) -> None:
    now = scene.now
    for step, subject in enumerate(SUBJECTS):
        action, which, _ = SUBJECTS[subject](scene)
        scene.act(action, scene.owner, *which, now + 40 - step, "")
        scene.agree()
        scene.wait(1)
    scene.at(now + 37)
    assert not scene.live(now + 36) and scene.live(now + 35)
    scene.agree()


def test_a_revocation_before_its_start_is_for_ever(scene: RegistryScene) -> None:
    number = scene.post()
    scene.wait(2)
    scene.act("revoke_attestation", scene.owner, number, scene.now, "false")
    scene.wait(1)
    scene.prove(number)
    scene.wait(2)
    assert scene.contract.call("stateOf", number) == AttestationState.REVOKED
    scene.agree()


def test_an_attestation_revoked_leaves_its_node_open_to_another(scene: RegistryScene) -> None:
    now = scene.now
    scene.act("revoke_attestation", scene.owner, 1, now, "false")
    again = scene.post()
    scene.prove(again)
    assert not scene.live(now) and scene.live(now + 1)
    scene.agree()
    scene.act("revoke", scene.owner, scene.node.node, now + 1, "stolen")
    scene.wait(1)
    claims, _ = scene.claims()
    value = scene.terms.bond
    error = scene.refusal("post_attestation", scene.operator, *scene.posting(claims), value=value)
    assert error == ("NodeEnded", scene.node.node, now + 1)
    scene.agree()


def test_answers_about_the_past_do_not_hang_on_what_was_posted_since(scene: RegistryScene) -> None:
    """What was live by the records of a time is asked after newer attestations have taken the places."""
    now = scene.now
    scene.act("revoke_attestation", scene.owner, 1, now, "false")
    for _ in range(4):
        scene.wait(1)
        number = scene.post()
        scene.act("revoke_attestation", scene.owner, number, scene.now + 1, "false")
    assert scene.live(now + 3, now - 1), "by what was known then it would have gone on"
    scene.agree()


def test_a_node_with_other_signers_is_not_touched(scene: RegistryScene) -> None:
    other = scene.post(secp_signer(1))
    scene.act("revoke", scene.owner, scene.node.node, scene.now, "stolen")
    scene.at(scene.tenure(other).starts_at)
    assert scene.live(scene.now, signer=secp_signer(1))
    scene.agree(secp_signer(1))
