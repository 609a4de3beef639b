"""Lanes honest and not, on a real node, with whatever may befall all who work on them: all from one seed.

relayers that are honest and relayers that commit every fault there is, verifiers, false attestations, griefers;
processes killed, the chain reorganised by 1 to 12 blocks, nodes that fail in every way, data withheld
├── in the end every fault that was planted should be punished, by kind, lane and number, and nothing else
├── no honest lane should have lost a wei or broken a promise, and no honest attestation be doubted
└── everybody should get its money out, to the wei; `make chaos SEED=1 SECONDS=600` goes on for longer
"""

import itertools
import os
import random
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.chaos.run import trip
from tests.support.databases import on_postgres

SECONDS = float(os.environ.get("CHAOS_SECONDS") or 0)
DAY = 8.0
"""Seconds of a trip's day; a longer play has more trips, in turn on either database."""


@pytest.mark.timeout(SECONDS * 2 + 300)
def test_every_planted_fault_is_punished_and_nobody_honest_loses_a_wei(tmp_path: Path) -> None:
    seed = os.environ.get("SEED") or ("1" if not SECONDS else str(random.randrange(2**32)))
    print(f"to see it again: make chaos SEED={seed}")
    ends = time.monotonic() + SECONDS
    for number in itertools.count():
        with on_postgres() if number % 2 else nullcontext():
            trip(f"{seed} {number}", DAY, tmp_path / f"{number}", lambda line: print(line, flush=True))
        if time.monotonic() >= ends:
            return
