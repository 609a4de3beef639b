"""What the steps read of a chain."""

from collections.abc import Sequence
from typing import Protocol

from afterproof.protocol.claims import Opening
from afterproof.protocol.header import BatchId, Header
from afterproof.protocol.state import FaultKind, Standing, VoidReason
from afterproof.protocol.terms import Terms
from afterproof.protocol.views import TrustGap

from .event_types import Logged
from .registry_reading import RegistryReader
from .states import Block, DemandState, Deployment, LaneState, Outcome, PauseState


class ChainReader(RegistryReader, Protocol):
    """Reads, all at the newest block unless said otherwise.

    Raises :class:`afterproof.errors.ChainUnavailable` when nothing can be said; nothing else but where named.
    """

    deployment: Deployment

    def check_contracts(self) -> None:
        """Look at the contracts' code, and their libraries'.

        Raises:
            UnknownContracts: it is not that of this version of the program.
        """
        ...

    def head(self) -> Block:
        """The newest block."""
        ...

    def block(self, number: int) -> Block | None:
        """The block with that number on the chain as it is now; None beyond the head."""
        ...

    def events(self, first: int, last: int) -> list[Logged]:
        """All events of both contracts in blocks ``first`` to ``last``, inclusive, in chain order."""
        ...

    def outcome(self, tx_hash: bytes) -> Outcome | None:
        """What became of a transaction; None: it is in no block of the chain as it is now."""
        ...

    def lane(self, lane: int) -> LaneState | None:
        """A lane; None where there is none."""
        ...

    def lane_count(self) -> int:
        """How many lanes there are; they are numbered from 1."""
        ...

    def required_stake(self, lane: int, count: int) -> int:
        """What a lane must hold to post ``count`` more receipts, were nothing released.

        Raises:
            CallReverted: no batch may hold that many.
        """
        ...

    def current_epoch(self) -> int:
        """The number of the epoch whose terms hold now."""
        ...

    def terms(self, epoch: int) -> Terms:
        """The terms of an epoch.

        Raises:
            CallReverted: it was never announced.
        """
        ...

    def epoch_start(self, epoch: int) -> int:
        """When an epoch starts or started.

        Raises:
            CallReverted: it was never announced.
        """
        ...

    def promise_key_of(self, lane: int, seq: int) -> bytes:
        """The address whose key signs promises of a lane for number ``seq``; zeros: nobody's."""
        ...

    def is_promised(self, opening: Opening) -> bool:
        """Whether a lane is bound now to post a leaf at a number: promised, enforceable, not posted, not overdue."""
        ...

    def claims_of(self, lane: int, seq: int) -> tuple[bool, bool]:
        """Which claims on a number were paid: missed deadline or omission, and double promise."""
        ...

    def due_of(self, include_by: int) -> int:
        """The last second in which a promise due at ``include_by`` is in time, pauses regarded."""
        ...

    def gap_histogram(self, lane: int) -> tuple[int, ...]:
        """How many receipts of a lane had which trust gap when posted, an upper bound, in 8 buckets: under 4, 16, 64,
        256, 1,024, 4,096, 16,384 seconds, and all above. Counts halve together when one is full."""
        ...

    def gap_percentile(self, lane: int, percent: int) -> int | None:
        """The gap in seconds that ``percent`` of a lane's receipts stayed under, the upper edge of its bucket; None:
        16,384 or more. 0 for a lane that posted nothing."""
        ...

    def demand_of(self, batch: BatchId, tile: int) -> DemandState | None:
        """The demand of a tile; None where it was never demanded."""
        ...

    def deposit_for(self, batch: BatchId, tile: int) -> int:
        """The least deposit for a demand of a tile, at the newest block's base fee: later it can be more, by an eighth
        a block.

        Raises:
            CallReverted: there is no such batch or tile.
        """
        ...

    def pause_state(self) -> PauseState:
        """Who may pause posting, and until when it is paused."""
        ...

    def fault_contracts(self, epoch: int) -> dict[FaultKind, bytes]:
        """The contracts that judge the faults that an epoch knows; empty for one that was never announced."""
        ...

    def batch(self, batch: BatchId) -> tuple[bytes, Header] | None:
        """Root and header of a posted batch."""
        ...

    def standing(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> Standing:
        """The standing of the leaf with these seven words."""
        ...

    def why_void(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> VoidReason:
        """Why a leaf reads Voided."""
        ...

    def trust_gap(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> TrustGap:
        """When a leaf was issued, posted, and is or may earliest be final; zeros where it is not there."""
        ...

    def credits(self, account: bytes) -> int:
        """What the settlement contract owes an account."""
        ...

    def base_fee(self) -> int | None:
        """The newest block's base fee in wei; None on a chain without one."""
        ...

    def balance(self, account: bytes) -> int:
        """An account's native coin."""
        ...
