"""Rules about demands, duplicates, misdeclared ranges and the fuse."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule

from afterproof.protocol.batching import TILE, Batch, build_batch
from afterproof.protocol.disputes import HALF
from afterproof.protocol.evidence import duplicate_evidence
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.packing import hash_of, pack
from afterproof.protocol.receipt import keccak
from afterproof.protocol.state import Claim, FaultKind
from afterproof.protocol.terms import ETHER
from tests.stateful.base import ACTORS, BATCHES, SettlementBase

TILES = st.integers(0, 4)
WRONG = st.sampled_from(["", "", "", "root", "path", "half", "byte", "cut"])


def tile_path(batch: Batch, tile: int) -> tuple[bytes, tuple[bytes, ...]]:
    """The root of a tile, and its proof among the tile roots."""
    roots = batch.tree.tile_roots
    tile = tile % len(roots)
    return roots[tile], tuple(BatchTree(roots).proof(tile))


class DemandRules(SettlementBase):
    """What verifiers, griefers and lanes do with tiles."""

    @rule(
        actor=ACTORS,
        batch=BATCHES,
        tile=TILES,
        wrong=WRONG,
        short=st.sampled_from([False, False, False, True]),
        old=st.sampled_from([False, False, True]),
    )
    def demand(self, actor: int, batch: Batch, tile: int, wrong: str, short: bool, old: bool = True) -> None:
        batch = batch if old else self.newest(batch)
        tile = tile if old else tile % len(batch.tree.tile_roots)
        root, path = tile_path(batch, tile)
        if wrong == "root":
            root = bytes(32)
        if wrong == "path":
            path = (*path, bytes(32))
        deposit = self.spec.deposit(batch.id, 0, self.evm.base_fee) - (1 if short else 0)
        self.attempt("demand_tile", actor, batch.id, tile, root, path, value=deposit)

    @rule(
        actor=ACTORS,
        batch=BATCHES,
        tile=TILES,
        half=st.sampled_from([0, 0, 1, 2]),
        wrong=WRONG,
        demand=st.booleans(),
    )
    def answer(
        self, actor: int, batch: Batch, tile: int, half: int, wrong: str, demand: bool = False
    ) -> None:
        """Half a tile is shown, perhaps of one that was demanded in the same second."""
        if demand:
            batch = self.newest(batch)
            tile %= len(batch.tree.tile_roots)
            self.demand((actor + 1) % 6, batch, tile, "", False)
        tiles = len(batch.tree.tile_roots)
        leaves = batch.leaves[TILE * (tile % tiles) : TILE * (tile % tiles) + TILE]
        halves = [leaves[:HALF], leaves[HALF:]]
        shown = halves[1 if half == 1 and halves[1] else 0]
        other = halves[0 if half == 1 else 1]
        data = pack(shown)
        if wrong == "byte":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if wrong == "cut":
            data = data[:-1]
        other_root = BatchTree([hash_of(leaf) for leaf in other]).root if other else bytes(32)
        if wrong == "half":
            other_root = bytes(32)
        _, path = tile_path(batch, tile)
        self.attempt("answer_tile", actor, batch.id, tile, half, data, other_root, path)

    @rule(actor=ACTORS, batch=BATCHES, tile=TILES)
    def expire(self, actor: int, batch: Batch, tile: int) -> None:
        events = self.attempt("expire_demand", actor, batch.id, tile)
        if events:
            self.dishonest.add(batch.lane)
            self.note_slash(events[0].arguments[3], 50)

    @rule(actor=ACTORS, batch=BATCHES, offset=st.sampled_from([-1, 0, 1, 1]))
    def expire_at_the_deadline(self, actor: int, batch: Batch, offset: int) -> None:
        """Lands on the last second of a demand that is open, and next to it."""
        self.demand((actor + 1) % 6, batch, 0, "", False, old=False)
        for posted in (self.newest(batch), batch):
            for tile, demand in self.spec.batches[posted.id].demands.items():
                if demand.answered_at or demand.expired:
                    continue
                self.evm.warp(max(self.evm.now, demand.deadline + offset))
                self.expire(actor, posted, tile)
                return

    @rule(target=BATCHES, lane=st.integers(1, 2), actor=ACTORS, answered=st.sampled_from([0, 0, 1, 2, 4]))
    def withhold(self, lane: int, actor: int, answered: int) -> Any:
        """A lane posts four tiles and a leaf, shows few of them, and meets the fuse."""
        if self.attempt("top_up", actor, lane, value=ETHER // 4):
            self.paid_in[lane] += ETHER // 4
        state = self.spec.lanes[lane]
        leaf = self.make_leaf("good")
        # Tiles of one leaf and many empty ones: as good to demand as full ones, and much quicker to show.
        batch = build_batch(lane, state.next_seq, [leaf, *[None] * (TILE - 1)] * 4 + [leaf])
        poster = self.poster_of(lane)
        arguments = (batch.count, self.evm.now, self.evm.now, batch.tree.tile_roots, "")
        if poster is None or not self.attempt("post", poster, lane, batch.first_seq, *arguments):
            return multiple()
        self.dishonest.add(lane)
        for tile in range(4):
            self.demand(actor, batch, tile, "", False)
        for tile in range(answered):
            for half in (0, 1):
                self.answer(actor, batch, tile, half, "")
        demands = self.spec.batches[batch.id].demands.values()
        if demands:
            self.evm.warp(max(self.evm.now, *(demand.deadline + 1 for demand in demands)))
        for tile in range(4):
            self.expire(actor, batch, tile)
        return batch

    @rule(
        actor=ACTORS,
        batch=BATCHES,
        earlier=BATCHES,
        at=st.integers(0, 299),
        place=st.integers(0, 299),
        same=st.booleans(),
    )
    def prove_duplicate(
        self, actor: int, batch: Batch, earlier: Batch, at: int, place: int, same: bool
    ) -> None:
        batch = self.newest(batch)
        earlier = batch if same else earlier
        index, before = at % batch.count, place % earlier.count
        leaf, first = batch.leaves[index], earlier.leaves[before]
        if leaf is None or first is None:
            return
        evidence = duplicate_evidence(
            earlier.id, before, keccak(first.signature), tuple(earlier.tree.proof(before))
        )
        proof = tuple(batch.tree.proof(index))
        claim = Claim(batch.id, index, leaf.receipt, leaf.signature, proof, evidence)
        self.prove(actor, FaultKind.DUPLICATE_RECEIPT, claim)

    @rule(actor=ACTORS, batch=BATCHES, at=st.integers(0, 299))
    def prove_misdeclared(self, actor: int, batch: Batch, at: int) -> None:
        batch = self.newest(batch) if at % 3 else batch
        index = at % batch.count
        leaf = batch.leaves[index]
        if leaf is not None:
            proof = tuple(batch.tree.proof(index))
            claim = Claim(batch.id, index, leaf.receipt, leaf.signature, proof, b"")
            self.prove(actor, FaultKind.MISDECLARED_RANGE, claim)
