"""The entry point: the command tree, and what becomes of errors."""

import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from .. import __version__
from ..errors import AfterproofError, CallReverted
from ..protocol.errors import ProtocolError
from .alerts import alerts
from .attestation_show import attestation
from .audit import audit
from .credits import credit
from .data import data
from .demand import demand
from .demo import demo, devnet
from .epoch import epoch
from .guardian import guardian
from .lane_changes import lane
from .ledger import ledger
from .measurement import measurement
from .node_changes import node
from .options import config_option, examples
from .promise import promise
from .receipt import receipt
from .refusals import explained
from .roles import gateway, relayer, verifier
from .setup import init, keys
from .store import store
from .timelock import timelock
from .token import token
from .watch import watch

INTERRUPTED: Final = 130
"""The exit status of a run that Ctrl-C ended: 128 and the number of the signal."""


class InOrder(click.Group):
    """Lists its commands in the order in which a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Implements :meth:`click.Group.list_commands`."""
        return list(self.commands)


@click.group(
    cls=InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples(
        "afterproof demo", "afterproof init && afterproof keys new account.json", "afterproof relayer"
    ),
)
@click.version_option(__version__, prog_name="afterproof")
@config_option
def afterproof() -> None:
    """Answers now, proof after: signed receipts for AI inference, settled on an EVM chain."""


COMMANDS: Final = (
    demo, devnet, receipt, promise, watch, attestation, init, keys, node, measurement, lane, gateway, relayer, verifier,
    ledger, alerts, audit, token, data, store, demand, credit, epoch, guardian, timelock,
)  # fmt: skip

for command in COMMANDS:
    afterproof.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status. Errors are sentences on standard error."""
    try:
        status = afterproof.main(arguments, prog_name="afterproof", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has left: nothing more to say, not even at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except CallReverted as error:
        return _fail(explained(error))
    except (AfterproofError, ProtocolError, OSError) as error:
        return _fail(str(error))
    except Exception as error:
        if os.environ.get("AFTERPROOF_TRACEBACK"):
            raise
        return _fail(
            f"something went wrong that should not have: {type(error).__name__}: {error}. "
            "Set AFTERPROOF_TRACEBACK=1 to see where, and please report it."
        )


def _fail(sentence: str) -> int:
    click.echo(f"error: {sentence}", err=True)
    return 1
