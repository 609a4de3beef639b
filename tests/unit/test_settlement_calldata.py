"""Settlement: calldata that no honest encoder makes.

given a lane without fault
└── when a proof's calldata is bent: offsets back into the head or beyond the end, lengths, cuts, dirty words → nothing
    goes through, and nothing is changed
given a fault
├── when bytes follow the calldata, or stand between its parts → it should prove alike
└── when a small number's word has bits beyond its type → it should revert without a word
views
├── given arguments of the right types, however absurd → they should answer, or say why not by name
└── given bent calldata → they should answer or refuse, never with a panic
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.protocol.outcome import Revert
from afterproof.protocol.state import Claim, FaultKind, Standing
from tests.support.evm import Reverted
from tests.support.pair import encode_claim, encode_opening, encode_words
from tests.support.promises import PromiseScene, fresh
from tests.support.scene import answer_of, tile_of

EDGES = sorted(
    {max(2**bits + by, 0) for bits in (0, 8, 16, 32, 40, 48, 64, 96, 128, 255) for by in (-1, 0, 1)}
)
#: Large, small, and just below 2^256: an offset that leads back.
WORDS = st.one_of(
    st.sampled_from([*EDGES, 2**256 - 1]),
    st.integers(0, 700),
    st.integers(1, 700).map(lambda back: 2**256 - back),
)
BENDS = st.lists(st.tuples(st.integers(0, 60), WORDS), min_size=1, max_size=3)


@cache
def innocent() -> tuple[PromiseScene, dict[str, bytes]]:
    """A lane that kept its promise with good leaves, a demand on it open, and calldata that accuses it."""
    scene = PromiseScene()
    leaves = scene.leaf(1), scene.leaf(2)
    kept = scene.promise(*leaves)
    batch = scene.post(*leaves)
    scene.demand(batch)
    opening = encode_opening(kept.opening(1))
    path = [batch.tree.levels[0][0]]
    calls: dict[str, tuple[str, tuple[Any, ...]]] = {
        "bad": ("proveFault", (FaultKind.BAD_SIGNATURE, encode_claim(scene.claim(batch, 1)))),
        "duplicate": (
            "proveFault",
            (FaultKind.DUPLICATE_RECEIPT, encode_claim(scene.duplicate(batch, 1, batch, 0))),
        ),
        "misdeclared": ("proveFault", (FaultKind.MISDECLARED_RANGE, encode_claim(scene.claim(batch, 1)))),
        "missed": ("claimMissed", (opening, batch.first_seq)),
        "omitted": ("claimOmitted", (opening, batch.first_seq, batch.tree.levels[0][1], path)),
        "double": ("claimDouble", (opening, opening, batch.first_seq)),
        "expire": ("expireDemand", (batch.id, 0)),
        "exit": ("exitLane", (scene.lane,)),
        "post": ("post", (scene.lane, 2, 1, scene.now, scene.now, [bytes(31) + b"\1"], "data:x")),
        "announce": ("setGuardian", (scene.stranger,)),
    }
    return scene, {name: encoded(scene, *call) for name, call in calls.items()}


def encoded(scene: PromiseScene, function: str, arguments: tuple[Any, ...]) -> bytes:
    return scene.pair.settlement.interface.function(function, len(arguments)).encode(arguments)


def bent(data: bytes, bends: list[tuple[int, int]], cut: int) -> bytes:
    """The calldata with some of its words others, and its end cut off."""
    words = (len(data) - 4) // 32
    for at, word in bends:
        start = 4 + 32 * (at % words)
        data = data[:start] + word.to_bytes(32) + data[start + 32 :]
    return data[: len(data) - cut]


CALLS = (
    "announce",
    "bad",
    "double",
    "duplicate",
    "exit",
    "expire",
    "misdeclared",
    "missed",
    "omitted",
    "post",
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(CALLS), BENDS, st.sampled_from([0, 0, 0, 1, 31, 32, 64]))
def test_bent_calldata_never_harms_a_lane_without_fault(
    name: str, bends: list[tuple[int, int]], cut: int
) -> None:
    scene, calls = innocent()
    data = bent(calls[name], bends, cut)
    try:
        scene.pair.evm.transfer(scene.pair.settlement, 0, sender=scene.stranger, data=data)
    except Reverted as reverted:
        assert reverted.name != "Panic", f"{name}: {data.hex()}"
    else:
        raise AssertionError(f"{name} went through: {data.hex()}")


@pytest.mark.parametrize("name", ["bad", "duplicate", "misdeclared"])
def test_claim_that_overlaps_the_word_which_the_fault_sees_otherwise_proves_nothing(name: str) -> None:
    """The fault's contract finds the header where the kind stood: nothing in the claim may lie there."""
    scene, calls = innocent()
    data = calls[name]
    arguments, claim = 4, 4 + 64
    # Where the offsets stand, and what they count from: of the claim; of its signature, proof and evidence.
    offsets = [(arguments + 32, arguments), *((claim + 32 * word, claim) for word in (8, 9, 10))]
    start = scene.pair.evm.snapshot().root
    for at, base in offsets:
        assert int.from_bytes(data[at : at + 32]) < len(data)
        for target in range(-40, claim + 1):
            word = (target - base) % 2**256
            overlapping = data[:at] + word.to_bytes(32) + data[at + 32 :]
            if overlapping == data:
                continue
            with pytest.raises(Reverted):
                scene.pair.evm.transfer(scene.pair.settlement, 0, sender=scene.stranger, data=overlapping)
    assert scene.pair.evm.snapshot().root == start


# --- a fault, however it is put ---------------------------------------------------------------------


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    scene = fresh()
    yield scene
    scene.compare()


def forged(scene: PromiseScene) -> Claim:
    """The claim of a forged leaf."""
    return scene.claim(scene.post(scene.leaf(1), scene.forged(2)), 1)


@pytest.mark.parametrize("trailing", [b"\0", b"\xff" * 31, b"\xff" * 32, b"\x01" * 3_333])
def test_fault_with_bytes_after_its_calldata_is_proven_alike(scene: PromiseScene, trailing: bytes) -> None:
    claim = forged(scene)
    data = encoded(scene, "proveFault", (FaultKind.BAD_SIGNATURE, encode_claim(claim)))
    start = scene.pair.evm.snapshot()
    sent = scene.pair.evm.transfer(scene.pair.settlement, 0, sender=scene.caller, data=data + trailing)
    longer = scene.pair.evm.snapshot().root
    scene.pair.evm.restore(start)
    (event,) = scene.pair.act("prove_fault", scene.caller, FaultKind.BAD_SIGNATURE, claim)
    assert sent.event("FaultProven")["slashed"] == event.arguments[4]
    assert scene.pair.evm.snapshot().root == longer


def test_fault_whose_claim_stands_apart_is_proven_alike(scene: PromiseScene) -> None:
    claim = forged(scene)
    data = encoded(scene, "proveFault", (FaultKind.BAD_SIGNATURE, encode_claim(claim)))
    start = scene.pair.evm.snapshot()
    for gap in (1, 31, 32, 999):
        apart = data[:36] + (64 + gap).to_bytes(32) + b"\xaa" * gap + data[68:]
        sent = scene.pair.evm.transfer(scene.pair.settlement, 0, sender=scene.caller, data=apart)
        assert sent.event("FaultProven")["index"] == 1
        scene.pair.evm.restore(start)


def test_dirty_high_bits_are_refused_without_a_word(scene: PromiseScene) -> None:
    claim = encode_claim(forged(scene))
    promised = scene.promise(scene.leaf(3), include_by=scene.now)
    scene.wait(1)
    opening = encode_opening(promised.opening())
    # Where in the calldata a number stands, and how many bits its type has.
    opened = 4 + 64
    fields = ((0, 32), (1, 64), (2, 32), (4, 64), (5, 160), (7, 64))
    post = (scene.lane, 2, 1, scene.now, scene.now, [bytes(31) + b"\1"], "")
    numbers: list[tuple[str, tuple[Any, ...], list[tuple[int, int]]]] = [
        ("proveFault", (1, claim), [(4, 8)]),
        ("claimMissed", (opening, 0), [(36, 64), *((opened + 32 * word, bits) for word, bits in fields)]),
        ("topUp", (scene.lane,), [(4, 32)]),
        ("post", post, [(4 + 32 * word, bits) for word, bits in enumerate((32, 64, 32, 64, 64))]),
        ("withdraw", (scene.holder,), [(4, 160)]),
    ]
    start = scene.pair.evm.snapshot()
    for function, arguments, places in numbers:
        data = encoded(scene, function, arguments)
        sender = scene.poster if function == "post" else scene.caller
        for at, bits in places:
            for dirt in (1 << bits, 1 << 255):
                word = int.from_bytes(data[at : at + 32]) | dirt
                dirty = data[:at] + word.to_bytes(32) + data[at + 32 :]
                with pytest.raises(Reverted) as refused:
                    scene.pair.evm.transfer(scene.pair.settlement, 0, sender=sender, data=dirty)
                # A dirty word is another digest: who signed that is found out before the word is read.
                assert refused.value.name in {"", "NotPromised"}
    assert scene.pair.evm.snapshot().root == start.root


# --- views ------------------------------------------------------------------------------------------

NUMBER = st.one_of(st.sampled_from([*EDGES, 2**256 - 1]), st.integers(0, 2**256 - 1))
WORD = st.one_of(st.sampled_from([bytes(32), b"\xff" * 32]), st.binary(min_size=32, max_size=32))
PATH = st.one_of(st.lists(WORD, max_size=25), st.integers(0, 300).map(lambda length: [b"\xff" * 32] * length))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_standing_of_anything_answers_alike_and_never_reverts(data: st.DataObject) -> None:
    scene, _ = innocent()
    (batch,) = scene.batches.values()
    leaf = batch.leaves[1]
    assert leaf is not None
    batch_id = data.draw(st.one_of(st.just(batch.id), NUMBER))
    index = data.draw(st.one_of(st.just(1), NUMBER))
    words = data.draw(st.one_of(st.just(leaf.words), st.lists(WORD, min_size=7, max_size=7).map(b"".join)))
    proof = data.draw(st.one_of(st.just(list(batch.tree.proof(1))), PATH))
    arguments = (batch_id, index, encode_words(words), proof)
    call, spec = scene.pair.settlement.call, scene.pair.spec
    wanted = spec.standing(scene.now, batch_id, index, words, tuple(proof))
    assert Standing(call("standing", *arguments)) is wanted
    assert call("isFinal", *arguments) == (wanted is Standing.FINAL)
    assert call("whyVoid", *arguments) == spec.why_void(scene.now, batch_id, index, words, tuple(proof))
    hashed = data.draw(WORD)
    assert call("isIncluded", batch_id, index, hashed, proof) == spec.is_included(
        batch_id, index, hashed, tuple(proof)
    )


#: Views of numbers alone, each argument's bits, and the errors by which they may refuse.
VIEWS: dict[str, tuple[tuple[int, ...], set[str]]] = {
    "batch": ((256,), set()),
    "voidMap": ((256, 256), set()),
    "lane": ((256,), set()),
    "requiredStake": ((256, 256), {"WrongCount"}),
    "termsOf": ((256,), {"UnknownEpoch"}),
    "postingTerms": ((256,), set()),
    "faultOf": ((256, 8), set()),
    "gapHistogram": ((256,), set()),
    "gapPercentile": ((256, 256), set()),
    "demandOf": ((256, 256), set()),
    "depositFor": ((256, 256), {"UnknownBatch", "NotIncluded"}),
    "claimsOf": ((256, 256), set()),
    "promiseKeyOf": ((256, 256), set()),
    "dueOf": ((64,), set()),
    "credits": ((160,), set()),
}


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(sorted(VIEWS)), st.data())
def test_view_of_any_numbers_answers_or_says_why_not(name: str, data: st.DataObject) -> None:
    scene, _ = innocent()
    (batch,) = scene.batches
    bits, errors = VIEWS[name]
    numbers = [data.draw(st.one_of(st.sampled_from([scene.lane, batch, 0, 1]), NUMBER)) for _ in bits]
    word = b"".join((number % 2**size).to_bytes(32) for number, size in zip(numbers, bits, strict=True))
    selector = scene.pair.settlement.interface.function(name, len(bits)).selector
    try:
        scene.pair.evm.transfer(scene.pair.settlement, 0, sender=scene.stranger, data=selector + word)
    except Reverted as reverted:
        assert reverted.name in errors, f"{name}{numbers}: {reverted}"


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(["standing", "isFinal", "whyVoid", "isIncluded"]), BENDS, st.integers(0, 64))
def test_view_of_bent_calldata_answers_or_refuses_and_never_panics(
    name: str, bends: list[tuple[int, int]], cut: int
) -> None:
    scene, _ = innocent()
    (batch,) = scene.batches.values()
    leaf = batch.leaves[1]
    assert leaf is not None
    shown = batch.tree.levels[0][1] if name == "isIncluded" else encode_words(leaf.words)
    data = encoded(scene, name, (batch.id, 1, shown, list(batch.tree.proof(1))))
    try:
        found = scene.pair.evm.transfer(
            scene.pair.settlement, 0, sender=scene.stranger, data=bent(data, bends, cut)
        )
    except Reverted as reverted:
        assert (reverted.name, reverted.raw) == ("", b"")
    else:
        # The leaf is Posted, untimely or nobody's; Final it is not, whatever is asked about it.
        assert name != "isFinal" or not int.from_bytes(found.value)


def test_answer_and_demand_of_absurd_places_refuse_by_name(scene: PromiseScene) -> None:
    batch = scene.post(scene.leaf(1), scene.leaf(2))
    scene.demand(batch)
    _, _, root, path = tile_of(batch, 0)
    _, _, _, data, other, _ = answer_of(batch, 0, 0)
    for number in EDGES[2:]:
        for arguments in ((number, 0, root, path), (batch.id, number, root, path)):
            with pytest.raises(Revert) as demand:
                scene.pair.act("demand_tile", scene.stranger, *arguments, value=scene.terms.demand_deposit)
            assert demand.value.error in {"UnknownBatch", "NotIncluded"}
        for place in ((number, 0, 0), (batch.id, number, 0), (batch.id, 0, number)):
            with pytest.raises(Revert) as answer:
                scene.pair.act("answer_tile", scene.stranger, *place, data, other, path)
            assert answer.value.error in {"UnknownBatch", "NotDemanded", "WrongAnswer"}
        with pytest.raises(Revert):
            scene.pair.act("expire_demand", scene.stranger, batch.id, number)
