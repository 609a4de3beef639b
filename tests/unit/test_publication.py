"""Published data: what is compressed is what is read, and nothing that a stranger serves unpacks to more than it may.

a batch's leaves
├── it should be read again as they are, compressed or packed, whole or tile by tile, in chunks of any size
├── it should be what any gzip program unpacks into the packed leaves
├── it should keep within the bytes that a reader takes, also where nothing can be compressed
└── it should take less than its packed leaves where these repeat their node and model
bytes that somebody serves
├── when a member unpacks to more than its leaves can have → it should stop there, with little memory
├── when they end early, go on, are cut wrongly into tiles, or are scrambled → it should say so
└── when nobody said how many leaves there are → it should read them all the same, up to a limit
the command
├── it should show root, leaves and sizes, as text and JSON, of a file and of an address
└── when there is nothing to read, or nothing of the form → it should say so
"""

import contextlib
import gzip
import json
import os
import tracemalloc
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.cli.app import main
from afterproof.protocol.batching import TILE, build_batch, rebuild_batch
from afterproof.protocol.errors import InvalidData
from afterproof.protocol.packing import MAX_PACKED_LEAF, pack
from afterproof.protocol.publication import (
    _member,
    most_bytes,
    publication,
    read_publication,
    read_tiles,
    read_unknown,
)
from afterproof.protocol.receipt import Leaf, Receipt

COUNTS = (1, 2, 255, 256, 257, 512, 600)


@cache
def leaves(count: int, noise: bool = False) -> tuple[Leaf | None, ...]:
    """Leaves of one node and model; with ``noise`` nothing in them repeats, and they are as long as can be."""
    made: list[Leaf | None] = []
    for number in range(count):
        node, model = (os.urandom(32), os.urandom(32)) if noise else (b"\1" * 32, b"\2" * 32)
        words = node + model + os.urandom(96) + number.to_bytes(32)
        made.append(Leaf(Receipt.from_words(words), os.urandom(256 if noise else 65)))
    if count > 1 and not noise:
        made[1] = None
    return tuple(made)


def chunked(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("count", COUNTS)
def test_what_is_published_is_read_again(count: int) -> None:
    given_ = leaves(count)
    data = publication(given_)
    assert read_publication(data, count) == list(given_) == read_publication(pack(given_), count)
    assert gzip.decompress(data) == pack(given_)
    tiles = [list(given_[at : at + TILE]) for at in range(0, count, TILE)]
    for size in (7, 1000, 10**9):
        assert list(read_tiles(chunked(data, size), count)) == tiles
        assert list(read_unknown(chunked(data, size), count)) == tiles
    batch = build_batch(1, 0, given_)
    assert batch.data == data and rebuild_batch(1, 0, count, batch.tree.root, data).leaves == given_


def test_published_data_is_smaller_than_packed_leaves_that_repeat_themselves() -> None:
    assert len(publication(leaves(512))) < 0.78 * len(pack(leaves(512)))


@pytest.mark.parametrize("count", COUNTS)
def test_published_data_that_cannot_be_compressed_keeps_within_the_limit(count: int) -> None:
    data = publication(leaves(count, noise=True))
    assert len(data) <= most_bytes(count)
    member = _member(os.urandom(min(count, TILE) * MAX_PACKED_LEAF))  # worse than any leaves are
    assert count * MAX_PACKED_LEAF < len(member) + max(0, count - TILE) * MAX_PACKED_LEAF <= most_bytes(count)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(300_000_000), 9)
    assert len(bomb) < 300_000
    tracemalloc.start()
    for read in (lambda: read_publication(bomb, 600), lambda: list(read_unknown([bomb], 600))):
        with pytest.raises(InvalidData, match=f"tile 0.*more than the {TILE * MAX_PACKED_LEAF} bytes"):
            read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_bytes_that_are_not_the_leaves_are_refused() -> None:
    given_ = leaves(300)
    data, packed = publication(given_), pack(given_)
    first = publication(given_[:256])
    cases = {
        "ends before it": [first, data[:-1], data[: len(first) + 3], b"\x1f\x8b"],
        "bytes follow the last of 300 leaves, in 2 tiles": [data + b"\0", data + gzip.compress(b""), packed + b"\0"],
        "tile 0 of 2": [
            gzip.compress(packed), publication(given_[:255]) + publication(given_[255:]), data[len(first) :] + first,
        ],
        "tile 1 of 2": [
            first + publication(given_[256:299]), first + b"\0" * 20, first + gzip.compress(b"") + data[len(first) :],
            first + pack(given_[256:]), pack(given_[:256]) + data[len(first) :],
        ],
        "no gzip member": [first[:-8] + bytes(8) + data[len(first) :]],
        "is longer than": [zlib.compress(packed)],
        "ends before it|ends within it": [b"", packed[:-1]],
    }  # fmt: skip
    for why, all_of_it in cases.items():
        for one in all_of_it:
            with pytest.raises(InvalidData, match=why):
                read_publication(one, 300)


def test_tiles_of_an_unknown_batch_are_full_but_for_the_last_and_bounded() -> None:
    parts = [publication(leaves(255)), publication(leaves(256))]
    for data, why in (
        (parts[0] + parts[1], "fewer than 256 leaves"),
        (parts[1] + parts[1], "400 at most"),
        (gzip.compress(b""), "1 to 256 leaves"),
        (gzip.compress(pack(leaves(257))), "1 to 256 leaves"),
    ):
        with pytest.raises(InvalidData, match=why):
            list(read_unknown([data], 400))


@settings(max_examples=200)
@given(st.data())
def test_scrambled_bytes_are_read_as_they_were_or_refused(data: st.DataObject) -> None:
    good = bytearray(publication(leaves(257)))
    for _ in range(data.draw(st.integers(1, 3))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    for read in (
        lambda: read_publication(bytes(good), 257),
        lambda: [leaf for tile in read_unknown([bytes(good)], 257) for leaf in tile],
    ):
        with contextlib.suppress(InvalidData):
            assert read() == list(leaves(257))


# --- the command ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [publication, pack])
def test_inspect_shows_what_a_file_holds(
    form: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given_ = leaves(600)
    file = tmp_path / "batch"
    file.write_bytes(form(given_))
    assert main(["data", "inspect", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    tree = build_batch(1, 0, given_).tree
    assert found == {
        "root": "0x" + tree.root.hex(), "tileRoots": ["0x" + root.hex() for root in tree.tile_roots],
        "count": 600, "emptyLeaves": 1, "nodes": ["0x" + "01" * 32], "oldestIssuedAt": 0, "newestIssuedAt": 599,
        "compressed": form is publication, "bytes": file.stat().st_size, "packedBytes": len(pack(given_)),
    }  # fmt: skip
    assert main(["data", "inspect", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "600 in 3 tiles, 1 empty" in shown and found["root"] in shown and "0 to 599" in shown


def test_inspect_of_what_is_no_data_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.write_bytes(b"")
    other.write_bytes(b"something else")
    for source, why in (
        (empty, "is empty"), (other, "longer than 256"), (tmp_path / "none", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"), ("http://127.0.0.1:9/", "is private"), ("ftp://a/", "only http"),
    ):  # fmt: skip
        assert main(["data", "inspect", str(source)]) == 1
        assert why in capsys.readouterr().err
