"""The checks of what a document itself says, and of who signed it."""

from collections.abc import Callable, Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from .binding import Binding, binding_of, carries
from .chain_rules import outside
from .checks import Case, Check, Result, failed, not_asked, passed
from .document import MEASURED, SIGNATURE_SIZE, Document


def document_signature(case: Case) -> Result:
    """:attr:`Check.DOCUMENT_SIGNATURE`. Both s and n - s verify: Nitro signs with either."""
    key, signature = case.chain[-1].key, case.document.signature
    half = SIGNATURE_SIZE // 2
    if key is None or not isinstance(key.curve, ec.SECP384R1):
        return failed("certificate has no key of P-384")
    r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    try:
        key.verify(encode_dss_signature(r, s), case.document.signed_bytes, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        return failed("the signature does not verify under certificate's key")
    return passed("signed by certificate's key")


def time(case: Case) -> Result:
    """:attr:`Check.TIME`."""
    at = case.policy.at
    if at is None:
        return not_asked("no time was stated: the chain was judged at the document's own")
    age = at - case.document.seconds
    if age < 0:
        return failed(f"the document is from {-age} s after the stated time")
    wrong = outside(case.chain, at, "the stated time")
    if wrong:
        return failed("; ".join(wrong))
    return passed(f"{age} s old at the stated time, its certificates valid")


def debug(case: Case) -> Result:
    """:attr:`Check.DEBUG`."""
    pcrs = case.document.pcrs
    missing = [f"PCR{index}" for index in MEASURED if index not in pcrs]
    if missing:
        return failed(f"{', '.join(missing)} are not in the document")
    zeros = [f"PCR{index}" for index in MEASURED if not any(pcrs[index])]
    if zeros:
        return failed(f"{', '.join(zeros)} all zeros: an enclave in debug mode, which its host can read")
    return passed("PCR0, PCR1 and PCR2 are measured")


def measurement(case: Case) -> Result:
    """:attr:`Check.MEASUREMENT`."""
    allowed = case.policy.measurements
    if not allowed:
        return not_asked("no measurement was stated: any enclave passes")
    differing = [_differing(case.document, each) for each in allowed]
    if all(differing):
        return failed(
            differing[0] if len(allowed) == 1 else f"it is none of the {len(allowed)} that are allowed"
        )
    fixed = allowed[differing.index("")]
    open_ones = ", ".join(f"PCR{index}" for index in MEASURED if index not in fixed)
    compared = ", ".join(f"PCR{index}" for index in sorted(fixed))
    return passed(f"{compared} as allowed" + (f"; {open_ones} may be anything" if open_ones else ""))


def nonce(case: Case) -> Result:
    """:attr:`Check.NONCE`."""
    if case.policy.nonce is None:
        return not_asked("no nonce was stated")
    where = carries(case.document, case.policy.nonce)
    if where is None:
        return failed(f"the document does not carry 0x{case.policy.nonce.hex()}")
    return passed(f"carried by {where}")


def key(case: Case) -> Result:
    """:attr:`Check.KEY`."""
    if case.policy.public_key is None:
        return not_asked("no key was stated")
    where = binding_of(case.document, case.policy.public_key)
    if where is None:
        return failed("the document names another key, or none")
    how = "the second hash of user_data is of it" if where is Binding.USER_DATA else "public_key is it"
    return passed(how)


def _differing(document: Document, fixed: Mapping[int, bytes]) -> str:
    """How a document differs from a measurement, empty where it does not."""
    return "; ".join(
        f"PCR{index} is {'missing' if index not in document.pcrs else '0x' + document.pcrs[index].hex()}, "
        f"not 0x{value.hex()}"
        for index, value in sorted(fixed.items())
        if document.pcrs.get(index) != value
    )


CHAINED_RULES: Final[dict[Check, Callable[[Case], Result]]] = {
    Check.DOCUMENT_SIGNATURE: document_signature,
    Check.TIME: time,
}
"""Those that need the chain too."""

DOCUMENT_RULES: Final[dict[Check, Callable[[Case], Result]]] = {
    Check.DEBUG: debug,
    Check.MEASUREMENT: measurement,
    Check.NONCE: nonce,
    Check.KEY: key,
}
