"""`node`: what ends one, and what its operator changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ..errors import ConfigError
from ..protocol.attestations import certificate_id
from ..protocol.receipt import hex0x, keccak
from ..units import checksummed
from .actor import Actor, owner, revoker
from .files import read_bytes
from .landed import told
from .node import node as node
from .options import acts, acts_as_contract, examples
from .session import Session, pass_session
from .values import ADDRESS, HASH, moment

Command = TypeVar("Command", bound=Callable[..., Any])

NOBODY: Final = bytes(20)


def revokes(command: Command) -> Command:
    """The options of a revocation."""
    command = click.option(
        "--from",
        "effective_from",
        type=click.IntRange(1, 2**48 - 1),
        metavar="SECONDS",
        help="From when on, in unix seconds: back by at most the window [default: now; with --calldata for a timelock, "
        "when it can be executed].",
    )(command)
    command = click.option("--reason", required=True, help="Why, for all to read.")(command)
    return acts_as_contract(command)


def since_of(session: Session, actor: Actor, effective_from: int | None) -> int:
    """From when on a revocation counts.

    Raises:
        ConfigError: the registry will refuse it when the timelock lets go of the call: a simulation now cannot tell.
    """
    since = effective_from if effective_from is not None else actor.sender.head().timestamp + actor.notice
    if actor.notice:
        reach = session.reader.registry_terms().max_reach_back
        earliest = session.reader.head().timestamp + actor.notice - reach
        if since < earliest:
            raise ConfigError(
                f"--from must be {earliest} ({moment(earliest)}) or later: the owner's timelock holds the call back "
                f"for {actor.notice:,} seconds, and a revocation reaches back by {reach:,} at most"
            )
    return since


@node.command(
    epilog=examples(
        "afterproof node revoke 0x5c1f... --reason 'its key was stolen'",
        "afterproof node revoke 0x5c1f... --reason 'stolen on Monday' --from 1795217858",
        "afterproof node revoke 0x5c1f... --reason 'its key was stolen' --calldata",
    )
)
@click.argument("name", type=HASH, metavar="NODE")
@revokes
@pass_session
def revoke(
    session: Session,
    name: bytes,
    reason: str,
    effective_from: int | None,
    calldata: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """End a node: its key may sign no more. For the registry's owner and its revoker; it cannot be undone."""
    actor = revoker(session, calldata)
    since = since_of(session, actor, effective_from)
    landed = actor.sender.revoke(name, since, reason, dry_run)
    what = f"node {hex0x(name)} from {moment(since)} on"
    told(
        as_json, dry_run, landed, f"Revoked {what}", f"Would revoke {what}",
        node=hex0x(name), effective_from=since, reason=reason,
    )  # fmt: skip


@node.command(
    epilog=examples(
        "afterproof node revoke-attestation 7 --reason 'its document is another enclave's'",
        "afterproof node revoke-attestation 7 --reason 'a debug enclave' --dry-run",
    )
)
@click.argument("number", type=click.IntRange(1, 2**40 - 1), metavar="ATTESTATION")
@revokes
@pass_session
def revoke_attestation(
    session: Session,
    number: int,
    reason: str,
    effective_from: int | None,
    calldata: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """End one attestation; its node may be attested anew. For the registry's owner and its revoker."""
    actor = revoker(session, calldata)
    since = since_of(session, actor, effective_from)
    landed = actor.sender.revoke_attestation(number, since, reason, dry_run)
    what = f"attestation {number} from {moment(since)} on"
    told(
        as_json, dry_run, landed, f"Revoked {what}", f"Would revoke {what}",
        attestation=number, effective_from=since, reason=reason,
    )  # fmt: skip


@node.command(
    epilog=examples(
        "afterproof node revoke-certificate zonal.pem --reason 'its key leaked'",
        "afterproof node revoke-certificate zonal.der --reason 'its key leaked' --dry-run",
    )
)
@click.argument("file", metavar="FILE")
@revokes
@pass_session
def revoke_certificate(
    session: Session,
    file: str,
    reason: str,
    effective_from: int | None,
    calldata: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """End every attestation that hangs on a certificate. For the registry's owner and its revoker.

    FILE is the certificate in PEM or DER. It is named by its issuer and serial number, as certificates are.
    """
    issuer, serial = _named(file)
    name = certificate_id(issuer, serial)
    actor = revoker(session, calldata)
    since = since_of(session, actor, effective_from)
    landed = actor.sender.revoke_certificate(issuer, serial, since, reason, dry_run)
    what = f"certificate {hex0x(name)} (serial {serial:x}) from {moment(since)} on"
    told(
        as_json, dry_run, landed, f"Revoked {what}", f"Would revoke {what}",
        certificate=hex0x(name), serial=hex(serial), effective_from=since, reason=reason,
    )  # fmt: skip


@node.command(
    epilog=examples(
        "afterproof node appoint-revoker 0x7099... --dry-run",
        "afterproof node appoint-revoker none --calldata",
    )
)
@click.argument("account", metavar="ADDRESS|none")
@acts_as_contract
@pass_session
def appoint_revoker(session: Session, account: str, calldata: bool, dry_run: bool, as_json: bool) -> None:
    """Let an account revoke beside the owner, or nobody. For the registry's owner.

    An owner behind a timelock is too slow to revoke: whoever is appointed can do so at once, and nothing else.
    """
    chosen = NOBODY if account == "none" else ADDRESS.convert(account, None, click.get_current_context())
    landed = owner(session, "registry", calldata).sender.set_revoker(chosen, dry_run)
    what = f"{checksummed(chosen)} revoker" if any(chosen) else "nobody revoker"
    told(as_json, dry_run, landed, f"Made {what}", f"Would make {what}", revoker=hex0x(chosen))


@node.command(epilog=examples("afterproof node propose 0x5c1f... 0x7099..."))
@click.argument("name", type=HASH, metavar="NODE")
@click.argument("to", type=ADDRESS)
@acts
@pass_session
def propose(session: Session, name: bytes, to: bytes, dry_run: bool, as_json: bool) -> None:
    """Propose another operator for a node, who must accept. For its operator."""
    landed = session.sender.propose_operator(name, to, dry_run)
    what = f"{checksummed(to)} as operator of node {hex0x(name)}"
    told(
        as_json, dry_run, landed, f"Proposed {what}", f"Would propose {what}",
        node=hex0x(name), operator=hex0x(to),
    )  # fmt: skip


@node.command(epilog=examples("afterproof node accept 0x5c1f..."))
@click.argument("name", type=HASH, metavar="NODE")
@acts
@pass_session
def accept(session: Session, name: bytes, dry_run: bool, as_json: bool) -> None:
    """Take over a node that its operator proposed you for. Where it is paid stays as it is."""
    landed = session.sender.accept_operator(name, dry_run)
    what = f"node {hex0x(name)}"
    told(
        as_json, dry_run, landed, f"Took over {what}", f"Would take over {what}",
        node=hex0x(name), operator=hex0x(session.sender.account),
    )  # fmt: skip


@node.command(epilog=examples("afterproof node payout 0x5c1f... 0x7099..."))
@click.argument("name", type=HASH, metavar="NODE")
@click.argument("to", type=ADDRESS)
@acts
@pass_session
def payout(session: Session, name: bytes, to: bytes, dry_run: bool, as_json: bool) -> None:
    """Change where a node is paid. For its operator."""
    landed = session.sender.set_payout(name, to, dry_run)
    what = f"node {hex0x(name)} is paid at {checksummed(to)}"
    told(
        as_json, dry_run, landed, f"From now on {what}", f"Would say that from now on {what}",
        node=hex0x(name), payout=hex0x(to),
    )  # fmt: skip


def _named(file: str) -> tuple[bytes, int]:
    """A certificate's issuer, as keccak256 of the DER of its name, and serial number."""
    from .certificates import certificate_in

    certificate = certificate_in(read_bytes(Path(file)), "FILE")
    return keccak(certificate.issuer_der), certificate.serial
