"""AttestationRegistry and the contracts that judge evidence: short of gas, and malicious.

proving
├── given any amount of gas → it goes through in full, or reverts and changes nothing
├── given evidence that never ends → it reverts and changes nothing: a revert proves nothing
└── given evidence that calls back while it verifies → no wei is paid twice, and no rule is passed over
"""

from typing import Any

import pytest

from afterproof.protocol.attestations import AttestationState
from tests.support.evm import Contract, Reverted
from tests.support.registry_scene import RegistryScene

FOREIGN = 9
"""A kind of evidence that calls back."""


@pytest.fixture
def scene() -> RegistryScene:
    return RegistryScene()


def calldata(scene: RegistryScene, fn: str, *arguments: Any) -> bytes:
    """The calldata of a call to the registry."""
    return bytes(scene.contract.interface.function(fn, len(arguments)).encode(arguments))


def arguments_of(scene: RegistryScene, number: int) -> tuple[Any, ...]:
    """A proof as the contract takes it."""
    number, claims, key, document, hints = scene.proof(number)
    return number, encoded(claims), key, document, hints


def encoded(claims: Any) -> tuple[Any, ...]:
    """Claims as the ABI's tuple."""
    names = ("kind", "measurement", "document_time", "attested_until", "document_hash", "certificates")
    return tuple(getattr(claims, name) for name in (*names, "nonce", "operator", "payout"))


@pytest.fixture
def foreign(scene: RegistryScene) -> Contract:
    """Evidence that calls back, added as a kind of its own; only contracts play here, the specification looks on."""
    contract = scene.pair.evm.deploy("ReenteringEvidence")
    scene.contract.send("addEvidence", FOREIGN, contract, sender=scene.owner)
    return contract


def posted(scene: RegistryScene, kind: int = FOREIGN) -> int:
    """An attestation of that kind of evidence, posted on the contract alone."""
    claims, document = scene.claims(kind=kind)
    count = scene.contract.call("registrations", scene.node.node)
    key, signature = scene.node.public_key, scene.signature(claims, count=count)
    sent = scene.contract.send(
        "post", encoded(claims), key, signature, "", sender=scene.operator, value=scene.terms.bond
    )
    number = int(sent.event("AttestationPosted")["id"])
    scene.posted[number] = (scene.node, claims, document)
    return number


def held(scene: RegistryScene) -> tuple[int, int]:
    """What the contract holds, and what it owes by its own books."""
    call = scene.contract.call
    owed = call("burned")
    for number in range(1, call("attestationCount") + 1):
        found = call("attestation", number)
        owed += found.bond + found.deposit
    accounts = [*scene.pair.accounts]
    return scene.pair.evm.balance(scene.contract.address), owed + sum(call("credits", a) for a in accounts)


def test_prove_with_any_amount_of_gas_is_all_or_nothing(scene: RegistryScene) -> None:
    number = scene.post()
    deadline = scene.challenge(number)
    evm, before = scene.pair.evm, scene.pair.evm.snapshot()
    proof = arguments_of(scene, number)
    enough = scene.contract.send("prove", *proof, sender=scene.prover).gas_used
    evm.restore(before)
    refused = 0
    for gas in range(60_000, enough + 60_000, 1_777):
        try:
            scene.contract.send("prove", *proof, sender=scene.prover, gas=gas)
        except (Reverted, ValueError):
            refused += 1
            found = scene.contract.call("attestation", number)
            assert (found.state, found.challengeDeadline) == (AttestationState.CONTESTED, deadline)
            assert found.deposit == scene.terms.deposit_floor
            assert scene.pair.evidence.call("verified") == 0
            continue
        assert scene.contract.call("stateOf", number) == AttestationState.PROVEN
        assert scene.pair.evidence.call("verified") == 1
        evm.restore(before)
    assert refused > 10
    scene.pair.compare_registry()


def test_evidence_that_never_ends_changes_nothing(scene: RegistryScene) -> None:
    number = scene.post()
    scene.challenge(number)
    proof = (*arguments_of(scene, number)[:-1], b"\x01")
    for gas in (200_000, 2_000_000):
        with pytest.raises(Reverted):
            scene.contract.send("prove", *proof, sender=scene.prover, gas=gas)
    scene.pair.compare_registry()
    scene.prove(number)


@pytest.mark.parametrize("again", ["prove", "challenge", "expireChallenge", "releaseBond", "sweepBurned"])
@pytest.mark.parametrize("challenged", [False, True])
def test_evidence_that_calls_back_takes_nothing(
    scene: RegistryScene, foreign: Contract, again: str, challenged: bool
) -> None:
    number = posted(scene)
    deposit = scene.terms.deposit_floor
    if challenged:
        scene.contract.send("challenge", number, sender=scene.challenger, value=deposit)
    arguments = {"prove": arguments_of(scene, number), "sweepBurned": ()}.get(again, (number,))
    value = deposit if again == "challenge" else 0
    scene.pair.evm.set_balance(foreign.address, value)
    foreign.send("prepare", scene.contract, calldata(scene, again, *arguments), value, sender=scene.stranger)
    scene.contract.send("prove", *arguments_of(scene, number), sender=scene.prover)
    went = (again == "prove") or (again == "challenge" and not challenged)
    assert foreign.call("succeeded") == went
    balance, owed = held(scene)
    nested = scene.contract.call("credits", foreign.address)
    assert balance == owed + nested
    paid = nested + scene.contract.call("credits", scene.prover)
    assert paid == (deposit if challenged or again == "challenge" else 0)
    found = scene.contract.call("attestation", number)
    assert (found.state, found.challengeDeadline, found.deposit) == (AttestationState.PROVEN, 0, 0)
    assert found.bond == scene.terms.bond


def test_evidence_that_posts_while_it_proves_a_posting_makes_no_second_one(
    scene: RegistryScene, foreign: Contract
) -> None:
    """The inner posting is by the evidence itself, which is nobody's operator; the outer one goes through."""
    nonce = scene.open_nonce(scene.operator, scene.payout)
    binding = next(binding for binding in scene.spec.measurements.values() if binding.binding == 1).binding
    claims, document = scene.claims(kind=FOREIGN, binding=binding, nonce=nonce)
    key = scene.node.public_key
    inner = calldata(scene, "postProven", encoded(claims), key, "", document, b"")
    scene.pair.evm.set_balance(foreign.address, scene.terms.bond)
    foreign.send("prepare", scene.contract, inner, scene.terms.bond, sender=scene.stranger)
    scene.contract.send(
        "postProven",
        *(encoded(claims), key, "", document, b""),
        sender=scene.operator,
        value=scene.terms.bond,
    )
    assert foreign.call("succeeded") == 0
    assert scene.contract.call("registrations", scene.node.node) == 1
    balance, owed = held(scene)
    assert balance == owed == scene.terms.bond
