"""Post: bring the oldest closed batch onto the chain, exactly once."""

import logging
from collections.abc import Iterator
from typing import Final

from ..errors import AfterproofError, CallReverted, DataUnavailable, LaneTaken
from ..protocol.batching import build_batch, declared_range, rebuild_batch
from ..protocol.errors import ProtocolError
from ..protocol.header import first_seq_of
from ..protocol.publication import most_bytes
from ..store.batches import ClosedBatch
from ..store.receipts import StoredReceipt
from .context import Context
from .unstored import LONGEST_BACKOFF

log = logging.getLogger(__name__)

LOST: Final = 5
"""Seconds after which data that does not read back is published again at once: no service shows it as late as that."""

PUBLISH_AGAIN: Final = 2
"""Failures to read a batch back from which on it is published again: some services show what is new a moment late."""

LONGEST_WAIT: Final = 120
"""Seconds that a transaction is waited for, at most, before the state is looked at again."""

SOON: Final = 2
"""Seconds until data is read back again while a promise presses, at most."""


def post(context: Context) -> bool:
    """Post the oldest closed batch that is not on chain; True where it landed: the next may follow at once.

    What is on chain already is never posted again: its event comes into the store through ``watch``.

    Raises:
        LaneTaken: the lane and the store have parted.
        DataUnavailable: what a reader gets of the batch is not the batch. It is published again, after a while.
        ChainError: the transaction was refused or failed; the state is looked at afresh in the next round.
    """
    _check_posted(context)
    batch = context.store.batches.oldest_unposted(context.lane)
    if batch is None or not _is_next(context, batch):
        return False
    urgent = _presses(context, batch)
    _check_data(context, batch, urgent)
    declared = _declared(context, batch)
    if declared is None:
        return False
    first_seq = first_seq_of(batch.id)
    line = context.metrics.line
    try:
        with line.posting.time(), line.post_failures.count_exceptions():
            landed = context.chain.post(
                context.lane,
                first_seq,
                batch.count,
                *declared,
                batch.tile_roots,
                batch.data_uri,
                urgent=urgent,
            )
    except CallReverted as error:
        raise _explained(context, batch, error) from error
    context.metrics.chain.land("post", landed.gas_used, landed.fee)
    log.info(
        "posted batch %d/%d of %d receipts in block %d for %d gas%s",
        context.lane, first_seq, batch.count, landed.block, landed.gas_used, ", urgently" if urgent else "",
        extra=_fields(context, batch) | landed.fields,
    )  # fmt: skip
    return True


def _presses(context: Context, batch: ClosedBatch) -> bool:
    """Whether a promise that is not kept yet falls due within twice what is kept to post it.

    Or before another try, were this one to be waited for in vain, had that time.
    """
    due = context.store.promises.earliest_due(context.lane, first_seq_of(batch.id))
    margin = context.pace().margin
    return due is not None and context.chain_now >= due - margin - max(margin, LONGEST_WAIT)


def _check_posted(context: Context) -> None:
    """The newest batch on the lane must be one of ours, where we have closed any at its numbers."""
    posted = context.store.batches.last_posted(context.lane)
    if posted is None:
        return
    ours = context.store.batches.closed_with(context.lane, first_seq_of(posted.id))
    if ours is not None and (ours.id, ours.root) != (posted.id, posted.root):
        raise LaneTaken(
            f"batch {context.lane}/{first_seq_of(posted.id)} on chain is not the one that this relayer closed: another "
            f"process posts on lane {context.lane}, or this store is an old copy"
        )


def _is_next(context: Context, batch: ClosedBatch) -> bool:
    """Whether the lane stands where the batch starts, by the contract's own state now."""
    lane = context.chain.lane(context.lane)
    if lane is None:
        raise LaneTaken(f"there is no lane {context.lane} on chain")
    if lane.poster != context.chain.account:
        raise LaneTaken(
            f"lane {context.lane} is posted on by 0x{lane.poster.hex()}, not by 0x{context.chain.account.hex()}"
        )
    first_seq = first_seq_of(batch.id)
    if lane.next_seq == first_seq:
        return True
    seen = context.store.batches.last_posted(context.lane)
    if lane.next_seq == (seen.end if seen is not None else 0):
        raise LaneTaken(
            f"lane {context.lane} stands at number {lane.next_seq} on chain, this relayer's next batch starts at "
            f"{first_seq}: another process posted on it, or this store is an old copy"
        )
    return False  # posted already, or undone by a reorganisation: watch has not seen it yet


def _check_data(context: Context, batch: ClosedBatch, urgent: bool) -> None:
    """Read the data as a reader does: nothing is posted that others cannot check. Once for each run and batch."""
    readback = context.readback
    if readback.confirmed == (batch.id, batch.root):
        return
    first_seq, name = first_seq_of(batch.id), f"{context.lane}/{first_seq_of(batch.id)}"
    if readback.is_waiting(batch.id, context.now):
        raise DataUnavailable(readback.why)
    try:
        data = context.data.own.read_back(batch.id, batch.data_uri, most_bytes(batch.count))
        rebuild_batch(context.lane, first_seq, batch.count, batch.root, data)
    except (DataUnavailable, ProtocolError) as error:
        why = f"batch {name} is not posted: its data does not read back: {error}"
        wait = readback.fail(batch.id, context.now, why, SOON if urgent else LONGEST_BACKOFF)
        fields = _fields(context, batch) | {"error": str(error), "retry_seconds": wait}
        log.error("%s; it is read again in %d s", readback.why, wait, extra=fields)
        if readback.failures >= PUBLISH_AGAIN or context.now - batch.closed_at >= LOST:
            _publish_again(context, batch)
        raise DataUnavailable(readback.why) from None
    readback.confirmed = batch.id, batch.root


def _publish_again(context: Context, batch: ClosedBatch) -> None:
    first_seq = first_seq_of(batch.id)
    leaves = [None if one.emptied else one.leaf for one in _receipts(context, batch)]
    built = build_batch(context.lane, first_seq, leaves)
    uri = context.data.own.publish(built.id, built.data)
    if uri != batch.data_uri:
        context.store.batches.move(batch.id, uri)


def _receipts(context: Context, batch: ClosedBatch) -> Iterator[StoredReceipt]:
    return context.store.receipts.each(context.lane, first_seq_of(batch.id), batch.count)


def _declared(context: Context, batch: ClosedBatch) -> tuple[int, int] | None:
    """The range of issuedAt to declare; None: wait a moment.

    The anchor is the time of the block that the post will land in, which nobody knows: at least the head's, about
    now. A leaf that is timely at either is declared. A range that the contract then finds too wide is refused, and
    narrower in the next round; one too narrow could be proven a fault.
    """
    head = context.chain.head().timestamp
    landing = max(head, context.now)
    epoch = context.store.registry.epoch_at(landing)
    if epoch is None:
        raise AfterproofError("no epoch is known yet: the chain has not been followed")
    leaves = [None if receipt.emptied else receipt.leaf for receipt in _receipts(context, batch)]
    times = [leaf.receipt.issued_at for leaf in leaves if leaf is not None]
    skew = epoch.terms.max_clock_skew
    if any(landing + skew < at <= landing + 2 * skew for at in times):
        log.info(
            "batch %d waits: it holds a receipt from the near future", batch.id, extra=_fields(context, batch)
        )
        return None
    return declared_range(leaves, head, epoch.terms, latest=landing)


def _fields(context: Context, batch: ClosedBatch) -> dict[str, object]:
    """What a message about a batch is about."""
    first_seq = first_seq_of(batch.id)
    return {
        "lane": context.lane,
        "batch": f"{context.lane}/{first_seq}",
        "seq": first_seq,
        "count": batch.count,
    }


def _explained(context: Context, batch: ClosedBatch, error: CallReverted) -> AfterproofError:
    """A refusal as a sentence that says what to do."""
    name = f"batch {context.lane}/{first_seq_of(batch.id)} was not posted: {error}"
    advice = {
        "InsufficientStake": f"; top up lane {context.lane}, or wait until earlier batches are final",
        "WrongRange": "; the chain's clock is ahead of what was expected: it is tried again",
        "WrongSequence": "; it is on chain already, or an earlier one is not: looking again",
        "Paused": "; the guardian paused posting: it is tried again, and promises are due later accordingly",
        "NotPoster": f"; the lane's poster is not 0x{context.chain.account.hex()}",
    }
    return AfterproofError(name + advice.get(error.error, ""))
