"""A relayer's lane in the small world, acted on directly: whatever a relayer may do, honest or not.

lane = OwnLane(world)
batch = lane.post(leaf, leaf, withheld=True)
lane.answer(batch)
"""

from collections.abc import Sequence

from afterproof.protocol.answers import answers, tile_path
from afterproof.protocol.batching import Batch, build_batch, declared_range
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.terms import ETHER
from tests.support.world import RELAYER, URL, World


class OwnLane:
    """A lane of an account of the world: its own one unless another account is given, for which one is opened."""

    def __init__(self, world: World, account: bytes = RELAYER) -> None:
        self.world = world
        self.chain = world.chain.account_view(account)
        self.number = world.lane
        if account != RELAYER:
            world.chain.fund(account, 100 * ETHER)
            self.number, _ = self.chain.open_lane(account, account, 0, 10 * ETHER)

    def post(
        self,
        *leaves: Leaf | None,
        withheld: bool = False,
        declared: tuple[int, int] | None = None,
    ) -> Batch:
        """Post leaves as the next batch, judged by nobody; ``withheld``: without publishing them."""
        state = self.chain.lane(self.number)
        assert state is not None
        batch = build_batch(self.number, state.next_seq, leaves)
        oldest, newest = declared or declared_range(leaves, self.world.now, self.world.terms)
        if not withheld:
            self.publish(batch)
        uri = f"{URL}/v1/batches/{batch.id}/data"
        self.chain.post(self.number, batch.first_seq, batch.count, oldest, newest, batch.tree.tile_roots, uri)
        return batch

    def publish(self, batch: Batch, data: bytes | None = None) -> None:
        """Publish a batch, or other data in its place."""
        self.world.directory.publish(batch.id, batch.data if data is None else data)

    def withhold(self, batch: Batch) -> None:
        """Nobody can have it any more."""
        self.world.directory.path(batch.id).unlink()

    def answer(self, batch: Batch, tile: int = 0, halves: Sequence[int] | None = None) -> None:
        """Show a demanded tile on chain, or some halves of it."""
        path = tile_path(batch.tree.tile_roots, tile)
        for each in answers(batch.leaves[256 * tile : 256 * (tile + 1)]):
            if halves is None or each.half in halves:
                self.chain.answer_tile(batch.id, tile, each.half, each.data, each.other, path)
