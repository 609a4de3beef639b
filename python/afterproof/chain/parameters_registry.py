"""The table [registry] of a parameter file: what the registry goes by beside what it takes from [terms]."""

from dataclasses import replace
from typing import Any, Final

from afterproof.errors import ConfigError
from afterproof.protocol.registry_terms import PRODUCTION_REGISTRY, RegistryTerms
from afterproof.protocol.terms import ETHER, Terms
from afterproof.units import ether

from .parameter_values import check_keys, parse_amount, snake_case, whole_number

REGISTRY_KEYS: Final = {
    "window": "window",
    "proof_period": "proof_period",
    "max_document_age": "max_document_age",
    "max_attested_for": "max_attested_for",
    "bond": "bond",
    "challenge_deposit": "deposit_floor",
    "proof_gas": "proof_gas",
}
"""The keys of [registry], and the terms that they set; the others are taken from [terms]."""

_REGISTRY_AMOUNTS: Final = frozenset({"bond", "challenge_deposit"})
_LARGEST_AMOUNT: Final = 70_368 * ETHER


def registry_of(value: object, terms: Terms) -> RegistryTerms:
    """The registry's terms in the table ``value``, beside a settlement with ``terms``.

    Raises:
        ConfigError: naming key and rule.
    """
    if not isinstance(value, dict):
        raise ConfigError("registry must be a table: [registry]")
    check_keys(value, tuple(REGISTRY_KEYS), "registry.")
    set_here = {name: _registry_term(value[key], key) for key, name in REGISTRY_KEYS.items()}
    registry = replace(PRODUCTION_REGISTRY, **set_here).beside(terms)
    broken = registry.broken_rule()
    if broken:
        parameter, rule = (_registry_key(text) for text in broken)
        raise ConfigError(f"registry.{parameter} breaks a rule: {parameter} {rule}")
    for key in ("window", "proof_period"):
        if getattr(registry, key) < terms.max_outage:
            raise ConfigError(f"registry.{key} breaks a rule: {key} is at least terms.max_outage")
    return registry


def _registry_term(value: object, key: str) -> int:
    if key in _REGISTRY_AMOUNTS:
        amount = parse_amount(value, f"registry.{key}")
        if amount > _LARGEST_AMOUNT:
            raise ConfigError(f"registry.{key} must be at most 70368 ether")
        return amount
    return whole_number(value, f"registry.{key}", 2**32 - 1)


def _registry_key(text: str) -> str:
    """A rule's names as [registry] has them; what comes from [terms] by its name there."""
    named = snake_case(text).replace("deposit_floor", "challenge_deposit")
    return named.replace("max_reach_back", "terms.window").replace("retire_delay", "terms.max_promise_delay")


def registry_table(registry: RegistryTerms) -> dict[str, Any]:
    """The terms in the form of their table."""
    table = {key: getattr(registry, name) for key, name in REGISTRY_KEYS.items()}
    return {key: ether(value) if key in _REGISTRY_AMOUNTS else value for key, value in table.items()}
