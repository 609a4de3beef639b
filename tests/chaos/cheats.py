"""Relayers that commit faults on purpose, played from accounts of their own, and whoever posts attestations.

What they posted stays what they mean to have posted: after a reorganisation they post again what it took.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from afterproof.attestation.claims import claims_of
from afterproof.attestation.document import parse
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import SendOptions
from afterproof.demo.accounts import DevelopmentKey
from afterproof.protocol.attestations import Claims
from afterproof.protocol.batching import Batch, build_batch, declared_range
from afterproof.protocol.promise import HeldPromise, SignedPromise, held_promises, promise_of
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.signing import Signer
from afterproof.protocol.terms import ETHER
from tests.chaos.plan import Plant
from tests.support.blob_server import Blobs
from tests.support.ground import Ground
from tests.support.nitro_authority import PCRS, Authority, gateway_data
from tests.support.nitro_world import OTHER_PCRS, measurement_of
from tests.support.on_registry import registration
from tests.support.scene import forged_leaf, leaf_of

PATIENT: Final = SendOptions(poll=0.05, landing_timeout=60.0)
AHEAD: Final = 4096
STAKE: Final = 10 * ETHER
AUTHORITY: Final = Authority(b"chaos")
HOLDERS: Final = DevelopmentKey("a promise's holder"), DevelopmentKey("another holder")

Punishment = tuple[str, int, int]
"""What was proven, on which lane, at which number; of an attestation: no lane, and its own number."""


@dataclass
class Crime:
    """A fault that was planted, and how it is to be punished."""

    plant: Plant
    punishments: frozenset[Punishment]


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
        return leaf_of(self.on.node, self.on.domain, self._now() - age, self._made)

    def forged(self) -> Leaf:
        """One whose signature is another's."""
        self._made += 1
        return forged_leaf(self.on.node, self.on.domain, self._now(), self._made)

    def post(
        self, leaves: Sequence[Leaf], data: bytes | None = None, declared: tuple[int, int] | None = None
    ) -> Batch:
        """Post leaves, their data served, or other ``data`` in its place; b"": none."""
        batch = build_batch(self.number, self.end, leaves)
        name = f"{self.number}-{batch.first_seq}"
        if data != b"":
            self.blobs.kept[name] = batch.data if data is None else data
        declared = declared or declared_range(leaves, self._now(), self.on.terms)
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

    def promise(self, seq: int, leaf: Leaf, include_by: int, holder: int = 0) -> dict[str, Any]:
        """Its promise of a number to a leaf, as it is handed to a verifier."""
        promise = promise_of(self.number, seq, [leaf.hash], include_by, HOLDERS[holder].address)
        signature = self.key.signer.sign_hash(promise.digest(self.on.promise_domain))
        (held,) = held_promises(SignedPromise(promise, signature), [leaf.hash])
        return to_watch(leaf.hash, held)

    def _now(self) -> int:
        return self.on.reader.head().timestamp


def to_watch(leaf: bytes, held: HeldPromise) -> dict[str, Any]:
    """What is handed to a verifier to watch."""
    return {"leafHash": "0x" + leaf.hex(), "promise": held.to_json()}


def commit(
    plant: Plant, lane: Lane, silent: Lane, others: int
) -> tuple[frozenset[Punishment], list[dict[str, Any]]]:
    """Plant a fault on ``lane`` among ``others`` sound receipts, or on ``silent``, where nothing is ever posted.

    How it is to be punished, and the promises of it that are to be watched.
    """
    sound = [lane.good(age=3) for _ in range(others)]
    now = lane.on.reader.head().timestamp
    first = lane.end
    place = first + others
    match plant:
        case Plant.FORGED:
            lane.post([*sound, lane.forged()])
            return frozenset({("BAD_SIGNATURE", lane.number, place)}), []
        case Plant.DUPLICATE:
            lane.post([*sound, sound[0]])
            return frozenset({("DUPLICATE_RECEIPT", lane.number, place)}), []
        case Plant.REPEATED:
            earlier = lane.post([lane.good()])
            lane.post([*sound, *earlier.leaves])  # type: ignore[list-item]
            return frozenset({("DUPLICATE_RECEIPT", lane.number, place + 1)}), []
        case Plant.MISDECLARED:
            at = sound[0].receipt.issued_at
            lane.post([*sound, lane.good(age=60)], declared=(at, at))
            return frozenset({("MISDECLARED_RANGE", lane.number, place)}), []
        case Plant.WITHHELD:
            lane.post(sound, data=b"")
            return frozenset({("WITHHELD", lane.number, first)}), []
        case Plant.MISMATCHING:
            lane.post(sound, data=build_batch(lane.number, first, [lane.good() for _ in sound]).data)
            return frozenset({("WITHHELD", lane.number, first)}), []
        case Plant.LATE:
            promise = lane.promise(place, last := lane.good(age=3), now - 1)
            lane.post([*sound, last])
            return frozenset({("MISSED_DEADLINE", lane.number, place)}), [promise]
        case Plant.OMITTED:
            promise = lane.promise(place, lane.good(), now + 60)
            lane.post([*sound, lane.good()])
            return frozenset({("OMITTED_RECEIPT", lane.number, place)}), [promise]
        case Plant.DOUBLE:
            kept, broken = lane.good(), lane.good()
            promises = [lane.promise(place, kept, now + 60), lane.promise(place, broken, now + 60, 1)]
            lane.post([*sound, kept])
            faults = "DOUBLE_PROMISE", "OMITTED_RECEIPT"
            return frozenset((fault, lane.number, place) for fault in faults), promises
        case Plant.NEVER:
            promise = silent.promise(silent.given, silent.good(), now + 1)
            silent.given += 1
            return frozenset({("MISSED_DEADLINE", silent.number, silent.given - 1)}), [promise]
    raise AssertionError(plant)


@dataclass
class Attested:
    """An attestation as it is to stand in the registry."""

    number: int
    sender: EvmSender
    node: Signer
    claims: Claims
    uri: str


class Attesters:
    """Two operators that post attestations of nodes of their own: the ``honest`` one true ones, the ``cheat`` false."""

    def __init__(self, on: Ground, blobs: Blobs, honest: DevelopmentKey, cheat: DevelopmentKey) -> None:
        on.fund(honest.address, cheat.address)
        self.on, self.blobs = on, blobs
        self.honest, self.cheat = (
            EvmSender(on.url, on.deployment, key.private, options=PATIENT) for key in (honest, cheat)
        )
        self.posted: list[Attested] = []

    def attest(self, is_true: bool) -> int:
        """Post an attestation of a new node: of the code that its document says, or of other code. Its number."""
        sender = self.honest if is_true else self.cheat
        node = DevelopmentKey(f"attested node {len(self.posted)}").signer
        at = self.on.reader.head().timestamp
        data = gateway_data(b"tls", node.public_key)
        document = parse(AUTHORITY.issue(at, user_data=data, pcrs=PCRS if is_true else OTHER_PCRS).raw)
        claims = claims_of(document, document.seconds + 40_000, sender.account, sender.account)
        claims = replace(claims, measurement=measurement_of(PCRS))
        name = f"document-{document.hash.hex()[:16]}"
        self.blobs.kept[name] = document.raw
        number = self.on.reader.attestation_count() + 1
        self.posted.append(Attested(number, sender, node, claims, f"{self.blobs.url}/{name}"))
        self.again()
        return number

    def again(self) -> int:
        """Post what the registry has not, or not any more, each under its number; how many those were."""
        missing = [one for one in self.posted if self.on.reader.node(one.node.node) is None]
        for one in missing:
            bond = one.sender.registry_terms().bond
            signature = registration(one.sender, one.node, one.claims)
            number, _ = one.sender.post_attestation(one.claims, one.node.public_key, signature, one.uri, bond)
            assert number == one.number
        return len(missing)
