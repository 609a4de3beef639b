"""Contracts on bare py-evm: no blocks, no signatures, no JSON-RPC, about a millisecond a message.

    evm = Evm()
    counter = evm.deploy("CounterHarness", 5, sender=evm.accounts[0])
    counter.call("total")
    result = counter.send("add", 3, sender=evm.accounts[1])
    result.events == [("Added", {"by": evm.accounts[1], "amount": 3})]
    with reverts("TooMuch", 101, 100):
        counter.send("add", 101, sender=evm.accounts[1])

Each message is a transaction of its own as far as a contract can tell: transient storage, warm slots and refunds start
afresh. The rules are Prague's, the newest that py-evm has: no P-256 precompile, no cap on a transaction's gas.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from eth._utils.address import generate_contract_address
from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.db.atomic import AtomicDB
from eth.exceptions import Revert
from eth.vm.execution_context import ExecutionContext
from eth.vm.message import Message
from eth_hash.auto import keccak
from eth_utils import to_canonical_address
from trie.constants import BLANK_NODE_HASH

from tests.support.abi import Function, Interface, checksum
from tests.support.compiled import artifact as compiled_artifact
from tests.support.compiled import linked
from tests.support.watched_state import Slot, WatchedState

GENESIS = 1_700_000_000
ETHER = 10**18
BLOCK_SECONDS = 12


class Reverted(Exception):
    """A message failed; nothing that it did remains.

    `name` and `values` are the custom error's, or Error and its text, or Panic and its code; name is empty when the
    contract gave no reason, and the virtual machine's own word (such as OutOfGas) when it stopped the contract.
    `raw` is what the contract returned.
    """

    def __init__(self, name: str, values: tuple[Any, ...], raw: bytes):
        self.name, self.values, self.raw = name, values, raw
        super().__init__(f"{name or 'no reason'}({', '.join(map(repr, values))})")


@contextmanager
def reverts(name: str, *values: Any) -> Iterator[None]:
    """The block must revert with this error; its values are compared when any are given."""
    try:
        yield
    except Reverted as reverted:
        if reverted.name != name or (values and reverted.values != values):
            wanted = Reverted(name, values, b"")
            raise AssertionError(f"reverted with {reverted}, not with {wanted}") from reverted
    else:
        raise AssertionError(f"did not revert with {name}")


@dataclass(frozen=True)
class Result:
    """A message that went through.

    `gas_used` is what a transaction would pay for: with its base cost, calldata (and its floor) and refunds.
    `events` holds (name, values) of every log that any known ABI explains; `logs` all, as (address, topics, data).
    """

    value: Any
    events: list[tuple[str, dict[str, Any]]]
    logs: list[tuple[str, tuple[bytes, ...], bytes]] = field(repr=False)
    gas_used: int

    def event(self, name: str) -> dict[str, Any]:
        """The values of the only event of that name."""
        (values,) = [values for found, values in self.events if found == name]
        return values


class Snapshot(NamedTuple):
    root: bytes
    now: int
    block_number: int
    contracts: dict[bytes, Interface]
    views: "dict[tuple[Any, ...], View]"
    written: dict[Slot, int]


class View(NamedTuple):
    """What a call returned, when, and what it had read: it returns the same until something of that changes."""

    value: Any
    made: int
    slots: frozenset[Slot]
    block: tuple[int, int] | None
    """Time and number, where it asked for either."""


class Contract:
    """A deployed contract. Functions go by name, or by full signature where overloads would be ambiguous."""

    def __init__(self, evm: "Evm", address: str, interface: Interface):
        self.evm, self.address, self.interface = evm, address, interface

    def call(self, fn: str, *args: Any, sender: Any = None, value: int = 0, gas: int | None = None) -> Any:
        """What the function returns; whatever it changes is undone. Raises Reverted."""
        function = self.interface.function(fn, len(args))
        return self.evm.message(self, function, args, sender, value, gas, keep=False).value

    def read(self, fn: str, *args: Any) -> Any:
        """What ``call`` returns; not run again while nothing that it read has changed."""
        return self.evm.view(self, self.interface.function(fn, len(args)), args)

    def send(self, fn: str, *args: Any, sender: Any, value: int = 0, gas: int | None = None) -> Result:
        """Run the function for good. Raises Reverted."""
        function = self.interface.function(fn, len(args))
        return self.evm.message(self, function, args, sender, value, gas, keep=True)

    def at(self, artifact: "str | Mapping[str, Any]") -> "Contract":
        """The same address, seen through another ABI."""
        return self.evm.at(artifact, self.address)

    def __repr__(self) -> str:
        return f"Contract({self.address})"


class Evm:
    """One chain in memory, with ten rich accounts. Time stands still until `warp`."""

    parent_hash = keccak(b"the block before")
    """What every block says that the one before it hashes to."""

    def __init__(
        self, *, now: int = GENESIS, gas: int = 30_000_000, chain_id: int = 31_337, base_fee: int = 0
    ):
        self.gas = gas
        self._db = AtomicDB()
        self._context = ExecutionContext(
            coinbase=b"\0" * 20,
            timestamp=now,
            block_number=1,
            difficulty=0,
            mix_hash=b"\0" * 32,
            gas_limit=gas,
            prev_hashes=(self.parent_hash,),
            chain_id=chain_id,
            base_fee_per_gas=base_fee,
            excess_blob_gas=0,
        )
        self._state = WatchedState(self._db, self._context, BLANK_NODE_HASH)
        self._views: dict[tuple[Any, ...], View] = {}
        self._contracts: dict[bytes, Interface] = {}
        self.accounts = [checksum(keccak(b"account %d" % i)[12:]) for i in range(10)]
        for account in self.accounts:
            self.set_balance(account, 10_000 * ETHER)

    # Time

    @property
    def now(self) -> int:
        return self._context.timestamp

    @property
    def base_fee(self) -> int:
        """Wei a unit of gas."""
        return self._context.base_fee_per_gas or 0

    @property
    def reading_now(self) -> int:
        """The time that a call sees: here the same as a message's."""
        return self.now

    @property
    def block_number(self) -> int:
        return self._context.block_number

    def warp(self, to: int) -> None:
        """Set the clock, never back; the block number moves along."""
        if to < self.now:
            raise ValueError(f"time cannot go back from {self.now} to {to}")
        self._context._block_number += max(1, (to - self.now) // BLOCK_SECONDS)
        self._context._timestamp = to

    def split(self, chain_id: int) -> None:
        """From now on this is the half of a split chain that took another id. A restored snapshot keeps it."""
        self._context._chain_id = chain_id

    # Money

    def balance(self, who: Any) -> int:
        return self._state.get_balance(_canonical(who))

    def set_balance(self, who: Any, wei: int) -> None:
        self._state.messages += 1
        self._state.set_balance(_canonical(who), wei)

    # Snapshots: any may be restored, any number of times, in any order

    def snapshot(self) -> Snapshot:
        self._state.lock_changes()
        self._state.persist()
        root, written = self._state.state_root, dict(self._state.written)
        return Snapshot(root, self.now, self.block_number, dict(self._contracts), dict(self._views), written)

    def restore(self, snapshot: Snapshot) -> None:
        self._context._timestamp, self._context._block_number = snapshot.now, snapshot.block_number
        messages = self._state.messages
        self._state = WatchedState(self._db, self._context, snapshot.root)
        self._state.messages, self._state.written = messages, dict(snapshot.written)
        self._views, self._contracts = dict(snapshot.views), dict(snapshot.contracts)

    # Contracts

    def deploy(
        self,
        artifact: str | Mapping[str, Any],
        *args: Any,
        sender: Any = None,
        value: int = 0,
        libraries: Mapping[str, Any] | None = None,
    ) -> Contract:
        """Deploy an artifact (or the one of that name). Libraries that are not given are deployed with it."""
        artifact = _resolve(artifact)
        interface = Interface(artifact["abi"])
        code = self._linked(artifact, libraries or {}, sender) + interface.constructor.encode(args)
        creator = _canonical(sender or self.accounts[0])
        address = generate_contract_address(creator, self._state.get_nonce(creator))
        self._state.increment_nonce(creator)
        contract = Contract(self, checksum(address), interface)
        self._contracts[address] = interface
        try:
            self._run(creator, CREATE_CONTRACT_ADDRESS, value, b"", code, self.gas, True, address)
        except Reverted:
            del self._contracts[address]
            raise
        return contract

    def at(self, artifact: str | Mapping[str, Any], address: Any) -> Contract:
        """A contract that another one deployed."""
        interface = Interface(_resolve(artifact)["abi"])
        self._contracts[_canonical(address)] = interface
        return Contract(self, checksum(_canonical(address)), interface)

    def code(self, who: Any) -> bytes:
        return self._state.get_code(_canonical(who))

    def storage(self, who: Any, slot: int) -> int:
        return self._state.get_storage(_canonical(who), slot)

    def set_storage(self, who: Any, slot: int, value: int) -> None:
        """Put a word there, as if a message had."""
        self._state.messages += 1
        self._state.set_storage(_canonical(who), slot, value)
        self._state.lock_changes()

    def slots_read(self, contract: Contract, fn: str, *args: Any) -> list[int]:
        """The storage slots of the contract that a view reads, in order."""
        with self._state.recorded() as record:
            contract.call(fn, *args)
        own = _canonical(contract)
        return sorted(slot for account, slot in record.slots if account == own and isinstance(slot, int))

    def _linked(self, artifact: Mapping[str, Any], given: Mapping[str, Any], sender: Any) -> bytes:
        def address_of(name: str) -> bytes:
            return _canonical(
                given[name] if name in given else self.deploy(name, sender=sender, libraries=given)
            )

        return linked(artifact, address_of)

    # Messages

    def view(self, contract: Contract, function: Function, args: tuple[Any, ...]) -> Any:
        """What a call returns: run, unless it was before and nothing that it read has changed since."""
        asked = (contract.address, function, args)
        block, state = (self.now, self.block_number), self._state
        known = self._views.get(asked)
        if known and known.block in (None, block) and not state.changed(known.slots, known.made):
            return known.value
        with state.recorded() as record:
            result = self.message(contract, function, args, None, 0, None, keep=False).value
        at = block if record.block else None
        self._views[asked] = View(result, state.messages, frozenset(record.slots), at)
        return result

    def transfer(
        self, to: Any, value: int, *, sender: Any, data: bytes = b"", gas: int | None = None
    ) -> Result:
        """Plain value, or calldata of any shape. Raises Reverted."""
        target = _canonical(to)
        code = self._state.get_code(target)
        return self._run(_canonical(sender), target, value, data, code, gas or self.gas, True)

    def message(
        self,
        contract: Contract,
        function: Function,
        args: Sequence[Any],
        sender: Any,
        value: int,
        gas: int | None,
        *,
        keep: bool,
    ) -> Result:
        target = _canonical(contract)
        code = self._state.get_code(target)
        if not code:
            raise ValueError(f"there is no contract at {contract.address}")
        data = function.encode(args)
        result = self._run(
            _canonical(sender or self.accounts[0]), target, value, data, code, gas or self.gas, keep
        )
        return Result(function.decode(result.value), result.events, result.logs, result.gas_used)

    def _run(
        self,
        sender: bytes,
        target: bytes,
        value: int,
        data: bytes,
        code: bytes,
        gas: int,
        keep: bool,
        created: bytes | None = None,
    ) -> Result:
        state = self._state
        state.messages += 1
        if (held := state.get_balance(sender)) < value:
            raise ValueError(f"{checksum(sender)} has {held} wei and cannot send {value}")
        base, floor = _base_cost(code if created else data, created is not None)
        if gas < max(base, floor):
            raise ValueError(f"{gas} gas do not pay for the message's base cost of {max(base, floor)}")
        message = Message(gas - base, target, sender, value, data, code, create_address=created)
        context = state.get_transaction_context_class()(gas_price=0, origin=sender)
        for address in (sender, created or target, self._context.coinbase):
            state.mark_address_warm(address)
        computations = state.computation_class
        apply = computations.apply_create_message if created else computations.apply_message
        before = None if keep else state.snapshot()
        computation = apply(state, message, context)
        if before is not None:
            state.revert(before)
        state.clear_transient_storage()
        state.lock_changes()
        if computation.is_error:
            raise self._reverted(computation.error, computation.output, created or target)
        spent = gas - computation.get_gas_remaining()
        refunded = min(computation.get_gas_refund(), spent // 5)
        logs = [
            (address, tuple(topic.to_bytes(32, "big") for topic in topics), payload)
            for address, topics, payload in computation.get_log_entries()
        ]
        return Result(
            computation.output,
            [event for log in logs if (event := self._event(*log))],
            [(checksum(address), topics, payload) for address, topics, payload in logs],
            max(spent - refunded, floor),
        )

    def _reverted(self, error: Exception, raw: bytes, target: bytes) -> Reverted:
        if not isinstance(error, Revert):
            return Reverted(type(error).__name__, (), b"")
        for interface in self._nearest_first(target):
            if known := interface.error(raw):
                return Reverted(*known, raw)
        return Reverted("", (), raw)

    def _event(
        self, address: bytes, topics: tuple[bytes, ...], data: bytes
    ) -> tuple[str, dict[str, Any]] | None:
        for interface in self._nearest_first(address):
            if known := interface.event(topics, data):
                return known
        return None

    def _nearest_first(self, address: bytes) -> Iterator[Interface]:
        """The contract's own ABI, then everyone's: errors bubble up, and libraries log in their caller's name."""
        if address in self._contracts:
            yield self._contracts[address]
        yield from self._contracts.values()


def _resolve(artifact: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return compiled_artifact(artifact) if isinstance(artifact, str) else artifact


def _canonical(who: Any) -> bytes:
    address = getattr(who, "address", who)
    return address if isinstance(address, bytes) else to_canonical_address(address)


def _base_cost(data: bytes, create: bool) -> tuple[int, int]:
    """What a transaction pays before it runs, and at least in all (EIP-2028, 3860, 7623)."""
    zeros = data.count(0)
    tokens = zeros + 4 * (len(data) - zeros)
    base = 21_000 + 4 * tokens + (32_000 + 2 * ((len(data) + 31) // 32) if create else 0)
    floor = 21_000 + 10 * tokens
    return base, floor
