"""Every setting of Afterproof, declared once: type, default, rule, and what it means.

Settings come from a TOML file and from environment variables named AFTERPROOF_<SECTION>_<NAME>, which win. They
are read once, by :func:`load`, into one frozen object that is handed in. Secrets are kept out of ``repr`` and out of
:meth:`Config.public`, and may not stand in the file at all where they are marked ``environment only``.
"""

# ruff: noqa: RUF009 - setting() only wraps dataclasses.field, which ruff knows to be harmless
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from .errors import ConfigError
from .protocol.receipt import Scheme
from .settings import FILLED, PORT, PRIVATE_KEY, URL, at_least, read_section, read_toml, setting


@dataclass(frozen=True)
class ChainConfig:
    """Which chain, and where its contracts are."""

    rpc: str = setting(
        "The JSON-RPC endpoint of a node. May hold an access key, so it is never logged.",
        "http://127.0.0.1:8545",
        URL,
        secret=True,
    )
    deployment: Path = setting("The address file that deployment wrote.", Path("deployment.json"), FILLED)
    timeout: float = setting("Seconds that one call of the node may take.", 10.0, at_least(0.1, 600))


@dataclass(frozen=True)
class AccountConfig:
    """The account that sends this process's transactions."""

    keystore: Path | None = setting(
        "A keystore file (geth's format) with the account's key.", None, FILLED, example="account.json"
    )
    password_file: Path | None = setting(
        "A file whose first line is the keystore's password.", None, FILLED, example="account.password"
    )
    private_key: str | None = setting(
        "The account's key as 0x-hex, instead of a keystore: for development.",
        None,
        PRIVATE_KEY,
        secret=True,
        env="AFTERPROOF_PRIVATE_KEY",
    )


@dataclass(frozen=True)
class RelayerConfig:
    """Taking receipts in and posting them."""

    lane: int | None = setting(
        "The lane to post on; its poster must be this account.", None, at_least(1, 2**32 - 1), example=1
    )
    host: str = setting("The address to listen on.", "127.0.0.1", FILLED)
    port: int = setting("The port to listen on; 0: any free one.", 8090, PORT)
    public_url: str | None = setting(
        "Where others reach this relayer; posted with each batch. Unset: http://host:port.",
        None,
        URL,
        example="https://relayer.example.org",
    )
    store: Path = setting("The database file.", Path("relayer.sqlite3"), FILLED)
    data_dir: Path = setting("The folder of the published batches.", Path("batches"), FILLED)
    max_batch: int = setting("Receipts at which a batch is closed.", 1024, at_least(1, 1_024_000))
    max_age: float = setting(
        "Seconds that a receipt may wait before its batch is closed.", 10.0, at_least(0, 86_400)
    )
    promise_margin: float = setting(
        "Seconds before a promise is due that its batch is closed at the latest. Must leave time to post.",
        60.0,
        at_least(0, 86_400),
    )
    require_promises: bool = setting(
        "Whether to take no receipts that the lane cannot promise: while its ahead is 0.", False
    )
    promise_keystore: Path | None = setting(
        "A keystore file with the lane's promise key. Unset: the account's key signs promises.",
        None,
        FILLED,
        example="promise.json",
    )
    promise_password_file: Path | None = setting(
        "A file whose first line is that keystore's password.", None, FILLED, example="promise.password"
    )
    promise_key: str | None = setting(
        "The lane's promise key as 0x-hex, instead of a keystore: for development.",
        None,
        PRIVATE_KEY,
        secret=True,
        env="AFTERPROOF_PROMISE_KEY",
    )
    body_limit: int = setting("Bytes of a request's body at most.", 2 * 2**20, at_least(4096, 2**28))
    poll: float = setting("Seconds between two looks at the chain.", 1.0, at_least(0.05, 600))


@dataclass(frozen=True)
class VerifierConfig:
    """Checking what is posted and proving faults."""

    store: Path = setting("The database file.", Path("verifier.sqlite3"), FILLED)
    poll: float = setting("Seconds between two looks at the chain.", 1.0, at_least(0.05, 600))
    data_timeout: float = setting("Seconds that fetching a batch's data may take.", 10.0, at_least(0.1, 600))
    allow_private_data: bool = setting(
        "Whether to fetch data from private and local addresses: for development, or lanes of your own network.",
        False,
    )


@dataclass(frozen=True)
class GatewayConfig:
    """Answering requests and signing receipts."""

    host: str = setting("The address to listen on.", "127.0.0.1", FILLED)
    port: int = setting("The port to listen on; 0: any free one.", 8080, PORT)
    scheme: Scheme = setting("How to sign: SECP256K1 or OPENGRADIENT_RSA_PSS.", Scheme.SECP256K1)
    key_file: Path | None = setting(
        "A file with the node's key: 0x-hex for SECP256K1, PKCS#8 in PEM for OPENGRADIENT_RSA_PSS.",
        None,
        FILLED,
        example="node.key",
    )
    key: str | None = setting(
        "The node's key itself, in the forms of key_file: for development.",
        None,
        FILLED,
        secret=True,
        env="AFTERPROOF_GATEWAY_KEY",
    )
    relayer: str | None = setting(
        "Where to hand receipts in. Unset: they only travel with answers.",
        None,
        URL,
        example="http://127.0.0.1:8090",
    )
    spool: Path = setting(
        "The folder of receipts on their way to the relayer.", Path("gateway-spool"), FILLED
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
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'
