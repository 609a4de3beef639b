"""The in-memory chain as anybody reads it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from afterproof.errors import CallReverted
from afterproof.protocol.claims import Opening
from afterproof.protocol.header import BatchId, Header
from afterproof.protocol.settlement import BUCKETS, MAX_COUNT
from afterproof.protocol.state import ZERO_ADDRESS, FaultKind, Standing, VoidReason
from afterproof.protocol.terms import Terms
from afterproof.protocol.views import TrustGap

from .base import Block, DemandState, LaneState, Logged, Outcome, PauseState
from .memory_registry_reader import MemoryRegistryReader
from .memory_state import FAULT_CONTRACTS

if TYPE_CHECKING:
    from .memory import MemoryChain


class MemoryReader(MemoryRegistryReader):
    """Implements :class:`afterproof.chain.base.ChainReader` over a :class:`afterproof.chain.memory.MemoryChain`."""

    def __init__(self, chain: "MemoryChain") -> None:
        self.chain = chain
        self.deployment = chain.deployment

    def check_contracts(self) -> None:
        """Implements :meth:`ChainReader.check_contracts`: the specification is always that of this version."""
        self.chain.view()

    def head(self) -> Block:
        """Implements :meth:`ChainReader.head`."""
        return self.chain.view().mined[-1].block

    def block(self, number: int) -> Block | None:
        """Implements :meth:`ChainReader.block`."""
        mined = self.chain.view().mined
        return mined[number].block if 0 <= number < len(mined) else None

    def events(self, first: int, last: int) -> list[Logged]:
        """Implements :meth:`ChainReader.events`."""
        mined = self.chain.view().mined[max(first, 0) : last + 1]
        return [logged for one in mined for logged in one.logs]

    def outcome(self, tx_hash: bytes) -> Outcome | None:
        """Implements :meth:`ChainReader.outcome`."""
        view = self.chain.view()
        for mined in reversed(view.mined):
            if tx_hash in mined.outcomes:
                return self.chain.outcome(mined, tx_hash)
        return None

    def lane(self, lane: int) -> LaneState | None:
        """Implements :meth:`ChainReader.lane`."""
        found = self.chain.view().settlement.lanes.get(lane)
        if found is None:
            return None
        return LaneState(
            owner=found.owner,
            poster=found.poster,
            stake=found.stake,
            burned=found.burned,
            next_seq=found.next_seq,
            open=found.open,
            ahead=found.ahead,
            exit_at=found.exit_at,
            last_due=found.last_due,
            liable_until=found.liable_until,
            blown=found.blown,
            reach=found.reach,
        )

    def lane_count(self) -> int:
        """Implements :meth:`ChainReader.lane_count`."""
        return len(self.chain.view().settlement.lanes)

    def required_stake(self, lane: int, count: int) -> int:
        """Implements :meth:`ChainReader.required_stake`."""
        view = self.chain.view()
        if count > MAX_COUNT:
            raise CallReverted("WrongCount", (count, MAX_COUNT))
        return view.settlement.required_stake(view.now, lane, count)

    def current_epoch(self) -> int:
        """Implements :meth:`ChainReader.current_epoch`."""
        view = self.chain.view()
        return sum(epoch.starts_at <= view.now for epoch in view.settlement.epochs)

    def terms(self, epoch: int) -> Terms:
        """Implements :meth:`ChainReader.terms`."""
        epochs = self.chain.view().settlement.epochs
        if not 0 < epoch <= len(epochs):
            raise CallReverted("UnknownEpoch", (epoch,))
        return epochs[epoch - 1].terms

    def epoch_start(self, epoch: int) -> int:
        """Implements :meth:`ChainReader.epoch_start`."""
        epochs = self.chain.view().settlement.epochs
        if not 0 < epoch <= len(epochs):
            raise CallReverted("UnknownEpoch", (epoch,))
        return epochs[epoch - 1].starts_at

    def promise_key_of(self, lane: int, seq: int) -> bytes:
        """Implements :meth:`ChainReader.promise_key_of`."""
        found = self.chain.view().settlement.lanes.get(lane)
        return found.promise_key(seq) if found else ZERO_ADDRESS

    def is_promised(self, opening: Opening) -> bool:
        """Implements :meth:`ChainReader.is_promised`."""
        view = self.chain.view()
        return view.settlement.is_promised(view.now, opening)

    def claims_of(self, lane: int, seq: int) -> tuple[bool, bool]:
        """Implements :meth:`ChainReader.claims_of`."""
        settlement = self.chain.view().settlement
        return (lane, seq) in settlement.broken, (lane, seq) in settlement.doubled

    def due_of(self, include_by: int) -> int:
        """Implements :meth:`ChainReader.due_of`."""
        return self.chain.view().settlement.due(include_by)

    def gap_histogram(self, lane: int) -> tuple[int, ...]:
        """Implements :meth:`ChainReader.gap_histogram`."""
        found = self.chain.view().settlement.lanes.get(lane)
        return tuple(found.histogram) if found else (0,) * BUCKETS

    def gap_percentile(self, lane: int, percent: int) -> int | None:
        """Implements :meth:`ChainReader.gap_percentile`."""
        histogram = self.gap_histogram(lane)
        if not any(histogram):
            return 0
        under = 0
        for bucket, count in enumerate(histogram[:-1]):
            under += count
            if percent <= 100 and under * 100 >= sum(histogram) * percent:
                return 1 << 2 * (bucket + 1)
        return None

    def demand_of(self, batch: BatchId, tile: int) -> DemandState | None:
        """Implements :meth:`ChainReader.demand_of`."""
        posted = self.chain.view().settlement.batches.get(batch)
        found = posted.demands.get(tile) if posted else None
        if found is None:
            return None
        return DemandState(
            challenger=found.challenger,
            opened_at=found.opened_at,
            deadline=found.deadline,
            deposit=found.deposit,
            answered=frozenset(found.answered),
            answered_at=found.answered_at,
            expired=found.expired,
            payee=found.payee,
        )

    def deposit_for(self, batch: BatchId, tile: int) -> int:
        """Implements :meth:`ChainReader.deposit_for`."""
        view = self.chain.view()
        posted = view.settlement.batches.get(batch)
        if posted is None:
            raise CallReverted("UnknownBatch", (batch,))
        if tile >= posted.header.tiles:
            raise CallReverted("NotIncluded", (batch, tile))
        return view.settlement.deposit(batch, tile, view.base_fee)

    def pause_state(self) -> PauseState:
        """Implements :meth:`ChainReader.pause_state`."""
        settlement = self.chain.view().settlement
        pauses = settlement.pauses
        return PauseState(settlement.guardian, pauses[-1].end if pauses else 0, len(pauses))

    def fault_contracts(self, epoch: int) -> dict[FaultKind, bytes]:
        """Implements :meth:`ChainReader.fault_contracts`."""
        epochs = self.chain.view().settlement.epochs
        known = epochs[epoch - 1].faults if 0 < epoch <= len(epochs) else frozenset()
        return {FaultKind(kind): FAULT_CONTRACTS[FaultKind(kind)] for kind in sorted(known)}

    def batch(self, batch: BatchId) -> tuple[bytes, Header] | None:
        """Implements :meth:`ChainReader.batch`."""
        found = self.chain.view().settlement.batches.get(batch)
        return (found.root, found.header) if found else None

    def standing(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> Standing:
        """Implements :meth:`ChainReader.standing`."""
        view = self.chain.view()
        return view.settlement.standing(view.now, batch, index, words, tuple(proof))

    def why_void(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> VoidReason:
        """Implements :meth:`ChainReader.why_void`."""
        view = self.chain.view()
        return view.settlement.why_void(view.now, batch, index, words, tuple(proof))

    def trust_gap(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> TrustGap:
        """Implements :meth:`ChainReader.trust_gap`."""
        view = self.chain.view()
        return view.settlement.trust_gap(view.now, batch, index, words, tuple(proof))

    def credits(self, account: bytes) -> int:
        """Implements :meth:`ChainReader.credits`."""
        return self.chain.view().settlement.credits.get(account, 0)

    def base_fee(self) -> int | None:
        """Implements :meth:`ChainReader.base_fee`."""
        return self.chain.view().base_fee

    def balance(self, account: bytes) -> int:
        """Implements :meth:`ChainReader.balance`."""
        return self.chain.view().balances.get(account, 0)
