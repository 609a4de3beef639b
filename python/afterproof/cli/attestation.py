"""`attestation`: what an enclave's attestation document says, and whether it holds."""

import base64
import binascii
import re
import sys
from pathlib import Path
from typing import Any, Final

import click

from ..attestation import report
from ..attestation.checks import AWS_ROOT, Policy
from ..attestation.document import MAX_DOCUMENT, Document, parse
from ..attestation.verify import inspect as looked_at
from ..attestation.verify import verify as judged
from ..keyfiles import public_key_of
from ..protocol.errors import InvalidField
from .attestation_report import described, findings
from .certificates import certificate_in
from .files import read_bytes
from .options import examples, json_option
from .output import emit
from .values import Register, Time

_BASE64: Final = MAX_DOCUMENT * 2
"""Characters of a document in Base64, line breaks included: a longer one is too long in any case."""


@click.group()
def attestation() -> None:
    """Check the attestation documents of AWS Nitro enclaves; post them to the registry, challenge and prove them.

    FILE is a document: its bytes (COSE_Sign1) or their Base64, as a gateway's /enclave/attestation answers. Or - for
    standard input. Nobody asks AWS, and inspect and verify ask no node either. ID is an attestation's number.
    """


@attestation.command(
    epilog=examples(
        "afterproof attestation inspect document.cose", "afterproof attestation inspect - <document.b64"
    )
)
@click.argument("file")
@json_option
def inspect(file: str, as_json: bool) -> None:
    """Show what a document says and the certificates it brings. Checks its form, and nothing else."""
    found = looked_at(read_document(file))
    emit(as_json, report.to_json(found), described(found))


@attestation.command(
    epilog=examples(
        "afterproof attestation verify document.cose",
        "afterproof attestation verify document.cose --pcr 0=9bae... --pcr 1=4b4d... --pcr 2=7699...",
        "afterproof attestation verify document.cose --key node.pem --nonce 0x0123... --at 2026-02-12T18:00:00Z",
    )
)
@click.argument("file")
@click.option(
    "--root",
    metavar="FILE|HASH",
    help="Trust this root: its certificate in PEM or DER, or its SHA-256 [default: that of AWS].",
)
@click.option(
    "--pcr",
    "registers",
    type=Register(),
    multiple=True,
    metavar="INDEX=HEX",
    help="Demand this value of a register; once for each.",
)
@click.option("--key", metavar="KEY", help="Demand that it names this key: 0x-hex, or a key's file.")
@click.option("--nonce", metavar="HEX", help="Demand that it carries this nonce.")
@click.option(
    "--at",
    type=Time(),
    metavar="TIME",
    help="Demand that it holds at this time too: unix seconds, or as 2026-02-12T18:00:00Z.",
)
@json_option
def verify(
    file: str,
    root: str | None,
    registers: tuple[tuple[int, bytes], ...],
    key: str | None,
    nonce: str | None,
    at: int | None,
    as_json: bool,
) -> None:
    """Check a document: its chain of certificates up to the root, its signature, and what you demand of it.

    The chain is judged at the document's own time, for the certificate that signs lives three hours. Without --pcr any
    code in any enclave passes, without --key it speaks for nobody, without --nonce and --at it may be old. The exit
    status is 1 if anything fails.
    """
    document = read_document(file)
    policy = Policy(
        root=AWS_ROOT if root is None else _root(root),
        measurements=(_measurement(registers),) if registers else (),
        nonce=None if nonce is None else _nonce(nonce),
        public_key=None if key is None else public_key_of(key),
        at=at,
    )
    found = judged(document, policy)
    emit(as_json, report.to_json(found), f"{described(found)}\n\n{findings(found)}")
    if not found.holds:
        click.get_current_context().exit(1)


def read_document(file: str) -> Document:
    """The document in a file or on standard input (``-``), raw or in Base64.

    Raises:
        ConfigError: it cannot be read.
        InvalidDocument: it is none; the message names the field and the rule.
    """
    content = _standard_input() if file == "-" else read_bytes(Path(file))
    # A document's first byte is no ASCII, and Base64 is nothing else.
    if content[:1].isascii():
        content = _from_base64(content)
    return parse(content)


def _standard_input() -> bytes:
    # A stream that has no bytes beneath it is a text already.
    stream: Any = getattr(sys.stdin, "buffer", sys.stdin)
    content = stream.read(_BASE64 + 1)
    return content.encode(errors="replace") if isinstance(content, str) else bytes(content)


def _from_base64(content: bytes) -> bytes:
    if len(content) > _BASE64:
        raise InvalidField("the document", f"must have at most {MAX_DOCUMENT} bytes")
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except binascii.Error:
        raise InvalidField("the document", "must be a COSE_Sign1, or the Base64 of one") from None


def _root(text: str) -> bytes:
    """The SHA-256 by which a root is pinned."""
    if re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", text):
        return bytes.fromhex(text.removeprefix("0x"))
    return certificate_in(read_bytes(Path(text)), "--root").sha256


def _measurement(registers: tuple[tuple[int, bytes], ...]) -> dict[int, bytes]:
    fixed = dict(registers)
    if len(fixed) < len(registers):
        raise click.UsageError("--pcr names a register twice: a document has one value of each")
    return fixed


def _nonce(text: str) -> bytes:
    if not re.fullmatch(r"(0x)?([0-9a-fA-F]{2}){1,512}", text):
        raise click.UsageError("--nonce must be hex of 1 to 512 bytes")
    return bytes.fromhex(text.removeprefix("0x"))
