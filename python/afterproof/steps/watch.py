"""Watch: follow the chain into the store, range by range, and go back when the chain did.

Of several verifiers on one store one follows the chain, and the others see by it how far they know it.
A relayer that promises also looks at what its lane may promise, whenever there is a new block.
"""

import logging
from typing import Final

from ..chain.base import Block, Logged, Posted
from ..errors import ChainUnavailable, Disagreement
from ..protocol.header import first_seq_of, lane_of
from .context import Context
from .unstored import Authority

log = logging.getLogger(__name__)

RANGE: Final = 2000
"""Blocks that are read and committed at a time."""

REPEAT_AFTER: Final = 60.0
"""Seconds after which it is said again that clock and chain are not at one."""


def watch(context: Context) -> bool:
    """Bring the next range of blocks into the store; True while there are more.

    Raises:
        ChainUnavailable: the node cannot say, or says what does not fit together. Nothing was stored then.
    """
    try:
        return _watch(context)
    except Disagreement:
        context.metrics.chain.disagreements.inc()
        raise


def _watch(context: Context) -> bool:
    chain, store = context.chain, context.store
    if not context.pulse.knows_contracts:
        chain.check_contracts()
        context.pulse.knows_contracts = True
    head = chain.head()
    context.metrics.chain.head(head.number, head.timestamp)
    _compare_clocks(context, head)
    cursor = store.chain.cursor()
    if cursor is not None and not _still_there(context, cursor, head):
        if not _go_back(context, cursor, head):
            return True
        cursor = store.chain.cursor()
    first = cursor.number + 1 if cursor is not None else context.deployment.block
    if first > head.number:
        if context.lane_watch.authority is None or context.lane_watch.at != cursor:
            _look_at_lane(context)  # another process may have brought the store here
            context.lane_watch.at = cursor
        context.pulse.beat(context.clock())
        return False
    terms = chain.registry_terms() if store.registry.terms() is None else None
    last = _block(context, min(head.number, first + RANGE - 1))
    events = _events(context, first, last, head)
    # The chain may have been reorganised while it was read: what was read must hang together.
    for known in (cursor, last):
        if known is not None and _block(context, known.number).hash != known.hash:
            raise ChainUnavailable(f"block {known.number} was replaced while it was read; reading it again")
    if any(logged.place.block_hash != last.hash for logged in events if logged.place.block == last.number):
        raise ChainUnavailable(f"the node's events of block {last.number} are another block's")
    if terms is not None:
        store.registry.put_terms(terms)
    if not store.chain.apply(events, last, cursor):
        return True  # another process on the same store was quicker: see where it has come to
    if last.number < head.number:
        log.info(
            "followed the chain to block %d of %d", last.number, head.number, extra={"block": last.number}
        )
        return True
    _look_at_lane(context)
    context.lane_watch.at = last
    context.pulse.beat(context.clock())
    return False


def _compare_clocks(context: Context, head: Block) -> None:
    context.drift.note(head.timestamp, context.clock())
    if not context.adrift:
        if context.drift.is_over():
            log.info("clock and chain are at one again")
    elif context.drift.is_to_be_said(context.clock(), REPEAT_AFTER):
        log.error(
            "%s, by %d seconds: nothing is demanded, nor challenged as withheld, until that is over",
            context.adrift, abs(head.timestamp - context.clock()), extra={"error": context.adrift},
        )  # fmt: skip


def glance(context: Context) -> bool:
    """See whether the store knows the chain up to its head, where another process follows it.

    Raises:
        ChainUnavailable: the node cannot say.
    """
    head, cursor = context.chain.head(), context.store.chain.cursor()
    context.metrics.chain.head(head.number, head.timestamp)
    context.pulse.seen(head.number, None if cursor is None else cursor.number, context.clock())
    return False


def _events(context: Context, first: int, last: Block, head: Block) -> list[Logged]:
    """The events from block ``first`` on; at the head, none of them left out that tells of our lane.

    A node may know a block before it knows its events, and answers that there were none: a batch that landed would
    never be seen to have landed, and none posted after it. The lane's own state tells. What was left out may lie in
    ranges read before: all since our last batch is read again, and storing an event twice changes nothing.

    Raises:
        ChainUnavailable: the node leaves it out still.
    """
    events = context.chain.events(first, last.number)
    if last.number < head.number or not _leave_out_ours(context, events, last):
        return events
    posted = context.store.batches.last_posted(context.lane)
    events = context.chain.events(
        posted.block if posted is not None else context.deployment.block, last.number
    )
    if _leave_out_ours(context, events, last):
        raise ChainUnavailable(
            f"the node's events up to block {last.number} leave out a batch on lane {context.lane}: reading them again"
        )
    log.warning("the node had left out events of lane %d: they are there now", context.lane)
    return events


def _leave_out_ours(context: Context, events: list[Logged], head: Block) -> bool:
    """Whether the relayer's lane has a batch, up to ``head``, that neither the store nor ``events`` know of."""
    lane = context.config.relayer.lane
    if context.store.role != "relayer" or lane is None:
        return False
    posted = context.store.batches.last_posted(lane)
    ends = [posted.end] if posted is not None else []
    for logged in events:
        if isinstance(logged.event, Posted) and lane_of(logged.event.batch) == lane:
            ends.append(first_seq_of(logged.event.batch) + logged.event.header.count)
    state = context.chain.lane(lane)
    if state is None or state.next_seq <= max(ends, default=0):
        return False
    return context.chain.head() == head  # else it may have landed since


def _still_there(context: Context, cursor: Block, head: Block) -> bool:
    """Whether the cursor's block is on the chain.

    A head behind the cursor alone proves nothing: nodes behind one address are not all equally far. Unless the chain
    differs from what is remembered below it, that is waited out.
    """
    if head.number >= cursor.number:
        return _block(context, cursor.number).hash == cursor.hash
    for known in context.store.chain.blocks_back():
        if known.number <= head.number:
            if _block(context, known.number).hash != known.hash:
                return False
            break
    raise ChainUnavailable(
        f"the node is at block {head.number}, behind block {cursor.number} that it had before"
    )


def _go_back(context: Context, cursor: Block, head: Block) -> bool:
    """Undo to the newest block remembered that the chain still has; False: another process moved the cursor first."""
    store = context.store
    ancestor = None
    for known in store.chain.blocks_back():
        if known.number > head.number:
            continue
        # A node that has not come so far says nothing of a reorganisation: nothing is undone on its word.
        if _block(context, known.number).hash == known.hash:
            ancestor = known
            break
    before_all = context.deployment.block - 1
    undone_from = ancestor.number if ancestor is not None else before_all
    context.metrics.chain.reorganisations.inc()
    log.warning(
        "the chain was reorganised: what came after block %d is undone and read again",
        undone_from, extra={"block": undone_from},
    )  # fmt: skip
    return store.chain.undo_beyond(ancestor, before_all, cursor)


def _look_at_lane(context: Context) -> None:
    if context.promiser is None:
        return
    lane = context.chain.lane(context.lane)
    if lane is None or lane.blown or lane.poster != context.chain.account:
        why = (
            "its fuse has blown" if lane is not None and lane.blown else "it is another account's to post on"
        )
        context.lane_watch.authority = Authority(
            obstacle=f"nothing can be posted on lane {context.lane}: {why}"
        )
        return
    if not lane.ahead:
        context.lane_watch.authority = Authority()
        return
    limit = lane.next_seq + lane.ahead
    last_due = None
    if lane.exit_at:
        epoch = context.store.registry.epoch_at(lane.exit_at)
        last_due = lane.exit_at + (epoch.terms.max_promise_delay if epoch is not None else 0)
    until = _signed_until(context, context.store.receipts.next_seq(context.lane), limit)
    context.lane_watch.authority = Authority(lane.ahead, limit, until, last_due)


def _signed_until(context: Context, first: int, limit: int) -> int:
    """From number ``first`` on, the first below ``limit`` that another key signs promises for, or ``limit``."""
    assert context.promiser is not None
    ours = context.promiser.address

    def is_ours(seq: int) -> bool:
        return context.chain.promise_key_of(context.lane, seq) == ours

    if first >= limit or is_ours(limit - 1):
        return limit if first >= limit or is_ours(first) else first
    low, high = first, limit - 1  # between them a rotation took the authority away
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if is_ours(middle) else (low, middle)
    return low


def _block(context: Context, number: int) -> Block:
    block = context.chain.block(number)
    if block is None:
        raise ChainUnavailable(f"the node has no block {number}, though its head was beyond it")
    return block
