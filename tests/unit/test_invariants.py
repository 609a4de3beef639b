"""The invariants of tests/support can fail: each is shown contracts or a specification that break it.

lanes apart
├── given an action that changes another lane, in the contract or in the specification → it should fail
├── given one that is refused and changes something all the same → it should fail
└── given an action that changes its own lane alone → it should hold
way out
├── given debts of every kind, and a payee that takes no ether → everyone is paid, and all is as before afterwards
├── given a credit that became another's, on both sides → it should fail
└── given one who is refused on the way → it should fail
readings
└── given a view read before → it is run again once what it read has changed, and not before
"""

from collections.abc import Iterator
from typing import Any

import pytest
from eth_utils import to_canonical_address

from afterproof.protocol.outcome import Event, Revert
from afterproof.protocol.terms import GWEI
from tests.support.evm import Evm
from tests.support.pair import Pair
from tests.support.promises import PromiseScene, fresh
from tests.support.way_out import assert_all_get_out


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    scene = fresh()
    acts = scene.pair.act_alone
    yield scene
    scene.pair.act_alone = acts  # type: ignore[method-assign]


def tampered(pair: Pair, after: Any) -> None:
    """Lets every action be followed by ``after``, as if it had done that too."""
    plain = pair.act_alone

    def act_alone(action: str, *arguments: Any, **named: Any) -> list[Event]:
        try:
            return plain(action, *arguments, **named)
        finally:
            after()

    pair.act_alone = act_alone  # type: ignore[method-assign]


def slot_of(pair: Pair, view: str, *arguments: Any) -> tuple[bytes, int]:
    """The first storage slot that a view of the settlement reads."""
    with pair.evm._state.recorded() as record:
        pair.settlement.call(view, *arguments)
    settlement = to_canonical_address(pair.settlement.address)
    return min((at, slot) for at, slot in record.slots if at == settlement and isinstance(slot, int))


def poke(pair: Pair, view: str, *arguments: Any) -> None:
    """Turns a bit of what a view of the settlement reads, as a message of its own."""
    address, slot = slot_of(pair, view, *arguments)
    state = pair.evm._state
    state.messages += 1
    state.set_storage(address, slot, state.get_storage(address, slot) ^ 1)


# --- lanes apart ------------------------------------------------------------------------------------


def test_lanes_anActionOfOne_leavesTheOthers(scene: PromiseScene) -> None:
    scene.pair.act("top_up", scene.stranger, 1, value=GWEI)
    scene.pair.act("top_up", scene.stranger, 2, value=GWEI)


@pytest.mark.parametrize("field", ["stake", "last_deadline", "liable_until", "open"])
def test_lanes_anActionChangesAnotherInTheSpecification_fails(scene: PromiseScene, field: str) -> None:
    lane = scene.pair.spec.lanes[2]
    tampered(scene.pair, lambda: setattr(lane, field, getattr(lane, field) + 1))
    with pytest.raises(AssertionError, match=r"top_up changed .* of lane 2"):
        scene.pair.act("top_up", scene.stranger, 1, value=GWEI)


@pytest.mark.parametrize(
    "view", ["lane", "gapHistogram", "batch", "voidMap", "demandOf", "standing", "promiseKeyOf"]
)
def test_lanes_anActionChangesAnotherInTheContract_fails(scene: PromiseScene, view: str) -> None:
    batch = scene.post(scene.leaf(1), lane=2)
    scene.demand(batch)
    scene.standing(batch, 0)
    arguments: dict[str, tuple[Any, ...]] = {
        "lane": (2,),
        "gapHistogram": (2,),
        "promiseKeyOf": (2, 0),
        "batch": (batch.id,),
        "standing": scene.pair.leaf_arguments((batch.id, 0)),
    }
    tampered(scene.pair, lambda: poke(scene.pair, view, *arguments.get(view, (batch.id, 0))))
    with pytest.raises(AssertionError, match=r"top_up changed .* of lane 2"):
        scene.pair.act("top_up", scene.stranger, 1, value=GWEI)


def test_lanes_aRefusedActionChangesItsOwn_fails(scene: PromiseScene) -> None:
    lane = scene.pair.spec.lanes[1]
    tampered(scene.pair, lambda: setattr(lane, "stake", lane.stake + 1))
    with pytest.raises(AssertionError, match=r"top_up, refused, changed .* of lane 1"):
        scene.pair.act("top_up", scene.stranger, 1, value=1)


# --- way out ----------------------------------------------------------------------------------------


def indebted(scene: PromiseScene) -> list[Any]:
    """A fault proven, a demand open, one run out, a promise broken, and somebody who takes no ether owed for both."""
    pair = scene.pair
    pair.let_refuse(3)
    refuser = pair.accounts[3]
    forged = scene.post(scene.forged(1), scene.leaf(2), lane=1)
    scene.prove(forged, 0, by=refuser)
    scene.demand(forged, by=refuser)
    scene.wait(6)
    shown = scene.post(scene.leaf(3), lane=2)
    scene.demand(shown, by=refuser)
    return [scene.promise(scene.leaf(4), first_seq=1).opening(), scene.promise(scene.leaf(5)).opening()]


def test_way_out_debtsOfEveryKind_areAllPaidAndTakenBack(scene: PromiseScene) -> None:
    openings = indebted(scene)
    before, now = scene.pair.evm.balance(scene.pair.settlement.address), scene.now
    assert_all_get_out(scene.pair, scene.batches, openings, honest=())
    assert scene.pair.evm.balance(scene.pair.settlement.address) == before
    assert scene.now == now
    scene.compare()


def test_way_out_honestLanes_answerAndKeepTheirStake(scene: PromiseScene) -> None:
    indebted(scene)
    assert_all_get_out(scene.pair, scene.batches, [], honest={2})


def test_way_out_somebodyGetsWhatIsAnothers_fails(scene: PromiseScene) -> None:
    openings = indebted(scene)
    pair, moved = scene.pair, False

    def steal() -> None:
        """Contract and specification agree: a gwei of the prover's credit becomes the relayer's."""
        nonlocal moved
        if not moved:
            for account, change in ((pair.accounts[3], -GWEI), (scene.relayer, GWEI)):
                address, slot = slot_of(pair, "credits", account)
                pair.evm._state.set_storage(address, slot, pair.settlement.call("credits", account) + change)
                pair.spec.credits[account] = pair.spec.credits.get(account, 0) + change
        moved = True

    tampered(pair, steal)
    with pytest.raises(AssertionError, match=r"is owed \d+ and got \d+"):
        assert_all_get_out(pair, scene.batches, openings, honest=())


@pytest.mark.parametrize("action", ["exit", "expire_demand", "release_cover", "withdraw_stake", "withdraw"])
def test_way_out_somebodyIsRefused_fails(scene: PromiseScene, action: str) -> None:
    indebted(scene)
    plain = scene.pair.act_alone

    def act_alone(played: str, *arguments: Any, **named: Any) -> list[Event]:
        if played == action:
            raise Revert("StillLiable", 2, 0)
        return plain(played, *arguments, **named)

    scene.pair.act_alone = act_alone  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match=f"nobody may refuse {action}"):
        assert_all_get_out(scene.pair, scene.batches, [], honest=())


# --- readings ---------------------------------------------------------------------------------------


def test_read_untilSomethingItReadChanges_isRemembered() -> None:
    evm = Evm()
    counter, clock = evm.deploy("CounterHarness", 5), evm.deploy("ClockHarness")
    ran = evm._state
    first = (counter.read("total"), clock.read("time"))
    messages = ran.messages
    assert (counter.read("total"), clock.read("time")) == first and ran.messages == messages
    saved = evm.snapshot()
    counter.send("add", 3, sender=evm.accounts[1])
    assert counter.read("total") == 8
    evm.warp(evm.now + 7)
    assert clock.read("time") == first[1] + 7 and counter.read("total") == 8
    evm.restore(saved)
    assert (counter.read("total"), clock.read("time")) == first
    evm.restore(saved)
    counter.send("add", 4, sender=evm.accounts[1])
    assert counter.read("total") == 9
