"""The village that the steps' machine is played in: its terms, who lives there, and what was planted by whom."""

import logging
from dataclasses import dataclass, replace

from afterproof.chain.base import ChainSender
from afterproof.data import Archive, Data
from afterproof.protocol.batching import Batch
from afterproof.protocol.promise import HeldPromise
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.signing import Signer
from afterproof.protocol.terms import DEMO, ETHER
from afterproof.steps import Context
from tests.support.scene import secp_signer
from tests.support.watching import Watching
from tests.support.web import MIRROR, Web
from tests.support.world import OPERATOR, RELAYER, VERIFIER

TERMS = replace(
    DEMO, window=192, answer_period=80, claim_window=240, max_posting_delay=360, max_promise_delay=240
)
"""Long beside a block: a second passes with each transaction of anybody's."""

REGISTRY = replace(DEMO_REGISTRY, window=192, proof_period=160)
WEALTH = 100 * ETHER
"""What everybody begins with."""

STAKE = 10 * ETHER
"""What every lane begins with."""

NAP = TERMS.window - TERMS.answer_period
"""Seconds for which no verifier may be awake."""

LIMITS = {"relayer": NAP, "first": 160, "second": 160, "operator": NAP}
"""Seconds that each alone may sleep: a claim, a proof or a promise must not run out meanwhile."""

HASTE = 24
"""Seconds that a rule may take by its transactions."""

WEARY = 4
"""Rounds in which whoever is awake gets through what it has to do, its node and network answering."""

MOST_TURNS = 200
"""Turns of all steps after which a role must have come to rest."""

SECOND, GRIEFER = b"\x04" * 20, b"\x05" * 20
ACCOUNTS = {"relayer": RELAYER, "first": VERIFIER, "second": SECOND, "operator": OPERATOR}
VERIFIERS = ("first", "second")
CHEAT_KEY = secp_signer(60)
"""The promise key of the cheat's lanes."""


class Village(Watching):
    """The small world with a web that several verifiers see, each in its own way."""

    web: Web

    def verifier(
        self, name: str = "verifier", account: bytes = VERIFIER, chain: ChainSender | None = None
    ) -> Context:
        """Overrides :meth:`World.verifier`."""
        made = super().verifier(name, account, chain)
        data = Data(others=self.web.seen_by(name), archive=Archive(self.folder / f"{name}-archive"))
        mirrors = (MIRROR,) if name == "second" else ()
        settings = replace(made.config.verifier, demand_after=2.0, withheld_after=0.0, mirrors=mirrors)
        return replace(made, data=data, config=replace(made.config, verifier=settings))


@dataclass(frozen=True)
class Planted:
    """A batch that the cheat meant to post: which kind each leaf is of, and the range that it declares."""

    kinds: tuple[str, ...]
    batch: Batch
    declared: tuple[int, int]
    uri: str

    @property
    def places(self) -> list[tuple[int, str, Leaf, tuple[bytes, ...]]]:
        """Index, kind, leaf and proof of all that is no empty leaf."""
        found = zip(self.kinds, self.batch.leaves, strict=False)
        return [
            (index, kind, leaf, tuple(self.batch.tree.proof(index)))
            for index, (kind, leaf) in enumerate(found)
            if leaf is not None
        ]


@dataclass(frozen=True)
class Entrusted:
    """A promise, and the verifier that took it to watch it."""

    held: HeldPromise
    leaf: bytes
    name: str

    @property
    def place(self) -> tuple[int, int]:
        """(lane, seq)."""
        return self.held.signed.promise.lane, self.held.seq


@dataclass(frozen=True)
class Attestor:
    """A node that was to be attested: truly, falsely, or on a document that is withheld."""

    kind: str
    signer: Signer
    raw: bytes
    hash: bytes
    uri: str


class Internal(logging.Handler):
    """Keeps what any step said of an error within."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Implements :meth:`logging.Handler.emit`."""
        said = record.getMessage()
        if record.exc_info or "internal error" in said or "judge failed" in said:
            self.said.append(logging.Formatter().format(record))
