"""Settlement: six faults against everything that can befall their batch.

One batch has them all at its second leaf: a forged copy of the leaf before it, issued outside the declared range, at a
number promised to it by a time that was over, and promised to another as well.

each fault
├── given nothing else → the lane alone is liable, by one slash, half of it burned; no other lane, no value sent
├── when proven twice, by the same or by whoever lost the race → it should revert and change nothing
├── given the last second of the tile, and of a demanded tile that was answered → it should prove; after it → TooLate
├── given a demand open, long after the window → it should prove
├── when the leaf is void
│   ├── by a bit → BadSignature and DuplicateReceipt should revert AlreadyProven, the others prove
│   ├── by a strike or the fuse → what is said of the leaf should revert Struck, what was promised prove
│   └── by a read rule → all should prove but DuplicateReceipt, for the leaf before it is as void
├── when the lane proves it of itself, as caller and as beneficiary → it should lose half at least
├── under every gas limit → it should revert, or do what it does with plenty; of a lane without fault it should revert
└── under a later epoch without faults and with other slashes → it should prove and cost as before
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from afterproof.protocol.batching import Batch
from afterproof.protocol.outcome import Event, Revert
from afterproof.protocol.state import FaultKind, VoidReason
from afterproof.protocol.terms import DEMO
from tests.support.evm import Result, Reverted
from tests.support.pair import encode_claim, encode_opening
from tests.support.promises import Promised, PromiseScene, fresh

BAD, DUPLICATE, MISDECLARED = "BadSignature", "DuplicateReceipt", "MisdeclaredRange"
MISSED, OMITTED, DOUBLE = "MissedDeadline", "OmittedReceipt", "DoublePromise"
OF_LEAVES = {
    BAD: FaultKind.BAD_SIGNATURE,
    DUPLICATE: FaultKind.DUPLICATE_RECEIPT,
    MISDECLARED: FaultKind.MISDECLARED_RANGE,
}
FAULTS = (*OF_LEAVES, MISSED, OMITTED, DOUBLE)
SLASH = DEMO.leaf_slash
TERMS = replace(DEMO, promise_slash=3 * SLASH)
EVERY = pytest.mark.parametrize("fault", FAULTS)


@dataclass
class Crime:
    """A scene with its batch, and the two promises of the number at which all faults stand."""

    scene: PromiseScene
    batch: Batch
    late: Promised
    broken: Promised

    def arguments(self, fault: str) -> tuple[str, tuple[Any, ...]]:
        """The action that proves a fault, and what it takes."""
        scene, seq = self.scene, self.batch.first_seq + 1
        late, broken = self.late.opening(seq), self.broken.opening(seq)
        match fault:
            case "MissedDeadline":
                return "claim_missed", (late, self.batch.first_seq)
            case "OmittedReceipt":
                return "claim_omitted", scene.omission(broken)
            case "DoublePromise":
                return "claim_double", (broken, late, self.batch.first_seq)
        claim = scene.claim(self.batch, 1)
        if fault == DUPLICATE:
            claim = scene.duplicate(self.batch, 1, self.batch, 0)
        return "prove_fault", (OF_LEAVES[fault], claim)

    def prove(self, fault: str, by: bytes | None = None) -> list[Event]:
        """Proves a fault, in contract and specification."""
        action, arguments = self.arguments(fault)
        return self.scene.pair.act(action, by or self.scene.caller, *arguments)

    def refused(self, fault: str, by: bytes | None = None) -> str:
        """The error with which both refuse; nothing has changed."""
        action, arguments = self.arguments(fault)
        before = self.scene.pair.evm.snapshot().root
        error, _ = self.scene.refused(action, *arguments, by=by)
        assert self.scene.pair.evm.snapshot().root == before
        return error

    def end(self, fault: str) -> int:
        """The last second in which a fault can be proven."""
        end = self.scene.pair.spec.tile_end(self.scene.pair.spec.batches[self.batch.id], 0)
        assert end is not None
        return end if fault in OF_LEAVES else end + TERMS.claim_window


def commit(scene: PromiseScene, others: int = 0, to: bytes | None = None) -> Crime:
    """Posts the batch, ``others`` empty leaves behind it; the promises are to ``to``, else to the holder."""
    leaf = replace(scene.leaf(1, age=5), signature=scene.leaf(2).signature)
    late = scene.promise(leaf, leaf, include_by=scene.now - 1, beneficiary=to)
    broken = scene.promise(scene.leaf(3), scene.leaf(4), include_by=scene.now, beneficiary=to)
    batch = scene.post(leaf, leaf, *[None] * others, declared=(scene.now, scene.now))
    return Crime(scene, batch, late, broken)


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    scene = fresh(TERMS)
    yield scene
    scene.compare()


def slash_of(fault: str) -> int:
    return TERMS.leaf_slash if fault in OF_LEAVES else TERMS.promise_slash


def stakes(scene: PromiseScene) -> dict[int, int]:
    return {number: lane.stake for number, lane in scene.pair.spec.lanes.items()}


# --- who pays, and once -----------------------------------------------------------------------------


@EVERY
def test_fault_costs_its_lane_alone_one_slash_and_half_of_it_burns(scene: PromiseScene, fault: str) -> None:
    before, slash = stakes(scene), slash_of(fault)
    commit(scene).prove(fault)
    assert stakes(scene) == {1: before[1], 2: before[2] - slash}
    assert scene.spec_lane.burned == slash // 2
    shares = (50, 0) if fault in OF_LEAVES else (5, 45)
    assert (scene.credit(scene.caller), scene.credit(scene.holder)) == tuple(
        slash * share // 100 for share in shares
    )


@EVERY
@pytest.mark.parametrize("who", ["caller", "stranger", "relayer"])
def test_fault_proven_again_or_by_who_lost_the_race_reverts(
    scene: PromiseScene, fault: str, who: str
) -> None:
    crime = commit(scene)
    crime.prove(fault)
    wanted = "AlreadyProven" if fault in OF_LEAVES else "AlreadyClaimed"
    assert crime.refused(fault, by=getattr(scene, who)) == wanted


@EVERY
def test_fault_proven_with_all_others_costs_what_the_numbers_slashes_are(
    scene: PromiseScene, fault: str
) -> None:
    """Leaf, range, deadline or omission, double: four slashes at most, in whatever order."""
    crime, before = commit(scene), scene.spec_lane.stake
    at = FAULTS.index(fault)
    for each in FAULTS[at:] + FAULTS[:at]:
        try:
            crime.prove(each)
        except Revert as revert:
            assert revert.error in ("AlreadyProven", "AlreadyClaimed")
    assert before - scene.spec_lane.stake == 2 * TERMS.leaf_slash + 2 * TERMS.promise_slash


# --- when -------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("answered", [False, True])
def test_fault_in_the_last_second_of_its_tile_proves_and_after_it_reverts(
    scene: PromiseScene, fault: str, answered: bool
) -> None:
    crime = commit(scene)
    if answered:
        scene.end_window(crime.batch, 0)
        scene.demand(crime.batch)
        scene.pass_deadline(crime.batch, offset=0)
        scene.answer(crime.batch, by=scene.stranger)
    window_end = scene.pair.spec.batches[crime.batch.id].header.window_end
    assert crime.end(fault) >= window_end + (TERMS.answer_period + TERMS.window if answered else 0)
    saved = scene.save()
    scene.warp(crime.end(fault))
    crime.prove(fault)
    scene.restore(saved)
    scene.warp(crime.end(fault) + 1)
    assert crime.refused(fault) == "TooLate"


@EVERY
def test_fault_while_a_demand_is_open_proves_long_after_the_window(scene: PromiseScene, fault: str) -> None:
    crime = commit(scene)
    scene.end_window(crime.batch, 0)
    scene.demand(crime.batch)
    scene.pass_deadline(crime.batch, offset=0)
    crime.prove(fault)
    scene.answer(crime.batch)


# --- against a void leaf ----------------------------------------------------------------------------


def bit(scene: PromiseScene) -> Crime:
    crime = commit(scene)
    crime.prove(BAD, by=scene.stranger)
    return crime


def struck(scene: PromiseScene) -> Crime:
    crime = commit(scene)
    scene.demand(crime.batch)
    scene.pass_deadline(crime.batch)
    return crime


def fused(scene: PromiseScene) -> Crime:
    crime = commit(scene, others=4 * 256)
    for tile in range(1, 5):
        scene.demand(crime.batch, tile)
    scene.pass_deadline(crime.batch, 4)
    for tile in range(1, 5):
        scene.expire(crime.batch, tile)
    return crime


def revoked(scene: PromiseScene) -> Crime:
    crime = commit(scene)
    scene.wait(1)
    scene.pair.act("revoke", scene.owner, scene.secp.node, scene.now - 1, "stolen")
    return crime


#: How the leaf became void, how it reads, and how a proof of what is said of it is refused, where it is.
VOIDS: dict[Callable[[PromiseScene], Crime], tuple[VoidReason, dict[str, str]]] = {
    bit: (VoidReason.FAULTY, {BAD: "AlreadyProven", DUPLICATE: "AlreadyProven"}),
    struck: (VoidReason.STRUCK, dict.fromkeys(OF_LEAVES, "Struck")),
    fused: (VoidReason.STRUCK, dict.fromkeys(OF_LEAVES, "Struck")),
    revoked: (VoidReason.NOT_ENTITLED, {DUPLICATE: "NotProven"}),
}


@EVERY
@pytest.mark.parametrize("void", VOIDS)
def test_fault_of_a_void_leaf(scene: PromiseScene, void: Callable[[PromiseScene], Crime], fault: str) -> None:
    crime = void(scene)
    reason, refusals = VOIDS[void]
    leaf = crime.batch.leaves[1]
    assert leaf is not None
    words, proof = leaf.words, tuple(crime.batch.tree.proof(1))
    assert scene.pair.spec.why_void(scene.now, crime.batch.id, 1, words, proof) is reason
    if fault in refusals:
        assert crime.refused(fault) == refusals[fault]
    else:
        crime.prove(fault)


# --- by the lane itself, and starved ----------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("who", ["relayer", "poster"])
def test_fault_proven_by_the_lane_to_itself_loses_half(scene: PromiseScene, fault: str, who: str) -> None:
    actor, before = getattr(scene, who), scene.spec_lane.stake
    commit(scene, to=actor).prove(fault, by=actor)
    assert before - scene.spec_lane.stake - scene.credit(actor) == slash_of(fault) // 2


def send(crime: Crime, fault: str, gas: int) -> Result:
    """The contract's answer alone."""
    action, arguments = crime.arguments(fault)
    settlement, caller = crime.scene.pair.settlement, crime.scene.caller
    match action, arguments:
        case "prove_fault", (kind, claim):
            return settlement.send("proveFault", kind, encode_claim(claim), sender=caller, gas=gas)
        case "claim_missed", (opening, first):
            return settlement.send("claimMissed", encode_opening(opening), first, sender=caller, gas=gas)
        case "claim_omitted", (opening, first, other, path):
            plain = (encode_opening(opening), first, other, list(path))
            return settlement.send("claimOmitted", *plain, sender=caller, gas=gas)
        case _, (one, two, first):
            plain = (encode_opening(one), encode_opening(two), first)
            return settlement.send("claimDouble", *plain, sender=caller, gas=gas)


@EVERY
def test_fault_under_every_gas_limit_is_proven_alike_or_not_at_all(scene: PromiseScene, fault: str) -> None:
    crime, start = commit(scene), scene.pair.evm.snapshot()
    plenty = send(crime, fault, 3_000_000)
    end = scene.pair.evm.snapshot().root
    went, refused = 0, 0
    for gas in range(30_000, 2 * plenty.gas_used, 1_009):
        scene.pair.evm.restore(start)
        try:
            starved = send(crime, fault, gas)
        except (Reverted, ValueError):
            assert scene.pair.evm.snapshot().root == start.root
            refused += 1
        else:
            assert starved.events == plenty.events
            assert scene.pair.evm.snapshot().root == end
            went += 1
    scene.pair.evm.restore(start)
    assert went > 20 and refused > 20


@EVERY
def test_fault_of_a_lane_without_is_never_proven_however_starved(scene: PromiseScene, fault: str) -> None:
    leaves = scene.leaf(1), scene.leaf(2)
    promised = scene.promise(*leaves)
    other = scene.promise(*leaves, include_by=scene.now + 3, beneficiary=scene.stranger)
    crime = Crime(scene, scene.post(*leaves), promised, other)
    start = scene.pair.evm.snapshot().root
    for gas in range(30_000, 250_000, 1_009):
        with pytest.raises((Reverted, ValueError)):
            send(crime, fault, gas)
    assert scene.pair.evm.snapshot().root == start


# --- under a later epoch ----------------------------------------------------------------------------


@EVERY
def test_fault_under_a_later_epoch_is_judged_by_that_of_its_own(scene: PromiseScene, fault: str) -> None:
    starts = scene.now + scene.pair.spec.time_to_leave
    later = replace(TERMS, leaf_slash=5 * SLASH, promise_slash=7 * SLASH, window=20, claim_window=30)
    scene.pair.act("announce_epoch", scene.owner, later, frozenset(), starts)
    scene.warp(starts - 1)
    crime, before = commit(scene), scene.spec_lane.stake
    scene.warp(starts + TERMS.window - 1)
    saved = scene.save()
    crime.prove(fault)
    assert before - scene.spec_lane.stake == slash_of(fault)
    scene.restore(saved)
    scene.warp(crime.end(fault) + 1)
    assert crime.refused(fault) == "TooLate"
    if fault in OF_LEAVES:
        assert commit(scene).refused(fault) == "UnknownFault"
