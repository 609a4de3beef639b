"""Packed leaves, and the bits of a void map: the same bytes and numbers in Python and in Solidity."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.protocol.errors import InvalidData
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.packing import hash_of, pack, unpack
from afterproof.protocol.receipt import EMPTY_LEAF_HASH, Leaf, Receipt, keccak
from tests.support.evm import Contract, Evm


def leaf_of(seed: int, size: int) -> Leaf:
    """A leaf of made-up words and a signature of ``size`` bytes."""
    words = [keccak(b"%d %d" % (seed, i)) for i in range(14)]
    return Leaf(Receipt.from_words(b"".join(words[:6])), b"".join(words[6:])[:size])


LEAF = st.builds(leaf_of, st.integers(0, 99), st.sampled_from([0, 1, 64, 65, 255, 256]))
LEAVES = st.lists(st.none() | LEAF, min_size=1, max_size=9)


@cache
def harness(name: str) -> Contract:
    return Evm(gas=100_000_000).deploy(name)


def root_of(data: bytes, count: int) -> bytes:
    """The root over packed leaves as Python has it; zero where the bytes are none."""
    try:
        leaves = unpack(data, count)
    except InvalidData:
        return bytes(32)
    return BatchTree([hash_of(leaf) for leaf in leaves]).root


def same_root(data: bytes, count: int) -> bytes:
    """The root that the library, in clean and in dirty memory, plain Solidity and Python agree on."""
    contract, expected = harness("PackedLeavesHarness"), root_of(data, count)
    for function in ("root", "rootBetweenAllocations", "rootPlain"):
        assert contract.call(function, data, count) == expected, function
    return expected


@given(LEAVES)
@settings(max_examples=60, deadline=None)
def test_packed_leaves_have_the_root_of_their_tree(leaves: list[Leaf | None]) -> None:
    assert same_root(pack(leaves), len(leaves)) == BatchTree([hash_of(leaf) for leaf in leaves]).root


@given(LEAVES, st.data())
@settings(max_examples=150, deadline=None)
def test_nearly_packed_leaves_are_judged_alike(leaves: list[Leaf | None], data: st.DataObject) -> None:
    packed, count = bytearray(pack(leaves)), len(leaves)
    # Where the leaves begin: a length there decides how all that follows is read.
    starts = [len(pack(leaves[:i])) for i in range(count)]
    at = data.draw(st.sampled_from(starts) | st.integers(0, len(packed) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "drop", "add", "length", "count"])):
        case "flip":
            packed[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del packed[at:]
        case "drop":
            del packed[at]
        case "add":
            packed[at:at] = data.draw(st.binary(min_size=1, max_size=3))
        case "length":
            size = data.draw(st.sampled_from([0, 1, 65, 255, 256, 257, 0x7FFF, 0xFF00, 0xFFFE, 0xFFFF]))
            packed[at : at + 2] = size.to_bytes(2)
        case "count":
            count = data.draw(st.integers(1, 12))
    same_root(bytes(packed), count)


@pytest.mark.parametrize("count", [1, 2, 3, 127, 128])
def test_a_half_of_the_longest_and_the_shortest_leaves(count: int) -> None:
    receipt = Receipt(*[keccak(b"%d" % i) for i in range(5)], 2**256 - 1)
    longest = [Leaf(receipt, b"\xff" * 256)] * count
    assert same_root(pack(longest), count) != bytes(32)
    shortest = [None] * count
    assert same_root(pack(shortest), count) == BatchTree([EMPTY_LEAF_HASH] * count).root
    for data in (pack(longest), pack(shortest)):
        for wrong in (data[:-1], data + b"\0", data + b"\xff", data + b"\xff\xff", b""):
            assert same_root(wrong, count) == bytes(32)


def test_packed_leaves_are_read_within_their_own_bytes() -> None:
    # What follows the data in the calldata, here zeros of its padding, is none of it: a leaf without signature.
    leaf = Leaf(Receipt(*[bytes(32)] * 5, 0), b"")
    packed = pack([leaf])
    assert same_root(packed, 1) == leaf.hash
    for missing in (1, 2, 31, 32, 193):
        assert same_root(packed[:-missing], 1) == bytes(32)


@given(st.integers(0, 2**256 - 1))
@settings(deadline=None)
def test_bits_are_counted_alike(word: int) -> None:
    assert harness("BitsHarness").call("count", word) == word.bit_count()


def test_bits_of_every_single_one_every_run_and_every_gap_are_counted_alike() -> None:
    contract, full = harness("BitsHarness"), 2**256 - 1
    for i in range(256):
        for word in (1 << i, full ^ 1 << i, full >> i, full << i & full):
            assert contract.call("count", word) == word.bit_count()
    assert contract.call("count", full) == 256
    assert contract.call("count", 0) == 0
