"""The terms of an epoch: everything it fixes, the rules that bound them, and the defaults.

The rules are those of ``contracts/libraries/Epochs.sol``, in the same order; the first one broken is the one named.
"""

from dataclasses import dataclass, fields
from typing import Final

GWEI: Final = 10**9
ETHER: Final = 10**18
BASIS: Final = 10_000
DAY: Final = 86_400
MAX_GWEI: Final = 2**48 - 1
"""A lane's stake in gwei fits 48 bits: 281,474 ether."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Times in seconds, amounts in wei (whole gwei), ``cover_share`` in 1/10,000. See ``ISettlement.Terms``."""

    window: int
    answer_period: int
    answer_spacing: int
    claim_window: int
    max_posting_delay: int
    max_clock_skew: int
    max_promise_delay: int
    margin: int
    catch_up: int
    max_outage: int
    max_pause: int
    pause_spacing: int
    cover_share: int
    leaf_slash: int
    promise_slash: int
    min_stake: int
    demand_deposit: int

    @property
    def cover(self) -> int:
        """Wei of stake for each open receipt, rounded up to whole gwei."""
        share = (self.leaf_slash + self.promise_slash) * self.cover_share
        return -(-share // (BASIS * GWEI)) * GWEI

    @property
    def time_to_leave(self) -> int:
        """Seconds that a lane needs to be free of every obligation, had there never been other terms."""
        return self.max_promise_delay + self.max_pause + self.catch_up + self.claim_window + self.window

    def broken_rule(self) -> tuple[str, str] | None:
        """The first parameter that breaks a rule, by its on-chain name, and the rule; None for sound terms."""
        for parameter, rule, holds in self._rules():
            if not holds:
                return parameter, rule
        return None

    def _rules(self) -> list[tuple[str, str, bool]]:
        t = self
        rules = [
            ("maxOutage", "is at least 1 second", t.max_outage != 0),
            ("window", "is at least maxOutage", t.window >= t.max_outage),
            ("window", "is at most 60 days", t.window <= 60 * DAY),
            ("answerPeriod", "is at least maxOutage", t.answer_period >= t.max_outage),
            ("window", "is at least twice answerPeriod", t.window >= 2 * t.answer_period),
            ("claimWindow", "is at least maxOutage", t.claim_window >= t.max_outage),
            ("claimWindow", "is at most 60 days", t.claim_window <= 60 * DAY),
            ("answerSpacing", "is at most answerPeriod", t.answer_spacing <= t.answer_period),
            ("maxPostingDelay", "is 1 second to 60 days", 0 < t.max_posting_delay <= 60 * DAY),
            ("maxClockSkew", "is at most 1 hour", t.max_clock_skew <= 3600),
            ("maxPromiseDelay", "is at least 1 second", t.max_promise_delay != 0),
            (
                "maxPromiseDelay",
                "with margin is at most maxPostingDelay",
                t.max_promise_delay + t.margin <= t.max_posting_delay,
            ),
            ("catchUp", "is 1 second to 60 days", 0 < t.catch_up <= 60 * DAY),
            ("maxPause", "is at most 7 days", t.max_pause <= 7 * DAY),
            ("pauseSpacing", "is at least maxPause", t.pause_spacing >= t.max_pause),
            ("coverShare", "is 1 to 10000", 0 < t.cover_share <= BASIS),
        ]
        for parameter, amount in (
            ("leafSlash", t.leaf_slash),
            ("promiseSlash", t.promise_slash),
            ("minStake", t.min_stake),
            ("demandDeposit", t.demand_deposit),
        ):
            whole = amount != 0 and amount % GWEI == 0
            rules.append((parameter, "is a whole number of gwei above zero", whole))
            rules.append((parameter, "is at most 70368 ether", amount // GWEI <= MAX_GWEI // 4))
        rules.append(("minStake", "is at least leafSlash", t.min_stake >= t.leaf_slash))
        return rules


TERM_NAMES: Final = tuple(field.name for field in fields(Terms))
"""The names of the terms in the order of the contract's struct."""

PRODUCTION: Final = Terms(
    window=86_400,
    answer_period=21_600,
    answer_spacing=60,
    claim_window=86_400,
    max_posting_delay=3_600,
    max_clock_skew=60,
    max_promise_delay=1_800,
    margin=300,
    catch_up=1_800,
    max_outage=21_600,
    max_pause=86_400,
    pause_spacing=7 * DAY,
    cover_share=BASIS,
    leaf_slash=ETHER // 10_000,
    promise_slash=ETHER // 10_000,
    min_stake=ETHER // 10,
    demand_deposit=ETHER // 100,
)

DEMO: Final = Terms(
    window=12,
    answer_period=5,
    answer_spacing=1,
    claim_window=12,
    max_posting_delay=30,
    max_clock_skew=10,
    max_promise_delay=15,
    margin=2,
    catch_up=5,
    max_outage=4,
    max_pause=10,
    pause_spacing=60,
    cover_share=BASIS,
    leaf_slash=ETHER // 10_000,
    promise_slash=ETHER // 10_000,
    min_stake=ETHER // 10,
    demand_deposit=ETHER // 100,
)
