"""What the tests of every chain do on their stage: a live node, an open lane, batches, refusals."""

from collections.abc import Callable
from typing import Any

from afterproof.chain.base import ChainSender, Landed
from afterproof.errors import CallReverted
from afterproof.protocol.batching import Batch, build_batch, declared_range
from afterproof.protocol.receipt import Domain, Leaf
from afterproof.protocol.state import Claim
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.chains import Stage
from tests.support.scene import forged_leaf, leaf_of, secp_signer

NODE = secp_signer(0)
STRANGER = secp_signer(1)


class Refused:
    """Expects the contract's refusal: the error's name and arguments."""

    def __init__(self, error: str, *arguments: Any) -> None:
        self._expected = (error, arguments)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        assert isinstance(error, CallReverted), error
        assert (error.error, error.arguments) == self._expected
        return True


def domain_of(chain: ChainSender) -> Domain:
    return Domain(chain.deployment.chain_id, chain.deployment.registry)


def rehearsed(stage: Stage, call: Callable[..., Landed], *arguments: Any) -> Landed:
    """Calls twice: first a dry run, which must change nothing, then in earnest."""
    head = stage.owner.head()
    run = call(*arguments, dry_run=True)
    assert (run.tx_hash, run.events, run.block) == (b"", (), head.number) and run.gas_used > 0
    assert stage.owner.head() == head
    landed = call(*arguments)
    assert len(landed.tx_hash) == 32
    return landed


def open_lane(stage: Stage, stake: int = ETHER) -> int:
    return stage.relayer.open_lane(stage.poster.account, stage.relayer.account, 0, stake)[0]


def post(stage: Stage, *leaves: Leaf | None, lane: int = 1) -> Batch:
    """Posts the leaves as the lane's next batch, as an honest relayer does."""
    state = stage.relayer.lane(lane)
    assert state is not None
    batch = build_batch(lane, state.next_seq, leaves)
    oldest, newest = declared_range(leaves, stage.now, DEMO)
    stage.poster.post(lane, batch.first_seq, batch.count, oldest, newest, batch.tree.tile_roots, "data:,")
    return batch


def honest(stage: Stage, number: int = 0) -> Leaf:
    return leaf_of(NODE, domain_of(stage.owner), stage.now, number)


def forged(stage: Stage, number: int = 100) -> Leaf:
    return forged_leaf(NODE, domain_of(stage.owner), stage.now, number)


def claim_of(batch: Batch, index: int, evidence: bytes = NODE.public_key) -> Claim:
    leaf = batch.leaves[index]
    assert leaf is not None
    return Claim(batch.id, index, leaf.receipt, leaf.signature, tuple(batch.tree.proof(index)), evidence)


def on_stage(stage: Stage) -> None:
    """A live node and an open lane."""
    stage.owner.endorse(NODE.public_key, stage.relayer.account)
    open_lane(stage)
    stage.until(stage.now + 2)
