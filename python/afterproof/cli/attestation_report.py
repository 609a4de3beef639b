"""How an attestation document, and what was found out about it, are told to a person."""

from ..attestation.binding import key_hashes
from ..attestation.certificates import Certificate
from ..attestation.checks import Outcome
from ..attestation.document import PCR_MEANINGS, Document
from ..attestation.errors import InvalidCertificate
from ..attestation.text import printable
from ..attestation.verify import Report
from ..protocol.receipt import hex0x
from .output import facts, table
from .values import moment

_OUTCOMES = {Outcome.PASSED: "passed", Outcome.FAILED: "FAILED", Outcome.NOT_ASKED: "not asked"}


def described(report: Report) -> str:
    """What a document says, and its certificates."""
    document = report.document
    rows: list[tuple[str, object]] = [
        ("module", printable(document.module_id)),
        ("time", f"{moment(document.seconds)} and {document.timestamp % 1000} ms"),
        ("document", f"{hex0x(document.hash)}, {len(document.raw)} bytes"),
        *_registers(document),
        (
            "measurement",
            hex0x(document.measurement) if document.measurement else "none: PCR0 to PCR2 are not all there",
        ),
        *_binding(document),
        ("nonce", _bytes(document.nonce)),
    ]
    return f"{facts(rows)}\n\n{_chain(report)}"


def findings(report: Report) -> str:
    """Every check with its result, and what they come to."""
    rows = [(each.check, _OUTCOMES[each.outcome], each.why) for each in report.findings]
    failed = ", ".join(report.failed)
    verdict = (
        f"The document DOES NOT HOLD: {failed}." if failed else "The document holds, as far as was asked."
    )
    return f"{table(('check', 'result', 'why'), rows)}\n\n{verdict}"


def _registers(document: Document) -> list[tuple[str, object]]:
    """The registers that hold something with what they are hashes of, and those that are all zeros."""
    held = {index: pcr for index, pcr in sorted(document.pcrs.items()) if any(pcr)}
    zeros = ", ".join(f"PCR{index}" for index in sorted(document.pcrs) if index not in held)
    rows = [
        (f"PCR{index}", f"{hex0x(pcr)}  {PCR_MEANINGS.get(index, '')}".rstrip())
        for index, pcr in held.items()
    ]
    return [*rows, ("all zeros", zeros or "none")]


def _binding(document: Document) -> list[tuple[str, object]]:
    hashes = key_hashes(document)
    rows: list[tuple[str, object]] = [
        ("public key", _bytes(document.public_key)),
        ("user data", _bytes(document.user_data)),
    ]
    if hashes is not None:
        rows += [
            ("TLS certificate", f"SHA-256 {hex0x(hashes.tls_certificate)}"),
            ("signing key", f"SHA-256 {hex0x(hashes.signing_key)}"),
        ]
    return rows


def _bytes(data: bytes | None) -> str:
    return "none" if data is None else f"{len(data)} bytes  {hex0x(data)}"


def _chain(report: Report) -> str:
    head = ("certificate", "valid from", "until", "authority", "serial", "subject")
    return table(head, [_certificate(each) for each in report.chain])


def _certificate(certificate: Certificate | InvalidCertificate) -> tuple[str, ...]:
    if isinstance(certificate, InvalidCertificate):
        return certificate.field, "-", "-", "-", "-", f"cannot be read: {certificate.rule}"
    below = "any" if certificate.path_length is None else str(certificate.path_length)
    return (
        certificate.name,
        moment(certificate.not_before),
        moment(certificate.not_after),
        f"yes, {below} below" if certificate.is_ca else "no",
        hex(certificate.serial),
        certificate.subject,
    )
