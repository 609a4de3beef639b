"""The process that ``benchmarks.verify_memory`` measures: checks one posted batch, says what memory it took in bytes.

python -m benchmarks.verify_process FOLDER COUNT NOW URL
"""

import multiprocessing
import sys
from contextlib import closing
from pathlib import Path

from afterproof.chain.memory import MemoryChain
from afterproof.config import Config
from afterproof.data import Archive, Data, Fetcher
from afterproof.protocol.terms import ETHER, PRODUCTION
from afterproof.running.pool import Pool
from afterproof.steps import Context
from afterproof.steps.check import check
from afterproof.steps.watch import watch
from afterproof.store import Store

from .verify_memory import NODE
from .verify_stage import OWNER, RELAYER


def peak(pid: int | str) -> int:
    """The most memory that a process had, as the kernel (Linux) knows it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell VmHWM of a process")


def main(folder: Path, count: int, now: int, url: str) -> None:
    """Check the batch whose tile roots are in ``folder``."""
    chain = MemoryChain(OWNER, PRODUCTION, balances={RELAYER: 10_000 * ETHER}, now=now - 1000)
    chain.account_view(OWNER).endorse(NODE.public_key, RELAYER)
    relayer = chain.account_view(RELAYER)
    lane, _ = relayer.open_lane(RELAYER, RELAYER, 0, 9_000 * ETHER)
    chain.mine(now - chain.view().now)
    data = (folder / "roots").read_bytes()
    roots = [data[at : at + 32] for at in range(0, len(data), 32)]
    relayer.post(lane, 0, count, now - 59, now, roots, url)
    with (
        closing(Store.open(folder / "verifier.sqlite3", chain.deployment, "verifier")) as store,
        Pool(2) as pool,
    ):
        source = Fetcher(allow_private=True, timeout=60.0)
        context = Context(
            relayer, store, Config(), Data(others=source, archive=Archive(folder / "archive")),
            lambda: chain.now, runner=pool,
        )  # fmt: skip
        while watch(context):
            pass
        before = peak("self")
        check(context)
        (posted,) = store.batches.newest_checked(1)
        found = store.verdicts.check(posted.id)
        if found is None or (found.state, found.accepted) != ("checked", count):
            raise SystemExit(f"{count} good receipts were not accepted: {found}")
        workers = [peak(child.pid) for child in multiprocessing.active_children() if child.pid]
        print(before, peak("self"), max(workers))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
