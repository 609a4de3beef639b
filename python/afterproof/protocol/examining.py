"""Examining a posted batch at the chain's final words: what the one judge finds of it, and how each leaf stands."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .attestations import NodeRecord
from .header import BatchId, first_seq_of
from .judging import Findings, Posting, judge_tiles
from .merkle import TILE
from .publication import Leaves
from .reading import leaves_of
from .receipt import Domain
from .state import FaultKind


@dataclass(frozen=True, slots=True)
class TileWord:
    """What the chain says of a tile: when it ends (None: a demand of it is open), and whether it was struck."""

    end: int | None
    is_struck: bool = False


@dataclass(frozen=True, slots=True)
class ChainWord:
    """What the chain says of a batch up to the time ``now``; ``voids`` are the leaves voided by proof.

    ``tiles`` are those of which more is to be said than that they end with the batch's window.
    """

    now: int
    voids: frozenset[int]
    tiles: Mapping[int, TileWord]
    window_end: int

    def tile(self, tile: int) -> TileWord:
        """What it says of a tile."""
        return self.tiles.get(tile) or TileWord(self.window_end)


@dataclass
class Tally:
    """Receipts by how the contract reads them. ``unavailable``: their data could not be had, so nothing more is known;
    ``empty`` are empty leaves, which are no receipts."""

    final: int = 0
    posted: int = 0
    void_by_rule: int = 0
    void_by_proof: int = 0
    struck: int = 0
    unavailable: int = 0
    empty: int = 0

    def add(self, other: "Tally") -> None:
        """Count what another counted too."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Lacking:
    """A tile whose data could not be had, or is not what was posted: ``leaves`` of the batch, and why."""

    tile: int
    leaves: int
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A timely receipt that may stand elsewhere on the lane too; ``stands``: nothing is wrong with it by itself."""

    seq: int
    index: int
    issued_at: int
    receipt: bytes
    stands: bool


@dataclass
class Examined:
    """What is found of a batch. Gaps in seconds, each with how many receipts have it.

    ``checked``: leaves that were judged, empty ones left out. ``faults``: indices and kinds, whatever the chain says of
    them. ``to_post``: issued to posted, of every receipt that is posted or final; ``to_final``: posted to final, and
    ``whole``: issued to final, of those that are final.
    """

    batch: BatchId
    checked: int = 0
    tally: Tally = field(default_factory=Tally)
    faults: list[tuple[int, int]] = field(default_factory=list)
    lacking: list[Lacking] = field(default_factory=list)
    to_post: Counter[int] = field(default_factory=Counter)
    to_final: Counter[int] = field(default_factory=Counter)
    whole: Counter[int] = field(default_factory=Counter)


def examine(
    posting: Posting,
    tiles: Mapping[int, Leaves],
    why: str,
    word: ChainWord,
    node_of: Callable[[bytes], NodeRecord | None],
    domain: Domain,
) -> tuple[Examined, list[Standing]]:
    """What is found of a batch of which ``tiles`` were had, the others not, for ``why``; and its timely receipts.

    A leaf has one fault at most beside a misdeclared range, which the batch has once. A duplicate is not found here.
    """
    found, standings = Examined(posting.id), list[Standing]()
    nodes: dict[bytes, NodeRecord | None] = {}

    def known(node: bytes) -> NodeRecord | None:
        if node not in nodes:
            nodes[node] = node_of(node)
        return nodes[node]

    is_ranged = False
    for tile in range(posting.header.tiles):
        said = word.tile(tile)
        leaves = tiles.get(tile)
        if leaves is None:
            count = leaves_of(posting.header, tile)
            if said.is_struck:
                found.tally.struck += count
            else:
                found.tally.unavailable += count
                found.lacking.append(Lacking(tile, count, why))
            continue
        end = max(word.window_end, word.now) if said.end is None else said.end  # as far as is known yet
        judged = judge_tiles(posting, {tile: leaves}, {tile: end}.__getitem__, known, domain)
        faults = [(fault.index, int(fault.kind)) for fault in judged.faults]
        if is_ranged:
            faults = [fault for fault in faults if fault[1] != FaultKind.MISDECLARED_RANGE]
        is_ranged = is_ranged or any(kind == FaultKind.MISDECLARED_RANGE for _, kind in faults)
        found.faults += sorted(faults)
        found.checked += sum(leaf is not None for leaf in leaves)
        _tally(found, posting, tile, leaves, judged, word)
        standings += _standings(first_seq_of(posting.id), judged, word, said.is_struck)
    return found, standings


def _tally(
    found: Examined, posting: Posting, tile: int, leaves: Leaves, judged: Findings, word: ChainWord
) -> None:
    said, anchor, tally = word.tile(tile), posting.header.anchor, found.tally
    final_at = said.end + 1 if said.end is not None and word.now > said.end else None
    for index, leaf in enumerate(leaves, TILE * tile):
        if leaf is None:
            tally.empty += 1
        elif said.is_struck:
            tally.struck += 1
        elif index in word.voids:
            tally.void_by_proof += 1
        elif index in judged.voids:
            tally.void_by_rule += 1
        else:
            issued_at = leaf.receipt.issued_at
            found.to_post[max(0, anchor - issued_at)] += 1
            if final_at is None:
                tally.posted += 1
                continue
            tally.final += 1
            found.to_final[final_at - anchor] += 1
            found.whole[max(0, final_at - issued_at)] += 1


def _standings(first_seq: int, judged: Findings, word: ChainWord, is_struck: bool) -> list[Standing]:
    """The receipts of a tile that can be duplicates, or have some: none where the tile is struck."""
    if is_struck:
        return []
    bad = {fault.index for fault in judged.faults if fault.kind != FaultKind.MISDECLARED_RANGE} | judged.voids
    return [
        Standing(seq, seq - first_seq, one.issued_at, one.hash, seq - first_seq not in word.voids)
        for seq, one in judged.receipts
        if seq - first_seq not in bad
    ]
