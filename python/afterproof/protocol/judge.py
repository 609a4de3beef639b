"""The one judge: what a leaf of a posted batch is, for verifier and relayer alike.

A verdict is a value. ``Void`` never stops a promised receipt from being posted; ``Wait`` is never a dispute.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .attestations import NodeRecord
from .batching import is_timely
from .columns import Columns
from .errors import InvalidField
from .header import Header
from .receipt import Domain, Leaf
from .signing import NodeKey, all_signed, key_of, verify_by, words_verifier
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
_EMPTY: Final = Void(VoidReason.NONE)
_UNTIMELY: Final = Void(VoidReason.UNTIMELY)
_NOT_ENTITLED: Final = Void(VoidReason.NOT_ENTITLED)
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
        self._signers: dict[bytes, Callable[[bytes, bytes], bool] | None] = {}

    def verdict(self, leaf: Leaf | None) -> Accept | Void | Dispute:
        """The verdict on one leaf."""
        if leaf is None:
            return _EMPTY
        receipt = leaf.receipt
        if not is_timely(receipt.issued_at, self._anchor, self._terms):
            return _UNTIMELY
        name = receipt.node
        key = self._keys[name] if name in self._keys else self._entitled_key(name)
        if key is None:
            return _NOT_ENTITLED
        if not verify_by(key, leaf, self._domain):
            return self._bad_signature(name)
        return _ACCEPT

    def look(self, columns: Columns) -> tuple[dict[int, Void | Dispute], dict[int, int]]:
        """What :meth:`verdict` says of each leaf in columns, by its place, where that is not Accept; and by place too
        when those were issued that are timely.

        For whoever judges all that anybody posts: no object is made for a leaf that nothing is wrong with.
        """
        earliest = self._anchor - self._terms.max_posting_delay
        latest = self._anchor + self._terms.max_clock_skew
        times = [-1 if words is None else int.from_bytes(words[160:]) for words in columns.words]
        timely = {place: at for place, at in enumerate(times) if at >= 0 and earliest <= at <= latest}
        found: dict[int, Void | Dispute] = {}
        if len(timely) == len(times) and self._are_all_signed(columns):
            return found, timely
        if len(timely) < len(times):
            late = (place for place in range(len(times)) if place not in timely)
            found = {place: _EMPTY if times[place] < 0 else _UNTIMELY for place in late}
        words_of, signatures, signers = columns.words, columns.signatures, self._signers
        for place in timely:
            words: bytes = words_of[place]  # type: ignore[assignment]
            name = words[:32]
            signed = signers[name] if name in signers else self._signer(name)
            if signed is None:
                found[place] = _NOT_ENTITLED
            elif not signed(words, signatures[place]):
                found[place] = self._bad_signature(name)
        return found, timely

    def _are_all_signed(self, columns: Columns) -> bool:
        """Whether leaves, none of them empty, are seen at once to be one live node's; False says nothing of any."""
        name, *others = columns.nodes
        key = self._keys[name] if name in self._keys else self._entitled_key(name)
        return not others and key is not None and all_signed(key, columns.words, columns.signatures)  # type: ignore[arg-type]

    def _signer(self, name: bytes) -> Callable[[bytes, bytes], bool] | None:
        """What tells whether a node that was live signed words; None: it was not live."""
        key = self._keys[name] if name in self._keys else self._entitled_key(name)
        signer = self._signers[name] = None if key is None else words_verifier(key, self._domain)
        return signer

    def _bad_signature(self, name: bytes) -> Dispute:
        key = self._keys[name]
        assert key is not None
        return Dispute(FaultKind.BAD_SIGNATURE, key.public_key)

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
