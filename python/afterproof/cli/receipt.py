"""`receipt`: what a receipt says, whether its signature holds, and what the contract says of it."""

import sys
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from ..protocol.errors import InvalidField
from ..protocol.receipt import Domain, Scheme, SignedReceipt, hex0x, keccak
from ..protocol.signing import verify as signature_holds
from ..protocol.state import Standing, VoidReason
from .checks import Checks, signature_text
from .files import read_bytes
from .options import examples, reads
from .output import emit, facts, note
from .session import Session, pass_session
from .values import moment

_HEADER: Final = "afterproof-receipt:"
_STANDINGS: Final = {each.name.lower(): each for each in (Standing.SIGNED, Standing.POSTED, Standing.FINAL)}


@click.group()
def receipt() -> None:
    """Look at receipts and check them, on chain too.

    FILE is a file with a receipt's JSON or with the value of an Afterproof-Receipt header, that value itself, or -
    for standard input.
    """


@receipt.command(
    epilog=examples("afterproof receipt show receipt.json", "afterproof receipt show eyJyZWNlaXB0Ijp7...")
)
@click.argument("file")
@reads
@pass_session
def show(session: Session, file: str, as_json: bool) -> None:
    """Show what a receipt says, and whether its signature holds. Asks no node and no relayer."""
    signed = read_receipt(file)
    holds = _signature(session, signed)
    rows = [*_described(signed), ("signature", signature_text(holds))]
    emit(as_json, {**_json(signed), "signature_valid": holds}, facts(rows))
    if holds is False:
        click.get_current_context().exit(1)


@receipt.command(
    epilog=examples(
        "afterproof receipt verify receipt.json",
        "afterproof receipt verify receipt.json --least final --response answer.json",
        "curl -si $URL -d @question.json | grep -i afterproof-receipt | afterproof receipt verify -",
    )
)
@click.argument("file")
@click.option(
    "--request", type=click.Path(path_type=Path), help="The question's body: check that it is this one."
)
@click.option(
    "--response", type=click.Path(path_type=Path), help="The answer's body: check that it is this one."
)
@click.option(
    "--least",
    type=click.Choice(list(_STANDINGS)),
    default="signed",
    help="Fail below this [default: signed].",
)
@reads
@pass_session
def verify(
    session: Session, file: str, request: Path | None, response: Path | None, least: str, as_json: bool
) -> None:
    """Check a receipt: its signature here, its inclusion here and on chain, and its standing on chain.

    The exit status is 1 for a receipt that does not hold, is void, or stands lower than --least.
    """
    signed = read_receipt(file)
    checks = _checked(session, signed)
    bodies = {
        name: keccak(read_bytes(path)) == getattr(signed.receipt, name)
        for name, path in (("request", request), ("response", response))
        if path is not None
    }
    rows = [*_described(signed), *checks.rows(signed)]
    rows += [
        (f"{name} body", "the receipt's" if same else "NOT THE RECEIPT'S") for name, same in bodies.items()
    ]
    matches = {f"{name}_matches": same for name, same in bodies.items()}
    emit(as_json, {**_json(signed), **checks.to_json(signed), **matches}, facts(rows))
    for sentence in checks.unread:
        note(f"not searched: {sentence}")
    if not (all(bodies.values()) and checks.reach(_STANDINGS[least])):
        click.get_current_context().exit(1)


def read_receipt(file: str) -> SignedReceipt:
    """The receipt in a file, on standard input (``-``), or in a header's value.

    Raises:
        InvalidField: it is no receipt; the message names field and rule.
        ConfigError: there is no such file.
    """
    from ..gateway.receipting import from_header

    text = _text(file).strip()
    if text.lower().startswith(_HEADER):
        text = text[len(_HEADER) :].strip()
    if not text.startswith("{"):
        return from_header(text)
    try:
        return SignedReceipt.from_json(msgspec.json.decode(text))
    except msgspec.DecodeError as error:
        raise InvalidField("the receipt file", f"must be JSON: {error}") from None


def _text(file: str) -> str:
    if file == "-":
        return sys.stdin.read()
    # A header's value has more characters than a file's name may have.
    if len(file) > 255 and not file.startswith(("/", ".")):
        return file
    return read_bytes(Path(file)).decode("utf-8", errors="replace")


def _signature(session: Session, signed: SignedReceipt) -> bool | None:
    """Whether the signature holds; None where that needs a deployment and none is known."""
    unbound = signed.scheme is Scheme.OPENGRADIENT_RSA_PSS
    if not session.config.chain.deployment.exists() and unbound:
        return _holds(signed, Domain(1, bytes(20)))  # this scheme signs no domain
    if not session.config.chain.deployment.exists():
        return None
    return _holds(signed, session.domain)


def _holds(signed: SignedReceipt, domain: Domain) -> bool:
    try:
        return signature_holds(signed, domain)
    except InvalidField as error:
        note(str(error))
        return False


def _checked(session: Session, signed: SignedReceipt) -> Checks:
    from ..data import Fetcher
    from .lookup import find

    reader, settings = session.reader, session.config.verifier
    holds = _holds(signed, session.domain)
    search = find(reader, Fetcher(settings.allow_private_data, settings.data_timeout), signed.leaf)
    standing, reason = (Standing.SIGNED if holds else Standing.UNKNOWN), VoidReason.NONE
    if search.place is not None:
        where = (search.place.batch, search.place.index, signed.leaf.words, search.place.proof)
        standing = reader.standing(*where)
        reason = reader.why_void(*where) if standing is Standing.VOIDED else VoidReason.NONE
    at = search.place.header.anchor if search.place is not None else reader.head().timestamp
    assurance = reader.assurance(signed.receipt.node, at)
    return Checks(holds, search.place, standing, reason, assurance, search.unread)


def _described(signed: SignedReceipt) -> list[tuple[str, object]]:
    said = signed.receipt
    return [
        ("receipt", hex0x(said.hash)),
        ("leaf", hex0x(signed.leaf.hash)),
        ("node", hex0x(said.node)),
        ("scheme", signed.scheme),
        ("request", hex0x(said.request)),
        ("response", hex0x(said.response)),
        ("issued", moment(said.issued_at)),
    ]


def _json(signed: SignedReceipt) -> dict[str, Any]:
    return {
        **signed.to_json(),
        "receipt_hash": hex0x(signed.receipt.hash),
        "leaf_hash": hex0x(signed.leaf.hash),
        "words": [hex0x(signed.leaf.words[at : at + 32]) for at in range(0, 224, 32)],
    }
