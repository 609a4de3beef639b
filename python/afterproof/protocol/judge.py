"""The one judge: what a leaf of a posted batch is, for verifier and relayer alike.

A verdict is a value. ``Void`` never stops a promised receipt from being posted; ``Wait`` is never a dispute.
"""

from dataclasses import dataclass

from .batching import is_timely
from .header import Header
from .receipt import Domain, Leaf
from .registry import NodeRecord
from .signing import verify_leaf
from .state import FaultKind, VoidReason
from .terms import Terms


@dataclass(frozen=True, slots=True)
class Accept:
    """Nothing is wrong with the leaf."""


@dataclass(frozen=True, slots=True)
class Void:
    """The leaf reads Voided by a read rule: nobody needs to do anything. No reason: it is the empty leaf."""

    rule: VoidReason


@dataclass(frozen=True, slots=True)
class Dispute:
    """A fault that one transaction proves, and the evidence its contract asks for."""

    fault: FaultKind
    evidence: bytes


@dataclass(frozen=True, slots=True)
class Demand:
    """A tile's data cannot be had, or does not hash to its root."""

    tile: int
    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be said yet, because of the judge's own trouble; look again at ``until`` (unix seconds)."""

    until: int
    why: str


Verdict = Accept | Void | Dispute | Demand | Wait


def judge(
    leaf: Leaf | None, anchor: int, known_by: int, terms: Terms, node: NodeRecord | None, domain: Domain
) -> Accept | Void | Dispute:
    """The verdict on one leaf.

    ``anchor`` and ``known_by`` are when its batch was posted and when its tile ends, ``terms`` those of the
    epoch at anchor, ``node`` the registry's record of the receipt's node, ``domain`` that of the registry.
    """
    if leaf is None:
        return Void(VoidReason.NONE)
    receipt = leaf.receipt
    if not is_timely(receipt.issued_at, anchor, terms):
        return Void(VoidReason.UNTIMELY)
    if node is None or not node.was_live(anchor, known_by):
        return Void(VoidReason.NOT_ENTITLED)
    if not verify_leaf(leaf, node.public_key, domain):
        return Dispute(FaultKind.BAD_SIGNATURE, node.public_key)
    return Accept()


def judge_posted(
    leaf: Leaf | None, header: Header, terms: Terms, node: NodeRecord | None, domain: Domain
) -> Accept | Void | Dispute:
    """The verdict on a leaf of a batch posted with ``header``."""
    return judge(leaf, header.anchor, header.window_end, terms, node, domain)
