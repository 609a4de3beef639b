"""`credits`: what the settlement contract owes, and pulling it."""

import click

from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .landed import told
from .options import acts, examples, reads
from .output import emit
from .session import Session, pass_session
from .values import ADDRESS


@click.group("credits")
def credit() -> None:
    """See and withdraw what the contract owes you.

    Shares of what lanes lost, for whoever proved their faults.
    """


@credit.command(epilog=examples("afterproof credits show", "afterproof credits show 0x7099... --json"))
@click.argument("account", type=ADDRESS, required=False)
@reads
@pass_session
def show(session: Session, account: bytes | None, as_json: bool) -> None:
    """Show what ACCOUNT can withdraw (default: yours)."""
    account = account or session.sender.account
    owed = session.reader.credits(account)
    answer = {"account": hex0x(account), "credit_wei": owed}
    emit(as_json, answer, f"{checksummed(account)} can withdraw {ether(owed)}.")


@credit.command(epilog=examples("afterproof credits withdraw", "afterproof credits withdraw --to 0x7099..."))
@click.option("--to", type=ADDRESS, help="Where it goes [default: your account].")
@acts
@pass_session
def withdraw(session: Session, to: bytes | None, dry_run: bool, as_json: bool) -> None:
    """Withdraw all of your credit."""
    sender = session.sender
    to = to or sender.account
    owed = sender.credits(sender.account)
    landed = sender.withdraw(to, dry_run)
    what = f"{ether(owed)} to {checksummed(to)}"
    told(
        as_json, dry_run, landed, f"Withdrew {what}", f"Would withdraw {what}",
        account=hex0x(sender.account), to=hex0x(to), amount_wei=owed,
    )  # fmt: skip
