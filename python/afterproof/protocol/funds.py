"""Funds: how long what a relayer's account and its lane hold will last at today's rate, and when that is a warning.

Amounts are wei, times unix seconds. What is not known is None, and warns of nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .terms import DAY, ETHER

HOUR: Final = 3600


class Short(StrEnum):
    """What runs out."""

    FUNDS = "funds"
    RESERVE = "reserve"
    COVER = "cover"
    PROMISES = "promises"
    KEY = "promise key"
    LEAVING = "leaving"
    BOND = "heartbeat bond"


@dataclass(frozen=True, slots=True)
class Account:
    """What the account holds, and what its transactions cost a day."""

    balance: int
    a_day: float | None = None

    @property
    def lasts(self) -> float | None:
        """Seconds until it is used up; None: nobody can say, or it costs nothing."""
        return self.balance / self.a_day * DAY if self.a_day else None


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a verifier's dearest actions take at today's fees: the deposits of a demand and of a challenge, and gas."""

    demand: int = 0
    challenge: int = 0
    gas: int = 0

    @property
    def total(self) -> int:
        """What must be at hand."""
        return self.demand + self.challenge + self.gas


@dataclass(frozen=True, slots=True)
class Cover:
    """What a lane's stake answers for, in receipts.

    ``capacity``: how many may be open at once, beside those that may be promised ahead. ``open`` ones can be disputed
    now, ``waiting`` ones are to be posted, ``a_window`` are posted in each window, ``window`` seconds, at today's rate.
    """

    capacity: int
    open: int
    waiting: int
    a_window: float
    window: int

    @property
    def free(self) -> int:
        """How many more may be posted now."""
        return max(0, self.capacity - self.open)

    @property
    def lasts(self) -> float | None:
        """Seconds until no more can be posted; None: at today's rate windows end soon enough."""
        if self.a_window <= self.capacity:
            return None
        return self.free / self.a_window * self.window


@dataclass(frozen=True, slots=True)
class Authority:
    """How many numbers a lane may promise, how many are left now, and how many of those have another key.

    ``last_due``: the lane leaves, and no promise due later binds it.
    """

    ahead: int = 0
    left: int = 0
    foreign: int = 0
    last_due: int | None = None


@dataclass(frozen=True, slots=True)
class Funds:
    """All of it. ``bond``: what a reporter of heartbeats has up, and must have."""

    account: Account
    cover: Cover | None = None
    authority: Authority = Authority()
    bond: tuple[int, int] | None = None
    reserve: Reserve = Reserve()


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too little: seconds that the account's funds must last, and the share of a lane that must be free."""

    funds: float
    share: float


def capacity(stake: int, min_stake: int, cover: int, ahead: int) -> int:
    """Receipts that a stake lets be open at once, beside those that may be promised ahead."""
    return max(0, max(0, stake - min_stake) // cover - ahead)


def a_day(fees: list[int], posts: int, others: int, seconds: float) -> float | None:
    """What transactions cost a day, by the last ``seconds``; None where nothing was paid.

    ``fees`` are those of posts, as far as known: ``posts`` have landed. ``others``: what all else cost.
    """
    if not fees and not others:
        return None
    posting = sum(fees) / len(fees) * max(posts, len(fees)) if fees else 0.0
    return (posting + others) / max(seconds, HOUR) * DAY


def warnings(funds: Funds, limits: Limits) -> Iterator[tuple[Short, str]]:
    """What runs out, as sentences that say what to do."""
    account, cover, authority = funds.account, funds.cover, funds.authority
    lasts = account.lasts
    if account.balance == 0:
        yield Short.FUNDS, "the account holds nothing: no transaction can be sent; fund it"
    elif lasts is not None and lasts < limits.funds:
        yield (
            Short.FUNDS,
            f"the account's {_ether(account.balance)} ether last for about {_time(lasts)} at today's rate of "
            f"{_ether(account.a_day or 0)} a day: fund it",
        )
    if 0 < account.balance < funds.reserve.total:
        yield Short.RESERVE, _reserve(account, funds.reserve)
    if cover is not None:
        yield from _cover(cover, limits)
    if authority.foreign:
        yield (
            Short.KEY,
            f"the last {authority.foreign} numbers that the lane may promise are another key's, "
            f"{authority.left} are left of this one's: start the relayer with the other promise key",
        )
    elif authority.ahead and authority.left < limits.share * authority.ahead:
        yield (
            Short.PROMISES,
            f"{authority.left} of {authority.ahead} numbers are left to promise before more receipts are on chain: "
            "raise the lane's ahead",
        )
    if authority.last_due is not None:
        yield (
            Short.LEAVING,
            f"the lane leaves: promises due after {authority.last_due} (unix seconds) are not given",
        )
    if funds.bond is not None and funds.bond[0] < funds.bond[1]:
        yield (
            Short.BOND,
            f"the bond of the heartbeats' reporter is {_ether(funds.bond[0])} of {_ether(funds.bond[1])} ether: "
            "heartbeats are not reported",
        )


def _reserve(account: Account, reserve: Reserve) -> str:
    deposits = [
        f"{_ether(amount)} for the deposit of a {what}"
        for what, amount in (("demand", reserve.demand), ("challenge", reserve.challenge))
        if amount
    ]
    parts = [*deposits, *([f"{_ether(reserve.gas)} for gas"] if reserve.gas else [])]
    return (
        f"the account's {_ether(account.balance)} ether are less than its dearest actions may take at today's fees, "
        f"{_ether(reserve.total)} ({', '.join(parts)}): fund it"
    )


def _cover(cover: Cover, limits: Limits) -> Iterator[tuple[Short, str]]:
    covers = f"the lane's stake covers {cover.free} more receipts of {cover.capacity}"
    if cover.waiting > cover.free:
        yield (
            Short.COVER,
            f"{covers}, and {cover.waiting} wait: posting is refused until earlier ones are final; top up the lane",
        )
    elif cover.lasts is not None:
        yield (
            Short.COVER,
            f"{covers}, used up in about {_time(cover.lasts)} at today's rate of {cover.a_window:.0f} in each window "
            f"of {_time(cover.window)}: top up the lane",
        )
    elif cover.free < limits.share * cover.capacity:
        yield Short.COVER, f"{covers}: top up the lane"


def _ether(wei: float) -> str:
    return f"{wei / ETHER:.4g}"


def _time(seconds: float) -> str:
    """About how long: 3.2 days, 5.0 hours, 12 minutes."""
    if seconds >= 2 * DAY:
        return f"{seconds / DAY:.1f} days"
    if seconds >= 2 * HOUR:
        return f"{seconds / HOUR:.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
