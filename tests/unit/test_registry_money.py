"""AttestationRegistry: bonds, deposits, credits and what burns; where an attestation ends of itself.

retiring
├── when anybody but the node's operator asks → it should revert
├── when it ends sooner already → it should revert
└── else → it ends after the longest promise, and the bond is held until its last receipt is final
releasing a bond
├── until the last receipt is final, inclusive → it should revert
├── while a challenge is open or was lost → it should revert
├── when it was released, slashed or never was → it should revert
└── else → its poster is credited, whoever asks
an expired challenge
├── until the deadline, inclusive → it should revert
├── after it → half burns, odd wei burned; the other half and the deposit are the challenger's
└── twice, or after the bond's release → it should revert
money
├── given a receiver that refuses → its credit stays, nobody else is harmed; one that re-enters → it is paid once
├── given ether forced in → what is owed stays the same
└── given anything burned → anyone sweeps it, once
"""

from dataclasses import replace

import pytest

from afterproof.protocol.attestations import FOREVER, AttestationState
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from tests.support.evm import reverts
from tests.support.registry_scene import RegistryScene
from tests.support.scene import secp_signer

ODD = replace(DEMO_REGISTRY, bond=10**17 + 1)
BURN_ADDRESS = "0x000000000000000000000000000000000000dEaD"


@pytest.fixture
def scene() -> RegistryScene:
    return RegistryScene(ODD)


def test_retire_ends_after_the_longest_promise(scene: RegistryScene) -> None:
    number = scene.post()
    scene.at(scene.tenure(number).starts_at + 1)
    now = scene.now
    scene.act("retire", scene.operator, number)
    end = now + scene.terms.retire_delay + 1
    assert scene.contract.call("attestation", number).endsAt == end
    scene.agree()
    assert scene.refusal("retire", scene.operator, number) == ("EndsAlready", number, end)
    scene.wait(1)
    assert scene.refusal("retire", scene.operator, number) == ("EndsAlready", number, end)
    scene.at(end - 1)
    assert scene.live(end - 1) and not scene.live(end)
    assert scene.contract.call("stateOf", number) == AttestationState.UNCHALLENGED
    scene.at(end)
    assert scene.contract.call("stateOf", number) == AttestationState.RETIRED
    scene.agree()
    scene.at(end + scene.terms.max_reach_back)
    assert scene.refusal("release_bond", scene.operator, number)[0] == "BondHeld"
    scene.wait(1)
    scene.act("release_bond", scene.operator, number)


def test_retire_by_anybody_but_the_operator_reverts(scene: RegistryScene) -> None:
    number = scene.post()
    for sender in (scene.owner, scene.payout, scene.stranger):
        assert scene.refusal("retire", sender, number) == ("NotOperator", sender)
    assert scene.refusal("retire", scene.operator, number + 1) == ("UnknownAttestation", number + 1)
    scene.act("propose_operator", scene.operator, scene.node.node, scene.other)
    scene.act("accept_operator", scene.other, scene.node.node)
    assert scene.refusal("retire", scene.operator, number) == ("NotOperator", scene.operator)
    scene.act("retire", scene.other, number)


@pytest.mark.parametrize(("life", "goes"), [(15, False), (16, False), (17, True)])
def test_retire_of_what_ends_sooner_reverts(scene: RegistryScene, life: int, goes: bool) -> None:
    number = scene.post(attested_until=scene.now + life)
    if goes:
        scene.act("retire", scene.operator, number)
    else:
        error = scene.refusal("retire", scene.operator, number)
        assert error == ("EndsAlready", number, scene.now + life)
    scene.agree()


def test_retire_of_a_rejected_or_revoked_one_reverts(scene: RegistryScene) -> None:
    numbers = [scene.post(), scene.post(secp_signer(1))]
    deadline = scene.challenge(numbers[0])
    scene.act("revoke_attestation", scene.owner, numbers[1], scene.now + 3, "false")
    assert scene.refusal("retire", scene.operator, numbers[1])[0] == "EndsAlready"
    scene.at(deadline + 1)
    assert scene.refusal("retire", scene.operator, numbers[0])[0] == "EndsAlready"


def test_release_bond_once_the_last_receipt_is_final(scene: RegistryScene) -> None:
    number = scene.post()
    last = scene.tenure(number).until + scene.terms.max_reach_back
    for when in (scene.now, scene.tenure(number).until, last):
        scene.at(when)
        assert scene.refusal("release_bond", scene.operator, number) == ("BondHeld", number, last)
    scene.at(last + 1)
    scene.act("release_bond", scene.stranger, number)
    assert scene.contract.call("credits", scene.operator) == scene.terms.bond
    assert scene.refusal("release_bond", scene.operator, number) == ("NoBond", number)
    assert scene.refusal("release_bond", scene.operator, 2) == ("UnknownAttestation", 2)
    scene.agree()


def test_release_bond_of_a_proven_one_waits_as_long(scene: RegistryScene) -> None:
    number = scene.post_proven()
    last = scene.tenure(number).until + scene.terms.max_reach_back
    scene.at(last)
    assert scene.refusal("release_bond", scene.operator, number) == ("BondHeld", number, last)
    scene.at(last + 1)
    scene.act("release_bond", scene.operator, number)


def test_release_bond_under_a_challenge_reverts_for_ever(scene: RegistryScene) -> None:
    number = scene.post()
    last = scene.tenure(number).until + scene.terms.max_reach_back
    scene.at(last)
    deadline = scene.challenge(number)
    for when in (deadline, deadline + 1, deadline + 1000):
        scene.at(when)
        assert scene.refusal("release_bond", scene.operator, number) == ("BondHeld", number, FOREVER)
    scene.act("expire_challenge", scene.stranger, number)
    assert scene.refusal("release_bond", scene.operator, number) == ("NoBond", number)


def test_release_bond_of_an_endorsement_reverts(scene: RegistryScene) -> None:
    number = scene.endorse()
    assert scene.refusal("release_bond", scene.operator, number) == ("NoBond", number)


def test_expire_challenge_burns_half_and_pays_the_challenger(scene: RegistryScene) -> None:
    number = scene.post()
    deadline = scene.challenge(number, 10**16 + 3)
    for when in (scene.now, deadline):
        scene.at(when)
        assert scene.refusal("expire_challenge", scene.challenger, number) == ("ChallengeNotOver", number)
    scene.at(deadline + 1)
    scene.act("expire_challenge", scene.stranger, number)
    bond = scene.terms.bond
    assert scene.contract.call("credits", scene.challenger) == bond // 2 + 10**16 + 3
    assert scene.contract.call("burned") == bond - bond // 2 == bond // 2 + 1
    assert scene.refusal("expire_challenge", scene.stranger, number) == ("NoBond", number)
    scene.agree()


def test_sweep_burned_sends_it_where_nobody_has_a_key(scene: RegistryScene) -> None:
    assert scene.refusal("sweep_registry", scene.stranger) == ("NothingToSweep",)
    number = scene.post()
    scene.at(scene.challenge(number) + 1)
    scene.act("expire_challenge", scene.stranger, number)
    scene.act("sweep_registry", scene.stranger)
    assert scene.pair.evm.balance(BURN_ADDRESS) == scene.terms.bond - scene.terms.bond // 2
    assert scene.refusal("sweep_registry", scene.stranger) == ("NothingToSweep",)
    scene.agree()


def test_withdraw_pays_once(scene: RegistryScene) -> None:
    number = scene.post()
    scene.challenge(number)
    scene.prove(number)
    before = scene.pair.evm.balance(scene.stranger)
    scene.act("withdraw_from_registry", scene.prover, scene.stranger)
    assert scene.pair.evm.balance(scene.stranger) == before + scene.terms.deposit_floor
    error = scene.refusal("withdraw_from_registry", scene.prover, scene.stranger)
    assert error == ("NoCredit", scene.prover)


def test_a_receiver_that_refuses_keeps_its_credit_and_harms_nobody(scene: RegistryScene) -> None:
    number = scene.post()
    scene.challenge(number)
    scene.prove(number)
    refusing = scene.pair.evidence.address
    with reverts("PaymentRefused", refusing):
        scene.contract.send("withdraw", refusing, sender=scene.prover)
    scene.pair.compare_registry()
    scene.act("withdraw_from_registry", scene.prover, scene.prover)


def test_a_contract_that_re_enters_is_paid_once(scene: RegistryScene) -> None:
    """It challenges, is owed half of a bond and its deposit, and withdraws again while it is paid."""
    number = scene.post()
    greedy = scene.pair.evm.deploy("ReenteringCaller")
    deposit = scene.terms.deposit_floor
    scene.pair.evm.set_balance(greedy.address, deposit)
    fn = scene.contract.interface.function
    scene.pair.evm.transfer(scene.contract.address, deposit, sender=greedy.address, data=call(scene, number))
    scene.at(scene.now + scene.terms.proof_period + 1)
    scene.contract.send("expireChallenge", number, sender=scene.stranger)
    owed = scene.contract.call("credits", greedy.address)
    assert owed == scene.terms.bond // 2 + deposit
    data = fn("withdraw", 1).encode([greedy.address])
    greedy.send("run", scene.contract.address, data, data, sender=scene.stranger)
    assert greedy.call("entered") == 1 and greedy.call("succeeded") == 0
    assert scene.pair.evm.balance(greedy.address) == owed
    assert scene.pair.evm.balance(scene.contract.address) == scene.contract.call("burned")


def call(scene: RegistryScene, number: int) -> bytes:
    """The calldata of a challenge."""
    return bytes(scene.contract.interface.function("challenge", 1).encode([number]))


def test_ether_forced_in_belongs_to_nobody(scene: RegistryScene) -> None:
    number = scene.post()
    scene.challenge(number)
    evm, address = scene.pair.evm, scene.contract.address
    evm.set_balance(address, evm.balance(address) + 12_345)
    scene.pair.forced_into_registry = 12_345
    scene.pair.compare_registry()
    with reverts(""):
        evm.transfer(address, 1, sender=scene.stranger)
    scene.prove(number)
    scene.act("withdraw_from_registry", scene.prover, scene.prover)
    scene.at(scene.tenure(number).until + scene.terms.max_reach_back + 1)
    scene.act("release_bond", scene.operator, number)
    scene.act("withdraw_from_registry", scene.operator, scene.operator)
    assert evm.balance(address) == 12_345
    scene.agree()
