"""The batch tree in Solidity (contracts/libraries/BatchTree.sol) against RFC 9162's own recursive definition.

foldTiles
    when there are no tiles
        it should return zero
    when there are any others
        it should return the RFC's root over them, and so over the leaves beneath full tiles
rootOf
    when the proof is the RFC's
        it should return the root
    when the index, the size, the leaf or any node of the proof is another
        it should not return the root
    when the proof is too short or too long, or the index is not below the size
        it should return zero, whatever the numbers
contains
    when the root is zero
        it should answer false, even where rootOf returns zero
    when the proof leads to the root
        it should answer true
"""

from collections.abc import Iterator, Sequence

import pytest
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.protocol.merkle import BatchTree
from tests.support.calls import Node, View, chain

ZERO = bytes(32)
TILE = 256


def leaf(number: int) -> bytes:
    return keccak(b"\x00" + number.to_bytes(32))


def split(size: int) -> int:
    """The largest power of two smaller than the size."""
    return 1 << (size - 1).bit_length() - 1


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH, RFC 9162 section 2.1.1, over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return keccak(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH, RFC 9162 section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), root(leaves[k:])]
    return [*path(index - k, leaves[k:]), root(leaves[:k])]


LEAVES = [leaf(number) for number in range(1025)]

hashes = st.binary(min_size=32, max_size=32)
quick = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with chain() as running:
        yield running


@pytest.fixture(scope="module")
def tree(node: Node) -> View:
    return node.deploy("TreeHarness")


def root_of(tree: View, leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The library's answer, which must be that of the plain version."""
    found = tree.call("rootOf", leaf_hash, index, size, proof)
    assert found == tree.call("rootOfPlain", leaf_hash, index, size, proof)
    return found


# --- foldTiles -----------------------------------------------------------------------------------


def test_foldTiles_none_zero(tree: View) -> None:
    assert tree.call("foldTiles", []) == tree.call("foldTilesPlain", []) == ZERO


def test_foldTiles_everySizeTo600_rfcRoot(tree: View) -> None:
    for size in range(1, 601):
        assert tree.call("foldTiles", LEAVES[:size]) == root(LEAVES[:size]), size


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 255, 256, 257, 600])
def test_foldTiles_anySize_plainAgrees(tree: View, size: int) -> None:
    assert tree.call("foldTiles", LEAVES[:size]) == tree.call("foldTilesPlain", LEAVES[:size])


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513, 767, 768, 769, 1000, 1024, 1025])
def test_foldTiles_tileRoots_rootOfAllLeaves(tree: View, size: int) -> None:
    tiles = [root(LEAVES[start : min(start + TILE, size)]) for start in range(0, size, TILE)]
    assert tree.call("foldTiles", tiles) == root(LEAVES[:size])


@pytest.mark.parametrize("size", [0, 1, 2, 5, 64])
def test_foldTiles_betweenAllocations_leavesMemoryAlone(tree: View, size: int) -> None:
    expected = root(LEAVES[:size]) if size else ZERO
    assert tree.call("foldTilesBetweenAllocations", LEAVES[:size]) == expected


def test_foldTiles_mostTilesOfOnePost_agrees(tree: View) -> None:
    tiles = [leaf(number) for number in range(4000)]
    assert tree.call("foldTiles", tiles) == root(tiles)


# --- rootOf --------------------------------------------------------------------------------------


def test_rootOf_everyPlaceTo24_rfcRoot(tree: View) -> None:
    for size in range(1, 25):
        expected = root(LEAVES[:size])
        for index in range(size):
            proof = path(index, LEAVES[:size])
            assert root_of(tree, LEAVES[index], index, size, proof) == expected, (index, size)


@pytest.mark.parametrize("size", [100, 255, 256, 257, 600, 1023, 1024, 1025])
def test_rootOf_largerTrees_rfcRoot(tree: View, size: int) -> None:
    expected = root(LEAVES[:size])
    for index in sorted(
        {0, 1, size // 3, size // 2, size - 2, size - 1, split(size) - 1, split(size) % size}
    ):
        assert root_of(tree, LEAVES[index], index, size, path(index, LEAVES[:size])) == expected


def test_rootOf_tileInBatch_rfcRoot(tree: View) -> None:
    """A tile's root is proven with the same rule, among the tiles."""
    tiles = [root(LEAVES[start : start + TILE]) for start in range(0, 1025, TILE)]
    for index, tile in enumerate(tiles):
        assert root_of(tree, tile, index, len(tiles), path(index, tiles)) == root(LEAVES)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8])
def test_rootOf_proofOfAnotherPlace_notTheRoot(tree: View, size: int) -> None:
    expected = root(LEAVES[:size])
    for index in range(size):
        proof = path(index, LEAVES[:size])
        for claimed in range(size + 2):
            if claimed != index:
                assert root_of(tree, LEAVES[index], claimed, size, proof) != expected, (index, claimed)


@quick
@given(data=st.data())
def test_rootOf_anyNodeChanged_notTheRoot(tree: View, data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, size - 1))
    nodes = [LEAVES[index], *path(index, LEAVES[:size])]
    at, bit = data.draw(st.integers(0, len(nodes) - 1)), data.draw(st.integers(0, 255))
    nodes[at] = (int.from_bytes(nodes[at]) ^ 1 << bit).to_bytes(32)
    assert root_of(tree, nodes[0], index, size, nodes[1:]) not in (root(LEAVES[:size]), ZERO)


@quick
@given(size=st.integers(1, 300), data=st.data())
def test_rootOf_proofOfAnotherLength_zero(tree: View, size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = path(index, LEAVES[:size])
    wrong = [proof[:keep] for keep in range(len(proof))] + [[*proof, ZERO], [*proof, *proof, LEAVES[0]]]
    for malformed in wrong:
        assert root_of(tree, LEAVES[index], index, size, malformed) == ZERO


@quick
@given(
    index=st.one_of(st.integers(0, 20), st.integers(0, 2**256 - 1), st.integers(2**256 - 20, 2**256 - 1)),
    size=st.one_of(st.integers(0, 20), st.integers(0, 2**256 - 1), st.integers(2**256 - 20, 2**256 - 1)),
    proof=st.one_of(st.lists(hashes, max_size=6), st.lists(hashes, min_size=250, max_size=260)),
)
def test_rootOf_anyNumbers_neverReverts(tree: View, index: int, size: int, proof: list[bytes]) -> None:
    found = root_of(tree, LEAVES[0], index, size, proof)
    if index >= size:
        assert found == ZERO


def test_rootOf_indexNotBelowSize_zero(tree: View) -> None:
    for index, size in ((0, 0), (1, 1), (2, 1), (5, 4), (2**256 - 1, 2**256 - 1), (2**255, 1)):
        for proof in ([], [LEAVES[1]], LEAVES[:3]):
            assert root_of(tree, LEAVES[0], index, size, proof) == ZERO


def test_rootOf_innerNodeAsLeaf_onlyAtItsOwnLevel(tree: View) -> None:
    """An inner node leads to the root in a smaller tree: the root does not commit to the size, so the header must."""
    pairs = [root(LEAVES[0:2]), root(LEAVES[2:4])]
    assert root_of(tree, pairs[0], 0, 2, [pairs[1]]) == root(LEAVES[:4])
    assert root_of(tree, pairs[0], 0, 4, [pairs[1]]) == ZERO


# --- contains ------------------------------------------------------------------------------------


def test_contains_rfcProof_true(tree: View) -> None:
    proof = path(5, LEAVES[:7])
    assert tree.call("contains", root(LEAVES[:7]), LEAVES[5], 5, 7, proof)
    assert not tree.call("contains", root(LEAVES[:6]), LEAVES[5], 5, 7, proof)
    assert not tree.call("contains", root(LEAVES[:7]), LEAVES[4], 5, 7, proof)


def test_contains_zeroRoot_false(tree: View) -> None:
    """The root of a batch that was never posted reads zero, and a misshapen proof leads to zero as well."""
    for args in ((LEAVES[0], 0, 0, []), (LEAVES[0], 3, 2, []), (LEAVES[0], 0, 2, []), (ZERO, 0, 1, [])):
        assert root_of(tree, *args) == ZERO
        assert not tree.call("contains", ZERO, *args)


# --- gas -----------------------------------------------------------------------------------------


def test_measure_againstPlain_theAssemblyIsWorthIt(tree: View) -> None:
    used, plain = tree.call("measureFoldTiles", LEAVES[:401])
    assert used / 400 < 150 and plain > 4 * used
    used, plain = tree.call("measureRootOf", LEAVES[500], 500, 1024, path(500, LEAVES[:1024]))
    assert used < 2_400 and plain > 2.4 * used


def test_proofs_of_all_leaves_are_the_proofs_of_each() -> None:
    for size in (*range(1, 70), 255, 256, 257, 1000):
        tree = BatchTree([keccak(b"%d" % number) for number in range(size)])
        assert tree.proofs() == [tuple(tree.proof(index)) for index in range(size)]
