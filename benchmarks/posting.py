"""What a relayer does to post one batch of 1,024 receipts, in its process's CPU time.

From 1,024 receipts that wait in the store until their batch is on the chain: judged again, built, compressed, written
to the directory and brought onto the disk, read back and rebuilt, the range declared, the transaction simulated,
encoded, signed, sent and looked for. On a real node, anvil, which is a process of its own: waiting for it does not
count, and talking to it does. Following the chain does not count either: it goes on without batches too.
"""

import statistics
import time
from pathlib import Path
from typing import Final

from afterproof.config import Config, RelayerConfig
from afterproof.data import Data, Directory
from afterproof.protocol.receipt import SignedReceipt
from afterproof.protocol.signing import Secp256k1Signer
from afterproof.roles import ROLES
from afterproof.steps import Context
from afterproof.steps.intake import Accepted, intake
from afterproof.store import Store
from benchmarks.figure import BenchmarkError, Figures
from benchmarks.lane import KEY, Lane, a_lane

COUNTED: Final = frozenset({"batch", "post"})
"""The steps whose time counts."""

_PATIENCE: Final = 120.0


def figures() -> Figures:
    """The median of nine batches of 1,024, after one that does not count."""
    return _figures(1_024, 9)


def small_figures() -> Figures:
    """One of eight."""
    return _figures(8, 1)


def _figures(size: int, batches: int) -> Figures:
    with a_lane(ahead=10 * size) as lane:
        context = _context(lane, size)
        try:
            taken = [
                _posted(context, lane, lane.receipts(range(n * size, (n + 1) * size)))
                for n in range(batches + 1)
            ]
        finally:
            context.store.close()
    yield "post_overhead_ms", statistics.median(taken[1:]) * 1e3, "ms"


def _context(lane: Lane, size: int) -> Context:
    folder = lane.folder / "batches"
    settings = RelayerConfig(lane=lane.number, max_batch=size, data_dir=folder)
    store = Store.open(Path(lane.folder / "relayer.sqlite3"), lane.deployment, "relayer")
    data = Data(own=Directory(folder, "http://relayer.invalid"))
    return Context(lane.relayer, store, Config(relayer=settings), data, promiser=Secp256k1Signer(KEY))


def _posted(context: Context, lane: Lane, receipts: list[SignedReceipt]) -> float:
    """Seconds of CPU time to post a batch of ``receipts``, which are stored before."""
    _round(context)  # follow the chain: intake asks for that
    answers = intake(context, receipts)
    refused = [answer for answer in answers if not isinstance(answer, Accepted)]
    if refused:
        raise BenchmarkError(f"a receipt was not accepted: {refused[0]}")
    spent, until = 0.0, lane.posted + len(receipts)
    deadline = time.monotonic() + _PATIENCE
    while lane.posted < until:
        if time.monotonic() > deadline:
            raise BenchmarkError(f"a batch was not posted within {_PATIENCE:g} seconds")
        spent += _round(context)
    return spent


def _round(context: Context) -> float:
    """A round of the relayer's steps; seconds of CPU time of those that count."""
    spent = 0.0
    for step in ROLES["relayer"]:
        started = time.process_time()
        step(context)
        if step.__name__ in COUNTED:
            spent += time.process_time() - started
    return spent
