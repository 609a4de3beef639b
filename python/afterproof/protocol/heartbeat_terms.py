"""The terms of ``Heartbeats``: what never changes there, the rules that bound it, and the defaults.

The rules are those of the contract's constructor, in the same order; the first one broken is the one named.
"""

from dataclasses import dataclass, fields
from typing import Final

from .heartbeat import KEPT_ROUNDS
from .terms import DAY, ETHER


@dataclass(frozen=True, slots=True)
class HeartbeatTerms:
    """What heartbeats go by. Seconds, wei, and gas for an answer; as ``HeartbeatTerms`` of the contract."""

    round_length: int
    challenge_window: int
    answer_period: int
    bond: int
    slash: int
    deposit_floor: int
    answer_gas: int

    def deposit(self, base_fee: int) -> int:
        """The least deposit of a challenge, in wei: half as much again as answering costs."""
        return max(base_fee * self.answer_gas * 3 // 2, self.deposit_floor)

    def broken_rule(self) -> tuple[str, str] | None:
        """The first parameter that breaks a rule, by its on-chain name, and the rule; None for sound terms."""
        for parameter, rule, holds in self._rules():
            if not holds:
                return parameter, rule
        return None

    def _rules(self) -> list[tuple[str, str, bool]]:
        t = self
        return [
            ("roundLength", "is 1 second to 1 day", 0 < t.round_length <= DAY),
            (
                "challengeWindow",
                "is 1 second to 214 rounds: else bits are forgotten before",
                0 < t.challenge_window <= (KEPT_ROUNDS - 2) * t.round_length,
            ),
            ("answerPeriod", "is 1 second to 60 days", 0 < t.answer_period <= 60 * DAY),
            ("slash", "is above zero", t.slash != 0),
            ("bond", "is at least slash", t.bond >= t.slash),
            ("depositFloor", "is above zero", t.deposit_floor != 0),
            ("answerGas", "is 1 to 1000000000", 0 < t.answer_gas <= 10**9),
        ]


HEARTBEAT_TERM_NAMES: Final = tuple(field.name for field in fields(HeartbeatTerms))
"""The names of the terms in the order of the contract's struct."""

PRODUCTION_HEARTBEAT_TERMS: Final = HeartbeatTerms(
    round_length=900,
    challenge_window=DAY,
    answer_period=DAY,
    bond=ETHER // 10,
    slash=ETHER // 50,
    deposit_floor=ETHER // 1_000,
    answer_gas=500_000,
)

DEMO_HEARTBEAT_TERMS: Final = HeartbeatTerms(
    round_length=10,
    challenge_window=60,
    answer_period=20,
    bond=ETHER // 10,
    slash=ETHER // 50,
    deposit_floor=ETHER // 1_000,
    answer_gas=500_000,
)
