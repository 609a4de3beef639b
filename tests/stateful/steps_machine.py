"""Relayer and verifier *steps* against the in-memory chain: crashes, reorganisations, failing RPC, late blocks.

An honest verifier awake once per (window - answer period) never lets a bad leaf become final, and never disputes a good
one. All data stays available here. The cheat posts on a lane of its own, straight to the chain.
"""

import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from afterproof.data import Directory
from afterproof.errors import AfterproofError
from afterproof.protocol.batching import build_batch, declared_range
from afterproof.protocol.header import BatchId
from afterproof.protocol.packing import pack
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.state import Standing, VoidReason
from afterproof.protocol.terms import DEMO, ETHER
from afterproof.steps import Context
from tests.support.crashes import Crash, crash_at
from tests.support.world import RIVAL, URL, Shelf, World

TERMS = replace(DEMO, window=24, answer_period=8, claim_window=24)
NAP = TERMS.window - TERMS.answer_period
"""How long an honest verifier may sleep, in seconds."""

HASTE = 6
"""Seconds that a rule may take by its transactions."""

WEARY = 4
"""Rounds in which a verifier that is awake gets through what it has to do, its node answering."""

KINDS = st.lists(st.sampled_from(["good", "good", "forged", "stranger"]), min_size=1, max_size=4)


class Archive(Shelf):
    """Data that stays available whatever becomes of its batch: each attempt to post has an address of its own."""

    def __init__(self, directory: Directory) -> None:
        super().__init__(directory)
        self.kept: dict[str, bytes] = {}

    def keep(self, data: bytes) -> str:
        """Publishes the data; its address."""
        uri = f"{URL}/kept/{len(self.kept)}"
        self.kept[uri] = data
        return uri

    def fetch(self, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Source.fetch`."""
        return self.kept[uri] if uri in self.kept else super().fetch(uri, at_most)


class StepsMachine(RuleBasedStateMachine):
    """One honest relayer, one honest verifier, a cheat, and everything that goes wrong around them."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.world = World(self.folder, TERMS)
        self.world.shelf = self.archive = Archive(self.world.directory)
        self.cheat = self.world.chain.account_view(RIVAL)
        self.world.chain.fund(RIVAL, 100 * ETHER)
        self.lane, _ = self.cheat.open_lane(RIVAL, RIVAL, 0, 10 * ETHER)
        self.relayer, self.verifier = self.world.relayer(), self.world.verifier()
        for _ in range(5):  # no reorganisation here is so deep as to undo the stage
            self.world.wait(1)
        self.leaves: dict[BatchId, list[tuple[str, Leaf, tuple[bytes, ...]]]] = {}
        self.number = 0
        self.awake_at = self.world.now

    # --- what people do ------------------------------------------------------------------------

    @rule(count=st.integers(1, 4))
    def hand_in(self, count: int) -> None:
        """Honest receipts for the honest relayer; it may be unable to take them just now."""
        self.sleep_no_longer()
        receipts = [self.world.signed(self.fresh()) for _ in range(count)]
        with suppress(AfterproofError, AssertionError):
            self.world.take_in(self.relayer, *receipts)

    @rule(kinds=KINDS)
    def cheat_posts(self, kinds: list[str]) -> None:
        """The cheat posts what it likes, and publishes the data."""
        self.sleep_no_longer()
        made = {"good": self.world.signed, "forged": self.world.forged, "stranger": self.world.of_stranger}
        leaves = [made[kind](self.fresh()).leaf for kind in kinds]
        with suppress(AfterproofError):
            state = self.cheat.lane(self.lane)
            assert state is not None
            batch = build_batch(self.lane, state.next_seq, leaves)
            uri = self.archive.keep(pack(leaves))
            oldest, newest = declared_range(leaves, self.world.now, TERMS)
            arguments = (batch.first_seq, batch.count, oldest, newest, batch.tree.tile_roots, uri)
            self.cheat.post(self.lane, *arguments)
            proofs = [tuple(batch.tree.proof(index)) for index in range(batch.count)]
            self.leaves[batch.id] = list(zip(kinds, leaves, proofs, strict=True))

    @rule()
    def relay(self) -> None:
        self.sleep_no_longer()
        self.relayer = self.stirred(self.relayer)

    @rule()
    def verify(self) -> None:
        self.verifier = self.stirred(self.verifier)

    # --- what goes wrong -----------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 2, 5, 12, NAP]))
    def wait(self, seconds: int) -> None:
        """Time passes, but never so much that the verifier overslept."""
        self.sleep_no_longer(seconds)
        self.world.wait(seconds)

    @rule(calls=st.integers(1, 6))
    def fail(self, calls: int) -> None:
        self.world.chain.fail_next(calls)

    @rule(blocks=st.integers(0, 3))
    def delay(self, blocks: int) -> None:
        self.world.chain.delay_next(blocks)

    @rule(depth=st.integers(1, 3), replay=st.booleans())
    def reorganise(self, depth: int, replay: bool) -> None:
        """Blocks vanish; who is awake sees it before anything else is built on what is left."""
        self.sleep_no_longer()
        self.world.chain.reorg(depth, replay)
        self.world.wait(1)
        self.wake()

    @rule(
        commit=st.integers(1, 5),
        when=st.sampled_from(["before", "after"]),
        role=st.sampled_from(["relayer", "verifier"]),
    )
    def crash(self, commit: int, when: str, role: str) -> None:
        """A process is killed at one of its commits and started again from its files."""
        self.sleep_no_longer()
        context: Context = getattr(self, role)
        with crash_at(context.store, commit, when), suppress(Crash, AfterproofError):
            self.world.round(context)
        context.store.close()
        setattr(self, role, getattr(self.world, role)())

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    @precondition(lambda self: hasattr(self, "verifier"))
    def no_bad_leaf_is_final_and_no_good_one_disputed(self) -> None:
        settlement, now = self.world.chain._state.settlement, self.world.now
        for batch, placed in self.leaves.items():
            for index, (kind, leaf, proof) in enumerate(placed):
                standing = settlement.standing(now, batch, index, leaf.words, proof)
                if kind != "good":
                    assert standing is not Standing.FINAL, f"a {kind} leaf of batch {batch} became final"
                else:
                    reason = settlement.why_void(now, batch, index, leaf.words, proof)
                    assert reason is not VoidReason.FAULTY, f"a good leaf of batch {batch} was struck out"
        honest = settlement.lanes.get(self.world.lane)
        assert honest is None or honest.burned == 0, "the honest relayer was slashed"

    def teardown(self) -> None:
        if hasattr(self, "verifier"):
            self.see_it_out()
            self.relayer.store.close()
            self.verifier.store.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def see_it_out(self) -> None:
        """Every window ends, the verifier waking as seldom as it may: each bad leaf is void, each good one final."""
        for _ in range(TERMS.window // (NAP - WEARY) + 2):
            self.wake()
            self.world.wait(NAP - WEARY)
            self.no_bad_leaf_is_final_and_no_good_one_disputed()
        settlement, now = self.world.chain._state.settlement, self.world.now
        for batch, placed in self.leaves.items():
            if batch not in settlement.batches:
                continue  # a reorganisation took it, and the cheat did not post it again
            for index, (kind, leaf, proof) in enumerate(placed):
                wanted = Standing.FINAL if kind == "good" else Standing.VOIDED
                found = settlement.standing(now, batch, index, leaf.words, proof)
                assert found in (wanted, Standing.UNKNOWN), (
                    f"a {kind} leaf of batch {batch} ended {found.name}"
                )

    # --- helpers -------------------------------------------------------------------------------

    def fresh(self) -> int:
        """A number that tells receipts apart."""
        self.number += 1
        return self.number

    def stirred(self, context: Context) -> Context:
        """One round of a role; its own trouble ends the round, as in the loop."""
        with suppress(AfterproofError):
            self.world.round(context)
        return context

    def sleep_no_longer(self, seconds: int = HASTE) -> None:
        """Wakes the verifier if it would oversleep by what comes; transactions take time too, a block each."""
        if self.world.now + seconds - self.awake_at > NAP:
            self.wake()

    def wake(self) -> None:
        """The verifier is awake, and its node answers: it gets through what there is to do."""
        self.world.chain._failures.clear()
        self.world.chain._delay = None
        for _ in range(WEARY):
            self.verify()
            self.world.wait(1)
        self.awake_at = self.world.now
