"""Intake: check receipts, give each its place on the lane, and have all of them on disk before any is answered.

On a lane with ``ahead`` each is promised its place by a time: one signature for all of a request that name the same
beneficiary, made in the commit that stores the receipts, and so answered once it is on disk. A lane whose ``ahead`` is
0 promises nothing: its receipts are taken without a promise, or, by ``relayer.require_promises``, not at all.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil

from ..protocol.errors import InvalidField
from ..protocol.judge import Dispute, Void, judge
from ..protocol.promise import NOBODY, HeldPromise, SignedPromise, held_promises, promise_of
from ..protocol.receipt import ZERO, SignedReceipt
from ..protocol.registry import NodeRecord
from ..protocol.signing import node_of, scheme_of
from ..protocol.state import VoidReason
from ..protocol.terms import Terms
from ..store.receipts import StoredReceipt
from .context import STALE, Authority, Context

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A receipt has its place and is on disk. ``repeated``: it was there before; this is its first answer again."""

    stored: StoredReceipt
    repeated: bool = False
    promise: HeldPromise | None = None


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


@dataclass(frozen=True, slots=True)
class Full:
    """The lane may promise no more numbers until its next batch is posted."""

    why: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What one request is judged and promised by: the terms that hold, and what the lane may promise."""

    terms: Terms
    authority: Authority


Answer = Accepted | Refused | Unready | Full
Nodes = Callable[[bytes], NodeRecord | None]
Openings = Callable[[SignedPromise], list[HeldPromise]]
Offer = tuple[SignedReceipt, bytes]
"""A receipt and the beneficiary of its promise."""


def intake(
    context: Context, items: Sequence[SignedReceipt | InvalidField], beneficiaries: Sequence[bytes] = ()
) -> list[Answer]:
    """An answer for each of ``items``, in order; what could not be parsed comes as its :class:`InvalidField`.

    Everything is checked before anything is stored, and all that is accepted is one commit, sequence numbers and
    promises included. A receipt that is there already gets its first answer, whatever signature it comes with now.
    ``beneficiaries``, in the same order, are who is paid for a broken promise; without them nobody.

    Raises:
        StoreUnavailable: the database cannot; nothing was accepted.
    """
    ground = _ground(context)
    nodes = lru_cache(context.store.registry.node)
    openings = lru_cache(context.store.promises.opened)
    answers = [_at_once(context, item, ground, nodes, openings) for item in items]
    new: dict[bytes, Offer] = {}
    for index, item in enumerate(items):
        if answers[index] is None and isinstance(item, SignedReceipt):
            new.setdefault(item.receipt.hash, (item, beneficiaries[index] if beneficiaries else NOBODY))
    placed = _place(context, new, ground, openings) if new and isinstance(ground, Ground) else {}
    for index, item in enumerate(items):
        if answers[index] is None and isinstance(item, SignedReceipt):
            answer = answers[index] = placed[item.receipt.hash]
            if isinstance(answer, Accepted):
                # The same receipt twice in one list: the second is a repetition of the first.
                placed[item.receipt.hash] = replace(answer, repeated=True)
    return [answer for answer in answers if answer is not None]


def _ground(context: Context) -> Ground | Unready:
    """The terms that hold now, if this relayer knows chain and lane well enough to judge, and to promise, by them."""
    if not context.pulse.is_fresh(context.clock()):
        return Unready(f"the relayer has not been able to follow the chain for the last {STALE:g} seconds")
    epoch = context.store.registry.epoch_at(context.chain_now)
    if epoch is None:
        return Unready("no epoch is known yet")
    settings = context.config.relayer
    authority = context.authority
    if authority.obstacle:
        return Unready(authority.obstacle)
    if not authority.ahead:
        if settings.require_promises:
            return Unready(f"lane {context.lane} promises nothing now: its ahead is 0")
        return Ground(epoch.terms, authority)
    if settings.promise_margin >= epoch.terms.max_promise_delay:
        return Unready(
            f"relayer.promise_margin, {settings.promise_margin:g} seconds, leaves nothing of the "
            f"{epoch.terms.max_promise_delay} seconds that a promise may last"
        )
    if authority.last_due is not None and context.chain_now + settings.promise_margin > authority.last_due:
        return Unready(f"lane {context.lane} is leaving: it takes no more receipts")
    return Ground(epoch.terms, authority)


def _at_once(
    context: Context,
    item: SignedReceipt | InvalidField,
    ground: Ground | Unready,
    nodes: Nodes,
    openings: Openings,
) -> Answer | None:
    """The answer to what is not to be stored; None: it is."""
    if isinstance(item, InvalidField):
        return Refused(item.field, item.rule, by_rule=False)
    stored = context.store.receipts.find(item.receipt)
    if stored is not None:
        return _repeated(context, stored, openings)
    return ground if isinstance(ground, Unready) else _refusal(context, item, ground, nodes)


def _refusal(context: Context, signed: SignedReceipt, ground: Ground, nodes: Nodes) -> Refused | None:
    """The first rule that a receipt breaks: what the judge of posted leaves asks, and what only intake can."""
    receipt, now, terms = signed.receipt, context.now, ground.terms
    oldest = now - terms.max_posting_delay + terms.margin
    if ground.authority.ahead:  # what is promised must be posted even after that long
        oldest += ceil(context.config.relayer.promise_margin)
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
    anchor = context.chain_now
    verdict = judge(signed.leaf, anchor, anchor, terms, node, context.domain)
    if isinstance(verdict, Dispute):
        return Refused("signature", "does not verify under publicKey")
    if isinstance(verdict, Void):
        if verdict.rule is VoidReason.NOT_ENTITLED:
            return Refused("receipt.node", "is not live now: its registration has ended or not yet begun")
        return Refused("receipt.issuedAt", "is not timely by the chain's clock")
    return None


def _place(
    context: Context, offers: Mapping[bytes, Offer], ground: Ground, openings: Openings
) -> dict[bytes, Answer]:
    """Store receipts and their promises in one commit; by receipt hash.

    One that came in meanwhile keeps the place and promise that it got.
    """
    store, authority = context.store, ground.authority
    answers: dict[bytes, Answer] = {}
    groups: dict[bytes, list[SignedReceipt]] = {}
    with store.transaction():
        next_seq = store.receipts.next_seq(context.lane)
        end = min(authority.limit, authority.signed_until)
        for name, (signed, beneficiary) in offers.items():
            stored = store.receipts.find(signed.receipt)
            if stored is not None:
                answers[name] = _repeated(context, stored, openings)
            elif not authority.ahead or next_seq < end:
                groups.setdefault(beneficiary, []).append(signed)
                next_seq += 1
            else:
                answers[name] = _beyond(context, authority)
        for beneficiary, group in groups.items():
            for stored, promise in _stored(context, group, beneficiary, ground):
                answers[stored.leaf.receipt.hash] = Accepted(stored, promise=promise)
    log.debug("accepted %d receipts", sum(map(len, groups.values())))
    return answers


def _stored(
    context: Context, group: Sequence[SignedReceipt], beneficiary: bytes, ground: Ground
) -> list[tuple[StoredReceipt, HeldPromise | None]]:
    """Give receipts consecutive numbers, and all of them one promise where the lane promises."""
    leaves = [(signed.leaf, signed.scheme) for signed in group]
    stored = context.store.receipts.add(context.lane, leaves, context.now)
    terms, authority, promiser = ground.terms, ground.authority, context.promiser
    if promiser is None or not authority.ahead:
        return [(one, None) for one in stored]
    oldest = min(signed.receipt.issued_at for signed in group)
    due = min(context.now + terms.max_promise_delay, oldest + terms.max_posting_delay - terms.margin)
    if authority.last_due is not None:
        due = min(due, authority.last_due)
    hashes = [one.leaf.hash for one in stored]
    promise = promise_of(context.lane, stored[0].seq, hashes, due, beneficiary)
    signed_promise = SignedPromise(promise, promiser.sign_hash(promise.digest(context.promise_domain)))
    context.store.promises.add(signed_promise)
    return list(zip(stored, held_promises(signed_promise, hashes), strict=True))


def _beyond(context: Context, authority: Authority) -> Answer:
    """Why the next number cannot be promised."""
    if authority.signed_until < authority.limit:
        return Unready(
            f"promises of lane {context.lane} from number {authority.signed_until} on are another key's: "
            "start the relayer with that one"
        )
    return Full(
        f"has promised all numbers below {authority.limit} that it may before it has posted more receipts"
    )


def _repeated(context: Context, stored: StoredReceipt, openings: Openings) -> Accepted:
    """The first answer again."""
    signed = context.store.promises.holding(stored.lane, stored.seq)
    promise = None
    if signed is not None:
        promise = openings(signed)[stored.seq - signed.promise.first_seq]
    return Accepted(stored, repeated=True, promise=promise)
