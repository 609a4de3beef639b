"""How fast a history is audited: receipts of OpenGradient's scheme (RSA-PSS-2048), every one judged anew.

The chain is in memory and the data in this process, so what is measured is the audit itself: reading, judging,
comparing and writing down, on all processors, from an empty state to the report.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from afterproof.audit.collect import collect
from afterproof.audit.examiner import Passing
from afterproof.audit.run import Audit
from afterproof.audit.scope import Scope
from afterproof.chain.memory import MemoryChain
from afterproof.config import Config
from afterproof.data import Data, Source
from afterproof.protocol.batching import build_batch, declared_range
from afterproof.protocol.receipt import ZERO, Receipt, keccak
from afterproof.protocol.signing import RsaPssSigner
from afterproof.protocol.terms import ETHER, PRODUCTION
from afterproof.running import runner
from afterproof.settings import Engine
from afterproof.steps import Context
from afterproof.store import Store

_OWNER, _RELAYER = bytes([1]) * 20, bytes([2]) * 20
_BATCH: Final = 1_024


class _Published(dict[str, bytes], Source):
    """What is published, by address."""

    def fetch(self, uri: str, at_most: int) -> bytes:
        """Implements :meth:`afterproof.data.Source.fetch`."""
        return self[uri]


def figures() -> Iterator[tuple[str, float, str]]:
    """Of sixteen full batches."""
    return _figures(16, _BATCH)


def small_figures() -> Iterator[tuple[str, float, str]]:
    """Of two small batches, under the same names."""
    return _figures(2, 300)


def _figures(batches: int, size: int) -> Iterator[tuple[str, float, str]]:
    chain, published = MemoryChain(_OWNER, PRODUCTION, balances={_RELAYER: 1_000 * ETHER}), _Published()
    signer = RsaPssSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    chain.account_view(_OWNER).endorse(signer.public_key, _RELAYER)
    relayer = chain.account_view(_RELAYER)
    lane, _ = relayer.open_lane(_RELAYER, _RELAYER, 0, 100 * ETHER)
    chain.mine(60)
    for number in range(batches):
        receipts = [
            Receipt(signer.node, ZERO, keccak(b"%d" % seq), keccak(b"answer"), ZERO, chain.now - seq % 60)
            for seq in range(number * size, (number + 1) * size)
        ]
        leaves = [signer.sign(receipt, chain.domain).leaf for receipt in receipts]
        batch = build_batch(lane, number * size, leaves)
        published[f"memory://{number}"] = batch.data
        oldest, newest = declared_range(leaves, chain.now, PRODUCTION)
        roots = batch.tree.tile_roots
        relayer.post(lane, batch.first_seq, size, oldest, newest, roots, f"memory://{number}")
        chain.mine(60)
    chain.mine(2 * PRODUCTION.window)
    with tempfile.TemporaryDirectory(prefix="afterproof-audit-") as folder:
        store = Store.open(Path(folder) / "audit.sqlite3", chain.deployment, "auditor", exclusive=True)
        with closing(store):
            data = Data(others=published, archive=Passing())
            with runner(Engine.POOL, None, None) as judges:
                context = Context(relayer, store, Config(), data, lambda: chain.now, runner=judges)
                started = time.perf_counter()
                audit = Audit(context, Scope())
                report = collect(context, Scope(), audit, audit.run())
                taken = time.perf_counter() - started
    if not report.is_clean or report.all.tally.final != batches * size:
        raise RuntimeError("the audit of an honest history found it wanting")
    yield "audit_receipts_per_s", batches * size / taken, "receipts/s"
