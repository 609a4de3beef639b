"""What the registry asks of a posting, asked here first: before a key signs, and before anything is sent."""

from ..attestation.certificates import Certificate
from ..attestation.checks import Policy
from ..attestation.claims import NITRO, broken
from ..attestation.document import Document
from ..attestation.verify import read_chain, verify
from ..chain.base import ChainReader, Measurement
from ..errors import ConfigError
from ..protocol.attestations import Claims
from ..protocol.receipt import hex0x
from .values import moment


def postable(reader: ChainReader, document: Document, claims: Claims, public_key: bytes) -> Measurement:
    """Check that an attestation on ``document`` can be posted now, and proven; the code that it runs.

    Raises:
        ConfigError: it cannot; the message names what is wrong, and the rule.
    """
    root = reader.evidence_root(NITRO)
    if root is None:
        raise ConfigError(f"the registry has no Nitro evidence (kind {NITRO}): its owner adds it")
    now = reader.head().timestamp
    report = verify(document, Policy(root, public_key=public_key, revoked=_revoked(reader, document, now)))
    if not report.holds:
        raise ConfigError(f"the document does not hold, and would be challenged: {broken(report)}")
    code = reader.measurement(claims.measurement)
    if code is None or (code.ends_at and code.ends_at <= now):
        why = "was revoked" if code is not None else "was never allowed"
        raise ConfigError(
            f"measurement {hex0x(claims.measurement)} {why}: `afterproof measurement list` has those that may run"
        )
    terms = reader.registry_terms()
    if claims.document_time < now - terms.max_document_age:
        raise ConfigError(
            f"the document is of {moment(claims.document_time)}, and one that is posted may be "
            f"{terms.max_document_age:,} seconds old at most: have the enclave make another"
        )
    if claims.document_time > now + terms.max_clock_skew:
        raise ConfigError(
            f"the document is of {moment(claims.document_time)}, which is yet to come on this chain"
        )
    latest = claims.document_time + terms.max_attested_for
    if not now < claims.attested_until <= latest:
        raise ConfigError(
            f"--until must be after {moment(now)} and no later than {moment(latest)} ({latest}): an attestation lasts "
            f"{terms.max_attested_for:,} seconds from its document's time at most"
        )
    return code


def _revoked(reader: ChainReader, document: Document, now: int) -> frozenset[bytes]:
    """The ids of those certificates of the document that count no more."""
    ids = [each.id for each in read_chain(document)[1:] if isinstance(each, Certificate)]
    ends = {each: reader.certificate_end(each) for each in ids}
    return frozenset(each for each, end in ends.items() if end and end <= now)
