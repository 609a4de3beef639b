"""Deployment: an ordered plan of contracts, and its execution, interruptible at any point.

The plan is pure; a :class:`Deployer` carries it out, over web3 (:mod:`afterproof.chain.evm_deployer`) or over ape
(``scripts/deploy.py``). Next to the address file stands a progress file that records each contract; a later run
checks it against the chain and goes on where the earlier one stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from eth_utils.address import to_checksum_address

from afterproof.errors import ConfigError
from afterproof.protocol.receipt import hex0x, keccak

from .address_file import read_json, write_json
from .base import Deployment
from .parameter_values import parse_address
from .parameters import Kind, Parameters
from .plan import constructor_arguments, creation_code, guardian_of, plan


@dataclass(frozen=True, slots=True)
class Deployed:
    """A contract on the chain: its address, the transaction that created it, and that one's block."""

    address: bytes
    tx_hash: bytes
    block: int


class Deployer(Protocol):
    """An account that creates contracts on a chain."""

    chain_id: int
    account: bytes

    def deploy(self, name: str, creation_code: bytes) -> Deployed:
        """Creates a contract from its code with the encoded arguments behind it, and waits until it is there.

        Raises:
            ChainError: it could not be created.
        """
        ...

    def code_at(self, address: bytes) -> bytes:
        """The code at an address, empty where there is no contract.

        Raises:
            ChainUnavailable: the node does not answer.
        """
        ...


def deploy(
    parameters: Parameters, deployer: Deployer, out: Path, say: Callable[[str], None] = print
) -> Deployment:
    """Deploys what is missing, writes the address file ``out``, and says what it does.

    A development chain that was started anew gets everything anew.

    Raises:
        ConfigError: the progress file is of other parameters, another chain or other bytecode, or a contract it
            records is not there.
        ChainError: a contract could not be created. What was created is recorded: run it again.
    """
    record = _Record(progress_file(out), parameters, deployer)
    if parameters.kind is Kind.DEVELOPMENT and record.is_of_a_lost_chain():
        say("the development chain was started anew, so everything is deployed again")
        record.forget()
    for step in plan(parameters, deployer.account):
        code = creation_code(step, record.addresses)
        arguments = constructor_arguments(step, record.addresses)
        known = record.verified(step.name, code, arguments)
        if known:
            say(f"{step.name} is at {to_checksum_address(known.address)} already")
            continue
        made = deployer.deploy(step.name, code)
        record.add(step.name, code, arguments, made)
        say(f"{step.name} deployed at {to_checksum_address(made.address)} in block {made.block}")
    write_json(out, record.address_file())
    say(f"the address file is {out}")
    settlement, registry = record.addresses["Settlement"], record.addresses["AttestationRegistry"]
    return Deployment(
        deployer.chain_id, settlement, registry, record.first_block, record.addresses["Heartbeats"]
    )


def progress_file(out: Path) -> Path:
    """Where the progress of the deployment to the address file ``out`` is kept."""
    return out.with_name(out.name + ".progress")


class _Record:
    """The progress file: which contracts exist, and what they were made of."""

    def __init__(self, path: Path, parameters: Parameters, deployer: Deployer) -> None:
        self._path, self._deployer = path, deployer
        owner = parameters.owner or deployer.account
        self._content: dict[str, Any] = {
            "chainId": deployer.chain_id,
            "owner": to_checksum_address(owner),
            "guardian": to_checksum_address(guardian_of(parameters, deployer.account)),
            "parameters": parameters.to_json(),
            "contracts": {},
        }
        self.addresses: dict[str, bytes] = {}
        if path.exists():
            self._load()

    def _load(self) -> None:
        found = read_json(self._path, "progress file")
        for field in ("chainId", "owner", "guardian", "parameters"):
            if found.get(field) != self._content[field]:
                raise ConfigError(
                    f"{self._path}: {field} of the deployment that was begun is {found.get(field)}, now it is "
                    f"{self._content[field]}: {_START_ANEW}"
                )
        contracts = found.get("contracts")
        if not isinstance(contracts, dict) or not all(
            isinstance(entry, dict) for entry in contracts.values()
        ):
            raise ConfigError(f"{self._path}: contracts must be an object of objects: {_START_ANEW}")
        self._content["contracts"] = contracts

    def is_of_a_lost_chain(self) -> bool:
        """Whether contracts are recorded and the chain has none of them: it was started anew, with the same id."""
        entries = self._content["contracts"].values()
        addresses = [parse_address(entry.get("address"), f"{self._path}: address") for entry in entries]
        return bool(addresses) and not any(self._deployer.code_at(address) for address in addresses)

    def forget(self) -> None:
        """Forgets every recorded contract."""
        self._content["contracts"] = {}

    def verified(self, name: str, code: bytes, arguments: bytes) -> Deployed | None:
        """The recorded contract, checked against code and chain; None where none is recorded."""
        entry = self._content["contracts"].get(name)
        if entry is None:
            return None
        if entry.get("creationCodeHash") != hex0x(keccak(code)):
            raise ConfigError(
                f"{self._path}: {name} was deployed from other bytecode or arguments than there are now: {_START_ANEW}"
            )
        address = parse_address(entry.get("address"), f"{self._path}: contracts.{name}.address")
        if not isinstance(entry.get("block"), int):
            raise ConfigError(f"{self._path}: contracts.{name}.block must be a whole number: {_START_ANEW}")
        if hex0x(keccak(self._deployer.code_at(address))) != entry.get("codeHash"):
            raise ConfigError(
                f"{self._path}: the chain does not have {name} at {entry['address']} any more: {_START_ANEW}"
            )
        self.addresses[name] = address
        entry["arguments"] = hex0x(arguments)  # earlier versions did not record them
        return Deployed(address, b"", entry["block"])

    def add(self, name: str, code: bytes, arguments: bytes, made: Deployed) -> None:
        """Records a contract that was created just now."""
        runtime = self._deployer.code_at(made.address)
        self.addresses[name] = made.address
        self._content["contracts"][name] = {
            "address": to_checksum_address(made.address),
            "transaction": hex0x(made.tx_hash),
            "block": made.block,
            "arguments": hex0x(arguments),
            "creationCodeHash": hex0x(keccak(code)),
            "codeHash": hex0x(keccak(runtime)),
        }
        write_json(self._path, self._content)

    @property
    def first_block(self) -> int:
        """Where the contracts' history begins."""
        first: int = min(entry["block"] for entry in self._content["contracts"].values())
        return first

    def address_file(self) -> dict[str, Any]:
        """The content of the address file."""
        shown = ("address", "transaction", "block", "arguments")
        contracts = self._content["contracts"]
        return {
            "chainId": self._content["chainId"],
            "block": self.first_block,
            "settlement": contracts["Settlement"]["address"],
            "registry": contracts["AttestationRegistry"]["address"],
            "contracts": {name: {key: entry[key] for key in shown} for name, entry in contracts.items()},
            "parameters": self._content["parameters"],
        }


_START_ANEW: Final = "restore what it was, or delete the progress file to deploy everything anew"
