"""What must hold of a settlement at any time, written once, for unit and state machine tests alike."""

from collections.abc import Iterable

from afterproof.protocol.header import BatchId
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.settlement import Settlement
from afterproof.protocol.state import Standing
from tests.support.pair import Pair

Place = tuple[BatchId, int]


def solvent(pair: Pair) -> None:
    """The contract holds what it owes: stakes, what is to burn, credits; exactly, unless ether was forced in."""
    assert pair.evm.balance(pair.settlement.address) == pair.spec.owed() + pair.forced


def half_is_burned(spec: Settlement, slashed: int, credited: int, swept: int) -> None:
    """At least half of everything slashed burns; exactly half but for the odd gwei of each slash."""
    burned = swept + sum(lane.burned for lane in spec.lanes.values())
    assert burned + credited == slashed
    assert burned >= credited


def honest_keep_their_stake(spec: Settlement, paid_in: dict[int, int], honest: Iterable[int]) -> None:
    """A lane that only ever posted good leaves has everything that was paid in."""
    for lane in honest:
        assert spec.lanes[lane].stake == paid_in[lane]
        assert spec.lanes[lane].burned == 0


class Standings:
    """Watches leaves: a standing never goes back except to Voided, and never changes once Final."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.seen: dict[Place, tuple[Leaf, tuple[bytes, ...], Standing]] = {}

    def watch(self, batch: BatchId, index: int, leaf: Leaf, proof: tuple[bytes, ...]) -> None:
        """Adds a leaf of a posted batch."""
        found = self.pair.standing(batch, index, leaf, proof)
        assert found is not Standing.UNKNOWN
        self.seen[batch, index] = (leaf, proof, found)

    def check(self, places: Iterable[Place]) -> None:
        """Reads the standings at ``places`` again."""
        for place in places:
            leaf, proof, before = self.seen[place]
            now = self.pair.standing(*place, leaf, proof)
            if before in (Standing.FINAL, Standing.VOIDED):
                assert now is before, f"{place} was {before.name} and reads {now.name}"
            assert now >= before, f"{place} went back from {before.name} to {now.name}"
            if now is Standing.FINAL:
                end = self.pair.spec.tile_end(self.pair.spec.batches[place[0]], place[1] // 256)
                assert end is not None and self.pair.evm.now > end
            self.seen[place] = (leaf, proof, now)
