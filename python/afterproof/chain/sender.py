"""A chain behind a node's JSON-RPC, with an account to act from."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from afterproof.errors import ChainUnavailable, SendFailed
from afterproof.protocol.claims import Opening
from afterproof.protocol.header import BatchId
from afterproof.protocol.state import Claim, FaultKind
from afterproof.protocol.terms import TERM_NAMES, Terms

from .abi import MalformedAbi, interface
from .base import Deployment, Landed, LaneOpened
from .evm import EvmReader
from .evm_calls import LOG_CHUNK, split_words
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
        return self._settle("post", lane, first_seq, count, oldest, newest, list(tile_roots), data_uri)

    def prove_fault(self, kind: FaultKind, claim: Claim) -> Landed:
        """Implements :meth:`ChainSender.prove_fault`."""
        words = split_words(claim.receipt.words, 6)
        struct = (claim.batch, claim.index, words, claim.signature, list(claim.proof), claim.evidence)
        return self._settle("proveFault", kind, struct)

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
        return self._settle("topUp", lane, value=amount, dry_run=dry_run)

    def withdraw(self, to: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.withdraw`."""
        return self._settle("withdraw", to, dry_run=dry_run)

    def rotate_lane(self, lane: int, poster: bytes, promise_key: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.rotate_lane`."""
        return self._settle("rotateLane", lane, poster, promise_key, dry_run=dry_run)

    def set_ahead(self, lane: int, ahead: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.set_ahead`."""
        return self._settle("setAhead", lane, ahead, dry_run=dry_run)

    def apply_ahead(self, lane: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.apply_ahead`."""
        return self._settle("applyAhead", lane, dry_run=dry_run)

    def exit_lane(self, lane: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.exit_lane`."""
        return self._settle("exitLane", lane, dry_run=dry_run)

    def withdraw_stake(self, lane: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.withdraw_stake`."""
        return self._settle("withdrawStake", lane, dry_run=dry_run)

    def release_cover(self, lane: int, max_batches: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.release_cover`."""
        return self._settle("releaseCover", lane, max_batches, dry_run=dry_run)

    def sweep_burned(self, lane: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.sweep_burned`."""
        return self._settle("sweepBurned", lane, dry_run=dry_run)

    def demand_tile(
        self,
        batch: BatchId,
        tile: int,
        tile_root: bytes,
        path: Sequence[bytes],
        deposit: int,
        dry_run: bool = False,
    ) -> Landed:
        """Implements :meth:`ChainSender.demand_tile`."""
        return self._settle("demandTile", batch, tile, tile_root, list(path), value=deposit, dry_run=dry_run)

    def answer_tile(
        self,
        batch: BatchId,
        tile: int,
        half: int,
        data: bytes,
        other: bytes,
        path: Sequence[bytes],
        dry_run: bool = False,
    ) -> Landed:
        """Implements :meth:`ChainSender.answer_tile`."""
        return self._settle("answerTile", batch, tile, half, data, other, list(path), dry_run=dry_run)

    def expire_demand(self, batch: BatchId, tile: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.expire_demand`."""
        return self._settle("expireDemand", batch, tile, dry_run=dry_run)

    def claim_missed(self, opening: Opening, first_seq: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.claim_missed`."""
        return self._settle("claimMissed", _opened(opening), first_seq, dry_run=dry_run)

    def claim_omitted(
        self, opening: Opening, first_seq: int, other: bytes, path: Sequence[bytes], dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`ChainSender.claim_omitted`."""
        return self._settle("claimOmitted", _opened(opening), first_seq, other, list(path), dry_run=dry_run)

    def claim_double(self, first: Opening, second: Opening, first_seq: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.claim_double`."""
        return self._settle("claimDouble", _opened(first), _opened(second), first_seq, dry_run=dry_run)

    def announce_epoch(
        self, terms: Terms, faults: Mapping[FaultKind, bytes], starts_at: int, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`ChainSender.announce_epoch`."""
        struct = tuple(getattr(terms, name) for name in TERM_NAMES)
        return self._settle("announceEpoch", struct, sorted(faults.items()), starts_at, dry_run=dry_run)

    def pause_posting(self, seconds: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.pause_posting`."""
        return self._settle("pausePosting", seconds, dry_run=dry_run)

    def set_guardian(self, guardian: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.set_guardian`."""
        return self._settle("setGuardian", guardian, dry_run=dry_run)

    def endorse(self, public_key: bytes, operator: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.endorse`."""
        return self._act("registry", "endorse", (public_key, operator), dry_run=dry_run)[1]

    def revoke(self, node: bytes, effective_from: int, reason: str, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.revoke`."""
        return self._act("registry", "revoke", (node, effective_from, reason), dry_run=dry_run)[1]

    def _settle(self, function: str, *arguments: Any, value: int = 0, dry_run: bool = False) -> Landed:
        return self._act("settlement", function, arguments, value, dry_run)[1]

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


def _opened(opening: Opening) -> tuple[Any, ...]:
    """An opened promise as the ABI's struct."""
    p = opening.signed.promise
    inclusion = (p.lane, p.first_seq, p.count, p.root, p.include_by, p.beneficiary)
    return inclusion, opening.signed.signature, opening.seq, opening.leaf_hash, list(opening.proof)
