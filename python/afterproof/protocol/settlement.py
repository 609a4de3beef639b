"""``Settlement`` as a pure state machine: the document of record.

What the contract does, without storage layout, gas or bytes. A state machine test plays the same actions, legal and
illegal, on both and compares outcome, error name, events and balances after each step. Every action checks
first, then changes state: one that raises :class:`Revert` has changed nothing. Amounts are wei, times unix seconds.

Read in this order: ``state`` (what there is), ``ledger`` (tiles, slashing, the fuse), ``views`` (the read rules),
``disputes`` (faults and demands), ``claims`` (broken promises), and here lanes, posting, leaving, epochs, pauses.
"""

from typing import Final

from .batching import TILE
from .claims import PromiseClaims
from .disputes import Disputes
from .header import Header, batch_id
from .merkle import fold
from .outcome import Env, Event, Revert, checked_owner, checked_width
from .receipt import Domain
from .registry import Registry
from .state import LANE_FAULTS, TIME_BITS, ZERO_ADDRESS, Batch, Epoch, Lane, Pause
from .terms import DAY, GWEI, MAX_GWEI, Terms

MAX_COUNT: Final = 4000 * TILE
MAX_REACH: Final = 2**48 - 1
"""The most that a lane's ``next_seq + ahead`` may be: it ends there, for its numbers would start anew."""
PAUSE_BITS: Final = 16
RELEASE_STEPS: Final = 32
LONGEST_NOTICE: Final = 365 * DAY
BUCKETS: Final = 8
BUCKET_LIMIT: Final = 2**18 - 1


class Settlement(Disputes, PromiseClaims):
    """The contract's state and its actions."""

    def __init__(
        self,
        owner: bytes,
        guardian: bytes,
        registry: Registry,
        domains: tuple[Domain, Domain],
        terms: Terms,
        faults: frozenset[int],
        now: int,
    ) -> None:
        """``domains``: the settlement contract's, for promises, and the registry's, for receipts."""
        super().__init__(owner, guardian, registry, domains)
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
        self.lanes[lane] = Lane(env.sender, poster, env.value, ahead, [(0, promise_key)])
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

    def rotate(self, env: Env, lane_id: int, poster: bytes, promise_key: bytes) -> list[Event]:
        """Moves the posting right at once, and the promise authority from the first number never enforceable."""
        lane = self._owned(env, lane_id)
        if lane.blown:
            raise Revert("LaneBlown", lane_id)
        if poster == ZERO_ADDRESS:
            raise Revert("ZeroAddress")
        from_seq = lane.reach
        lane.poster = poster
        if lane.promise_keys[-1][0] == from_seq:
            lane.promise_keys.pop()
        lane.promise_keys.append((from_seq, promise_key))
        return [Event("LaneRotated", (lane_id, poster, promise_key, from_seq))]

    def set_ahead(self, env: Env, lane_id: int, ahead: int) -> list[Event]:
        """How many receipts may be promised beyond nextSeq, and cover counts: grows at once; shrinks when the last
        promise made under the larger number can no longer be claimed."""
        lane = self._owned(env, lane_id)
        if ahead < lane.ahead:
            effective = checked_width(env.now + self.longest_obligation, TIME_BITS)
            lane.shrink = (ahead, effective)
            return [Event("AheadChanged", (lane_id, ahead, effective))]
        _check_reach(lane.next_seq + ahead)
        needed = self._required(env.now, lane.open + ahead)
        if lane.stake < needed:
            raise Revert("InsufficientStake", lane.stake, needed)
        lane.ahead, lane.shrink = ahead, None
        return [Event("AheadChanged", (lane_id, ahead, env.now))]

    def apply_ahead(self, env: Env, lane_id: int) -> list[Event]:
        """Puts an announced smaller ``ahead`` into force once it is due; anyone may.

        It frees cover. What was promised meanwhile stays enforceable, for whoever took ``ahead`` at its word.
        """
        lane = self._lane(lane_id)
        if lane.shrink is None or env.now < lane.shrink[1]:
            raise Revert("NoChangeDue", lane_id, lane.shrink[1] if lane.shrink else 0)
        lane.past_reach = lane.reach
        lane.ahead, lane.shrink = lane.shrink[0], None
        return []

    # --- posting -------------------------------------------------------------------------------

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
        if self.pauses and env.now <= self.pauses[-1].end:
            raise Revert("Paused", self.pauses[-1].end)
        number, epoch = self._epoch_at(env.now)
        least, most = max(env.now - epoch.terms.max_posting_delay, 0), env.now + epoch.terms.max_clock_skew
        if not least <= oldest <= newest <= most:
            raise Revert("WrongRange", oldest, newest, least, most)
        root = fold(tile_roots)
        if not any(root):
            raise Revert("ZeroRoot")
        _check_reach(lane.next_seq + count + lane.ahead)
        open_after = self._cover(lane_id, lane, count, env.now, epoch.terms)
        end = checked_width(epoch.window_end(env.now), TIME_BITS)
        checked_width(oldest, TIME_BITS)
        lane.open = open_after
        lane.next_seq += count
        lane.histogram = counted(lane.histogram, max(0, env.now - oldest), count)
        batch = batch_id(lane_id, first_seq)
        header = Header(count, env.now, end, oldest, newest - oldest, number, len(self.pauses))
        self.batches[batch] = Batch(root, header)
        return [Event("Posted", (lane_id, batch, root, header.pack(), tile_roots, data_uri))]

    def release_cover(self, env: Env, lane_id: int, max_batches: int) -> list[Event]:
        """Releases cover of up to ``max_batches`` closed batches of a lane.

        A lane that leaves stays liable for what it releases, every tile of it ended or struck by now, until no promise
        in it can be claimed any more.
        """
        lane = self._lane(lane_id)
        released = sum(header.count for header in self._closed(lane_id, lane, env.now, max_batches))
        if released and lane.exit_at:
            liable = max(lane.liable_until, env.now + self._longest("claim_window"))
            lane.liable_until = checked_width(liable, TIME_BITS)
        lane.open -= released
        return []

    # --- money out -----------------------------------------------------------------------------

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

    def exit(self, env: Env, lane_id: int) -> list[Event]:
        """The owner begins to leave: no promise due later than the longest maxPromiseDelay from now binds the lane."""
        lane = self._owned(env, lane_id)
        if lane.exit_at:
            raise Revert("AlreadyLeaving", lane_id)
        exit_at = checked_width(env.now, TIME_BITS)
        # Of what was released before, every tile had ended by now.
        liable = checked_width(max(lane.liable_until, env.now + self.longest_obligation), TIME_BITS)
        lane.exit_at, lane.liable_until = exit_at, liable
        lane.last_due = env.now + self._longest("max_promise_delay")
        return [Event("LaneLeaving", (lane_id, lane.liable_until))]

    def withdraw_stake(self, env: Env, lane_id: int) -> list[Event]:
        """Credits the stake to the owner of a lane that is free of every obligation."""
        lane = self._owned(env, lane_id)
        if not lane.exit_at:
            raise Revert("NotLeaving", lane_id)
        if lane.open:
            raise Revert("ReceiptsOpen", lane_id, lane.open)
        if env.now <= lane.liable_until:
            raise Revert("StillLiable", lane_id, lane.liable_until)
        amount, lane.stake = lane.stake, 0
        self._credit(lane.owner, amount)
        return [Event("StakeWithdrawn", (lane_id, lane.owner, amount))]

    # --- guardian ------------------------------------------------------------------------------

    def pause(self, env: Env, seconds: int) -> list[Event]:
        """The guardian stops new posts for a while: bounded, spaced, never in the catch-up after another pause."""
        if env.sender != self.guardian:
            raise Revert("NotGuardian", env.sender)
        terms = self._epoch_at(env.now)[1].terms
        if not 0 < seconds <= terms.max_pause:
            raise Revert("WrongPause", seconds, terms.max_pause)
        spacing = max(terms.pause_spacing, self._longest("catch_up") + 1)
        if self.pauses and env.now < self.pauses[-1].end + spacing:
            raise Revert("TooSoon", env.now, self.pauses[-1].end + spacing)
        checked_width(env.now + seconds, TIME_BITS)
        checked_width(len(self.pauses) + 1, PAUSE_BITS)
        self.pauses.append(Pause(env.now, env.now + seconds))
        return [Event("PostingPaused", (env.now, env.now + seconds))]

    def set_guardian(self, env: Env, guardian: bytes) -> list[Event]:
        """The owner names another guardian, or none."""
        checked_owner(env, self.owner)
        self.guardian = guardian
        return [Event("GuardianChanged", (guardian,))]

    # --- epochs --------------------------------------------------------------------------------

    def announce_epoch(self, env: Env, terms: Terms, faults: frozenset[int], starts_at: int) -> list[Event]:
        """The owner announces the next epoch, far enough ahead for every lane to leave before it."""
        checked_owner(env, self.owner)
        previous = self.epochs[-1]
        if env.now < previous.starts_at:
            raise Revert("EpochPending", len(self.epochs), previous.starts_at)
        earliest = env.now + self.time_to_leave
        earliest_end = previous.window_end(max(starts_at - 1, 0))
        return self._append_epoch(terms, faults, starts_at, earliest, earliest_end)

    def _append_epoch(
        self, terms: Terms, faults: frozenset[int], starts_at: int, earliest: int, earliest_end: int
    ) -> list[Event]:
        if starts_at < earliest:
            raise Revert("TooSoon", starts_at, earliest)
        if starts_at > earliest + LONGEST_NOTICE:
            raise Revert("TooDistant", starts_at, earliest + LONGEST_NOTICE)
        broken = terms.broken_rule()
        if broken:
            raise Revert("BadTerms", *broken)
        checked_width(earliest_end, TIME_BITS)
        if not faults <= LANE_FAULTS:
            raise Revert("BadTerms", "faults", "name kinds that the lane answers for")
        self.epochs.append(Epoch(terms, starts_at, earliest_end, faults))
        return [Event("EpochAnnounced", (len(self.epochs), starts_at, terms, faults))]

    # --- helpers -------------------------------------------------------------------------------

    def required_stake(self, now: int, lane_id: int, count: int) -> int:
        """What a lane must hold to post ``count`` more receipts, were nothing released."""
        lane = self.lanes.get(lane_id)
        return self._required(now, count + (lane.open + lane.ahead if lane else 0))

    def _owned(self, env: Env, lane_id: int) -> Lane:
        lane = self._lane(lane_id)
        if env.sender != lane.owner:
            raise Revert("NotLaneOwner", env.sender, lane.owner)
        return lane

    def _required(self, now: int, receipts: int) -> int:
        terms = self._epoch_at(now)[1].terms
        return terms.min_stake + receipts * terms.cover

    def _cover(self, lane_id: int, lane: Lane, count: int, now: int, terms: Terms) -> int:
        """The receipts open after ``count`` more, closed batches released only as far as cover needs it."""
        spare = lane.stake - terms.min_stake - lane.ahead * terms.cover
        capacity = min(max(spare, 0) // terms.cover, 2**32 - 1)
        open_after = lane.open + count
        for closed in self._closed(lane_id, lane, now, RELEASE_STEPS):
            if open_after <= capacity:
                break
            open_after -= closed.count
        if open_after > capacity:
            needed = terms.min_stake + (open_after + lane.ahead) * terms.cover
            raise Revert("InsufficientStake", lane.stake, needed)
        return open_after

    def _closed(self, lane_id: int, lane: Lane, now: int, most: int) -> list[Header]:
        """The oldest unreleased batches of a lane, as far as they are closed in a row."""
        closed: list[Header] = []
        seq = lane.next_seq - lane.open
        while seq < lane.next_seq and len(closed) < most:
            header = self.batches[batch_id(lane_id, seq)].header
            if not header.is_closed(now):
                break
            closed.append(header)
            seq += header.count
        return closed


def bucket_of(gap: int) -> int:
    """The bucket of a trust gap in seconds: under 4, 16, 64, 256, 1,024, 4,096, 16,384, and all above."""
    return min(max(gap.bit_length() - 1, 0) // 2, BUCKETS - 1)


def counted(histogram: list[int], gap: int, count: int) -> list[int]:
    """The histogram with ``count`` receipts more in the bucket of ``gap``; all buckets halve until the sum fits."""
    count, bucket = min(count, BUCKET_LIMIT), bucket_of(gap)
    while histogram[bucket] + count > BUCKET_LIMIT:
        histogram = [entry // 2 for entry in histogram]
        if not histogram[bucket]:
            break
    histogram = list(histogram)
    histogram[bucket] += count
    return histogram


def _check_reach(reach: int) -> None:
    if reach > MAX_REACH:
        raise Revert("SequenceExhausted", reach, MAX_REACH)


def _whole_gwei(amount: int) -> None:
    if amount % GWEI:
        raise Revert("NotWholeGwei", amount)
