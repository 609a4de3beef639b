"""Views of the two contracts over a node's JSON-RPC, and the check that they are there."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, TypeVar

from afterproof.errors import CallReverted, ChainUnavailable, ConfigError, SendFailed, UnknownContracts
from afterproof.protocol.claims import Opening

from . import events
from .abi import MalformedAbi, interface
from .artifacts import artifact
from .base import Call, Deployment
from .endpoint import Observer
from .rpc import Rpc, quantity

LOG_CHUNK: Final = 5_000
"""Blocks asked for at a time: what hosted nodes allow, mostly."""

Choice = TypeVar("Choice", bound=IntEnum)


class EvmCalls:
    """The nodes at ``rpc_url``, known to be on the deployment's chain and to have its contracts.

    One address, or several in order of preference, as :class:`afterproof.chain.rpc.Rpc` takes them; ``observer`` is
    told of every request. ``quorum`` of them must agree on what is read.

    Raises:
        ConfigError: the node is on another chain, or the contracts are not there.
        ChainUnavailable: the node does not answer.
    """

    def __init__(
        self,
        rpc_url: str | Sequence[str],
        deployment: Deployment,
        timeout: float = 10.0,
        log_chunk: int = LOG_CHUNK,
        observer: Observer | None = None,
        quorum: int = 1,
    ) -> None:
        self.deployment = deployment
        self._rpc = Rpc(rpc_url, timeout, deployment.chain_id, observer, quorum=quorum)
        self._decoder = events.Decoder(deployment)
        self._log_chunk = log_chunk
        self._verify()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(chain {self.deployment.chain_id} at {self._rpc.node})"

    def _settlement(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        return self._call(self.deployment.settlement, "Settlement", function, *arguments)

    def _registry(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        return self._call(self.deployment.registry, "AttestationRegistry", function, *arguments)

    def _call(self, contract: bytes, name: str, function: str, *arguments: Any) -> tuple[Any, ...]:
        """What a view answers at the newest block."""
        kind = interface(name).functions[function]
        try:
            return kind.decode(self.ask(Call(contract, 0, kind.encode(*arguments))))
        except MalformedAbi:
            raise ChainUnavailable(f"the node answered a call of {function} with something else") from None
        except SendFailed as error:
            raise ChainUnavailable(f"the node does not answer a call of {function}: {error}") from error

    def ask(self, call: Call, sender: bytes | None = None) -> bytes:
        """What a call would return at the newest block, were it made by ``sender``; empty where no contract is.

        Raises:
            CallReverted: the contract refuses.
            SendFailed, ChainUnavailable: the node does.
        """
        fields = {"to": "0x" + call.to.hex(), "data": "0x" + call.data.hex()}
        if sender is not None:
            fields |= {"from": "0x" + sender.hex(), "value": hex(call.value)}
        return self._rpc.data("eth_call", fields, "latest")

    def base_fee(self) -> int | None:
        """The newest block's base fee in wei; None on a chain without one."""
        head = self._rpc.header("latest")
        if head is None:
            raise ChainUnavailable("the node has no newest block")
        fee = head.get("baseFeePerGas")
        return None if fee is None else quantity(fee, "a block's base fee")

    def check_contracts(self) -> None:
        """Implements :meth:`ChainReader.check_contracts`."""
        meant = self.deployment
        wanted = [(meant.settlement, "Settlement"), (meant.registry, "AttestationRegistry")]
        for address, name in wanted:
            code = self._rpc.data("eth_getCode", "0x" + address.hex(), "latest")
            libraries = artifact(name).linked_in(code)
            if libraries is None:
                raise UnknownContracts(
                    f"the code at 0x{address.hex()} is not the {name} that this version of the program knows: run the "
                    "version that goes with these contracts; nothing is judged meanwhile"
                )
            wanted += [(where, library) for library, where in libraries.items()]

    def _verify(self) -> None:
        meant = self.deployment  # which chain it is, the first request to each node asks
        for field, address in (("settlement", meant.settlement), ("registry", meant.registry)):
            if not self._rpc.data("eth_getCode", "0x" + address.hex(), "latest"):
                raise ConfigError(
                    f"chain.deployment: there is no contract at {field} 0x{address.hex()} on chain {meant.chain_id}: "
                    "deploy first, or use the address file of the contracts on this chain"
                )
        asked = "0x" + interface("Settlement").functions["registry"].selector.hex()
        try:
            registry = self._rpc.data(
                "eth_call", {"to": "0x" + meant.settlement.hex(), "data": asked}, "latest"
            )
        except CallReverted:
            registry = b""
        if registry != meant.registry.rjust(32, b"\0"):
            raise ConfigError(
                f"chain.deployment: settlement 0x{meant.settlement.hex()} does not use registry "
                f"0x{meant.registry.hex()}: use an address file that the deployment wrote"
            )


def split_words(words: bytes, count: int) -> list[bytes]:
    """The ``count`` words of 32 bytes in ``words``."""
    if len(words) != 32 * count:
        raise ValueError(f"{len(words)} bytes are not {count} words")
    return [words[at : at + 32] for at in range(0, len(words), 32)]


def opened(opening: Opening) -> tuple[Any, ...]:
    """An opened promise as the ABI's struct."""
    p = opening.signed.promise
    inclusion = (p.lane, p.first_seq, p.count, p.root, p.include_by, p.beneficiary)
    return inclusion, opening.signed.signature, opening.seq, opening.leaf_hash, list(opening.proof)


def member(kind: type[Choice], value: int) -> Choice:
    """The member of an enumeration that the contract answered with."""
    try:
        return kind(value)
    except ValueError:
        raise ChainUnavailable(
            f"the node answered with {kind.__name__} {value}, which does not exist"
        ) from None
