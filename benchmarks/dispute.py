"""How many blocks pass from the post of a forged receipt until its proof has landed.

On a real node with a block a second, by production's terms; `afterproof verifier` as it ships, with its defaults, in a
process of its own. Batches of 1,024 receipts of which one is forged, one after the other.
"""

import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from afterproof.chain.base import FaultProven, Posted
from afterproof.chain.wallet import address_of
from afterproof.protocol.batching import build_batch, declared_range
from afterproof.protocol.header import BatchId
from afterproof.protocol.receipt import Leaf, hex0x, keccak
from afterproof.protocol.terms import ETHER, PRODUCTION
from benchmarks.figure import BenchmarkError, Figures
from benchmarks.lane import Lane, a_lane

_KEY: Final = keccak(b"benchmark verifier")
_PATIENCE: Final = 60.0
_SETTINGS: Final = """
[chain]
rpc = "{rpc}"
deployment = "deployment.json"
[verifier]
# The data of the batches is on this machine. All else is as it comes.
allow_private_data = true
"""


def figures() -> Figures:
    """Of eight batches of 1,024."""
    return _figures(1_024, 8)


def small_figures() -> Figures:
    """Of one of eight."""
    return _figures(8, 1)


def _figures(size: int, batches: int) -> Figures:
    with a_lane(ahead=0) as lane, _published(lane.folder) as url, _verifier(lane):
        lane.anvil.tick()
        taken = [_blocks(lane, url, size, number) for number in range(batches)]
    yield "time_to_dispute_blocks", statistics.median(taken), "blocks"
    yield "time_to_dispute_worst_blocks", max(taken), "blocks"


def _blocks(lane: Lane, url: str, size: int, number: int) -> int:
    """Blocks from a batch with a forgery in it to the proof of that."""
    leaves = [signed.leaf for signed in lane.receipts(range(number * size, (number + 1) * size))]
    index = random.Random(number).randrange(size)
    leaves[index] = _forged(leaves[index])
    batch = build_batch(lane.number, lane.posted, leaves)
    (lane.folder / f"{number}").write_bytes(batch.data)
    declared = declared_range(leaves, lane.relayer.head().timestamp, PRODUCTION)
    roots, uri = batch.tree.tile_roots, f"{url}/{number}"
    lane.relayer.post(lane.number, batch.first_seq, size, *declared, roots, uri)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        posted, proven = (_block_of(lane, kind, batch.id) for kind in (Posted, FaultProven))
        if posted is not None and proven is not None:
            return proven - posted
        time.sleep(0.1)
    raise BenchmarkError(f"a forged receipt was not proven within {_PATIENCE:g} seconds")


def _forged(leaf: Leaf) -> Leaf:
    return replace(leaf, receipt=replace(leaf.receipt, response=keccak(b"never given")))


def _block_of(lane: Lane, kind: type[Posted] | type[FaultProven], batch: BatchId) -> int | None:
    """The block of an event about a batch."""
    events = lane.relayer.events(lane.deployment.block, lane.relayer.head().number)
    found = [one.place.block for one in events if isinstance(one.event, kind) and one.event.batch == batch]
    return found[0] if found else None


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Only figures are printed."""


@contextmanager
def _published(folder: Path) -> Iterator[str]:
    """Serves the files of a folder; its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _verifier(lane: Lane) -> Iterator[None]:
    """A verifier that has followed the chain to its head."""
    lane.anvil.fund(address_of(_KEY), 1_000 * ETHER)
    settings = lane.folder / "verifier.toml"
    settings.write_text(_SETTINGS.format(rpc=lane.rpc))
    argv = [sys.executable, "-m", "afterproof.cli", "--config", str(settings), "verifier"]
    running = lane.processes.start("verifier", argv, {"AFTERPROOF_PRIVATE_KEY": hex0x(_KEY)})
    deadline = time.monotonic() + _PATIENCE
    while "verifier ready" not in running.log.read_text(errors="replace"):
        lane.processes.check()
        if time.monotonic() > deadline:
            raise BenchmarkError(f"the verifier was not ready within {_PATIENCE:g} seconds")
        time.sleep(0.05)
    yield
    lane.processes.check()
