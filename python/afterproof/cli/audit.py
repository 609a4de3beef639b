"""`audit`: the history of a deployment or a lane, examined anew from the chain and the published data alone."""

import os
import time
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import click

from .. import telemetry
from ..errors import AfterproofError
from ..protocol.errors import ProtocolError
from ..telemetry.logs import LogLevel
from .audit_text import described
from .judging import judged_on, judging
from .options import examples, reads
from .output import emit, note
from .session import Session, pass_session
from .values import Time, moment

if TYPE_CHECKING:
    from ..audit.scope import Scope
    from ..chain.base import Block, Deployment
    from ..config import Config
    from ..protocol.report import Report

NOT_CLEAN: Final = 1
UNTOLD: Final = 2
"""The exit status where nothing is wrong that could be told, but not all could: the same as for wrong usage."""

SAID_EVERY: Final = 10.0
"""Seconds between two lines of progress where there is no terminal."""

_BLOCK: Final = click.IntRange(min=0)


@click.command(
    short_help="Examine the history of a deployment or a lane anew.",
    epilog=examples(
        "afterproof audit",
        "afterproof audit --lane 3 --since 2026-02-01T00:00:00Z --until 2026-02-28T23:59:59Z",
        "afterproof audit --from-block 1200000 --to-block 1300000 --json > report.json",
        "afterproof audit --engine ray --ray-address head.example.org:6379",
    ),
)
@click.option(
    "--lane", "lanes", type=click.IntRange(min=1), multiple=True, help="This lane only; may be repeated."
)
@click.option("--from-block", type=_BLOCK, help="Only batches posted in this block or later.")
@click.option("--to-block", type=_BLOCK, help="Only batches posted in this block or earlier.")
@click.option("--since", type=Time(), metavar="TIME", help="Only batches posted then or later.")
@click.option("--until", type=Time(), metavar="TIME", help="Only batches posted then or earlier.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where to keep what was examined, to go on from there [default: a folder of the user's cache].",
)
@click.option(
    "--archive",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Look for data here first, and keep here what is fetched [default: nothing is kept].",
)
@judged_on
@reads
@pass_session
def audit(
    session: Session,
    lanes: tuple[int, ...],
    from_block: int | None,
    to_block: int | None,
    since: int | None,
    until: int | None,
    state: Path | None,
    archive: Path | None,
    engine: str | None,
    workers: int | None,
    ray_address: str | None,
    as_json: bool,
) -> int:
    """Judge every receipt that was ever posted, from the chain and the published data alone.

    Says what was found whether or not anybody disputed it: faults, data that is withheld, demands, broken promises,
    and how long the trust gap was. A run that was cut off goes on where it was.

    The exit status is 0 for a clean history, 1 for one that is not, and 2 where that cannot be told: a node or a
    network that is down is nobody's fault.
    """
    from ..audit.scope import EVER, Scope

    scope = Scope(
        frozenset(lanes) or None,
        from_block or 0,
        EVER if to_block is None else to_block,
        since or 0,
        EVER if until is None else until,
    )
    if scope.from_block > scope.to_block:
        raise click.UsageError("--from-block must not be greater than --to-block")
    if scope.since > scope.until:
        raise click.UsageError("--since must not be later than --until")
    try:
        config = judging(session.config, engine, workers, ray_address)
        report, cursor = _audited(session, config, scope, state, archive)
    except (AfterproofError, ProtocolError, OSError) as error:
        note(f"error: {error}")
        return UNTOLD
    except Exception as error:
        if os.environ.get("AFTERPROOF_TRACEBACK"):
            raise
        note(f"error: something went wrong that should not have: {type(error).__name__}: {error}")
        return UNTOLD
    head = _head(session.deployment, cursor, scope)
    until_when = f"up to block {cursor.number}, {moment(cursor.timestamp)}"
    emit(as_json, {**head, **report.to_json()}, described(report, until_when))
    for sentence in report.trouble:
        note(f"could not be told: {sentence}")
    if not report.is_clean:
        return NOT_CLEAN
    return 0 if report.is_complete else UNTOLD


def default_state(deployment: "Deployment") -> Path:
    """Where what was examined of a deployment is kept, unless said otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    name = f"{deployment.chain_id}-0x{deployment.settlement.hex()}"
    return Path(cache).expanduser() / "afterproof" / "audit" / name


def _audited(
    session: Session, config: "Config", scope: "Scope", state: Path | None, archive: Path | None
) -> "tuple[Report, Block]":
    from ..audit.collect import collect
    from ..audit.examiner import Passing
    from ..audit.run import Audit
    from ..data import Archive, Data
    from ..running import runner
    from ..steps import Context
    from ..store import Store

    telemetry.set_up(level=LogLevel.WARNING)
    folder = state or default_state(session.deployment)
    data = Data(others=session.fetcher, archive=Archive(archive) if archive is not None else Passing())
    place = folder / "audit.sqlite3"
    settings = config.verifier
    with (
        closing(Store.open(place, session.deployment, "auditor", exclusive=True)) as store,
        runner(settings.engine, settings.workers, settings.ray_address) as judges,
    ):
        # Nothing that an auditor runs sends anything.
        context = Context(session.rehearsal, store, config, data, runner=judges)
        with Progress() as progress:
            run = Audit(context, scope, progress.tell)
            cursor = run.run()
            progress.tell("adding up", 0, 1)
            return collect(context, scope, run, cursor), cursor


def _head(deployment: "Deployment", cursor: "Block", scope: "Scope") -> dict[str, Any]:
    from ..audit.scope import EVER

    return {
        "chain_id": deployment.chain_id,
        "settlement": "0x" + deployment.settlement.hex(),
        "registry": "0x" + deployment.registry.hex(),
        "block": {"number": cursor.number, "hash": "0x" + cursor.hash.hex(), "timestamp": cursor.timestamp},
        "scope": {
            "lanes": sorted(scope.lanes) if scope.lanes is not None else None,
            "from_block": scope.from_block or None,
            "to_block": scope.to_block if scope.to_block < EVER else None,
            "since": scope.since or None,
            "until": scope.until if scope.until < EVER else None,
        },
    }


class Progress:
    """How far an audit is: a bar on a terminal, else a line now and then; on standard error."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=console, transient=True,
        )  # fmt: skip
        self._shown: AbstractContextManager[Any] = self._bar if console.is_terminal else nullcontext()
        self._is_terminal = console.is_terminal
        self._task = self._bar.add_task("", total=None)
        self._what, self._said_at = "", 0.0

    def __enter__(self) -> Self:
        self._shown.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown.__exit__(kind, error, trace)

    def tell(self, what: str, done: int, total: int) -> None:
        """So much of ``what`` is done."""
        if self._is_terminal:
            self._bar.update(self._task, description=what, completed=done, total=total)
        elif what != self._what or time.monotonic() - self._said_at >= SAID_EVERY:
            self._said_at = time.monotonic()
            note(f"{what}: {done} of {total}")
        self._what = what
