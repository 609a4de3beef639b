"""An account that sends transactions: simulate, price, sign here, send, wait.

The private key never leaves this module: it is in no repr, message or log.
"""

import threading
import time
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from afterproof.errors import CallReverted, ChainError, ChainUnavailable, ConfigError, SendFailed

from .errors import AlreadyKnown, NodeError
from .fees import current_fees
from .rpc import Rpc, data, quantity


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How transactions are sent.

    ``gas_margin`` multiplies the node's estimate. The rest is seconds: ``landing_timeout`` until one gives up waiting
    for a transaction to land, ``poll`` between two looks, ``raise_after`` until it is offered again at a higher fee.
    """

    gas_margin: float = 1.25
    landing_timeout: float = 120.0
    poll: float = 0.25
    raise_after: float = 30.0


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction that landed and succeeded. ``fee`` in wei; ``logs`` as the node has them, unchecked."""

    tx_hash: bytes
    block: int
    gas_used: int
    fee: int
    logs: Any
    contract: bytes | None


@dataclass(frozen=True, slots=True)
class Quote:
    """What a transaction would cost: its gas, and what it would pay now for each unit, in wei."""

    gas: int
    price: int
    block: int


class Wallet:
    """The account of ``private_key`` (32 bytes) on the chain behind ``rpc``. Safe for several threads.

    One process alone should use an account: its transactions are numbered by what the node knows of.

    Raises:
        ConfigError: that is no private key.
    """

    def __init__(
        self, rpc: Rpc, chain_id: int, private_key: bytes, options: SendOptions | None = None
    ) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._signer = _signer(private_key)
        self._options = options or SendOptions()
        self._lock = threading.Lock()
        self.account = bytes.fromhex(self._signer.address[2:])

    def __repr__(self) -> str:
        return f"Wallet({self._signer.address})"

    def simulate(self, to: bytes | None, payload: bytes, value: int = 0, block: int | None = None) -> bytes:
        """What the call would return: on the pending block, or after ``block``. ``to`` None creates a contract.

        Raises:
            CallReverted, SendFailed, ChainUnavailable.
        """
        call = self._call(to, payload, value)
        if block is not None:
            return self._rpc.data("eth_call", call, hex(block))
        return data(self._on_pending("eth_call", call), "eth_call")

    def quote(self, to: bytes | None, payload: bytes, value: int = 0) -> Quote:
        """What the transaction would cost now, before the margin.

        Raises:
            CallReverted, SendFailed, ChainUnavailable.
        """
        gas = self._estimate(to, payload, value)
        fees = current_fees(self._rpc)
        return Quote(gas, fees.price, fees.block)

    def send(self, to: bytes | None, payload: bytes, value: int = 0) -> Mined:
        """Estimates (which simulates), sends, and waits until the transaction landed.

        One that waits for too long is offered again under the same number at a higher fee, so that it does not stand in
        the way of those after it.

        Raises:
            CallReverted: the call would revert, or the transaction landed and reverted.
            SendFailed: not sent, or not landed in time: it may land later.
            ChainUnavailable: the node does not answer; nothing was sent.
        """
        gas = int(self._estimate(to, payload, value) * self._options.gas_margin)
        fees = current_fees(self._rpc).fields
        fields: dict[str, Any] = {"chainId": self._chain_id, "gas": gas, "value": value, "data": payload}
        if to is not None:
            fields["to"] = to
        with self._lock:
            fields["nonce"] = self._rpc.quantity("eth_getTransactionCount", self._signer.address, "pending")
            tx_hash = self._submit(fields | fees)
        tx_hash, receipt = self._landed(tx_hash, fields, fees)
        if quantity(receipt.get("status"), "a receipt's status") != 1:
            raise self._why(to, payload, value, gas, receipt)
        return _mined(tx_hash, receipt)

    def _call(self, to: bytes | None, payload: bytes, value: int) -> dict[str, str]:
        call = {"from": self._signer.address, "data": "0x" + payload.hex(), "value": hex(value)}
        return call if to is None else call | {"to": "0x" + to.hex()}

    def _estimate(self, to: bytes | None, payload: bytes, value: int) -> int:
        return quantity(
            self._on_pending("eth_estimateGas", self._call(to, payload, value)), "eth_estimateGas"
        )

    def _on_pending(self, method: str, call: dict[str, str]) -> Any:
        """On the pending block, as far as the node has one: when a chain is idle, the newest block's time is long
        ago."""
        try:
            return self._rpc.request(method, call, "pending")
        except NodeError:
            return self._rpc.request(method, call, "latest")

    def _submit(self, fields: dict[str, Any]) -> bytes:
        """Signs and hands in a transaction; its hash."""
        signed = self._signer.sign_transaction(fields)
        raw, tx_hash = bytes(signed.raw_transaction), bytes(signed.hash)
        try:
            self._rpc.request("eth_sendRawTransaction", "0x" + raw.hex())
        except AlreadyKnown:
            return tx_hash
        except ChainUnavailable as error:
            raise SendFailed(
                f"{error}; whether transaction 0x{tx_hash.hex()} was taken is not known: it may land later"
            ) from error
        return tx_hash

    def _landed(
        self, first: bytes, fields: dict[str, Any], fees: dict[str, int]
    ) -> tuple[bytes, dict[str, Any]]:
        """The receipt of a transaction that was sent, or of the one that took its place, with its hash."""
        hashes, started = [first], time.monotonic()
        raise_at = started + self._options.raise_after
        while True:
            for tx_hash in hashes:
                receipt = self._receipt(tx_hash)
                if receipt is not None:
                    return tx_hash, receipt
            if time.monotonic() - started >= self._options.landing_timeout:
                raise SendFailed(
                    f"transaction 0x{first.hex()} did not land within {self._options.landing_timeout:g} seconds: "
                    "it may land later, so look at the state before sending it again"
                )
            if time.monotonic() >= raise_at:
                raise_at += self._options.raise_after
                try:
                    fees = current_fees(self._rpc).above(fees)
                    hashes.append(self._submit(fields | fees))
                except ChainError:
                    # The earlier one stands: perhaps it lands just now. Its receipt is what counts.
                    continue
            time.sleep(self._options.poll)

    def _receipt(self, tx_hash: bytes) -> dict[str, Any] | None:
        try:
            receipt = self._rpc.request("eth_getTransactionReceipt", "0x" + tx_hash.hex())
        except ChainError:
            # It is sent: what the node cannot say now it may say before the deadline.
            return None
        return receipt if isinstance(receipt, dict) else None

    def _why(
        self, to: bytes | None, payload: bytes, value: int, gas: int, receipt: dict[str, Any]
    ) -> ChainError:
        """Why a transaction that landed reverted: simulated again after its block, and before it."""
        mined = _mined(b"", receipt)
        for block in (mined.block, mined.block - 1):
            try:
                self.simulate(to, payload, value, block)
            except CallReverted as error:
                return error
            except ChainError:
                continue
        if mined.gas_used >= gas:
            return SendFailed(
                f"the transaction landed in block {mined.block} and ran out of its {gas} gas: try again"
            )
        return CallReverted("NoReason")


def _mined(tx_hash: bytes, receipt: dict[str, Any]) -> Mined:
    gas_used = quantity(receipt.get("gasUsed"), "a receipt's gas")
    price = receipt.get("effectiveGasPrice")
    fee = gas_used * quantity(price, "a receipt's gas price") if price is not None else 0
    if receipt.get("l1Fee") is not None:  # rollups of the OP stack charge the data apart
        fee += quantity(receipt["l1Fee"], "a receipt's L1 fee")
    created = receipt.get("contractAddress")
    contract = data(created, "a receipt's contract", 20) if created is not None else None
    number = quantity(receipt.get("blockNumber"), "a receipt's block")
    return Mined(tx_hash, number, gas_used, fee, receipt.get("logs"), contract)


def _signer(private_key: bytes) -> LocalAccount:
    # eth_account's own message shows the key, so neither it nor its cause may get out.
    try:
        signer: LocalAccount | None = (
            Account.from_key(private_key) if isinstance(private_key, bytes) else None
        )
    except Exception:
        signer = None
    if signer is None:
        raise ConfigError("the private key must be 32 bytes, and not zero or beyond the curve's order")
    return signer


def address_of(private_key: bytes) -> bytes:
    """The 20-byte address of a private key's account.

    Raises:
        ConfigError: that is no private key.
    """
    return bytes.fromhex(_signer(private_key).address[2:])
