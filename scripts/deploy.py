"""Deploy the contracts from an account that ape holds.

    ape run deploy --network ethereum:sepolia:node --account ALIAS --parameters scripts/parameters/test.toml
    ape run deploy --network http://127.0.0.1:8545 --account TEST::0

What is deployed, and how an interrupted run goes on, is :mod:`afterproof.chain.deploy`. Without ``--account``, ape's
first test account is used on local networks.
"""

from pathlib import Path
from typing import Any

import click
from ape import accounts
from ape.api import AccountAPI, ProviderAPI, TestAccountAPI
from ape.cli import ConnectedProviderCommand, account_option
from ape.exceptions import ApeException
from eth_utils import to_canonical_address, to_checksum_address

from afterproof.chain.deploy import Deployed, deploy
from afterproof.chain.parameters import Kind, Parameters, load_parameters
from afterproof.errors import AfterproofError, SendFailed

FOLDER = Path(__file__).resolve().parent / "parameters"


class ApeDeployer:
    """Implements :class:`afterproof.chain.deploy.Deployer` with an account and a network of ape's."""

    def __init__(self, provider: ProviderAPI, account: AccountAPI) -> None:
        self._provider, self._account = provider, account
        self.chain_id = provider.chain_id
        self.account = to_canonical_address(account.address)

    def deploy(self, name: str, creation_code: bytes) -> Deployed:
        """Implements :meth:`Deployer.deploy`."""
        sender = self._account.address
        ecosystem = self._provider.network.ecosystem
        try:
            receipt = self._account.call(
                ecosystem.create_transaction(data=creation_code, sender=sender, value=0)
            )
        except ApeException as error:
            raise SendFailed(f"{name} could not be deployed: {error}; run this again to go on") from error
        if not receipt.contract_address:
            raise SendFailed(f"the transaction that was to create {name} created nothing")
        address = to_canonical_address(receipt.contract_address)
        return Deployed(address, bytes.fromhex(receipt.txn_hash.removeprefix("0x")), receipt.block_number)

    def code_at(self, address: bytes) -> bytes:
        """Implements :meth:`Deployer.code_at`."""
        return bytes(self._provider.get_code(to_checksum_address(address)))


def chosen_account(provider: ProviderAPI, account: AccountAPI | None, parameters: Parameters) -> AccountAPI:
    """The account to deploy from: the one named, or a test account on a local network."""
    if account is None:
        if not provider.network.is_dev:
            raise click.UsageError(
                "--account ALIAS names the account to deploy from; `ape accounts list` lists them"
            )
        return accounts.test_accounts[0]
    known_to_all = isinstance(account, TestAccountAPI) and not provider.network.is_dev
    if known_to_all and parameters.kind is not Kind.DEVELOPMENT:
        raise click.UsageError(
            f"--account {account.alias}: everybody has the keys of test accounts; they deploy development networks, "
            f"and these parameters are for kind {parameters.kind}"
        )
    return account


@click.command(cls=ConnectedProviderCommand)
@click.option(
    "--parameters",
    type=click.Path(dir_okay=False, path_type=Path),
    default=FOLDER / "development.toml",
    help="The parameter file; scripts/parameters/ has one for each kind of network.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("deployment.json"),
    help="The address file to write; its .progress file lets an interrupted run go on.",
)
@account_option(prompt=None)
def cli(provider: ProviderAPI, parameters: Path, out: Path, account: Any) -> None:
    """Deploy and wire the contracts, and write the address file that relayer and verifier read."""
    try:
        loaded = load_parameters(parameters)
        deployer = ApeDeployer(provider, chosen_account(provider, account, loaded))
        sender = to_checksum_address(deployer.account)
        click.echo(f"deploying for {loaded.kind} on chain {deployer.chain_id} from {sender}")
        deploy(loaded, deployer, out, click.echo)
        click.echo(f"what explorers need to show the sources: python -m scripts.sources {out}")
    except AfterproofError as error:
        raise click.ClickException(str(error)) from error
