"""`node`: who may sign: endorsing, and looking at nodes. What changes one is in ``node_changes``."""

from typing import Any

import click

from ..errors import ConfigError
from ..keyfiles import public_key_of
from ..protocol.attestations import NO_UNTIL
from ..protocol.receipt import hex0x
from ..protocol.signing import node_of, scheme_of
from ..units import checksummed
from .actor import owner
from .landed import told
from .options import acts_as_contract, examples, reads
from .output import emit, facts, table
from .session import Session, pass_session
from .values import ADDRESS, HASH, moment


@click.group()
def node() -> None:
    """Endorse the nodes that may sign, look at them, hand them over, end them."""


@node.command(
    epilog=examples(
        "afterproof node endorse node.pem",
        "afterproof node endorse 0x7099... --dry-run",
        "afterproof node endorse node.pem --operator 0x3C44... --calldata",
    )
)
@click.argument("key")
@click.option(
    "--operator", type=ADDRESS, help="The account of whoever runs the node [default: the one that endorses]."
)
@acts_as_contract
@pass_session
def endorse(
    session: Session, key: str, operator: bytes | None, calldata: bool, dry_run: bool, as_json: bool
) -> None:
    """Vouch for a node: it may sign from the next second on. For the registry's owner.

    KEY is the node's public key or address as 0x-hex, or a file: its key in PEM or hex, a keystore, or a receipt
    of its.
    """
    public_key = public_key_of(key)
    sender = owner(session, "registry", calldata).sender
    operator = operator or sender.account
    landed = sender.endorse(public_key, operator, dry_run)
    name, scheme = node_of(public_key), scheme_of(public_key)
    what = f"node {hex0x(name)} ({scheme}), run by {checksummed(operator)}"
    told(
        as_json, dry_run, landed, f"Endorsed {what}", f"Would endorse {what}",
        node=hex0x(name), scheme=scheme, operator=hex0x(operator),
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
            each["attestation_count"],
            moment(each["ends_at"]) if each["ends_at"] else "",
        )
        for each in found
    ]
    head = ("node", "assurance", "attestations", "revoked as of")
    text = table(head, rows) if rows else "No node is registered yet."
    emit(as_json, {"nodes": found}, text)


@node.command(epilog=examples("afterproof node show 0x5c1f...", "afterproof node show 0x5c1f... --json"))
@click.argument("name", type=HASH, metavar="NODE")
@reads
@pass_session
def show(session: Session, name: bytes, as_json: bool) -> None:
    """Show a node: who runs it, how surely it is what it says now, and each of its attestations."""
    reader = session.reader
    if reader.node(name) is None:
        raise ConfigError(f"node {hex0x(name)} was never registered")
    answer = _node(session, name)
    answer["attestations"] = [_attestation(session, number) for number in reader.attestations_of(name)]
    rows: list[tuple[str, object]] = [
        ("node", answer["node"]),
        ("operator", checksummed(bytes.fromhex(answer["operator"][2:]))),
        ("paid at", checksummed(bytes.fromhex(answer["payout"][2:])) if answer["payout"] else "not said"),
        ("assurance", answer["assurance"]),
        ("revoked", f"as of {moment(answer['ends_at'])}" if answer["ends_at"] else "no"),
    ]
    head = ("attestation", "state", "from", "until", "answer by", "measurement")
    listed = [
        (
            each["id"],
            each["state"],
            moment(each["starts_at"]) if each["starts_at"] else "not before it is proven",
            moment(each["ends_at"]) if each["ends_at"] else "",
            moment(each["challenge_deadline"]) if each["challenge_deadline"] else "",
            each["measurement"] or "",
        )
        for each in answer["attestations"]
    ]
    emit(as_json, answer, f"{facts(rows)}\n\n{table(head, listed)}")


def _node(session: Session, name: bytes) -> dict[str, Any]:
    reader = session.reader
    state = reader.node(name)
    if state is None:
        raise ConfigError(
            f"node {hex0x(name)} has gone from the registry: the chain was reorganised, try again"
        )
    return {
        "node": hex0x(name),
        "operator": hex0x(state.operator),
        "payout": hex0x(state.payout) if any(state.payout) else None,
        "assurance": reader.assurance(name, reader.head().timestamp).name,
        "attestation_count": state.registrations,
        "ends_at": state.ends_at or None,
    }


def _attestation(session: Session, number: int) -> dict[str, Any]:
    found = session.reader.attestation(number)
    if found is None:
        raise ConfigError(
            f"attestation {number} has gone from the registry: the chain was reorganised, try again"
        )
    return {
        "id": number,
        "state": found.state.name,
        "kind": found.kind,
        "starts_at": found.starts_at or None,
        "ends_at": found.ends_at if found.ends_at != NO_UNTIL else None,
        "challenge_deadline": found.challenge_deadline or None,
        "measurement": hex0x(found.measurement) if any(found.measurement) else None,
        "bond_wei": found.bond,
        "poster": hex0x(found.poster) if any(found.poster) else None,
        "challenger": hex0x(found.challenger) if any(found.challenger) else None,
    }
