"""Rules about what is posted: honest receipts, and what a cheat posts, publishes, withholds and promises."""

from collections.abc import Collection
from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import rule

from afterproof.errors import AfterproofError
from afterproof.protocol.batching import TILE, build_batch, declared_range
from afterproof.protocol.promise import HeldPromise
from afterproof.protocol.receipt import Leaf, SignedReceipt
from afterproof.steps.entrust import WatchView, entrust
from afterproof.steps.intake import Accepted, intake
from tests.stateful.steps_base import StepsBase
from tests.stateful.steps_village import CHEAT_KEY, TERMS, VERIFIERS, Entrusted, Planted
from tests.support.scene import receipt_of
from tests.support.watching import CLIENT, HOLDER, OTHER
from tests.support.world import URL

KINDS = st.lists(
    st.sampled_from(["good", "good", "promised", "forged", "stranger", "again", "old", "attested", "empty"]),
    min_size=1,
    max_size=4,
)
READERS = st.sampled_from([None, None, None, (), (), ("first",), ("second",), ("operator",)])
TRUSTED = st.sampled_from([(), ("first",), ("second",), VERIFIERS])
MOST_BATCHES = 15
"""Batches that the cheat posts at most: enough for every quarrel, and few enough to be quick."""

PICK = st.integers(0, 7)
"""Which of the newest of something."""


class PostingRules(StepsBase):
    """What people, the honest relayer's clients and the cheat do."""

    @rule(count=st.integers(1, 4), trusted=TRUSTED)
    def hand_in(self, count: int, trusted: Collection[str]) -> None:
        """Honest receipts for the honest relayer; it may be unable to take them just now."""
        receipts = [self.world.signed(self.fresh()) for _ in range(count)]
        relayer = self.contexts["relayer"]
        with self.perhaps():
            for answer, receipt in zip(intake(relayer, receipts), receipts, strict=True):
                if isinstance(answer, Accepted):
                    held = relayer.store.promises.held(self.world.lane, answer.stored.seq)
                    assert held is not None, "the honest relayer promises what it takes"
                    self.entrust(held, receipt, trusted)

    @rule(
        kinds=KINDS,
        readers=READERS,
        false=st.booleans(),
        tiles=st.sampled_from([0, 0, 0, 0, 1, 3]),
        lies=st.booleans(),
    )
    def cheat_posts(
        self, kinds: list[str], readers: Collection[str] | None, false: bool, tiles: int, lies: bool
    ) -> None:
        """The cheat posts what it likes behind ``tiles`` of padding, and publishes the data for whom it likes, or
        something else; it ``lies`` about how old its receipts are."""
        if len(self.planted) == MOST_BATCHES:
            return
        with self.perhaps():
            state = self.cheat.lane(self.lane)
            if state is None or state.blown:
                self.open_cheat_lane()
                return
            padded = (["good"] + ["empty"] * (TILE - 1)) * tiles + kinds
            leaves = [self.made(kind, state.next_seq + index) for index, kind in enumerate(padded)]
            batch = build_batch(self.lane, state.next_seq, leaves)
            declared = declared_range(leaves, self.world.now, TERMS)
            if lies:
                declared = (self.world.now, self.world.now)
            uri = f"{URL}/kept/{len(self.web.pages)}"
            other = batch.data[:-1] + bytes([batch.data[-1] ^ 1])
            self.web.publish(uri, batch.data, readers, other if false else None)
            self.planted[batch.id, batch.tree.root] = Planted(tuple(padded), batch, declared, uri)
            self.cheat.post(
                self.lane, batch.first_seq, batch.count, *declared, tuple(batch.tree.tile_roots), uri
            )

    @rule(pick=PICK, readers=READERS)
    def cheat_shows(self, pick: int, readers: Collection[str] | None) -> None:
        """The data of a batch can be had by others from now on."""
        if self.web.pages:
            uri = list(self.web.pages)[-1 - pick % len(self.web.pages)]
            self.web.pages[uri].readers = readers

    @rule(
        offset=st.integers(-3, 5),
        trusted=TRUSTED,
        beneficiary=st.sampled_from([HOLDER, OTHER]),
        again=st.booleans(),
    )
    def cheat_promises(self, offset: int, trusted: Collection[str], beneficiary: bytes, again: bool) -> None:
        """The cheat promises a number near where its lane stands, perhaps one that it has promised before."""
        with self.perhaps():
            state = self.cheat.lane(self.lane)
            if state is None:
                return  # a reorganisation took the lane
            seq = max(state.next_seq + offset, 0)
            if again and self.entrusted:
                seq = self.entrusted[-1].place[1]
            receipt = self.world.signed(self.fresh())
            original, self.world.lane = self.world.lane, self.lane
            try:
                (held,) = self.world.promised(receipt, first_seq=seq, beneficiary=beneficiary, key=CHEAT_KEY)
            finally:
                self.world.lane = original
            self.promised[self.lane, seq] = receipt.leaf
            self.entrust(held, receipt, trusted)

    # --- helpers -------------------------------------------------------------------------------

    def entrust(self, held: HeldPromise, receipt: SignedReceipt, trusted: Collection[str]) -> None:
        """Hand a promise to verifiers; what they take is noted."""
        for name in trusted:
            with suppress(AfterproofError):
                answer = entrust(self.contexts[name], held, receipt.leaf.hash, CLIENT)
                if isinstance(answer, WatchView):
                    self.entrusted.append(Entrusted(held, receipt.leaf.hash, name))

    def made(self, kind: str, seq: int) -> Leaf | None:
        """A leaf of a kind for a number of the cheat's lane."""
        number, world = self.fresh(), self.world
        if kind == "empty":
            return None
        if kind == "forged":
            return world.forged(number).leaf
        if kind == "stranger":
            return world.of_stranger(number).leaf
        if kind == "old":
            return world.signed(number, age=7).leaf
        if kind == "again" and self.repeatable:
            return self.repeatable[number % len(self.repeatable)]
        if kind == "promised" and (self.lane, seq) in self.promised:
            return self.promised[self.lane, seq]
        if kind == "attested" and self.attestors:
            signer = self.attestors[number % len(self.attestors)].signer
            return signer.sign(receipt_of(signer, world.now, number), world.domain).leaf
        leaf = world.signed(number).leaf
        self.repeatable.append(leaf)
        return leaf
