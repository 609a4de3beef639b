"""Batch trees by compiled code (protocol/merkle_compiled.py), against plain Python's.

a tree
├── when trees were compiled and it has COMPILED_FROM leaves → it should have the plain tree's levels, of any size
│   └── its tile roots and proofs should be the plain tree's
├── when it has fewer leaves, or what is no hash among them → it should be plain
└── when it is built in several threads at once → it should be the same
compiling
├── when there is no numba → it should leave trees plain and say nothing
├── when numba is broken, or compiled code is wrong here → it should leave trees plain and warn
├── when batches are small → it should not begin
├── when the process ends meanwhile → it should be waited for
└── a relayer should begin it when it starts, for batches as large as its own
"""

import builtins
import logging
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof import compiling as warm_up
from afterproof import node
from afterproof.compiling import WORTH, compiling
from afterproof.protocol import hashing, hashing_compiled, merkle, merkle_compiled
from afterproof.protocol.merkle import COMPILED_FROM, BatchTree, compile_trees, node_hash, plain
from tests.support.world import RELAYER, World


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """No test leaves compiled code to others."""
    with plain(), hashing.plain():
        yield


@pytest.fixture
def compiled() -> None:
    assert compile_trees()


def hashes(count: int, seed: int = 0) -> list[bytes]:
    """Leaf hashes, the same in every run."""
    return [sha256(b"%d/%d" % (seed, place)).digest() for place in range(count)]


def plain_levels(leaf_hashes: list[bytes]) -> list[list[bytes]]:
    """Written once more, as the standard has it."""
    levels = [leaf_hashes]
    while len(level := levels[-1]) > 1:
        pairs = [node_hash(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]
        levels.append(pairs + level[len(level) & ~1 :])
    return levels


@pytest.mark.parametrize("size", [*range(1, 40), 255, 256, 257, 511, 513, 1023, 1025, 4097, 10_000])
def test_compiled_levels_are_the_plain_ones(size: int) -> None:
    leaf_hashes = hashes(size)
    assert merkle_compiled.levels_of(leaf_hashes) == plain_levels(leaf_hashes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70))
def test_compiled_levels_of_any_bytes_are_the_plain_ones(leaf_hashes: list[bytes]) -> None:
    assert merkle_compiled.levels_of(leaf_hashes) == plain_levels(leaf_hashes)


@pytest.mark.usefixtures("compiled")
@settings(max_examples=15, deadline=None)
@given(st.integers(COMPILED_FROM, 3 * COMPILED_FROM), st.integers(0, 2**32), st.data())
def test_a_compiled_tree_proves_what_the_plain_one_does(size: int, seed: int, data: st.DataObject) -> None:
    leaf_hashes = hashes(size, seed)
    tree = BatchTree(leaf_hashes)
    with plain():
        other = BatchTree(leaf_hashes)
    index = data.draw(st.integers(0, size - 1))
    assert tree.levels == other.levels and tree.tile_roots == other.tile_roots
    assert tree.proof(index) == other.proof(index)
    assert merkle.root_of(leaf_hashes[index], index, size, tree.proof(index)) == other.root


def test_a_tree_is_compiled_from_a_size_on(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    def noted(leaf_hashes: list[bytes]) -> list[list[bytes]]:
        built.append(len(leaf_hashes))
        return plain_levels(leaf_hashes)

    monkeypatch.setattr(merkle, "_compiled_levels", noted)
    for size in (1, COMPILED_FROM - 1, COMPILED_FROM, COMPILED_FROM + 1):
        BatchTree(hashes(size))
    assert built == [COMPILED_FROM, COMPILED_FROM + 1]


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("odd", [b"", b"\x01" * 31, b"\x01" * 33])
def test_a_tree_over_what_is_no_hash_is_the_plain_one(odd: bytes) -> None:
    # 31 and 33 bytes side by side would look like two hashes in an array.
    for leaf_hashes in (
        [odd, *hashes(COMPILED_FROM)],
        [odd, b"\x02" * (64 - len(odd)), *hashes(COMPILED_FROM)],
    ):
        assert BatchTree(leaf_hashes).levels == plain_levels(leaf_hashes)


@pytest.mark.usefixtures("compiled")
def test_compiled_trees_in_several_threads_are_the_same() -> None:
    many = [hashes(COMPILED_FROM + number, number) for number in range(32)]
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(BatchTree, many))
    assert [tree.levels for tree in trees] == [plain_levels(leaf_hashes) for leaf_hashes in many]


# --- compiling ---------------------------------------------------------------------------------------


def test_compiling_makes_trees_compiled(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, warm_up.__name__)
    with compiling(WORTH):
        pass
    assert merkle._compiled_levels is merkle_compiled.levels_of
    assert hashing._compiled is hashing_compiled.hash_each
    assert "compiled code" in caplog.text


def test_compiling_for_small_batches_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_up, "compile_trees", lambda: pytest.fail("it began"))
    with compiling(WORTH - 1):
        pass
    assert merkle._compiled_levels is None


def without(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Have the import of numba fail."""
    imported = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "numba":
            raise error
        return imported(name, *rest, **more)

    monkeypatch.delitem(sys.modules, merkle_compiled.__name__)
    monkeypatch.setattr(builtins, "__import__", refuse)


def test_compiling_without_numba_leaves_trees_plain(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    without(monkeypatch, ModuleNotFoundError("No module named 'numba'", name="numba"))
    caplog.set_level(logging.INFO, warm_up.__name__)
    assert not compile_trees()
    with compiling(WORTH):
        pass
    assert not caplog.records and merkle._compiled_levels is None


def test_compiling_with_a_broken_numba_leaves_trees_plain_and_warns(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    without(monkeypatch, ImportError("Numba needs another NumPy"))
    with compiling(WORTH):
        pass
    assert "plain Python: ImportError: Numba needs another NumPy" in caplog.text
    assert merkle._compiled_levels is None


def test_compiling_code_that_is_wrong_leaves_trees_plain_and_warns(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(leaf_hashes: list[bytes]) -> list[list[bytes]]:
        levels = plain_levels(leaf_hashes)
        return levels if len(leaf_hashes) < COMPILED_FROM else [*levels[:-1], [bytes(32)]]

    monkeypatch.setattr(merkle_compiled, "levels_of", wrong)
    with compiling(WORTH):
        pass
    assert f"a wrong tree of {COMPILED_FROM} leaves" in caplog.text
    assert merkle._compiled_levels is None


def test_compiling_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    leaving, done = threading.Event(), []

    def slow() -> bool:
        leaving.wait(20)
        done.append(True)
        return True

    monkeypatch.setattr(warm_up, "compile_trees", slow)
    with compiling(WORTH):
        assert not done
        leaving.set()
    assert done


def test_a_relayer_compiles_for_its_batches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Begun(Exception):
        pass

    def begin(leaves: int) -> None:
        raise Begun(leaves)

    world = World(tmp_path, max_batch=12_345)
    config = replace(
        world.config, relayer=replace(world.config.relayer, port=0, store=tmp_path / "r.sqlite3")
    )
    monkeypatch.setattr(node, "compiling", begin)
    ended = threading.Event()
    ended.set()
    with pytest.raises(Begun, match=r"^12345$"):
        node.run_relayer(config, world.chain.account_view(RELAYER), ended)
