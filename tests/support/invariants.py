"""What must hold of a settlement at any time, written once, for unit and state machine tests alike.

That everyone can get its money out is in :mod:`tests.support.way_out`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final, Protocol

from afterproof.protocol.batching import TILE
from afterproof.protocol.header import BatchId, lane_of
from afterproof.protocol.outcome import Event
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.state import Standing

if TYPE_CHECKING:
    from tests.support.pair import Pair

Place = tuple[BatchId, int]

#: What an action names first: a batch, an opened promise, nothing of any lane's; all others name their lane.
NAMING_A_BATCH: Final = ("demand_tile", "answer_tile", "expire_demand")
NAMING_A_PROMISE: Final = ("claim_missed", "claim_omitted", "claim_double")
OF_NO_LANE: Final = ("withdraw", "announce_epoch", "pause", "set_guardian")
"""Settlement's actions that concern no lane; the registry's never do."""


def solvent(pair: "Pair") -> None:
    """The contract holds what it owes: stakes, what is to burn, credits; exactly, unless ether was forced in."""
    assert pair.evm.balance(pair.settlement.address) == pair.spec.owed() + pair.forced


class Lane(Protocol):
    """What a lane has at stake, and what is to burn of it, in wei."""

    stake: int
    burned: int


class Lanes(Protocol):
    """The lanes by number: of the specification, or as a chain has them."""

    lanes: Mapping[int, Lane]


def half_is_burned(spec: Lanes, slashed: int, credited: int, swept: int) -> None:
    """At least half of everything slashed burns; exactly half but for the odd gwei of each slash."""
    burned = swept + sum(lane.burned for lane in spec.lanes.values())
    assert burned + credited == slashed
    assert burned >= credited


def honest_keep_their_stake(spec: Lanes, paid_in: dict[int, int], honest: Iterable[int]) -> None:
    """A lane that only ever posted good leaves has everything that was paid in."""
    for lane in honest:
        assert spec.lanes[lane].stake == paid_in[lane]
        assert spec.lanes[lane].burned == 0


class Standings:
    """Watches leaves: a standing never goes back except to Voided, and never changes once Final."""

    def __init__(self, pair: "Pair") -> None:
        self.pair = pair
        self.seen: dict[Place, Standing] = {}

    def watch(self, batch: BatchId, index: int, leaf: Leaf, proof: tuple[bytes, ...]) -> None:
        """Adds a leaf of a posted batch."""
        found = self.pair.standing(batch, index, leaf, proof)
        assert found is not Standing.UNKNOWN
        self.seen[batch, index] = found

    def check(self, everywhere: bool = False) -> None:
        """Reads every leaf again in the specification, and in the contract where it changed or may be about to."""
        turning = turning_leaves(self.pair, list(self.seen))
        for place, before in self.seen.items():
            now = self.pair.expected_standing(place)
            if everywhere or now is not before or place in turning:
                now = self.pair.standing(*place, *self.pair.leaves[place])
            self._check(place, before, now)
            self.seen[place] = now

    def _check(self, place: Place, before: Standing, now: Standing) -> None:
        if before in (Standing.FINAL, Standing.VOIDED):
            assert now is before, f"{place} was {before.name} and reads {now.name}"
        assert now >= before, f"{place} went back from {before.name} to {now.name}"
        if now is Standing.FINAL:
            batch = self.pair.spec.batches[place[0]]
            demand = batch.demands.get(place[1] // TILE)
            assert self.pair.evm.now > batch.header.window_end, f"{place} is final before its window passed"
            assert demand is None or demand.answered_at, f"{place} is final while its tile is demanded"


def turning_leaves(pair: "Pair", places: Sequence[Place]) -> set[Place]:
    """The newest leaves, and some about whose ends it is now: where a standing may have just changed."""
    turning = [place for place in places if _is_turning(pair, *place)]
    return {*turning[:4], *places[-2:]}


def _is_turning(pair: "Pair", batch_id: BatchId, index: int) -> bool:
    batch = pair.spec.batches[batch_id]
    demand = batch.demands.get(index // TILE)
    times = [batch.header.latest_end, *([demand.deadline] if demand else ())]
    return any(abs(at - pair.evm.now) <= 1 for at in times)


class LanesApart:
    """No action of one lane changes another: what can be read of the lanes is kept, and compared afterwards."""

    def __init__(self, pair: "Pair") -> None:
        self.pair = pair
        self.before = self._read(list(pair.spec.lanes))

    def check(self, action: str, arguments: Sequence[Any], events: Sequence[Event]) -> None:
        """After an action, every lane that it does not concern is as it was."""
        of_registry = self.pair.is_of_registry(action)
        concerned = None if of_registry else lane_of_action(action, arguments, events)
        others = [lane for lane in self.before if lane != concerned]
        # The registry may end a node, whose leaves then read Voided on every lane.
        self._compare(action, others, {"standing", "whyVoid"} if of_registry else set())

    def check_refused(self, action: str) -> None:
        """After an action that was refused, every lane is."""
        self._compare(f"{action}, refused,", list(self.before), set())

    def _compare(self, action: str, lanes: list[int], but: set[str]) -> None:
        after = self._read(lanes)
        for lane in lanes:
            for what, was in self.before[lane].items():
                now = after[lane].get(what)
                assert now == was or what[0] in but, f"{action} changed {what} of lane {lane}: {was}, {now}"
            assert self.before[lane].keys() == after[lane].keys() or but

    def _read(self, lanes: list[int]) -> dict[int, dict[Any, Any]]:
        spec = self.pair.spec
        read: dict[int, dict[Any, Any]] = {lane: {} for lane in lanes}
        for lane in lanes:
            state = spec.lanes[lane]
            read[lane]["specification",] = astuple(state)
            self._call(read[lane], "lane", lane)
            self._call(read[lane], "gapHistogram", lane)
            for seq in (0, state.next_seq, 2**64 - 1):
                self._call(read[lane], "promiseKeyOf", lane, seq)
        for lane, seq in spec.broken | spec.doubled:
            if lane in read:
                self._call(read[lane], "claimsOf", lane, seq)
        for identity in spec.batches:
            if lane_of(identity) in read:
                self._read_batch(read[lane_of(identity)], identity)
        if self.pair.reads_cheaply:
            for place in turning_leaves(self.pair, list(self.pair.leaves)):
                if lane_of(place[0]) in read:
                    arguments = self.pair.leaf_arguments(place)
                    self._call(read[lane_of(place[0])], "standing", *arguments)
                    self._call(read[lane_of(place[0])], "whyVoid", *arguments)
        return read

    def _read_batch(self, read: dict[Any, Any], identity: BatchId) -> None:
        batch = self.pair.spec.batches[identity]
        demands = {tile: astuple(demand) for tile, demand in batch.demands.items()}
        read["specification", identity] = (
            batch.root,
            batch.header,
            len(batch.voids),
            demands,
            batch.struck_at,
        )
        self._call(read, "batch", identity)
        for tile in range(batch.header.tiles):
            self._call(read, "voidMap", identity, tile)
            self._call(read, "demandOf", identity, tile)

    def _call(self, read: dict[Any, Any], view: str, *arguments: Any) -> None:
        """A view's answer; a chain that forgets what it was asked is too slow for so many questions."""
        if self.pair.reads_cheaply:
            read[view, *arguments] = self.pair.read(view, *arguments)


def lane_of_action(action: str, arguments: Sequence[Any], events: Sequence[Event]) -> int | None:
    """The one lane that an action of Settlement may change; None where it may change none."""
    if action in OF_NO_LANE:
        return None
    if action == "open_lane":
        return int(events[0].arguments[0])
    if action == "prove_fault":
        return lane_of(arguments[1].batch)
    if action in NAMING_A_BATCH:
        return lane_of(arguments[0])
    return int(arguments[0].place[0] if action in NAMING_A_PROMISE else arguments[0])
