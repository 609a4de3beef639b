"""Whether this machine's own network works: nobody is accused of withholding anything without a sign of that."""

import logging
from typing import Final

from ..data.tiles import Wanted, is_had
from ..errors import DataUnavailable
from ..protocol.header import BatchId
from .context import Context

log = logging.getLogger(__name__)

NO_SIGN: Final = "this machine's own network gives no sign that it works"
"""Why nobody is accused of withholding anything."""

PROBED: Final = 2**20
"""Bytes that may be read of the address that tells whether the network works."""

PROBED_BATCHES: Final = 3
"""Batches that are fetched again for such a sign, at most."""


def has_sign_of_network(context: Context, since: int, besides: BatchId | None = None) -> bool:
    """Whether something that can be told to be right could be had from the web since a time, or can be now.

    Looked for where it was not: at the probe of the settings, and at batches that could be had before, but for one.
    """
    if context.reach.has_worked_since(since):
        return True
    now, others = context.chain_now, context.data.others
    probe = context.config.verifier.probe
    if probe is not None:
        try:
            others.fetch(probe, PROBED)
        except DataUnavailable as error:
            log.error("the network's probe does not answer: %s", error)
        else:
            context.reach.found(now)
            return True
    for posted in context.store.batches.newest_checked(PROBED_BATCHES, besides):
        wanted = Wanted(posted.id, posted.header, posted.tile_roots, frozenset(), (posted.data_uri,))
        if is_had(context.data, wanted):
            context.reach.found(now)
            return True
    return False
