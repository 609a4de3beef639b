"""`lane`: open a lane, add to its stake, look at lanes. What changes a lane is in ``lane_changes``."""

from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError
from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .landed import told
from .options import acts, examples, reads
from .output import emit, facts, table
from .session import Session, pass_session
from .values import ADDRESS, AMOUNT, moment

if TYPE_CHECKING:
    from ..chain.base import ChainReader, LaneState


lane_number = click.argument("number", type=click.IntRange(1), metavar="LANE")
"""The argument LANE."""


@click.group()
def lane() -> None:
    """Open lanes, add to their stakes, change them, leave them, look at them.

    A lane is a relayer's numbered sequence of receipts, with a stake that answers for it.
    """


@lane.command(
    "open",
    epilog=examples(
        "afterproof lane open --stake 1ether", "afterproof lane open --stake 1ether --dry-run --json"
    ),
)
@click.option("--stake", type=AMOUNT, required=True, help="What the lane can lose: 1ether, 100gwei, or wei.")
@click.option("--poster", type=ADDRESS, help="The account that may post on it [default: yours].")
@click.option(
    "--promise-key",
    type=ADDRESS,
    help="The account that signs its promises, which the relayer must hold [default: yours].",
)
@click.option(
    "--ahead",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    help="Receipts that may be promised beyond those posted; the stake must cover them [default: 0].",
)
@acts
@pass_session
def open_lane(
    session: Session,
    stake: int,
    poster: bytes | None,
    promise_key: bytes | None,
    ahead: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Open a lane of yours, with a stake."""
    poster = poster or session.sender.account
    promise_key = promise_key or session.sender.account
    number, landed = session.sender.open_lane(poster, promise_key, ahead, stake, dry_run)
    what = f"lane {number} with {ether(stake)}, for {checksummed(poster)} to post on"
    told(
        as_json, dry_run, landed, f"Opened {what}", f"Would open {what}",
        lane=number, stake_wei=stake, poster=hex0x(poster), promise_key=hex0x(promise_key), ahead=ahead,
    )  # fmt: skip


@lane.command("top-up", epilog=examples("afterproof lane top-up 1 0.5ether"))
@lane_number
@click.argument("amount", type=AMOUNT)
@acts
@pass_session
def top_up(session: Session, number: int, amount: int, dry_run: bool, as_json: bool) -> None:
    """Add AMOUNT to the stake of a lane, yours or another's."""
    landed = session.sender.top_up(number, amount, dry_run)
    what = f"{ether(amount)} to the stake of lane {number}"
    told(
        as_json, dry_run, landed, f"Added {what}", f"Would add {what}", lane=number, amount_wei=amount
    )  # fmt: skip


@lane.command(epilog=examples("afterproof lane show", "afterproof lane show 1 --json"))
@click.argument("number", type=click.IntRange(1), metavar="[LANE]", required=False)
@reads
@pass_session
def show(session: Session, number: int | None, as_json: bool) -> None:
    """Show a lane, or all."""
    reader = session.reader
    if number is None:
        lanes = [lane_state(reader, each) for each in range(1, reader.lane_count() + 1)]
        rows = [(n, ether(s.stake), s.next_seq, s.open, checksummed(s.owner)) for n, s in lanes]
        text = table(("lane", "stake", "posted", "open", "owner"), rows) if rows else "There is no lane yet."
        emit(as_json, {"lanes": [_json(n, state) for n, state in lanes]}, text)
        return
    _, state = lane_state(reader, number)
    terms = reader.terms(reader.current_epoch())
    signer, following = (reader.promise_key_of(number, seq) for seq in (state.next_seq, 2**64 - 1))
    room = max(state.stake - terms.min_stake, 0) // terms.cover - state.ahead
    named: list[tuple[str, object]] = [
        ("lane", number),
        ("owner", checksummed(state.owner)),
        ("poster", checksummed(state.poster)),
        ("stake", f"{ether(state.stake)}, covers {max(room, 0):,} open receipts"),
        ("burned", ether(state.burned)),
        ("receipts", f"{state.next_seq:,} posted, {state.open:,} of them counted as open"),
        ("ahead", f"{state.ahead:,} may be promised beyond those posted"),
        ("reach", f"promises of numbers below {state.reach:,} can be claimed"),
        ("promises", f"signed by {checksummed(signer)}"),
    ]
    if following != signer:
        named.append(
            ("", f"later ones, of numbers that none can be given for yet, by {checksummed(following)}")
        )
    if state.blown:
        named.append(("fuse", "blown: it may never post again"))
    if state.exit_at:
        named.append(("leaves", f"since {moment(state.exit_at)}, liable until {moment(state.liable_until)}"))
    emit(as_json, _json(number, state), facts(named))


def lane_state(reader: "ChainReader", number: int) -> "tuple[int, LaneState]":
    """A lane with its number; refuses one that is not there."""
    state = reader.lane(number)
    if state is None:
        raise ConfigError(f"there is no lane {number}: there are {reader.lane_count()}, numbered from 1")
    return number, state


def _json(number: int, state: "LaneState") -> dict[str, Any]:
    return {
        "lane": number,
        "owner": hex0x(state.owner),
        "poster": hex0x(state.poster),
        "stake_wei": state.stake,
        "burned_wei": state.burned,
        "next_seq": state.next_seq,
        "open": state.open,
        "ahead": state.ahead,
        "reach": state.reach,
        "exit_at": state.exit_at or None,
        "last_due": state.last_due or None,
        "liable_until": state.liable_until or None,
        "blown": state.blown,
    }
