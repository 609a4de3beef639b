"""The parameters of a deployment, and the TOML file that holds them.

kind = "development"        # development | test | production
owner = "deployer"          # or an address
guardian = "deployer"       # or an address, or "none"
timelock_delay = 0          # seconds; 0: no timelock

[terms]                     # of epoch 1: every field of protocol.terms.Terms
window = 12                 # seconds
leaf_slash = "0.0001 ether" # or gwei, or wei
...
"""

import re
import tomllib
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from afterproof.errors import ConfigError
from afterproof.protocol.terms import BASIS, Terms
from afterproof.units import address_of, checksummed, ether, wei_of


class Kind(StrEnum):
    """What a deployment is for. Production refuses what would be unsafe with real money."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


DEPLOYER: Final = "deployer"
NONE: Final = "none"
NOBODY: Final = bytes(20)
_AMOUNTS: Final = frozenset({"leaf_slash", "promise_slash", "min_stake", "demand_deposit"})
_LEAST_PRODUCTION_WINDOW: Final = 3600
_LONGEST_TIMELOCK: Final = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is deployed: the terms of epoch 1, the owner (20 bytes; None: the deployer) and its timelock (seconds), and
    who may pause posting (20 bytes; None: the deployer, zeros: nobody)."""

    kind: Kind
    owner: bytes | None
    guardian: bytes | None
    timelock_delay: int
    terms: Terms

    def to_json(self) -> dict[str, Any]:
        """The parameters in the form of their file."""
        terms = {field.name: getattr(self.terms, field.name) for field in fields(Terms)}
        shown = {name: ether(value) if name in _AMOUNTS else value for name, value in terms.items()}
        return {
            "kind": self.kind.value,
            "owner": checksummed(self.owner) if self.owner else DEPLOYER,
            "guardian": _shown_guardian(self.guardian),
            "timelock_delay": self.timelock_delay,
            "terms": shown,
        }


def load_parameters(path: Path) -> Parameters:
    """The parameters in a TOML file.

    Raises:
        ConfigError: naming file, key and rule.
    """
    content = _read(path)
    try:
        return parse_parameters(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def load_terms(path: Path) -> Terms:
    """The terms in a TOML file: a parameter file, or one with the table [terms] alone.

    Raises:
        ConfigError: naming file, key and rule.
    """
    content = _read(path)
    try:
        if set(content) == {"terms"}:
            return _terms(content["terms"])
        return parse_parameters(content).terms
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: the parameter file cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the parameter file is not TOML: {error}") from error


def parse_parameters(content: dict[str, Any]) -> Parameters:
    """The parameters in a parsed file.

    Raises:
        ConfigError: naming key and rule.
    """
    _check_keys(content, ("kind", "owner", "guardian", "timelock_delay", "terms"), "")
    kind = content["kind"]
    if kind not in list(Kind):
        raise ConfigError(f"kind must be one of {', '.join(Kind)}")
    delay = _integer(content["timelock_delay"], "timelock_delay", _LONGEST_TIMELOCK)
    owner, guardian = _owner(content["owner"]), _guardian(content["guardian"])
    parameters = Parameters(Kind(kind), owner, guardian, delay, _terms(content["terms"]))
    if parameters.kind is Kind.PRODUCTION:
        _check_production(parameters)
    return parameters


def parse_amount(value: object, key: str) -> int:
    """The wei in an amount such as "0.1 ether", with its unit: a bare number would be too easy to misread.

    Raises:
        ConfigError: naming ``key`` and the rule.
    """
    if not isinstance(value, str) or not value[-1:].isalpha():
        raise ConfigError(f'{key} must be an amount with its unit, such as "0.1 ether" or "100000 gwei"')
    try:
        return wei_of(value)
    except ValueError as rule:
        raise ConfigError(f"{key} {rule}") from None


def parse_address(value: object, key: str) -> bytes:
    """The 20 bytes of an address in 0x-hex, not zero. In mixed case its checksum must be right (EIP-55).

    Raises:
        ConfigError: naming ``key`` and the rule.
    """
    try:
        address = address_of(value if isinstance(value, str) else "")
    except ValueError as rule:
        raise ConfigError(f"{key} {rule}") from None
    if not any(address):
        raise ConfigError(f"{key} must not be the zero address")
    return address


def _owner(value: object) -> bytes | None:
    if value == DEPLOYER:
        return None
    try:
        return parse_address(value, "owner")
    except ConfigError as error:
        raise ConfigError(f'{error}; or "deployer"') from None


def _guardian(value: object) -> bytes | None:
    if value == DEPLOYER:
        return None
    if value == NONE:
        return NOBODY
    try:
        return parse_address(value, "guardian")
    except ConfigError as error:
        raise ConfigError(f'{error}; or "deployer", or "none"') from None


def _shown_guardian(guardian: bytes | None) -> str:
    if guardian is None:
        return DEPLOYER
    return checksummed(guardian) if any(guardian) else NONE


def _terms(value: object) -> Terms:
    if not isinstance(value, dict):
        raise ConfigError("terms must be a table: [terms]")
    names = tuple(field.name for field in fields(Terms))
    _check_keys(value, names, "terms.")
    terms = Terms(**{name: _term(value[name], name) for name in names})
    broken = terms.broken_rule()
    if broken:
        parameter, rule = (_snake(text) for text in broken)
        raise ConfigError(f"terms.{parameter} breaks a rule: {parameter} {rule}")
    return terms


def _term(value: object, name: str) -> int:
    key = f"terms.{name}"
    if name in _AMOUNTS:
        return parse_amount(value, key)
    return _integer(value, key, BASIS if name == "cover_share" else 2**32 - 1)


def _integer(value: object, key: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ConfigError(f"{key} must be a whole number from 0 to {most}")
    return value


def _check_keys(table: dict[str, Any], names: tuple[str, ...], prefix: str) -> None:
    for name in table:
        if name not in names:
            raise ConfigError(
                f"{prefix}{name} is not a parameter; there are {', '.join(prefix + n for n in names)}"
            )
    for name in names:
        if name not in table:
            raise ConfigError(f"{prefix}{name} is missing")


def _check_production(parameters: Parameters) -> None:
    if not parameters.timelock_delay:
        raise ConfigError("timelock_delay must be above 0 in production: its owner stands behind a timelock")
    for name in ("max_outage", "window", "answer_period", "claim_window"):
        if getattr(parameters.terms, name) < _LEAST_PRODUCTION_WINDOW:
            raise ConfigError(
                f"terms.{name} must be at least {_LEAST_PRODUCTION_WINDOW} seconds in production: nobody can act in "
                "less when the chain is down"
            )


def _snake(text: str) -> str:
    """A sentence with the contract's names as this file has them: ``maxOutage`` is ``max_outage``."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found[1].lower(), text)
