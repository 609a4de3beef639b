"""What an operator is told of a transaction: that it landed, or that it would."""

from typing import Any

from ..chain.base import Call, Landed
from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .output import emit


def told(as_json: bool, dry_run: bool, landed: Landed, done: str, would: str, **facts: Any) -> None:
    """Report a transaction: ``done`` and ``would`` are what it did or would do, as sentences without a full stop."""
    if landed.drafted is not None:
        _drafted(as_json, landed.drafted, would, facts)
        return
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


def _drafted(as_json: bool, call: Call, would: str, facts: dict[str, Any]) -> None:
    """Report a call that somebody else is to make."""
    parts = {"to": checksummed(call.to), "value": str(call.value), "data": hex0x(call.data)}
    text = "\n".join(f"{name:<5}  {part}" for name, part in parts.items())
    emit(as_json, {**facts, "call": parts}, f"{would}, by this call. Nothing was sent.\n{text}")
