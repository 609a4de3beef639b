"""Views of the two contracts over a node's JSON-RPC, and the check that they are there."""

from enum import IntEnum
from typing import Any, Final, TypeVar

from afterproof.errors import CallReverted, ChainUnavailable, ConfigError, SendFailed

from . import events
from .abi import MalformedAbi, interface
from .base import Deployment
from .rpc import Rpc

LOG_CHUNK: Final = 5_000
"""Blocks asked for at a time: what hosted nodes allow, mostly."""

Choice = TypeVar("Choice", bound=IntEnum)


class EvmCalls:
    """The node at ``rpc_url``, known to be on the deployment's chain and to have its contracts.

    Raises:
        ConfigError: the node is on another chain, or the contracts are not there.
        ChainUnavailable: the node does not answer.
    """

    def __init__(
        self, rpc_url: str, deployment: Deployment, timeout: float = 10.0, log_chunk: int = LOG_CHUNK
    ) -> None:
        self.deployment = deployment
        self._rpc = Rpc(rpc_url, timeout)
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
        call = {"to": "0x" + contract.hex(), "data": "0x" + kind.encode(*arguments).hex()}
        try:
            return kind.decode(self._rpc.data("eth_call", call, "latest"))
        except MalformedAbi:
            raise ChainUnavailable(f"the node answered a call of {function} with something else") from None
        except SendFailed as error:
            raise ChainUnavailable(f"the node does not answer a call of {function}: {error}") from error

    def _verify(self) -> None:
        here, meant = self._rpc.quantity("eth_chainId"), self.deployment
        if here != meant.chain_id:
            raise ConfigError(
                f"chain.rpc: the node at {self._rpc.node} is on chain {here}, but the deployment's address file is for "
                f"chain {meant.chain_id}: set chain.rpc to a node of that chain, or use this chain's address file"
            )
        for field, address in (("settlement", meant.settlement), ("registry", meant.registry)):
            if not self._rpc.data("eth_getCode", "0x" + address.hex(), "latest"):
                raise ConfigError(
                    f"chain.deployment: there is no contract at {field} 0x{address.hex()} on chain {here}: "
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


def member(kind: type[Choice], value: int) -> Choice:
    """The member of an enumeration that the contract answered with."""
    try:
        return kind(value)
    except ValueError:
        raise ChainUnavailable(
            f"the node answered with {kind.__name__} {value}, which does not exist"
        ) from None
