"""The parameters of a deployment, and the TOML file that holds them.

kind = "development"        # development | test | production
owner = "deployer"          # or an address
guardian = "deployer"       # or an address, or "none"
timelock_delay = 0          # seconds; 0: no timelock
nitro_root = "0x641a..."    # SHA-256

[terms]                     # of epoch 1: every field of protocol.terms.Terms
window = 12                 # seconds
leaf_slash = "0.0001 ether" # or gwei, or wei
...

[registry]                  # what the registry goes by beside what it takes from the terms
window = 12                 # seconds
bond = "0.1 ether"
...

[heartbeats]                # what heartbeats go by, for good, and how old an active node's last one may be
round_length = 10           # seconds
bond = "0.1 ether"
...
"""

import tomllib
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from afterproof.attestation.checks import AWS_ROOT
from afterproof.errors import ConfigError
from afterproof.protocol.receipt import hex0x
from afterproof.protocol.registry_terms import RegistryTerms
from afterproof.protocol.terms import BASIS, Terms
from afterproof.units import checksummed, ether

from .parameter_values import check_keys, parse_address, parse_amount, parse_hash, snake_case, whole_number
from .parameters_heartbeats import HeartbeatParameters, heartbeats_of, heartbeats_table
from .parameters_registry import registry_of, registry_table


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
    """What is deployed: the terms of epoch 1, registry and heartbeats, the owner (20 bytes; None: the deployer) and its
    timelock (seconds), who may pause posting (20 bytes; None: the deployer, zeros: nobody), and the SHA-256 of the
    root that Nitro documents hang on."""

    kind: Kind
    owner: bytes | None
    guardian: bytes | None
    timelock_delay: int
    terms: Terms
    registry: RegistryTerms
    heartbeats: HeartbeatParameters
    nitro_root: bytes = AWS_ROOT

    def to_json(self) -> dict[str, Any]:
        """The parameters in the form of their file."""
        terms = {field.name: getattr(self.terms, field.name) for field in fields(Terms)}
        shown = {name: ether(value) if name in _AMOUNTS else value for name, value in terms.items()}
        return {
            "kind": self.kind.value,
            "owner": checksummed(self.owner) if self.owner else DEPLOYER,
            "guardian": _shown_guardian(self.guardian),
            "timelock_delay": self.timelock_delay,
            "nitro_root": hex0x(self.nitro_root),
            "terms": shown,
            "registry": registry_table(self.registry),
            "heartbeats": heartbeats_table(self.heartbeats),
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
    check_keys(
        content,
        ("kind", "owner", "guardian", "timelock_delay", "nitro_root", "terms", "registry", "heartbeats"),
        "",
    )
    kind = content["kind"]
    if kind not in list(Kind):
        raise ConfigError(f"kind must be one of {', '.join(Kind)}")
    delay = whole_number(content["timelock_delay"], "timelock_delay", _LONGEST_TIMELOCK)
    owner, guardian = _owner(content["owner"]), _guardian(content["guardian"])
    terms = _terms(content["terms"])
    registry = registry_of(content["registry"], terms)
    heartbeats = heartbeats_of(content["heartbeats"], terms)
    root = parse_hash(content["nitro_root"], "nitro_root")
    parameters = Parameters(Kind(kind), owner, guardian, delay, terms, registry, heartbeats, root)
    if parameters.kind is Kind.PRODUCTION:
        _check_production(parameters)
    return parameters


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
    check_keys(value, names, "terms.")
    terms = Terms(**{name: _term(value[name], name) for name in names})
    broken = terms.broken_rule()
    if broken:
        parameter, rule = (snake_case(text) for text in broken)
        raise ConfigError(f"terms.{parameter} breaks a rule: {parameter} {rule}")
    return terms


def _term(value: object, name: str) -> int:
    key = f"terms.{name}"
    if name in _AMOUNTS:
        return parse_amount(value, key)
    return whole_number(value, key, BASIS if name == "cover_share" else 2**32 - 1)


def _check_production(parameters: Parameters) -> None:
    if not parameters.timelock_delay:
        raise ConfigError("timelock_delay must be above 0 in production: its owner stands behind a timelock")
    for name in ("max_outage", "window", "answer_period", "claim_window"):
        if getattr(parameters.terms, name) < _LEAST_PRODUCTION_WINDOW:
            raise ConfigError(
                f"terms.{name} must be at least {_LEAST_PRODUCTION_WINDOW} seconds in production: nobody can act in "
                "less when the chain is down"
            )
