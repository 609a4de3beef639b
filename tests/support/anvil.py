"""A real Ethereum node for one test: started on a free port, always ended.

with anvil(hardfork="osaka", block_time=1) as node:
    Web3(HTTPProvider(node.url))
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BINARY = Path(sys.prefix) / "bin" / "anvil"
LISTENING = "Listening on "
PATIENCE = 20.0  # seconds until it must listen, or must have ended
CHAIN_ID = 31_337

#: The key of the first of anvil's ten rich accounts, which come from its public test mnemonic.
FIRST_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


@dataclass(frozen=True)
class Anvil:
    url: str
    port: int
    chain_id: int
    process: "subprocess.Popen[bytes]"


@contextmanager
def anvil(
    *,
    hardfork: str = "prague",
    timestamp: int | None = None,
    block_time: float | None = None,
    chain_id: int = CHAIN_ID,
    gas_cap: bool = False,
    options: tuple[str, ...] = (),
) -> Iterator[Anvil]:
    """A running anvil.

    timestamp: of the genesis block, unix seconds. block_time: seconds between blocks; None: a block per transaction.
    gas_cap: refuse transactions over 2**24 gas, as osaka chains do. Raises RuntimeError with anvil's own words when it
    does not start.
    """
    command = [str(BINARY), "--port", "0", "--hardfork", hardfork, "--chain-id", str(chain_id), *options]
    if timestamp is not None:
        command += ["--timestamp", str(timestamp)]
    if block_time is not None:
        command += ["--block-time", str(block_time)]
    if gas_cap:
        command.append("--enable-tx-gas-limit")
    # Its output goes to a file: a pipe that nobody reads would stop it.
    with tempfile.NamedTemporaryFile("w+", prefix="anvil-") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            port = _port(process, Path(log.name))
            yield Anvil(f"http://127.0.0.1:{port}", port, chain_id, process)
        finally:
            _end(process)


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    """The port that the system gave it, once it listens."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        text = log.read_text()
        _, found, rest = text.partition(LISTENING)
        if found and "\n" in rest:
            return int(rest.split()[0].rpartition(":")[2])
        time.sleep(0.02)
    raise RuntimeError(f"anvil did not start:\n{log.read_text().strip()}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
