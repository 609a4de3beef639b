"""Giving receipts their places: what one commit of intake stores and promises, and the answers that come of it.

No step itself. Receipts that were handed in together stand side by side, request behind request; ``places`` are theirs
among them.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from ..protocol.admission import Refused
from ..protocol.arrays import Handed, Leaves, leaf_hashes_of, receipt_hashes
from ..protocol.merkle import BatchTree
from ..protocol.promise import NOBODY, SignedPromise, promise_over
from ..store.names import Name
from ..store.receipts import NOTHING, AlreadyNamed, StoredReceipt
from .context import Context
from .ground import Ground, Unready, beyond
from .handing import Accepted, Answer, Answers, Placed, Request, Taken

Party = tuple[bytes, Sequence[int]]
"""The places of what one promise is about, and its beneficiary."""


class Group:
    """Requests on their way into the store, and the answers to them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._requests: list[Request] = []
        self._spans: list[tuple[int, int]] = []
        self._parts: list[Handed] = []
        self.hashes: list[bytes] = []
        """The receipt hash of each."""
        self._known: dict[bytes, StoredReceipt] = {}
        self._again: list[Placed] = []
        self._placed: list[tuple[Sequence[int], Placed]] = []

    @property
    def placed(self) -> list[Placed]:
        """What was stored, a promise for each."""
        return [placed for _, placed in self._placed]

    @cached_property
    def handed(self) -> Handed:
        """All receipts; there are to be no more then."""
        return Handed.joined(self._parts)

    def add(self, requests: Sequence[Request]) -> tuple[Handed, list[bytes]]:
        """Some requests more; their receipts, and the hashes of these."""
        start = len(self.hashes)
        for request in requests:
            end = start + len(request.handed.words)
            self._spans.append((start, end))
            start = end
        handed = Handed.joined([request.handed for request in requests])
        hashes = receipt_hashes(handed.words)
        self._requests += requests
        self._parts.append(handed)
        self.hashes += hashes
        return handed, hashes

    def take(self, ground: Ground | Unready, refused: Mapping[int, Answer]) -> list[Answers]:
        """Store all but what is ``refused``, with its promises, in one commit; every receipt's answer.

        What is stored already, or comes twice, keeps the place and the promise that it got first, refused or not.
        """
        store = self._context.store
        if refused:
            self._look_up(list(refused))
        offered = self._offered(refused)
        if not offered and not any(request.urgent for request in self._requests):
            return self._answers(refused)
        try:
            with store.transaction():
                return self._stored(ground, refused, offered)
        except AlreadyNamed:  # it is seldom that any is there: nobody looks before
            with store.transaction():
                return self._stored(ground, refused, offered, look=True)

    def _look_up(self, places: Sequence[int]) -> Mapping[Name, int]:
        """Learn which receipts are stored; the names that are taken."""
        times, hashes = [self.handed.times[i] for i in places], [self.hashes[i] for i in places]
        known, taken = self._context.store.receipts.find_all(times, hashes)
        self._known |= known
        return taken

    def _offered(self, refused: Mapping[int, Answer]) -> Sequence[int]:
        """What is to be stored: neither refused nor known, and where it comes twice the first."""
        if not refused and len(set(self.hashes)) == len(self.hashes):
            return range(len(self.hashes))
        first: dict[bytes, int] = {}
        for place, name in enumerate(self.hashes):
            if place not in refused and name not in self._known:
                first.setdefault(name, place)
        return list(first.values())

    def _stored(
        self,
        ground: Ground | Unready,
        refused: Mapping[int, Answer],
        offered: Sequence[int],
        look: bool = False,
    ) -> list[Answers]:
        """Store what is offered; all answers. ``look``: some may be stored already. Belongs in a transaction."""
        left_over = self._place(ground, offered, look) if isinstance(ground, Ground) else {}
        answers = self._answers({**refused, **left_over})
        for request, found in zip(self._requests, answers, strict=True):
            for answer in found if request.urgent else ():
                if isinstance(answer, Accepted):
                    self._context.store.urgent.add(answer.placed.lane, answer.placed.first_seq + answer.at)
        return answers

    def _place(self, ground: Ground, offered: Sequence[int], look: bool) -> Mapping[int, Answer]:
        """Give receipts consecutive numbers, and each party one promise where the lane promises.

        What comes of those beyond what it may promise.
        """
        context, authority, store = self._context, ground.authority, self._context.store
        room = len(offered)
        if authority.ahead:
            room = max(
                0, min(authority.limit, authority.signed_until) - store.receipts.next_seq(context.lane)
            )
        taken: Mapping[Name, int] = NOTHING
        if look or room < len(offered):
            taken = self._look_up(offered)
            offered = [place for place in offered if self.hashes[place] not in self._known]
        parties = list(self._parties(offered[:room]))
        if parties:
            leaves, now = self._leaves([place for _, places in parties for place in places]), context.now
            first_seq = store.receipts.add_all(context.lane, leaves, now, taken)
            start = 0
            for beneficiary, places in parties:
                end = start + len(places)
                placed = Placed(context.lane, first_seq + start, now, leaves.part(start, end))
                self._placed.append((places, _promised(context, ground, placed, beneficiary)))
                start = end
            store.promises.add_all([one.signed for one in self.placed if one.signed is not None])
        return dict.fromkeys(offered[room:], beyond(context, authority)) if room < len(offered) else {}

    def _parties(self, offered: Sequence[int]) -> Iterator[Party]:
        """Who gets promises of what is offered: each request, and each beneficiary that it names."""
        for request, (start, end) in zip(self._requests, self._spans, strict=True):
            mine = offered[bisect_left(offered, start) : bisect_left(offered, end)]
            if not request.beneficiaries:
                if mine:
                    yield NOBODY, mine
                continue
            parties: dict[bytes, list[int]] = {}
            for place in mine:
                parties.setdefault(request.beneficiaries[place - start], []).append(place)
            yield from parties.items()

    def _leaves(self, places: Sequence[int]) -> Leaves:
        """The leaves at some places, in that order."""
        words, times, signatures, schemes, _ = self.handed
        leaf_hashes = leaf_hashes_of(words, signatures)
        leaves = Leaves(words, times, signatures, schemes, self.hashes, leaf_hashes)
        return leaves if places == list(range(len(words))) else leaves.at(places)

    def _answers(self, refused: Mapping[int, Answer]) -> list[Answers]:
        """The answers to every request, in order."""
        whole = {places[0]: placed for places, placed in self._placed}
        answers: list[Answers] = []
        for request, (start, end) in zip(self._requests, self._spans, strict=True):
            placed = whole.get(start)
            if placed is not None and placed.count == end - start and not request.errors:
                answers.append(Taken(placed))
                continue
            found = [self._answer(place, refused) for place in range(start, end)]
            for place, error in sorted(request.errors.items()):
                found.insert(place, Refused(error.field, error.rule, by_rule=False))
            answers.append(found)
        return answers

    def _answer(self, place: int, refused: Mapping[int, Answer]) -> Answer:
        """The answer to one receipt: the first again, to what is stored already, or is stored now."""
        name = self.hashes[place]
        if name in self._known:
            return self._repeated(self._known[name])
        first = self._first.get(name)
        if first is not None:
            at, accepted = first
            return accepted if at == place else accepted._replace(repeated=True)
        return refused[place]

    @cached_property
    def _first(self) -> dict[bytes, tuple[int, Accepted]]:
        """What is stored now, by receipt hash: each with its place."""
        return {
            self.hashes[place]: (place, Accepted(placed, at))
            for places, placed in self._placed
            for at, place in enumerate(places)
        }

    def _repeated(self, stored: StoredReceipt) -> Accepted:
        """The answer that a stored receipt got."""
        for placed in self._again:
            if placed.lane == stored.lane and 0 <= stored.seq - placed.first_seq < placed.count:
                break
        else:
            placed = self._found(stored)
            self._again.append(placed)
        return Accepted(placed, stored.seq - placed.first_seq, True, stored.emptied)

    def _found(self, stored: StoredReceipt) -> Placed:
        """A stored receipt among those that were promised with it; alone, where nothing was."""
        lane, at, store = stored.lane, stored.received_at, self._context.store
        signed = store.promises.holding(lane, stored.seq)
        if signed is not None:
            first_seq, count = signed.promise.first_seq, signed.promise.count
            runs = list(store.receipts.runs.within(lane, first_seq, first_seq + count))
            if sum(run.count for run in runs) == count:  # the first may be removed already
                leaves = Leaves.joined(run.leaves for run in runs)
                return Placed(lane, first_seq, at, leaves, signed, BatchTree(leaves.leaf_hashes))
        return Placed(lane, stored.seq, at, Leaves.of([(stored.leaf, stored.scheme)]))


def _promised(context: Context, ground: Ground, placed: Placed, beneficiary: bytes) -> Placed:
    """What was placed, with one promise of it all; without, where the lane promises nothing."""
    terms, authority, promiser = ground.terms, ground.authority, context.promiser
    if promiser is None or not authority.ahead:
        return placed
    oldest = min(placed.leaves.times)
    due = min(context.now + terms.max_promise_delay, oldest + terms.max_posting_delay - terms.margin)
    if authority.last_due is not None:
        due = min(due, authority.last_due)
    tree = BatchTree(placed.leaves.leaf_hashes)
    promise = promise_over(tree, placed.lane, placed.first_seq, due, beneficiary)
    signed = SignedPromise(promise, promiser.sign_hash(promise.digest(context.promise_domain)))
    return Placed(placed.lane, placed.first_seq, placed.received_at, placed.leaves, signed, tree)
