"""Relayers that commit faults on purpose, played from accounts of their own.

What they posted stays what they mean to have posted: after a reorganisation they post again what it took.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import SendOptions
from afterproof.demo.accounts import DevelopmentKey
from afterproof.protocol.answers import answers, tile_path
from afterproof.protocol.batching import Batch, build_batch, declared_range
from afterproof.protocol.promise import HeldPromise, SignedPromise, held_promises, promise_of
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.terms import ETHER
from tests.chaos.plan import Plant
from tests.support.blob_server import Blobs
from tests.support.ground import Ground
from tests.support.scene import forged_leaf, leaf_of

PATIENT: Final = SendOptions(poll=0.05, landing_timeout=60.0)
AHEAD: Final = 4096
STAKE: Final = 10 * ETHER
HOLDERS: Final = DevelopmentKey("a promise's holder"), DevelopmentKey("another holder")

Punishment = tuple[str, int, int]
"""What was proven, on which lane, at which number; of an attestation: no lane, and its own number."""


Tile = tuple[int, int]
"""A tile by its lane and first number."""


@dataclass(frozen=True)
class Crime:
    """A fault that was planted, how it is to be punished, and the ``tile`` that is to be demanded for it.

    ``promises`` are those that it breaks, as they are handed to a verifier.
    """

    plant: Plant
    punishments: frozenset[Punishment]
    tile: Tile | None = None
    promises: tuple[dict[str, Any], ...] = ()


@dataclass
class Posting:
    """A batch as it is to stand on the chain."""

    batch: Batch
    declared: tuple[int, int]
    uri: str


@dataclass
class Lane:
    """A lane on which a test posts whatever it likes; data is where ``blobs`` serves it."""

    on: Ground
    blobs: Blobs
    key: DevelopmentKey
    first: int
    """From which number on its receipts are made up: no two lanes' are alike."""
    postings: list[Posting] = field(default_factory=list)
    given: int = 0
    """How many numbers it gave away without ever posting anything there."""

    def __post_init__(self) -> None:
        self.on.fund(self.key.address)
        self.sender = EvmSender(self.on.url, self.on.deployment, self.key.private, options=PATIENT)
        self.number, _ = self.sender.open_lane(self.key.address, self.key.address, AHEAD, STAKE)
        self._made = self.first

    @property
    def end(self) -> int:
        """The number behind the last one that it means to have posted."""
        return self.postings[-1].batch.first_seq + self.postings[-1].batch.count if self.postings else 0

    def good(self, age: int = 0) -> Leaf:
        """A sound receipt, issued ``age`` seconds ago."""
        self._made += 1
        return leaf_of(self.on.node, self.on.domain, self.now - age, self._made)

    def forged(self) -> Leaf:
        """One whose signature is another's."""
        self._made += 1
        return forged_leaf(self.on.node, self.on.domain, self.now, self._made)

    def post(
        self, leaves: Sequence[Leaf], data: bytes | None = None, declared: tuple[int, int] | None = None
    ) -> Batch:
        """Post leaves, their data served, or other ``data`` in its place; b"": none."""
        batch = build_batch(self.number, self.end, leaves)
        name = f"{self.number}-{batch.first_seq}"
        if data != b"":
            self.blobs.kept[name] = batch.data if data is None else data
        declared = declared or declared_range(leaves, self.now, self.on.terms)
        self.postings.append(Posting(batch, declared, f"{self.blobs.url}/{name}"))
        self.again()
        return batch

    def again(self) -> int:
        """Post what the chain has not, or not any more; how many batches that were."""
        state = self.sender.lane(self.number)
        assert state is not None
        missing = [one for one in self.postings if one.batch.first_seq >= state.next_seq]
        for one in missing:
            batch, roots = one.batch, one.batch.tree.tile_roots
            self.sender.post(self.number, batch.first_seq, batch.count, *one.declared, roots, one.uri)
        return len(missing)

    def show(self, first_seq: int) -> None:
        """Show on chain what was demanded of the batch that begins at a number; it has one tile of one half."""
        (batch,) = (one.batch for one in self.postings if one.batch.first_seq == first_seq)
        (half,) = answers(batch.leaves)
        path = tile_path(batch.tree.tile_roots, 0)
        self.sender.answer_tile(batch.id, 0, half.half, half.data, half.other, path)

    def promise(self, seq: int, leaf: Leaf, include_by: int, holder: int = 0) -> dict[str, Any]:
        """Its promise of a number to a leaf, as it is handed to a verifier."""
        promise = promise_of(self.number, seq, [leaf.hash], include_by, HOLDERS[holder].address)
        signature = self.key.signer.sign_hash(promise.digest(self.on.promise_domain))
        (held,) = held_promises(SignedPromise(promise, signature), [leaf.hash])
        return to_watch(leaf.hash, held)

    @property
    def now(self) -> int:
        """The newest block's time."""
        return self.on.reader.head().timestamp


def to_watch(leaf: bytes, held: HeldPromise) -> dict[str, Any]:
    """What is handed to a verifier to watch."""
    return {"leafHash": "0x" + leaf.hex(), "promise": held.to_json()}


def commit(plant: Plant, lane: Lane, silent: Lane, others: int) -> Crime:
    """Plant a fault on ``lane`` among ``others`` sound receipts, or on ``silent``, where nothing is ever posted."""
    if plant is Plant.NEVER:
        place, silent.given = silent.given, silent.given + 1
        promise = silent.promise(place, silent.good(), lane.now + 1)
        return Crime(plant, _proven("MISSED_DEADLINE", silent, place), promises=(promise,))
    sound = [lane.good(age=3) for _ in range(others)]
    if plant in (Plant.LATE, Plant.OMITTED, Plant.DOUBLE):
        return _break_a_promise(plant, lane, sound)
    if plant in (Plant.WITHHELD, Plant.MISMATCHING, Plant.REVEALED):
        return _withhold(plant, lane, sound)
    return _post_falsely(plant, lane, sound)


def _proven(what: str, lane: Lane, place: int) -> frozenset[Punishment]:
    return frozenset({(what, lane.number, place)})


def _post_falsely(plant: Plant, lane: Lane, sound: list[Leaf]) -> Crime:
    """A batch whose last leaf, or whose range, is not what it should be."""
    earlier = lane.post([lane.good()]) if plant is Plant.REPEATED else None
    place = lane.end + len(sound)
    if plant is Plant.FORGED:
        lane.post([*sound, lane.forged()])
        return Crime(plant, _proven("BAD_SIGNATURE", lane, place))
    if plant is Plant.MISDECLARED:
        at = sound[0].receipt.issued_at
        lane.post([*sound, lane.good(age=60)], declared=(at, at))
        return Crime(plant, _proven("MISDECLARED_RANGE", lane, place))
    again = sound[0] if earlier is None else earlier.leaves[0]
    assert again is not None
    lane.post([*sound, again])
    return Crime(plant, _proven("DUPLICATE_RECEIPT", lane, place))


def _withhold(plant: Plant, lane: Lane, sound: list[Leaf]) -> Crime:
    """A batch whose data nobody can have, or which is another's."""
    first, place = lane.end, lane.end + len(sound)
    tile = lane.number, first
    if plant is Plant.REVEALED:
        lane.post([*sound, lane.forged()], data=b"")
        return Crime(plant, _proven("BAD_SIGNATURE", lane, place), tile)
    other = build_batch(lane.number, first, [lane.good() for _ in sound]).data
    lane.post(sound, data=other if plant is Plant.MISMATCHING else b"")
    return Crime(plant, _proven("WITHHELD", lane, first), tile)


def _break_a_promise(plant: Plant, lane: Lane, sound: list[Leaf]) -> Crime:
    """A batch whose last number was promised: for earlier, to another leaf, or to two."""
    place, promised, now = lane.end + len(sound), lane.good(), lane.now
    if plant is Plant.LATE:
        promise = lane.promise(place, promised, now - 1)
        lane.post([*sound, promised])
        return Crime(plant, _proven("MISSED_DEADLINE", lane, place), promises=(promise,))
    promise = lane.promise(place, promised, now + 60)
    if plant is Plant.OMITTED:
        lane.post([*sound, lane.good()])
        return Crime(plant, _proven("OMITTED_RECEIPT", lane, place), promises=(promise,))
    other = lane.promise(place, lane.good(), now + 60, holder=1)
    lane.post([*sound, promised])
    proven = _proven("DOUBLE_PROMISE", lane, place) | _proven("OMITTED_RECEIPT", lane, place)
    return Crime(plant, proven, promises=(promise, other))
