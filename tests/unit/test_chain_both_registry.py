"""What must hold of attestations on every chain, told of the in-memory one and of a real node alike.

ChainSender, the registry
├── a fresh registry: no attestation, no measurement, no evidence; its terms are those of its deployment
├── add_evidence, allow_measurement, set_revoker: as listed; refused to a stranger and twice
├── open_nonce: another one each time; names its operator and payout
├── post_attestation: Posted with its claims, live after its window; wrong bond, signature, code, sender: refused
├── post_proven: live from the next second; under a nonce that was opened; another key's document: refused
├── challenge_attestation: within the window contested, later still live; too small a deposit, twice: refused
├── prove_attestation: live, deposit to the prover; other claims, another document, too late: refused
├── expire_challenge: bond halved between challenger and burning; in time, twice: refused
├── retire_attestation, release_bond: ends after the longest promise; the bond only once nothing hangs on it
├── revoke_*: node, attestation, measurement, certificate: by owner and revoker alone, each ends what hangs on it
├── propose, accept, set_payout: in two steps, by whom it concerns
├── withdraw_from_registry, sweep_registry: paid out once, burned once
└── events: in order, with their claims
"""

from collections.abc import Iterator
from typing import Any

import pytest

from afterproof.chain.base import (
    Attestation,
    AttestationChallenged,
    AttestationPosted,
    AttestationProven,
    AttestationRejected,
    AttestationRetired,
    AttestationRevoked,
    BondReleased,
    BondsBurned,
    CertificateEnded,
    EvidenceAdded,
    Measurement,
    MeasurementAllowed,
    MeasurementRevoked,
    NodeState,
    NonceOpened,
    OperatorChanged,
    OperatorProposed,
    Purpose,
    RegistryWithdrawn,
    RevokerChanged,
    Sent,
)
from afterproof.errors import CallReverted
from afterproof.protocol.attestations import FOREVER, Assurance, AttestationState, Binding
from afterproof.protocol.receipt import keccak
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.terms import DEMO
from tests.support.chains import EvmStage, MemoryStage, Stage, deployed_anvil, restored
from tests.support.on_registry import (
    CODE,
    ISSUER,
    KIND,
    NOTHING,
    SERIALS,
    URI,
    allow_code,
    certificates,
    claims_of,
    post_attestation,
    registration,
)
from tests.support.on_stage import NODE, STRANGER, Refused, rehearsed

TERMS = DEMO_REGISTRY.beside(DEMO)
NOBODY = bytes(20)


@pytest.fixture(scope="module")
def node() -> Iterator[Any]:
    with deployed_anvil() as running:
        yield running


@pytest.fixture(params=["memory", "evm"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "memory":
        yield MemoryStage()
    else:
        url, deployment = request.getfixturevalue("node")
        with restored(url):
            yield EvmStage(url, deployment)


@pytest.fixture
def ready(stage: Stage) -> Stage:
    allow_code(stage.owner, stage.place_evidence())
    return stage


def test_a_fresh_registry_has_nothing(stage: Stage) -> None:
    chain = stage.relayer
    assert chain.registry_terms() == TERMS
    assert chain.attestation_count() == 0 and chain.attestation(1) is None
    assert chain.state_of(1) is AttestationState.NONE
    assert chain.attestations_of(NODE.node) == [] and chain.registrations(NODE.node) == 0
    assert chain.measurements() == [] and chain.measurement(CODE[Binding.KEY]) is None
    assert (chain.evidence(KIND), chain.revoker(), chain.proposed_operator(NODE.node)) == (NOBODY,) * 3
    assert chain.certificate_end(certificates()[0]) == 0
    assert chain.registry_credits(chain.account) == 0 and chain.registry_burned() == 0
    assert chain.assurance(NODE.node, stage.now) is Assurance.NONE
    assert chain.challenge_deposit() >= TERMS.deposit_floor


def test_evidence_and_code_are_listed(stage: Stage) -> None:
    verifier, code = stage.place_evidence(), CODE[Binding.NONCE]
    added = rehearsed(stage, stage.owner.add_evidence, KIND, verifier)
    assert added.events == (EvidenceAdded(KIND, verifier),)
    assert stage.prover.evidence(KIND) == verifier
    allowed = rehearsed(stage, stage.owner.allow_measurement, code, Binding.NONCE, "v1 ü", "git:1")
    assert allowed.events == (MeasurementAllowed(code, Binding.NONCE, "v1 ü", "git:1"),)
    assert stage.prover.measurements() == [code]
    assert stage.prover.measurement(code) == Measurement(stage.now, 0, Binding.NONCE, "v1 ü", "git:1")
    with Refused("CannotAdd", KIND):
        stage.owner.add_evidence(KIND, verifier)
    with Refused("AlreadyAllowed", code):
        stage.owner.allow_measurement(code, Binding.KEY, "v2", "")
    with Refused("CannotAllow", NOTHING):
        stage.owner.allow_measurement(NOTHING, Binding.KEY, "v2", "")
    stranger = stage.relayer
    for act in (
        lambda: stranger.add_evidence(3, verifier),
        lambda: stranger.allow_measurement(keccak(b"other"), Binding.KEY, "", ""),
        lambda: stranger.set_revoker(stranger.account),
    ):
        with Refused("OwnableUnauthorizedAccount", stranger.account):
            act()


def test_evidence_that_is_not_nitros_has_no_root_and_remembers_nothing(ready: Stage) -> None:
    assert ready.prover.evidence_root(KIND) is None
    assert ready.prover.evidence_root(77) is None


def test_evidence_without_code_is_refused(stage: Stage) -> None:
    with Refused("CannotAdd", KIND):
        stage.owner.add_evidence(KIND, b"\x77" * 20)
    assert stage.prover.evidence(KIND) == NOBODY


def test_nonces_differ_and_name_their_operator(stage: Stage) -> None:
    operator, payout = stage.relayer.account, stage.poster.account
    first, landed = stage.prover.open_nonce(operator, payout)
    assert landed.events == (NonceOpened(first, operator, payout),)
    second, _ = stage.prover.open_nonce(operator, payout)
    assert len({first, second, NOTHING}) == 3
    with Refused("NoOperator"):
        stage.prover.open_nonce(NOBODY, payout)


def test_a_posted_attestation_is_live_after_its_window(ready: Stage) -> None:
    operator, now = ready.relayer.account, ready.now
    claims, _ = claims_of(NODE, operator, now)
    signature = registration(ready.relayer, NODE, claims)
    number, landed = ready.relayer.post_attestation(claims, NODE.public_key, signature, URI, TERMS.bond)
    starts_at = ready.now + TERMS.window + 1
    assert landed.events == (
        OperatorChanged(NODE.node, operator, operator),
        AttestationPosted(1, NODE.node, operator, claims, starts_at, NODE.public_key, URI),
    )
    until = claims.attested_until
    assert (number, ready.prover.attestation_count()) == (1, 1)
    assert ready.prover.attestation(1) == Attestation(
        NODE.node, AttestationState.POSTED, KIND, starts_at, until, 0, claims.measurement, claims.hash(),
        operator, TERMS.bond, NOBODY, 0,
    )  # fmt: skip
    assert ready.prover.node(NODE.node) == NodeState(operator, operator, 0, 1, 1)
    assert ready.prover.attestations_of(NODE.node) == [1] and ready.prover.nodes() == [NODE.node]
    ready.until(starts_at)
    assert ready.prover.state_of(1) is AttestationState.UNCHALLENGED
    assert ready.prover.was_live(NODE.node, starts_at, starts_at)
    assert not ready.prover.was_live(NODE.node, starts_at - 1, FOREVER)
    assert ready.prover.assurance(NODE.node, starts_at) is Assurance.UNCHALLENGED
    ready.until(until)
    assert ready.prover.state_of(1) is AttestationState.EXPIRED


def test_a_posting_that_breaks_a_rule_is_refused(ready: Stage) -> None:
    operator, bond = ready.relayer.account, TERMS.bond

    def post(who: Any = ready.relayer, value: int = bond, count: int = 0, **changes: Any) -> None:
        claims, _ = claims_of(NODE, operator, ready.now, **changes)
        signature = registration(ready.relayer, STRANGER if count else NODE, claims)
        who.post_attestation(claims, NODE.public_key, signature, URI, value)

    with Refused("WrongBond", bond - 1, bond):
        post(value=bond - 1)
    with Refused("NotSignedByKey", NODE.node, 0):
        post(count=1)
    with Refused("NotOperator", ready.prover.account):
        post(who=ready.prover)
    with Refused("UnknownEvidence", 9):
        post(kind=9)
    with Refused("MeasurementNotAllowed", keccak(b"other")):
        post(measurement=keccak(b"other"))
    with Refused("UnknownNonce", keccak(b"nonce")):
        post(nonce=keccak(b"nonce"))
    assert ready.prover.attestation_count() == 0


def test_a_posting_with_its_proof_is_live_from_the_next_second(ready: Stage) -> None:
    operator = ready.relayer.account
    nonce, _ = ready.relayer.open_nonce(operator, operator)
    claims, document = claims_of(NODE, operator, ready.now, Binding.NONCE, nonce=nonce)
    arguments = (claims, NODE.public_key, URI, document, b"", TERMS.bond)
    tried, run = ready.relayer.post_proven(*arguments, dry_run=True)
    assert (tried, run.tx_hash) == (1, b"")
    number, landed = ready.relayer.post_proven(*arguments)
    assert number == 1 and landed.events == (
        OperatorChanged(NODE.node, operator, operator),
        AttestationPosted(1, NODE.node, operator, claims, ready.now + 1, NODE.public_key, URI),
        AttestationProven(1, operator, ready.now + 1),
    )
    assert ready.prover.state_of(1) is AttestationState.PROVEN
    assert ready.prover.assurance(NODE.node, ready.now + 1) is Assurance.PROVEN
    bound_by_key, other = claims_of(STRANGER, operator, ready.now, Binding.KEY, nonce=nonce)
    with Refused("OperatorUnbound", CODE[Binding.KEY]):
        ready.relayer.post_proven(bound_by_key, STRANGER.public_key, URI, other, b"", TERMS.bond)


def test_a_challenge_in_the_window_contests(ready: Stage) -> None:
    number, claims, document = post_attestation(ready.relayer, NODE, ready.now)
    deposit = ready.prover.challenge_deposit() * 2
    told: list[Sent] = []
    for account in (ready.prover, ready.poster):
        account.tell(told.append)
    landed = rehearsed(ready, ready.prover.challenge_attestation, number, deposit)
    deadline = ready.now + TERMS.proof_period
    assert landed.events == (AttestationChallenged(number, ready.prover.account, 0, deadline, deposit),)
    found = ready.prover.attestation(number)
    assert found is not None and found.state is AttestationState.CONTESTED
    assert (found.challenger, found.deposit) == (ready.prover.account, deposit)
    assert (found.starts_at, found.challenge_deadline) == (0, deadline)
    with Refused("AlreadyChallenged", number):
        ready.owner.challenge_attestation(number, deposit)
    landed = rehearsed(ready, ready.poster.prove_attestation, number, claims, NODE.public_key, document, b"")
    assert landed.events == (AttestationProven(number, ready.poster.account, ready.now + 1),)
    assert ready.prover.registry_credits(ready.poster.account) == deposit
    ready.poster.withdraw_from_registry(ready.poster.account)
    about = Purpose("attest", attestation=number)
    assert [one.purpose for one in told if one.outcome] == [about, about, Purpose("withdraw")]
    with Refused("NothingToProve", number):
        ready.prover.challenge_attestation(number, deposit)


def test_a_challenge_after_the_window_leaves_it_live_until_its_deadline(ready: Stage) -> None:
    number, claims, document = post_attestation(ready.relayer, NODE, ready.now)
    starts_at = ready.now + TERMS.window + 1
    ready.until(starts_at + 5)
    with pytest.raises(CallReverted, match="DepositTooSmall"):
        ready.prover.challenge_attestation(number, 1)
    deposit = ready.prover.challenge_deposit() * 2
    ready.prover.challenge_attestation(number, deposit)
    deadline = ready.now + TERMS.proof_period
    assert ready.prover.state_of(number) is AttestationState.CHALLENGED
    assert ready.prover.was_live(NODE.node, ready.now, ready.now)
    with Refused("ChallengeNotOver", number):
        ready.prover.expire_challenge(number)
    ready.at(deadline + 1)
    with Refused("ProofTooLate", number, deadline):
        ready.relayer.prove_attestation(number, claims, NODE.public_key, document, b"")
    ready.until(deadline + 2)
    assert ready.prover.state_of(number) is AttestationState.REJECTED
    assert not ready.prover.was_live(NODE.node, deadline, FOREVER)
    landed = rehearsed(ready, ready.poster.expire_challenge, number)
    bond = TERMS.bond
    assert landed.events == (AttestationRejected(number, ready.prover.account, bond),)
    assert ready.prover.registry_credits(ready.prover.account) == bond // 2 + deposit
    assert ready.prover.registry_burned() == bond - bond // 2
    with Refused("NoBond", number):
        ready.poster.expire_challenge(number)
    _pays_out(ready, bond // 2 + deposit, bond - bond // 2)


def _pays_out(stage: Stage, credit: int, burned: int) -> None:
    landed = rehearsed(stage, stage.prover.withdraw_from_registry, stage.poor.account)
    assert landed.events == (RegistryWithdrawn(stage.prover.account, stage.poor.account, credit),)
    assert stage.poor.balance(stage.poor.account) == credit
    with Refused("NoCredit", stage.prover.account):
        stage.prover.withdraw_from_registry(stage.poor.account)
    landed = rehearsed(stage, stage.relayer.sweep_registry)
    assert landed.events == (BondsBurned(burned),) and stage.relayer.registry_burned() == 0
    with Refused("NothingToSweep"):
        stage.relayer.sweep_registry()


def test_a_proof_of_something_else_is_refused(ready: Stage) -> None:
    number, claims, document = post_attestation(ready.relayer, NODE, ready.now)
    other, false = claims_of(NODE, ready.relayer.account, claims.document_time - 1)
    prove = ready.prover.prove_attestation
    with Refused("WrongClaims", number):
        prove(number, other, NODE.public_key, false, b"")
    with Refused("WrongDocument", number):
        prove(number, claims, NODE.public_key, false, b"")
    with Refused("ClaimDiffers", "publicKey"):
        prove(number, claims, STRANGER.public_key, document, b"")
    with Refused("UnknownAttestation", 2):
        prove(2, claims, NODE.public_key, document, b"")
    lying, plain = claims_of(STRANGER, ready.relayer.account, ready.now, document_hash=keccak(document))
    assert plain != document
    signature = registration(ready.relayer, STRANGER, lying)
    ready.relayer.post_attestation(lying, STRANGER.public_key, signature, URI, TERMS.bond)
    with pytest.raises(CallReverted, match=r"OtherKey|UnknownError"):
        prove(2, lying, STRANGER.public_key, document, b"")


def test_a_retired_attestation_ends_after_the_longest_promise(ready: Stage) -> None:
    number, *_ = post_attestation(ready.relayer, NODE, ready.now)
    with Refused("NotOperator", ready.prover.account):
        ready.prover.retire_attestation(number)
    landed = rehearsed(ready, ready.relayer.retire_attestation, number)
    end = ready.now + TERMS.retire_delay + 1
    assert landed.events == (AttestationRetired(number, end),)
    last = end + TERMS.max_reach_back
    with Refused("BondHeld", number, last):
        ready.relayer.release_bond(number)
    ready.until(end)
    assert ready.prover.state_of(number) is AttestationState.RETIRED
    ready.until(last + 1)
    released = rehearsed(ready, ready.poster.release_bond, number)
    assert released.events == (BondReleased(number, ready.relayer.account, TERMS.bond),)
    assert ready.prover.registry_credits(ready.relayer.account) == TERMS.bond
    with Refused("NoBond", number):
        ready.relayer.release_bond(number)


def test_each_subject_is_revoked_by_owner_and_revoker_alone(ready: Stage) -> None:
    number, claims, _ = post_attestation(ready.relayer, NODE, ready.now)
    revoker = ready.poster
    assert ready.owner.set_revoker(revoker.account).events == (RevokerChanged(revoker.account),)
    assert ready.prover.revoker() == revoker.account
    start = ready.now + TERMS.window + 1
    ready.until(start + 3)
    first, code = claims.certificates[0], claims.measurement
    with Refused("NotRevoker", ready.prover.account):
        ready.prover.revoke_attestation(number, start, "")
    landed = rehearsed(ready, revoker.revoke_certificate, ISSUER, SERIALS[0], start + 500, "compromised")
    assert landed.events == (CertificateEnded(first, start + 500, "compromised"),)
    assert ready.prover.certificate_end(first) == start + 500
    assert ready.prover.was_live(NODE.node, start + 499, FOREVER)
    assert not ready.prover.was_live(NODE.node, start + 500, FOREVER)
    landed = rehearsed(ready, ready.owner.revoke_measurement, code, start + 400, "a hole")
    assert landed.events == (MeasurementRevoked(code, start + 400, "a hole"),)
    assert not ready.prover.was_live(NODE.node, start + 400, FOREVER)
    landed = rehearsed(ready, revoker.revoke_attestation, number, start + 300, "a lie")
    assert landed.events == (AttestationRevoked(number, start + 300, "a lie"),)
    assert not ready.prover.was_live(NODE.node, start + 300, FOREVER)
    assert ready.prover.was_live(NODE.node, start + 299, FOREVER)
    revoker.revoke(NODE.node, start + 1, "stolen")
    assert not ready.prover.was_live(NODE.node, start + 1, FOREVER)
    assert ready.prover.was_live(NODE.node, start + 1, ready.now - 1)
    assert ready.prover.state_of(number) is AttestationState.REVOKED
    found = ready.prover.measurement(code)
    assert found is not None and found.ends_at == start + 400
    with Refused("AlreadyRevoked", number.to_bytes(32), start + 300):
        revoker.revoke_attestation(number, start + 300, "again")
    with Refused("NodeEnded", NODE.node, start + 1):
        post_attestation(ready.relayer, NODE, ready.now)


def test_an_operator_hands_its_node_over_in_two_steps(ready: Stage) -> None:
    post_attestation(ready.relayer, NODE, ready.now)
    old, new = ready.relayer.account, ready.prover.account
    with Refused("NotOperator", new):
        ready.prover.propose_operator(NODE.node, new)
    landed = rehearsed(ready, ready.relayer.propose_operator, NODE.node, new)
    assert landed.events == (OperatorProposed(NODE.node, new),)
    assert ready.relayer.proposed_operator(NODE.node) == new
    with Refused("NotProposed", old):
        ready.relayer.accept_operator(NODE.node)
    landed = rehearsed(ready, ready.prover.accept_operator, NODE.node)
    assert landed.events == (OperatorChanged(NODE.node, new, old),)
    landed = rehearsed(ready, ready.prover.set_payout, NODE.node, new)
    assert landed.events == (OperatorChanged(NODE.node, new, new),)
    with Refused("NotOperator", old):
        ready.relayer.set_payout(NODE.node, old)
    assert ready.relayer.node(NODE.node) == NodeState(new, new, 0, 1, 1)


def test_events_of_the_registry_come_in_order(ready: Stage) -> None:
    first = ready.owner.head().number + 1
    number, claims, document = post_attestation(ready.relayer, NODE, ready.now)
    ready.prover.prove_attestation(number, claims, NODE.public_key, document, b"")
    events = [logged.event for logged in ready.owner.events(first, ready.owner.head().number)]
    assert [type(event) for event in events] == [OperatorChanged, AttestationPosted, AttestationProven]
    posted = events[1]
    assert isinstance(posted, AttestationPosted) and posted.claims == claims
