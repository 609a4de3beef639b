"""One run of the command line: its settings, and the chain they name, each made when first asked for."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from .. import config
from ..keyfiles import account_address, account_key, external_account
from ..protocol.receipt import Domain
from ..units import wei_of

if TYPE_CHECKING:
    from ..chain.base import Deployment
    from ..chain.draft import EvmDrafter
    from ..chain.endpoint import Observer
    from ..chain.evm import EvmReader
    from ..chain.rehearsal import EvmRehearsal
    from ..chain.sender import EvmSender
    from ..chain.signers import TransactionSigner
    from ..chain.wallet import SendOptions
    from ..data import Source

CONFIG_FILE: Final = Path("afterproof.toml")
"""The settings file that is read where none is named, if it is there; what `init` writes."""


@dataclass
class Session:
    """Imports what touches the chain only when asked: ``--help`` should not wait for it."""

    config_path: Path | None = field(default=None)
    observer: "Observer | None" = None
    """Told of the sender's requests to nodes; to be set before the sender is made."""

    @cached_property
    def config(self) -> config.Config:
        """The settings: of the named file, else of ``afterproof.toml`` here, else the defaults; then environment."""
        path = self.config_path
        if path is None and CONFIG_FILE.exists():
            path = CONFIG_FILE
        return config.load(path, os.environ)

    @cached_property
    def deployment(self) -> "Deployment":
        """The contracts that the settings name."""
        from ..chain.address_file import load_deployment

        return load_deployment(self.config.chain.deployment)

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of receipts there."""
        return Domain(self.deployment.chain_id, self.deployment.registry)

    @cached_property
    def reader(self) -> "EvmReader":
        """The chain, to read."""
        from ..chain.evm import EvmReader

        chain = self.config.chain
        return EvmReader(chain.rpc, self.deployment, chain.timeout, quorum=chain.quorum)

    @cached_property
    def sender(self) -> "EvmSender":
        """The chain, to act on as the account of the settings."""
        from ..chain.sender import EvmSender

        chain = self.config.chain
        return EvmSender(
            chain.rpc,
            self.deployment,
            self._signer(),
            chain.timeout,
            self._send_options(),
            observer=self.observer,
            quorum=chain.quorum,
        )

    @cached_property
    def rehearsal(self) -> "EvmRehearsal":
        """The chain for a dry run, as the account of the settings, if they name one: nothing is ever sent."""
        from ..chain.rehearsal import NOBODY, EvmRehearsal

        chain, account = self.config.chain, account_address(self.config.account) or NOBODY
        return EvmRehearsal(
            chain.rpc, self.deployment, account, chain.timeout, observer=self.observer, quorum=chain.quorum
        )

    def _signer(self) -> "bytes | TransactionSigner":
        """Who signs the account's transactions: its key, or an external signer."""
        from ..chain.signers import RemoteSigner

        account = self.config.account
        if account.signer is None:
            return account_key(account)
        return RemoteSigner(account.signer, external_account(account), account.signer_timeout)

    def _send_options(self) -> "SendOptions":
        from ..chain.wallet import SendOptions

        chain = self.config.chain
        ceiling = None if chain.max_fee is None else wei_of(chain.max_fee)
        urgent = None if chain.max_fee_urgent is None else wei_of(chain.max_fee_urgent)
        return SendOptions(most_gas=chain.transaction_gas, max_fee=ceiling, max_fee_urgent=urgent)

    @cached_property
    def fetcher(self) -> "Source":
        """Where data and documents of others are fetched, as the verifier's settings allow."""
        from ..data import Fetcher

        settings = self.config.verifier
        return Fetcher(settings.allow_private_data, settings.data_timeout)

    def drafter(self, account: bytes) -> "EvmDrafter":
        """The chain, to draft calls on for a contract account."""
        from ..chain.draft import EvmDrafter

        chain = self.config.chain
        return EvmDrafter(chain.rpc, self.deployment, account, chain.timeout, chain.quorum)


pass_session = click.make_pass_decorator(Session, ensure=True)
