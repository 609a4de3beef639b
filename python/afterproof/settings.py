"""What a setting is: declared as a dataclass field with its meaning and rule, read strictly from text or TOML."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints
from urllib.parse import urlsplit

from .errors import ConfigError
from .units import address_of, wei_of

Rule = tuple[str, Callable[[Any], bool]]
"""A phrase that completes "the setting must ...", and the test of it."""


class Answering(StrEnum):
    """Which demanded tiles a verifier shows."""

    PAID = "PAID"
    ALWAYS = "ALWAYS"
    NEVER = "NEVER"


class Engine(StrEnum):
    """What judges batches: processes of this machine, or a Ray cluster."""

    POOL = "pool"
    RAY = "ray"


def at_least(least: float, most: float | None = None) -> Rule:
    """A number no less than ``least`` and, where given, no more than ``most``."""
    if most is None:
        return f"be at least {least}", lambda value: bool(value >= least)
    return f"be from {least} to {most}", lambda value: bool(least <= value <= most)


def _is_private_key(value: str) -> bool:
    return len(value) == 66 and value[:2] == "0x" and set(value[2:]) <= set("0123456789abcdefABCDEF")


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def _is_amount(value: str) -> bool:
    try:
        return wei_of(value) > 0
    except ValueError:
        return False


def _is_amount_or_none(value: str) -> bool:
    try:
        return wei_of(value) >= 0
    except ValueError:
        return False


def _are_urls(values: tuple[str, ...]) -> bool:
    return bool(values) and all(map(_is_url, values)) and len(set(values)) == len(values)


def _is_address(value: str) -> bool:
    try:
        return bool(address_of(value))
    except ValueError:
        return False


AMOUNT: Final[Rule] = ("be an amount above zero, as 0.5ether", _is_amount)

ANY_AMOUNT: Final[Rule] = ("be an amount, as 0.5ether, or 0", _is_amount_or_none)


def _is_data(value: str) -> bool:
    kind, _, rest = value.partition("://")
    if kind == "s3":
        return bool(rest.strip("/")) and not rest.startswith("/") and not set("?#{} ") & set(rest)
    return kind in _PUBLISHERS and _is_url(f"{kind.split('+')[1]}://{rest}")


def _are_networks(value: str) -> bool:
    try:
        return all(ip_network(one.strip()) for one in value.split(","))
    except ValueError:
        return False


_PUBLISHERS: Final = ("ipfs+http", "ipfs+https", "put+http", "put+https")
URL: Final[Rule] = ("be an http or https address", _is_url)
URLS: Final[Rule] = ("be an http or https address, or a list of them, each another", _are_urls)
ANY_URLS: Final[Rule] = (
    "be http or https addresses, each another",
    lambda values: not values or _are_urls(values),
)
ADDRESS: Final[Rule] = (
    "be an address: 0x and 40 hex digits, in mixed case with a right checksum",
    _is_address,
)
DATA: Final[Rule] = (f"be s3://bucket/prefix, or start with {'://, '.join(_PUBLISHERS)}://", _is_data)
NETWORKS: Final[Rule] = ("be IP addresses or networks, with commas between", _are_networks)
PORT: Final[Rule] = at_least(0, 65_535)
PRIVATE_KEY: Final[Rule] = ("be 32 bytes of 0x-hex", _is_private_key)
FILLED: Final[Rule] = ("not be empty", lambda value: str(value) not in ("", "."))


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """The address of a database on a PostgreSQL server, ``postgresql://...``. Shows itself without its secrets."""

    secret: str = field(repr=False)

    def __str__(self) -> str:
        before, _, query = self.secret.partition("://")[2].partition("?")
        *login, shown = before.rsplit("@", 1)
        # An @ behind the only ? may end a password that has one: nothing can be told apart then.
        return "postgresql://..." if "@" in query and not login else f"postgresql://{shown}"


def setting(
    doc: str,
    default: Any = None,
    rule: Rule | None = None,
    secret: bool = False,
    env: str | None = None,
    example: Any = None,
) -> Any:
    """A setting. ``secret``: never shown. ``env``: it comes from this environment variable only."""
    metadata = {"doc": doc, "rule": rule, "secret": secret, "env": env, "example": example}
    return field(default=default, repr=not secret, metadata=metadata)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {path} is not TOML: {error}") from None


def read_section(name: str, kind: type[Any], table: Any, base: Path, env: Mapping[str, str]) -> Any:
    """The section ``name`` as the dataclass ``kind``, from its TOML ``table`` and the environment, which wins.

    Raises:
        ConfigError: a setting is unknown, of another type, or breaks its rule; named in the message.
    """
    if not isinstance(table, dict):
        raise ConfigError(f"{name} must be a section: write [{name}] on a line of its own")
    settings = {one.name: one for one in fields(kind)}
    prefix = f"AFTERPROOF_{name.upper()}_"
    from_env = {one.metadata["env"] or prefix + one.name.upper(): one for one in settings.values()}
    for key in table:
        if key not in settings:
            raise ConfigError(f"{name}.{key} is not a setting; [{name}] has {', '.join(settings)}")
        if settings[key].metadata["env"]:
            raise ConfigError(f"{name}.{key} must come from the environment: {settings[key].metadata['env']}")
    for variable in env:
        if variable.startswith(prefix) and variable not in from_env:
            raise ConfigError(f"{variable} is not a setting; [{name}] has {', '.join(settings)}")
    types = get_type_hints(kind)
    values = {one.name: base / one.default for one in settings.values() if isinstance(one.default, Path)}
    values |= {key: _typed(f"{name}.{key}", types[key], value, base, False) for key, value in table.items()}
    for variable, one in from_env.items():
        if variable in env:
            values[one.name] = _typed(variable, types[one.name], env[variable], Path(), True)
    for key, value in values.items():
        rule = settings[key].metadata["rule"]
        if rule is not None and not rule[1](value):
            raise ConfigError(f"{name}.{key} must {rule[0]}")
    return kind(**values)


def _typed(name: str, hint: Any, value: Any, base: Path, text: bool) -> Any:
    """``value`` as the setting's type; ``text``: it is a string of the environment."""
    if hint == tuple[str, ...]:
        return _texts(name, value, text)
    kind = next((option for option in get_args(hint) if option is not type(None)), hint)
    if text and kind in (int, float, bool):
        value = _parsed(kind, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if issubclass(kind, StrEnum):
        if not isinstance(value, str) or value not in [*kind]:
            raise ConfigError(f"{name} must be one of {', '.join(kind)}")
        return kind(value)
    if PostgresUrl in get_args(hint) and isinstance(value, str) and "://" in value:
        if not value.startswith(("postgresql://", "postgres://")):
            raise ConfigError(f"{name} must be a path, or an address that starts with postgresql://")
        return PostgresUrl(value)
    if kind is Path and isinstance(value, str):
        return base / Path(value).expanduser() if value else Path()
    if type(value) is not kind or value != value:
        raise ConfigError(f"{name} must be {_TYPE_NAMES[kind]}")
    return value


def _texts(name: str, value: Any, text: bool) -> tuple[str, ...]:
    """One text or a list of them; in the environment with commas between."""
    if isinstance(value, str):
        value = [one.strip() for one in value.split(",")] if text else [value]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ConfigError(f"{name} must be a text, or a list of texts")
    return tuple(value)


_TYPE_NAMES: Final[Mapping[Any, str]] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "a text", Path: "a path",
}  # fmt: skip


def _parsed(kind: type[Any], text: str) -> Any:
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text
