"""What a transaction offers for its gas: EIP-1559 fees, or a gas price on chains without them."""

from dataclasses import dataclass

from afterproof.errors import ChainUnavailable

from .errors import NotOffered
from .rpc import Rpc, quantity


@dataclass(frozen=True, slots=True)
class Fees:
    """The fee fields of a transaction, and what it would pay for each unit of gas in the newest block. In wei."""

    fields: dict[str, int]
    price: int
    block: int

    def above(self, before: dict[str, int]) -> dict[str, int]:
        """These fields, each at least a quarter above what an earlier try offered: nodes ask for 10 % and more to
        let a transaction take another's place."""
        return {name: max(value, before.get(name, 0) * 5 // 4 + 1) for name, value in self.fields.items()}


def current_fees(rpc: Rpc) -> Fees:
    """What to offer now.

    Raises:
        ChainUnavailable: the node does not answer.
    """
    head = rpc.header("latest")
    if head is None:
        raise ChainUnavailable("the node has no newest block")
    number = quantity(head.get("number"), "a block's number")
    if head.get("baseFeePerGas") is None:
        price = rpc.quantity("eth_gasPrice")
        return Fees({"gasPrice": price}, price, number)
    base_fee = quantity(head["baseFeePerGas"], "a block's base fee")
    try:
        tip = rpc.quantity("eth_maxPriorityFeePerGas")
    except NotOffered:
        tip = max(rpc.quantity("eth_gasPrice") - base_fee, 0)
    # Twice the base fee lasts through five full blocks: each raises it by an eighth.
    fields = {"maxFeePerGas": 2 * base_fee + tip, "maxPriorityFeePerGas": tip}
    return Fees(fields, base_fee + tip, number)
