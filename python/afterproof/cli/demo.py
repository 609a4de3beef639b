"""`demo` and `devnet`: everything on this machine, on a real chain."""

import json
import sys
from pathlib import Path

import click

from .options import examples


@click.command(
    short_help="Run the whole line on a real chain, a cheat included.",
    epilog=examples("afterproof demo", "afterproof demo --json 2>/dev/null", "afterproof demo --keep run1"),
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the figures as one JSON object, progress on stderr."
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep settings, logs, batches and databases in this empty folder.",
)
@click.option(
    "--crash",
    is_flag=True,
    help="Kill the verifier and a relayer halfway and start them again: nothing is lost.",
)
@click.pass_context
def demo(context: click.Context, as_json: bool, keep: Path | None, crash: bool) -> None:
    """Run the whole line on a real chain: answers at once, proof after, and a cheat who is found out.

    Starts anvil, two gateways, two relayers and a verifier, asks 360 questions, and reads the standing of every
    receipt from the contract at the end. Takes less than a minute. The exit status is 0 only if everything
    happened as it should.
    """
    from ..demo.expectations import problems
    from ..demo.results import show
    from ..demo.run import run_demo, tidy_end
    from ..demo.view import View

    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise click.UsageError(f"{keep} is not empty: --keep wants a folder of its own")
    with tidy_end():
        with View(sys.stderr if as_json else sys.stdout) as view:
            report = run_demo(view, keep, crash)
        if as_json:
            click.echo(json.dumps(report.to_json()))
        show(report, view.console, view.elapsed)
    context.exit(1 if problems(report) else 0)


@click.command(
    short_help="Run a chain and everybody on it, to develop against.",
    epilog=examples("afterproof devnet", "afterproof devnet --dir mynet"),
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep everything here, and go on from what is there [default: a folder that is gone afterwards].",
)
def devnet(folder: Path | None) -> None:
    """Run a chain, two gateways, two relayers and a verifier until Ctrl-C, to develop against.

    Prints addresses, URLs and keys. The keys are known to everybody: never send them anything of value.
    """
    from ..demo.devnet import run_devnet
    from ..demo.run import tidy_end

    with tidy_end():
        run_devnet(folder, click.echo)
