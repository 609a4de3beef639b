"""`attestation show`, `list`, `retire`, `release`: how attestations stand, and how their operator ends them."""

from typing import Any

import click

from ..attestation.text import printable
from ..chain.base import Attestation, AttestationPosted, AttestationRetired, BondReleased
from ..protocol.attestations import NO_UNTIL, AttestationState
from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .attestation_prove import attestation as attestation
from .attestation_source import (
    attestation_id,
    document_option,
    existing,
    posted_attestation,
    verdict_of,
)
from .landed import told
from .options import acts, examples, reads
from .output import emit, facts, table
from .session import Session, pass_session
from .values import HASH, moment, short

_STATES = {each.name.lower(): each for each in AttestationState if each is not AttestationState.NONE}


@attestation.command(
    epilog=examples("afterproof attestation show 7", "afterproof attestation show 7 --check --json")
)
@attestation_id
@click.option("--check", is_flag=True, help="Fetch its document too, and say whether it proves it.")
@document_option
@reads
@pass_session
def show(session: Session, number: int, check: bool, document: str | None, as_json: bool) -> None:
    """Show an attestation: where it stands, what is claimed, and by --check whether its document proves that.

    With --check the exit status is 1 unless the document proves it.
    """
    found = existing(session.reader, number)
    is_word = not any(found.claims_hash)
    event = None if is_word else posted_attestation(session.reader, number)
    verdict = verdict_of(session, event, document) if event is not None and (check or document) else None
    rows = [*_standing(number, found), *(_claims(event) if event is not None else [])]
    answer = {"attestation": number, **_json(found)}
    if event is not None:
        answer |= _claims_json(event)
    if verdict is not None:
        rows.append(("document", f"{verdict.state}: {verdict.why}" if verdict.why else verdict.state))
        answer |= {"document_verdict": verdict.state, "why": verdict.why or None}
    emit(as_json, answer, facts(rows))
    if verdict is not None and verdict.why:
        click.get_current_context().exit(1)


@attestation.command(
    "list",
    epilog=examples(
        "afterproof attestation list", "afterproof attestation list --node 0x5c1f... --json",
        "afterproof attestation list --state posted --state contested",
    ),
)  # fmt: skip
@click.option("--node", "name", type=HASH, help="Those of this node alone.")
@click.option(
    "--state", "states", type=click.Choice(list(_STATES)), multiple=True, help="Those in this state."
)
@click.option("--last", type=click.IntRange(1), default=100, show_default=True, help="How many to look at.")
@reads
@pass_session
def list_attestations(
    session: Session, name: bytes | None, states: tuple[str, ...], last: int, as_json: bool
) -> None:
    """List attestations, the newest first."""
    reader = session.reader
    known = range(1, reader.attestation_count() + 1) if name is None else reader.attestations_of(name)
    numbers = known[::-1][:last]
    wanted = {_STATES[each] for each in states}
    found = {number: existing(reader, number) for number in numbers}
    listed = {number: each for number, each in found.items() if not wanted or each.state in wanted}
    rows = [
        (
            number, each.state.name, short(each.node), moment(each.starts_at) if each.starts_at else "when proven",
            "" if each.ends_at == NO_UNTIL else moment(each.ends_at),
            moment(each.challenge_deadline) if each.challenge_deadline else "",
        )
        for number, each in listed.items()
    ]  # fmt: skip
    head = ("attestation", "state", "node", "live from", "until", "prove by")
    text = table(head, rows) if rows else "There is no such attestation."
    emit(
        as_json,
        {"attestations": [{"attestation": number, **_json(each)} for number, each in listed.items()]},
        text,
    )


@attestation.command(epilog=examples("afterproof attestation retire 7"))
@attestation_id
@acts
@pass_session
def retire(session: Session, number: int, dry_run: bool, as_json: bool) -> None:
    """End an attestation of a node that you operate, once every promise that may hang on it is kept."""
    landed = session.sender.retire_attestation(number, dry_run)
    retired = next((each for each in landed.events if isinstance(each, AttestationRetired)), None)
    until = f": it ends at {moment(retired.ends_at)}" if retired is not None else ""
    told(
        as_json, dry_run, landed, f"Retired attestation {number}{until}", f"Would retire attestation {number}",
        attestation=number, ends_at=retired.ends_at if retired is not None else None,
    )  # fmt: skip


@attestation.command(epilog=examples("afterproof attestation release 7"))
@attestation_id
@acts
@pass_session
def release(session: Session, number: int, dry_run: bool, as_json: bool) -> None:
    """Give the bond of an attestation back to its poster's credit, once no receipt hangs on it. Anyone may."""
    found = existing(session.reader, number)
    landed = session.sender.release_bond(number, dry_run)
    released = next((each for each in landed.events if isinstance(each, BondReleased)), None)
    amount = released.amount if released is not None else found.bond
    what = f"the bond of attestation {number}, {ether(amount)}, to {checksummed(found.poster)}"
    told(
        as_json, dry_run, landed, f"Released {what}", f"Would release {what}",
        attestation=number, poster=hex0x(found.poster), amount_wei=amount,
    )  # fmt: skip


def _standing(number: int, found: Attestation) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("attestation", number),
        ("state", found.state.name),
        ("node", hex0x(found.node)),
        ("live from", moment(found.starts_at) if found.starts_at else "when it is proven"),
        ("until", "no end" if found.ends_at == NO_UNTIL else moment(found.ends_at)),
    ]
    if found.challenge_deadline:
        held = f" for {ether(found.deposit)}" if found.deposit else ""
        by = f"by {checksummed(found.challenger)}{held}"
        rows.append(("challenged", f"{by}, to be proven until {moment(found.challenge_deadline)}"))
    if any(found.claims_hash):
        rows.append(("bond", f"{ether(found.bond)} of {checksummed(found.poster)}" if found.bond else "gone"))
    return rows


def _claims(event: AttestationPosted) -> list[tuple[str, object]]:
    claims = event.claims
    return [
        ("operator", checksummed(claims.operator)),
        ("paid at", checksummed(claims.payout)),
        ("measurement", hex0x(claims.measurement)),
        ("made", moment(claims.document_time)),
        ("certificates", ", ".join(hex0x(each) for each in claims.certificates if any(each))),
        ("document's hash", hex0x(claims.document_hash)),
        ("at", printable(event.uri) or "nowhere"),
    ]


def _json(found: Attestation) -> dict[str, Any]:
    return {
        "state": found.state.name,
        "node": hex0x(found.node),
        "kind": found.kind,
        "starts_at": found.starts_at or None,
        "ends_at": None if found.ends_at == NO_UNTIL else found.ends_at,
        "challenge_deadline": found.challenge_deadline or None,
        "challenger": hex0x(found.challenger) if any(found.challenger) else None,
        "deposit_wei": found.deposit,
        "bond_wei": found.bond,
        "poster": hex0x(found.poster) if any(found.poster) else None,
    }


def _claims_json(event: AttestationPosted) -> dict[str, Any]:
    claims = event.claims
    return {
        "operator": hex0x(claims.operator),
        "payout": hex0x(claims.payout),
        "measurement": hex0x(claims.measurement),
        "document": hex0x(claims.document_hash),
        "document_time": claims.document_time,
        "attested_until": claims.attested_until,
        "certificates": [hex0x(each) for each in claims.certificates if any(each)],
        "nonce": hex0x(claims.nonce) if any(claims.nonce) else None,
        "uri": event.uri,
        "public_key": hex0x(event.public_key),
    }
