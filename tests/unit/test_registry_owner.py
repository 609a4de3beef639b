"""AttestationRegistry: what the owner and operators change, what a deployment may say, and what anyone can list.

measurements
├── when the caller is not the owner, it is listed (or was), it is zero, or the list is full → it should revert
└── else → it may run nodes at once; it is listed in order, with its version and its build
evidence
├── when the caller is not the owner, the kind is zero or taken, the verifier no contract → it should revert
└── else → it judges that kind for good
operators
├── when anybody but the operator proposes, or changes the payout → it should revert
├── when anybody but the proposed one accepts, or twice → it should revert
└── else → the node is the new one's, in two steps
terms
└── when one is nonsense → deploying should revert and name it, in contract and specification alike
lists
└── given any page → what is on it, and nothing beyond the end
"""

from dataclasses import astuple, fields, replace

import pytest

from afterproof.protocol.attestations import Binding
from afterproof.protocol.receipt import keccak
from afterproof.protocol.registry_terms import (
    DEMO_REGISTRY,
    PRODUCTION_REGISTRY,
    REGISTRY_TERM_NAMES,
    RegistryTerms,
)
from tests.support.evidence import verify_document
from tests.support.evm import Evm, reverts
from tests.support.registry_scene import KIND, MEASUREMENTS, RegistryScene
from tests.support.scene import secp_signer

CODE = keccak(b"new code")
DAY = 86_400


@pytest.fixture
def scene() -> RegistryScene:
    return RegistryScene()


def test_allow_measurement_lists_it_at_once(scene: RegistryScene) -> None:
    scene.act("allow_measurement", scene.owner, CODE, Binding.NONCE, "1.2.0", "git:v1.2.0#abc")
    found = scene.contract.call("measurementOf", CODE)
    now = scene.now
    assert tuple(found) == (now, 0, Binding.NONCE, "1.2.0", "git:v1.2.0#abc")
    scene.post(measurement=CODE)
    unknown = scene.contract.call("measurementOf", keccak(b"unknown"))
    assert tuple(unknown) == (0, 0, Binding.KEY, "", "")
    scene.agree()


def test_allow_measurement_that_breaks_a_rule_reverts(scene: RegistryScene) -> None:
    rest = (Binding.KEY, "", "")
    error = scene.refusal("allow_measurement", scene.stranger, CODE, *rest)
    assert error == ("OwnableUnauthorizedAccount", scene.stranger)
    assert scene.refusal("allow_measurement", scene.owner, bytes(32), *rest) == ("CannotAllow", bytes(32))
    scene.act("allow_measurement", scene.owner, CODE, *rest)
    assert scene.refusal("allow_measurement", scene.owner, CODE, *rest) == ("AlreadyAllowed", CODE)
    scene.act("revoke_measurement", scene.owner, CODE, scene.now, "broken")
    assert scene.refusal("allow_measurement", scene.owner, CODE, *rest) == ("AlreadyAllowed", CODE)


def test_measurements_are_listed_in_order_by_pages(scene: RegistryScene) -> None:
    listed = list(MEASUREMENTS.values())
    call = scene.contract.call
    assert call("measurementCount") == 3
    assert list(call("measurements", 0, 9)) == listed
    assert list(call("measurements", 1, 1)) == listed[1:2]
    for offset in (3, 4, 2**256 - 1):
        assert list(call("measurements", offset, 2**256 - 1)) == []
    assert list(call("measurements", 0, 0)) == []


def test_add_evidence_that_breaks_a_rule_reverts(scene: RegistryScene) -> None:
    error = scene.refusal("add_evidence", scene.stranger, 2, verify_document)
    assert error == ("OwnableUnauthorizedAccount", scene.stranger)
    for kind in (0, KIND):
        assert scene.refusal("add_evidence", scene.owner, kind, verify_document) == ("CannotAdd", kind)
    for nobody in (bytes(20), scene.stranger):
        with reverts("CannotAdd", 2):
            scene.contract.send("addEvidence", 2, nobody, sender=scene.owner)
    scene.act("add_evidence", scene.owner, 255, verify_document)
    assert scene.contract.call("evidence", 255) == scene.pair.evidence.address
    assert int(scene.contract.call("evidence", 2), 16) == 0
    scene.post(kind=255)


def test_set_revoker_by_anybody_but_the_owner_reverts(scene: RegistryScene) -> None:
    scene.act("set_revoker", scene.owner, scene.other)
    for sender in (scene.other, scene.stranger):
        error = scene.refusal("set_revoker", sender, sender)
        assert error == ("OwnableUnauthorizedAccount", sender)


def test_an_operator_hands_its_node_over_in_two_steps(scene: RegistryScene) -> None:
    scene.post()
    name = scene.node.node
    assert scene.refusal("accept_operator", scene.other, name) == ("NotProposed", scene.other)
    for sender in (scene.other, scene.owner):
        assert scene.refusal("propose_operator", sender, name, sender) == ("NotOperator", sender)
        assert scene.refusal("set_payout", sender, name, sender) == ("NotOperator", sender)
    scene.act("propose_operator", scene.operator, name, scene.stranger)
    scene.act("propose_operator", scene.operator, name, scene.other)
    assert scene.refusal("accept_operator", scene.stranger, name) == ("NotProposed", scene.stranger)
    scene.act("accept_operator", scene.other, name)
    assert scene.refusal("accept_operator", scene.other, name) == ("NotProposed", scene.other)
    assert scene.refusal("set_payout", scene.operator, name, scene.operator)[0] == "NotOperator"
    scene.act("set_payout", scene.other, name, scene.stranger)
    scene.agree()


def test_nobody_operates_an_unknown_node(scene: RegistryScene) -> None:
    other = scene.other
    for name in (bytes(32), secp_signer(1).node):
        assert scene.refusal("propose_operator", other, name, other) == ("NotOperator", other)
        assert scene.refusal("set_payout", other, name, other) == ("NotOperator", other)
        assert scene.refusal("accept_operator", other, name) == ("NotProposed", other)


# --- terms -------------------------------------------------------------------------------------

NONSENSE = [
    ("window", {"window": 0}),
    ("window", {"window": 60 * DAY + 1}),
    ("proofPeriod", {"proof_period": 0}),
    ("proofPeriod", {"proof_period": DEMO_REGISTRY.max_reach_back + 1}),
    ("maxReachBack", {"max_reach_back": 0}),
    ("maxReachBack", {"max_reach_back": 365 * DAY + 1}),
    ("retireDelay", {"retire_delay": 60 * DAY + 1}),
    ("maxDocumentAge", {"max_document_age": 0}),
    ("maxClockSkew", {"max_clock_skew": 3601}),
    ("maxAttestedFor", {"max_attested_for": DEMO_REGISTRY.window + 1}),
    ("bond", {"bond": 0}),
    ("depositFloor", {"deposit_floor": 0}),
    ("proofGas", {"proof_gas": 0}),
    ("proofGas", {"proof_gas": 10**9 + 1}),
]


@pytest.mark.parametrize(("parameter", "changes"), NONSENSE)
def test_terms_that_are_nonsense_revert(parameter: str, changes: dict[str, int]) -> None:
    terms, evm = replace(DEMO_REGISTRY, **changes), Evm()
    broken = terms.broken_rule()
    assert broken is not None and broken[0] == parameter
    with reverts("BadRegistryTerms", *broken):
        evm.deploy("AttestationRegistry", evm.accounts[0], astuple(terms), ())


@pytest.mark.parametrize(
    "terms",
    [
        DEMO_REGISTRY,
        PRODUCTION_REGISTRY,
        RegistryTerms(1, 1, 1, 0, 1, 0, 3, 1, 1, 1),
        RegistryTerms(
            60 * DAY, 365 * DAY, 365 * DAY, 60 * DAY, 2**32 - 1, 3600, 2**32 - 1, 2**96 - 1, 2**96 - 1, 10**9
        ),
    ],
)
def test_terms_at_their_bounds_are_accepted(terms: RegistryTerms) -> None:
    evm = Evm()
    assert terms.broken_rule() is None
    registry = evm.deploy("AttestationRegistry", evm.accounts[0], astuple(terms), ())
    assert tuple(registry.call("terms")) == astuple(terms)
    assert registry.call("maxReachBack") == terms.max_reach_back
    assert len(REGISTRY_TERM_NAMES) == len(fields(RegistryTerms)) == len(astuple(terms))


def test_evidence_is_known_from_the_beginning() -> None:
    evm = Evm()
    owner, terms, harness = evm.accounts[0], astuple(DEMO_REGISTRY), evm.deploy("EvidenceHarness")
    registry = evm.deploy("AttestationRegistry", owner, terms, [(1, harness), (7, harness)])
    known = [registry.call("evidence", kind) == harness.address for kind in (0, 1, 2, 7)]
    assert known == [False, True, False, True]
    for unsound in ([(0, harness)], [(1, harness), (1, harness)], [(1, evm.accounts[1])]):
        with reverts("CannotAdd", unsound[0][0]):
            evm.deploy("AttestationRegistry", owner, terms, unsound)


def test_only_an_owner_that_accepts_takes_over(scene: RegistryScene) -> None:
    scene.contract.send("transferOwnership", scene.other, sender=scene.owner)
    scene.act("set_revoker", scene.owner, scene.stranger)
    with reverts("OwnableUnauthorizedAccount"):
        scene.contract.send("acceptOwnership", sender=scene.stranger)
    scene.contract.send("acceptOwnership", sender=scene.other)
    with reverts("OwnableUnauthorizedAccount"):
        scene.contract.send("setRevoker", scene.owner, sender=scene.owner)
