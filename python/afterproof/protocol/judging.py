"""Judging the tiles of a posted batch: every leaf, by itself and by the range that its batch declares.

A tile is a job by itself: what it takes is in it, so that it can be done anywhere, and again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from .attestations import NodeRecord
from .columns import Columns
from .header import BatchId, Header
from .judge import Dispute, Judge, Void, judge_range
from .ledger import FUSE
from .merkle import TILE, BatchTree
from .reading import leaves_of
from .receipt import Domain, Leaf, receipt_keys
from .state import FaultKind
from .terms import Terms

MOST_FAULTS: Final = 2 * FUSE
"""Faults of a batch that are kept to be proven: half of them blow its fuse, which voids all of it that is not final."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A batch as it was posted: what its leaves are judged by."""

    id: BatchId
    header: Header
    tile_roots: tuple[bytes, ...]
    terms: Terms


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the leaf at ``index``, with all that its proof needs."""

    index: int
    kind: FaultKind
    evidence: bytes
    leaf: Leaf
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class TileJob:
    """A tile to be judged: its number, its leaves as they were had, and what they are judged by.

    ``root`` is the tile's as it was posted, ``end`` when the tile ends, ``nodes`` what is known of those that it names.
    """

    tile: int
    columns: Columns
    root: bytes
    header: Header
    end: int
    terms: Terms
    nodes: Mapping[bytes, NodeRecord | None]
    domain: Domain


@dataclass(frozen=True, slots=True)
class Timely:
    """The timely receipts of a tile, which may stand elsewhere on the lane too, in columns: the indices of their leaves
    in the batch, issuedAt and keys."""

    indices: list[int]
    issued_at: list[int]
    keys: list[bytes]

    def __iter__(self) -> Iterator[tuple[int, int, bytes]]:
        return zip(self.indices, self.issued_at, self.keys, strict=True)


@dataclass(frozen=True, slots=True)
class TileFindings:
    """What is found of a tile of ``size`` leaves; None in its place: they do not hash to its root.

    ``voids``: the indices of the leaves that are void by rule, of which ``empties`` are the empty ones. ``faults``: of
    its leaves, by index, with proofs that lead to the tile's root; ``ranged``: of the first leaf that the range of its
    batch leaves out.
    """

    tile: int
    size: int
    voids: frozenset[int]
    empties: frozenset[int]
    faults: tuple[Fault, ...]
    ranged: Fault | None
    timely: Timely

    @property
    def accepted(self) -> int:
        """How many leaves nothing is wrong with by themselves."""
        return self.size - len(self.voids) - len(self.faults)


@dataclass
class Findings:
    """What is found of a batch's tiles: leaves accepted, void by rule and at fault; the first faults, and of a
    misdeclared range the first, which is enough once a batch; the least and the greatest issuedAt of timely leaves."""

    accepted: int = 0
    void: int = 0
    faulty: int = 0
    faults: list[Fault] = field(default_factory=list)
    ranged: Fault | None = None
    times: tuple[int, int] | None = None

    def add(self, found: TileFindings) -> None:
        """What is found of one more tile."""
        self.accepted += found.accepted
        self.void += len(found.voids)
        self.faulty += len(found.faults)
        self.faults += found.faults[: MOST_FAULTS - len(self.faults)]
        if found.ranged is not None and (self.ranged is None or found.ranged.index < self.ranged.index):
            self.ranged = found.ranged
        if times := found.timely.issued_at:
            least, most = self.times or (times[0], times[0])
            self.times = min(least, *times), max(most, *times)

    @property
    def disputable(self) -> list[Fault]:
        """The faults to prove, the misdeclared range first."""
        return [*([self.ranged] if self.ranged is not None else []), *self.faults]


def judge_tile(job: TileJob) -> TileFindings | None:
    """What is found of a tile; None: the leaves are not those that it was posted with."""
    columns = job.columns
    if columns.size != leaves_of(job.header, job.tile):
        return None
    tree = BatchTree(columns.hashes())
    if tree.root != job.root:
        return None
    first = TILE * job.tile
    judge = Judge(job.header.anchor, job.end, job.terms, job.nodes.get, job.domain)
    found, timely = judge.look(columns)

    def fault(place: int, dispute: Dispute) -> Fault:
        leaf = columns.leaf(place)
        assert leaf is not None
        return Fault(first + place, dispute.fault, dispute.evidence, leaf, tuple(tree.proof(place)))

    voids = {place for place, verdict in found.items() if isinstance(verdict, Void)}
    return TileFindings(
        job.tile,
        columns.size,
        frozenset(first + place for place in voids),
        frozenset(first + place for place in voids if columns.words[place] is None),
        tuple(fault(place, verdict) for place, verdict in found.items() if isinstance(verdict, Dispute)),
        _ranged(job, timely, fault),
        Timely(
            [first + place for place in timely],
            list(timely.values()),
            receipt_keys(map(columns.words.__getitem__, timely)),  # type: ignore[arg-type]
        ),
    )


def _ranged(job: TileJob, timely: Mapping[int, int], fault: Callable[[int, Dispute], Fault]) -> Fault | None:
    """The fault of the first timely leaf that the declared range leaves out."""
    times = timely.values()
    if not times or job.header.oldest <= min(times) <= max(times) <= job.header.newest:
        return None
    for place in timely:
        misdeclared = judge_range(job.columns.leaf(place), job.header, job.terms)
        if misdeclared is not None:
            return fault(place, misdeclared)
    return None


class Roots:
    """The tile roots of a batch, for proofs that lead on from a tile's."""

    def __init__(self, tile_roots: Sequence[bytes]) -> None:
        self._roots = tile_roots
        self._tree: BatchTree | None = None

    def whole(self, fault: Fault) -> Fault:
        """A fault whose proof leads to its tile's root, with one that leads to the batch's."""
        if self._tree is None:
            self._tree = BatchTree(self._roots)
        return replace(fault, proof=(*fault.proof, *self._tree.proof(fault.index // TILE)))
