"""The table [heartbeats] of parameter files: the terms of ``Heartbeats``, and how old an active node's last may be."""

from dataclasses import dataclass
from typing import Any, Final

from afterproof.errors import ConfigError
from afterproof.protocol.heartbeat_terms import (
    DEMO_HEARTBEAT_TERMS,
    PRODUCTION_HEARTBEAT_TERMS,
    HeartbeatTerms,
)
from afterproof.protocol.terms import ETHER, Terms
from afterproof.units import ether

from .parameter_values import check_keys, parse_amount, snake_case, whole_number

_KEYS: Final = {
    "round_length": "round_length",
    "challenge_window": "challenge_window",
    "answer_period": "answer_period",
    "bond": "bond",
    "slash": "slash",
    "challenge_deposit": "deposit_floor",
    "answer_gas": "answer_gas",
}
"""The keys of the table, and the terms that they set."""

_AMOUNTS: Final = frozenset({"bond", "slash", "challenge_deposit"})
_LARGEST_AMOUNT: Final = 70_368 * ETHER
_MAX_AGE: Final = "max_age"
_MOST_ROUNDS: Final = 200


@dataclass(frozen=True, slots=True)
class HeartbeatParameters:
    """The terms of ``Heartbeats``, and how old an active node's last one may be (seconds) in ``OpenGradientView``."""

    terms: HeartbeatTerms
    max_age: int


def heartbeats_table(heartbeats: HeartbeatParameters) -> dict[str, Any]:
    """The parameters in the form of their table."""
    values = {key: getattr(heartbeats.terms, name) for key, name in _KEYS.items()}
    shown = {key: ether(value) if key in _AMOUNTS else value for key, value in values.items()}
    return {**shown, _MAX_AGE: heartbeats.max_age}


def heartbeats_of(value: object, terms: Terms) -> HeartbeatParameters:
    """The parameters in a parsed table, beside the ``terms`` of settlement.

    Raises:
        ConfigError: naming key and rule.
    """
    if not isinstance(value, dict):
        raise ConfigError("heartbeats must be a table: [heartbeats]")
    check_keys(value, (*_KEYS, _MAX_AGE), "heartbeats.")
    beats = HeartbeatTerms(**{name: _value(value[key], key) for key, name in _KEYS.items()})
    broken = beats.broken_rule()
    if broken:
        key, rule = (snake_case(text).replace("deposit_floor", "challenge_deposit") for text in broken)
        raise ConfigError(f"heartbeats.{key} breaks a rule: {key} {rule}")
    for key in ("challenge_window", "answer_period"):
        if getattr(beats, key) < terms.max_outage:
            raise ConfigError(f"heartbeats.{key} breaks a rule: {key} is at least terms.max_outage")
    max_age = _value(value[_MAX_AGE], _MAX_AGE)
    if not beats.round_length <= max_age <= _MOST_ROUNDS * beats.round_length:
        raise ConfigError("heartbeats.max_age breaks a rule: max_age is 1 to 200 times round_length")
    return HeartbeatParameters(beats, max_age)


def _value(value: object, key: str) -> int:
    if key not in _AMOUNTS:
        return whole_number(value, f"heartbeats.{key}", 2**32 - 1)
    amount = parse_amount(value, f"heartbeats.{key}")
    if amount > _LARGEST_AMOUNT:
        raise ConfigError(f"heartbeats.{key} must be at most 70368 ether")
    return amount


PRODUCTION_HEARTBEATS: Final = HeartbeatParameters(PRODUCTION_HEARTBEAT_TERMS, max_age=1_800)
"""Two rounds, as OpenGradient's registry has it."""

DEMO_HEARTBEATS: Final = HeartbeatParameters(DEMO_HEARTBEAT_TERMS, max_age=20)
