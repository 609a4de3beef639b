"""What an account does on a chain behind a node's JSON-RPC: each action as a call; how it is made is for subclasses."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from afterproof.errors import SendFailed
from afterproof.protocol.claims import Opening
from afterproof.protocol.header import BatchId
from afterproof.protocol.state import Claim, FaultKind
from afterproof.protocol.terms import TERM_NAMES, Terms

from .abi import Function, interface
from .base import Call, Landed, LaneOpened, Listener
from .evm import EvmReader
from .evm_calls import opened, split_words
from .heartbeats_evm import EvmHeartbeats
from .registry_actions import EvmRegistryActions

_CONTRACTS: Final = {
    "settlement": "Settlement",
    "registry": "AttestationRegistry",
    "heartbeats": "Heartbeats",
}


class EvmActions(EvmReader, EvmRegistryActions, EvmHeartbeats, ABC):
    """Implements the actions of :class:`afterproof.chain.base.ChainSender` over one way to make a call."""

    account: bytes

    def tell(self, listener: Listener) -> None:
        """Implements :meth:`ChainSender.tell`: where nothing is sent, there is nothing to tell."""

    def guard(self, may_act: Callable[[], None]) -> None:
        """Implements :meth:`ChainSender.guard`: where nothing is sent, there is nothing to guard."""

    @abstractmethod
    def perform(
        self, kind: Function, call: Call, dry_run: bool = False, urgent: bool = False
    ) -> tuple[tuple[Any, ...], Landed]:
        """Makes a call of the function ``kind``: what it returns by its simulation, and how it landed.

        ``urgent``: a deadline presses.
        """
        ...

    def post(
        self,
        lane: int,
        first_seq: int,
        count: int,
        oldest: int,
        newest: int,
        tile_roots: Sequence[bytes],
        data_uri: str,
        urgent: bool = False,
    ) -> Landed:
        """Implements :meth:`ChainSender.post`."""
        arguments = (lane, first_seq, count, oldest, newest, list(tile_roots), data_uri)
        return self._act("settlement", "post", arguments, urgent=urgent)[1]

    def prove_fault(self, kind: FaultKind, claim: Claim, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.prove_fault`."""
        words = split_words(claim.receipt.words, 6)
        struct = (claim.batch, claim.index, words, claim.signature, list(claim.proof), claim.evidence)
        return self._settle("proveFault", kind, struct, dry_run=dry_run)

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
        return self._settle("claimMissed", opened(opening), first_seq, dry_run=dry_run)

    def claim_omitted(
        self, opening: Opening, first_seq: int, other: bytes, path: Sequence[bytes], dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`ChainSender.claim_omitted`."""
        return self._settle("claimOmitted", opened(opening), first_seq, other, list(path), dry_run=dry_run)

    def claim_double(self, first: Opening, second: Opening, first_seq: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.claim_double`."""
        return self._settle("claimDouble", opened(first), opened(second), first_seq, dry_run=dry_run)

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

    def _settle(self, function: str, *arguments: Any, value: int = 0, dry_run: bool = False) -> Landed:
        return self._act("settlement", function, arguments, value, dry_run)[1]

    def _act(
        self,
        target: str,
        function: str,
        arguments: tuple[Any, ...],
        value: int = 0,
        dry_run: bool = False,
        urgent: bool = False,
    ) -> tuple[tuple[Any, ...], Landed]:
        """Implements :meth:`EvmRegistryActions._act`."""
        kind = interface(_CONTRACTS[target]).functions[function]
        try:
            payload = kind.encode(*arguments)
        except ValueError as error:
            raise SendFailed(f"{function} cannot be called with these values: {error}") from error
        return self.perform(kind, Call(getattr(self.deployment, target), value, payload), dry_run, urgent)
