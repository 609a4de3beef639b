"""Withdraw: pull what the contracts owe the account, once it is worth the gas."""

import logging
from collections.abc import Callable
from typing import Final

from ..chain.base import Landed
from ..errors import CallReverted, SendFailed
from ..protocol.funds import Short
from ..units import ether, wei_of
from .context import Context
from .rehearse import act

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 60
"""Seconds between two looks at the credits."""

WORTH: Final = 50
"""How many times its fee a withdrawal must bring."""


def withdraw(context: Context) -> bool:
    """Withdraw the account's credit with each contract where it is above ``verifier.withdraw_above``.

    Less than that too while the account's funds are low. Nothing where the fee, by a simulation, is more than a
    fiftieth of it: fees may fall.

    Raises:
        ChainUnavailable: the node does not answer.
    """
    least = wei_of(context.config.verifier.withdraw_above)
    if not least or not context.withdrawing.is_due(context.chain_now, LOOK_EVERY):
        return False
    if {Short.FUNDS, Short.RESERVE} & context.funds_watch.warnings.keys():
        least = 1
    chain, account = context.chain, context.chain.account
    for name, owed, pull in (
        ("the settlement contract", chain.credits(account), chain.withdraw),
        ("the registry", chain.registry_credits(account), chain.withdraw_from_registry),
    ):
        if owed >= least:
            _withdraw(context, name, owed, pull)
    return False


def _withdraw(context: Context, name: str, owed: int, pull: Callable[[bytes, bool], Landed]) -> None:
    account = context.chain.account
    try:
        fee = pull(account, True).fee
        if fee * WORTH > owed:
            log.info("the %s that %s owes stay there: withdrawing takes %s", ether(owed), name, ether(fee))
            return
        what = f"withdrawn {ether(owed)} from {name}"
        landed = act(context, "withdraw", name, what, lambda dry_run: pull(account, dry_run))
    except (CallReverted, SendFailed) as error:
        log.error("the %s that %s owes could not be withdrawn: %s", ether(owed), name, error)
        return
    if landed is None:
        return
    context.metrics.chain.land("withdraw", landed.gas_used, landed.fee)
    log.info("withdrew %s from %s in block %d", ether(owed), name, landed.block, extra=landed.fields)
