"""A histogram that counts many equal values at once: a batch's hundred thousand receipts share a few seconds."""

import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


class Spread(Collector):
    """A Prometheus histogram ``name`` with the upper edges ``edges`` in rising order, one for each value of ``label``.

    ``registry`` None: it is shown nowhere. Values below zero count as zero, so that its sum never falls.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        edges: Sequence[float],
        registry: CollectorRegistry | None,
        label: str | None = None,
        values: Sequence[str] = ("",),
    ) -> None:
        self.name, self._documentation, self._label = name, documentation, label
        self._edges = [*map(float, edges), float("inf")]
        self._lock = threading.Lock()
        self._counts = {value: [0] * len(self._edges) for value in values}
        self._sums = dict.fromkeys(values, 0.0)
        if registry is not None:
            registry.register(self)

    def observe(self, values: Mapping[float, int], of: str = "") -> None:
        """Count each of ``values`` as often as it says, under the label's value ``of``."""
        with self._lock:
            counts = self._counts[of]
            for value, times in values.items():
                counts[bisect_left(self._edges, value)] += times
                self._sums[of] += max(value, 0.0) * times

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Implements :meth:`Collector.collect`."""
        family = HistogramMetricFamily(
            self.name, self._documentation, labels=[self._label] if self._label else []
        )
        with self._lock:
            found = [(of, [*counts], self._sums[of]) for of, counts in self._counts.items()]
        for of, counts, total in found:
            edges = ["+Inf" if edge == float("inf") else str(edge) for edge in self._edges]
            buckets = list(zip(edges, accumulate(counts), strict=True))
            family.add_metric([of] if self._label else [], buckets, total)
        yield family

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Its name alone, so that a registry need not collect it to know it."""
        yield HistogramMetricFamily(self.name, self._documentation)
