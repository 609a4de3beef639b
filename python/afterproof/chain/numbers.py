"""Which number (nonce) an account's next transaction takes.

The chain and the nodes' pools are the memory: nothing is written down, so a restarted process and one that was
replaced find the same. Transactions that wait and that nobody here waits for, left over from an earlier run or
given up on, must not stand in the way for ever: what asks for the same is outbid at once, anything else when it has
had its time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from .offers import Intent, Offer, Waiting, waiting_at
from .rpc import Rpc


@dataclass(frozen=True, slots=True)
class Place:
    """A number for a transaction, and what waits there and is to be outbid."""

    number: int
    rival: Waiting | None = None


class Numbers:
    """The numbers of ``account``. Its callers hold one lock around :meth:`place` and :meth:`take`."""

    def __init__(self, rpc: Rpc, account: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        self._rpc, self._account, self._clock = rpc, account, clock
        self._taken: set[int] = set()
        self._given_up: dict[int, Offer] = {}
        self._left: tuple[int, float] = (-1, 0.0)
        self._hidden = -1

    def count(self, tag: str) -> int:
        """How many transactions the account has made: ``latest``, or with those in the pool ``pending``."""
        return self._rpc.quantity("eth_getTransactionCount", "0x" + self._account.hex(), tag)

    def place(self, intent: Intent, patience: float) -> Place | None:
        """Where to put ``intent``; None: wait a moment, something else may yet land there.

        Raises:
            ChainUnavailable: the node does not answer.
        """
        landed = self.count("latest")
        waiting = max(self.count("pending"), self._hidden + 1)
        self._given_up = {number: one for number, one in self._given_up.items() if number >= landed}
        end = max(landed, waiting, max(self._taken, default=-1) + 1)
        free = next((number for number in range(landed, end) if number not in self._taken), end)
        if free >= waiting:  # behind all that wait, or where one is missing in front of others
            return Place(free)
        given_up = self._given_up.get(free)
        if given_up is not None:
            rival = Waiting(tuple(given_up.hashes), given_up.intent, given_up.fees)
        else:
            rival = waiting_at(self._rpc, self._account, free)
        if self._left[0] != free:
            self._left = free, self._clock()
        if rival.intent == intent or self._clock() - self._left[1] >= patience:
            return Place(free, rival)
        return None

    def is_blocked(self) -> bool:
        """Whether something waits that nobody here waits for."""
        landed, waiting = self.count("latest"), self.count("pending")
        return any(number not in self._taken for number in range(landed, waiting))

    def hide(self, number: int) -> None:
        """Something waits under this number, though the node does not count it."""
        self._hidden = number

    def take(self, number: int) -> None:
        """Somebody here waits for what is under this number."""
        self._taken.add(number)
        self._given_up.pop(number, None)

    def release(self, offer: Offer, landed: bool) -> None:
        """Nobody waits for it any more."""
        self._taken.discard(offer.number)
        if not landed and offer.hashes:
            self._given_up[offer.number] = offer
