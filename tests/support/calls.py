"""Views on a real node by `eth_call`: for vectors by the hundred, gas figures, and rules newer than py-evm's.

with chain(hardfork="osaka") as node:
    harness = node.deploy("RsaPssHarness")
    harness.call("verify", modulus, message, signature)
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from tests.support.abi import Interface
from tests.support.anvil import anvil
from tests.support.compiled import artifact
from tests.support.evm import Reverted

CALL_GAS = 30_000_000


class RpcError(Exception):
    """The node answered with an error: its code, its words, and the data of a revert."""

    def __init__(self, code: int, message: str, data: Any):
        self.code, self.message, self.data = code, message, data
        super().__init__(f"{message} ({code})")


class Node:
    """A node by one kept connection: a call takes about a millisecond, a third of what web3 takes."""

    def __init__(self, port: int):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._ids = count(1)

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of a JSON-RPC method. Raises RpcError."""
        body = json.dumps({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(self._connection.getresponse().read())
        if error := answer.get("error"):
            raise RpcError(error["code"], error["message"], error.get("data"))
        return answer["result"]

    def deploy(self, name: str, *args: Any) -> "View":
        """Deploy the contract of that name from the node's first account."""
        compiled = artifact(name)
        interface = Interface(compiled["abi"])
        code = compiled["bytecode"] + interface.constructor.encode(args).hex()
        hashed = self.rpc("eth_sendTransaction", {"from": self.rpc("eth_accounts")[0], "data": code})
        self.rpc("evm_mine")
        return View(self, self.rpc("eth_getTransactionReceipt", hashed)["contractAddress"], interface)

    def close(self) -> None:
        self._connection.close()


class View:
    """A deployed contract, read only."""

    def __init__(self, node: Node, address: str, interface: Interface):
        self.node, self.address, self.interface = node, address, interface

    def call(self, fn: str, *args: Any) -> Any:
        """What the function returns. Raises Reverted."""
        function = self.interface.function(fn, len(args))
        request = {"to": self.address, "data": "0x" + function.encode(args).hex(), "gas": hex(CALL_GAS)}
        try:
            output = self.node.rpc("eth_call", request, "latest")
        except RpcError as error:
            if not isinstance(error.data, str):
                raise
            raw = bytes.fromhex(error.data[2:])
            name, values = self.interface.error(raw) or ("", ())
            raise Reverted(name, values, raw) from None
        return function.decode(bytes.fromhex(output[2:]))


@contextmanager
def chain(*, hardfork: str = "prague") -> Iterator[Node]:
    """A fresh anvil to call views on."""
    with anvil(hardfork=hardfork) as running:
        node = Node(running.port)
        try:
            yield node
        finally:
            node.close()


def sweep_gas(
    node: Node, target: View, fn: str, *args: Any, upto: int, step: int = 1
) -> tuple[int, int, int]:
    """How often a view that returns a bool is true, is false, and reverts, with gas from 0 to `upto`."""
    sweep = node.deploy("GasSweep")
    data = target.interface.function(fn, len(args)).encode(args)
    # No more at a time than one call's gas pays for.
    chunk = step * max(1, CALL_GAS // 2 // upto)
    totals = (0, 0, 0)
    for first in range(0, upto + 1, chunk):
        last = min(first + chunk - 1, upto)
        counts = sweep.call("sweep", target.address, data, first, last, step)
        totals = tuple(total + found for total, found in zip(totals, counts, strict=True))
    return totals
