"""Examining a posted batch at the chain's final words: what the one judge finds of it, and how each leaf stands."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from .header import BatchId, Header, first_seq_of
from .judging import TileFindings
from .merkle import TILE
from .reading import leaves_of
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
    """A timely receipt, by its key, that may stand elsewhere on the lane too; ``stands``: nothing is wrong with it by
    itself."""

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


class Examination:
    """The examination of a batch, tile by tile in any order, at what the chain says of it.

    A leaf has one fault at most beside a misdeclared range, which the batch has once. A duplicate is not found here.
    """

    def __init__(self, batch: BatchId, header: Header, word: ChainWord) -> None:
        self._found, self._header, self._word = Examined(batch), header, word
        self._ranged: int | None = None

    def end_of(self, tile: int) -> int:
        """When a tile ends, as far as is known yet."""
        end = self._word.tile(tile).end
        return max(self._word.window_end, self._word.now) if end is None else end

    def lack(self, tile: int, why: str) -> None:
        """A tile could not be had."""
        count, tally = leaves_of(self._header, tile), self._found.tally
        if self._word.tile(tile).is_struck:
            tally.struck += count
        else:
            tally.unavailable += count
            self._found.lacking.append(Lacking(tile, count, why))

    def add(self, judged: TileFindings) -> list[Standing]:
        """A tile was judged; its receipts that can be duplicates, or have some: none where the tile is struck."""
        found = self._found
        found.checked += judged.size - len(judged.empties)
        found.faults += [(fault.index, int(fault.kind)) for fault in judged.faults]
        if judged.ranged is not None:
            self._ranged = min(
                judged.ranged.index, judged.ranged.index if self._ranged is None else self._ranged
            )
        if self._word.tile(judged.tile).is_struck:
            found.tally.empty += len(judged.empties)
            found.tally.struck += judged.size - len(judged.empties)
            return []
        self._tally(judged)
        voids, first_seq = self._word.voids, first_seq_of(found.batch)
        bad = {fault.index for fault in judged.faults} | judged.voids
        return [
            Standing(first_seq + index, index, issued_at, receipt, index not in voids)
            for index, issued_at, receipt in judged.timely
            if index not in bad
        ]

    def result(self) -> Examined:
        """What is found of the batch, once all of its tiles were looked at."""
        found = self._found
        if self._ranged is not None:
            found.faults.append((self._ranged, int(FaultKind.MISDECLARED_RANGE)))
            self._ranged = None
        found.faults.sort()
        found.lacking.sort(key=lambda one: one.tile)
        return found

    def _tally(self, judged: TileFindings) -> None:
        said, anchor, found, word = self._word.tile(judged.tile), self._header.anchor, self._found, self._word
        final_at = said.end + 1 if said.end is not None and word.now > said.end else None
        first = TILE * judged.tile
        proven = {index for index in word.voids if first <= index < first + judged.size} - judged.empties
        found.tally.empty += len(judged.empties)
        found.tally.void_by_proof += len(proven)
        found.tally.void_by_rule += len(judged.voids - judged.empties - proven)
        # What is not void is timely.
        for index, issued_at, _ in judged.timely:
            if index in proven or index in judged.voids:
                continue
            found.to_post[max(0, anchor - issued_at)] += 1
            if final_at is None:
                found.tally.posted += 1
                continue
            found.tally.final += 1
            found.to_final[final_at - anchor] += 1
            found.whole[max(0, final_at - issued_at)] += 1
