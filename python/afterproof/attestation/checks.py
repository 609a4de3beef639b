"""The checks of a document by name, what is asked of it, and how a result is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..protocol.errors import InvalidField
from .certificates import Certificate
from .document import MAX_PCRS, PCR_SIZE, Document

AWS_ROOT: Final = bytes.fromhex("641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b")
"""SHA-256 of the root of AWS's Nitro Attestation PKI, "aws.nitro-enclaves", valid from 2019 to 2049."""


class Check(StrEnum):
    """Everything that is checked, in order. The value is the check's name for people and in JSON."""

    ROOT = "root"
    """The first certificate of cabundle is the pinned one, by SHA-256."""
    CHAIN_LENGTH = "chain length"
    """At most four certificates below the root: a registry records each."""
    CERTIFICATES = "certificates"
    """Each is X.509 v3 in DER."""
    ALGORITHMS = "algorithms"
    """Each key is of P-384 and each signature ecdsa-with-SHA384."""
    ISSUERS = "issuers"
    """Each names as issuer the subject of the one before, byte for byte."""
    SIGNATURES = "signatures"
    """Each but the root is signed by the one before."""
    VALIDITY = "validity"
    """Each is valid at the document's time."""
    BASIC_CONSTRAINTS = "basic constraints"
    """Each has them: all but the last are authorities, the last is none."""
    PATH_LENGTH = "path length"
    """No more authorities follow one than it allows."""
    KEY_USAGE = "key usage"
    """Each has it: authorities may sign certificates, the last may sign data."""
    CRITICAL_EXTENSIONS = "critical extensions"
    """None is marked critical but basic constraints and key usage."""
    REVOCATION = "revocation"
    """None of the chain is among those that were revoked."""
    DOCUMENT_SIGNATURE = "document signature"
    """The last certificate's key signed the document: ES384 over its Sig_structure, s of any size."""
    TIME = "time"
    """At a stated time the document is no news from the future, and each certificate still valid."""
    DEBUG = "debug"
    """PCR0, PCR1 and PCR2 are there and none is all zeros: those of an enclave in debug mode are."""
    MEASUREMENT = "measurement"
    """The registers are those of one of the allowed measurements."""
    NONCE = "nonce"
    """The document carries a stated nonce."""
    KEY = "key"
    """The document names a stated key."""


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Result:
    """How a check ended, and why, as a sentence for a person."""

    outcome: Outcome
    why: str


@dataclass(frozen=True)
class Finding:
    """A check with its result."""

    check: Check
    outcome: Outcome
    why: str


@dataclass(frozen=True)
class Policy:
    """What is asked of a document. None, and no measurements: not asked.

    ``root``: SHA-256 of the pinned root. ``measurements``: the allowed ones, each the registers that it fixes by
    index, 48 bytes each. ``revoked``: ids of certificates (:attr:`Certificate.id`). ``at``: unix seconds.
    """

    root: bytes = AWS_ROOT
    measurements: tuple[Mapping[int, bytes], ...] = ()
    nonce: bytes | None = None
    public_key: bytes | None = None
    at: int | None = None
    revoked: frozenset[bytes] | None = None

    def __post_init__(self) -> None:
        if len(self.root) != 32:
            raise InvalidField("root", "must be a SHA-256 of 32 bytes")
        for measurement in self.measurements:
            if not measurement:
                raise InvalidField(
                    "pcr", "must be given for one register at least: no register allows any enclave"
                )
            for index, value in measurement.items():
                if not 0 <= index < MAX_PCRS:
                    raise InvalidField("pcr", f"must have an index from 0 to {MAX_PCRS - 1}, not {index}")
                if len(value) != PCR_SIZE:
                    raise InvalidField(f"pcr {index}", f"must be {PCR_SIZE} bytes, not {len(value)}")


@dataclass(frozen=True)
class Case:
    """A document before its judge: with its chain, root first, where that could be read."""

    document: Document
    chain: tuple[Certificate, ...]
    policy: Policy


def passed(why: str) -> Result:
    """The check passed."""
    return Result(Outcome.PASSED, why)


def failed(why: str) -> Result:
    """The check failed."""
    return Result(Outcome.FAILED, why)


def not_asked(why: str) -> Result:
    """Nothing was asked, so nothing was checked."""
    return Result(Outcome.NOT_ASKED, why)
