"""`attestation post`, and the nonces that documents carry."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..attestation.claims import NITRO, NO_NONCE, claims_of, with_nonce
from ..attestation.document import MAX_DOCUMENT, Document
from ..chain.base import Landed
from ..errors import ConfigError, DataUnavailable
from ..keyfiles import node_signer, public_key_of
from ..protocol.attestations import Binding, Claims
from ..protocol.receipt import hex0x, keccak
from ..protocol.signing import node_of, scheme_of, verify_hash
from ..units import checksummed, ether
from .attestation import attestation as attestation
from .attestation import read_document
from .attestation_proof import Prepared, prepared, teller
from .attestation_rules import postable
from .landed import told
from .options import acts, examples
from .output import note
from .session import Session, pass_session
from .values import ADDRESS, Time, moment

gas_option = click.option(
    "--gas",
    type=click.IntRange(3_000_000, 2**40),
    help="Gas that one transaction may use: certificates that do not fit are proven before, each in its own "
    "[default: chain.transaction_gas].",
)


@dataclass(frozen=True)
class Posting:
    """What is posted: the document, its claims, the node's key, and where the document can be fetched."""

    document: Document
    claims: Claims
    public_key: bytes
    uri: str


@attestation.command(
    epilog=examples(
        "afterproof attestation post document.cose --key node.pem --uri https://node.example.org/document",
        "afterproof attestation post document.cose --key node.pub --signature 0x5c1f... --uri https://...",
        "afterproof attestation post document.cose --key node.pub --proven",
    )
)
@click.argument("file")
@click.option(
    "--key", required=True, metavar="KEY", help="The node's key: its file, or 0x-hex of its public half."
)
@click.option("--uri", default="", help="Where anyone can fetch the document (http or https).")
@click.option(
    "--signature", metavar="HEX", help="The key's signature that names you, where the key is not here."
)
@click.option("--payout", type=ADDRESS, help="Where the node is paid [default: your account].")
@click.option(
    "--until",
    type=Time(),
    metavar="TIME",
    help="Until when it is attested: unix seconds, or as 2026-02-12T18:00:00Z [default: as long as may be].",
)
@click.option(
    "--proven",
    is_flag=True,
    help="Prove it in the same transaction: it is live from the next second on. The document must carry a nonce of "
    "yours (`afterproof attestation nonce open`).",
)
@gas_option
@acts
@pass_session
def post(
    session: Session,
    file: str,
    key: str,
    uri: str,
    signature: str | None,
    payout: bytes | None,
    until: int | None,
    proven: bool,
    gas: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Attest a node: post what its enclave's document says, with a bond. You become the node's operator.

    The node is live once the window has passed and nobody has challenged; the bond comes back when no receipt hangs on
    the attestation any more. The document is checked here first by the registry's rules. The node's key names you by
    its signature: --key has it, or --signature brings it.
    """
    if not proven and not uri:
        raise click.UsageError(
            "--uri is missing: whoever cannot fetch the document challenges the attestation"
        )
    document, public_key = read_document(file), public_key_of(key)
    account = session.sender.account
    latest = document.seconds + session.reader.registry_terms().max_attested_for
    claims = claims_of(document, until or latest, account, payout or account)
    code = postable(session.reader, document, claims, public_key)
    if proven:
        if code.binding is Binding.KEY:
            raise ConfigError(
                f"documents of measurement {hex0x(claims.measurement)} do not say who operates the node: post it "
                "without --proven, with its key's signature, and prove it then"
            )
        claims = with_nonce(claims, document, code.binding)
        _post_proven(session, Posting(document, claims, public_key, uri), gas, dry_run, as_json)
        return
    signed = _signature(session, key, public_key, claims, signature)
    if uri:
        _check_address(session, uri, document)
    bond = session.reader.registry_terms().bond
    number, landed = session.sender.post_attestation(claims, public_key, signed, uri, bond, dry_run)
    live = landed_at(session, landed) + session.reader.registry_terms().window + 1
    what = f"attestation {number} of node {hex0x(node_of(public_key))} for a bond of {ether(bond)}"
    then = f"; unless it is challenged, it is live from {moment(live)} on"
    told(
        as_json, dry_run, landed, f"Posted {what}{then}", f"Would post {what}",
        **_facts(number, claims, public_key, bond), live_from=None if dry_run else live,
    )  # fmt: skip


def _post_proven(session: Session, posting: Posting, gas: int | None, dry_run: bool, as_json: bool) -> None:
    claims, public_key = posting.claims, posting.public_key
    if claims.nonce == NO_NONCE:
        raise ConfigError(
            "the document carries no nonce where its measurement's binding has it: open one with "
            "`afterproof attestation nonce open`, and have the document made with it"
        )
    bond = session.reader.registry_terms().bond
    ready = prepared(session, NITRO, posting.document, gas, dry_run, teller(as_json))
    what = f"proven attestation of node {hex0x(node_of(public_key))} for a bond of {ether(bond)}"
    if ready.left:
        rehearsed(as_json, ready, f"Would post a {what}", **_facts(None, claims, public_key, bond))
        return
    number, landed = session.sender.post_proven(
        claims, public_key, posting.uri, posting.document.raw, ready.hints, bond, dry_run
    )
    done = f"Posted attestation {number}, proven, of node {hex0x(node_of(public_key))} for a bond of {ether(bond)}"
    told(
        as_json, dry_run, landed, f"{done}; it is live from the next second on", f"Would post a {what}",
        **_facts(number, claims, public_key, bond), transactions=ready.with_last(landed),
    )  # fmt: skip


def rehearsed(as_json: bool, ready: Prepared, would: str, **facts: Any) -> None:
    """Report a rehearsal whose last transaction cannot be simulated before those ahead of it have landed."""
    ahead = f"{would}, after {ready.left} certificates in transactions of their own, the first"
    told(as_json, True, ready.sent[0], "", ahead, **facts, certificates=ready.left)


def landed_at(session: Session, landed: Landed) -> int:
    """When the block of a transaction was; of a rehearsal, about now."""
    block = session.reader.block(landed.block)
    return block.timestamp if block is not None else session.reader.head().timestamp


def _facts(number: int | None, claims: Claims, public_key: bytes, bond: int) -> dict[str, Any]:
    return {
        "attestation": number,
        "node": hex0x(node_of(public_key)),
        "operator": hex0x(claims.operator),
        "payout": hex0x(claims.payout),
        "measurement": hex0x(claims.measurement),
        "document": hex0x(claims.document_hash),
        "document_time": claims.document_time,
        "attested_until": claims.attested_until,
        "nonce": hex0x(claims.nonce) if claims.nonce != NO_NONCE else None,
        "bond_wei": bond,
    }


def _signature(session: Session, key: str, public_key: bytes, claims: Claims, given: str | None) -> bytes:
    """The key's word on its operator: the one given, or signed here.

    Raises:
        ConfigError: neither; what is to be signed is in the message.
    """
    digest = session.reader.registration_digest(node_of(public_key), claims.operator, claims.payout)
    asked = f"the digest {hex0x(digest)} (operator {checksummed(claims.operator)}, payout {checksummed(claims.payout)})"
    if given is not None:
        if not re.fullmatch(r"(0x)?([0-9a-fA-F]{2}){1,512}", given):
            raise click.UsageError("--signature must be hex")
        signature = bytes.fromhex(given.removeprefix("0x"))
        if not verify_hash(public_key, digest, signature):
            raise ConfigError(f"--signature is not the key's ({scheme_of(public_key)}) over {asked}")
        return signature
    signer = None if key.startswith("0x") else node_signer(Path(key))
    if signer is None or signer.public_key != public_key:
        raise ConfigError(
            f"--key names a public key alone: have its owner sign {asked} by {scheme_of(public_key)}, and bring that "
            "as --signature"
        )
    return signer.sign_hash(digest)


def _check_address(session: Session, uri: str, document: Document) -> None:
    """A document that others cannot fetch is challenged: say so before that happens."""
    try:
        found = session.fetcher.fetch(uri, MAX_DOCUMENT)
    except DataUnavailable as error:
        note(
            f"warning: the document cannot be fetched, and will be challenged unless it can be soon: {error}"
        )
        return
    if keccak(found) != document.hash:
        note(
            f"warning: what is at {uri} is not this document (its bytes, not in Base64): that will be challenged"
        )


@attestation.group()
def nonce() -> None:
    """Open nonces for documents: one names who operates a node, and shows that its document is no older."""


@nonce.command(
    "open", epilog=examples("afterproof attestation nonce open", "afterproof attestation nonce open --json")
)
@click.option("--operator", type=ADDRESS, help="Who will operate the node [default: your account].")
@click.option("--payout", type=ADDRESS, help="Where it will be paid [default: the operator].")
@acts
@pass_session
def open_nonce(
    session: Session, operator: bytes | None, payout: bytes | None, dry_run: bool, as_json: bool
) -> None:
    """Open a nonce for an operator and where it is paid. Have the enclave's document made with it."""
    operator = operator or session.sender.account
    payout = payout or operator
    opened, landed = session.sender.open_nonce(operator, payout, dry_run)
    what = f"a nonce for operator {checksummed(operator)}, paid at {checksummed(payout)}"
    told(
        as_json, dry_run, landed, f"Opened {what}: {hex0x(opened)}", f"Would open {what}",
        nonce=None if dry_run else hex0x(opened), operator=hex0x(operator), payout=hex0x(payout),
    )  # fmt: skip
