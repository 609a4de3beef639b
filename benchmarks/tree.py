"""Building the batch tree over leaf hashes that are given, all its levels kept, in CPU time.

The peer, in the same run, is as many bare hashes of 65 bytes as the tree has inner nodes.
"""

from sha3 import keccak_256

from afterproof.protocol import merkle
from afterproof.protocol.merkle import BatchTree
from benchmarks.figure import BenchmarkError, Figures, cpu_seconds

_REPEATS = 5


def figures() -> Figures:
    """Of 100,000 and of 1,000,000 leaves; the median of five builds."""
    return _figures(100_000, 1_000_000)


def small_figures() -> Figures:
    """Of 600 and 1,000, under the same names: enough to be compiled."""
    return _figures(600, 1_000)


def _figures(hundred_thousand: int, million: int) -> Figures:
    hashes = [keccak_256(i.to_bytes(8)).digest() for i in range(million)]
    few = hashes[:hundred_thousand]

    def bare() -> None:
        data = b"\x01" + bytes(64)
        for _ in range(len(few) - 1):
            keccak_256(data).digest()

    with merkle.plain():  # what is compiled here is not for the benchmarks that follow
        plain = cpu_seconds(lambda: BatchTree(few), _REPEATS)
        yield "tree_100k_seconds", plain, "s"
        yield "tree_100k_vs_bare_hashes", plain / cpu_seconds(bare, _REPEATS), "ratio"
        yield "tree_1m_seconds", cpu_seconds(lambda: BatchTree(hashes), _REPEATS), "s"
        expected = BatchTree(few).levels
        if not merkle.compile_trees():
            raise BenchmarkError("trees cannot be compiled here: is the extra afterproof[numba] there?")
        compiled = cpu_seconds(lambda: BatchTree(few), _REPEATS)
        if BatchTree(few).levels != expected:
            raise BenchmarkError("the compiled tree is another tree")
        yield "tree_100k_numba_seconds", compiled, "s"
        yield "tree_100k_numba_speedup", plain / compiled, "ratio"
