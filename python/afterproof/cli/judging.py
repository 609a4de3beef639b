"""The options of commands that judge batches: on what, and how many at a time."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..settings import Engine

if TYPE_CHECKING:
    from ..config import Config

Command = TypeVar("Command", bound=Callable[..., Any])


def judged_on(command: Command) -> Command:
    """``--engine``, ``--workers`` and ``--ray-address``."""
    engine = click.option(
        "--engine",
        type=click.Choice([one.value for one in Engine]),
        help="Judge in processes of this machine or on Ray, whatever verifier.engine says; "
        "ray needs pip install 'afterproof[scale]'.",
    )
    workers = click.option(
        "--workers",
        type=click.IntRange(1, 4096),
        help="Processes that judge at the same time, whatever verifier.workers says "
        "[default: as many as there are processors].",
    )
    address = click.option(
        "--ray-address",
        metavar="ADDRESS",
        help="The Ray cluster [default: a Ray of its own on this machine].",
    )
    return engine(workers(address(command)))


def judging(config: "Config", engine: str | None, workers: int | None, ray_address: str | None) -> "Config":
    """The settings with what the options say.

    Raises:
        click.UsageError: a cluster's address without its engine.
    """
    settings = config.verifier
    settings = replace(
        settings,
        engine=settings.engine if engine is None else Engine(engine),
        workers=workers or settings.workers,
        ray_address=ray_address or settings.ray_address,
    )
    if ray_address is not None and settings.engine is not Engine.RAY:
        raise click.UsageError("--ray-address goes with --engine ray")
    return replace(config, verifier=settings)
