"""Batch: close the next receipts of the lane into a batch, when :mod:`afterproof.protocol.closing` says so, and publish
its data.
"""

import logging
from collections.abc import Sequence

from ..errors import AfterproofError, ChainError
from ..protocol.batching import build_batch
from ..protocol.closing import Close, Fee, Hold, Rules, Waiting, decide
from ..protocol.header import first_seq_of
from ..protocol.judge import Dispute, Judge
from ..protocol.receipt import Leaf
from ..store.batches import ClosedBatch
from ..store.receipts import StoredReceipt
from .context import Context

log = logging.getLogger(__name__)


def batch(context: Context) -> bool:
    """Close a batch if one is due; True where another may be due at once.

    Raises:
        DataUnavailable: the data cannot be published. No batch was closed then.
    """
    first_seq = _next_seq(context)
    decision = _decision(context, first_seq)
    if isinstance(decision, Hold):
        _say(context, first_seq, decision)
    if not isinstance(decision, Close):
        context.pace_watch.closing = None
        return False
    watch = context.pace_watch
    if watch.closing is None or watch.closing[0] != first_seq:
        watch.closing = first_seq, context.now  # as long as it fails, it counts as on its way
    receipts = next_receipts(context)
    leaves = judged(context, receipts)
    close(context, receipts[0].seq, leaves, decision.says, decision.why.value)
    watch.closing = None
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
    registry = context.store.registry
    epoch = registry.epoch_at(now)
    if epoch is None:
        raise AfterproofError("no epoch is known yet: the chain has not been followed")
    judge = Judge(
        now,
        now + epoch.terms.window,
        epoch.terms,
        lambda name: registry.node(name, now, since=now),
        context.domain,
    )
    leaves: list[Leaf | None] = []
    for receipt in receipts:
        verdict = judge.verdict(receipt.leaf)
        if isinstance(verdict, Dispute):
            log.error(
                "receipt 0x%s at number %d would be disputed (%s): the empty leaf takes its place",
                receipt.leaf.receipt.hash.hex(), receipt.seq, verdict.fault.name,
                extra={"lane": context.lane, "seq": receipt.seq, "fault": verdict.fault.name.lower()},
            )  # fmt: skip
            context.metrics.line.emptied.inc()
            leaves.append(None)
        else:
            leaves.append(receipt.leaf)
    return leaves


def close(
    context: Context, first_seq: int, leaves: Sequence[Leaf | None], reason: str, kind: str = "other"
) -> ClosedBatch:
    """Build the batch of ``leaves`` from ``first_seq`` on, publish its data, and record it as closed.

    ``reason`` says why, for people, ``kind`` as a label of figures.
    """
    decided_at = context.now
    built = build_batch(context.lane, first_seq, leaves)
    uri = context.data.own.publish(built.id, built.data)
    tree = built.tree
    closed = ClosedBatch(built.id, built.count, tree.root, tuple(tree.tile_roots), uri, reason, decided_at)
    with context.store.transaction():
        context.store.receipts.empty(
            context.lane, (first_seq + i for i, leaf in enumerate(leaves) if leaf is None)
        )
        context.store.receipts.leaves.add(context.lane, first_seq, built.count)
        context.store.batches.add_closed(closed)
    context.metrics.line.close(kind, built.count)
    fields = {"lane": context.lane, "batch": f"{context.lane}/{first_seq}", "seq": first_seq, "count": built.count,
              "reason": kind, "root": tree.root, "uri": uri}  # fmt: skip
    log.info(
        "closed batch %d/%d of %d receipts: %s", context.lane, first_seq, built.count, reason, extra=fields
    )
    return closed


def _next_seq(context: Context) -> int:
    last = context.store.batches.last_closed(context.lane)
    return first_seq_of(last.id) + last.count if last is not None else 0


def _decision(context: Context, first_seq: int) -> Close | Hold | None:
    """Whether to close a batch of what waits from ``first_seq`` on."""
    fee = _fee(context)  # looked at though nothing waits: what is usual takes a while to know
    found = context.store.receipts.oldest_from(context.lane, first_seq)
    if found is None:
        return None
    count, first_seq, received_at = found
    pace = context.pace_watch.keep(context.clock(), context.pace())
    settings = context.config.relayer
    rules = Rules(settings.max_batch, settings.max_age, settings.fee_patience, settings.fee_high)
    waiting = Waiting(
        count=count,
        oldest_at=received_at,
        due=context.store.promises.earliest_due(context.lane, first_seq),
        asked=context.store.urgent.waits(context.lane, first_seq),
    )
    return decide(waiting, pace, fee, rules, context.clock(), context.chain_now)


def _fee(context: Context) -> Fee | None:
    """The base fee beside the usual one, where batches may wait for a lower one. No trouble of the node's is ours."""
    if not context.config.relayer.fee_patience:
        return None
    fees, clock = context.pace_watch.fees, context.clock()
    if fees.is_wanted(clock):
        try:
            fee = context.chain.base_fee()
        except ChainError:
            fee = None
        if fee is None:
            fees.forget_now()
        else:
            fees.add(clock, fee)
    return fees.fee


def _say(context: Context, first_seq: int, hold: Hold) -> None:
    """Say once what the next batch waits for."""
    watch, what = context.pace_watch, f"{first_seq} {hold.why}"
    if watch.said != what:
        watch.said = what
        log.info("batch %d/%d waits %s", context.lane, first_seq, hold.says)
