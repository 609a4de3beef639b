"""Batch: close the next receipts of the lane into a batch, once they are many or old enough, and publish its data."""

import logging
from collections.abc import Sequence

from ..errors import AfterproofError, DataUnavailable
from ..protocol.batching import build_batch
from ..protocol.header import first_seq_of
from ..protocol.judge import Dispute, judge
from ..protocol.receipt import Leaf
from ..protocol.registry import NodeRecord
from ..store.batches import ClosedBatch
from ..store.receipts import StoredReceipt
from .context import Context

log = logging.getLogger(__name__)


def batch(context: Context) -> bool:
    """Close a batch if one is due; True where another may be due at once.

    Raises:
        DataUnavailable: the data cannot be published, or reads back differently. No batch was closed then.
    """
    reason = _due(context)
    if reason is None:
        return False
    receipts = next_receipts(context)
    leaves = judged(context, receipts)
    close(context, receipts[0].seq, leaves, reason)
    return True


def next_receipts(context: Context) -> list[StoredReceipt]:
    """The next receipts to close a batch of: consecutive numbers, at most ``max_batch``."""
    most = context.config.relayer.max_batch
    found = context.store.receipts.in_order(context.lane, _next_seq(context), most)
    return [receipt for i, receipt in enumerate(found) if receipt.seq == found[0].seq + i]


def judged(context: Context, receipts: Sequence[StoredReceipt]) -> list[Leaf | None]:
    """The leaves to post: a receipt that the judge would dispute gives way to the empty leaf, loudly.

    A leaf that will read Voided is posted all the same: it was accepted.
    """
    now = context.now
    epoch = context.store.registry.epoch_at(now)
    if epoch is None:
        raise AfterproofError("no epoch is known yet: the chain has not been followed")
    known_by = now + epoch.terms.window
    leaves: list[Leaf | None] = []
    nodes: dict[bytes, NodeRecord | None] = {}
    for receipt in receipts:
        name = receipt.leaf.receipt.node
        if name not in nodes:
            nodes[name] = context.store.registry.node(name)
        verdict = judge(receipt.leaf, now, known_by, epoch.terms, nodes[name], context.domain)
        if isinstance(verdict, Dispute):
            log.error(
                "receipt 0x%s at number %d would be disputed (%s): the empty leaf takes its place",
                receipt.leaf.receipt.hash.hex(), receipt.seq, verdict.fault.name,
            )  # fmt: skip
            leaves.append(None)
        else:
            leaves.append(receipt.leaf)
    return leaves


def close(context: Context, first_seq: int, leaves: Sequence[Leaf | None], reason: str) -> ClosedBatch:
    """Build the batch of ``leaves`` from ``first_seq`` on, publish its data, read it back, and record it as closed."""
    built = build_batch(context.lane, first_seq, leaves)
    uri = context.data.own.publish(built.id, built.data)
    if context.data.own.read(built.id) != built.data:
        raise DataUnavailable(f"the data of batch {built.id} reads back differently from what was published")
    tree = built.tree
    closed = ClosedBatch(built.id, built.count, tree.root, tuple(tree.tile_roots), uri, reason, context.now)
    with context.store.transaction():
        context.store.receipts.empty(
            context.lane, (first_seq + i for i, leaf in enumerate(leaves) if leaf is None)
        )
        context.store.batches.add_closed(closed)
    log.info("closed batch %d/%d of %d receipts: %s", context.lane, first_seq, built.count, reason)
    return closed


def _next_seq(context: Context) -> int:
    last = context.store.batches.last_closed(context.lane)
    return first_seq_of(last.id) + last.count if last is not None else 0


def _due(context: Context) -> str | None:
    """Why a batch is to be closed now, or None."""
    waiting = context.store.receipts.oldest_from(context.lane, _next_seq(context))
    if waiting is None:
        return None
    count, first_seq, received_at = waiting
    settings = context.config.relayer
    if count >= settings.max_batch:
        return f"{count} receipts wait, and {settings.max_batch} fill a batch"
    age = context.clock() - received_at
    if age >= settings.max_age:
        return f"its oldest receipt has waited {age:.1f} of {settings.max_age:g} seconds"
    due = context.store.promises.earliest_due(context.lane, first_seq)
    if due is not None and context.chain_now >= due - settings.promise_margin:
        return f"a promise falls due in {due - context.chain_now} seconds"
    return None
