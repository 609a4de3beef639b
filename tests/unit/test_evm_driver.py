"""The EVM driver that unit and state-machine tests stand on.

call and send
  when the function returns: it should give its values, structs as named tuples
  when it is overloaded: it should go by the number of arguments, or by full signature
  when it reverts: it should raise the error's name and values, and change nothing
events
  given the log of a linked library: it should be named through the library's ABI
chain
  given a snapshot: it should come back exactly, any number of times
  when messages follow each other: each should pay like a transaction of its own
"""

import time

import pytest
from eth_hash.auto import keccak

from tests.support.evm import ETHER, Contract, Evm, Reverted, reverts


@pytest.fixture
def evm() -> Evm:
    return Evm()


@pytest.fixture
def counter(evm: Evm) -> Contract:
    return evm.deploy("CounterHarness", 5)


def test_call_function_returnsValueAndChangesNothing(evm: Evm, counter: Contract) -> None:
    assert counter.call("add", 3) == 8
    assert counter.call("total") == 5
    assert counter.call("OWNER") == evm.accounts[0]


def test_send_function_keepsChangesAndDecodesEvents(evm: Evm, counter: Contract) -> None:
    result = counter.send("add(uint256,string)", 3, "why", sender=evm.accounts[1])
    assert result.value == 8
    assert result.events == [
        ("Checked", {"total": 8}),
        ("Added", {"by": evm.accounts[1], "amount": 3, "note": keccak(b"why")}),
    ]
    assert result.event("Checked") == {"total": 8}
    assert [address for address, _, _ in result.logs] == [counter.address] * 2
    assert counter.call("total") == 8


def test_call_overloaded_needsSignatureOnlyWhenAmbiguous(counter: Contract) -> None:
    assert counter.call("add(uint256,bytes32)", 1, b"\1" * 32) == 6
    with pytest.raises(TypeError, match="overloaded"):
        counter.call("add", 1, "note")
    with pytest.raises(AttributeError, match="no function nothing"):
        counter.call("nothing")


def test_send_struct_takesMappingAndGivesNamedTuple(evm: Evm, counter: Contract) -> None:
    tags = [b"\1" * 32, b"\2" * 32]
    counter.send("put", 7, {"by": counter, "at": 9, "tags": tags}, sender=evm.accounts[0])
    entry, at = counter.call("get", 7)
    assert (entry.by, entry.at, entry.tags) == (counter.address, 9, tuple(tags))
    assert at == evm.now
    counter.send("put", 8, entry, sender=evm.accounts[0])
    assert counter.call("get", 8)[0] == entry


def test_send_refused_raisesNamedErrorAndChangesNothing(evm: Evm, counter: Contract) -> None:
    stranger = evm.accounts[2]
    with pytest.raises(Reverted) as refused:
        counter.send("reset", sender=stranger)
    assert (refused.value.name, refused.value.values) == ("NotTheOwner", (stranger,))
    assert refused.value.raw[:4] == keccak(b"NotTheOwner(address)")[:4]
    with reverts("TooMuch", 101, 100):
        counter.send("add", 96, sender=stranger)
    with reverts("Panic", 0x11):
        counter.call("subtract", 6)
    with reverts("OutOfGas"):
        counter.call("spin", gas=100_000)
    with reverts(""):
        evm.transfer(counter, 0, sender=stranger, data=b"none")
    with pytest.raises(AssertionError, match="did not revert"), reverts("TooMuch"):
        counter.call("add", 1)
    assert counter.call("total") == 5


def test_send_value_movesBalances(evm: Evm, counter: Contract) -> None:
    owner = evm.accounts[0]
    held = evm.balance(owner)
    evm.transfer(counter, 2 * ETHER, sender=owner)
    assert (evm.balance(counter), evm.balance(owner)) == (2 * ETHER, held - 2 * ETHER)
    counter.send("reset", sender=owner)
    assert evm.balance(owner) == held
    with reverts(""):
        counter.send("add", 1, sender=owner, value=1)
    with pytest.raises(ValueError, match="cannot send"):
        evm.transfer(counter, held + 1, sender=owner)


def test_restore_afterChanges_bringsEverythingBackRepeatedly(evm: Evm, counter: Contract) -> None:
    sender = evm.accounts[0]
    before = evm.snapshot()
    for _ in range(3):
        evm.warp(evm.now + 100)
        counter.send("add", 1, sender=sender)
        later = evm.snapshot()
        other = evm.deploy("CounterHarness", 0)
        evm.restore(before)
        assert (counter.call("total"), evm.now, evm.code(other)) == (5, before.now, b"")
        evm.restore(later)
        assert (counter.call("total"), evm.now) == (6, before.now + 100)
        evm.restore(before)


def test_warp_backwards_isRefused(evm: Evm) -> None:
    evm.warp(evm.now)
    with pytest.raises(ValueError, match="cannot go back"):
        evm.warp(evm.now - 1)


def test_gasUsed_repeatedMessage_paysForColdSlotsEachTime(evm: Evm, counter: Contract) -> None:
    counter.send("add", 1, sender=evm.accounts[0])
    costs = {counter.send("add", 1, sender=evm.accounts[0]).gas_used for _ in range(3)}
    assert len(costs) == 1
    assert 30_000 < costs.pop() < 50_000
    assert evm.transfer(evm.accounts[1], 1, sender=evm.accounts[0]).gas_used == 21_000


def test_deploy_givenLibrary_linksIt(evm: Evm) -> None:
    library = evm.deploy("CounterMath")
    counter = evm.deploy("CounterHarness", 1, libraries={"CounterMath": library}, value=3)
    assert library.address[2:].lower() in evm.code(counter).hex()
    assert evm.balance(counter) == 3


def test_speed_manyMessages_takeAboutAMillisecondEach(evm: Evm, counter: Contract) -> None:
    started = time.perf_counter()
    for _ in range(50):
        counter.send("add", 1, sender=evm.accounts[1])
    # Ten times the usual, so that a busy machine does not fail it.
    assert (time.perf_counter() - started) / 50 < 0.02
