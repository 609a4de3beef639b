"""The terms of ``AttestationRegistry``: what never changes there, the rules that bound it, and the defaults.

The rules are those of the contract's constructor, in the same order; the first one broken is the one named.
"""

from dataclasses import dataclass, fields, replace
from typing import Final

from .terms import DAY, DEMO, ETHER, PRODUCTION, Terms


@dataclass(frozen=True, slots=True)
class RegistryTerms:
    """What the registry goes by. Seconds, wei, and gas for the proof; as ``RegistryTerms`` of the contract."""

    window: int
    proof_period: int
    max_reach_back: int
    retire_delay: int
    max_document_age: int
    max_clock_skew: int
    max_attested_for: int
    bond: int
    deposit_floor: int
    proof_gas: int

    def deposit(self, base_fee: int) -> int:
        """The least deposit of a challenge, in wei: half as much again as proving costs."""
        return max(base_fee * self.proof_gas * 3 // 2, self.deposit_floor)

    def beside(self, terms: Terms) -> "RegistryTerms":
        """These terms for a settlement whose first epoch has ``terms``: it reaches back as far as a batch can be
        disputed, and retires a node after the longest promise."""
        return replace(
            self,
            max_reach_back=terms.window,
            retire_delay=terms.max_promise_delay,
            max_clock_skew=terms.max_clock_skew,
        )

    def broken_rule(self) -> tuple[str, str] | None:
        """The first parameter that breaks a rule, by its on-chain name, and the rule; None for sound terms."""
        for parameter, rule, holds in self._rules():
            if not holds:
                return parameter, rule
        return None

    def _rules(self) -> list[tuple[str, str, bool]]:
        t = self
        return [
            ("window", "is 1 second to 60 days", 0 < t.window <= 60 * DAY),
            ("maxReachBack", "is 1 second to 365 days", 0 < t.max_reach_back <= 365 * DAY),
            (
                "proofPeriod",
                "is 1 second to maxReachBack: else what a challenge doubts is final before its deadline",
                0 < t.proof_period <= t.max_reach_back,
            ),
            ("retireDelay", "is at most 60 days", t.retire_delay <= 60 * DAY),
            ("maxDocumentAge", "is at least 1 second", t.max_document_age != 0),
            ("maxClockSkew", "is at most 1 hour", t.max_clock_skew <= 3600),
            (
                "maxAttestedFor",
                "is at least 2 seconds longer than window: else nothing is ever live",
                t.max_attested_for > t.window + 1,
            ),
            ("bond", "is above zero", t.bond != 0),
            ("depositFloor", "is above zero", t.deposit_floor != 0),
            ("proofGas", "is 1 to 1000000000", 0 < t.proof_gas <= 10**9),
        ]


REGISTRY_TERM_NAMES: Final = tuple(field.name for field in fields(RegistryTerms))
"""The names of the terms in the order of the contract's struct."""

PRODUCTION_REGISTRY: Final = RegistryTerms(
    window=43_200,
    proof_period=43_200,
    max_reach_back=PRODUCTION.window,
    retire_delay=PRODUCTION.max_promise_delay,
    max_document_age=3_600,
    max_clock_skew=PRODUCTION.max_clock_skew,
    max_attested_for=30 * DAY,
    bond=ETHER // 10,
    deposit_floor=ETHER // 100,
    proof_gas=21_000_000,
)

DEMO_REGISTRY: Final = RegistryTerms(
    window=12,
    proof_period=8,
    max_reach_back=DEMO.window,
    retire_delay=DEMO.max_promise_delay,
    max_document_age=600,
    max_clock_skew=DEMO.max_clock_skew,
    max_attested_for=DAY,
    bond=ETHER // 10,
    deposit_floor=ETHER // 100,
    proof_gas=21_000_000,
)
