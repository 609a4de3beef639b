"""Every setting of Afterproof, declared once: type, default, rule, and what it means.

Settings come from a TOML file and from environment variables named AFTERPROOF_<SECTION>_<NAME>, which win. They
are read once, by :func:`load`, into one frozen object that is handed in. Secrets are kept out of ``repr`` and out of
:meth:`Config.public`, and may not stand in the file at all where they are marked ``environment only``.
"""

# ruff: noqa: RUF009 - _setting only wraps dataclasses.field, which ruff knows to be harmless
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints
from urllib.parse import urlsplit

from .errors import ConfigError
from .protocol.receipt import Scheme

Rule = tuple[str, Callable[[Any], bool]]
"""A phrase that completes "the setting must ...", and the test of it."""


def _at_least(least: float, most: float | None = None) -> Rule:
    if most is None:
        return f"be at least {least}", lambda value: bool(value >= least)
    return f"be from {least} to {most}", lambda value: bool(least <= value <= most)


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


_URL: Final[Rule] = ("be an http or https address", _is_url)
_PORT: Final[Rule] = _at_least(0, 65_535)
_FILLED: Final[Rule] = ("not be empty", lambda value: str(value) not in ("", "."))


def _setting(
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


@dataclass(frozen=True)
class ChainConfig:
    """Which chain, and where its contracts are."""

    rpc: str = _setting(
        "The JSON-RPC endpoint of a node. May hold an access key, so it is never logged.",
        "http://127.0.0.1:8545",
        _URL,
        secret=True,
    )
    deployment: Path = _setting("The address file that deployment wrote.", Path("deployment.json"), _FILLED)
    timeout: float = _setting("Seconds that one call of the node may take.", 10.0, _at_least(0.1, 600))


@dataclass(frozen=True)
class AccountConfig:
    """The account that sends this process's transactions."""

    keystore: Path | None = _setting(
        "A keystore file (geth's format) with the account's key.", None, _FILLED, example="account.json"
    )
    password_file: Path | None = _setting(
        "A file whose first line is the keystore's password.", None, _FILLED, example="account.password"
    )
    private_key: str | None = _setting(
        "The account's key as 0x-hex, instead of a keystore: for development.",
        None,
        (
            "be 32 bytes of 0x-hex",
            lambda value: len(value) == 66 and value[:2] == "0x" and _is_hex(value[2:]),
        ),
        secret=True,
        env="AFTERPROOF_PRIVATE_KEY",
    )


@dataclass(frozen=True)
class RelayerConfig:
    """Taking receipts in and posting them."""

    lane: int | None = _setting(
        "The lane to post on; its poster must be this account.", None, _at_least(1, 2**32 - 1), example=1
    )
    host: str = _setting("The address to listen on.", "127.0.0.1", _FILLED)
    port: int = _setting("The port to listen on; 0: any free one.", 8090, _PORT)
    public_url: str | None = _setting(
        "Where others reach this relayer; posted with each batch. Unset: http://host:port.",
        None,
        _URL,
        example="https://relayer.example.org",
    )
    store: Path = _setting("The database file.", Path("relayer.sqlite3"), _FILLED)
    data_dir: Path = _setting("The folder of the published batches.", Path("batches"), _FILLED)
    max_batch: int = _setting("Receipts at which a batch is closed.", 1024, _at_least(1, 1_024_000))
    max_age: float = _setting(
        "Seconds that a receipt may wait before its batch is closed.", 10.0, _at_least(0, 86_400)
    )
    body_limit: int = _setting("Bytes of a request's body at most.", 2 * 2**20, _at_least(4096, 2**28))
    poll: float = _setting("Seconds between two looks at the chain.", 1.0, _at_least(0.05, 600))


@dataclass(frozen=True)
class VerifierConfig:
    """Checking what is posted and proving faults."""

    store: Path = _setting("The database file.", Path("verifier.sqlite3"), _FILLED)
    poll: float = _setting("Seconds between two looks at the chain.", 1.0, _at_least(0.05, 600))
    data_timeout: float = _setting(
        "Seconds that fetching a batch's data may take.", 10.0, _at_least(0.1, 600)
    )
    allow_private_data: bool = _setting(
        "Whether to fetch data from private and local addresses: for development, or lanes of your own network.",
        False,
    )


@dataclass(frozen=True)
class GatewayConfig:
    """Answering requests and signing receipts."""

    host: str = _setting("The address to listen on.", "127.0.0.1", _FILLED)
    port: int = _setting("The port to listen on; 0: any free one.", 8080, _PORT)
    scheme: Scheme = _setting("How to sign: SECP256K1 or OPENGRADIENT_RSA_PSS.", Scheme.SECP256K1)
    key_file: Path | None = _setting(
        "A file with the node's key: 0x-hex for SECP256K1, PKCS#8 in PEM for OPENGRADIENT_RSA_PSS.",
        None,
        _FILLED,
        example="node.key",
    )
    key: str | None = _setting(
        "The node's key itself, in the forms of key_file: for development.",
        None,
        _FILLED,
        secret=True,
        env="AFTERPROOF_GATEWAY_KEY",
    )
    relayer: str | None = _setting(
        "Where to hand receipts in. Unset: they only travel with answers.",
        None,
        _URL,
        example="http://127.0.0.1:8090",
    )
    spool: Path = _setting(
        "The folder of receipts on their way to the relayer.", Path("gateway-spool"), _FILLED
    )


@dataclass(frozen=True)
class Config:
    """All settings, read once and handed in."""

    chain: ChainConfig = ChainConfig()
    account: AccountConfig = AccountConfig()
    relayer: RelayerConfig = RelayerConfig()
    verifier: VerifierConfig = VerifierConfig()
    gateway: GatewayConfig = GatewayConfig()

    def public(self) -> dict[str, dict[str, Any]]:
        """The settings that may be shown, by section and name."""
        return {
            section.name: {
                setting.name: getattr(getattr(self, section.name), setting.name)
                for setting in fields(SECTIONS[section.name])
                if not setting.metadata["secret"]
            }
            for section in fields(self)
        }


SECTIONS: Final[Mapping[str, type[Any]]] = {
    section.name: section.default.__class__ for section in fields(Config)
}


def load(path: Path | None, env: Mapping[str, str]) -> Config:
    """The settings in the TOML file at ``path`` (None: defaults alone), overridden by the environment ``env``.

    A relative path in the file starts at the file's folder, one in the environment at the working directory.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown or breaks its rule; named in the message.
    """
    tables = _read(path) if path is not None else {}
    for name in tables:
        if name not in SECTIONS:
            raise ConfigError(f"[{name}] is not a section of the settings; there are {', '.join(SECTIONS)}")
    base = path.parent if path is not None else Path()
    return Config(
        **{name: _section(name, kind, tables.get(name, {}), base, env) for name, kind in SECTIONS.items()}
    )


def template() -> str:
    """A TOML file that sets nothing and explains everything: each setting commented out at its default."""
    lines = ["# Settings of Afterproof. A line without its '#' takes effect; an environment variable",
             "# AFTERPROOF_<SECTION>_<NAME> wins over it."]  # fmt: skip
    for section, kind in SECTIONS.items():
        lines += ["", f"[{section}]", f"# {kind.__doc__}"]
        for setting in fields(kind):
            rule, env = setting.metadata["rule"], setting.metadata["env"]
            lines += ["", f"# {setting.metadata['doc']}"]
            if rule is not None:
                lines.append(f"# Must {rule[0]}.")
            if env is not None:
                lines.append(f"# Only from the environment: {env}=...")
            else:
                shown = setting.metadata["example"] if setting.default is None else setting.default
                lines.append(f"#{setting.name} = {_toml(shown)}" + " # unset" * (setting.default is None))
    return "\n".join(lines) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {path} is not TOML: {error}") from None


def _section(name: str, kind: type[Any], table: Any, base: Path, env: Mapping[str, str]) -> Any:
    if not isinstance(table, dict):
        raise ConfigError(f"{name} must be a section: write [{name}] on a line of its own")
    settings = {setting.name: setting for setting in fields(kind)}
    prefix = f"AFTERPROOF_{name.upper()}_"
    from_env = {
        setting.metadata["env"] or prefix + setting.name.upper(): setting for setting in settings.values()
    }
    for key in table:
        if key not in settings:
            raise ConfigError(f"{name}.{key} is not a setting; [{name}] has {', '.join(settings)}")
        if settings[key].metadata["env"]:
            raise ConfigError(f"{name}.{key} must come from the environment: {settings[key].metadata['env']}")
    for variable in env:
        if variable.startswith(prefix) and variable not in from_env:
            raise ConfigError(f"{variable} is not a setting; [{name}] has {', '.join(settings)}")
    types = get_type_hints(kind)
    values = {key: _typed(f"{name}.{key}", types[key], value, base, False) for key, value in table.items()}
    for variable, setting in from_env.items():
        if variable in env:
            values[setting.name] = _typed(variable, types[setting.name], env[variable], Path(), True)
    for key, value in values.items():
        rule = settings[key].metadata["rule"]
        if rule is not None and not rule[1](value):
            raise ConfigError(f"{name}.{key} must {rule[0]}")
    return kind(**values)


def _typed(name: str, hint: Any, value: Any, base: Path, text: bool) -> Any:
    """``value`` as the setting's type; ``text``: it is a string of the environment."""
    kind = next((option for option in get_args(hint) if option is not type(None)), hint)
    if text and kind in (int, float, bool):
        value = _parsed(kind, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is Scheme:
        if value not in Scheme.__members__:
            raise ConfigError(f"{name} must be one of {', '.join(Scheme)}")
        return Scheme(value)
    if kind is Path and isinstance(value, str):
        return base / value if value else Path()
    if type(value) is not kind or value != value:
        raise ConfigError(f"{name} must be {_TYPE_NAMES[kind]}")
    return value


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


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'
