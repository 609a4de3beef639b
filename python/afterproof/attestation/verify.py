"""Whether a document holds: every check of :class:`Check` with its result.

The chain is judged at the document's own timestamp, for the certificate that signs it lives three hours. The contracts
check the same list by the same rules. A check never raises: what is no document raised when it was parsed.
"""

from dataclasses import dataclass

from .certificates import Certificate, read_certificate
from .chain_rules import CHAIN_RULES
from .checks import Case, Check, Finding, Outcome, Policy, Result, failed, not_asked, passed
from .document import Document
from .document_rules import CHAINED_RULES, DOCUMENT_RULES
from .errors import InvalidCertificate


@dataclass(frozen=True)
class Report:
    """A document, its chain (root first; why not, for one that cannot be read), and what was found out."""

    document: Document
    chain: tuple[Certificate | InvalidCertificate, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether everything that was asked passed."""
        return bool(self.findings) and not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(each.check for each in self.findings if each.outcome is Outcome.FAILED)


def read_chain(document: Document) -> tuple[Certificate | InvalidCertificate, ...]:
    """The chain of a document, from the root on; in place of a certificate that cannot be read, why."""
    chain: list[Certificate | InvalidCertificate] = []
    for der, name in zip(document.certificates, document.chain_names, strict=True):
        try:
            chain.append(read_certificate(der, name))
        except InvalidCertificate as error:
            chain.append(error)
    return tuple(chain)


def inspect(document: Document) -> Report:
    """A document with its chain, nothing checked."""
    return Report(document, read_chain(document))


def verify(document: Document, policy: Policy) -> Report:
    """Check a document by ``policy``."""
    chain = read_chain(document)
    unread = [each for each in chain if isinstance(each, InvalidCertificate)]
    case = Case(document, tuple(each for each in chain if isinstance(each, Certificate)), policy)
    results = {check: rule(case) for check, rule in DOCUMENT_RULES.items()}
    for check, rule in (*CHAIN_RULES.items(), *CHAINED_RULES.items()):
        results[check] = _unjudged(check, policy) if unread else rule(case)
    results[Check.CERTIFICATES] = (
        failed("; ".join(map(str, unread))) if unread else passed(f"all {len(chain)} are X.509 v3 in DER")
    )
    findings = (Finding(check, results[check].outcome, results[check].why) for check in Check)
    return Report(document, chain, tuple(findings))


def _unjudged(check: Check, policy: Policy) -> Result:
    """What a check of the chain comes to where the chain cannot be read: a failure, if it was asked for."""
    if (check is Check.TIME and policy.at is None) or (check is Check.REVOCATION and policy.revoked is None):
        return not_asked("it was not stated")
    return failed("not every certificate can be read")
