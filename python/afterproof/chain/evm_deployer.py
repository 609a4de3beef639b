"""Deployment over a node's JSON-RPC: for development networks, and wherever ape is not at hand."""

from afterproof.errors import SendFailed

from .deploy import Deployed
from .rpc import Rpc
from .wallet import SendOptions, Wallet


class EvmDeployer:
    """Implements :class:`afterproof.chain.deploy.Deployer` from the account of ``private_key`` (32 bytes).

    Raises:
        ConfigError: that is no private key, or ``rpc_url`` no address of a node.
        ChainUnavailable: the node does not answer.
    """

    def __init__(
        self, rpc_url: str, private_key: bytes, timeout: float = 10.0, options: SendOptions | None = None
    ) -> None:
        self._rpc = Rpc(rpc_url, timeout)
        self.chain_id = self._rpc.quantity("eth_chainId")
        self._wallet = Wallet(self._rpc, self.chain_id, private_key, options)
        self.account = self._wallet.account

    def deploy(self, name: str, creation_code: bytes) -> Deployed:
        """Implements :meth:`Deployer.deploy`."""
        mined = self._wallet.send(None, creation_code)
        if mined.contract is None:
            raise SendFailed(f"the transaction that was to create {name} created nothing")
        return Deployed(mined.contract, mined.tx_hash, mined.block)

    def code_at(self, address: bytes) -> bytes:
        """Implements :meth:`Deployer.code_at`."""
        return self._rpc.data("eth_getCode", "0x" + address.hex(), "latest")
