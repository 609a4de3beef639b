"""What an operator is told of a transaction: that it landed, or that it would."""

from typing import Any

from ..chain.base import Landed
from ..protocol.receipt import hex0x
from ..units import ether
from .output import emit


def told(as_json: bool, dry_run: bool, landed: Landed, done: str, would: str, **facts: Any) -> None:
    """Report a transaction: ``done`` and ``would`` are what it did or would do, as sentences without a full stop."""
    answer = {
        **facts,
        "dry_run": dry_run,
        "transaction": None if dry_run else hex0x(landed.tx_hash),
        "block": landed.block,
        "gas": landed.gas_used,
        "fee_wei": landed.fee,
    }
    if dry_run:
        cost = f"about {landed.gas_used:,} gas, {ether(landed.fee)}"
        emit(as_json, answer, f"{would} ({cost}). Nothing was sent.")
    else:
        cost = f"{landed.gas_used:,} gas, {ether(landed.fee)}"
        emit(
            as_json, answer, f"{done}, in block {landed.block} ({cost}).\ntransaction {hex0x(landed.tx_hash)}"
        )
