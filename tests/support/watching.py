"""A world whose lane promises, and what a promise's holder does with a verifier there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from afterproof.chain.base import PromiseBroken
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.promise import HeldPromise, SignedPromise, held_over, promise_over
from afterproof.protocol.receipt import SignedReceipt
from afterproof.protocol.registry_terms import DEMO_REGISTRY, RegistryTerms
from afterproof.protocol.state import PromiseFault
from afterproof.protocol.terms import DEMO, Terms
from afterproof.steps import Context
from afterproof.steps.batch import close, next_receipts
from afterproof.steps.entrust import WatchView, entrust
from afterproof.steps.post import post
from tests.support.world import PROMISER, World

HOLDER, OTHER = b"\x0b" * 20, b"\x0c" * 20
CLIENT = "192.0.2.1"


class Watching(World):
    """A world with a lane that promises 20 receipts."""

    def __init__(self, folder: Path, terms: Terms = DEMO, registry: RegistryTerms = DEMO_REGISTRY) -> None:
        super().__init__(folder, terms=terms, ahead=20, registry=registry)

    def promised(
        self,
        *receipts: SignedReceipt,
        first_seq: int = 0,
        include_by: int | None = None,
        beneficiary: bytes = HOLDER,
        key: Any = PROMISER,
    ) -> list[HeldPromise]:
        """The lane's promise of these receipts from a number on, opened at each: whatever its relayer knows of it."""
        tree = BatchTree([one.leaf.hash for one in receipts])
        due = self.now + self.terms.max_promise_delay if include_by is None else include_by
        promise = promise_over(tree, self.lane, first_seq, due, beneficiary)
        deployment = self.chain.deployment
        domain = type(self.domain)(deployment.chain_id, deployment.settlement)
        return held_over(tree, SignedPromise(promise, key.sign_hash(promise.digest(domain))))

    def entrusted(
        self, verifier: Context, held: HeldPromise, receipt: SignedReceipt, client: str = CLIENT
    ) -> WatchView:
        """Hand a promise in; it must be taken."""
        answer = entrust(verifier, held, receipt.leaf.hash, client)
        assert isinstance(answer, WatchView), answer
        return answer

    def post_instead(
        self, relayer: Context, leaves: Sequence[SignedReceipt | None], waiting: int = 0
    ) -> None:
        """Post these leaves at the lane's next numbers, whatever was promised."""
        stored = next_receipts(relayer)
        first = stored[0].seq if stored else waiting
        close(relayer, first, [one.leaf if one is not None else None for one in leaves], "the relayer cheats")
        assert post(relayer)


def fate(verifier: Context, view: WatchView) -> str:
    """What became of a promise that was handed in."""
    found = verifier.store.watched.get(view.watched.id)
    assert found is not None
    return found.fate.value


def broken(context: Context) -> list[PromiseBroken]:
    """Every claim that counted, in order."""
    return [one.event for one in context.chain.events(0, 10**6) if isinstance(one.event, PromiseBroken)]


def claimed(context: Context) -> list[tuple[str, int, bytes, bytes]]:
    """Fault, number, beneficiary and caller of every claim that counted."""
    return [(PromiseFault(one.fault).name, one.seq, one.beneficiary, one.caller) for one in broken(context)]
