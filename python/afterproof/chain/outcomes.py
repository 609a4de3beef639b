"""What became of a transaction, by the receipt that a node has of it."""

from typing import Any

from .rpc import quantity
from .states import Outcome


def outcome_of(receipt: dict[str, Any]) -> Outcome:
    """What a transaction's receipt says.

    Raises:
        ChainUnavailable: it is none.
    """
    gas_used = quantity(receipt.get("gasUsed"), "a receipt's gas")
    price = receipt.get("effectiveGasPrice")
    fee = gas_used * quantity(price, "a receipt's gas price") if price is not None else 0
    if receipt.get("l1Fee") is not None:  # rollups of the OP stack charge the data apart
        fee += quantity(receipt["l1Fee"], "a receipt's L1 fee")
    number = quantity(receipt.get("blockNumber"), "a receipt's block")
    return Outcome(number, gas_used, fee, quantity(receipt.get("status"), "a receipt's status") == 1)
