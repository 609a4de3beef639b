"""What a verifier needs to check one large batch: 300,000 receipts (SECP256K1), its step as it is, on two workers.

A process of its own does it, with its store and archive on the disk; the data is fetched over HTTP from this one. The
chain is in memory, and in the figure.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

from afterproof.chain.memory import MemoryChain
from afterproof.protocol.merkle import fold
from afterproof.protocol.packing import hash_of
from afterproof.protocol.publication import publication
from afterproof.protocol.receipt import ZERO, Receipt, keccak
from afterproof.protocol.signing import Secp256k1Signer
from benchmarks.figure import BenchmarkError, Figures

_MIB: Final = 2**20
NODE: Final = Secp256k1Signer(b"\x07" * 32)


def figures() -> Figures:
    """Of 300,000 receipts."""
    return _figures(300_000)


def small_figures() -> Figures:
    """Of some, under the same names."""
    return _figures(1_000)


def _figures(count: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="afterproof-verify-") as name:
        folder, now = Path(name), int(time.time())
        roots = _published(folder / "batch", count, now)
        (folder / "roots").write_bytes(b"".join(roots))
        with _served(folder) as url:
            program = [
                sys.executable,
                "-m",
                "benchmarks.verify_process",
                name,
                str(count),
                str(now),
                f"{url}/batch",
            ]
            ran = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=False)
        if ran.returncode != 0:
            raise BenchmarkError(f"the verifier's process ended with {ran.returncode}")
        before, after, worker = map(int, ran.stdout.split())
        yield "verify_300k_start_mib", before / _MIB, "MiB"
        yield "verify_300k_peak_mib", after / _MIB, "MiB"
        yield "verify_300k_worker_peak_mib", worker / _MIB, "MiB"


def _published(path: Path, count: int, now: int) -> list[bytes]:
    """Write the data of ``count`` receipts, tile by tile; the tile roots."""
    domain, roots = MemoryChain().domain, []
    with path.open("wb") as file:
        for first in range(0, count, 256):
            leaves = []
            for n in range(first, min(first + 256, count)):
                hashes = keccak(b"request %d" % n), keccak(b"response %d" % n)
                leaves.append(NODE.sign(Receipt(NODE.node, ZERO, *hashes, ZERO, now - n % 60), domain).leaf)
            roots.append(fold([hash_of(leaf) for leaf in leaves]))
            file.write(publication(leaves))
    return roots


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
