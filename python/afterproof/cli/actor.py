"""Who acts: the account of the settings, or a contract account for which a call is drafted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .session import Session

if TYPE_CHECKING:
    from ..chain.base import ChainSender


@dataclass(frozen=True)
class Actor:
    """Who acts. ``notice``: for how many seconds its call waits at least before it is made: a timelock's delay."""

    sender: "ChainSender"
    is_contract: bool = False
    notice: int = 0


def owner(session: Session, of: str, calldata: bool) -> Actor:
    """Whoever owns ``of``, "settlement" or "registry", where calldata is wanted; else the account of the settings."""
    if not calldata:
        return Actor(session.sender)
    from ..chain.timelock import delay_of, owner_of

    account = owner_of(session.reader, getattr(session.deployment, of))
    return Actor(session.drafter(account), True, delay_of(session.reader, account) or 0)


def revoker(session: Session, calldata: bool) -> Actor:
    """Where calldata is wanted: whoever the registry's owner appointed to revoke, else that owner; without, the account
    of the settings."""
    if calldata:
        account = session.reader.revoker()
        if any(account):
            return Actor(session.drafter(account), True)
    return owner(session, "registry", calldata)


def guardian(session: Session, calldata: bool) -> Actor:
    """The guardian, where calldata is wanted; else the account of the settings."""
    if not calldata:
        return Actor(session.sender)
    account = session.reader.pause_state().guardian
    if not any(account):
        raise ConfigError("nobody is guardian: `afterproof guardian appoint ADDRESS` is for the owner")
    return Actor(session.drafter(account), True)
