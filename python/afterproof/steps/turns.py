"""Whose turn a batch is, where several processes share a store: each judges some, and none what another judges.

A claim spares work and no more. What is written is right without it: a look is only believed where nothing of what it
went by has changed since, so that of two who judge the same the second finds it judged.
"""

import contextlib
from collections.abc import Iterator
from typing import Final

from ..protocol.header import BatchId
from ..store.deadlines import Action
from .context import Context

LOOKED_AT: Final = 64
"""Deadlines that are gone through for a batch that is free."""


@contextlib.contextmanager
def turn(context: Context, now: int) -> Iterator[tuple[BatchId | None, bool]]:
    """The batch that this process is to check, claimed within: the soonest due that is free; and whether there are
    more.

    What could not be had once is looked for by the one that leads alone: it is the one that would demand it, and goes
    by its own network.
    """
    store, patience = context.store, context.patience
    due = store.deadlines.due(Action.CHECK, now + 1, LOOKED_AT)
    if due and not store.leads():
        due = store.deadlines.due_first_checks(now + 1, LOOKED_AT)
    batches = list(dict.fromkeys(one.batch for one in due))
    patience.keep(batches)
    for number, batch in enumerate(batches):
        claimed = store.claims(batch)
        if claimed or patience.is_over(batch, context.clock()):
            try:
                yield batch, number + 1 < len(batches)
            finally:
                store.release(batch)
            return
    yield None, False
