"""How many receipts a client may hand in: so many a second, and some more at once after a rest.

A bucket a client, kept as one number, the time at which it is full again (the generic cell rate algorithm). So a client
costs the same memory whatever it does, what it may do is exact at every moment, and so is how long it has to wait.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

MOST_CLIENTS: Final = 65_536
"""Clients that are remembered: beyond, the one that asked longest ago is forgotten. Some fourteen megabytes."""

_ROUNDING: Final = 1e-6


class Rates:
    """Buckets that hold ``burst`` and fill by ``rate`` a second. Belongs to one thread."""

    def __init__(
        self,
        rate: float,
        burst: int,
        clock: Callable[[], float] = time.monotonic,
        most_clients: int = MOST_CLIENTS,
    ) -> None:
        self.rate, self.burst = rate, burst
        self._clock, self._most = clock, most_clients
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, client: str, count: int) -> int:
        """Take ``count`` out of the client's bucket: 0. Where they are not in it, nothing: the seconds until they are.

        More than a bucket holds are taken out of a full one, which then fills from below empty: a request is not cut,
        and none is too large for ever.
        """
        now = self._clock()
        full_at = max(now, self._full_at.get(client, now))
        there = self.burst - (full_at - now) * self.rate
        missing = min(count, self.burst) - there
        if missing > _ROUNDING:
            return max(1, ceil(missing / self.rate - _ROUNDING))
        self._full_at[client] = full_at + count / self.rate
        self._full_at.move_to_end(client)
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return 0

    def __len__(self) -> int:
        return len(self._full_at)
