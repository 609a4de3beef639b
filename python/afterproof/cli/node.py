"""`node`: who may sign, as the registry's owner decides on test networks."""

from typing import Any

import click

from ..errors import ConfigError
from ..keyfiles import public_key_of
from ..protocol.receipt import hex0x
from ..protocol.registry import Assurance
from ..protocol.signing import node_of, scheme_of
from ..units import checksummed
from .landed import told
from .options import acts, examples, reads
from .output import emit, table
from .session import Session, pass_session
from .values import ADDRESS, HASH, moment


@click.group()
def node() -> None:
    """Endorse, revoke and list the nodes that may sign."""


@node.command(
    epilog=examples("afterproof node endorse node.pem", "afterproof node endorse 0x7099... --dry-run")
)
@click.argument("key")
@click.option("--operator", type=ADDRESS, help="The account of whoever runs the node [default: yours].")
@acts
@pass_session
def endorse(session: Session, key: str, operator: bytes | None, dry_run: bool, as_json: bool) -> None:
    """Vouch for a node: it may sign from the next second on. For the registry's owner.

    KEY is the node's public key or address as 0x-hex, or a file: its key in PEM or hex, a keystore, or a receipt
    of its.
    """
    public_key = public_key_of(key)
    sender = session.sender
    operator = operator or sender.account
    landed = sender.endorse(public_key, operator, dry_run)
    name, scheme = node_of(public_key), scheme_of(public_key)
    what = f"node {hex0x(name)} ({scheme}), run by {checksummed(operator)}"
    told(
        as_json, dry_run, landed, f"Endorsed {what}", f"Would endorse {what}",
        node=hex0x(name), scheme=scheme, operator=hex0x(operator),
    )  # fmt: skip


@node.command(
    epilog=examples(
        "afterproof node revoke 0x5c1f... --reason 'its key was stolen'",
        "afterproof node revoke 0x5c1f... --reason 'stolen on Monday' --from 1795217858",
    )
)
@click.argument("name", type=HASH, metavar="NODE")
@click.option("--reason", required=True, help="Why, for all to read.")
@click.option(
    "--from",
    "effective_from",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="From when on it may not sign, in unix seconds: back by at most the window [default: now].",
)
@acts
@pass_session
def revoke(
    session: Session, name: bytes, reason: str, effective_from: int | None, dry_run: bool, as_json: bool
) -> None:
    """End a node: it may sign no more. For the registry's owner; it cannot be undone."""
    sender = session.sender
    since = effective_from if effective_from is not None else sender.head().timestamp
    landed = sender.revoke(name, since, reason, dry_run)
    what = f"node {hex0x(name)} from {moment(since)} on"
    told(
        as_json, dry_run, landed, f"Revoked {what}", f"Would revoke {what}",
        node=hex0x(name), effective_from=since, reason=reason,
    )  # fmt: skip


@node.command("list", epilog=examples("afterproof node list", "afterproof node list --json"))
@reads
@pass_session
def list_nodes(session: Session, as_json: bool) -> None:
    """List every node ever registered."""
    found = [_node(session, name) for name in session.reader.nodes()]
    rows = [
        (
            each["node"],
            each["assurance"],
            moment(each["starts_at"]),
            moment(each["ends_at"]) if each["ends_at"] else "",
        )
        for each in found
    ]
    text = table(("node", "assurance", "from", "until"), rows) if rows else "No node is registered yet."
    emit(as_json, {"nodes": found}, text)


def _node(session: Session, name: bytes) -> dict[str, Any]:
    state = session.reader.node(name)
    if state is None:
        raise ConfigError(
            f"node {hex0x(name)} has gone from the registry: the chain was reorganised, try again"
        )
    return {
        "node": hex0x(name),
        "assurance": Assurance(state.assurance).name,
        "starts_at": state.starts_at,
        "ends_at": state.ends_at or None,
    }
