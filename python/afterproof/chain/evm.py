"""A chain behind a node's JSON-RPC, read only."""

from collections.abc import Sequence

from afterproof.errors import ChainUnavailable
from afterproof.protocol.batching import TILE
from afterproof.protocol.claims import Opening
from afterproof.protocol.disputes import ANSWER_GAS, LEAF_GAS
from afterproof.protocol.header import BatchId, Header
from afterproof.protocol.state import FaultKind, Standing, VoidReason
from afterproof.protocol.terms import Terms
from afterproof.protocol.views import TrustGap

from . import events
from .base import Block, DemandState, Deployment, LaneState, Logged, Outcome, PauseState
from .endpoint import Observer
from .evm_calls import LOG_CHUNK, member, opened, split_words
from .outcomes import outcome_of
from .registry_evm import EvmRegistryReader


class EvmReader(EvmRegistryReader):
    """Implements :class:`afterproof.chain.base.ChainReader` over the node at ``rpc_url``, or several in that order.

    ``timeout`` is in seconds for each answer, ``log_chunk`` the blocks asked for at a time, ``observer`` is told of
    every request, and ``quorum`` nodes must agree on what is read. Safe for several threads. Nothing is
    remembered but the terms of epochs that have started: those can no longer change. A read that the contract itself
    refuses (the terms of an epoch that was never announced) raises CallReverted.

    Raises:
        ConfigError: the node is on another chain, or the contracts are not there.
        ChainUnavailable: the node does not answer.
    """

    def __init__(
        self,
        rpc_url: str | Sequence[str],
        deployment: Deployment,
        timeout: float = 10.0,
        log_chunk: int = LOG_CHUNK,
        observer: Observer | None = None,
        quorum: int = 1,
    ) -> None:
        super().__init__(rpc_url, deployment, timeout, log_chunk, observer, quorum)
        self._terms: dict[int, Terms] = {}

    # --- blocks and events ---------------------------------------------------------------------

    def head(self) -> Block:
        """Implements :meth:`ChainReader.head`."""
        block = self._rpc.block("latest")
        if block is None:
            raise ChainUnavailable("the node has no newest block")
        return block

    def block(self, number: int) -> Block | None:
        """Implements :meth:`ChainReader.block`."""
        block = self._rpc.block(number)
        if block is not None and block.number != number:
            raise ChainUnavailable(f"the node answered with block {block.number} when asked for {number}")
        return block

    def events(self, first: int, last: int) -> list[Logged]:
        """Implements :meth:`ChainReader.events`."""
        return events.fetch(self._rpc, self._decoder, self.deployment, first, last, self._log_chunk)

    def outcome(self, tx_hash: bytes) -> Outcome | None:
        """Implements :meth:`ChainReader.outcome`."""
        receipt = self._rpc.request("eth_getTransactionReceipt", "0x" + tx_hash.hex())
        if receipt is not None and not isinstance(receipt, dict):
            raise ChainUnavailable(
                "the node answered eth_getTransactionReceipt with something that is no receipt"
            )
        return None if receipt is None else outcome_of(receipt)

    # --- settlement ----------------------------------------------------------------------------

    def lane(self, lane: int) -> LaneState | None:
        """Implements :meth:`ChainReader.lane`."""
        (fields,) = self._settlement("lane", lane)
        state = LaneState(*fields)
        return state if any(state.owner) else None

    def lane_count(self) -> int:
        """Implements :meth:`ChainReader.lane_count`."""
        return int(self._settlement("laneCount")[0])

    def required_stake(self, lane: int, count: int) -> int:
        """Implements :meth:`ChainReader.required_stake`."""
        return int(self._settlement("requiredStake", lane, count)[0])

    def current_epoch(self) -> int:
        """Implements :meth:`ChainReader.current_epoch`."""
        return int(self._settlement("currentEpoch")[0])

    def terms(self, epoch: int) -> Terms:
        """Implements :meth:`ChainReader.terms`."""
        if epoch not in self._terms:
            fields, starts_at = self._settlement("termsOf", epoch)
            if starts_at > self.head().timestamp:
                return Terms(*fields)
            self._terms[epoch] = Terms(*fields)
        return self._terms[epoch]

    def epoch_start(self, epoch: int) -> int:
        """Implements :meth:`ChainReader.epoch_start`."""
        return int(self._settlement("termsOf", epoch)[1])

    def batch(self, batch: BatchId) -> tuple[bytes, Header] | None:
        """Implements :meth:`ChainReader.batch`."""
        root, header = self._settlement("batch", batch)
        return (root, Header.unpack(header)) if header else None

    def standing(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> Standing:
        """Implements :meth:`ChainReader.standing`."""
        (answer,) = self._settlement("standing", batch, index, split_words(words, 7), list(proof))
        return member(Standing, answer)

    def why_void(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> VoidReason:
        """Implements :meth:`ChainReader.why_void`."""
        (answer,) = self._settlement("whyVoid", batch, index, split_words(words, 7), list(proof))
        return member(VoidReason, answer)

    def trust_gap(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> TrustGap:
        """Implements :meth:`ChainReader.trust_gap`."""
        return TrustGap(*self._settlement("trustGap", batch, index, split_words(words, 7), list(proof)))

    def credits(self, account: bytes) -> int:
        """Implements :meth:`ChainReader.credits`."""
        return int(self._settlement("credits", account)[0])

    def balance(self, account: bytes) -> int:
        """Implements :meth:`ChainReader.balance`."""
        return self._rpc.quantity("eth_getBalance", "0x" + account.hex(), "latest")

    # --- promises and demands ------------------------------------------------------------------

    def promise_key_of(self, lane: int, seq: int) -> bytes:
        """Implements :meth:`ChainReader.promise_key_of`."""
        return bytes(self._settlement("promiseKeyOf", lane, seq)[0])

    def is_promised(self, opening: Opening) -> bool:
        """Implements :meth:`ChainReader.is_promised`."""
        return bool(self._settlement("isPromised", opened(opening))[0])

    def claims_of(self, lane: int, seq: int) -> tuple[bool, bool]:
        """Implements :meth:`ChainReader.claims_of`."""
        broken, doubled = self._settlement("claimsOf", lane, seq)
        return broken, doubled

    def due_of(self, include_by: int) -> int:
        """Implements :meth:`ChainReader.due_of`."""
        return int(self._settlement("dueOf", include_by)[0])

    def demand_of(self, batch: BatchId, tile: int) -> DemandState | None:
        """Implements :meth:`ChainReader.demand_of`."""
        (fields,) = self._settlement("demandOf", batch, tile)
        challenger, deadline, answered_at, halves, expired, deposit, opened_at, payee = fields
        if not any(challenger):
            return None
        answered = frozenset(half for half in (0, 1) if halves >> half & 1)
        return DemandState(challenger, opened_at, deadline, deposit, answered, answered_at, expired, payee)

    def deposit_for(self, batch: BatchId, tile: int) -> int:
        """Implements :meth:`ChainReader.deposit_for`."""
        (least,) = self._settlement("depositFor", batch, tile)
        posted, base_fee = self.batch(batch), self.base_fee()
        if posted is None or base_fee is None:
            return int(least)
        # Many nodes let a call see a base fee of zero, so what depends on it is worked out here.
        leaves = min(TILE, posted[1].count - TILE * tile)
        return max(int(least), base_fee * (ANSWER_GAS + LEAF_GAS * leaves))

    # --- the whole -----------------------------------------------------------------------------

    def gap_histogram(self, lane: int) -> tuple[int, ...]:
        """Implements :meth:`ChainReader.gap_histogram`."""
        return tuple(self._settlement("gapHistogram", lane)[0])

    def gap_percentile(self, lane: int, percent: int) -> int | None:
        """Implements :meth:`ChainReader.gap_percentile`."""
        (edge,) = self._settlement("gapPercentile", lane, percent)
        return None if edge == 2**256 - 1 else int(edge)

    def pause_state(self) -> PauseState:
        """Implements :meth:`ChainReader.pause_state`."""
        return PauseState(*self._settlement("pauseState"))

    def fault_contracts(self, epoch: int) -> dict[FaultKind, bytes]:
        """Implements :meth:`ChainReader.fault_contracts`."""
        found = {kind: self._settlement("faultOf", epoch, kind)[0] for kind in FaultKind}
        return {kind: address for kind, address in found.items() if any(address)}
