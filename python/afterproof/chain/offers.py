"""What an account asks the chain to do, and what it has offered for that under one number (nonce)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from afterproof.errors import AfterproofError

from .rpc import Rpc


@dataclass(frozen=True, slots=True)
class Intent:
    """A call of ``to`` (None: a contract's creation) with ``payload`` and ``value`` in wei."""

    to: bytes | None
    payload: bytes
    value: int

    def call(self, account: bytes) -> dict[str, str]:
        """As the node's simulations take it."""
        call = {
            "from": "0x" + account.hex(), "data": "0x" + self.payload.hex(), "value": hex(self.value)
        }  # fmt: skip
        return call if self.to is None else call | {"to": "0x" + self.to.hex()}


@dataclass(slots=True)
class Offer:
    """Transactions that ask for one thing under one number: at most one of ``hashes`` lands, the last is ``raw``.

    ``fees`` are the last one's. ``misses`` counts how often the number was found taken and none of them landed.
    """

    number: int
    intent: Intent
    gas: int
    fees: dict[str, int]
    hashes: list[bytes] = field(default_factory=list)
    raw: bytes = b""
    misses: int = 0

    def transaction(self, chain_id: int) -> dict[str, Any]:
        """The fields of the transaction to sign."""
        found = {
            "chainId": chain_id, "nonce": self.number, "gas": self.gas, "value": self.intent.value,
            "data": self.intent.payload, **self.fees,
        }  # fmt: skip
        return found if self.intent.to is None else found | {"to": self.intent.to}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction that waits under a number and that nobody here waits for; what is not known of it is empty."""

    hashes: tuple[bytes, ...] = ()
    intent: Intent | None = None
    fees: Mapping[str, int] = field(default_factory=dict)


_FEES: Final = ("maxFeePerGas", "maxPriorityFeePerGas", "gasPrice")


def waiting_at(rpc: Rpc, account: bytes, number: int) -> Waiting:
    """What the node tells of the transaction that waits under ``number``: nothing, if it does not say or know."""
    address = "0x" + account.hex()
    for find in (_by_number, _in_pool):
        try:
            return _read(find(rpc, address, number), number)
        except (AfterproofError, KeyError, TypeError, ValueError, AttributeError):
            continue  # few nodes offer both, many neither
    return Waiting()


def _by_number(rpc: Rpc, address: str, number: int) -> Any:
    return rpc.request("eth_getTransactionBySenderAndNonce", address, hex(number))


def _in_pool(rpc: Rpc, address: str, number: int) -> Any:
    return rpc.request("txpool_contentFrom", address)["pending"][str(number)]


def _read(found: Any, number: int) -> Waiting:
    if int(found["nonce"], 16) != number or found.get("blockHash") is not None:
        raise ValueError("another transaction")
    text: Callable[[str], bytes] = lambda name: bytes.fromhex(found[name][2:])  # noqa: E731 - short and local
    intent = Intent(text("to") if found.get("to") else None, text("input"), int(found["value"], 16))
    fees = {name: int(found[name], 16) for name in _FEES if found.get(name) is not None}
    if "maxFeePerGas" in fees:
        fees.pop("gasPrice", None)  # what it would pay now: no part of what it offers
    return Waiting((text("hash"),), intent, fees)
