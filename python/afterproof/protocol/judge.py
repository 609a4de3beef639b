"""The one judge: what a leaf of a posted batch is, for verifier and relayer alike.

A verdict is a value. ``Void`` never stops a promised receipt from being posted; ``Wait`` is never a dispute.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .attestations import NodeRecord
from .batching import is_timely
from .errors import InvalidField
from .header import Header
from .receipt import Domain, Leaf
from .signing import NodeKey, key_of, verify_by
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


_ACCEPT: Final = Accept()
Verdict = Accept | Void | Dispute | Demand | Wait


class Judge:
    """The judge of leaves that share an anchor: what holds for a node is asked once, for all of its leaves.

    ``anchor`` and ``known_by`` are when their batch was posted and when their tile ends, ``terms`` those of the epoch
    at anchor, ``nodes`` the registry's record of a node by its name, ``domain`` that of the registry.
    """

    def __init__(
        self,
        anchor: int,
        known_by: int,
        terms: Terms,
        nodes: Callable[[bytes], NodeRecord | None],
        domain: Domain,
    ) -> None:
        self._anchor = anchor
        self._known_by = known_by
        self._terms = terms
        self._nodes = nodes
        self._domain = domain
        self._keys: dict[bytes, NodeKey | None] = {}

    def verdict(self, leaf: Leaf | None) -> Accept | Void | Dispute:
        """The verdict on one leaf."""
        if leaf is None:
            return Void(VoidReason.NONE)
        receipt = leaf.receipt
        if not is_timely(receipt.issued_at, self._anchor, self._terms):
            return Void(VoidReason.UNTIMELY)
        name = receipt.node
        key = self._keys[name] if name in self._keys else self._entitled_key(name)
        if key is None:
            return Void(VoidReason.NOT_ENTITLED)
        if not verify_by(key, leaf, self._domain):
            return Dispute(FaultKind.BAD_SIGNATURE, key.public_key)
        return _ACCEPT

    def _entitled_key(self, name: bytes) -> NodeKey | None:
        """The key of a node that was live, or None."""
        key = None
        node = self._nodes(name)
        if node is not None and node.was_live(self._anchor, self._known_by):
            key = key_of(node.public_key)
            if key is None or key.node != name:
                raise InvalidField("publicKey", "is none that hashes to receipt.node")
        self._keys[name] = key
        return key


def judge(
    leaf: Leaf | None, anchor: int, known_by: int, terms: Terms, node: NodeRecord | None, domain: Domain
) -> Accept | Void | Dispute:
    """The verdict on one leaf; ``node`` is the registry's record of its receipt's node."""
    return Judge(anchor, known_by, terms, lambda _: node, domain).verdict(leaf)


def judge_posted(
    leaf: Leaf | None, header: Header, end: int, terms: Terms, node: NodeRecord | None, domain: Domain
) -> Accept | Void | Dispute:
    """The verdict on a leaf of a batch posted with ``header``, whose tile ends at ``end``."""
    return judge(leaf, header.anchor, end, terms, node, domain)


def judge_range(leaf: Leaf | None, header: Header, terms: Terms) -> Dispute | None:
    """The fault that a batch declares a range without this timely leaf, or None. It is beside the leaf's verdict."""
    if leaf is None or header.oldest <= leaf.receipt.issued_at <= header.newest:
        return None
    is_misdeclared = is_timely(leaf.receipt.issued_at, header.anchor, terms)
    return Dispute(FaultKind.MISDECLARED_RANGE, b"") if is_misdeclared else None
