"""The chain for a dry run: whatever would be sent is simulated, and nothing ever is."""

from collections.abc import Sequence
from typing import Any, Final

from afterproof.errors import CallReverted, ChainError, ChainUnavailable, SendFailed
from afterproof.protocol.receipt import keccak

from .abi import Function, MalformedAbi
from .actions import EvmActions
from .base import Call, Deployment, Landed
from .endpoint import Observer
from .errors import NodeError
from .evm_calls import LOG_CHUNK
from .fees import current_fees
from .rpc import data, quantity

NOBODY: Final = keccak(b"afterproof dry run")[12:]
"""Who acts where no account is set: nobody has its key."""

_WEALTH: Final = hex(10**24)


class EvmRehearsal(EvmActions):
    """Implements :class:`afterproof.chain.base.ChainSender` for ``account``, without a key, and without its funds.

    Each action is simulated as the account's, as if it had coin enough where the node can do that. Nothing is ever
    sent: an action that is no dry run is refused.

    Raises:
        ConfigError, ChainUnavailable: as :class:`EvmReader`.
    """

    def __init__(
        self,
        rpc_url: str | Sequence[str],
        deployment: Deployment,
        account: bytes = NOBODY,
        timeout: float = 10.0,
        log_chunk: int = LOG_CHUNK,
        observer: Observer | None = None,
        quorum: int = 1,
    ) -> None:
        super().__init__(rpc_url, deployment, timeout, log_chunk, observer, quorum)
        self.account = account

    def perform(
        self, kind: Function, call: Call, dry_run: bool = False, urgent: bool = False
    ) -> tuple[tuple[Any, ...], Landed]:
        """Implements :meth:`EvmActions.perform`: simulates.

        Raises:
            SendFailed: it is to be more than that; or the node cannot simulate it.
        """
        if not dry_run:
            raise SendFailed(f"{kind.name} was not sent: this is a dry run")
        try:
            returned = kind.decode(data(self._simulated("eth_call", call), "eth_call"))
        except MalformedAbi:
            raise ChainUnavailable(f"the node answered a call of {kind.name} with something else") from None
        head = self.head().number
        try:
            gas = quantity(self._simulated("eth_estimateGas", call), "eth_estimateGas")
            return returned, Landed(b"", head, gas, gas * current_fees(self._rpc).price)
        except CallReverted:
            raise
        except ChainError:
            return returned, Landed(b"", head, 0, 0)  # what it costs, this node does not say

    def _simulated(self, method: str, call: Call) -> Any:
        """As if the account were rich; with what it has where the node knows no such supposing."""
        fields = {
            "from": "0x" + self.account.hex(), "to": "0x" + call.to.hex(),
            "data": "0x" + call.data.hex(), "value": hex(call.value),
        }  # fmt: skip
        try:
            return self._rpc.request(method, fields, "pending", {fields["from"]: {"balance": _WEALTH}})
        except (NodeError, SendFailed):
            return self._rpc.request(method, fields, "latest")
