"""``NitroEvidence`` on a node, and Python's verdict beside the contract's."""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from afterproof.attestation import p384_hints
from afterproof.attestation.binding import binding_of, carries
from afterproof.attestation.certificates import Certificate
from afterproof.attestation.checks import Check, Policy
from afterproof.attestation.document import Document, parse
from afterproof.attestation.errors import InvalidDocument
from afterproof.attestation.proof import paths
from afterproof.attestation.verify import Report, read_chain, verify
from afterproof.protocol.errors import InvalidField
from tests.support.calls import Node, View
from tests.support.evm import Reverted
from tests.support.nitro_authority import Authority, Issued, gateway_data
from tests.support.p384 import deploy_p384

#: A node's key, of a form that the registry knows.
KEY = bytes(12) + b"\x77" * 20

_CERTIFICATE_FORM = {
    "UnexpectedTag", "Truncated", "BadLength", "TrailingBytes", "BadInteger", "BadBoolean", "BadBitString",
    "BadObjectIdentifier", "NotVersion3", "BadName", "BadTime", "BadSignature", "PathLengthWithoutAuthority",
    "BadKeyUsage", "DuplicateExtension", "TooManyExtensions",
}  # fmt: skip

#: The checks of which at least one must have failed in Python where the contract refuses by this name.
CHECKS: dict[str, set[Check]] = {
    "WrongRoot": {Check.ROOT},
    "ChainTooLong": {Check.CHAIN_LENGTH},
    "NotEcdsaWithSha384": {Check.ALGORITHMS, Check.SIGNATURES},
    "NotP384Key": {Check.ALGORITHMS, Check.CERTIFICATES},
    "WrongIssuer": {Check.ISSUERS},
    "CertificateNotProven": {Check.SIGNATURES},
    "NotValidAt": {Check.VALIDITY},
    "NotAuthority": {Check.BASIC_CONSTRAINTS},
    "SignedByAuthority": {Check.BASIC_CONSTRAINTS},
    "MissingExtension": {Check.BASIC_CONSTRAINTS, Check.KEY_USAGE},
    # Python counts the authorities above the last certificate, and says of the last that it must be none.
    "PathTooLong": {Check.PATH_LENGTH, Check.BASIC_CONSTRAINTS},
    "MayNotSignCertificates": {Check.KEY_USAGE},
    "MayNotSignDocuments": {Check.KEY_USAGE},
    "UnknownCriticalExtension": {Check.CRITICAL_EXTENSIONS},
    "DocumentNotProven": {Check.DOCUMENT_SIGNATURE},
    "MissingPcr": {Check.DEBUG},
    "DebugMode": {Check.DEBUG},
    "KeyNotNamed": {Check.KEY},
    # The contract reads certificates more strictly, and stops at the first one: Python may see other things wrong.
    **{name: set(Check) for name in _CERTIFICATE_FORM},
}

#: Names by which what is no document at all is refused; Python refuses to parse it.
NO_DOCUMENT = {
    "DocumentTooLong", "BadHeader", "TrailingItems", "BadSize", "NoTimestamp", "UnknownKey", "DuplicateKey",
    "MissingKey", "UnknownDigest", "BadCount", "BadPcr", "UnexpectedType", "TruncatedItem", "BadHead",
    "IndefiniteLength", "NotAscii",
}  # fmt: skip


def deploy_evidence(node: Node, root: bytes) -> View:
    """The contract under a root (SHA-256), its owner the node's first account."""
    owner, verifier = node.rpc("eth_accounts")[0], deploy_p384(node).address
    return node.deploy("NitroEvidence", bytes.fromhex(owner[2:]), root, bytes.fromhex(verifier[2:]))


@contextmanager
def pinned(evidence: View, root: bytes) -> Iterator[None]:
    """Under another root, for as long as this lasts."""
    snapshot = evidence.node.rpc("evm_snapshot")
    assert send(evidence, "setRoot", root)["status"] == "0x1"
    try:
        yield
    finally:
        evidence.node.rpc("evm_revert", snapshot)


def send(view: View, fn: str, *args: Any, sender: str | None = None, gas: int = 2**24) -> dict[str, Any]:
    """The receipt of a transaction, mined at once; it may have failed."""
    data = "0x" + view.interface.function(fn, len(args)).encode(args).hex()
    sender = sender or view.node.rpc("eth_accounts")[0]
    request = {"from": sender, "to": view.address, "data": data, "gas": hex(gas)}
    hashed = view.node.rpc("eth_sendTransaction", request)
    view.node.rpc("evm_mine")
    receipt: dict[str, Any] = view.node.rpc("eth_getTransactionReceipt", hashed)
    return receipt


# --- hints ---------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def hints_or_none(digest: bytes, signature: bytes, public_key: bytes) -> bytes:
    """Hints, none where the signature does not verify."""
    try:
        return p384_hints.hints(digest, signature, public_key)
    except InvalidField:
        return b""


def counted(each: Collection[bytes]) -> bytes:
    """Hints in a row, as ``verify`` takes them."""
    return b"".join(len(one).to_bytes(2) + one for one in each)


def uncounted(row: bytes) -> list[bytes]:
    """Each of the hints in a row."""
    each = []
    while row:
        size = 2 + int.from_bytes(row[:2])
        each.append(row[2:size])
        row = row[size:]
    return each


def best_hints(document: Document, known: Collection[bytes] = ()) -> bytes:
    """The best that a prover can do, for documents that do not hold: hints for every signature that verifies."""
    chain = read_chain(document)
    each = [
        b"" if path in known else _link_hints(parent, child)
        for parent, child, path in zip(chain, chain[1:], paths(document)[1:], strict=False)
    ]
    digest = hashlib.sha384(document.signed_bytes).digest()
    return counted([*each, hints_or_none(digest, document.signature, _point(chain[-1]))])


def _link_hints(parent: object, child: object) -> bytes:
    if not isinstance(child, Certificate):
        return b""
    try:
        r, s = decode_dss_signature(child.parsed.signature)
        signature = r.to_bytes(48) + s.to_bytes(48)
    except (ValueError, OverflowError):
        return b""
    return hints_or_none(
        hashlib.sha384(child.parsed.tbs_certificate_bytes).digest(), signature, _point(parent)
    )


def _point(certificate: object) -> bytes:
    key = certificate.key if isinstance(certificate, Certificate) else None
    if key is None or not isinstance(key.curve, ec.SECP384R1):
        return b""
    numbers = key.public_numbers()
    return numbers.x.to_bytes(48) + numbers.y.to_bytes(48)


# --- both verdicts -------------------------------------------------------------------------------


def judge(
    evidence: View, raw: bytes, root: bytes, key: bytes = KEY, known: Collection[bytes] = ()
) -> tuple[str, Report | None]:
    """The contract's error, empty where it accepts, and Python's report, None where it is no document for Python.

    Both must say the same, of the facts or of what is wrong.
    """
    try:
        document = parse(raw)
    except InvalidDocument:
        name = refusal(evidence, raw, counted([b""] * 5), key)
        assert name in NO_DOCUMENT, f"Python reads no document, the contract says {name or 'it holds'}"
        return name, None
    report = verify(document, Policy(root, public_key=key))
    hints = best_hints(document, known)
    if report.holds:
        facts = evidence.call("verify", raw, hints, key)
        assert tuple(facts) == facts_of(document, key), "other facts"
        return "", report
    name = refusal(evidence, raw, hints, key)
    assert name, f"the contract accepts what fails {report.failed}"
    assert name in CHECKS, f"unforeseen: {name}, where Python fails {report.failed}"
    assert CHECKS[name] & set(report.failed), f"{name} where Python fails {report.failed}"
    return name, report


def refusal(evidence: View, raw: bytes, hints: bytes, key: bytes) -> str:
    """The error's name, empty where the document is accepted."""
    try:
        evidence.call("verify", raw, hints, key)
    except Reverted as error:
        assert error.name, "reverts without a name"
        return error.name
    return ""


def facts_of(document: Document, key: bytes) -> tuple[Any, ...]:
    """``Facts`` as Python has them, each word one that :func:`carries` finds where it should be."""
    assert binding_of(document, key) is not None
    chain = [each for each in read_chain(document) if isinstance(each, Certificate)]
    ids = tuple(each.id for each in chain[1:])
    nonce = document.nonce or b""
    data = document.user_data or b""
    word = data[-32:] if carries_in_user_data(document, data[-32:]) else bytes(32)
    return (
        document.measurement, document.seconds, ids + (bytes(16),) * (4 - len(ids)),
        nonce if len(nonce) == 32 else bytes(32), word,
    )  # fmt: skip


def carries_in_user_data(document: Document, word: bytes) -> bool:
    """Whether Python finds the word in ``user_data``, whatever ``nonce`` holds."""
    return len(word) == 32 and carries(replace(document, nonce=None), word) is not None


AT = 1_770_918_962
"""When documents are issued, unless said otherwise; unix seconds."""

AUTHORITY = Authority(b"evidence")
DATA = gateway_data(b"tls", KEY)


def issue(**given: object) -> Issued:
    """A document of AUTHORITY's that names KEY in its user data, but for what is ``given``."""
    return AUTHORITY.issue(AT, **{"user_data": DATA, **given})  # type: ignore[arg-type]


def refused(evidence: View, issued: Issued, name: str) -> None:
    """The contract refuses with ``name``, where Python fails that check."""
    assert judge(evidence, issued.raw, AUTHORITY.root_hash)[0] == name


def holds(evidence: View, issued: Issued) -> None:
    """Contract and Python take it, and read the same facts."""
    refused(evidence, issued, "")
