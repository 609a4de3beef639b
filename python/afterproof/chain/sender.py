"""A chain behind a node's JSON-RPC, with an account to act from."""

from collections.abc import Callable, Sequence
from typing import Any

from afterproof.errors import ChainUnavailable

from .abi import Function, MalformedAbi
from .actions import EvmActions
from .base import Call, Deployment, Landed, Listener, Outcome, Sent
from .endpoint import Observer
from .evm_calls import LOG_CHUNK
from .offers import Offer
from .purposes import purpose_of
from .signers import TransactionSigner
from .wallet import SendOptions, Wallet


class EvmSender(EvmActions):
    """Implements :class:`afterproof.chain.base.ChainSender` from the account of ``signer``: a private key
    of 32 bytes, or who else signs for an account.

    A dry run's ``Landed`` holds the estimated gas and fee, and the block that it was simulated on.

    Raises:
        ConfigError: as :class:`EvmReader`, and where that is no private key.
        ChainUnavailable: the node does not answer.
    """

    def __init__(
        self,
        rpc_url: str | Sequence[str],
        deployment: Deployment,
        signer: bytes | TransactionSigner,
        timeout: float = 10.0,
        options: SendOptions | None = None,
        log_chunk: int = LOG_CHUNK,
        observer: Observer | None = None,
        quorum: int = 1,
    ) -> None:
        super().__init__(rpc_url, deployment, timeout, log_chunk, observer, quorum)
        self._wallet = Wallet(self._rpc, deployment.chain_id, signer, options, self._told)
        self.account = self._wallet.account
        self._listener: Listener | None = None

    def __repr__(self) -> str:
        return f"EvmSender(chain {self.deployment.chain_id} at {self._rpc.node}, 0x{self.account.hex()})"

    def tell(self, listener: Listener) -> None:
        """Implements :meth:`ChainSender.tell`."""
        self._listener = listener

    def _told(self, tx_hash: bytes, offer: Offer, outcome: Outcome | None) -> None:
        if self._listener is not None:
            purpose = purpose_of(self.deployment, offer.intent)
            self._listener(Sent(tx_hash, self.account, offer.number, purpose, outcome))

    def guard(self, may_act: Callable[[], None]) -> None:
        """Implements :meth:`ChainSender.guard`."""
        self._wallet.guard(may_act)

    def perform(
        self, kind: Function, call: Call, dry_run: bool = False, urgent: bool = False
    ) -> tuple[tuple[Any, ...], Landed]:
        """Implements :meth:`EvmActions.perform`: simulates, sends, and waits until the transaction landed."""
        try:
            returned = kind.decode(self._wallet.simulate(call.to, call.data, call.value))
        except MalformedAbi:
            raise ChainUnavailable(f"the node answered a call of {kind.name} with something else") from None
        if dry_run:
            quote = self._wallet.quote(call.to, call.data, call.value)
            return returned, Landed(b"", quote.block, quote.gas, quote.gas * quote.price)
        mined = self._wallet.send(call.to, call.data, call.value, urgent)
        events = self._decoder.events(mined.logs)
        return returned, Landed(mined.tx_hash, mined.block, mined.gas_used, mined.fee, events)
