"""`timelock`: have the timelock that owns a deployment make a call: schedule it, wait, execute it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import CallReverted, ConfigError
from ..protocol.receipt import hex0x
from ..units import checksummed
from .calls import called, read_call
from .landed import told
from .options import acts_as_contract, examples, reads
from .output import emit, facts
from .session import Session, pass_session
from .values import HASH, moment

if TYPE_CHECKING:
    from ..chain.base import Call
    from ..chain.timelock import Operation, Timelock

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def timelock() -> None:
    """Have the timelock that owns the contracts make a call.

    FILE is what a command with --calldata --json printed, or - for standard input: JSON with call (to, value, data).
    A proposer schedules the call, and once the delay is over an executor executes it. Salt and predecessor are part
    of an operation's name: whoever executes or cancels it names the same.
    """


def _operation(command: Command) -> Command:
    salt = click.option(
        "--salt",
        type=HASH,
        default=bytes(32),
        help="Tells the same call apart from an earlier one [default: 0x00...].",
    )
    predecessor = click.option(
        "--predecessor",
        type=HASH,
        default=bytes(32),
        help="The operation that must be done before [default: none].",
    )
    return click.argument("file")(predecessor(salt(command)))


@dataclass(frozen=True)
class Found:
    """An operation with its timelock, and what became of it: ``at``, when it can be executed, 0 where that is moot."""

    timelock: "Timelock"
    operation: "Operation"
    what: str
    now: int

    def facts(self, **more: Any) -> dict[str, Any]:
        """What programs are told."""
        return {
            "timelock": hex0x(self.timelock.address),
            "operation": hex0x(self.operation.id),
            "predecessor": hex0x(self.operation.predecessor),
            "salt": hex0x(self.operation.salt),
            **more,
        }


@timelock.command(
    epilog=examples("afterproof timelock show call.json", "afterproof timelock show call.json --json")
)
@_operation
@reads
@pass_session
def show(session: Session, file: str, predecessor: bytes, salt: bytes, as_json: bool) -> None:
    """Show a call, its timelock, and how far it is."""
    found = _found(session, file, predecessor, salt)
    state, at = found.timelock.stage(found.operation)
    rows: list[tuple[str, object]] = [
        ("call", found.what),
        ("timelock", f"{checksummed(found.timelock.address)}, holds back {found.timelock.delay:,} seconds"),
        ("operation", hex0x(found.operation.id)),
        ("state", f"{state.name.lower()}{f', can be executed from {moment(at)} on' if at else ''}"),
    ]
    shown = found.facts(
        call=found.what, delay=found.timelock.delay, state=state.name, executable_at=at or None
    )
    emit(as_json, shown, facts(rows))


@timelock.command(
    epilog=examples(
        "afterproof epoch announce terms.toml --calldata --json > call.json",
        "afterproof timelock schedule call.json --dry-run",
        "afterproof timelock schedule call.json --calldata",
    )
)
@_operation
@click.option(
    "--delay",
    type=click.IntRange(0, 2**40 - 1),
    metavar="SECONDS",
    help="How long it waits [default: the least].",
)
@acts_as_contract
@pass_session
def schedule(
    session: Session,
    file: str,
    predecessor: bytes,
    salt: bytes,
    delay: int | None,
    calldata: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Schedule a call. For a proposer of the timelock."""
    from ..chain.timelock import Stage

    found = _found(session, file, predecessor, salt)
    state, at = found.timelock.stage(found.operation)
    if state is not Stage.UNSET:
        became = "was executed" if state is Stage.DONE else f"waits: it can be executed from {moment(at)} on"
        raise ConfigError(f"the call was scheduled before and {became}; another --salt schedules it anew")
    delay = delay if delay is not None else found.timelock.delay
    if delay < found.timelock.delay:
        raise ConfigError(
            f"--delay must be {found.timelock.delay} or more: the timelock holds every call back so long"
        )
    if not any(predecessor):  # else only what comes before may make it acceptable
        session.reader.ask(found.operation.call, found.timelock.address)
    call = found.timelock.schedule(found.operation, delay)
    what = f"{found.what}, to be executed from about {moment(found.now + delay)} on"
    _make(
        session, found, call, ("Scheduled", "Would schedule"), what, calldata, dry_run, as_json,
        delay=delay, executable_at=found.now + delay,
    )  # fmt: skip


@timelock.command(
    epilog=examples(
        "afterproof timelock execute call.json --dry-run", "afterproof timelock execute call.json"
    )
)
@_operation
@acts_as_contract
@pass_session
def execute(
    session: Session, file: str, predecessor: bytes, salt: bytes, calldata: bool, dry_run: bool, as_json: bool
) -> None:
    """Execute a call whose time has come. For an executor of the timelock."""
    from ..chain.timelock import Stage

    found = _found(session, file, predecessor, salt)
    state, at = found.timelock.stage(found.operation)
    if state is Stage.UNSET:
        raise ConfigError("the call was never scheduled, or not with this salt and predecessor")
    if state is Stage.DONE:
        raise ConfigError("the call was executed before")
    call = found.timelock.execute(found.operation)
    try:
        _make(session, found, call, ("Executed", "Would execute"), found.what, calldata, dry_run, as_json)
    except CallReverted as error:
        if error.error != "TimelockUnexpectedOperationState":
            raise
        raise ConfigError(f"it is too soon: the call can be executed from {moment(at)} on ({at})") from None


@timelock.command(epilog=examples("afterproof timelock cancel call.json --dry-run"))
@_operation
@acts_as_contract
@pass_session
def cancel(
    session: Session, file: str, predecessor: bytes, salt: bytes, calldata: bool, dry_run: bool, as_json: bool
) -> None:
    """Take back a call that waits. For a canceller of the timelock, which every proposer is."""
    from ..chain.timelock import Stage

    found = _found(session, file, predecessor, salt)
    state, _ = found.timelock.stage(found.operation)
    if state not in (Stage.WAITING, Stage.READY):
        why = (
            "was executed"
            if state is Stage.DONE
            else "was never scheduled, or not with this salt and predecessor"
        )
        raise ConfigError(f"there is nothing to take back: the call {why}")
    call = found.timelock.cancel(found.operation)
    _make(session, found, call, ("Took back", "Would take back"), found.what, calldata, dry_run, as_json)


def _make(
    session: Session,
    found: Found,
    call: "Call",
    words: tuple[str, str],
    what: str,
    calldata: bool,
    dry_run: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """Make one of the timelock's calls, or print it, and say so."""
    from ..chain.base import Landed

    drafted = Landed(b"", 0, 0, 0, (), call)
    landed = drafted if calldata else found.timelock.make(session.sender, call, dry_run)
    done, would = (f"{word} {what}" for word in words)
    told(as_json, dry_run, landed, done, would, **found.facts(**more))


def _found(session: Session, file: str, predecessor: bytes, salt: bytes) -> Found:
    from ..chain.timelock import Operation, Timelock

    call, deployment, reader = read_call(file), session.deployment, session.reader
    names = {deployment.settlement: "Settlement", deployment.registry: "AttestationRegistry"}
    if call.to not in names:
        raise ConfigError(f"call.to: {checksummed(call.to)} is neither of the deployment's two contracts")
    what = f"{names[call.to]}.{called(call, names[call.to])}"
    return Found(Timelock(reader, call.to), Operation(call, predecessor, salt), what, reader.head().timestamp)
