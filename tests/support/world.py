"""A small world on the in-memory chain: a lane, live nodes, a relayer and a verifier, one clock for all.

world = World(tmp_path)
relayer, verifier = world.relayer(), world.verifier()
world.take_in(relayer, world.signed(0))
world.round(relayer, verifier)
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from afterproof.chain.base import ChainSender
from afterproof.chain.memory import MemoryChain
from afterproof.config import Config, RelayerConfig, VerifierConfig
from afterproof.data import Archive, Data, Directory, Source
from afterproof.errors import DataUnavailable
from afterproof.protocol.header import BatchId
from afterproof.protocol.receipt import Leaf, SignedReceipt
from afterproof.protocol.registry_terms import DEMO_REGISTRY, RegistryTerms
from afterproof.protocol.terms import DEMO, ETHER, Terms
from afterproof.roles import ROLES
from afterproof.steps import Context, Step
from afterproof.steps.intake import Accepted, intake
from afterproof.store import Store
from afterproof.store.store import Role
from tests.support.databases import hurry, place
from tests.support.scene import forged_leaf, receipt_of, secp_signer

OWNER, OPERATOR, RELAYER, VERIFIER, RIVAL = (bytes([n]) * 20 for n in (0x0F, 0x0A, 0x01, 0x02, 0x03))
PROMISER = secp_signer(50)
"""The promise key of the world's lane."""

PROMISE_MARGIN = 5.0
URL = "http://relayer.test"


class Shelf(Source):
    """Where the world's verifiers fetch data: the relayer's folder, without the network between."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.missing = False
        self.instead: bytes | None = None
        self.fetches = 0

    def fetch(self, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Source.fetch`; ``missing`` and ``instead`` are what a bad relayer does."""
        self.fetches += 1
        if self.missing:
            raise DataUnavailable("nobody answers")
        data = self.instead
        if data is None:
            data = self._directory.read(BatchId(int(uri.removeprefix(f"{URL}/v1/batches/").split("/")[0])))
        if len(data) > at_most:
            raise DataUnavailable(f"more than {at_most} bytes")
        return data


class World:
    """A chain with lane 1 open (10 ether) and two live nodes; stores and data in ``folder``."""

    def __init__(
        self,
        folder: Path,
        terms: Terms = DEMO,
        max_batch: int = 4,
        max_age: float = 3.0,
        stake: int = 10 * ETHER,
        ahead: int = 0,
        registry: RegistryTerms = DEMO_REGISTRY,
    ) -> None:
        self.folder = folder
        self.terms = terms
        balances = {RELAYER: 100 * ETHER, VERIFIER: ETHER, RIVAL: ETHER}
        self.chain = MemoryChain(OWNER, terms, balances=balances, registry_terms=registry)
        self.domain = self.chain.domain
        self.nodes = [secp_signer(0), secp_signer(1)]
        owner = self.chain.account_view(OWNER)
        for signer in self.nodes:
            owner.endorse(signer.public_key, OPERATOR)
        self.lane, _ = self.chain.account_view(RELAYER).open_lane(RELAYER, PROMISER.address, ahead, stake)
        self.chain.mine(5)
        self.directory = Directory(folder / "batches", URL)
        self.shelf = Shelf(self.directory)
        settings = RelayerConfig(
            lane=self.lane,
            max_batch=max_batch,
            max_age=max_age,
            data_dir=folder / "batches",
            promise_margin=PROMISE_MARGIN,
        )
        self.config = Config(relayer=settings, verifier=VerifierConfig())

    @property
    def now(self) -> int:
        """The chain's time, which is everybody's."""
        return int(self._clock())

    def wait(self, seconds: int) -> None:
        """Let time pass, in one block."""
        self.chain.mine(seconds)

    def relayer(self, name: str = "relayer", chain: ChainSender | None = None) -> Context:
        """A relayer's context on the store ``name``, opened afresh: a restart."""
        store = self._opened(name, "relayer")
        chain = chain or self.chain.account_view(RELAYER)
        return Context(chain, store, self.config, Data(own=self.directory), self._clock, promiser=PROMISER)

    def verifier(
        self, name: str = "verifier", account: bytes = VERIFIER, chain: ChainSender | None = None
    ) -> Context:
        """A verifier's context on the store ``name``, opened afresh."""
        store = self._opened(name, "verifier")
        chain = chain or self.chain.account_view(account)
        data = Data(others=self.shelf, archive=Archive(self.folder / f"{name}-archive"))
        return Context(chain, store, self.config, data, self._clock)

    def _opened(self, name: str, role: Role) -> Store:
        store = Store.open(place(self.folder / f"{name}.sqlite3"), self.chain.deployment, role)
        hurry(store)
        return store

    def _clock(self) -> float:
        mined = self.chain._blocks  # not through view(): a node that is down has no say over the clock
        return float(mined[-1].block.timestamp)

    # --- receipts ------------------------------------------------------------------------------

    def signed(self, number: int, node: int = 0, age: int = 0) -> SignedReceipt:
        """An honest receipt, issued ``age`` seconds ago; ``number`` tells receipts apart."""
        signer = self.nodes[node]
        return signer.sign(receipt_of(signer, self.now - age, number), self.domain)

    def forged(self, number: int, node: int = 0) -> SignedReceipt:
        """A receipt whose signature is over another."""
        signer = self.nodes[node]
        leaf = forged_leaf(signer, self.domain, self.now, number)
        return SignedReceipt(leaf.receipt, signer.scheme, leaf.signature, signer.public_key)

    def of_stranger(self, number: int) -> SignedReceipt:
        """A receipt of a node that nobody registered."""
        signer = secp_signer(99)
        return signer.sign(receipt_of(signer, self.now, number), self.domain)

    def take_in(self, relayer: Context, *receipts: SignedReceipt) -> list[Accepted]:
        """Hand receipts in; all must be accepted."""
        answers = intake(relayer, receipts)
        assert all(isinstance(answer, Accepted) for answer in answers), answers
        return [answer for answer in answers if isinstance(answer, Accepted)]

    def slip_in(self, relayer: Context, *receipts: SignedReceipt) -> None:
        """Store receipts without a check, as a cheat does."""
        with relayer.store.transaction():
            relayer.store.receipts.add(self.lane, [(one.leaf, one.scheme) for one in receipts], self.now)

    # --- rounds --------------------------------------------------------------------------------

    def round(self, *contexts: Context, steps: Sequence[Step] | None = None) -> None:
        """Rounds of each role's steps, in order, until none of them has more to do, as the loop takes them."""
        for context in contexts:
            while sum(step(context) for step in steps or ROLES[context.store.role]):  # all of them, each time
                pass

    def rounds(self, count: int, *contexts: Context, seconds: int = 1) -> None:
        """Rounds with blocks between."""
        for _ in range(count):
            self.round(*contexts)
            self.wait(seconds)

    def with_settings(self, context: Context, **changes: object) -> Context:
        """The same context with other relayer settings."""
        relayer = replace(context.config.relayer, **changes)  # type: ignore[arg-type]
        return replace(context, config=replace(context.config, relayer=relayer))


def leaves_of(receipts: Sequence[SignedReceipt]) -> list[Leaf]:
    """The leaves of receipts."""
    return [receipt.leaf for receipt in receipts]
