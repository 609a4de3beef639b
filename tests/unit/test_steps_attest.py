"""Attest: what is posted is checked; what no document proves is challenged, what is ours is proven.

an attestation
├── whose document proves it → it should be kept, fetched once, and never be challenged
├── whose document fails in any way, or differs from the claims → it should be challenged at once, and be rejected
├── whose document is withheld, or another → it should be challenged when patience ends, within the window
│   └── and when it comes in time → it should be kept
├── that another challenged first → it should be left alone, also when both come in one block
├── of an unknown kind, or while the node fails → it should wait, and challenge nothing
├── that is too dear to challenge → it should not be, loudly
└── that is revoked, or whose certificate is → it should need no challenge
a challenge
├── of this account's own attestation → it should be proven, its certificates first where a transaction holds no more
│   └── however long its network was down, as soon as it is back
├── of others' → it should be proven only where that is wanted
├── of our own making that nobody answered → it should be expired, and its money be known
└── that came to nothing, or was too late → nothing should be left to do
a crash after any commit or transaction, a reorganisation
└── it should end with the same verdicts, and the same things done once
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from afterproof.attestation.claims import NITRO
from afterproof.attestation.document import parse
from afterproof.chain.base import AttestationChallenged, AttestationProven, AttestationRejected
from afterproof.chain.memory_evidence import NitroVerifier
from afterproof.errors import CallReverted, ChainUnavailable, SendFailed
from afterproof.protocol.attestations import AttestationState, Binding
from afterproof.protocol.receipt import keccak
from afterproof.protocol.terms import ETHER
from afterproof.steps import Context
from afterproof.steps.attest import attest
from afterproof.steps.watch import watch
from afterproof.store.attestation_checks import Found
from tests.support.crashes import Crash, crash_at, tables
from tests.support.nitro_authority import PCRS, Authority
from tests.support.nitro_world import OTHER_PCRS, URL, Attested, measurement_of
from tests.support.on_registry import registration
from tests.support.refusing import Refusing
from tests.support.world import OPERATOR, OWNER, RIVAL, VERIFIER, World

STEPS = (watch, attest)
DEPOSIT = ETHER // 100 * 9 // 8


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def attested(world: World) -> Attested:
    return Attested(world)


@pytest.fixture
def verifier(world: World, attested: Attested) -> Context:
    return world.verifier()


def found(context: Context, number: int) -> Found:
    """What a verifier knows of an attestation's document."""
    check = context.store.attestation_checks.get(number)
    assert check is not None
    return check.state


def events(context: Context, kind: type) -> list[Any]:
    """Everything of a kind that happened."""
    return [one.event for one in context.chain.events(0, 10**6) if isinstance(one.event, kind)]


def having(context: Context, **changes: Any) -> Context:
    """The same context with other settings of the verifier."""
    return replace(
        context, config=replace(context.config, verifier=replace(context.config.verifier, **changes))
    )


def going(world: World, seconds: int, *contexts: Context) -> None:
    """Time passes in blocks, and everybody takes their steps."""
    for _ in range(seconds):
        world.round(*contexts, steps=STEPS)
        world.wait(1)
    world.round(*contexts, steps=STEPS)


def challenged(world: World, number: int, by: bytes = RIVAL) -> None:
    """Somebody challenges."""
    world.chain.account_view(by).challenge_attestation(number, DEPOSIT)


# --- what is found ----------------------------------------------------------------------------------


def test_attest_honest_isKeptAndFetchedOnce(world: World, attested: Attested, verifier: Context) -> None:
    number = attested.post()
    going(world, attested.terms.window + 2, verifier)
    assert found(verifier, number) is Found.KEPT
    assert attested.state(number) is AttestationState.UNCHALLENGED
    assert len(attested.documents.fetched) == 1 and not events(verifier, AttestationChallenged)
    assert verifier.store.attestation_checks.due(2**40, 9) == []


def _wrong_claims(attested: Attested) -> dict[str, Callable[[], int]]:
    """Every way in which an attestation may be false, and the claims' field or the check that says so."""
    key = attested.key()
    document = attested.document(key)
    claims = attested.claims(document)
    stranger = Authority(b"stranger")

    def posted(**given: Any) -> Callable[[], int]:
        return lambda: attested.post(attested.document(key, **given), key)

    return {
        "measurement": lambda: attested.post(document, key, {"measurement": measurement_of(OTHER_PCRS)}),
        "time": lambda: attested.post(document, key, {"document_time": claims.document_time - 1}),
        "certificates": lambda: attested.post(
            document, key, {"certificates": (*claims.certificates[:3], bytes(16))}
        ),
        "root": posted(authority=stranger),
        "key": posted(user_data=None),
        "document signature": posted(signer=stranger.key("enclave")),
        "it is no document": lambda: attested.post(
            document, key, {"document_hash": keccak(b"nonsense")}, on_shelf=b"nonsense"
        ),
    }


@pytest.mark.parametrize(
    "way", ["measurement", "time", "certificates", "root", "key", "document signature", "it is no document"]
)
def test_attest_false_isChallengedAtOnceAndRejected(
    world: World, attested: Attested, verifier: Context, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    number = _wrong_claims(attested)[way]()
    world.round(verifier, steps=STEPS)
    check = verifier.store.attestation_checks.get(number)
    assert check is not None and check.state is Found.FALSE and way in check.why
    assert attested.state(number) is AttestationState.CONTESTED
    going(world, attested.terms.proof_period + 3, verifier)
    assert attested.state(number) is AttestationState.REJECTED
    (rejected,) = events(verifier, AttestationRejected)
    assert (rejected.challenger, rejected.slashed) == (VERIFIER, attested.terms.bond)
    assert verifier.chain.registry_credits(VERIFIER) == attested.terms.bond // 2 + DEPOSIT
    assert len(events(verifier, AttestationChallenged)) == 1
    assert verifier.store.attestation_checks.due(2**40, 9) == []
    (said,) = [one for one in caplog.records if one.getMessage().startswith("challenged attestation")]
    about = said.__dict__
    assert (about["attestation"], about["deposit"]) == (number, DEPOSIT)
    assert about["tx_hash"] and about["gas"] and way in about["error"]


def test_attest_debugEnclave_isChallenged(world: World, attested: Attested, verifier: Context) -> None:
    key, pcrs = attested.key(), {**PCRS, 1: bytes(48)}
    world.chain.account_view(OWNER).allow_measurement(measurement_of(pcrs), Binding.KEY, "debug", "-")
    number = attested.post(attested.document(key, pcrs=pcrs), key)
    world.round(verifier, steps=STEPS)
    check = verifier.store.attestation_checks.get(number)
    assert check is not None and "debug" in check.why
    assert attested.state(number) is AttestationState.CONTESTED


def test_attest_withheldWithoutASignOfItsOwnNetwork_isNotChallenged(
    world: World, attested: Attested, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    number = attested.post()
    attested.documents.missing, attested.documents.is_connected = True, False
    going(world, attested.terms.window - 1, verifier)
    assert attested.state(number) is not AttestationState.CONTESTED
    assert not events(verifier, AttestationChallenged)
    assert "own network gives no sign that it works" in caplog.text
    attested.documents.is_connected = True
    going(world, 60, verifier)
    assert attested.state(number) is AttestationState.REJECTED


def test_attest_whenAnotherRootIsPinned_judgesAgain(
    world: World, attested: Attested, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    number = attested.post()
    going(world, 3, verifier)
    assert found(verifier, number) is Found.KEPT
    evidence: Any = world.chain._state.registry.evidence[NITRO]
    evidence.root = keccak(b"another root")
    going(world, 62, verifier)
    assert found(verifier, number) is Found.FALSE
    assert attested.state(number) is AttestationState.CHALLENGED
    assert caplog.text.count("another root is pinned for evidence of kind") == 1


@pytest.mark.parametrize("instead", [b"", b"<html>not found</html>"], ids=["nothing", "another"])
def test_attest_withheld_isChallengedWithinTheWindow(
    world: World, attested: Attested, verifier: Context, instead: bytes
) -> None:
    number = attested.post(on_shelf=instead)
    posted = world.now
    while attested.state(number) is AttestationState.POSTED:
        going(world, 1, verifier)
    assert attested.state(number) is AttestationState.CONTESTED
    assert found(verifier, number) is Found.WITHHELD
    window = attested.terms.window
    assert posted + window // 2 < world.now <= posted + window
    assert len(attested.documents.fetched) >= 3


def test_attest_withheldThatComesInTime_isKept(world: World, attested: Attested, verifier: Context) -> None:
    attested.documents.missing = True
    number = attested.post()
    going(world, 3, verifier)
    attested.documents.missing = False
    going(world, attested.terms.window + 1, verifier)
    assert found(verifier, number) is Found.KEPT
    assert attested.state(number) is AttestationState.UNCHALLENGED


def test_attest_withheldFirstSeenAfterTheWindow_hasPatienceAllTheSame(
    world: World, attested: Attested, verifier: Context
) -> None:
    number = attested.post(on_shelf=b"")
    world.wait(attested.terms.window + 5)
    patient = having(verifier, withheld_after=6.0)
    going(world, 5, patient)
    assert attested.state(number) is AttestationState.UNCHALLENGED
    going(world, 4, patient)
    assert attested.state(number) is AttestationState.CHALLENGED


def test_attest_falseFirstSeenWhenLive_isChallenged(
    world: World, attested: Attested, verifier: Context
) -> None:
    number = _wrong_claims(attested)["measurement"]()
    world.wait(attested.terms.window + 100)
    going(world, attested.terms.proof_period + 3, verifier)
    assert attested.state(number) is AttestationState.REJECTED


# --- what is left alone -----------------------------------------------------------------------------


def test_attest_whereAnotherCameFirst_leavesItAlone(
    world: World, attested: Attested, verifier: Context
) -> None:
    number = _wrong_claims(attested)["time"]()
    rival = world.verifier("rival", RIVAL)
    world.round(rival, steps=(watch,))
    world.chain.before_next(lambda: attest(rival))
    world.round(verifier, steps=STEPS)
    going(world, attested.terms.proof_period + 3, verifier, rival)
    assert [event.challenger for event in events(verifier, AttestationChallenged)] == [RIVAL]
    assert attested.state(number) is AttestationState.REJECTED
    assert verifier.store.attestation_checks.due(2**40, 9) == []
    assert verifier.chain.balance(VERIFIER) == ETHER


def test_attest_ofAnUnknownKind_waits(
    world: World, attested: Attested, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    judge = NitroVerifier(bytes(32))
    unknown = world.chain.verifiers.place(lambda *given: judge(*given))
    world.chain.account_view(OWNER).add_evidence(7, unknown)
    number = attested.post(claimed={"kind": 7}, on_shelf=b"")
    going(world, attested.terms.window + 70, verifier)
    assert found(verifier, number) is Found.UNKNOWN and attested.documents.fetched == []
    assert not events(verifier, AttestationChallenged)
    assert "evidence of kind 7 is unknown here" in caplog.text


def test_attest_whileTheNodeFails_challengesNothingAndGoesOn(
    world: World, attested: Attested, verifier: Context
) -> None:
    number = _wrong_claims(attested)["key"]()
    watch(verifier)
    for _ in range(3):
        world.chain.fail_next(1, ChainUnavailable("down"))
        attest(verifier)
        assert found(verifier, number) is Found.UNKNOWN
        world.wait(5)
    going(world, 2, verifier)
    assert attested.state(number) in (AttestationState.CONTESTED, AttestationState.CHALLENGED)


def test_attest_tooDear_isNotChallenged(
    world: World, attested: Attested, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    number = _wrong_claims(attested)["key"]()
    going(world, 3, having(verifier, challenge_deposit="0.005ether"))
    assert attested.state(number) is AttestationState.POSTED
    assert "takes 0.01 ether, and verifier.challenge_deposit allows 0.005 ether" in caplog.text
    going(world, 9, having(verifier, challenge_deposit="0.0101ether"))
    (event,) = events(verifier, AttestationChallenged)
    assert event.deposit == 101 * ETHER // 10_000


def test_attest_whereChallengesAreNotWanted_onlySaysSo(
    world: World, attested: Attested, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    number = _wrong_claims(attested)["key"]()
    going(world, 3, having(verifier, challenge_false=False))
    assert attested.state(number) is AttestationState.POSTED and found(verifier, number) is Found.FALSE
    assert f"attestation {number} is not proven by its document: it does not hold: key" in caplog.text


def test_attest_revoked_needsNoChallenge(world: World, attested: Attested, verifier: Context) -> None:
    number = attested.post()
    owner = world.chain.account_view(OWNER)
    owner.revoke_attestation(number, world.now, "stolen")
    owner.revoke_measurement(measurement_of(PCRS), world.now, "broken")
    going(world, attested.terms.window, verifier)
    assert attested.state(number) is AttestationState.REVOKED
    assert found(verifier, number) is Found.KEPT and not events(verifier, AttestationChallenged)


def test_attest_withheldWhereThatIsNotWanted_isLookedForWhileReceiptsHangOnIt(
    world: World, attested: Attested, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    key = attested.key()
    until = world.now + attested.terms.window + 30
    number = attested.post(attested.document(key), key, {"attested_until": until}, on_shelf=b"")
    patient = having(verifier, challenge_withheld=False)
    going(world, attested.terms.window + 5, patient)
    assert (
        attested.state(number) is AttestationState.UNCHALLENGED and found(verifier, number) is Found.WITHHELD
    )
    world.wait(until - world.now + attested.terms.max_reach_back + 60)
    world.round(patient, steps=STEPS)
    assert verifier.store.attestation_checks.due(2**40, 9) == []
    assert "needs no look any more: no receipt hangs on it" in caplog.text


def test_attest_retiredOnWhichNoReceiptHangs_isNotChallenged(
    world: World, attested: Attested, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    number = _wrong_claims(attested)["time"]()
    world.chain.account_view(OPERATOR).retire_attestation(number)
    world.wait(attested.terms.retire_delay + attested.terms.max_reach_back + 3)
    world.round(verifier, steps=STEPS)
    assert attested.state(number) is AttestationState.RETIRED
    assert "needs no challenge any more" in caplog.text
    assert verifier.store.attestation_checks.due(2**40, 9) == []


# --- proofs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("gas", [2**24, 3_000_000])
def test_attest_ownChallenged_isProven(
    world: World, attested: Attested, gas: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    operator = world.verifier("operator", OPERATOR)
    chain = replace(operator.config.chain, transaction_gas=gas)
    operator = replace(operator, config=replace(operator.config, chain=chain))
    number = attested.post()
    going(world, 2, operator)
    challenged(world, number)
    attested.documents.missing = True  # it was kept
    going(world, 3, operator)
    assert attested.state(number) is AttestationState.PROVEN
    assert operator.chain.registry_credits(OPERATOR) == DEPOSIT
    assert ("proved certificate 1 of" in caplog.text) == (gas < 2**24)
    going(world, 3, operator)
    assert len(events(operator, AttestationProven)) == 1
    assert operator.store.attestation_checks.due(2**40, 9) == []


@pytest.mark.parametrize("wanted", [False, True])
def test_attest_ofOthersChallenged_isProvenWhereWanted(
    world: World, attested: Attested, verifier: Context, wanted: bool
) -> None:
    verifier = having(verifier, prove_others=wanted)
    number = attested.post()
    challenged(world, number)
    going(world, attested.terms.proof_period + 2, verifier)
    after = AttestationState.PROVEN if wanted else AttestationState.REJECTED
    assert attested.state(number) is after
    assert verifier.chain.registry_credits(VERIFIER) == DEPOSIT * wanted
    assert not events(verifier, AttestationRejected)  # the rival's money is the rival's affair


def test_attest_falseChallengedByAnother_isNotProven(
    world: World, attested: Attested, verifier: Context
) -> None:
    verifier = having(verifier, prove_others=True)
    number = _wrong_claims(attested)["certificates"]()
    challenged(world, number)
    going(world, attested.terms.proof_period + 2, verifier)
    assert attested.state(number) is AttestationState.REJECTED and not events(verifier, AttestationProven)


def test_attest_ownFalse_isNeverChallengedByItself(
    world: World, attested: Attested, caplog: pytest.LogCaptureFixture
) -> None:
    operator = world.verifier("operator", OPERATOR)
    number = _wrong_claims(attested)["key"]()
    going(world, 3, operator)
    assert attested.state(number) is AttestationState.POSTED
    assert "is this account's own, and anyone may challenge it" in caplog.text


def test_attest_challengeAnsweredByAnother_leavesNothingToDo(
    world: World, attested: Attested, verifier: Context
) -> None:
    """The withheld document was there after all: the deposit is the price of having asked."""
    key = attested.key()
    document = attested.document(key)
    number = attested.post(document, key, on_shelf=b"")
    while attested.state(number) is AttestationState.POSTED:
        going(world, 1, verifier)
    rival = world.chain.account_view(RIVAL)
    rival.prove_attestation(number, attested.claims(document), key.public_key, document.raw, b"")
    going(world, attested.terms.proof_period + 3, verifier)
    assert attested.state(number) is AttestationState.PROVEN
    assert not events(verifier, AttestationRejected)
    assert verifier.store.attestation_checks.due(2**40, 9) == []


def test_attest_proofRefused_isTriedAgainWhileThereIsTime(world: World, attested: Attested) -> None:
    operator = world.verifier("operator", OPERATOR)
    errors = CallReverted("CannotTell"), SendFailed("no coin")
    troubled = replace(operator, chain=Refusing(operator.chain, "prove_attestation", errors))
    number = attested.post()
    challenged(world, number)
    going(world, 6, troubled)
    assert attested.state(number) is AttestationState.PROVEN


@pytest.mark.parametrize("down", ["web", "node"])
def test_attest_ownChallengedWhileItsNetworkIsDown_isProvenAsSoonAsItIsBack(
    world: World, attested: Attested, down: str
) -> None:
    operator = world.verifier("operator", OPERATOR)
    number = attested.post()
    challenged(world, number)
    deadline = world.chain._state.registry.attestations[number].tenure.deadline
    troubled, until = operator, deadline - 4
    if down == "web":
        attested.documents.missing = True
    else:
        refusing = Refusing(operator.chain, "prove_attestation", repeat(ChainUnavailable("no answer")))
        troubled = replace(operator, chain=refusing)
    going(world, until - world.now, troubled)
    attested.documents.missing = False
    going(world, 2, operator)
    assert attested.state(number) is AttestationState.PROVEN


def test_attest_challengeRefused_keepsWhatWasFound(
    world: World, attested: Attested, verifier: Context
) -> None:
    number = _wrong_claims(attested)["root"]()
    watch(verifier)
    poor = replace(verifier, chain=world.chain.account_view(b"\x31" * 20))
    attest(poor)
    check = verifier.store.attestation_checks.get(number)
    assert check is not None and check.state is Found.FALSE and "root" in check.why
    attested.documents.missing = True  # too late: it is known
    going(world, 3, verifier)
    assert attested.state(number) is AttestationState.CONTESTED and len(attested.documents.fetched) == 1


# --- crashes and reorganisations --------------------------------------------------------------------


def scripted(world: World, attested: Attested, open_: Callable[[], list[Context]]) -> list[Context]:
    """One false, one withheld, one of the operator's own that is challenged; ``open_`` after every crash."""
    contexts = open_()
    key = attested.key()
    attested.post(attested.document(key), key, {"measurement": measurement_of(OTHER_PCRS)})
    attested.post(on_shelf=b"")
    own = attested.post()
    for second in range(attested.terms.window + attested.terms.proof_period + 6):
        if second == 4:
            challenged(world, own)
        while True:
            try:
                world.round(*contexts, steps=STEPS)
                break
            except Crash:
                contexts = open_()
        world.wait(1)
    return contexts


def outcome(contexts: list[Context]) -> Any:
    """What must be the same, crash or none: verdicts, what is on chain, whose money."""
    shown = {}
    for context in contexts:
        without = {
            f"attestation_checks.{name}" for name in ("first_at", "attempts", "tx_hash", "fee", "block")
        }
        shown[context.chain.account] = tables(context.store, without=without)["attestation_checks"]
    chain = contexts[0].chain
    kinds = (AttestationChallenged, AttestationProven, AttestationRejected)
    done = sorted(
        (type(one.event).__name__, one.event.id)
        for one in chain.events(0, 10**6)
        if isinstance(one.event, kinds)
    )
    return shown, done, [chain.registry_credits(who) for who in (VERIFIER, OPERATOR, RIVAL)]


EXPECTED = [
    ("AttestationChallenged", 3), ("AttestationChallenged", 4), ("AttestationChallenged", 5),
    ("AttestationProven", 5), ("AttestationRejected", 3), ("AttestationRejected", 4),
]  # fmt: skip


@pytest.mark.parametrize("when", ["before", "after"])
def test_attest_killedAtAnyCommit_endsTheSame(tmp_path: Path, when: str) -> None:
    folder = tmp_path / "unharmed"
    folder.mkdir()
    world = World(folder)
    attested = Attested(world)
    unharmed = scripted(world, attested, lambda: [world.verifier(), world.verifier("operator", OPERATOR)])
    wanted = outcome(unharmed)
    assert wanted[1] == EXPECTED

    for number, commit in enumerate((2, 5, 6, 8, 9, 11, 14, 17, 20)):
        folder = tmp_path / f"{when}{number}"
        folder.mkdir()
        world = World(folder)
        attested = Attested(world)
        with _doomed(world, commit, when) as open_:
            ended = outcome(scripted(world, attested, open_))
        assert ended == wanted, f"{when} commit {commit}"


class _doomed:
    """Opens verifiers whose first is killed at a commit, once; the second at a later one."""

    def __init__(self, world: World, commit: int, when: str) -> None:
        self._world, self._commit, self._when = world, commit, when
        self._guards: list[Any] = []
        self._left = 2

    def __enter__(self) -> Callable[[], list[Context]]:
        return self._open

    def __exit__(self, *_: object) -> None:
        for guard in self._guards:
            guard.__exit__(None, None, None)

    def _open(self) -> list[Context]:
        contexts = [self._world.verifier(), self._world.verifier("operator", OPERATOR)]
        if self._left:
            self._left -= 1
            guard = crash_at(contexts[self._left].store, self._commit, self._when)
            guard.__enter__()
            self._guards.append(guard)
        return contexts


def test_attest_reorgOfAChallenge_challengesAgain(
    world: World, attested: Attested, verifier: Context
) -> None:
    number = _wrong_claims(attested)["root"]()
    world.wait(1)
    world.round(verifier, steps=STEPS)
    assert attested.state(number) is AttestationState.CONTESTED
    world.chain.reorg(1)
    assert attested.state(number) is AttestationState.POSTED
    going(world, attested.terms.proof_period + 6, verifier)
    assert attested.state(number) is AttestationState.REJECTED
    assert verifier.chain.registry_credits(VERIFIER) == attested.terms.bond // 2 + DEPOSIT


def test_attest_reorgOfAPosting_forgetsItAndJudgesWhatComesInItsPlace(
    world: World, attested: Attested, verifier: Context
) -> None:
    false = _wrong_claims(attested)["time"]()
    watch(verifier)
    assert verifier.store.attestation_checks.get(false) is not None
    world.chain.reorg(1)
    world.wait(1)
    world.round(verifier, steps=STEPS)
    assert verifier.store.attestation_checks.get(false) is None
    honest = attested.post()
    assert honest == false
    going(world, 3, verifier)
    assert found(verifier, honest) is Found.KEPT and not events(verifier, AttestationChallenged)


def test_attest_reorgOfAProof_provesAgain(world: World, attested: Attested) -> None:
    operator = world.verifier("operator", OPERATOR)
    number = attested.post()
    going(world, 1, operator)
    challenged(world, number)
    world.round(operator, steps=STEPS)
    assert attested.state(number) is AttestationState.PROVEN
    world.round(operator, steps=STEPS)
    world.chain.reorg(1)
    assert attested.state(number) is AttestationState.CONTESTED
    world.wait(1)
    going(world, 4, operator)
    assert attested.state(number) is AttestationState.PROVEN


def test_attest_rejectedByReorgedRecords_isDoneAgain(
    world: World, attested: Attested, verifier: Context
) -> None:
    number = _wrong_claims(attested)["key"]()
    going(world, attested.terms.proof_period + 3, verifier)
    assert len(events(verifier, AttestationRejected)) == 1
    world.chain.reorg(3)
    assert not events(verifier, AttestationRejected)
    for _ in range(3):
        world.wait(1)
    going(world, 4, verifier)
    assert len(events(verifier, AttestationRejected)) == 1
    assert attested.state(number) is AttestationState.REJECTED


def test_attest_strangeDocument_holdsUpNoOther(
    world: World, attested: Attested, verifier: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = attested.post(), attested.post()
    uri = next(iter(attested.documents.shelf))
    fetch = attested.documents.fetch

    def stumbling(asked: str, at_most: int) -> bytes:
        if asked == uri:
            raise RecursionError("too deep")
        return fetch(asked, at_most)

    monkeypatch.setattr(attested.documents, "fetch", stumbling)
    going(world, 2, verifier)
    assert (found(verifier, first), found(verifier, second)) == (Found.UNKNOWN, Found.KEPT)


def test_attest_withAKeptDocument_hasTheBytesThatWerePosted(
    world: World, attested: Attested, verifier: Context
) -> None:
    number = attested.post()
    world.round(verifier, steps=STEPS)
    check = verifier.store.attestation_checks.get(number)
    assert check is not None and check.document is not None
    assert attested.documents.shelf[f"{URL}/{parse(check.document).hash.hex()[:8]}"] == check.document


def test_registration_signed_isForTheOperator(attested: Attested, world: World) -> None:
    """The scene itself: a key's word for one operator does not serve another."""
    key = attested.key()
    claims = attested.claims(attested.document(key), OPERATOR)
    rival = world.chain.account_view(RIVAL)
    with pytest.raises(CallReverted, match="NotOperator"):
        rival.post_attestation(
            claims, key.public_key, registration(rival, key, claims), "", attested.terms.bond
        )
    assert claims.kind == NITRO
