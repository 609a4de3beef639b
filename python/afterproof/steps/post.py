"""Post: bring the oldest closed batch onto the chain, exactly once."""

import logging

from ..errors import AfterproofError, CallReverted, LaneTaken
from ..protocol.batching import declared_range
from ..protocol.header import first_seq_of
from ..store.batches import ClosedBatch
from .context import Context

log = logging.getLogger(__name__)


def post(context: Context) -> bool:
    """Post the oldest closed batch that is not on chain; True where it landed: the next may follow at once.

    What is on chain already is never posted again: its event comes into the store through ``watch``.

    Raises:
        LaneTaken: the lane and the store have parted.
        ChainError: the transaction was refused or failed; the state is looked at afresh in the next round.
    """
    _check_posted(context)
    batch = context.store.batches.oldest_unposted(context.lane)
    if batch is None or not _is_next(context, batch):
        return False
    declared = _declared(context, batch)
    if declared is None:
        return False
    first_seq = first_seq_of(batch.id)
    try:
        landed = context.chain.post(
            context.lane, first_seq, batch.count, *declared, batch.tile_roots, batch.data_uri
        )
    except CallReverted as error:
        raise _explained(context, batch, error) from error
    log.info(
        "posted batch %d/%d of %d receipts in block %d for %d gas",
        context.lane, first_seq, batch.count, landed.block, landed.gas_used,
    )  # fmt: skip
    return True


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
    stored = context.store.receipts.each(context.lane, first_seq_of(batch.id), batch.count)
    leaves = [None if receipt.emptied else receipt.leaf for receipt in stored]
    times = [leaf.receipt.issued_at for leaf in leaves if leaf is not None]
    skew = epoch.terms.max_clock_skew
    if any(landing + skew < at <= landing + 2 * skew for at in times):
        log.info("batch %d waits: it holds a receipt from the near future", batch.id)
        return None
    return declared_range(leaves, head, epoch.terms, latest=landing)


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
