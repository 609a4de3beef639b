"""Every setting of Afterproof, declared once: type, default, rule, and what it means.

Settings come from a TOML file and from environment variables named AFTERPROOF_<SECTION>_<NAME>, which win. They
are read once, by :func:`load`, into one frozen object that is handed in. Secrets are kept out of ``repr`` and out of
:meth:`Config.public`, and may not stand in the file at all where they are marked ``environment only``.
"""

# ruff: noqa: RUF009 - sections are frozen: one of each may be everybody's default
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigError
from ..settings import FILLED, read_section, read_toml
from .chain import AccountConfig as AccountConfig
from .chain import ChainConfig as ChainConfig
from .gateway import GatewayConfig as GatewayConfig
from .relayer import RelayerConfig as RelayerConfig
from .telling import AlertsConfig as AlertsConfig
from .telling import LogConfig as LogConfig
from .verifier import VerifierConfig as VerifierConfig


@dataclass(frozen=True)
class Config:
    """All settings, read once and handed in."""

    chain: ChainConfig = ChainConfig()
    account: AccountConfig = AccountConfig()
    relayer: RelayerConfig = RelayerConfig()
    verifier: VerifierConfig = VerifierConfig()
    gateway: GatewayConfig = GatewayConfig()
    log: LogConfig = LogConfig()
    alerts: AlertsConfig = AlertsConfig()

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

    A relative path in the file starts at the file's folder, defaults too; one in the environment starts at the working
    directory.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown or breaks its rule; named in the message.
    """
    tables = read_toml(path) if path is not None else {}
    for name in tables:
        if name not in SECTIONS:
            raise ConfigError(f"[{name}] is not a section of the settings; there are {', '.join(SECTIONS)}")
    base = path.parent if path is not None else Path()
    return Config(
        **{name: read_section(name, kind, tables.get(name, {}), base, env) for name, kind in SECTIONS.items()}
    )


def template() -> str:
    """A TOML file that sets nothing and explains everything: each setting commented out at its default."""
    lines = ["# Settings of Afterproof. A line without its '#' takes effect; an environment variable",
             "# AFTERPROOF_<SECTION>_<NAME> wins over it."]  # fmt: skip
    for section, kind in SECTIONS.items():
        lines += ["", f"[{section}]", f"# {kind.__doc__}"]
        for one in fields(kind):
            rule, env = one.metadata["rule"], one.metadata["env"]
            lines += ["", f"# {one.metadata['doc']}"]
            if rule is not None and rule is not FILLED:
                lines.append(f"# Must {rule[0]}.")
            if env is not None:
                lines.append(f"# Only from the environment: {env}=...")
            else:
                shown = one.metadata["example"] if one.default is None else one.default
                lines.append(
                    f"#{one.name} = {_toml(shown)}" + "  # an example: unset" * (one.default is None)
                )
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return _toml(value[0]) if len(value) == 1 else f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'
