"""Building a batch: the one builder for relayer, verifier and cheat alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .errors import InvalidData
from .header import BatchId, batch_id
from .merkle import TILE as TILE
from .merkle import BatchTree
from .packing import hash_of
from .publication import publication, read_publication
from .receipt import Leaf
from .terms import Terms


@dataclass(frozen=True)
class Batch:
    """Consecutive leaves of a lane, from ``first_seq`` on; None is the empty leaf."""

    lane: int
    first_seq: int
    leaves: tuple[Leaf | None, ...]

    @property
    def id(self) -> BatchId:
        """``lane << 64 | firstSeq``."""
        return batch_id(self.lane, self.first_seq)

    @property
    def count(self) -> int:
        """The number of leaves."""
        return len(self.leaves)

    @cached_property
    def tree(self) -> BatchTree:
        """The batch tree over the leaf hashes."""
        return BatchTree([hash_of(leaf) for leaf in self.leaves])

    @cached_property
    def data(self) -> bytes:
        """The leaves, compressed, to be published."""
        return publication(self.leaves)


def build_batch(lane: int, first_seq: int, leaves: Sequence[Leaf | None]) -> Batch:
    """The batch of ``leaves`` (at least one) that starts at ``first_seq`` of ``lane``."""
    if not leaves:
        raise ValueError("a batch has at least one leaf")
    return Batch(lane, first_seq, tuple(leaves))


def rebuild_batch(lane: int, first_seq: int, count: int, root: bytes, data: bytes) -> Batch:
    """The posted batch of ``count`` leaves that was published as ``data``.

    Raises:
        InvalidData: the bytes are not ``count`` leaves, or do not hash to ``root``.
    """
    batch = build_batch(lane, first_seq, read_publication(data, count))
    if batch.tree.root != root:
        raise InvalidData(f"the leaves hash to {batch.tree.root.hex()}, the batch was posted as {root.hex()}")
    return batch


def is_timely(issued_at: int, anchor: int, terms: Terms) -> bool:
    """Whether a receipt was young enough at ``anchor`` and not from the future."""
    return anchor - terms.max_posting_delay <= issued_at <= anchor + terms.max_clock_skew


def declared_range(
    leaves: Sequence[Leaf | None], anchor: int, terms: Terms, latest: int | None = None
) -> tuple[int, int]:
    """Least and greatest issuedAt of the timely leaves; the anchor twice where there is none.

    Before the post its anchor is known only to lie between ``anchor`` and ``latest``: a leaf that is timely at either
    counts, and ``latest`` stands for the anchor where none is.
    """
    latest = anchor if latest is None else latest
    times = [leaf.receipt.issued_at for leaf in leaves if leaf is not None]
    timely = [at for at in times if is_timely(at, anchor, terms) or is_timely(at, latest, terms)]
    return (min(timely), max(timely)) if timely else (latest, latest)
