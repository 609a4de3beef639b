"""An account that sends transactions: simulate, price, sign, send, wait.

The private key never leaves :mod:`afterproof.chain.signers`: it is in no repr, message or log.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from afterproof.errors import CallReverted, ChainError, FeeAboveCeiling, InsufficientFunds, SendFailed
from afterproof.units import checksummed, ether

from .errors import NodeError, NumberTaken, Outbid
from .fees import current_fees, gwei
from .landing import Landing, SendOptions
from .numbers import Numbers
from .offers import Intent, Offer, Waiting
from .outcomes import outcome_of
from .rpc import Rpc, data, quantity
from .signers import KeySigner, TransactionSigner, address_of
from .states import Outcome

__all__ = ["Mined", "Quote", "SendOptions", "Wallet", "address_of"]


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
    """An account on the chain behind ``rpc``: of a private key (32 bytes), or of a signer. Safe for several threads.

    One process alone should use an account: what others send from it is in the way, and outbid when it does not land.

    Raises:
        ConfigError: that is no private key.
    """

    def __init__(
        self,
        rpc: Rpc,
        chain_id: int,
        signer: bytes | TransactionSigner,
        options: SendOptions | None = None,
        tell: "Tell | None" = None,
    ) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._signer = KeySigner(signer) if not isinstance(signer, TransactionSigner) else signer
        self._options = options or SendOptions()
        self._lock = threading.Lock()
        self.account = self._signer.account
        self._numbers = Numbers(rpc, self.account)
        self._tell = tell
        self._may_send: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return f"Wallet({checksummed(self.account)})"

    def guard(self, may_send: Callable[[], None]) -> None:
        """Have ``may_send`` called just before each transaction is handed in under a number of its own."""
        self._may_send = may_send

    def simulate(self, to: bytes | None, payload: bytes, value: int = 0, block: int | None = None) -> bytes:
        """What the call would return: on the pending block, or after ``block``. ``to`` None creates a contract.

        Raises:
            CallReverted, SendFailed, ChainUnavailable.
        """
        intent = Intent(to, payload, value)
        if block is not None:
            return self._rpc.data("eth_call", intent.call(self.account), hex(block))
        return data(self._on_pending("eth_call", intent), "eth_call")

    def quote(self, to: bytes | None, payload: bytes, value: int = 0) -> Quote:
        """What the transaction would cost now, before the margin.

        Raises:
            CallReverted, SendFailed, ChainUnavailable.
        """
        gas = self._estimate(Intent(to, payload, value))
        fees = current_fees(self._rpc)
        return Quote(gas, fees.price, fees.block)

    def send(self, to: bytes | None, payload: bytes, value: int = 0, urgent: bool = False) -> Mined:
        """Estimates (which simulates), sends, and waits until the transaction landed.

        One that waits for too long is offered again under the same number at a higher fee, sooner where it is
        ``urgent``; one that the nodes have forgotten is handed in again.

        Raises:
            CallReverted: the call would revert, or the transaction landed and reverted.
            InsufficientFunds, FeeAboveCeiling: not sent.
            SendFailed: not sent, or not landed in time: it may land later.
            ChainUnavailable: the node does not answer; nothing was sent.
        """
        landing = Landing(self._rpc, self._chain_id, self._signer, self._options, urgent, self._hand_in)
        offer = self._offered(Intent(to, payload, value), landing, urgent)
        receipt = None
        try:
            tx_hash, receipt = landing.wait(offer)
        finally:
            with self._lock:
                self._numbers.release(offer, receipt is not None)
        found = outcome_of(receipt)
        if self._tell is not None:
            self._tell(tx_hash, offer, found)
        if not found.succeeded:
            raise self._why(offer, receipt)
        return _mined(tx_hash, receipt)

    def _hand_in(self, tx_hash: bytes, offer: Offer) -> None:
        if self._tell is not None:
            self._tell(tx_hash, offer, None)

    def _offered(self, intent: Intent, landing: Landing, urgent: bool) -> Offer:
        """The intent handed in, where it does not stand behind what may never land."""
        started, refused, gas = time.monotonic(), 0, self._gas(intent)
        while True:
            with self._lock:
                place = self._numbers.place(intent, self._options.patience(urgent))
                if place is not None:
                    rival = place.rival or Waiting()
                    same = rival.intent == intent
                    offer = Offer(place.number, intent, gas, {}, list(rival.hashes) if same else [])
                    self._may_send()
                    try:
                        landing.offer(offer, None if place.rival is None else rival.fees)
                    except Outbid:  # by what the node did not count: it has its time, too
                        self._numbers.hide(place.number)
                    except NumberTaken:  # what the node counted was a moment old; nothing was sent
                        refused += 1
                        if refused > 3:
                            raise
                    except InsufficientFunds as error:
                        raise self._broke(intent, error, gas, offer.fees) from error
                    except FeeAboveCeiling:
                        if not same:
                            raise
                        offer.fees = dict(rival.fees)  # it waits at what it may offer: wait with it
                        self._numbers.take(place.number)
                        return offer
                    except ChainError:
                        if offer.raw:  # it may have been taken
                            self._numbers.release(offer, False)
                        raise
                    else:
                        self._numbers.take(place.number)
                        return offer
            if time.monotonic() - started >= self._options.landing_timeout:
                raise SendFailed(
                    f"earlier transactions of account {checksummed(self.account)} are in the way and do not land: "
                    "nothing was sent"
                )
            time.sleep(max(self._options.poll, min(self._options.patience(urgent) / 10, 1.0)))
            gas = self._gas(intent)  # what was in the way may have changed what it would do

    def _gas(self, intent: Intent) -> int:
        estimate = self._estimate(intent)
        # What just fits into a transaction must not be made not to fit.
        return min(int(estimate * self._options.gas_margin), max(estimate, self._options.most_gas))

    def _estimate(self, intent: Intent) -> int:
        return quantity(self._on_pending("eth_estimateGas", intent), "eth_estimateGas")

    def _on_pending(self, method: str, intent: Intent) -> Any:
        """On the pending block, as far as the node has one: when a chain is idle, the newest block's time is long
        ago. Where something left over waits, which may do the same and will be outbid, on the newest."""
        call = intent.call(self.account)
        try:
            return self._rpc.request(method, call, "pending")
        except NodeError:
            return self._rpc.request(method, call, "latest")
        except InsufficientFunds as error:
            raise self._broke(intent, error) from error
        except CallReverted:
            if not self._numbers.is_blocked():
                raise
            return self._rpc.request(method, call, "latest")

    def _broke(
        self, intent: Intent, error: InsufficientFunds, gas: int = 0, fees: dict[str, int] | None = None
    ) -> InsufficientFunds:
        """The refusal with what the account has and what it would need."""
        try:
            has = ether(self._rpc.quantity("eth_getBalance", "0x" + self.account.hex(), "latest"))
        except ChainError:
            return error
        price = max((fees or {}).values(), default=0)
        needs = f"{ether(intent.value + gas * price)} ({ether(intent.value)} to send along"
        needs += f", {gas} gas at up to {gwei(price)})" if price else ", and its gas)"
        return InsufficientFunds(
            f"the account cannot pay for it: {checksummed(self.account)} has {has}, and the transaction needs at "
            f"least {needs}: send native coin to the account, then try again"
        )

    def _why(self, offer: Offer, receipt: dict[str, Any]) -> ChainError:
        """Why a transaction that landed reverted: simulated again after its block, and before it."""
        mined, intent = _mined(b"", receipt), offer.intent
        for block in (mined.block, mined.block - 1):
            try:
                self.simulate(intent.to, intent.payload, intent.value, block)
            except CallReverted as error:
                return error
            except ChainError:
                continue
        if mined.gas_used >= offer.gas:
            return SendFailed(
                f"the transaction landed in block {mined.block} and ran out of its {offer.gas} gas: try again"
            )
        return CallReverted("NoReason")


Tell = Callable[[bytes, Offer, Outcome | None], None]
"""Is told a transaction's hash and what it was offered for: before it is handed in, and what became of it."""


def _mined(tx_hash: bytes, receipt: dict[str, Any]) -> Mined:
    found = outcome_of(receipt)
    created = receipt.get("contractAddress")
    contract = data(created, "a receipt's contract", 20) if created is not None else None
    return Mined(tx_hash, found.block, found.gas_used, found.fee, receipt.get("logs"), contract)
