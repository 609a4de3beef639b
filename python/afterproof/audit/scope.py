"""Which batches an audit is about, and which others it has to look at for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..protocol.header import BatchId, lane_of
from ..store.audits import Candidate

EVER: Final = 2**62
"""Later than any block and any time."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The batches of ``lanes`` (None: all) posted in these blocks and at these times (unix seconds), inclusive."""

    lanes: frozenset[int] | None = None
    from_block: int = 0
    to_block: int = EVER
    since: int = 0
    until: int = EVER

    def has(self, batch: BatchId, block: int, posted_at: int) -> bool:
        """Whether a batch is meant."""
        return (self.lanes is None or lane_of(batch) in self.lanes) and self.spans(block, posted_at)

    def spans(self, block: int, at: int) -> bool:
        """Whether something that happened in a block, at a time, is meant, on whichever lane."""
        return self.from_block <= block <= self.to_block and self.since <= at <= self.until


@dataclass(frozen=True, slots=True)
class Task:
    """A batch to be examined; ``for_others``: only for its receipts, which may stand in later batches too."""

    batch: BatchId
    for_others: bool


def plan(candidates: Sequence[Candidate], scope: Scope, span: int) -> list[Task]:
    """What is to be examined of one lane's batches, given in order, so that all in ``scope`` are.

    A timely receipt can stand in two batches only where they were posted at most ``span`` seconds apart. So what was
    posted so shortly after a batch that has to be looked at again is examined again; and what was posted so shortly
    before one is looked at for its receipts.
    """
    due: list[bool] = []
    changed_at: int | None = None
    for one in candidates:
        is_meant = scope.has(one.id, one.block, one.posted_at)
        is_near = changed_at is not None and one.posted_at - changed_at <= span
        is_due = is_meant and (not one.is_done or is_near)
        if is_due and one.examined and not one.is_done:
            changed_at = one.posted_at
        due.append(is_due)
    tasks: list[Task] = []
    next_due: int | None = None
    for one, is_due in zip(reversed(candidates), reversed(due), strict=True):
        if is_due:
            next_due = one.posted_at
            tasks.append(Task(one.id, False))
        elif next_due is not None and next_due - one.posted_at <= span:
            tasks.append(Task(one.id, True))
    return tasks[::-1]
