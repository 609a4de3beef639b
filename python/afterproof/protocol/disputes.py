"""Faults and demands: what a verifier can do about a batch."""

from dataclasses import replace
from typing import Final

from .batching import TILE, is_timely
from .errors import InvalidData, InvalidField
from .evidence import read_duplicate_evidence
from .header import HAS_DEMANDS, HAS_MISDECLARED, BatchId, first_seq_of, lane_of
from .merkle import BatchTree, node_hash, root_of
from .outcome import Env, Event, Revert, checked_width
from .packing import hash_of, unpack
from .receipt import MAX_SIGNATURE, Leaf, keccak
from .shares import PROVER_PERCENT
from .signing import scheme_of, verify_leaf
from .state import TIME_BITS, Batch, Claim, Demand, FaultKind, Standing
from .views import Views

HALF: Final = 128
"""Leaves of one answer, so that it fits every chain's limit on a transaction's size."""

EXPIRED_DEMAND: Final = 64
"""What an expired demand adds to a batch's fault count."""

ANSWER_GAS: Final = 150_000
"""A deposit covers 1.5 times the gas of an answer: what it takes however small the tile, and for each leaf ..."""

LEAF_GAS: Final = 30_000
"""... what showing it adds, with its calldata and a signature of 256 bytes."""


class Disputes(Views):
    """``proveFault``, ``demandTile``, ``answerTile``, ``expireDemand``."""

    # --- faults --------------------------------------------------------------------------------

    def prove_fault(self, env: Env, kind: int, claim: Claim) -> list[Event]:
        """Proves a fault of a leaf. All but a misdeclared range void it; the lane is slashed, half to the prover."""
        batch = self._batch(claim.batch)
        self._disputable(claim.batch, batch, claim.index // TILE, env.now)
        leaf = Leaf(claim.receipt, claim.signature)
        if root_of(leaf.hash, claim.index, batch.header.count, claim.proof) != batch.root:
            raise Revert("NotIncluded", claim.batch, claim.index)
        ranged = kind == FaultKind.MISDECLARED_RANGE
        if batch.header.flags & HAS_MISDECLARED if ranged else claim.index in batch.voids:
            raise Revert("AlreadyProven", claim.batch, claim.index)
        epoch = self._epoch_of(batch.header)
        if kind not in epoch.faults:
            raise Revert("UnknownFault", kind)
        if not self._judge(FaultKind(kind), leaf, claim, batch, env.now):
            raise Revert("NotProven", kind)
        lane = self.lanes[lane_of(claim.batch)]
        slashed = self._slash(lane, epoch.terms.leaf_slash, [(env.sender, PROVER_PERCENT)])
        events = [Event("FaultProven", (claim.batch, claim.index, kind, env.sender, slashed))]
        if ranged:
            batch.header = replace(batch.header, flags=batch.header.flags | HAS_MISDECLARED)
            return events
        batch.voids.add(claim.index)
        return events + self._count_faults(claim.batch, batch, lane, 1, env.now)

    def _disputable(self, batch_id: BatchId, batch: Batch, tile: int, now: int) -> None:
        """A tile that was struck or has ended is beyond dispute."""
        if self.struck_at(batch, tile, now) is not None:
            raise Revert("Struck", batch_id, tile)
        end = self.tile_end(batch, tile)
        if end is not None and now > end:
            raise Revert("TooLate", end)

    def _judge(self, kind: FaultKind, leaf: Leaf, claim: Claim, batch: Batch, now: int) -> bool:
        """What the fault's own contract answers: proven or not, or a revert when it cannot tell."""
        match kind:
            case FaultKind.BAD_SIGNATURE:
                return self._bad_signature(leaf, claim.evidence)
            case FaultKind.DUPLICATE_RECEIPT:
                return self._duplicate(claim, now)
            case FaultKind.MISDECLARED_RANGE:
                header, at = batch.header, leaf.receipt.issued_at
                timely = is_timely(at, header.anchor, self._epoch_of(header).terms)
                return timely and not header.oldest <= at <= header.newest
        raise Revert("UnknownFault", kind)

    def _bad_signature(self, leaf: Leaf, public_key: bytes) -> bool:
        if len(leaf.signature) > MAX_SIGNATURE:
            return True
        if scheme_of(public_key) is None:
            raise Revert("UnknownScheme", len(public_key))
        try:
            return not verify_leaf(leaf, public_key, self.receipt_domain)
        except InvalidField:
            raise Revert("KeyOfAnotherNode", leaf.receipt.node, keccak(public_key)) from None

    def _duplicate(self, claim: Claim, now: int) -> bool:
        """The same receipt, whatever its signature, stands earlier on the lane and is not void."""
        batch, index, signature_hash, proof = read_duplicate_evidence(claim.evidence)
        if lane_of(batch) != lane_of(claim.batch):
            return False
        if first_seq_of(batch) + index >= first_seq_of(claim.batch) + claim.index:
            return False
        words = claim.receipt.words + signature_hash
        return self.standing(now, batch, index, words, proof) in (Standing.POSTED, Standing.FINAL)

    # --- demands -------------------------------------------------------------------------------

    def deposit(self, batch_id: BatchId, tile: int, base_fee: int) -> int:
        """What a demand of a tile costs at least: 1.5 times what answering costs, or the floor."""
        batch = self.batches[batch_id]
        answer = base_fee * (ANSWER_GAS + LEAF_GAS * batch.leaves_of(tile))
        return max(self._epoch_of(batch.header).terms.demand_deposit, answer)

    def demand_tile(
        self, env: Env, batch_id: BatchId, tile: int, tile_root: bytes, path: tuple[bytes, ...]
    ) -> list[Event]:
        """Demands that a tile's leaves be shown on-chain, against a deposit."""
        batch = self._batch(batch_id)
        header = batch.header
        if env.now > header.window_end:
            raise Revert("TooLate", header.window_end)
        if root_of(tile_root, tile, header.tiles, path) != batch.root:
            raise Revert("NotIncluded", batch_id, tile)
        if tile in batch.demands:
            raise Revert("AlreadyDemanded", batch_id, tile)
        if batch.struck_at:
            raise Revert("Struck", batch_id, tile)
        needed = self.deposit(batch_id, tile, env.base_fee)
        if not needed <= env.value < 2**96:
            raise Revert("InsufficientDeposit", env.value, needed)
        terms = self._epoch_of(header).terms
        lane = self.lanes[lane_of(batch_id)]
        deadline = max(env.now + terms.answer_period, lane.last_deadline + terms.answer_spacing)
        # Spaced demands push each other ahead without end; a deadline beyond the field is refused.
        checked_width(deadline, TIME_BITS)
        liable = checked_width(
            max(lane.liable_until, deadline + terms.window + terms.claim_window), TIME_BITS
        )
        lane.last_deadline, lane.liable_until = deadline, liable
        batch.demands[tile] = Demand(env.sender, env.now, deadline, env.value)
        flags = header.flags | HAS_DEMANDS
        batch.header = replace(header, open_demands=header.open_demands + 1, flags=flags)
        self.deposits += env.value
        self.balance += env.value
        return [Event("TileDemanded", (batch_id, tile, env.sender, deadline, env.value))]

    def answer_tile(
        self,
        env: Env,
        batch_id: BatchId,
        tile: int,
        half: int,
        data: bytes,
        other: bytes,
        path: tuple[bytes, ...],
    ) -> list[Event]:
        """Shows the leaves of half a tile; ``other`` is the root of the other half. Anyone may."""
        batch = self._batch(batch_id)
        demand = batch.demands.get(tile)
        if demand is None:
            raise Revert("NotDemanded", batch_id, tile)
        halves = 1 if batch.leaves_of(tile) <= HALF else 2
        if half >= halves:
            raise Revert("WrongAnswer", batch_id, tile)
        if half in demand.answered or demand.answered_at:
            raise Revert("AlreadyAnswered", batch_id, tile)
        if env.now > demand.deadline:
            raise Revert("TooLate", demand.deadline)
        self._check_answer(batch_id, batch, tile, half, halves, data, other, path)
        demand.answered.add(half)
        in_time = env.now <= demand.opened_at + (demand.deadline - demand.opened_at) // 2
        payee = self.lanes[lane_of(batch_id)].owner if in_time else env.sender
        if len(demand.answered) < halves:
            # Paid when all is shown: else a lane would earn more by half an answer than striking the tile costs it.
            demand.payee = payee
        else:
            first = demand.deposit // 2 if halves == 2 else 0
            for account, part in ((demand.payee, first), (payee, demand.deposit - first)):
                if part:
                    self._credit(account, part)
            self.deposits -= demand.deposit
            demand.deposit = 0
            self._answered(batch, demand, env.now)
        return [Event("TileAnswered", (batch_id, tile, half, env.sender, data))]

    def _check_answer(
        self,
        batch_id: BatchId,
        batch: Batch,
        tile: int,
        half: int,
        halves: int,
        data: bytes,
        other: bytes,
        path: tuple[bytes, ...],
    ) -> None:
        wrong = Revert("WrongAnswer", batch_id, tile)
        try:
            leaves = unpack(data, min(HALF, batch.leaves_of(tile) - HALF * half))
        except InvalidData:
            raise wrong from None
        root = BatchTree([hash_of(leaf) for leaf in leaves]).root
        if halves == 2:
            root = node_hash(root, other) if half == 0 else node_hash(other, root)
        if root_of(root, tile, batch.header.tiles, path) != batch.root:
            raise wrong

    def _answered(self, batch: Batch, demand: Demand, now: int) -> None:
        """The tile starts a window of its own, so that what was just shown can still be disputed."""
        demand.answered_at = now
        header = batch.header
        end = now + self._epoch_of(header).terms.window
        delta = min(max(header.end_delta, end - header.window_end), 2**24 - 1)
        batch.header = replace(header, open_demands=header.open_demands - 1, end_delta=delta)

    def expire_demand(self, env: Env, batch_id: BatchId, tile: int) -> list[Event]:
        """Settles a demand that nobody answered in time. The tile has read struck since its deadline."""
        batch = self._batch(batch_id)
        demand = batch.demands.get(tile)
        if demand is None:
            raise Revert("NotDemanded", batch_id, tile)
        if demand.answered_at or demand.expired:
            raise Revert("AlreadyAnswered", batch_id, tile)
        if env.now <= demand.deadline:
            raise Revert("NotYet", demand.deadline)
        demand.expired = True
        self.deposits -= demand.deposit
        self._credit(demand.challenger, demand.deposit)
        demand.deposit = 0
        tile_leaves = range(TILE * tile, TILE * tile + batch.leaves_of(tile))
        sound = [index for index in tile_leaves if index not in batch.voids]
        batch.voids.update(tile_leaves)
        batch.header = replace(batch.header, open_demands=batch.header.open_demands - 1)
        lane = self.lanes[lane_of(batch_id)]
        amount = len(sound) * self._epoch_of(batch.header).terms.leaf_slash
        slashed = self._slash(lane, amount, [(demand.challenger, PROVER_PERCENT)])
        events = [Event("DemandExpired", (batch_id, tile, demand.challenger, slashed))]
        return events + self._count_faults(batch_id, batch, lane, EXPIRED_DEMAND, env.now)
