"""From a signed offer to a transaction that landed: handed in, looked after, raised.

Every transaction ever offered under a number is watched, not only the last: any of them may be the one that lands.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from afterproof.errors import ChainError, ChainUnavailable, ConfigError, FeeAboveCeiling, SendFailed

from .errors import AlreadyKnown, NumberTaken, Outbid
from .fees import current_fees, gwei
from .offers import Offer
from .rpc import Rpc
from .signers import TransactionSigner

log = logging.getLogger(__name__)

OUTBIDS: Final = 20
"""Raises of a quarter until one gives up outbidding what a node does not tell of: 86 times the fee."""

MISSES: Final = 3
"""Looks that must find the number taken, and none of the transactions landed, until one believes it."""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How transactions are sent.

    ``gas_margin`` multiplies the node's estimate, up to ``most_gas``. In seconds: ``landing_timeout`` until one gives
    up waiting for a transaction to land; ``poll`` between two looks; ``raise_after`` until it is offered again at a
    higher fee, and for how long another transaction of the account may stand in its way, a third of that where it is
    urgent. In wei:
    ``max_fee`` is what it may offer for a unit of gas, ``max_fee_urgent`` the same where it is urgent; None: anything,
    and the same as for others.

    Raises:
        ConfigError: urgent ones may offer less than others.
    """

    gas_margin: float = 1.25
    most_gas: int = 2**64
    landing_timeout: float = 120.0
    poll: float = 0.25
    raise_after: float = 30.0
    max_fee: int | None = None
    max_fee_urgent: int | None = None

    def __post_init__(self) -> None:
        if self.max_fee_urgent is not None and (self.max_fee is None or self.max_fee_urgent < self.max_fee):
            raise ConfigError(
                "chain.max_fee_urgent must be no less than chain.max_fee, which must be set too"
            )

    def patience(self, urgent: bool) -> float:
        """Seconds until something is done about a transaction that does not land."""
        return self.raise_after / 3 if urgent else self.raise_after

    def ceiling(self, urgent: bool) -> int | None:
        """What may be offered for a unit of gas."""
        return self.max_fee_urgent if urgent and self.max_fee_urgent is not None else self.max_fee


class Landing:
    """Brings offers of one account onto the chain, by ``options``; sooner and for more where that is ``urgent``.

    ``tell`` is told of each transaction before it is handed in.
    """

    def __init__(
        self,
        rpc: Rpc,
        chain_id: int,
        signer: TransactionSigner,
        options: SendOptions,
        urgent: bool,
        tell: Callable[[bytes, Offer], None],
    ) -> None:
        self._rpc, self._chain_id, self._signer, self._options = rpc, chain_id, signer, options
        self._tell = tell
        self._patience, self._ceiling = options.patience(urgent), options.ceiling(urgent)

    def offer(self, offer: Offer, rival: Mapping[str, int] | None) -> None:
        """Signs an offer and hands it in, above what a ``rival`` under its number offers, as far as that is known.

        None: there is none that it may outbid.

        Raises:
            Outbid: there is a rival after all.
            FeeAboveCeiling: it would have to offer too much. Nothing was sent.
            SendFailed: it was refused; or no node answered, and it may land later. ``offer.raw`` tells: empty if not.
            ChainUnavailable: nothing was sent.
        """
        fees = current_fees(self._rpc, self._ceiling)
        fields = fees.above(rival) if rival else fees.fields
        for _ in range(OUTBIDS):
            try:
                return self._hand_in(offer, fields)
            except Outbid as error:
                if rival is None:
                    raise
                refused = error
                fields = fees.above(fields)
        raise refused

    def wait(self, offer: Offer) -> tuple[bytes, dict[str, Any]]:
        """The hash and receipt of the one that landed of what was offered.

        Raises:
            SendFailed: none did in time, and one may land later; or the number went to another transaction.
        """
        started = time.monotonic()
        raise_at, every = started + self._patience, min(self._patience / 3, 5.0)
        look_at = started + every
        while True:
            for tx_hash in reversed(offer.hashes):
                receipt = self._receipt(tx_hash)
                if receipt is not None:
                    return tx_hash, receipt
            now = time.monotonic()
            if now - started >= self._options.landing_timeout:
                raise SendFailed(
                    f"transaction 0x{offer.hashes[0].hex()} did not land within {self._options.landing_timeout:g} "
                    "seconds: it may land later, so look at the state before sending it again"
                )
            if now >= look_at:
                look_at = now + every
                self._look_after(offer)
            if now >= raise_at:
                raise_at = now + self._patience
                self._raise(offer)
            time.sleep(self._options.poll)

    def _hand_in(self, offer: Offer, fees: dict[str, int]) -> None:
        offer.fees = fees
        signed = self._signer.sign(offer.transaction(self._chain_id))
        self._tell(signed.hash, offer)
        try:
            self._rpc.send(signed.raw)
        except AlreadyKnown:
            pass
        except ChainUnavailable as error:
            offer.hashes.append(signed.hash)
            offer.raw = signed.raw
            raise SendFailed(
                f"{error}; whether transaction 0x{signed.hash.hex()} was taken is not known: it may land later"
            ) from error
        offer.hashes.append(signed.hash)
        offer.raw = signed.raw

    def _look_after(self, offer: Offer) -> None:
        """Hands a transaction in again that the nodes have forgotten.

        Raises:
            NumberTaken: another one landed under its number.
        """
        try:
            if any(self._is_known(tx_hash) for tx_hash in offer.hashes):
                offer.misses = 0
                return
            made = self._rpc.quantity("eth_getTransactionCount", "0x" + self._signer.account.hex(), "latest")
            if made <= offer.number:
                if offer.raw:
                    log.info(
                        "the nodes have forgotten transaction 0x%s: handed in again", offer.hashes[-1].hex()
                    )
                    self._rpc.send(offer.raw)
                return
        except NumberTaken:
            pass
        except ChainError:
            return  # what the nodes cannot say now they may say before the deadline
        offer.misses += 1
        if offer.misses >= MISSES:
            raise NumberTaken(
                f"another transaction of the account landed under number {offer.number}, in place of "
                f"0x{offer.hashes[-1].hex()}: look at what landed; let one process alone use an account"
            )

    def _is_known(self, tx_hash: bytes) -> bool:
        return self._rpc.request("eth_getTransactionByHash", "0x" + tx_hash.hex()) is not None

    def _raise(self, offer: Offer) -> None:
        """Offers it again at a higher fee, as far as the ceiling allows."""
        before, raw = offer.fees, offer.raw
        try:
            self.offer(offer, before)
        except FeeAboveCeiling as error:
            log.warning("transaction 0x%s waits at its fee: %s", offer.hashes[-1].hex(), error)
        except ChainError as error:
            # The earlier one stands: perhaps it lands just now. Its receipt is what counts.
            log.info("transaction 0x%s could not be raised: %s", offer.hashes[0].hex(), error)
        else:
            log.info(
                "transaction 0x%s did not land within %g s: offered again as 0x%s at up to %s",
                offer.hashes[-2].hex(), self._patience, offer.hashes[-1].hex(), gwei(max(offer.fees.values())),
            )  # fmt: skip
        if offer.raw == raw:
            offer.fees = before

    def _receipt(self, tx_hash: bytes) -> dict[str, Any] | None:
        try:
            receipt = self._rpc.request("eth_getTransactionReceipt", "0x" + tx_hash.hex())
        except ChainError:
            # It is sent: what the node cannot say now it may say before the deadline.
            return None
        return receipt if isinstance(receipt, dict) else None
