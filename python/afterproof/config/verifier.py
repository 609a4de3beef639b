"""Settings of a verifier."""

# ruff: noqa: RUF009 - setting() only wraps dataclasses.field, which ruff knows to be harmless
from dataclasses import dataclass
from pathlib import Path

from ..settings import (
    AMOUNT,
    ANY_AMOUNT,
    ANY_URLS,
    FILLED,
    NETWORKS,
    PORT,
    URL,
    Answering,
    Engine,
    PostgresUrl,
    at_least,
    setting,
)


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
