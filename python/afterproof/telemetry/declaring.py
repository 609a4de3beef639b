"""How figures are declared: in a registry of their own, each with the label values that are known beforehand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

from .spread import Spread

Part = Literal["relayer", "verifier"]
Kind = TypeVar("Kind", bound=MetricWrapperBase)

NAN: Final = float("nan")
"""What a level shows that is not known, or of which there is none."""

QUICK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SLOW: Final = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 240, 480, 960)
"""Edges of histograms, in seconds."""

# The library would show when each counter was made beside it: as many lines again, that nothing reads.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Declare:
    """Declares figures named ``afterproof_...`` in ``registry``; None: they are counted, and shown nowhere."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._registry = registry

    def counter(self, name: str, doc: str, labels: Sequence[str] = (), **known: Iterable[str]) -> Counter:
        """Something that only grows; ``known`` is a label with all its values."""
        return _with(Counter(f"afterproof_{name}", doc, labels or [*known], registry=self._registry), known)

    def gauge(self, name: str, doc: str, labels: Sequence[str] = (), **known: Iterable[str]) -> Gauge:
        """Something that rises and falls, at 0 in the beginning."""
        return _with(Gauge(f"afterproof_{name}", doc, labels or [*known], registry=self._registry), known)

    def level(self, name: str, doc: str) -> Gauge:
        """Something that rises and falls, not known in the beginning."""
        made = self.gauge(name, doc)
        made.set(NAN)
        return made

    def histogram(
        self, name: str, doc: str, edges: Sequence[float] = QUICK, labels: Sequence[str] = ()
    ) -> Histogram:
        """How often something took how long, one at a time."""
        return Histogram(f"afterproof_{name}", doc, labels, buckets=edges, registry=self._registry)

    def spread(
        self,
        name: str,
        doc: str,
        edges: Sequence[float],
        label: str | None = None,
        values: Sequence[str] = ("",),
    ) -> Spread:
        """The same for many at a time."""
        return Spread(f"afterproof_{name}", doc, edges, self._registry, label, values)


def _with(metric: Kind, known: Mapping[str, Iterable[str]]) -> Kind:
    """A metric with one label whose values are known: each is there from the beginning on, at zero."""
    for values in known.values():
        for value in values:
            metric.labels(str(value))
    return metric
