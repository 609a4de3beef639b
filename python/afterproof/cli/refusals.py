"""What the contracts' refusals mean, for people: the name of a custom error is kept in brackets."""

from collections.abc import Callable
from typing import Final

from ..errors import CallReverted
from ..protocol.receipt import hex0x, keccak
from ..units import checksummed, ether
from .lookup import named
from .registry_refusals import REGISTRY_SENTENCES, as_address
from .values import moment

_ROLES: Final = {
    keccak(f"{name.upper()}_ROLE".encode()): name for name in ("proposer", "executor", "canceller")
}
"""How OpenZeppelin's access control names a timelock's roles."""

_SENTENCES: Final[dict[str, Callable[..., str]]] = {
    "UnknownLane": lambda lane: f"there is no lane {lane}",
    "NotWholeGwei": lambda amount: f"{ether(amount)} is not a whole number of gwei",
    "StakeTooLarge": lambda amount, limit: (
        f"{ether(amount)} is more than the {ether(limit)} that still fit the lane"
    ),
    "InsufficientStake": lambda stake, needed: (
        f"the lane would hold {ether(stake)} and must hold {ether(needed)}"
    ),
    "SequenceExhausted": lambda reach, limit: (
        f"the lane's numbers, with those that it may promise, end at {limit:,}: {reach:,} is beyond; open another lane"
    ),
    "ZeroAddress": lambda: "the poster must not be the zero address",
    "NotLaneOwner": lambda caller, owner: (
        f"only the lane's owner, {checksummed(as_address(owner))}, may do this, not {checksummed(as_address(caller))}"
    ),
    "LaneBlown": lambda lane: f"the fuse of lane {lane} has blown: it may never post again",
    "AlreadyLeaving": lambda lane: f"lane {lane} leaves already",
    "NotLeaving": lambda lane: f"lane {lane} has not begun to leave: `afterproof lane exit {lane}`",
    "StillLiable": lambda lane, until: f"lane {lane} is liable until {moment(until)}",
    "ReceiptsOpen": lambda lane, count: (
        f"{count:,} of lane {lane}'s receipts still count as open: wait until they are final, then "
        f"`afterproof lane release {lane}`"
    ),
    "NoChangeDue": lambda lane, at: (
        f"the announced ahead of lane {lane} is due {moment(at)}"
        if at
        else f"lane {lane} announced no smaller ahead"
    ),
    "NotPromised": lambda lane, seq: (
        f"the lane's promise key for number {seq} of lane {lane} did not sign that, or it holds another leaf there"
    ),
    "Unenforceable": lambda lane, seq: (
        f"number {seq} is beyond what lane {lane} may promise, or due too long after it began to leave"
    ),
    "NotBroken": lambda lane, seq: f"the promise of number {seq} of lane {lane} was kept, or may still be",
    "AlreadyClaimed": lambda lane, seq: f"the promise of number {seq} of lane {lane} was claimed before",
    "UnknownBatch": lambda batch: f"there is no {named(batch)}",
    "TooLate": lambda end: f"it is too late: the last moment was {moment(end)}",
    "NotIncluded": lambda batch, index: (
        f"what was handed in does not lead to the root of {named(batch)} at place {index}"
    ),
    "AlreadyDemanded": lambda batch, tile: f"tile {tile} of {named(batch)} was demanded before: once is all",
    "NotDemanded": lambda batch, tile: f"tile {tile} of {named(batch)} was never demanded",
    "AlreadyAnswered": lambda batch, tile: f"the demand of tile {tile} of {named(batch)} is settled",
    "WrongAnswer": lambda batch, tile: f"those are not the leaves of tile {tile} of {named(batch)}",
    "InsufficientDeposit": lambda deposit, needed: (
        f"a demand takes {ether(needed)} at the present base fee, not {ether(deposit)}"
    ),
    "NotYet": lambda until: f"it can still be answered until {moment(until)}",
    "Struck": lambda batch, tile: f"tile {tile} of {named(batch)} is struck",
    "NotGuardian": lambda caller: (
        f"only the guardian may do this, not {checksummed(as_address(caller))}; "
        "if the guardian is a contract, --calldata prints the call for it"
    ),
    "WrongPause": lambda seconds, longest: f"a pause lasts 1 to {longest:,} seconds, not {seconds:,}",
    "TooSoon": lambda at, earliest: (
        f"{moment(at)} is too soon: the earliest is {moment(earliest)} ({earliest})"
    ),
    "TooDistant": lambda at, latest: (
        f"{moment(at)} is too far ahead: the latest is {moment(latest)} ({latest})"
    ),
    "EpochPending": lambda epoch, at: f"epoch {epoch} is announced and starts {moment(at)}",
    "BadTerms": lambda parameter, rule: f"the terms break a rule: {parameter} {rule}",
    "AccessControlUnauthorizedAccount": lambda account, role: (
        f"{checksummed(as_address(account))} is no {_ROLES.get(role, 'administrator')} of the timelock"
    ),
    "TimelockUnexecutedPredecessor": lambda operation: (
        f"operation {hex0x(operation)} must be executed before"
    ),
    "TimelockInsufficientDelay": lambda delay, least: (
        f"the timelock holds a call back for {least:,} seconds at least, not {delay:,}"
    ),
    "TimelockUnexpectedOperationState": lambda operation, _: (
        f"operation {hex0x(operation)} is not so far, or too far: see `afterproof timelock show`"
    ),
    "NoCredit": lambda account: f"{checksummed(as_address(account))} has nothing to withdraw",
    "PaymentRefused": lambda to: (
        f"{checksummed(as_address(to))} refuses to be paid: withdraw to another account"
    ),
    "OwnableUnauthorizedAccount": lambda account: (
        f"only the owner may do this, not {checksummed(as_address(account))}; "
        "if the owner is a contract, --calldata prints the call for it"
    ),
}


def explained(error: CallReverted) -> str:
    """A refusal as a sentence."""
    sentence = _SENTENCES.get(error.error) or REGISTRY_SENTENCES.get(error.error)
    try:
        return f"{sentence(*error.arguments)} ({error.error})" if sentence is not None else str(error)
    except (TypeError, ValueError):  # another contract's error of the same name
        return str(error)
