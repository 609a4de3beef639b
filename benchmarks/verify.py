"""How fast a batch is checked (receipts of OpenGradient's scheme): read from the disk, hashed into its tree, every
signature verified. On one core over bare RSA-2048-PSS verifications of the same signatures, and on two over one.

The latter by the clock, at the best of several rounds of each: whatever else the machine does slows two more than one.
Fetching the data, looking for receipts that stand elsewhere and writing down what was found are not in it.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from afterproof.protocol.rsa_pss import PSS, SHA256
from afterproof.running import Inline
from afterproof.running.pool import Pool
from benchmarks.figure import BenchmarkError, Figures, cpu_seconds
from benchmarks.verify_stage import Stage, a_batch


def figures() -> Figures:
    """Of batches of 4,096 and 32,768 receipts."""
    return _figures(4_096, 32_768, 15, 9)


def small_figures() -> Figures:
    """Of small batches, once; under the same names."""
    return _figures(300, 600, 1, 1)


def _figures(one: int, two: int, rounds: int, pairs: int) -> Figures:
    with (
        tempfile.TemporaryDirectory(prefix="afterproof-verify-") as folder,
        a_batch(Path(folder), one) as stage,
    ):
        yield "verify_vs_rsa_1core", _over_bare(stage, rounds), "ratio"
    if (cores := len(os.sched_getaffinity(0))) < 2:
        raise BenchmarkError(f"verify_scaling_2core takes two processors, and there is {cores}")
    with (
        tempfile.TemporaryDirectory(prefix="afterproof-verify-") as folder,
        a_batch(Path(folder), two) as stage,
    ):
        yield "verify_scaling_2core", _two_over_one(stage, pairs), "ratio"


def _over_bare(stage: Stage, rounds: int) -> float:
    verify, here = stage.key.verify, Inline()

    def bare() -> None:
        for signature, message in stage.signed:
            verify(signature, message, PSS, SHA256)

    bare()
    stage.check(here)
    micro = 1e6 / len(stage.signed)
    taken = [
        (cpu_seconds(bare) * micro, cpu_seconds(lambda: stage.check(here)) * micro) for _ in range(rounds)
    ]
    least, most = min(a / b for a, b in taken), max(a / b for a, b in taken)
    _say(
        f"{median(b for _, b in taken):.1f} us a receipt, {median(a for a, _ in taken):.1f} us a bare verification,"
        f" ratios of {least:.3f} to {most:.3f}"
    )
    return median(a / b for a, b in taken)


def _two_over_one(stage: Stage, pairs: int) -> float:
    with Pool(2) as two:
        one = Inline()
        stage.check(two)  # the workers are up then
        taken = [
            (_seconds(lambda: stage.check(one)), _seconds(lambda: stage.check(two))) for _ in range(pairs)
        ]
    alone, together = min(a for a, _ in taken), min(b for _, b in taken)
    count = stage.posted.header.count
    _say(f"{count / together:.0f} receipts a second on two, {count / alone:.0f} on one")
    return alone / together


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
