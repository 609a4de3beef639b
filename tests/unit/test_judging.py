"""Judging a tile in columns (protocol/judging.py, columns.py), against the judge of single leaves.

a tile's leaves
├── of every kind, in any order → it should find what the judge says of each by itself
│   ├── sound ones, empty ones, forged ones, of every scheme
│   ├── issued on, before and after each bound, and beyond 64 bits
│   ├── of nodes that are not known, or not live any more
│   └── with fields or signatures that their scheme has no place for
├── with one that the declared range leaves out → it should find the first, whatever else it is
├── with a fault → its proof should lead from its leaf to the batch's root
├── that are not those that were posted, or of another number → it should say nothing of them
└── a job should be the same after it was sent elsewhere
packed leaves in columns
├── they should be what they are leaf by leaf, whatever the signatures' lengths
└── with bytes missing, too many or wrong → they should be refused alike
"""

import pickle
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.protocol.attestations import NodeRecord
from afterproof.protocol.columns import Columns, _walked, columns_of, first_columns
from afterproof.protocol.errors import InvalidData
from afterproof.protocol.header import Header
from afterproof.protocol.judge import Dispute, Judge, Void, judge_posted, judge_range
from afterproof.protocol.judging import (
    MOST_FAULTS,
    Fault,
    Findings,
    Roots,
    TileFindings,
    TileJob,
    Timely,
    judge_tile,
)
from afterproof.protocol.merkle import BatchTree, root_of
from afterproof.protocol.packing import hash_of, pack, unpack
from afterproof.protocol.receipt import Domain, Leaf, Receipt, digest
from afterproof.protocol.signing import Signer
from afterproof.protocol.state import FaultKind
from afterproof.protocol.terms import DEMO
from afterproof.steps.watch import watch
from tests.support.lane import OwnLane
from tests.support.scene import forged_leaf, leaf_of, p256_signer, receipt_of, rsa_signer, secp_signer
from tests.support.world import OPERATOR, OWNER, World

Nodes = dict[bytes, NodeRecord | None]
SIGNERS: tuple[Signer, ...] = (secp_signer(0), rsa_signer(), p256_signer())
DEAD = p256_signer(1)


class Stage:
    """The header of a batch as the chain has it, the registry's records then, and leaves of every kind."""

    def __init__(self, folder: Path) -> None:
        world = World(folder)
        owner = world.chain.account_view(OWNER)
        for signer in (*SIGNERS[1:], DEAD):
            owner.endorse(signer.public_key, OPERATOR)
        world.wait(5)
        owner.revoke(DEAD.node, world.now - 2, "lost")
        batch = OwnLane(world).post(world.signed(0).leaf)
        verifier = world.verifier()
        while watch(verifier):
            pass
        posted, cursor = verifier.store.batches.posted(batch.id), verifier.store.chain.cursor()
        assert posted is not None and cursor is not None
        self.domain: Domain = world.domain
        self.header: Header = posted.header
        names = [signer.node for signer in (*SIGNERS, DEAD, secp_signer(98))]
        self.nodes: Nodes = {name: verifier.store.registry.node(name, cursor.timestamp) for name in names}
        verifier.store.close()
        self.kinds = [leaf for signer in (*SIGNERS, DEAD, secp_signer(98)) for leaf in self._of(signer)]
        self.kinds += [None, None]

    def _of(self, signer: Signer) -> list[Leaf]:
        anchor, domain = self.header.anchor, self.domain
        bounds = (anchor - DEMO.max_posting_delay, anchor + DEMO.max_clock_skew)
        times = [bounds[0] - 1, bounds[0], anchor, anchor, anchor - 1, bounds[1], bounds[1] + 1, 0]
        found = [leaf_of(signer, domain, at, number) for number, at in enumerate(times)]
        found += [forged_leaf(signer, domain, anchor, number) for number in range(20, 22)]
        good = leaf_of(signer, domain, anchor, 30)
        found += [Leaf(good.receipt, signature) for signature in _wrong(good.signature)]
        for name in ("model", "evidence"):
            other = replace_field(receipt_of(signer, anchor, 31), name)
            found.append(Leaf(other, signer.sign_hash(digest(other, signer.scheme, domain))))
        for beyond in (2**64 + anchor, 2**63, 2**255):
            late = receipt_of(signer, beyond, 32)
            found.append(Leaf(late, signer.sign_hash(digest(late, signer.scheme, domain))))
        return found

    def job(
        self, leaves: list[Leaf | None], declared: tuple[int, int] | None = None, tile: int = 0
    ) -> TileJob:
        """A tile of these."""
        anchor = self.header.anchor
        oldest, newest = declared or (anchor - DEMO.max_posting_delay, anchor + DEMO.max_clock_skew)
        header = replace(self.header, count=256 * tile + len(leaves), oldest=oldest, span=newest - oldest)
        root = BatchTree([hash_of(leaf) for leaf in leaves]).root
        columns = columns_of(pack(leaves), len(leaves))
        return TileJob(tile, columns, root, header, header.window_end, DEMO, self.nodes, self.domain)


def _wrong(signature: bytes) -> list[bytes]:
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    return [
        b"",
        signature[:-1],
        (b"\0" + signature)[:256],
        bytes(256),
        b"\xff" * 65,
        flipped,
        bytes(64),
        b"\0" + signature[1:],
    ]


def replace_field(receipt: Receipt, name: str) -> Receipt:
    place = {"model": 32, "evidence": 128}[name]
    return Receipt.from_words(receipt.words[:place] + b"\1" * 32 + receipt.words[place + 32 :])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("judging"))


def plainly(
    stage: Stage, job: TileJob, leaves: list[Leaf | None]
) -> tuple[set[int], dict[int, Dispute], int | None]:
    """Which are void, which at fault, and the first that the range leaves out: leaf by leaf."""
    voids, faults, ranged = set[int](), dict[int, Dispute](), None
    for place, leaf in enumerate(leaves, 256 * job.tile):
        node = stage.nodes[leaf.receipt.node] if leaf is not None else None
        verdict = judge_posted(leaf, job.header, job.end, DEMO, node, stage.domain)
        if isinstance(verdict, Void):
            voids.add(place)
        elif isinstance(verdict, Dispute):
            faults[place] = verdict
        if ranged is None and judge_range(leaf, job.header, DEMO) is not None:
            ranged = place
    return voids, faults, ranged


def compare(stage: Stage, job: TileJob, leaves: list[Leaf | None]) -> TileFindings:
    """Judge a tile in columns and leaf by leaf: the same."""
    found = judge_tile(job)
    assert found is not None
    voids, faults, ranged = plainly(stage, job, leaves)
    first = 256 * job.tile
    assert found.voids == voids and found.size == len(leaves)
    assert found.empties == {first + place for place, leaf in enumerate(leaves) if leaf is None}
    assert {one.index: Dispute(one.kind, one.evidence) for one in found.faults} == faults
    assert [one.index for one in found.faults] == sorted(faults)
    assert (found.ranged.index if found.ranged is not None else None) == ranged
    assert found.accepted == len(leaves) - len(voids) - len(faults)
    for fault in (*found.faults, *([found.ranged] if found.ranged is not None else [])):
        assert fault.leaf == leaves[fault.index - first]
        assert root_of(fault.leaf.hash, fault.index - first, len(leaves), fault.proof) == job.root
    anchor = job.header.anchor
    timely = [
        (first + place, leaf.receipt.issued_at, sha256(leaf.receipt.words).digest())
        for place, leaf in enumerate(leaves)
        if leaf is not None
        and anchor - DEMO.max_posting_delay <= leaf.receipt.issued_at <= anchor + DEMO.max_clock_skew
    ]
    assert list(found.timely) == timely
    return found


def test_every_kind_of_leaf_is_found_what_it_is_by_itself(stage: Stage) -> None:
    found = compare(stage, stage.job(stage.kinds), stage.kinds)
    # The stage has some of each: a comparison of nothings would say nothing.
    assert (
        found.accepted >= 12
        and len(found.faults) >= 25
        and len(found.voids) >= 30
        and len(found.empties) == 2
    )
    assert {one.kind for one in found.faults} == {FaultKind.BAD_SIGNATURE}
    assert {one.evidence for one in found.faults} == {signer.public_key for signer in SIGNERS}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_leaves_in_any_order_are_found_what_they_are_by_themselves(stage: Stage, data: st.DataObject) -> None:
    places = st.integers(0, len(stage.kinds) - 1)
    leaves = [stage.kinds[place] for place in data.draw(st.lists(places, min_size=1, max_size=24))]
    anchor = stage.header.anchor
    oldest, newest = sorted(data.draw(st.tuples(*[st.integers(anchor - 40, anchor + 20)] * 2)))
    compare(stage, stage.job(leaves, (oldest, newest), data.draw(st.integers(0, 3))), leaves)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_leaves_with_scrambled_bytes_are_found_what_they_are(stage: Stage, data: st.DataObject) -> None:
    good = stage.kinds[data.draw(st.sampled_from([2, 25, 48]))]
    assert good is not None
    raw = bytearray(good.receipt.words + good.signature)
    raw[data.draw(st.integers(32, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    leaf = Leaf(Receipt.from_words(bytes(raw[:192])), bytes(raw[192:]))
    compare(stage, stage.job([good, leaf]), [good, leaf])


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.scheme.value)
def test_tile_of_one_node_is_found_what_its_leaves_are(stage: Stage, signer: Signer) -> None:
    """What is seen at once of such a tile, and what is not: one leaf of each kind among good ones of that node."""
    anchor = stage.header.anchor
    good: list[Leaf | None] = [leaf_of(signer, stage.domain, anchor - n % 3, 50 + n) for n in range(4)]
    assert compare(stage, stage.job(good), good).accepted == 4
    for other in stage.kinds:
        mixed = [*good[:2], other, *good[2:]]
        compare(stage, stage.job(mixed), mixed)


def test_first_leaf_that_the_range_leaves_out_is_found_beside_its_verdict(stage: Stage) -> None:
    anchor, domain = stage.header.anchor, stage.domain
    within, forged = leaf_of(SIGNERS[0], domain, anchor, 1), forged_leaf(SIGNERS[0], domain, anchor - 1, 2)
    stranger = leaf_of(secp_signer(98), domain, anchor - 2, 3)
    for leaves, place in (([within, forged, stranger], 1), ([within, stranger, forged], 1), ([within], None)):
        found = compare(stage, stage.job([*leaves], (anchor, anchor)), [*leaves])
        assert (found.ranged.index if found.ranged is not None else None) == place


def test_proof_of_a_fault_leads_to_the_batchs_root(stage: Stage) -> None:
    good, forged = stage.kinds[2], forged_leaf(SIGNERS[1], stage.domain, stage.header.anchor, 5)
    leaves = [good] * 300
    leaves[290] = forged
    tree = BatchTree([hash_of(leaf) for leaf in leaves])
    found = judge_tile(stage.job(leaves[256:], tile=1))
    assert found is not None
    (fault,) = map(Roots(tree.tile_roots).whole, found.faults)
    assert fault.index == 290 and list(fault.proof) == tree.proof(290)


def test_leaves_that_were_not_posted_are_not_judged(stage: Stage) -> None:
    leaves = [stage.kinds[2], stage.kinds[3], stage.kinds[8]]
    job = stage.job(leaves)
    assert judge_tile(job) is not None
    for other in ([leaves[1], leaves[0], leaves[2]], [*leaves[:2], None], leaves[:2], [*leaves, None]):
        assert judge_tile(replace(job, columns=Columns.of(other))) is None


def test_job_is_the_same_where_it_is_sent(stage: Stage) -> None:
    job = stage.job(stage.kinds)
    sent = pickle.loads(pickle.dumps(job))
    assert sent == job and judge_tile(sent) == judge_tile(job)
    assert pickle.loads(pickle.dumps(judge_tile(job))) == judge_tile(job)


def test_judge_that_judged_leaves_says_the_same_in_columns(stage: Stage) -> None:
    judge = Judge(stage.header.anchor, stage.header.window_end, DEMO, stage.nodes.get, stage.domain)
    said = {
        place: verdict
        for place, leaf in enumerate(stage.kinds)
        if isinstance(verdict := judge.verdict(leaf), Void | Dispute)
    }
    assert judge.look(Columns.of(stage.kinds))[0] == said


def test_findings_keep_the_first_faults_and_the_first_range() -> None:
    def fault(index: int) -> Fault:
        return Fault(index, FaultKind.BAD_SIGNATURE, b"", leaf, ())

    leaf = Leaf(Receipt.from_words(bytes(192)), b"")
    found = Findings()
    for tile in (2, 0, 1):
        times = Timely([256 * tile], [100 + tile], [bytes(32)])
        faults = tuple(fault(256 * tile + place) for place in range(256))
        found.add(TileFindings(tile, 256, frozenset(), frozenset(), faults, fault(256 * tile + 7), times))
    assert len(found.faults) == MOST_FAULTS and found.faulty == 768 and found.times == (100, 102)
    assert found.disputable[0].index == 7 and len(found.disputable) == MOST_FAULTS + 1


# --- columns ----------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_columns_are_what_they_are_leaf_by_leaf(data: st.DataObject) -> None:
    lengths = st.lists(st.sampled_from([None, 0, 1, 64, 65, 65, 65, 256]), min_size=1, max_size=12)
    leaves = [
        None if length is None else Leaf(Receipt.from_words(bytes([place]) * 192), bytes([place]) * length)
        for place, length in enumerate(data.draw(lengths))
    ]
    packed, count = pack(leaves), len(leaves)
    assert unpack(packed, count) == leaves == columns_of(packed, count).leaves()
    assert columns_of(packed, count) == _walked(packed, count)[0] == Columns.of(leaves)
    assert Columns.of(leaves).hashes() == [hash_of(leaf) for leaf in leaves]
    assert first_columns(packed + b"more", count)[1] == len(packed)
    scrambled = bytearray(packed)
    scrambled[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    for wrong in (bytes(scrambled), packed[: data.draw(st.integers(0, len(packed)))], packed + b"\0"):
        assert _outcome(wrong, count, fast=True) == _outcome(wrong, count, fast=False)


def _outcome(data: bytes, count: int, fast: bool) -> object:
    try:
        return (first_columns if fast else _walked)(data, count)
    except InvalidData as error:
        return str(error)
