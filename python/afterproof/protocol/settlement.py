"""``Settlement`` as a pure state machine: the document of record.

What the contract does, without storage layout, gas or bytes. A state machine test plays the same actions, legal and
illegal, on both and compares outcome, error name, events and balances after each step. Every action checks
first, then changes state: one that raises :class:`Revert` has changed nothing. Amounts are wei, times unix seconds.
"""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from .batching import TILE, is_timely
from .errors import InvalidField
from .header import HAS_VOIDS, MAX_FAULT_COUNT, BatchId, Header, batch_id, lane_of
from .merkle import fold, root_of
from .outcome import Env, Event, Revert, checked_owner
from .receipt import MAX_SIGNATURE, Domain, Leaf, Receipt, keccak
from .registry import Registry
from .signing import scheme_of, verify_leaf
from .terms import DAY, GWEI, MAX_GWEI, Terms

MAX_COUNT: Final = 4000 * TILE
RELEASE_STEPS: Final = 32
LONGEST_NOTICE: Final = 365 * DAY
ZERO_ADDRESS: Final = bytes(20)


class Standing(IntEnum):
    """How surely a receipt is settled. Signed and Promised are never answered by a view of a leaf alone."""

    UNKNOWN = 0
    SIGNED = 1
    PROMISED = 2
    POSTED = 3
    FINAL = 4
    VOIDED = 5


class VoidReason(IntEnum):
    """Why a leaf reads Voided."""

    NONE = 0
    UNTIMELY = 1
    NOT_ENTITLED = 2
    FAULTY = 3


class FaultKind(IntEnum):
    """The kinds of fault that ``proveFault`` knows."""

    BAD_SIGNATURE = 1


@dataclass(frozen=True)
class Claim:
    """What a prover hands in; see ``IFault.Claim``."""

    batch: BatchId
    index: int
    receipt: Receipt
    signature: bytes
    proof: tuple[bytes, ...]
    evidence: bytes


@dataclass
class Lane:
    """One relayer's numbered sequence of receipts, and the money that answers for it."""

    owner: bytes
    poster: bytes
    promise_key: bytes
    stake: int
    ahead: int
    next_seq: int = 0
    open: int = 0
    burned: int = 0


@dataclass
class Batch:
    """A posted batch: its root, its header, and the indices voided by a fault."""

    root: bytes
    header: Header
    voids: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Epoch:
    """Terms from ``starts_at`` on; ``earliest_end``: no window of a batch of an earlier epoch ends later."""

    terms: Terms
    starts_at: int
    earliest_end: int
    faults: frozenset[FaultKind]

    def window_end(self, anchor: int) -> int:
        """The end of the window of a batch posted at ``anchor``, never before that of an earlier batch."""
        return max(anchor + self.terms.window, self.earliest_end)


class Settlement:
    """The contract's state and its actions."""

    def __init__(
        self,
        owner: bytes,
        registry: Registry,
        domain: Domain,
        terms: Terms,
        faults: frozenset[FaultKind],
        now: int,
    ) -> None:
        self.owner = owner
        self.registry = registry
        self.domain = domain
        self.lanes: dict[int, Lane] = {}
        self.batches: dict[BatchId, Batch] = {}
        self.epochs: list[Epoch] = []
        self.credits: dict[bytes, int] = {}
        self.balance = 0
        self._append_epoch(terms, faults, now, earliest=now, earliest_end=0)

    # --- lanes ---------------------------------------------------------------------------------

    def open_lane(self, env: Env, poster: bytes, promise_key: bytes, ahead: int) -> list[Event]:
        """Opens the next lane with the value sent as its stake."""
        if poster == ZERO_ADDRESS:
            raise Revert("ZeroAddress")
        _whole_gwei(env.value)
        if env.value > MAX_GWEI * GWEI:
            raise Revert("StakeTooLarge", env.value, MAX_GWEI * GWEI)
        needed = self._required(env.now, ahead)
        if env.value < needed:
            raise Revert("InsufficientStake", env.value, needed)
        lane = len(self.lanes) + 1
        self.lanes[lane] = Lane(env.sender, poster, promise_key, env.value, ahead)
        self.balance += env.value
        return [Event("LaneOpened", (lane, env.sender, poster, promise_key, ahead, env.value))]

    def top_up(self, env: Env, lane_id: int) -> list[Event]:
        """Adds the value sent to a lane's stake; anyone may."""
        lane = self._lane(lane_id)
        _whole_gwei(env.value)
        room = MAX_GWEI * GWEI - lane.stake - lane.burned
        if env.value > room:
            raise Revert("StakeTooLarge", env.value, room)
        lane.stake += env.value
        self.balance += env.value
        return [Event("StakeAdded", (lane_id, env.sender, env.value))]

    def post(
        self,
        env: Env,
        lane_id: int,
        first_seq: int,
        count: int,
        oldest: int,
        newest: int,
        tile_roots: list[bytes],
        data_uri: str,
    ) -> list[Event]:
        """Posts the leaves ``first_seq`` to ``first_seq + count - 1`` of a lane."""
        lane = self.lanes.get(lane_id)
        poster = lane.poster if lane else ZERO_ADDRESS
        if lane is None or env.sender != poster:
            raise Revert("NotPoster", env.sender, poster)
        if first_seq != lane.next_seq:
            raise Revert("WrongSequence", first_seq, lane.next_seq)
        if not 0 < count <= MAX_COUNT:
            raise Revert("WrongCount", count, MAX_COUNT)
        tiles = -(-count // TILE)
        if len(tile_roots) != tiles:
            raise Revert("WrongTileCount", len(tile_roots), tiles)
        number, epoch = self._current(env.now)
        least, most = max(env.now - epoch.terms.max_posting_delay, 0), env.now + epoch.terms.max_clock_skew
        if not least <= oldest <= newest <= most:
            raise Revert("WrongRange", oldest, newest, least, most)
        open_after = self._cover(lane_id, lane, count, env.now, epoch.terms)
        lane.open = open_after
        lane.next_seq += count
        batch = batch_id(lane_id, first_seq)
        end = epoch.window_end(env.now)
        header = Header(count, env.now, end, oldest, newest - oldest, number)
        self.batches[batch] = Batch(fold(tile_roots), header)
        return [
            Event("Posted", (lane_id, batch, self.batches[batch].root, header.pack(), tile_roots, data_uri))
        ]

    def release_cover(self, env: Env, lane_id: int, max_batches: int) -> list[Event]:
        """Releases cover of up to ``max_batches`` closed batches of a lane."""
        lane = self._lane(lane_id)
        for count in self._closed(lane_id, lane, env.now, max_batches):
            lane.open -= count
        return []

    def sweep_burned(self, env: Env, lane_id: int) -> list[Event]:
        """Burns what a lane has lost and is still held."""
        lane = self.lanes.get(lane_id)
        if lane is None or lane.burned == 0:
            raise Revert("NothingToBurn", lane_id)
        amount, lane.burned = lane.burned, 0
        self.balance -= amount
        return [Event("Burned", (lane_id, amount))]

    def withdraw(self, env: Env, to: bytes) -> list[Event]:
        """Pays the sender's whole credit to ``to``."""
        amount = self.credits.get(env.sender, 0)
        if amount == 0:
            raise Revert("NoCredit", env.sender)
        self.credits[env.sender] = 0
        self.balance -= amount
        return [Event("Withdrawn", (env.sender, to, amount))]

    # --- faults --------------------------------------------------------------------------------

    def prove_fault(self, env: Env, kind: int, claim: Claim) -> list[Event]:
        """Voids a leaf that a fault is proven of and slashes its lane; half, at most, goes to the prover."""
        batch = self.batches.get(claim.batch)
        if batch is None:
            raise Revert("UnknownBatch", claim.batch)
        if env.now > self.tile_end(batch.header):
            raise Revert("TooLate", self.tile_end(batch.header))
        leaf = Leaf(claim.receipt, claim.signature)
        if root_of(leaf.hash, claim.index, batch.header.count, claim.proof) != batch.root:
            raise Revert("NotIncluded", claim.batch, claim.index)
        if claim.index in batch.voids:
            raise Revert("AlreadyProven", claim.batch, claim.index)
        epoch = self.epochs[batch.header.epoch - 1]
        if kind not in epoch.faults:
            raise Revert("UnknownFault", kind)
        if not FAULTS[FaultKind(kind)](leaf, claim.evidence, self.domain):
            raise Revert("NotProven", kind)
        batch.voids.add(claim.index)
        faults = min(batch.header.fault_count + 1, MAX_FAULT_COUNT)
        batch.header = replace(batch.header, fault_count=faults, flags=batch.header.flags | HAS_VOIDS)
        slashed = self._slash(self.lanes[lane_of(claim.batch)], epoch.terms.leaf_slash, env.sender)
        return [Event("FaultProven", (claim.batch, claim.index, kind, env.sender, slashed))]

    def _slash(self, lane: Lane, amount: int, prover: bytes) -> int:
        slashed = min(amount, lane.stake)
        share = slashed // GWEI // 2 * GWEI
        lane.stake -= slashed
        lane.burned += slashed - share
        self.credits[prover] = self.credits.get(prover, 0) + share
        return slashed

    # --- epochs --------------------------------------------------------------------------------

    def announce_epoch(
        self, env: Env, terms: Terms, faults: frozenset[FaultKind], starts_at: int
    ) -> list[Event]:
        """The owner announces the next epoch, far enough ahead for every lane to leave before it."""
        checked_owner(env, self.owner)
        previous = self.epochs[-1]
        if env.now < previous.starts_at:
            raise Revert("EpochPending", len(self.epochs), previous.starts_at)
        earliest = env.now + previous.terms.time_to_leave
        earliest_end = previous.window_end(max(starts_at - 1, 0))
        return self._append_epoch(terms, faults, starts_at, earliest, earliest_end)

    def _append_epoch(
        self, terms: Terms, faults: frozenset[FaultKind], starts_at: int, earliest: int, earliest_end: int
    ) -> list[Event]:
        if starts_at < earliest:
            raise Revert("TooSoon", starts_at, earliest)
        if starts_at > earliest + LONGEST_NOTICE:
            raise Revert("TooDistant", starts_at, earliest + LONGEST_NOTICE)
        broken = terms.broken_rule()
        if broken:
            raise Revert("BadTerms", *broken)
        self.epochs.append(Epoch(terms, starts_at, earliest_end, faults))
        return [Event("EpochAnnounced", (len(self.epochs), starts_at, terms, faults))]

    # --- views ---------------------------------------------------------------------------------

    def standing(
        self, now: int, batch: BatchId, index: int, words: bytes, proof: tuple[bytes, ...]
    ) -> Standing:
        """The standing of the leaf with seven ``words``: Unknown, Posted, Final or Voided."""
        if not self.is_included(batch, index, keccak(b"\x00" + words), proof):
            return Standing.UNKNOWN
        if self.why_void(batch, index, words, proof) is not VoidReason.NONE:
            return Standing.VOIDED
        return Standing.FINAL if now > self.tile_end(self.batches[batch].header) else Standing.POSTED

    def why_void(self, batch: BatchId, index: int, words: bytes, proof: tuple[bytes, ...]) -> VoidReason:
        """Why a leaf reads Voided; NONE where it does not or is not there."""
        if not self.is_included(batch, index, keccak(b"\x00" + words), proof):
            return VoidReason.NONE
        posted = self.batches[batch]
        header, receipt = posted.header, Receipt.from_words(words[:192])
        if index in posted.voids:
            return VoidReason.FAULTY
        if not is_timely(receipt.issued_at, header.anchor, self.epochs[header.epoch - 1].terms):
            return VoidReason.UNTIMELY
        if not self.registry.was_live(receipt.node, header.anchor, self.tile_end(header)):
            return VoidReason.NOT_ENTITLED
        return VoidReason.NONE

    def is_included(self, batch: BatchId, index: int, leaf_hash: bytes, proof: tuple[bytes, ...]) -> bool:
        """Whether a leaf stands at ``index`` of a batch. A root of zero includes nothing."""
        posted = self.batches.get(batch)
        if posted is None or not any(posted.root):
            return False
        return root_of(leaf_hash, index, posted.header.count, proof) == posted.root

    def tile_end(self, header: Header) -> int:
        """When a tile ends, inclusive: until then its leaves can be disputed."""
        return header.window_end

    def required_stake(self, now: int, lane_id: int, count: int) -> int:
        """What a lane must hold to post ``count`` more receipts, were nothing released."""
        lane = self.lanes.get(lane_id)
        return self._required(now, count + (lane.open + lane.ahead if lane else 0))

    def owed(self) -> int:
        """All that the contract answers for: stakes, what is to burn, credits."""
        return sum(lane.stake + lane.burned for lane in self.lanes.values()) + sum(self.credits.values())

    # --- helpers -------------------------------------------------------------------------------

    def _lane(self, lane_id: int) -> Lane:
        if lane_id not in self.lanes:
            raise Revert("UnknownLane", lane_id)
        return self.lanes[lane_id]

    def _current(self, now: int) -> tuple[int, Epoch]:
        """The epoch whose terms hold now, and its number. At most the newest has not started."""
        number = len(self.epochs) if now >= self.epochs[-1].starts_at else len(self.epochs) - 1
        return number, self.epochs[number - 1]

    def _required(self, now: int, receipts: int) -> int:
        terms = self._current(now)[1].terms
        return terms.min_stake + receipts * terms.cover

    def _cover(self, lane_id: int, lane: Lane, count: int, now: int, terms: Terms) -> int:
        """The receipts open after ``count`` more, closed batches released only as far as cover needs it."""
        spare = lane.stake - terms.min_stake - lane.ahead * terms.cover
        capacity = min(max(spare, 0) // terms.cover, 2**32 - 1)
        open_after = lane.open + count
        for closed in self._closed(lane_id, lane, now, RELEASE_STEPS):
            if open_after <= capacity:
                break
            open_after -= closed
        if open_after > capacity:
            needed = terms.min_stake + (open_after + lane.ahead) * terms.cover
            raise Revert("InsufficientStake", lane.stake, needed)
        return open_after

    def _closed(self, lane_id: int, lane: Lane, now: int, most: int) -> list[int]:
        """The sizes of the oldest unreleased batches of a lane, as far as they are closed in a row."""
        sizes: list[int] = []
        seq = lane.next_seq - lane.open
        while seq < lane.next_seq and len(sizes) < most:
            header = self.batches[batch_id(lane_id, seq)].header
            if not header.is_closed(now):
                break
            sizes.append(header.count)
            seq += header.count
        return sizes


def _bad_signature(leaf: Leaf, public_key: bytes, domain: Domain) -> bool:
    """The signature does not verify under the node's key, or is longer than any may be."""
    if len(leaf.signature) > MAX_SIGNATURE:
        return True
    if scheme_of(public_key) is None:
        raise Revert("UnknownScheme", len(public_key))
    try:
        return not verify_leaf(leaf, public_key, domain)
    except InvalidField:
        raise Revert("KeyOfAnotherNode", leaf.receipt.node, keccak(public_key)) from None


FAULTS: Final = {FaultKind.BAD_SIGNATURE: _bad_signature}
"""What each fault's own contract answers: proven or not, or a revert when it cannot tell."""


def _whole_gwei(amount: int) -> None:
    if amount % GWEI:
        raise Revert("NotWholeGwei", amount)
