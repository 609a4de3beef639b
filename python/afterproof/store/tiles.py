"""When tiles end and whether they were struck, as the contract has it, by what the chain has said so far."""

from ..errors import AfterproofError
from ..protocol.answers import shown
from ..protocol.errors import ProtocolError
from ..protocol.publication import Leaves
from ..protocol.reading import is_tile, leaves_of
from .batches import PostedBatch
from .demands import Demands, StoredDemand
from .faults import Faults
from .registry import Registry


class Tiles:
    """Reads the tables ``demands``, ``strikes`` and ``epochs``.

    Every ``now`` is a block's time up to which the chain was followed. A tile whose demand's deadline has passed by
    then unanswered is struck for good: no later block can hold an answer in time.
    """

    def __init__(self, registry: Registry, faults: Faults, demands: Demands) -> None:
        self._registry = registry
        self._faults = faults
        self._demands = demands

    def end(self, posted: PostedBatch, tile: int) -> int | None:
        """The last second in which a tile's leaves can be disputed; None while a demand of it is not answered."""
        return self._end(posted, self._demands.get(posted.id, tile))

    def struck_at(self, posted: PostedBatch, tile: int, now: int) -> int | None:
        """When a tile was struck: its demand ran out, or the fuse blew before it had ended. None: it was not."""
        return self._struck_at(posted, self._demands.get(posted.id, tile), now)

    def struck(self, posted: PostedBatch, now: int) -> set[int]:
        """The tiles of a batch that were struck."""
        demands = self._demands.of(posted.id)
        if self._faults.fuse_blown_at(posted.id) is None and not demands:
            return set()
        return {
            tile
            for tile in range(posted.header.tiles)
            if self._struck_at(posted, demands.get(tile), now) is not None
        }

    def shown(self, posted: PostedBatch, tile: int) -> Leaves | None:
        """The leaves of a tile that was shown on chain, or None."""
        halves = [one.data for one in self._demands.answers(posted.id, tile)]
        try:
            leaves = shown([data for data in halves if data is not None], leaves_of(posted.header, tile))
        except ProtocolError:
            return None  # it was not, or not all of it
        return leaves if is_tile(leaves, posted.header, tile, posted.tile_roots) else None

    def settled_after(self, posted: PostedBatch) -> int:
        """The last second before every leaf of a batch is final or void for good, as far as is known.

        A demand that is open may put it off: but not before its deadline, which is no later.
        """
        last = posted.header.window_end
        for demand in self._demands.of(posted.id).values():
            end = self._end(posted, demand)
            last = max(last, demand.deadline if end is None else end)
        return last

    def _end(self, posted: PostedBatch, demand: StoredDemand | None) -> int | None:
        if demand is None:
            return posted.header.window_end
        if demand.answered_at is None:
            return None
        epoch = self._registry.epoch(posted.header.epoch)
        if epoch is None:
            raise AfterproofError(f"the terms of epoch {posted.header.epoch} are not known")
        return max(posted.header.window_end, demand.answered_at + epoch.terms.window)

    def _struck_at(self, posted: PostedBatch, demand: StoredDemand | None, now: int) -> int | None:
        times = [demand.deadline] if demand is not None and demand.has_run_out(now) else []
        blown, end = self._faults.fuse_blown_at(posted.id), self._end(posted, demand)
        if blown is not None and (end is None or blown <= end):
            times.append(blown)
        return min(times) if times else None
