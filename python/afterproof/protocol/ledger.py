"""What every action of ``Settlement`` stands on: who holds what, which terms hold, and when a tile ends."""

from dataclasses import replace
from typing import Final

from .header import HAS_VOIDS, IS_STRUCK, MAX_FAULT_COUNT, BatchId, Header
from .outcome import Event, Revert
from .receipt import Domain
from .registry import Registry
from .shares import share_of
from .state import ZERO_ADDRESS, Batch, Epoch, Lane, Pause

FUSE: Final = 256
"""At this fault count every leaf of a batch that is not yet final is void."""


class Ledger:
    """The state, and the rules that several actions share."""

    def __init__(
        self, owner: bytes, guardian: bytes, registry: Registry, domains: tuple[Domain, Domain]
    ) -> None:
        self.owner = owner
        self.guardian = guardian
        self.registry = registry
        self.promise_domain, self.receipt_domain = domains
        self.lanes: dict[int, Lane] = {}
        self.batches: dict[BatchId, Batch] = {}
        self.epochs: list[Epoch] = []
        self.pauses: list[Pause] = []
        self.broken: set[tuple[int, int]] = set()
        """(lane, seq) whose deadline or omission was claimed."""
        self.paid: dict[tuple[int, int], bytes] = {}
        """(lane, seq) to the leaf hash that such a claim paid for."""
        self.doubled: set[tuple[int, int]] = set()
        """(lane, seq) whose double promise was claimed."""
        self.credits: dict[bytes, int] = {}
        self.deposits = 0
        self.balance = 0

    # --- lookups -------------------------------------------------------------------------------

    def _lane(self, lane_id: int) -> Lane:
        if lane_id not in self.lanes:
            raise Revert("UnknownLane", lane_id)
        return self.lanes[lane_id]

    def _batch(self, batch_id: BatchId) -> Batch:
        if batch_id not in self.batches:
            raise Revert("UnknownBatch", batch_id)
        return self.batches[batch_id]

    def _epoch_of(self, header: Header) -> Epoch:
        return self.epochs[header.epoch - 1]

    def _epoch_at(self, at: int) -> tuple[int, Epoch]:
        """The epoch that holds at a time, the first one for any time before it; and its number."""
        started = [number for number, epoch in enumerate(self.epochs, 1) if epoch.starts_at <= at]
        number = started[-1] if started else 1
        return number, self.epochs[number - 1]

    def _longest(self, term: str) -> int:
        """The most seconds that any epoch so far has for a term."""
        return max((getattr(epoch.terms, term) for epoch in self.epochs), default=0)

    @property
    def longest_obligation(self) -> int:
        """Seconds from the moment a lane begins to leave until no promise of it can be claimed.

        Term by term, because a promise may be made under one epoch and deferred and judged under others.
        """
        terms = ("max_promise_delay", "max_pause", "catch_up", "claim_window")
        return sum(self._longest(term) for term in terms)

    @property
    def time_to_leave(self) -> int:
        """Seconds that a lane needs to be free of every obligation: how far ahead the next epoch is announced."""
        return self.longest_obligation + self._longest("window")

    # --- tiles ---------------------------------------------------------------------------------

    def tile_end(self, batch: Batch, tile: int) -> int | None:
        """The last second in which a tile's leaves can be disputed; None while a demand on it is not answered."""
        demand = batch.demands.get(tile)
        end = batch.header.window_end
        if demand is None:
            return end
        return (
            max(end, demand.answered_at + self._epoch_of(batch.header).terms.window)
            if demand.answered_at
            else None
        )

    def struck_at(self, batch: Batch, tile: int, now: int) -> int | None:
        """When a tile was struck: its demand ran out, or the batch's fuse blew before the tile had ended."""
        demand, end = batch.demands.get(tile), self.tile_end(batch, tile)
        times = []
        if demand is not None and not demand.answered_at and now > demand.deadline:
            times.append(demand.deadline)
        if batch.struck_at and (end is None or batch.struck_at <= end):
            times.append(batch.struck_at)
        return min(times) if times else None

    # --- money ---------------------------------------------------------------------------------

    def _credit(self, account: bytes, amount: int) -> None:
        self.credits[account] = self.credits.get(account, 0) + amount

    def _slash(self, lane: Lane, amount: int, shares: list[tuple[bytes, int]]) -> int:
        """Takes up to ``amount`` of a lane's stake. Each payee gets its percentage, in whole gwei; the rest burns.

        A share of nobody (the zero address) burns too.
        """
        slashed = min(amount, lane.stake)
        lane.stake -= slashed
        lane.burned += slashed
        for payee, percent in shares:
            if payee != ZERO_ADDRESS:
                share = share_of(slashed, percent)
                lane.burned -= share
                self._credit(payee, share)
        return slashed

    def _count_faults(
        self, batch_id: BatchId, batch: Batch, lane: Lane, number: int, now: int
    ) -> list[Event]:
        """Adds to a batch's fault count; at 256 its fuse blows, and its lane may never post again."""
        header = batch.header
        count = min(header.fault_count + number, MAX_FAULT_COUNT)
        batch.header = replace(header, fault_count=count, flags=header.flags | HAS_VOIDS)
        if count < FUSE or batch.struck_at:
            return []
        batch.struck_at = now
        batch.header = replace(batch.header, flags=batch.header.flags | IS_STRUCK)
        lane.blown = True
        lane.poster = ZERO_ADDRESS
        return [Event("FuseBlown", (batch_id,))]

    def owed(self) -> int:
        """All that the contract answers for: stakes, what is to burn, deposits of open demands, credits."""
        held = sum(lane.stake + lane.burned for lane in self.lanes.values())
        return held + self.deposits + sum(self.credits.values())
