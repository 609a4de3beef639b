"""What a relayer needs that has taken in and posted a million receipts (SECP256K1): memory, disk, CPU time.

The relayer is the real one: `afterproof relayer` with its defaults, a process of its own on SQLite and a directory, on
anvil. Receipts are handed in over HTTP in arrays of 1,000, each array promised, while batches of 1,024 are closed and
posted; then it has a rest. What hands them in is this process: none of its time and memory counts.
"""

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from afterproof.demo.processes import free_port
from afterproof.protocol.receipt import SignedReceipt, hex0x
from benchmarks.figure import BenchmarkError, Figures
from benchmarks.lane import KEY, Lane, a_lane

_ARRAY: Final = 1_000
_CLIENTS: Final = 2
_LATER: Final = frozenset({429, 503})
"""What is refused so may be taken later: the lane or the relayer is full for the moment."""

_JSON: Final = {"Content-Type": "application/json"}
_MIB: Final = 2**20
_PATIENCE: Final = 900.0
_REST: Final = 1.0


def figures() -> Figures:
    """Of a million receipts, on a lane that may promise 200,000 ahead."""
    return _figures(1_000_000, 200_000)


def small_figures() -> Figures:
    """Of two full batches, the second of which does not fit before the first is posted; under the same names."""
    return _figures(2_048, 2_000)


def _figures(count: int, ahead: int) -> Figures:
    deadline = time.monotonic() + _PATIENCE
    with a_lane(ahead) as lane:
        relayer = _started(lane, deadline)
        before = relayer.memory("VmRSS")
        _hand_in(relayer, lane, count, deadline)
        _wait_until_posted(lane, count, deadline)
        time.sleep(_REST)
        lane.processes.check()
        yield "memory_start_mib", before / _MIB, "MiB"
        yield "memory_1m_mib", relayer.memory("VmRSS") / _MIB, "MiB"
        yield "memory_1m_peak_mib", relayer.memory("VmHWM") / _MIB, "MiB"
        yield "store_1m_mib", _size(lane.folder.glob("relayer.sqlite3*")) / _MIB, "MiB"
        yield "data_1m_mib", _size((lane.folder / "batches").rglob("*.batch")) / _MIB, "MiB"
        yield "relayed_per_cpu_s", count / relayer.cpu_seconds(), "receipts/s"


@dataclass(frozen=True)
class _Relayer:
    """The process that is measured, as the kernel (Linux) knows it."""

    url: str
    pid: int

    def memory(self, name: str) -> int:
        """Bytes, by the name of a line of its status: VmRSS is now, VmHWM was the most."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise BenchmarkError(f"this system does not tell {name} of a process")

    def cpu_seconds(self) -> float:
        """CPU time since it started, the kernel's part included."""
        # proc(5): utime and stime are the 14th and 15th field; the second, a name in brackets, may hold blanks.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _started(lane: Lane, deadline: float) -> _Relayer:
    """The relayer, once it takes receipts."""
    port = free_port()
    file = lane.folder / "relayer.toml"
    file.write_text(f"""\
[chain]
rpc = "{lane.rpc}"
deployment = "deployment.json"

[relayer]
lane = {lane.number}
port = {port}
""")
    command = [sys.executable, "-m", "afterproof.cli", "relayer", "--config", str(file)]
    running = lane.processes.start("relayer", command, {"AFTERPROOF_PRIVATE_KEY": hex0x(KEY)})
    relayer = _Relayer(f"http://127.0.0.1:{port}", running.process.pid)
    while True:
        lane.processes.check()
        try:
            if httpx.get(f"{relayer.url}/ready", timeout=2.0).status_code == 200:
                return relayer
        except httpx.HTTPError:
            pass
        _check(deadline, "the relayer was not ready")
        time.sleep(0.1)


def _hand_in(relayer: _Relayer, lane: Lane, count: int, deadline: float) -> None:
    """Hand in ``count`` receipts; some arrays are signed while others are on their way."""
    arrays = [range(first, min(first + _ARRAY, count)) for first in range(0, count, _ARRAY)]
    with httpx.Client(timeout=60.0, headers=_JSON) as http, ThreadPoolExecutor(_CLIENTS) as pool:
        try:
            tasks = [pool.submit(_promised, http, relayer, lane, array, deadline) for array in arrays]
            for done, task in enumerate(tasks, 1):
                task.result()
                if done % 50 == 0:
                    print(f"memory: {done * _ARRAY:,} receipts", file=sys.stderr, flush=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _promised(
    http: httpx.Client, relayer: _Relayer, lane: Lane, numbers: Sequence[int], deadline: float
) -> None:
    """Sign receipts, and hand them in until each is promised."""
    waiting = lane.receipts(numbers)
    while True:
        answer = http.post(f"{relayer.url}/v1/receipts", content=_body(waiting))
        if answer.status_code == 200:
            waiting = _refused(waiting, msgspec.json.decode(answer.content))
        elif answer.status_code not in _LATER:
            raise BenchmarkError(f"an array was answered {answer.status_code}: {answer.text[:200]}")
        if not waiting:
            return
        lane.processes.check()
        _check(deadline, "the receipts were not all taken in")
        time.sleep(0.5)


def _body(receipts: Sequence[SignedReceipt]) -> bytes:
    return msgspec.json.encode([receipt.to_json() for receipt in receipts])


def _refused(receipts: Sequence[SignedReceipt], answers: Sequence[dict[str, Any]]) -> list[SignedReceipt]:
    """Those of ``receipts`` that may be taken later; any other refusal is an error."""
    later = []
    for receipt, answer in zip(receipts, answers, strict=True):
        error = answer.get("error")
        if error is None and answer.get("promise") is None:
            raise BenchmarkError(f"a receipt was not promised: {answer}")
        if error is not None:
            if error["status"] not in _LATER:
                raise BenchmarkError(f"a receipt was refused: {error}")
            later.append(receipt)
    return later


def _wait_until_posted(lane: Lane, count: int, deadline: float) -> None:
    while lane.posted < count:
        lane.processes.check()
        _check(deadline, f"the receipts were not all posted: {lane.posted:,} were")
        time.sleep(0.5)


def _check(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise BenchmarkError(f"{what} within {_PATIENCE:g} seconds")


def _size(files: Any) -> int:
    return sum(file.stat().st_size for file in files)
