"""The checks of a document's chain of certificates (RFC 5280 section 6, for a chain that is given in order)."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final

from .certificates import Certificate
from .checks import Case, Check, Result, failed, not_asked, passed

MAX_BELOW_ROOT: Final = 4
"""Certificates between root and document. Nitro's chain has four: regional, zonal, of the instance, of the enclave."""

_CURVE: Final = "secp384r1"
_ALGORITHM: Final = "ecdsa-with-SHA384"


def root(case: Case) -> Result:
    """:attr:`Check.ROOT`."""
    found = case.chain[0].sha256
    if found != case.policy.root:
        return failed(f"cabundle[0] has SHA-256 0x{found.hex()}, not the pinned 0x{case.policy.root.hex()}")
    return passed("cabundle[0] is the pinned root")


def chain_length(case: Case) -> Result:
    """:attr:`Check.CHAIN_LENGTH`."""
    below = len(case.chain) - 1
    if below > MAX_BELOW_ROOT:
        return failed(f"{below} certificates are below the root, more than {MAX_BELOW_ROOT}")
    return passed(f"{below} below the root")


def algorithms(case: Case) -> Result:
    """:attr:`Check.ALGORITHMS`."""
    wrong = [f"{each.name} has a key of {each.curve}" for each in case.chain if each.curve != _CURVE]
    wrong += [
        f"{each.name} is signed with {each.algorithm}" for each in case.chain if each.algorithm != _ALGORITHM
    ]
    return _told(wrong, f"P-384 and {_ALGORITHM} throughout")


def issuers(case: Case) -> Result:
    """:attr:`Check.ISSUERS`."""
    wrong = (
        f"{child.name} names its issuer {child.issuer}, but {parent.name} is {parent.subject}"
        for parent, child in pairwise(case.chain)
        if not parent.is_named_by(child)
    )
    return _told(wrong, "each names the one before as its issuer")


def signatures(case: Case) -> Result:
    """:attr:`Check.SIGNATURES`."""
    wrong = (
        f"{child.name} is not signed by {parent.name}"
        for parent, child in pairwise(case.chain)
        if not parent.signed(child)
    )
    return _told(wrong, "each is signed by the one before")


def validity(case: Case) -> Result:
    """:attr:`Check.VALIDITY`."""
    at = case.document.seconds
    left = min(each.not_after for each in case.chain) - at
    return _told(
        outside(case.chain, at, "the document's time"), f"each at the document's time, and {left} s longer"
    )


def basic_constraints(case: Case) -> Result:
    """:attr:`Check.BASIC_CONSTRAINTS`."""
    *authorities, last = case.chain
    wrong = [f"{each.name} is no authority" for each in authorities if not each.is_ca]
    wrong += [f"{each.name} has none" for each in case.chain if each.is_ca is None]
    wrong += [f"{last.name} is an authority, and must be none"] if last.is_ca else []
    return _told(wrong, "authorities, down to one that is none")


def path_length(case: Case) -> Result:
    """:attr:`Check.PATH_LENGTH`. Every authority below counts, one that issued itself too."""
    *authorities, _ = case.chain
    wrong = (
        f"{each.name} allows {each.path_length} authorities below it, and there are {below}"
        for each, below in zip(authorities, reversed(range(len(authorities))), strict=True)
        if each.path_length is not None and below > each.path_length
    )
    return _told(wrong, "no more authorities follow than are allowed")


def key_usage(case: Case) -> Result:
    """:attr:`Check.KEY_USAGE`."""
    *authorities, last = case.chain
    wrong = [f"{each.name} has none" for each in case.chain if each.signs_data is None]
    wrong += [
        f"{each.name} may not sign certificates" for each in authorities if each.signs_certificates is False
    ]
    wrong += [f"{last.name} may not sign data"] if last.signs_data is False else []
    return _told(wrong, "authorities may sign certificates, the last may sign data")


def critical_extensions(case: Case) -> Result:
    """:attr:`Check.CRITICAL_EXTENSIONS`."""
    wrong = (
        f"{each.name} holds {', '.join(each.unknown_critical)}"
        for each in case.chain
        if each.unknown_critical
    )
    return _told(wrong, "none but those that are checked here")


def revocation(case: Case) -> Result:
    """:attr:`Check.REVOCATION`."""
    revoked = case.policy.revoked
    if revoked is None:
        return not_asked("no list of revoked certificates was given")
    wrong = (f"{each.name}, serial {each.serial:#x}, is revoked" for each in case.chain if each.id in revoked)
    return _told(wrong, "none is among those that were revoked")


def outside(chain: Iterable[Certificate], at: int, when: str) -> list[str]:
    """Which certificates are not valid at the second ``at``, which is called ``when``."""
    early = [
        f"{each.name} begins {each.not_before - at} s after {when}" for each in chain if at < each.not_before
    ]
    return early + [
        f"{each.name} ended {at - each.not_after} s before {when}" for each in chain if at > each.not_after
    ]


def _told(wrong: Iterable[str], right: str) -> Result:
    why = "; ".join(wrong)
    return failed(why) if why else passed(right)


CHAIN_RULES: Final[dict[Check, Callable[[Case], Result]]] = {
    Check.ROOT: root,
    Check.CHAIN_LENGTH: chain_length,
    Check.ALGORITHMS: algorithms,
    Check.ISSUERS: issuers,
    Check.SIGNATURES: signatures,
    Check.VALIDITY: validity,
    Check.BASIC_CONSTRAINTS: basic_constraints,
    Check.PATH_LENGTH: path_length,
    Check.KEY_USAGE: key_usage,
    Check.CRITICAL_EXTENSIONS: critical_extensions,
    Check.REVOCATION: revocation,
}
