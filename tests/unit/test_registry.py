"""AttestationRegistry: endorsement, revocation of a node's key, and what was known when.

endorsing
├── when the caller is not the owner, the key of no known form, the operator zero → it should revert
├── when the owner vouches for the node already, or another operator has it → it should revert
├── given the node's key is revoked → it should revert; given that the end is to come → it should not
├── given its operator retired it, once that has come → it should be endorsed anew
└── else → it is live from the next second on
revoking a node
├── when the caller is neither owner nor revoker, or the node unknown → it should revert
├── when it reaches back too far, by one second → it should revert
├── when it would move an end later, or repeat it → it should revert
└── else → it holds from its time on, for whoever asks what is known since its record
asking
├── given any history → contract and specification answer alike at every edge
└── given the largest times, or an unknown node → it should not revert
"""

import pytest

from afterproof.protocol.attestations import FOREVER, NO_UNTIL, Assurance, AttestationState
from afterproof.protocol.terms import DEMO
from tests.support.registry_scene import RegistryScene
from tests.support.scene import p256_signer, rsa_signer, secp_signer

NODE = secp_signer(0)


@pytest.fixture
def scene() -> RegistryScene:
    return RegistryScene()


def test_endorse_makes_a_node_live_from_the_next_second(scene: RegistryScene) -> None:
    number = scene.endorse()
    now = scene.now
    assert not scene.live(now)
    assert scene.live(now + 1, now)
    assert not scene.live(now + 1, now - 1)
    assert scene.contract.call("assurance", NODE.node, now + 1) == Assurance.ENDORSED
    assert scene.contract.call("stateOf", number) == AttestationState.ENDORSED
    state = scene.contract.call("nodeState", NODE.node)
    assert (state.endsAt, state.registrations, state.latest) == (0, 1, number)
    assert scene.tenure(number).until == NO_UNTIL
    scene.agree()


def test_endorse_of_each_scheme_is_enumerable(scene: RegistryScene) -> None:
    keys = [signer.public_key for signer in (secp_signer(1), rsa_signer(), p256_signer())]
    nodes = [scene.act("endorse", scene.owner, key, scene.operator)[-1].arguments[1] for key in keys]
    call = scene.contract.call
    assert call("nodeCount") == 3
    assert [bytes(node) for node in call("nodes", 0, 2**256 - 1)] == nodes
    assert [bytes(node) for node in call("nodes", 1, 1)] == nodes[1:2]
    assert list(call("nodes", 3, 5)) == [] and list(call("nodes", 2**256 - 1, 2**256 - 1)) == []


def test_endorse_when_unsound_reverts(scene: RegistryScene) -> None:
    operator = scene.operator
    assert scene.refusal("endorse", operator, NODE.public_key, operator)[0] == "OwnableUnauthorizedAccount"
    assert scene.refusal("endorse", scene.owner, NODE.public_key, bytes(20)) == ("NoOperator",)
    for key in (b"", bytes(32), b"\1" + bytes(31), NODE.public_key[1:], rsa_signer().public_key[:-1]):
        assert scene.refusal("endorse", scene.owner, key, operator) == ("UnknownKeyForm", len(key))
    weak = bytearray(rsa_signer().public_key)
    weak[33] &= 0x7F
    assert scene.refusal("endorse", scene.owner, bytes(weak), operator) == ("UnknownKeyForm", 294)


def test_endorse_of_a_key_that_is_no_point_of_its_curve_reverts(scene: RegistryScene) -> None:
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
    assert scene.refusal("endorse", scene.owner, head + b"\1" * 64, scene.operator)[0] == "UnknownKeyForm"


def test_endorse_twice_or_for_another_operator_reverts(scene: RegistryScene) -> None:
    scene.endorse()
    again = scene.refusal("endorse", scene.owner, NODE.public_key, scene.operator)
    assert again == ("AlreadyRegistered", NODE.node)
    other = scene.refusal("endorse", scene.owner, NODE.public_key, scene.other)
    assert other == ("OtherOperator", NODE.node, scene.operator)


def test_endorse_after_a_revocation_reverts_once_that_has_come(scene: RegistryScene) -> None:
    number = scene.endorse()
    scene.act("retire", scene.operator, number)
    ends_at = scene.now + 100
    scene.act("revoke", scene.owner, NODE.node, ends_at, "to come")
    scene.at(ends_at - 1)
    scene.endorse()
    scene.agree()
    scene.at(ends_at)
    refused = scene.refusal("endorse", scene.owner, NODE.public_key, scene.operator)
    assert refused == ("NodeEnded", NODE.node, ends_at)
    scene.agree()


def test_endorse_after_its_operator_retired_it_is_possible_once_that_has_come(scene: RegistryScene) -> None:
    number = scene.endorse()
    scene.wait(5)
    scene.act("retire", scene.operator, number)
    ends_at = scene.now + scene.terms.retire_delay + 1
    scene.at(ends_at - 1)
    assert scene.refusal("endorse", scene.owner, NODE.public_key, scene.operator)[0] == "AlreadyRegistered"
    scene.at(ends_at)
    scene.endorse()
    scene.wait(3)
    assert scene.contract.call("stateOf", number) == AttestationState.RETIRED
    assert not scene.live(ends_at) and scene.live(ends_at - 1) and scene.live(ends_at + 1)
    scene.agree()


def test_revoke_when_unsound_reverts(scene: RegistryScene) -> None:
    now = scene.now
    assert scene.refusal("revoke", scene.owner, NODE.node, now, "") == ("UnknownNode", NODE.node)
    scene.endorse()
    assert scene.refusal("revoke", scene.operator, NODE.node, now, "") == ("NotRevoker", scene.operator)
    earliest = now - DEMO.window
    too_far = scene.refusal("revoke", scene.owner, NODE.node, earliest - 1, "")
    assert too_far == ("TooFarBack", earliest - 1, earliest)
    assert scene.refusal("revoke", scene.owner, NODE.node, 0, "")[0] == "TooFarBack"
    scene.act("revoke", scene.owner, NODE.node, earliest, "")
    for ends_at in (earliest, 2**48 - 1):
        again = scene.refusal("revoke", scene.owner, NODE.node, ends_at, "")
        assert again == ("AlreadyRevoked", NODE.node, earliest)
    scene.agree()


def test_revoke_that_reaches_back_is_known_only_since_it_was_recorded(scene: RegistryScene) -> None:
    scene.endorse()
    scene.wait(100)
    now = scene.now
    scene.act("revoke", scene.owner, NODE.node, now - 10, "stolen")
    assert scene.live(now - 5, now - 1)
    assert not scene.live(now - 5, now)
    assert scene.live(now - 11)
    scene.agree()


def test_revoke_moves_an_end_only_earlier(scene: RegistryScene) -> None:
    scene.endorse()
    scene.wait(100)
    now = scene.now
    scene.act("revoke", scene.owner, NODE.node, now + 50, "announced")
    scene.agree()
    scene.act("revoke", scene.owner, NODE.node, now + 40, "sooner, in the same second")
    scene.agree()
    scene.at(now + 7)
    scene.act("revoke", scene.owner, NODE.node, now + 5, "at once")
    scene.agree()
    scene.at(now + 9)
    scene.act("revoke", scene.owner, NODE.node, now - 3, "reaching back")
    scene.agree()


def test_revoke_before_it_ever_started_leaves_no_live_second(scene: RegistryScene) -> None:
    scene.endorse()
    scene.act("revoke", scene.owner, NODE.node, scene.now - 1, "a mistake")
    scene.agree()
    assert scene.contract.call("assurance", NODE.node, scene.now + 1) == Assurance.NONE


def test_asking_after_an_unknown_node_answers(scene: RegistryScene) -> None:
    for name in (bytes(32), b"\xff" * 32):
        for at in (0, 1, 2**40, FOREVER):
            assert scene.contract.call("wasLive", name, at, at) is False
            assert scene.contract.call("assurance", name, at) == Assurance.NONE
    assert scene.contract.call("stateOf", FOREVER) == AttestationState.NONE
    assert scene.contract.call("attestation", 0).state == AttestationState.NONE
