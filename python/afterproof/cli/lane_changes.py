"""`lane`: what its owner changes: keys, how much it may promise, leaving, taking the stake out."""

import click

from ..chain.base import AheadChanged, LaneLeaving, LaneRotated
from ..errors import ConfigError
from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .landed import told
from .lane import lane as lane
from .lane import lane_number, lane_state
from .options import acts, examples
from .session import Session, pass_session
from .values import ADDRESS, moment


@lane.command(
    epilog=examples(
        "afterproof lane rotate 1 --poster 0x7099...",
        "afterproof lane rotate 1 --promise-key 0x3C44... --dry-run",
    )
)
@lane_number
@click.option(
    "--poster", type=ADDRESS, help="The account that may post on it from now on [default: as it is]."
)
@click.option(
    "--promise-key",
    type=ADDRESS,
    help="The account that signs promises of the numbers that none can be given for yet [default: as it is].",
)
@acts
@pass_session
def rotate(
    session: Session,
    number: int,
    poster: bytes | None,
    promise_key: bytes | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Move the right to post, or to promise, to another key. For the lane's owner.

    The poster changes at once. The old promise key stays in force for every number that could be promised before:
    keep it until they are posted.
    """
    if poster is None and promise_key is None:
        raise click.UsageError("name a --poster, a --promise-key, or both")
    _, state = lane_state(session.reader, number)
    poster = poster or state.poster
    promise_key = promise_key or session.reader.promise_key_of(number, 2**64 - 1)
    landed = session.sender.rotate_lane(number, poster, promise_key, dry_run)
    from_seq = next((each.from_seq for each in landed.events if isinstance(each, LaneRotated)), None)
    beyond = f" from number {from_seq:,} on" if from_seq is not None else ""
    what = f"lane {number}: {checksummed(poster)} posts, {checksummed(promise_key)} promises{beyond}"
    told(
        as_json, dry_run, landed, f"Rotated {what}", f"Would rotate {what}",
        lane=number, poster=hex0x(poster), promise_key=hex0x(promise_key), from_seq=from_seq,
    )  # fmt: skip


@lane.command(
    epilog=examples(
        "afterproof lane ahead 1 512", "afterproof lane ahead 1 0", "afterproof lane ahead 1 --apply"
    )
)
@lane_number
@click.argument("count", type=click.IntRange(0, 2**32 - 1), required=False)
@click.option(
    "--apply", "is_applied", is_flag=True, help="Put an announced smaller number into force. Anyone may."
)
@acts
@pass_session
def ahead(
    session: Session, number: int, count: int | None, is_applied: bool, dry_run: bool, as_json: bool
) -> None:
    """Set how many receipts may be promised beyond those posted. For the lane's owner.

    More counts at once, and the stake must cover it. Fewer counts when no promise made before can be claimed any
    more: it is announced now, and put into force with --apply then.
    """
    if is_applied == (count is not None):
        raise click.UsageError("name a COUNT, or --apply one that was announced")
    if count is None:
        landed = session.sender.apply_ahead(number, dry_run)
        what = f"the announced ahead of lane {number}"
        told(as_json, dry_run, landed, f"Put in force {what}", f"Would put in force {what}", lane=number)
        return
    landed = session.sender.set_ahead(number, count, dry_run)
    since = next((each.effective_at for each in landed.events if isinstance(each, AheadChanged)), None)
    _, state = lane_state(session.reader, number)
    later = f", from {moment(since)} on" if since is not None and state.ahead != count else ""
    what = f"the ahead of lane {number} to {count:,}{later}"
    told(
        as_json, dry_run, landed, f"Set {what}", f"Would set {what}",
        lane=number, ahead=count, effective_at=since,
    )  # fmt: skip


@lane.command("exit", epilog=examples("afterproof lane exit 1 --dry-run", "afterproof lane exit 1"))
@lane_number
@acts
@pass_session
def exit_lane(session: Session, number: int, dry_run: bool, as_json: bool) -> None:
    """Begin to leave with a lane: for its owner, and it cannot be undone.

    What was promised must still be posted, and can be. The stake is free when nothing binds it any more.
    """
    landed = session.sender.exit_lane(number, dry_run)
    until = next((each.liable_until for each in landed.events if isinstance(each, LaneLeaving)), None)
    free = f": liable until {moment(until)} at least" if until is not None else ""
    told(
        as_json, dry_run, landed, f"Lane {number} leaves{free}", f"Lane {number} would leave",
        lane=number, liable_until=until,
    )  # fmt: skip


@lane.command(epilog=examples("afterproof lane release 1", "afterproof lane release 1 --batches 1000"))
@lane_number
@click.option(
    "--batches", type=click.IntRange(1, 2**32 - 1), default=200, show_default=True, help="How many at most."
)
@acts
@pass_session
def release(session: Session, number: int, batches: int, dry_run: bool, as_json: bool) -> None:
    """Release cover of batches that nobody can dispute any more. Posts do so as they need it; anyone may."""
    _, before = lane_state(session.reader, number)
    if not before.open:
        raise ConfigError(f"none of lane {number}'s receipts counts as open: there is nothing to release")
    landed = session.sender.release_cover(number, batches, dry_run)
    released = None
    if not dry_run:
        _, after = lane_state(session.reader, number)
        # Of what was posted meanwhile nothing can be released.
        released = before.open + after.next_seq - before.next_seq - after.open
    told(
        as_json, dry_run, landed, f"Released the cover of {released} of lane {number}'s receipts",
        f"Would release the cover of lane {number}'s closed batches", lane=number, released=released,
    )  # fmt: skip


@lane.command(epilog=examples("afterproof lane withdraw 1", "afterproof credits withdraw"))
@lane_number
@acts
@pass_session
def withdraw(session: Session, number: int, dry_run: bool, as_json: bool) -> None:
    """Take the stake out of a lane that has left: it becomes a credit of yours, for `afterproof credits withdraw`."""
    _, state = lane_state(session.reader, number)
    if state.exit_at and not state.stake:
        raise ConfigError(
            f"lane {number} holds no stake any more: credits are paid by `afterproof credits withdraw`"
        )
    landed = session.sender.withdraw_stake(number, dry_run)
    what = f"the stake of lane {number}, {ether(state.stake)}, to its owner"
    told(
        as_json, dry_run, landed, f"Credited {what}", f"Would credit {what}", lane=number, amount_wei=state.stake
    )  # fmt: skip
