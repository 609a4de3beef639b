"""`relayer`, `verifier`, `gateway`: a role of the protocol as a process, until it is told to end."""

import threading
from dataclasses import replace

import click

from .. import telemetry
from ..keyfiles import gateway_key, promise_key, relayer_token
from ..protocol.signing import Secp256k1Signer
from ..telemetry.logs import LogFormat
from .judging import judged_on, judging
from .options import config_option, examples
from .session import Session, pass_session

_verbose = click.option("--verbose", is_flag=True, help="Log more, tracebacks of unexpected errors included.")
_log_format = click.option(
    "--log-format",
    type=click.Choice([one.value for one in LogFormat]),
    help="Log lines for people or JSON objects for programs, whatever log.format says.",
)


@click.command(
    short_help="Take receipts in and post them in batches.",
    epilog=examples("afterproof relayer", "afterproof relayer --config relayer.toml"),
)
@_verbose
@_log_format
@config_option
@pass_session
def relayer(session: Session, verbose: bool, log_format: str | None) -> None:
    """Take receipts in over HTTP, and post them in batches on a lane of yours.

    Needs an account (account.keystore), a deployment (chain.deployment) and a lane (relayer.lane) in the settings.
    On a lane with ahead every receipt is answered with a promise, which the lane's promise key signs.
    Started again, it goes on where it was.
    """
    from ..node import run_relayer
    from ..telemetry.metrics import Metrics

    _log(session, verbose, log_format)
    promiser, metrics = Secp256k1Signer(promise_key(session.config)), Metrics("relayer")
    session.observer = metrics.chain.on_request
    run_relayer(session.config, session.sender, threading.Event(), promiser=promiser, metrics=metrics)


@click.command(
    short_help="Check what is posted and prove faults.",
    epilog=examples(
        "afterproof verifier",
        "afterproof verifier --config verifier.toml",
        "afterproof verifier --dry-run",
        "afterproof verifier --workers 8",
        "afterproof verifier --engine ray --ray-address head.example.org:6379",
    ),
)
@click.option(
    "--dry-run", is_flag=True, help="Send nothing; say what would have been sent. Needs no account."
)
@judged_on
@_verbose
@_log_format
@config_option
@pass_session
def verifier(
    session: Session,
    dry_run: bool,
    verbose: bool,
    log_format: str | None,
    engine: str | None,
    workers: int | None,
    ray_address: str | None,
) -> None:
    """Check every batch that anybody posts, and prove every fault, for a share of what the lane loses.

    Checks every attestation of a node too, and challenges those that their documents do not prove.

    Needs an account (account.keystore) with some coin for gas, and a deployment (chain.deployment) in the settings.
    Started again, it goes on where it was. Batches are judged by several processes at a time, or on a Ray cluster.
    """
    from ..node import run_verifier
    from ..telemetry.metrics import Metrics

    _log(session, verbose, log_format)
    metrics = Metrics("verifier")
    session.observer = metrics.chain.on_request
    config = judging(session.config, engine, workers, ray_address)
    if dry_run or config.verifier.dry_run:
        config = replace(config, verifier=replace(config.verifier, dry_run=True))
        run_verifier(config, session.rehearsal, threading.Event(), metrics)
    else:
        run_verifier(config, session.sender, threading.Event(), metrics)


@click.command(
    short_help="Answer requests at once, with signed receipts.",
    epilog=examples("afterproof gateway", "afterproof gateway --config gateway.toml"),
)
@_verbose
@_log_format
@config_option
@pass_session
def gateway(session: Session, verbose: bool, log_format: str | None) -> None:
    """Answer inference requests at once, each with a signed receipt, and hand the receipts to a relayer.

    Serves the embedded digits model over the Open Inference Protocol. Needs a node's key (gateway.key_file) and a
    deployment (chain.deployment) in the settings.
    """
    from ..gateway.server import GatewaySettings, run_gateway

    _log(session, verbose, log_format)
    settings, deployment = session.config.gateway, session.deployment
    run_gateway(
        GatewaySettings(
            chain_id=deployment.chain_id,
            registry=deployment.registry,
            private_key=gateway_key(settings),
            scheme=settings.scheme,
            host=settings.host,
            port=settings.port,
            relayer=settings.relayer,
            relayer_token=relayer_token(settings),
            spool=settings.spool,
        )
    )


def _log(session: Session, verbose: bool, log_format: str | None) -> None:
    settings = session.config.log
    telemetry.set_up(verbose, format=LogFormat(log_format or settings.format), level=settings.level)
