"""Account: keep what our transactions cost, by what the chain has of them, reverted ones too."""

from typing import Final

from .context import Context

EVERY: Final = 5
"""Seconds between two looks for what did not land yet."""


def account(context: Context) -> bool:
    """Look for the transactions of which it is not known in which block they are, as far as blocks were followed.

    A reorganisation makes it unknown again. Of those of one number only one can land.

    Raises:
        ChainUnavailable: the node does not answer.
    """
    cursor = context.store.chain.cursor()
    if cursor is None or not context.accounting.is_due(context.now, EVERY):
        return False
    for tx_hash in context.store.spending.unseen():
        outcome = context.chain.outcome(tx_hash)
        if outcome is not None and outcome.block <= cursor.number:
            context.store.spending.confirm(tx_hash, outcome)
    return False
