"""A real Ethereum node for development: anvil, on a free port of this machine."""

import shutil
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx

from ..errors import AfterproofError, ChainUnavailable
from .processes import Processes, free_port

START: Final = 20.0
"""Seconds that anvil has to come up."""

BLOCK_TIME: Final = 1
"""Seconds between two blocks."""


class NoAnvil(AfterproofError):
    """There is no anvil on this machine."""


def find_anvil() -> str:
    """Anvil's path: beside this Python first, so that a bare PATH is enough.

    Raises:
        NoAnvil: it is neither there nor on PATH.
    """
    beside = Path(sys.prefix) / "bin" / "anvil"
    found = str(beside) if beside.exists() else shutil.which("anvil")
    if found is None:
        raise NoAnvil(
            f"anvil is neither at {beside} nor on PATH: run `make setup` in a checkout of Afterproof"
        )
    return found


class Anvil:
    """A running node. Each transaction gets a block at once, until :meth:`tick` starts the clock."""

    def __init__(self, processes: Processes, port: int | None = None, state: Path | None = None) -> None:
        self.url = f"http://127.0.0.1:{port or free_port()}"
        self._http = httpx.Client(timeout=3.0)
        self._ids = count(1)
        argv = [find_anvil(), "--port", self.url.rpartition(":")[2], "--quiet"]
        # The rules and the cap on a transaction's gas that mainnet has today.
        argv += ["--hardfork", "osaka", "--enable-tx-gas-limit"]
        if state is not None:
            argv += ["--state", str(state)]
        processes.start("anvil", argv)
        self._wait(processes)

    def call(self, method: str, *parameters: object) -> Any:
        """The result of a JSON-RPC call.

        Raises:
            ChainUnavailable: no connection, or an error as an answer.
        """
        question = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(parameters)}
        try:
            answer = self._http.post(self.url, json=question).json()
        except (httpx.HTTPError, ValueError) as error:
            raise ChainUnavailable(f"anvil at {self.url} does not answer {method}: {error}") from None
        if "error" in answer:
            raise ChainUnavailable(f"anvil refuses {method}: {answer['error'].get('message')}")
        return answer["result"]

    def tick(self) -> None:
        """From now on a block every ``BLOCK_TIME`` seconds of real time, as a chain has them."""
        self.call("evm_setAutomine", False)
        self.call("evm_setIntervalMining", BLOCK_TIME)

    def fund(self, account: bytes, wei: int) -> None:
        """Give an account of this development chain its coin."""
        self.call("anvil_setBalance", "0x" + account.hex(), hex(wei))

    def gas_used(self, transaction: bytes) -> int:
        """The gas that a landed transaction used, from its receipt."""
        receipt = self.call("eth_getTransactionReceipt", "0x" + transaction.hex())
        return int(receipt["gasUsed"], 16)

    def _wait(self, processes: Processes) -> None:
        deadline = time.monotonic() + START
        while True:
            processes.check()
            try:
                self.call("eth_chainId")
                return
            except ChainUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
