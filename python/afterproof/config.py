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
from .settings import (
    ADDRESS,
    AMOUNT,
    ANY_AMOUNT,
    ANY_URLS,
    DATA,
    FILLED,
    NETWORKS,
    PORT,
    PRIVATE_KEY,
    URL,
    URLS,
    Answering,
    Engine,
    PostgresUrl,
    at_least,
    read_section,
    read_toml,
    setting,
)
from .telemetry.logs import LogFormat, LogLevel


@dataclass(frozen=True)
class ChainConfig:
    """Which chain, and where its contracts are."""

    rpc: tuple[str, ...] = setting(
        "The JSON-RPC endpoint of a node, or a list of several in order of preference: where one fails the next is "
        "asked. Between commas in the environment. May hold access keys, so of each only the host is ever logged.",
        ("http://127.0.0.1:8545",),
        URLS,
        secret=True,
    )
    quorum: int = setting(
        "How many of these nodes must agree on blocks, events and what the contracts hold before it is taken in; at "
        "most as many as there are. 1: the first that is fit is believed.",
        1,
        at_least(1, 64),
    )
    deployment: Path = setting("The address file that deployment wrote.", Path("deployment.json"), FILLED)
    timeout: float = setting("Seconds that one call of the node may take.", 10.0, at_least(0.1, 600))
    max_fee: str | None = setting(
        "What a transaction may offer for a unit of gas at most. Unset: whatever the chain asks for.",
        None,
        AMOUNT,
        example="100gwei",
    )
    max_fee_urgent: str | None = setting(
        "The same for a transaction that a promise's deadline presses; no less than max_fee. Unset: max_fee.",
        None,
        AMOUNT,
        example="500gwei",
    )
    transaction_gas: int = setting(
        "Gas that one transaction may use: a proof that needs more is sent in parts.",
        2**24,
        at_least(3_000_000, 2**40),
    )


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
    signer: str | None = setting(
        "An external signer that holds the account's key, instead of a keystore: a server that answers "
        "eth_signTransaction (web3signer) or account_signTransaction (clef). May hold a password: it is never logged.",
        None,
        URL,
        secret=True,
        example="http://127.0.0.1:9000",
    )
    address: str | None = setting(
        "The account that the external signer is to sign for.",
        None,
        ADDRESS,
        example="0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    )
    signer_timeout: float = setting(
        "Seconds that the external signer may take for one transaction.", 10.0, at_least(0.1, 600)
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
    store: Path | PostgresUrl = setting(
        "The database: a file, or postgresql://user@host/name, which several processes may share.",
        Path("relayer.sqlite3"),
        FILLED,
    )
    data_dir: Path = setting("The folder of the published batches.", Path("batches"), FILLED)
    data: str | None = setting(
        "Where batches are published: a bucket (s3://bucket/prefix; needs the extra s3), an IPFS node's RPC "
        "(ipfs+http://host:port), or whoever takes a PUT and answers in JSON (put+https://...). Unset: in data_dir, "
        "served by this relayer. May hold an access key, so it is never logged.",
        None,
        DATA,
        secret=True,
        example="s3://bucket/prefix",
    )
    data_url: str | None = setting(
        "Where others read what is published elsewhere: the bucket's address, the IPFS gateway's, or an address with "
        "{id} in it for the name that a PUT was answered with. It is posted with each batch.",
        None,
        URL,
        example="https://data.example.org/batches",
    )
    keep_data: float = setting(
        "Seconds that `store prune` keeps a batch's data and receipts beyond the last claim that could need them.",
        604_800.0,
        at_least(0),
    )
    data_timeout: float = setting(
        "Seconds that publishing a batch elsewhere, or reading it back, may take.", 10.0, at_least(0.1, 600)
    )
    allow_private_data: bool = setting(
        "Whether what was published elsewhere may be read back from a private address, where strangers cannot read it.",
        False,
    )
    max_batch: int = setting("Receipts at which a batch is closed.", 1024, at_least(1, 1_024_000))
    max_age: float = setting(
        "Seconds that a receipt may wait before its batch is closed.", 10.0, at_least(0, 86_400)
    )
    fee_patience: float = setting(
        "Seconds that a batch that is old enough, and not full, may wait for a lower base fee while no promise "
        "presses. 0: it does not.",
        0.0,
        at_least(0, 86_400),
    )
    fee_high: float = setting(
        "How many times the usual base fee, the median of the last hour, is a high one that fee_patience waits out.",
        1.25,
        at_least(1, 1000),
    )
    promise_margin: float = setting(
        "Seconds before a promise is due that its batch is closed at the latest. More are kept where posting is "
        "measured to take longer, or other batches are before it.",
        60.0,
        at_least(0, 86_400),
    )
    funds_warning: float = setting(
        "Days that the account's funds must last at today's rate; a warning is logged when they do not.",
        3.0,
        at_least(0, 365),
    )
    cover_warning: float = setting(
        "The share of the receipts that the lane's stake covers, and of those it may promise, that must be free; a "
        "warning is logged when less is.",
        0.1,
        at_least(0, 1),
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
    heartbeats: bool = setting(
        "Whether to report on-chain which nodes gave a sign of life (POST /heartbeat). The account puts up a bond.",
        False,
    )
    heartbeat_delay: float = setting(
        "Seconds that a heartbeat waits for others to be reported with. Gateways wait 20 for the report.",
        3.0,
        at_least(0, 60),
    )
    metrics_port: int | None = setting(
        "A port of its own for /metrics, /health and /ready. Unset: /metrics is served beside the rest, to anybody.",
        None,
        PORT,
        example=9464,
    )
    metrics_host: str = setting("The address that metrics_port is listened on at.", "127.0.0.1", FILLED)
    body_limit: int = setting("Bytes of a request's body at most.", 2 * 2**20, at_least(4096, 2**28))
    tokens: Path | None = setting(
        "A file with the clients that may write, and the hashes of their tokens (`afterproof token new`). Unset: "
        "everybody may. Read again when it changes.",
        None,
        FILLED,
        example="tokens.toml",
    )
    rate: float | None = setting(
        "Receipts a second that one client may hand in: whom a token names, else an address. Unset: any number.",
        None,
        at_least(0.001, 1e9),
        example=500.0,
    )
    burst: int = setting(
        "Receipts that a client which has rested may hand in at once, where rate is set.",
        2000,
        at_least(1, 10**9),
    )
    proxies: str | None = setting(
        "Reverse proxies whose X-Forwarded-For names the client, as addresses or networks. Unset: nobody is believed.",
        None,
        NETWORKS,
        example="127.0.0.1, 10.0.0.0/8",
    )
    connections: int = setting(
        "Connections at once: whoever comes beyond them gets 503, and beyond half as many more is hung up on.",
        256,
        at_least(1, 65_536),
    )
    request_timeout: float = setting(
        "Seconds that a client may take to send a request, or to take in a piece of its answer.",
        30.0,
        at_least(0.1, 3600),
    )
    keep_alive: int = setting(
        "Seconds that a connection is kept open without a request.", 15, at_least(1, 3600)
    )
    queue_limit: int = setting(
        "Receipts that may wait to be stored; beyond that requests are answered 429 at once.",
        10_000,
        at_least(1000, 10_000_000),
    )
    poll: float = setting("Seconds between two looks at the chain.", 1.0, at_least(0.05, 600))


@dataclass(frozen=True)
class VerifierConfig:
    """Checking what is posted and proving faults."""

    store: Path | PostgresUrl = setting(
        "The database: a file, or postgresql://user@host/name, which several processes may share.",
        Path("verifier.sqlite3"),
        FILLED,
    )
    dry_run: bool = setting(
        "Whether to send nothing, and only say what would have been sent. Needs no account and no funds.",
        False,
    )
    poll: float = setting("Seconds between two looks at the chain.", 1.0, at_least(0.05, 600))
    metrics_port: int | None = setting(
        "The port of /metrics, /health and /ready. Unset: they are not served.", None, PORT, example=9465
    )
    metrics_host: str = setting("The address that metrics_port is listened on at.", "127.0.0.1", FILLED)
    port: int | None = setting(
        "The port where promises are taken to be watched (POST /v1/watch), and batches are served from the archive. "
        "Unset: neither is. 0: any free one.",
        None,
        PORT,
        example=8095,
    )
    host: str = setting("The address that port is listened on at.", "127.0.0.1", FILLED)
    proxies: str | None = setting(
        "Reverse proxies whose X-Forwarded-For names the client, as addresses or networks. Unset: nobody is believed.",
        None,
        NETWORKS,
        example="127.0.0.1, 10.0.0.0/8",
    )
    watch_limit: int = setting(
        "Promises that are watched at most; beyond that no more are taken.", 100_000, at_least(1, 10_000_000)
    )
    watch_client_limit: int = setting(
        "Promises that are watched for one client address at most.", 10_000, at_least(1, 10_000_000)
    )
    watch_rate: float = setting(
        "Promises a second that one client address may hand in.", 20.0, at_least(0.001, 1e6)
    )
    claim_budget: str = setting(
        "The most that claiming broken promises may cost in a day, in fees. A claim earns 5 % of what the lane loses, "
        "which may be less than its fee.",
        "0.05ether",
        AMOUNT,
    )
    data_timeout: float = setting("Seconds that fetching a batch's data may take.", 10.0, at_least(0.1, 600))
    allow_private_data: bool = setting(
        "Whether to fetch data from private and local addresses: for development, or lanes of your own network.",
        False,
    )
    archive: Path = setting(
        "The folder where fetched batches are kept: for proofs, for answers to demands, for other verifiers.",
        Path("archive"),
        FILLED,
    )
    keep_data: float = setting(
        "Seconds that a batch is kept in the archive beyond the last claim that could need it.",
        604_800.0,
        at_least(0),
    )
    mirrors: tuple[str, ...] = setting(
        "Archives of other verifiers, where data is looked for that cannot be had at its own address: a list of their "
        "addresses. Between commas in the environment.",
        (),
        ANY_URLS,
        example=("https://verifier.example.org",),
    )
    workers: int | None = setting(
        "Processes that judge batches at the same time; 1: this one alone. Unset: as many as there are processors, or "
        "on a cluster as many as it has.",
        None,
        at_least(1, 4096),
        example=2,
    )
    engine: Engine = setting(
        "What batches are judged on: processes of this machine (pool), or Ray (ray), which the extra "
        "afterproof[scale] installs.",
        Engine.POOL,
    )
    ray_address: str | None = setting(
        "The Ray cluster, as ray://host:10001 or host:6379. Unset: a Ray of its own on this machine.",
        None,
        FILLED,
        example="head.example.org:6379",
    )
    demand: bool = setting(
        "Whether to demand on chain the tiles whose data cannot be had or is not what was posted. A demand's deposit "
        "is lost where the data is shown; where it is not, the deposit comes back with half of what the lane loses.",
        True,
    )
    demand_budget: str = setting(
        "The most that all open demands of this account together may hold in deposits.", "0.5ether", AMOUNT
    )
    demand_after: float = setting(
        "Seconds for which data is looked for before it is demanded; less where half of the window would have passed.",
        600.0,
        at_least(0, 86_400),
    )
    max_drift: float | None = setting(
        "Seconds by which the newest block's time may differ from this machine's clock. Beyond, one of them is wrong, "
        "or the node behind: nothing is demanded, nor challenged as withheld. Unset: 600, and any number on the "
        "chains 1337 and 31337. Set it higher where blocks come only now and then.",
        None,
        at_least(1, 1e9),
        example=600.0,
    )
    probe: str | None = setting(
        "An address that answers whenever this machine's network works; https, so that nobody on the way can answer "
        "for it. Nothing is demanded without a sign that the network works: this one, or any batch that can be "
        "fetched.",
        None,
        URL,
        example="https://www.example.org/",
    )
    answer_others: Answering = setting(
        "Which demanded tiles to show on chain from the archive, once half of the time to show them has passed: those "
        "that pay for it (PAID), all that are there (ALWAYS), or none (NEVER).",
        Answering.PAID,
    )
    challenge_false: bool = setting(
        "Whether to challenge attestations whose documents do not prove them. That wins half of the bond.",
        True,
    )
    challenge_withheld: bool = setting(
        "Whether to challenge attestations whose documents cannot be had: nobody may trust them, but whoever hides a "
        "true one earns the deposit by proving it.",
        True,
    )
    challenge_deposit: str = setting(
        "What one challenge of an attestation may cost at most: its deposit is lost where the proof comes.",
        "0.5ether",
        AMOUNT,
    )
    withheld_after: float = setting(
        "Seconds for which an attestation's document is looked for before that it cannot be had is challenged; less "
        "where the attestation would be live by then.",
        600.0,
        at_least(0, 86_400),
    )
    prove_others: bool = setting(
        "Whether to prove attestations of others too when they are challenged, for the challenger's deposit. Those "
        "that this account posted are proven in any case.",
        False,
    )
    withdraw_above: str = setting(
        "Credit with a contract that is withdrawn to the account by itself, where that takes less than a fiftieth of "
        "it in fees; less credit too while the account's funds are low. 0: none ever is.",
        "0.02ether",
        ANY_AMOUNT,
    )
    funds_warning: float = setting(
        "Days that the account's funds must last at today's rate; a warning is logged when they do not, or do not "
        "suffice for the dearest actions.",
        3.0,
        at_least(0, 365),
    )


@dataclass(frozen=True)
class GatewayConfig:
    """Answering requests and signing receipts."""

    host: str = setting("The address to listen on.", "127.0.0.1", FILLED)
    port: int = setting("The port to listen on; 0: any free one.", 8080, PORT)
    scheme: Scheme = setting(f"How to sign: one of {', '.join(Scheme)}.", Scheme.SECP256K1)
    key_file: Path | None = setting(
        "A file with the node's key: 0x-hex for SECP256K1, PKCS#8 in PEM for the others.",
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
    relayer_token_file: Path | None = setting(
        "A file whose first line is the token that the relayer gave this gateway.",
        None,
        FILLED,
        example="relayer.token",
    )
    spool: Path = setting(
        "The folder of receipts on their way to the relayer.", Path("gateway-spool"), FILLED
    )


@dataclass(frozen=True)
class AlertsConfig:
    """Telling somebody what they should know of now: relayer and verifier alike."""

    webhook: str | None = setting(
        "Where alerts are sent, a JSON object a POST. Unset: they are only logged and counted. May hold an access key, "
        "so of it only the host is ever logged.",
        None,
        URL,
        secret=True,
        example="https://alerts.example.org/afterproof",
    )
    repeat: float = setting(
        "Seconds until an alert that lasts is sent again.", 14_400.0, at_least(60, 2_592_000)
    )
    patience: float = setting(
        "Seconds that trouble of the process must last, or data be missing, until that is an alert.",
        300.0,
        at_least(0, 86_400),
    )
    deadline_near: float = setting(
        "Seconds before a deadline at which it is an alert that what it is for is not done. Of promises half of "
        "relayer.promise_margin where that is less.",
        600.0,
        at_least(0, 86_400),
    )
    timeout: float = setting("Seconds that one delivery may take.", 5.0, at_least(0.1, 60))


@dataclass(frozen=True)
class LogConfig:
    """What is logged, to standard error."""

    format: LogFormat = setting(
        "How: text, a line for people, or json, an object a line for programs.", LogFormat.TEXT
    )
    level: LogLevel = setting("From which level on: debug, info, warning or error.", LogLevel.INFO)


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
