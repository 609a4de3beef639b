"""Every figure that a relayer or verifier shows Prometheus, by subject. Each is declared once, with what it means.

Each process has a :class:`Metrics` of its own, with a registry of its own: nothing is global. Increments are plain and
cost a microsecond or two, so intake makes them once a group of receipts. Every label has few values, and none that a
stranger chooses. Amounts are in ether, times in seconds.
"""

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from .. import __version__
from .checking import Checking
from .declaring import Declare, Part
from .pressing import Pressing
from .relaying import Intake, Line, Room
from .running import OnChain, Running


class Metrics:
    """The figures of one process. ``part``: whose they are; None shows those of both."""

    def __init__(self, part: Part | None = None) -> None:
        self.registry = CollectorRegistry()
        relayer = Declare(self.registry if part != "verifier" else None)
        verifier = Declare(self.registry if part != "relayer" else None)
        both = Declare(self.registry)
        self.intake, self.line, self.room = Intake(relayer), Line(relayer), Room(relayer)
        self.checking = Checking(verifier)
        self.chain, self.process, self.pressing = OnChain(both), Running(both), Pressing(both)
        both.gauge("build_info", "1, with the program's version.", version=[__version__]).labels(
            __version__
        ).set(1)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """All figures in the format that the header ``accept`` asks for, and its content type."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self.registry), content_type
