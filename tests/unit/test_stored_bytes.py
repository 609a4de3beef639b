"""Bytes kept as the code of an account.

writing
├── given any bytes that fit → what is read should be what was written, and calling the account should do nothing
├── given one byte more than code may have → it should revert
├── given a listing's size → it should cost less than half of what storage does, and reading a tenth
└── given too little gas → it should revert, and what was there should stay
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.compiled import artifact
from tests.support.evm import Contract, Evm, Reverted, reverts

MOST = 24_575
LISTING = bytes(range(1, 251)) * 6 + bytes(100)


@pytest.fixture(scope="module")
def harness() -> Contract:
    return Evm().deploy(artifact("StoredBytesHarness"))


def written(harness: Contract, data: bytes) -> bytes:
    harness.send("write", data, sender=harness.evm.accounts[0])
    return bytes(harness.call("read"))


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 254, 255, 256, MOST])
def test_write_is_read_again(harness: Contract, length: int) -> None:
    data = bytes(i % 251 for i in range(length))
    assert written(harness, data) == data
    at = harness.call("at")
    assert harness.evm.code(at) == b"\0" + data
    assert harness.evm.transfer(at, 0, sender=harness.evm.accounts[1], data=b"\1\2\3\4").value == b""


@settings(max_examples=50)
@given(st.binary(max_size=600))
def test_write_of_any_bytes_is_read_again(harness: Contract, data: bytes) -> None:
    assert written(harness, data) == data


def test_write_of_too_much_reverts(harness: Contract) -> None:
    with reverts("StoreFailed", MOST + 1):
        written(harness, bytes(MOST + 1))


def test_write_and_read_cost_a_part_of_storage(harness: Contract) -> None:
    sender = harness.evm.accounts[0]
    code, plain = (harness.send(how, LISTING, sender=sender).gas_used for how in ("write", "writePlain"))
    assert 2 * code < plain, (code, plain)
    code, plain = (harness.send(how, sender=sender).gas_used - 21_000 for how in ("read", "readPlain"))
    assert 10 * code < plain, (code, plain)


def test_write_starved_of_gas_changes_nothing(harness: Contract) -> None:
    kept, sender = written(harness, b"kept"), harness.evm.accounts[0]
    before = harness.evm.snapshot()
    used = harness.send("write", LISTING, sender=sender).gas_used
    for gas in range(90_000, used, 7_919):
        harness.evm.restore(before)
        with pytest.raises(Reverted):
            harness.send("write", LISTING, sender=sender, gas=gas)
        assert harness.call("read") == kept
