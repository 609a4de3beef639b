"""Calls for accounts whose key is not here: multisigs, timelocks."""

from collections.abc import Callable, Sequence
from typing import Any

from .abi import Function
from .actions import EvmActions
from .base import Call, Deployment, Landed


class EvmDrafter(EvmActions):
    """Implements :class:`afterproof.chain.base.ChainSender` for the contract account ``account``, without its doing.

    Each action is simulated as the account's, and its ``Landed`` holds the call for the account to make. Nothing is
    ever sent.

    Raises:
        ConfigError, ChainUnavailable: as :class:`EvmReader`.
    """

    def __init__(
        self, rpc_url: str | Sequence[str], deployment: Deployment, account: bytes, timeout: float = 10.0
    ) -> None:
        super().__init__(rpc_url, deployment, timeout)
        self.account = account

    def guard(self, may_act: Callable[[], None]) -> None:
        """Implements :meth:`ChainSender.guard`: nothing is ever sent."""

    def perform(
        self, kind: Function, call: Call, dry_run: bool = False, urgent: bool = False
    ) -> tuple[tuple[Any, ...], Landed]:
        """Implements :meth:`EvmActions.perform`: simulates, and hands the call back."""
        returned = kind.decode(self.ask(call, self.account))
        return returned, Landed(b"", self.head().number, 0, 0, (), call)
