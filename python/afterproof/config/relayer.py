"""Settings of a relayer."""

# ruff: noqa: RUF009 - setting() only wraps dataclasses.field, which ruff knows to be harmless
from dataclasses import dataclass
from pathlib import Path

from ..settings import DATA, FILLED, NETWORKS, PORT, PRIVATE_KEY, URL, PostgresUrl, at_least, setting


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
