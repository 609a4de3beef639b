"""The face of ``tests.support.evm.Evm`` over whatever chain ape is connected to, for the state machine.

A message is a transaction in a block of its own, so time moves at least a second with each. The accounts, the contracts
and the decoding of events and errors are those of the bare driver.
"""

from collections.abc import Callable
from typing import Any

from ape import accounts, chain, networks
from ape.api import TestAccountAPI
from ape.contracts import ContractInstance
from eth_utils import to_canonical_address
from web3.exceptions import ContractLogicError as Web3ContractError

from tests.support.abi import Interface
from tests.support.compiled import artifact
from tests.support.evm import Result, Reverted

Deploy = Callable[..., ContractInstance]


class ApeContract:
    """A contract driven through ape, with the ABI codec of the bare driver."""

    def __init__(self, evm: "ApeEvm", instance: ContractInstance, interface: Interface) -> None:
        self.evm, self.instance, self.interface = evm, instance, interface
        self.address = str(instance.address)

    def call(self, fn: str, *arguments: Any) -> Any:
        """What a view returns, as of the newest block."""
        function = self.interface.function(fn, len(arguments))
        call = {"to": self.instance.address, "data": "0x" + function.encode(arguments).hex()}
        output = networks.provider.web3.eth.call(call, chain.blocks.head.number)
        return function.decode(bytes(output))

    def send(self, fn: str, *arguments: Any, sender: Any, value: int = 0) -> Result:
        """Sends a transaction in the next second's block. Raises Reverted."""
        function = self.interface.function(fn, len(arguments))
        account = self.evm.by_address[to_canonical_address(sender)]
        data = function.encode(arguments)
        self.evm.claim_second()
        receipt = account.transfer(self.instance, value, data=data, gas=self.evm.GAS, raise_on_revert=False)
        if receipt.failed:
            raise self._reverted(receipt.block_number, str(account.address), data, value)
        logs = [
            (str(log["address"]), tuple(_bytes(topic) for topic in log["topics"]), _bytes(log["data"]))
            for log in receipt.logs
        ]
        events = [event for _, topics, payload in logs if (event := self.evm.event(topics, payload))]
        return Result(None, events, logs, receipt.gas_used)

    def _reverted(self, block: int, sender: str, data: bytes, value: int) -> Reverted:
        """Why a message failed: asked again in its own block, whose state it did not change."""
        message = {"from": sender, "to": self.instance.address, "data": "0x" + data.hex(), "value": value}
        try:
            networks.provider.web3.eth.call(message, block)
        except Web3ContractError as refused:
            return self.evm.reverted(_bytes(refused.data))
        raise AssertionError(f"{data[:4].hex()} failed in block {block} and does not fail when asked again")


class ApeEvm:
    """Ape's connected chain with its ten test accounts."""

    GAS = 15_000_000
    base_fee = 0

    def __init__(self, deploy: Deploy) -> None:
        self._deploy = deploy
        self._interfaces: list[Interface] = []
        self._accounts: list[TestAccountAPI] = list(accounts.test_accounts)[:10]
        self.accounts = [str(account.address) for account in self._accounts]
        self.by_address = {to_canonical_address(str(a.address)): a for a in self._accounts}
        self._next = chain.blocks.head.timestamp + 1
        self._clock = self.deploy("ClockHarness")

    @property
    def now(self) -> int:
        """The timestamp that the next transaction will have."""
        return max(self._next, chain.blocks.head.timestamp + 1)

    @property
    def reading_now(self) -> int:
        """The time that a call sees."""
        return int(self._clock.call("time"))

    def warp(self, to: int) -> None:
        """Sets the next transaction's time, and never back."""
        self._next = max(to, self.now)

    def claim_second(self) -> None:
        """Makes the next block's timestamp ``now``, and its base fee ``base_fee``."""
        chain.pending_timestamp = self.now
        networks.provider.web3.provider.make_request("anvil_setNextBlockBaseFeePerGas", [hex(self.base_fee)])

    def balance(self, who: Any) -> int:
        """An account's wei."""
        return int(networks.provider.get_balance(str(getattr(who, "address", who))))

    def deploy(self, name: str, *arguments: Any) -> ApeContract:
        """Deploys a contract by name from the first account."""
        interface = Interface(artifact(name)["abi"])
        self._interfaces.append(interface)
        plain = [getattr(argument, "address", argument) for argument in arguments]
        return ApeContract(self, self._deploy(name, *_addresses(plain)), interface)

    def event(self, topics: tuple[bytes, ...], data: bytes) -> tuple[str, dict[str, Any]] | None:
        """A log as any known contract explains it."""
        return next((found for known in self._interfaces if (found := known.event(topics, data))), None)

    def reverted(self, raw: bytes) -> Reverted:
        """What a contract returned as the bare driver has it."""
        for known in self._interfaces:
            if found := known.error(raw):
                return Reverted(*found, raw)
        return Reverted("", (), raw)


def _bytes(value: Any) -> bytes:
    """Bytes, given as such or in hex."""
    return bytes(value) if isinstance(value, bytes) else bytes.fromhex(str(value).removeprefix("0x"))


def _addresses(value: Any) -> Any:
    """Contracts and raw addresses within the arguments, as ape takes them."""
    if hasattr(value, "address"):
        return value.address
    if isinstance(value, bytes) and len(value) == 20:
        return "0x" + value.hex()
    if isinstance(value, list | tuple):
        return type(value)(_addresses(item) for item in value)
    return value
