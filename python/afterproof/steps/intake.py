"""Intake: check receipts, give each its place on the lane, and have all of them on disk before any is answered."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..protocol.errors import InvalidField
from ..protocol.judge import Dispute, Void, judge
from ..protocol.receipt import ZERO, SignedReceipt
from ..protocol.registry import NodeRecord
from ..protocol.signing import node_of, scheme_of
from ..protocol.state import VoidReason
from ..protocol.terms import Terms
from ..store.receipts import StoredReceipt
from .context import STALE, Context

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A receipt has its place and is on disk. ``repeated``: it was there before; this is its first answer again."""

    stored: StoredReceipt
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A receipt is not of the form, or (``by_rule``) breaks a rule of the protocol; nothing of it was stored."""

    field: str
    rule: str
    by_rule: bool = True


@dataclass(frozen=True, slots=True)
class Unready:
    """This relayer cannot judge now; the same receipt may be welcome later."""

    why: str


Answer = Accepted | Refused | Unready
Nodes = Callable[[bytes], NodeRecord | None]


def intake(context: Context, items: Sequence[SignedReceipt | InvalidField]) -> list[Answer]:
    """An answer for each of ``items``, in order; what could not be parsed comes as its :class:`InvalidField`.

    Everything is checked before anything is stored, and all that is accepted is one commit, sequence numbers
    included. A receipt that is there already gets its first answer, whatever signature it comes with now.

    Raises:
        StoreUnavailable: the database cannot; nothing was accepted.
    """
    terms = _terms(context)
    nodes = lru_cache(context.store.registry.node)
    answers = [_at_once(context, item, terms, nodes) for item in items]
    new: dict[bytes, SignedReceipt] = {}
    for item, answer in zip(items, answers, strict=True):
        if answer is None and isinstance(item, SignedReceipt):
            new.setdefault(item.receipt.hash, item)
    placed = _place(context, list(new.values())) if new else {}
    for index, item in enumerate(items):
        if answers[index] is None and isinstance(item, SignedReceipt):
            answers[index] = placed[item.receipt.hash]
            # The same receipt twice in one list: the second is a repetition of the first.
            placed[item.receipt.hash] = Accepted(placed[item.receipt.hash].stored, repeated=True)
    return [answer for answer in answers if answer is not None]


def _terms(context: Context) -> Terms | Unready:
    """The terms that hold now, if this relayer knows the chain well enough to judge by it."""
    if not context.pulse.is_fresh(context.clock()):
        return Unready(f"the relayer has not been able to follow the chain for the last {STALE:g} seconds")
    epoch = context.store.registry.epoch_at(_chain_now(context))
    return epoch.terms if epoch is not None else Unready("no epoch is known yet")


def _chain_now(context: Context) -> int:
    """About now, by the later of the clock and the chain: a node that registered just now has started."""
    cursor = context.store.chain.cursor()
    return max(context.now, cursor.timestamp if cursor is not None else 0)


def _at_once(
    context: Context, item: SignedReceipt | InvalidField, terms: Terms | Unready, nodes: Nodes
) -> Answer | None:
    """The answer to what is not to be stored; None: it is."""
    if isinstance(item, InvalidField):
        return Refused(item.field, item.rule, by_rule=False)
    stored = context.store.receipts.find(item.receipt)
    if stored is not None:
        return Accepted(stored, repeated=True)
    return terms if isinstance(terms, Unready) else _refusal(context, item, terms, nodes)


def _refusal(context: Context, signed: SignedReceipt, terms: Terms, nodes: Nodes) -> Refused | None:
    """The first rule that a receipt breaks: what the judge of posted leaves asks, and what only intake can."""
    receipt, now = signed.receipt, context.now
    oldest = now - terms.max_posting_delay + terms.margin
    if receipt.issued_at < oldest:
        return Refused(
            "receipt.issuedAt", f"is too long ago: the oldest that can be posted in time is {oldest}"
        )
    if receipt.issued_at > now + terms.max_clock_skew:
        return Refused("receipt.issuedAt", f"is in the future: it is {now} now")
    scheme = scheme_of(signed.public_key)
    if scheme is None:
        return Refused("publicKey", "is of no known signature scheme")
    if scheme is not signed.scheme:
        return Refused("scheme", f"must be {scheme}, which is what publicKey is for")
    if node_of(signed.public_key) != receipt.node:
        return Refused("publicKey", "does not hash to receipt.node")
    for name in ("model", "evidence"):
        if getattr(receipt, name) != ZERO:
            return Refused(f"receipt.{name}", "must be zero: no model has a manifest yet")
    node = nodes(receipt.node)
    if node is None:
        return Refused("receipt.node", "is not registered")
    anchor = _chain_now(context)
    verdict = judge(signed.leaf, anchor, anchor, terms, node, context.domain)
    if isinstance(verdict, Dispute):
        return Refused("signature", "does not verify under publicKey")
    if isinstance(verdict, Void):
        if verdict.rule is VoidReason.NOT_ENTITLED:
            return Refused("receipt.node", "is not live now: its registration has ended or not yet begun")
        return Refused("receipt.issuedAt", "is not timely by the chain's clock")
    return None


def _place(context: Context, new: Sequence[SignedReceipt]) -> dict[bytes, Accepted]:
    """Store receipts in one commit; by receipt hash. One that came in meanwhile keeps the place it got."""
    store = context.store
    placed: dict[bytes, Accepted] = {}
    with store.transaction():
        rest = []
        for signed in new:
            stored = store.receipts.find(signed.receipt)
            if stored is None:
                rest.append((signed.leaf, signed.scheme))
            else:
                placed[signed.receipt.hash] = Accepted(stored, repeated=True)
        for stored in store.receipts.add(context.lane, rest, context.now):
            placed[stored.leaf.receipt.hash] = Accepted(stored)
    log.debug("accepted %d receipts", len(rest))
    return placed
