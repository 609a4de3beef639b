"""Claims on broken promises: one transaction, no bond, no answer period."""

from dataclasses import dataclass

from .batching import TILE
from .header import batch_id
from .merkle import root_of
from .outcome import Env, Event, Revert
from .promise import SignedPromise
from .shares import BENEFICIARY_PERCENT, CALLER_PERCENT
from .state import Batch, Lane, PromiseFault
from .views import Views


@dataclass(frozen=True)
class Opening:
    """A signed promise opened at one number: the leaf hash it holds there, and the proof in the promise's tree."""

    signed: SignedPromise
    seq: int
    leaf_hash: bytes
    proof: tuple[bytes, ...]

    @property
    def place(self) -> tuple[int, int]:
        """(lane, seq)."""
        return self.signed.promise.lane, self.seq


class PromiseClaims(Views):
    """``claimMissed``, ``claimOmitted``, ``claimDouble``."""

    def claim_missed(self, env: Env, opening: Opening, first_seq: int) -> list[Event]:
        """A receipt was not posted by the time promised, or its place was struck.

        ``first_seq`` names the batch that holds the number, where one was posted.
        """
        lane = self._enforceable(opening)
        due = self.due(opening.signed.promise.include_by)
        if opening.seq >= lane.next_seq:
            missed = env.now > due
            over: int | None = due
        else:
            batch = self._holding(opening, first_seq)
            tile = (opening.seq - first_seq) // TILE
            struck = self.struck_at(batch, tile, env.now)
            missed, over = (
                batch.header.anchor > due or struck is not None,
                self._over(batch, tile, due, env.now),
            )
        if not missed:
            raise Revert("NotBroken", *opening.place)
        return self._pay(env, opening, lane, PromiseFault.MISSED_DEADLINE, over)

    def claim_omitted(
        self, env: Env, opening: Opening, first_seq: int, other: bytes, path: tuple[bytes, ...]
    ) -> list[Event]:
        """Another leaf stands at the number promised; ``other`` is its hash."""
        lane = self._binding(opening)
        # A number that stands in a batch was within reach.
        batch = self._holding(opening, first_seq)
        index = opening.seq - first_seq
        if root_of(other, index, batch.header.count, path) != batch.root:
            raise Revert("NotIncluded", batch_id(opening.place[0], first_seq), index)
        if other == opening.leaf_hash:
            raise Revert("NotBroken", *opening.place)
        over = self._over(batch, index // TILE, self.due(opening.signed.promise.include_by), env.now)
        return self._pay(env, opening, lane, PromiseFault.OMITTED_RECEIPT, over)

    def claim_double(self, env: Env, first: Opening, second: Opening, first_seq: int) -> list[Event]:
        """Two promises of one number for different leaves. The first named is paid, unless its leaf was already."""
        if first.place != second.place or first.leaf_hash == second.leaf_hash:
            raise Revert("NotBroken", *first.place)
        lane = self._binding(first)
        self._binding(second)
        self._check_reach(lane, first)  # the same for both
        paid = second if self.paid.get(first.place) == first.leaf_hash else first
        due = self.due(paid.signed.promise.include_by)
        over: int | None = due
        if first.seq < lane.next_seq:
            over = self._over(self._holding(first, first_seq), (first.seq - first_seq) // TILE, due, env.now)
        return self._pay(env, paid, lane, PromiseFault.DOUBLE_PROMISE, over)

    def is_promised(self, now: int, opening: Opening) -> bool:
        """Whether the lane is bound now to post the leaf at the number: signed by its authority, opened rightly,
        enforceable, nothing posted there yet, not overdue."""
        try:
            lane = self._enforceable(opening)
        except Revert:
            return False
        return opening.seq >= lane.next_seq and now <= self.due(opening.signed.promise.include_by)

    # --- what a claim rests on -----------------------------------------------------------------

    def due(self, include_by: int) -> int:
        """The last second in which a promise is in time, never before the catch-up after a pause is over."""
        before = [pause for pause in self.pauses if pause.start <= include_by]
        if not before:
            return include_by
        return max(include_by, before[-1].end + self._epoch_at(include_by)[1].terms.catch_up)

    def _enforceable(self, opening: Opening) -> Lane:
        """The lane of a promise that its authority signed, opened rightly, and within what may be promised."""
        lane = self._binding(opening)
        self._check_reach(lane, opening)
        return lane

    def _binding(self, opening: Opening) -> Lane:
        """The lane of a promise that its authority signed, opened rightly; one that leaves is not bound by what falls
        due too late."""
        lane = self._promised(opening)
        if lane.exit_at and opening.signed.promise.include_by > lane.last_due:
            raise Revert("Unenforceable", *opening.place)
        return lane

    def _promised(self, opening: Opening) -> Lane:
        """The lane of a promise that its authority signed, opened rightly."""
        promise = opening.signed.promise
        lane = self.lanes.get(promise.lane)
        if lane is None or not promise.opens(opening.seq, opening.leaf_hash, opening.proof):
            raise Revert("NotPromised", *opening.place)
        signer = opening.signed.signer(self.promise_domain)
        if signer is None or signer != lane.promise_key(opening.seq):
            raise Revert("NotPromised", *opening.place)
        return lane

    def _check_reach(self, lane: Lane, opening: Opening) -> None:
        """A lane is not bound to numbers that it may not promise, and never might."""
        if opening.seq >= lane.reach:
            raise Revert("Unenforceable", *opening.place)

    def _holding(self, opening: Opening, first_seq: int) -> Batch:
        """The batch that starts at ``first_seq``, which must hold the number."""
        identity = batch_id(opening.place[0], first_seq)
        batch = self._batch(identity)
        if not 0 <= opening.seq - first_seq < batch.header.count:
            raise Revert("NotBroken", *opening.place)
        return batch

    def _over(self, batch: Batch, tile: int, due: int, now: int) -> int | None:
        """The later of due time and the end or strike of the tile; None while a demand is open."""
        end = self.struck_at(batch, tile, now) or self.tile_end(batch, tile)
        return None if end is None else max(due, end)

    def _pay(
        self, env: Env, opening: Opening, lane: Lane, fault: PromiseFault, over: int | None
    ) -> list[Event]:
        promise = opening.signed.promise
        _, epoch = self._epoch_at(promise.include_by)
        if over is not None and env.now > over + epoch.terms.claim_window:
            raise Revert("TooLate", over + epoch.terms.claim_window)
        claimed = self.doubled if fault is PromiseFault.DOUBLE_PROMISE else self.broken
        if opening.place in claimed:
            raise Revert("AlreadyClaimed", *opening.place)
        claimed.add(opening.place)
        if claimed is self.broken:
            self.paid[opening.place] = opening.leaf_hash
        shares = [(promise.beneficiary, BENEFICIARY_PERCENT), (env.sender, CALLER_PERCENT)]
        slashed = self._slash(lane, epoch.terms.promise_slash, shares)
        arguments = (*opening.place, int(fault), promise.beneficiary, env.sender, slashed)
        return [Event("PromiseBroken", arguments)]
