"""`guardian`: stop new posts for a while, which is all that the guardian can do; and who it is."""

from typing import Final

import click

from ..chain.base import PostingPaused
from ..protocol.receipt import hex0x
from ..units import checksummed
from . import actor
from .landed import told
from .options import acts_as_contract, examples, reads
from .output import emit, facts
from .session import Session, pass_session
from .values import ADDRESS, moment

NOBODY: Final = bytes(20)


@click.group()
def guardian() -> None:
    """Pause posting, for bounded and spaced times: nothing else stops, no window, dispute, claim or withdrawal."""


@guardian.command(
    epilog=examples(
        "afterproof guardian pause 3600 --dry-run",
        "afterproof guardian pause 3600",
        "afterproof guardian pause 3600 --calldata",
    )
)
@click.argument("seconds", type=click.IntRange(1, 2**40 - 1))
@acts_as_contract
@pass_session
def pause(session: Session, seconds: int, calldata: bool, dry_run: bool, as_json: bool) -> None:
    """Stop new posts for SECONDS. For the guardian.

    A promise that falls due meanwhile is late only after the pause and the catch-up that follows it.
    """
    landed = actor.guardian(session, calldata).sender.pause_posting(seconds, dry_run)
    paused = next((event for event in landed.events if isinstance(event, PostingPaused)), None)
    until = f", until {moment(paused.end)}" if paused is not None else ""
    what = f"posting for {seconds:,} seconds"
    told(
        as_json, dry_run, landed, f"Paused {what}{until}", f"Would pause {what}",
        seconds=seconds, until=paused.end if paused is not None else None,
    )  # fmt: skip


@guardian.command(
    epilog=examples(
        "afterproof guardian appoint 0x7099... --dry-run",
        "afterproof guardian appoint none",
        "afterproof guardian appoint 0x7099... --calldata --json > call.json",
    )
)
@click.argument("account", metavar="ADDRESS|none")
@acts_as_contract
@pass_session
def appoint(session: Session, account: str, calldata: bool, dry_run: bool, as_json: bool) -> None:
    """Let another account be guardian, or nobody. For the owner.

    A pause that holds goes on as it was.
    """
    chosen = NOBODY if account == "none" else ADDRESS.convert(account, None, click.get_current_context())
    landed = actor.owner(session, "settlement", calldata).sender.set_guardian(chosen, dry_run)
    what = f"{checksummed(chosen)} guardian" if any(chosen) else "nobody guardian"
    told(
        as_json, dry_run, landed, f"Made {what}", f"Would make {what}",
        guardian=hex0x(chosen),
    )  # fmt: skip


@guardian.command(epilog=examples("afterproof guardian show"))
@reads
@pass_session
def show(session: Session, as_json: bool) -> None:
    """Show who may pause posting, and whether it is paused."""
    reader = session.reader
    state, now = reader.pause_state(), reader.head().timestamp
    is_paused = now <= state.until
    terms = reader.terms(reader.current_epoch())
    last = f"until {moment(state.until)}" if is_paused else "no"
    rows: list[tuple[str, object]] = [
        ("guardian", checksummed(state.guardian) if any(state.guardian) else "nobody"),
        ("paused", last),
        ("pauses", f"{state.pauses:,} so far"),
        ("longest", f"{terms.max_pause:,} seconds, {terms.pause_spacing:,} from the end of one to the next"),
    ]
    answer = {
        "guardian": "0x" + state.guardian.hex(), "paused": is_paused, "until": state.until or None,
        "pauses": state.pauses, "max_pause": terms.max_pause, "pause_spacing": terms.pause_spacing,
    }  # fmt: skip
    emit(as_json, answer, facts(rows))
