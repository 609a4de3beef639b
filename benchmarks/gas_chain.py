"""The contracts on anvil under osaka's rules, and what messages to them cost.

Blocks and their times are the same in every run. Each message is a transaction in a block of its own: every slot and
address that it touches is cold.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from afterproof.chain.artifacts import artifact
from afterproof.chain.parameters import Kind, Parameters
from afterproof.chain.parameters_heartbeats import PRODUCTION_HEARTBEATS
from afterproof.chain.plan import Step, creation_code, plan
from afterproof.protocol.registry_terms import RegistryTerms
from afterproof.protocol.terms import Terms
from tests.support.abi import Function, Interface
from tests.support.anvil import anvil
from tests.support.calls import Node, RpcError
from tests.support.compiled import artifact as compiled_artifact

GENESIS: Final = 1_800_000_000  # seconds
GAS_LIMIT: Final = 2**24  # of a transaction, EIP-7825
SIZE_LIMIT: Final = 131_072  # bytes of a transaction, as nodes take them
ENVELOPE: Final = 200  # bytes of a transaction beside its calldata, at most


class GasError(Exception):
    """A message that was to be measured failed."""


class GasChain:
    """The contracts by their names, deployed on the node by its first account. Addresses are 20 bytes."""

    def __init__(self, node: Node, terms: Terms, registry: RegistryTerms) -> None:
        self._node = node
        self.now = GENESIS
        self.accounts = [bytes.fromhex(account[2:]) for account in node.rpc("eth_accounts")]
        self.address: dict[str, bytes] = {}
        self._interface: dict[str, Interface] = {}
        self._deploy(Parameters(Kind.DEVELOPMENT, None, None, 0, terms, registry, PRODUCTION_HEARTBEATS))

    def transact(self, sender: bytes, contract: str, fn: str, *arguments: Any, value: int = 0) -> int:
        """The gas that the transaction pays for, all in all: base cost, calldata or its floor, refunds.

        Raises:
            GasError: it reverted, or no node would take it.
        """
        data = self._function(contract, fn, arguments).encode(arguments)
        if len(data) + ENVELOPE > SIZE_LIMIT:
            raise GasError(f"{fn}: {len(data)} bytes of calldata, more than nodes take")
        return int(self._mined(self._call(sender, contract, data, value), fn)["gasUsed"], 16)

    def view(self, contract: str, fn: str, *arguments: Any) -> tuple[int, Any]:
        """The gas that executing the view takes, without a transaction's base cost and calldata, and its answer.

        Raises:
            GasError: it reverted.
        """
        function = self._function(contract, fn, arguments)
        self._mine()
        call = self._call(self.accounts[-1], contract, function.encode(arguments), 0)
        quiet = {"disableStack": True, "disableStorage": True, "enableMemory": False}
        trace = self._node.rpc("debug_traceCall", call, "latest", quiet)
        if trace["failed"]:
            raise GasError(f"{fn} reverted")
        steps = trace["structLogs"]
        used = steps[0]["gas"] - steps[-1]["gas"] + steps[-1]["gasCost"]
        return used, function.decode(bytes.fromhex(trace["returnValue"].removeprefix("0x")))

    def harnessed(self, harness: str, *arguments: Any) -> int:
        """What a test harness's ``measure`` says of its library: the gas of that call alone."""
        compiled = compiled_artifact(harness)
        request = {"from": _hex(self.accounts[0]), "data": compiled["bytecode"], "gas": hex(GAS_LIMIT)}
        self.address[harness] = bytes.fromhex(self._mined(request, harness)["contractAddress"][2:])
        self._interface[harness] = Interface(compiled["abi"])
        _, gas = self.view(harness, "measure", *arguments)
        return int(gas)

    def topics(self, contract: str) -> list[list[bytes]]:
        """The topics of the events that the contract logged in the latest block."""
        latest = {"fromBlock": "latest", "toBlock": "latest", "address": _hex(self.address[contract])}
        logs = self._node.rpc("eth_getLogs", latest)
        return [[bytes.fromhex(topic[2:]) for topic in log["topics"]] for log in logs]

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Everything done within is undone afterwards."""
        snapshot, before = self._node.rpc("evm_snapshot"), self.now
        try:
            yield
        finally:
            self._node.rpc("evm_revert", snapshot)
            self.now = before

    def wait(self, seconds: int) -> None:
        """Lets time pass: the next block comes one second after it."""
        self.now += seconds

    def deploy(self, *steps: Step) -> None:
        """Deploys contracts beside those of the plan, which nothing else needs."""
        for step in steps:
            self._create(step)

    def _deploy(self, parameters: Parameters) -> None:
        self.deploy(*plan(parameters, self.accounts[0]))

    def _create(self, step: Step) -> None:
        code = creation_code(step, self.address)
        request = {"from": _hex(self.accounts[0]), "data": _hex(code), "gas": hex(GAS_LIMIT)}
        created = self._mined(request, step.name)["contractAddress"]
        self.address[step.name] = bytes.fromhex(created[2:])
        self._interface[step.name] = Interface(artifact(step.name).abi)

    def deploy_harness(self, name: str) -> None:
        """Deploys a contract of contracts/test, which the package does not hold; it takes no arguments."""
        compiled = compiled_artifact(name)
        request = {"from": _hex(self.accounts[0]), "data": compiled["bytecode"], "gas": hex(GAS_LIMIT)}
        self.address[name] = bytes.fromhex(self._mined(request, name)["contractAddress"][2:])
        self._interface[name] = Interface(compiled["abi"])

    def _function(self, contract: str, fn: str, arguments: tuple[Any, ...]) -> Function:
        return self._interface[contract].function(fn, len(arguments))

    def _call(self, sender: bytes, contract: str, data: bytes, value: int) -> dict[str, str]:
        target = _hex(self.address[contract])
        return {
            "from": _hex(sender),
            "to": target,
            "data": _hex(data),
            "value": hex(value),
            "gas": hex(GAS_LIMIT),
        }

    def _mined(self, request: dict[str, str], what: str) -> dict[str, Any]:
        """The receipt of a transaction, alone in the next block."""
        hashed = self._node.rpc("eth_sendTransaction", request)
        self._mine()
        receipt: dict[str, Any] = self._node.rpc("eth_getTransactionReceipt", hashed)
        if receipt["status"] != "0x1":
            raise GasError(f"{what}: {self._why(request)}")
        return receipt

    def _mine(self) -> None:
        self.now += 1
        self._node.rpc("evm_setNextBlockTimestamp", self.now)
        self._node.rpc("evm_mine")

    def _why(self, request: dict[str, str]) -> str:
        """The error that a reverted transaction meets when it is called again."""
        try:
            self._node.rpc("eth_call", request, "latest")
        except RpcError as error:
            raw = bytes.fromhex(error.data[2:]) if isinstance(error.data, str) else b""
            known = (interface.error(raw) for interface in self._interface.values())
            return str(next(filter(None, known), error))
        return "reverted, but would not now"


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


@contextmanager
def fresh_node() -> Iterator[Node]:
    """A node that mines when told to."""
    with anvil(hardfork="osaka", timestamp=GENESIS, gas_cap=True, options=("--no-mining",)) as running:
        node = Node(running.port)
        try:
            yield node
        finally:
            node.close()
