"""`credits`: what the contracts owe, and pulling it."""

from typing import Final

import click

from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .landed import told
from .options import acts, examples, reads
from .output import emit
from .session import Session, pass_session
from .values import ADDRESS

_CONTRACTS: Final = ("settlement", "registry")


@click.group("credits")
def credit() -> None:
    """See and withdraw what the contracts owe you.

    Settlement: shares of what lanes lost, for whoever proved their faults, and stakes of lanes that left. Registry:
    deposits and bonds that came back, and shares of bonds that were lost.
    """


@credit.command(epilog=examples("afterproof credits show", "afterproof credits show 0x7099... --json"))
@click.argument("account", type=ADDRESS, required=False)
@reads
@pass_session
def show(session: Session, account: bytes | None, as_json: bool) -> None:
    """Show what ACCOUNT can withdraw (default: yours)."""
    account = account or session.sender.account
    owed, registry = session.reader.credits(account), session.reader.registry_credits(account)
    answer = {"account": hex0x(account), "credit_wei": owed, "registry_credit_wei": registry}
    text = f"{checksummed(account)} can withdraw {ether(owed)}."
    if registry:
        text += f"\nThe registry owes it {ether(registry)}: `afterproof credits withdraw --from registry`."
    emit(as_json, answer, text)


@credit.command(
    epilog=examples(
        "afterproof credits withdraw",
        "afterproof credits withdraw --to 0x7099...",
        "afterproof credits withdraw --from registry",
    )
)
@click.option("--to", type=ADDRESS, help="Where it goes [default: your account].")
@click.option(
    "--from",
    "contract",
    type=click.Choice(_CONTRACTS),
    default="settlement",
    help="Which contract owes it [default: settlement].",
)
@acts
@pass_session
def withdraw(session: Session, to: bytes | None, contract: str, dry_run: bool, as_json: bool) -> None:
    """Withdraw all of your credit with a contract."""
    sender = session.sender
    to = to or sender.account
    if contract == "registry":
        owed = sender.registry_credits(sender.account)
        landed = sender.withdraw_from_registry(to, dry_run)
    else:
        owed = sender.credits(sender.account)
        landed = sender.withdraw(to, dry_run)
    what = f"{ether(owed)} to {checksummed(to)}"
    told(
        as_json, dry_run, landed, f"Withdrew {what}", f"Would withdraw {what}",
        account=hex0x(sender.account), to=hex0x(to), amount_wei=owed, contract=contract,
    )  # fmt: skip
