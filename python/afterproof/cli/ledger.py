"""`ledger`: what a verifier's actions cost and earned."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import ConfigError
from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .options import examples, reads
from .output import emit, table
from .session import Session, pass_session
from .values import ADDRESS, Time, moment, short

if TYPE_CHECKING:
    from ..store.ledger import Entry, Sum

_SPANS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Since(Time):
    """A time, or how long ago: 90m, 12h, 7d, 2w."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Implements :meth:`click.ParamType.convert`."""
        if isinstance(value, str) and value[:-1].isdecimal() and value[-1] in _SPANS and len(value) < 12:
            return max(0, int(time.time()) - int(value[:-1]) * _SPANS[value[-1]])
        return super().convert(value, param, ctx)


@click.command(
    short_help="Show what a verifier's actions cost and earned.",
    epilog=examples(
        "afterproof ledger", "afterproof ledger --since 7d --entries 20", "afterproof ledger --json"
    ),
)
@click.option(
    "--since", type=Since(), default=0, metavar="TIME", help="From then on; or how long ago, as 12h or 7d."
)
@click.option(
    "--account",
    "accounts",
    type=ADDRESS,
    multiple=True,
    help="Of this account; may be repeated [default: all that sent transactions from this store].",
)
@click.option(
    "--entries",
    type=click.IntRange(0, 100_000),
    default=0,
    metavar="N",
    help="List the newest N amounts, too.",
)
@reads
@pass_session
def ledger(session: Session, since: int, accounts: tuple[bytes, ...], entries: int, as_json: bool) -> None:
    """Show what the verifier's transactions cost, and what came of them, by what they were for.

    Costs are fees by the transactions' receipts, reverted ones too; what was earned is credited by the contracts and
    can be withdrawn; lost are deposits and bonds that others got. From the verifier's database, up to the block to
    which it has followed the chain. May run beside the verifier.
    """
    from ..store.store import Store

    settings = session.config.verifier
    if isinstance(settings.store, Path) and not settings.store.is_file():
        raise ConfigError(f"there is no database {settings.store}")
    opened = Store.open(settings.store, session.deployment, "verifier")
    try:
        whose = list(accounts) or opened.ledger.accounts()
        sums = opened.ledger.sums(whose, since)
        at_stake = opened.ledger.at_stake(whose)
        newest = opened.ledger.entries(whose, since, entries) if entries else []
        cursor = opened.chain.cursor()
    finally:
        opened.close()
    total = sum(sums.values(), start=_nothing())
    answer = {
        "accounts": [hex0x(one) for one in whose],
        "since": since,
        "block": cursor.number if cursor is not None else None,
        "at_stake_wei": at_stake,
        "total": _shown(total),
        "by_action": {what: _shown(one) for what, one in sums.items()},
        "entries": [_entry(one) for one in newest],
    }
    emit(as_json, answer, _text(whose, since, sums, total, at_stake, newest))


def _nothing() -> "Sum":
    from ..store.ledger import Sum

    return Sum()


def _shown(one: "Sum") -> dict[str, int]:
    return {
        "transactions": one.count, "reverted": one.reverted, "cost_wei": one.cost, "reward_wei": one.reward,
        "loss_wei": one.loss, "net_wei": one.net,
    }  # fmt: skip


def _entry(one: "Entry") -> dict[str, object]:
    purpose = one.purpose
    return {
        "at": one.at, "block": one.block, "account": hex0x(one.account) if one.account is not None else None,
        "kind": one.kind.value, "action": purpose.what, "amount_wei": one.amount, "lane": purpose.lane,
        "seq": purpose.seq, "place": purpose.place, "attestation": purpose.attestation,
        "tx_hash": hex0x(one.tx_hash), "reverted": one.has_reverted,
    }  # fmt: skip


def _text(
    whose: list[bytes], since: int, sums: dict[str, "Sum"], total: "Sum", at_stake: int, newest: list["Entry"]
) -> str:
    if not sums:
        return f"Nothing was paid, earned or lost{f' since {moment(since)}' if since else ''}."
    rows = [_row(what, one) for what, one in sums.items()] + [_row("all", total)]
    lines = [
        f"Of {', '.join(map(checksummed, whose)) or 'no account that is known'}"
        f"{f', since {moment(since)}' if since else ''}:",
        table(("action", "transactions", "cost", "earned", "lost", "net"), rows),
        f"In open demands and challenges now: {ether(at_stake)}.",
    ]
    if newest:
        listed = [
            (
                moment(one.at),
                one.kind.value,
                one.purpose.what,
                ether(one.amount),
                _about(one),
                short(one.tx_hash),
            )
            for one in newest
        ]
        lines.append(table(("time", "what", "action", "amount", "about", "transaction"), listed))
    return "\n".join(lines)


def _row(what: str, one: "Sum") -> tuple[object, ...]:
    count = f"{one.count}, {one.reverted} reverted" if one.reverted else one.count
    return what, count, ether(one.cost), ether(one.reward), ether(one.loss), ether(one.net)


def _about(one: "Entry") -> str:
    purpose = one.purpose
    if purpose.attestation is not None:
        return f"attestation {purpose.attestation}"
    if purpose.lane is None:
        return ""
    place = "" if purpose.place is None else f", {purpose.place}"
    return f"{purpose.lane}/{purpose.seq}{place}"
