"""What a document says as a registry's claims have it, and the judge of an attestation that was posted.

The judge asks what ``prove`` of the registry asks, no less and no more: a challenge costs its deposit where the proof
succeeds. What the registry itself looks at when it is asked who is live (revoked certificates, revoked measurements,
ends) therefore needs no challenge, and is no reason for one.
"""

from dataclasses import dataclass, replace
from typing import Final

from ..protocol.attestations import CERTIFICATES, Binding, Claims
from ..protocol.errors import InvalidField, ProtocolError
from ..protocol.receipt import keccak
from .binding import USER_DATA_HASHES, key_hashes
from .certificates import Certificate
from .checks import Policy
from .document import Document, parse
from .verify import Report, read_chain, verify

NITRO: Final = 1
"""The kind of evidence that AWS Nitro documents are, wherever Afterproof deploys."""

NO_NONCE: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Proves:
    """The document proves the claims: whoever sends it wins."""

    document: Document


@dataclass(frozen=True, slots=True)
class Fails:
    """The posted document does not prove the claims, under this root and by nobody: why, as a sentence's end."""

    why: str


@dataclass(frozen=True, slots=True)
class Another:
    """These bytes are not the document that was posted: they say nothing of it."""

    why: str


Judgement = Proves | Fails | Another


def judge(raw: bytes, claims: Claims, public_key: bytes, root: bytes, binding: Binding) -> Judgement:
    """Whether the bytes ``raw`` prove ``claims`` of the node with ``public_key``.

    ``root`` is the SHA-256 under which the registry's evidence judges, ``binding`` how documents of the claimed
    measurement say who operates a node.
    """
    if keccak(raw) != claims.document_hash:
        return Another("it is not the document that was posted: its hash is another")
    try:
        document = parse(raw)
    except ProtocolError as error:
        return Fails(f"it is no document: {error}")
    report = verify(document, Policy(root, public_key=public_key))
    if not report.holds:
        return Fails(f"it does not hold: {broken(report)}")
    differing = [
        name
        for name, found, claimed in (
            ("measurement", document.measurement, claims.measurement),
            ("time", document.seconds, claims.document_time),
            ("certificates", certificates_of(document), claims.certificates),
        )
        if found != claimed
    ]
    if claims.nonce != NO_NONCE and claims.nonce not in _carried(document, binding):
        differing.append("nonce")
    if differing:
        return Fails(f"it holds, but claims differ from what it says: {', '.join(differing)}")
    return Proves(document)


def broken(report: Report) -> str:
    """The checks that failed, each with why."""
    return "; ".join(f"{each.check}: {each.why}" for each in report.findings if each.check in report.failed)


def claims_of(document: Document, attested_until: int, operator: bytes, payout: bytes) -> Claims:
    """What the document says, as claims of kind :data:`NITRO` without a nonce.

    Raises:
        InvalidField: a register is missing, or a certificate cannot be read, or there are too many.
    """
    measurement = document.measurement
    if measurement is None:
        raise InvalidField("pcrs", "must hold PCR0, PCR1 and PCR2: they measure what runs")
    certificates = certificates_of(document)
    if certificates is None:
        raise InvalidField("cabundle", f"must be certificates, {CERTIFICATES} below the root at most")
    return Claims(
        NITRO, measurement, document.seconds, attested_until, document.hash, certificates, NO_NONCE, operator,
        payout,
    )  # fmt: skip


def with_nonce(claims: Claims, document: Document, binding: Binding) -> Claims:
    """The claims with the nonce that the document carries where the code's binding has it; without, where none is."""
    carried = [word for word in _carried(document, binding) if any(word)]
    return replace(claims, nonce=carried[0] if carried else NO_NONCE)


def certificates_of(document: Document) -> tuple[bytes, bytes, bytes, bytes] | None:
    """The ids of the certificates below the root, zeros behind them; None where that cannot be said."""
    below = read_chain(document)[1:]
    ids = [each.id for each in below if isinstance(each, Certificate)]
    if len(ids) != len(below) or len(ids) > CERTIFICATES:
        return None
    first, second, third, fourth = (*ids, *[bytes(16)] * (CERTIFICATES - len(ids)))
    return first, second, third, fourth


def _carried(document: Document, binding: Binding) -> list[bytes]:
    """The words that may name an operator, as the contract reads them: ``nonce``, and the end of ``user_data``."""
    nonce, data = document.nonce or b"", document.user_data or b""
    taken = USER_DATA_HASHES if key_hashes(document) is not None else 0
    found = []
    if binding is not Binding.USER_DATA and len(nonce) == 32:
        found.append(nonce)
    if binding is not Binding.NONCE and len(data) >= taken + 32:
        found.append(data[-32:])
    return found
