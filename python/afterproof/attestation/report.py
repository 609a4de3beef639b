"""What is told of a document, as JSON: its facts, its chain, and the checks where any were made."""

from typing import Any

from ..protocol.receipt import hex0x
from .binding import key_hashes
from .certificates import Certificate
from .document import Document
from .errors import InvalidCertificate
from .verify import Report


def to_json(report: Report) -> dict[str, Any]:
    """A report for programs: 0x-hex, times in unix seconds but ``timestamp_ms``, serial numbers in 0x-hex."""
    told: dict[str, Any] = {
        "document": _document(report.document),
        "chain": [_certificate(each) for each in report.chain],
    }
    if report.findings:
        told["holds"] = report.holds
        told["checks"] = [
            {"check": each.check.value, "outcome": each.outcome.value, "why": each.why}
            for each in report.findings
        ]
    return told


def _document(document: Document) -> dict[str, Any]:
    hashes = key_hashes(document)
    return {
        "hash": hex0x(document.hash),
        "module_id": document.module_id,
        "timestamp_ms": document.timestamp,
        "pcrs": {str(index): hex0x(pcr) for index, pcr in sorted(document.pcrs.items())},
        "measurement": _hex(document.measurement),
        "public_key": _hex(document.public_key),
        "user_data": _hex(document.user_data),
        "nonce": _hex(document.nonce),
        "tls_certificate_sha256": _hex(hashes.tls_certificate if hashes else None),
        "signing_key_sha256": _hex(hashes.signing_key if hashes else None),
    }


def _certificate(certificate: Certificate | InvalidCertificate) -> dict[str, Any]:
    if isinstance(certificate, InvalidCertificate):
        return {"name": certificate.field, "error": str(certificate)}
    return {
        "name": certificate.name,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": hex(certificate.serial),
        "id": hex0x(certificate.id),
        "sha256": hex0x(certificate.sha256),
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "is_authority": certificate.is_ca,
        "path_length": certificate.path_length,
        "crl": list(certificate.revocation_lists),
    }


def _hex(data: bytes | None) -> str | None:
    return None if data is None else hex0x(data)
