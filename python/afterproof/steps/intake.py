"""Intake: check receipts, give each its place on the lane, and have all of them on disk before any is answered.

Requests that come in together are judged together and are one commit. On a lane with ``ahead`` each receipt is promised
its place by a time: one signature for all of a request that name the same beneficiary, made in the commit that stores
the receipts, and so answered once it is on disk. A lane whose ``ahead`` is 0 promises nothing: its receipts are taken
without a promise, or, by ``relayer.require_promises``, not at all.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ..protocol.admission import Refused as Refused
from ..protocol.errors import InvalidField
from ..protocol.merkle import BatchTree
from ..protocol.promise import NOBODY, HeldPromise, SignedPromise, held_over, promise_over
from ..protocol.receipt import SignedReceipt
from ..store.receipts import StoredReceipt
from ..telemetry.relaying import Intake
from .context import Context, Roll
from .ground import Full as Full
from .ground import Ground, admission_on, beyond, ground_of
from .ground import Unready as Unready

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody hands in at once; what of it could not be parsed is its :class:`InvalidField`.

    ``beneficiaries``, in the same order, are who is paid for a broken promise; without them nobody. ``urgent``: the
    batch that holds it is to be closed at once.
    """

    items: Sequence[SignedReceipt | InvalidField]
    beneficiaries: Sequence[bytes] = ()
    urgent: bool = False


class Accepted(NamedTuple):
    """A receipt has its place and is on disk. ``repeated``: it was there before; this is its first answer again."""

    stored: StoredReceipt
    repeated: bool = False
    promise: HeldPromise | None = None


Answer = Accepted | Refused | Unready | Full
Party = tuple[int, bytes]
"""Who gets one promise: a request, and a beneficiary that it names."""


class Offer(NamedTuple):
    """A receipt that is to be stored, and where its answer belongs."""

    signed: SignedReceipt
    party: Party
    place: int


def intake(
    context: Context, items: Sequence[SignedReceipt | InvalidField], beneficiaries: Sequence[bytes] = ()
) -> list[Answer]:
    """An answer for each item of one request, in order: :func:`intake_together`."""
    return intake_together(context, [Request(items, beneficiaries)])[0]


def intake_together(context: Context, requests: Sequence[Request]) -> list[list[Answer]]:
    """An answer for each item of each request, in order.

    Everything is checked before anything is stored, and all that is accepted is one commit, sequence numbers and
    promises included. A receipt that is there already, or that comes a second time, gets its first answer, whatever
    signature it comes with now.

    Raises:
        StoreUnavailable: the database cannot; nothing was accepted.
    """
    store = context.store
    cursor = store.chain.cursor()
    roll = context.rolls.at(cursor)
    chain_now = max(context.now, cursor.timestamp if cursor is not None else 0)
    ground = ground_of(context, roll, chain_now)
    group = _Group(context, ground, requests)
    if isinstance(ground, Ground):
        refusal = admission_on(context, ground, roll, chain_now).refusal
        oldest = ground.oldest(ground.margin)
    for number, request in enumerate(requests):
        answers = group.answers[number]
        for index, item in enumerate(request.items):
            if isinstance(item, InvalidField):
                answers[index] = Refused(item.field, item.rule, by_rule=False)
            elif group.holds(item):
                continue
            elif isinstance(ground, Unready):
                answers[index] = ground
            elif (why := refusal(item)) is not None:
                answers[index] = why
            elif item.receipt.issued_at < oldest:
                answers[index] = ground.too_slow()
            else:
                group.offer(item, number, index)
    context.rolls.check(roll, store.chain.cursor() if roll.has_grown else cursor)
    found = group.placed()
    for answers_of_one in found:
        _count(context.metrics.intake, answers_of_one)
    for count in group.promised:
        context.metrics.intake.promise(count)
    return found


def _count(figures: Intake, answers: Sequence[Answer]) -> None:
    """Count what came of a request: what was taken by scheme at once, what was not one by one."""
    new = Counter(one.stored.scheme for one in answers if type(one) is Accepted and not one.repeated)
    figures.accept(new)
    if sum(new.values()) == len(answers):
        return
    for answer in answers:
        if isinstance(answer, Refused):
            figures.refuse(answer.field, answer.by_rule)
        elif isinstance(answer, Accepted):
            figures.repeated.inc(answer.repeated)
        else:
            figures.put_off("full" if isinstance(answer, Full) else "unready")


def why_unready(context: Context) -> str:
    """Why no receipt is taken now, as a sentence; empty: they are."""
    ground = ground_of(context, Roll(), context.chain_now)
    return ground.why if isinstance(ground, Unready) else ""


class _Group:
    """Requests on their way into the store, and the answers to them as far as they are known."""

    def __init__(self, context: Context, ground: Ground | Unready, requests: Sequence[Request]) -> None:
        self._context = context
        self._ground = ground
        self._requests = requests
        self._given = context.store.receipts.given()
        self._known = context.store.receipts.find_all(
            item.receipt for request in requests for item in request.items if isinstance(item, SignedReceipt)
        )
        self._offers: dict[bytes, Offer] = {}
        self._opened = lru_cache(context.store.promises.opened)
        self.promised: list[int] = []
        self.answers: list[list[Answer | None]] = [[None] * len(request.items) for request in requests]

    def holds(self, item: SignedReceipt) -> bool:
        """Whether a receipt is stored, or about to be."""
        name = item.receipt.hash
        return name in self._known or name in self._offers

    def offer(self, item: SignedReceipt, number: int, index: int) -> None:
        """Have item ``index`` of request ``number`` stored."""
        beneficiaries = self._requests[number].beneficiaries
        beneficiary = beneficiaries[index] if beneficiaries else NOBODY
        self._offers[item.receipt.hash] = Offer(item, (number, beneficiary), index)

    def placed(self) -> list[list[Answer]]:
        """Store what was offered, with its promises, in one commit; every item's answer.

        What another process stored meanwhile keeps the place and the promise that it got there.
        """
        store = self._context.store
        if not self._offers and not any(request.urgent for request in self._requests):
            return self._complete()
        with store.transaction():
            if store.receipts.given() != self._given:
                self._known |= store.receipts.find_all(one.signed.receipt for one in self._offers.values())
            self._store([one for name, one in self._offers.items() if name not in self._known])
            answers = self._complete()
            for request, found in zip(self._requests, answers, strict=True):
                for answer in found if request.urgent else ():
                    if isinstance(answer, Accepted):
                        store.urgent.add(answer.stored.lane, answer.stored.seq)
        log.debug("%d requests, %d new receipts", len(self._requests), len(self._offers))
        return answers

    def _complete(self) -> list[list[Answer]]:
        """All answers; where there is none yet, a receipt repeats another."""
        return [
            [answer or self._repeated(item) for item, answer in zip(request.items, answers, strict=True)]
            for request, answers in zip(self._requests, self.answers, strict=True)
        ]

    def _repeated(self, item: SignedReceipt | InvalidField) -> Answer:
        """The first answer again."""
        assert isinstance(item, SignedReceipt)
        name = item.receipt.hash
        stored = self._known.get(name)
        if stored is None:
            offer = self._offers[name]
            first = self.answers[offer.party[0]][offer.place]
            assert first is not None
            return first._replace(repeated=True) if isinstance(first, Accepted) else first
        signed = self._context.store.promises.holding(stored.lane, stored.seq)
        promise = self._opened(signed)[stored.seq - signed.promise.first_seq] if signed is not None else None
        return Accepted(stored, repeated=True, promise=promise)

    def _store(self, offers: Sequence[Offer]) -> None:
        """Give receipts consecutive numbers as far as the lane may, and each party one promise where it promises."""
        context, ground = self._context, self._ground
        if not offers or not isinstance(ground, Ground):
            return
        store, authority, lane = context.store, ground.authority, context.lane
        room = len(offers)
        if authority.ahead:
            room = max(0, min(authority.limit, authority.signed_until) - store.receipts.next_seq(lane))
        for offer in offers[room:]:
            self.answers[offer.party[0]][offer.place] = beyond(context, authority)
        parties: dict[Party, list[Offer]] = {}
        for offer in offers[:room]:
            parties.setdefault(offer.party, []).append(offer)
        leaves = [(signed.leaf, signed.scheme) for group in parties.values() for signed, _, _ in group]
        stored = store.receipts.add(lane, leaves, context.now) if leaves else []
        promises = []
        start = 0
        for (number, beneficiary), group in parties.items():
            mine = stored[start : start + len(group)]
            start += len(group)
            held: Sequence[HeldPromise | None] = [None] * len(group)
            if promised := _promised(context, ground, mine, beneficiary):
                promises.append(promised[0].signed)
                held = promised
            answers = self.answers[number]
            for offer, one, promise in zip(group, mine, held, strict=True):
                answers[offer.place] = Accepted(one, False, promise)
        store.promises.add_all(promises)
        self.promised = [signed.promise.count for signed in promises]


def _promised(
    context: Context, ground: Ground, stored: Sequence[StoredReceipt], beneficiary: bytes
) -> list[HeldPromise]:
    """One promise of consecutive receipts, opened at each; none where the lane promises nothing."""
    terms, authority, promiser = ground.terms, ground.authority, context.promiser
    if promiser is None or not authority.ahead:
        return []
    oldest = min(one.leaf.receipt.issued_at for one in stored)
    due = min(context.now + terms.max_promise_delay, oldest + terms.max_posting_delay - terms.margin)
    if authority.last_due is not None:
        due = min(due, authority.last_due)
    tree = BatchTree([one.leaf.hash for one in stored])
    promise = promise_over(tree, context.lane, stored[0].seq, due, beneficiary)
    signed = SignedPromise(promise, promiser.sign_hash(promise.digest(context.promise_domain)))
    return held_over(tree, signed)
