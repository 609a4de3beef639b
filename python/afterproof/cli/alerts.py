"""`alerts`: whether whoever is to be told can be."""

import time

import click

from ..errors import ConfigError
from .options import examples, reads
from .output import emit
from .session import Session, pass_session


@click.group()
def alerts() -> None:
    """Try out where alerts are sent."""


@alerts.command(
    "test", epilog=examples("afterproof alerts test", "afterproof alerts test --config verifier.toml")
)
@reads
@pass_session
def send_test(session: Session, as_json: bool) -> None:
    """Send a test alert to alerts.webhook, and that it is over."""
    from ..telemetry.webhook import Webhook, tried

    settings = session.config.alerts
    if settings.webhook is None:
        raise ConfigError("alerts.webhook is missing: set where alerts are to be sent")
    webhook = Webhook(settings.webhook, settings.timeout, "test")
    for raised in tried(int(time.time())):
        webhook.deliver(raised)
    emit(
        as_json, {"delivered": True, "host": webhook.host}, f"{webhook.host} took a test alert, and its end."
    )
