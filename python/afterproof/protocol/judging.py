"""Judging the tiles of a posted batch: every leaf, by itself and by the range that its batch declares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from .attestations import NodeRecord
from .batching import is_timely
from .header import BatchId, Header, first_seq_of
from .judge import Dispute, Void, judge_posted, judge_range
from .ledger import FUSE
from .merkle import TILE
from .publication import Leaves
from .reading import TileProofs
from .receipt import ZERO, Domain, Leaf, Receipt
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


@dataclass
class Findings:
    """What is found of tiles: leaves that are accepted, void by rule or at fault, the faults to prove, and the timely
    receipts with their numbers: they may stand elsewhere on the lane too. ``voids``: which are void, by index."""

    accepted: int = 0
    void: int = 0
    faulty: int = 0
    faults: list[Fault] = field(default_factory=list)
    receipts: list[tuple[int, Receipt]] = field(default_factory=list)
    voids: set[int] = field(default_factory=set)


def judge_tiles(
    posting: Posting,
    tiles: Mapping[int, Leaves],
    end_of: Callable[[int], int],
    node_of: Callable[[bytes], NodeRecord | None],
    domain: Domain,
) -> Findings:
    """The findings on ``tiles``; ``end_of`` tells when a tile ends, ``node_of`` what is known of a node.

    Of leaf faults the first ``MOST_FAULTS`` are kept, of a misdeclared range the first: once a batch is enough.
    """
    found, first_seq = Findings(), first_seq_of(posting.id)
    nodes: dict[bytes, NodeRecord | None] = {}
    ranged: Fault | None = None
    for tile, leaves in sorted(tiles.items()):
        end = end_of(tile)
        proofs: TileProofs | None = None
        for index, leaf in enumerate(leaves, TILE * tile):
            name = leaf.receipt.node if leaf is not None else ZERO
            if name not in nodes:
                nodes[name] = node_of(name) if leaf is not None else None
            verdict = judge_posted(leaf, posting.header, end, posting.terms, nodes[name], domain)
            if leaf is None or isinstance(verdict, Void):
                found.void += 1
                found.voids.add(index)
            elif isinstance(verdict, Dispute):
                found.faulty += 1
                if len(found.faults) < MOST_FAULTS:
                    proofs = proofs or TileProofs(leaves, tile, posting.tile_roots)
                    fault = Fault(index, verdict.fault, verdict.evidence, leaf, proofs.of(index))
                    found.faults.append(fault)
            else:
                found.accepted += 1
            if leaf is None or not is_timely(leaf.receipt.issued_at, posting.header.anchor, posting.terms):
                continue
            found.receipts.append((first_seq + index, leaf.receipt))
            misdeclared = judge_range(leaf, posting.header, posting.terms) if ranged is None else None
            if misdeclared is not None:
                proofs = proofs or TileProofs(leaves, tile, posting.tile_roots)
                ranged = Fault(index, misdeclared.fault, misdeclared.evidence, leaf, proofs.of(index))
    if ranged is not None:
        found.faults.insert(0, ranged)
    return found
