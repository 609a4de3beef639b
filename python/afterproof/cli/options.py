"""Options that many commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .session import Session

Command = TypeVar("Command", bound=Callable[..., Any])


def _use(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    session = context.find_root().ensure_object(Session)
    if path is not None:
        session.config_path = path


def config_option(command: Command) -> Command:
    """``--config FILE``, before or after the command's name."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="AFTERPROOF_CONFIG",
        show_envvar=True,
        expose_value=False,
        callback=_use,
        metavar="FILE",
        help="Settings file [default: afterproof.toml here, if there is one].",
    )(command)


def json_option(command: Command) -> Command:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object.")(command)


def dry_run_option(command: Command) -> Command:
    """``--dry-run``."""
    return click.option("--dry-run", is_flag=True, help="Check and say what would happen; change nothing.")(
        command
    )


def reads(command: Command) -> Command:
    """The options of a command that only reads."""
    return config_option(json_option(command))


def acts(command: Command) -> Command:
    """The options of a command that changes something."""
    return config_option(json_option(dry_run_option(command)))


def acts_as_contract(command: Command) -> Command:
    """The options of a command for an account that is often a contract: ``--calldata`` with those of :func:`acts`."""
    return acts(
        click.option(
            "--calldata",
            is_flag=True,
            help="Send nothing: print the call for the contract account that may make it, a multisig or a timelock "
            "(see `afterproof timelock`). Needs no account of yours.",
        )(command)
    )


def examples(*lines: str) -> str:
    """An epilogue of examples, kept as they are by ``\\b``."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
