"""`epoch`: the terms that batches and promises are judged by, and announcing the next ones."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import CallReverted, ConfigError
from ..protocol.terms import Terms
from ..units import ether
from .actor import owner
from .landed import told
from .options import acts_as_contract, examples, reads
from .output import emit, facts
from .session import Session, pass_session
from .values import moment

if TYPE_CHECKING:
    from ..chain.base import ChainReader

SPARE: Final = 600
"""Seconds that an announcement may take to land, where no time is given."""

SPARE_OF_CONTRACTS: Final = 86_400
"""The same where several people must sign, or an operation be executed, for it to land."""

_AMOUNTS: Final = ("leaf_slash", "promise_slash", "min_stake", "demand_deposit")


@click.group()
def epoch() -> None:
    """See the terms, and announce the next ones.

    A batch is judged by the terms at its posting, for ever; the next terms are announced far enough ahead for every
    lane to leave before them.
    """


@epoch.command(epilog=examples("afterproof epoch show", "afterproof epoch show 2 --json"))
@click.argument("number", type=click.IntRange(1, 2**16 - 1), metavar="[EPOCH]", required=False)
@reads
@pass_session
def show(session: Session, number: int | None, as_json: bool) -> None:
    """Show the terms of an epoch (default: of the one that holds now)."""
    reader = session.reader
    current = reader.current_epoch()
    number = number or current
    starts_at = _start(reader, number)
    if starts_at is None:
        raise ConfigError(f"there is no epoch {number}: the newest is {_newest(reader)}")
    terms, faults = reader.terms(number), sorted(reader.fault_contracts(number))
    following = _start(reader, number + 1)
    state = "holds now" if number == current else ("is over" if number < current else "is announced")
    rows: list[tuple[str, object]] = [
        ("epoch", f"{number}, {state}"),
        ("from", moment(starts_at)),
        ("until", moment(following - 1) if following is not None else "nobody has announced the next"),
        ("faults", ", ".join(kind.name for kind in faults)),
        *((name, _shown(name, value)) for name, value in asdict(terms).items()),
    ]
    answer = {
        "epoch": number,
        "current": number == current,
        "starts_at": starts_at,
        "ends_at": following,
        "faults": [kind.name for kind in faults],
        "terms": asdict(terms),
    }
    emit(as_json, answer, facts(rows))


@epoch.command(
    epilog=examples(
        "afterproof epoch announce terms.toml --dry-run",
        "afterproof epoch announce terms.toml --starts 1800000000",
        "afterproof epoch announce terms.toml --calldata --json > call.json",
    )
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--starts",
    "starts_at",
    type=click.IntRange(1, 2**40 - 1),
    metavar="SECONDS",
    help="When it starts, in unix seconds [default: as soon as it may, and ten minutes more; with --calldata a day].",
)
@acts_as_contract
@pass_session
def announce(
    session: Session, file: Path, starts_at: int | None, calldata: bool, dry_run: bool, as_json: bool
) -> None:
    """Announce the next epoch, with the terms in FILE. For the owner; it cannot be taken back.

    FILE is TOML with a table [terms], in the form of scripts/parameters. Every rule is checked before anything is
    sent. The faults and their contracts stay those of the newest epoch.
    """
    from ..chain.parameters import load_terms

    terms, reader, actor = load_terms(file), session.reader, owner(session, "settlement", calldata)
    now, newest = reader.head().timestamp, _newest(reader)
    pending = _start(reader, newest)
    if pending is not None and pending > now:
        raise ConfigError(
            f"epoch {newest} is announced and starts {moment(pending)}: the next can be announced then"
        )
    earliest = now + actor.notice + _time_to_leave(reader, newest)
    if starts_at is not None and starts_at < earliest:
        waits = (
            f"the owner's timelock holds it back for {actor.notice:,} seconds, and " if actor.notice else ""
        )
        raise ConfigError(
            f"--starts must be {earliest} ({moment(earliest)}) or later: {waits}until then every lane can leave"
        )
    if starts_at is None:
        starts_at = earliest + (SPARE_OF_CONTRACTS if actor.is_contract else SPARE)
    landed = actor.sender.announce_epoch(terms, reader.fault_contracts(newest), starts_at, dry_run)
    what = f"epoch {newest + 1}, from {moment(starts_at)} on"
    changed = _changes(reader.terms(newest), terms)
    detail = f"\n{facts(changed)}" if changed and not as_json else ""
    told(
        as_json, dry_run, landed, f"Announced {what}", f"Would announce {what}",
        epoch=newest + 1, starts_at=starts_at, terms=asdict(terms),
    )  # fmt: skip
    if detail:
        click.echo(detail.lstrip("\n"))


def _changes(old: Terms, new: Terms) -> list[tuple[str, object]]:
    """What changes, for people."""
    before: dict[str, Any] = asdict(old)
    return [
        (name, f"{_shown(name, before[name])} becomes {_shown(name, value)}")
        for name, value in asdict(new).items()
        if value != before[name]
    ]


def _shown(name: str, value: int) -> str:
    if name in _AMOUNTS:
        return ether(value)
    return f"{value / 100:g} %" if name == "cover_share" else f"{value:,} s"


def _start(reader: "ChainReader", number: int) -> int | None:
    try:
        return reader.epoch_start(number)
    except CallReverted:
        return None


def _newest(reader: "ChainReader") -> int:
    """The newest epoch, announced or begun: there is never more than one to come."""
    current = reader.current_epoch()
    return current if _start(reader, current + 1) is None else current + 1


def _time_to_leave(reader: "ChainReader", newest: int) -> int:
    """Seconds that a lane needs to be free of every obligation, by the longest of each term that there ever was."""
    terms = [reader.terms(number) for number in range(1, newest + 1)]
    names = ("max_promise_delay", "max_pause", "catch_up", "claim_window", "window")
    return sum(max(getattr(each, name) for each in terms) for name in names)
