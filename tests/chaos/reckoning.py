"""What became of it all, by the events of the chain as it is in the end."""

import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from afterproof.chain.base import (
    AttestationChallenged,
    AttestationPosted,
    AttestationRejected,
    DemandExpired,
    FaultProven,
    Logged,
    Posted,
    PromiseBroken,
    TileAnswered,
    TileDemanded,
)
from afterproof.protocol.batching import TILE, rebuild_batch
from afterproof.protocol.header import first_seq_of, lane_of
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.signing import node_of, verify_leaf
from afterproof.protocol.state import FaultKind, PromiseFault
from tests.chaos.cheats import Crime, Punishment
from tests.chaos.plan import Plant
from tests.support.lives import Relayer

WITHHELD = "WITHHELD"
FALSE = "FALSE_ATTESTATION"
Event = TypeVar("Event")


@dataclass(frozen=True)
class Account:
    """The events of a chain."""

    events: list[Logged]

    @property
    def punished(self) -> dict[Punishment, Logged]:
        """Everything that anybody was punished for; nothing twice."""
        found: dict[Punishment, Logged] = {}
        for logged in self.events:
            punishment = punishment_of(logged)
            if punishment is not None:
                assert punishment not in found, f"punished twice: {punishment}"
                found[punishment] = logged
        return found

    @property
    def demanded(self) -> set[tuple[int, int]]:
        """Lane and first number of each tile whose demand nobody answered in full, settled or not."""
        answered = Counter((one.batch, one.tile) for one in self._all(TileAnswered))
        sizes = {one.batch: one.header.count for one in self._all(Posted)}
        return {
            (lane_of(one.batch), first_seq_of(one.batch) + TILE * one.tile)
            for one in self._all(TileDemanded)
            if answered[one.batch, one.tile] < halves(sizes[one.batch] - TILE * one.tile)
        }

    @property
    def challenged(self) -> set[int]:
        """The attestations that somebody doubts."""
        return {one.id for one in self._all(AttestationChallenged)}

    def blocks_to_proof(self) -> list[int]:
        """Of each fault of a leaf, the blocks from its post to its proof."""
        posted = {one.event.batch: one.place.block for one in self.events if isinstance(one.event, Posted)}
        return sorted(
            one.place.block - posted[one.event.batch]
            for one in self.events
            if isinstance(one.event, FaultProven)
        )

    def attesters(self) -> dict[int, bytes]:
        """Who posted each attestation."""
        return {one.id: one.poster for one in self._all(AttestationPosted)}

    def _all(self, kind: type[Event]) -> Iterable[Event]:
        return (one.event for one in self.events if isinstance(one.event, kind))


def halves(leaves: int) -> int:
    """In how many parts a tile of so many leaves, or of the first 256 of them, is shown."""
    return 1 if min(leaves, TILE) <= TILE // 2 else 2


def punishment_of(logged: Logged) -> Punishment | None:
    """What an event punishes, if that is what it does."""
    match logged.event:
        case FaultProven(batch, index, kind):
            return FaultKind(kind).name, lane_of(batch), first_seq_of(batch) + index
        case DemandExpired(batch, tile):
            return WITHHELD, lane_of(batch), first_seq_of(batch) + TILE * tile
        case PromiseBroken(lane, seq, fault):
            return PromiseFault(fault).name, lane, seq
        case AttestationRejected(number):
            return FALSE, 0, number
    return None


def leaves_of(relayer: Relayer, posted: Posted) -> list[Leaf]:
    """The leaves of a relayer's batch, as anybody gets them: none of them is empty."""
    lane, first, count = lane_of(posted.batch), first_seq_of(posted.batch), posted.header.count
    leaves = rebuild_batch(lane, first, count, posted.root, relayer.fetch(posted)).leaves
    return [leaf for leaf in leaves if leaf is not None]


def forgeries(relayer: Relayer) -> list[Crime]:
    """What a relayer that cheats by itself has forged, by what it published."""
    on, found = relayer.ground, list[Crime]()
    keys = {node_of(key): key for key in (on.node.public_key, on.gateway.public_key)}
    for posted in on.posted(relayer.lane):
        for seq, leaf in enumerate(leaves_of(relayer, posted), first_seq_of(posted.batch)):
            key = keys.get(leaf.receipt.node)
            if key is not None and not verify_leaf(leaf, key, on.domain):
                found.append(Crime(Plant.FORGED, frozenset({("BAD_SIGNATURE", relayer.lane, seq)})))
    assert found, "the cheating relayer forged nothing"
    return found


def due(crimes: Iterable[Crime], *but: str) -> set[Punishment]:
    """All that is to be punished, but for these."""
    return {one for crime in crimes for one in crime.punishments if one[0] not in but}


def table(crimes: list[Crime], punished: Iterable[Punishment]) -> str:
    """How many faults of each kind were planted, and how many of those were punished."""
    known, lines = set(punished), []
    for plant in Plant:
        of_kind = [crime for crime in crimes if crime.plant is plant]
        done = sum(crime.punishments <= known for crime in of_kind)
        lines.append(f"  {plant:<32} {len(of_kind):4} planted {done:4} punished")
    return "\n".join(lines)


def spread(blocks: list[int]) -> str:
    """Median and worst."""
    return f"time_to_dispute_blocks: median {statistics.median(blocks):g}, worst {max(blocks)}"
