"""An attestation as it was posted, its document, and whether that proves it."""

from dataclasses import dataclass
from typing import Final

import click

from ..attestation.claims import Another, Fails, Judgement, Proves, judge
from ..attestation.document import MAX_DOCUMENT
from ..attestation.text import printable
from ..chain.base import Attestation, AttestationPosted, ChainReader
from ..errors import ConfigError, DataUnavailable
from .attestation import read_document
from .lookup import first_block
from .session import Session

STEP: Final = 5_000
"""Blocks that are searched at a time."""

attestation_id = click.argument("number", metavar="ID", type=click.IntRange(1, 2**40 - 1))
document_option = click.option(
    "--document",
    metavar="FILE",
    help="The document, if you have it [default: it is fetched from where its poster said].",
)


@dataclass(frozen=True)
class Verdict:
    """What a document is to an attestation; its bytes, where they are the posted ones."""

    judgement: Judgement
    where: str

    @property
    def why(self) -> str:
        """Why it does not prove it; empty where it does."""
        return "" if isinstance(self.judgement, Proves) else self.judgement.why

    @property
    def state(self) -> str:
        """In a word: proven by it, or not, or not to be had."""
        kinds = {Proves: "proves it", Fails: "does not prove it", Another: "withheld"}
        return kinds[type(self.judgement)]


def existing(reader: ChainReader, number: int) -> Attestation:
    """An attestation as the registry has it now.

    Raises:
        ConfigError: there is none.
    """
    found = reader.attestation(number)
    if found is None:
        raise ConfigError(f"there is no attestation {number}: there are {reader.attestation_count()}")
    return found


def posted_attestation(reader: ChainReader, number: int) -> AttestationPosted:
    """The event of an attestation that was posted on a document, with its claims and its key.

    Raises:
        ConfigError: there is no such attestation, or it is the owner's word, which no document stands behind.
    """
    found = existing(reader, number)
    if not any(found.claims_hash):
        raise ConfigError(f"attestation {number} is the owner's word: there is no document to prove")
    start, head = reader.deployment.block, reader.head().number
    if found.starts_at:
        # Unless it was proven, it begins right after its window: the posting is found at once.
        posted_at = found.starts_at - reader.registry_terms().window - 1
        likely = first_block(reader, posted_at, start, head)
        event = _event(reader, number, likely, likely)
        if event is not None:
            return event
    for last in range(head, start - 1, -STEP):
        event = _event(reader, number, max(last - STEP + 1, start), last)
        if event is not None:
            return event
    raise ConfigError(f"the posting of attestation {number} is not in the events that the node has")


def verdict_of(session: Session, event: AttestationPosted, file: str | None) -> Verdict:
    """What the document in ``file``, or else the one at its address, is to a posted attestation.

    Raises:
        ConfigError: the file cannot be read, or its evidence is of a kind that is unknown here.
        InvalidDocument: the file holds no document.
    """
    reader, claims = session.reader, event.claims
    root, code = reader.evidence_root(claims.kind), reader.measurement(claims.measurement)
    if root is None or code is None:
        raise ConfigError(f"evidence of kind {claims.kind} is unknown here: a newer version may judge it")
    where = file or printable(event.uri)
    try:
        raw = read_document(file).raw if file else session.fetcher.fetch(event.uri, MAX_DOCUMENT)
    except DataUnavailable as error:
        return Verdict(Another(f"its document cannot be had: {error}"), where)
    return Verdict(judge(raw, claims, event.public_key, root, code.binding), where)


def _event(reader: ChainReader, number: int, first: int, last: int) -> AttestationPosted | None:
    for logged in reader.events(first, last):
        if isinstance(logged.event, AttestationPosted) and logged.event.id == number:
            return logged.event
    return None
