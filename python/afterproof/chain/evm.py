"""A chain behind a node's JSON-RPC, read only."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, TypeVar

from afterproof.errors import CallReverted, ChainUnavailable, ConfigError, SendFailed
from afterproof.protocol.header import BatchId, Header
from afterproof.protocol.state import Standing, VoidReason
from afterproof.protocol.terms import Terms

from . import events
from .abi import MalformedAbi, interface
from .base import Block, Deployment, LaneState, Logged, NodeState
from .rpc import Rpc

LOG_CHUNK: Final = 5_000
"""Blocks asked for at a time: what hosted nodes allow, mostly."""

_PAGE: Final = 500  # nodes asked for at a time

Choice = TypeVar("Choice", bound=IntEnum)


class EvmReader:
    """Implements :class:`afterproof.chain.base.ChainReader` over the node at ``rpc_url``.

    ``timeout`` is in seconds for each answer, ``log_chunk`` the blocks asked for at a time. Safe for several
    threads. Nothing is remembered but the terms of epochs that have started: those can no longer change. A read that
    the contract itself refuses (the terms of an epoch that was never announced) raises CallReverted.

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
        self._terms: dict[int, Terms] = {}
        self._verify()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(chain {self.deployment.chain_id} at {self._rpc.node})"

    # --- blocks and events ---------------------------------------------------------------------

    def head(self) -> Block:
        """Implements :meth:`ChainReader.head`."""
        block = self._rpc.block("latest")
        if block is None:
            raise ChainUnavailable("the node has no newest block")
        return block

    def block(self, number: int) -> Block | None:
        """Implements :meth:`ChainReader.block`."""
        block = self._rpc.block(number)
        if block is not None and block.number != number:
            raise ChainUnavailable(f"the node answered with block {block.number} when asked for {number}")
        return block

    def events(self, first: int, last: int) -> list[Logged]:
        """Implements :meth:`ChainReader.events`."""
        return events.fetch(self._rpc, self._decoder, self.deployment, first, last, self._log_chunk)

    # --- settlement ----------------------------------------------------------------------------

    def lane(self, lane: int) -> LaneState | None:
        """Implements :meth:`ChainReader.lane`."""
        (fields,) = self._settlement("lane", lane)
        state = LaneState(*fields)
        return state if any(state.owner) else None

    def lane_count(self) -> int:
        """Implements :meth:`ChainReader.lane_count`."""
        return int(self._settlement("laneCount")[0])

    def required_stake(self, lane: int, count: int) -> int:
        """Implements :meth:`ChainReader.required_stake`."""
        return int(self._settlement("requiredStake", lane, count)[0])

    def current_epoch(self) -> int:
        """Implements :meth:`ChainReader.current_epoch`."""
        return int(self._settlement("currentEpoch")[0])

    def terms(self, epoch: int) -> Terms:
        """Implements :meth:`ChainReader.terms`."""
        if epoch not in self._terms:
            fields, starts_at = self._settlement("termsOf", epoch)
            if starts_at > self.head().timestamp:
                return Terms(*fields)
            self._terms[epoch] = Terms(*fields)
        return self._terms[epoch]

    def batch(self, batch: BatchId) -> tuple[bytes, Header] | None:
        """Implements :meth:`ChainReader.batch`."""
        root, header = self._settlement("batch", batch)
        return (root, Header.unpack(header)) if header else None

    def standing(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> Standing:
        """Implements :meth:`ChainReader.standing`."""
        (answer,) = self._settlement("standing", batch, index, split_words(words, 7), list(proof))
        return _member(Standing, answer)

    def why_void(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> VoidReason:
        """Implements :meth:`ChainReader.why_void`."""
        (answer,) = self._settlement("whyVoid", batch, index, split_words(words, 7), list(proof))
        return _member(VoidReason, answer)

    def credits(self, account: bytes) -> int:
        """Implements :meth:`ChainReader.credits`."""
        return int(self._settlement("credits", account)[0])

    def balance(self, account: bytes) -> int:
        """Implements :meth:`ChainReader.balance`."""
        return self._rpc.quantity("eth_getBalance", "0x" + account.hex(), "latest")

    # --- registry ------------------------------------------------------------------------------

    def node(self, node: bytes) -> NodeState | None:
        """Implements :meth:`ChainReader.node`."""
        (fields,) = self._registry("nodeState", node)
        state = NodeState(*fields)
        return state if state.starts_at else None

    def nodes(self) -> list[bytes]:
        """Implements :meth:`ChainReader.nodes`."""
        found: list[bytes] = []
        while True:
            (page,) = self._registry("nodes", len(found), _PAGE)
            found += page
            if len(page) < _PAGE:
                return found

    def was_live(self, node: bytes, at: int, known_by: int) -> bool:
        """Implements :meth:`ChainReader.was_live`."""
        return bool(self._registry("wasLive", node, at, known_by)[0])

    # --- calls ---------------------------------------------------------------------------------

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


def _member(kind: type[Choice], value: int) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise ChainUnavailable(
            f"the node answered with {kind.__name__} {value}, which does not exist"
        ) from None
