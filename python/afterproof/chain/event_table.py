"""The contracts' events: from the arguments of a log, by their names in the ABI, to the types of the steps."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from afterproof.protocol.header import BatchId, Header, lane_of
from afterproof.protocol.terms import Terms

from .abi import MalformedAbi
from .event_types import (
    AheadChanged,
    Burned,
    ChainEvent,
    DemandExpired,
    EpochAnnounced,
    FaultProven,
    FuseBlown,
    GuardianChanged,
    LaneLeaving,
    LaneOpened,
    LaneRotated,
    Posted,
    PostingPaused,
    PromiseBroken,
    StakeAdded,
    StakeWithdrawn,
    TileAnswered,
    TileDemanded,
    Withdrawn,
)
from .registry_event_table import REGISTRY_EVENTS


def _posted(a: Mapping[str, Any]) -> Posted:
    batch, header = BatchId(a["batchId"]), Header.unpack(a["header"])
    if lane_of(batch) != a["lane"] or len(a["tileRoots"]) != header.tiles or not header.count:
        raise MalformedAbi("Posted contradicts itself")
    return Posted(a["lane"], batch, a["root"], header, a["tileRoots"], a["dataUri"])


def _epoch(a: Mapping[str, Any]) -> EpochAnnounced:
    return EpochAnnounced(
        a["epoch"], a["startsAt"], Terms(*a["terms"]), frozenset(kind for kind, _ in a["faults"])
    )


_SETTLEMENT: Final[dict[str, Callable[[Mapping[str, Any]], ChainEvent]]] = {
    "LaneOpened": lambda a: LaneOpened(
        a["lane"], a["owner"], a["poster"], a["promiseKey"], a["ahead"], a["stake"]
    ),
    "StakeAdded": lambda a: StakeAdded(a["lane"], a["from"], a["amount"]),
    "Posted": _posted,
    "FaultProven": lambda a: FaultProven(
        BatchId(a["batchId"]), a["index"], a["kind"], a["prover"], a["slashed"]
    ),
    "EpochAnnounced": _epoch,
    "Burned": lambda a: Burned(a["lane"], a["amount"]),
    "Withdrawn": lambda a: Withdrawn(a["account"], a["to"], a["amount"]),
    "TileDemanded": lambda a: TileDemanded(
        BatchId(a["batchId"]), a["tile"], a["challenger"], a["deadline"], a["deposit"]
    ),
    "TileAnswered": lambda a: TileAnswered(
        BatchId(a["batchId"]), a["tile"], a["half"], a["answerer"], a["data"]
    ),
    "DemandExpired": lambda a: DemandExpired(BatchId(a["batchId"]), a["tile"], a["challenger"], a["slashed"]),
    "PromiseBroken": lambda a: PromiseBroken(
        a["lane"], a["seq"], a["fault"], a["beneficiary"], a["caller"], a["slashed"]
    ),
    "FuseBlown": lambda a: FuseBlown(BatchId(a["batchId"])),
    "LaneRotated": lambda a: LaneRotated(a["lane"], a["poster"], a["promiseKey"], a["fromSeq"]),
    "AheadChanged": lambda a: AheadChanged(a["lane"], a["ahead"], a["effectiveAt"]),
    "LaneLeaving": lambda a: LaneLeaving(a["lane"], a["liableUntil"]),
    "StakeWithdrawn": lambda a: StakeWithdrawn(a["lane"], a["owner"], a["amount"]),
    "PostingPaused": lambda a: PostingPaused(a["start"], a["end"]),
    "GuardianChanged": lambda a: GuardianChanged(a["guardian"]),
}

EVENTS: Final[dict[str, Mapping[str, Callable[[Mapping[str, Any]], ChainEvent]]]] = {
    "Settlement": _SETTLEMENT,
    "AttestationRegistry": REGISTRY_EVENTS,
}
"""For each contract its events, from ABI names to fields. Its other events (a change of owner) concern no step."""
