"""One run of the command line: its settings, and the chain they name, each made when first asked for."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from .. import config
from ..keyfiles import account_key
from ..protocol.receipt import Domain

if TYPE_CHECKING:
    from ..chain.base import ChainReader, ChainSender, Deployment

CONFIG_FILE: Final = Path("afterproof.toml")
"""The settings file that is read where none is named, if it is there; what `init` writes."""


@dataclass
class Session:
    """Imports what touches the chain only when asked: ``--help`` should not wait for it."""

    config_path: Path | None = field(default=None)

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
    def reader(self) -> "ChainReader":
        """The chain, to read."""
        from ..chain.evm import EvmReader

        chain = self.config.chain
        return EvmReader(chain.rpc, self.deployment, chain.timeout)

    @cached_property
    def sender(self) -> "ChainSender":
        """The chain, to act on as the account of the settings."""
        from ..chain.sender import EvmSender

        chain = self.config.chain
        return EvmSender(chain.rpc, self.deployment, account_key(self.config.account), chain.timeout)


pass_session = click.make_pass_decorator(Session, ensure=True)
