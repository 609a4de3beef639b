"""The stage of the settlement state machine: the pair, what is remembered of a run, and what always holds.

Legal and illegal actions, time landing before, on and after every deadline, scrambled proofs and signatures. ``Pair``
compares outcome, error name, events and views; the invariants are those of :mod:`tests.support.invariants`. The rules
are in ``rules_*``; :mod:`tests.stateful.machine` puts them together.
"""

from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition

from afterproof.protocol.batching import Batch, build_batch, declared_range
from afterproof.protocol.claims import Opening
from afterproof.protocol.header import BatchId, batch_id
from afterproof.protocol.outcome import Event, Revert
from afterproof.protocol.receipt import Leaf, Receipt
from afterproof.protocol.signing import Secp256k1Signer, Signer
from afterproof.protocol.state import ZERO_ADDRESS, Claim
from afterproof.protocol.terms import DEMO, ETHER, GWEI, Terms
from tests.support.invariants import Standings, half_is_burned, honest_keep_their_stake, solvent
from tests.support.pair import Pair
from tests.support.scene import forged_leaf, leaf_of, rsa_signer, secp_signer
from tests.support.way_out import assert_all_get_out

#: A stake of few slashes and a window of few seconds, so that runs meet their edges.
TERMS = replace(DEMO, min_stake=3 * DEMO.leaf_slash, cover_share=5_000)
OTHER_TERMS: tuple[Terms, ...] = (
    TERMS,
    replace(TERMS, window=30, leaf_slash=DEMO.leaf_slash + GWEI, min_stake=ETHER // 1000),
    replace(TERMS, max_posting_delay=100, max_clock_skew=0, promise_slash=3 * GWEI),
    replace(TERMS, window=3),
)
LEAF_KINDS = ("good", "good", "good", "forged", "unknown node", "old", "early", "absurd", "empty", "again")
ACTORS = st.integers(0, 5)
REFUSER = 5
"""The actor who takes no ether."""
LANES = st.integers(0, 3)
BATCHES: Bundle[Batch] = Bundle("batches")
OPENINGS: Bundle[Any] = Bundle("openings")


def signers() -> list[Signer]:
    """Nodes, one of them RSA; the last two start unregistered."""
    return [secp_signer(0), rsa_signer(), secp_signer(1), secp_signer(2)]


@cache
def promise_signer(number: int) -> Secp256k1Signer:
    """A key that may sign promises for a lane."""
    return Secp256k1Signer(sha256(b"promise key %d" % number).digest())


@cache
def _prototype() -> tuple[Pair, tuple[Any, ...]]:
    pair = Pair(TERMS)
    pair.let_refuse(REFUSER)
    return pair, pair.save()


def bare_pair() -> Pair:
    """A pair as good as new, on the bare EVM; the one got before is gone."""
    pair, saved = _prototype()
    pair.restore(saved)
    return pair


class SettlementBase(RuleBasedStateMachine):
    """What the rules stand on; ``make_pair`` chooses what runs the contracts."""

    batches = BATCHES
    openings = OPENINGS
    make_pair = staticmethod(lambda: bare_pair())
    is_bare = True
    """The EVM is the tests' own: ether can be forced in, contracts can act, and all of it be taken back."""

    @initialize()
    def deploy(self) -> None:
        self.pair = self.make_pair()
        self.spec, self.evm = self.pair.spec, self.pair.evm
        self.standings = Standings(self.pair)
        self.paid_in: dict[int, int] = {}
        self.dishonest: set[int] = set()
        self.taken: set[int] = set()
        self.posted: dict[BatchId, Batch] = {}
        self.promised: list[Opening] = []
        self.slashed = self.shared = self.swept = 0
        self.number = self.forcings = self.departures = 0
        self.last_leaf: Leaf | None = None
        for signer in signers()[:2]:
            self.attempt("endorse", 0, signer.public_key, self.pair.accounts[1])
        for lane in (1, 2):
            self.open_with(lane, promise_signer(lane).address, 5, 60 * TERMS.leaf_slash)

    def attempt(self, action: str, actor: int, *arguments: Any, value: int = 0) -> list[Event] | None:
        """Plays an action on both sides; None where both refuse alike."""
        try:
            return self.pair.act(action, self.pair.accounts[actor], *arguments, value=value)
        except Revert:
            return None

    def open_with(
        self, actor: int, promise_key: bytes, ahead: int, value: int, poster: bytes | None = None
    ) -> None:
        """Opens a lane that the actor owns and posts on."""
        poster = self.pair.accounts[actor] if poster is None else poster
        events = self.attempt("open_lane", actor, poster, promise_key, ahead, value=value)
        if events:
            self.paid_in[events[0].arguments[0]] = value

    def post_leaves(self, lane: int, leaves: list[Leaf | None], narrow: bool = False) -> Batch | None:
        """Posts the leaves as a relayer builds them; ``narrow`` declares this second alone."""
        batch = build_batch(lane, self.spec.lanes[lane].next_seq, leaves)
        terms = self.spec.epochs[self.spec_epoch() - 1].terms
        oldest, newest = declared_range(leaves, self.evm.now, terms)
        if narrow:
            oldest = newest = self.evm.now
        poster = self.poster_of(lane)
        arguments = (lane, batch.first_seq, batch.count, oldest, newest, batch.tree.tile_roots, "data:x")
        if poster is None or not self.attempt("post", poster, *arguments):
            return None
        self.posted[batch.id] = batch
        for index in {0, batch.count // 2, batch.count - 1}:
            leaf = leaves[index]
            if leaf is not None:
                self.standings.watch(batch.id, index, leaf, tuple(batch.tree.proof(index)))
        return batch

    def prove(self, actor: int, kind: int, claim: Claim) -> bool:
        """Plays a proof; half of what it costs goes to the prover."""
        events = self.attempt("prove_fault", actor, kind, claim)
        if events:
            lane = claim.batch >> 64
            assert lane in self.dishonest, f"an honest lane was slashed by fault {kind}"
            self.note_slash(events[0].arguments[4], 50)
        return bool(events)

    def note_slash(self, slashed: int, *percents: int) -> None:
        """Remembers what a slash took, and what of it was credited."""
        self.slashed += slashed
        self.shared += sum(slashed // GWEI * percent // 100 * GWEI for percent in percents)

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    @precondition(lambda self: hasattr(self, "standings"))
    def holds(self) -> None:
        solvent(self.pair)
        half_is_burned(self.spec, self.slashed, self.shared, self.swept)
        honest = [lane for lane in self.paid_in if lane not in self.dishonest]
        honest_keep_their_stake(self.spec, self.paid_in, honest)
        self.standings.check()
        if self.pair.reads_cheaply:
            self.pair.compare_state(views_of_time=False)

    def teardown(self) -> None:
        if hasattr(self, "standings"):
            self.pair.compare_state()
            self.standings.check(everywhere=True)
            self.all_get_out()

    def all_get_out(self) -> None:
        """From where the run is, everyone could leave with what it is owed."""
        if self.is_bare:
            honest = self.paid_in.keys() - self.dishonest
            assert_all_get_out(self.pair, self.posted, self.promised, honest)
            self.spec = self.pair.spec

    # --- helpers -------------------------------------------------------------------------------

    def poster_of(self, lane: int) -> int | None:
        """The actor who may post on a lane; None where nobody may any more."""
        poster = self.spec.lanes[lane].poster
        return None if poster == ZERO_ADDRESS else self.pair.accounts.index(poster)

    def newest(self, batch: Batch) -> Batch:
        """The batch posted last, which can most likely be disputed; the given one where none was."""
        return next(reversed(self.posted.values()), batch)

    def give(self, actor: int, amount: int) -> None:
        """Makes an actor rich enough to overflow what the contract can hold, where that can be done."""
        if self.is_bare:
            self.evm.set_balance(self.pair.accounts[actor], amount)

    def batch_at(self, place: tuple[int, int]) -> Batch | None:
        """The batch that holds a (lane, seq), of those posted leaf by leaf."""
        lane, seq = place
        for batch in self.posted.values():
            if batch.lane == lane and batch.first_seq <= seq < batch.first_seq + batch.count:
                return batch
        return None

    def first_seq_at(self, place: tuple[int, int]) -> int:
        """The first number of the batch that holds a (lane, seq); 0 where none does."""
        lane, seq = place
        for identity, batch in self.spec.batches.items():
            first = identity - batch_id(lane, 0)
            if identity >> 64 == lane and first <= seq < first + batch.header.count:
                return first
        return 0

    def spec_epoch(self) -> int:
        """The number of the epoch that holds now."""
        newest = self.spec.epochs[-1]
        return len(self.spec.epochs) - (0 if self.evm.now >= newest.starts_at else 1)

    def make_leaf(self, kind: str) -> Leaf | None:
        """A leaf of that kind, unlike any before."""
        self.number += 1
        signer = signers()[self.number % 2]
        now, domain = self.evm.now, self.pair.domain
        match kind:
            case "empty":
                return None
            case "again" if self.last_leaf is not None:
                return self.last_leaf
            case "forged":
                return forged_leaf(signer, domain, now, self.number)
            case "unknown node":
                return leaf_of(secp_signer(2), domain, now, self.number)
            case "old":
                return leaf_of(signer, domain, now - 30 - self.number % 3, self.number)
            case "early":
                return leaf_of(signer, domain, now + 9 + self.number % 3, self.number)
            case "absurd":
                leaf = leaf_of(signer, domain, now, self.number)
                return Leaf(Receipt.from_words(leaf.receipt.words[:160] + b"\xff" * 32), leaf.signature)
        self.last_leaf = leaf_of(signer, domain, now, self.number)
        return self.last_leaf
