"""How far each of several nodes has come, so that what one told is not taken back by another.

With one node nothing is asked, and nothing is refused.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from afterproof.errors import AfterproofError, ChainUnavailable

from .endpoint import Endpoint, Head
from .errors import NodeError


class Behind(ChainUnavailable):
    """The node has not come as far as another was."""


@dataclass(frozen=True, slots=True)
class _Floor:
    """The newest block that was told of, by which node (None: by a receipt; else all that must agree), and when."""

    number: int
    by: object | None
    at: float


class Heads:
    """The newest blocks of ``endpoints``, each looked at every ``stale_after / 2`` seconds, in the background.

    ``check`` is called with a node before it is looked at, and raises where that is on another chain. Where one node's
    word is not enough, ``trusting`` is False, and only what is told to :meth:`agree` counts.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        stale_after: float,
        clock: Callable[[], float] = time.monotonic,
        check: Callable[[Endpoint], None] = lambda _: None,
        trusting: bool = True,
    ) -> None:
        self._endpoints = endpoints
        self._stale_after = stale_after
        self._clock = clock
        self._check = check
        self._trusting = trusting
        self._several = len(endpoints) > 1
        self._floor: _Floor | None = None
        self._lock = threading.Lock()
        self._looked_at: float | None = None

    def look_around(self) -> None:
        """Starts looking at the nodes that were not heard of lately, and does not wait."""
        now, every = self._clock(), self._stale_after / 2
        if not self._several:
            return
        with self._lock:
            if self._looked_at is not None and now - self._looked_at < every:
                return
            self._looked_at = now
        for one in self._endpoints:
            if not one.is_resting(now) and (one.head is None or now - one.head.at >= every):
                threading.Thread(target=self._look_quietly, args=(one,), name="look", daemon=True).start()

    def admit(self, one: Endpoint, method: str, params: tuple[Any, ...]) -> None:
        """Lets a request through to a node that has come far enough for it.

        Raises:
            Behind: it has not.
            ChainUnavailable: it does not say.
        """
        reach = _reach(method, params) if self._several else None
        if reach is None:
            return
        now, floor = self._clock(), self._floor
        if self._is_stale(one, now):
            raise Behind(f"{one.named} is far behind the others: it is not used until it has caught up")
        if floor is not None and floor.by is not one and now - floor.at <= self._stale_after:
            reach = max(reach, floor.number)
        if one.head is None or one.head.number < reach:
            self._look(one)
        if one.head is not None and one.head.number < reach:
            raise Behind(
                f"{one.named} is at block {one.head.number}, behind block {reach} of another: waiting for it"
            )

    def notice(self, one: Endpoint, method: str, params: tuple[Any, ...], result: Any) -> None:
        """Remembers what an answer tells of the newest block.

        Raises:
            ChainUnavailable: that is no block.
        """
        if not self._several or not isinstance(result, dict):
            return
        if method == "eth_getBlockByNumber" and params[0] == "latest":
            one.head = self._head(result)
            if self._trusting:
                self._raise_floor(one.head.number, one)
        elif method == "eth_getTransactionReceipt" and self._trusting:
            self._raise_floor(number_of(result.get("blockNumber")), None)

    def agree(self, number: int) -> None:
        """As many nodes as must agree on it have come to that block."""
        self._raise_floor(number, self)

    def _raise_floor(self, number: int, by: object | None) -> None:
        now = self._clock()
        with self._lock:
            floor = self._floor
            # A node may take back its own word: its chain was reorganised.
            if (
                floor is None
                or number >= floor.number
                or (by is not None and by is floor.by)
                or now - floor.at > self._stale_after
            ):
                self._floor = _Floor(number, by, now)

    def _is_stale(self, one: Endpoint, now: float) -> bool:
        """Whether another node has a much newer block, by the chain's own time."""
        if not self._trusting:
            return False  # one that lies about its time must not have the others left out
        heard = [
            other.head
            for other in self._endpoints
            if other.head is not None and not other.refused and now - other.head.at <= 2 * self._stale_after
        ]
        if one.head is None or not heard:
            return False
        return max(head.timestamp for head in heard) - one.head.timestamp > self._stale_after

    def _look(self, one: Endpoint) -> None:
        header = one.ask("eth_getBlockByNumber", "latest", False)
        if not isinstance(header, dict):
            raise ChainUnavailable(f"{one.named} has no newest block")
        one.head = self._head(header)

    def _look_quietly(self, one: Endpoint) -> None:
        try:
            self._check(one)
            self._look(one)
        except NodeError:
            pass
        except ChainUnavailable as error:
            one.failed(error, self._clock())
        except AfterproofError:
            pass  # on another chain: that was said

    def _head(self, header: dict[str, Any]) -> Head:
        return Head(number_of(header.get("number")), number_of(header.get("timestamp")), self._clock())


def _reach(method: str, params: tuple[Any, ...]) -> int | None:
    """The block that a node must have to answer a request; 0: the newest there is; None: any node will do."""
    if "latest" in params or "pending" in params:
        return 0
    if method == "eth_getLogs" and params and isinstance(params[0], dict) and "toBlock" in params[0]:
        # Many nodes leave out silently what lies beyond their newest block.
        return number_of(params[0]["toBlock"])
    return None


def number_of(value: Any) -> int:
    """The number or time of a block, from its 0x-hex."""
    try:
        return int(value, 16)
    except (TypeError, ValueError):
        raise ChainUnavailable("the node answered with a block that has no number or time") from None
