"""Acting, or saying what one would do: in a dry run a verifier sends nothing, and says once of each thing that it
would have sent it."""

import logging
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

from ..chain.base import Landed
from ..errors import AfterproofError, CallReverted, SendFailed
from ..units import ether
from .context import Context

log = logging.getLogger(__name__)

OVERTAKEN: Final = frozenset(
    {
        "AlreadyProven", "Struck", "AlreadyDemanded", "AlreadyAnswered", "AlreadyClaimed",
        "AlreadyChallenged", "NothingToProve", "NoBond",
    }
)  # fmt: skip
"""The contracts' refusals of what somebody else was first with, or what is not needed any more: no trouble, and as they
come from the simulation, no cost. Whose it was, the event will say."""

AGAIN: Final = 5
"""Seconds until something is looked at again that would have been sent."""


def is_overtaken(error: AfterproofError) -> bool:
    """Whether somebody else was first."""
    return isinstance(error, CallReverted) and error.error in OVERTAKEN


def act(
    context: Context,
    action: str,
    about: Hashable,
    what: str,
    call: Callable[[bool], Landed],
    fields: Mapping[str, object] | None = None,
) -> Landed | None:
    """Make a call; in a dry run simulate it, and say that it would have been made. None: it was not.

    ``call`` is told whether it is a dry run. ``what`` completes "would have ..."; by ``action`` and ``about`` it is
    known what was said before.

    Raises:
        CallReverted: the contract refuses.
        SendFailed, ChainUnavailable: as ``call``; a dry run needs no funds.
    """
    if not context.dry_run:
        return call(False)
    if context.rehearsal.has(action, about):
        return None
    why = cost = ""
    try:
        landed = call(True)
        cost = f" (it takes {landed.gas_used} gas, {ether(landed.fee)})" if landed.gas_used else ""
    except SendFailed as error:
        why = f"; it could not be simulated: {error}"
    say(context, action, about, what + cost + why, fields)
    return None


def say(
    context: Context, action: str, about: Hashable, what: str, fields: Mapping[str, Any] | None = None
) -> None:
    """Say, once, what a dry run would have done."""
    if context.rehearsal.has(action, about):
        return
    context.rehearsal.add(action, about)
    context.metrics.checking.rehearse(action)
    log.warning("dry run: would have %s", what, extra=dict(fields or {}))
