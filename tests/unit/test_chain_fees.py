"""What a transaction offers, by what a node tells of late blocks.

current_fees
├── EIP-1559: the next block's base fee twice, and the tip in the middle of late blocks that held anything
│   ├── quiet blocks: the node's suggestion; a suggestion of nothing, or none: a wei
│   └── a history that is not offered, malformed or cut off: the head's base fee and the suggestion
├── chains without: the gas price
└── the ceiling: caps the offer, the tip with it; a base fee or gas price above it is refused
Fees.above
├── always a tenth above an earlier offer at least, of either type, or refused
└── never above the ceiling
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterproof.chain.fees import Fees, current_fees, gwei
from afterproof.chain.rpc import Rpc
from afterproof.errors import ChainUnavailable, FeeAboveCeiling
from afterproof.protocol.terms import GWEI
from tests.support.false_node import false_node

NOT_OFFERED = {"error": {"code": -32601, "message": "method not found"}}
HEAD = {"number": "0x9", "timestamp": "0x1", "hash": "0x" + "11" * 32, "baseFeePerGas": hex(10 * GWEI)}


@contextmanager
def chain(**answers: Any) -> Iterator[Rpc]:
    """A node that answers each method as given, and offers no other."""

    def answer(method: str, _: list[Any]) -> Any:
        return answers.get(method, NOT_OFFERED)

    with false_node(answer) as url:
        yield Rpc(url)


def history(*rewards: int, base: int = 11 * GWEI, used: list[float] | None = None) -> Any:
    ratios = [0.5] * len(rewards) if used is None else used
    return {
        "result": {
            "baseFeePerGas": [hex(GWEI)] * len(rewards) + [hex(base)],
            "gasUsedRatio": ratios,
            "reward": [[hex(reward)] for reward in rewards],
        }
    }


def fees(ceiling: int | None = None, **answers: Any) -> Fees:
    with chain(**{"eth_getBlockByNumber": {"result": HEAD}} | answers) as rpc:
        return current_fees(rpc, ceiling)


def test_the_tip_is_the_middle_of_late_blocks() -> None:
    found = fees(eth_feeHistory=history(2 * GWEI, 900 * GWEI, 3 * GWEI))
    assert found.fields == {"maxFeePerGas": 25 * GWEI, "maxPriorityFeePerGas": 3 * GWEI}
    assert (found.price, found.block) == (14 * GWEI, 9)


def test_empty_blocks_tell_nothing_of_tips() -> None:
    answer = history(0, 7 * GWEI, 0, used=[0, 0.9, 0])
    assert fees(eth_feeHistory=answer).fields["maxPriorityFeePerGas"] == 7 * GWEI


@pytest.mark.parametrize(
    ("answers", "tip"),
    [
        ({"eth_maxPriorityFeePerGas": {"result": hex(2 * GWEI)}}, 2 * GWEI),
        ({"eth_maxPriorityFeePerGas": {"result": "0x0"}}, 1),
        ({"eth_gasPrice": {"result": hex(14 * GWEI)}}, 3 * GWEI),
        ({"eth_gasPrice": {"result": hex(1)}}, 1),
        ({}, 1),
    ],
)
def test_on_a_quiet_chain_the_node_suggests_the_tip(answers: dict[str, Any], tip: int) -> None:
    for quiet in (history(0, 0), history(used=[])):
        found = fees(eth_feeHistory=quiet, **answers)
        assert found.fields == {"maxFeePerGas": 22 * GWEI + tip, "maxPriorityFeePerGas": tip}


@pytest.mark.parametrize(
    "answer",
    [
        NOT_OFFERED, {"result": None}, {"result": []}, {"result": {}}, {"result": {"baseFeePerGas": []}},
        {"result": {"baseFeePerGas": ["x"]}}, {"result": {"baseFeePerGas": ["0x1"], "reward": [[]]}},
        {"result": {"baseFeePerGas": ["0x1"], "reward": [None], "gasUsedRatio": [1]}},
        {"result": {"baseFeePerGas": 5}}, {"result": "0x"},
    ],
)  # fmt: skip
def test_a_history_that_cannot_be_read_is_done_without(answer: Any) -> None:
    suggestion = {"result": hex(2 * GWEI)}
    found = fees(eth_feeHistory=answer, eth_maxPriorityFeePerGas=suggestion)
    assert found.fields == {"maxFeePerGas": 22 * GWEI, "maxPriorityFeePerGas": 2 * GWEI}


def test_a_chain_without_base_fees_has_a_gas_price() -> None:
    head = {name: value for name, value in HEAD.items() if name != "baseFeePerGas"}
    answers = {"eth_getBlockByNumber": {"result": head}, "eth_gasPrice": {"result": hex(5 * GWEI)}}
    assert fees(**answers).fields == {"gasPrice": 5 * GWEI}
    assert fees(5 * GWEI, **answers).fields == {"gasPrice": 5 * GWEI}
    with pytest.raises(
        FeeAboveCeiling, match=r"a gas price of 5 gwei, above the 4\.9 gwei that chain\.max_fee"
    ):
        fees(49 * GWEI // 10, **answers)


@pytest.mark.parametrize(
    ("ceiling", "most", "tip"), [(24, 24, 3), (13, 13, 3), (11, 11, 3), (100, 25, 3), (12, 12, 3)]
)
def test_the_ceiling_caps_the_offer(ceiling: int, most: int, tip: int) -> None:
    found = fees(ceiling * GWEI, eth_feeHistory=history(3 * GWEI))
    assert found.fields == {"maxFeePerGas": most * GWEI, "maxPriorityFeePerGas": tip * GWEI}
    assert found.price <= ceiling * GWEI


def test_a_base_fee_above_the_ceiling_is_refused() -> None:
    for base, refused in ((11 * GWEI, True), (10 * GWEI, False)):
        try:
            fees(11 * GWEI - 1, eth_feeHistory=history(0, base=base))
            assert not refused
        except FeeAboveCeiling as error:
            assert refused and "a base fee of 11 gwei, above the 10.999999999 gwei" in str(error)


def test_a_tip_alone_above_the_ceiling_is_squeezed() -> None:
    found = fees(12 * GWEI, eth_feeHistory=history(500 * GWEI))
    assert found.fields == {"maxFeePerGas": 12 * GWEI, "maxPriorityFeePerGas": 12 * GWEI}


def test_no_newest_block_is_unavailable() -> None:
    with pytest.raises(ChainUnavailable, match="no newest block"):
        fees(eth_getBlockByNumber={"result": None})


AMOUNT = st.integers(0, 10**21)


@given(
    most=AMOUNT, tip=AMOUNT, before=AMOUNT, before_tip=AMOUNT, ceiling=st.none() | AMOUNT, old=st.booleans()
)
def test_what_takes_anothers_place_offers_a_tenth_more(
    most: int, tip: int, before: int, before_tip: int, ceiling: int | None, old: bool
) -> None:
    tip, before_tip = min(tip, most), min(before_tip, before)
    if ceiling is not None:
        most, tip = min(most, ceiling), min(tip, ceiling)
    found = Fees({"maxFeePerGas": most, "maxPriorityFeePerGas": tip}, 0, 0, ceiling)
    rival = {"gasPrice": before} if old else {"maxFeePerGas": before, "maxPriorityFeePerGas": before_tip}
    least_tip = before if old else before_tip
    try:
        raised = found.above(rival)
    except FeeAboveCeiling:
        assert ceiling is not None and 10 * ceiling < 11 * before + 10
        return
    assert ceiling is None or raised["maxFeePerGas"] <= ceiling
    assert 10 * raised["maxFeePerGas"] >= 11 * before and raised["maxFeePerGas"] >= most
    assert 10 * raised["maxPriorityFeePerGas"] >= 11 * least_tip
    assert raised["maxPriorityFeePerGas"] <= raised["maxFeePerGas"]


@pytest.mark.parametrize(("wei", "shown"), [(0, "0 gwei"), (1, "0.000000001 gwei"), (10 * GWEI, "10 gwei")])
def test_fees_are_shown_in_gwei(wei: int, shown: str) -> None:
    assert gwei(wei) == shown
