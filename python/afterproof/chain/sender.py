"""A chain behind a node's JSON-RPC, with an account to act from."""

from collections.abc import Sequence
from typing import Any, Final

from afterproof.errors import ChainUnavailable, SendFailed
from afterproof.protocol.state import Claim, FaultKind

from .abi import MalformedAbi, interface
from .base import Deployment, Landed, LaneOpened
from .evm import LOG_CHUNK, EvmReader, split_words
from .wallet import SendOptions, Wallet

_CONTRACTS: Final = {"settlement": "Settlement", "registry": "AttestationRegistry"}


class EvmSender(EvmReader):
    """Implements :class:`afterproof.chain.base.ChainSender` from the account of ``private_key`` (32 bytes).

    A dry run's ``Landed`` holds the estimated gas and fee, and the block that it was simulated on.

    Raises:
        ConfigError: as :class:`EvmReader`, and where that is no private key.
        ChainUnavailable: the node does not answer.
    """

    def __init__(
        self,
        rpc_url: str,
        deployment: Deployment,
        private_key: bytes,
        timeout: float = 10.0,
        options: SendOptions | None = None,
        log_chunk: int = LOG_CHUNK,
    ) -> None:
        super().__init__(rpc_url, deployment, timeout, log_chunk)
        self._wallet = Wallet(self._rpc, deployment.chain_id, private_key, options)
        self.account = self._wallet.account

    def __repr__(self) -> str:
        return f"EvmSender(chain {self.deployment.chain_id} at {self._rpc.node}, 0x{self.account.hex()})"

    def post(
        self,
        lane: int,
        first_seq: int,
        count: int,
        oldest: int,
        newest: int,
        tile_roots: Sequence[bytes],
        data_uri: str,
    ) -> Landed:
        """Implements :meth:`ChainSender.post`."""
        arguments = (lane, first_seq, count, oldest, newest, list(tile_roots), data_uri)
        return self._act("settlement", "post", arguments)[1]

    def prove_fault(self, kind: FaultKind, claim: Claim) -> Landed:
        """Implements :meth:`ChainSender.prove_fault`."""
        words = split_words(claim.receipt.words, 6)
        struct = (claim.batch, claim.index, words, claim.signature, list(claim.proof), claim.evidence)
        return self._act("settlement", "proveFault", (kind, struct))[1]

    def open_lane(
        self, poster: bytes, promise_key: bytes, ahead: int, stake: int, dry_run: bool = False
    ) -> tuple[int, Landed]:
        """Implements :meth:`ChainSender.open_lane`."""
        (lane,), landed = self._act("settlement", "openLane", (poster, promise_key, ahead), stake, dry_run)
        # Somebody else's lane may have come between simulation and transaction: the event has the number.
        opened = (event.lane for event in landed.events if isinstance(event, LaneOpened))
        return next(opened, lane), landed

    def top_up(self, lane: int, amount: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.top_up`."""
        return self._act("settlement", "topUp", (lane,), amount, dry_run)[1]

    def withdraw(self, to: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.withdraw`."""
        return self._act("settlement", "withdraw", (to,), dry_run=dry_run)[1]

    def endorse(self, public_key: bytes, operator: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.endorse`."""
        return self._act("registry", "endorse", (public_key, operator), dry_run=dry_run)[1]

    def revoke(self, node: bytes, effective_from: int, reason: str, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.revoke`."""
        return self._act("registry", "revoke", (node, effective_from, reason), dry_run=dry_run)[1]

    def _act(
        self, target: str, function: str, arguments: tuple[Any, ...], value: int = 0, dry_run: bool = False
    ) -> tuple[tuple[Any, ...], Landed]:
        """What the call returns by its simulation, and how it landed."""
        contract: bytes = getattr(self.deployment, target)
        kind = interface(_CONTRACTS[target]).functions[function]
        try:
            payload = kind.encode(*arguments)
        except ValueError as error:
            raise SendFailed(f"{function} cannot be called with these values: {error}") from error
        try:
            returned = kind.decode(self._wallet.simulate(contract, payload, value))
        except MalformedAbi:
            raise ChainUnavailable(f"the node answered a call of {function} with something else") from None
        if dry_run:
            quote = self._wallet.quote(contract, payload, value)
            return returned, Landed(b"", quote.block, quote.gas, quote.gas * quote.price)
        mined = self._wallet.send(contract, payload, value)
        events = self._decoder.events(mined.logs)
        return returned, Landed(mined.tx_hash, mined.block, mined.gas_used, mined.fee, events)
