"""`attestation prove`, `challenge`, `expire`: what becomes of a posted attestation by its document."""

import click

from ..attestation.claims import Proves
from ..chain.base import AttestationChallenged, AttestationProven, AttestationRejected
from ..errors import ConfigError
from ..protocol.attestations import AttestationState
from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .attestation_post import attestation as attestation
from .attestation_post import gas_option, rehearsed
from .attestation_proof import prepared, teller
from .attestation_source import (
    attestation_id,
    document_option,
    existing,
    posted_attestation,
    verdict_of,
)
from .landed import told
from .options import acts, examples
from .session import Session, pass_session
from .values import AMOUNT, moment


@attestation.command(
    epilog=examples(
        "afterproof attestation prove 7",
        "afterproof attestation prove 7 --document document.cose --dry-run",
        "afterproof attestation prove 7 --gas 8000000",
    )
)
@attestation_id
@document_option
@gas_option
@acts
@pass_session
def prove(
    session: Session, number: int, document: str | None, gas: int | None, dry_run: bool, as_json: bool
) -> None:
    """Prove an attestation on chain: its document, with every signature up to the root. Anyone may.

    Whoever answers a challenge so gets its deposit. Takes one transaction, or several where one may not use so much
    gas: started again, it goes on where it was.
    """
    say = teller(as_json)
    deposit = _provable(session, number)
    event = posted_attestation(session.reader, number)
    found = verdict_of(session, event, document)
    if not isinstance(found.judgement, Proves):
        raise ConfigError(f"attestation {number} cannot be proven by {found.where}: {found.why}")
    proven = found.judgement.document
    say(f"the document at {found.where} proves attestation {number} of node {hex0x(event.node)}")
    ready = prepared(session, event.claims.kind, proven, gas, dry_run, say)
    facts = {"attestation": number, "node": hex0x(event.node), "deposit_wei": deposit}
    what = f"attestation {number} of node {hex0x(event.node)}"
    if ready.left:
        rehearsed(as_json, ready, f"Would prove {what}", **facts)
        return
    landed = session.sender.prove_attestation(
        number, event.claims, event.public_key, proven.raw, ready.hints, dry_run
    )
    shown = next((each for each in landed.events if isinstance(each, AttestationProven)), None)
    earned = f"; the challenge's deposit of {ether(deposit)} is yours" if deposit else ""
    live = f"; it is live from {moment(shown.starts_at)} on" if shown is not None else ""
    told(
        as_json, dry_run, landed, f"Proved {what}{live}{earned}", f"Would prove {what}{earned}",
        **facts, live_from=shown.starts_at if shown is not None else None,
        transactions=ready.with_last(landed),
    )  # fmt: skip


def _provable(session: Session, number: int) -> int:
    """The deposit that a proof would earn now.

    Raises:
        ConfigError: there is nothing to prove any more. Said before anything long is done.
    """
    found = existing(session.reader, number)
    if found.state is AttestationState.REJECTED:
        until = moment(found.challenge_deadline)
        raise ConfigError(f"attestation {number} is rejected: it could be proven until {until}")
    if found.state is AttestationState.PROVEN:
        raise ConfigError(f"attestation {number} is proven: there is nothing to prove any more")
    return found.deposit


@attestation.command(
    epilog=examples(
        "afterproof attestation challenge 7 --dry-run",
        "afterproof attestation challenge 7",
        "afterproof attestation challenge 7 --deposit 0.1ether --anyway",
    )
)
@attestation_id
@document_option
@click.option("--deposit", type=AMOUNT, help="What you stake on it [default: the least, and an eighth more].")
@click.option(
    "--anyway", is_flag=True, help="Challenge even where the document proves it: that costs the deposit."
)
@acts
@pass_session
def challenge(
    session: Session,
    number: int,
    document: str | None,
    deposit: int | None,
    anyway: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Ask for the proof of an attestation, because its document does not prove it or cannot be had.

    If nobody proves it in time, the attestation is rejected, and the deposit comes back with half of the bond
    (`afterproof attestation expire`). Whoever proves it gets the deposit.
    """
    event = posted_attestation(session.reader, number)
    found = verdict_of(session, event, document)
    if isinstance(found.judgement, Proves) and not anyway:
        raise ConfigError(
            f"the document at {found.where} proves attestation {number}: whoever sends it would get your deposit "
            "(--anyway challenges all the same)"
        )
    # The least deposit follows the base fee, which rises by an eighth a block at most.
    deposit = deposit if deposit is not None else session.reader.challenge_deposit() * 9 // 8
    landed = session.sender.challenge_attestation(number, deposit, dry_run)
    opened = next((each for each in landed.events if isinstance(each, AttestationChallenged)), None)
    what = f"attestation {number} of node {hex0x(event.node)} for a deposit of {ether(deposit)}"
    why = found.why or "its document proves it"
    until = f", to be proven until {moment(opened.deadline)}" if opened is not None else ""
    told(
        as_json, dry_run, landed, f"Challenged {what}{until}: {why}", f"Would challenge {what}: {why}",
        attestation=number, node=hex0x(event.node), document=found.state, why=found.why or None,
        deposit_wei=deposit, deadline=opened.deadline if opened is not None else None,
    )  # fmt: skip


@attestation.command(epilog=examples("afterproof attestation expire 7"))
@attestation_id
@acts
@pass_session
def expire(session: Session, number: int, dry_run: bool, as_json: bool) -> None:
    """Settle a challenge that nobody answered: the challenger gets the deposit back, and half of the bond.

    The attestation reads rejected from the second after the deadline, settled or not: this only moves the money. Anyone
    may. The rest of the bond burns.
    """
    found = existing(session.reader, number)
    landed = session.sender.expire_challenge(number, dry_run)
    rejected = next((each for each in landed.events if isinstance(each, AttestationRejected)), None)
    what = f"the challenge of attestation {number}, by {checksummed(found.challenger)}"
    lost = f": its poster lost {ether(rejected.slashed)}" if rejected is not None else ""
    told(
        as_json, dry_run, landed, f"Settled {what}{lost}", f"Would settle {what}",
        attestation=number, challenger=hex0x(found.challenger),
        slashed_wei=rejected.slashed if rejected is not None else None,
    )  # fmt: skip
