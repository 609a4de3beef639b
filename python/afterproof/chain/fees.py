"""What a transaction offers for its gas: EIP-1559 fees, or a gas price on chains without; never above a ceiling."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median_low
from typing import Any, Final

from afterproof.errors import ChainUnavailable, FeeAboveCeiling
from afterproof.protocol.terms import GWEI

from .errors import NodeError
from .rpc import Rpc, quantity

HISTORY: Final = 10
"""Blocks whose tips are looked at."""

LEAST_TIP: Final = 1
"""In wei. Where blocks are empty no tip is needed, but many nodes pass on no transaction that offers none."""


@dataclass(frozen=True, slots=True)
class Fees:
    """The fee fields of a transaction, and what it would pay for each unit of gas in the next block. In wei.

    ``ceiling``: what it may offer for a unit of gas at most; None: anything.
    """

    fields: dict[str, int]
    price: int
    block: int
    ceiling: int | None = None

    def above(self, before: Mapping[str, int]) -> dict[str, int]:
        """These fields, each a quarter above what an earlier try offered, or as near to that as the ceiling allows.

        Raises:
            FeeAboveCeiling: it does not allow the tenth above that nodes ask for to let a transaction take
                another's place.
        """
        names = sorted(self.fields)  # the greatest first: what is offered at most
        most = self.fields[names[0]]
        earlier = before.get(names[0], before.get("gasPrice", before.get("maxFeePerGas", 0)))
        most = max(most, earlier * 5 // 4 + 1)
        if self.ceiling is not None and most > self.ceiling:
            if self.ceiling < earlier + earlier // 10 + 1:
                raise FeeAboveCeiling(
                    f"more than the {gwei(earlier)} that were offered would be above the "
                    f"{gwei(self.ceiling)} that chain.max_fee allows"
                )
            most = self.ceiling
        raised = {names[0]: most}
        for name in names[1:]:
            tip = max(self.fields[name], before.get(name, earlier) * 5 // 4 + 1)
            raised[name] = min(tip, most)
        return raised


def current_fees(rpc: Rpc, ceiling: int | None = None) -> Fees:
    """What to offer now.

    Raises:
        FeeAboveCeiling: even the least that the chain asks for is above ``ceiling``.
        ChainUnavailable: the node does not answer.
    """
    head = rpc.header("latest")
    if head is None:
        raise ChainUnavailable("the node has no newest block")
    number = quantity(head.get("number"), "a block's number")
    if head.get("baseFeePerGas") is None:
        price = rpc.quantity("eth_gasPrice")
        _check(price, ceiling, "a gas price")
        return Fees({"gasPrice": price}, price, number, ceiling)
    base_fee = quantity(head["baseFeePerGas"], "a block's base fee")
    next_fee, tip = _history(rpc)
    base_fee = max(base_fee, next_fee)
    _check(base_fee, ceiling, "a base fee")
    tip = max(tip or _suggested_tip(rpc, base_fee), LEAST_TIP)
    # Twice the base fee lasts through five full blocks: each raises it by an eighth.
    most = 2 * base_fee + tip
    most = most if ceiling is None else min(most, ceiling)
    tip = min(tip, most)
    fields = {"maxFeePerGas": most, "maxPriorityFeePerGas": tip}
    return Fees(fields, min(base_fee + tip, most), number, ceiling)


def gwei(wei: int) -> str:
    """A fee as people write it."""
    whole, part = divmod(wei, GWEI)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".") + " gwei"


def _check(price: int, ceiling: int | None, what: str) -> None:
    if ceiling is not None and price > ceiling:
        raise FeeAboveCeiling(
            f"the chain asks for {what} of {gwei(price)}, above the {gwei(ceiling)} that chain.max_fee allows: "
            "nothing was sent; wait until it falls, or raise the setting"
        )


def _history(rpc: Rpc) -> tuple[int, int]:
    """The next block's base fee, and what is paid on top of late by the middle of a block; zeros: not known."""
    try:
        answer = rpc.request("eth_feeHistory", hex(HISTORY), "latest", [50])
        return _read_history(answer)
    except (ChainUnavailable, AttributeError, LookupError, TypeError):
        return 0, 0


def _read_history(answer: Any) -> tuple[int, int]:
    next_fee = quantity(answer["baseFeePerGas"][-1], "eth_feeHistory")
    rewards = [quantity(reward[0], "eth_feeHistory") for reward in answer.get("reward") or ()]
    used = answer.get("gasUsedRatio") or ()
    tips = [reward for reward, ratio in zip(rewards, used, strict=False) if ratio]
    return next_fee, median_low(tips) if tips else 0


def _suggested_tip(rpc: Rpc, base_fee: int) -> int:
    """What the node itself would offer on top: for chains so quiet, or nodes so old, that they show no tips."""
    for method, less in (("eth_maxPriorityFeePerGas", 0), ("eth_gasPrice", base_fee)):
        try:
            return max(rpc.quantity(method) - less, 0)
        except NodeError:
            continue
    return 0
