"""Closing: when the next receipts of a lane become a batch, and why.

    full     as many wait as fill one
    due      a promise among them falls due, and posting takes about that long
    asked    one was handed in to be posted at once
    aged     the oldest has waited for as long as the settings let it

Whatever waits is closed once ``due`` says so. Before that, ``asked`` and ``aged`` wait while a closed batch is not on
chain yet: it must be there first, and what comes meanwhile fills the next one. ``aged`` may also wait for a lower fee.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .pace import Pace

FEES_KEPT: Final = 360
FEES_NEEDED: Final = 30
FEE_EVERY: Final = 10.0
"""Seconds between two fees that are kept: the usual fee is that of the last hour, and known after five minutes."""


class Why(StrEnum):
    """Why a batch is closed."""

    FULL = "full"
    DUE = "due"
    ASKED = "asked"
    AGED = "aged"


@dataclass(frozen=True, slots=True)
class Close:
    """Close a batch now; ``says`` why, with figures."""

    why: Why
    says: str


class For(StrEnum):
    """What a batch that would be closed waits for."""

    OTHERS = "others"
    FEE = "fee"


@dataclass(frozen=True, slots=True)
class Hold:
    """A batch would be closed, but waits; ``says`` what for, with figures."""

    why: For
    says: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be closed: how many receipts, when the oldest came, and when the first promise falls due.

    ``asked``: one of them was handed in to be posted at once.
    """

    count: int
    oldest_at: float
    due: int | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say; see ``config.RelayerConfig``."""

    max_batch: int
    max_age: float
    fee_patience: float = 0.0
    fee_high: float = 1.25


@dataclass(frozen=True, slots=True)
class Fee:
    """The base fee now, and what is usual, in wei."""

    now: int
    usual: int

    def limit(self, rules: Rules) -> float:
        """Above it the fee is high."""
        return self.usual * rules.fee_high


class Fees:
    """The base fees of the last hour. Not stored: a restarted process waits for no lower fee until it knows some."""

    def __init__(self) -> None:
        self._kept: deque[int] = deque(maxlen=FEES_KEPT)
        self._at: float | None = None

    def is_wanted(self, now: float) -> bool:
        """Whether it is time to look again."""
        return self._at is None or not 0 <= now - self._at < FEE_EVERY

    def add(self, now: float, fee: int) -> None:
        """The base fee is that now."""
        self._at = now
        self._kept.append(fee)

    def forget_now(self) -> None:
        """What the fee is now is not known: nothing waits for a lower one."""
        self._at = None

    @property
    def fee(self) -> Fee | None:
        """The fee now beside the usual one, if both are known."""
        if self._at is None or len(self._kept) < FEES_NEEDED:
            return None
        return Fee(self._kept[-1], sorted(self._kept)[len(self._kept) // 2])


def decide(
    waiting: Waiting, pace: Pace, fee: Fee | None, rules: Rules, clock: float, now: int
) -> Close | Hold | None:
    """Whether to close a batch of what is waiting; None: nothing calls for it yet.

    ``clock`` is the time by which receipts age, ``now`` the later of that and the chain's: promises fall due by it.
    """
    if waiting.count >= rules.max_batch:
        return Close(Why.FULL, f"{waiting.count} receipts wait, and {rules.max_batch} fill a batch")
    if waiting.due is not None and now >= waiting.due - pace.margin:
        return Close(
            Why.DUE,
            f"a promise falls due in {waiting.due - now} seconds, and {pace.margin:.0f} are kept to post it ({pace})",
        )
    age = clock - waiting.oldest_at
    is_aged = age >= rules.max_age
    if not (waiting.asked or is_aged):
        return None
    if pace.unposted:
        return Hold(
            For.OTHERS,
            f"until {pace.unposted} closed before {'is' if pace.unposted == 1 else 'are'} on chain",
        )
    if waiting.asked:
        return Close(Why.ASKED, "a receipt was handed in to be posted at once")
    says = f"its oldest receipt has waited {age:.1f} of {rules.max_age:g} seconds"
    if rules.fee_patience and fee is not None and fee.now > fee.limit(rules):
        high = f"the base fee of {_gwei(fee.now)} gwei is above {rules.fee_high:g} times the usual {_gwei(fee.usual)}"
        left = rules.max_age + rules.fee_patience - age
        if left > 0:
            return Hold(For.FEE, f"for a lower fee, for {left:.0f} more seconds at most: {high}")
        says += f", {rules.fee_patience:g} more for a lower fee, and {high}"
    return Close(Why.AGED, says)


def _gwei(wei: float) -> str:
    return f"{wei / 1e9:.3g}"
