"""AttestationRegistry: "prove it", and the second in which it is too late.

challenging
├── given it is not live yet, until its start, exclusive → it is contested: never live unless it is proven
├── given it is live → it stays so until the deadline has passed
├── given it has ended, until a receipt of its last second is final, inclusive → it should be challengeable
├── when one is open, or was lost, or the bond is gone → it should revert
├── when it was proven, or is the owner's word, or unknown → it should revert
├── when the deposit is short by one wei of half as much again as a proof costs → it should revert
└── given it was revoked → it is challengeable as long as before
proving
├── until the deadline, inclusive → it is proven, the deposit is the prover's
├── after it → it should revert: the attestation reads Rejected
├── before its start, or contested → it is live from the next second on; after its start nothing moves
├── when claims, key, document or hints are not the posted ones → it should revert
└── twice → it should revert
a rejection
├── reads from the second after the deadline on, without a transaction
├── reaches back as far as a batch can be disputed → what is not final then was never entitled
└── is known only since the deadline passed
"""

from dataclasses import replace

import pytest

from afterproof.protocol.attestations import Assurance, AttestationState, Binding
from afterproof.protocol.receipt import keccak
from tests.support.registry_scene import CHAIN, RegistryScene
from tests.support.scene import secp_signer


@pytest.fixture
def scene() -> RegistryScene:
    return RegistryScene()


def state(scene: RegistryScene, number: int) -> AttestationState:
    return AttestationState(scene.contract.call("stateOf", number))


@pytest.mark.parametrize("offset", [-13, -2, -1])
def test_challenge_in_the_window_contests(scene: RegistryScene, offset: int) -> None:
    number = scene.post()
    start = scene.tenure(number).starts_at
    scene.at(start + offset)
    deadline = scene.challenge(number)
    assert deadline == scene.now + scene.terms.proof_period
    assert state(scene, number) is AttestationState.CONTESTED
    scene.agree()
    scene.at(deadline)
    assert not scene.live(start) and not scene.live(scene.now)
    assert state(scene, number) is AttestationState.CONTESTED
    scene.prove(number)
    assert state(scene, number) is AttestationState.PROVEN
    assert not scene.live(deadline) and scene.live(deadline + 1)
    scene.agree()


@pytest.mark.parametrize("offset", [0, 1, 20])
def test_challenge_after_the_window_leaves_it_live(scene: RegistryScene, offset: int) -> None:
    number = scene.post()
    start = scene.tenure(number).starts_at
    scene.at(start + offset)
    deadline = scene.challenge(number)
    assert state(scene, number) is AttestationState.CHALLENGED
    scene.at(deadline)
    assert scene.live(start) and scene.live(deadline)
    assert scene.contract.call("assurance", scene.node.node, deadline) == Assurance.UNCHALLENGED
    scene.agree()
    scene.prove(number)
    assert scene.live(start) and scene.tenure(number).starts_at == start
    assert scene.contract.call("assurance", scene.node.node, start) == Assurance.PROVEN
    scene.wait(1)
    scene.agree()


def test_a_challenge_unanswered_rejects_from_the_second_after_its_deadline(scene: RegistryScene) -> None:
    number = scene.post()
    start = scene.tenure(number).starts_at
    scene.at(start + 20)
    deadline = scene.challenge(number)
    scene.at(deadline + 1)
    assert state(scene, number) is AttestationState.REJECTED
    error = scene.refusal("prove", scene.prover, *scene.proof(number))
    assert error == ("ProofTooLate", number, deadline)
    reach = deadline + 1 - scene.terms.max_reach_back
    assert scene.live(reach - 1) and not scene.live(reach)
    assert scene.live(reach, deadline), "known only since the deadline passed"
    scene.agree()
    scene.act("expire_challenge", scene.stranger, number)
    scene.agree()


def test_a_rejection_reaches_back_no_further_than_its_start(scene: RegistryScene) -> None:
    number = scene.post()
    start = scene.tenure(number).starts_at
    scene.at(start)
    deadline = scene.challenge(number)
    scene.at(deadline + 1)
    assert not any(scene.live(at) for at in range(start - 2, deadline + 3))
    scene.agree()


def test_challenge_until_the_last_receipt_is_final(scene: RegistryScene) -> None:
    numbers = []
    for signer in (secp_signer(0), secp_signer(1)):
        numbers.append(scene.post(signer))
    last = scene.tenure(numbers[0]).until + scene.terms.max_reach_back
    scene.at(last)
    scene.challenge(numbers[0])
    scene.at(last + 1)
    value = scene.terms.deposit_floor
    error = scene.refusal("challenge", scene.challenger, numbers[1], value=value)
    assert error == ("ChallengeTooLate", numbers[1], last)
    scene.act("release_bond", scene.stranger, numbers[1])
    assert scene.refusal("challenge", scene.challenger, numbers[1], value=value) == ("NoBond", numbers[1])
    scene.agree()


def test_challenge_while_one_is_open_or_lost_reverts(scene: RegistryScene) -> None:
    number, value = scene.post(), scene.terms.deposit_floor
    deadline = scene.challenge(number)
    for when in (scene.now, deadline, deadline + 1):
        scene.at(when)
        error = scene.refusal("challenge", scene.stranger, number, value=value)
        assert error == ("AlreadyChallenged", number)
    scene.act("expire_challenge", scene.stranger, number)
    assert scene.refusal("challenge", scene.stranger, number, value=value)[0] == "AlreadyChallenged"


def test_challenge_of_what_needs_no_proof_reverts(scene: RegistryScene) -> None:
    endorsed, proven = scene.endorse(secp_signer(1)), scene.post()
    scene.prove(proven)
    value = scene.terms.deposit_floor
    for number in (endorsed, proven):
        assert scene.refusal("challenge", scene.stranger, number, value=value) == ("NothingToProve", number)
        assert scene.refusal("expire_challenge", scene.stranger, number) == ("ChallengeNotOver", number)
    for number in (0, 3, 2**256 - 1):
        unknown = ("UnknownAttestation", number)
        assert scene.refusal("challenge", scene.stranger, number, value=value) == unknown
        assert scene.refusal("expire_challenge", scene.stranger, number) == unknown
        assert scene.refusal("prove", scene.stranger, number, *scene.proof(proven)[1:]) == unknown


@pytest.mark.parametrize("base_fee", [0, 1, 317, 318, 10**9])
def test_challenge_deposits_half_as_much_again_as_a_proof_costs(base_fee: int) -> None:
    scene = RegistryScene(base_fee=base_fee)
    number = scene.post()
    needed = max(base_fee * scene.terms.proof_gas * 3 // 2, scene.terms.deposit_floor)
    assert scene.contract.call("challengeDeposit") == needed
    error = scene.refusal("challenge", scene.challenger, number, value=needed - 1)
    assert error == ("DepositTooSmall", needed - 1, needed)
    scene.challenge(number, needed + 5)
    assert scene.contract.call("attestation", number).deposit == needed + 5


def test_a_revocation_leaves_the_bond_open_to_challenges(scene: RegistryScene) -> None:
    number = scene.post()
    scene.at(scene.tenure(number).starts_at + 30)
    scene.act("revoke_attestation", scene.owner, number, scene.now - scene.terms.max_reach_back, "false")
    scene.wait(1)
    last = scene.tenure(number).until + scene.terms.max_reach_back
    assert scene.refusal("release_bond", scene.operator, number) == ("BondHeld", number, last)
    deadline = scene.challenge(number)
    scene.at(deadline + 1)
    scene.act("expire_challenge", scene.challenger, number)
    scene.agree()


def test_prove_pays_the_deposit_to_whoever_proves(scene: RegistryScene) -> None:
    number = scene.post()
    scene.challenge(number, 10**17)
    scene.prove(number)
    assert scene.contract.call("credits", scene.prover) == 10**17
    assert scene.refusal("prove", scene.stranger, *scene.proof(number)) == ("NothingToProve", number)
    scene.wait(1)
    scene.agree()


def test_prove_without_a_challenge_makes_it_live_at_once(scene: RegistryScene) -> None:
    number = scene.post()
    scene.wait(1)
    scene.prove(number)
    assert scene.tenure(number).starts_at == scene.now + 1
    assert scene.contract.call("credits", scene.prover) == 0
    scene.agree()


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_prove_about_its_start_never_moves_a_start_that_has_come(scene: RegistryScene, offset: int) -> None:
    number = scene.post()
    start = scene.tenure(number).starts_at
    scene.at(start + offset)
    scene.prove(number)
    assert scene.tenure(number).starts_at == start
    scene.agree()


def test_prove_of_something_else_reverts(scene: RegistryScene) -> None:
    number = scene.post()
    _, claims, key, document, _ = scene.proof(number)
    changes = {
        "kind": 2,
        "measurement": keccak(b"other"),
        "document_time": claims.document_time + 1,
        "attested_until": claims.attested_until + 1,
        "document_hash": keccak(b"other"),
        "certificates": (*CHAIN[:3], bytes(16)),
        "nonce": keccak(b"other"),
        "operator": scene.other,
        "payout": scene.other,
    }
    for field, value in changes.items():
        other = replace(claims, **{field: value})
        error = scene.refusal("prove", scene.prover, number, other, key, document, b"")
        assert error == ("WrongClaims", number), field
    strangers = secp_signer(1).public_key
    differs = ("ClaimDiffers", "publicKey")
    assert scene.refusal("prove", scene.prover, number, claims, strangers, document, b"") == differs
    wrong = ("WrongDocument", number)
    assert scene.refusal("prove", scene.prover, number, claims, key, document + b"\0", b"") == wrong
    assert scene.refusal("prove", scene.prover, number, claims, key, document, b"no") == ("WrongHints",)
    scene.prove(number)


def test_prove_after_its_end_still_saves_the_bond(scene: RegistryScene) -> None:
    number = scene.post()
    scene.at(scene.tenure(number).until + 3)
    deadline = scene.challenge(number)
    scene.at(deadline)
    scene.prove(number)
    assert state(scene, number) is AttestationState.EXPIRED
    scene.at(scene.tenure(number).until + scene.terms.max_reach_back + 1)
    scene.act("release_bond", scene.stranger, number)
    scene.agree()


def test_a_contested_attestation_proven_after_its_end_is_never_live(scene: RegistryScene) -> None:
    number = scene.post(attested_until=scene.now + scene.terms.window + 2)
    scene.at(scene.tenure(number).starts_at - 1)
    scene.challenge(number)
    scene.at(scene.tenure(number).until)
    scene.prove(number)
    scene.wait(2)
    assert not any(scene.live(at) for at in range(scene.now - 10, scene.now + 3))
    scene.agree()


def test_a_contested_one_that_is_lost_makes_room_for_another(scene: RegistryScene) -> None:
    for _ in range(3):
        number = scene.post(binding=Binding.KEY)
        scene.challenge(number)
        scene.wait(1)
    claims, _ = scene.claims()
    value = scene.terms.bond
    error = scene.refusal("post_attestation", scene.operator, *scene.posting(claims), value=value)
    assert error == ("TooManyCurrent", scene.node.node)
    scene.at(scene.tenure(1).deadline + 1)
    scene.post()
    scene.agree()
