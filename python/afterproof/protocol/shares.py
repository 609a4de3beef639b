"""Who gets which part of what is lost."""

from typing import Final

from .terms import GWEI

PROVER_PERCENT: Final = 50
"""What whoever proves a fault, or had demanded what nobody showed, gets of what the lane loses."""

BENEFICIARY_PERCENT: Final = 45
"""What the beneficiary of a broken promise gets of it."""

CALLER_PERCENT: Final = 5
"""What whoever claims that promise gets."""


def share_of(slashed: int, percent: int) -> int:
    """A payee's share of what a lane lost, in wei: whole gwei, rounded down."""
    return slashed // GWEI * percent // 100 * GWEI
