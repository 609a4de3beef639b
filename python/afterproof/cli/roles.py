"""`relayer`, `verifier`, `gateway`: a role of the protocol as a process, until it is told to end."""

import threading

import click

from .. import telemetry
from ..keyfiles import gateway_key, promise_key
from ..protocol.signing import Secp256k1Signer
from .options import config_option, examples
from .session import Session, pass_session

_verbose = click.option("--verbose", is_flag=True, help="Log more, tracebacks of unexpected errors included.")


@click.command(
    short_help="Take receipts in and post them in batches.",
    epilog=examples("afterproof relayer", "afterproof relayer --config relayer.toml"),
)
@_verbose
@config_option
@pass_session
def relayer(session: Session, verbose: bool) -> None:
    """Take receipts in over HTTP, and post them in batches on a lane of yours.

    Needs an account (account.keystore), a deployment (chain.deployment) and a lane (relayer.lane) in the settings.
    On a lane with ahead every receipt is answered with a promise, which the lane's promise key signs.
    Started again, it goes on where it was.
    """
    from ..node import run_relayer

    telemetry.set_up(verbose)
    promiser = Secp256k1Signer(promise_key(session.config))
    run_relayer(session.config, session.sender, threading.Event(), promiser=promiser)


@click.command(
    short_help="Check what is posted and prove faults.",
    epilog=examples("afterproof verifier", "afterproof verifier --config verifier.toml"),
)
@_verbose
@config_option
@pass_session
def verifier(session: Session, verbose: bool) -> None:
    """Check every batch that anybody posts, and prove every fault, for a share of what the lane loses.

    Needs an account (account.keystore) with some coin for gas, and a deployment (chain.deployment) in the settings.
    Started again, it goes on where it was.
    """
    from ..node import run_verifier

    telemetry.set_up(verbose)
    run_verifier(session.config, session.sender, threading.Event())


@click.command(
    short_help="Answer requests at once, with signed receipts.",
    epilog=examples("afterproof gateway", "afterproof gateway --config gateway.toml"),
)
@_verbose
@config_option
@pass_session
def gateway(session: Session, verbose: bool) -> None:
    """Answer inference requests at once, each with a signed receipt, and hand the receipts to a relayer.

    Serves the embedded digits model over the Open Inference Protocol. Needs a node's key (gateway.key_file) and a
    deployment (chain.deployment) in the settings.
    """
    from ..gateway.server import GatewaySettings, run_gateway

    telemetry.set_up(verbose)
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
            spool=settings.spool,
        )
    )
